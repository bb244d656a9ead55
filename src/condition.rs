//! Conditions: tests of a request that a rule asks for. All tests of a condition must hold.
//!
//! A test is a subject (what of the request is looked at) and an operator over its text. Tests of one segment
//! stand in one list; a rule owns a run of it.

use crate::arena::{Arena, Span, Text};
use crate::facts::Facts;

/// One test.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Test {
    pub(crate) subject: Subject,
    pub(crate) operator: Operator,
}

/// What of the request is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject {
    /// The first value of a header.
    Header(Text),
    /// A cookie.
    Cookie(Text),
    /// A query parameter.
    Query(Text),
    /// A pair of the traffic label, if the label is believed.
    Label(Text),
    /// The path without its query.
    Path,
}

/// What must hold of the text that was found. Bytes are compared as they are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operator {
    Exact(Text),
    Prefix(Text),
    /// Equal to one of a set; the words are sorted.
    In(Span),
    Present,
    Absent,
}

/// Whether all `tests` hold; their texts are in `arena`.
pub(crate) fn holds(arena: &Arena, tests: &[Test], facts: &Facts<'_>) -> bool {
    tests.iter().all(|test| test.operator.accepts(arena, test.subject.find(arena, facts)))
}

impl Subject {
    fn find<'f>(self, arena: &Arena, facts: &'f Facts<'_>) -> Option<&'f [u8]> {
        match self {
            Subject::Header(name) => facts.header(arena.text(name)),
            Subject::Cookie(name) => facts.cookie(arena.text(name)),
            Subject::Query(name) => facts.query(arena.text(name)),
            Subject::Label(key) => facts.label().get(arena.text(key)),
            Subject::Path => Some(facts.path()),
        }
    }
}

impl Operator {
    fn accepts(self, arena: &Arena, found: Option<&[u8]>) -> bool {
        let Some(found) = found else { return matches!(self, Operator::Absent) };
        match self {
            Operator::Exact(text) => found == arena.text(text),
            Operator::Prefix(text) => found.starts_with(arena.text(text)),
            Operator::In(words) => arena.has_word(words, found),
            Operator::Present => true,
            Operator::Absent => false,
        }
    }
}
