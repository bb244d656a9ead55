//! `graylane fmt`: one form for policy files.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use graylane_cli::document::{Fault, Form};
use graylane_cli::format::format;
use graylane_cli::place::{Existing, place};

use crate::{Outcome, input, output};

const HELP: &str = "\
YAML gets two spaces, lines of 110 characters where that can be, and double quotes where quotes are needed. Comments,
the order of keys, blank lines between parts, and the choice between {a: b} and lines of their own stay as they are.
JSON, which is what ends in .json, is written one value a line. What a file says never changes: it is read back and
compared before it is written. A formatted file is the same when it is formatted again.

Exit codes: 0 done; 1 with --check, a file would change; 2 a file could not be read or written, or is not YAML or JSON.

Examples:
  graylane fmt policies/*.yaml
  graylane fmt --check policies/*.yaml     in CI: lists the files that would change
  graylane fmt - < policy.yaml             writes to standard output";

/// Give policy files one form; comments stay
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The files, which are written anew where they change; - is from standard input to standard output
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write nothing but the names of the files that would change
    #[arg(long)]
    check: bool,
}

/// Formats files, all of them, whatever becomes of one.
pub(crate) fn fmt(options: &Options) -> Outcome {
    let mut outcome = Outcome::Good;
    for path in &options.files {
        match one(path, options.check) {
            Ok(Outcome::Bad) if outcome == Outcome::Good => outcome = Outcome::Bad,
            Ok(_) => {}
            Err(fault) => {
                output::tell_fault(&fault);
                outcome = Outcome::Undone;
            }
        }
    }
    outcome
}

fn one(path: &Path, is_check: bool) -> Result<Outcome> {
    let text = input::read(path)?;
    let name = input::name(path);
    let formatted = format(&text, form(path, &text)).map_err(|fault| {
        let Fault { message, position } = fault;
        anyhow::anyhow!("{name}:{}:{}: {message}", position.line, position.column)
    })?;
    let is_changed = formatted != text;
    if is_check {
        if is_changed {
            output::write(&format!("{name}\n"))?;
            return Ok(Outcome::Bad);
        }
    } else if input::is_standard(path) {
        output::write(&formatted)?;
    } else if is_changed {
        place(path, &formatted, Existing::Replaced, None)?;
        output::write(&format!("{name}\n"))?;
    }
    Ok(Outcome::Good)
}

/// What has no name is JSON where it is such.
fn form(path: &Path, text: &str) -> Form {
    let is_json = || serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if input::is_standard(path) && text.trim_start().starts_with(['{', '[']) && is_json() {
        Form::Json
    } else {
        Form::of(path)
    }
}
