//! What `publish` and `rollback` have in common: from what is live to the transaction.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use graylane::compile::LANGUAGE;
use graylane::time::Timestamp;
use graylane_cli::proxies::ask;
use graylane_cli::published::{
    Batches, Draft, Drafter, Held, Outlook, Past, Piece, Terms, rivals, transaction,
};
use graylane_cli::words::{counted, shown};
use graylane_document::{Keyring, Secret};
use graylane_etcd::{Client, Error};
use inquire::{Confirm, InquireError};

use super::etcd::{Etcd, block_on};
use super::keyring;
use super::sign::{check_id, secret};
use crate::{Outcome, output};
use graylane_cli::clock;

/// As often it is tried again where somebody else writes what this depends on and does not change.
const TRIES: usize = 5;

/// The options of both.
#[derive(Args, Debug)]
pub(crate) struct Publishing {
    /// The file of the key that signs; without it documents are not signed
    #[arg(long, value_name = "FILE", requires = "id")]
    key: Option<PathBuf>,
    /// What the key is called where it is verified
    #[arg(long, value_name = "NAME", value_parser = check_id, requires = "key")]
    id: Option<String>,
    /// Who is believed (YAML or JSON), as the proxies have it: what they would refuse is refused
    #[arg(long, value_name = "FILE")]
    signers: Option<PathBuf>,
    /// Who makes the documents
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// What for
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Do not read or keep documents of before: for users of etcd who may not write beside the prefix
    #[arg(long)]
    no_history: bool,
    /// A proxy's admin interface, which is asked for the language level of its module; may be given more than once
    #[arg(long, value_name = "ADMIN-URL")]
    envoy: Vec<String>,
    #[command(flatten)]
    etcd: Etcd,
}

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Another content.
    Change,
    /// One that was live before.
    Rollback,
    /// What is live, once more.
    Again,
}

/// What is live, and who publishes.
pub(super) struct Tried<'t> {
    pub(super) held: &'t Held,
    pub(super) keyring: Option<&'t Keyring>,
    publishing: &'t Publishing,
    secret: Option<&'t Secret>,
    client: &'t Client,
    now: Timestamp,
    /// The keys of what is live and not in force.
    faulty: BTreeSet<String>,
}

impl Tried<'_> {
    /// What makes drafts.
    pub(super) fn drafter(&self) -> Drafter<'_> {
        Drafter {
            held: self.held,
            secret: self.secret.zip(self.publishing.id.as_deref()),
            now: self.now,
            author: self.publishing.author.as_deref(),
            note: self.publishing.note.as_deref(),
            version: None,
            again: false,
        }
    }

    /// What stood below a key.
    pub(super) async fn past(&self, key: &str) -> Result<Past> {
        if self.publishing.no_history {
            return Ok(Past::default());
        }
        let prefix = &self.publishing.etcd.prefix;
        Past::read(self.client, prefix, key).await.with_context(|| {
            format!("cannot read what stood below {}; --no-history does without", prefix.key(key))
        })
    }

    /// Whether a piece is live already, as it is, and in force.
    pub(super) fn is_live(&self, piece: &Piece<'_>, key: &str) -> Result<bool> {
        Ok(!self.is_faulty(key) && self.drafter().is_live(piece, key)?)
    }

    /// Whether what stands below a key is not in force.
    pub(super) fn is_faulty(&self, key: &str) -> bool {
        self.faulty.contains(key)
    }
}

impl Publishing {
    /// The files of its options.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.key.iter().chain(&self.signers).map(PathBuf::as_path)
    }

    /// Whether documents are signed.
    pub(super) fn signs(&self) -> bool {
        self.key.is_some()
    }

    /// Whether signatures are verified.
    pub(super) fn verifies(&self) -> bool {
        self.signers.is_some()
    }

    /// Whether documents of before are kept.
    pub(super) fn keeps(&self) -> bool {
        !self.no_history
    }

    /// Publishes the drafts of what is wanted: none where it has mistakes, which have been told then.
    pub(super) fn run(
        &self,
        wanted: Wanted,
        draft: impl AsyncFnMut(&Tried<'_>) -> Result<Option<Vec<(Draft, Past)>>>,
    ) -> Result<Outcome> {
        let secret = self.key.as_deref().map(secret).transpose()?;
        let keyring = match keyring(self.signers.as_deref())? {
            Ok(keyring) => keyring,
            Err(outcome) => return Ok(outcome),
        };
        if !self.speak_language()? {
            return Ok(Outcome::Bad);
        }
        block_on(self.try_often(wanted, secret.as_ref(), keyring.as_ref(), draft))
    }

    async fn try_often(
        &self,
        wanted: Wanted,
        secret: Option<&Secret>,
        keyring: Option<&Keyring>,
        mut draft: impl AsyncFnMut(&Tried<'_>) -> Result<Option<Vec<(Draft, Past)>>>,
    ) -> Result<Outcome> {
        let client = &self.etcd.client().await?;
        let prefix = &self.etcd.prefix;
        let mut is_asked = false;
        for _ in 0..TRIES {
            let held = Held::read(client, prefix).await?;
            let faulty = held.store(keyring, [])?.1.into_iter().map(|fault| fault.key).collect();
            let now = clock::now()?;
            let tried = Tried { held: &held, keyring, publishing: self, secret, client, now, faulty };
            let Some(drafts) = draft(&tried).await? else { return Ok(Outcome::Bad) };
            if drafts.is_empty() {
                output::tell("graylane: nothing is to be written\n");
                return Ok(Outcome::Good);
            }
            let outlook = Outlook::of(&held, &drafts, keyring, now)?;
            let is_rollback = wanted == Wanted::Rollback;
            if !is_asked {
                output::write_coloured(&outlook.text())?;
                Self::warn(&drafts);
            }
            if !is_asked || !outlook.is_good(is_rollback) {
                output::tell(&outlook.told(prefix, is_rollback));
            }
            if !outlook.is_good(is_rollback) {
                output::tell("graylane: nothing is written\n");
                return Ok(Outcome::Bad);
            }
            if !is_asked && !self.is_agreed(drafts.len())? {
                output::tell("graylane: stopped; nothing is written\n");
                return Ok(Outcome::Undone);
            }
            is_asked = true;
            let written = self.write(client, &held, &drafts, wanted).await?;
            if written == drafts.len() {
                return Ok(Outcome::Good);
            }
            if wanted == Wanted::Again {
                let all = drafts.len();
                bail!(
                    "{written} of {all} documents are written; somebody else has changed the next: run it again"
                );
            }
            let rivals = rivals(&held, &Held::read(client, prefix).await?, &drafts);
            if !rivals.is_empty() {
                bail!(
                    "somebody was quicker, and nothing is written; look at it and run it again:\n  {}",
                    rivals.join("\n  ")
                );
            }
            // Another release was written, which the drafts are held against once more.
        }
        bail!("others write without a pause, and nothing is written; run it again")
    }

    /// Writes the drafts, all in one transaction; what is live already needs none for all, and goes in as many as etcd asks for. Returns
    /// how many are written: fewer than all where what they depend on is not as it had been read.
    async fn write(
        &self,
        client: &Client,
        held: &Held,
        drafts: &[(Draft, Past)],
        wanted: Wanted,
    ) -> Result<usize> {
        let prefix = &self.etcd.prefix;
        let is_again = wanted == Wanted::Again;
        let terms = Terms { keeps: self.keeps(), is_again };
        let mut batches = if is_again { Batches::of(drafts) } else { Batches::one(drafts) };
        let mut written = 0;
        while let Some(batch) = batches.next() {
            let revision = match client.transact(transaction(prefix, held, batch, terms)).await {
                Ok(outcome) if !outcome.done => break,
                Ok(outcome) => outcome.header.revision,
                Err(error) if batches.are_fewer(&error) => continue,
                Err(error) => unsure(client, self, batch, error).await?,
            };
            let mut out = String::new();
            for (draft, _) in batch {
                // Writing to text cannot fail.
                let _ =
                    writeln!(out, "{}: version {} is live", shown(&prefix.key(&draft.key)), draft.version);
            }
            let _ = writeln!(out, "written in revision {revision} of etcd");
            output::write(&out)?;
            written += batch.len();
            batches.written();
        }
        Ok(written)
    }

    fn warn(drafts: &[(Draft, Past)]) {
        let is_bare = |(draft, _): &(Draft, Past)| {
            serde_json::from_slice(&draft.value)
                .is_ok_and(|node| graylane_document::Envelope::of(&node).is_none())
        };
        if drafts.iter().any(is_bare) {
            output::tell(
                "graylane: warning: without --key documents are not signed; proxies with signers refuse them\n",
            );
        }
    }

    fn is_agreed(&self, count: usize) -> Result<bool> {
        if self.yes {
            return Ok(true);
        }
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            bail!("nothing is written: there is no terminal to ask on; --yes writes without asking");
        }
        let question = format!("Write {}?", counted(count as u64, "document"));
        match Confirm::new(&question).with_default(false).prompt() {
            Ok(answer) => Ok(answer),
            Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => Ok(false),
            Err(fault) => Err(fault).context("cannot ask"),
        }
    }

    /// Whether the modules in all proxies that are named speak the level of the documents.
    fn speak_language(&self) -> Result<bool> {
        let mut is_spoken = true;
        for url in &self.envoy {
            let languages = ask(url)?.languages;
            if languages.is_empty() {
                output::tell(&format!(
                    "graylane: {url} does not tell its language level; it was not checked\n"
                ));
            }
            for (name, level) in languages.iter().filter(|(_, level)| **level < LANGUAGE) {
                let name = shown(name);
                output::tell(&format!(
                    "graylane: {name} of {url} speaks language {level}, and the documents are of {LANGUAGE}: update it first\n"
                ));
                is_spoken = false;
            }
        }
        Ok(is_spoken)
    }
}

/// The revision of a write of which nobody knows whether it was done: it is looked for.
async fn unsure(
    client: &Client,
    publishing: &Publishing,
    drafts: &[(Draft, Past)],
    error: Error,
) -> Result<i64> {
    if let Error::Refused { message, .. } = &error
        && message.contains("too many operations")
    {
        return Err(error).context(
            "these are too many documents for one transaction; publish fewer at once, or start etcd with a higher --max-txn-ops",
        );
    }
    if let Error::Broken { .. } | Error::Late { .. } = &error
        && let Ok(held) = Held::read(client, &publishing.etcd.prefix).await
        && drafts
            .iter()
            .all(|(draft, _)| held.values.get(&draft.key).is_some_and(|value| value.bytes == draft.value))
    {
        return Ok(held.last_written());
    }
    Err(error).context("it may have been written or not; graylane status says what is there")
}
