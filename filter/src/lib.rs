//! The module in Envoy: hands requests to the engine and the engine's effects to the host. Compiled for wasm only.
//!
//! - `entry` registers the root context;
//! - `root` reads the configuration and decides what becomes of a bad one;
//! - `runtime` is what the requests of a plugin share;
//! - `watched` takes over the plan of a watch;
//! - `http` is the way of one request;
//! - `metrics` names and counts.
//!
//! Every host call is made by `graylane-host`.
#![cfg(target_arch = "wasm32")]

mod entry;
mod http;
mod metrics;
mod root;
mod runtime;
mod watched;
