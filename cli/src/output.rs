//! Where results and messages go.

use std::io::{ErrorKind, Result, Write};

use anyhow::Context;
use clap::ValueEnum;
use graylane::compile::size_advice;
use graylane_cli::words::shown;
use serde_json::Value;

/// The form of a result.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Output {
    /// For people
    #[value(alias = "text")]
    Table,
    /// For programs
    Json,
    /// For programs, too
    Yaml,
}

/// Writes a result as it is.
pub(crate) fn write(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    listened(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes a result with its colours, which are left out where the output is no terminal or `NO_COLOR` is set.
pub(crate) fn write_coloured(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    listened(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// A reader that has seen enough (`| head`) is no fault.
fn listened(written: Result<()>) -> anyhow::Result<()> {
    match written {
        Err(fault) if fault.kind() != ErrorKind::BrokenPipe => Err(fault).context("cannot write the result"),
        _ => Ok(()),
    }
}

/// Writes a message for people to standard error. There is nobody to tell when that fails.
pub(crate) fn tell(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Tells what to do about the configuration of a plugin, or the policy of one, that is large; `name` is where it stands.
pub(crate) fn tell_size(name: &str, what: &Value) {
    if let Some(advice) = size_advice(what.to_string().len()) {
        tell(&format!("warning: {}: {advice}\n", shown(name)));
    }
}

/// Tells what could not be carried out. File names and values come from others, so nothing in it may steer a terminal.
pub(crate) fn tell_fault(fault: &anyhow::Error) {
    let lines: Vec<String> = format!("{fault:#}").lines().map(shown).collect();
    tell(&format!("graylane: {}\n", lines.join("\n")));
}
