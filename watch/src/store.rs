//! The documents below the prefix, and the plan of the last good one of each.
//!
//! What cannot be in force waits: a release for the place that another still holds, or for a layer that the settings do not
//! have yet; a dial for its release. With every change that may help it is tried again.

mod fault;
mod slot;

use std::collections::{BTreeMap, BTreeSet};

use graylane::compile::LANGUAGE;
use graylane::compile::live::Live;
use graylane::error::PolicyErrors;
use graylane::policy::{Map, Policy, Release};
use graylane_document::{Content, Dial, Document, Key, Keyring, Stamp, open};

pub use fault::{Fault, Reason};
use slot::Slot;

use crate::etcd::Change;

/// As often what waits is tried again after a change.
const ROUNDS: usize = 8;

/// The documents, and what is in force of them.
#[derive(Debug)]
pub struct Store {
    keyring: Option<Keyring>,
    keys: Map<String>,
    settings: Slot<Policy>,
    releases: BTreeMap<String, Slot<Release>>,
    dials: BTreeMap<String, Slot<Dial>>,
    /// Keys that are no document's.
    strange: BTreeSet<String>,
    /// The document that says what is in force for all releases; empty for none.
    document: Vec<u8>,
    live: Live,
    faults: Vec<Fault>,
}

impl Store {
    /// A store of nothing, in which these keys count.
    ///
    /// # Errors
    /// What is wrong with the secrets.
    pub fn new(keyring: Option<Keyring>, keys: Map<String>) -> Result<Self, PolicyErrors> {
        let live = Live::under(&no_settings(), &keys)?;
        Ok(Store {
            keyring,
            keys,
            settings: Slot::default(),
            releases: BTreeMap::new(),
            dials: BTreeMap::new(),
            strange: BTreeSet::new(),
            document: Vec::new(),
            live,
            faults: Vec::new(),
        })
    }

    /// The plan, to be written where it changed, and what it is made under: the document of the settings, and the secrets.
    pub fn live_under_settings(&mut self) -> (&mut Live, (&[u8], &Map<String>)) {
        (&mut self.live, (&self.document, &self.keys))
    }

    /// How many releases are in force.
    pub fn releases(&self) -> usize {
        self.live.names().len()
    }

    /// How many documents are not in force as they stand in the store.
    pub fn faulty(&self) -> usize {
        let releases = self.releases.values().filter(|slot| slot.is_faulty()).count();
        let dials = self.dials.values().filter(|slot| slot.is_faulty()).count();
        releases + dials + usize::from(self.settings.is_faulty()) + self.strange.len()
    }

    /// Takes over everything there is: what is not in it is gone. Returns what was refused.
    ///
    /// An empty list takes nothing away, nor does one of `another_history`: whoever lost data did not mean it.
    pub fn list(&mut self, mut values: Vec<Change>, is_another_history: bool) -> Vec<Fault> {
        self.strange.clear();
        let mut gone: BTreeSet<String> = self.keys_in_force().collect();
        for value in &values {
            gone.remove(&value.key);
        }
        if values.is_empty() && !gone.is_empty() {
            let help = "all keys are gone at once; what was in force stays: delete releases one by one";
            self.faults.push(Fault::about("", Reason::Empty, help));
        } else if is_another_history {
            values.retain(|value| self.survives(value));
            for key in gone {
                self.forgotten(&key);
            }
        } else {
            values.extend(gone.into_iter().map(|key| Change { key, value: None }));
        }
        self.change(values)
    }

    /// Whether a document of another history may be looked at: nothing is in force below its key, or versions tell which of the
    /// two is newer.
    fn survives(&mut self, found: &Change) -> bool {
        let Some(served) = self.served(&found.key) else { return true };
        let value = found.value.as_deref().unwrap_or_default();
        let Ok(document) = open(&found.key, value, self.keyring.as_ref()) else { return true };
        let survives = document.stamp.version > 0 || document.stamp == served;
        if !survives {
            self.forgotten(&found.key);
        }
        survives
    }

    fn forgotten(&mut self, key: &str) {
        let help =
            "the store is an older one and does not have it; what was in force stays: publish it again";
        let fault = Fault::about(key, Reason::History, help);
        self.refuse(key, fault.reason, fault.errors);
    }

    fn served(&self, key: &str) -> Option<Stamp> {
        match Key::parse(key)? {
            Key::Settings => self.settings.served(),
            Key::Release(name) => self.releases.get(name)?.served(),
            Key::Dial(name) => self.dials.get(name)?.served(),
        }
    }

    /// Takes over what changed. Returns what was refused.
    pub fn change(&mut self, changes: Vec<Change>) -> Vec<Fault> {
        let mut touched = BTreeSet::new();
        // In one change the settings come first, whatever their key.
        let (settings, others): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|change| change.key == "settings");
        for change in settings.into_iter().chain(others) {
            match change.value {
                Some(value) => self.put(&change.key, &value, &mut touched),
                None => self.delete(&change.key, &mut touched),
            }
        }
        for round in 0..ROUNDS {
            let is_progress = self.settle(&touched);
            if !self.live.changed().index || round > 0 && !is_progress {
                break;
            }
            touched = self.waiting();
        }
        std::mem::take(&mut self.faults)
    }

    fn put(&mut self, key: &str, value: &[u8], touched: &mut BTreeSet<String>) {
        match Key::parse(key) {
            Some(Key::Settings) => self.settings.forgive(),
            Some(Key::Release(name)) => self.releases.entry(name.to_owned()).or_default().forgive(),
            Some(Key::Dial(name)) => self.dials.entry(name.to_owned()).or_default().forgive(),
            None => {}
        }
        let opened = open(key, value, self.keyring.as_ref()).and_then(|document| {
            document.follows(self.served(key).as_ref())?;
            Ok(document)
        });
        let Document { stamp, content, json, .. } = match opened {
            Ok(document) => document,
            Err(refusal) => return self.refuse(key, Reason::Document(refusal.reason), refusal.errors),
        };
        match content {
            Content::Settings(policy) => self.put_settings(stamp, *policy, json),
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

    /// A key is gone. Where documents are signed this says nothing: whoever may delete need not be one who may sign.
    fn delete(&mut self, key: &str, touched: &mut BTreeSet<String>) {
        self.strange.remove(key);
        let Some(parsed) = Key::parse(key) else { return };
        if self.keyring.is_some() {
            if self.keys_in_force().any(|known| known == key) {
                let help =
                    "the key is gone, which nobody has signed; what was in force stays: publish a removal";
                let fault = Fault::about(key, Reason::Deleted, help);
                self.refuse(key, fault.reason, fault.errors);
            }
            return;
        }
        match parsed {
            Key::Settings => {
                self.settings.withdraw();
                self.settings.accept_offer();
                match self.under(&no_settings()) {
                    Ok(live) => (self.live, self.document) = (live, Vec::new()),
                    Err(fault) => self.refuse("settings", fault.reason, fault.errors),
                }
            }
            Key::Release(name) => {
                if let Some(slot) = self.releases.get_mut(name) {
                    slot.withdraw();
                    touched.insert(name.to_owned());
                }
            }
            Key::Dial(name) => {
                if let Some(slot) = self.dials.get_mut(name) {
                    slot.withdraw();
                    touched.insert(name.to_owned());
                }
            }
        }
    }

    fn put_settings(&mut self, stamp: Stamp, policy: Policy, json: Vec<u8>) {
        if self.settings.good() == Some(&policy) {
            return self.settings.accept(stamp, policy);
        }
        match self.under(&policy) {
            Ok(live) => {
                self.live = live;
                self.document = json;
                self.settings.accept(stamp, policy);
            }
            Err(fault) => self.refuse("settings", fault.reason, fault.errors),
        }
    }

    /// A plan of all releases in force, under other settings.
    fn under(&self, policy: &Policy) -> Result<Live, Fault> {
        let fault = |errors| Fault { key: "settings".to_owned(), reason: Reason::POLICY, errors };
        let mut live = Live::under(policy, &self.keys).map_err(fault)?;
        for (name, slot) in &self.releases {
            let Some(release) = slot.good() else { continue };
            let dial = self.dials.get(name).and_then(Slot::good);
            stage(&mut live, release, dial)
                .map_err(|errors| fault(errors.below(&format!("releases/{name}"))))?;
        }
        match live.commit().pop() {
            Some((name, errors)) => Err(fault(errors.below(&format!("releases/{name}")))),
            None => Ok(live),
        }
    }

    /// Tries what is offered for these releases; whether another try of what waits may help.
    fn settle(&mut self, touched: &BTreeSet<String>) -> bool {
        let mut staged = BTreeMap::new();
        for name in touched {
            if let Some(won) = self.stage(name) {
                staged.insert(name.clone(), won);
            }
        }
        for (name, errors) in self.live.commit() {
            staged.remove(&name);
            self.refuse(&format!("releases/{name}"), Reason::Conflict, errors);
        }
        let is_progress = !staged.is_empty();
        for (name, (release, dial)) in staged {
            if release && let Some(slot) = self.releases.get_mut(&name) {
                slot.accept_offer();
            }
            if dial && let Some(slot) = self.dials.get_mut(&name) {
                slot.accept_offer();
            }
        }
        is_progress
    }

    /// Stages a release with its dial: as offered, or as much of that as is good. Returns whether the release and whether the
    /// dial is the offered one.
    fn stage(&mut self, name: &str) -> Option<(bool, bool)> {
        let (mut no_release, mut no_dial) = (Slot::default(), Slot::default());
        let release = self.releases.get_mut(name).unwrap_or(&mut no_release);
        let dial = self.dials.get_mut(name).unwrap_or(&mut no_dial);
        if release.is_withdrawn() {
            self.live.stage_removal(name);
            return Some((true, false));
        }
        let (new, old) = (release.offered(), release.good());
        let is_dial_gone = dial.is_withdrawn();
        let (new_dial, old_dial) = (dial.offered(), dial.good().filter(|_| !is_dial_gone));
        // Without a release a dial waits, and that is no fault.
        let best = new.or(old)?;
        let Err(errors) = stage(&mut self.live, best, new_dial.or(old_dial)) else {
            return Some((new.is_some(), new_dial.is_some() || is_dial_gone));
        };
        let by_itself = stage(&mut self.live, best, None);
        let (won, key, errors) = match (by_itself, new) {
            // The release alone is good, so the dial is at fault; the one before may be good.
            (Ok(()), _) => {
                if new_dial.is_some() {
                    let _ = stage(&mut self.live, best, old_dial);
                }
                (Some((new.is_some(), false)), format!("dials/{name}"), errors)
            }
            (Err(errors), Some(_)) => {
                let is_dial =
                    new_dial.is_some() && old.is_some_and(|old| stage(&mut self.live, old, new_dial).is_ok());
                (is_dial.then_some((false, true)), format!("releases/{name}"), errors)
            }
            (Err(errors), None) => (None, format!("releases/{name}"), errors),
        };
        self.refuse(&key, Reason::POLICY, errors);
        won
    }

    /// The releases of which something waits.
    fn waiting(&self) -> BTreeSet<String> {
        let releases =
            self.releases.iter().filter(|(_, slot)| slot.offered().is_some()).map(|(name, _)| name);
        let dials = self.dials.iter().filter(|(_, slot)| slot.offered().is_some()).map(|(name, _)| name);
        releases.chain(dials).cloned().collect()
    }

    fn refuse(&mut self, key: &str, reason: Reason, errors: PolicyErrors) {
        let is_news = match Key::parse(key) {
            Some(Key::Settings) => self.settings.blame(reason),
            Some(Key::Release(name)) => self.releases.entry(name.to_owned()).or_default().blame(reason),
            Some(Key::Dial(name)) => self.dials.entry(name.to_owned()).or_default().blame(reason),
            None => self.strange.insert(key.to_owned()),
        };
        if is_news {
            self.faults.push(Fault { key: key.to_owned(), reason, errors });
        }
    }

    fn keys_in_force(&self) -> impl Iterator<Item = String> {
        let settings = self.settings.good().map(|_| "settings".to_owned());
        let releases = self.releases.iter().filter(|(_, slot)| slot.good().is_some());
        let dials = self.dials.iter().filter(|(_, slot)| slot.good().is_some() || slot.offered().is_some());
        settings
            .into_iter()
            .chain(releases.map(|(name, _)| format!("releases/{name}")))
            .chain(dials.map(|(name, _)| format!("dials/{name}")))
    }
}

/// What is said for all releases where nobody says anything.
fn no_settings() -> Policy {
    Policy { language: Some(LANGUAGE), ..Policy::default() }
}

/// Compiles a release with its dial.
fn stage(live: &mut Live, release: &Release, dial: Option<&Dial>) -> Result<(), PolicyErrors> {
    let Some(dial) = dial else { return live.stage(release) };
    let mut release = release.clone();
    dial.apply(&mut release)?;
    live.stage(&release)
}
