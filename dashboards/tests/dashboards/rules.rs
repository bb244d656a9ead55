//! The rules, by Prometheus's own tool, and what stands beside them.

use std::process::Command;

use graylane_dashboards::{folder, rules};
use graylane_testbed::{promtool_binary, root};
use serde_json::Value;

/// A file of the folder that promtool reads.
fn file(name: &str) -> String {
    folder().join("prometheus").join(name).display().to_string()
}

/// All rules that have this key.
pub(crate) fn with(key: &str) -> Vec<Value> {
    let rules = rules().unwrap();
    let groups = rules["groups"].as_array().unwrap();
    let all = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    all.filter(|rule| rule.get(key).is_some()).cloned().collect()
}

fn promtool(arguments: &[&str]) {
    let output = Command::new(promtool_binary().unwrap()).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "promtool {arguments:?}: {}", String::from_utf8_lossy(&said));
}

mod real_prometheus {
    use super::*;

    #[test]
    fn promtool_takes_the_rules_and_finds_nothing_to_remark() {
        promtool(&["check", "rules", "--lint=all", "--lint-fatal", &file("rules.yaml")]);
    }

    #[test]
    fn every_alert_fires_when_it_should_and_only_then() {
        promtool(&["test", "rules", &file("rules.test.yaml")]);
    }
}

#[test]
fn every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() {
    let tests: Value =
        serde_saphyr::from_str(&std::fs::read_to_string(file("rules.test.yaml")).unwrap()).unwrap();
    let tests = tests["tests"].as_array().unwrap();
    let tests = tests.iter().flat_map(|test| test["alert_rule_test"].as_array().into_iter().flatten());
    let tests: Vec<_> = tests.collect();
    for alert in with("alert") {
        let name = &alert["alert"];
        let fires: Vec<_> = tests
            .iter()
            .filter(|test| test["alertname"] == *name)
            .map(|test| !test["exp_alerts"].as_array().unwrap().is_empty())
            .collect();
        assert!(fires.contains(&true) && fires.contains(&false), "{name}: {fires:?}");
    }
}

#[test]
fn every_alert_leads_to_a_section_that_says_what_it_means_where_to_look_and_what_to_do() {
    let runbook = std::fs::read_to_string(root().join("docs/runbook.md")).unwrap();
    let sections: Vec<_> = runbook.split("\n## ").skip(1).collect();
    let alerts = with("alert");
    for alert in &alerts {
        let name = alert["alert"].as_str().unwrap();
        let link = format!("docs/runbook.md#{}", name.to_lowercase());
        assert_eq!(alert["annotations"]["runbook_url"], link.as_str());
        for part in ["summary", "description"] {
            assert!(alert["annotations"][part].is_string(), "{name} has no {part}");
        }
        assert!(["critical", "warning"].contains(&alert["labels"]["severity"].as_str().unwrap()), "{name}");
        let section = sections.iter().find(|section| section.lines().next() == Some(name));
        let section = section.unwrap_or_else(|| panic!("docs/runbook.md has no section {name}"));
        for part in ["**It means**", "**Look**", "**Do**"] {
            assert!(section.contains(part), "docs/runbook.md, {name}: nothing about {part}");
        }
    }
    assert_eq!(sections.len(), alerts.len(), "sections of alerts that there are");
    let critical = alerts.iter().filter(|alert| alert["labels"]["severity"] == "critical").count();
    assert_eq!((critical, runbook.contains("Three of\nthem wake somebody (`critical`): ")), (3, true));
}
