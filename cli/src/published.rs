//! Documents as they stand in etcd below a prefix: what is there, what would come of others in their places, and how those are written.
//!
//! ```text
//! etcd ──Held──▶ Store (as a proxy that starts now would have it) ──▶ faults, the policy in force
//!                  │ change
//! files ──Draft────┘──▶ Outlook: mistakes, differences, who moves ──asked──▶ one transaction
//! ```
//!
//! The checks are those of the watch in Envoy, by its own code: [`graylane_watch::store`].

mod draft;
mod given;
mod ledger;
mod outlook;
mod past;
mod story;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use graylane::error::PolicyErrors;
use graylane::policy::Map;
use graylane_document::{Content, Document, Key, Keyring};
use graylane_etcd::{Client, Error, Found, Keys};
use graylane_watch::etcd::Change;
use graylane_watch::store::{Fault, Opened, Store};

pub use draft::{Draft, Drafter, Piece, again, key_of};
pub(crate) use given::split;
pub use given::{Given, Heard, Text, given};
pub use graylane_document::Prefix;
pub use ledger::{About, Ledger, Row};
pub use outlook::Outlook;
pub use past::Past;
pub use story::{Story, Telling};
pub use write::{Batches, Terms, is_too_much, rivals, transaction};

/// What stands below a prefix, in one revision.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// The revision of etcd in which it was read.
    pub revision: i64,
    /// By the keys without the prefix.
    pub values: BTreeMap<String, Value>,
    /// The secrets of the proxies, where they are known.
    pub secrets: Option<Map<String>>,
}

/// What stands below a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The revision in which it was written.
    pub revision: i64,
    /// Itself.
    pub bytes: Vec<u8>,
}

impl Held {
    /// Reads all of it.
    ///
    /// # Errors
    /// When etcd does not answer, or refuses.
    pub async fn read(client: &Client, prefix: &Prefix) -> Result<Self, Error> {
        let Found { header, values } = client.get(Keys::under(prefix.as_str())).await?;
        let values = values.into_iter().map(|pair| {
            let key = String::from_utf8_lossy(&pair.key);
            let key = key.strip_prefix(prefix.as_str()).unwrap_or(&key).to_owned();
            (key, Value { revision: pair.mod_revision, bytes: pair.value })
        });
        Ok(Held { revision: header.revision, values: values.collect(), secrets: None })
    }

    /// The document below a key, whoever signed it; none where there is none, or it cannot be read.
    pub fn document(&self, key: &str) -> Option<Document> {
        graylane_document::open(key, &self.values.get(key)?.bytes, None).ok()
    }

    /// The revision in which a key was written; 0 where there is no such key, as etcd has it.
    pub fn revision_of(&self, key: &str) -> i64 {
        self.values.get(key).map_or(0, |value| value.revision)
    }

    /// The last revision in which one of these keys was written.
    pub fn last_written(&self) -> i64 {
        self.values.values().map(|value| value.revision).max().unwrap_or_default()
    }

    /// What a proxy that starts now has of it, and what it refuses. `others` are values that may come to it.
    ///
    /// # Errors
    /// None: without secrets nothing can be wrong with them.
    pub fn store<'v>(
        &'v self,
        keyring: Option<&Keyring>,
        others: impl IntoIterator<Item = &'v [u8]>,
    ) -> Result<(Store, Vec<Fault>), PolicyErrors> {
        let bytes = self.values.values().map(|value| value.bytes.as_slice());
        let secrets = self.secrets.clone().unwrap_or_else(|| made_up(bytes.chain(others)));
        let mut store = Store::new(keyring.is_some(), secrets)
            // The name of a key is not a good one: then the release that has it is refused for it.
            .or_else(|_| Store::new(keyring.is_some(), Map::default()))?;
        let opened = |(key, value): (&String, &Value)| {
            Opened::of(Change { key: key.clone(), value: Some(value.bytes.clone()) }, keyring)
        };
        let faults = store.list(self.values.iter().map(opened).collect(), false);
        Ok((store, faults))
    }
}

/// Made up secrets for all keys that releases and settings name: those of the proxies are theirs alone, and which ones they have is not known here.
fn made_up<'v>(values: impl Iterator<Item = &'v [u8]>) -> Map<String> {
    let id = |value| match graylane_document::read(value, None).ok()?.content {
        Content::Release(release) => release.sticky?.key,
        Content::Settings(settings) => settings.exposures?.key,
        _ => None,
    };
    let ids: BTreeSet<String> = values.filter_map(id).collect();
    ids.into_iter().map(|id| (id, "0".repeat(32))).collect()
}

/// The keys that a document is tried together with: the settings, and the release of a dial or the dial of a release.
pub(crate) fn related(key: &str) -> Vec<String> {
    match Key::parse(key) {
        Some(Key::Release(name)) => vec!["settings".to_owned(), format!("dials/{name}")],
        Some(Key::Dial(name)) => vec!["settings".to_owned(), format!("releases/{name}")],
        Some(Key::Settings) | None => Vec::new(),
    }
}
