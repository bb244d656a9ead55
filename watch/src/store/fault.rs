//! Why a document is not in force.

use std::fmt;

use graylane::error::{Path, PolicyErrors, Problem};
use graylane_document as document;

/// Why a document is not in force, in a word for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It is refused by itself.
    Document(document::Reason),
    /// `conflict`: it cannot stand beside another release.
    Conflict,
    /// `deleted`: its key is gone, and no signature says that it should be.
    Deleted,
    /// `empty`: all keys are gone at once.
    Empty,
    /// `history`: the store was restored from a backup and has forgotten it.
    History,
}

impl Reason {
    /// `policy`: what is written in it is not as it should be.
    pub const POLICY: Reason = Reason::Document(document::Reason::Policy);

    /// All of them.
    pub fn all() -> impl Iterator<Item = Reason> {
        let others = [Reason::Conflict, Reason::Deleted, Reason::Empty, Reason::History];
        document::Reason::ALL.into_iter().map(Reason::Document).chain(others)
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Document(reason) => reason.as_str(),
            Reason::Conflict => "conflict",
            Reason::Deleted => "deleted",
            Reason::Empty => "empty",
            Reason::History => "history",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A document that is not in force.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Its key, without the prefix; empty for all of them.
    pub key: String,
    /// Why.
    pub reason: Reason,
    /// Every mistake.
    pub errors: PolicyErrors,
    /// The version of the document; 0 where it is not known or has none.
    pub version: u64,
}

impl Fault {
    /// A fault that is not one of what is written, and what helps.
    pub(super) fn about(key: &str, reason: Reason, help: &str) -> Self {
        let mut errors = PolicyErrors::default();
        errors.add(&Path::Root, Problem::NotFound, "", help);
        Fault { key: key.to_owned(), reason, errors, version: 0 }
    }
}
