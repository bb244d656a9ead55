//! `graylane parity`: published bucketing values beside the engine's.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use graylane_cli::parity::Report;
use graylane_cli::words::{counted, shown};
use serde_json::{Value, json};

use crate::{
    Outcome, input,
    output::{self, Output},
};

const HELP: &str = "\
Exit codes: 0 no value differs; 1 a value differs; 2 a file could not be read.

Examples:
  graylane parity vectors/*.json
  graylane parity -o json vectors/unleash.json | jq .failed";

/// Hold published bucketing values of other systems against the engine
///
/// A FILE is a JSON array of rows. A row names its `system` (unleash, optimizely, flagd, split, vwo,
/// featurehub, growthbook, eppo, launchdarkly, statsig, flagsmith, planout, go-feature-flag, devcycle,
/// amplitude, envoy, nginx, or a hash function) and its `kind` (hash, bucket, rollout, variant, …), has
/// the inputs of that step, and the published answer under `expected`. Rows that cannot be evaluated are
/// counted apart, each with the reason, and fail nothing.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The published values; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The form of what is written to standard output
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    output: Output,
}

/// Evaluates the rows of files.
pub(crate) fn parity(options: &Options) -> Result<Outcome> {
    input::is_read_once(options.files.iter().map(PathBuf::as_path))?;
    let mut reports = Vec::new();
    let mut is_unread = false;
    for file in &options.files {
        match rows(file) {
            Ok(rows) => reports.push((input::name(file), rows.len(), Report::of(&rows))),
            Err(fault) => {
                output::tell_fault(&fault);
                is_unread = true;
            }
        }
    }
    match options.output {
        Output::Table => output::write(&Table(&reports).to_string())?,
        Output::Json => output::write(&format!("{:#}\n", to_json(&reports)))?,
        Output::Yaml => {
            output::write(&serde_saphyr::to_string(&to_json(&reports)).context("the report as YAML")?)?;
        }
    }
    let is_good = reports.iter().all(|(_, _, report)| report.failed() == 0);
    Ok(match is_unread {
        true => Outcome::Undone,
        false if is_good => Outcome::Good,
        false => Outcome::Bad,
    })
}

fn rows(file: &Path) -> Result<Vec<Value>> {
    let text = input::read(file)?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON array of rows", input::name(file)))
}

/// Name, number of rows and report of each file.
type Reports = [(String, usize, Report)];

fn sums(reports: &Reports) -> [usize; 3] {
    let sum = |count: fn(&Report) -> usize| reports.iter().map(|(_, _, report)| count(report)).sum();
    [sum(Report::passed), sum(Report::failed), sum(Report::not_known)]
}

fn to_json(reports: &Reports) -> Value {
    let file = |(name, rows, report): &(String, usize, Report)| {
        let mut file = json!({"file": name, "rows": rows});
        if let (Some(file), Value::Object(report)) = (file.as_object_mut(), report.to_json()) {
            file.extend(report);
        }
        file
    };
    let [passed, failed, unknown] = sums(reports);
    json!({
        "passed": passed, "failed": failed, "unknown": unknown,
        "files": reports.iter().map(file).collect::<Value>(),
    })
}

/// Reports for people.
struct Table<'a>(&'a Reports);

impl fmt::Display for Table<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, rows, report) in self.0 {
            writeln!(out, "{}: {}", shown(name), counted(*rows as u64, "row"))?;
            write_counts(out, report)?;
            for failure in &report.failures {
                let (step, input) = (step(&failure.system, &failure.kind), cut(&failure.input));
                let (expected, got) = (cut(&failure.expected), cut(&failure.got));
                writeln!(
                    out,
                    "  FAILED row {}: {step} {input}: expected {expected}, got {got}",
                    failure.row
                )?;
            }
            for one in &report.unknown {
                let (step, rows) = (step(&one.system, &one.kind), counted(one.count as u64, "row"));
                writeln!(
                    out,
                    "  unknown: {rows} of {step}, the first is row {}: {}",
                    one.row,
                    shown(&one.reason)
                )?;
            }
        }
        let [passed, failed, unknown] = sums(self.0);
        writeln!(out, "{passed} passed, {failed} failed, {unknown} unknown")
    }
}

/// One line for each system and kind, in columns as wide as what stands in them.
fn write_counts(out: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let mut lines = vec![["system", "kind", "passed", "failed", "unknown"].map(str::to_owned)];
    lines.extend(report.counts.iter().map(|count| {
        let [passed, failed, unknown] =
            [count.passed, count.failed, count.unknown].map(|count| count.to_string());
        [shown(&count.system), shown(&count.kind), passed, failed, unknown]
    }));
    let mut widths = [0; 5];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    for line in &lines {
        let mut text = String::new();
        for (column, (width, cell)) in widths.iter().zip(line).enumerate() {
            match column {
                0 | 1 => write!(text, "  {cell:<width$}")?,
                _ => write!(text, "  {cell:>width$}")?,
            }
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

fn step(system: &str, kind: &str) -> String {
    let or = |name: &str, nothing: &str| if name.is_empty() { nothing.to_owned() } else { shown(name) };
    format!("{} {}", or(system, "no system,"), or(kind, "no kind"))
}

/// A value on one line, and not a long one.
fn cut(value: &Value) -> String {
    const SHOWN: usize = 100;
    let text = value.to_string();
    match text.char_indices().nth(SHOWN).and_then(|(end, _)| text.get(..end)) {
        Some(start) => format!("{start}…"),
        None => text,
    }
}
