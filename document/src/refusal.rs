//! Why a value is refused.

use core::fmt;

use graylane::error::{Path, PolicyErrors, Problem};

/// Why a value is refused, in a word for metrics. The words are stable; new ones may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// `oversize`: it is larger than [`limits::VALUE`](crate::limits::VALUE).
    Oversize,
    /// `syntax`: it is no JSON, or nested too deeply.
    Syntax,
    /// `envelope`: it is an envelope, but not a good one.
    Envelope,
    /// `signature`: it is not signed, or by nobody in the keyring, or not as it stands here.
    Signature,
    /// `signer`: who signed it may not sign documents of this kind.
    Signer,
    /// `language`: it is written for a later language level than this one.
    Language,
    /// `policy`: what is written in it is not as it should be.
    Policy,
    /// `key`: it belongs below another key, or there is no such key.
    Key,
    /// `version`: one that is served is newer, or has the same version and says something else.
    Version,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 9] = [
        Reason::Oversize,
        Reason::Syntax,
        Reason::Envelope,
        Reason::Signature,
        Reason::Signer,
        Reason::Language,
        Reason::Policy,
        Reason::Key,
        Reason::Version,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Oversize => "oversize",
            Reason::Syntax => "syntax",
            Reason::Envelope => "envelope",
            Reason::Signature => "signature",
            Reason::Signer => "signer",
            Reason::Language => "language",
            Reason::Policy => "policy",
            Reason::Key => "key",
            Reason::Version => "version",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A value is refused: why, and every mistake in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// Every mistake, with paths from the root of the document, or of the envelope. Never empty.
    pub errors: PolicyErrors,
    /// The version that the document says it has; 0 where it says none, or nobody is known to have signed that.
    pub version: u64,
}

impl Refusal {
    /// A refusal for one mistake.
    pub fn new(
        reason: Reason,
        path: &Path<'_>,
        problem: Problem,
        value: impl fmt::Display,
        allowed: impl fmt::Display,
    ) -> Self {
        let mut errors = PolicyErrors::default();
        errors.add(path, problem, value, allowed);
        Refusal { reason, errors, version: 0 }
    }

    /// The refusal of a document that says it has this version.
    #[must_use]
    pub(crate) fn of(self, version: u64) -> Self {
        Refusal { version, ..self }
    }
}

impl fmt::Display for Refusal {
    /// The word, and one mistake a line.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.reason, self.errors)
    }
}

impl core::error::Error for Refusal {}
