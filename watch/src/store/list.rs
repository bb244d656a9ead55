//! A list of everything: what is gone, and what an older store does not know.

use std::collections::BTreeSet;

use graylane_document::{Document, Stamp};

use super::{Fault, Opened, Reason, Store};

impl Store {
    /// Takes over everything there is: what is not in it is gone. Returns what was refused.
    ///
    /// An empty list takes nothing away, nor does one of `another_history`: whoever lost data did not mean it.
    pub fn list(&mut self, mut documents: Vec<Opened>, is_another_history: bool) -> Vec<Fault> {
        self.strange.clear();
        let is_empty = documents.is_empty();
        let found: BTreeSet<&str> = documents.iter().map(|opened| opened.key.as_str()).collect();
        let gone: Vec<String> = self
            .places()
            .filter(|(key, place)| place.is_taken() && !found.contains(key.as_str()))
            .map(|(key, _)| key)
            .collect();
        documents.retain(|opened| !self.is_stale(opened, is_another_history));
        for key in gone {
            let Some(place) = self.place_mut(&key) else { continue };
            let is_lost = matches!(place.fault(), Some(Reason::Empty | Reason::History));
            match (place.is_in_force(), is_empty, is_another_history) {
                (true, true, _) => {
                    self.keep(&key, Reason::Empty, None);
                }
                (true, false, true) => self.keep_lost(&key, None),
                (true, false, false) if is_lost => {}
                _ => documents.push(Opened { key, document: None }),
            }
        }
        if is_empty && self.places().any(|(_, place)| place.is_in_force()) {
            let help = "all keys are gone at once; what was in force stays: delete releases one by one";
            self.faults.push(Fault::about("", Reason::Empty, help));
        }
        self.change(documents)
    }

    /// Whether what a list has below a key is older than what this process had, or may be: then it counts for nothing, until
    /// it is put.
    fn is_stale(&mut self, found: &Opened, is_another_history: bool) -> bool {
        let Some(place) = self.place(&found.key) else { return false };
        let (in_force, known) = (place.is_in_force(), place.stale());
        let Some(served) = place.served() else { return false };
        let Some(Ok(Document { stamp, .. })) = found.document else { return false };
        let is_stale = if is_another_history {
            // Elsewhere versions tell which of the two is newer.
            stamp.version == 0 && stamp != served || !in_force && stamp == served
        } else {
            known == Some(stamp)
        };
        if is_stale {
            self.keep_lost(&found.key, Some(stamp));
        }
        is_stale
    }

    /// What is in force below a key stays: the store is an older one.
    fn keep_lost(&mut self, key: &str, stale: Option<Stamp>) {
        let help =
            "the store is an older one and does not have what was here last; that stays: publish it again";
        if self.keep(key, Reason::History, stale) {
            self.faults.push(Fault::about(key, Reason::History, help));
        }
    }
}
