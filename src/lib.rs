//! Gray release for Envoy and Istio: AB test, canary and blue-green as one module and one policy.
//!
//! ```text
//! Policy ──compile──▶ Plan ──decide(request)──▶ Decision ──effects──▶ header edits, counters
//! written             compiled                  lane, reason          applied by the host
//! ```
//!
//! ```
//! use graylane::decision::Reason;
//! use graylane::node::Node;
//! use graylane::policy::Trust;
//! use graylane::given::Given;
//!
//! let document: Node = serde_json::from_str(r#"{
//!   "language": 1,
//!   "releases": [{
//!     "name": "user-svc",
//!     "match": {"hosts": ["user-svc.example.com"]},
//!     "lanes": [{"name": "stable"}, {"name": "v2"}],
//!     "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": 5}]},
//!     "overrides": {"headers": ["x-canary"]}
//!   }]
//! }"#)?;
//! let plan = graylane::compile_node(&document)?;
//!
//! let headers = [(":authority", "user-svc.example.com"), ("x-canary", "v2")].into_iter().collect();
//! let request = Given { headers, ..Given::default() };
//! let decision = graylane::decide(&plan, Trust::Mesh, &request);
//! assert_eq!(decision.entries[0].reason, Reason::Override);
//!
//! let effects = graylane::effects(&plan, &decision);
//! assert_eq!(effects.request[0].name, "x-gray-lane");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The engine has no host, no clock and no randomness of its own, so the command line and the module in Envoy give the
//! same decision for the same input. The modules are made of the package `graylane-filter`; it hands requests to the engine and
//! the engine's effects to Envoy.
//!
//! - Written form: [`policy`]; read from any document by [`node`], checked by [`mod@compile`], mistakes in [`error`].
//! - Compiled form: [`plan`]; how others take it over: [`pages`], [`handover`].
//! - One request: [`request`], [`given`], [`trust`], [`facts`], [`identity`], [`label`], [`bucket`], [`hash`], [`decision`],
//!   [`effect`], [`series`], [`exposure`], [`time`]; what an observer of its decision is told: [`explain`].
//! - Names and limits: [`headers`], [`limits`].

pub mod arena;
pub mod bucket;
pub mod compile;
#[cfg(feature = "tools")]
pub mod deal;
pub mod decision;
pub mod effect;
pub mod explain;
pub mod exposure;
pub mod facts;
pub mod given;
pub mod guard;
pub mod handover;
pub mod hash;
pub mod headers;
pub mod identity;
pub mod label;
pub mod limits;
pub mod pages;
pub mod plan;
pub mod request;
pub mod series;
pub mod settings;
pub mod shadow;
pub mod trust;

mod address;
mod baggage;
mod bytes;
mod compare;
mod condition;
mod fnv;
mod gate;
mod hex;
mod index;
mod number;
mod pattern;
mod record;
mod regex;
mod split;
mod sticky;
mod table;
pub mod time;
mod version;
mod window;

pub use graylane_policy::{error, node, policy, read, written};

pub use compile::{Loaded, compile, compile_node, load};
pub use decision::decide;
pub use effect::effects;
