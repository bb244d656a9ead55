//! An etcd that a proxy does not follow itself.

use std::time::Duration;

use anyhow::Result;
use graylane_etcd::Access;
use tokio::time::sleep;

use super::{Contact, Entry, News};
use crate::document::Form;
use crate::published::Prefix;
use crate::sync::backoff::Backoff;
use crate::sync::etcd::Followed;

/// The documents below a prefix of an etcd.
#[derive(Debug)]
pub struct Etcd {
    followed: Followed,
    is_read: bool,
    /// How long it waits before it reads.
    pause: Duration,
    backoff: Backoff,
    pub(super) contact: Contact,
}

impl Etcd {
    /// One that is reached by this access.
    pub fn new(access: Access, prefix: Prefix) -> Self {
        let followed = Followed::new(access, prefix);
        Etcd {
            followed,
            is_read: false,
            pause: Duration::ZERO,
            backoff: super::backoff(),
            contact: Contact::default(),
        }
    }

    /// See [`Source::next`](super::Source::next).
    pub async fn next(&mut self) -> News {
        sleep(self.pause).await;
        match self.read().await {
            Ok(entries) => {
                (self.is_read, self.pause) = (true, Duration::ZERO);
                self.backoff.reset();
                self.contact.set(true);
                News::Everything(entries)
            }
            Err(fault) => {
                self.is_read = false;
                self.pause = self.backoff.failed();
                self.contact.set(false);
                News::Trouble(format!("{fault:#}"))
            }
        }
    }

    async fn read(&mut self) -> Result<Vec<Entry>> {
        if self.is_read {
            self.followed.changed().await?;
        }
        let held = self.followed.held().await?;
        let entry = |(key, value): (String, crate::published::Value)| {
            let mut entry = Entry::new(&self.followed.prefix().key(&key), Some(key), value.bytes);
            entry.text.form = Form::Json;
            entry
        };
        Ok(held.values.into_iter().map(entry).collect())
    }
}
