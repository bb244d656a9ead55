//! The policies that are measured.
//!
//! Ten releases stand for what the cases need, on hosts of their own. A larger policy has those ten and as many
//! services more as it takes: a canary each, with labels, a rule and an override, as a big mesh would have them.
//!
//! Lanes name no cluster, as in the recommended wiring, where routes match the lane header; one release does, for
//! what the further header costs.

use serde_json::{Value, json};

/// Whom the listener believes, as the plugin's configuration says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// Clients are outside.
    Edge,
    /// The hop before is one of ours.
    Mesh,
}

impl Trust {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Trust::Edge => "edge",
            Trust::Mesh => "mesh",
        }
    }
}

/// The plugin's configuration, with so many releases; ten at least.
pub fn configuration(trust: Trust, releases: usize) -> String {
    json!({"trust": trust.as_str(), "policy": policy(releases)}).to_string()
}

/// A policy with so many releases; ten at least.
pub fn policy(releases: usize) -> Value {
    let mut list = named();
    list.extend((list.len()..releases).map(service));
    json!({
        "language": 1,
        "version": 7,
        "identity": {"cookie": {"name": "gray_id", "httpOnly": true}},
        "releases": list,
    })
}

/// The host of the service that a policy has at a position from ten on.
pub fn service_host(position: usize) -> String {
    format!("svc-{position:05}.shop.svc.cluster.local")
}

/// The releases of the cases, and some company.
fn named() -> Vec<Value> {
    let mut list = vec![
        json!({
            "name": "canary",
            "match": {"hosts": ["canary.example.com"]},
            "lanes": stable_and_v2(),
            "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": 20}]},
        }),
        ab("ab", "ab.example.com", "/", true),
        json!({
            "name": "blue-green",
            "match": {"hosts": ["pay.example.com"]},
            "lanes": [{"name": "blue"}, {"name": "green"}],
            "blueGreen": {"active": "green", "preview": {"when": {"header": {"x-preview": {"exact": "blue"}}}}},
        }),
        json!({
            "name": "chain",
            "match": {"hosts": ["chain.example.com"]},
            "lanes": stable_and_v2(),
            "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": 0}]},
            "overrides": {"headers": ["x-canary", "x-canary-tag"], "rules": "x-gray-rules", "cookies": ["ab_group"]},
            "rules": [{"name": "testers", "when": {"header": {"x-tester": {"exact": "yes"}}}, "lane": "v2"}],
        }),
        json!({
            "name": "several",
            "match": {"hosts": ["several.example.com"]},
            "lanes": stable_and_v2(),
            "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": 20}]},
        }),
        json!({
            "name": "cluster",
            "match": {"hosts": ["cluster.example.com"]},
            "lanes": [
                {"name": "stable", "cluster": "stable"},
                {"name": "v2", "cluster": "v2", "labels": {"version": "v2.3"}},
            ],
            "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": 20}]},
        }),
        ab("several-button", "several.example.com", "/shop", false),
        ab("several-price", "several.example.com", "/shop/item", false),
    ];
    list.extend((list.len()..10).map(service));
    list
}

fn ab(name: &str, host: &str, prefix: &str, route: bool) -> Value {
    json!({
        "name": name,
        "match": {"hosts": [host], "paths": [{"prefix": prefix}]},
        "lanes": [{"name": "A"}, {"name": "B", "labels": {"button": "blue"}}],
        "ab": {
            "salt": format!("{name}-2026"),
            "groups": [{"lane": "A", "weight": 50}, {"lane": "B", "weight": 50}],
            "route": route,
        },
    })
}

fn service(position: usize) -> Value {
    json!({
        "name": format!("svc-{position:05}"),
        "match": {"hosts": [service_host(position), format!("svc-{position:05}")]},
        "lanes": stable_and_v2(),
        "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": 20}]},
        "overrides": {"headers": ["x-canary"]},
        "rules": [{"name": "testers", "when": {"header": {"x-tester": {"exact": "yes"}}}, "lane": "v2"}],
    })
}

fn stable_and_v2() -> Value {
    json!([
        {"name": "stable"},
        {"name": "v2", "labels": {"version": "v2.3"}},
    ])
}
