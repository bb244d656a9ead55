//! `kubectl`, as its users have it: with their contexts, and their ways to sign in.

use std::env;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use rustix::process::{Pid, Signal, kill_process_group};

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// With which code.
    pub status: ExitStatus,
    /// What it wrote to standard output, unless that went elsewhere.
    pub out: String,
    /// What it wrote to standard error.
    pub told: String,
}

impl Ended {
    /// Whether it found that fields are somebody else's.
    pub fn is_conflict(&self) -> bool {
        ["(Conflict)", "conflicts with", "Apply failed with"].iter().any(|words| self.told.contains(words))
    }

    /// What it says of its end, without the lines of its own log, which have times in them.
    pub fn why(&self) -> String {
        let is_logged = |line: &str| {
            let day = line.strip_prefix(['E', 'F', 'I', 'W']).and_then(|rest| rest.get(..4));
            day.is_some_and(|day| day.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let lines = self.told.lines().filter(|line| !line.trim().is_empty() && !is_logged(line));
        let lines: Vec<&str> = lines.collect();
        if lines.is_empty() { self.status.to_string() } else { lines.join("\n") }
    }
}

/// Runs it to its end: the program of the variable `KUBECTL`, or of that name. It is given a text to read. A Ctrl-C in the terminal is
/// for whoever runs it, not for it. After a limit it is ended, and what it has started to sign in.
///
/// # Errors
/// When there is none, or it cannot be run.
pub fn run(arguments: &[&str], text: &str, out: Stdio, limit: Option<Duration>) -> Result<Ended> {
    let program = env::var_os("KUBECTL").unwrap_or_else(|| OsString::from("kubectl"));
    let mut command = Command::new(&program);
    command.args(arguments).stdout(out);
    complete(command, text, limit).map_err(|fault| match fault.kind() {
        ErrorKind::NotFound => {
            anyhow!("there is no {}; name kubectl in the variable KUBECTL", program.display())
        }
        _ => anyhow!(fault).context(format!("cannot run {}", program.display())),
    })
}

fn complete(mut command: Command, text: &str, limit: Option<Duration>) -> io::Result<Ended> {
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn()?;
    let (group, stdin) = (Pid::from_child(&child), child.stdin.take());
    let (ends, end) = mpsc::channel::<()>();
    let ended = thread::scope(|scope| {
        if let Some(limit) = limit {
            scope.spawn(move || {
                if end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                    // It may have ended in this moment.
                    let _gone = kill_process_group(group, Signal::KILL);
                }
            });
        }
        // It may write before it has read all. Whatever keeps it from reading, it tells itself.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(text.as_bytes())));
        let ended = child.wait_with_output();
        drop(ends);
        ended
    })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ended { status: ended.status, out: text(&ended.stdout), told: text(&ended.stderr) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, text: &str, limit: Option<Duration>) -> Ended {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        complete(command, text, limit).unwrap()
    }

    #[test]
    fn what_is_read_and_written_is_as_large_as_it_likes() {
        let text = "a".repeat(1 << 20);
        let ended = shell("cat", &text, None);
        assert!(ended.status.success() && ended.out == text);
        assert!(shell("exit 0", &text, None).status.success(), "it need not read");
    }

    #[test]
    fn it_is_ended_after_its_limit_with_what_it_has_started() {
        let ended = shell("sleep 1000 & wait", "", Some(Duration::from_millis(20)));
        assert!(!ended.status.success());
        assert!(ended.why().contains("signal: 9"), "{}", ended.why());
    }

    #[test]
    fn of_what_it_tells_its_own_log_is_left_out() {
        let told = "E1127 06:36:44.772815    4362 memcache.go:265] \"Unhandled Error\"\n\nEarly words\n";
        let ended = Ended { told: told.to_owned(), ..shell("exit 1", "", None) };
        assert_eq!(ended.why(), "Early words");
    }
}
