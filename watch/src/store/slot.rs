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
        Slot { served: None, good: None, offer: None, fault: None }
    }
}

impl<T> Slot<T> {
    /// What tells the document in force, or the last one that was.
    pub(super) fn served(&self) -> Option<Stamp> {
        self.served
    }

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

    /// Whether what stands below the key is not what is in force.
    pub(super) fn is_faulty(&self) -> bool {
        self.fault.is_some()
    }

    /// A document came, or a signed removal.
    pub(super) fn offer(&mut self, stamp: Stamp, document: Option<T>) {
        self.offer = Some(match document {
            Some(document) => Offer::Document(stamp, document),
            None => Offer::Nothing(Some(stamp)),
        });
    }

    /// The key is gone.
    pub(super) fn withdraw(&mut self) {
        self.offer = Some(Offer::Nothing(None));
        self.fault = None;
    }

    /// This document is in force.
    pub(super) fn accept(&mut self, stamp: Stamp, document: T) {
        (self.served, self.good, self.offer, self.fault) = (Some(stamp), Some(document), None, None);
    }

    /// What was offered is in force.
    pub(super) fn accept_offer(&mut self) {
        match self.offer.take() {
            Some(Offer::Document(stamp, document)) => self.accept(stamp, document),
            Some(Offer::Nothing(stamp)) => {
                (self.served, self.good, self.fault) = (stamp.or(self.served), None, None);
            }
            None => {}
        }
    }

    /// Another value came: what was wrong with the last one is past.
    pub(super) fn forgive(&mut self) {
        (self.offer, self.fault) = (None, None);
    }

    /// What came is not in force, for this reason. Returns whether that is news.
    pub(super) fn blame(&mut self, reason: Reason) -> bool {
        self.fault.replace(reason) != Some(reason)
    }
}
