//! The policy that may come next, decided beside the one in force: what is counted of it is what comes of it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use graylane_testbed::{Envoy, Load, PluginFile, Request, Result, Until, Upstream, block_on};
use serde_json::{Value, json};

use crate::series::Scrape;
use crate::{HOST, Stage, bootstrap, configured};

const USERS: u64 = 1_000;

/// A canary with sticky cookies, of which the candidate has so many percent and testers.
fn policy(percent: u32, testers: &str) -> Value {
    json!({"language": 1, "version": percent, "identity": {"cookie": {}}, "releases": [{
        "name": "shop", "match": {"hosts": [HOST]}, "lanes": [{"name": "stable"}, {"name": "v2"}],
        "canary": {"salt": "shop-2026", "stable": "stable", "candidates": [{"lane": "v2", "percent": percent}]},
        "rules": [{"name": "testers", "when": {"header": {"x-tester": {"exact": testers}}}, "lane": "v2"}],
    }]})
}

fn plugin(policy: &Value, shadow: Option<&Value>) -> Result<PluginFile> {
    configured(&json!({"trust": "edge", "policy": policy, "shadow": shadow}))
}

/// One in ten says that it is a tester, of one kind or the other.
fn user(number: u64) -> Request {
    let user = number % USERS;
    let request = Request::get("/").host(HOST).header("x-gray-id", format!("u-{user}"));
    match user % 20 {
        3 => request.header("x-tester", "old"),
        13 => request.header("x-tester", "new"),
        _ => request,
    }
}

/// Which lane each user has; all ask twice.
async fn lanes(envoy: &Envoy) -> BTreeMap<u64, String> {
    let lanes = Mutex::new(BTreeMap::new());
    let load = Load::on(envoy.address(), 4, Until::Requests(2 * USERS)).run(user, |number, response| {
        let lane = response.served_by().ok_or("nobody served")?.to_owned();
        let before = lanes.lock().unwrap().insert(number % USERS, lane.clone());
        before.is_none_or(|before| before == lane).then_some(()).ok_or_else(|| "it has moved".to_owned())
    });
    let tally = load.await;
    assert!(tally.is_clean(), "{tally}");
    lanes.into_inner().unwrap()
}

#[test]
fn who_would_move_by_the_next_policy_is_counted_and_then_moves() -> Result<()> {
    block_on(async {
        let (stable, v2) = (Upstream::start("stable").await?, Upstream::start("v2").await?);
        let mut bootstrap = bootstrap("lane-header")?;
        bootstrap.endpoint("stable", stable.address())?.endpoint("v2", v2.address())?;
        let (now, next) = (policy(5, "old"), policy(20, "new"));
        let envoy = Envoy::on(bootstrap).plugin(plugin(&now, Some(&next))?).concurrency(1).start().await?;
        let before = lanes(&envoy).await;
        let scrape = Scrape::counted(&envoy, 2 * USERS).await?;
        envoy.accept(&plugin(&next, None)?).await?;
        let after = lanes(&envoy).await;

        let count = |from: &str, to: &str| {
            let moved = before.iter().filter(|(user, lane)| *lane == from && after[user] == to);
            moved.count() as u64
        };
        let told = |name: &str, lane: &str, change: &str| {
            let labels = [("graylane_release", "shop"), ("graylane_lane", lane), ("graylane_change", change)];
            scrape.sum(&format!("graylane_shadow_{name}_total"), &labels)
        };
        for (lane, other) in [("stable", "v2"), ("v2", "stable")] {
            for (change, really) in
                [("stays", count(lane, lane)), ("leaves", count(lane, other)), ("comes", count(other, lane))]
            {
                println!("{lane} {change}: {really} of {USERS}");
                assert_eq!(told("ids", lane, change), really, "{lane} {change}");
                assert_eq!(told("requests", lane, change), 2 * really, "{lane} {change}");
                assert!(really > 0, "{lane} {change}: nothing is shown");
            }
        }
        Ok(())
    })
}

#[test]
fn a_newcomer_is_the_same_to_both_and_a_bad_next_policy_is_refused() -> Result<()> {
    block_on(async {
        let now = policy(50, "old");
        let stage = Stage::start("lane-header", plugin(&now, Some(&now))?).await?;
        let tally = Load::on(stage.envoy.address(), 2, Until::Requests(200))
            .run(|_| Request::get("/").host(HOST), |_, _| Ok(()))
            .await;
        assert!(tally.is_clean(), "{tally}");
        let scrape = stage.counted(200).await?;
        let told = |change: &str| scrape.sum("graylane_shadow_ids_total", &[("graylane_change", change)]);
        assert_eq!((told("stays"), told("leaves"), told("comes")), (200, 0, 0), "each had an id of its own");

        let next = plugin(&now, Some(&policy(101, "new")))?;
        let refused = stage.envoy.accept(&next).await.unwrap_err().to_string();
        assert!(
            refused.contains("shadow.releases[0].canary.candidates[0].percent: Invalid value: 101"),
            "{refused}"
        );
        Ok(())
    })
}

/// Envoy frees no series, so there is a most of them however often the policies change.
#[test]
fn no_more_lanes_than_asked_for_have_series_whatever_comes_next() -> Result<()> {
    block_on(async {
        let plugin = |release: &str| {
            let mut policy = policy(0, "old");
            policy["releases"][0]["name"] = release.into();
            configured(&json!({"trust": "edge", "metrics": {"lanes": 2}, "policy": policy, "shadow": policy}))
        };
        let stage = Stage::start("lane-header", plugin("shop")?).await?;
        let load = || Load::on(stage.envoy.address(), 2, Until::Requests(20));
        assert!(load().run(|_| Request::get("/").host(HOST), |_, _| Ok(())).await.is_clean());
        stage.envoy.accept(&plugin("another")?).await?;
        assert!(load().run(|_| Request::get("/").host(HOST), |_, _| Ok(())).await.is_clean());
        let scrape = stage.counted(40).await?;
        let told = |release| scrape.sum("graylane_shadow_requests_total", &[("graylane_release", release)]);
        assert_eq!((told("shop"), told("another"), told("_other")), (20, 0, 20));
        Ok(())
    })
}
