//! `graylane check`: everything that is wrong with policies.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use graylane_cli::check::check as checked;
use graylane_cli::document::Form;
use graylane_cli::report::{File, Rows};

use crate::{Outcome, input, output};

const HELP: &str = "\
The report is the result, so it goes to standard output; what could not be read is told on standard error.

Exit codes: 0 all policies are good; 1 a policy has a mistake, or with --strict a warning; 2 a file could not be read.

Examples:
  graylane check policy.yaml
  graylane check --strict policies/*.yaml
  graylane check -o github policies/*.yaml     in a GitHub workflow
  graylane check -o json policy.yaml | jq '.findings[] | {line, message}'
  kubectl get configmap gray -o jsonpath='{.data.policy}' | graylane check -";

/// Say everything that is wrong with policies (YAML or JSON)
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The policies; - is standard input, and what ends in .json has to be JSON
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The form of the report
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Output,
    /// Warnings are mistakes
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    /// For people: each finding with its line
    Text,
    /// For programs
    Json,
    /// For programs, too
    Yaml,
    /// Annotations of a GitHub workflow
    Github,
}

/// Checks files, all of them, whatever is found in one.
pub(crate) fn check(options: &Options) -> Result<Outcome> {
    let mut rows = Rows::default();
    let mut is_unread = false;
    let mut outcome = Outcome::Good;
    for path in &options.files {
        let text = match input::read(path) {
            Ok(text) => text,
            Err(fault) => {
                output::tell(&format!("graylane: {fault:#}\n"));
                is_unread = true;
                continue;
            }
        };
        let report = checked(&text, Form::of(path)).report;
        if !report.is_good(options.strict) {
            outcome = Outcome::Bad;
        }
        let (name, path) =
            (input::name(path), (!input::is_standard(path)).then(|| path.display().to_string()));
        match options.output {
            Output::Text => {
                output::write_coloured(&File { name: &name, text: &text, report: &report }.text())?;
            }
            Output::Github => {
                output::write(&File { name: &name, text: &text, report: &report }.github(path.as_deref()))?;
            }
            Output::Json | Output::Yaml => {
                let name = path.as_deref().unwrap_or("-");
                rows.add(&File { name, text: &text, report: &report }, options.strict);
            }
        }
    }
    match options.output {
        Output::Text | Output::Github => {}
        Output::Json => output::write(&format!("{}\n", serde_json::to_string_pretty(&rows)?))?,
        Output::Yaml => output::write(&serde_saphyr::to_string(&rows).context("the report as YAML")?)?,
    }
    Ok(if is_unread { Outcome::Undone } else { outcome })
}
