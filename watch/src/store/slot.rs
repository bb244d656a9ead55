//! What stands below one key, and what of it is in force.

use graylane_document::Stamp;

use super::Reason;

/// The document of one key.
#[derive(Debug)]
pub(super) struct Slot<T> {
    /// Of the last document that was in force, also when it is gone.
    served: Option<Stamp>,
    good: Option<T>,
    offer: Option<Offer<T>>,
    fault: Option<Reason>,
    /// Of what a store that has lost data has here; it counts for nothing as long as it is only found there, and not put.
    stale: Option<Stamp>,
}

/// What is to be in force.
#[derive(Debug)]
enum Offer<T> {
    Document(Stamp, T),
    /// Nothing, with the stamp of a signed removal.
    Nothing(Option<Stamp>),
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Slot { served: None, good: None, offer: None, fault: None, stale: None }
    }
}

impl<T> Slot<T> {
    /// The document in force.
    pub(super) fn good(&self) -> Option<&T> {
        self.good.as_ref()
    }

    /// The document that is to be in force.
    pub(super) fn offered(&self) -> Option<&T> {
        match &self.offer {
            Some(Offer::Document(_, document)) => Some(document),
            _ => None,
        }
    }

    /// Whether nothing is to be in force.
    pub(super) fn is_withdrawn(&self) -> bool {
        matches!(self.offer, Some(Offer::Nothing(_)))
    }

    /// A document came, or a signed removal.
    pub(super) fn offer(&mut self, stamp: Stamp, document: Option<T>) {
        self.offer = Some(match document {
            Some(document) => Offer::Document(stamp, document),
            None => Offer::Nothing(Some(stamp)),
        });
    }

    /// What was offered is in force.
    pub(super) fn accept_offer(&mut self) {
        let (stamp, document) = match self.offer.take() {
            Some(Offer::Document(stamp, document)) => (Some(stamp), Some(document)),
            Some(Offer::Nothing(stamp)) => (stamp, None),
            None => return,
        };
        (self.served, self.good) = (stamp.or(self.served), document);
        (self.fault, self.stale) = (None, None);
    }

    /// What was in force cannot be any more: it waits, unless something newer does.
    pub(super) fn wait_again(&mut self) {
        if let (Some(stamp), Some(document)) = (self.served, self.good.take()) {
            self.offer.get_or_insert(Offer::Document(stamp, document));
        }
    }
}

/// A slot, whatever its document is.
pub(super) trait Place {
    /// What tells the document in force, or the last one that was.
    fn served(&self) -> Option<Stamp>;
    /// Whether a document is in force.
    fn is_in_force(&self) -> bool;
    /// Whether something is known to stand below the key.
    fn is_taken(&self) -> bool;
    /// Why what stands below the key is not what is in force.
    fn fault(&self) -> Option<Reason>;
    /// The version of what is to be in force, or is; 0 for none.
    fn offered_version(&self) -> u64;
    /// See the field.
    fn stale(&self) -> Option<Stamp>;
    /// The key is gone.
    fn withdraw(&mut self);
    /// Another value came: what was wrong with the last one is past.
    fn forgive(&mut self);
    /// What came is not in force, for this reason. Returns whether that is news.
    fn blame(&mut self, reason: Reason) -> bool;
    /// What is in force stays, though the store has lost it, or has what is `stale` in its place. Returns whether that is news.
    fn keep(&mut self, reason: Reason, stale: Option<Stamp>) -> bool;
}

impl<T> Place for Slot<T> {
    fn served(&self) -> Option<Stamp> {
        self.served
    }

    fn is_in_force(&self) -> bool {
        self.good.is_some()
    }

    fn is_taken(&self) -> bool {
        self.good.is_some() || self.offer.is_some() || self.fault.is_some()
    }

    fn fault(&self) -> Option<Reason> {
        self.fault
    }

    fn offered_version(&self) -> u64 {
        let stamp = match &self.offer {
            Some(Offer::Document(stamp, _)) => Some(*stamp),
            Some(Offer::Nothing(stamp)) => *stamp,
            None => self.served,
        };
        stamp.map_or(0, |stamp| stamp.version)
    }

    fn stale(&self) -> Option<Stamp> {
        self.stale
    }

    fn withdraw(&mut self) {
        self.forgive();
        self.offer = Some(Offer::Nothing(None));
    }

    fn forgive(&mut self) {
        (self.offer, self.fault, self.stale) = (None, None, None);
    }

    fn blame(&mut self, reason: Reason) -> bool {
        self.fault.replace(reason) != Some(reason)
    }

    fn keep(&mut self, reason: Reason, stale: Option<Stamp>) -> bool {
        (self.offer, self.stale) = (None, stale);
        self.blame(reason)
    }
}
