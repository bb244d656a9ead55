//! `kubectl`, as its users have it: with their contexts, and their ways to sign in.

use std::env;
use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

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
        let is_logged = |line: &&str| {
            line.starts_with(['E', 'F', 'I', 'W'])
                && line.get(1..5).is_some_and(|day| day.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let lines: Vec<&str> =
            self.told.lines().filter(|line| !is_logged(line) && !line.trim().is_empty()).collect();
        if lines.is_empty() { self.status.to_string() } else { lines.join("\n") }
    }
}

/// Runs it to its end: the program of the variable `KUBECTL`, or of that name. It is given a text to read. A Ctrl-C in the terminal is
/// for whoever runs it, not for it.
///
/// # Errors
/// When there is none, or it cannot be run.
pub fn run(arguments: &[&str], text: &str, out: Stdio) -> Result<Ended> {
    let program = env::var_os("KUBECTL").unwrap_or_else(|| OsString::from("kubectl"));
    let mut command = Command::new(&program);
    command.args(arguments).stdin(Stdio::piped()).stdout(out).stderr(Stdio::piped()).process_group(0);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(fault) if fault.kind() == ErrorKind::NotFound => {
            bail!("there is no {}; name kubectl in the variable KUBECTL", program.display())
        }
        Err(fault) => return Err(fault).with_context(|| format!("cannot run {}", program.display())),
    };
    let stdin = child.stdin.take();
    let ended = thread::scope(|scope| {
        // It may write before it has read all. Whatever keeps it from reading, it tells itself.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(text.as_bytes())));
        child.wait_with_output()
    });
    let ended = ended.with_context(|| format!("cannot wait for {}", program.display()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ended { status: ended.status, out: text(&ended.stdout), told: text(&ended.stderr) })
}
