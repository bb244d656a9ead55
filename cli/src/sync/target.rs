//! Where documents go.

mod ecds;
mod etcd;

use anyhow::Result;
use graylane::policy::Policy;

pub use ecds::Ecds;
pub use etcd::Etcd;

use crate::published::{Draft, Held, Past};

/// Where documents go.
#[derive(Debug)]
pub enum Target {
    /// An etcd, each below its key.
    Etcd(Box<Etcd>),
    /// A file for Envoy's ECDS, as one policy.
    Ecds(Ecds),
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It is there; where, for people.
    Done(String),
    /// It was there already.
    Same,
    /// Somebody else has written in the meantime, and what is left is to be planned again.
    Raced,
}

impl Target {
    /// Its name, for people.
    pub fn name(&self) -> String {
        match self {
            Target::Etcd(etcd) => etcd.name(),
            Target::Ecds(ecds) => ecds.name(),
        }
    }

    /// Whether it has lost what was written: proxies may have later versions.
    pub fn is_restored(&self) -> bool {
        match self {
            Target::Etcd(etcd) => etcd.is_restored(),
            Target::Ecds(_) => false,
        }
    }

    /// Whether whoever reads it verifies signatures. Else the bridge does.
    pub fn is_verified(&self) -> bool {
        match self {
            Target::Etcd(_) => true,
            Target::Ecds(_) => false,
        }
    }

    /// What is live there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn held(&mut self) -> Result<Held> {
        match self {
            Target::Etcd(etcd) => etcd.held().await,
            Target::Ecds(ecds) => ecds.held(),
        }
    }

    /// What stood below a key before.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn past(&mut self, key: &str) -> Result<Past> {
        match self {
            Target::Etcd(etcd) => etcd.past(key).await,
            Target::Ecds(_) => Ok(Past::default()),
        }
    }

    /// Writes, each document whole or not at all. `policy` is what is in force then.
    ///
    /// # Errors
    /// When it cannot be written. Some of it may be.
    pub async fn write(&mut self, held: Held, drafts: &[(Draft, Past)], policy: &Policy) -> Result<Written> {
        match self {
            Target::Etcd(etcd) => etcd.write(held, drafts).await,
            Target::Ecds(ecds) => ecds.write(held, drafts, policy),
        }
    }

    /// Waits until somebody else has written there; for ever where that is not told.
    pub async fn changed(&mut self) {
        match self {
            Target::Etcd(etcd) => etcd.changed().await,
            Target::Ecds(_) => std::future::pending().await,
        }
    }
}
