//! What people do with a policy outside of Envoy: read it, check it, render it.

pub mod document;
