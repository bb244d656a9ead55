//! The commands, one file each: its options, and what it does.

pub(crate) mod check;
pub(crate) mod completion;
mod etcd;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod keygen;
pub(crate) mod parity;
pub(crate) mod publish;
mod publishing;
pub(crate) mod render;
pub(crate) mod report;
mod request;
pub(crate) mod rollback;
pub(crate) mod schema;
pub(crate) mod sign;
pub(crate) mod simulate;
pub(crate) mod status;
pub(crate) mod sync;
pub(crate) mod verify;

use std::path::Path;

use anyhow::{Result, bail};
use graylane_cli::document::Form;
use graylane_cli::signers;
use graylane_document::Keyring;

use crate::{Outcome, input, output};

/// Reads a file of signers, if one is named; or how the command ends where it has mistakes, which are told then.
fn keyring(path: Option<&Path>) -> Result<Result<Option<Keyring>, Outcome>> {
    let Some(path) = path else { return Ok(Ok(None)) };
    let name = input::name(path);
    match signers::read(&input::read(path)?, Form::of(path), &name) {
        Ok(keyring) if keyring.is_empty() => bail!("there is nobody in {name}"),
        Ok(keyring) => Ok(Ok(Some(keyring))),
        Err(mistakes) => {
            output::tell(&mistakes);
            Ok(Err(Outcome::Bad))
        }
    }
}
