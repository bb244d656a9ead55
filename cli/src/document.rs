//! A policy as a file that people write: YAML (or JSON, which is YAML) in, what Envoy is handed out.
//!
//! The document is checked by the engine itself and then kept as it was written: rendering changes its form, never
//! a key or a value.

use std::fmt::Display;
use std::path::Path as File;

use graylane::compile::compile_node;
use graylane::error::{Path, PolicyErrors, Problem};
use graylane::node::Node;
use graylane::policy::{Metrics, Trust};
use graylane::read::is_neutral;
use serde_json::{Map, Number, Value, json};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{DuplicateKeyPolicy, Error, UserMessageFormatter, alias_limits, budget, options};

use crate::keys::Keys;
use crate::position::Position;

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// YAML, of which JSON is a part.
    Yaml,
    /// JSON alone, since that is what will read it.
    Json,
}

impl Form {
    /// The form that the name of a file tells: JSON where it ends in `.json`.
    pub fn of(file: &File) -> Self {
        if file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
            Form::Json
        } else {
            Form::Yaml
        }
    }
}

/// A text that is no document.
#[derive(Debug)]
pub struct Fault {
    /// What is wrong with it.
    pub message: String,
    /// Where.
    pub position: Position,
}

/// Reads a document as a tree.
///
/// # Errors
/// The first thing that is not YAML or JSON.
pub fn parse(text: &str, form: Form) -> Result<Node<'_>, Fault> {
    match form {
        Form::Yaml => parse_yaml(text),
        Form::Json => parse_json(text),
    }
}

fn parse_yaml(text: &str) -> Result<Node<'_>, Fault> {
    let options = options! {
        // A key that stands twice is the engine's to report, with its path.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // A lane may be called `no`: only true and false are booleans, as in YAML 1.2.
        strict_booleans: true,
        with_snippet: false,
        emit_comments: false,
        // The file is the caller's own: 100,000 releases may be. What is multiplied by aliases stays bounded.
        budget: budget! {
            max_events: 50_000_000,
            max_nodes: 50_000_000,
            max_aliases: 1_000_000,
            max_anchors: 1_000_000,
            max_merge_keys: 1_000_000,
            // One anchor for all releases is how aliases are meant to be used.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: alias_limits! { max_total_replayed_events: 5_000_000 },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|fault| {
        let location = fault.location().map(|location| (location.line(), location.column()));
        let message = match fault.without_snippet() {
            Error::Budget { breach, .. } => too_much(breach),
            _ => fault.render_with_formatter(&UserMessageFormatter),
        };
        let (line, column) = location.unwrap_or((1, 1));
        let message = message.strip_suffix(&format!(" at line {line}, column {column}")).unwrap_or(&message);
        let [line, column] = [line, column].map(|number| usize::try_from(number).unwrap_or(1));
        Fault { message: message.to_owned(), position: Position::at(text, line, column) }
    })
}

/// What a document has too much of.
fn too_much(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Depth { depth } => {
            format!("it is nested too deeply, {} levels at most", depth.saturating_sub(1))
        }
        BudgetBreach::Aliases { .. }
        | BudgetBreach::Anchors { .. }
        | BudgetBreach::MergeKeys { .. }
        | BudgetBreach::RecordedAnchorEvents { .. }
        | BudgetBreach::RecordedAnchorBytes { .. } => {
            "its anchors and aliases repeat too much; write it out, or in several files".to_owned()
        }
        _ => "it is too large".to_owned(),
    }
}

fn parse_json(text: &str) -> Result<Node<'_>, Fault> {
    serde_json::from_str(text).map_err(|fault| {
        let message = fault.to_string();
        let (line, bytes) = (fault.line(), fault.column());
        let message = message.strip_suffix(&format!(" at line {line} column {bytes}")).unwrap_or(&message);
        // It counts bytes; the last of them is where it stopped.
        let before = text.split('\n').nth(line.saturating_sub(1)).unwrap_or_default();
        let before = before.as_bytes().get(..bytes.saturating_sub(1)).unwrap_or_default();
        let column = String::from_utf8_lossy(before).chars().count().saturating_add(1);
        Fault { message: message.to_owned(), position: Position::at(text, line, column) }
    })
}

/// Reads a policy in YAML and checks it.
///
/// # Errors
/// Every mistake in it at once. Text that is not YAML is one mistake, with its line.
pub fn read(yaml: &str) -> Result<Value, PolicyErrors> {
    let node = parse(yaml, Form::Yaml).map_err(|fault| {
        let mut errors = PolicyErrors::default();
        let Fault { message, position: Position { line, column, .. } } = fault;
        let allowed = format!("the policy must be YAML: {message} at line {line}, column {column}");
        let (value, allowed): (&dyn Display, &dyn Display) = (&"", &allowed);
        errors.add(&Path::Root, Problem::Syntax, value, allowed);
        errors
    })?;
    compile_node(&node)?;
    Ok(json(&node))
}

/// What a plugin tells of requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Telemetry {
    /// Whether each decision is left for the access log.
    pub access_log: bool,
    /// What is counted by release and lane.
    pub metrics: Metrics,
}

/// The configuration of a plugin, as Envoy hands it to the module; with keys it holds secrets.
pub fn plugin_configuration(trust: Trust, telemetry: Telemetry, keys: &Keys, policy: &Value) -> Value {
    let Telemetry { access_log, metrics } = telemetry;
    let mut configuration = Map::new();
    configuration.insert("trust".to_owned(), json!(trust));
    if access_log {
        configuration.insert("accessLog".to_owned(), Value::Bool(true));
    }
    if !is_neutral(&metrics) {
        configuration.insert("metrics".to_owned(), json!(metrics));
    }
    if !keys.is_empty() {
        configuration.insert("keys".to_owned(), json!(keys));
    }
    configuration.insert("policy".to_owned(), policy.clone());
    Value::Object(configuration)
}

/// A document that has been checked, as JSON: with its keys in the order in which they are written.
pub fn json(node: &Node<'_>) -> Value {
    match node {
        Node::Null => Value::Null,
        Node::Bool(value) => Value::Bool(*value),
        Node::Unsigned(value) => Value::from(*value),
        Node::Negative(value) => Value::from(*value),
        // Neither infinite nor not a number: the policy was checked.
        Node::Float(value) => Number::from_f64(*value).map_or(Value::Null, Value::Number),
        Node::Text(value) => Value::from(value.as_ref()),
        Node::List(list) => list.iter().map(json).collect(),
        Node::Map(map) => {
            let pairs = map.iter().map(|(key, value)| (key.to_string(), json(value)));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "
language: 1
version: 7
releases:
- name: shop
  match: {hosts: [shop.example.com]}
  lanes:
  - {name: stable}
  - {name: v2, labels: {version: v2.3, build: '12'}}
  canary:
    stable: stable
    candidates: [{lane: v2, percent: 12.5}]  # of all users
";

    fn mistakes(yaml: &str) -> Vec<String> {
        read(yaml).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn words_that_were_booleans_once_are_text() {
        let policy = read(
            &POLICY
                .replace("v2", "no")
                .replace("name: stable", "name: on")
                .replace("stable: stable", "stable: on"),
        )
        .unwrap();
        assert_eq!(policy["releases"][0]["lanes"][1]["name"], "no");
        assert_eq!(policy["releases"][0]["canary"]["stable"], "on");
    }

    #[test]
    fn what_is_rendered_is_what_was_written() {
        let policy = read(POLICY).unwrap();
        let percent = policy.pointer("/releases/0/canary/candidates/0/percent").unwrap();
        assert_eq!(percent, 12.5);
        assert_eq!(policy.pointer("/releases/0/lanes/1/labels/build").unwrap(), "12");
        assert_eq!(policy.as_object().unwrap().len(), 3, "nothing is added: {policy}");
    }

    #[test]
    fn the_module_takes_what_is_rendered() {
        let metrics = Metrics { lanes: Some(7), ..Metrics::default() };
        let policy = read(POLICY).unwrap();
        let telemetry = Telemetry { access_log: true, metrics };
        let configuration = plugin_configuration(Trust::Edge, telemetry, &Keys::default(), &policy);
        let loaded = graylane::load(configuration.to_string().as_bytes());
        assert_eq!((loaded.trust, loaded.access_log, loaded.metrics), (Trust::Edge, true, metrics));
        assert_eq!(loaded.plan.unwrap().version(), 7);
    }

    #[test]
    fn all_mistakes_are_told_with_their_paths() {
        let yaml = POLICY.replace("stable: stable", "stable: old").replace("12.5", "'12'");
        let found = mistakes(&yaml.replace("version: 7", "version: 7\nversion: 8\ncolour: blue"));
        let told = |path: &str| found.iter().any(|mistake| mistake.starts_with(path));
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(told("releases[0].canary.stable: Not found: \"old\""), "{found:#?}");
        assert!(told("releases[0].canary.candidates[0].percent: Wrong type: \"12\""), "{found:#?}");
        assert!(told("version: Duplicate value"), "{found:#?}");
        assert!(told("colour: Unknown field"), "{found:#?}");
    }

    #[test]
    fn text_that_is_no_yaml_is_one_mistake_with_its_line() {
        let found = mistakes("language: 1\nreleases: [\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("Syntax error: the policy must be YAML: "), "{found:?}");
        assert!(found[0].contains("line "), "{found:?}");
    }

    #[test]
    fn a_document_that_is_too_much_is_told_in_words() {
        let deep = format!("a: {}{}", "[".repeat(100), "]".repeat(100));
        let anchors: Vec<String> =
            (0..100_000).map(|at| format!("- &a{at} {{a: [1, 2, 3, 4, 5, 6, 7, 8]}}")).collect();
        for (yaml, said) in [
            (deep, "it is nested too deeply, 64 levels at most"),
            (anchors.join("\n"), "its anchors and aliases repeat too much"),
        ] {
            let found = mistakes(&yaml);
            assert!(found.len() == 1 && found[0].contains(said), "{found:?}");
        }
    }

    #[test]
    fn an_empty_file_is_no_policy() {
        assert!(!mistakes("").is_empty());
        assert!(!mistakes("# nothing yet\n").is_empty());
    }
}
