//! An etcd that a proxy does not follow itself.

use std::time::Duration;

use anyhow::Result;
use graylane_etcd::Access;
use tokio::time::sleep;

use super::{Entry, Heard, News};
use crate::document::Form;
use crate::published::Prefix;
use crate::sync::etcd::Followed;

/// How long it waits after a failure: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// The documents below a prefix of an etcd.
#[derive(Debug)]
pub struct Etcd {
    followed: Followed,
    is_read: bool,
    retry: Duration,
    pub(super) heard: Heard,
}

impl Etcd {
    /// One that is reached by this access.
    pub fn new(access: Access, prefix: Prefix) -> Self {
        let followed = Followed::new(access, prefix);
        Etcd { followed, is_read: false, retry: Duration::ZERO, heard: Heard::default() }
    }

    /// See [`Source::next`](super::Source::next).
    pub async fn next(&mut self) -> News {
        sleep(self.retry).await;
        match self.read().await {
            Ok(entries) => {
                (self.is_read, self.retry) = (true, Duration::ZERO);
                self.heard.set(true);
                News::Everything(entries)
            }
            Err(fault) => {
                self.is_read = false;
                self.retry = RETRY.1.min(RETRY.0.max(self.retry * 2));
                self.heard.set(false);
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
