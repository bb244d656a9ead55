//! `graylane explain`: why a request gets the lane it gets.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use graylane::arena::LaneId;
use graylane::given::Given;
use graylane::guard::guarded;
use graylane::headers;
use graylane::plan::Plan;
use graylane::policy::Release;
use graylane::time::Timestamp;
use graylane_cli::clock;
use graylane_cli::explain::{Question, explain as explained};
use serde_json::{Map, Value};

use super::request::{Header, Trust, claim, header, sent};
use crate::{Outcome, input, output};

const HELP: &str = "\
The request is written as for curl. Each step of the decision is told in its order, up to the one that placed the request (>),
then what the filter writes: = sets a header, + adds one beside others, - removes one.

Exit codes: 0 it is explained; 1 the policy or the keys have mistakes, which are told on standard error; 2 it could not be
carried out.

Examples:
  graylane explain policy.yaml shop.example.com/cart -H 'x-gray-id: user-1'
  graylane explain policy.yaml https://shop.example.com/ -b 'gray_id=user-1; theme=dark' -A 'Firefox'
  graylane explain policy.yaml shop.example.com -H 'x-canary: v2' --trust mesh
  graylane explain policy.yaml shop.example.com --from 10.1.2.3 --claim tier=gold --at 2026-12-01T09:00:00+01:00
  graylane explain policy.yaml shop.example.com -o json | jq -r .decision";

/// Say why a request gets the lane it gets, step by step
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The policy (YAML or JSON); - is standard input
    #[arg(value_name = "POLICY")]
    policy: PathBuf,
    /// Host and path of the request; a scheme may stand before them
    #[arg(value_name = "URL", value_parser = url)]
    url: Url,
    /// The method
    #[arg(short = 'X', long, value_name = "METHOD", default_value = "GET")]
    request: String,
    /// A header: NAME; is an empty one, NAME: none; may stand several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<Header>,
    /// Cookies; may stand several times
    #[arg(short = 'b', long = "cookie", value_name = "NAME=VALUE; …")]
    cookies: Vec<String>,
    /// The header user-agent
    #[arg(short = 'A', long, value_name = "TEXT")]
    user_agent: Option<String>,
    /// The address that the request comes from, as the listener knows it
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    from: IpAddr,
    /// A claim of a token that Envoy has verified; the value is text unless it is JSON; may stand several times
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// Whom the listener believes: clients are outside (edge), or the hop before is one of ours (mesh)
    #[arg(long, default_value = "edge")]
    trust: Trust,
    /// The secrets that the policy names, by their ids (YAML or JSON): sticky cookies are checked by them
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// The time of the request, with its offset: 2026-12-01T09:00:00+01:00; without it, now
    #[arg(long, value_name = "TIME", value_parser = clock::parse)]
    at: Option<Timestamp>,
    /// A lane whose guard has tripped in the proxy, as its metric says; may stand several times
    #[arg(long, value_name = "RELEASE/LANE")]
    tripped: Vec<String>,
    /// The form of what is written to standard output
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    /// For people
    #[value(alias = "table")]
    Text,
    /// For programs
    Json,
    /// For programs, too
    Yaml,
}

/// The parts of a URL that Envoy sees.
#[derive(Clone, Debug)]
struct Url {
    host: String,
    path: String,
}

fn url(text: &str) -> Result<Url, &'static str> {
    let rest =
        ["http://", "https://"].into_iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let is_odd = |char: char| char.is_whitespace() || char.is_control();
    // Of another scheme nothing is left but its name, before a port of no digits.
    if host.is_empty() || host.contains('@') || host.ends_with(':') || text.contains(is_odd) {
        return Err("a host and a path, like shop.example.com/cart?step=2");
    }
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok(Url { host: host.to_owned(), path: format!("{slash}{path}") })
}

/// The lanes whose guard has tripped.
fn tripped(lanes: &[String], plan: &Plan) -> Result<Vec<(u32, LaneId)>> {
    let guarded: Vec<_> = guarded(plan).collect();
    let found = |name: &String| {
        let known = guarded.iter().find(|(.., known)| known == name);
        known.map(|(release, lane, _)| (*release, *lane)).with_context(|| match &*guarded {
            [] => format!("--tripped {name}: the policy guards no lane"),
            some => {
                let names: Vec<_> = some.iter().map(|(.., name)| name.as_str()).collect();
                format!("--tripped {name}: the policy guards no such lane, but {}", names.join(", "))
            }
        })
    };
    lanes.iter().map(found).collect()
}

/// Explains a request.
pub(crate) fn explain(options: &Options) -> Result<Outcome> {
    let compiled = match &options.keys {
        Some(keys) => input::compiled_with_keys(&options.policy, keys)?,
        None => input::compiled(&options.policy)?,
    };
    let Some((policy, plan)) = compiled else { return Ok(Outcome::Bad) };
    let request = request(options, &plan)?;
    if options.keys.is_none() && policy.releases.iter().any(has_key) {
        output::tell(
            "graylane: note: without --keys, sticky cookies that take a key are neither believed nor given\n",
        );
    }
    let trust = options.trust.into();
    let explanation = explained(Question { policy: &policy, plan: &plan, trust, request: &request });
    match options.output {
        Output::Text => output::write_coloured(&explanation.text())?,
        Output::Json => output::write(&format!("{}\n", serde_json::to_string_pretty(&explanation)?))?,
        Output::Yaml => {
            output::write(&serde_saphyr::to_string(&explanation).context("the explanation as YAML")?)?;
        }
    }
    Ok(Outcome::Good)
}

/// Whether the sticky cookie of a release is authenticated.
fn has_key(release: &Release) -> bool {
    release.sticky.as_ref().is_some_and(|sticky| sticky.key.is_some())
}

fn request(options: &Options, plan: &Plan) -> Result<Given> {
    let Url { host, path } = &options.url;
    let pseudo = [(headers::METHOD, &options.request), (headers::AUTHORITY, host), (headers::PATH, path)];
    let said: Vec<(String, String)> = sent(&options.headers).collect();
    let said = said.iter().map(|(name, value)| (name.as_str(), value));
    let agent = options.user_agent.iter().map(|agent| ("user-agent", agent));
    let cookies = options.cookies.iter().map(|cookies| (headers::COOKIE, cookies));
    let mut given = Given {
        headers: pseudo.into_iter().chain(agent).chain(said).chain(cookies).collect(),
        source_address: Some(options.from),
        now: options.at.map_or_else(clock::now, Ok)?,
        random: Some(random()),
        tripped: tripped(&options.tripped, plan)?,
        ..Given::default()
    };
    given.add_claims(plan, &options.claims.iter().cloned().collect::<Map<_, _>>());
    Ok(given)
}

/// What a fresh id is made of, if it comes to that.
fn random() -> [u8; 16] {
    // Each state has keys of its own, from the system's randomness.
    let half = || u128::from(RandomState::new().build_hasher().finish());
    (half() << 64 | half()).to_be_bytes()
}
