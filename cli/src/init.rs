//! A first policy: an example of `examples/`, with values of one's own in it.
//!
//! The examples are the templates: a value that is given takes the place of the one that stands in the file, and what no
//! value is given for stays. The engine itself says whether what comes of it is good.

mod flag;
mod intent;

use std::collections::BTreeMap;
use std::ops::Range;

use graylane::error::{FieldError, Problem, Quoted};
use graylane::node::Node;
use graylane::time::Timestamp;

pub use flag::Flag;
pub use intent::{Intent, Knob, Place};

use crate::check::{Finding, check};
use crate::document::{Form, parse};
use crate::format::format;
use crate::position::Positions;

const DAY: i64 = 24 * 60 * 60;

/// What kind of value stands in an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One text.
    Text,
    /// A number.
    Number,
    /// Any number of texts.
    List,
}

/// A policy that is being made from an example.
#[derive(Debug, Clone)]
pub struct Draft {
    intent: &'static Intent,
    /// The day on which it is made: months of salts and times of ramps follow from it.
    date: Timestamp,
    given: BTreeMap<Flag, Vec<String>>,
}

/// A piece of the example and what takes its place.
struct Edit {
    bytes: Range<usize>,
    flag: Flag,
    text: String,
}

impl Draft {
    /// A draft without any value of one's own, made on this day.
    pub fn new(intent: &'static Intent, date: Timestamp) -> Self {
        Draft { intent, date, given: BTreeMap::new() }
    }

    /// What the policy is for.
    pub fn intent(&self) -> &'static Intent {
        self.intent
    }

    /// Gives values; those that were given for the same flag before are forgotten.
    pub fn give(&mut self, flag: Flag, values: Vec<String>) {
        self.given.insert(flag, values);
    }

    /// Whether values were given.
    pub fn has(&self, flag: Flag) -> bool {
        self.given.contains_key(&flag)
    }

    /// The values that count: those given, or else those of the example, as they are on this day.
    pub fn values(&self, flag: Flag) -> Vec<String> {
        if let Some(values) = self.given.get(&flag) {
            return values.clone();
        }
        match flag {
            Flag::Salt => vec![self.dated(&self.value(Flag::Service))],
            Flag::Start => vec![self.morning(1)],
            Flag::Until => vec![self.morning(7)],
            _ => self.intent.written(flag).1,
        }
    }

    fn value(&self, flag: Flag) -> String {
        self.values(flag).into_iter().next().unwrap_or_default()
    }

    /// A name with the month, so that the next release of that name deals users anew.
    fn dated(&self, name: &str) -> String {
        let date = self.date.to_string();
        format!("{name}-{}", date.get(..7).unwrap_or_default())
    }

    /// Nine o'clock (UTC), so many days later.
    fn morning(&self, days: i64) -> String {
        let midnight = self.date.seconds().div_euclid(DAY).saturating_add(days).saturating_mul(DAY);
        Timestamp::from_seconds(midnight.saturating_add(9 * 60 * 60)).to_string()
    }

    /// The policy, formatted and good.
    ///
    /// # Errors
    /// Everything that is wrong with the values, each under its flag; what the engine warns of is wrong, too.
    pub fn policy(&self) -> Result<String, Vec<FieldError>> {
        let (edits, mut mistakes) = self.edits();
        let (text, places) = filled(self.intent.text, &edits);
        for finding in check(&text, Form::Yaml).report.findings {
            let mistake = of_flag(finding, &places);
            // A name that stands in several places is wrong once.
            let is_told = |told: &FieldError| told.path == mistake.path && told.value == mistake.value;
            if !mistakes.iter().any(is_told) {
                mistakes.push(mistake);
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        format(&text, Form::Yaml).map_err(|fault| {
            let (path, value) = (String::new(), String::new());
            vec![FieldError { path, problem: Problem::Syntax, value, allowed: fault.message }]
        })
    }

    /// What takes the place of what, in the order of the file; and values that are of the wrong kind.
    fn edits(&self) -> (Vec<Edit>, Vec<FieldError>) {
        let positions = Positions::of(self.intent.text);
        let (mut edits, mut mistakes) = (Vec::new(), Vec::new());
        for Knob { flag, places } in self.intent.knobs {
            let values = self.values(*flag);
            let shape = self.intent.shape(*flag);
            mistakes.extend(of_wrong_kind(*flag, shape, &values));
            for place in *places {
                let Some((value, key)) = positions.bytes(place.path()) else { continue };
                let bytes = if matches!(place, Place::Key(_)) { key.unwrap_or(value) } else { value };
                let text = self.written(*place, shape, &values);
                edits.extend(text.map(|text| Edit { bytes, flag: *flag, text }));
            }
        }
        edits.sort_by_key(|edit| edit.bytes.start);
        (edits, mistakes)
    }

    /// Values as YAML at a place; none where they are of the wrong kind.
    fn written(&self, place: Place, shape: Shape, values: &[String]) -> Option<String> {
        let first = values.first().map(String::as_str).unwrap_or_default();
        match (place, shape) {
            (Place::Dated(_), _) => Some(scalar(&self.dated(first))),
            (Place::Later(_, days), _) => Some(scalar(&later(first, days))),
            (_, Shape::Number) => number(first),
            (_, Shape::Text) => Some(scalar(first)),
            (_, Shape::List) => {
                let values: Vec<String> = values.iter().map(|value| scalar(value)).collect();
                Some(format!("[{}]", values.join(", ")))
            }
        }
    }
}

impl Intent {
    /// The kind of value that a flag takes.
    pub fn shape(&self, flag: Flag) -> Shape {
        self.written(flag).0
    }

    /// What the example has in the first place of a flag.
    fn written(&self, flag: Flag) -> (Shape, Vec<String>) {
        let positions = Positions::of(self.text);
        let place = self.knob(flag).and_then(|knob| knob.places.first());
        let value = place.and_then(|place| {
            let (value, key) = positions.bytes(place.path())?;
            let bytes = if matches!(place, Place::Key(_)) { key? } else { value };
            parse(self.text.get(bytes)?, Form::Yaml).ok()
        });
        match value {
            Some(Node::List(list)) => (Shape::List, list.iter().map(text_of).collect()),
            Some(node @ Node::Text(_)) => (Shape::Text, vec![text_of(&node)]),
            Some(node) => (Shape::Number, vec![text_of(&node)]),
            None => (Shape::Text, Vec::new()),
        }
    }
}

fn text_of(node: &Node<'_>) -> String {
    match node {
        Node::Text(text) => text.to_string(),
        Node::Unsigned(number) => number.to_string(),
        Node::Float(number) => number.to_string(),
        _ => String::new(),
    }
}

/// The text with its edits, and where each one stands in it.
fn filled(template: &str, edits: &[Edit]) -> (String, Vec<(Range<usize>, Flag)>) {
    let (mut text, mut places, mut done) = (String::new(), Vec::new(), 0);
    for Edit { bytes, flag, text: value } in edits {
        text.push_str(template.get(done..bytes.start).unwrap_or_default());
        let start = text.len();
        text.push_str(value);
        places.push((start..text.len(), *flag));
        done = bytes.end;
    }
    text.push_str(template.get(done..).unwrap_or_default());
    (text, places)
}

/// A finding under the flag by which the value came, where it came by one.
fn of_flag(finding: Finding, places: &[(Range<usize>, Flag)]) -> FieldError {
    let at = finding.position.bytes.start;
    let place = places.iter().find(|(bytes, _)| bytes.contains(&at));
    match place {
        Some((_, flag)) => FieldError { path: flag.shown(), ..finding.error },
        None => finding.error,
    }
}

fn of_wrong_kind(flag: Flag, shape: Shape, values: &[String]) -> Vec<FieldError> {
    let mistake = |problem, value: String, allowed: &str| FieldError {
        path: flag.shown(),
        problem,
        value,
        allowed: allowed.to_owned(),
    };
    let mut mistakes = Vec::new();
    if values.len() > 1 && shape != Shape::List {
        mistakes.push(mistake(Problem::TooMany, values.len().to_string(), "it takes one value"));
    }
    if shape == Shape::Number {
        let wrong = values.iter().filter(|value| number(value).is_none());
        let told = |value: &String| mistake(Problem::Type, Quoted(value).to_string(), "must be a number");
        mistakes.extend(wrong.map(told));
    }
    mistakes
}

/// A number as YAML and JSON both write it.
fn number(text: &str) -> Option<String> {
    serde_json::from_str::<serde_json::Number>(text).ok().map(|number| number.to_string())
}

/// A time, so many days later, with the offset that it is written with. What is no time stays what it is: the engine says so.
fn later(text: &str, days: i64) -> String {
    let moved = || {
        Timestamp::parse(text)?;
        let (local, offset) = text.split_at_checked(19)?;
        let local = Timestamp::parse(&format!("{local}Z"))?;
        let moved = Timestamp::from_seconds(local.seconds().checked_add(days.checked_mul(DAY)?)?).to_string();
        Some(format!("{}{offset}", moved.strip_suffix('Z')?))
    };
    moved().unwrap_or_else(|| text.to_owned())
}

/// Words that YAML takes for something else than text, now or in its older versions.
const RESERVED: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// A text as YAML: in quotes, unless it can be nothing but a text.
pub(crate) fn scalar(text: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.' | '/');
    let is_word = text.starts_with(|char: char| char.is_ascii_alphabetic()) || text.starts_with('/');
    let is_reserved = RESERVED.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_word && text.chars().all(is_plain) && !is_reserved {
        text.to_owned()
    } else {
        Quoted(text).to_string()
    }
}
