//! `graylane simulate`: what a policy does to a population.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use graylane::time::Timestamp;
use graylane_cli::clock;
use graylane_cli::simulate::{Population, Side, Simulation, Template};
use serde_json::Value;

use super::request::{Header, Trust, claim, header, sent};
use crate::{
    Outcome, input,
    output::{self, Output},
    progress::Progress,
};

const HELP: &str = "\
Each release is sent one request per user: to the first host and path of its `match` that it governs, with the user's id where
the policy looks for it first. What its split makes of them is held against its percentages by Pearson's chi-square test; below
p = 0.001 it is not as expected, which chance alone brings about once in 1,000 runs (try another --seed). Nothing is said before
each lane expects 8 users. AB tests that govern the same requests are held against each other: which group a user has in the one
should say nothing of the other.

With --against OTHER users move from OTHER, which was before, to POLICY. The ramp guarantee is broken where a user whom both
policies deal moves though no share asks for it: out of a lane that did not shrink and is not the base lane (stable, control), or
into one that did not grow and is not the base lane; or in or out of an experiment whose part of all users did not grow or shrink.
That is as expected where the release says that it means it: its `revision` is raised.

Exit codes: 0 all is as expected, as far as there are users enough to say; 1 a policy has mistakes, a split is not as expected, two
AB tests are not independent, or the ramp guarantee is broken and that is not meant; 2 it could not be carried out.

Examples:
  graylane simulate policy.yaml
  graylane simulate policy.yaml --release user-svc --ids 1000000
  graylane simulate new.yaml --against old.yaml          who moves where
  git show HEAD:policy.yaml | graylane simulate policy.yaml --against -
  cut -f 3 access.tsv | graylane simulate policy.yaml --population -
  graylane simulate policy.yaml --population users.csv --column user_id
  graylane simulate policy.yaml --path /pay --header 'x-app-version: 3.2'
  graylane simulate policy.yaml -o json | jq '.releases[] | {name, verdict: .fit.verdict}'";

/// Send a population through a policy: shares, and who moves between two policies
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The policy (YAML or JSON); - is standard input
    #[arg(value_name = "POLICY")]
    policy: PathBuf,
    /// The policy before it: say who moves from there
    #[arg(long, value_name = "OTHER")]
    against: Option<PathBuf>,
    /// How many users to make up
    #[arg(long, value_name = "N", default_value = "100000")]
    ids: NonZeroU64,
    /// Make up others
    #[arg(long, value_name = "S", default_value_t = 0, conflicts_with = "population")]
    seed: u64,
    /// Take the users from a file, an id a line, instead of making them up
    #[arg(long, value_name = "FILE", conflicts_with = "ids")]
    population: Option<PathBuf>,
    /// The file is CSV with a line of names, or JSON lines; the id is in this column
    #[arg(long, value_name = "NAME", requires = "population")]
    column: Option<String>,
    /// Only this release; may stand several times
    #[arg(long = "release", value_name = "NAME")]
    releases: Vec<String>,
    /// Hold all releases that split against each other, and not only AB tests that govern the same requests
    #[arg(long)]
    independence: bool,
    /// Send requests to this host
    #[arg(long)]
    host: Option<String>,
    /// Send requests to this path; it may have a query
    #[arg(long)]
    path: Option<String>,
    /// Send this header too; may stand several times
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<Header>,
    /// The address that requests come from, where it is not what tells users apart
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    from: IpAddr,
    /// A claim of the token of all users, which Envoy has verified; text unless it is JSON; may stand several times
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// Whom the listener believes: clients are outside (edge), or the hop before is one of ours (mesh)
    #[arg(long, default_value = "edge")]
    trust: Trust,
    /// The time of the requests, with its offset: 2026-12-01T09:00:00+01:00; without it, now
    #[arg(long, value_name = "TIME", value_parser = clock::parse)]
    at: Option<Timestamp>,
    /// The form of what is written to standard output
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    output: Output,
}

/// Simulates a population.
pub(crate) fn simulate(options: &Options) -> Result<Outcome> {
    let files = [Some(&options.policy), options.against.as_ref(), options.population.as_ref()];
    if files.into_iter().flatten().filter(|file| input::is_standard(file)).count() > 1 {
        bail!("standard input can only be one of the files");
    }
    let policy = side(&options.policy)?;
    let against = options.against.as_deref().map(side).transpose()?;
    // The mistakes of both have been told.
    let (Some(policy), Some(against)) = (policy, against.map_or(Some(None), |side| side.map(Some))) else {
        return Ok(Outcome::Bad);
    };
    let population = population(options)?;
    let template = Template {
        trust: options.trust.into(),
        host: options.host.clone(),
        path: options.path.clone(),
        headers: sent(&options.headers).collect(),
        from: options.from,
        claims: options.claims.iter().cloned().collect(),
        now: options.at.map_or_else(clock::now, Ok)?,
    };
    let simulation = Simulation {
        policy: &policy,
        against: against.as_ref(),
        population: &population,
        template: &template,
        releases: &options.releases,
        independence: options.independence,
    };
    let mut progress = Progress::new("{bar:40} {percent} % of {human_len} users");
    let report = simulation.run(&mut |done| progress.show(done, Some(population.len())))?;
    drop(progress);
    match options.output {
        Output::Table => output::write_coloured(&report.text())?,
        Output::Json => output::write(&format!("{}\n", serde_json::to_string_pretty(&report)?))?,
        Output::Yaml => output::write(&serde_saphyr::to_string(&report).context("the report as YAML")?)?,
    }
    Ok(if report.good { Outcome::Good } else { Outcome::Bad })
}

fn side(path: &Path) -> Result<Option<Side>> {
    let compiled = input::compiled(path)?;
    Ok(compiled.map(|(policy, plan)| Side { name: input::name(path), policy, plan }))
}

fn population(options: &Options) -> Result<Population> {
    let Some(path) = &options.population else {
        return Ok(Population::made_up(options.ids.get(), options.seed));
    };
    let name = input::name(path);
    let is_table = |ending| path.extension().is_some_and(|own| own.eq_ignore_ascii_case(ending));
    if options.column.is_none() && ["csv", "tsv"].into_iter().any(is_table) {
        bail!("{name}: name the column that holds the id by --column");
    }
    let population =
        Population::read(&input::read(path)?, options.column.as_deref()).context(name.clone())?;
    if population.is_empty() {
        bail!("{name}: there is no id in it");
    }
    Ok(population)
}
