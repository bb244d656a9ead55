//! Gray release for Envoy and Istio: AB test, canary and blue-green as one module and one policy.
//!
//! ```text
//! Policy ──compile──▶ Plan ──decide(request)──▶ Decision ──effects──▶ header edits, counters
//! written             compiled                  lane, reason          applied by the host
//! ```
//!
//! The engine is everything here but `filter`: it has no host, no clock and no randomness of its own, so the
//! command line and the module in Envoy give the same decision for the same input. `filter` is compiled for
//! wasm only and hands requests to the engine and its effects to Envoy.

pub mod compile;
pub mod decision;
pub mod effect;
pub mod error;
pub mod facts;
pub mod headers;
pub mod identity;
pub mod label;
pub mod limits;
pub mod node;
pub mod plan;
pub mod policy;
pub mod request;
pub mod trust;

mod address;
pub mod arena;
mod baggage;
pub mod bucket;
mod condition;
#[cfg(target_arch = "wasm32")]
mod filter;
mod index;
mod read;
mod split;

pub use compile::{Loaded, compile, load};
pub use decision::decide;
pub use effect::effects;
