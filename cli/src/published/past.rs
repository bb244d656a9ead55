//! The documents that stood below a key before.

use std::collections::BTreeMap;

use graylane_document::{Content, Document};
use graylane_etcd::{Client, Error, Keys};

use super::Prefix;

/// So many versions of a document are kept, the one that is live with them.
const KEPT: usize = 20;

/// The documents that stood below a key, by their versions, the last one too.
#[derive(Debug, Clone, Default)]
pub struct Past {
    values: BTreeMap<u64, Vec<u8>>,
}

impl Past {
    /// Reads them.
    ///
    /// # Errors
    /// When etcd does not answer, or refuses.
    pub async fn read(client: &Client, prefix: &Prefix, key: &str) -> Result<Self, Error> {
        let place = prefix.past(key);
        let found = client.get(Keys::under(place.as_str())).await?;
        let values = found.values.into_iter().filter_map(|pair| {
            let version = std::str::from_utf8(&pair.key).ok()?.strip_prefix(&place)?.parse().ok()?;
            Some((version, pair.value))
        });
        Ok(Past { values: values.collect() })
    }

    /// Adds the one that is live, if it has a version and is not among them.
    pub fn add(&mut self, version: u64, value: &[u8]) {
        if version > 0 {
            self.values.entry(version).or_insert_with(|| value.to_owned());
        }
    }

    /// Whether a version is among them.
    pub fn has(&self, version: u64) -> bool {
        self.values.contains_key(&version)
    }

    /// The value of a version.
    pub fn value(&self, version: u64) -> Option<&[u8]> {
        self.values.get(&version).map(Vec::as_slice)
    }

    /// Versions and values, the last version first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.values.iter().rev().map(|(version, value)| (*version, value.as_slice()))
    }

    /// The highest version.
    pub fn last(&self) -> u64 {
        self.values.keys().next_back().copied().unwrap_or_default()
    }

    /// The versions that make place, where `more` come.
    pub(crate) fn surplus(&self, more: usize) -> impl Iterator<Item = u64> {
        let surplus = self.values.len().saturating_add(more).saturating_sub(KEPT);
        self.values.keys().copied().take(surplus)
    }

    /// The version that a rollback goes to where none is named: the last one that is older than what is live, or than what that is a
    /// rollback to, and says something else. So one rollback after the other goes further back, and never to what was left.
    pub fn before(&self, live: &Document) -> Option<u64> {
        let base = live.returns_to.unwrap_or(live.stamp.version);
        let is_other = |value: &[u8]| {
            let content: Option<Content> =
                graylane_document::read(value, None).ok().map(|document| document.content);
            content.is_some_and(|content| content != live.content)
        };
        self.iter().find(|(version, value)| *version < base && is_other(value)).map(|(version, _)| version)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(version: u64, percent: u32, returns_to: Option<u64>) -> Vec<u8> {
        let mut document = json!({"language": 1, "version": version, "dial": {"release": "shop", "percent": {"v2": percent}}});
        if let Some(before) = returns_to {
            document["returnsTo"] = before.into();
        }
        document.to_string().into_bytes()
    }

    fn before(past: &[(u64, u32)], live: (u64, u32), returns_to: Option<u64>) -> Option<u64> {
        let values = past.iter().map(|(version, percent)| (*version, value(*version, *percent, None)));
        let past = Past { values: values.collect() };
        past.before(&graylane_document::read(&value(live.0, live.1, returns_to), None).unwrap())
    }

    #[test]
    fn a_rollback_goes_to_the_version_before_and_the_next_one_further_back() {
        let past = [(1, 1), (2, 5), (3, 50), (4, 50)];
        assert_eq!(before(&past, (4, 50), None), Some(2), "3 says the same");
        assert_eq!(before(&past, (5, 5), Some(2)), Some(1), "not to what was left");
        assert_eq!(before(&past, (6, 1), Some(1)), None);
        assert_eq!(before(&[], (6, 1), None), None);
    }

    #[test]
    fn as_many_versions_are_kept() {
        let mut past = Past::default();
        for version in 1..=25 {
            past.add(version, b"x");
        }
        past.add(0, b"of no version");
        assert_eq!(past.surplus(1).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
        assert_eq!((past.last(), past.has(0)), (25, false));
    }
}
