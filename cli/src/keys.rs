//! The secrets that a policy names by their ids, in a file of their own: a map of id to hexadecimal digits, as under
//! `keys` in a plugin's configuration.
//!
//! No secret is ever shown: a mistake is told by its place and its id, never with the value or the line.

use std::collections::HashSet;
use std::fmt;

use graylane::compile::check_keys;
use graylane::error::{FieldError, OneOf, Problem, Quoted, may_be_secret, shown_id};
use graylane::policy::{Map, Policy};
use serde::Serialize;
use serde_json::Value;

use crate::check::{Report, Severity};
use crate::document::{Form, parse};
use crate::position::{Position, Positions};

/// Secrets by their ids.
#[derive(Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Keys(Map<String>);

impl Keys {
    /// The ids.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(id, _)| id)
    }

    /// The ids as messages show them.
    fn shown(&self) -> impl Iterator<Item = String> {
        self.ids().enumerate().map(|(index, id)| shown_id(index, id))
    }

    /// The secrets.
    pub(crate) fn secrets(&self) -> &Map<String> {
        &self.0
    }

    /// Those that a policy names: others are nobody's business who may read it.
    pub(crate) fn named_in(&self, policy: &Value) -> Self {
        let releases = policy.get("releases").and_then(Value::as_array).into_iter().flatten();
        let of_cookies = releases.filter_map(|release| release.pointer("/sticky/key")?.as_str());
        let of_exposures = policy.pointer("/exposures/key").and_then(Value::as_str);
        let named: HashSet<&str> = of_cookies.chain(of_exposures).collect();
        let pairs = self.0.iter().filter(|(id, _)| named.contains(id));
        Keys(pairs.map(|(id, secret)| (id.to_owned(), secret.clone())).collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The ids alone.
impl fmt::Debug for Keys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.shown()).finish()
    }
}

/// A file of keys that has been checked.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// The keys; where there are mistakes, what of them could be read.
    pub keys: Keys,
    /// All that is wrong with the file, in the order of its lines.
    pub mistakes: Vec<Mistake>,
}

/// One thing that is wrong with a file of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What, without any value that may be a secret.
    pub error: FieldError,
    /// Where in the file.
    pub position: Position,
}

/// The way out where a policy names a key and there are none.
const WITHOUT_KEYS: &str =
    "give the file of the plugin's keys with --keys, or leave the cookie without a key";

/// Checks a file of keys.
pub fn check(text: &str, form: Form) -> Checked {
    let node = match parse(text, form) {
        Ok(node) => node,
        // What the parser says may quote the text.
        Err(fault) => return Checked { keys: Keys::default(), mistakes: vec![not_keys(fault.position)] },
    };
    let (written, errors) = check_keys(&node);
    let positions = Positions::of(text);
    let place = |error: &FieldError| {
        let mut error = error.clone();
        if form == Form::Yaml && error.problem == Problem::Type && !error.path.is_empty() {
            error.allowed.push_str("; digits alone are a number unless they stand in quotes");
        }
        let position = positions.find(&error, 0).position;
        // An id that is not shown is shown as in the configuration of a plugin.
        if error.path.starts_with('[') {
            error.path.insert_str(0, "keys");
        }
        Mistake { error, position }
    };
    let mut mistakes: Vec<Mistake> = errors.iter().map(place).collect();
    mistakes.sort_by_key(|mistake| (mistake.position.line, mistake.position.column));
    Checked { keys: Keys(written), mistakes }
}

fn not_keys(position: Position) -> Mistake {
    let error = FieldError {
        path: String::new(),
        problem: Problem::Syntax,
        value: String::new(),
        allowed: "must be YAML or JSON, a map of ids to hexadecimal digits".to_owned(),
    };
    Mistake { error, position }
}

impl Checked {
    /// The keys; none where there are mistakes.
    pub fn good(self) -> Option<Keys> {
        self.mistakes.is_empty().then_some(self.keys)
    }

    /// The mistakes as people read them, one a line; `name` is how the file is called.
    pub fn text(&self, name: &str) -> String {
        let line = |Mistake { error, position: Position { line, column, .. } }: &Mistake| {
            format!("{name}:{line}:{column}: error: {error}\n")
        };
        self.mistakes.iter().map(line).collect()
    }
}

/// Adds to what was found in a policy which of its keys are not there; `None` is no keys at all.
pub fn add_missing(report: &mut Report, policy: &Policy, text: &str, keys: Option<&Keys>) {
    // What could not be read has been told.
    let is_told = |error: &FieldError| report.findings.iter().any(|found| found.error.path == error.path);
    let missing = missing(policy, keys).filter(|error| !is_told(error));
    let missing = missing.map(|error| (Severity::Error, error)).collect();
    report.add(text, missing);
}

fn missing<'p>(policy: &'p Policy, keys: Option<&'p Keys>) -> impl Iterator<Item = FieldError> + 'p {
    let ids: Vec<&str> = keys.into_iter().flat_map(Keys::ids).collect();
    let shown: Vec<String> = keys.into_iter().flat_map(Keys::shown).collect();
    let of_exposures = policy.exposures.as_ref().and_then(|exposures| exposures.key.as_ref());
    let of_exposures = of_exposures.map(|id| ("exposures.key".to_owned(), id));
    let of_cookies = policy.releases.iter().enumerate().filter_map(|(index, release)| {
        let id = release.sticky.as_ref()?.key.as_ref()?;
        Some((format!("releases[{index}].sticky.key"), id))
    });
    of_exposures.into_iter().chain(of_cookies).filter_map(move |(path, id)| {
        if ids.contains(&id.as_str()) {
            return None;
        }
        let allowed = if keys.is_some() { OneOf(&shown).to_string() } else { WITHOUT_KEYS.to_owned() };
        let value = if may_be_secret(id) { String::new() } else { Quoted(id).to_string() };
        Some(FieldError { path, problem: Problem::NotFound, value, allowed })
    })
}

#[cfg(test)]
mod tests {
    use graylane::compile::check_node;

    use super::*;

    const SECRET: &str = "00112233445566778899aabbccddeeff";

    fn mistakes(text: &str, form: Form) -> Vec<String> {
        check(text, form).text("keys").lines().map(str::to_owned).collect()
    }

    #[test]
    fn keys_are_a_map_in_yaml_or_json() {
        for (text, form) in [
            (format!("k1: {SECRET}\nk2: '{}' # the next one\n", "1".repeat(128)), Form::Yaml),
            (format!(r#"{{"k1": "{SECRET}", "k2": "{}"}}"#, "1".repeat(128)), Form::Json),
        ] {
            let Checked { keys, mistakes } = check(&text, form);
            assert_eq!((keys.ids().collect::<Vec<_>>(), mistakes), (vec!["k1", "k2"], Vec::new()));
            let written = serde_json::to_value(&keys).unwrap();
            assert_eq!(written["k1"], SECRET);
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once_and_never_a_secret() {
        let number = "12345678901234567890123456789012";
        let text = format!("k1: {number}\nk 2: {SECRET}00\nk3: {SECRET}0\nk3: 5eC4e7\nk4: [{SECRET}]\n");
        assert_eq!(
            mistakes(&text, Form::Yaml),
            [
                "keys:1:5: error: k1: Wrong type: must be text; digits alone are a number unless they stand in quotes",
                "keys:2:1: error: \"k 2\": Invalid value: \"k 2\": letters, digits, '-', '_' and '.', a letter first",
                "keys:3:5: error: k3: Invalid value: 32 to 128 hexadecimal digits, an even number of them",
                "keys:4:1: error: k3: Duplicate value: write the key once",
                "keys:5:5: error: k4: Wrong type: must be text; digits alone are a number unless they stand in quotes",
            ]
        );
        for (text, form) in [
            (SECRET, Form::Yaml),
            (number, Form::Yaml),
            (&format!("- {SECRET}"), Form::Yaml),
            (&format!("k1: {SECRET}\n  {SECRET}: [\n"), Form::Yaml),
            (&format!("k1: *{SECRET}"), Form::Yaml),
            (&format!("k1: {SECRET}"), Form::Json),
            (&format!("{{\"k1\": {number}}}"), Form::Json),
            (&format!("{{\"k1\": {SECRET}}}"), Form::Json),
        ] {
            let told = mistakes(text, form);
            assert!(!told.is_empty(), "{text}");
            assert!(told.iter().all(|line| !line.contains("8899") && !line.contains("5678")), "{told:#?}");
        }
    }

    #[test]
    fn a_secret_that_stands_where_its_id_should_is_shown_by_its_position() {
        for (text, form) in [
            (format!("k1: {SECRET}\n{SECRET}: k1\n"), Form::Yaml),
            (format!("k1: {SECRET}\n'{SECRET}{SECRET}{SECRET}': k1\n"), Form::Yaml),
            (format!("k1: {SECRET}\n0x{SECRET}: [k1]\n"), Form::Yaml),
            (format!("k1: {SECRET}\n\"a {SECRET}\": 5\n"), Form::Yaml),
            (format!("k1: {SECRET}\na{SECRET}: {SECRET}\na{SECRET}: {SECRET}"), Form::Yaml),
            (format!("{{\"k1\": \"{SECRET}\",\n\"{SECRET}\": \"k1\"}}"), Form::Json),
        ] {
            let told = mistakes(&text, form);
            assert!(!told.is_empty(), "{text}");
            for line in told {
                assert!(line.contains(" error: keys[1]: ") && !line.contains("8899"), "{line}");
                assert!(line.starts_with("keys:2:") || line.starts_with("keys:3:"), "{line}");
            }
        }
        let keys = check(&format!("a{SECRET}: {SECRET}"), Form::Yaml).keys;
        assert_eq!(format!("{keys:?}"), r#"{"keys[0]"}"#);
    }

    #[test]
    fn secrets_are_not_shown_by_debugging() {
        let checked = check(&format!("k1: {SECRET}"), Form::Yaml);
        assert_eq!(format!("{:?}", checked.keys), r#"{"k1"}"#);
    }

    #[test]
    fn each_key_that_a_policy_names_has_to_be_there() {
        let release = |name: &str, key: &str| {
            format!(
                "- name: {name}\n  match: {{hosts: [{name}]}}\n  lanes: [{{name: A}}, {{name: B}}]\n  \
                 canary: {{stable: A, candidates: [{{lane: B, percent: 5}}]}}\n  sticky: {{key: {key}}}\n"
            )
        };
        let text = format!(
            "language: 1\nreleases:\n{}{}{}",
            release("a", "k1"),
            release("b", "k2"),
            release("c", "[]")
        );
        let found = |keys: Option<&Keys>| {
            let mut report = crate::check::check(&text, Form::Yaml).report;
            let (policy, ..) = check_node(&parse(&text, Form::Yaml).unwrap());
            add_missing(&mut report, &policy, &text, keys);
            let errors = report.findings.iter().filter(|finding| finding.severity == Severity::Error);
            errors.map(|found| format!("{}: {}", found.position.line, found.error)).collect::<Vec<_>>()
        };
        let keys = check(&format!("k1: {SECRET}\nk3: {SECRET}"), Form::Yaml).keys;
        let unreadable = "17: releases[2].sticky.key: Wrong type: a list: must be text";
        assert_eq!(
            found(Some(&keys)),
            ["12: releases[1].sticky.key: Not found: \"k2\": allowed: k1, k3", unreadable]
        );
        let without = |line: usize, release: usize, key: &str| {
            format!("{line}: releases[{release}].sticky.key: Not found: \"{key}\": {WITHOUT_KEYS}")
        };
        let swapped = check(&format!("k1: {SECRET}\na{SECRET}: {SECRET}"), Form::Yaml).keys;
        assert_eq!(
            found(Some(&swapped)),
            ["12: releases[1].sticky.key: Not found: \"k2\": allowed: k1, keys[1]", unreadable]
        );
        assert_eq!(found(None), [without(7, 0, "k1"), without(12, 1, "k2"), unreadable.to_owned()]);
    }

    #[test]
    fn the_key_of_exposures_has_to_be_there_as_well() {
        let text = "language: 1\nexposures: {key: k2}\n";
        let (policy, ..) = check_node(&parse(text, Form::Yaml).unwrap());
        let found = |keys: &str| {
            let keys = check(keys, Form::Yaml).keys;
            missing(&policy, Some(&keys)).map(|error| error.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found(&format!("k1: {SECRET}")), ["exposures.key: Not found: \"k2\": allowed: k1"]);
        assert!(found(&format!("k2: {SECRET}")).is_empty());
    }
}
