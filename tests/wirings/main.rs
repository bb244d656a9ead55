//! What each wiring survives: every bootstrap of `envoy/` under every fault, with real requests.
//!
//! What ran is held against the table in `envoy/README.md`; `UPDATE_TABLES=1` rewrites that.
#![cfg(test)]

mod bootstraps;
mod edge;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use graylane_testbed::{
    Bootstrap, Client, Envoy, PluginFile, Request, Response, Result, Upstream, block_on, module, page, root,
};
use serde_json::{Value, json};

const WIRINGS: [&str; 4] = ["lane-header", "aggregate", "cluster-header", "weighted-slots"];
/// Where a bootstrap has its connection manager.
const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
/// How often each case is asked; all answers count.
const TIMES: usize = 20;

/// The bootstraps have six lanes; in this test each of them is what its fault needs.
const HEALTHY: &str = "v2";
const UNKNOWN: &str = "A";
const EMPTY: &str = "B";
const REFUSING: &str = "blue";
const FAILING: &str = "green";
/// A lane of the policy that no bootstrap has heard of.
const UNHEARD_OF: &str = "purple";

/// One row of the table: what is wrong, and the request that meets it.
struct Case {
    says: &'static str,
    lane: &'static str,
    method: &'static str,
    host: &'static str,
    spoofed: bool,
    filter: bool,
    hanging: bool,
}

impl Case {
    const fn new(says: &'static str, lane: &'static str) -> Self {
        let (method, host) = ("GET", "shop.example.com");
        Self { says, lane, method, host, spoofed: false, filter: true, hanging: false }
    }
}

const CASES: [Case; 15] = [
    Case::new("nothing is wrong", HEALTHY),
    Case::new("the bootstrap does not know the lane", UNHEARD_OF),
    Case::new("the lane's cluster does not exist", UNKNOWN),
    Case::new("the lane's cluster is empty", EMPTY),
    Case::new("the lane refuses connections", REFUSING),
    Case { method: "POST", ..Case::new("the same, a POST", REFUSING) },
    Case::new("the lane answers 503", FAILING),
    Case { method: "POST", ..Case::new("the same, a POST", FAILING) },
    Case { hanging: true, ..Case::new("the lane does not answer in time", HEALTHY) },
    Case { hanging: true, method: "POST", ..Case::new("the same, a POST", HEALTHY) },
    Case { spoofed: true, ..Case::new("a client sends lane, cluster and slot itself, each twice", "") },
    Case { spoofed: true, ..Case::new("the same, while the policy names a lane", HEALTHY) },
    Case { filter: false, ..Case::new("no policy was ever accepted: the filter is absent", HEALTHY) },
    Case {
        filter: false,
        spoofed: true,
        ..Case::new("the same, and a client sends lane, cluster and slot", "")
    },
    Case { host: "plain.example.com", ..Case::new("a host beside the lanes", HEALTHY) },
];

/// The services behind every wiring.
struct Services {
    stable: Upstream,
    plain: Upstream,
    healthy: Upstream,
    refusing: Upstream,
    failing: Upstream,
}

impl Services {
    async fn start() -> Result<Self> {
        let mut refusing = Upstream::start(REFUSING).await?;
        refusing.stop().await;
        let failing = Upstream::start(FAILING).await?;
        failing.answer(503);
        Ok(Self {
            stable: Upstream::start("stable").await?,
            plain: Upstream::start("plain").await?,
            healthy: Upstream::start(HEALTHY).await?,
            refusing,
            failing,
        })
    }

    /// A wiring's bootstrap with these services and faults behind it, and a tenth of its patience.
    fn behind(&self, wiring: &str) -> Result<Bootstrap> {
        let mut bootstrap = Bootstrap::load(wiring)?;
        for service in [&self.stable, &self.plain, &self.healthy, &self.refusing, &self.failing] {
            bootstrap.endpoint(service.name(), service.address())?;
        }
        bootstrap.no_endpoint(EMPTY)?.remove_cluster(UNKNOWN)?;
        hasten(bootstrap.document_mut());
        Ok(bootstrap)
    }
}

/// Makes the timeouts of routes ten times shorter.
fn hasten(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hasten),
        Value::Object(object) => {
            for (key, value) in object {
                match (key.as_str(), value.as_str()) {
                    ("timeout", Some("15s")) => *value = "1.5s".into(),
                    ("per_try_timeout", Some("5s")) => *value = "0.5s".into(),
                    _ => hasten(value),
                }
            }
        }
        _ => {}
    }
}

/// The lanes of the test's policy: each names the cluster of its own name, and this slot.
const LANES: [(&str, u32); 10] = [
    ("stable", 0),
    (HEALTHY, 999_995),
    (UNKNOWN, 999_996),
    (EMPTY, 999_997),
    (REFUSING, 999_998),
    (FAILING, 999_999),
    // Beyond the last slot of the bootstrap.
    (UNHEARD_OF, 1_000_000),
    // Aggregates, for the cluster header.
    ("A-or-stable", 0),
    ("B-or-stable", 0),
    ("blue-or-stable", 0),
];

/// A policy that sends a request to the lane that its `x-pick` names.
fn plugin() -> Result<PluginFile> {
    let lanes = LANES.map(|(lane, slot)| json!({"name": lane, "cluster": lane, "weightedSlot": slot}));
    let rules = LANES.map(|(lane, _)| {
        json!({"name": format!("pick-{lane}"), "when": {"header": {"x-pick": {"exact": lane}}}, "lane": lane})
    });
    let release = json!({
        "name": "shop",
        "match": {"hosts": ["shop.example.com"]},
        "lanes": lanes,
        "canary": {"stable": "stable", "candidates": [{"lane": HEALTHY, "percent": 0}]},
        "rules": rules,
    });
    let config =
        json!({"trust": "edge", "accessLog": true, "policy": {"language": 1, "releases": [release]}});
    PluginFile::checked_in()?.module(&module()?)?.configuration(&config.to_string())
}

fn request(case: &Case) -> Request {
    let mut request = Request::new(case.method, "/").host(case.host).header("x-pick", case.lane);
    if case.spoofed {
        for _ in 0..2 {
            request = request.header("x-gray-lane", FAILING).header("x-gray-cluster", FAILING);
            request = request.header("x-gray-slot", "999999");
        }
    }
    request
}

/// Who answered, and what, as the table says it.
fn outcome(case: &Case, response: &Response) -> String {
    let who = match response.served_by() {
        Some(name) if name == case.lane => "the lane",
        Some(name) => name,
        None => "Envoy",
    };
    match response.status {
        200 => who.to_owned(),
        status => format!("{status} from {who}"),
    }
}

async fn run(case: &Case, envoy: &Envoy, services: &Services) -> Result<String> {
    // Longer than a route waits.
    services.healthy.delay(if case.hanging { Duration::from_secs(10) } else { Duration::ZERO });
    let mut outcomes = BTreeSet::new();
    let mut client = Client::to(envoy.address());
    for _ in 0..if case.hanging { 1 } else { TIMES } {
        outcomes.insert(outcome(case, &client.send(&request(case)).await?));
    }
    Ok(outcomes.into_iter().collect::<Vec<_>>().join(" / "))
}

/// The column of one wiring.
async fn column(wiring: &str, services: &Services) -> Result<Vec<String>> {
    let bare = Envoy::on(services.behind(wiring)?).start().await?;
    let envoy = Envoy::on(services.behind(wiring)?).plugin(plugin()?).start().await?;
    let mut cells = Vec::new();
    for case in &CASES {
        let envoy = if case.filter { &envoy } else { &bare };
        cells.push(run(case, envoy, services).await?);
    }
    Ok(cells)
}

#[test]
fn each_wiring_survives_what_its_table_says() -> Result<()> {
    block_on(async {
        let services = Services::start().await?;
        let mut rows: Vec<String> = CASES.iter().map(|case| format!("| {} |", case.says)).collect();
        for wiring in WIRINGS {
            for (row, cell) in rows.iter_mut().zip(column(wiring, &services).await?) {
                write!(row, " {cell} |")?;
            }
        }
        let head = format!("| | {} |\n|---|{}", WIRINGS.join(" | "), "---|".repeat(WIRINGS.len()));
        page::hold(&root().join("envoy/README.md"), "wirings", &format!("{head}\n{}", rows.join("\n")))
    })
}

/// In the cluster header, the name of an aggregate survives what the name of a lane does not.
#[test]
fn a_cluster_header_may_name_an_aggregate() -> Result<()> {
    block_on(async {
        let services = Services::start().await?;
        let mut bootstrap = services.behind("cluster-header")?;
        let aggregate = Bootstrap::load("aggregate")?;
        let routes = format!("{MANAGER}/route_config/virtual_hosts/1");
        let retries =
            aggregate.document().pointer(&format!("{routes}/retry_policy")).expect("retries").clone();
        bootstrap.document_mut().pointer_mut(&routes).expect("lanes")["retry_policy"] = retries;
        let clusters = aggregate.document()["static_resources"]["clusters"].as_array().expect("clusters");
        let aggregates = clusters.iter().filter(|cluster| cluster.get("cluster_type").is_some()).cloned();
        let known = bootstrap.document_mut()["static_resources"]["clusters"].as_array_mut();
        known.expect("clusters").extend(aggregates);

        let envoy = Envoy::on(bootstrap).plugin(plugin()?).start().await?;
        let mut client = Client::to(envoy.address());
        for lane in ["A-or-stable", "B-or-stable", "blue-or-stable"] {
            for _ in 0..TIMES {
                let response = client.send(&request(&Case::new("", lane))).await?;
                assert_eq!((response.status, response.served_by()), (200, Some("stable")), "{lane}");
            }
        }
        Ok(())
    })
}

/// Stable owns all slots but a sliver: a request whose number Envoy cannot read does not spread over the lanes.
#[test]
fn an_unreadable_slot_serves_stable() -> Result<()> {
    block_on(async {
        let services = Services::start().await?;
        let mut bootstrap = services.behind("weighted-slots")?;
        // The filter writes nothing but numbers; the client stands in for one that does not.
        bootstrap.without_early_mutation();
        let envoy = Envoy::on(bootstrap).start().await?;
        let request = Request::get("/").host("shop.example.com").header("x-gray-slot", "none");
        let mut client = Client::to(envoy.address());
        let mut missed = 0;
        for _ in 0..500 {
            missed += u32::from(client.send(&request).await?.served_by() != Some("stable"));
        }
        // Five slots of a million are not stable's: two misses come once in 300,000 runs of this test.
        assert!(missed < 2, "{missed} of 500");
        Ok(())
    })
}
