//! Real traffic through a real Envoy: every response from the lane that the native engine names, also while the
//! policy is swapped under load, and nobody leaves a canary that grows.
#![cfg(test)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use graylane::given::Given;
use graylane::plan::Plan;
use graylane::policy::Trust;
use graylane::request::Headers;
use graylane_testbed::{
    Bootstrap, Client, Context, Envoy, Load, PluginFile, Request, Response, Result, Tally, Until, Upstream,
    block_on,
};
use serde_json::{Value, json};

const LANES: [&str; 6] = ["stable", "v2", "A", "B", "blue", "green"];
const CONNECTIONS: usize = 16;
const HOST: &str = "shop.example.com";

/// Envoy, the module and a service for each lane.
struct Ground {
    envoy: Envoy,
    _services: Vec<Upstream>,
}

impl Ground {
    async fn start() -> Result<Self> {
        let mut bootstrap = Bootstrap::load("lane-header")?;
        let mut services = Vec::new();
        for lane in LANES {
            let service = Upstream::start(lane).await?;
            bootstrap.endpoint(lane, service.address())?;
            services.push(service);
        }
        let envoy = Envoy::on(bootstrap).concurrency(2).start().await?;
        Ok(Ground { envoy, _services: services })
    }

    async fn accept(&self, policy: &Value) -> Result<()> {
        let configuration = json!({"trust": "mesh", "policy": policy}).to_string();
        self.envoy.accept(&PluginFile::checked_in()?.configuration(&configuration)?).await
    }
}

/// What the native engine makes of a request: the lane and the decision in one line.
fn native(plan: &Plan, headers: &Headers) -> (String, String) {
    let given = Given::from(headers.clone());
    let decision = graylane::decide(plan, Trust::Mesh, &given);
    let routed =
        decision.entries.first().and_then(|entry| Some((plan.release(entry.release)?, entry.served?)));
    let lane = routed.map_or(b"stable".as_slice(), |(release, lane)| release.lane_name(lane));
    (text(lane), text(&graylane::effect::summary(plan, &decision)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn compile(policy: &Value) -> Plan {
    let policy = policy.to_string();
    let document = serde_json::from_str(&policy).expect("any JSON is a document");
    graylane::compile_node(&document).expect("the policy is good")
}

/// A release of the given mode under `name`, and the policy around it.
fn policy(version: u64, name: &str, lanes: &Value, mode: &str, content: &Value) -> Value {
    json!({"language": 1, "version": version, "releases": [{
        "name": name,
        "match": {"hosts": [HOST]},
        "lanes": lanes,
        mode: content,
        "overrides": {"headers": ["x-canary"], "cookies": ["ab_group"]},
        "rules": [{"name": "testers", "when": {"header": {"x-tester": {"present": true}}}, "lane": lanes[1]["name"]}],
    }]})
}

fn canary(version: u64, name: &str, percent: f64) -> Value {
    let lanes = json!([{"name": "stable"}, {"name": "v2", "labels": {"version": "v2.3"}}]);
    policy(
        version,
        name,
        &lanes,
        "canary",
        &json!({"stable": "stable", "candidates": [{"lane": "v2", "percent": percent}]}),
    )
}

fn ab(version: u64, name: &str, weight_of_b: f64) -> Value {
    let groups = json!([{"lane": "A"}, {"lane": "B", "weight": weight_of_b}]);
    policy(
        version,
        name,
        &json!([{"name": "A"}, {"name": "B"}]),
        "ab",
        &json!({"salt": "traffic", "groups": groups}),
    )
}

fn blue_green(version: u64, name: &str, active: &str) -> Value {
    let preview = json!({"when": {"cookie": {"preview": {"exact": "1"}}}});
    let lanes = json!([{"name": "blue"}, {"name": "green"}]);
    policy(version, name, &lanes, "blueGreen", &json!({"active": active, "preview": preview}))
}

/// The headers of request `number`: 2,000 ids by header, query and cookie; now and then a tester, an override, a
/// label, a preview.
fn headers_of(number: u64) -> Vec<(&'static str, String)> {
    let id = number % 2_000;
    let mut headers = vec![(":authority", HOST.to_owned())];
    match number % 3 {
        0 => headers.extend([(":path", "/a".to_owned()), ("x-gray-id", format!("user-{id}"))]),
        1 => headers.push((":path", format!("/a?b=1&gray_id=user-{id}"))),
        _ => {
            headers
                .extend([(":path", "/a".to_owned()), ("cookie", format!("theme=dark; gray_id=user-{id}"))]);
        }
    }
    match number % 31 {
        7 => headers.push(("x-tester", "1".to_owned())),
        11 => headers.push(("x-canary", "v2".to_owned())),
        13 => headers.push(("x-traffic-label", "env=gray;version=v2.3".to_owned())),
        17 => headers.push(("cookie", "ab_group=B; preview=1".to_owned())),
        _ => {}
    }
    // Asks for the decision in the response.
    headers.push(("x-gray-debug", "1".to_owned()));
    headers
}

fn request(number: u64) -> Request {
    let headers = headers_of(number);
    let path = headers.iter().find(|(name, _)| *name == ":path").map_or("/", |(_, path)| path);
    let mut request = Request::get(path).host(HOST);
    for (name, value) in headers.iter().filter(|(name, _)| !name.starts_with(':')) {
        request = request.header(*name, value);
    }
    request
}

/// Holds a response against the plan: the service that answered, and the decision in one line.
fn judge(plan: &Plan, number: u64, response: &Response) -> Result<(), String> {
    let (lane, decision) = native(plan, &headers_of(number).into_iter().collect());
    let told = text(response.header("x-gray-decision").unwrap_or_default());
    let served = response.served_by().unwrap_or("nobody");
    if response.status == 200 && served == lane && told == decision {
        return Ok(());
    }
    Err(format!(
        "status {}, {served} answered ({told}); the engine says {lane} ({decision})",
        response.status
    ))
}

#[track_caller]
fn assert_clean(what: &str, tally: &Tally) {
    assert!(tally.is_clean(), "{what}: {tally}");
    println!("{what}: {tally}");
}

#[test]
fn every_response_comes_from_the_lane_that_the_engine_names() -> Result<()> {
    block_on(async {
        let ground = Ground::start().await?;
        let policies = [canary(1, "canary", 37.5), ab(2, "ab", 40.0), blue_green(3, "bluegreen", "green")];
        for policy in &policies {
            ground.accept(policy).await?;
            let plan = compile(policy);
            let load = Load::on(ground.envoy.address(), CONNECTIONS, Until::Requests(100_000));
            let tally = load.run(request, |number, response| judge(&plan, number, response)).await;
            assert_clean(policy["releases"][0]["name"].as_str().unwrap_or_default(), &tally);
        }
        Ok(())
    })
}

/// Policies of all modes in turn; each names its release after its place, so that a response says whose it is.
fn policies(count: usize) -> Vec<Value> {
    let of = |place: usize| {
        let (version, name) = (place as u64 + 1, format!("r{place}"));
        match place % 4 {
            0 => canary(version, &name, f64::from(u32::try_from(place % 100).unwrap_or_default())),
            1 => ab(version, &name, 50.0),
            2 => blue_green(version, &name, "blue"),
            _ => blue_green(version, &name, "green"),
        }
    };
    (0..count).map(of).collect()
}

#[test]
fn swaps_under_load_fail_no_request_and_each_response_has_one_policy() -> Result<()> {
    const SWAPS: usize = 200;
    block_on(async {
        let ground = Ground::start().await?;
        let policies = policies(SWAPS + 1);
        let plans: Vec<Plan> = policies.iter().map(compile).collect();
        ground.accept(&policies[0]).await?;
        let stop = AtomicBool::new(false);
        let load = Load::on(ground.envoy.address(), CONNECTIONS, Until::Stopped(&stop));
        let seen = std::sync::Mutex::new(BTreeSet::new());
        let load = load.run(request, |number, response| {
            let told = text(response.header("x-gray-decision").unwrap_or_default());
            let place = told.strip_prefix('r').and_then(|rest| rest.split(';').next()?.parse::<usize>().ok());
            let place = place.filter(|place| *place < plans.len());
            let place =
                place.ok_or_else(|| format!("status {}, no policy said so: {told:?}", response.status))?;
            seen.lock().map_err(|_| "poisoned")?.insert(place);
            judge(&plans[place], number, response)
        });
        let swaps = async {
            for policy in policies.iter().skip(1) {
                ground.accept(policy).await?;
            }
            stop.store(true, Ordering::Relaxed);
            Ok::<_, graylane_testbed::Error>(())
        };
        let (tally, swapped) = futures_util::future::join(load, swaps).await;
        stop.store(true, Ordering::Relaxed);
        swapped?;
        assert_clean("200 swaps", &tally);
        let seen = seen.into_inner().ok().context("no judge panicked")?;
        println!("policies that answered at least one request: {} of {}", seen.len(), plans.len());
        assert!(
            seen.len() > SWAPS / 2,
            "the load met only {} policies: it did not run beside the swaps",
            seen.len()
        );
        Ok(())
    })
}

#[test]
fn a_growing_canary_loses_nobody_and_a_shrunk_one_is_the_first_again() -> Result<()> {
    const IDS: usize = 1_000;
    block_on(async {
        let ground = Ground::start().await?;
        let mut client = Client::to(ground.envoy.address());
        let mut members = Vec::new();
        for (version, percent) in [(1, 5.0), (2, 20.0), (3, 50.0), (4, 5.0)] {
            ground.accept(&canary(version, "ramp", percent)).await?;
            let mut canary = BTreeSet::new();
            for id in 0..IDS {
                let request = Request::get("/").host(HOST).header("x-gray-id", format!("user-{id}"));
                match client.send(&request).await?.served_by() {
                    Some("v2") => drop(canary.insert(id)),
                    other => assert_eq!(other, Some("stable"), "user-{id}"),
                }
            }
            println!("{percent} %: {} of {IDS} users", canary.len());
            members.push(canary);
        }
        let [five, twenty, fifty, again] = members.as_slice() else { panic!("four steps were taken") };
        assert!(five.len() > 20 && fifty.len() > 400, "shares are far from what was asked");
        assert!(five.is_subset(twenty) && twenty.is_subset(fifty), "somebody left a growing canary");
        assert_eq!(five, again, "the 5 % at the end are not those of the start");
        Ok(())
    })
}
