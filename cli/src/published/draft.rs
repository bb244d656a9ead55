//! What is to be written below a key.

use anyhow::{Context, Result};
use graylane::node::Node;
use graylane::time::Timestamp;
use graylane_document::{Content, Document, Envelope, Secret};

use super::{Held, Past};
use crate::document;
use crate::sealing::{self, Head, Shape};

/// So far above all that is known are versions that must be above some that are not known any more: one a second for 11 days.
const LEAP: u64 = 1_000_000;

/// A value that is to be written.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Its key, without the prefix.
    pub key: String,
    /// As it is written: a document, or one in an envelope.
    pub value: Vec<u8>,
    /// Its version.
    pub version: u64,
}

/// What is to become a document.
#[derive(Debug, Clone)]
pub struct Piece<'t> {
    /// The content, or a document of it.
    pub node: Node<'t>,
    /// Which of them.
    pub shape: Shape,
    /// A rollback: the version whose content it is.
    pub returns_to: Option<u64>,
}

impl<'t> Piece<'t> {
    /// A document, as [`again`] has it.
    ///
    /// # Errors
    /// When it is no JSON.
    pub fn document(json: &'t [u8], returns_to: Option<u64>) -> Result<Self> {
        let node = serde_json::from_slice(json).context("a document is JSON")?;
        Ok(Piece { node, shape: Shape::Document, returns_to })
    }
}

/// Makes drafts.
#[derive(Debug)]
pub struct Drafter<'d> {
    /// What is live.
    pub held: &'d Held,
    /// Who signs, and by which id.
    pub secret: Option<(&'d Secret, &'d str)>,
    /// When.
    pub now: Timestamp,
    /// Who makes the documents.
    pub author: Option<&'d str>,
    /// What for.
    pub note: Option<&'d str>,
    /// The version; else the next one.
    pub version: Option<u64>,
    /// Whether versions are far above.
    pub again: bool,
}

impl Drafter<'_> {
    /// Whether a piece that has no mistakes is live already, as it is; and signed, where it is to be.
    ///
    /// # Errors
    /// When it has mistakes.
    pub fn is_live(&self, piece: &Piece<'_>, key: &str) -> Result<bool> {
        let Some(live) = self.held.document(key) else { return Ok(false) };
        let document = sealing::document(piece.node.clone(), piece.shape, &Head::default());
        let content = graylane_document::check(&document)?;
        let value = self.held.values.get(key).map(|value| value.bytes.as_slice()).unwrap_or_default();
        let is_signed = || {
            let node = serde_json::from_slice::<Node<'_>>(value).ok();
            node.as_ref().is_some_and(|node| Envelope::of(node).is_some())
        };
        Ok(live.content == content && (self.secret.is_none() || is_signed()))
    }

    /// The draft of a piece.
    ///
    /// # Errors
    /// When it has mistakes, or cannot be signed.
    pub fn draft(&self, piece: &Piece<'_>, key: &str, past: &Past) -> Result<Draft> {
        let document = self.document(piece, self.held.document(key).as_ref(), past);
        graylane_document::check(&document)?;
        let version = match sealing::member(&document, "version") {
            Some(Node::Unsigned(version)) => version,
            _ => 0,
        };
        let json = document::json(&document).to_string().into_bytes();
        let value = match self.secret {
            Some((secret, id)) => {
                secret.seal(json, id).context("it cannot be signed")?.to_json().into_bytes()
            }
            None => json,
        };
        Ok(Draft { key: key.to_owned(), value, version })
    }

    fn document<'t>(&self, piece: &Piece<'t>, live: Option<&Document>, past: &Past) -> Node<'t> {
        let written = sealing::member(&piece.node, "version").filter(|_| piece.shape == Shape::Document);
        let is_numbered = !self.again && piece.returns_to.is_none();
        let own = match written {
            Some(Node::Unsigned(version)) if is_numbered && version > 0 => Some(version),
            _ => None,
        };
        let last = last(live, past);
        let next = last.saturating_add(if self.again { LEAP } else { 1 });
        let head = Head {
            version: Some(self.version.or(own).unwrap_or(next)),
            created_at: self.now,
            author: self.author.map(str::to_owned),
            note: self.note.map(str::to_owned),
            returns_to: piece.returns_to,
        };
        sealing::document(piece.node.clone(), piece.shape, &head)
    }
}

/// The key that a content belongs below.
pub fn key_of(content: &Content) -> String {
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    match content {
        Content::Settings(_) => "settings".to_owned(),
        Content::Release(release) => format!("releases/{}", name(&release.name)),
        Content::Dial(dial) => format!("dials/{}", name(&dial.release)),
        Content::Removed(name) => format!("releases/{name}"),
    }
}

/// The last version that is known of a key.
pub(crate) fn last(live: Option<&Document>, past: &Past) -> u64 {
    live.map_or(0, |live| live.stamp.version).max(past.last())
}

/// What stood below a key before, to be written again: its content without who wrote it when. None where it is no document.
pub fn again(value: &[u8]) -> Option<(Vec<u8>, u64)> {
    let document = graylane_document::read(value, None).ok()?;
    let mut json: serde_json::Value = serde_json::from_slice(&document.json).ok()?;
    let map = json.as_object_mut()?;
    for key in ["version", "createdAt", "author", "note", "returnsTo"] {
        map.shift_remove(key);
    }
    Some((json.to_string().into_bytes(), document.stamp.version))
}
