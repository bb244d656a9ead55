//! Round trips: any policy is the same one after it was written, as JSON and as YAML, and read again.
//!
//! The policies are random documents of the schema, so that no type and no key of the language is left out.
#![cfg(test)]

use std::collections::HashMap;

use graylane::compile::check_node;
use graylane::error::Problem;
use graylane::policy::Policy;
use graylane_cli::document::{Form, parse};
use graylane_cli::schema;
use proptest::prelude::*;
use proptest::strategy::Union;
use proptest::test_runner::Config;
use serde_json::{Value, json};

/// How deep types may stand in themselves.
const DEPTH: usize = 3;

/// Texts that YAML takes for something else where they are not quoted, and any other.
fn text() -> BoxedStrategy<String> {
    const HARD: [&str; 24] = [
        "",
        "no",
        "On",
        "null",
        "~",
        "true",
        "1",
        "-0",
        "1e3",
        "0x1f",
        "1_000",
        ".inf",
        "2026-12-01",
        " a",
        "a ",
        "a: b",
        "- a",
        "a #b",
        "{a}",
        "'",
        "\"",
        "line\nline\n",
        "\t",
        "&a *a !a |",
    ];
    let hard = proptest::sample::select(HARD.to_vec()).prop_map(str::to_owned);
    prop_oneof![2 => hard, 4 => "[a-z][a-z0-9.-]{0,6}", 1 => "\\PC{0,6}"].boxed()
}

/// Documents of a schema.
struct Documents {
    types: serde_json::Map<String, Value>,
    /// What has been made, by type and depth.
    made: HashMap<(String, usize), BoxedStrategy<Value>>,
}

impl Documents {
    /// What the whole schema allows.
    fn of(schema: &Value) -> BoxedStrategy<Value> {
        let types = schema["$defs"].as_object().expect("types").clone();
        Documents { types, made: HashMap::new() }.any(schema, DEPTH)
    }

    /// What a schema allows; types stand in themselves so many times more.
    fn any(&mut self, schema: &Value, depth: usize) -> BoxedStrategy<Value> {
        if let Some(reference) = schema.get("$ref") {
            return self.named(reference.as_str().expect("a reference"), depth);
        }
        if let Some(value) = schema.get("const") {
            return Just(value.clone()).boxed();
        }
        if let Some(choices) = schema.get("oneOf").or(schema.get("anyOf")) {
            let choices = choices.as_array().expect("a list").iter();
            return Union::new(choices.map(|choice| self.any(choice, depth)).collect::<Vec<_>>()).boxed();
        }
        match &schema["type"] {
            Value::Array(types) => {
                let of = |kind: &Value| {
                    let mut schema = schema.clone();
                    schema["type"] = kind.clone();
                    self.any(&schema, depth)
                };
                Union::new(types.iter().map(of).collect::<Vec<_>>()).boxed()
            }
            Value::String(kind) => self.of_type(kind, schema, depth),
            other => panic!("{other} is no type: {schema}"),
        }
    }

    fn of_type(&mut self, kind: &str, schema: &Value, depth: usize) -> BoxedStrategy<Value> {
        match kind {
            "null" => Just(Value::Null).boxed(),
            "boolean" => any::<bool>().prop_map(Value::from).boxed(),
            "string" => text().prop_map(Value::from).boxed(),
            "number" => prop_oneof![
                (0..=10_000_i32).prop_map(|steps| f64::from(steps) / 100.0),
                proptest::num::f64::NORMAL | proptest::num::f64::ZERO,
            ]
            .prop_map(Value::from)
            .boxed(),
            "integer" => match schema["format"].as_str() {
                Some("uint32") => any::<u32>().prop_map(Value::from).boxed(),
                Some("uint64") => any::<u64>().prop_map(Value::from).boxed(),
                Some("int64") => any::<i64>().prop_map(Value::from).boxed(),
                other => panic!("no whole numbers of {other:?}"),
            },
            "array" => {
                let least = usize::from(schema.get("minItems").is_some());
                let item = self.any(&schema["items"], depth);
                proptest::collection::vec(item, least..least + 2).prop_map(Value::from).boxed()
            }
            "object" => match &schema["additionalProperties"] {
                Value::Bool(false) => self.object(schema, depth),
                values => {
                    let value = self.any(values, depth);
                    let map = proptest::collection::btree_map(text(), value, 0..3);
                    map.prop_map(|map| map.into_iter().collect()).boxed()
                }
            },
            other => panic!("{other} is no type"),
        }
    }

    /// A type by its name. One that stands in itself too often is left empty.
    fn named(&mut self, reference: &str, depth: usize) -> BoxedStrategy<Value> {
        let name = reference.strip_prefix("#/$defs/").expect("a type").to_owned();
        let is_recursive = matches!(name.as_str(), "Condition" | "IdSource");
        let Some(depth) = depth.checked_sub(usize::from(is_recursive)) else {
            let value = if name == "Condition" { json!({}) } else { "sourceAddress".into() };
            return Just(value).boxed();
        };
        let key = (name, depth);
        if let Some(made) = self.made.get(&key) {
            return made.clone();
        }
        let schema = self.types.get(&key.0).expect("it is there").clone();
        let made = self.any(&schema, depth);
        self.made.insert(key, made.clone());
        made
    }

    /// Keys of which some are there, and those that are required always.
    fn object(&mut self, schema: &Value, depth: usize) -> BoxedStrategy<Value> {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let properties = schema["properties"].as_object().expect("keys").clone();
        let pairs: Vec<BoxedStrategy<Option<(String, Value)>>> = properties
            .into_iter()
            .map(|(key, schema)| {
                let is_required = required.contains(&Value::from(key.as_str()));
                let pair = self.any(&schema, depth).prop_map(move |value| (key.clone(), value));
                if is_required {
                    pair.prop_map(Some).boxed()
                } else {
                    proptest::option::weighted(0.5, pair).boxed()
                }
            })
            .collect();
        pairs.prop_map(|pairs| pairs.into_iter().flatten().collect()).boxed()
    }
}

/// The policy of a document, in which there is no mistake of form.
fn read(text: &str, form: Form) -> Result<Policy, TestCaseError> {
    let node = parse(text, form).map_err(|fault| {
        TestCaseError::fail(format!("{} in line {}\n{text}", fault.message, fault.position.line))
    })?;
    let (policy, _, errors) = check_node(&node);
    let is_of_form = |problem, path: &str| match problem {
        Problem::Type | Problem::UnknownField => true,
        // Which language is spoken is a matter of meaning.
        Problem::Unsupported => path != "language",
        _ => false,
    };
    let mistake = errors.iter().find(|error| is_of_form(error.problem, &error.path));
    prop_assert_eq!(mistake, None, "{}", text);
    Ok(policy)
}

proptest! {
    #![proptest_config(Config { cases: 500, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_policy_is_the_same_after_it_was_written_and_read(document in Documents::of(&schema::policy())) {
        let policy = read(&document.to_string(), Form::Json)?;
        let in_json = serde_json::to_string(&policy).expect("JSON");
        prop_assert_eq!(&read(&in_json, Form::Json)?, &policy, "{}", in_json);
        let in_yaml = serde_saphyr::to_string(&policy).expect("YAML");
        prop_assert_eq!(&read(&in_yaml, Form::Yaml)?, &policy, "{}", in_yaml);
    }
}
