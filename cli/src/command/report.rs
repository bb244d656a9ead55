//! `graylane report`: which group of an experiment does better, how sure that is, and whether the data can be trusted.

use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, bail};
use clap::Args;
use graylane::time::Timestamp;
use graylane_cli::clock;
use graylane_cli::experiment::{Asked, Following, Format, IdKey, Names, Report, Stop, Study};
use graylane_cli::place::{Existing, place};
use graylane_cli::simulate::{Side, Template};
use tokio::signal::unix::{SignalKind, signal};

use super::request::{Header, Trust, header, sent};
use crate::{
    Outcome, input,
    output::{self, Output},
    progress::Progress,
};

const HELP: &str = "\
Exposures are in the access logs of Envoy, as text or as JSON (the member `exposure`), where the module says who was dealt into which
group: NAME;group=G;rev=N;reason=R;id=ID, in text as a whole field in quotes or brackets. Quotes in a client's header can forge that: log
as JSON where clients are outside. Or they are rows with the columns experiment, group, revision, reason, id and time.
Conversions are rows with id (or hash), time, event, and where clients report them, ab_group and abtest_id. Rows are objects of JSON, one
a line, or CSV with a line of names; any file may be packed by gzip. Times are RFC 3339, or Unix time in seconds or milliseconds.

A user counts once in each revision of an experiment, in the group first seen, if the split or a sticky cookie gave it: whom an override,
a label, a list or a rule placed is told of apart. A conversion counts once for each user and goal, if it is not before the exposure.

A result must not be believed where the groups are not as large as they should be (chi-square, p < 0.001), or where more than 1 % of the
users were seen in several groups. What is expected is said by --shares, else by --policy; without both, it is not judged.

p is that of one look at a number of users that was fixed before. Whoever looks again and again until it is small finds what is not there:
for that the always-valid p and interval are, which hold at all looks together, and are wider for it.

Exit codes: 0 every result may be believed; 1 one must not be, or the policy has mistakes; 2 it could not be carried out; 3 rows could
not be read, which are told.

Examples:
  graylane report --exposures access.log --conversions events.jsonl
  graylane report --exposures access-*.log.gz --conversions events.csv --column id=user_id --policy policy.yaml
  kubectl logs -f deploy/gateway | graylane report --follow --exposures - --conversions events.jsonl
  graylane report --exposures access.jsonl --conversions access.jsonl --experiment button --goal purchase
  graylane report --exposures exposures.csv --conversions events.csv -o json | jq '.experiments[].goals[].verdict'";

/// Say which group of an AB test does better, how sure that is, and whether the data can be trusted
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// Access logs, or rows, that say who was exposed to which group; - is standard input
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    exposures: Vec<PathBuf>,
    /// Rows that say who converted; a file with both may stand for both
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    conversions: Vec<PathBuf>,
    /// The policy of the experiments: what shares to expect, which group is the control, and in which group each user should be
    #[arg(long, value_name = "POLICY")]
    policy: Option<PathBuf>,
    /// Only this experiment
    #[arg(long, value_name = "NAME")]
    experiment: Option<String>,
    /// Only conversions of this event
    #[arg(long, value_name = "NAME")]
    goal: Option<String>,
    /// The group that the others are held against; without it that of the policy, else the first by name
    #[arg(long, value_name = "GROUP")]
    control: Option<String>,
    /// The weights of the groups: A=50,B=50
    #[arg(long, value_name = "GROUP=WEIGHT", value_delimiter = ',', value_parser = share)]
    shares: Vec<(String, f64)>,
    /// The level of the tests; intervals have a confidence of 1 less this
    #[arg(long, value_name = "LEVEL", default_value = "0.05", value_parser = level)]
    alpha: f64,
    /// The number of users at which always-valid intervals are the tightest: about as many as are hoped for
    #[arg(long, value_name = "USERS", default_value = "100000", value_parser = clap::value_parser!(u64).range(1..))]
    planned: u64,
    /// The form of all files; without it each is known by its first line
    #[arg(long, value_name = "FORM")]
    format: Option<Format>,
    /// A column goes by another name, in all files: `id=user_id`; may stand several times
    #[arg(long = "column", value_name = "COLUMN=NAME", value_parser = pair)]
    columns: Vec<(String, String)>,
    /// The member of access logs in JSON that has the text of exposures
    #[arg(long, value_name = "NAME", default_value = "exposure")]
    exposure_field: String,
    /// The key under which the module hashes ids, in hexadecimal digits
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The time for which the policy is asked, with its offset; without it, now
    #[arg(long, value_name = "TIME", value_parser = clock::parse)]
    at: Option<Timestamp>,
    /// A header that all users send, where the policy asks for one; may stand several times
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<Header>,
    /// Whom the listener believes
    #[arg(long, default_value = "edge")]
    trust: Trust,
    /// So many MB of rows are held in memory; what is more waits in a temporary file
    #[arg(long, value_name = "MB", default_value = "256")]
    memory: usize,
    /// Write a page with tables and plots to this file, too, whole or not at all; it needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Read the files as they grow, and report anew of what has come, at most once a second, until Ctrl-C; with JSON, a line each time
    #[arg(long)]
    follow: bool,
    /// The form of what is written to standard output
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    output: Output,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("COLUMN=NAME, like id=user_id")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn share(text: &str) -> Result<(String, f64), String> {
    let parts = text.split_once('=').and_then(|(group, weight)| Some((group, weight.parse::<f64>().ok()?)));
    let (group, weight) =
        parts.filter(|(_, weight)| *weight >= 0.0 && weight.is_finite()).ok_or("GROUP=WEIGHT, like A=50")?;
    Ok((group.to_owned(), weight))
}

fn level(text: &str) -> Result<f64, String> {
    let level = text.parse().ok().filter(|level| (1e-9..=0.5).contains(level));
    level.ok_or_else(|| "a number from 0.000000001 to 0.5, like 0.05".to_owned())
}

/// Reports of experiments.
pub(crate) fn report(options: &Options) -> Result<Outcome> {
    is_given_once(options)?;
    let mut names = Names::default();
    for (field, name) in &options.columns {
        names.rename(field, name)?;
    }
    if options.exposure_field != "exposure" {
        names.rename("exposure", &options.exposure_field)?;
    }
    let key = options.key.as_deref().map(key).transpose()?;
    let side = match &options.policy {
        Some(path) => match input::compiled(path)? {
            Some((policy, plan)) => Some(Side { name: input::name(path), policy, plan }),
            // Its mistakes have been told.
            None => return Ok(Outcome::Bad),
        },
        None => None,
    };
    let template = template(options)?;
    let study = Study {
        exposures: &options.exposures,
        conversions: &options.conversions,
        format: options.format,
        names,
        key,
        experiment: options.experiment.clone(),
        goal: options.goal.clone(),
        policy: side.as_ref().map(|side| (side, &template)),
        memory: options.memory.saturating_mul(1 << 20),
        asked: Asked {
            alpha: options.alpha,
            planned: options.planned,
            control: options.control.clone(),
            shares: options.shares.clone(),
        },
    };
    let mut progress = Progress::new("{bar:40} {bytes} of {total_bytes}");
    let mut watch = |now: graylane_cli::experiment::Progress| progress.show(now.done, now.all);
    let report = if options.follow {
        let (following, stop) = Following::new(study);
        stop_by_signal(stop)?;
        following.run(&mut watch, &mut |report| show_anew(options, report))?
    } else {
        let report = study.run(&mut watch)?;
        drop(progress);
        show(options, &report)?;
        report
    };
    Ok(outcome(&report))
}

/// Has a signal that ends programs end whoever follows; the next one ends it at once, whatever it does.
fn stop_by_signal(stop: Stop) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot wait for signals")?;
    let inside = runtime.enter();
    let mut terminated = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    drop(inside);
    thread::spawn(move || {
        runtime.block_on(async {
            for is_first in [true, false] {
                tokio::select! {
                    _signal = terminated.recv() => {}
                    _signal = interrupted.recv() => {}
                }
                if is_first {
                    stop.stop();
                } else {
                    std::process::exit(2);
                }
            }
        });
    });
    Ok(())
}

/// Shows a report in place of the one before, on a terminal.
fn show_anew(options: &Options, report: &Report) -> Result<()> {
    match options.output {
        Output::Json => {
            write_page(options, report)?;
            output::write(&format!("{}\n", serde_json::to_string(report)?))
        }
        Output::Yaml => {
            output::write("---\n")?;
            show(options, report)
        }
        Output::Table => {
            if std::io::stdout().is_terminal() {
                output::write("\x1b[H\x1b[2J")?;
            }
            show(options, report)
        }
    }
}

fn outcome(report: &Report) -> Outcome {
    match report.good {
        false => Outcome::Bad,
        true if report.rows.malformed > 0 => Outcome::Part,
        true => Outcome::Good,
    }
}

fn show(options: &Options, report: &Report) -> Result<()> {
    write_page(options, report)?;
    match options.output {
        Output::Table => output::write_coloured(&report.text()),
        Output::Json => output::write(&format!("{}\n", serde_json::to_string_pretty(report)?)),
        Output::Yaml => output::write(&serde_saphyr::to_string(report).context("the report as YAML")?),
    }
}

fn write_page(options: &Options, report: &Report) -> Result<()> {
    let Some(path) = &options.html else { return Ok(()) };
    place(path, &report.page(&clock::now()?.to_string()), Existing::Replaced, None)
}

/// Makes sure that standard input is one file, which may be given for both.
fn is_given_once(options: &Options) -> Result<()> {
    let as_rows = [&options.exposures, &options.conversions].into_iter().any(|files| is_standard(files));
    input::is_read_once(options.exposures.iter().map(PathBuf::as_path))?;
    input::is_read_once(options.conversions.iter().map(PathBuf::as_path))?;
    let others = [&options.policy, &options.key].into_iter().flatten().map(PathBuf::as_path);
    input::is_read_once(others.chain(as_rows.then_some(Path::new("-"))))
}

fn is_standard(files: &[PathBuf]) -> bool {
    files.iter().any(|file| input::is_standard(file))
}

fn key(path: &Path) -> Result<IdKey> {
    // What stands there is not told: it may be a secret all the same.
    match IdKey::read(&input::read(path)?) {
        Some(key) => Ok(key),
        None => bail!("{} is no key: {}", input::name(path), IdKey::EXPECTED),
    }
}

fn template(options: &Options) -> Result<Template> {
    Ok(Template {
        trust: options.trust.into(),
        host: None,
        path: None,
        headers: sent(&options.headers).collect(),
        from: IpAddr::V4(Ipv4Addr::LOCALHOST),
        claims: serde_json::Map::default(),
        now: options.at.map_or_else(clock::now, Ok)?,
    })
}
