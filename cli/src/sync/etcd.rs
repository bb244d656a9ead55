//! An etcd below a prefix, read whole and then watched.

use anyhow::Result;
use graylane_etcd::{Access, Client, Keys, Watch};

use crate::published::{Held, Prefix};

/// An etcd below a prefix.
#[derive(Debug)]
pub(super) struct Followed {
    access: Access,
    prefix: Prefix,
    client: Option<Client>,
    watch: Option<Watch>,
    /// The last revision that is known.
    pub(super) revision: i64,
}

impl Followed {
    pub(super) fn new(access: Access, prefix: Prefix) -> Self {
        Followed { access, prefix, client: None, watch: None, revision: 0 }
    }

    pub(super) fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    pub(super) async fn client(&mut self) -> Result<Client> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let client = Client::connect(self.access.clone()).await?;
        Ok(self.client.insert(client).clone())
    }

    /// Reads all of it.
    pub(super) async fn held(&mut self) -> Result<Held> {
        let held = Held::read(&self.client().await?, &self.prefix).await?;
        self.revision = held.revision;
        Ok(held)
    }

    /// Waits until something is written there after the revision that is known.
    pub(super) async fn changed(&mut self) -> Result<()> {
        loop {
            if let Some(watch) = &mut self.watch {
                let changes = watch.next().await.inspect_err(|_| self.watch = None)?;
                if changes.events.iter().any(|event| event.now.mod_revision > self.revision) {
                    return Ok(());
                }
                continue;
            }
            let keys = Keys::under(self.prefix.as_str());
            let from = self.revision.saturating_add(1);
            self.watch = Some(self.client().await?.watch(keys, from).await?);
        }
    }
}
