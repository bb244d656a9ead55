//! `graylane init`: a first policy for what somebody means to do.

mod ask;
mod list;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use graylane::policy::Trust;
use graylane::time::Timestamp;
use graylane_cli::clock;
use graylane_cli::init::{Draft, Flag, Intent};
use graylane_cli::place::{Existing, place};

use crate::{Outcome, input, output};

const HELP: &str = "\
A policy is an example of examples/ with your values in it, comments and all; --list says which there are, and --list -o yaml also
which values each one has. A value of which there may be many (hosts, ids, tenants, networks) may stand several times. On a
terminal it asks for what is not given; elsewhere, and with --yes, it takes the values of the example. The engine checks every
value before anything is written: what is written passes `graylane check --strict`.

Exit codes: 0 it is written; 1 a value is not as it should be, which is told on standard error, and nothing is written; 2 it could
not be carried out: a file is there already, a value is none of this intent, or a question was not answered.

Examples:
  graylane init                                  asks
  graylane init --list
  graylane init canary --host shop.example.com --service checkout --percent 1 -o policy.yaml
  graylane init canary-testers --id user-1 --id user-2 --yes > policy.yaml
  graylane init --list -o json | jq '.[] | {intent, values: [.values[].name]}'";

/// Write a first policy for what you mean to do
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// What the policy is for; see --list
    #[arg(value_name = "INTENT", value_parser = PossibleValuesParser::new(names()), hide_possible_values = true)]
    intent: Option<String>,
    /// List what a policy can be for, instead of writing one
    #[arg(long, conflicts_with_all = ["intent", "yes", "force", "date"])]
    list: bool,
    /// Ask nothing: what is not given is as in the example
    #[arg(short, long)]
    yes: bool,
    /// Write to this file, whole or not at all; without it to standard output. With --list the form: table, json or yaml
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if there is one
    #[arg(long, requires = "output")]
    force: bool,
    /// The day from which salts and times follow, instead of today
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    date: Option<Timestamp>,
    #[command(flatten)]
    values: Values,
}

/// The values that were given, by their flags.
#[derive(Debug)]
struct Values(Vec<(Flag, Vec<String>)>);

impl Args for Values {
    fn augment_args(command: Command) -> Command {
        let arg = |flag: Flag| {
            let arg = Arg::new(flag.name()).long(flag.name()).value_name(flag.value_name()).help(flag.help());
            arg.action(ArgAction::Append)
                .allow_negative_numbers(true)
                .conflicts_with("list")
                .help_heading("Values of the policy")
        };
        command.args(Flag::ALL.map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Values {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let values = |flag: Flag| {
            let values = matches.get_many::<String>(flag.name())?;
            Some((flag, values.cloned().collect()))
        };
        Ok(Values(Flag::ALL.into_iter().filter_map(values).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    Intent::ALL.iter().map(|intent| intent.name)
}

fn day(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse(&format!("{text}T00:00:00Z")).ok_or("a day, like 2026-12-01")
}

/// Writes a first policy, or the list of what there is.
pub(crate) fn init(options: &Options) -> Result<Outcome> {
    if options.list {
        output::write(&list::text(options.output.as_deref(), clock::now()?)?)?;
        return Ok(Outcome::Good);
    }
    let output = options.output.as_deref().filter(|path| !input::is_standard(path));
    if let Some(file) = output {
        may_be_written(file, options.force)?;
    }
    // Asked on a terminal alone; questions go to standard error.
    let asks = !options.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let intent = match options.intent.as_deref() {
        Some(name) => Intent::named(name).context("no such intent")?,
        None if asks => match ask::intent()? {
            Some(intent) => intent,
            None => return Ok(stopped()),
        },
        None => bail!("what is the policy for? Say one of these:\n{}", list::table().trim_end()),
    };
    let mut draft = Draft::new(intent, options.date.map_or_else(clock::now, Ok)?);
    give(&mut draft, &options.values.0)?;
    if asks && !ask::values(&mut draft)? {
        return Ok(stopped());
    }
    let policy = match draft.policy() {
        Ok(policy) => policy,
        Err(mistakes) => {
            for mistake in mistakes {
                output::tell(&format!("graylane: {mistake}\n"));
            }
            return Ok(Outcome::Bad);
        }
    };
    match output {
        Some(file) => {
            let existing = if options.force { Existing::Replaced } else { Existing::Kept };
            place(file, &policy, existing, None)?;
            output::tell(&next(intent, file));
        }
        None => output::write(&policy)?,
    }
    Ok(Outcome::Good)
}

fn stopped() -> Outcome {
    output::tell("graylane: stopped; nothing is written\n");
    Outcome::Undone
}

/// Hands the values to the draft; those that its intent has not are refused together.
fn give(draft: &mut Draft, values: &[(Flag, Vec<String>)]) -> Result<()> {
    let intent = draft.intent();
    let shown = |flags: &mut dyn Iterator<Item = Flag>| flags.map(Flag::shown).collect::<Vec<_>>().join(", ");
    let is_foreign = |flag: &Flag| !intent.flags().any(|own| own == *flag);
    let foreign = shown(&mut values.iter().map(|(flag, _)| *flag).filter(is_foreign));
    if !foreign.is_empty() {
        bail!("{} has no {foreign}; it has {}", intent.name, shown(&mut intent.flags()));
    }
    for (flag, values) in values {
        draft.give(*flag, values.clone());
    }
    Ok(())
}

/// Refuses a file before anybody is asked anything.
fn may_be_written(file: &Path, force: bool) -> Result<()> {
    if file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
        bail!("{}: the policy is YAML with comments; give it another ending than .json", file.display());
    }
    if !force && file.symlink_metadata().is_ok() {
        bail!("{} is there already; --force replaces it", file.display());
    }
    Ok(())
}

/// What to do next, told where the policy is in a file.
fn next(intent: &Intent, file: &Path) -> String {
    let trust = match intent.trust {
        Trust::Edge => "edge",
        Trust::Mesh => "mesh",
    };
    let name = file.display().to_string();
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./+,@".contains(char);
    let quoted = if !name.is_empty() && name.chars().all(is_plain) {
        name.clone()
    } else {
        format!("'{}'", name.replace('\'', "'\\''"))
    };
    format!(
        "{name} is written. Next:\n  graylane check --strict {quoted}\n  graylane simulate {quoted}\n  graylane render \
         envoy {quoted} --trust {trust} -o ecds.yaml\n"
    )
}
