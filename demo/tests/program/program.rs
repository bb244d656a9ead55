//! The program as a person starts it: its output line by line, its processes, its end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use procfs::process::{Process, all_processes};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long anything here may take.
const LIMIT: Duration = Duration::from_mins(1);

/// A running `graylane-demo`; it is killed with this value.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
    folder: TempDir,
    pub(crate) said: Vec<String>,
}

impl Program {
    /// Starts it with these arguments; what it makes in the folder for temporary files is in one of its own.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with(args, &[])
    }

    /// The same, with these variables.
    pub(crate) fn start_with(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_graylane-demo"));
        command.args(args).env("TMPDIR", folder.path());
        command.envs(variables.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (tell, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let mut stderr = child.stderr.take().unwrap();
        let errors = spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        Self { child, lines, errors: Some(errors), folder, said: Vec::new() }
    }

    /// Reads lines until one holds this text, and gives it.
    pub(crate) fn until(&mut self, text: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line =
                line.unwrap_or_else(|_| panic!("it never said {text:?}, but:\n{}", self.said.join("\n")));
            self.said.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The processes that it has started, with their command lines.
    pub(crate) fn children(&self) -> Vec<(i32, String)> {
        let parent = i32::try_from(self.child.id()).unwrap();
        let all = all_processes().unwrap().filter_map(Result::ok);
        all.filter(|process| process.stat().is_ok_and(|stat| stat.ppid == parent))
            .map(|process| (process.pid, process.cmdline().unwrap_or_default().join(" ")))
            .collect()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end: how it ended, and what it wrote to standard error.
    pub(crate) fn end(&mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end; it said:\n{}", self.said.join("\n"));
            std::thread::sleep(Duration::from_millis(5));
        };
        self.said.extend(self.lines.iter());
        (status, self.errors.take().unwrap().join().unwrap())
    }

    /// Everything it said, up to its end.
    pub(crate) fn output(&self) -> String {
        self.said.join("\n")
    }

    /// What is left of its temporary files.
    pub(crate) fn litter(&self) -> Vec<std::ffi::OsString> {
        self.folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already, in a test that went well.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Kills a process.
pub(crate) fn kill(id: i32) {
    kill_process(Pid::from_raw(id).unwrap(), Signal::KILL).unwrap();
}

/// Waits until none of the processes is there any more.
pub(crate) fn assert_gone(processes: &[(i32, String)]) {
    let there =
        |id: i32| Process::new(id).and_then(|process| process.stat()).is_ok_and(|stat| stat.state != 'Z');
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Some(left) = processes.iter().find(|(id, _)| there(*id)) {
        assert!(Instant::now() < deadline, "still there: {left:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
