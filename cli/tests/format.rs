//! What formatting keeps, and what it makes the same.
#![cfg(test)]

use std::path::PathBuf;

use graylane_cli::document::{Form, parse};
use graylane_cli::format::{comments, format};
use graylane_testbed::root;

/// The YAML files of the tree: policies, scenarios with policies in them, what Envoy reads.
fn files() -> Vec<PathBuf> {
    let folders = ["examples", "examples/demo", "tests/scenarios", "tests/rejections", "envoy"];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(root().join(folder)).expect("a folder"));
    let files: Vec<PathBuf> = files
        .map(|file| file.expect("a file").path())
        .filter(|file| file.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    assert!(files.len() > 30, "{files:?}");
    files
}

/// The text with its comments made more: one before each line that may have one, at odd places.
fn with_more_comments(text: &str) -> String {
    let mut is_text = false;
    let mut out = String::new();
    for (number, line) in text.lines().enumerate() {
        // Inside a block of text a comment would be text; one that ends at the margin is left.
        is_text = line.trim_end().ends_with('|') || (is_text && (line.starts_with(' ') || line.is_empty()));
        if !is_text && number % 3 == 0 && !line.starts_with("      ") {
            out += " ".repeat(number % 5).as_str();
            out += "# more\n";
        }
        out += line;
        out += "\n";
    }
    out
}

#[test]
fn the_document_and_its_comments_stay() {
    for file in files() {
        let text = std::fs::read_to_string(&file).expect("text");
        for text in [with_more_comments(&text), text.replace('\n', "\r\n"), text] {
            let name = file.display();
            let formatted =
                format(&text, Form::Yaml).unwrap_or_else(|fault| panic!("{name}: {}", fault.message));
            let [before, after] = [&text, &formatted].map(|text| parse(text, Form::Yaml).expect("YAML"));
            assert_eq!(before, after, "{name}");
            assert!(
                comments(&text).is_some_and(|comments| !comments.is_empty()) || !text.contains("# "),
                "{name}"
            );
            assert_eq!(comments(&text), comments(&formatted), "{name}");
            // What a comment is, seen without the parser.
            for line in text.lines().map(str::trim).filter(|line| line.starts_with("# ")) {
                assert!(formatted.lines().any(|formatted| formatted.trim() == line), "{name}: {line}");
            }
        }
    }
}

#[test]
fn what_is_formatted_stays_as_it_is() {
    for file in files() {
        let text = std::fs::read_to_string(&file).expect("text");
        let once = format(&with_more_comments(&text), Form::Yaml).expect("YAML");
        assert_eq!(format(&once, Form::Yaml).expect("YAML"), once, "{}", file.display());
    }
}

#[test]
fn what_is_formatted_once_is_formatted() {
    for text in ["{\"language\": 1,} \n", "['x' ]\n", "{a: 1, }", "[ {a: 1},]"] {
        let once = format(text, Form::Yaml).expect("YAML");
        assert_eq!(format(&once, Form::Yaml).expect("YAML"), once, "{text:?}");
    }
}

#[test]
fn lines_may_end_as_on_any_system() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["a:   1 # one", "b: 2", ""].join(end);
        assert_eq!(format(&text, Form::Yaml).expect("YAML"), "a: 1 # one\nb: 2\n", "{end:?}");
    }
}

#[test]
fn one_form_comes_of_many() {
    let formatted = "\
# A policy.
language: 1 # the level
trustedSources: [\"10.0.0.0/8\", \"::1\"]

releases:
# The first.
- name: pay
  match: {hosts: [pay.example.com]}
  lanes:
  - {name: blue}
  - name: green
    labels: {version: \"2\"}
  blueGreen: {active: green}
";
    let other = "
 # A policy.
language:   1     # the level
trustedSources:   [ '10.0.0.0/8' , \"::1\" ]\t



releases:
        # The first.
    -   name: pay
        match: { hosts: [pay.example.com, ] }
        lanes:
            - { name: blue }
            -
                name: green
                labels: {version: '2'}
        blueGreen: {active: green}


";
    assert_eq!(format(other, Form::Yaml).expect("YAML"), formatted);
    assert_eq!(format(&other.replace('\n', "\r\n"), Form::Yaml).expect("YAML"), formatted);
    assert_eq!(format(&format!("\u{feff}{formatted}"), Form::Yaml).expect("YAML"), formatted);
    assert_eq!(format(formatted, Form::Yaml).expect("YAML"), formatted);
}

#[test]
fn anchors_texts_and_keys_that_stand_twice_stay() {
    let text = "a: &a {b:   1}\nc: *a\nd:\n  <<: *a\n  e: |\n    one\n      two\n  f: >-\n    x\n    y\nc: 2\ng: !!str 5\n";
    let formatted = format(text, Form::Yaml).expect("YAML");
    assert_eq!(formatted, text.replace("b:   1", "b: 1"));
}

#[test]
fn json_is_written_one_value_a_line_with_its_keys_in_order() {
    let text = "{\"z\":1,\"a\":[true,null,-2,5.0,\"\\u00e4\"],\"z\":{}}";
    let formatted = "{\n  \"z\": 1,\n  \"a\": [\n    true,\n    null,\n    -2,\n    5.0,\n    \"ä\"\n  ],\n  \"z\": {}\n}\n";
    assert_eq!(format(text, Form::Json).expect("JSON"), formatted);
    assert_eq!(format(formatted, Form::Json).expect("JSON"), formatted);
}

#[test]
fn what_is_no_document_is_left_alone() {
    for (text, form) in [("a: [\n", Form::Yaml), ("a: 1\n---\nb: 2\n", Form::Yaml), ("a: 1\n", Form::Json)] {
        assert!(format(text, form).is_err(), "{text}");
    }
}
