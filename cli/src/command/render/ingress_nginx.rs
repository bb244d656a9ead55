//! `graylane render ingress-nginx`: a release as a pair of Ingresses.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use graylane::error::FieldError;
use graylane::policy::Policy;
use graylane_cli::check::{Checked, Good, Severity, check};
use graylane_cli::document::Form;
use graylane_cli::facts;
use graylane_cli::findings::File;
use graylane_cli::import::ingress_nginx::PREFIX;
use graylane_cli::ingress_nginx::{Facts, Options, Rendered, Service, render};
use graylane_cli::place::{Existing, place};
use graylane_cli::render::yaml;
use graylane_cli::words::shown;

use super::is_another_file;
use crate::{Outcome, input, output};

const HELP: &str = "\
Two Ingresses: one for the lane of everybody else, and its canary for the lane on trial, with the share as weight. A rule about one
header, and one about one cookie, become annotations; without a rule about a header the canary takes requests with x-gray-lane and
its lane. What two Ingresses cannot say is told on standard error, each with its line, and in comments of what is written.

With --decided-before a listener with graylane stands before ingress-nginx and has chosen the lane of each request: the weight is 0,
x-gray-lane says it all, and nothing is lost.

Exit codes: 0 all of it is rendered; 3 it is rendered, and something of the release cannot be said; 1 the policy or the facts have
mistakes, or a service is not known, and nothing is written; 2 a file could not be read or written.

Examples:
  graylane render ingress-nginx policy.yaml --service stable=shop-v1:80 --service v2=shop-v2:80 -o ingress.yaml
  graylane render ingress-nginx policy.yaml --release shop --facts facts.yaml --decided-before | kubectl apply -f -";

/// A release as an Ingress and its canary for ingress-nginx
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct NginxOptions {
    /// The policy (YAML or JSON); - is standard input
    #[arg(value_name = "FILE")]
    policy: PathBuf,
    /// The release; needed where there are several
    #[arg(long, value_name = "NAME")]
    release: Option<String>,
    /// The service behind a lane, port 80 unless it says another; may stand several times
    #[arg(long = "service", value_name = "LANE=SERVICE:PORT", value_parser = service)]
    services: Vec<(String, Service)>,
    /// A file with the services behind the lanes, as graylane import writes it
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// The namespace of the Ingresses and their services
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// The ingressClassName
    #[arg(long, value_name = "NAME", default_value = "nginx")]
    class: String,
    /// The prefix of the annotations, where the controller was started with another
    #[arg(long, value_name = "PREFIX", default_value = PREFIX)]
    annotations_prefix: String,
    /// A listener with graylane stands before ingress-nginx: follow x-gray-lane alone
    #[arg(long)]
    decided_before: bool,
    /// Write to this file, whole or not at all; without it to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn service(text: &str) -> Result<(String, Service), &'static str> {
    let pair = text.split_once('=').filter(|(lane, _)| !lane.is_empty());
    let pair = pair.and_then(|(lane, service)| Some((lane.to_owned(), Service::parse(service)?)));
    pair.ok_or("a lane and its service, like v2=shop-v2:80")
}

/// Renders a release for ingress-nginx.
pub(crate) fn ingress_nginx(options: &NginxOptions) -> Result<Outcome> {
    input::is_read_once([&options.policy].into_iter().chain(&options.facts).map(PathBuf::as_path))?;
    let output = options.output.as_deref().filter(|path| !input::is_standard(path));
    if let Some(path) = output {
        is_another_file(path, [Some(&options.policy), options.facts.as_ref()].into_iter().flatten())?;
    }
    let text = input::read(&options.policy)?;
    let Checked { mut report, good } = check(&text, Form::of(&options.policy));
    let name = input::name(&options.policy);
    let Some(good) = good else {
        output::tell(&File { name: &name, text: &text, report: &report }.text());
        return Ok(Outcome::Bad);
    };
    let Some(facts) = facts(options, &good)? else {
        return Ok(Outcome::Bad);
    };
    let position = position(&good.policy, options.release.as_deref())?;
    let release = good.policy.releases.get(position).context("no such release")?;
    let Rendered { objects, told } = match render(release, position, &facts, &options.into()) {
        Ok(rendered) => rendered,
        Err(mistakes) => return Ok(bad(&mistakes)),
    };
    let is_whole = told.iter().all(|(severity, _)| *severity == Severity::Note);
    let comments: String = told.iter().map(|(_, error)| comment(error)).collect();
    // What the checker warns of is told by `graylane check`.
    report.findings.clear();
    report.add(&text, told);
    output::tell(&File { name: &name, text: &text, report: &report }.findings());
    let rendered = format!("{comments}{}", yaml(&objects)?);
    match output {
        Some(path) => place(path, &rendered, Existing::Replaced, None)?,
        None => output::write(&rendered)?,
    }
    Ok(if is_whole { Outcome::Good } else { Outcome::Part })
}

impl From<&NginxOptions> for Options {
    fn from(options: &NginxOptions) -> Self {
        Options {
            class: Some(options.class.clone()).filter(|class| !class.is_empty()),
            prefix: options.annotations_prefix.trim_end_matches('/').to_owned(),
            decided_before: options.decided_before,
        }
    }
}

/// What is known of the services behind lanes; none where the file has mistakes, which are told.
fn facts(options: &NginxOptions, good: &Good<'_>) -> Result<Option<Facts>> {
    let mut known = Facts {
        services: options.services.clone(),
        namespace: options.namespace.clone(),
        ..Facts::default()
    };
    if let Some(path) = &options.facts {
        let check = |text: &str, form| facts::check_services(text, form, &good.policy, &good.plan);
        let Some(file) = input::checked(path, check)? else { return Ok(None) };
        known.file = file;
    }
    Ok(Some(known))
}

/// The release of that name, or the only one that is on.
fn position(policy: &Policy, name: Option<&str>) -> Result<usize> {
    let releases = policy.releases.iter().enumerate();
    let found: Vec<(usize, &str)> = releases
        .filter(|(_, release)| if name.is_some() { release.name.as_deref() == name } else { !release.off })
        .map(|(position, release)| (position, release.name.as_deref().unwrap_or_default()))
        .collect();
    match (found.as_slice(), name) {
        ([(position, _)], _) => Ok(*position),
        (_, Some(name)) => {
            let names: Vec<&str> =
                policy.releases.iter().filter_map(|release| release.name.as_deref()).collect();
            bail!("there is no release {name}; the policy has {}", names.join(", "))
        }
        ([], None) => bail!("the policy has no release that is on"),
        (several, None) => {
            let names: Vec<&str> = several.iter().map(|(_, name)| *name).collect();
            bail!("there are several releases; say one with --release: {}", names.join(", "))
        }
    }
}

fn bad(mistakes: &[FieldError]) -> Outcome {
    for mistake in mistakes {
        output::tell(&format!("graylane: {}\n", shown(&mistake.to_string())));
    }
    Outcome::Bad
}

fn comment(error: &FieldError) -> String {
    format!("# {}: {}\n", shown(&error.path), shown(&error.allowed))
}
