//! etcd's messages: those that are sent and read here, with the fields that are. The numbers are those of
//! `etcdserverpb/rpc.proto` and `mvccpb/kv.proto`; they never change.

use prost::{Enumeration, Message, Oneof};

/// What comes with every answer.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Header {
    /// Which cluster answers.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// Which member of it.
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// How many changes the store has seen.
    #[prost(int64, tag = "3")]
    pub revision: i64,
    /// How many elections it has seen.
    #[prost(uint64, tag = "4")]
    pub raft_term: u64,
}

/// A key and its value.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct KeyValue {
    /// The key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The revision in which it came to be.
    #[prost(int64, tag = "2")]
    pub create_revision: i64,
    /// The revision in which it got this value.
    #[prost(int64, tag = "3")]
    pub mod_revision: i64,
    /// How often it was written since it came to be.
    #[prost(int64, tag = "4")]
    pub version: i64,
    /// The value.
    #[prost(bytes = "vec", tag = "5")]
    pub value: Vec<u8>,
    /// The lease with which it goes; 0 is none.
    #[prost(int64, tag = "6")]
    pub lease: i64,
}

/// What happened to a key.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Event {
    /// Whether it was written or deleted: see [`kind`](Self::kind).
    #[prost(enumeration = "EventKind", tag = "1")]
    pub kind: i32,
    /// What it is now; of a deleted one the key and the revision of the deletion.
    #[prost(message, required, tag = "2")]
    pub now: KeyValue,
}

/// What may happen to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum EventKind {
    /// It was written.
    Put = 0,
    /// It was deleted.
    Delete = 1,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct RangeRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) range_end: Vec<u8>,
    #[prost(int64, tag = "4")]
    pub(crate) revision: i64,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Found {
    /// Who answered, and the revision in which it is so.
    #[prost(message, required, tag = "1")]
    pub header: Header,
    /// The keys and values, in the order of the keys.
    #[prost(message, repeated, tag = "2")]
    pub values: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct PutResponse {
    #[prost(message, required, tag = "1")]
    pub(crate) header: Header,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct DeleteRangeRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) range_end: Vec<u8>,
}

/// What was deleted.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Deleted {
    /// Who answered, and the revision in which it is so.
    #[prost(message, required, tag = "1")]
    pub header: Header,
    /// How many keys.
    #[prost(int64, tag = "2")]
    pub count: i64,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct Compare {
    /// Equal, when it is not said.
    #[prost(int32, tag = "1")]
    pub(crate) result: i32,
    #[prost(int32, tag = "2")]
    pub(crate) target: i32,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) key: Vec<u8>,
    #[prost(oneof = "Operand", tags = "6, 7")]
    pub(crate) operand: Option<Operand>,
    /// The first key that is not meant; empty for one key.
    #[prost(bytes = "vec", tag = "64")]
    pub(crate) range_end: Vec<u8>,
}

/// That what is compared is less; equal is 0.
pub(crate) const LESS: i32 = 2;

#[derive(Clone, PartialEq, Eq, Oneof)]
pub(crate) enum Operand {
    #[prost(int64, tag = "6")]
    ModRevision(i64),
    #[prost(bytes = "vec", tag = "7")]
    Value(Vec<u8>),
}

impl Operand {
    /// What of the key it is held against.
    pub(crate) fn target(&self) -> i32 {
        match self {
            Self::ModRevision(_) => 2,
            Self::Value(_) => 3,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct RequestOp {
    #[prost(oneof = "Operation", tags = "1, 2, 3")]
    pub(crate) operation: Option<Operation>,
}

#[derive(Clone, PartialEq, Eq, Oneof)]
pub(crate) enum Operation {
    #[prost(message, tag = "1")]
    Range(RangeRequest),
    #[prost(message, tag = "2")]
    Put(PutRequest),
    #[prost(message, tag = "3")]
    Delete(DeleteRangeRequest),
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct TxnRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) compare: Vec<Compare>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) success: Vec<RequestOp>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) failure: Vec<RequestOp>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct TxnResponse {
    #[prost(message, required, tag = "1")]
    pub(crate) header: Header,
    #[prost(bool, tag = "2")]
    pub(crate) succeeded: bool,
    #[prost(message, repeated, tag = "3")]
    pub(crate) responses: Vec<ResponseOp>,
}

/// The answer to a part; of writes nothing is read.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct ResponseOp {
    #[prost(message, optional, tag = "1")]
    pub(crate) range: Option<Found>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct WatchRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) create: Option<WatchCreateRequest>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct WatchCreateRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) range_end: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub(crate) start_revision: i64,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct WatchResponse {
    #[prost(message, required, tag = "1")]
    pub(crate) header: Header,
    #[prost(bool, tag = "3")]
    pub(crate) created: bool,
    #[prost(bool, tag = "4")]
    pub(crate) canceled: bool,
    #[prost(int64, tag = "5")]
    pub(crate) compact_revision: i64,
    #[prost(string, tag = "6")]
    pub(crate) cancel_reason: String,
    #[prost(message, repeated, tag = "11")]
    pub(crate) events: Vec<Event>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct AuthenticateRequest {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) password: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct AuthenticateResponse {
    #[prost(string, tag = "2")]
    pub(crate) token: String,
}
