//! The written form of a policy, apart from what is made of it: so it can be compiled for size, as it is used when a policy comes
//! and never by a request.
//!
//! - [`node`]: a document as a tree;
//! - [`read`]: a tree into a written type, every mistake of form at once;
//! - [`mod@policy`]: the written types;
//! - [`error`]: paths and mistakes;
//! - [`seen`]: which texts stand twice.

// What derives name by path has the same name here and in the engine.
extern crate self as graylane;

pub mod error;
pub mod node;
pub mod policy;
pub mod read;
pub mod seen;
