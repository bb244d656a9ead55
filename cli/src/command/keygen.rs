//! `graylane keygen`: a key to sign documents with.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use graylane_cli::place::{Existing, place};
use graylane_document::Secret;
use graylane_document::secret::Algorithm;
use serde_json::json;

use super::sign::{check_id, secret};
use crate::{Outcome, input, output};

const HELP: &str = "\
The secret goes to a file that its owner alone may read (mode 600): an Ed25519 key as PEM (PKCS#8, which openssl reads and writes),
or with --hmac hexadecimal digits. Standard output gets the entry for whoever verifies, a piece of YAML that can be put behind
others. Of an Ed25519 key that is the public key. Of --hmac it is the secret itself: whoever verifies can sign as well.

To let a key sign dials alone, add `signs: [dial]` to its entry; the kinds are release, dial and settings.

Exit codes: 0 it is written; 2 it could not be: a file is there already, or a value is not as it should be.

Examples:
  graylane keygen --id team-a -o team-a.pem >> signers.yaml
  graylane keygen --id controller --hmac -o controller.hex >> signers.yaml
  openssl genpkey -algorithm ed25519 -out team-b.pem && graylane keygen --id team-b --from team-b.pem >> signers.yaml";

/// Make a key to sign documents with, and its entry for whoever verifies
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// What the key is called in envelopes and in configuration
    #[arg(long, value_name = "NAME", value_parser = check_id)]
    id: String,
    /// A shared secret for HMAC-SHA256 in place of an Ed25519 key
    #[arg(long)]
    hmac: bool,
    /// Write the secret to this file; without it to NAME.pem or NAME.hex
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if there is one
    #[arg(long)]
    force: bool,
    /// Make no key: print the entry of the one in this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["hmac", "output", "force"])]
    from: Option<PathBuf>,
}

/// Makes a key.
pub(crate) fn keygen(options: &Options) -> Result<Outcome> {
    let secret = match &options.from {
        Some(path) => secret(path)?,
        None => made(options)?,
    };
    let entry = json!({ options.id.as_str(): secret.signer() });
    output::write(&serde_saphyr::to_string(&entry).context("the entry as YAML")?)?;
    Ok(Outcome::Good)
}

fn made(options: &Options) -> Result<Secret> {
    let (algorithm, ending) =
        if options.hmac { (Algorithm::HmacSha256, "hex") } else { (Algorithm::Ed25519, "pem") };
    let path = match &options.output {
        Some(path) if input::is_standard(path) => bail!("a secret goes to a file, not to standard output"),
        Some(path) => path.clone(),
        None => file_of(&options.id, ending)?,
    };
    let secret = Secret::generate(algorithm).context("no randomness")?;
    let existing = if options.force { Existing::Replaced } else { Existing::Kept };
    place(&path, &secret.to_text(), existing, Some(0o600))?;
    output::tell(&format!("graylane: the secret is in {}\n", path.display()));
    Ok(secret)
}

/// The file that a key is put into by its name.
fn file_of(id: &str, ending: &str) -> Result<PathBuf> {
    let name = format!("{id}.{ending}");
    if Path::new(&name).file_name().is_none_or(|file| file != name.as_str()) || id.starts_with('.') {
        bail!("{id} is no name of a file; say one with -o");
    }
    Ok(PathBuf::from(name))
}
