//! The program as people call it.
#![cfg(test)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use graylane_testbed::{
    Bootstrap, Client, Envoy, PluginFile, Request, Result, Upstream, block_on, module, root,
};

const GOOD: &str = "
language: 1
version: 3
releases:
- name: pay
  match: {}
  lanes: [{name: blue}, {name: green}]
  blueGreen: {active: green}
";
const BAD: &str = "{language: 1, releases: [{name: pay, match: {}, lanes: [{name: blue}], colour: red}]}";

fn graylane(arguments: &[&str], input: &str) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_graylane"));
    let pipes = program.args(arguments).current_dir(root());
    let mut running =
        pipes.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    running.stdin.take().expect("it has an input").write_all(input.as_bytes()).expect("it reads");
    running.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it writes text")
}

#[test]
fn check_says_what_is_wrong_and_with_what() {
    let good = graylane(&["check", "-"], GOOD);
    assert_eq!((good.status.code(), text(&good.stdout)), (Some(0), "standard input: good, 1 release\n"));

    let bad = graylane(&["check", "-"], BAD);
    assert_eq!((bad.status.code(), text(&bad.stdout)), (Some(1), ""));
    let lines: Vec<&str> = text(&bad.stderr).lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("standard input: releases[0].colour: Unknown field: allowed: name, off,"));
    assert_eq!(lines[1], "standard input: releases[0]: Required value: one mode: ab, canary or blueGreen");
    assert_eq!(lines[2], "standard input: 2 mistakes");
}

#[test]
fn check_takes_the_policies_that_this_project_shows() {
    let folder = root().join("examples/demo");
    let files = std::fs::read_dir(folder).expect("there are examples");
    let files: Vec<String> = files.map(|file| file.expect("a file").path().display().to_string()).collect();
    let mut arguments = vec!["check"];
    arguments.extend(files.iter().map(String::as_str));
    let checked = graylane(&arguments, "");
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    assert_eq!(text(&checked.stdout).lines().count(), files.len());
}

#[test]
fn a_file_that_is_not_there_is_not_a_bad_policy() {
    let missing = graylane(&["check", "no-such-policy.yaml"], "");
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).starts_with("graylane: cannot read no-such-policy.yaml: "));
}

#[test]
fn a_bad_policy_is_not_rendered_and_the_file_before_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ecds.yaml");
    let output = file.to_str().expect("a path");
    let good = graylane(&["render", "envoy", "-", "--trust", "edge", "-o", output], GOOD);
    assert_eq!((good.status.code(), text(&good.stderr)), (Some(0), ""));
    let before = std::fs::read(&file).expect("it is written");
    let bad = graylane(&["render", "envoy", "-", "--trust", "edge", "-o", output], BAD);
    assert_eq!(bad.status.code(), Some(1));
    assert_eq!(std::fs::read(&file).expect("it is still there"), before);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left beside it");
}

#[test]
fn trust_has_to_be_said() {
    let unsaid = graylane(&["render", "envoy", "-"], GOOD);
    assert_eq!(unsaid.status.code(), Some(2));
    assert!(text(&unsaid.stderr).contains("--trust <TRUST>"), "{}", text(&unsaid.stderr));
}

#[test]
fn envoy_takes_what_is_rendered() -> Result<()> {
    block_on(async {
        let module = module()?;
        let path = Path::to_str(&module).expect("a path");
        let rendered = graylane(&["render", "envoy", "-", "--trust", "edge", "--module", path], GOOD);
        let plugin = PluginFile::of(serde_json::from_slice(&rendered.stdout)?);
        let (green, mut bootstrap) = (Upstream::start("green").await?, Bootstrap::load("lane-header")?);
        bootstrap.endpoint("green", green.address())?;
        let envoy = Envoy::on(bootstrap).plugin(plugin).start().await?;
        let response = Client::to(envoy.address()).send(&Request::get("/").host("pay.example.com")).await?;
        assert_eq!(response.served_by(), Some("green"));
        Ok(())
    })
}

const PUBLISHED: &str = r#"[
{"system": "unleash", "kind": "normalized", "input": "gr1:123", "seed": 0, "modulus": 100, "offset": 1, "expected": 73},
{"system": "unleash", "kind": "normalized", "input": "groupX:999", "seed": 0, "modulus": 100, "offset": 1, "expected": 26},
{"system": "kong", "kind": "bucket", "input": "somebody", "buckets": 1000, "expected": 7}
]"#;

#[test]
fn parity_says_which_published_values_are_not_the_engines() {
    let judged = graylane(&["parity", "-"], PUBLISHED);
    assert_eq!((judged.status.code(), text(&judged.stderr)), (Some(1), ""));
    let lines: Vec<&str> = text(&judged.stdout).lines().collect();
    assert_eq!(
        lines,
        [
            "standard input: 3 rows",
            "  system   kind        passed  failed  unknown",
            "  unleash  normalized       1       1        0",
            "  kong     bucket           0       0        1",
            "  FAILED row 2: unleash normalized \"groupX:999\": expected 26, got 25",
            "  unknown: 1 row of kong bucket, the first is row 3: the system is not known",
            "1 passed, 1 failed, 1 unknown",
        ]
    );
}

#[test]
fn parity_is_content_with_what_it_does_not_know() {
    let judged = graylane(&["parity", "-", "-o", "json"], &PUBLISHED.replace("26", "25"));
    assert_eq!((judged.status.code(), text(&judged.stderr)), (Some(0), ""));
    let report: serde_json::Value = serde_json::from_slice(&judged.stdout).expect("JSON");
    let sums = ["passed", "failed", "unknown"].map(|sum| report[sum].as_u64().expect("a number"));
    assert_eq!(sums, [2, 0, 1]);
    assert_eq!(report["files"][0]["file"], "standard input");
    assert_eq!(report["files"][0]["reasons"][0]["reason"], "the system is not known");
}

#[test]
fn what_is_no_file_of_rows_cannot_be_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("good.json");
    std::fs::write(&file, PUBLISHED).expect("it is written");
    let good = file.to_str().expect("a path");
    for (input, why) in [("{}", "is no JSON array of rows"), ("[1,", "is no JSON array of rows")] {
        let judged = graylane(&["parity", "-", good], input);
        assert_eq!(judged.status.code(), Some(2));
        let told = text(&judged.stderr);
        assert!(told.contains(why) && told.ends_with("graylane: 1 of 2 files could not be read\n"), "{told}");
        assert!(
            text(&judged.stdout).ends_with("1 passed, 1 failed, 1 unknown\n"),
            "the other file is judged"
        );
    }
    let missing = graylane(&["parity", "no-such-rows.json"], "");
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).starts_with("graylane: cannot read no-such-rows.json: "));
}
