//! What is measured: the policies and the requests, the same for Envoy, for the module alone and for the native
//! engine, so that their figures can be held beside each other.

pub mod policy;
pub mod request;

pub use policy::{Trust, policy};
pub use request::{Case, case};
