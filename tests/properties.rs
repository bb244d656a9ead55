//! Properties: what holds for every policy and every request, tried with random ones.
#![cfg(test)]

#[path = "properties/claims.rs"]
mod claims;
#[path = "properties/documents.rs"]
mod documents;
#[path = "properties/experiments.rs"]
mod experiments;
#[path = "properties/labels.rs"]
mod labels;
#[path = "properties/matching.rs"]
mod matching;
#[path = "support/native.rs"]
mod native;
#[path = "properties/population.rs"]
mod population;
#[path = "properties/ramp.rs"]
mod ramp;
#[path = "properties/requests.rs"]
mod requests;
#[path = "properties/shares.rs"]
mod shares;

use graylane::plan::Plan;
use proptest::test_runner::Config;
use serde_json::{Value, json};

/// So many random cases. One that fails is printed whole, so no file keeps its seed.
fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

/// The plan of a good policy.
fn plan(releases: &Value) -> Plan {
    plan_of(&json!({"language": 1, "releases": releases}))
}

/// The plan of a good policy, with its settings.
fn plan_of(policy: &Value) -> Plan {
    let loaded = graylane::load(json!({"trust": "mesh", "policy": policy}).to_string().as_bytes());
    loaded.plan.unwrap_or_else(|errors| panic!("the policy is refused:\n{errors}\n{policy:#}"))
}
