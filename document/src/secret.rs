//! The signing side: secret keys in files of their own, and signatures by them.
//!
//! An Ed25519 key is PEM as `openssl genpkey -algorithm ed25519` writes it (PKCS#8, RFC 8410); a secret for HMAC is its hexadecimal
//! digits.

use core::fmt;

use ed25519_compact::{KeyPair, Seed};

use crate::base64::encode;
use crate::envelope::{Envelope, Signature};
use crate::keyring::secret_of_digits;
use crate::refusal::Refusal;
use crate::signer::{KeyText, Signer};

/// A key that signs.
pub struct Secret(Key);

enum Key {
    Ed25519(Box<KeyPair>),
    HmacSha256(Vec<u8>),
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519: whoever verifies cannot sign.
    Ed25519,
    /// HMAC-SHA256: whoever verifies can sign.
    HmacSha256,
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Secret({:?})", self.algorithm())
    }
}

/// What a file of a key must hold, for messages.
pub const EXPECTED: &str = "an Ed25519 key as PEM (PKCS#8, as openssl genpkey -algorithm ed25519 writes it), or 32 to 128 hexadecimal digits";

impl Secret {
    /// A new key.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn generate(algorithm: Algorithm) -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        loop {
            getrandom::fill(&mut bytes)?;
            let key = match algorithm {
                Algorithm::Ed25519 => {
                    KeyPair::try_from_seed(Seed::new(bytes)).ok().map(|pair| Key::Ed25519(pair.into()))
                }
                Algorithm::HmacSha256 => Some(Key::HmacSha256(bytes.to_vec())),
            };
            // Zero is no seed.
            if let Some(key) = key {
                return Ok(Secret(key));
            }
        }
    }

    /// Reads the text of a file. `None` when it is something else; see [`EXPECTED`].
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(secret) = secret_of_digits(text) {
            return Some(Secret(Key::HmacSha256(secret)));
        }
        KeyPair::from_pem(text).ok().map(|pair| Secret(Key::Ed25519(pair.into())))
    }

    /// What stands in its file.
    pub fn to_text(&self) -> String {
        match &self.0 {
            Key::Ed25519(pair) => pair.sk.to_pem(),
            Key::HmacSha256(secret) => hex(secret) + "\n",
        }
    }

    /// What it is for.
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Key::Ed25519(_) => Algorithm::Ed25519,
            Key::HmacSha256(_) => Algorithm::HmacSha256,
        }
    }

    /// What stands in the configuration of whoever verifies; of HMAC that is the secret itself.
    pub fn signer(&self) -> Signer {
        match &self.0 {
            Key::Ed25519(pair) => {
                Signer { ed25519: Some(KeyText(encode(&pair.pk[..]))), ..Signer::default() }
            }
            Key::HmacSha256(secret) => {
                Signer { hmac_sha256: Some(KeyText(hex(secret))), ..Signer::default() }
            }
        }
    }

    /// Signs a document. The bytes are signed as they are; whether they are a good document is for the caller to ask
    /// ([`read`](crate::read)).
    ///
    /// # Errors
    /// None, unless a limit is in the way.
    pub fn seal(&self, document: Vec<u8>, id: &str) -> Result<Envelope, Refusal> {
        let mut envelope = Envelope::new(document);
        self.sign(&mut envelope, id)?;
        Ok(envelope)
    }

    /// Adds a signature to an envelope, or replaces the one of the same id.
    ///
    /// # Errors
    /// There are as many as may be.
    pub fn sign(&self, envelope: &mut Envelope, id: &str) -> Result<(), Refusal> {
        let (header, payload) = envelope.signed();
        let signed = [header.as_bytes(), payload].concat();
        let bytes = match &self.0 {
            Key::Ed25519(pair) => pair.sk.sign(&signed, None).to_vec(),
            Key::HmacSha256(secret) => hmac_sha256::HMAC::mac(&signed, secret).to_vec(),
        };
        envelope.add(Signature { key_id: id.to_owned(), bytes })
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(if value < 10 { b'0' + value } else { b'a' + value - 10 });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
