//! `docs/policy.md` and `docs/facts.md` are what the types say.
#![cfg(test)]

use graylane_cli::check::check;
use graylane_cli::document::Form;
use graylane_cli::facts::{self, Needs};
use graylane_cli::{reference, schema};
use graylane_testbed::root;
use serde_json::Value;

#[test]
fn the_references_in_the_tree_are_up_to_date() {
    for (name, reference) in [("docs/policy.md", reference::policy()), ("docs/facts.md", reference::facts())]
    {
        let written = std::fs::read_to_string(root().join(name)).expect("it is there");
        assert!(written == reference, "{name} is not what the types say: `make reference` writes it anew");
    }
}

#[test]
fn every_sentence_of_the_references_starts_with_a_capital() {
    for reference in [reference::policy(), reference::facts()] {
        let starts_small = |rest: &str| rest.starts_with(|char: char| char.is_ascii_lowercase());
        let small: Vec<&str> = reference.split(". ").skip(1).filter(|rest| starts_small(rest)).collect();
        assert!(small.is_empty(), "{:.80}", small.join("\n"));
    }
}

#[test]
fn the_facts_that_their_reference_starts_with_are_good_for_the_policy_of_the_other() {
    let policy = check(reference::SMALLEST, Form::Yaml).good.expect("it is good");
    let mesh = facts::check(reference::FEWEST, Form::Yaml, &policy.policy, &policy.plan, Needs::default())
        .expect("they are good");
    assert_eq!(mesh.services.iter().flat_map(|service| &service.lanes).count(), 2);
}

#[test]
fn the_policy_that_the_reference_starts_with_is_good() {
    let reference = reference::policy();
    let (_, rest) = reference.split_once("```yaml\n").expect("a policy in YAML");
    let (policy, _) = rest.split_once("```").expect("its end");
    let checked = check(policy, Form::Yaml);
    assert!(checked.report.is_good(true), "{:?}", checked.report);
    assert_eq!(checked.report.releases, 1);
    // Nothing can be left out.
    for line in policy.lines().filter(|line| !line.starts_with("releases")) {
        let rest: Vec<&str> = policy.lines().filter(|other| *other != line).collect();
        assert!(!check(&rest.join("\n"), Form::Yaml).report.is_good(true), "it is good without {line:?}");
    }
}

/// Every key of the schema, with the type that has it.
fn keys(schema: &Value) -> Vec<(String, String)> {
    let mut keys = Vec::new();
    let definitions = schema["$defs"].as_object().expect("types").iter();
    let title = schema["title"].as_str().expect("a name").to_owned();
    for (name, definition) in
        definitions.map(|(name, schema)| (name.clone(), schema)).chain([(title, schema)])
    {
        let variants = definition["oneOf"].as_array().into_iter().flatten();
        for part in variants.chain([definition]) {
            let properties = part["properties"].as_object().into_iter().flatten();
            keys.extend(properties.map(|(key, _)| (name.clone(), key.clone())));
            let words = part["enum"].as_array().into_iter().flatten().chain(part.get("const"));
            keys.extend(words.map(|word| (name.clone(), word.as_str().expect("a word").to_owned())));
        }
    }
    keys
}

#[test]
fn every_type_every_key_and_every_word_is_in_the_reference() {
    let reference = reference::policy();
    let sections: Vec<&str> = reference.split("\n## ").collect();
    let keys: Vec<_> = [schema::policy(), schema::plugin()].iter().flat_map(keys).collect();
    assert!(keys.len() > 100, "only {} keys", keys.len());
    for (name, key) in keys {
        let section = sections.iter().find(|section| section.lines().next() == Some(&name));
        let section = section.unwrap_or_else(|| panic!("{name} has no section"));
        let is_row = |line: &str| line.starts_with(&format!("| `{key}")) && !line.ends_with("| |");
        assert!(section.lines().any(is_row), "{name} has no row of its own for {key}:\n{section}");
    }
    // Depth first: what a release is made of comes before what only the plugin has.
    let place = |name: &str| sections.iter().position(|section| section.lines().next() == Some(name));
    let order = ["Policy", "Release", "Match", "Lane", "Rule", "PluginConfig", "Trust"].map(place);
    assert!(order.is_sorted() && order.iter().all(Option::is_some), "{order:?}");
}
