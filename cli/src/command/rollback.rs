//! `graylane rollback`: a document has the content again that it had before.

use anyhow::{Context, Result, bail};
use clap::Args;
use graylane_cli::published::{Piece, again};
use graylane_document::Key;

use super::publishing::{Publishing, Tried, Wanted};
use crate::{Outcome, input};

const HELP: &str = "\
Versions only grow, so a rollback is a new document with an older content: its returnsTo says which version's. Without --to that is the
last one before what is live that says something else; after a rollback, the one before the version that was returned to. So one
rollback after the other goes further back.

It is checked, shown, asked for and written as by graylane publish. What graylane check --against would refuse is a warning: what was
live before is to be as it was. A dial of the release stays as it is; it has versions of its own: graylane rollback dials/NAME.

Exit codes: 0 it is live; 1 it has mistakes in what is live now; 2 it could not be carried out, or somebody said no.

Examples:
  graylane rollback releases/shop --etcd http://127.0.0.1:2379 --key team-a.pem --id team-a --author \"$USER\" --note 'errors in v2'
  graylane rollback dials/shop --to 7 --etcd http://127.0.0.1:2379 --key controller.hex --id controller --yes";

/// Publish what a document said before
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The key below the prefix: settings, releases/NAME or dials/NAME
    #[arg(value_name = "KEY", value_parser = check_key)]
    of: String,
    /// The version whose content it has again
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    to: Option<u64>,
    #[command(flatten)]
    publishing: Publishing,
}

pub(super) fn check_key(text: &str) -> Result<String, String> {
    Key::parse(text).map(|_| text.to_owned()).ok_or_else(|| Key::EXPECTED.to_owned())
}

/// Publishes what a document said before.
pub(crate) fn rollback(options: &Options) -> Result<Outcome> {
    let Options { of: key, to, publishing } = options;
    input::is_read_once(publishing.files())?;
    if !publishing.keeps() {
        bail!("a rollback needs the documents of before; leave out --no-history");
    }
    publishing.run(Wanted::Rollback, async |tried: &Tried<'_>| {
        let past = tried.past(key).await?;
        let live = tried.held.document(key);
        let to = if let Some(to) = to {
            *to
        } else {
            let live = live.with_context(|| {
                format!("no document is live below {key}; --to says which version is wanted")
            })?;
            past.before(&live).with_context(|| {
                format!("no version before is known; graylane history {key} says which there are")
            })?
        };
        let value = past.value(to).with_context(|| {
            let known: Vec<String> = past.iter().map(|(version, _)| version.to_string()).collect();
            format!("version {to} of {key} is not kept; there are: {}", known.join(", "))
        })?;
        // Whoever may write beside the prefix need not be one who may sign.
        graylane_document::open(key, value, tried.keyring)
            .with_context(|| format!("version {to} of {key} is refused"))?;
        let (json, _) = again(value).context("it is no document")?;
        let piece = Piece::document(&json, Some(to))?;
        if tried.is_live(&piece, key)? {
            return Ok(Some(Vec::new()));
        }
        Ok(Some(vec![(tried.drafter().draft(&piece, key, &past)?, past.clone())]))
    })
}
