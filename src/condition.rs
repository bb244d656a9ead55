//! Conditions over a request, compiled: tests that jump.
//!
//! A test is a subject (what of the request is looked at) and an operator (what must hold of it), and it says
//! which test comes next where it holds and where it does not. `all`, `any` and `not` are only ways to lay these jumps,
//! so they cost nothing per request, and what can hold always or never is folded away while it is compiled. A
//! jump goes to an earlier test in the list or ends, so evaluation ends.

mod claim;
mod cookie;
mod explained;
mod header;
mod host;
mod id;
mod label;
mod method;
mod path;
mod percent;
mod query;
mod set;
mod source;

use crate::address::Network;
use crate::arena::{Arena, Span, Text, position};
use crate::bytes::same;
use crate::explain::{Note, Observer, Origin};
use crate::facts::Facts;
use crate::number;
use crate::regex::{Program, Programs};
use crate::version::{Requirement, Requirements};

pub(crate) use percent::Buckets;
pub(crate) use set::Set;

/// The conditions of a release: their tests, and what these compare with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    tests: Vec<Test>,
    /// Where each test is written.
    origins: Vec<Origin>,
    pub(crate) ranges: Vec<number::Range>,
    pub(crate) requirements: Requirements,
    pub(crate) programs: Programs,
    pub(crate) networks: Vec<Network>,
}

/// Where to go on: at the test of this position, or with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Jump(u32);

impl Jump {
    /// The condition holds.
    pub(crate) const HOLDS: Jump = Jump(u32::MAX);
    /// The condition does not hold.
    pub(crate) const FAILS: Jump = Jump(u32::MAX - 1);
}

/// One test.
#[derive(Debug, Clone, Copy)]
struct Test {
    subject: Subject,
    operator: Operator,
    then: Jump,
    otherwise: Jump,
}

/// What of the request is looked at; each has a file of its own that says how.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject {
    Header(Text),
    Cookie(Text),
    Query(Text),
    Label(Text),
    Claim(Text),
    Path,
    Method,
    Host,
    Id,
    Source,
}

/// What must hold of what was found. Only `Absent` holds of nothing. Numbers are positions in [`Conditions`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operator {
    Exact(Text, Case),
    Prefix(Text, Case),
    Suffix(Text, Case),
    Contains(Text, Case),
    In(Set, Case),
    Present,
    Absent,
    Number(u32),
    Remainder {
        divisor: u64,
        range: u32,
    },
    Version(Requirement),
    Pattern(Program),
    /// Of a source address: one of these networks holds it.
    Networks(Span),
    /// Of a gray id: its bucket is one of these.
    Percent(Buckets),
}

impl Operator {
    fn is_numeric(self) -> bool {
        matches!(self, Operator::Number(_) | Operator::Remainder { .. })
    }
}

/// Whether ASCII letters are told apart by their case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Kept,
    Ignored,
}

impl Case {
    pub(crate) fn same(self, one: &[u8], other: &[u8]) -> bool {
        match self {
            Case::Kept => same(one, other),
            Case::Ignored => one.eq_ignore_ascii_case(other),
        }
    }

    /// Whether `text` holds `part` at `at`, counted from its start.
    pub(crate) fn has_at(self, text: &[u8], part: &[u8], at: usize) -> bool {
        text.get(at..at.saturating_add(part.len())).is_some_and(|found| self.same(found, part))
    }

    /// Whether `text` holds `part` somewhere. `part` is short (see [`limits::CONTAINED`](crate::limits::CONTAINED)).
    pub(crate) fn has(self, text: &[u8], part: &[u8]) -> bool {
        (0..=text.len().saturating_sub(part.len())).any(|at| self.has_at(text, part, at))
    }
}

/// What conditions may look at: the request as far as it is admitted, and the gray id, where there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'e, 'a> {
    pub(crate) facts: &'e Facts<'a>,
    pub(crate) id: Option<&'e [u8]>,
}

impl Conditions {
    /// Adds a test and says where it stands. `then` and `otherwise` are answers or tests that were added before.
    pub(crate) fn push(
        &mut self,
        (subject, operator): (Subject, Operator),
        origin: Origin,
        then: Jump,
        otherwise: Jump,
    ) -> Jump {
        let jump = Jump(position(self.tests.len()));
        self.tests.push(Test { subject, operator, then, otherwise });
        self.origins.push(origin);
        jump
    }

    /// The number of tests.
    pub(crate) fn len(&self) -> usize {
        self.tests.len()
    }

    /// Takes back the tests that were added after there were `len`: nothing jumps to them any more.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.tests.truncate(len);
        self.origins.truncate(len);
    }

    /// Whether the condition that starts at `at` holds; texts are in `arena`.
    pub(crate) fn hold(
        &self,
        mut at: Jump,
        arena: &Arena,
        evidence: Evidence<'_, '_>,
        observer: &impl Observer,
    ) -> bool {
        // A test jumps to an earlier one or to an answer, which no position is: this ends.
        while let Some(test) = self.tests.get(at.0 as usize) {
            let holds = self.test(test, arena, evidence);
            observer.note(|| Note::Test(self.explained(at, arena, evidence, holds)));
            at = if holds { test.then } else { test.otherwise };
        }
        at == Jump::HOLDS
    }

    fn test(&self, test: &Test, arena: &Arena, evidence: Evidence<'_, '_>) -> bool {
        let facts = evidence.facts;
        let accepts = |found: Option<&[u8]>| self.accepts(test.operator, arena, found);
        match test.subject {
            Subject::Header(name) => accepts(header::find(facts, arena.text(name))),
            Subject::Cookie(name) => accepts(cookie::find(facts, arena.text(name))),
            Subject::Query(name) => accepts(query::find(facts, arena.text(name))),
            Subject::Label(key) => accepts(label::find(facts, arena.text(key))),
            Subject::Claim(name) => match facts.claim(arena.text(name)) {
                Some(value) => claim::any(&value, test.operator.is_numeric(), |text| accepts(Some(text))),
                None => accepts(None),
            },
            Subject::Path => accepts(Some(path::find(facts))),
            Subject::Method => accepts(method::find(facts)),
            Subject::Host => accepts(Some(&host::find(facts))),
            Subject::Id => accepts(id::find(evidence)),
            Subject::Source => match test.operator {
                Operator::Networks(networks) => source::holds(facts, networks.of(&self.networks)),
                _ => false,
            },
        }
    }

    fn accepts(&self, operator: Operator, arena: &Arena, found: Option<&[u8]>) -> bool {
        let Some(found) = found else { return matches!(operator, Operator::Absent) };
        match operator {
            Operator::Exact(text, case) => case.same(found, arena.text(text)),
            Operator::Prefix(text, case) => case.has_at(found, arena.text(text), 0),
            Operator::Suffix(text, case) => {
                let part = arena.text(text);
                found.len().checked_sub(part.len()).is_some_and(|at| case.has_at(found, part, at))
            }
            Operator::Contains(text, case) => case.has(found, arena.text(text)),
            Operator::In(set, case) => set.has(arena, found, case),
            Operator::Present => true,
            Operator::Number(range) => {
                self.ranges.get(range as usize).is_some_and(|range| range.holds(found))
            }
            Operator::Remainder { divisor, range } => {
                let range = self.ranges.get(range as usize);
                let remainder = number::whole(found).and_then(|number| number.checked_rem(divisor));
                range.zip(remainder).is_some_and(|(range, remainder)| range.holds_whole(remainder))
            }
            Operator::Version(requirement) => self.requirements.holds(requirement, arena, found),
            Operator::Pattern(program) => self.programs.is_match(program, found),
            Operator::Percent(buckets) => buckets.hold(arena.text(buckets.salt), found),
            // What was found is not absent, and networks are asked of no text.
            Operator::Absent | Operator::Networks(_) => false,
        }
    }
}
