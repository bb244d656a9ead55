//! A client of etcd's v3 API, as much of it as graylane needs.
//!
//! ```no_run
//! use graylane_etcd::{Access, Client, Keys};
//!
//! # async fn example() -> Result<(), graylane_etcd::Error> {
//! let client = Client::connect(Access::to(["http://127.0.0.1:2379"])).await?;
//! client.put("/policies/shop", "{}").await?;
//! let found = client.get(Keys::under("/policies/")).await?;
//!
//! let mut watch = client.watch(Keys::under("/policies/"), found.header.revision + 1).await?;
//! loop {
//!     for event in watch.next().await?.events {
//!         println!("{event:?}");
//!     }
//! }
//! # }
//! ```
//!
//! What it promises: a write is never sent twice, unless it cannot have arrived; a read is asked of the other endpoints where
//! one is not reached; whoever signed in is signed in again when the token has expired; nothing waits without end.
//! etcd's messages are declared here by hand, so that building needs no `protoc`; what is not declared is not needed.

mod access;
mod call;
mod client;
mod error;
mod keys;
mod message;
mod transaction;
mod watch;

pub use access::{Access, Tls};
pub use client::Client;
pub use error::{Attempt, Error};
pub use keys::Keys;
pub use message::{Deleted, Event, EventKind, Found, Header, KeyValue};
pub use tonic::Code;
pub use transaction::{Outcome, Transaction};
pub use watch::{Changes, Watch};
