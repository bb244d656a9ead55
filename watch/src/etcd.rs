//! Follows a prefix of etcd: lists it, then watches from the revision after the list, and begins again where that is not enough.
//!
//! ```text
//!            ┌────────────── canceled, compacted, another history ─────────────┐
//!            ▼                                                                 │
//! wait ─▶ sign in ─▶ list, page by page of one revision ─▶ watch from the next ┤
//!  ▲                                                                           │
//!  └───────────────── failed, silent for too long (then watch from where it was)
//! ```
//!
//! Nothing here knows a host: calls go out by a [`Link`], what comes back is handed in, and what is learnt comes out as
//! [`News`]. No bytes make it panic.

mod follower;
mod message;
mod prefix;
mod status;

pub use follower::{Change, Follower, Link, Method, News};
