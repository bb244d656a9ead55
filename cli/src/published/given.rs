//! What stands in the texts that are published.

use std::collections::BTreeMap;
use std::path::Path;

use graylane::node::Node;
use graylane::policy::Release;
use graylane_document::{Content, Envelope, Keyring};

use super::{Draft, Held, Piece, key_of};
use crate::check::{Report, check};
use crate::document::{self, Form};
use crate::findings::File;
use crate::sealing::{self, Around, Head, Shape, findings, member};

/// A text that is published: a file, or what stands below a key elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// How it is called in messages.
    pub name: String,
    /// How it is written.
    pub form: Form,
    /// Itself.
    pub text: String,
}

impl Text {
    /// The text of a file, in the form that its path tells.
    pub fn of_file(name: String, path: &Path, text: String) -> Self {
        Text { name, form: Form::of(path), text }
    }
}

/// What is to be published.
#[derive(Debug)]
pub enum Given<'t> {
    /// A content, and the key that it belongs below.
    Piece(Piece<'t>, String),
    /// An envelope as it is.
    Signed(Draft),
}

impl Given<'_> {
    /// The key that it belongs below.
    pub fn key(&self) -> &str {
        match self {
            Given::Piece(_, key) => key,
            Given::Signed(draft) => &draft.key,
        }
    }
}

/// What was made of a text.
#[derive(Debug, Default)]
pub struct Heard<'t> {
    /// What it holds: one content, or of a policy all.
    pub given: Vec<Given<'t>>,
    /// Whether it has no mistake. Else not all that it holds is given.
    pub is_good: bool,
    /// Mistakes and warnings, coloured, each with its place.
    pub told: String,
}

/// A part of a text: all of it, or of a policy its settings and each release.
struct Part<'t> {
    text: usize,
    node: Node<'t>,
    shape: Shape,
    /// The document of it.
    document: Node<'t>,
    /// What that says; none where its form is wrong.
    content: Option<Content>,
    /// Of a policy that was checked as a whole.
    is_checked: bool,
}

impl<'t> Part<'t> {
    fn new(text: usize, node: Node<'t>, shape: Shape, is_checked: bool) -> Self {
        let document = sealing::document(node.clone(), shape, &Head::default());
        let content = graylane_document::check(&document).ok();
        Part { text, node, shape, document, content, is_checked }
    }
}

/// Reads texts that are published together: what was made of each, in their order.
pub fn given<'t>(texts: &[&'t Text], held: &Held, keyring: Option<&Keyring>) -> Vec<Heard<'t>> {
    let mut all: Vec<Heard<'t>> = Vec::new();
    let mut parts = Vec::new();
    for (index, text) in texts.iter().copied().enumerate() {
        let mut heard = Heard { is_good: true, ..Heard::default() };
        if let Err(told) = take(index, text, keyring, &mut heard, &mut parts) {
            heard = Heard { told, ..Heard::default() };
        }
        all.push(heard);
    }
    let live = held.document("settings").map(|document| document.json).unwrap_or_default();
    let live = serde_json::from_slice::<Node<'_>>(&live).ok();
    let together = Together::of(&parts, live.as_ref(), held);
    for part in &parts {
        let (Some(heard), Some(text)) = (all.get_mut(part.text), texts.get(part.text)) else { continue };
        let is_good = part.is_checked || is_good(part, &together, text, heard);
        let Some(key) = part.content.as_ref().map(key_of).filter(|_| is_good) else {
            heard.is_good = false;
            continue;
        };
        // Settings that nobody has, and nobody wants others than.
        let is_nothing = key == "settings" && part.node == Node::Map(Vec::new());
        if !is_nothing || held.values.contains_key(&key) {
            let piece = Piece { node: part.node.clone(), shape: part.shape, returns_to: None };
            heard.given.push(Given::Piece(piece, key));
        }
    }
    all
}

/// What parts are checked with: what is published with them, or else what is live.
struct Together<'p, 't> {
    settings: Option<Node<'t>>,
    releases: BTreeMap<&'p str, &'p Release>,
    held: &'p Held,
}

impl<'p, 't> Together<'p, 't> {
    fn of(parts: &'p [Part<'t>], live: Option<&Node<'t>>, held: &'p Held) -> Self {
        let mut together = Together { settings: None, releases: BTreeMap::new(), held };
        for part in parts {
            if together.settings.is_none() {
                together.settings = member(&part.document, "settings");
            }
            if let Some((name, release)) = part.content.as_ref().and_then(released) {
                together.releases.entry(name).or_insert(release);
            }
        }
        if together.settings.is_none() {
            together.settings = live.and_then(|document| member(document, "settings"));
        }
        together
    }

    fn release(&self, name: &str) -> Option<Release> {
        if let Some(given) = self.releases.get(name) {
            return Some((*given).clone());
        }
        let live = self.held.document(&format!("releases/{name}"))?;
        released(&live.content).map(|(_, release)| release.clone())
    }
}

fn released(content: &Content) -> Option<(&str, &Release)> {
    let Content::Release(release) = content else { return None };
    Some((release.name.as_deref()?, release))
}

/// Takes a text apart.
fn take<'t>(
    index: usize,
    text: &'t Text,
    keyring: Option<&Keyring>,
    heard: &mut Heard<'t>,
    parts: &mut Vec<Part<'t>>,
) -> Result<(), String> {
    let name = &text.name;
    let node = document::parse(&text.text, text.form).map_err(|fault| {
        let position = fault.position;
        format!("{name}:{}:{}: {}\n", position.line, position.column, fault.message)
    })?;
    if Envelope::of(&node).is_some() {
        heard.given.push(Given::Signed(signed(text, keyring)?));
    } else if member(&node, "releases").is_some() {
        let checked = check(&text.text, text.form);
        heard.is_good = tell(text, &checked.report, heard);
        let split = split(node).into_iter();
        parts.extend(split.map(|(node, shape)| Part::new(index, node, shape, true)));
    } else {
        let shape = Shape::of(&node).map_err(|why| format!("{name}: {why}\n"))?;
        parts.push(Part::new(index, node, shape, false));
    }
    Ok(())
}

/// The settings of a policy and its releases.
pub(crate) fn split(policy: Node<'_>) -> Vec<(Node<'_>, Shape)> {
    let Node::Map(map) = policy else { return Vec::new() };
    let (mut settings, mut parts) = (Vec::new(), Vec::new());
    for (key, value) in map {
        match (&*key, value) {
            ("releases", Node::List(list)) => {
                parts.extend(list.into_iter().map(|node| (node, Shape::Release)));
            }
            ("language" | "version" | "releases", _) => {}
            (_, value) => settings.push((key, value)),
        }
    }
    parts.insert(0, (Node::Map(settings), Shape::Settings));
    parts
}

/// Whether a part has no mistakes; what is found is told.
fn is_good(part: &Part<'_>, together: &Together<'_, '_>, text: &Text, heard: &mut Heard<'_>) -> bool {
    let release = match &part.content {
        Some(Content::Dial(dial)) => dial.release.as_deref().and_then(|name| together.release(name)),
        _ => None,
    };
    let around = Around { settings: together.settings.clone(), release };
    let mut report = Report::default();
    report.add(&text.text, findings(&part.document, part.shape, &around));
    tell(text, &report, heard)
}

/// An envelope as it is, or why it is refused.
fn signed(text: &Text, keyring: Option<&Keyring>) -> Result<Draft, String> {
    match graylane_document::read(text.text.as_bytes(), keyring) {
        Ok(document) => Ok(Draft {
            key: document.key().to_string(),
            version: document.stamp.version,
            value: text.text.trim_end().as_bytes().to_owned(),
        }),
        Err(refusal) => {
            let line = |error| format!("{}: {}: {error}\n", text.name, refusal.reason);
            Err(refusal.errors.iter().map(line).collect())
        }
    }
}

/// Adds what was found in a text; whether it may be published.
fn tell(text: &Text, report: &Report, heard: &mut Heard<'_>) -> bool {
    heard.told.push_str(&File { name: &text.name, text: &text.text, report }.findings());
    report.is_good(false)
}
