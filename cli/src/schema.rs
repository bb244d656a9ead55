//! The policy language as a JSON Schema (draft 2020-12), from the types that the engine reads.
//!
//! What the schema promises: a document with a mistake of form is refused, that is an unknown key or word, a value of the
//! wrong type, or a required key that is absent; and every good policy is accepted. It does not know what names refer
//! to, what numbers add up to or how a text has to look: `graylane check` does. Two mistakes of form are beyond it, since
//! JSON Schema sees neither: a key that stands twice, and a whole number written with a point or an exponent (`5.0`).

use graylane::policy::{PluginConfig, Policy};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::facts::written::Facts;

/// The schema of a policy.
pub fn policy() -> Value {
    of::<Policy>()
}

/// The schema of a plugin's configuration, which holds a policy.
pub fn plugin() -> Value {
    of::<PluginConfig>()
}

/// The schema of the facts that are rendered with a policy.
pub fn facts() -> Value {
    of::<Facts>()
}

fn of<T: JsonSchema>() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value();
    plain_descriptions(&mut schema);
    schema
}

/// Documentation is written for rustdoc; editors show plain text.
fn plain_descriptions(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == "description" => *text = plain(text),
                    value => plain_descriptions(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(plain_descriptions),
        _ => {}
    }
}

/// Documentation without line breaks inside a paragraph, and with links into the code as the words that they show.
fn plain(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
        without_code_links(&lines.join(" "))
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

fn without_code_links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '[']) {
        let (before, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        let (taken, after) = match tail.strip_prefix('`') {
            Some(code) => {
                let end = code.find('`').map_or(tail.len(), |end| end.saturating_add(2));
                tail.split_at_checked(end).unwrap_or((tail, ""))
            }
            None => code_link(tail).unwrap_or_else(|| tail.split_at_checked(1).unwrap_or((tail, ""))),
        };
        out.push_str(taken);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The words of a link into the code, with which this starts, and what follows it.
fn code_link(text: &str) -> Option<(&str, &str)> {
    let (words, after) = text.strip_prefix('[')?.split_once(']')?;
    if let Some((target, after)) = after.strip_prefix('(').and_then(|target| target.split_once(')')) {
        let is_code = !target.contains('/') && !target.starts_with('#');
        return is_code.then_some((words, after));
    }
    let is_code = words.len() > 2 && words.starts_with('`') && words.ends_with('`');
    is_code.then_some((words, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_plain_text() {
        for (written, shown) in [
            ("its default in [`headers`](crate::headers).", "its default in `headers`."),
            ("see [`compile`](mod@crate::compile) and [`Lane`]", "see `compile` and `Lane`"),
            ("the path `releases[0].lanes[1]`, a [list]", "the path `releases[0].lanes[1]`, a [list]"),
            (
                "[RFC](https://example.com/rfc) or [below](#below)",
                "[RFC](https://example.com/rfc) or [below](#below)",
            ),
            ("one\ntwo\n\nthree", "one two\n\nthree"),
            ("an open ` or [ is left alone", "an open ` or [ is left alone"),
        ] {
            assert_eq!(plain(written), shown);
        }
    }

    #[test]
    fn no_link_into_the_code_is_left_in_the_schema() {
        for schema in [policy(), plugin(), facts()] {
            let text = schema.to_string();
            assert!(!text.contains("crate::") && !text.contains("mod@"), "{text}");
        }
    }
}
