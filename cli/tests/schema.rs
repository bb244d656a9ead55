//! What the JSON Schema promises: it accepts every good policy, and refuses every mistake of form.
#![cfg(test)]

use std::path::{Path, PathBuf};

use graylane::compile::compile_node;
use graylane::error::{FieldError, Problem};
use graylane::node::Node;
use graylane_cli::document::{self, Form, parse};
use graylane_cli::schema;
use graylane_testbed::root;
use jsonschema::Validator;
use serde_json::{Value, json};

fn yaml(text: &str) -> Value {
    let node = parse(text, Form::Yaml).unwrap_or_else(|fault| panic!("{}\n{text}", fault.message));
    document::json(&node)
}

/// The YAML files of a folder and the folders in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|ending| ending == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn read(file: &Path) -> Value {
    yaml(&std::fs::read_to_string(file).expect("text"))
}

fn validator(schema: &Value) -> Validator {
    jsonschema::draft202012::meta::validate(schema).expect("it is a schema of draft 2020-12");
    jsonschema::draft202012::new(schema).expect("it is a schema")
}

#[track_caller]
fn accepts(validator: &Validator, document: &Value, name: &str) {
    let refusals: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(refusals.is_empty(), "{name} is refused: {refusals:#?}");
}

#[test]
fn every_good_policy_is_accepted() {
    let (policy, plugin) = (validator(&schema::policy()), validator(&schema::plugin()));
    let mut count = 0_usize;
    // What is imported from is no policy.
    let is_policy = |file: &PathBuf| !file.starts_with(root().join("examples/import"));
    for file in files(&root().join("examples")).into_iter().filter(is_policy) {
        let document = read(&file);
        if document.get("language").is_some() {
            accepts(&policy, &document, &file.display().to_string());
            count += 1;
        }
    }
    for file in files(&root().join("tests/scenarios")) {
        // Those of an example were looked at with the examples.
        let Some(document) = read(&file).get("policy").cloned() else { continue };
        accepts(&policy, &document, &file.display().to_string());
        count += 1;
    }
    assert!(count > 30, "only {count} policies were looked at");
    let discovered = read(&root().join("envoy/policy.yaml"));
    let configuration = discovered.pointer("/resources/0/typed_config/config/configuration/value");
    let configuration = configuration.and_then(Value::as_str).expect("the plugin's configuration");
    accepts(&plugin, &serde_json::from_str(configuration).expect("JSON"), "envoy/policy.yaml");
}

#[test]
fn what_is_not_required_may_be_null() {
    let policy = validator(&schema::policy());
    let good = "{language: 1, releases: [{name: a, match: {}, lanes: [{name: b, cluster: null}, {name: c}],
        blueGreen: {active: b}, canary: null, follow: null, revision: null}]}";
    assert!(compile_node(&parse(good, Form::Yaml).expect("YAML")).is_ok());
    accepts(&policy, &yaml(good), "a policy with nulls");
    for bad in ["{language: null}", "{language: 1, off: null}", "{language: 1, releases: null}", "{}"] {
        assert!(compile_node(&parse(bad, Form::Yaml).expect("YAML")).is_err(), "{bad}");
        assert!(!policy.is_valid(&yaml(bad)), "{bad} is accepted");
    }
}

/// What a mistake is found in: the schema of the map that the path's last key belongs to.
fn around<'s>(root: &'s Value, path: &str) -> Vec<&'s Value> {
    let (parent, _) = path.rsplit_once('.').unwrap_or_default();
    let mut at = vec![root];
    for step in parent.split(['.', '[']).filter(|step| !step.is_empty()) {
        at = at
            .into_iter()
            .flat_map(|schema| parts(root, schema))
            .filter_map(|schema| part(schema, step))
            .collect();
    }
    at.into_iter().flat_map(|schema| parts(root, schema)).collect()
}

/// The schemas that a schema stands for: what it refers to, and each of what it may be.
fn parts<'s>(root: &'s Value, schema: &'s Value) -> Vec<&'s Value> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(reference.trim_start_matches('#')).expect("what it refers to is there");
        return parts(root, target);
    }
    let many = ["anyOf", "oneOf"].iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
    [schema].into_iter().chain(many.flat_map(|schema| parts(root, schema))).collect()
}

fn part<'s>(schema: &'s Value, step: &str) -> Option<&'s Value> {
    if step.ends_with(']') {
        return schema.get("items");
    }
    let named = schema.get("properties").and_then(|properties| properties.get(step));
    named.or_else(|| schema.get("additionalProperties").filter(|schema| schema.is_object()))
}

/// The value at a path, if there is one.
fn at<'v>(document: &'v Value, path: &str) -> Option<&'v Value> {
    let mut steps = path.split(['.', '[']).filter(|step| !step.is_empty());
    steps.try_fold(document, |at, step| match step.strip_suffix(']') {
        Some(index) => at.get(index.parse::<usize>().ok()?),
        None => at.get(step),
    })
}

/// Whether a mistake is one of form, which the schema promises to see.
fn is_of_form(schema: &Value, document: &Value, error: &FieldError) -> bool {
    match error.problem {
        Problem::UnknownField => true,
        // To JSON Schema, 5.0 is a whole number.
        Problem::Type => !error.allowed.contains("without a point") || error.value.contains('.'),
        // A word out of a list; what else is unsupported, like a language level, is a matter of meaning.
        Problem::Unsupported => error.words().next().is_some(),
        Problem::Required => {
            let key = error.path.rsplit('.').next().unwrap_or_default();
            let is_absent =
                at(document, &error.path).is_none_or(|value| value.is_null() || *value == json!([]));
            // An empty map is there; that something has to be in it is a matter of meaning.
            is_absent
                && around(schema, &error.path).iter().any(|schema| {
                    schema["required"].as_array().into_iter().flatten().any(|required| required == key)
                })
        }
        _ => false,
    }
}

/// The document of a case in `tests/rejections`, and what the engine says of it; none where it is no document.
fn rejected(case: &Value) -> Option<(bool, Value, Vec<FieldError>)> {
    let text = |key: &str| case.get(key).and_then(Value::as_str);
    let in_yaml = |text: &str| {
        let node: Node<'_> =
            parse(text, Form::Yaml).unwrap_or_else(|fault| panic!("{}\n{text}", fault.message));
        let errors = compile_node(&node).expect_err("it is rejected");
        (false, document::json(&node), errors.iter().cloned().collect())
    };
    if let Some(release) = text("release") {
        let indented: Vec<String> = release.lines().map(|line| format!("  {line}\n")).collect();
        return Some(in_yaml(&format!("language: 1\nreleases:\n-\n{}", indented.concat())));
    }
    if let Some(policy) = text("policy") {
        return Some(in_yaml(policy));
    }
    let configuration = text("configuration").expect("a release, a policy or a configuration");
    let errors = graylane::load(configuration.as_bytes()).plan.expect_err("it is rejected");
    Some((true, serde_json::from_str(configuration).ok()?, errors.iter().cloned().collect()))
}

#[test]
fn every_mistake_of_form_is_refused() {
    let schemas = [schema::policy(), schema::plugin()];
    let validators = schemas.each_ref().map(validator);
    let (mut of_form, mut of_meaning) = (0_usize, 0_usize);
    for file in files(&root().join("tests/rejections")) {
        for case in read(&file)["cases"].as_array().expect("cases") {
            let Some((is_plugin, document, errors)) = rejected(case) else { continue };
            let which = usize::from(is_plugin);
            let validator = &validators[which];
            let refused: Vec<String> =
                validator.iter_errors(&document).map(|error| error.instance_path().to_string()).collect();
            for error in &errors {
                if !is_of_form(&schemas[which], &document, error) {
                    of_meaning += 1;
                    continue;
                }
                of_form += 1;
                // At its place, or (for what may be null or one of several) around it.
                let pointer = format!("/{}", error.path.replace(['.', '['], "/").replace(']', ""));
                let is_refused = refused.iter().any(|refused| pointer.starts_with(refused));
                assert!(is_refused, "{}: {}: {error} is accepted: {refused:?}", file.display(), case["what"]);
            }
        }
    }
    assert!(of_form > 50 && of_meaning > 50, "{of_form} mistakes of form, {of_meaning} of meaning");
}
