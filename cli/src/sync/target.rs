//! Where documents go.

mod ecds;
mod etcd;
mod istio;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use graylane::node::Node;
use graylane::policy::Policy;
use tokio::time::sleep;

pub use ecds::Ecds;
pub use etcd::Etcd;
pub use istio::Istio;

use crate::document;
use crate::published::{Draft, Held, Past, Value, key_of, split};
use crate::sealing::{self, Head};

/// How long it waits before it looks again, where it is not told of changes.
const UNTOLD: Duration = Duration::from_secs(2);
/// How long where that takes another program.
const UNTOLD_FAR: Duration = Duration::from_secs(10);

/// Where documents go.
#[derive(Debug)]
pub enum Target {
    /// An etcd, each below its key.
    Etcd(Box<Etcd>),
    /// A file for Envoy's ECDS, as one policy.
    Ecds(Box<Ecds>),
    /// The plugin's objects of a mesh.
    Istio(Box<Istio>),
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
            Target::Istio(_) => "the mesh".to_owned(),
        }
    }

    /// Whether it has lost what was written: proxies may have later versions.
    pub fn is_restored(&self) -> bool {
        match self {
            Target::Etcd(etcd) => etcd.is_restored(),
            Target::Ecds(_) | Target::Istio(_) => false,
        }
    }

    /// Whether it takes all as one policy: whose readers verify nothing, and in which a release is as its dial has it.
    pub fn is_merged(&self) -> bool {
        matches!(self, Target::Ecds(_) | Target::Istio(_))
    }

    /// What is live there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn held(&mut self) -> Result<Held> {
        match self {
            Target::Etcd(etcd) => etcd.held().await,
            Target::Ecds(ecds) => ecds.held(),
            Target::Istio(istio) => istio.held(),
        }
    }

    /// What stood below a key before.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn past(&mut self, key: &str) -> Result<Past> {
        match self {
            Target::Etcd(etcd) => etcd.past(key).await,
            Target::Ecds(_) | Target::Istio(_) => Ok(Past::default()),
        }
    }

    /// Writes, each document whole or not at all. `policy` is what is in force then.
    pub async fn write(&mut self, held: Held, drafts: &[(Draft, Past)], policy: &Policy) -> Written {
        let written = match self {
            Target::Etcd(etcd) => return etcd.write(held, drafts).await,
            Target::Ecds(ecds) => ecds.write(held, drafts, policy),
            Target::Istio(istio) => istio.write(held, drafts, policy),
        };
        written.unwrap_or_else(|fault| Written { rest: Some(Rest::Failed(fault)), ..Written::default() })
    }

    /// Waits until somebody else has written there, or may have.
    pub async fn changed(&mut self) {
        match self {
            Target::Etcd(etcd) => etcd.changed().await,
            Target::Ecds(_) => sleep(UNTOLD).await,
            Target::Istio(_) => sleep(UNTOLD_FAR).await,
        }
    }
}

/// What is held once drafts are live.
fn after(held: Held, drafts: &[(Draft, Past)]) -> BTreeMap<String, Value> {
    let drafted = drafts
        .iter()
        .map(|(draft, _)| (draft.key.clone(), Value { revision: 0, bytes: draft.value.clone() }));
    held.values.into_iter().chain(drafted).collect()
}

/// The documents of a policy: its settings, and each release.
fn documents(policy: &str, author: &str) -> Result<BTreeMap<String, Value>> {
    let policy: Node<'_> = serde_json::from_str(policy).context("a policy is JSON")?;
    let head = Head { author: Some(author.to_owned()), ..Head::default() };
    let documents = split(policy).into_iter().filter(|(node, _)| *node != Node::Map(Vec::new()));
    let value = |(node, shape)| {
        let document = sealing::document(node, shape, &head);
        let key = key_of(&graylane_document::check(&document).ok()?);
        Some((key, Value { revision: 0, bytes: document::json(&document).to_string().into_bytes() }))
    };
    Ok(documents.filter_map(value).collect())
}
