//! Files, and the program that reports of them.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder of files.
pub(crate) struct Ground(TempDir);

/// What a run of the program left.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) told: String,
}

impl Ran {
    /// What it wrote, as data.
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {}{}", self.out, self.told))
    }
}

impl Ground {
    pub(crate) fn new() -> Self {
        Ground(tempfile::tempdir().expect("a folder"))
    }

    /// Writes a file.
    pub(crate) fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.path(name), content).expect("a file");
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program in this folder.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_graylane"));
        // Colours are for the output alone to decide, not for the terminal that runs the tests.
        for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            program.env_remove(variable);
        }
        program.arg("report").args(arguments).current_dir(self.0.path());
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        program
    }

    /// Runs the program with something on its standard input.
    pub(crate) fn run_on(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut running = self.program(arguments).spawn().expect("it starts");
        // One that refuses its arguments does not read.
        let _ = running.stdin.take().expect("it has an input").write_all(input);
        let Output { status, stdout, stderr } = running.wait_with_output().expect("it ends");
        let text = |bytes| String::from_utf8(bytes).expect("it writes text");
        Ran { code: status.code(), out: text(stdout), told: text(stderr) }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_on(arguments, b"")
    }

    /// Reports of the files `e` and `c` as data.
    pub(crate) fn report(&self, arguments: &[&str]) -> Value {
        let files = ["--exposures", "e", "--conversions", "c", "-o", "json"];
        self.run(&[&files, arguments].concat()).report()
    }
}

/// Exposures as rows of CSV: group, id and time of each.
pub(crate) fn exposures(rows: impl IntoIterator<Item = (&'static str, usize, usize)>) -> String {
    let rows = rows.into_iter().map(|(group, id, time)| format!("button,{group},{id},{time}\n"));
    format!("experiment,group,id,time\n{}", rows.collect::<String>())
}

/// Conversions as rows of CSV: id and time of each.
pub(crate) fn conversions(rows: impl IntoIterator<Item = (usize, usize)>) -> String {
    let rows = rows.into_iter().map(|(id, time)| format!("{id},{time},buy\n"));
    format!("id,time,event\n{}", rows.collect::<String>())
}

/// So many users for each of two groups, of whom so many convert: exposures, and conversions.
pub(crate) fn two_groups([a, b]: [(usize, usize); 2]) -> (String, String) {
    let group = |user: usize| if user < a.0 { "A" } else { "B" };
    let exposed = (0..a.0 + b.0).map(|user| (group(user), user, user));
    let converted = (0..a.1).chain(a.0..a.0 + b.1).map(|user| (user, user + 10));
    (exposures(exposed), conversions(converted))
}

/// Users and conversions of each group for the first goal of an experiment.
pub(crate) fn counts(experiment: &Value) -> Vec<(String, u64, u64)> {
    let rates = experiment["goals"][0]["rates"].as_array().expect("rates");
    let number = |value: &Value| value.as_u64().expect("a number");
    let count = |rate: &Value| {
        (
            rate["group"].as_str().expect("text").to_owned(),
            number(&rate["users"]),
            number(&rate["conversions"]),
        )
    };
    rates.iter().map(count).collect()
}
