//! The values that other systems publish, held against the engine row by row as `graylane parity` does it.
//!
//! They are read where they lie, beside the repository; a run without them says so.
#![cfg(test)]

use std::io::Write;

use graylane_cli::parity::{Report, Verdict, judge};
use graylane_testbed::root;
use serde_json::{Value, json};

/// The files that are known to be there, and how many rows each has at least.
const FILES: [(&str, usize); 6] = [
    ("eppo.json", 115),
    ("flagd.json", 180),
    ("growthbook.json", 95),
    ("murmur3_x86_32.json", 137),
    ("optimizely.json", 20),
    ("unleash.json", 45),
];

/// The rows of each file; nothing, said aloud, where they are not there.
fn published() -> Vec<(String, Vec<Value>)> {
    let folder = root().join("../shared/vectors");
    let Ok(files) = std::fs::read_dir(&folder) else {
        // Past the test harness, which keeps what a passing test prints to itself.
        writeln!(std::io::stderr(), "NOT CHECKED: no published values in {}", folder.display())
            .expect("stderr takes a line");
        return Vec::new();
    };
    let files = files.map(|file| file.expect("a file").path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let files = files.map(|path| {
        let text = std::fs::read_to_string(&path).expect("it can be read");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, serde_json::from_str(&text).expect("an array of rows"))
    });
    let files: Vec<(String, Vec<Value>)> = files.collect();
    for (name, at_least) in FILES {
        let rows = files.iter().find(|(file, _)| file == name).map_or(0, |(_, rows)| rows.len());
        assert!(rows >= at_least, "{name} has {rows} rows");
    }
    files
}

#[test]
fn every_published_value_is_the_engines() {
    for (name, rows) in published() {
        let report = Report::of(&rows);
        assert_eq!(report.failures, [], "{name}");
        if FILES.iter().any(|(file, _)| *file == name) {
            assert_eq!(report.unknown, [], "{name}");
            assert_eq!(report.passed(), rows.len(), "{name}");
        }
    }
}

/// Else the test before would say nothing.
#[test]
fn every_published_value_would_be_missed_if_it_were_another() {
    for (name, rows) in published() {
        for (index, row) in rows.iter().enumerate() {
            if judge(row) != Verdict::Passed {
                continue;
            }
            let mut wrong = row.clone();
            wrong["expected"] = match &row["expected"] {
                Value::Bool(is_in) => json!(!is_in),
                Value::Number(number) => json!(number.as_f64().expect("a number") + 1.0),
                Value::String(text) => json!(format!("{text}?")),
                Value::Null | Value::Array(_) | Value::Object(_) => json!("somebody"),
            };
            let verdict = judge(&wrong);
            assert!(matches!(verdict, Verdict::Failed { .. }), "{name} row {}: {verdict:?}", index + 1);
        }
    }
}
