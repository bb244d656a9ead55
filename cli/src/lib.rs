//! What people do with a policy outside of Envoy: read it, check it, render it; and hold its hashing against
//! that of others.

pub mod document;
pub mod parity;
