//! Several writes as one, under a condition.

use crate::keys::Keys;
use crate::message::{
    Compare, DeleteRangeRequest, Found, Header, LESS, Operand, Operation, PutRequest, RangeRequest,
    RequestOp, TxnRequest, TxnResponse,
};

/// What is done in one step if all conditions hold, and what is read if one does not.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    pub(crate) request: TxnRequest,
}

/// What became of a [`Transaction`].
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Who answered, and the revision in which it is so.
    pub header: Header,
    /// Whether the conditions held, so that everything was done.
    pub done: bool,
    /// What was read, in the order in which it was asked for.
    pub found: Vec<Found>,
}

impl Transaction {
    /// If the key was last written in this revision; 0: if there is no such key.
    #[must_use]
    pub fn when_revision(self, key: impl Into<Vec<u8>>, revision: i64) -> Self {
        self.when(key.into(), Operand::ModRevision(revision))
    }

    /// If none of these keys was written after this revision. One that was deleted since is not noticed.
    #[must_use]
    pub fn when_unwritten_since(mut self, keys: Keys, revision: i64) -> Self {
        let operand = Operand::ModRevision(revision.saturating_add(1));
        self.request.compare.push(Compare {
            result: LESS,
            target: operand.target(),
            key: keys.key,
            operand: Some(operand),
            range_end: keys.end,
        });
        self
    }

    /// If the key has this value.
    #[must_use]
    pub fn when_value(self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.when(key.into(), Operand::Value(value.into()))
    }

    /// Writes.
    #[must_use]
    pub fn put(mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.request.success.push(part(Operation::Put(put(key, value))));
        self
    }

    /// Deletes.
    #[must_use]
    pub fn delete(mut self, keys: Keys) -> Self {
        self.request.success.push(part(Operation::Delete(delete(keys))));
        self
    }

    /// Reads, if the conditions hold.
    #[must_use]
    pub fn get(mut self, keys: Keys) -> Self {
        self.request.success.push(part(Operation::Range(range(keys, 0))));
        self
    }

    /// Reads, if one of the conditions does not hold.
    #[must_use]
    pub fn or_get(mut self, keys: Keys) -> Self {
        self.request.failure.push(part(Operation::Range(range(keys, 0))));
        self
    }

    fn when(mut self, key: Vec<u8>, operand: Operand) -> Self {
        self.request.compare.push(Compare {
            result: 0,
            target: operand.target(),
            key,
            operand: Some(operand),
            range_end: Vec::new(),
        });
        self
    }
}

impl From<TxnResponse> for Outcome {
    fn from(response: TxnResponse) -> Self {
        let found = response.responses.into_iter().filter_map(|part| part.range).collect();
        Self { header: response.header, done: response.succeeded, found }
    }
}

fn part(operation: Operation) -> RequestOp {
    RequestOp { operation: Some(operation) }
}

pub(crate) fn range(keys: Keys, revision: i64) -> RangeRequest {
    RangeRequest { key: keys.key, range_end: keys.end, revision }
}

pub(crate) fn put(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> PutRequest {
    PutRequest { key: key.into(), value: value.into() }
}

pub(crate) fn delete(keys: Keys) -> DeleteRangeRequest {
    DeleteRangeRequest { key: keys.key, range_end: keys.end }
}
