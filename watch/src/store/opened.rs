//! A document that came, opened.

use graylane_document::{Document, Keyring, Refusal, open};

use crate::etcd::Change;

/// What stands below a key now, opened.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The key, without the prefix.
    pub key: String,
    /// The document, or why it is refused by itself; `None` when the key is gone.
    pub document: Option<Result<Document, Refusal>>,
}

impl Opened {
    /// Opens what came. With a keyring, it is good only if one of its keys signed it.
    pub fn of(Change { key, value }: Change, keyring: Option<&Keyring>) -> Self {
        let document = value.map(|value| open(&key, &value, keyring));
        Opened { key, document }
    }
}
