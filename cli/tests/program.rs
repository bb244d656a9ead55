//! The program as people call it.
#![cfg(test)]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use graylane_testbed::{
    Bootstrap, Client, Envoy, PluginFile, Request, Result, Upstream, block_on, module, root,
};
use serde_json::{Value, json};

const GOOD: &str = "
language: 1
version: 3
releases:
- name: pay
  match: {}
  lanes: [{name: blue}, {name: green}]
  blueGreen: {active: green}
";
const BAD: &str = "{language: 1, releases: [{name: pay, match: {}, lanes: [{name: blue}], blueGren: {}}]}";

fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_graylane"));
    // Colours are for the output alone to decide, not for the terminal that runs the tests.
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        program.env_remove(variable);
    }
    program.args(arguments).current_dir(root());
    program
}

fn graylane(arguments: &[&str], input: &str) -> Output {
    run(&mut program(arguments), input)
}

fn run(program: &mut Command, input: &str) -> Output {
    let pipes = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = pipes.spawn().expect("it starts");
    // One that refuses its arguments does not read.
    let _ = running.stdin.take().expect("it has an input").write_all(input.as_bytes());
    running.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it writes text")
}

/// Exit code, standard output, standard error.
fn told(output: &Output) -> (Option<i32>, &str, &str) {
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn check_says_of_a_good_policy_how_many_releases_it_has() {
    assert_eq!(told(&graylane(&["check", "-"], GOOD)), (Some(0), "<stdin>: good, 1 release\n", ""));
    assert_eq!(
        told(&graylane(&["check", "--strict", "-"], GOOD)),
        (Some(0), "<stdin>: good, 1 release\n", "")
    );
}

#[test]
fn check_shows_what_is_wrong_in_its_line() {
    let expected = "\
<stdin>:5:3: error: releases[0]: Required value: one mode: ab, canary or blueGreen
  |
5 | - name: pay
  |   ^

<stdin>:8:3: error: releases[0].blueGren: Unknown field: allowed: name, off, during, revision, match, lanes, ab, \
canary, blueGreen, overrides, follow, deny, allow, rules, sticky, respond, guard
  |
8 |   blueGren: {active: green}
  |   ^^^^^^^^
  = help: did you mean \"blueGreen\"?

<stdin>: 2 errors
";
    let policy = GOOD.replace("blueGreen", "blueGren");
    assert_eq!(told(&graylane(&["check", "-"], &policy)), (Some(1), expected, ""));
}

#[test]
fn check_hands_findings_to_programs() {
    let output = graylane(&["check", "-o", "json", "-"], BAD);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), ""));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let finding = &report["findings"][1];
    let keys =
        ["file", "line", "column", "path", "severity", "problem", "value", "allowed", "hint", "message"];
    assert_eq!(finding.as_object().expect("a finding").keys().collect::<Vec<_>>(), keys);
    let [file, line, column, path, severity, problem, ..] = keys.map(|key| &finding[key]);
    assert_eq!((file, line, column), (&json!("-"), &json!(1), &json!(72)));
    assert_eq!((path, severity), (&json!("releases[0].blueGren"), &json!("error")));
    assert_eq!((problem, &finding["hint"]), (&json!("Unknown field"), &json!("blueGreen")));
    assert!(
        finding["message"]
            .as_str()
            .expect("text")
            .starts_with("releases[0].blueGren: Unknown field: allowed: ")
    );
    assert_eq!(report["summary"], json!({"files": 1, "good": 0, "releases": 1, "errors": 2, "warnings": 0}));

    let yaml = graylane(&["check", "--output", "yaml", "-"], BAD);
    assert_eq!(yaml.status.code(), Some(1));
    assert_eq!(serde_saphyr::from_str::<Value>(text(&yaml.stdout)).expect("YAML"), report);
    let good = graylane(&["check", "--output", "json", "-"], GOOD);
    assert_eq!(good.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&good.stdout).expect("JSON");
    assert_eq!(report["findings"], json!([]));
}

#[test]
fn check_writes_annotations_of_a_github_workflow() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("50%,a.yaml"), "language: 1\nversion: \"7%\"\n").expect("a file");
    let output = run(program(&["check", "-o", "github", "50%,a.yaml"]).current_dir(folder.path()), "");
    let expected = "::error file=50%25%2Ca.yaml,line=2,col=10,title=Wrong type::version: Wrong type: \"7%25\": must be a \
whole number\n";
    assert_eq!(told(&output), (Some(1), expected, ""));
    assert_eq!(told(&graylane(&["check", "-o", "github", "-"], GOOD)), (Some(0), "", ""));
}

#[test]
fn check_goes_on_after_a_file_that_is_bad_or_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("bad.yaml"), "language: 2\n").expect("a file");
    std::fs::write(folder.path().join("good.yaml"), GOOD).expect("a file");
    let arguments = ["check", "missing.yaml", "bad.yaml", "good.yaml"];
    let output = run(program(&arguments).current_dir(folder.path()), "");
    let (code, out, err) = told(&output);
    assert_eq!(code, Some(2), "what could not be read counts more");
    assert!(
        out.starts_with("bad.yaml:1:11: error: ") && out.ends_with("\ngood.yaml: good, 1 release\n"),
        "{out}"
    );
    assert!(err.starts_with("graylane: cannot read missing.yaml: "), "{err}");
    let output = run(program(&["check", "bad.yaml", "good.yaml"]).current_dir(folder.path()), "");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_is_called_json_has_to_be() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("policy.json"), GOOD).expect("a file");
    let output = run(program(&["check", "policy.json"]).current_dir(folder.path()), "");
    let (code, out, _) = told(&output);
    assert_eq!(code, Some(1));
    assert!(
        out.starts_with("policy.json:2:1: error: Syntax error: the policy must be JSON: expected "),
        "{out}"
    );
}

#[test]
fn check_takes_the_policies_that_this_project_shows() {
    let folder = root().join("examples/demo");
    let files = std::fs::read_dir(folder).expect("there are examples");
    let files: Vec<String> = files.map(|file| file.expect("a file").path().display().to_string()).collect();
    let mut arguments = vec!["check", "--strict"];
    arguments.extend(files.iter().map(String::as_str));
    let checked = graylane(&arguments, "");
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stdout));
    assert_eq!(text(&checked.stdout).lines().count(), files.len());
}

#[test]
fn ten_thousand_releases_are_not_too_many() {
    let releases = (0..10_000).map(|number| {
        format!(
            "
- name: svc-{number}
  match: {{hosts: [svc-{number}.example.com]}}
  lanes:
  - name: stable
    cluster: svc-{number}-v1
  - name: v2
    cluster: svc-{number}-v2
    labels: {{version: v2.3}}
  canary:
    stable: stable
    candidates:
    - {{lane: v2, percent: 5}}
  overrides: {{headers: [x-canary], cookies: [ab_group]}}
  respond: {{cache: private}}
  rules:
  - {rule}
  - {{name: people, when: {{cookie: {{staff: {{exact: '1'}}}}}}, lane: v2}}",
            rule = if number == 0 {
                "&testers {name: testers, when: {header: {x-tester: {exact: 'yes'}}}, lane: v2}"
            } else {
                "*testers"
            }
        )
    });
    let policy: String = ["language: 1\nreleases:".to_owned()].into_iter().chain(releases).collect();
    let good = graylane(&["check", "-"], &policy);
    let (code, verdict, warning) = told(&good);
    assert_eq!((code, verdict), (Some(0), "<stdin>: good, 10,000 releases\n"));
    assert!(warning.starts_with("warning: <stdin>: 5005587 bytes are much for"), "{warning}");
    let bad = graylane(&["check", "-"], &policy.replace("stable: stable", "stable: stabel"));
    assert_eq!(bad.status.code(), Some(1));
    assert!(text(&bad.stdout).ends_with("\n<stdin>: 10,000 errors\n"));
}

#[test]
fn colours_are_for_terminals() {
    for arguments in
        [["check", "-"].as_slice(), &["check", "--help"], &["render", "envoy", "-", "--trust", "edge"]]
    {
        let coloured = |variables: &[(&str, &str)]| {
            let mut program = program(arguments);
            program.envs(variables.iter().copied());
            let output = run(&mut program, BAD);
            [output.stdout, output.stderr].concat().contains(&0x1b)
        };
        assert!(!coloured(&[]), "{arguments:?}: a pipe is no terminal");
        assert!(coloured(&[("CLICOLOR_FORCE", "1")]), "{arguments:?}: they can be had");
        assert!(!coloured(&[("NO_COLOR", "1")]), "{arguments:?}: NO_COLOR");
    }
}

#[test]
fn nobody_has_to_read_to_the_end() {
    for arguments in [
        ["schema"].as_slice(),
        &["schema", "--markdown"],
        &["init", "canary"],
        &["init", "--list"],
        &["completion", "bash"],
        &["check", "-"],
        &["check", "-o", "json", "-"],
        &["fmt", "-"],
        &["render", "envoy", "-", "--trust", "edge"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let running = program(arguments).stdin(Stdio::piped()).stdout(writer).stderr(Stdio::piped()).spawn();
        let mut running = running.expect("it starts");
        // What reads no input may have ended.
        let _ = running.stdin.take().expect("it has an input").write_all(GOOD.as_bytes());
        let output = running.wait_with_output().expect("it ends");
        assert_eq!(told(&output), (Some(0), "", ""), "{arguments:?}");
    }
}

#[test]
fn a_file_that_is_not_there_is_not_a_bad_policy() {
    for arguments in [["check", "no-such-policy.yaml"], ["fmt", "no-such-policy.yaml"]] {
        let missing = graylane(&arguments, "");
        assert_eq!(missing.status.code(), Some(2));
        assert!(text(&missing.stderr).starts_with("graylane: cannot read no-such-policy.yaml: "));
    }
}

#[test]
fn schema_is_json_and_says_which_draft() {
    for (arguments, title) in [(["schema"].as_slice(), "Policy"), (&["schema", "--plugin"], "PluginConfig")] {
        let output = graylane(arguments, "");
        assert_eq!(output.status.code(), Some(0));
        let schema: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["title"], title);
    }
    let markdown = graylane(&["schema", "--markdown"], "");
    assert!(text(&markdown.stdout).starts_with("# The policy\n"));
}

#[test]
fn fmt_writes_a_file_anew_where_it_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, link) = (folder.path().join("policy.yaml"), folder.path().join("link.yaml"));
    let (ugly, formatted) = ("language:   1 # one\n", "language: 1 # one\n");
    std::fs::write(&file, ugly).expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("its mode");
    std::os::unix::fs::symlink("policy.yaml", &link).expect("a link");
    let fmt = |arguments: &[&str]| run(program(arguments).current_dir(folder.path()), "");

    assert_eq!(told(&fmt(&["fmt", "--check", "policy.yaml"])), (Some(1), "policy.yaml\n", ""));
    assert_eq!(std::fs::read_to_string(&file).expect("text"), ugly, "--check changes nothing");
    assert_eq!(told(&fmt(&["fmt", "link.yaml"])), (Some(0), "link.yaml\n", ""));
    assert_eq!(std::fs::read_to_string(&file).expect("text"), formatted);
    assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o640);
    assert!(std::fs::symlink_metadata(&link).expect("a link").is_symlink());
    assert_eq!(told(&fmt(&["fmt", "policy.yaml"])), (Some(0), "", ""), "nothing is left to do");
    assert_eq!(told(&fmt(&["fmt", "--check", "policy.yaml"])), (Some(0), "", ""));

    std::fs::write(&file, "a: [\n").expect("a file");
    let (broken, check) = (fmt(&["fmt", "policy.yaml"]), fmt(&["fmt", "--check", "policy.yaml"]));
    for output in [&broken, &check] {
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""));
        assert!(text(&output.stderr).starts_with("graylane: policy.yaml:1:4: "), "{}", text(&output.stderr));
    }
    assert_eq!(std::fs::read_to_string(&file).expect("text"), "a: [\n");
}

#[test]
fn fmt_is_a_filter_too() {
    assert_eq!(told(&graylane(&["fmt", "-"], "a:   1\n")), (Some(0), "a: 1\n", ""));
    assert_eq!(told(&graylane(&["fmt", "-"], "{\"a\":1}")), (Some(0), "{\n  \"a\": 1\n}\n", ""));
    assert_eq!(told(&graylane(&["fmt", "-"], "{a:   1}")), (Some(0), "{a: 1}\n", ""));
    assert_eq!(told(&graylane(&["fmt", "--check", "-"], "a:   1\n")), (Some(1), "<stdin>\n", ""));
    assert_eq!(told(&graylane(&["fmt", "--check", "-"], "a: 1\n")), (Some(0), "", ""));
}

#[test]
fn the_line_that_is_no_text_is_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("policy.yaml");
    std::fs::write(&file, b"language: 1\n# \xfc\n")?;
    let name = file.to_str().expect("a path");
    for arguments in [&["check", name][..], &["fmt", name], &["explain", name, "shop.example.com"]] {
        let output = graylane(arguments, "");
        let (code, _, said) = told(&output);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("policy.yaml: line 2 is not UTF-8"), "{said}");
    }
    Ok(())
}

#[test]
fn a_folder_that_is_not_there_is_told_without_a_file_that_nobody_knows() {
    let output = graylane(&["init", "canary", "-o", "no-such-folder/policy.yaml"], "");
    let (code, _, said) = told(&output);
    assert_eq!(
        (code, said),
        (Some(2), "graylane: cannot write no-such-folder/policy.yaml: entity not found\n")
    );
}

#[test]
fn forms_for_people_have_either_name() {
    let policy = root().join("examples/canary.yaml").display().to_string();
    for arguments in [&["check", &policy][..], &["explain", &policy, "shop.example.com"]] {
        for form in ["text", "table"] {
            let output = graylane(&[arguments, &["-o", form]].concat(), "");
            assert_eq!(output.status.code(), Some(0), "{arguments:?} {form}: {}", text(&output.stderr));
        }
    }
}

#[test]
fn each_shell_gets_its_completion() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = graylane(&["completion", shell], "");
        assert_eq!(output.status.code(), Some(0));
        let script = text(&output.stdout);
        assert!(
            ["check", "schema", "completion", "strict"].iter().all(|word| script.contains(word)),
            "{shell}"
        );
    }
    assert_eq!(graylane(&["completion", "csh"], "").status.code(), Some(2));
}

#[test]
fn every_command_explains_itself() {
    let version = format!("graylane {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(told(&graylane(&["--version"], "")), (Some(0), version.as_str(), ""));
    let help = graylane(&["--help"], "");
    assert!(text(&help.stdout).contains("\nExit codes: 0 "), "{}", text(&help.stdout));
    let commands = text(&help.stdout).split_once("Commands:\n").expect("commands").1.lines();
    let commands = commands.map_while(|line| line.strip_prefix("  ")?.split_whitespace().next());
    let commands: Vec<&str> = commands.filter(|command| *command != "help").collect();
    assert!(commands.len() >= 5, "{commands:?}");
    for command in commands {
        let output = graylane(&[command, "--help"], "");
        let own = text(&output.stdout);
        let inner: Vec<&str> = match own.split_once("\nCommands:\n") {
            Some((_, rest)) => rest
                .lines()
                .map_while(|line| line.strip_prefix("  ")?.split_whitespace().next())
                .filter(|command| *command != "help")
                .collect(),
            None => vec![],
        };
        let helps = inner.iter().map(|inner| graylane(&[command, inner, "--help"], ""));
        let helps: Vec<String> = helps.map(|output| text(&output.stdout).to_owned()).collect();
        for help in if helps.is_empty() { vec![own.to_owned()] } else { helps } {
            assert!(help.contains("\nExamples:\n  graylane "), "{help}");
            assert!(help.contains("Exit codes: 0 "), "{help}");
        }
    }
    assert_eq!(graylane(&[], "").status.code(), Some(2));
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
    let (code, out, err) = told(&bad);
    assert_eq!((code, out), (Some(1), ""));
    assert!(err.starts_with("<stdin>:1:") && err.ends_with("<stdin>: 2 errors\n"), "{err}");
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
            "<stdin>: 3 rows",
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
    let report: Value = serde_json::from_slice(&judged.stdout).expect("JSON");
    let sums = ["passed", "failed", "unknown"].map(|sum| report[sum].as_u64().expect("a number"));
    assert_eq!(sums, [2, 0, 1]);
    assert_eq!(report["files"][0]["file"], "<stdin>");
    assert_eq!(report["files"][0]["reasons"][0]["reason"], "the system is not known");
}

#[test]
fn parity_tells_programs_the_same_in_json_and_yaml() {
    let report = |form: &str| graylane(&["parity", "-", "-o", form], PUBLISHED);
    let (json, yaml) = (report("json"), report("yaml"));
    assert_eq!((json.status.code(), yaml.status.code()), (Some(1), Some(1)));
    let of_json: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let of_yaml: Value = serde_saphyr::from_str(text(&yaml.stdout)).expect("YAML");
    assert_eq!(of_yaml, of_json);
    assert_eq!(of_yaml["files"][0]["failures"][0]["got"], 25);
    assert!(text(&yaml.stdout).starts_with("passed: 1\nfailed: 1\n"), "{}", text(&yaml.stdout));
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
        assert!(told.starts_with("graylane: ") && told.contains(why), "{told}");
        assert!(
            text(&judged.stdout).ends_with("1 passed, 1 failed, 1 unknown\n"),
            "the other file is judged"
        );
    }
    let missing = graylane(&["parity", "no-such-rows.json"], "");
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).starts_with("graylane: cannot read no-such-rows.json: "));
}

#[test]
fn what_could_not_be_read_is_told_once_and_not_guessed_about() {
    let policy = "
language: 1
releases:
- name: pay
  match: {}
  lanes: [{name: blue}, {name: green}]
  blueGreen: {active: green, preview: {when: {cookie: {tester: yes}}}}
  respond: {cache: private}
  rules: [{name: office, when: {source: 203.0.113.0/24}, lane: blue}]
";
    let output = graylane(&["check", "-"], policy);
    let told = text(&output.stdout);
    assert_eq!(told.matches(": error: ").count() + told.matches(": warning: ").count(), 2, "{told}");
    assert!(
        told.contains("when.cookie.tester: Wrong type") && told.contains("when.source: Wrong type"),
        "{told}"
    );
}

#[test]
fn standard_input_is_read_once() {
    let both = [
        &["check", "-", "-"][..],
        &["parity", "-", "-"],
        &["render", "envoy", "-", "--shadow", "-", "--trust", "edge"],
    ];
    for arguments in both {
        let output = graylane(arguments, GOOD);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("standard input can only be one of the files"));
    }
}

#[test]
fn sync_replaces_no_file_that_it_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let next = folder.path().join("next.yaml");
    std::fs::write(&next, "language: 1\n").expect("a file");
    let path = next.to_str().expect("text");
    let arguments =
        ["sync", "envoy", "--from", ".", "--trust", "edge", "--shadow", path, "-o", path, "--once"];
    let output = graylane(&arguments, "");
    let (code, out, told) = told(&output);
    assert_eq!((code, out), (Some(2), ""), "{told}");
    assert!(told.contains("would be replaced by what is rendered from it"), "{told}");
    assert_eq!(std::fs::read_to_string(&next).expect("a file"), "language: 1\n");
}
