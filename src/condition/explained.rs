//! What an observer is told of a test.

use super::{Conditions, Evidence, Jump, Operator, Subject};
use super::{claim, cookie, header, host, id, label, method, path, percent, query};
use crate::arena::Arena;
use crate::explain::{Found, Test};

impl Conditions {
    /// What an observer is told of the test at `at`.
    pub(super) fn explained(&self, at: Jump, arena: &Arena, evidence: Evidence<'_, '_>, holds: bool) -> Test {
        let (test, origin) = (self.tests.get(at.0 as usize), self.origins.get(at.0 as usize));
        let found = test.map_or(Found::Nothing, |test| found(test.subject, test.operator, arena, evidence));
        Test { origin: origin.cloned().unwrap_or_default(), found, holds }
    }
}

fn found(subject: Subject, operator: Operator, arena: &Arena, evidence: Evidence<'_, '_>) -> Found {
    let facts = evidence.facts;
    let text = match subject {
        Subject::Header(name) => header::find(facts, arena.text(name)).map(<[u8]>::to_vec),
        Subject::Cookie(name) => cookie::find(facts, arena.text(name)).map(<[u8]>::to_vec),
        Subject::Query(name) => query::find(facts, arena.text(name)).map(<[u8]>::to_vec),
        Subject::Label(key) => label::find(facts, arena.text(key)).map(<[u8]>::to_vec),
        Subject::Claim(name) => {
            let value = facts.claim(arena.text(name));
            value.map(|value| claim::shown(&value, operator.is_numeric()))
        }
        Subject::Path => Some(path::find(facts).to_vec()),
        Subject::Method => method::find(facts).map(<[u8]>::to_vec),
        Subject::Host => Some(host::find(facts).into_owned()),
        Subject::Id => id::find(evidence).map(<[u8]>::to_vec),
        Subject::Source => return facts.source_address().map_or(Found::Nothing, Found::Address),
    };
    match (operator, text) {
        (Operator::Percent(buckets), Some(id)) => {
            Found::Bucket(percent::bucket(arena.text(buckets.salt), &id))
        }
        (_, text) => text.map_or(Found::Nothing, Found::Text),
    }
}
