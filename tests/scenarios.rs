//! Scenarios: what becomes of requests under a policy, as data in `tests/scenarios`.
//!
//! Each file runs twice, through the native engine and through a real Envoy with the module, and both must agree with
//! the file and with each other: on the service that answers, the decision, every header upstream and downstream, and
//! every counter.
#![cfg(test)]

#[path = "support/ask.rs"]
mod ask;
#[path = "support/edge.rs"]
mod edge;
#[path = "support/facts.rs"]
mod facts;
#[path = "support/files.rs"]
mod files;
#[path = "support/native.rs"]
mod native;
#[path = "support/scenario.rs"]
mod scenario;
#[path = "support/token.rs"]
mod token;

use std::collections::BTreeMap;

use graylane::effect::{Counter, counts};
use graylane::handover;
use graylane::plan::Plan;
use graylane_testbed::{Response, Result, block_on, ensure, root};

use ask::{call, repeated, send};
use edge::{DECISION, Edge, FORGED, FORGER, LANE_HEADERS, LANES};
use facts::{Facts, differences};
use native::Ran;
use scenario::{Case, Scenario};

/// Headers that Envoy or the client's library adds; the filter has no part in them.
const ADDED_UPSTREAM: [&str; 8] = [
    "content-length",
    ":method",
    ":path",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
];
const ADDED_DOWNSTREAM: [&str; 7] = [
    "content-length",
    "content-type",
    "date",
    "server",
    "x-envoy-upstream-service-time",
    "x-served-by",
    DECISION,
];

fn scenarios() -> Result<Vec<Scenario>> {
    Scenario::all(&root().join("tests/scenarios"))
}

fn plan(scenario: &Scenario) -> Plan {
    let loaded = graylane::load(scenario.configuration().as_bytes());
    loaded.plan.unwrap_or_else(|errors| panic!("{}: the policy is refused:\n{errors}", scenario.name))
}

/// The plan as a VM has it that takes over what another one has compiled.
fn plan_taken_over(scenario: &Scenario) -> Plan {
    let configuration = scenario.configuration();
    let compiled = graylane::load(configuration.as_bytes());
    let bytes = handover::write(configuration.as_bytes(), &compiled).expect("it was compiled");
    let loaded = handover::read(&bytes, configuration.as_bytes()).expect("it is the same configuration");
    assert_eq!(
        (loaded.trust, loaded.access_log, loaded.watch),
        (compiled.trust, compiled.access_log, compiled.watch)
    );
    loaded.plan.expect("it was compiled")
}

/// What the engine made of a request; where it goes follows from the routes of the test's Envoy.
fn facts_of_engine(case: &Case, ran: &Ran<'_>) -> Facts {
    let mut facts = Facts::default();
    let fresh = ran.fresh_id();
    let service = service(&case.host, &ran.upstream);
    facts.set("answered by", service);
    if !ran.summary.is_empty() {
        facts.set("decision", &ran.summary);
    }
    for (counter, count) in counts(&ran.decision) {
        facts.count(&name_of(counter), count);
    }
    // Envoy keeps the host under the name that HTTP/1 gives it.
    let host = |name: &str| if name == ":authority" { "host".to_owned() } else { name.to_owned() };
    let upstream = ran.upstream.iter().map(|(name, value)| (host(name), value.clone()));
    facts.headers("upstream", upstream, &ADDED_UPSTREAM, fresh);
    let own = FORGED.into_iter().filter(|_| service == FORGER);
    let own = own.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let response = ran.response(own.collect());
    facts.headers("response", response.into_iter(), &ADDED_DOWNSTREAM, fresh);
    facts
}

fn service(host: &str, headers: &[(String, Vec<u8>)]) -> &'static str {
    if host.eq_ignore_ascii_case("plain.example.com") {
        return "plain";
    }
    let value = |name: &str| {
        let values = headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_slice());
        values.collect::<Vec<_>>().join(b",".as_slice())
    };
    let lane = LANE_HEADERS.into_iter().find_map(|name| {
        let value = value(name);
        LANES.into_iter().find(|lane| lane.as_bytes() == value)
    });
    lane.unwrap_or("stable")
}

fn name_of(counter: Counter) -> String {
    match counter {
        Counter::Decided(reason) => format!("decisions.{reason}"),
        Counter::Ungoverned => "ungoverned".to_owned(),
        Counter::Stripped => "stripped".to_owned(),
        Counter::LabelPairsDropped => "label_pairs_dropped".to_owned(),
    }
}

/// What Envoy made of a request.
fn facts_of_envoy(
    response: &Response,
    counted: &BTreeMap<String, u64>,
    fresh: Option<&str>,
) -> Result<Facts> {
    let mut facts = Facts::default();
    let echo = response.echo()?;
    facts.set("answered by", &echo.service);
    if let Some(decision) = response.header(DECISION) {
        facts.set("decision", &String::from_utf8_lossy(decision));
    }
    for (name, count) in counted {
        facts.count(name, *count);
    }
    let names: std::collections::BTreeSet<String> =
        echo.headers.iter().map(|(name, _)| name.clone()).collect();
    let upstream = names.iter().flat_map(|name| echo.values(name).map(|value| (name.clone(), value)));
    facts.headers("upstream", upstream, &ADDED_UPSTREAM, fresh);
    facts.headers("response", response.headers.iter().cloned(), &ADDED_DOWNSTREAM, fresh);
    Ok(facts)
}

/// The counters of the filter, without those of its policy.
async fn counters(edge: &Edge) -> Result<BTreeMap<String, u64>> {
    let stats = edge.envoy.admin().stats("^wasmcustom\\.graylane\\.").await?;
    let own = stats.into_iter().filter_map(|(name, value)| {
        let name = name.strip_prefix("wasmcustom.graylane.")?;
        (!name.starts_with("policy_")).then(|| (name.to_owned(), value))
    });
    Ok(own.collect())
}

/// Runs one request on both and says what differs.
async fn compare(
    edge: &Edge,
    scenario: &Scenario,
    plan: &Plan,
    case: &Case,
    counted: &mut BTreeMap<String, u64>,
) -> Result<String> {
    let response = send(edge, case).await?;
    let now = counters(edge).await?;
    let before = std::mem::replace(counted, now.clone());
    let grown = now.into_iter().map(|(name, value)| {
        let grown = value - before.get(&name).copied().unwrap_or_default();
        (name, grown)
    });
    let grown: BTreeMap<_, _> = grown.filter(|(_, count)| *count > 0).collect();
    if let Some(status) = case.expect.refused {
        ensure!(
            response.status == status && grown.is_empty(),
            "not refused: {response:?}, counted {grown:?}"
        );
        return Ok(String::new());
    }
    let call = repeated(case, plan, &response)?;
    let ran = native::run(plan, scenario.trust(), &call);
    let envoy = facts_of_envoy(&response, &grown, ran.fresh_id())?;
    let engine = facts_of_engine(case, &ran);
    Ok(differences(&scenario.expected(case), &[("engine", &engine), ("envoy", &envoy)]))
}

fn report(failures: &[String]) {
    assert!(failures.is_empty(), "{} requests differ:\n\n{}", failures.len(), failures.join("\n"));
}

fn failure(scenario: &Scenario, case: &Case, differences: &str) -> String {
    let Scenario { name, title, .. } = scenario;
    let Case { what, method, host, path, from, .. } = case;
    let headers =
        case.headers().into_iter().map(|(name, value)| format!(" {name}: {}", value.escape_ascii()));
    let headers: String = headers.collect::<Vec<_>>().join(",").chars().take(400).collect();
    format!(
        "tests/scenarios/{name}.yaml ({title})\n  {what}\n  {method} {host} {path} from {from}{headers}\n{differences}"
    )
}

#[test]
fn every_example_is_run() -> Result<()> {
    let mut run: Vec<String> = scenarios()?.into_iter().filter_map(|scenario| scenario.example).collect();
    run.sort();
    run.dedup();
    let mut examples = Vec::new();
    for file in std::fs::read_dir(root().join("examples"))? {
        let name = file?.file_name().into_string().expect("a name that is text");
        examples.extend(name.strip_suffix(".yaml").map(str::to_owned));
    }
    examples.sort();
    assert!(!examples.is_empty());
    assert_eq!(run, examples);
    Ok(())
}

#[test]
fn the_engine_does_what_the_scenarios_say() -> Result<()> {
    let mut failures = Vec::new();
    for scenario in scenarios()? {
        let plans = [("compiled", plan(&scenario)), ("taken over", plan_taken_over(&scenario))];
        let cases = scenario.requests.iter().filter(|case| case.expect.refused.is_none());
        for (case, (how, plan)) in cases.flat_map(|case| plans.iter().map(move |plan| (case, plan))) {
            let call = call(case, plan);
            let ran = native::run(plan, scenario.trust(), &call);
            let facts = facts_of_engine(case, &ran);
            let differences = differences(&scenario.expected(case), &[(how, &facts)]);
            if !differences.is_empty() {
                failures.push(failure(&scenario, case, &differences));
            }
        }
    }
    report(&failures);
    Ok(())
}

#[test]
fn envoy_does_what_the_scenarios_and_the_engine_say() -> Result<()> {
    block_on(async {
        let edge = Edge::start(vec![token::filter()]).await?;
        let mut failures = Vec::new();
        for scenario in scenarios()? {
            let plan = plan(&scenario);
            edge.accept(&scenario.configuration()).await?;
            let mut counted = counters(&edge).await?;
            for case in &scenario.requests {
                let differences = compare(&edge, &scenario, &plan, case, &mut counted)
                    .await
                    .unwrap_or_else(|fault| format!("  {fault:?}\n"));
                if !differences.is_empty() {
                    failures.push(failure(&scenario, case, &differences));
                }
            }
        }
        report(&failures);
        Ok(())
    })
}
