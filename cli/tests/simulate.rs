//! `graylane simulate` as people call it.
#![cfg(test)]

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use graylane::given::Given;
use graylane::node::Node;
use graylane::plan::Plan;
use graylane::policy::Trust;
use graylane_cli::document::{Form, parse};
use serde_json::Value;
use tempfile::TempDir;

/// A canary of so many percent.
fn canary(percent: f64) -> String {
    format!(
        "
language: 1
version: 3
releases:
- name: user-svc
  match: {{hosts: [user-svc.example.com]}}
  lanes: [{{name: stable}}, {{name: v2}}]
  canary: {{stable: stable, candidates: [{{lane: v2, percent: {percent}}}]}}
  rules: [{{name: testers, when: {{header: {{x-tester: {{exact: \"yes\"}}}}}}, lane: v2}}]
"
    )
}

/// Two AB tests of the same requests, with these salts.
fn two_tests(one: &str, other: &str) -> String {
    format!(
        "
language: 1
releases:
- name: button
  match: {{hosts: [shop.example.com]}}
  lanes: [{{name: A}}, {{name: B}}]
  ab: {{salt: {one}, route: false, groups: [{{lane: A, weight: 50}}, {{lane: B, weight: 50}}]}}
- name: colour
  match: {{hosts: [shop.example.com], paths: [{{prefix: /cart}}]}}
  lanes: [{{name: red}}, {{name: blue}}]
  ab: {{salt: {other}, groups: [{{lane: red, weight: 30}}, {{lane: blue, weight: 70}}]}}
"
    )
}

struct Ran {
    code: Option<i32>,
    out: String,
    told: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("it writes text");
        Ran { code: output.status.code(), out: text(output.stdout), told: text(output.stderr) }
    }
}

impl Ran {
    /// The report of a run that had nothing to tell.
    fn report(&self, code: i32) -> Value {
        assert_eq!((self.code, self.told.as_str()), (Some(code), ""), "{}", self.out);
        serde_json::from_str(&self.out).expect("JSON")
    }
}

fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_graylane"));
    // Colours are for the output alone to decide, not for the terminal that runs the tests.
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        program.env_remove(variable);
    }
    program.arg("simulate").args(arguments);
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    program
}

fn simulate(arguments: &[&str], input: &str) -> Ran {
    run(&mut program(arguments), input)
}

fn run(program: &mut Command, input: &str) -> Ran {
    let mut running = program.spawn().expect("it starts");
    // One that refuses its arguments does not read.
    let _ = running.stdin.take().expect("it has an input").write_all(input.as_bytes());
    running.wait_with_output().expect("it ends").into()
}

/// Files that are there as long as this is.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Files(tempfile::tempdir().expect("a folder"))
    }

    fn add(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).expect("it is written");
        Path::to_str(&path).expect("a path").to_owned()
    }
}

fn part(report: &Value, pointer: &str) -> f64 {
    report.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer} in {report:#}"))
}

fn number(report: &Value, pointer: &str) -> u64 {
    report.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {report:#}"))
}

fn word<'r>(report: &'r Value, pointer: &str) -> &'r str {
    report.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {report:#}"))
}

fn plan(policy: &str) -> Plan {
    let node: Node<'_> = parse(policy, Form::Yaml).expect("YAML");
    graylane::compile_node(&node).expect("a good policy")
}

/// The lane of a user at the release `user-svc`, as the engine says.
fn lane(plan: &Plan, id: &str) -> String {
    let headers = [(":authority", "user-svc.example.com"), (":path", "/"), ("x-gray-id", id)];
    let given = Given { headers: headers.into_iter().collect(), ..Given::default() };
    let decision = graylane::decide(plan, Trust::Edge, &given);
    let lane = decision.entries[0].assigned.expect("a lane");
    String::from_utf8_lossy(plan.release(0).expect("a release").lane_name(lane)).into_owned()
}

fn lines(ids: impl IntoIterator<Item = String>) -> String {
    ids.into_iter().fold(String::new(), |mut all, id| {
        let _ = writeln!(all, "{id}");
        all
    })
}

fn users(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|user| format!("user-{user}"))
}

#[test]
fn a_canary_of_five_percent_has_five_percent_of_the_users() {
    let report = simulate(&["-", "-o", "json"], &canary(5.0)).report(0);
    assert_eq!(report["good"], true);
    assert_eq!(number(&report, "/users/count"), 100_000);
    assert_eq!(word(&report, "/users/idIn"), "header x-gray-id");
    assert_eq!(word(&report, "/releases/0/at"), "user-svc.example.com/");
    assert_eq!(word(&report, "/releases/0/lanes/1/lane"), "v2");
    assert_eq!(report.pointer("/releases/0/lanes/1/expectedPercent"), Some(&Value::from(5.0)));
    assert!((part(&report, "/releases/0/lanes/1/percent") - 5.0).abs() < 0.3, "{report:#}");
    assert_eq!(word(&report, "/releases/0/fit/verdict"), "asExpected");
    assert_eq!(number(&report, "/releases/0/fit/chiSquare/degreesOfFreedom"), 1);
    assert!(part(&report, "/releases/0/fit/chiSquare/p") >= 0.001);
}

#[test]
fn the_table_says_it_in_lines() {
    let ran = simulate(&["-"], &canary(5.0));
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines[0], "<stdin> (version 3): 100,000 users made up from seed 0, known by header x-gray-id");
    assert_eq!(lines[2], "user-svc: canary at user-svc.example.com/");
    assert_eq!(lines[3], "  lane    expected   users    share  by");
    assert!(lines[5].starts_with("  v2           5 %  ") && lines[5].ends_with(" %  split"), "{}", lines[5]);
    assert!(lines[6].starts_with("  as expected: chi-square "), "{}", lines[6]);
    assert_eq!((ran.code, lines.len(), ran.told.as_str()), (Some(0), 7, ""));
}

#[test]
fn counts_are_those_of_the_engine_asked_one_by_one() {
    let policy = canary(20.0);
    let plan = plan(&policy);
    let by_hand = users(20_000).filter(|id| lane(&plan, id) == "v2").count();
    let files = Files::new();
    let file = files.add("policy.yaml", &policy);
    let report = simulate(&[&file, "--population", "-", "-o", "json"], &lines(users(20_000))).report(0);
    assert_eq!(report.pointer("/releases/0/lanes/1/users"), Some(&Value::from(by_hand)));
}

#[test]
fn users_who_all_lie_in_one_part_are_called_out() {
    // Those whom a canary of 20 % takes: of a canary of 50 % they are all in, too.
    let taken = plan(&canary(20.0));
    let biased = lines(users(5_000).filter(|id| lane(&taken, id) == "v2"));
    let files = Files::new();
    let policy = files.add("policy.yaml", &canary(50.0));
    let ran = simulate(&[&policy, "--population", "-"], &biased);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("\n  NOT as expected (p < 0.001): chi-square "), "{}", ran.out);
    let report = simulate(&[&policy, "--population", "-", "-o", "json"], &biased).report(1);
    assert_eq!(word(&report, "/releases/0/fit/verdict"), "notAsExpected");
    assert_eq!(report["good"], false);
}

#[test]
fn of_too_few_users_nothing_is_said() {
    let ran = simulate(&["-", "--ids", "159"], &canary(5.0));
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.out.ends_with("  too few users to judge: 160 are needed for 8 in each cell\n"),
        "{}",
        ran.out
    );
}

#[test]
fn growing_a_canary_only_adds_users() {
    let files = Files::new();
    let old = files.add("old.yaml", &canary(5.0));
    let report = simulate(&["-", "--against", &old, "-o", "json"], &canary(20.0)).report(0);
    assert_eq!(word(&report, "/releases/0/movement/guarantee"), "holds");
    assert_eq!(report.pointer("/releases/0/movement/lanes"), Some(&serde_json::json!(["stable", "v2"])));
    // From v2, nobody; from stable, 15 of 95.
    assert_eq!(number(&report, "/releases/0/movement/from/1/moved"), 0);
    assert_eq!(number(&report, "/releases/0/movement/from/1/to/0"), 0);
    let moved = number(&report, "/releases/0/movement/from/0/moved");
    assert!((14_500..15_500).contains(&moved), "{moved}");
    assert_eq!(number(&report, "/releases/0/movement/from/0/to/1"), moved);
    assert_eq!(number(&report, "/releases/0/movement/moved"), moved);

    let new = files.add("new.yaml", &canary(20.0));
    let back = simulate(&[&old, "--against", &new], "");
    assert_eq!(back.code, Some(0));
    assert!(back.out.ends_with("; the ramp guarantee holds\n"), "{}", back.out);
}

#[test]
fn a_new_salt_is_called_a_new_deal() {
    let files = Files::new();
    let old = files.add("old.yaml", &canary(5.0));
    let new = canary(5.0).replace("{stable: stable,", "{stable: stable, salt: another,");
    let ran = simulate(&["-", "--against", &old], &new);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains(", since everybody is DEALT ANEW: another salt,"), "{}", ran.out);
    assert!(ran.out.contains(" users moved from v2 to stable, which no share asks for\n"), "{}", ran.out);
    let report = simulate(&["-", "--against", &old, "-o", "json"], &new).report(1);
    assert_eq!(word(&report, "/releases/0/movement/guarantee"), "dealtAnew");
    assert_eq!(word(&report, "/releases/0/fit/verdict"), "asExpected", "shares alone do not show it");
}

#[test]
fn slots_that_are_laid_anew_break_the_guarantee() {
    let lanes = |candidates: &str| {
        let text = canary(5.0).replace("{name: v2}]", "{name: v2}, {name: v3}]");
        text.replace("[{lane: v2, percent: 5}]", candidates)
    };
    let files = Files::new();
    let old = files.add("old.yaml", &lanes("[{lane: v2, percent: 5}]"));
    // The slot of v2 was everything; now v3 has one half of it, which is the first one.
    let new = lanes("[{lane: v3, percent: 5}, {lane: v2, percent: 5}]");
    let report = simulate(&["-", "--against", &old, "-o", "json"], &new).report(1);
    assert_eq!(word(&report, "/releases/0/movement/guarantee"), "broken");
    let behind = lanes("[{lane: v2, percent: 5}, {lane: v3, percent: 5}]");
    let report = simulate(&["-", "--against", &old, "-o", "json"], &behind).report(0);
    assert_eq!(word(&report, "/releases/0/movement/guarantee"), "holds");
}

/// An AB test whose groups have slots, with holes between; and one more key of it.
fn slotted(from: u32, more: &str) -> String {
    format!(
        "{{language: 1, releases: [{{name: r, match: {{hosts: [a.example.com]}}, lanes: [{{name: A}}, {{name: B}}], ab: {{salt: s{more}, \
         groups: [{{lane: A, weight: 10, slots: [{{from: {from}, to: 50}}]}}, {{lane: B, weight: 20, slots: [{{from: 50, to: 100}}]}}]}}}}]}}"
    )
}

#[test]
fn who_comes_into_an_experiment_and_leaves_it_is_judged() {
    let files = Files::new();
    let old = files.add("old.yaml", &slotted(0, ""));
    // Another slot of the same size: nobody asked for that.
    let report = simulate(&["-", "--against", &old, "-o", "json"], &slotted(20, "")).report(1);
    assert_eq!(word(&report, "/releases/0/movement/guarantee"), "broken");
    assert_eq!(report.pointer("/releases/0/movement/lanes"), Some(&serde_json::json!(["A", "B", null])));
    assert_eq!(word(&report, "/releases/0/fit/verdict"), "asExpected");
    let traffic = |to: u32| slotted(0, &format!(", traffic: {{to: {to}}}"));
    let half = files.add("half.yaml", &traffic(50));
    let more = simulate(&["-", "--against", &half, "-o", "json"], &traffic(80)).report(0);
    assert_eq!(word(&more, "/releases/0/movement/guarantee"), "holds");
    assert!(number(&more, "/releases/0/movement/moved") > 8_000);
    let other = slotted(0, ", traffic: {from: 10, to: 60}");
    let other = simulate(&["-", "--against", &half, "-o", "json"], &other).report(1);
    assert_eq!(word(&other, "/releases/0/movement/guarantee"), "broken");
}

/// `check --against` calculates what `simulate --against` counts.
#[test]
fn check_and_simulate_say_the_same_of_a_change() {
    let layered = |traffic: &str, groups: &str| {
        format!(
            "{{language: 1, layers: [{{name: l}}], releases: [{{name: r, match: {{hosts: [a.example.com]}}, lanes: [{{name: A}}, {{name: B}}], \
             ab: {{salt: s, layer: l, traffic: {traffic}, groups: {groups}}}, respond: {{cache: private}}}}]}}"
        )
    };
    let halves = "[{lane: A, weight: 50}, {lane: B, weight: 50}]";
    let old = layered("{from: 20, to: 60}", halves);
    // A part that is moved is no smaller one, whatever becomes of the weights.
    let moved = layered("{from: 0, to: 10}", "[{lane: A, weight: 0}, {lane: B, weight: 100}]");
    let swapped = layered("{from: 20, to: 60}", "[{lane: B, weight: 50}, {lane: A, weight: 50}]");
    let smaller = layered("{from: 30, to: 60}", "[{lane: A, weight: 10}, {lane: B, weight: 90}]");
    let salted = old.replace("salt: s", "salt: other");
    let files = Files::new();
    let before = files.add("old.yaml", &old);
    for (new, code, guarantee) in
        [(moved, 1, "broken"), (swapped, 1, "broken"), (smaller, 0, "holds"), (salted, 1, "dealtAnew")]
    {
        let report = simulate(&["-", "--against", &before, "-o", "json"], &new).report(code);
        assert_eq!(word(&report, "/releases/0/movement/guarantee"), guarantee, "{new}");
        let now = files.add("new.yaml", &new);
        let check = Command::new(env!("CARGO_BIN_EXE_graylane"))
            .args(["check", &now, "--against", &before, "-o", "json"])
            .output()
            .expect("it runs");
        let told: Value = serde_json::from_slice(&check.stdout).expect("JSON");
        assert_eq!(word(&told, "/changes/releases/0/guarantee"), guarantee, "{new}");
    }
}

#[test]
fn shares_are_those_that_are_dealt() {
    let ramp = canary(5.0).replace(
        "percent: 5}]",
        "ramp: {linear: [{at: \"2026-12-01T00:00:00Z\", percent: 0}, {at: \"2026-12-02T00:00:00Z\", percent: 40}]}}]",
    );
    let report = simulate(&["-", "--at", "2026-12-01T12:00:00Z", "-o", "json"], &ramp).report(0);
    assert_eq!(report.pointer("/releases/0/lanes/1/expectedPercent"), Some(&serde_json::json!(20.0)));
    assert_eq!(word(&report, "/releases/0/fit/verdict"), "asExpected");
}

#[test]
fn a_raised_revision_says_that_a_move_is_meant() {
    let files = Files::new();
    let old = files.add("old.yaml", &canary(5.0));
    let new = canary(5.0)
        .replace("{stable: stable,", "{stable: stable, salt: another,")
        .replace("name: user-svc\n", "name: user-svc\n  revision: 2\n");
    let ran = simulate(&["-", "--against", &old], &new);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert!(
        ran.out.contains("; the ramp guarantee is broken, and revision 2 says that it is meant\n"),
        "{}",
        ran.out
    );
}

#[test]
fn a_blue_green_switch_moves_everybody_and_breaks_nothing() {
    let policy = |active: &str| {
        format!(
            "{{language: 1, releases: [{{name: pay, match: {{}}, lanes: [{{name: blue}}, {{name: green}}], \
             blueGreen: {{active: {active}}}}}]}}"
        )
    };
    let files = Files::new();
    let old = files.add("old.yaml", &policy("blue"));
    let ran = simulate(&["-", "--against", &old, "--ids", "100"], &policy("green"));
    assert_eq!((ran.code, ran.told.as_str()), (Some(0), ""));
    assert!(ran.out.ends_with("\n    100 users moved (100.00 %)\n"), "{}", ran.out);
}

#[test]
fn a_release_that_only_one_policy_has_is_told() {
    let files = Files::new();
    let old = files.add("old.yaml", &canary(5.0).replace("name: user-svc", "name: old-svc"));
    let ran = simulate(&["-", "--against", &old], &canary(5.0));
    assert_eq!(ran.code, Some(0));
    assert!(ran.out.contains("\nonly in <stdin> (version 3): user-svc\n"), "{}", ran.out);
    assert!(ran.out.ends_with("old.yaml (version 3): old-svc\n"), "{}", ran.out);
}

#[test]
fn a_release_that_is_switched_off_leaves_its_users_in_no_lane() {
    let files = Files::new();
    let old = files.add("old.yaml", &canary(5.0));
    let elsewhere = canary(5.0).replace("user-svc.example.com", "elsewhere.example.com");
    for (off, at_before) in [
        (canary(5.0).replace("name: user-svc", "name: user-svc\n  off: true"), None),
        (canary(5.0).replace("language: 1", "language: 1\noff: true"), None),
        (elsewhere, Some("user-svc.example.com/")),
    ] {
        let report = simulate(&["-", "--against", &old, "--ids", "1000", "-o", "json"], &off).report(0);
        let release = &report["releases"][0];
        assert_eq!(release["atBefore"].as_str(), at_before);
        if at_before.is_none() {
            assert_eq!(release.pointer("/movement/lanes/2"), Some(&Value::Null), "{report:#}");
            assert_eq!(number(release, "/movement/moved"), 1_000);
            assert_eq!(word(release, "/lanes/2/by/0/reason"), "off");
        }
    }
}

#[test]
fn rows_without_an_id_and_rows_that_stand_twice_are_left_out_and_told() {
    let files = Files::new();
    let policy = files.add("policy.yaml", &canary(50.0));
    let ran = simulate(&[&policy, "--population", "-"], "a\n\nb\r\na\n  \nc\na\n");
    assert_eq!((ran.code, ran.told.as_str()), (Some(0), ""));
    let told = "(version 3): 3 users, left out 2 rows without an id, left out 2 rows with an id that stood before, \
                known by header x-gray-id\n";
    assert!(ran.out.contains(told), "{}", ran.out);
}

#[test]
fn the_same_users_in_three_kinds_of_files_give_the_same_counts() {
    let files = Files::new();
    let policy = files.add("policy.yaml", &canary(30.0));
    let csv =
        lines(["name,id".to_owned()].into_iter().chain(users(3_000).map(|id| format!("\"x,y\",\"{id}\""))));
    let json = lines(users(3_000).map(|id| format!("{{\"id\": \"{id}\"}}")));
    let [plain, csv, json] = [("ids.txt", lines(users(3_000))), ("ids.csv", csv), ("ids.jsonl", json)]
        .map(|(name, text)| files.add(name, &text));
    let report = |population: &str, more: &[&str]| {
        let mut arguments =
            vec![policy.as_str(), "--at", "2026-12-01T09:00:00Z", "-o", "json", "--population", population];
        arguments.extend(more);
        simulate(&arguments, "").report(0)
    };
    let expected = report(&plain, &[]);
    assert_eq!(number(&expected, "/users/count"), 3_000);
    assert_eq!(word(&expected, "/at"), "2026-12-01T09:00:00Z");
    assert_eq!(report(&csv, &["--column", "id"]), expected);
    assert_eq!(report(&json, &["--column", "id"]), expected);

    for population in [&csv, &json] {
        let unsaid = simulate(&[&policy, "--population", population], "");
        assert_eq!((unsaid.code, unsaid.out.as_str()), (Some(2), ""));
        assert!(unsaid.told.contains("the id by --column"), "{}", unsaid.told);
    }
}

#[test]
fn ids_stand_where_the_policy_looks_for_them() {
    for (source, id_in) in [
        ("header: X-User", "header x-user"),
        ("query: user", "query parameter user"),
        ("cookie: user", "cookie user"),
        ("claim: sub", "claim sub"),
        ("sourceAddress", "the source address"),
        ("sourceAddress, cookie: user", "cookie user"),
        ("composite: [{header: x-tenant}, {claim: realm.sub}]", "claim realm.sub"),
    ] {
        let sources: Vec<String> = match source {
            "sourceAddress, cookie: user" => vec!["sourceAddress".into(), "{cookie: user}".into()],
            "sourceAddress" => vec![source.into()],
            source => vec![format!("{{{source}}}")],
        };
        let identity = format!(
            "language: 1\nclaims: {{key: tokens}}\nidentity: {{sources: [{}], normalize: {{lowerCase: true}}}}",
            sources.join(", ")
        );
        let policy = canary(5.0).replace("language: 1", &identity);
        let arguments = ["-", "-o", "json", "--ids", "20000", "--header", "x-tenant: T1"];
        let report = simulate(&arguments, &policy).report(0);
        assert_eq!(word(&report, "/users/idIn"), id_in);
        assert_eq!(number(&report, "/users/count"), 20_000, "{source}");
        assert_eq!(number(&report, "/releases/0/split"), 20_000, "{source}");
    }
}

#[test]
fn an_id_that_cannot_be_made_up_comes_with_a_way_out() {
    let composite = "language: 1\nidentity: {sources: [{composite: [{cookie: uid}, {header: x-tenant}]}]}";
    let policy = canary(5.0).replace("language: 1", composite);
    let ran = simulate(&["-", "--ids", "10"], &policy);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    let told = "graylane: <stdin>: users cannot be told apart by cookie uid: see identity.sources of the policy; say \
                other parts of the id by --header or in the query of --path, and not the id itself\n";
    assert_eq!(ran.told, told);
    assert_eq!(simulate(&["-", "--header", "x-tenant: t"], &policy).code, Some(0));
    // Who says the id itself gives it to everybody.
    let said = simulate(&["-", "--trust", "mesh", "--header", "x-gray-id: me"], &policy);
    assert_eq!((said.code, said.told.contains("and not the id itself")), (Some(2), true), "{}", said.told);
}

#[test]
fn users_whose_id_may_not_stand_there_are_left_out_and_told() {
    let files = Files::new();
    let by_cookie = "language: 1\nidentity: {sources: [{cookie: user}]}";
    let policy = files.add("policy.yaml", &canary(50.0).replace("language: 1", by_cookie));
    let long = "x".repeat(257);
    let ran = simulate(&[&policy, "--population", "-"], &format!("a\nb;c\n d\n{long}\ne\u{7}\nf\n"));
    assert_eq!((ran.code, ran.told.as_str()), (Some(0), ""));
    // Around a cookie spaces are passed over.
    let told = "(version 3): 3 users, left out 3 users whose id may not stand there, known by cookie user\n";
    assert!(ran.out.contains(told), "{}", ran.out);
    let none = simulate(&[&policy, "--population", "-"], "b;c\n");
    assert_eq!((none.code, none.out.as_str()), (Some(2), ""));
    assert!(none.told.contains("no user of the population has an id that may stand in cookie user"));
}

#[test]
fn rules_are_counted_apart_from_the_split() {
    let report = simulate(&["-", "-o", "json", "--header", "X-Tester: yes"], &canary(5.0)).report(0);
    let v2 = &report["releases"][0]["lanes"][1];
    assert_eq!((number(v2, "/users"), number(v2, "/split")), (100_000, 0));
    assert_eq!((word(v2, "/by/0/reason"), word(v2, "/by/0/rule")), ("rule", "testers"));
    assert_eq!(word(&report, "/releases/0/fit/verdict"), "tooFew", "nobody was split");

    let half =
        canary(5.0).replace("{header: {x-tester: {exact: \"yes\"}}}", "{percent: {salt: half, to: 50}}");
    let ran = simulate(&["-"], &half);
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.out.contains("\n  lane    expected   users    share   split  share of split  by\n"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("  rule testers 50,") || ran.out.contains("  rule testers 49,"), "{}", ran.out);
}

#[test]
fn a_lane_that_is_unavailable_is_served_elsewhere() {
    let policy = canary(5.0).replace("{name: v2}", "{name: v2, unavailable: true}");
    let report = simulate(&["-", "-o", "json"], &policy).report(0);
    let v2 = &report["releases"][0]["lanes"][1];
    assert!(number(v2, "/users") > 0);
    assert_eq!(v2["servedElsewhere"], v2["users"]);
    assert!(simulate(&["-"], &policy).out.contains("  served elsewhere  by\n"));
}

#[test]
fn tests_of_the_same_requests_are_held_against_each_other() {
    let arguments = ["-", "-o", "json"];
    let apart = simulate(&arguments, &two_tests("one", "other")).report(0);
    assert_eq!(apart["independence"].as_array().map(Vec::len), Some(1));
    assert_eq!(word(&apart, "/independence/0/judgement/verdict"), "asExpected");
    assert_eq!(word(&apart, "/releases/1/at"), "shop.example.com/cart");

    let same = simulate(&arguments, &two_tests("one", "one")).report(1);
    assert_eq!(word(&same, "/independence/0/judgement/verdict"), "notAsExpected");
    assert_eq!(word(&same, "/releases/0/fit/verdict"), "asExpected", "each by itself is fair");
    let table = simulate(&["-"], &two_tests("one", "one"));
    assert!(
        table.out.contains("\n  button, colour: NOT independent (p < 0.001): chi-square "),
        "{}",
        table.out
    );
    assert!(table.out.contains("\n    button \\ colour  "), "{}", table.out);
}

#[test]
fn other_releases_are_held_against_each_other_where_that_is_asked() {
    let other =
        canary(10.0).replace("user-svc", "cart-svc").replace("language: 1\nversion: 3\nreleases:\n", "");
    let policy = format!("{}{}", canary(10.0), other.trim_start_matches('\n'));
    assert_eq!(simulate(&["-", "-o", "json"], &policy).report(0)["independence"], serde_json::json!([]));
    let asked = simulate(&["-", "-o", "json", "--independence"], &policy).report(0);
    assert_eq!(word(&asked, "/independence/0/judgement/verdict"), "asExpected");
    let one_salt = policy.replace("{stable: stable,", "{stable: stable, salt: one,");
    simulate(&["-", "-o", "json", "--independence"], &one_salt).report(1);
}

#[test]
fn a_release_is_asked_where_no_other_one_matches_better() {
    let policy = "
language: 1
releases:
- {name: all, match: {}, lanes: [{name: a}, {name: b}], blueGreen: {active: a}}
- {name: root, match: {paths: [{exact: /}]}, lanes: [{name: a}, {name: b}], blueGreen: {active: a}}
- {name: pay, match: {hosts: ['*.example.com', 'pay:8443'], paths: [{prefix: /pay}]}, lanes: [{name: a}, {name: b}], blueGreen: {active: a}}
- {name: pay-exact, match: {hosts: ['*.example.com'], paths: [{exact: /pay}]}, lanes: [{name: a}, {name: b}], blueGreen: {active: a}}
";
    let at = |report: &Value| -> Vec<String> {
        let releases = report["releases"].as_array().expect("a list");
        releases
            .iter()
            .map(|release| format!("{} {}", word(release, "/name"), word(release, "/at")))
            .collect()
    };
    let arguments = ["-", "-o", "json", "--ids", "10"];
    assert_eq!(
        at(&simulate(&arguments, policy).report(0)),
        [
            "all simulated.example/simulated",
            "root simulated.example/",
            "pay simulated.example.com/pay/simulated",
            "pay-exact simulated.example.com/pay",
        ]
    );
    let said = [&arguments[..], &["--host", "pay:8443"]].concat();
    assert_eq!(
        at(&simulate(&said, policy).report(0)),
        ["all pay:8443/simulated", "root pay:8443/", "pay pay:8443/pay"]
    );
    let said = [&arguments[..], &["--host", "x.example.com", "--path", "/pay?x=1"]].concat();
    assert_eq!(at(&simulate(&said, policy).report(0)), ["pay-exact x.example.com/pay?x=1"]);

    let named = [&arguments[..], &["--path", "/pay", "--release", "root"]].concat();
    let ran = simulate(&named, policy);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.told.starts_with("graylane: no request was found that root governs: "), "{}", ran.told);
    let unknown = simulate(&["-", "--release", "rot"], policy);
    assert_eq!(unknown.told, "graylane: <stdin> has no release \"rot\": all, root, pay, pay-exact\n");
}

#[test]
fn yaml_says_what_json_says() {
    let arguments = ["-", "--ids", "1000", "--at", "2026-12-01T10:00:00+01:00", "-o"];
    let json = simulate(&[&arguments[..], &["json"]].concat(), &canary(5.0)).report(0);
    let yaml = simulate(&[&arguments[..], &["yaml"]].concat(), &canary(5.0));
    assert_eq!((yaml.code, yaml.told.as_str()), (Some(0), ""));
    let yaml: Value = serde_saphyr::from_str(&yaml.out).expect("YAML");
    assert_eq!(yaml, json);
}

#[test]
fn colours_are_for_terminals() {
    let ran = simulate(&["-", "--ids", "100"], &canary(5.0));
    assert!(!ran.out.contains('\u{1b}'), "{}", ran.out);
    let forced = run(program(&["-", "--ids", "100"]).env("CLICOLOR_FORCE", "1"), &canary(5.0));
    assert!(forced.out.contains("\u{1b}[1muser-svc\u{1b}[0m"), "{:?}", forced.out);
}

#[test]
fn who_has_seen_enough_is_no_fault() {
    let mut running = program(&["-", "--ids", "1000"]).spawn().expect("it starts");
    // It cannot have written before it has read the policy.
    drop(running.stdout.take());
    running.stdin.take().expect("it has an input").write_all(canary(5.0).as_bytes()).expect("it reads");
    let ran = Ran::from(running.wait_with_output().expect("it ends"));
    assert_eq!((ran.code, ran.told.as_str()), (Some(0), ""));
}

#[test]
fn mistakes_of_policies_are_told_before_anything_is_simulated() {
    let files = Files::new();
    let bad = files.add("bad.yaml", &canary(101.0));
    for arguments in [vec![bad.as_str()], vec!["-", "--against", &bad], vec![&bad, "--against", "-"]] {
        let ran = simulate(&arguments, &canary(5.0));
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(ran.told.contains("percent: Invalid value: 101"), "{}", ran.told);
    }
}

#[test]
fn what_cannot_be_carried_out_is_told() {
    let policy = canary(5.0);
    for (arguments, told) in [
        (&["-", "--against", "-"][..], "standard input can only be one of the files"),
        (&["-", "--population", "no-such-file"], "cannot read no-such-file: "),
        (&["no-such-file"], "cannot read no-such-file: "),
        (&["-", "--ids", "0"], "'--ids <N>'"),
        (&["-", "--header", "x-a"], "name and value with a colon between"),
        (&["-", "--header", "Host: a"], "host and path have a place of their own"),
        (&["-", "--at", "tomorrow"], "a time with its offset, like 2026-12-01T09:00:00+01:00"),
        (&["-", "--column", "id"], "--population <FILE>"),
        (&["-", "--host", "elsewhere"], "no release of <stdin> governs requests to this host and path"),
    ] {
        let ran = simulate(arguments, &policy);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ran.told.contains(told), "{arguments:?}: {}", ran.told);
    }
    let nothing = simulate(&["-"], "language: 1\n");
    assert_eq!((nothing.code, nothing.told.as_str()), (Some(2), "graylane: <stdin> has no releases\n"));
    let files = Files::new();
    let (policy, nobody) = (files.add("policy.yaml", &policy), files.add("nobody", "\n\n"));
    let ran = simulate(&[&policy, "--population", &nobody], "");
    assert_eq!(
        (ran.code, ran.told.ends_with("nobody: there is no id in it\n")),
        (Some(2), true),
        "{}",
        ran.told
    );
}
