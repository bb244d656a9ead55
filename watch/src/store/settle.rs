//! What is offered, as far as it can be in force.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use graylane::compile::live::Live;
use graylane::error::PolicyErrors;
use graylane::policy::{Policy, Release};
use graylane_document::Dial;

use super::slot::Slot;
use super::{Fault, Reason, Settings, Store, no_settings};

/// What of a release is staged.
#[derive(Debug, Clone, Copy, Default)]
struct Staged {
    /// The release that is offered.
    release: bool,
    /// The dial that is offered.
    dial: bool,
    /// No dial: the one in force does not fit any more.
    misfit: bool,
}

impl Store {
    /// Tries the settings that are offered; whether they are in force now.
    pub(super) fn settle_settings(&mut self) -> bool {
        let none = Settings { policy: no_settings(), json: Vec::new() };
        let new = match self.settings.offered() {
            Some(offered) => offered,
            None if self.settings.is_withdrawn() => &none,
            None => return false,
        };
        if self.settings.good().is_some_and(|good| good.policy == new.policy) {
            self.settings.accept_offer();
            return false;
        }
        match self.under(&new.policy) {
            Ok(live) => {
                (self.live, self.document) = (live, new.json.clone());
                self.settings.accept_offer();
                true
            }
            Err(fault) => {
                self.refuse_offer("settings", fault.reason, fault.errors);
                false
            }
        }
    }

    /// A plan of all releases in force, under other settings.
    fn under(&self, policy: &Policy) -> Result<Live, Fault> {
        let fault = |errors| Fault { key: "settings".to_owned(), reason: Reason::POLICY, errors, version: 0 };
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
    pub(super) fn settle(&mut self, touched: &BTreeSet<String>) -> bool {
        let mut staged = BTreeMap::new();
        for name in touched {
            if let Some(won) = self.stage(name) {
                staged.insert(name.clone(), won);
            }
        }
        for (name, errors) in self.live.commit() {
            staged.remove(&name);
            self.refuse_offer(&format!("releases/{name}"), Reason::Conflict, errors);
        }
        let is_progress = !staged.is_empty();
        for (name, won) in staged {
            if won.release
                && let Some(slot) = self.releases.get_mut(&name)
            {
                slot.accept_offer();
            }
            let Some(slot) = self.dials.get_mut(&name) else { continue };
            if won.dial {
                slot.accept_offer();
            }
            if won.misfit {
                slot.wait_again();
            }
        }
        is_progress
    }

    /// Stages a release with its dial: as offered, or as much of that as is good.
    fn stage(&mut self, name: &str) -> Option<Staged> {
        let (mut no_release, mut no_dial) = (Slot::default(), Slot::default());
        let release = self.releases.get_mut(name).unwrap_or(&mut no_release);
        let dial = self.dials.get_mut(name).unwrap_or(&mut no_dial);
        if release.is_withdrawn() {
            self.live.stage_removal(name);
            return Some(Staged { release: true, ..Staged::default() });
        }
        let (new, old) = (release.offered(), release.good());
        let is_dial_gone = dial.is_withdrawn();
        let (new_dial, old_dial) = (dial.offered(), dial.good().filter(|_| !is_dial_gone));
        // Without a release a dial waits, and that is no fault.
        let best = new.or(old)?;
        let Err(errors) = stage(&mut self.live, best, new_dial.or(old_dial)) else {
            let dial = new_dial.is_some() || is_dial_gone;
            return Some(Staged { release: new.is_some(), dial, misfit: false });
        };
        let by_itself = stage(&mut self.live, best, None);
        let (won, key, errors) = match (by_itself, new) {
            // The release alone is good, so the dial is at fault; the one before may be good.
            (Ok(()), _) => {
                let before = old_dial.filter(|_| new_dial.is_some());
                let misfit = before.is_none_or(|before| stage(&mut self.live, best, Some(before)).is_err());
                (
                    Some(Staged { release: new.is_some(), dial: false, misfit }),
                    format!("dials/{name}"),
                    errors,
                )
            }
            (Err(errors), Some(_)) => {
                let is_dial =
                    new_dial.is_some() && old.is_some_and(|old| stage(&mut self.live, old, new_dial).is_ok());
                let won = Staged { dial: true, ..Staged::default() };
                (is_dial.then_some(won), format!("releases/{name}"), errors)
            }
            (Err(errors), None) => (None, format!("releases/{name}"), errors),
        };
        self.refuse_offer(&key, Reason::POLICY, errors);
        won
    }

    /// The releases of which something waits.
    pub(super) fn waiting(&self) -> BTreeSet<String> {
        let releases =
            self.releases.iter().filter(|(_, slot)| slot.offered().is_some()).map(|(name, _)| name);
        let dials = self.dials.iter().filter(|(_, slot)| slot.offered().is_some()).map(|(name, _)| name);
        releases.chain(dials).cloned().collect()
    }
}

/// Compiles a release with its dial.
fn stage(live: &mut Live, release: &Release, dial: Option<&Dial>) -> Result<(), PolicyErrors> {
    live.stage(&*dialled(release, dial)?)
}

/// A release as its dial has it.
pub(super) fn dialled<'r>(
    release: &'r Release,
    dial: Option<&Dial>,
) -> Result<Cow<'r, Release>, PolicyErrors> {
    let Some(dial) = dial else { return Ok(Cow::Borrowed(release)) };
    let mut release = release.clone();
    dial.apply(&mut release)?;
    Ok(Cow::Owned(release))
}
