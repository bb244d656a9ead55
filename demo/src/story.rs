//! The four stories. Each takes the show from one policy to the next; Envoy and the module stay.

pub(crate) mod ab;
pub(crate) mod blue_green;
pub(crate) mod canary;
pub(crate) mod testers;
