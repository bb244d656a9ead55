//! A policy file is checked: everything that is wrong with it, each with its place in the file.

mod expected;

use std::collections::HashMap;

use graylane::compile::check_node;
use graylane::error::{FieldError, Path, PolicyErrors, Problem};
use graylane::node::Node;
use graylane::plan::Plan;
use graylane::policy::Policy;
use graylane::read::{Written, read};
use serde::Serialize;

use crate::document::{Fault, Form, parse};
use crate::hint;
use crate::position::{Found, Position, Positions};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The policy is refused.
    Error,
    /// The policy is accepted, but hardly meant.
    Warning,
    /// Nothing is wrong; something is good to know.
    Note,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What, and where in the document.
    pub error: FieldError,
    /// Where in the file.
    pub position: Position,
    /// The line of the alias by which the path comes there, if it does.
    pub through: Option<usize>,
    /// The word that may have been meant.
    pub meant: Option<String>,
}

/// All that is wrong with a file, in the order of its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What was found.
    pub findings: Vec<Finding>,
    /// How many releases the policy has.
    pub releases: usize,
}

impl Report {
    /// How many findings are this bad.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Adds what else was found in the file of this `text`.
    pub fn add(&mut self, text: &str, found: Vec<(Severity, FieldError)>) {
        self.findings.extend(placed(text, found));
        sort(&mut self.findings);
    }

    /// Adds findings whose places are known.
    pub(crate) fn add_placed(&mut self, findings: impl Iterator<Item = Finding>) {
        self.findings.extend(findings);
        sort(&mut self.findings);
    }

    /// Whether nothing is wrong; `strict` counts a warning too.
    pub fn is_good(&self, strict: bool) -> bool {
        self.count(Severity::Error) == 0 && !(strict && self.count(Severity::Warning) > 0)
    }
}

/// A file that has been checked.
#[derive(Debug)]
pub struct Checked<'t> {
    /// All that is wrong with it.
    pub report: Report,
    /// What it says; none where there is an error.
    pub good: Option<Good<'t>>,
}

/// What a good policy says.
#[derive(Debug)]
pub struct Good<'t> {
    /// Its tree.
    pub node: Node<'t>,
    /// As it is written.
    pub policy: Policy,
    /// What it compiles to.
    pub plan: Plan,
}

/// Checks a policy.
pub fn check(text: &str, form: Form) -> Checked<'_> {
    let empty = || Fault {
        message: "it is empty; `graylane init` writes a first one".to_owned(),
        position: Position::at(text, 1, 1),
    };
    let node =
        match parse(text, form).and_then(|node| if node == Node::Null { Err(empty()) } else { Ok(node) }) {
            Ok(node) => node,
            Err(fault) => return Checked { report: not_a_document(fault, form, "the policy"), good: None },
        };
    let releases = releases(&node);
    let (policy, plan, errors) = check_node(&node);
    let is_good = errors.is_empty();
    let mut report = Report { findings: placed(text, found(&errors)), releases };
    expected::settle(text, &mut report);
    Checked { report, good: is_good.then_some(Good { node, policy, plan }) }
}

fn found(errors: &PolicyErrors) -> Vec<(Severity, FieldError)> {
    let warnings = errors.warnings().iter().map(|warning| (Severity::Warning, warning.clone()));
    errors.iter().map(|error| (Severity::Error, error.clone())).chain(warnings).collect()
}

/// What was found, each with its place, in the order of the lines.
pub(crate) fn placed(text: &str, found: Vec<(Severity, FieldError)>) -> Vec<Finding> {
    if found.is_empty() {
        return Vec::new();
    }
    let positions = Positions::of(text);
    // How many had this path and problem already.
    let mut before: HashMap<(String, &str), usize> = HashMap::new();
    let place = |(severity, error): (Severity, FieldError)| {
        let before = before.entry((error.path.clone(), error.problem.as_str())).or_default();
        let Found { position, through } = positions.find(&error, *before);
        *before = before.saturating_add(1);
        let meant = hint::meant(&error).map(str::to_owned);
        Finding { severity, error, position, through, meant }
    };
    let mut findings: Vec<Finding> = found.into_iter().map(place).collect();
    sort(&mut findings);
    findings
}

fn sort(findings: &mut [Finding]) {
    findings.sort_by_key(|finding| (finding.position.line, finding.position.column));
}

fn releases(node: &Node<'_>) -> usize {
    let Node::Map(map) = node else { return 0 };
    match map.iter().find(|(key, _)| key == "releases") {
        Some((_, Node::List(releases))) => releases.len(),
        _ => 0,
    }
}

/// Reads a file that is no policy, and holds it against what the caller knows; `what` is how messages call it.
///
/// # Errors
/// All that is wrong with it.
pub(crate) fn hold<W: Written, T>(
    text: &str,
    form: Form,
    what: &str,
    against: impl FnOnce(W, &mut PolicyErrors) -> T,
) -> Result<T, Report> {
    let node = parse(text, form).map_err(|fault| not_a_document(fault, form, what))?;
    let mut errors = PolicyErrors::default();
    let written = read(&node, &Path::Root, &mut errors);
    let held = against(written, &mut errors);
    if errors.is_empty() {
        return Ok(held);
    }
    Err(Report { findings: placed(text, found(&errors)), releases: 0 })
}

/// The report of a text that cannot be read as what it should be.
pub(crate) fn not_a_document(fault: Fault, form: Form, what: &str) -> Report {
    let form = match form {
        Form::Yaml => "YAML",
        Form::Json => "JSON",
    };
    let error = FieldError {
        path: String::new(),
        problem: Problem::Syntax,
        value: String::new(),
        allowed: format!("{what} must be {form}: {}", fault.message),
    };
    let finding =
        Finding { severity: Severity::Error, error, position: fault.position, through: None, meant: None };
    Report { findings: vec![finding], releases: 0 }
}
