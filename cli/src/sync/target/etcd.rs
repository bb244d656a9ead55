//! etcd, where the proxies follow each document below its key.

use anyhow::{Context, Result};
use fail::fail_point;
use graylane_etcd::{Access, Error, Outcome};
use tokio::time::sleep;

use super::{Rest, UNTOLD, Written};
use crate::published::{Batches, Draft, Held, Past, Prefix, Terms, Value, is_too_much, transaction};
use crate::sync::etcd::Followed;

/// An etcd below a prefix.
#[derive(Debug)]
pub struct Etcd {
    followed: Followed,
    keeps: bool,
    is_restored: bool,
}

impl Etcd {
    /// One that is reached by this access. `keeps` says whether documents of before are kept.
    pub fn new(access: Access, prefix: Prefix, keeps: bool) -> Self {
        Etcd { followed: Followed::new(access, prefix), keeps, is_restored: false }
    }

    pub(super) fn name(&self) -> String {
        format!("etcd below {}", self.followed.prefix().as_str())
    }

    pub(super) async fn held(&mut self) -> Result<Held> {
        let before = self.followed.revision;
        let held = self.followed.held().await?;
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
        let read = Past::read(&self.followed.client().await?, self.followed.prefix(), key).await;
        read.with_context(|| format!("cannot read what stood below {key} before; --no-history does without"))
    }

    pub(super) async fn write(&mut self, mut held: Held, drafts: &[(Draft, Past)]) -> Written {
        let mut written = Written::default();
        let mut batches = Batches::of(drafts);
        while let Some(batch) = batches.next() {
            match self.transact(&held, batch).await {
                Ok(outcome) if !outcome.done => {
                    written.rest = Some(Rest::Raced);
                    return written;
                }
                Ok(outcome) => {
                    held.revision = outcome.header.revision;
                    self.followed.revision = held.revision;
                    for (draft, _) in batch {
                        let value = Value { revision: held.revision, bytes: draft.value.clone() };
                        held.values.insert(draft.key.clone(), value);
                    }
                    written.count += batch.len();
                    batches.written();
                    written.place = Some(format!("revision {}", held.revision));
                }
                Err(fault) => {
                    let of_etcd = fault.downcast_ref::<Error>();
                    if of_etcd.is_some_and(|fault| batches.are_fewer(fault)) {
                        continue;
                    }
                    // The one alone is too large.
                    let is_refused = of_etcd.is_some_and(is_too_much);
                    let why = format!("{fault:#}");
                    written.rest = Some(if is_refused { Rest::Refused(why) } else { Rest::Failed(fault) });
                    return written;
                }
            }
        }
        self.is_restored = false;
        written
    }

    async fn transact(&mut self, held: &Held, batch: &[(Draft, Past)]) -> Result<Outcome> {
        let client = self.followed.client().await?;
        let terms = Terms { keeps: self.keeps, is_again: false };
        fail_point!("sync-before-transaction", |_| std::process::abort());
        let outcome = client.transact(transaction(self.followed.prefix(), held, batch, terms)).await?;
        fail_point!("sync-after-transaction", |_| std::process::abort());
        Ok(outcome)
    }

    /// See [`Target::changed`](super::Target::changed). What it wrote itself is none.
    pub(super) async fn changed(&mut self) {
        if self.followed.changed().await.is_err() {
            sleep(UNTOLD).await;
        }
    }
}
