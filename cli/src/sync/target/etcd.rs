//! etcd, where the proxies follow each document below its key.

use std::time::Duration;

use anyhow::{Context, Result};
use fail::fail_point;
use graylane_etcd::Access;
use tokio::time::sleep;

use super::Written;
use crate::published::{Draft, Held, Past, Prefix, Terms, Value, transaction};
use crate::sync::etcd::Followed;

/// As many documents are written in a transaction: etcd takes 128 operations, and each document may need five with those of before.
const BATCH: usize = 24;
/// As many bytes of them: etcd takes 1.5 MiB, and each is written twice, for those of before.
const BYTES: usize = 512 * 1024;
/// How long it waits before it looks again, where it is not told of changes.
const UNTOLD: Duration = Duration::from_secs(2);

/// An etcd below a prefix.
#[derive(Debug)]
pub struct Etcd {
    etcd: Followed,
    keeps: bool,
    is_restored: bool,
}

impl Etcd {
    /// One that is reached by this access. `keeps` says whether documents of before are kept.
    pub fn new(access: Access, prefix: Prefix, keeps: bool) -> Self {
        Etcd { etcd: Followed::new(access, prefix), keeps, is_restored: false }
    }

    pub(super) fn name(&self) -> String {
        format!("etcd below {}", self.etcd.prefix().as_str())
    }

    pub(super) async fn held(&mut self) -> Result<Held> {
        let before = self.etcd.revision;
        let held = self.etcd.held().await?;
        self.is_restored |= held.revision < before;
        Ok(held)
    }

    /// Whether it is at a revision before one that was known: it was restored from a backup, and proxies may have later versions.
    pub(super) fn is_restored(&self) -> bool {
        self.is_restored
    }

    pub(super) async fn past(&mut self, key: &str) -> Result<Past> {
        if !self.keeps {
            return Ok(Past::default());
        }
        let read = Past::read(&self.etcd.client().await?, self.etcd.prefix(), key).await;
        read.with_context(|| format!("cannot read what stood below {key} before; --no-history does without"))
    }

    pub(super) async fn write(&mut self, mut held: Held, drafts: &[(Draft, Past)]) -> Result<Written> {
        let client = self.etcd.client().await?;
        let terms = Terms { keeps: self.keeps, is_again: false };
        for batch in batches(drafts) {
            fail_point!("sync-before-transaction", |_| std::process::abort());
            let outcome = client.transact(transaction(self.etcd.prefix(), &held, batch, terms)).await?;
            fail_point!("sync-after-transaction", |_| std::process::abort());
            if !outcome.done {
                return Ok(Written::Raced);
            }
            held.revision = outcome.header.revision;
            for (draft, _) in batch {
                let value = Value { revision: held.revision, bytes: draft.value.clone() };
                held.values.insert(draft.key.clone(), value);
            }
            self.etcd.revision = held.revision;
        }
        self.is_restored = false;
        Ok(Written::Done(format!("revision {}", held.revision)))
    }

    /// See [`Target::changed`](super::Target::changed). What it wrote itself is none.
    pub(super) async fn changed(&mut self) {
        if self.etcd.changed().await.is_err() {
            sleep(UNTOLD).await;
        }
    }
}

/// The drafts, as many at once as etcd takes.
fn batches(mut drafts: &[(Draft, Past)]) -> Vec<&[(Draft, Past)]> {
    let mut batches = Vec::new();
    while !drafts.is_empty() {
        let mut bytes = 0_usize;
        let fits = drafts.iter().take(BATCH).take_while(|(draft, _)| {
            bytes = bytes.saturating_add(draft.value.len());
            bytes <= BYTES
        });
        let (batch, rest) = drafts.split_at(fits.count().max(1));
        batches.push(batch);
        drafts = rest;
    }
    batches
}
