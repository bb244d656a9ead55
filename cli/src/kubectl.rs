//! `kubectl`, as its users have it: with their contexts, and their ways to sign in.

use std::env;
use std::ffi::OsString;
use std::io::{ErrorKind, Write};
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
        self.told.contains("(Conflict)") || self.told.contains("conflicts with")
    }
}

/// Runs it to its end: the program of the variable `KUBECTL`, or of that name. It is given a text to read.
///
/// # Errors
/// When there is none, or it cannot be run.
pub fn run(arguments: &[&str], text: &str, out: Stdio) -> Result<Ended> {
    let program = env::var_os("KUBECTL").unwrap_or_else(|| OsString::from("kubectl"));
    let mut command = Command::new(&program);
    command.args(arguments).stdin(Stdio::piped()).stdout(out).stderr(Stdio::piped());
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
