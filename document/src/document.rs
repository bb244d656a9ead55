//! A value, opened.

use graylane::compile::LANGUAGE;
use graylane::error::{At, OneOf, Path, PolicyErrors, Problem, Quoted, may_be_secret};
use graylane::node::Node;
use graylane::policy::{Policy, Release};
use graylane::time::Timestamp;

use crate::dial::Dial;
use crate::envelope::{Envelope, Signature};
use crate::key::Key;
use crate::keyring::{Keyring, Verdict};
use crate::limits;
use crate::refusal::{Reason, Refusal};
use crate::signer::Kind;
use crate::stamp::Stamp;
use crate::written::Payload;

/// A document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its version, and what tells it from others of the same version.
    pub stamp: Stamp,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// Who made it, as they say.
    pub author: Option<String>,
    /// What for.
    pub note: Option<String>,
    /// A rollback: the version whose content it has again.
    pub returns_to: Option<u64>,
    /// The id of a key that signed it and may sign its kind; `None` where no keyring was asked.
    pub signer: Option<String>,
    /// What it says.
    pub content: Content,
    /// The document itself: JSON, as it stands or as it was signed.
    pub json: Vec<u8>,
}

/// What a document says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// What a policy says for all its releases: a policy without releases.
    Settings(Box<Policy>),
    /// A release; it has a name.
    Release(Box<Release>),
    /// What moves of a release; it names it.
    Dial(Dial),
    /// The release of this name is gone.
    Removed(String),
}

/// Opens the value of a key below the prefix. With a keyring, a document counts only if one of its keys signed it.
///
/// # Errors
/// Why it is refused, with every mistake.
pub fn open(key: &str, value: &[u8], keyring: Option<&Keyring>) -> Result<Document, Refusal> {
    let Some(at) = Key::parse(key) else {
        return Err(Refusal::new(Reason::Key, &Path::Root, Problem::NotFound, Quoted(key), Key::EXPECTED));
    };
    let document = read(value, keyring)?;
    document.belongs(at)?;
    Ok(document)
}

/// Reads a document wherever it stands: whoever takes it over asks [`Document::belongs`], or else a good signature for one key would be
/// one for another.
///
/// # Errors
/// Why it is refused, with every mistake.
pub fn read(value: &[u8], keyring: Option<&Keyring>) -> Result<Document, Refusal> {
    if value.len() > limits::VALUE {
        let allowed = format_args!("at most {} bytes", limits::VALUE);
        let value = format_args!("{} bytes", value.len());
        return Err(Refusal::new(Reason::Oversize, &Path::Root, Problem::TooLong, value, allowed));
    }
    let node = parse(value)?;
    match (Envelope::of(&node), keyring) {
        (None, None) => document(&node, value),
        (None, Some(_)) => {
            let allowed = "it is not signed; write it in an envelope: graylane sign";
            Err(Refusal::new(Reason::Signature, &Path::Root, Problem::Required, "", allowed))
        }
        (Some(envelope), None) => unsigned(envelope?.payload()),
        (Some(envelope), Some(keyring)) => signed(&envelope?, keyring),
    }
}

fn parse(value: &[u8]) -> Result<Node<'_>, Refusal> {
    serde_json::from_slice(value).map_err(|fault| {
        let allowed = format_args!("a document is JSON: {fault}");
        Refusal::new(Reason::Syntax, &Path::Root, Problem::Syntax, "", allowed)
    })
}

fn unsigned(payload: &[u8]) -> Result<Document, Refusal> {
    document(&parse(payload)?, payload)
}

/// Opens what is signed. Nothing of it is read before one signature is good, and no signature is verified twice or in vain: each
/// may cost a millisecond.
fn signed(envelope: &Envelope, keyring: &Keyring) -> Result<Document, Refusal> {
    let mut verdicts = Vec::new();
    let mut signatures = envelope.signatures().iter();
    let first = signatures.by_ref().find(|signature| {
        let verdict = keyring.verify(envelope, signature);
        verdicts.push(verdict);
        verdict == Verdict::Good
    });
    let Some(first) = first else { return Err(not_signed(envelope, keyring, &verdicts)) };
    let mut document = unsigned(envelope.payload())?;
    let kind = document.kind();
    let may_sign = |signature: &&Signature| keyring.may_sign(&signature.key_id, kind);
    let is_good = |signature: &&Signature| keyring.verify(envelope, signature) == Verdict::Good;
    let signer = Some(first).filter(may_sign).or_else(|| signatures.filter(may_sign).find(is_good));
    let Some(signer) = signer else {
        let path = Path::Root.key("signatures");
        let allowed = format_args!("a key that may sign a document of this kind: {}", kind.as_str());
        return Err(Refusal::new(Reason::Signer, &path, Problem::Forbidden, shown(&first.key_id), allowed)
            .of(document.stamp.version));
    };
    document.signer = Some(signer.key_id.clone());
    Ok(document)
}

/// Why none of the signatures is good.
fn not_signed(envelope: &Envelope, keyring: &Keyring, verdicts: &[Verdict]) -> Refusal {
    let mut errors = PolicyErrors::default();
    let mut at = At::new(Path::Root, &mut errors);
    let ids = keyring.shown_ids();
    for (index, (signature, verdict)) in envelope.signatures().iter().zip(verdicts).enumerate() {
        let mut at = at.key("signatures");
        let mut at = at.index(index);
        let id = shown(&signature.key_id);
        match verdict {
            Verdict::Good => {}
            Verdict::UnknownKey => at.key("keyid").error(Problem::NotFound, id, OneOf(&ids)),
            Verdict::Bad => at.error(Problem::Invalid, id, "a signature by this key of what stands here"),
        }
    }
    Refusal { reason: Reason::Signature, errors, version: 0 }
}

/// The id of a key as messages show it: not at all where it may be a secret.
fn shown(id: &str) -> String {
    if may_be_secret(id) { String::new() } else { Quoted(id).to_string() }
}

/// What a document says that nobody has signed yet: what is asked before somebody does.
///
/// # Errors
/// Every mistake in it.
pub fn check(node: &Node<'_>) -> Result<Content, Refusal> {
    document(node, &[]).map(|document| document.content)
}

/// Reads a document that is believed.
fn document(node: &Node<'_>, bytes: &[u8]) -> Result<Document, Refusal> {
    let mut errors = PolicyErrors::default();
    let mut payload: Payload = graylane::read::read(node, &Path::Root, &mut errors);
    if let Some(level) = payload.language.filter(|level| *level > LANGUAGE) {
        // What else is wrong may be right there.
        let allowed = format_args!("this engine speaks {LANGUAGE}");
        let path = Path::Root.key("language");
        return Err(
            Refusal::new(Reason::Language, &path, Problem::Unsupported, level, allowed).of(payload.version)
        );
    }
    let content = payload.content(node, &mut At::new(Path::Root, &mut errors));
    let version = payload.version;
    let refused = |errors| Refusal { reason: Reason::Policy, errors, version };
    let content = errors.into_result(content).map_err(refused)?;
    let Some(content) = content else {
        return Err(Refusal::new(Reason::Policy, &Path::Root, Problem::Required, "", "a document"));
    };
    let created_at = payload.created_at();
    let Payload { author, note, returns_to, .. } = payload;
    Ok(Document {
        stamp: Stamp::new(version, bytes),
        created_at,
        author,
        note,
        returns_to,
        signer: None,
        content,
        json: bytes.to_vec(),
    })
}

impl Document {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self.content {
            Content::Settings(_) => Kind::Settings,
            Content::Release(_) | Content::Removed(_) => Kind::Release,
            Content::Dial(_) => Kind::Dial,
        }
    }

    /// The key that it belongs below.
    pub fn key(&self) -> Key<'_> {
        match &self.content {
            Content::Settings(_) => Key::Settings,
            Content::Release(release) => Key::Release(release.name.as_deref().unwrap_or_default()),
            Content::Dial(dial) => Key::Dial(dial.release.as_deref().unwrap_or_default()),
            Content::Removed(name) => Key::Release(name),
        }
    }

    /// Whether it belongs below this key.
    ///
    /// # Errors
    /// It belongs below another one.
    pub fn belongs(&self, key: Key<'_>) -> Result<(), Refusal> {
        let own = self.key();
        if own == key {
            return Ok(());
        }
        let allowed = format_args!("it stands below {key}");
        let value = format_args!("a document of {own}");
        Err(Refusal::new(Reason::Key, &Path::Root, Problem::Invalid, value, allowed).of(self.stamp.version))
    }

    /// Whether it may take the place of what was last served below its key: see [`Stamp::may_follow`].
    ///
    /// # Errors
    /// What is served is newer, or has the same version and says something else.
    pub fn follows(&self, served: Option<&Stamp>) -> Result<(), Refusal> {
        let Some(served) = served.filter(|served| !self.stamp.may_follow(Some(served))) else {
            return Ok(());
        };
        let version = served.version;
        let path = Path::Root.key("version");
        let refusal = if self.stamp.version == version {
            let allowed = format_args!("more than {version}: another document of this version is served");
            Refusal::new(Reason::Version, &path, Problem::Duplicate, version, allowed)
        } else {
            let allowed = format_args!("more than {version}, which is served; a rollback is a new version");
            Refusal::new(Reason::Version, &path, Problem::Invalid, self.stamp.version, allowed)
        };
        Err(refusal.of(self.stamp.version))
    }
}
