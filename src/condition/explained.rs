//! What an observer is told of a test.

use super::{Conditions, Evidence, Jump, Operator, Subject, Test};
use super::{claim, cookie, header, host, id, label, method, path, percent, query};
use crate::arena::Block;
use crate::explain;
use crate::explain::Found;

impl Conditions<'_> {
    /// What an observer is told of the test at `at`.
    pub(super) fn explained(
        self,
        at: Jump,
        test: &Test,
        evidence: Evidence<'_, '_>,
        holds: bool,
    ) -> explain::Test {
        let found = found(test.subject, test.operator, self.block, evidence);
        explain::Test { origin: self.origins.of(at), found, holds }
    }
}

fn found(subject: Subject, operator: Operator, block: Block<'_>, evidence: Evidence<'_, '_>) -> Found {
    let facts = evidence.facts;
    let text = match subject {
        Subject::Header(name) => header::find(facts, block.text(name)).map(<[u8]>::to_vec),
        Subject::Cookie(name) => cookie::find(facts, block.text(name)).map(<[u8]>::to_vec),
        Subject::Query(name) => query::find(facts, block.text(name)).map(<[u8]>::to_vec),
        Subject::Label(key) => label::find(facts, block.text(key)).map(<[u8]>::to_vec),
        Subject::Claim(name) => {
            let value = facts.claim(block.text(name));
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
            Found::Bucket(percent::bucket(block.text(buckets.salt), &id))
        }
        (_, text) => text.map_or(Found::Nothing, Found::Text),
    }
}
