//! What is in force, as one policy: for tools that say what a change does.

use graylane::policy::{Policy, Release};

use super::slot::Slot;
use super::{Store, no_settings};

impl Store {
    /// What is in force as one policy: the settings, and each release as its dial has it, by their names.
    pub fn policy(&self) -> Policy {
        let settings = self.settings.good().map_or_else(no_settings, |settings| settings.policy.clone());
        let releases = self.releases.iter().filter_map(|(name, slot)| {
            let release = slot.good()?;
            Some(self.dialled(name, release).unwrap_or_else(|| release.clone()))
        });
        Policy { releases: releases.collect(), ..settings }
    }

    fn dialled(&self, name: &str, release: &Release) -> Option<Release> {
        let dial = self.dials.get(name).and_then(Slot::good)?;
        let mut dialled = release.clone();
        dial.apply(&mut dialled).ok()?;
        Some(dialled)
    }
}
