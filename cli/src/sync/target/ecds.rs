//! A file for Envoy's extension config discovery (ECDS): the filter with its whole policy, replaced by one rename.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use graylane::compile::{LANGUAGE, size_advice};
use graylane::policy::Policy;
use serde_json::{Value as Json, json};

use super::Written;
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
    /// The policy that is in the file, and the documents that it was made of.
    last: Option<(Json, BTreeMap<String, Value>)>,
}

impl Ecds {
    /// A file of this path.
    pub fn new(path: PathBuf, mode: Option<u32>, filter: Filter, keys: Keys, author: String) -> Self {
        Ecds { path, mode, filter, keys, author, last: None }
    }

    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The documents that the file was made of; where somebody else made it, those that it can be made of, which bear no versions.
    pub(super) fn held(&mut self) -> Result<Held> {
        let last = self.last.take();
        self.last = self.policy()?.map(|policy| match last {
            Some((known, values)) if known == policy => (policy, values),
            _ => (policy.clone(), documents(policy, &self.author)),
        });
        let values = self.last.as_ref().map(|(_, values)| values.clone()).unwrap_or_default();
        Ok(Held { values, secrets: Some(self.keys.secrets().clone()), ..Held::default() })
    }

    fn policy(&self) -> Result<Option<Json>> {
        let name = || format!("cannot read {}", self.path.display());
        let text = match std::fs::read(&self.path) {
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.with_context(name)?,
        };
        let text: Json = serde_json::from_slice(&text).with_context(name)?;
        match Filter::policy(&text) {
            Some(policy) => Ok(Some(policy)),
            None => bail!("{} has no filter of graylane in it; it is not written over", self.path.display()),
        }
    }

    pub(super) fn write(
        &mut self,
        mut held: Held,
        drafts: &[(Draft, Past)],
        policy: &Policy,
    ) -> Result<Written> {
        for (draft, _) in drafts {
            held.values.insert(draft.key.clone(), Value { revision: 0, bytes: draft.value.clone() });
        }
        let last = self.last.take().map(|(policy, _)| policy);
        let version = last.as_ref().and_then(|policy| policy.get("version")?.as_u64()).unwrap_or_default();
        let of_version = |version| json!(Policy { version, ..policy.clone() });
        if let Some(last) = last.filter(|last| *last == of_version(version)) {
            self.last = Some((last, held.values));
            return Ok(Written::Same);
        }
        let version = version.saturating_add(1);
        let policy = of_version(version);
        let size = policy.to_string().len();
        let text = self.filter.discovery_response(&self.keys, &policy);
        let mode = self.mode.unwrap_or(Filter::mode(&self.keys));
        place(&self.path, &format!("{text:#}\n"), Existing::Replaced, Some(mode))?;
        self.last = Some((policy, held.values));
        let advice = size_advice(size).map(|advice| format!("; warning: {advice}")).unwrap_or_default();
        Ok(Written::Done(format!("version {version} of the policy{advice}")))
    }
}

/// The documents of a policy: its settings, and each release.
fn documents(mut policy: Json, author: &str) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    let mut add = |key: String, member: &str, content: Json| {
        let document = json!({"language": LANGUAGE, "author": author, member: content});
        values.insert(key, Value { revision: 0, bytes: document.to_string().into_bytes() });
    };
    let Some(map) = policy.as_object_mut() else { return values };
    let releases = map.remove("releases");
    map.remove("language");
    map.remove("version");
    for release in releases
        .and_then(|list| if let Json::Array(list) = list { Some(list) } else { None })
        .unwrap_or_default()
    {
        let name = release.get("name").and_then(Json::as_str).unwrap_or_default();
        add(format!("releases/{name}"), "release", release.clone());
    }
    if !map.is_empty() {
        add("settings".to_owned(), "settings", policy);
    }
    values
}
