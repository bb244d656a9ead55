//! `graylane init` as people call it, on a terminal and off.
#![cfg(test)]

use std::fs::{read_dir, read_to_string, write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use graylane::node::Node;
use graylane_cli::check::check;
use graylane_cli::document::{Form, parse};
use graylane_cli::init::{Flag, Intent, Shape};
use graylane_cli::position::Positions;
use graylane_testbed::root;
use rexpect::process::WaitStatus;
use rexpect::session::{PtySession, spawn_command};
use serde_json::Value;

/// The day before the times that stand in the examples.
const DATE: [&str; 2] = ["--date", "2026-11-30"];

fn program(arguments: &[&str], folder: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_graylane"));
    // Colours are for the output alone to decide, not for the terminal that runs the tests.
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        program.env_remove(variable);
    }
    program.arg("init").args(arguments).current_dir(folder);
    program
}

fn init_in(arguments: &[&str], folder: &Path) -> Output {
    program(arguments, folder).stdin(Stdio::null()).output().expect("it runs")
}

fn init(arguments: &[&str]) -> Output {
    init_in(arguments, root())
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it writes text")
}

/// Exit code, standard output, standard error.
fn told(output: &Output) -> (Option<i32>, &str, &str) {
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The policy that is written, where nothing is told besides.
#[track_caller]
fn written(arguments: &[&str]) -> String {
    let output = init(arguments);
    let (code, policy, err) = told(&output);
    assert_eq!((code, err), (Some(0), ""), "{arguments:?}");
    policy.to_owned()
}

/// Checks a policy as a file, by the program.
#[track_caller]
fn is_good(policy: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("policy.yaml");
    write(&file, policy).expect("it is written");
    for command in [["check", "--strict"], ["fmt", "--check"]] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_graylane"));
        let output = program.args(command).arg(&file).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{command:?}\n{policy}\n{}", text(&output.stdout));
    }
}

/// Every text of a document, keys too.
fn texts(node: &Node<'_>) -> Vec<String> {
    match node {
        Node::Text(text) => vec![text.to_string()],
        Node::List(list) => list.iter().flat_map(texts).collect(),
        Node::Map(map) => {
            map.iter().flat_map(|(key, value)| [vec![key.to_string()], texts(value)].concat()).collect()
        }
        Node::Unsigned(number) => vec![number.to_string()],
        Node::Float(number) => vec![number.to_string()],
        _ => Vec::new(),
    }
}

fn texts_of(policy: &str) -> Vec<String> {
    texts(&parse(policy, Form::Yaml).unwrap_or_else(|fault| panic!("{}\n{policy}", fault.message)))
}

#[test]
fn with_no_value_of_ones_own_the_example_is_written_byte_for_byte() {
    for intent in Intent::ALL {
        let policy = written(&[&[intent.name, "--yes"], &DATE[..]].concat());
        let file = format!("examples/{}.yaml", intent.name);
        let example = read_to_string(root().join(&file)).expect("the example is there");
        assert!(policy == example, "{file} is not what is written:\n{policy}");
    }
}

#[test]
fn every_place_is_in_its_example() {
    for intent in Intent::ALL {
        let positions = Positions::of(intent.text);
        for place in intent.knobs.iter().flat_map(|knob| knob.places) {
            let path = place.path();
            assert!(positions.bytes(path).is_some(), "{}: nothing stands at {path}", intent.name);
        }
        assert!(positions.bytes("releases[0].no").is_none());
    }
}

#[test]
fn salts_and_times_follow_from_the_day() {
    let policy = written(&["canary-steps", "--service", "pay", "--date", "2027-12-31"]);
    assert!(policy.contains("salt: pay-2027-12\n"), "{policy}");
    let days = ["2028-01-01", "2028-01-02", "2028-01-03", "2028-01-04", "2028-01-05"];
    assert!(days.iter().all(|day| policy.contains(&format!("{{at: \"{day}T09:00:00Z\""))), "{policy}");
    let policy = written(&["canary-steps", "--start", "2027-12-31T23:30:00+05:30", "--salt", "old one"]);
    assert!(policy.contains("{at: \"2027-12-31T23:30:00+05:30\", percent: 1}"), "{policy}");
    assert!(policy.contains("{at: \"2028-01-01T23:30:00+05:30\", percent: 5}"), "{policy}");
    assert!(policy.contains("salt: \"old one\""), "{policy}");
    // Without a day it is today's: nothing has begun yet, and nothing has to be edited.
    for intent in Intent::ALL {
        is_good(&written(&[intent.name]));
    }
}

/// Another value than that of any example.
fn other(flag: Flag) -> &'static [&'static str] {
    match flag {
        Flag::Host => &["a.example.org", "*.b.example.org:8443"],
        Flag::Service => &["pay"],
        Flag::Other => &["ship"],
        Flag::OtherHost => &["[::1]"],
        Flag::Path => &["/[a],{b}"],
        Flag::Stable => &["null"],
        Flag::Candidate => &["yes"],
        Flag::Fallback => &["true"],
        Flag::Active => &["on"],
        Flag::Idle => &["off"],
        Flag::Control => &["y"],
        Flag::Variant => &["N"],
        Flag::Percent => &["7"],
        Flag::Layer => &["page"],
        Flag::Header => &["x-it's"],
        Flag::Cookie => &["*cookie"],
        Flag::Claim => &["https://example.org/a: {b}"],
        Flag::Value => &["1e3"],
        Flag::Id => &["0x10", "user, 7"],
        Flag::Tenant => &["007", "shop:1"],
        Flag::Range => &["^1.4"],
        Flag::Network => &["::1", "203.0.113.0/24"],
        Flag::GroupId => &["# no comment"],
        Flag::Start => &["2030-01-01T00:00:00Z"],
        Flag::Until => &["2030-01-01T00:00:00-03:00"],
        Flag::Salt => &["'"],
    }
}

#[test]
fn every_value_of_every_intent_can_be_another_and_the_policy_is_good_unedited() {
    let mut seen = Vec::new();
    for intent in Intent::ALL {
        let mut arguments = vec![intent.name.to_owned()];
        for flag in intent.flags() {
            seen.push(flag);
            for value in other(flag) {
                arguments.extend([flag.shown(), (*value).to_owned()]);
            }
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let policy = written(&arguments);
        is_good(&policy);
        let texts = texts_of(&policy);
        for flag in intent.flags() {
            for value in other(flag) {
                assert!(
                    texts.iter().any(|text| text == value),
                    "{}: {value} is not in\n{policy}",
                    intent.name
                );
            }
        }
        // Each alone, beside what the example has.
        for flag in intent.flags() {
            let values = other(flag).iter().flat_map(|value| [flag.shown(), (*value).to_owned()]);
            let arguments: Vec<String> = [intent.name.to_owned()].into_iter().chain(values).collect();
            let policy = written(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
            assert!(check(&policy, Form::Yaml).report.is_good(true), "{policy}");
        }
    }
    assert!(Flag::ALL.iter().all(|flag| seen.contains(flag)), "a flag that no intent has");
}

#[test]
fn hostile_values_are_written_as_they_are_or_refused() {
    let hostile = [
        "a\"b",
        "a'b",
        "a: b",
        "a #b",
        "a\nb",
        "a\r\nb",
        "- a",
        "{a: b}",
        "[a]",
        "&a",
        "*a",
        "!!int 7",
        "%a",
        "@a",
        "`a`",
        "a\\b",
        "|",
        ">",
        "?",
        "~",
        "null",
        "True",
        "NO",
        "1",
        "0o7",
        "1_000",
        "2026-12-01",
        ".inf",
        "<<",
        "=",
        "---",
        "...",
        "\t",
        " a ",
        "\u{7f}",
        "\u{85}",
        "\u{feff}",
        "\u{2028}",
        "\u{e4}\u{1f600}",
        "\u{1b}[31m",
        "a, b",
        "}, lanes: [], x: {",
        "",
    ];
    let example = texts_of(&written(&["canary-testers", "--yes"]));
    let mut kept = 0;
    for value in hostile {
        for flag in [
            Flag::Host,
            Flag::Service,
            Flag::Candidate,
            Flag::Header,
            Flag::Value,
            Flag::Id,
            Flag::Salt,
            Flag::Percent,
        ] {
            // With its equals sign, so that what starts with a dash is a value.
            let output = init(
                &["canary-testers", &format!("{}={value}", flag.shown()), "--salt=s"]
                    [..if flag == Flag::Salt { 2 } else { 3 }],
            );
            let (code, policy, err) = told(&output);
            let shown = flag.shown();
            if code == Some(0) {
                kept += 1;
                let texts = texts_of(policy);
                assert!(texts.iter().any(|text| text == value), "{shown} {value:?} is not in\n{policy}");
                let ids = usize::from(flag == Flag::Id);
                assert_eq!(
                    texts.len() + ids,
                    example.len(),
                    "{shown} {value:?} is more than a value:\n{policy}"
                );
                assert!(check(policy, Form::Yaml).report.is_good(true), "{policy}");
            } else {
                assert_eq!((code, policy), (Some(1), ""), "{shown} {value:?}: {err}");
                assert!(
                    err.lines().all(|line| line.starts_with(&format!("graylane: {shown}: "))),
                    "{value:?}: {err}"
                );
                assert!(!err.is_empty());
            }
        }
    }
    assert!(kept > 80, "only {kept} were written");
}

#[test]
fn all_mistakes_are_told_at_once_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = [
        "canary",
        "--host",
        "a:b:c",
        "--host",
        "good.example.com",
        "--stable",
        "a b",
        "--percent",
        "2x",
        "--salt",
        "",
        "-o",
        "p.yaml",
    ];
    let expected = "\
graylane: --percent: Wrong type: \"2x\": must be a number
graylane: --host: Invalid value: \"a:b:c\": a host like shop.example.com, *.example.com, shop.example.com:8443, or * for every host
graylane: --stable: Invalid value: \"a b\": letters, digits, '-', '_' and '.', a letter first
graylane: --salt: Invalid value: \"\": 1 to 128 bytes
";
    assert_eq!(told(&init_in(&arguments, folder.path())), (Some(1), "", expected));
    assert_eq!(read_dir(folder.path()).expect("a folder").count(), 0);
    for (arguments, expected) in [
        (
            ["canary", "--candidate", "stable"].as_slice(),
            "--candidate: Duplicate value: \"stable\": lanes[0] has this name already",
        ),
        (
            &["canary", "--percent", "-1"],
            "--percent: Invalid value: -1: must be between 0 and 100 in steps of 0.01",
        ),
        (&["canary", "--service", "a", "--service", "b"], "--service: Too many: 2: it takes one value"),
        // What is only warned of is wrong, too.
        (
            &["internal-first", "--network", "0.0.0.0/0"],
            "--network: Warning: this holds every address of its kind",
        ),
    ] {
        let expected = format!("graylane: {expected}\n");
        assert_eq!(told(&init(arguments)), (Some(1), "", expected.as_str()));
    }
}

#[test]
fn a_value_that_an_intent_has_not_is_refused_with_those_that_it_has() {
    let output = init(&["canary", "--tenant", "a", "--percent", "5", "--network", "b"]);
    let expected = "graylane: canary has no --tenant, --network; it has --host, --service, --stable, --candidate, --percent, --salt\n";
    assert_eq!(told(&output), (Some(2), "", expected));
    assert_eq!(init(&["canary", "--colour", "red"]).status.code(), Some(2));
}

#[test]
fn without_a_terminal_it_has_to_be_said_what_the_policy_is_for() {
    let output = init(&[]);
    let (code, out, err) = told(&output);
    assert_eq!((code, out), (Some(2), ""));
    for intent in Intent::ALL {
        assert!(err.contains(&format!("\n{} ", intent.name)) && err.contains(intent.what()), "{err}");
    }
    let unknown = init(&["canarry"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("'canary'"), "{}", text(&unknown.stderr));
}

#[test]
fn the_list_has_a_line_for_each_intent_and_a_form_for_programs() {
    let table = written(&["--list"]);
    assert_eq!(table.lines().count(), Intent::ALL.len());
    for (line, intent) in table.lines().zip(Intent::ALL) {
        let (name, what) = line.split_once("  ").expect("two columns");
        assert_eq!((name, what.trim_start()), (intent.name, intent.what()));
    }
    let json: Value = serde_json::from_str(&written(&["--list", "-o", "json"])).expect("JSON");
    let yaml: Value = serde_saphyr::from_str(&written(&["--list", "-o", "yaml"])).expect("YAML");
    assert_eq!(json, yaml);
    let canary = &json[0];
    assert_eq!((&canary["intent"], &canary["example"]), (&"canary".into(), &"examples/canary.yaml".into()));
    assert_eq!(
        (&canary["values"][0]["name"], &canary["values"][0]["default"][0]),
        (&"host".into(), &"shop.example.com".into())
    );
    for arguments in [["--list", "-o", "xml"].as_slice(), &["--list", "canary"], &["--list", "--host", "a"]] {
        assert_eq!(init(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_file_is_written_whole_and_what_is_next_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = init_in(&["canary-tenants", "-o", "my policy.yaml"], folder.path());
    let next = "\
my policy.yaml is written. Next:
  graylane check --strict 'my policy.yaml'
  graylane simulate 'my policy.yaml'
  graylane render envoy 'my policy.yaml' --trust mesh -o ecds.yaml
";
    assert_eq!(told(&output), (Some(0), "", next));
    is_good(&read_to_string(folder.path().join("my policy.yaml")).expect("it is there"));
    assert_eq!(read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left beside it");
}

#[test]
fn a_file_that_is_there_is_only_replaced_by_force() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("policy.yaml");
    write(&file, "mine\n").expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    std::os::unix::fs::symlink("policy.yaml", folder.path().join("link.yaml")).expect("a link");
    for name in ["policy.yaml", "link.yaml"] {
        let refused = init_in(&["canary", "-o", name], folder.path());
        let expected = format!("graylane: {name} is there already; --force replaces it\n");
        assert_eq!(told(&refused), (Some(2), "", expected.as_str()));
    }
    // A value that is wrong takes nothing away.
    let bad = init_in(&["canary", "-o", "policy.yaml", "--force", "--percent", "x"], folder.path());
    assert_eq!(bad.status.code(), Some(1));
    assert_eq!(read_to_string(&file).expect("text"), "mine\n");
    let forced = init_in(&["canary", "-o", "link.yaml", "--force"], folder.path());
    assert_eq!(forced.status.code(), Some(0), "{}", text(&forced.stderr));
    is_good(&read_to_string(&file).expect("text"));
    assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    assert!(std::fs::symlink_metadata(folder.path().join("link.yaml")).expect("a link").is_symlink());
    assert_eq!(read_dir(folder.path()).expect("a folder").count(), 2);
    for name in ["policy.json", "no-such-folder/policy.yaml"] {
        let refused = init_in(&["canary", "-o", name], folder.path());
        assert_eq!(refused.status.code(), Some(2));
        assert!(text(&refused.stderr).contains(name), "{}", text(&refused.stderr));
    }
}

/// The program on a terminal of its own.
fn on_a_terminal(arguments: &[&str], folder: &Path) -> PtySession {
    let mut program = program(arguments, folder);
    program.env("TERM", "xterm").env("NO_COLOR", "1");
    spawn_command(program, Some(60_000)).expect("a terminal")
}

/// Waits for a question and answers it.
#[track_caller]
fn answer(terminal: &mut PtySession, question: &str, answer: &str) {
    terminal.exp_string(question).unwrap_or_else(|fault| panic!("{question} is not asked: {fault}"));
    terminal.send(&format!("{answer}\r")).expect("it is sent");
    terminal.flush().expect("it is sent");
}

/// The exit code.
#[track_caller]
fn ended(mut terminal: PtySession) -> i32 {
    terminal.exp_eof().expect("it ends");
    match terminal.process().wait().expect("it ends") {
        WaitStatus::Exited(_, code) => code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn on_a_terminal_it_asks_for_what_is_not_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut terminal = on_a_terminal(&["-o", "asked.yaml", "--salt", "pay-1"], folder.path());
    // What is typed narrows the list down.
    answer(&mut terminal, "What is the policy for?", "canary-testers");
    answer(&mut terminal, Flag::Host.help(), "a.example.org, b.example.org");
    answer(&mut terminal, Flag::Service.help(), "pay svc");
    // It is asked again, with what is wrong.
    terminal.exp_string("a letter first").expect("what is wrong is told");
    answer(&mut terminal, "pay svc", &format!("{}pay", "\u{7f}".repeat("pay svc".len())));
    for flag in [Flag::Stable, Flag::Candidate, Flag::Header, Flag::Cookie, Flag::Value, Flag::Id] {
        answer(&mut terminal, flag.help(), "");
    }
    answer(&mut terminal, Flag::Percent.help(), "0.5");
    assert_eq!(ended(terminal), 0);
    let arguments = [
        "canary-testers",
        "--host",
        "a.example.org",
        "--host",
        "b.example.org",
        "--service",
        "pay",
        "--percent",
        "0.5",
        "--salt",
        "pay-1",
    ];
    assert_eq!(read_to_string(folder.path().join("asked.yaml")).expect("it is written"), written(&arguments));
}

#[test]
fn on_a_terminal_nothing_is_asked_where_nobody_wants_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let terminal = on_a_terminal(&["canary", "--yes", "-o", "policy.yaml"], folder.path());
    assert_eq!(ended(terminal), 0);
    assert_eq!(
        read_to_string(folder.path().join("policy.yaml")).expect("it is written"),
        written(&["canary"])
    );
    // A file that is there is refused before anything is asked.
    assert_eq!(ended(on_a_terminal(&["canary", "-o", "policy.yaml"], folder.path())), 2);
}

#[test]
fn whoever_stops_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    for (arguments, question) in [
        (["-o", "policy.yaml"].as_slice(), "What is the policy for?"),
        (&["canary", "-o", "policy.yaml"], Flag::Host.help()),
    ] {
        for stop in ["\u{3}", "\u{1b}"] {
            let mut terminal = on_a_terminal(arguments, folder.path());
            terminal.exp_string(question).expect("it is asked");
            terminal.send(stop).expect("it is sent");
            terminal.flush().expect("it is sent");
            terminal.exp_string("graylane: stopped; nothing is written").expect("it is told");
            assert_eq!(ended(terminal), 2);
            assert_eq!(read_dir(folder.path()).expect("a folder").count(), 0);
        }
    }
}

#[test]
fn lists_and_numbers_are_told_from_texts() {
    let shape = |name: &str, flag| Intent::named(name).expect("an intent").shape(flag);
    assert_eq!(shape("canary", Flag::Host), Shape::List);
    assert_eq!(shape("canary", Flag::Percent), Shape::Number);
    assert_eq!(shape("canary", Flag::Salt), Shape::Text);
    assert_eq!(shape("canary-testers", Flag::Value), Shape::Text);
    assert_eq!(shape("ab-audience", Flag::Value), Shape::List);
}
