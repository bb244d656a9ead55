//! Documents of a policy as they stand in etcd, in `ZooKeeper` or in a folder: each below a key of its own, versioned, and signed
//! where a keyring is configured.
//!
//! ```text
//! key, value ──open──▶ Document            who signed it, its version, and what it says:
//!               │       settings           what a policy says for all its releases
//!               │       releases/NAME      a release, or that it is gone
//!               ▼       dials/NAME         the few values of a release that move while it runs
//!            Refusal: reason, every mistake
//! ```
//!
//! A value is a bare document (JSON), or one in a signed [envelope]. [`open`] checks the form of what is written, not its meaning:
//! that a lane exists, or a layer, is known when releases, dials and settings are put together and compiled.
//!
//! ```
//! use graylane_document::{Content, Reason, open};
//!
//! let value = br#"{"language": 1, "version": 7, "dial": {"release": "shop", "percent": {"v2": 10}}}"#;
//! let document = open("dials/shop", value, None).unwrap();
//! assert_eq!(document.stamp.version, 7);
//! assert!(matches!(document.content, Content::Dial(dial) if dial.release.as_deref() == Some("shop")));
//!
//! assert_eq!(open("dials/pay", value, None).unwrap_err().reason, Reason::Key);
//! ```
//!
//! No bytes make it panic, and what it does with them is bounded: [`limits`].

pub mod dial;
pub mod envelope;
pub mod key;
pub mod keyring;
pub mod limits;
pub mod prefix;
pub mod refusal;
#[cfg(feature = "sign")]
pub mod secret;
pub mod signer;
pub mod stamp;

mod base64;
mod document;
mod written;

pub use dial::Dial;
pub use document::{Content, Document, check, open, read};
pub use envelope::Envelope;
pub use key::Key;
pub use keyring::Keyring;
pub use prefix::Prefix;
pub use refusal::{Reason, Refusal};
#[cfg(feature = "sign")]
pub use secret::Secret;
pub use signer::{Kind, Signer, Signers};
pub use stamp::Stamp;
pub use written::Payload;
