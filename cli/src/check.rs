//! `graylane check`: every mistake of a policy, each on a line of its own.

use std::path::{Path, PathBuf};

use anyhow::Result;
use graylane::error::PolicyErrors;
use graylane_cli::document;
use serde_json::Value;

use crate::input;

/// Checks files; whether all are good.
pub(crate) fn check(files: &[PathBuf]) -> Result<bool> {
    let mut good = true;
    for file in files {
        match document::read(&input::read(file)?) {
            Ok(policy) => {
                let releases = policy.get("releases").and_then(Value::as_array).map_or(0, Vec::len);
                println!("{}: good, {}", input::name(file), counted(releases, "release"));
            }
            Err(errors) => {
                report(file, &errors);
                good = false;
            }
        }
    }
    Ok(good)
}

/// Writes the mistakes of a file to standard error.
pub(crate) fn report(file: &Path, errors: &PolicyErrors) {
    let name = input::name(file);
    for error in errors {
        eprintln!("{name}: {error}");
    }
    eprintln!("{name}: {}", counted(errors.len(), "mistake"));
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
