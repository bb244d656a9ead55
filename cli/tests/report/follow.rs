//! Files as they grow.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::ground::{Ground, conversions, counts, exposures};

/// The program while it follows.
struct Running {
    child: Child,
    input: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(ground: &Ground, arguments: &[&str]) -> Self {
        let mut child =
            ground.program(&[&["--follow", "-o", "json"], arguments].concat()).spawn().expect("it starts");
        let input = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().expect("it has an output"));
        Running { child, input, lines }
    }

    /// The next report.
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("text");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no line of JSON: {line:?}"))
    }

    /// Waits for a report with so many exposures and conversions.
    fn until(&mut self, exposures: u64, conversions: u64) -> Value {
        loop {
            let report = self.next();
            let rows = &report["rows"];
            if (rows["exposures"].as_u64(), rows["conversions"].as_u64())
                == (Some(exposures), Some(conversions))
            {
                return report;
            }
        }
    }

    /// Stops it as Ctrl-C does; the code with which it ends.
    fn stop(mut self) -> Option<i32> {
        let id = i32::try_from(self.child.id()).expect("an id");
        kill_process(Pid::from_raw(id).expect("an id"), Signal::INT).expect("it runs");
        self.child.wait().expect("it ends").code()
    }
}

fn append(ground: &Ground, name: &str, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(ground.path(name)).expect("a file");
    file.write_all(text.as_bytes()).expect("it is written");
}

#[test]
fn what_comes_is_reported_and_a_file_may_be_rotated() {
    let ground = Ground::new().with("e", exposures([("A", 1, 1)])).with("c", conversions([]));
    let mut running = Running::start(&ground, &["--exposures", "e", "--conversions", "c"]);
    running.until(1, 0);
    append(&ground, "c", "1,5,buy\n");
    running.until(1, 1);
    // A line comes in two pieces, and a file is moved away with a line that has no end yet.
    append(&ground, "e", "button,B,2,");
    append(&ground, "e", "1\nbutton,B,3,1");
    running.until(2, 1);
    fs::rename(ground.path("e"), ground.path("e.1")).expect("it is moved");
    append(&ground, "e", &exposures([("A", 4, 1)]));
    let report = running.until(4, 1);
    let expected = [("A".to_owned(), 2, 1), ("B".to_owned(), 2, 0)];
    assert_eq!(counts(&report["experiments"][0]), expected);
    // Or emptied, and begun anew.
    fs::write(ground.path("e"), "").expect("it is emptied");
    append(&ground, "c", "2,9,buy\n");
    running.until(4, 2);
    append(&ground, "e", &exposures([("B", 5, 1)]));
    let report = running.until(5, 2);
    assert_eq!(report["rows"]["malformed"], 0);
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn what_comes_through_a_pipe_is_followed_until_it_ends() {
    let ground = Ground::new().with("c", "id\nu1\n");
    let mut running = Running::start(&ground, &["--exposures", "-", "--conversions", "c"]);
    running.until(0, 1);
    let mut input = running.input.take().expect("it has an input");
    input.write_all(b"x \"button;group=A;rev=1;reason=split;id=u1\"\n").expect("it reads");
    let report = running.until(1, 1);
    assert_eq!(counts(&report["experiments"][0]), [("A".to_owned(), 1, 1)]);
    input.write_all(b"x \"button;group=B;rev=1;reason=split;id=u2\"").expect("it reads");
    drop(input);
    running.until(2, 1);
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn an_alarm_at_the_end_is_told_by_the_code() {
    let ground =
        Ground::new().with("e", exposures((0..100).map(|user| ("A", user, 1)))).with("c", conversions([]));
    let mut running =
        Running::start(&ground, &["--exposures", "e", "--conversions", "c", "--shares", "A=50,B=50"]);
    running.until(100, 0);
    assert_eq!(running.stop(), Some(1));
}

#[test]
fn files_that_are_not_there_are_told_at_once() {
    let ran = Ground::new().run(&["--follow", "--exposures", "e", "--conversions", "c"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.told.contains("cannot read e: ") && ran.told.contains("cannot read c: "), "{}", ran.told);
}
