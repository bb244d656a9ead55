//! The filter of the modules in Envoy: hands requests to the engine and the engine's effects to the host. Compiled for wasm only.
//!
//! - `root` reads the configuration and decides what becomes of a bad one;
//! - `runtime` is what the requests of a plugin share;
//! - `watched` takes over the plan of a watch;
//! - `http` is the way of one request;
//! - `metrics` names and counts; in modules that tell, `telemetry` counts by lane how requests end, `guard` keeps
//!   lanes away that fail, and `shadow` counts what the next policy would do.
//!
//! Every host call is made by `graylane-host`.
#![cfg(target_arch = "wasm32")]

mod guard;
mod http;
mod metrics;
mod root;
mod runtime;
mod shadow;
mod telemetry;
mod watched;

use proxy_wasm::traits::RootContext;

/// A plugin as it begins. With `TELEMETRY` it counts how requests end; without, nothing of that is in the module.
pub fn root<const TELEMETRY: bool>() -> Box<dyn RootContext> {
    Box::new(root::Root::<TELEMETRY>::default())
}
