//! Where results and messages go.

use std::io::{ErrorKind, Result, Write};

use anyhow::Context;

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
