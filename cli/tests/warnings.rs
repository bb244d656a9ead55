//! Warnings: policies that are accepted but hardly meant and every word that is said of them, as data in `tests/warnings`; and
//! that no warning claims what is not so.
#![cfg(test)]

#[path = "../../tests/support/files.rs"]
mod files;
#[path = "warnings/places.rs"]
mod places;
#[path = "warnings/rules.rs"]
mod rules;

use std::path::{Path, PathBuf};

use graylane::node::Node;
use graylane::plan::Plan;
use graylane_cli::check::{Severity, check};
use graylane_cli::document::Form;
use graylane_testbed::{Result, ensure, root};
use proptest::test_runner::{Config, TestRunner};
use serde::Deserialize;
use serde_json::{Value, json};

/// One file: policies, and what is said of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Warnings {
    title: String,
    cases: Vec<Case>,
}

/// One policy and all that is said of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    what: String,
    /// A release, in YAML; the policy has no other.
    release: Option<String>,
    /// A policy, in YAML.
    policy: Option<String>,
    /// Every line, word for word.
    warnings: Vec<String>,
}

impl Case {
    fn policy(&self) -> String {
        let release = self.release.iter().map(|release| {
            let indented: Vec<String> = release.lines().map(|line| format!("  {line}\n")).collect();
            format!("language: 1\nreleases:\n-\n{}", indented.concat())
        });
        release.chain(self.policy.clone()).collect::<Vec<_>>().concat()
    }
}

/// What a check says of a policy that must be accepted, line by line.
#[track_caller]
fn said(text: &str) -> Vec<String> {
    let report = check(text, Form::Yaml).report;
    let lines = |severity| {
        let findings = report.findings.iter().filter(move |finding| finding.severity == severity);
        findings.map(|finding| finding.error.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(lines(Severity::Error), Vec::<String>::new(), "{text}");
    lines(Severity::Warning)
}

/// The plan of a policy, and what is said of it: path and words.
#[track_caller]
fn plan_and_warnings(policy: &Value) -> (Plan, Vec<(String, String)>) {
    let text = policy.to_string();
    let node: Node<'_> = serde_json::from_str(&text).expect("a document");
    let (_, plan, errors) = graylane::compile::check_node(&node);
    assert!(errors.is_empty(), "{errors}\n{policy:#}");
    let warnings = errors.warnings().iter().map(|warning| (warning.path.clone(), warning.allowed.clone()));
    (plan, warnings.collect())
}

/// The policy without the element of a list that a path names.
fn without(policy: &Value, path: &str) -> Option<Value> {
    let pointer = path.replace(['.', '['], "/").replace(']', "");
    let (list, index) = pointer.rsplit_once('/')?;
    let mut policy = policy.clone();
    policy.pointer_mut(&format!("/{list}"))?.as_array_mut()?.remove(index.parse().ok()?);
    Some(policy)
}

/// So many random cases. One that fails is printed whole, so no file keeps its seed.
fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

#[test]
fn of_what_has_no_good_name_nothing_is_said_but_that() {
    for (key, name) in [("query", "a b"), ("cookie", ""), ("header", "a b"), ("claim", "")] {
        let release = json!({
            "name": "shop", "match": {}, "lanes": [{"name": "A"}, {"name": "B"}], "blueGreen": {"active": "A"},
            "rules": [{"name": "r", "when": {key: {name: {"present": true}}}, "lane": "B"}], "respond": {"cache": "none"},
        });
        let text = json!({"language": 1, "releases": [release]}).to_string();
        let node: Node<'_> = serde_json::from_str(&text).expect("a document");
        let (_, _, errors) = graylane::compile::check_node(&node);
        assert_eq!((errors.len(), errors.warnings().len()), (1, 0), "{key}: {errors}");
    }
}

#[test]
fn every_warning_is_given_with_its_path_and_no_other() -> Result<()> {
    let mut failures = Vec::new();
    for (name, Warnings { title, cases }) in files::all::<Warnings>(&root().join("tests/warnings"))? {
        for case in cases {
            let said = said(&case.policy());
            if said != case.warnings {
                let list = |lines: &[String]| {
                    let quoted = lines.iter().map(|line| line.replace('\'', "''"));
                    quoted.map(|line| format!("  - '{line}'\n")).collect::<Vec<_>>().concat()
                };
                failures.push(format!(
                    "tests/warnings/{name}.yaml ({title})\n  {}\n  expected\n{}  said\n{}",
                    case.what,
                    list(&case.warnings),
                    list(&said)
                ));
            }
        }
    }
    ensure!(failures.is_empty(), "{} policies differ:\n\n{}", failures.len(), failures.join("\n"));
    Ok(())
}

#[test]
fn what_is_wrong_ten_thousand_times_is_said_once() {
    let release = |index: usize| {
        json!({"name": format!("r{index}"), "match": {"hosts": [format!("h{index}.example.com")]},
            "lanes": [{"name": "A"}, {"name": "B"}], "respond": {"cache": "none"},
            "ab": {"salt": "one", "groups": [{"lane": "A", "weight": 50}, {"lane": "B", "weight": 50}]},
            "rules": [{"name": "testers", "when": {"header": {"x-tester": {"exact": "yes"}}}, "lane": "B"}]})
    };
    let releases: Vec<Value> = (0..10_000).map(release).collect();
    let (_, warnings) = plan_and_warnings(&json!({"language": 1, "releases": releases}));
    let expected = "releases[0] (r0) splits the same users in the same way (and so do releases after this one: 9998); \
        write another salt, unless the same users are meant";
    assert_eq!(warnings, [("releases[1].ab.salt".to_owned(), expected.to_owned())]);
}

#[test]
fn a_long_list_takes_no_warning_from_what_is_elsewhere() {
    let sources: Vec<String> =
        (0..2_000).map(|index| format!("10.{}.{}.0/24", index / 250, index % 250)).collect();
    let others: Vec<Value> =
        (0..1_500).map(|index| json!({"not": {"header": {"x-a": {"exact": format!("v{index}")}}}})).collect();
    let release = json!({"name": "shop", "match": {"hosts": ["*.example.com", "a.example.com"]}, "respond": {"cache": "none"},
        "lanes": [{"name": "A"}, {"name": "B"}], "blueGreen": {"active": "A"}, "rules": [
            {"name": "none-of-many", "when": {"all": others}, "lane": "B"},
            {"name": "two", "when": {"header": {"x-b": {"exact": "b"}}}, "lane": "B"},
            {"name": "two-again", "when": {"header": {"x-b": {"exact": "b"}}}, "lane": "A"}]});
    let policy = json!({"language": 1, "trustedSources": sources, "releases": [release]});
    let (_, warnings) = plan_and_warnings(&policy);
    let paths: Vec<&str> = warnings.iter().map(|(path, _)| &**path).collect();
    assert_eq!(paths, ["releases[0].rules[2]", "releases[0].match.hosts[1]"], "{warnings:#?}");
}

#[test]
fn hosts_and_rules_are_not_so_many_that_a_rule_that_is_twice_goes_unseen() {
    let hosts: Vec<String> = (0..100).map(|index| format!("h{index}.example.com")).collect();
    let rule = |name: String, value: usize| json!({"name": name, "when": {"header": {"x-a": {"exact": format!("v{value}")}}}, "lane": "B"});
    let mut rules: Vec<Value> = (0..400).map(|index| rule(format!("r{index}"), index)).collect();
    rules.push(rule("again".to_owned(), 0));
    let release = json!({"name": "shop", "match": {"hosts": hosts, "paths": [{"prefix": "/a"}]}, "respond": {"cache": "none"},
        "lanes": [{"name": "A"}, {"name": "B"}], "blueGreen": {"active": "A"}, "rules": rules});
    let (_, warnings) = plan_and_warnings(&json!({"language": 1, "releases": [release]}));
    let paths: Vec<&str> = warnings.iter().map(|(path, _)| &**path).collect();
    assert_eq!(paths, ["releases[0].rules[400]"], "{warnings:#?}");
}

#[test]
fn of_a_condition_with_a_mistake_nothing_is_said_that_follows_from_it() {
    let text = r#"{language: 1, releases: [{name: shop, match: {}, lanes: [{name: A}, {name: B}],
        blueGreen: {active: A}, respond: {cache: none}, rules: [
        {name: version, when: {header: {x-v: {semver: ">=3.2 <4"}}}, lane: B},
        {name: key, when: {headers: {x-a: {exact: a}}}, lane: B},
        {name: nothing, when: {all: []}, lane: B},
        {name: two, when: {header: {x-a: {number: a}}, path: {present: false}}, lane: B}]}]}"#;
    let findings = check(text, Form::Yaml).report.findings;
    let said: Vec<_> = findings.iter().map(|finding| (finding.severity, &*finding.error.path)).collect();
    let expected = [
        (Severity::Error, "releases[0].rules[0].when.header.x-v.semver"),
        (Severity::Error, "releases[0].rules[1].when.headers"),
        (Severity::Error, "releases[0].rules[2].when"),
        (Severity::Error, "releases[0].rules[3].when.header.x-a.number"),
        (Severity::Warning, "releases[0].rules[3].when.path"),
    ];
    assert_eq!(said, expected);
}

/// The YAML files of a folder and the folders in it.
fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
    let (folders, files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    files.chain(folders.iter().flat_map(|folder| yaml_files(folder))).collect()
}

/// The policies that people are shown: whole files, and those in pages.
fn shown() -> Vec<(String, String)> {
    let read = |file: &Path| std::fs::read_to_string(file).expect("text");
    let named = |file: &Path| file.strip_prefix(root()).expect("below the root").display().to_string();
    let mut shown = Vec::new();
    for file in yaml_files(&root().join("examples")) {
        shown.push((named(&file), read(&file)));
    }
    let pages = [
        "README.md",
        "docs/policy.md",
        "docs/operations.md",
        "docs/observability.md",
        "docs/architecture.md",
        "envoy/README.md",
    ];
    for page in pages {
        let text = read(&root().join(page));
        let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split_once("```"));
        shown.extend(blocks.map(|(block, _)| (page.to_owned(), block.to_owned())));
    }
    let discovered: Value =
        serde_saphyr::from_str(&read(&root().join("envoy/policy.yaml"))).expect("a discovery response");
    let configuration = discovered.pointer("/resources/0/typed_config/config/configuration/value");
    let configuration = configuration.and_then(Value::as_str).expect("the plugin's configuration");
    let configuration: Value = serde_json::from_str(configuration).expect("JSON");
    shown.push(("envoy/policy.yaml".to_owned(), configuration["policy"].to_string()));
    shown.retain(|(_, text)| text.contains("releases"));
    shown
}

#[test]
fn policies_that_people_are_shown_have_no_warning_but_of_caches() {
    let shown = shown();
    assert!(shown.len() >= 6, "only {} policies were looked at", shown.len());
    for (name, text) in shown {
        let mut said = said(&text);
        said.retain(|line| !line.contains(".respond.cache: "));
        assert_eq!(said, Vec::<String>::new(), "{name}");
    }
}

/// Scenarios are about what a decision does, and some of them are odd on purpose: all that is said of them.
#[test]
fn policies_of_scenarios_have_the_warnings_that_they_are_known_to_have() {
    let mut said_of_all = Vec::new();
    for file in yaml_files(&root().join("tests/scenarios")) {
        let text = std::fs::read_to_string(&file).expect("text");
        let scenario: Value = serde_saphyr::from_str(&text).expect("YAML");
        // An example is among the policies that people are shown.
        let Some(policy) = scenario.get("policy") else { continue };
        let mut said = said(&policy.to_string());
        said.retain(|line| !line.contains(".respond.cache: "));
        let name = file.file_stem().expect("a name").display().to_string();
        said_of_all.extend(said.into_iter().map(|line| format!("{name}: {line}")));
    }
    said_of_all.sort();
    let known = root().join("tests/warnings/of-scenarios.txt");
    let known = std::fs::read_to_string(known).expect("text");
    assert_eq!(said_of_all.join("\n"), known.trim_end());
}
