//! What a request may cost in the module: wasm instructions and host calls, counted on a host without chance, so the
//! figures are the same under any load. `tests/bench/budget.json` holds them.
//!
//! A call to the host costs as much as a thousand instructions and more, so calls are held to their number exactly.
//! Instructions may exceed by the tolerance: another build of std moves them by some tenths of a percent.
#![cfg(test)]

mod host;
mod imports;
mod meter;

use std::collections::BTreeMap;
use std::path::PathBuf;

use graylane_bench::case;
use graylane_bench::policy::configuration;
use graylane_testbed::{module, root};
use host::{Host, Outcome, Pairs};
use serde::{Deserialize, Serialize};

/// The cases that have a budget.
const BUDGETED: [&str; 9] =
    ["ungoverned", "ab", "canary", "cluster", "blue-green", "newcomer", "several", "label", "override"];
/// The request that is counted. Its user is in lane v2 of every canary and in group B of every test, so the lane's
/// labels are written too.
const NUMBER: usize = 2807;
/// The requests before it: they leave the module's memory as it stays.
const WARM_UP: std::ops::Range<usize> = 0..20;

/// `tests/bench/budget.json`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Budget {
    /// How far instructions may exceed, in percent.
    tolerance_percent: u64,
    requests: BTreeMap<String, Cost>,
}

/// What one request costs.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Cost {
    /// The lane that it is sent to, so that it is known which way was counted.
    lane: Option<String>,
    instructions: u64,
    host_calls: BTreeMap<String, u64>,
}

#[test]
fn a_request_stays_within_its_budget() {
    let costs: BTreeMap<String, Cost> =
        BUDGETED.iter().map(|name| ((*name).to_owned(), cost(&measured(name)))).collect();
    if std::env::var_os("GRAYLANE_WRITE_BUDGET").is_some() {
        let budget = Budget {
            tolerance_percent: read_budget().map_or(2, |old| old.tolerance_percent),
            requests: costs,
        };
        std::fs::write(path(), serde_json::to_string_pretty(&budget).unwrap() + "\n").unwrap();
        return;
    }
    let budget = read_budget().expect("tests/bench/budget.json can be read; `make budget` writes it");
    assert!(costs.keys().eq(budget.requests.keys()), "other requests than in the file: {:?}", costs.keys());
    let mut beyond = Vec::new();
    for (name, cost) in &costs {
        let allowed = &budget.requests[name];
        let most = allowed.instructions + allowed.instructions * budget.tolerance_percent / 100;
        if cost.instructions > most {
            beyond.push(format!("{name}: {} instructions, {most} are allowed", cost.instructions));
        }
        if cost.lane != allowed.lane {
            beyond.push(format!("{name}: sent to lane {:?}, counted was {:?}", cost.lane, allowed.lane));
        }
        let more =
            |call: &&String| cost.host_calls[*call] > allowed.host_calls.get(*call).copied().unwrap_or(0);
        for call in cost.host_calls.keys().filter(more) {
            beyond.push(format!("{name}: {} calls of {call}", cost.host_calls[call]));
        }
    }
    assert!(
        beyond.is_empty(),
        "beyond tests/bench/budget.json; if it has to be, `make budget` writes what is counted now:\n{}",
        beyond.join("\n")
    );
}

#[test]
fn counting_again_gives_the_same() {
    let count = || cost(&measured("canary"));
    assert_eq!(count(), count());
}

#[test]
fn the_module_does_here_what_its_cases_say() {
    for name in BUDGETED {
        let case = case(name).unwrap();
        let mut host = start(name);
        let metric = |host: &Host, name: &str| {
            host.state().metrics.iter().find(|(have, _)| have == name).map(|(_, value)| *value)
        };
        let outcomes: Vec<Outcome> = (0..40).map(|number| exchange(&mut host, name, number)).collect();
        let counter = case
            .reason
            .map_or("graylane.ungoverned".to_owned(), |reason| format!("graylane.decisions.{reason}"));
        let expected = i64::try_from(40 * case.releases.max(1)).unwrap();
        assert_eq!(metric(&host, &counter), Some(expected), "{name}");
        for outcome in outcomes {
            let lane = outcome.header("x-gray-lane");
            let served = lane.as_deref().unwrap_or("stable");
            assert!(case.lanes.contains(&served), "{name}: {served}");
            assert_eq!(lane.is_some(), case.reason.is_some(), "{name}");
            let told = outcome.response.iter().any(|(name, _)| name == b"x-abtest-id");
            assert_eq!(told, ["ab", "several"].contains(&name), "{name}");
        }
    }
}

fn measured(name: &str) -> Outcome {
    let mut host = start(name);
    WARM_UP.for_each(|number| drop(exchange(&mut host, name, number)));
    exchange(&mut host, name, NUMBER)
}

fn cost(outcome: &Outcome) -> Cost {
    Cost {
        lane: outcome.header("x-gray-lane"),
        instructions: outcome.instructions,
        host_calls: outcome.calls.iter().map(|(call, count)| ((*call).to_owned(), *count)).collect(),
    }
}

fn start(name: &str) -> Host {
    let wasm = std::fs::read(module().unwrap()).unwrap();
    Host::start(&wasm, &configuration(case(name).unwrap().trust, 10)).unwrap()
}

fn exchange(host: &mut Host, name: &str, number: usize) -> Outcome {
    let request = case(name).unwrap().headers(number);
    let request = request.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes())).collect();
    let response = [(":status", "200"), ("content-type", "text/plain"), ("content-length", "2")];
    let response: Pairs = response.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    host.exchange(request, response).unwrap()
}

fn read_budget() -> Option<Budget> {
    serde_json::from_str(&std::fs::read_to_string(path()).ok()?).ok()
}

fn path() -> PathBuf {
    root().join("tests/bench/budget.json")
}
