//! What is signed: a document, or what is to become one, checked by the engine before anybody puts a name under it.

use std::borrow::Cow;

use graylane::compile::{LANGUAGE, check_node, compile};
use graylane::error::{FieldError, Path, PolicyErrors, Problem};
use graylane::node::Node;
use graylane::policy::{Policy, Release};
use graylane::time::Timestamp;
use graylane_document::{Content, Dial, check};

use crate::check::Severity;

/// What stands in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A whole document.
    Document,
    /// A release alone.
    Release,
    /// A dial alone.
    Dial,
    /// Settings alone.
    Settings,
}

/// What is said of a document besides its content. What is `None` is as the file says it.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// The version.
    pub version: Option<u64>,
    /// When it was made; for a document that does not say it.
    pub created_at: Timestamp,
    /// Who made it.
    pub author: Option<String>,
    /// What for.
    pub note: Option<String>,
    /// The version whose content it has again.
    pub returns_to: Option<u64>,
}

/// What else is known of the policy that a document becomes part of.
#[derive(Debug, Clone, Default)]
pub struct Around<'t> {
    /// The settings.
    pub settings: Option<Node<'t>>,
    /// The release of a dial.
    pub release: Option<Release>,
}

/// The path of the only release of a policy.
const RELEASE: &str = "releases[0]";

type Entries<'t> = Vec<(Cow<'t, str>, Node<'t>)>;

impl Shape {
    /// What stands in this tree.
    ///
    /// # Errors
    /// It is something that is not signed, with what to do about it.
    pub fn of(node: &Node<'_>) -> Result<Self, &'static str> {
        let Node::Map(map) = node else {
            return Err("it must be a map: a release, a dial, settings or a document");
        };
        let member = |wanted: &str| map.iter().find(|(key, _)| key == wanted).map(|(_, value)| value);
        let has = |keys: &[&str]| keys.iter().any(|key| member(key).is_some());
        if has(&["payload", "payloadType", "signatures"]) {
            return Err("it is signed already; --add adds a signature");
        }
        if has(&["releases"]) {
            return Err("it is a whole policy; sign its settings and each of its releases by themselves");
        }
        Ok(match member("release") {
            Some(Node::Text(_)) => Shape::Dial,
            Some(_) => Shape::Document,
            None if has(&["settings", "dial", "removed"]) => Shape::Document,
            None if has(&["name", "match", "lanes", "ab", "canary", "blueGreen"]) => Shape::Release,
            None => Shape::Settings,
        })
    }

    /// The key of a document under which this stands.
    fn key(self) -> Option<&'static str> {
        match self {
            Shape::Document => None,
            Shape::Release => Some("release"),
            Shape::Dial => Some("dial"),
            Shape::Settings => Some("settings"),
        }
    }

    /// A mistake in a document with its path in the file; `None` where it is in no file.
    pub fn placed(self, error: &FieldError) -> Option<FieldError> {
        self.in_file(&error.path).map(|path| FieldError { path, ..error.clone() })
    }

    /// Where in the file a part of the document stands; `None` where it is in no file.
    fn in_file(self, path: &str) -> Option<String> {
        match self.key() {
            None => Some(path.to_owned()),
            Some(key) => without(path, key),
        }
    }
}

/// The rest of a path below a part of it.
fn without(path: &str, part: &str) -> Option<String> {
    let rest = path.strip_prefix(part)?;
    match rest.strip_prefix('.') {
        Some(rest) => Some(rest.to_owned()),
        None if rest.is_empty() || rest.starts_with('[') => Some(rest.to_owned()),
        None => None,
    }
}

/// A path below a part.
fn below(part: &str, path: &str) -> String {
    let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
    format!("{part}{dot}{path}")
}

/// The document of what stands in a file.
pub fn document<'t>(content: Node<'t>, shape: Shape, head: &Head) -> Node<'t> {
    let number = Node::Unsigned;
    let text = |text: &str| Node::Text(Cow::Owned(text.to_owned()));
    let created_at = text(&head.created_at.to_string());
    let mut map = match (content, shape.key()) {
        (Node::Map(map), None) => map,
        (content, key) => {
            vec![("language".into(), number(LANGUAGE.into())), (key.unwrap_or_default().into(), content)]
        }
    };
    if !map.iter().any(|(key, _)| key == "createdAt") {
        put(&mut map, "createdAt", Some(created_at));
    }
    put(&mut map, "version", head.version.map(number));
    put(&mut map, "author", head.author.as_deref().map(text));
    put(&mut map, "note", head.note.as_deref().map(text));
    put(&mut map, "returnsTo", head.returns_to.map(number));
    Node::Map(map)
}

/// Says it in the place of what is said, or before the content.
fn put<'t>(map: &mut Entries<'t>, key: &'static str, value: Option<Node<'t>>) {
    let Some(value) = value else { return };
    match map.iter_mut().find(|(other, _)| other == key) {
        Some((_, old)) => *old = value,
        None => map.insert(map.len().saturating_sub(1), (key.into(), value)),
    }
}

/// All that is wrong with a document, with paths as they are in the file.
pub fn findings(document: &Node<'_>, shape: Shape, around: &Around<'_>) -> Vec<(Severity, FieldError)> {
    let mut found = Vec::new();
    let mut add = |severity: Severity, path: &str, error: &FieldError| {
        let Some(path) = shape.in_file(path) else { return };
        let finding = (severity, FieldError { path, ..error.clone() });
        if !found.contains(&finding) {
            found.push(finding);
        }
    };
    let checked = check(document);
    if let Err(refusal) = &checked {
        for error in &refusal.errors {
            add(Severity::Error, &error.path, error);
        }
    }
    let release = of_release(document, around);
    for (severity, list) in
        [(Severity::Error, release.iter()), (Severity::Warning, release.warnings().iter())]
    {
        for error in list {
            if let Some(path) = without(&error.path, RELEASE) {
                add(severity, &below("release", &path), error);
            }
        }
    }
    // What is hardly meant of settings is so for want of releases.
    for error in &of_settings(document) {
        add(Severity::Error, &below("settings", &error.path), error);
    }
    if let (Ok(Content::Dial(dial)), Some(release)) = (&checked, &around.release) {
        for error in of_dial(dial, release.clone(), around) {
            add(Severity::Error, &below("dial", &error.path), &error);
        }
    }
    found
}

/// What stands under a key of a document.
pub fn member<'t>(document: &Node<'t>, key: &str) -> Option<Node<'t>> {
    let Node::Map(map) = document else { return None };
    map.iter().find(|(other, _)| other == key).map(|(_, value)| value.clone())
}

/// A policy of these settings, without releases.
fn policy<'t>(settings: Option<&Node<'t>>) -> Entries<'t> {
    let entries = if let Some(Node::Map(map)) = settings { map.clone() } else { Entries::new() };
    let own = entries.into_iter().filter(|(key, _)| !matches!(&**key, "language" | "version" | "releases"));
    own.chain([("language".into(), Node::Unsigned(LANGUAGE.into()))]).collect()
}

/// What the engine says of the release, in a policy with the settings and without other releases.
fn of_release(document: &Node<'_>, around: &Around<'_>) -> PolicyErrors {
    let Some(release @ Node::Map(_)) = member(document, "release") else { return PolicyErrors::default() };
    let mut policy = policy(around.settings.as_ref());
    policy.push(("releases".into(), Node::List(vec![release])));
    check_node(&Node::Map(policy)).2
}

/// What the engine says of settings.
fn of_settings(document: &Node<'_>) -> PolicyErrors {
    let Some(settings @ Node::Map(_)) = member(document, "settings") else { return PolicyErrors::default() };
    check_node(&Node::Map(policy(Some(&settings)))).2
}

/// What is wrong with a dial of this release, with paths from the dial.
fn of_dial(dial: &Dial, mut release: Release, around: &Around<'_>) -> Vec<FieldError> {
    if let Err(errors) = dial.apply(&mut release) {
        return errors.iter().cloned().collect();
    }
    let node = Node::Map(policy(around.settings.as_ref()));
    let mut errors = PolicyErrors::default();
    let mut policy: Policy = graylane::read::read(&node, &Path::Root, &mut errors);
    policy.releases = vec![release];
    let Err(errors) = compile(&policy) else { return Vec::new() };
    let told = |error: &FieldError| FieldError {
        path: String::new(),
        problem: Problem::Invalid,
        value: String::new(),
        allowed: match without(&error.path, RELEASE) {
            Some(path) => {
                format!("with it the release has a mistake: {}", FieldError { path, ..error.clone() })
            }
            None => format!("with it the policy has a mistake: {error}"),
        },
    };
    errors.iter().map(told).collect()
}
