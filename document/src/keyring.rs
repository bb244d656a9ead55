//! Who is believed: keys, checked and ready to verify.

#[cfg(test)]
mod vectors;

use std::fmt;

use ed25519_compact::{PublicKey, Signature};
use graylane::error::{At, OneOf, Path, PolicyErrors, Problem, shown_id};
use graylane::node::Node;
use hmac_sha256::HMAC;

use crate::base64::decode_array;
use crate::envelope::{self, Envelope};
use crate::limits;
use crate::signer::{Kind, Signer, Signers, place};

/// Keys by their ids, and what each may sign.
#[derive(Clone, Default)]
pub struct Keyring(Vec<Entry>);

/// The ids alone.
impl fmt::Debug for Keyring {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.shown_ids()).finish()
    }
}

/// A key of a keyring.
#[derive(Clone)]
struct Entry {
    id: String,
    key: Key,
    /// Empty for all kinds.
    signs: Vec<Kind>,
}

#[derive(Clone)]
enum Key {
    Ed25519(PublicKey),
    HmacSha256(Box<[u8]>),
}

/// What became of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is good.
    Good,
    /// It names a key that is not in the keyring.
    UnknownKey,
    /// It is by another key, or of something else.
    Bad,
}

impl Keyring {
    /// Reads the keys in a node, which stands at `path`: a map of ids, and under each a [`Signer`]. What is wrong is recorded,
    /// and no value is shown.
    pub fn read(node: &Node<'_>, path: &Path<'_>, errors: &mut PolicyErrors) -> Self {
        let written: Signers = graylane::read::read(node, path, errors);
        Keyring::new(&written, &mut At::new(*path, errors))
    }

    /// Checks keys as they are written. One with a mistake is left out.
    pub fn new(written: &Signers, at: &mut At<'_>) -> Self {
        let count = written.iter().count();
        if count > limits::KEYS {
            at.error(Problem::TooMany, count, format_args!("at most {} keys", limits::KEYS));
            return Keyring::default();
        }
        let entry = |(index, (id, signer)): (usize, (&str, &Signer))| {
            let at = &mut place(at, index, id);
            if id.is_empty() || id.len() > limits::KEY_ID || id.contains(char::is_control) {
                let allowed = format_args!("an id: 1 to {} bytes, no control characters", limits::KEY_ID);
                at.error(Problem::Invalid, "", allowed);
                return None;
            }
            Some(Entry { id: id.to_owned(), key: key(signer, at)?, signs: signer.signs.clone() })
        };
        Keyring(written.iter().enumerate().filter_map(entry).collect())
    }

    /// Whether nobody is in it; then no document is good.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ids of the keys.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|entry| entry.id.as_str())
    }

    /// The ids as messages show them.
    pub(crate) fn shown_ids(&self) -> Vec<String> {
        self.ids().enumerate().map(|(index, id)| shown_id(index, id)).collect()
    }

    /// Whether the key of this id is in it and may sign documents of this kind.
    pub fn may_sign(&self, id: &str, kind: Kind) -> bool {
        self.entry(id).is_some_and(|entry| entry.signs.is_empty() || entry.signs.contains(&kind))
    }

    /// What becomes of a signature. Which algorithm it is follows from the key, whatever the envelope says.
    pub fn verify(&self, envelope: &Envelope, signature: &envelope::Signature) -> Verdict {
        let Some(Entry { key, .. }) = self.entry(&signature.key_id) else { return Verdict::UnknownKey };
        let (header, payload) = envelope.signed();
        if key.is_good(&[header.as_bytes(), payload], &signature.bytes) {
            Verdict::Good
        } else {
            Verdict::Bad
        }
    }

    fn entry(&self, id: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.id == id)
    }
}

impl Key {
    /// Whether this is a signature by the key of what the parts are together.
    fn is_good(&self, parts: &[&[u8]], signature: &[u8]) -> bool {
        match self {
            Key::Ed25519(key) => {
                let signature = Signature::from_slice(signature);
                let begun = signature.and_then(|signature| key.verify_incremental(&signature));
                begun.is_ok_and(|mut state| {
                    for part in parts {
                        state.absorb(part);
                    }
                    state.verify().is_ok()
                })
            }
            Key::HmacSha256(secret) => {
                let mut mac = HMAC::new(secret);
                for part in parts {
                    mac.update(part);
                }
                signature.try_into().is_ok_and(|signature| mac.finalize_verify(signature))
            }
        }
    }
}

/// The one key that is written.
fn key(written: &Signer, at: &mut At<'_>) -> Option<Key> {
    match (&written.ed25519, &written.hmac_sha256) {
        _ if at.key("ed25519").is_unreadable() || at.key("hmacSha256").is_unreadable() => None,
        (Some(text), None) => {
            let key = decode_array(&text.0).map(PublicKey::new);
            let at = &mut at.key("ed25519");
            match key.map(|key| (key, key.validate())) {
                Some((key, Ok(()))) => return Some(Key::Ed25519(key)),
                Some((_, Err(_))) => {
                    at.error(
                        Problem::Invalid,
                        "",
                        "a point of the curve that is no weak key (of small order)",
                    );
                }
                None => at.error(Problem::Invalid, "", "a public key: 32 bytes in base64"),
            }
            None
        }
        (None, Some(text)) => {
            let secret = secret_of_digits(&text.0);
            if secret.is_none() {
                let allowed = "32 to 128 hexadecimal digits, an even number of them";
                at.key("hmacSha256").error(Problem::Invalid, "", allowed);
            }
            secret.map(Into::into).map(Key::HmacSha256)
        }
        (None, None) => {
            at.error(Problem::Required, "", OneOf(&["ed25519", "hmacSha256"]));
            None
        }
        (Some(_), Some(_)) => {
            at.error(Problem::Forbidden, "", "a key is one of both: ed25519 or hmacSha256");
            None
        }
    }
}

/// A shared secret from its hexadecimal digits.
pub(crate) fn secret_of_digits(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !limits::SECRET_DIGITS.contains(&digits.len()) || !rest.is_empty() {
        return None;
    }
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
