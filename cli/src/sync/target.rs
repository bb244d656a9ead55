//! Where documents go.

mod ecds;
mod etcd;

use std::time::Duration;

use anyhow::Result;
use graylane::policy::Policy;
use tokio::time::sleep;

pub use ecds::Ecds;
pub use etcd::Etcd;

use crate::published::{Draft, Held, Past};

/// How long it waits before it looks again, where it is not told of changes.
const UNTOLD: Duration = Duration::from_secs(2);

/// Where documents go.
#[derive(Debug)]
pub enum Target {
    /// An etcd, each below its key.
    Etcd(Box<Etcd>),
    /// A file for Envoy's ECDS, as one policy.
    Ecds(Box<Ecds>),
}

/// What became of a write.
#[derive(Debug, Default)]
pub struct Written {
    /// How many drafts are live, from the first on; a file has all of them or none.
    pub count: usize,
    /// Where they are, for people; none where nothing was to be written.
    pub place: Option<String>,
    /// Why the others are not.
    pub rest: Option<Rest>,
}

/// Why a draft was not written.
#[derive(Debug)]
pub enum Rest {
    /// Somebody else has written what it depends on: it is to be planned again.
    Raced,
    /// It is not taken, and never will be.
    Refused(String),
    /// It failed, and may not another time.
    Failed(anyhow::Error),
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

    /// Whether it is one file with all in it.
    pub fn is_file(&self) -> bool {
        matches!(self, Target::Ecds(_))
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
    pub async fn write(&mut self, held: Held, drafts: &[(Draft, Past)], policy: &Policy) -> Written {
        match self {
            Target::Etcd(etcd) => etcd.write(held, drafts).await,
            Target::Ecds(ecds) => ecds
                .write(held, drafts, policy)
                .unwrap_or_else(|fault| Written { rest: Some(Rest::Failed(fault)), ..Written::default() }),
        }
    }

    /// Waits until somebody else has written there, or may have.
    pub async fn changed(&mut self) {
        match self {
            Target::Etcd(etcd) => etcd.changed().await,
            Target::Ecds(_) => sleep(UNTOLD).await,
        }
    }
}
