//! The documents below the prefix, and the plan of the last good one of each.
//!
//! What cannot be in force waits: a release for the place that another still holds, or for a layer that the settings do not
//! have yet; a dial for its release; settings for a release that does not fit them. With every change that may help it is
//! tried again.
//!
//! What a store has lost, by an older backup or altogether, stays in force until something else is put below its key: a list
//! of what is left says nothing about it.

mod fault;
mod list;
mod opened;
mod policy;
mod settle;
mod slot;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use graylane::compile::LANGUAGE;
use graylane::compile::live::Live;
use graylane::error::PolicyErrors;
use graylane::policy::{Map, Policy, Release, Stale};
use graylane_document::{Content, Dial, Document, Key, Refusal, Stamp};

pub use fault::{Fault, Reason};
pub use opened::Opened;
use slot::{Place, Slot};

/// As often what waits is tried again after a change.
const ROUNDS: usize = 8;

/// The documents, and what is in force of them.
#[derive(Debug)]
pub struct Store {
    is_signed: bool,
    keys: Map<String>,
    settings: Slot<Settings>,
    releases: BTreeMap<String, Slot<Release>>,
    dials: BTreeMap<String, Slot<Dial>>,
    /// Keys that are no document's.
    strange: BTreeSet<String>,
    /// Keys of documents that are at fault; during a change also of those that were.
    faulty: BTreeSet<String>,
    /// The document that says what is in force for all releases; empty for none.
    document: Vec<u8>,
    live: Live,
    faults: Vec<Fault>,
}

/// The settings, and the document that says them.
#[derive(Debug, Clone, Default)]
struct Settings {
    policy: Policy,
    json: Vec<u8>,
}

impl Store {
    /// A store of nothing, under these secrets; `is_signed` where documents count that are signed alone.
    ///
    /// # Errors
    /// What is wrong with the secrets.
    pub fn new(is_signed: bool, keys: Map<String>) -> Result<Self, PolicyErrors> {
        let live = Live::under(&no_settings(), &keys)?;
        Ok(Store {
            is_signed,
            keys,
            settings: Slot::default(),
            releases: BTreeMap::new(),
            dials: BTreeMap::new(),
            strange: BTreeSet::new(),
            faulty: BTreeSet::new(),
            document: Vec::new(),
            live,
            faults: Vec::new(),
        })
    }

    /// The plan, to be written where it changed, and what it is made under: the document of the settings, and the secrets.
    pub fn live_under_settings(&mut self) -> (&mut Live, (&[u8], &Map<String>)) {
        (&mut self.live, (&self.document, &self.keys))
    }

    /// How long the source may be silent, as the settings in force say.
    pub fn stale(&self) -> Option<&Stale> {
        self.settings.good()?.policy.stale.as_ref()
    }

    /// How many releases are in force.
    pub fn releases(&self) -> usize {
        self.live.names().len()
    }

    /// How many documents are not in force as they stand in the store.
    pub fn faulty(&self) -> usize {
        self.strange.len() + self.faulty.len()
    }

    /// What stands below a key, if something ever did.
    fn place(&self, key: &str) -> Option<&dyn Place> {
        Some(match Key::parse(key)? {
            Key::Settings => &self.settings,
            Key::Release(name) => self.releases.get(name)?,
            Key::Dial(name) => self.dials.get(name)?,
        })
    }

    /// What stands below a key; `None` where nothing may.
    fn place_mut(&mut self, key: &str) -> Option<&mut dyn Place> {
        Some(match Key::parse(key)? {
            Key::Settings => &mut self.settings,
            Key::Release(name) => self.releases.entry(name.to_owned()).or_default(),
            Key::Dial(name) => self.dials.entry(name.to_owned()).or_default(),
        })
    }

    /// All there are, by their keys.
    fn places(&self) -> impl Iterator<Item = (String, &dyn Place)> {
        let settings: (_, &dyn Place) = ("settings".to_owned(), &self.settings);
        let releases = self.releases.iter().map(|(name, slot)| (format!("releases/{name}"), slot as _));
        let dials = self.dials.iter().map(|(name, slot)| (format!("dials/{name}"), slot as _));
        [settings].into_iter().chain(releases).chain(dials)
    }

    /// Takes over what changed. Returns what was refused.
    pub fn change(&mut self, documents: Vec<Opened>) -> Vec<Fault> {
        let mut touched = BTreeSet::new();
        // In one change the settings come first, whatever their key.
        let (settings, others): (Vec<_>, Vec<_>) =
            documents.into_iter().partition(|opened| opened.key == "settings");
        for Opened { key, document } in settings.into_iter().chain(others) {
            match document {
                Some(document) => self.put(&key, document, &mut touched),
                None => self.delete(&key, &mut touched),
            }
        }
        self.settle_settings();
        for round in 0..ROUNDS {
            let is_progress = self.settle(&touched);
            let has_settings = is_progress && self.settle_settings();
            if !has_settings && (!self.live.changed().index || round > 0 && !is_progress) {
                break;
            }
            touched = self.waiting();
        }
        let mut faulty = std::mem::take(&mut self.faulty);
        faulty.retain(|key| self.place(key).is_some_and(|place| place.fault().is_some()));
        self.faulty = faulty;
        std::mem::take(&mut self.faults)
    }

    fn put(&mut self, key: &str, document: Result<Document, Refusal>, touched: &mut BTreeSet<String>) {
        if let Some(place) = self.place_mut(key) {
            place.forgive();
        }
        let document = document.and_then(|document| {
            document.follows(self.place(key).and_then(Place::served).as_ref())?;
            Ok(document)
        });
        let Document { stamp, content, json, .. } = match document {
            Ok(document) => document,
            Err(Refusal { reason, errors, version }) => {
                return self.refuse(key, Reason::Document(reason), errors, version);
            }
        };
        match content {
            Content::Settings(policy) => self.settings.offer(stamp, Some(Settings { policy: *policy, json })),
            Content::Release(release) => {
                let name = release.name.clone().unwrap_or_default();
                self.releases.entry(name.clone()).or_default().offer(stamp, Some(*release));
                touched.insert(name);
            }
            Content::Removed(name) => {
                self.releases.entry(name.clone()).or_default().offer(stamp, None);
                touched.insert(name);
            }
            Content::Dial(dial) => {
                let name = dial.release.clone().unwrap_or_default();
                self.dials.entry(name.clone()).or_default().offer(stamp, Some(dial));
                touched.insert(name);
            }
        }
    }

    /// A key is gone. Where documents are signed this says nothing about what is in force: whoever may delete need not be one who
    /// may sign. What waited there is gone in any case.
    fn delete(&mut self, key: &str, touched: &mut BTreeSet<String>) {
        self.strange.remove(key);
        let (Some(parsed), is_signed) = (Key::parse(key), self.is_signed) else { return };
        let Some(place) = self.place_mut(key) else { return };
        if is_signed {
            if !place.is_in_force() {
                return place.forgive();
            }
            if self.keep(key, Reason::Deleted, None) {
                let help =
                    "the key is gone, which nobody has signed; what was in force stays: publish a removal";
                self.faults.push(Fault::about(key, Reason::Deleted, help));
            }
            return;
        }
        place.withdraw();
        if let Key::Release(name) | Key::Dial(name) = parsed {
            touched.insert(name.to_owned());
        }
    }

    /// What is in force below a key stays, see [`Place::keep`].
    fn keep(&mut self, key: &str, reason: Reason, stale: Option<Stamp>) -> bool {
        self.faulty.insert(key.to_owned());
        self.place_mut(key).is_some_and(|place| place.keep(reason, stale))
    }

    /// What is offered cannot be in force, or what is cannot any more.
    fn refuse_offer(&mut self, key: &str, reason: Reason, errors: PolicyErrors) {
        let version = self.place(key).map_or(0, Place::offered_version);
        self.refuse(key, reason, errors, version);
    }

    /// A document of this version is not in force.
    fn refuse(&mut self, key: &str, reason: Reason, errors: PolicyErrors, version: u64) {
        let is_news = match self.place_mut(key) {
            Some(place) => {
                let is_news = place.blame(reason);
                self.faulty.insert(key.to_owned());
                is_news
            }
            None => self.strange.insert(key.to_owned()),
        };
        if is_news {
            self.faults.push(Fault { key: key.to_owned(), reason, errors, version });
        }
    }
}

/// What is said for all releases where nobody says anything.
fn no_settings() -> Policy {
    Policy { language: Some(LANGUAGE), ..Policy::default() }
}
