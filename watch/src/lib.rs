//! The service in Envoy that follows etcd, compiles the policy there, and hands it to the filter on every worker.
//!
//! ```text
//! etcd ──follower──▶ News ──intake──▶ Step ──store──▶ Live plan ──pages──▶ shared data ──▶ filter on each worker
//!   list, watch      values          documents       last good of         parts that        takes over what
//!                                    that are open   each document        changed           changed
//! ```
//!
//! - [`config`]: how it is configured;
//! - [`etcd`]: how a prefix of etcd is followed;
//! - [`intake`]: documents are opened, a few at a time;
//! - [`store`]: the documents there, and the last good of each;
//! - [`silence`]: whether the source has been silent for too long;
//! - `service`: the service in Envoy, compiled for wasm only; every host call is made by `graylane-host`.

pub mod config;
pub mod etcd;
pub mod intake;
pub mod silence;
pub mod store;

#[cfg(target_arch = "wasm32")]
mod entry;
#[cfg(target_arch = "wasm32")]
mod service;
