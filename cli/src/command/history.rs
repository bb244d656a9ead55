//! `graylane history`: the versions of documents.

use std::fmt::Write;

use anyhow::{Context, Result};
use clap::Args;
use graylane_cli::published::{Held, Past, Story};
use graylane_cli::words::shown;
use std::path::PathBuf;

use super::etcd::{Etcd, block_on};
use super::keyring;
use super::rollback::check_key;
use crate::{
    Outcome, input,
    output::{self, Output},
};

const HELP: &str = "\
The documents that graylane publish and graylane rollback have written, twenty versions of each key, the last one first; and what is live,
whoever wrote it. Without KEY all keys are told that are live. A version that was not written by these commands, and is not live any
more, is not known.

Exit codes: 0 done; 1 the signers have mistakes; 2 it could not be carried out.

Examples:
  graylane history releases/shop --etcd http://127.0.0.1:2379 --signers signers.yaml
  graylane history --etcd http://127.0.0.1:2379 -o json | jq '.[] | {key, versions: [.versions[].version]}'";

/// List the versions of documents: when, who, what for
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// A key below the prefix: settings, releases/NAME or dials/NAME; without it all that are live
    #[arg(value_name = "KEY", value_parser = check_key)]
    of: Option<String>,
    /// Who is believed (YAML or JSON); without it no signature is verified
    #[arg(long, value_name = "FILE")]
    signers: Option<PathBuf>,
    /// The form of what is written to standard output
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    output: Output,
    #[command(flatten)]
    etcd: Etcd,
}

/// Lists versions.
pub(crate) fn history(options: &Options) -> Result<Outcome> {
    let Options { of, signers, etcd, .. } = options;
    input::is_read_once(signers.iter().map(PathBuf::as_path))?;
    let keyring = match keyring(signers.as_deref())? {
        Ok(keyring) => keyring,
        Err(outcome) => return Ok(outcome),
    };
    let stories = block_on(async {
        let client = etcd.client().await?;
        let held = Held::read(&client, &etcd.prefix).await?;
        let keys = of.iter().cloned().chain(held.values.keys().filter(|_| of.is_none()).cloned());
        let mut stories = Vec::new();
        for key in keys {
            let past = Past::read(&client, &etcd.prefix, &key).await?;
            stories.push(Story::of(&key, &held, past, keyring.as_ref()));
        }
        Ok(stories)
    })?;
    match options.output {
        Output::Table => {
            let mut out = String::new();
            for story in &stories {
                if story.versions.is_empty() {
                    // Writing to text cannot fail.
                    let _ = writeln!(out, "{}: no version is known", shown(&story.key));
                } else {
                    out.push_str(&story.text());
                }
            }
            output::write_coloured(&out)?;
        }
        Output::Json => output::write(&format!("{}\n", serde_json::to_string_pretty(&stories)?))?,
        Output::Yaml => {
            output::write(&serde_saphyr::to_string(&stories).context("the versions as YAML")?)?;
        }
    }
    Ok(Outcome::Good)
}
