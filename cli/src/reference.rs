//! The references of the files that people write, in Markdown, from their schemas: the types in the order in which a reader meets
//! them, each with its keys and what the code says of them.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::schema;

/// The smallest policy that does something. The reference starts with it.
pub const SMALLEST: &str = "\
language: 1
releases:
- name: shop
  match: {hosts: [shop.example.com]}
  lanes: [{name: stable}, {name: v2}]
  canary: {stable: stable, candidates: [{lane: v2, percent: 5}]}
  respond: {cache: private}
";

/// Facts that say no more than they must.
pub const FEWEST: &str = "\
services:
- release: shop
  name: shop
  namespace: shop
  port: 8080
  lanes:
    stable: {labels: {version: v1}, serving: true}
    v2: {labels: {version: v2}, serving: true}
";

/// The reference of the policy language.
pub fn policy() -> String {
    let (policy, plugin) = (schema::policy(), schema::plugin());
    of(&[("Policy", &policy), ("PluginConfig", &plugin)], about_policies())
}

/// The reference of facts.
pub fn facts() -> String {
    of(&[("Facts", &schema::facts())], about_facts())
}

fn of(roots: &[(&str, &Value)], introduction: String) -> String {
    let mut types = Types::default();
    for (name, schema) in roots {
        types.visit(name, schema, schema);
    }
    let mut out = introduction;
    // Writing to text cannot fail.
    for (name, _) in &types.seen {
        let _ = writeln!(out, "- {}", link(name));
    }
    for (name, schema) in &types.seen {
        let _ = write!(out, "\n## {name}\n\n{}\n", text(schema, "description"));
        let used: Vec<String> = types.uses(name).map(link).collect();
        if !used.is_empty() {
            let _ = write!(out, "\nUsed in {}.\n", used.join(", "));
        }
        let _ = match variants(schema) {
            Some(variants) => words(variants, &mut out),
            None => keys(schema, &mut out),
        };
    }
    out
}

fn about_policies() -> String {
    format!(
        "\
# The policy

<!-- Written by `make reference` from the types in `policy/src/`. A test fails when this file is not what they say. -->

A policy is a document in YAML or JSON, with the same keys. This is the smallest one that does something: five of a
hundred users of a service are sent to a second lane, and stay there.

```yaml
{SMALLEST}```

Keys are written as they stand here; one that is not listed is a mistake, as is one that stands twice. A key is left out,
or is `null` where that is among its values, to get the default. Percentages go in steps of 0.01.

`graylane check` says everything that is wrong with a policy, `graylane schema` writes the same language as a JSON
Schema. With the schema in a file, an editor with a YAML language server completes a policy while it is written; the
first line of the policy says which schema:

```yaml
# yaml-language-server: $schema=policy.schema.json
```

The schema refuses every mistake of form: an unknown key or word, a value of the wrong type, a required key that is
absent. Two it cannot see: a key that stands twice, and a whole number with a point or an exponent (`1.0`). These, what
names refer to, what numbers add up to and how a text has to look are for `graylane check` to say.

"
    )
}

fn about_facts() -> String {
    format!(
        "\
# Facts of a cluster

<!-- Written by `make reference` from the types in `cli/src/facts/`. A test fails when this file is not what they say. -->

A policy says who is sent to which lane; it does not say what a lane is made of. `graylane render istio`, `gateway-api` and
`kubernetes` read that from a file of facts, in YAML or JSON:

```yaml
{FEWEST}```

Each lane of the release has to be there, with labels that only its pods carry. A lane has no route of its own before it is said to be
`serving`: without pods it would be answered by 503. Its requests go to the first of its fallbacks that is serving, or to the default
lane. A module and a gateway are left out where others take care of them.

Everything that is wrong with facts is told at once, each with its place. `graylane schema --facts` writes a JSON Schema of them.

"
    )
}

/// The types that were met, in that order.
#[derive(Default)]
struct Types<'s> {
    seen: Vec<(&'s str, &'s Value)>,
}

impl<'s> Types<'s> {
    /// Takes a type and then, depth first, those that it mentions.
    fn visit(&mut self, name: &'s str, schema: &'s Value, root: &'s Value) {
        if self.seen.iter().any(|(seen, _)| *seen == name) {
            return;
        }
        self.seen.push((name, schema));
        for mentioned in mentions(schema) {
            let definition = root.get("$defs").and_then(|definitions| definitions.get(mentioned));
            if let Some(definition) = definition {
                self.visit(mentioned, definition, root);
            }
        }
    }

    /// The types that mention this one.
    fn uses(&self, name: &str) -> impl Iterator<Item = &'s str> {
        self.seen.iter().filter(move |(_, schema)| mentions(schema).contains(&name)).map(|(user, _)| *user)
    }
}

/// The names of the types that a type mentions, in order; its definitions are not part of it.
fn mentions(schema: &Value) -> Vec<&str> {
    let mut names = Vec::new();
    match schema {
        Value::Object(map) => {
            names.extend(map.get("$ref").and_then(Value::as_str).map(type_name));
            let parts = map.iter().filter(|(key, _)| *key != "$defs" && *key != "$ref");
            names.extend(parts.flat_map(|(_, part)| mentions(part)));
        }
        Value::Array(list) => names.extend(list.iter().flat_map(mentions)),
        _ => {}
    }
    names
}

fn type_name(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

fn link(name: &str) -> String {
    format!("[{name}](#{})", name.to_lowercase())
}

fn text<'s>(schema: &'s Value, key: &str) -> &'s str {
    schema.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The keys of a type as a table.
fn keys(schema: &Value, out: &mut String) -> std::fmt::Result {
    let Some(Value::Object(properties)) = schema.get("properties") else { return Ok(()) };
    let required = schema.get("required").and_then(Value::as_array);
    write!(out, "\n| key | value | default | meaning |\n|---|---|---|---|\n")?;
    for (key, property) in properties {
        let is_required = required.is_some_and(|required| required.iter().any(|name| name == key));
        let default = if is_required { "**required**".to_owned() } else { default(property) };
        let meaning = meaning(property);
        writeln!(out, "| `{key}` | {} | {} | {} |", cell(&value(property)), cell(&default), cell(&meaning))?;
    }
    Ok(())
}

/// The words of a type as a table: exactly one of them is written.
fn words(variants: Vec<Variant<'_>>, out: &mut String) -> std::fmt::Result {
    let is_bare = variants.iter().all(|variant| variant.content.is_none());
    write!(out, "\n| {} | meaning |\n|---|---|\n", if is_bare { "word" } else { "one of" })?;
    for Variant { word, content, meaning } in variants {
        let written = match content {
            Some(content) => format!("`{word}:` {}", value(content)),
            None => format!("`{word}`"),
        };
        writeln!(out, "| {} | {} |", cell(&written), cell(meaning))?;
    }
    Ok(())
}

/// One of the words of a type.
struct Variant<'s> {
    word: &'s str,
    /// What stands under it.
    content: Option<&'s Value>,
    meaning: &'s str,
}

/// The words of a type, where it is made of such.
fn variants(schema: &Value) -> Option<Vec<Variant<'_>>> {
    match schema.get("oneOf") {
        Some(one_of) => Some(one_of.as_array()?.iter().flat_map(variant).collect()),
        None => schema.get("enum").map(|_| variant(schema)),
    }
}

fn variant(schema: &Value) -> Vec<Variant<'_>> {
    let meaning = text(schema, "description");
    if let Some(word) = schema.get("const").and_then(Value::as_str) {
        return vec![Variant { word, content: None, meaning }];
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        let words = words.iter().filter_map(Value::as_str);
        return words.map(|word| Variant { word, content: None, meaning }).collect();
    }
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::iter);
    properties.map(|(word, content)| Variant { word, content: Some(content), meaning }).collect()
}

/// What may be written, in words.
fn value(schema: &Value) -> String {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return link(type_name(reference));
    }
    if let Some(Value::Array(any)) = schema.get("anyOf") {
        return any.iter().map(value).collect::<Vec<_>>().join(" or ");
    }
    let kind = |kind: &str| match kind {
        "string" => "text".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        "integer" => "whole number".to_owned(),
        "null" => "`null`".to_owned(),
        "array" => {
            schema.get("items").map_or_else(|| "list".to_owned(), |item| format!("list of {}", value(item)))
        }
        "object" => match schema.get("additionalProperties").filter(|value| value.is_object()) {
            Some(content) => format!("map of names to {}", value(content)),
            None => "map".to_owned(),
        },
        other => other.to_owned(),
    };
    match schema.get("type") {
        Some(Value::String(only)) => kind(only),
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).map(kind).collect::<Vec<_>>().join(" or ")
        }
        _ => "any value".to_owned(),
    }
}

/// What holds where a key is left out: what its description says, or else what its type does.
fn default(property: &Value) -> String {
    if let Some((phrase, _)) = default_phrase(text(property, "description")) {
        return phrase.to_owned();
    }
    match property.get("default") {
        None => "none".to_owned(),
        Some(Value::Array(list)) if list.is_empty() => "none".to_owned(),
        Some(Value::Object(map)) if map.is_empty() && property.get("$ref").is_some() => {
            "all defaults".to_owned()
        }
        Some(Value::Object(map)) if map.is_empty() => "none".to_owned(),
        Some(value) => format!("`{value}`"),
    }
}

/// A description without what the column before says already.
fn meaning(property: &Value) -> String {
    let description = text(property, "description");
    let rest = match default_phrase(description) {
        Some((_, rest)) => rest,
        None => description.to_owned(),
    };
    rest.replace(" Required.", "")
}

/// What a description says after `default` or `default:` up to the end of the clause, and the description without it.
fn default_phrase(description: &str) -> Option<(&str, String)> {
    const WORD: &str = "default";
    let mut tail = description;
    loop {
        let (start, _) = tail.char_indices().find(|(at, _)| {
            tail.get(*at..)
                .and_then(|tail| tail.get(..WORD.len()))
                .is_some_and(|word| word.eq_ignore_ascii_case(WORD))
        })?;
        let at = description.len().saturating_sub(tail.len()).saturating_add(start);
        let (before, word) = description.split_at_checked(at)?;
        let before = before.trim_end();
        tail = word.get(WORD.len()..)?;
        let phrase = tail.strip_prefix(": ").or_else(|| tail.strip_prefix(' '));
        let Some(phrase) = phrase.filter(|_| before.is_empty() || before.ends_with([';', '.', ','])) else {
            continue;
        };
        let clause = clause(phrase);
        let after = phrase.strip_prefix(clause).unwrap_or_default();
        let rest = match before.strip_suffix([';', ',']) {
            Some(before) => format!("{before}{after}"),
            // A sentence of its own goes with its full stop.
            None => format!("{before} {}", after.get(1..).unwrap_or_default().trim_start()),
        };
        return Some((clause, rest.trim().to_owned()));
    }
}

/// Up to a semicolon or the end of a sentence, outside of code.
fn clause(text: &str) -> &str {
    let mut is_code = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let is_end = match char {
            '`' => {
                is_code = !is_code;
                false
            }
            ';' => true,
            '.' => chars.peek().is_none_or(|(_, next)| next.is_whitespace()),
            _ => false,
        };
        if is_end && !is_code {
            return text.get(..at).unwrap_or(text);
        }
    }
    text
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace("\n\n", "<br>").replace('\n', " ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_is_taken_out_of_a_description() {
        for (description, default, rest) in [
            ("The lane; default `x.y; z`.", "`x.y; z`", "The lane."),
            (
                "`Max-Age` in seconds; default one year (31536000). 0 makes none.",
                "one year (31536000)",
                "`Max-Age` in seconds. 0 makes none.",
            ),
            ("Told in `x`. Default 1.", "1", "Told in `x`."),
            ("Default: every path.", "every path", ""),
            (
                "The first wins. Default: header `a`, cookie `b`. Then none.",
                "header `a`, cookie `b`",
                "The first wins. Then none.",
            ),
            (
                "In steps of 0.01; default: 0.05 of it; never less.",
                "0.05 of it",
                "In steps of 0.01; never less.",
            ),
            (
                "By default off; default: the release's default lane.",
                "the release's default lane",
                "By default off.",
            ),
        ] {
            assert_eq!(default_phrase(description), Some((default, rest.to_owned())), "{description}");
        }
        for description in ["Each with its default in `headers`.", "By default none.", "Defaults differ.", ""]
        {
            assert_eq!(default_phrase(description), None, "{description}");
        }
    }
}
