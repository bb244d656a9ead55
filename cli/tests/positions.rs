//! Where in a file a mistake is shown to be.
#![cfg(test)]

use graylane::error::{FieldError, Path, Problem};
use graylane::node::Node;
use graylane_cli::check::{Finding, Severity, check};
use graylane_cli::document::{Form, parse};
use graylane_cli::position::Positions;
use graylane_testbed::root;

/// A mistake, and no warning: these are about places.
fn is_error(finding: &Finding) -> bool {
    finding.severity == Severity::Error
}

/// The line of the alias through which each mistake of a policy came, where one did.
fn through(text: &str) -> Vec<Option<usize>> {
    let findings = check(text, Form::Yaml).report.findings;
    findings.iter().filter(|finding| is_error(finding)).map(|finding| finding.through).collect()
}

/// Each mistake of a policy: line, column, what is marked, path.
fn found(text: &str, form: Form) -> Vec<(usize, usize, String, String)> {
    let findings: Vec<_> = check(text, form).report.findings.into_iter().filter(is_error).collect();
    let row = |finding: &Finding| {
        let position = &finding.position;
        let marked = text.get(position.bytes.clone()).expect("whole characters").to_owned();
        (position.line, position.column, marked, finding.error.path.clone())
    };
    findings.iter().map(row).collect()
}

/// Holds a policy against what is marked in it: `line:column marked path`, one a line.
#[track_caller]
fn marks(text: &str, expected: &[&str]) {
    let found = found(text, Form::Yaml);
    let told: Vec<String> = found
        .iter()
        .map(|(line, column, marked, path)| format!("{line}:{column} {marked} {path}").replace('\n', "⏎"))
        .collect();
    assert_eq!(told, expected, "{text}");
}

#[test]
fn a_value_at_fault_is_marked_itself() {
    marks(
        "language: 1\nversion: \"7\"\ntrustedSources: [10.0.0.0/8, 10.0.0.0/40]\noff: 'no'\n",
        &["2:10 \"7\" version", "3:30 10.0.0.0/40 trustedSources[1]", "4:6 'no' off"],
    );
}

#[test]
fn a_key_at_fault_is_marked_and_not_what_is_under_it() {
    marks(
        "language: 1\ncolour: {a: 1}\nversion: 1\nversion: 2\nversion: 3\ncolour: red\nnames:\n  lan: x\n",
        &[
            "2:1 colour colour",
            "4:1 version version",
            "5:1 version version",
            "6:1 colour colour",
            "8:3 lan names.lan",
        ],
    );
}

#[test]
fn a_variant_that_does_not_exist_is_marked() {
    marks(
        "language: 1\nidentity:\n  sources:\n  - {jwt: sub}\n  - header\n  - jwt\n",
        &["4:6 jwt identity.sources[0]", "5:5 header identity.sources[1]", "6:5 jwt identity.sources[2]"],
    );
}

#[test]
fn what_is_missing_is_shown_at_what_it_is_missing_from() {
    let release = "
releases:
- name: pay
  match: {}
  lanes: [{name: blue}, {}]
  ab:
    groups: [{lane: blue, weight: 50}, {weight: 50}]
";
    marks(
        release,
        &[
            "2:1  language",
            "5:25 {} releases[0].lanes[1].name",
            "6:3 ab releases[0].ab.salt",
            "7:40 {weight: 50} releases[0].ab.groups[1].lane",
        ],
    );
    marks("", &["1:1  "]);
    marks("# nothing yet\n", &["1:1  "]);
}

#[test]
fn a_value_that_starts_on_a_line_of_its_own_is_shown_by_its_key() {
    marks(
        "language: 1\nreleases:\n  shop:\n    name: x\nnames:\nidentity:\n  sources: []\n  cookie: x\n",
        &["2:1 releases releases", "5:1 names names", "8:11 x identity.cookie"],
    );
}

#[test]
fn a_name_that_another_has_is_marked_where_it_is_taken() {
    let policy = "
language: 1
releases:
- {name: pay, match: {hosts: [a]}, lanes: [{name: x}, {name: x}, {name: y}], blueGreen: {active: x}}
- {name: pay, match: {hosts: [b]}, lanes: [{name: x}, {name: y}], blueGreen: {active: z}}
";
    let found = found(policy, Form::Yaml);
    let marked: Vec<_> =
        found.iter().map(|(line, _, marked, path)| (*line, marked.as_str(), path.as_str())).collect();
    assert!(marked.contains(&(4, "x", "releases[0].lanes[1].name")), "{marked:?}");
    assert!(marked.contains(&(5, "pay", "releases[1].name")), "{marked:?}");
    assert!(marked.contains(&(5, "z", "releases[1].blueGreen.active")), "{marked:?}");
}

#[test]
fn the_key_of_a_label_and_its_value_are_told_apart() {
    let policy = "
language: 1
releases:
- name: pay
  match: {}
  lanes:
  - name: blue
    labels: {\"ä b\": v, \"日本\": \"é é\"}
  - {name: green, labels: {\"a.b[0] c\": v}}
  blueGreen: {active: blue}
";
    marks(
        policy,
        &[
            "8:14 \"ä b\" releases[0].lanes[0].labels.\"ä b\"",
            "8:24 \"日本\" releases[0].lanes[0].labels.日本",
            "8:30 \"é é\" releases[0].lanes[0].labels.日本",
            "9:28 \"a.b[0] c\" releases[0].lanes[1].labels.\"a.b[0] c\"",
        ],
    );
}

#[test]
fn an_alias_leads_to_what_it_stands_for() {
    let policy = "
language: 1
releases:
- name: one
  match: &all {hosts: [\"a b\"]}
  lanes: &lanes [{name: x}, {name: y}]
  blueGreen: {active: &lane z}
- name: two
  match: *all
  lanes: *lanes
  blueGreen: {active: *lane}
";
    marks(
        policy,
        &[
            "5:24 \"a b\" releases[0].match.hosts[0]",
            "5:24 \"a b\" releases[1].match.hosts[0]",
            "7:29 z releases[0].blueGreen.active",
            "11:23 *lane releases[1].blueGreen.active",
        ],
    );
    assert_eq!(through(policy), [None, Some(9), None, None]);
}

#[test]
fn a_merge_key_leads_to_the_map_that_it_brings_in() {
    let policy = "
language: 1
releases:
- &base
  name: one
  match: {hosts: [a]}
  lanes: [{name: x}, {name: y}]
  colour: red
  blueGreen: {active: z}
- <<: *base
  name: two
  match: {hosts: [b]}
- <<: [{name: three, match: {hosts: [c]}}, *base]
";
    marks(
        policy,
        &[
            "8:3 colour releases[0].colour",
            "8:3 colour releases[1].colour",
            "8:3 colour releases[2].colour",
            "9:23 z releases[0].blueGreen.active",
            "9:23 z releases[1].blueGreen.active",
            "9:23 z releases[2].blueGreen.active",
        ],
    );
    assert_eq!(through(policy), [None, Some(10), Some(13), None, Some(10), Some(13)]);
}

#[test]
fn columns_count_characters_whatever_ends_a_line() {
    let policy = "language: 1\nnames: {lane: \"ä b\", id: x}\nидентичность: 1\n";
    for text in [
        policy.to_owned(),
        policy.replace('\n', "\r\n"),
        policy.replace('\n', "\r"),
        format!("\u{feff}{policy}"),
    ] {
        marks(&text, &["2:15 \"ä b\" names.lane", "3:1 идентичность идентичность"]);
    }
    // A tab is one character.
    marks(
        "language:\t1\nnames: {lane:\t\"a b\",\tgroup: \"c d\"}\n",
        &["2:15 \"a b\" names.lane", "2:29 \"c d\" names.group"],
    );
}

#[test]
fn text_over_several_lines_is_marked_from_its_start() {
    let policy = "language: 1\nnames:\n  lane: |\n    a b\n  id: >-\n    c\n    d\n  slot: e\n    f\n  label: \"g\n    h\"\n";
    let found = found(policy, Form::Yaml);
    let starts: Vec<_> =
        found.iter().map(|(line, column, _, path)| (*line, *column, path.as_str())).collect();
    assert_eq!(
        starts,
        [(4, 5, "names.lane"), (6, 5, "names.id"), (8, 9, "names.slot"), (10, 10, "names.label")]
    );
}

#[test]
fn a_document_may_have_its_marks() {
    marks("%YAML 1.2\n---\nlanguage: 2\n...\n", &["3:11 2 language"]);
    marks("--- {language: 2}\n", &["1:16 2 language"]);
}

#[test]
fn json_has_positions_too() {
    let text = "{\n\t\"language\": 2,\n\t\"off\": \"\\u00e4\", \"names\": {\"lane\": \"\\ud83d\\ude00 x\"},\n\t\"off\": true\n}\n";
    let expected = [
        (2, 14, "2".to_owned(), "language".to_owned()),
        (3, 9, "\"\\u00e4\"".to_owned(), "off".to_owned()),
        (3, 37, "\"\\ud83d\\ude00 x\"".to_owned(), "names.lane".to_owned()),
        (4, 2, "\"off\"".to_owned(), "off".to_owned()),
    ];
    assert_eq!(found(text, Form::Json), expected);
    assert_eq!(found(text, Form::Yaml), expected);
}

#[test]
fn a_syntax_error_is_where_the_parser_stops() {
    for (text, form, line, column, there) in [
        ("language: 1\nreleases: [\n", Form::Yaml, 2, 11, "[\n"),
        ("language: 1\n  version: 2\n", Form::Yaml, 2, 10, ": 2"),
        ("language: 1\nä: {b: *nobody}\n", Form::Yaml, 2, 8, "*nobody"),
        ("language: 1\n---\nlanguage: 1\n", Form::Yaml, 3, 1, "language: 1\n"),
        ("language: 1\n\tversion: 1\n", Form::Yaml, 1, 11, "1\n"),
        ("\u{feff}ä: [é, }\n", Form::Yaml, 1, 4, "[é"),
        ("{\"language\": 1,\n \"ä\": x}\n", Form::Json, 2, 7, "x}"),
        ("{\"language\": 1", Form::Json, 1, 14, "1"),
    ] {
        let report = check(text, form).report;
        let [finding] = report.findings.as_slice() else { panic!("{text}: {report:#?}") };
        assert_eq!(finding.error.problem, Problem::Syntax, "{text}");
        let position = &finding.position;
        assert_eq!((position.line, position.column), (line, column), "{text}: {}", finding.error);
        let from = text.get(position.bytes.start..).expect("whole characters");
        assert!(from.starts_with(there), "{text}: {position:?}");
        assert!(!finding.error.to_string().contains("line "), "the place is told once: {}", finding.error);
    }
}

/// Calls `visit` with the path of every scalar of a tree.
fn scalars(node: &Node<'_>, path: Path<'_>, visit: &mut dyn FnMut(&Node<'_>, Path<'_>)) {
    match node {
        Node::List(list) => {
            for (index, node) in list.iter().enumerate() {
                scalars(node, path.index(index), visit);
            }
        }
        Node::Map(map) => {
            for (key, node) in map {
                scalars(node, path.key(key), visit);
            }
        }
        scalar => visit(scalar, path),
    }
}

#[test]
fn what_is_marked_reads_as_the_value_at_fault() {
    let mut count = 0_usize;
    for folder in ["examples", "examples/demo", "tests/scenarios", "tests/rejections", "envoy"] {
        for file in std::fs::read_dir(root().join(folder)).expect("a folder") {
            let file = file.expect("a file").path();
            if file.extension().is_none_or(|ending| ending != "yaml") {
                continue;
            }
            let text = std::fs::read_to_string(&file).expect("text");
            for text in [text.replace('\n', "\r\n"), text] {
                let tree = parse(&text, Form::Yaml).expect("YAML");
                let positions = Positions::of(&text);
                scalars(&tree, Path::Root, &mut |scalar, path| {
                    let error = FieldError {
                        path: path.to_string(),
                        problem: Problem::Invalid,
                        value: String::new(),
                        allowed: String::new(),
                    };
                    let position = positions.find(&error, 0).position;
                    let marked = text.get(position.bytes.clone()).expect("whole characters");
                    let before = text.get(..position.bytes.start).expect("whole characters");
                    let is_block = before.ends_with(char::is_whitespace)
                        && matches!(scalar, Node::Text(text) if text.contains('\n'));
                    // What a block of text says depends on how far it is indented.
                    if !is_block {
                        assert_eq!(
                            &parse(marked, Form::Yaml).expect("YAML"),
                            scalar,
                            "{}: {error}",
                            file.display()
                        );
                    }
                    count += 1;
                });
            }
        }
    }
    assert!(count > 5_000, "only {count} values were looked at");
}
