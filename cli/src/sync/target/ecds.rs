//! A file for Envoy's extension config discovery (ECDS): the filter with its whole policy, replaced by one rename.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use graylane::compile::size_advice;
use graylane::policy::Policy;
use serde_json::{Value as Json, json};

use super::{Written, after, documents};
use crate::keys::Keys;
use crate::place::{Existing, place};
use crate::published::{Draft, Held, Past, Value};
use crate::render::envoy::Filter;

/// A file for Envoy.
#[derive(Debug)]
pub struct Ecds {
    path: PathBuf,
    mode: Option<u32>,
    filter: Filter,
    keys: Keys,
    /// The author of all of it.
    author: String,
    /// What was in the file last.
    last: Option<Last>,
    /// The last version that was in it.
    version: u64,
}

/// What is in the file.
#[derive(Debug)]
struct Last {
    text: String,
    /// The documents that it was made of.
    values: BTreeMap<String, Value>,
}

impl Ecds {
    /// A file of this path.
    pub fn new(path: PathBuf, mode: Option<u32>, filter: Filter, keys: Keys, author: String) -> Self {
        Ecds { path, mode, filter, keys, author, last: None, version: 0 }
    }

    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The documents that the file was made of; where somebody else made it, those that it can be made of, which bear no versions.
    pub(super) fn held(&mut self) -> Result<Held> {
        let last = self.last.take();
        if let Some(text) = self.text()? {
            let values = match last {
                Some(last) if last.text == text => last.values,
                _ => self.documents(&text)?,
            };
            self.last = Some(Last { text, values });
        }
        let values = self.last.as_ref().map(|last| last.values.clone()).unwrap_or_default();
        Ok(Held { values, secrets: Some(self.keys.secrets().clone()), ..Held::default() })
    }

    fn text(&self) -> Result<Option<String>> {
        match std::fs::read_to_string(&self.path) {
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some).with_context(|| format!("cannot read {}", self.path.display())),
        }
    }

    fn documents(&mut self, text: &str) -> Result<BTreeMap<String, Value>> {
        let path = self.path.display();
        let response: Json = serde_json::from_str(text).with_context(|| format!("cannot read {path}"))?;
        let Some(policy) = Filter::policy(&response) else {
            bail!("{path} has no filter of graylane in it; it is not written over");
        };
        let version = policy.get("version").and_then(Json::as_u64).unwrap_or_default();
        self.version = self.version.max(version);
        documents(&policy.to_string(), &self.author)
    }

    pub(super) fn write(&mut self, held: Held, drafts: &[(Draft, Past)], policy: &Policy) -> Result<Written> {
        let values = after(held, drafts);
        let written = Written { count: drafts.len(), ..Written::default() };
        let (text, _) = self.rendered(policy, self.version);
        if let Some(last) = self.last.as_mut().filter(|last| last.text == text) {
            last.values = values;
            return Ok(written);
        }
        let version = self.version.saturating_add(1);
        let (text, size) = self.rendered(policy, version);
        let mode = self.mode.unwrap_or(Filter::mode(&self.keys));
        place(&self.path, &text, Existing::Replaced, Some(mode))?;
        self.version = version;
        self.last = Some(Last { text, values });
        let advice = size_advice(size).map(|advice| format!("; warning: {advice}")).unwrap_or_default();
        Ok(Written { place: Some(format!("version {version} of the policy{advice}")), ..written })
    }

    /// The file with this policy, and how large that is as the configuration of the plugin.
    fn rendered(&self, policy: &Policy, version: u64) -> (String, usize) {
        let policy = json!(Policy { version, ..policy.clone() });
        let response = self.filter.discovery_response(&self.keys, &policy);
        (format!("{response:#}\n"), policy.to_string().len())
    }
}
