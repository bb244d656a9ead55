//! Conditions over a request, compiled: tests that jump.
//!
//! A test is a subject (what of the request is looked at) and an operator (what must hold of it), and it says
//! which test comes next where it holds and where it does not. `all`, `any` and `not` are only ways to lay these jumps,
//! so they cost nothing per request, and what can hold always or never is folded away while it is compiled. A
//! jump goes to an earlier test in the list or ends, so evaluation ends.

pub(crate) mod claim;
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
use crate::arena::{Block, Coded, Kept, List, Text};
use crate::bytes::same;
use crate::explain::{Note, Observer, Origins};
use crate::facts::Facts;
use crate::number::{self, Range};
use crate::record::record;
use crate::regex::Program;
use crate::version::Requirement;

pub(crate) use percent::Buckets;
pub(crate) use set::Set;

/// The conditions of a release: their tests, and the block in which these stand with what they compare with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conditions<'b> {
    pub(crate) block: Block<'b>,
    pub(crate) tests: List<Test>,
    /// Where each test is written.
    pub(crate) origins: &'b Origins,
}

/// Where to go on: at the test of this position, or with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Jump(pub(crate) u32);

record!(Jump(u32));

impl Jump {
    /// The condition holds.
    pub(crate) const HOLDS: Jump = Jump(u32::MAX);
    /// The condition does not hold.
    pub(crate) const FAILS: Jump = Jump(u32::MAX - 1);
}

record! {
    /// One test.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Test {
        pub(crate) subject: Subject,
        pub(crate) operator: Operator,
        pub(crate) then: Jump,
        pub(crate) otherwise: Jump,
    }
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

record!(enum Subject, else Subject::Path;
    Header(name: Text), Cookie(name: Text), Query(name: Text), Label(key: Text), Claim(name: Text), Path, Method, Host, Id, Source);

/// What must hold of what was found. Only `Absent` holds of nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operator {
    Exact(Text, Case),
    Prefix(Text, Case),
    Suffix(Text, Case),
    Contains(Text, Case),
    In(Set, Case),
    Present,
    Absent,
    Number(Kept<Range>),
    /// What a division by this leaves is in the range.
    Remainder(u64, Kept<Range>),
    Version(Requirement),
    Pattern(Kept<Program>),
    /// Of a source address: one of these networks holds it.
    Networks(List<Network>),
    /// Of a gray id: its bucket is one of these.
    Percent(Buckets),
}

record!(enum Operator, else Operator::Present;
    Exact(text: Text, case: Case), Prefix(text: Text, case: Case), Suffix(text: Text, case: Case),
    Contains(text: Text, case: Case), In(set: Set, case: Case), Present, Absent, Number(range: Kept<Range>),
    Remainder(divisor: u64, range: Kept<Range>), Version(requirement: Requirement),
    Pattern(program: Kept<Program>), Networks(networks: List<Network>), Percent(buckets: Buckets));

impl Operator {
    fn is_numeric(self) -> bool {
        matches!(self, Operator::Number(_) | Operator::Remainder(..))
    }
}

/// Whether ASCII letters are told apart by their case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Kept,
    Ignored,
}

record!(enum Case, else Case::Kept; Kept, Ignored);

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

impl Conditions<'_> {
    /// Whether the condition that starts at `at` holds.
    pub(crate) fn hold(self, mut at: Jump, evidence: &Evidence<'_, '_>, observer: &impl Observer) -> bool {
        loop {
            let Some(test) = self.block.coded(self.tests, at.0 as usize) else { return at == Jump::HOLDS };
            let holds = self.test(test, evidence);
            observer.note(|| Note::Test(self.explained(at, &test.get(), *evidence, holds)));
            let next = if holds { test.get().then } else { test.get().otherwise };
            // A test jumps to an earlier one or to an answer: this ends, whatever the bytes say.
            if next.0 >= at.0 {
                return next == Jump::HOLDS;
            }
            at = next;
        }
    }

    fn test(self, test: Coded<'_, Test>, evidence: &Evidence<'_, '_>) -> bool {
        let (facts, block) = (evidence.facts, self.block);
        let accepts = |found: Option<&[u8]>| accepts(block, test, found);
        match test.get().subject {
            Subject::Header(name) => accepts(header::find(facts, block.text(name))),
            Subject::Cookie(name) => accepts(cookie::find(facts, block.text(name))),
            Subject::Query(name) => accepts(query::find(facts, block.text(name))),
            Subject::Label(key) => accepts(label::find(facts, block.text(key))),
            Subject::Claim(name) => match facts.claim(block.text(name)) {
                // A list without elements is there as well.
                Some(_) if matches!(test.get().operator, Operator::Present) => true,
                Some(value) => {
                    let is_numeric = test.get().operator.is_numeric();
                    claim::any(&value, is_numeric, |text| accepts(Some(text)))
                }
                None => accepts(None),
            },
            Subject::Path => accepts(Some(path::find(facts))),
            Subject::Method => accepts(method::find(facts)),
            Subject::Host => accepts(Some(&host::find(facts))),
            Subject::Id => accepts(id::find(*evidence)),
            Subject::Source => match test.get().operator {
                Operator::Networks(networks) => source::holds(facts, block.list(networks)),
                _ => false,
            },
        }
    }
}

/// Whether the operator of a test accepts what was found.
fn accepts(block: Block<'_>, coded: Coded<'_, Test>, found: Option<&[u8]>) -> bool {
    let Some(found) = found else { return matches!(coded.get().operator, Operator::Absent) };
    match coded.get().operator {
        Operator::Exact(text, case) => case.same(found, block.text(text)),
        Operator::Prefix(text, case) => case.has_at(found, block.text(text), 0),
        Operator::Suffix(text, case) => {
            let part = block.text(text);
            found.len().checked_sub(part.len()).is_some_and(|at| case.has_at(found, part, at))
        }
        Operator::Contains(text, case) => case.has(found, block.text(text)),
        Operator::In(set, case) => set.has(block, found, case),
        Operator::Present => true,
        Operator::Number(range) => block.record(range).is_some_and(|range| range.holds(found)),
        Operator::Remainder(divisor, range) => {
            let remainder = number::whole(found).and_then(|number| number.checked_rem(divisor));
            let range = block.record(range);
            range.zip(remainder).is_some_and(|(range, remainder)| range.holds_whole(remainder))
        }
        Operator::Version(requirement) => requirement.holds(block, found),
        Operator::Pattern(program) => {
            block.record(program).is_some_and(|program| program.is_match(block, found))
        }
        Operator::Percent(buckets) => buckets.hold(block.text(buckets.salt), found),
        // What was found is not absent, and networks are asked of no text.
        Operator::Absent | Operator::Networks(_) => false,
    }
}
