//! Who may sign what, as it is written in configuration. No value of it is ever shown: most are secrets, and the rest may be ones
//! that stand in the wrong place.

use std::borrow::Cow;
use std::fmt;

use graylane::error::{At, OneOf, Problem, may_be_secret};
use graylane::node::Node;
use graylane::read::Written;
use graylane::written;

written! {
    /// A key, and what it may sign. Exactly one of `ed25519` and `hmacSha256` is required.
    pub struct Signer {
        /// An Ed25519 public key: 32 bytes in base64.
        ed25519: Option<KeyText>,
        /// A secret for HMAC-SHA256, which signs as well as it verifies: 32 to 128 hexadecimal digits.
        hmac_sha256: Option<KeyText> as "hmacSha256",
        /// The kinds of documents that it may sign; default: all.
        signs: Vec<Kind>,
    }
}

written! {
    /// A kind of document.
    #[derive(Copy, Eq, Hash)]
    pub enum Kind {
        /// A release, or that it is removed.
        Release = "release",
        /// The few values of a release that move while it runs.
        Dial = "dial",
        /// What a policy says for all its releases.
        Settings = "settings",
    }
}

const KINDS: [&str; 3] = ["release", "dial", "settings"];

impl Kind {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Release => "release",
            Kind::Dial => "dial",
            Kind::Settings => "settings",
        }
    }
}

/// The text of a key.
#[derive(Clone, Default, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct KeyText(pub String);

impl fmt::Debug for KeyText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KeyText(…)")
    }
}

impl Written for KeyText {
    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self {
        let Node::Text(text) = node else {
            at.error(
                Problem::Type,
                "",
                "must be text; digits alone are a number unless they stand in quotes",
            );
            return KeyText::default();
        };
        KeyText(Cow::to_string(text))
    }
}

/// Keys by their ids, in the order in which they are written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Signers(Vec<(String, Signer)>);

impl Signers {
    /// Ids and keys, in the order in which they are written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Signer)> {
        self.0.iter().map(|(id, signer)| (id.as_str(), signer))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, Signer)> for Signers {
    fn from_iter<I: IntoIterator<Item = (String, Signer)>>(signers: I) -> Self {
        Signers(signers.into_iter().collect())
    }
}

impl serde::Serialize for Signers {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Written for Signers {
    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self {
        let mut signers = Vec::new();
        let Node::Map(map) = node else {
            at.error(Problem::Type, "", "must be a map of ids and keys: team-a: {ed25519: …}");
            return Signers(signers);
        };
        for (index, (id, node)) in map.iter().enumerate() {
            let at = &mut place(at, index, id);
            let is_before = map.iter().take(index).any(|(other, _)| other == id);
            if is_before {
                at.error(Problem::Duplicate, "", "write the id once");
            } else if let Some(signer) = signer(node, at) {
                signers.push((id.to_string(), signer));
            }
        }
        Signers(signers)
    }
}

/// The place of a key of a map: told by its position where it may be a secret.
pub(crate) fn place<'s>(at: &'s mut At<'_>, index: usize, key: &'s str) -> At<'s> {
    if may_be_secret(key) { at.index(index) } else { at.key(key) }
}

fn signer(node: &Node<'_>, at: &mut At<'_>) -> Option<Signer> {
    let Node::Map(map) = node else {
        at.error(Problem::Type, "", "must be a map: {ed25519: …} or {hmacSha256: …}");
        return None;
    };
    if let Some(index) = map.iter().position(|(key, _)| may_be_secret(key)) {
        at.index(index).error(Problem::UnknownField, "", OneOf(&["ed25519", "hmacSha256", "signs"]));
        return None;
    }
    let mut kinds = map.iter().filter(|(key, _)| key == "signs");
    if let Some(index) = kinds.find_map(|(_, kinds)| are_words(kinds).err()) {
        let (at, allowed) =
            (&mut at.key("signs"), format_args!("must be a list of words; {}", OneOf(&KINDS)));
        match index {
            Some(index) => at.index(index).error(Problem::Type, "", allowed),
            None => at.error(Problem::Type, "", allowed),
        }
        return None;
    }
    Some(Signer::read(node, at))
}

/// Whether this is a list of words, none of which may be a secret; else which of them is not, where there is a list.
fn are_words(node: &Node<'_>) -> Result<(), Option<usize>> {
    let is_word = |node: &Node<'_>| matches!(node, Node::Text(word) if !may_be_secret(word));
    match node {
        Node::List(list) => {
            list.iter().position(|node| !is_word(node)).map_or(Ok(()), |index| Err(Some(index)))
        }
        _ => Err(None),
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Signers {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Signers".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "object", "additionalProperties": generator.subschema_for::<Signer>()})
    }
}
