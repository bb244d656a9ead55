//! Whoever counts, counts the same: clients, series, the access log and the exposures, of many requests.

use std::collections::BTreeMap;
use std::sync::Mutex;

use graylane_testbed::{
    Envoy, Error, Load, PluginFile, Request, Result, Until, Upstream, block_on, eventually, root,
};
use serde_json::json;

use crate::exposures::{met, read};
use crate::series::Scrape;
use crate::{HOST, SOON, bootstrap, configured};

const REQUESTS: u64 = 100_000;
const USERS: u64 = 5_000;
const WORKERS: u32 = 2;

/// An AB test, of which nothing changes from version to version but the version.
fn plugin(version: u64) -> Result<PluginFile> {
    let groups = json!([{"lane": "A", "weight": 70}, {"lane": "B", "weight": 30}]);
    let release = json!({
        "name": "button", "match": {"hosts": [HOST]}, "lanes": [{"name": "A"}, {"name": "B"}],
        "ab": {"salt": "button-2026-11", "groups": groups},
        "respond": {"experiment": true, "cache": "private"},
    });
    let policy = json!({"language": 1, "version": version, "exposures": {}, "releases": [release]});
    configured(&json!({"trust": "edge", "accessLog": true, "policy": policy}))
}

/// What clients saw: requests by lane, and what each user was told.
#[derive(Default)]
struct Seen {
    lanes: BTreeMap<String, u64>,
    told: BTreeMap<(String, bool), String>,
}

#[test]
fn a_hundred_thousand_requests_are_the_same_to_all_who_count_them() -> Result<()> {
    block_on(async {
        let (a, b) = (Upstream::start("A").await?, Upstream::start("B").await?);
        b.answer(503);
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("exposures.log");
        let mut bootstrap = bootstrap("lane-header")?;
        bootstrap.log_as(&root().join("envoy/exposures.yaml"), &log)?;
        bootstrap.endpoint("A", a.address())?.endpoint("B", b.address())?;
        let envoy = Envoy::on(bootstrap).plugin(plugin(1)?).concurrency(WORKERS).start().await?;
        let user = |number: u64| format!("u-{}", number % USERS);
        let seen = Mutex::new(Seen::default());
        let load = Load::on(envoy.address(), 8, Until::Requests(REQUESTS)).run(
            |number| Request::get("/").host(HOST).header("x-gray-id", user(number)),
            |number, response| {
                let lane = match (response.status, response.served_by()) {
                    (200, Some("A")) => "A",
                    (503, Some("B")) => "B",
                    other => return Err(format!("{other:?}")),
                };
                let told = response.header("x-abtest-id").ok_or("the client is told nothing")?;
                let told = String::from_utf8_lossy(told).into_owned();
                let mut seen = seen.lock().unwrap();
                *seen.lanes.entry(lane.to_owned()).or_default() += 1;
                seen.told.insert((user(number), false), told);
                Ok(())
            },
        );
        let change = async {
            for version in 2..7 {
                envoy.accept(&plugin(version)?).await?;
            }
            Ok::<_, Error>(())
        };
        let (tally, changed) = futures_util::join!(load, change);
        changed?;
        assert!(tally.is_clean(), "{tally}");
        let Seen { lanes, told } = seen.into_inner().unwrap();

        let scrape = Scrape::counted(&envoy, REQUESTS).await?;
        let of = |name: &str| -> BTreeMap<String, u64> {
            let lane = |lane: &String| (lane.clone(), scrape.sum(name, &[("graylane_lane", lane)]));
            lanes.keys().map(lane).collect()
        };
        for name in ["requests_total", "responses_total", "attempts_total", "duration_microseconds_count"] {
            assert_eq!(of(&format!("graylane_{name}")), lanes, "{name}");
        }
        assert_eq!(scrape.sum("graylane_requests_total", &[]), REQUESTS, "and nothing beside");
        let failures = scrape.sum("graylane_failures_total", &[]);
        assert_eq!(Some(&failures), lanes.get("B"));
        assert_eq!(envoy.admin().stat("wasmcustom.graylane.decisions.split").await?, Some(REQUESTS));

        // Envoy holds lines back for a while.
        let logged = eventually("all requests in the access log", SOON, async || {
            let mut logged = BTreeMap::new();
            for line in
                envoy.access_log()?.lines().filter_map(|line| line.split_once(r#"graylane="button;lane="#))
            {
                *logged.entry(line.1.split(';').next().unwrap_or_default().to_owned()).or_default() += 1;
            }
            Ok((logged.values().sum::<u64>() >= REQUESTS).then_some(logged))
        })
        .await?;
        assert_eq!(logged, lanes);
        let events = eventually("all users in the log of exposures", SOON, async || {
            let events = read(&log);
            Ok((events.iter().filter_map(met).collect::<BTreeMap<_, _>>().len() == told.len())
                .then_some(events))
        })
        .await?;
        assert_eq!(events.iter().filter_map(met).collect::<BTreeMap<_, _>>(), told);
        println!("{tally}: {lanes:?}; {} exposures of {} users", events.len(), told.len());
        assert!(events.len() as u64 <= u64::from(WORKERS) * USERS, "each worker tells a user once");
        Ok(())
    })
}
