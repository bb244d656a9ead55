//! `graylane publish`: documents into etcd.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use graylane_cli::published::{Draft, Drafter, Given, Held, Past, Piece, Text, again, given};
use graylane_cli::words::{counted, shown};

use super::publishing::{Publishing, Tried, Wanted};
use crate::{Outcome, input, output};

const HELP: &str = "\
FILE holds a release, a dial, settings, or a document of one of them, as for graylane sign; a whole policy, which becomes a document of
its settings and one of each of its releases; or a signed envelope, which is written as it is. What a FILE does not hold stays as it is.

What is live below the prefix is read first, in one revision, and the whole is checked as it would be then: by the engine, and by
the code with which the watch in Envoy takes documents over. Shown are the differences and who would move, as graylane check --against
shows it, and what that refuses is refused here: raise the release's revision if it is meant. Then it asks, unless --yes; and writes all
in one transaction. If somebody else has written one of these keys, the settings, the dial of a release or the release of a dial in the
meantime, nothing is written.

The version is the next one after all that are known; what is live already, as it is, is not written again. Each document is kept below
a prefix beside this one, /policies-history/ for /policies/, twenty versions of it: for graylane history and graylane rollback.

After etcd was restored from an older backup, proxies keep what they had and refuse what is older. --reassert writes everything that is
live again, or these FILEs, with versions that are far above: a million.

Exit codes: 0 it is live; 1 it has mistakes, or a change is not meant; 2 it could not be carried out, or somebody said no; 3 it is
written again but for what is refused.

Examples:
  graylane publish shop.yaml --etcd http://127.0.0.1:2379 --key team-a.pem --id team-a --author \"$USER\" --note 'first users'
  echo '{release: shop, percent: {v2: 10}}' | graylane publish - --etcd http://127.0.0.1:2379 --key controller.hex --id controller --yes
  graylane publish policy.yaml --etcd https://etcd-0:2379,https://etcd-1:2379 --cacert ca.pem --cert me.pem --key-file me.key
  graylane publish --reassert --etcd http://127.0.0.1:2379 --key platform.pem --id platform --signers signers.yaml";

/// Check documents against what is live in etcd, and write them there
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// What is published (YAML or JSON); - is standard input
    #[arg(required_unless_present = "reassert", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The version; without it the next one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    version: Option<u64>,
    /// Write what is live, or the FILEs though they are live, with versions far above: heals proxies after etcd was restored
    #[arg(long, conflicts_with = "version")]
    reassert: bool,
    #[command(flatten)]
    publishing: Publishing,
}

/// Publishes documents.
pub(crate) fn publish(options: &Options) -> Result<Outcome> {
    let publishing = &options.publishing;
    input::is_read_once(options.files.iter().map(PathBuf::as_path).chain(publishing.files()))?;
    if options.reassert && options.files.is_empty() && publishing.signs() && !publishing.verifies() {
        bail!("--reassert signs whatever is live: say by --signers who has to have signed that");
    }
    let mut files = Vec::new();
    for path in &options.files {
        files.push(Text::of_file(input::name(path), path, input::read(path)?));
    }
    let mut outcome = Outcome::Good;
    let wanted = if options.files.is_empty() { Wanted::Again } else { Wanted::Change };
    let ran = publishing.run(wanted, async |tried: &Tried<'_>| {
        let drafter = Drafter { version: options.version, again: options.reassert, ..tried.drafter() };
        if files.is_empty() {
            let (drafts, is_whole) = all_again(tried, &drafter).await?;
            if !is_whole {
                outcome = Outcome::Part;
            }
            return Ok(Some(drafts));
        }
        let Some(given) = all_given(&files, tried)? else { return Ok(None) };
        let mut drafts = Vec::new();
        let mut same = Vec::new();
        for one in given {
            let key = one.key().to_owned();
            let past = tried.past(&key).await?;
            match one {
                Given::Signed(draft) => drafts.push((draft, past)),
                Given::Piece(piece, _) if !options.reassert && tried.is_live(&piece, &key)? => same.push(key),
                Given::Piece(piece, _) => drafts.push((drafter.draft(&piece, &key, &past)?, past)),
            }
        }
        if !same.is_empty() {
            let keys = shown(&same.join(", "));
            output::tell(&format!("graylane: {keys}: live already, as it is\n"));
        }
        Ok(Some(drafts))
    })?;
    Ok(if ran == Outcome::Good { outcome } else { ran })
}

/// What the files hold; none where one has mistakes. All that is found in them is told.
fn all_given<'t>(files: &'t [Text], tried: &Tried<'_>) -> Result<Option<Vec<Given<'t>>>> {
    let heard = given(&files.iter().collect::<Vec<_>>(), tried.held, tried.keyring);
    for one in &heard {
        output::tell(&one.told);
    }
    if heard.iter().any(|one| !one.is_good) {
        return Ok(None);
    }
    let given: Vec<Given<'t>> = heard.into_iter().flat_map(|one| one.given).collect();
    let mut keys = BTreeSet::new();
    if let Some(twice) = given.iter().find(|one| !keys.insert(one.key())) {
        bail!("{} is given twice", twice.key());
    }
    Ok(Some(given))
}

/// Everything that is live once more; and whether that is all of it: what is refused is not.
async fn all_again(tried: &Tried<'_>, drafter: &Drafter<'_>) -> Result<(Vec<(Draft, Past)>, bool)> {
    let Held { values, .. } = tried.held;
    let (mut drafts, mut refused) = (Vec::new(), 0_u64);
    for (key, value) in values {
        let opened = graylane_document::open(key, &value.bytes, tried.keyring);
        let content = opened.is_ok().then(|| again(&value.bytes)).flatten();
        let Some((json, version)) = content.filter(|_| !tried.is_faulty(key)) else {
            refused += 1;
            continue;
        };
        let piece = Piece::document(&json, Some(version).filter(|version| *version > 0))?;
        let past = tried.past(key).await?;
        drafts.push((drafter.draft(&piece, key, &past)?, past));
    }
    if refused > 0 {
        let documents = counted(refused, "document");
        output::tell(&format!(
            "graylane: {documents} refused and not written again; graylane status says why\n"
        ));
    }
    Ok((drafts, refused == 0))
}
