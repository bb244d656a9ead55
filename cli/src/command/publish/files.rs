//! What stands in the files that are published.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail};
use graylane::error::FieldError;
use graylane::node::Node;
use graylane_cli::check::{Report, Severity, check};
use graylane_cli::document::{self, Form};
use graylane_cli::published::{Draft, Held, Piece, key_of};
use graylane_cli::report::File;
use graylane_cli::sealing::{self, Around, Head, Shape, findings, member};
use graylane_document::{Content, Envelope, Keyring};

use crate::{input, output};

/// What is to be published.
pub(super) enum Given<'t> {
    /// A content, and the key that it belongs below.
    Piece(Piece<'t>, String),
    /// An envelope as it is.
    Signed(Draft),
}

impl Given<'_> {
    pub(super) fn key(&self) -> &str {
        match self {
            Given::Piece(_, key) => key,
            Given::Signed(draft) => &draft.key,
        }
    }
}

/// A part of a file: a whole file, or of a policy its settings and each release.
struct Part<'t> {
    file: usize,
    node: Node<'t>,
    shape: Shape,
    /// Of a policy that was checked as a whole.
    is_checked: bool,
}

/// Reads files; none where they have mistakes, all of which are told then.
pub(super) fn given<'t>(
    files: &'t [(&Path, String)],
    held: &Held,
    keyring: Option<&Keyring>,
) -> Result<Option<Vec<Given<'t>>>> {
    let mut is_good = true;
    let (mut parts, mut given) = (Vec::new(), Vec::new());
    for (file, (path, text)) in files.iter().enumerate() {
        let node = parsed(path, text)?;
        if Envelope::of(&node).is_some() {
            match signed(path, text, keyring) {
                Some(draft) => given.push(Given::Signed(draft)),
                None => is_good = false,
            }
        } else if member(&node, "releases").is_some() {
            let checked = check(text, Form::of(path));
            is_good &= tell(path, text, &checked.report);
            parts.extend(split(node).into_iter().map(|(node, shape)| Part {
                file,
                node,
                shape,
                is_checked: true,
            }));
        } else {
            let name = input::name(path);
            let shape = Shape::of(&node).map_err(|why| anyhow::anyhow!("{name}: {why}"))?;
            parts.push(Part { file, node, shape, is_checked: false });
        }
    }
    for part in &parts {
        match keyed(part, &parts, files, held) {
            Some(key) => given.push(Given::Piece(
                Piece { node: part.node.clone(), shape: part.shape, returns_to: None },
                key,
            )),
            None => is_good = false,
        }
    }
    // Settings that nobody has, and nobody wants others than.
    given.retain(|one| {
        !matches!(one, Given::Piece(piece, key)
            if key == "settings" && piece.node == Node::Map(Vec::new()) && !held.values.contains_key(key))
    });
    let mut keys = BTreeSet::new();
    if let Some(twice) = given.iter().find(|one| !keys.insert(one.key().to_owned())) {
        bail!("{} is given twice", twice.key());
    }
    Ok(is_good.then_some(given))
}

fn parsed<'t>(path: &Path, text: &'t str) -> Result<Node<'t>> {
    document::parse(text, Form::of(path)).map_err(|fault| {
        let (name, position) = (input::name(path), fault.position);
        anyhow::anyhow!("{name}:{}:{}: {}", position.line, position.column, fault.message)
    })
}

/// The settings of a policy and its releases.
fn split(policy: Node<'_>) -> Vec<(Node<'_>, Shape)> {
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

/// The key of a part; none where it has mistakes, which are told then.
fn keyed(part: &Part<'_>, all: &[Part<'_>], files: &[(&Path, String)], held: &Held) -> Option<String> {
    let document = as_document(part);
    let content = graylane_document::check(&document).ok();
    if !part.is_checked {
        let (path, text) = files.get(part.file)?;
        let live = held.document("settings").map(|document| document.json).unwrap_or_default();
        let live = serde_json::from_slice::<Node<'_>>(&live).ok();
        let live = live.as_ref().and_then(|node| member(node, "settings"));
        let around = Around {
            settings: all.iter().find_map(|part| member(&as_document(part), "settings")).or(live),
            release: match &content {
                Some(Content::Dial(dial)) => release(dial.release.as_deref()?, all, held),
                _ => None,
            },
        };
        let found: Vec<(Severity, FieldError)> = findings(&document, part.shape, &around);
        let mut report = Report::default();
        report.add(text, found);
        if !tell(path, text, &report) {
            return None;
        }
    }
    content.map(|content| key_of(&content))
}

/// The release of a dial: the one that is published with it, or else the one that is live.
fn release(name: &str, all: &[Part<'_>], held: &Held) -> Option<graylane::policy::Release> {
    let named = |content: Content| match content {
        Content::Release(release) if release.name.as_deref() == Some(name) => Some(*release),
        _ => None,
    };
    let given = all.iter().find_map(|part| graylane_document::check(&as_document(part)).ok().and_then(named));
    given.or_else(|| named(held.document(&format!("releases/{name}"))?.content))
}

fn as_document<'t>(part: &Part<'t>) -> Node<'t> {
    sealing::document(part.node.clone(), part.shape, &Head::default())
}

/// An envelope as it is; none where it is refused, which is told then.
fn signed(path: &Path, text: &str, keyring: Option<&Keyring>) -> Option<Draft> {
    match graylane_document::read(text.as_bytes(), keyring) {
        Ok(document) => Some(Draft {
            key: document.key().to_string(),
            version: document.stamp.version,
            value: text.trim_end().as_bytes().to_owned(),
        }),
        Err(refusal) => {
            for error in &refusal.errors {
                output::tell(&format!("{}: {}: {error}\n", input::name(path), refusal.reason));
            }
            None
        }
    }
}

/// Tells what was found in a file; whether it may be published.
fn tell(path: &Path, text: &str, report: &Report) -> bool {
    output::tell(&File { name: &input::name(path), text, report }.findings());
    report.is_good(false)
}
