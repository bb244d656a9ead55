//! The envelope of a signed document: DSSE, the Dead Simple Signing Envelope, version 1.0.
//!
//! <https://github.com/secure-systems-lab/dsse>. Two things are narrower than there: a signature names its key (`keyid`), so that
//! what a signature costs does not grow with the keyring; and the payload type is the one of this crate.

use graylane::error::{At, Path, PolicyErrors, Problem, Quoted};
use graylane::node::Node;
use graylane::read::{self, Written};

use crate::base64::{decode, encode};
use crate::limits;
use crate::refusal::{Reason, Refusal};

/// The type of what is signed.
pub const PAYLOAD_TYPE: &str = "application/vnd.graylane.document+json";

/// A signed document, whoever signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<Signature>,
}

/// A signature in an envelope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signature {
    /// The id of the key: a claim, which counts once it is verified.
    pub key_id: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Envelope {
    /// An envelope that nobody has signed yet.
    pub fn new(payload: Vec<u8>) -> Self {
        Envelope { payload_type: PAYLOAD_TYPE.to_owned(), payload, signatures: Vec::new() }
    }

    /// Reads an envelope. `None` where the node is none, but a bare document, if anything.
    ///
    /// # Errors
    /// Every mistake in the envelope.
    pub fn of(node: &Node<'_>) -> Option<Result<Self, Refusal>> {
        let Node::Map(map) = node else { return None };
        let is_envelope =
            map.iter().any(|(key, _)| matches!(&**key, "payload" | "payloadType" | "signatures"));
        is_envelope.then(|| {
            let mut errors = PolicyErrors::default();
            let envelope = Envelope::read(node, &mut At::new(Path::Root, &mut errors));
            errors.into_result(envelope).map_err(|errors| Refusal {
                reason: Reason::Envelope,
                errors,
                version: 0,
            })
        })
    }

    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self {
        let envelope = Envelope::read_any(node, at);
        if envelope.payload_type != PAYLOAD_TYPE {
            at.key("payloadType").error(Problem::Unsupported, Quoted(&envelope.payload_type), PAYLOAD_TYPE);
        }
        envelope
    }

    /// An envelope of any payload type. What the standard does not know is ignored, as it wants it.
    pub(crate) fn read_any(node: &Node<'_>, at: &mut At<'_>) -> Self {
        let (mut payload_type, mut payload) = (None, None);
        let mut signatures: Option<Vec<Signature>> = None;
        read::fields(node, at, None, &mut |key, node, at| match key {
            "payloadType" => payload_type = Some(String::read(node, at)),
            "payload" => payload = Some(bytes(node, at)),
            "signatures" => signatures = Some(self::signatures(node, at)),
            _ => {}
        });
        for (key, is_there) in [
            ("payloadType", payload_type.is_some()),
            ("payload", payload.is_some()),
            ("signatures", signatures.is_some()),
        ] {
            if !is_there {
                at.key(key).error(
                    Problem::Required,
                    "",
                    "an envelope has payloadType, payload and signatures",
                );
            }
        }
        Envelope {
            payload_type: payload_type.unwrap_or_default(),
            payload: payload.unwrap_or_default(),
            signatures: signatures.unwrap_or_default(),
        }
    }

    /// The document, as it was signed.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The document alone.
    pub fn into_payload(self) -> Vec<u8> {
        self.payload
    }

    /// The signatures, in the order in which they stand there.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Puts a signature in: in the place of one by the same key, or behind the others.
    ///
    /// # Errors
    /// There are as many as may be.
    pub fn add(&mut self, signature: Signature) -> Result<(), Refusal> {
        if let Some(old) = self.signatures.iter_mut().find(|old| old.key_id == signature.key_id) {
            *old = signature;
            return Ok(());
        }
        let count = self.signatures.len() + 1;
        if count > limits::SIGNATURES {
            let path = Path::Root.key("signatures");
            return Err(Refusal::new(Reason::Envelope, &path, Problem::TooMany, count, at_most()));
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// What is signed, in two parts: PAE(payloadType, payload) of the standard.
    pub fn signed(&self) -> (String, &[u8]) {
        let Envelope { payload_type, payload, .. } = self;
        (format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()), payload)
    }

    /// The envelope as JSON, with a line break at its end.
    pub fn to_json(&self) -> String {
        // What is quoted holds nothing that JSON would escape, but for ids.
        let signature = |Signature { key_id, bytes }: &Signature| {
            let key_id = serde_json::Value::from(key_id.as_str());
            format!("    {{\"keyid\": {key_id}, \"sig\": \"{}\"}}", encode(bytes))
        };
        let signatures: Vec<String> = self.signatures.iter().map(signature).collect();
        format!(
            "{{\n  \"payloadType\": {},\n  \"payload\": \"{}\",\n  \"signatures\": [\n{}\n  ]\n}}\n",
            serde_json::Value::from(self.payload_type.as_str()),
            encode(&self.payload),
            signatures.join(",\n")
        )
    }
}

fn at_most() -> String {
    format!("at most {} signatures", limits::SIGNATURES)
}

fn bytes(node: &Node<'_>, at: &mut At<'_>) -> Vec<u8> {
    let bytes = if let Node::Text(text) = node { decode(text) } else { None };
    if bytes.is_none() {
        at.error(Problem::Invalid, "", "must be base64");
    }
    bytes.unwrap_or_default()
}

fn signatures(node: &Node<'_>, at: &mut At<'_>) -> Vec<Signature> {
    let Node::List(list) = node else {
        at.error(Problem::Type, node, "must be a list");
        return Vec::new();
    };
    if list.is_empty() {
        at.error(Problem::Required, "", "at least one signature");
    }
    if list.len() > limits::SIGNATURES {
        at.error(Problem::TooMany, list.len(), at_most());
        return Vec::new();
    }
    list.iter().enumerate().map(|(index, node)| signature(node, &mut at.index(index))).collect()
}

fn signature(node: &Node<'_>, at: &mut At<'_>) -> Signature {
    let (mut key_id, mut bytes) = (None, None);
    read::fields(node, at, None, &mut |key, node, at| match key {
        "keyid" => key_id = Option::<String>::read(node, at),
        "sig" => bytes = Some(self::bytes(node, at)),
        _ => {}
    });
    if bytes.is_none() {
        at.key("sig").error(Problem::Required, "", "the signature in base64");
    }
    // One that names no key is by nobody in the keyring.
    Signature { key_id: key_id.unwrap_or_default(), bytes: bytes.unwrap_or_default() }
}
