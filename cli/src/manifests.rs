//! Kubernetes objects as people keep them: YAML or JSON, several documents in a file, lists of objects (`kind: List`, as
//! `kubectl get -o yaml` writes them).
//!
//! Each object knows where it stands, so that what is found in it is told with its place.

use std::ops::Range;

use graylane::error::{FieldError, Path, PolicyErrors, Problem, Quoted};
use graylane::node::Node;
use serde_json::Value;

use crate::check::{self, Finding, Report, Severity};
use crate::document::{self, Fault, Form};
use crate::findings;

/// Files of objects.
#[derive(Debug, Default)]
pub struct Manifests {
    sources: Vec<Source>,
    /// The objects, in the order in which they are written.
    pub objects: Vec<Object>,
}

#[derive(Debug)]
struct Source {
    name: String,
    text: String,
    report: Report,
}

/// An object.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// What is written.
    pub value: Value,
    place: Place,
}

/// Where an object stands.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    source: usize,
    document: Document,
    /// Where in its document: `items[3]`, or nothing.
    path: String,
}

/// A document of a file: its bytes, and how many lines are before it.
#[derive(Debug, Clone, PartialEq)]
struct Document {
    bytes: Range<usize>,
    lines: usize,
}

impl Object {
    /// The text at a JSON pointer, `/metadata/name`; none where there is none, or something else than text.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.value.pointer(pointer)?.as_str()
    }

    /// The kind: `Ingress`.
    pub fn kind(&self) -> &str {
        self.text("/kind").unwrap_or_default()
    }

    /// The group of its API: `networking.k8s.io`; empty for the core group.
    pub fn group(&self) -> &str {
        self.text("/apiVersion").and_then(|version| version.split_once('/')).map_or("", |(group, _)| group)
    }

    /// The version of its API: `v1`.
    pub fn version(&self) -> &str {
        let version = self.text("/apiVersion").unwrap_or_default();
        version.split_once('/').map_or(version, |(_, version)| version)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.text("/metadata/name").unwrap_or_default()
    }

    /// The namespace that it names: an object may leave that to whoever applies it.
    pub fn namespace(&self) -> Option<&str> {
        self.text("/metadata/namespace")
    }

    /// An annotation, without white space around it.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        let annotations = self.value.pointer("/metadata/annotations")?;
        annotations.get(name)?.as_str().map(str::trim)
    }
}

impl Manifests {
    /// Reads the objects of a file. What is wrong with it is kept, and told with [`Manifests::text`].
    pub fn add(&mut self, name: &str, text: String, form: Form) {
        let source = self.sources.len();
        self.sources.push(Source { name: name.to_owned(), text, report: Report::default() });
        let text = self.sources.last().map(|source| source.text.clone()).unwrap_or_default();
        let documents = match form {
            Form::Json => vec![Document { bytes: 0..text.len(), lines: 0 }],
            Form::Yaml => documents(&text),
        };
        for document in documents {
            let part = text.get(document.bytes.clone()).unwrap_or_default();
            match document::parse(part, form) {
                Ok(node) => self.take(&node, source, &document),
                Err(fault) => self.no_document(source, &document, form, fault),
            }
        }
    }

    fn take(&mut self, node: &Node<'_>, source: usize, document: &Document) {
        let place = Place { source, document: document.clone(), path: String::new() };
        let mut errors = PolicyErrors::default();
        keys_stand_once(node, &Path::Root, &mut errors);
        let mut found: Vec<FieldError> = errors.iter().cloned().collect();
        match document::json(node) {
            Value::Null => {}
            value if value.is_object() => found.extend(self.flatten(Object { value, place: place.clone() })),
            _ => found.push(error(
                "",
                Problem::Type,
                node.to_string(),
                "must be a map: one object, or a list with `items`",
            )),
        }
        let found = found.into_iter().map(|error| (Severity::Error, error)).collect();
        self.place(&place, found);
    }

    /// Adds an object, or those of a list.
    fn flatten(&mut self, object: Object) -> Vec<FieldError> {
        if object.version() == "v1" && object.kind().ends_with("List") || object.kind() == "List" {
            let items = match object.value.get("items") {
                Some(Value::Array(items)) => items.as_slice(),
                _ => &[],
            };
            let item = |(index, value): (usize, &Value)| {
                let path = format!("{}items[{index}]", dotted(&object.place.path));
                Object { value: value.clone(), place: Place { path, ..object.place.clone() } }
            };
            let items: Vec<Object> = items.iter().enumerate().map(item).collect();
            return items.into_iter().flat_map(|item| self.flatten(item)).collect();
        }
        let required = |key: &str, allowed: &str| {
            let path = format!("{}{key}", dotted(&object.place.path));
            object.text(&format!("/{}", key.replace('.', "/"))).is_none().then(|| FieldError {
                path,
                problem: Problem::Required,
                value: String::new(),
                allowed: allowed.to_owned(),
            })
        };
        let missing = [
            required("apiVersion", "the version of its API, like networking.k8s.io/v1"),
            required("kind", "what it is, like Ingress"),
            required("metadata.name", "the name of the object"),
        ];
        let missing: Vec<FieldError> = missing.into_iter().flatten().collect();
        if missing.is_empty() {
            self.objects.push(object);
        }
        missing
    }

    /// Records what was found in an object, with paths from the object on: `spec.rules[0]`.
    pub fn found(&mut self, object: &Object, severity: Severity, mut error: FieldError) {
        let joint = if error.path.is_empty() || error.path.starts_with('[') { "" } else { "." };
        if !object.place.path.is_empty() {
            error.path = format!("{}{joint}{}", object.place.path, error.path);
        }
        self.place(&object.place, vec![(severity, error)]);
    }

    fn place(&mut self, place: &Place, found: Vec<(Severity, FieldError)>) {
        let Some(source) = self.sources.get_mut(place.source) else { return };
        let document = source.text.get(place.document.bytes.clone()).unwrap_or_default();
        let findings = check::placed(document, found);
        source.report.add_placed(findings.into_iter().map(|finding| place.document.in_file(finding)));
    }

    fn no_document(&mut self, source: usize, document: &Document, form: Form, fault: Fault) {
        let findings = check::not_a_document(fault, form, "a manifest").findings;
        let Some(source) = self.sources.get_mut(source) else { return };
        source.report.add_placed(findings.into_iter().map(|finding| document.in_file(finding)));
    }

    /// Where an object stands, as its file and line: `shop.yaml:12`.
    pub fn at(&self, object: &Object) -> String {
        let name = self.sources.get(object.place.source).map_or("", |source| &source.name);
        let text = self.sources.get(object.place.source).map_or("", |source| &source.text);
        let part = text.get(object.place.document.bytes.clone()).unwrap_or_default();
        let found = FieldError {
            path: format!("{}kind", dotted(&object.place.path)),
            problem: Problem::Warning,
            value: String::new(),
            allowed: String::new(),
        };
        let line = check::placed(part, vec![(Severity::Warning, found)])
            .first()
            .map_or(1, |finding| finding.position.line)
            .saturating_add(object.place.document.lines);
        format!("{name}:{line}")
    }

    /// How many findings are this bad.
    pub fn count(&self, severity: Severity) -> usize {
        self.sources.iter().map(|source| source.report.count(severity)).sum()
    }

    /// What was found, each with its line, file by file; it is coloured.
    pub fn text(&self) -> String {
        let with_findings = self.sources.iter().filter(|source| !source.report.findings.is_empty());
        let text = |Source { name, text, report }: &Source| findings::File { name, text, report }.findings();
        with_findings.map(text).collect()
    }
}

impl Document {
    /// A finding of the document as one of its file.
    fn in_file(&self, mut finding: Finding) -> Finding {
        let position = &mut finding.position;
        position.line = position.line.saturating_add(self.lines);
        position.bytes.start = position.bytes.start.saturating_add(self.bytes.start);
        position.bytes.end = position.bytes.end.saturating_add(self.bytes.start);
        finding.through = finding.through.map(|line| line.saturating_add(self.lines));
        finding
    }
}

/// A mistake at a path.
pub fn error(
    path: &str,
    problem: Problem,
    value: impl Into<String>,
    allowed: impl Into<String>,
) -> FieldError {
    FieldError { path: path.to_owned(), problem, value: value.into(), allowed: allowed.into() }
}

/// A value as a message quotes it: scalars whole, lists and maps by their kind.
pub fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) => Quoted(text).to_string(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
        scalar => scalar.to_string(),
    }
}

fn dotted(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path}.") }
}

/// The documents of a file: what `---` parts at the start of a line. Where there are only comments, there is none.
fn documents(text: &str) -> Vec<Document> {
    let (mut documents, mut start, mut lines, mut line) = (Vec::new(), 0, 0, 0);
    let mut end = 0_usize;
    for piece in text.split_inclusive('\n') {
        let is_mark = piece
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        if is_mark && end > start {
            documents.push(Document { bytes: start..end, lines });
            (start, lines) = (end, line);
        }
        end = end.saturating_add(piece.len());
        line = line.saturating_add(1);
    }
    documents.push(Document { bytes: start..end, lines });
    documents.retain(|document| has_content(text.get(document.bytes.clone()).unwrap_or_default()));
    documents
}

/// Whether anything stands there but comments, marks and directives.
fn has_content(document: &str) -> bool {
    document.trim_start_matches('\u{feff}').lines().any(|line| {
        let line = line.strip_prefix("---").unwrap_or(line).trim();
        !line.is_empty() && !line.starts_with('#') && !line.starts_with('%') && line != "..."
    })
}

/// A key that stands twice is a mistake: which of the two counts depends on who reads.
fn keys_stand_once(node: &Node<'_>, path: &Path<'_>, errors: &mut PolicyErrors) {
    match node {
        Node::List(list) => {
            for (index, node) in list.iter().enumerate() {
                keys_stand_once(node, &path.index(index), errors);
            }
        }
        Node::Map(map) => {
            let mut seen = std::collections::HashSet::new();
            for (key, node) in map {
                let path = path.key(key);
                if !seen.insert(key) {
                    errors.add(&path, Problem::Duplicate, Quoted(key), "each key may stand once");
                }
                keys_stand_once(node, &path, errors);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "# first\napiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\n# only a comment\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: networking.k8s.io/v1\n  kind: Ingress\n  metadata:\n    name: b\n    namespace: shop\n    annotations: {x: ' y '}\n";

    fn read(text: &str, form: Form) -> Manifests {
        let mut manifests = Manifests::default();
        manifests.add("file.yaml", text.to_owned(), form);
        manifests
    }

    fn told(manifests: &Manifests) -> String {
        anstream::adapter::strip_str(&manifests.text()).to_string()
    }

    #[test]
    fn documents_and_lists_are_objects_one_after_the_other() {
        let manifests = read(TWO, Form::Yaml);
        assert_eq!(told(&manifests), "");
        let [service, ingress] = manifests.objects.as_slice() else { panic!("{:?}", manifests.objects) };
        assert_eq!(
            (service.group(), service.version(), service.kind(), service.name()),
            ("", "v1", "Service", "a")
        );
        assert_eq!((ingress.group(), ingress.version()), ("networking.k8s.io", "v1"));
        assert_eq!((ingress.namespace(), ingress.annotation("x")), (Some("shop"), Some("y")));
        assert_eq!(
            (manifests.at(service), manifests.at(ingress)),
            ("file.yaml:3".into(), "file.yaml:12".into())
        );
    }

    #[test]
    fn json_is_read_as_well() {
        let text = r#"{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}}]}"#;
        for form in [Form::Json, Form::Yaml] {
            assert_eq!(read(text, form).objects.len(), 1);
        }
    }

    #[test]
    fn what_is_found_in_an_object_is_told_with_its_line() {
        let mut manifests = read(TWO, Form::Yaml);
        let ingress = manifests.objects[1].clone();
        let wrong = error("metadata.annotations.x", Problem::Invalid, Quoted(" y ").to_string(), "no space");
        manifests.found(&ingress, Severity::Error, wrong);
        let told = told(&manifests);
        let expected =
            "file.yaml:16:22: error: items[0].metadata.annotations.x: Invalid value: \" y \": no space\n";
        assert!(told.starts_with(expected), "{told}");
        assert!(told.contains("16 |     annotations: {x: ' y '}\n   |                      ^^^^^"), "{told}");
    }

    #[test]
    fn all_that_is_no_object_is_told_at_once() {
        let text = "- a\n---\nkind: [\n---\nkind: Ingress\nkind: Ingress\nmetadata: {}\n---\n'text'\n";
        let manifests = read(text, Form::Yaml);
        assert_eq!(
            (manifests.objects.len(), manifests.count(Severity::Error)),
            (0, 6),
            "{}",
            told(&manifests)
        );
        let told = told(&manifests);
        for expected in [
            "file.yaml:1:1: error: Wrong type: a list: must be a map",
            "file.yaml:3:7: error: Syntax error: a manifest must be YAML: ",
            "file.yaml:6:1: error: kind: Duplicate value",
            "apiVersion: Required value: the version of its API",
            "metadata.name: Required value: the name of the object",
            "file.yaml:9:1: error: Wrong type: \"text\": must be a map",
        ] {
            assert!(told.contains(expected), "{expected}\n{told}");
        }
    }

    #[test]
    fn a_file_without_content_has_no_objects_and_no_mistakes() {
        for text in ["", "# nothing\n", "---\n---\n", "%YAML 1.2\n---\n...\n", "\u{feff}\n"] {
            let manifests = read(text, Form::Yaml);
            assert_eq!((manifests.objects.len(), told(&manifests).as_str()), (0, ""), "{text:?}");
        }
    }
}
