//! One form for a policy file: two spaces, lines of 110 characters, double quotes where quotes are needed; comments, the
//! order of keys, blank lines between parts and the choice between `{a: b}` and lines of their own stay the writer's.
//!
//! What is written anew is read back and compared: a file whose tree or comments would not be the same is refused.

use granit_parser::{Event, Parser};
use graylane::node::Node;
use pretty_yaml::config::{FormatOptions, LanguageOptions, LayoutOptions, LineBreak, Quotes};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::document::{Fault, Form, parse};
use crate::position::Position;

/// The width that a line is held to where it can be, in characters.
const WIDTH: usize = 110;

/// Formats a document.
///
/// # Errors
/// The text is no document, or (which would be a fault of this program) it would not be the same afterwards.
pub fn format(text: &str, form: Form) -> Result<String, Fault> {
    let before = parse(text, form)?;
    match form {
        Form::Json => json(&before),
        Form::Yaml => settled(text, &before),
    }
}

/// What has its last form after so many times, if it has one.
const TIMES: usize = 4;

/// The text as it stays however often it is formatted: the formatter takes its own line breaks for the writer's, and may go by them.
fn settled(text: &str, before: &Node<'_>) -> Result<String, Fault> {
    // A return alone ends a line of YAML as well; the formatter knows none.
    let mut last = yaml(&text.replace("\r\n", "\n").replace('\r', "\n"), before)?;
    for _ in 1..TIMES {
        let next = yaml(&last, before)?;
        if next == last {
            return Ok(last);
        }
        last = next;
    }
    Err(changed("it would change each time"))
}

fn json(node: &Node<'_>) -> Result<String, Fault> {
    let text = serde_json::to_string_pretty(&InOrder(node)).map_err(|fault| changed(&fault.to_string()))?;
    Ok(text + "\n")
}

fn yaml(text: &str, before: &Node<'_>) -> Result<String, Fault> {
    let options = FormatOptions {
        layout: LayoutOptions { print_width: WIDTH, indent_width: 2, line_break: LineBreak::Lf },
        language: LanguageOptions {
            quotes: Quotes::PreferDouble,
            indent_block_sequence_in_map: false,
            brace_spacing: false,
            bracket_spacing: false,
            ..LanguageOptions::default()
        },
    };
    let formatted = pretty_yaml::format_text(&with_plain_start(text), &options)
        .map_err(|fault| changed(fault.to_string().lines().next().unwrap_or_default()))?;
    let after = parse(&formatted, Form::Yaml).map_err(|fault| changed(&fault.message))?;
    if after != *before {
        return Err(changed("another document would come of it"));
    }
    let comments_before = comments(text);
    if comments_before.is_none() || comments_before != comments(&formatted) {
        return Err(changed("a comment would be lost"));
    }
    Ok(formatted)
}

/// The text with the comments before its content at the start of their lines: the formatter takes an indented one for
/// the indentation of what follows.
fn with_plain_start(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}');
    let is_before = |line: &&str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let before: Vec<&str> = text.split_inclusive('\n').take_while(is_before).collect();
    let content = text.get(before.iter().map(|line| line.len()).sum()..).unwrap_or_default();
    let before = before.iter().map(|line| line.trim_start_matches([' ', '\t']));
    before.chain([content]).collect()
}

fn changed(why: &str) -> Fault {
    Fault { message: format!("it cannot be formatted: {why}"), position: Position::at("", 1, 1) }
}

/// Every comment, in order; none where the text is not YAML.
pub fn comments(text: &str) -> Option<Vec<String>> {
    let options = granit_parser::options! { max_buffered_comment_events: usize::MAX };
    let mut comments = Vec::new();
    for event in Parser::new_from_str_with_options(text, options) {
        if let (Event::Comment(text, _), _) = event.ok()? {
            comments.push(text.trim_end().to_owned());
        }
    }
    Some(comments)
}

/// A tree written with its keys in order, and with those that stand twice.
struct InOrder<'a, 'n>(&'a Node<'n>);

impl Serialize for InOrder<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Node::Null => serializer.serialize_unit(),
            Node::Bool(value) => serializer.serialize_bool(*value),
            Node::Unsigned(value) => serializer.serialize_u64(*value),
            Node::Negative(value) => serializer.serialize_i64(*value),
            Node::Float(value) => serializer.serialize_f64(*value),
            Node::Text(value) => serializer.serialize_str(value),
            Node::List(list) => {
                let mut out = serializer.serialize_seq(Some(list.len()))?;
                for node in list {
                    out.serialize_element(&InOrder(node))?;
                }
                out.end()
            }
            Node::Map(map) => {
                let mut out = serializer.serialize_map(Some(map.len()))?;
                for (key, node) in map {
                    out.serialize_entry(key, &InOrder(node))?;
                }
                out.end()
            }
        }
    }
}
