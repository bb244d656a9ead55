//! What a request costs in CPU time of the Envoy process: without a filter, with one that does nothing, with graylane.
//!
//! All variants are up at once and take turns in short rounds, so whatever else the machine does hits them alike.
//! Figures are CPU time of all threads of the Envoy process, never time on the clock. Everything runs on one CPU: load
//! and Envoy take turns there, so each time Envoy looks it finds one request on every connection. On two CPUs it
//! would find now one, now all of them, and two that share a core slow each other by half. One Envoy process lies
//! otherwise in memory than the next, so all of them are started anew a few times. Compare figures within one run only.

mod drive;
mod report;
mod variant;

use std::process::ExitCode;

use graylane_testbed::{Context, Result, bail, block_on};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use report::Report;
use variant::{Fleet, NOOP, VARIANTS, Variant};

const USAGE: &str = "\
graylane-bench [--rounds N] [--fleets N] [--requests N] [--connections N] [--only NAME]... [--list]

  --rounds N        rounds for each fleet (40)
  --fleets N        how often all Envoys are started anew (3)
  --requests N      requests of each variant in a round (400)
  --connections N   connections, each with one request on its way (8)
  --only NAME       only variants of this name, and the no-op that they are held against
  --list            print the names
Exit code 1: a request with graylane costs more than is claimed.";

/// What was asked for.
#[derive(Debug)]
struct Options {
    rounds: usize,
    fleets: usize,
    requests: usize,
    connections: usize,
    only: Vec<String>,
}

fn main() -> ExitCode {
    let done = options().and_then(|options| match options {
        Some(options) => {
            stay_on_one_cpu()?;
            block_on(run(options))
        }
        None => Ok(true),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("graylane-bench: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Holds this process and whatever it starts to one CPU, the last that it may use.
fn stay_on_one_cpu() -> Result<()> {
    let allowed = sched_getaffinity(None)?;
    let last = (0..CpuSet::MAX_CPU).rev().find(|cpu| allowed.is_set(*cpu)).context("no CPU to run on")?;
    let mut one = CpuSet::new();
    one.set(last);
    sched_setaffinity(None, &one).context("cannot stay on one CPU")
}

/// Reads the command line; nothing where it only asks a question.
fn options() -> Result<Option<Options>> {
    use lexopt::prelude::{Long, Short, ValueExt};
    let mut options = Options { rounds: 40, fleets: 3, requests: 400, connections: 8, only: Vec::new() };
    let mut words = lexopt::Parser::from_env();
    while let Some(word) = words.next()? {
        let number = |words: &mut lexopt::Parser| words.value()?.parse::<std::num::NonZeroUsize>();
        match word {
            Long("rounds") => options.rounds = number(&mut words)?.get(),
            Long("fleets") => options.fleets = number(&mut words)?.get(),
            Long("requests") => options.requests = number(&mut words)?.get(),
            Long("connections") => options.connections = number(&mut words)?.get(),
            Long("only") => options.only.push(words.value()?.string()?),
            Long("list") => {
                for variant in VARIANTS {
                    println!("{:<9} {}", variant.answer.as_str(), variant.name);
                }
                return Ok(None);
            }
            Long("help") | Short('h') => {
                println!("{USAGE}");
                return Ok(None);
            }
            other => bail!("{}\n{USAGE}", other.unexpected()),
        }
    }
    if let Some(unknown) =
        options.only.iter().find(|name| VARIANTS.iter().all(|variant| variant.name != **name))
    {
        bail!("no variant is called {unknown:?}; --list names them");
    }
    Ok(Some(options))
}

/// Measures and reports; whether the claim holds.
async fn run(options: Options) -> Result<bool> {
    let wanted = |variant: &&Variant| {
        let named = |variant: &Variant| options.only.iter().any(|name| *name == variant.name);
        let held_against = |variant: &Variant| {
            variant.name == NOOP
                && VARIANTS.iter().any(|other| other.answer == variant.answer && named(other))
        };
        options.only.is_empty() || named(variant) || held_against(variant)
    };
    let variants: Vec<Variant> = VARIANTS.iter().filter(wanted).copied().collect();
    let Options { rounds, fleets, requests, connections, .. } = options;
    println!(
        "CPU microseconds of the Envoy process per request: {} variants, {fleets} x {rounds} rounds of {requests} \
         requests over {connections} connections, 1 worker",
        variants.len(),
    );
    let mut measured = Vec::new();
    for fleet in 1..=fleets {
        eprintln!("fleet {fleet} of {fleets}");
        let mut fleet = Fleet::start(&variants, connections).await?;
        for _ in 0..rounds {
            measured.push(fleet.round(requests)?);
        }
    }
    let report = Report::of(&variants, &measured);
    println!("{report}");
    let beyond = report.beyond();
    println!("claim: {}", Report::claim());
    if beyond.is_empty() {
        println!("holds for all {} variants where Envoy answers", report.judged());
    } else {
        println!("does NOT hold for: {}", beyond.join(", "));
    }
    Ok(beyond.is_empty())
}
