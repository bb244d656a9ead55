//! Conditions: tests of a request that a rule asks for. All tests of a condition must hold.
//!
//! A test is a subject (what of the request is looked at) and an operator over its text. Tests of one segment
//! stand in one list; a rule owns a run of it.

use crate::label::Label;
use crate::plan::{Segment, Span, Text};
use crate::request::Headers;

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

/// Whether all `tests` of `segment` hold.
pub(crate) fn holds(segment: &Segment, tests: Span, request: &Headers, label: &Label<'_>) -> bool {
    tests
        .of(&segment.tests)
        .iter()
        .all(|test| test.operator.accepts(segment, test.subject.find(segment, request, label)))
}

impl Subject {
    fn find<'a>(self, segment: &Segment, request: &'a Headers, label: &'a Label<'_>) -> Option<&'a [u8]> {
        match self {
            Subject::Header(name) => request.get(segment.text(name)),
            Subject::Cookie(name) => request.cookie(segment.text(name)),
            Subject::Query(name) => request.query(segment.text(name)),
            Subject::Label(key) => label.get(segment.text(key)),
            Subject::Path => Some(request.path()),
        }
    }
}

impl Operator {
    fn accepts(self, segment: &Segment, found: Option<&[u8]>) -> bool {
        let Some(found) = found else { return matches!(self, Operator::Absent) };
        match self {
            Operator::Exact(text) => found == segment.text(text),
            Operator::Prefix(text) => found.starts_with(segment.text(text)),
            Operator::In(words) => {
                let words = words.of(&segment.words);
                words.binary_search_by(|word| segment.text(*word).cmp(found)).is_ok()
            }
            Operator::Present => true,
            Operator::Absent => false,
        }
    }
}
