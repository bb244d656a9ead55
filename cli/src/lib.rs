//! What people do with a policy outside of Envoy: start it, check it, explain it, simulate it, format it, describe it, render it; and
//! hold its hashing against that of others.

pub mod against;
pub mod check;
pub mod clock;
pub mod document;
pub mod experiment;
pub mod explain;
pub mod facts;
pub mod findings;
pub mod format;
pub mod hint;
pub mod import;
pub mod ingress_nginx;
pub mod init;
pub mod keys;
pub mod kubectl;
pub mod manifests;
pub mod metrics;
pub mod parity;
pub mod place;
pub mod position;
pub mod proxies;
pub mod published;
pub mod reference;
pub mod render;
pub mod schema;
pub mod sealing;
pub mod signers;
pub mod simulate;
pub mod sync;

mod chance;
mod guarantee;
mod share;
mod table;
pub mod words;
