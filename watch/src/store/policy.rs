//! What is in force, as one policy: for tools that say what a change does.

use std::borrow::Cow;

use graylane::policy::Policy;

use super::settle::dialled;
use super::slot::Slot;
use super::{Store, no_settings};

impl Store {
    /// What is in force as one policy: the settings, and each release as its dial has it, by their names.
    pub fn policy(&self) -> Policy {
        let settings = self.settings.good().map_or_else(no_settings, |settings| settings.policy.clone());
        let releases = self.releases.iter().filter_map(|(name, slot)| {
            let release = slot.good()?;
            let dial = self.dials.get(name).and_then(Slot::good);
            Some(dialled(release, dial).map_or_else(|_| release.clone(), Cow::into_owned))
        });
        Policy { releases: releases.collect(), ..settings }
    }
}
