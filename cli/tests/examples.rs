//! What `examples/` promises: each policy is good, has its form, belongs to an intent, and splits users as it says.
#![cfg(test)]

use std::process::{Command, Output, Stdio};

use graylane_cli::init::Intent;
use graylane_testbed::root;
use serde_json::Value;

/// How many users are simulated, and how far a share of them may be from what is expected, in percent: five standard deviations
/// at most.
const USERS: &str = "50000";
const TOLERANCE: f64 = 1.2;

fn graylane(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_graylane"));
    program.args(arguments).current_dir(root()).stdin(Stdio::null()).output().expect("it runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it writes text")
}

fn file(name: &str) -> String {
    format!("examples/{name}.yaml")
}

#[test]
fn every_example_belongs_to_an_intent() {
    let files = std::fs::read_dir(root().join("examples")).expect("a folder");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("text"));
    let mut names: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned)).collect();
    let mut intents: Vec<&str> = Intent::ALL.iter().map(|intent| intent.name).collect();
    names.sort();
    intents.sort_unstable();
    assert_eq!(names, intents);
}

#[test]
fn every_example_is_good_and_has_its_form() {
    let files: Vec<String> = Intent::ALL.iter().map(|intent| file(intent.name)).collect();
    let run = |command: &[&str]| {
        let files = files.iter().map(String::as_str);
        let output = graylane(&command.iter().copied().chain(files).collect::<Vec<_>>());
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{}", text(&output.stdout));
        text(&output.stdout).lines().count()
    };
    assert_eq!(run(&["check", "--strict"]), files.len(), "nothing but a line for each");
    assert_eq!(run(&["fmt", "--check"]), 0);
}

#[test]
fn every_example_says_what_a_newcomer_asks() {
    for intent in Intent::ALL {
        let comments: Vec<&str> = intent.text.lines().filter_map(|line| line.strip_prefix("# ")).collect();
        for question in ["Change: ", "Roll back: "] {
            assert!(comments.iter().any(|line| line.contains(question)), "{}: {question}", intent.name);
        }
        let has_salt = intent.text.lines().any(|line| line.trim_start().starts_with("salt: "));
        let names_it = comments.iter().any(|line| line.starts_with("Do not change: "));
        assert!(names_it || !has_salt, "{}: what not to change", intent.name);
        assert!(intent.text.lines().all(|line| line.chars().count() <= 110), "{}: the width", intent.name);
    }
}

#[test]
fn the_table_of_the_examples_is_up_to_date() {
    let row =
        |intent: &Intent| format!("| [{name}]({name}.yaml) | {} |\n", intent.what(), name = intent.name);
    let table: String = Intent::ALL.iter().map(row).collect();
    let readme = std::fs::read_to_string(root().join("examples/README.md")).expect("it is there");
    let (_, rest) = readme.split_once("|---|---|\n").expect("a table");
    let written: String = rest.split_inclusive('\n').take_while(|line| line.starts_with('|')).collect();
    assert!(written == table, "examples/README.md should have these rows:\n{table}");
}

/// The shares of the lanes of each release of an example, in percent of all users.
fn shares(name: &str, arguments: &[&str]) -> Vec<(String, Vec<(String, f64)>)> {
    let file = file(name);
    let command = ["simulate", &file, "--ids", USERS, "-o", "json"];
    let output = graylane(&command.into_iter().chain(arguments.iter().copied()).collect::<Vec<_>>());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{name}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let word = |value: &Value, key: &str| value[key].as_str().expect("text").to_owned();
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let lane = |lane: &Value| (word(lane, "lane"), lane["percent"].as_f64().expect("a number"));
    let release =
        |release: &Value| (word(release, "name"), list(&release["lanes"]).iter().map(lane).collect());
    list(&report["releases"]).iter().map(release).collect()
}

#[track_caller]
fn splits(name: &str, arguments: &[&str], expected: &[(&str, &[(&str, f64)])]) {
    let shares = shares(name, arguments);
    assert_eq!(shares.len(), expected.len(), "{name}: {shares:?}");
    for ((release, lanes), (expected_release, expected_lanes)) in shares.iter().zip(expected) {
        assert_eq!(release, expected_release, "{name}");
        assert_eq!(lanes.len(), expected_lanes.len(), "{name}: {lanes:?}");
        for ((lane, share), (expected_lane, expected)) in lanes.iter().zip(*expected_lanes) {
            // Where nobody or everybody is expected, chance has no part.
            let tolerance = if [0.0, 100.0].contains(expected) { 0.0 } else { TOLERANCE };
            let is_near = (share - expected).abs() <= tolerance;
            assert!(lane == expected_lane && is_near, "{name} {arguments:?}: {lanes:?}");
        }
    }
}

#[test]
fn every_example_splits_users_as_it_says() {
    let checkout = |name: &str, arguments: &[&str], expected: &[(&str, f64)]| {
        splits(name, arguments, &[("checkout", expected)]);
    };
    let nobody: &[(&str, f64)] = &[("stable", 100.0), ("v2", 0.0)];
    let everybody: &[(&str, f64)] = &[("stable", 0.0), ("v2", 100.0)];
    checkout("canary", &[], &[("stable", 95.0), ("v2", 5.0)]);
    checkout("canary-guarded", &[], &[("stable", 95.0), ("v2", 5.0)]);
    checkout("canary-testers", &[], nobody);
    checkout("canary-testers", &["--header", "x-tester: let-me-in"], everybody);
    for (time, percent) in [
        ("2026-11-30T00:00:00Z", 0.0),
        ("2026-12-01T09:00:00Z", 1.0),
        ("2026-12-03T08:59:59Z", 5.0),
        ("2026-12-03T09:00:00Z", 20.0),
        ("2026-12-05T00:00:00Z", 50.0),
        ("2030-01-01T00:00:00Z", 100.0),
    ] {
        checkout("canary-steps", &["--at", time], &[("stable", 100.0 - percent), ("v2", percent)]);
    }
    for (time, percent) in [
        ("2026-12-01T09:00:00Z", 0.0),
        ("2026-12-04T21:00:00Z", 50.0),
        ("2026-12-06T15:00:00Z", 75.0),
        ("2030-01-01T00:00:00Z", 100.0),
    ] {
        checkout("canary-linear", &["--at", time], &[("stable", 100.0 - percent), ("v2", percent)]);
    }
    checkout("canary-app-version", &["--header", "x-app-version: 3.9.1"], everybody);
    checkout("canary-app-version", &["--header", "x-app-version: 4.0.0"], nobody);
    splits(
        "canary-tenants",
        &["--trust", "mesh", "--header", "x-traffic-label: tenant=shop-002"],
        &[("checkout", everybody), ("orders", nobody)],
    );
    splits(
        "canary-tenants",
        &["--trust", "mesh", "--header", "x-traffic-label: tenant=shop-002;version=v2.3"],
        &[("checkout", everybody), ("orders", everybody)],
    );
    checkout("internal-first", &[], nobody);
    checkout("fallback", &[], &[("stable", 70.0), ("v2", 20.0), ("v3", 10.0)]);
    splits("ab-test", &[], &[("checkout-button", &[("A", 50.0), ("B", 50.0)])]);
    splits(
        "ab-layer",
        &[],
        &[
            ("checkout-button", &[("gray-button", 80.0), ("blue-button", 20.0)]),
            ("free-shipping", &[("shipping-paid", 80.0), ("shipping-free", 20.0)]),
        ],
    );
    splits("ab-audience", &[], &[("price-page", &[("A", 100.0), ("B", 0.0), ("C", 0.0)])]);
    let audience = ["--claim", "tier=gold"];
    splits("ab-audience", &audience, &[("price-page", &[("A", 50.0), ("B", 30.0), ("C", 20.0)])]);
    splits("ab-fingerprint", &[], &[("product", &[("A", 0.0), ("B", 0.0), ("C", 100.0)])]);
    let product = ["--path", "/api/v1/product/7", "--from", "203.0.113.7"];
    splits("ab-fingerprint", &product, &[("product", &[("A", 50.0), ("B", 50.0), ("C", 0.0)])]);
    checkout("blue-green", &[], &[("blue", 100.0), ("green", 0.0)]);
    checkout("blue-green", &["--header", "x-preview: let-me-in"], &[("blue", 0.0), ("green", 100.0)]);
    checkout("blue-green-drain", &[], &[("blue", 0.0), ("green", 100.0)]);
    splits("from-unleash", &[], &[("new-checkout", &[("stable", 75.0), ("v2", 25.0)])]);
    checkout("from-envoy", &[], &[("stable", 90.0), ("v2", 10.0)]);
}
