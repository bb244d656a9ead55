//! `graylane check`: everything that is wrong with policies.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use graylane::time::Timestamp;
use graylane_cli::against::{Comparison, Side, compare};
use graylane_cli::check::{Checked, Good, Report, check as checked};
use graylane_cli::clock;
use graylane_cli::document::{self, Form};
use graylane_cli::findings::{File, Rows};

use crate::{Outcome, input, output};

const HELP: &str = "\
The report is the result, so it goes to standard output; what could not be read is told on standard error.

With --against OLD the policy takes the place of OLD, and the report says which part of all users moves between which lanes: it is
calculated from the buckets, not sampled, for users without a sticky cookie. The ramp guarantee is broken where users move though no
share asks for it: out of a lane that did not shrink and is not the base lane (stable, control), or into one that did not grow and
is not the base lane; or in or out of an experiment whose part of all users did not grow or shrink. That is a mistake, unless the
release says that it means it: its `revision` is raised. Of a release that was off before it is a warning. Whom rules, lists,
audience and match place, no policy tells: graylane simulate --against counts users that you name.

Shares are those of the time of --at. Where lanes keep their slots, the guarantee is proved for all later times as well.

A warning is a note where a comment of the YAML file expects it, at the end of its line or above it: `# graylane: expected` and why.

Exit codes: 0 all policies are good; 1 a policy has a mistake, or with --strict a warning, or a change is not meant, or OLD has a
mistake; 2 a file could not be read.

Examples:
  graylane check policy.yaml
  graylane check --strict policies/*.yaml
  graylane check -o github policies/*.yaml     in a GitHub workflow
  graylane check new.yaml --against old.yaml   what would move
  git show HEAD:policy.yaml | graylane check policy.yaml --against -
  graylane check -o json policy.yaml | jq '.findings[] | {line, message}'
  graylane check -o json new.yaml --against old.yaml | jq '.changes.releases[] | {name, guarantee, movedPercent}'
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
    /// The policy before: say who moves from there, and refuse what nobody asked for
    #[arg(long, value_name = "OLD")]
    against: Option<PathBuf>,
    /// When the policy takes the place of OLD, with its offset: 2026-12-01T09:00:00+01:00; without it, now
    #[arg(long, value_name = "TIME", requires = "against", value_parser = clock::parse)]
    at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    /// For people: each finding with its line
    #[value(alias = "table")]
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
    input::is_read_once(options.files.iter().chain(&options.against).map(PathBuf::as_path))?;
    let mut run = Run { options, rows: Rows::default(), outcome: Outcome::Good };
    match (&options.against, options.files.as_slice()) {
        (None, files) => {
            for path in files {
                if let Some(text) = run.read(path) {
                    let Checked { report, good } = checked(&text, Form::of(path));
                    if let Some(Good { node, .. }) = good {
                        output::tell_size(&input::name(path), &document::json(&node));
                    }
                    run.tell(path, &text, &report)?;
                }
            }
        }
        (Some(against), [file]) => run.compare(against, file)?,
        (Some(_), _) => bail!("--against compares one FILE"),
    }
    let Run { rows, outcome, .. } = run;
    match options.output {
        Output::Text | Output::Github => {}
        Output::Json => output::write(&format!("{}\n", serde_json::to_string_pretty(&rows)?))?,
        Output::Yaml => output::write(&serde_saphyr::to_string(&rows).context("the report as YAML")?)?,
    }
    Ok(outcome)
}

/// Files that are checked.
struct Run<'o> {
    options: &'o Options,
    rows: Rows,
    outcome: Outcome,
}

impl Run<'_> {
    /// The text of a file. Where it cannot be read, that is told.
    fn read(&mut self, path: &Path) -> Option<String> {
        match input::read(path) {
            Ok(text) => Some(text),
            Err(fault) => {
                output::tell_fault(&fault);
                self.outcome = Outcome::Undone;
                None
            }
        }
    }

    /// Tells what was found in a file.
    fn tell(&mut self, path: &Path, text: &str, report: &Report) -> Result<()> {
        if !report.is_good(self.options.strict) && self.outcome == Outcome::Good {
            self.outcome = Outcome::Bad;
        }
        let path = (!input::is_standard(path)).then(|| path.display().to_string());
        let file = |name| File { name, text, report };
        match self.options.output {
            Output::Text => output::write_coloured(&file(path.as_deref().unwrap_or("<stdin>")).text()),
            Output::Github => {
                output::write(&file(path.as_deref().unwrap_or("<stdin>")).github(path.as_deref()))
            }
            Output::Json | Output::Yaml => {
                self.rows.add(&file(path.as_deref().unwrap_or("-")), self.options.strict);
                Ok(())
            }
        }
    }

    /// Checks a policy, and what it changes of the one before it.
    fn compare(&mut self, against: &Path, path: &Path) -> Result<()> {
        let (Some(old), Some(new)) = (self.read(against), self.read(path)) else { return Ok(()) };
        let was = checked(&old, Form::of(against));
        let mut is = checked(&new, Form::of(path));
        if let (Some(before), Some(now)) = (&was.good, &is.good) {
            let names = [against, path].map(input::name);
            let [before_name, now_name] = &names;
            let at = self.options.at.map_or_else(clock::now, Ok)?;
            let Comparison { changes, findings } =
                compare(side(before_name, before), side(now_name, now), at);
            is.report.add(&new, findings);
            if let Output::Text = self.options.output {
                output::write_coloured(&changes.text())?;
            }
            self.rows.changes = Some(changes);
        } else if was.good.is_none() {
            // Of the policy before, only that nothing can be said against it.
            self.tell(against, &old, &was.report)?;
        }
        self.tell(path, &new, &is.report)
    }
}

fn side<'p>(name: &'p str, good: &'p Good<'_>) -> Side<'p> {
    Side { name, policy: &good.policy, plan: &good.plan }
}
