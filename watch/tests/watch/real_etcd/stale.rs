//! etcd is silent for longer than the settings allow.

use std::time::{Duration, Instant, SystemTime};

use graylane::time::Timestamp;
use graylane_testbed::{Cut, Etcd, Result, block_on, eventually};
use serde_json::json;

use crate::support::{LIMIT, Proxy, canary, document, report};

/// The least that may be allowed, in seconds.
const AFTER: u64 = 10;
/// It is noticed with the next tick; the rest is room for a slow machine.
const NOTICED: Duration = Duration::from_secs(AFTER + 3);
/// When the ramp goes on: after the limit, however slow the start was.
const STEP: u64 = 20;

fn settings(then: &str) -> String {
    json!({"language": 1, "version": 1, "settings": {"stale": {"after": AFTER, "then": then}}}).to_string()
}

/// Seconds since 1970.
fn clock() -> Result<u64> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs())
}

fn at(seconds: u64) -> Result<String> {
    Ok(Timestamp::from_seconds(i64::try_from(seconds)?).to_string())
}

/// Waits until etcd, which has not been heard since then, is silent for too long.
async fn until_stale(proxy: &Proxy, since: Instant) -> Result<()> {
    proxy.until_at_least("stale", 1).await?;
    let noticed = since.elapsed();
    report("silent for longer than 10 s: noticed", noticed);
    assert!(noticed < NOTICED, "{}", proxy.said());
    Ok(())
}

#[test]
fn frozen_ramps_stand_still_until_etcd_is_heard_again() -> Result<()> {
    block_on(async {
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        client.put("/policies/settings", settings("freezeRamps")).await?;
        let mut cut = Cut::before(etcd.address()).await?;
        let proxy = Proxy::start(cut.address(), json!({})).await?;
        let step = clock()? + STEP;
        let points = json!([{"at": at(step - 60)?, "percent": 0}, {"at": at(step)?, "percent": 100}]);
        let mut release = canary("shop", 0);
        release["canary"]["candidates"] = json!([{"lane": "v2", "ramp": {"steps": points}}]);
        client.put("/policies/releases/shop", document(1, &release)).await?;
        proxy.until_lane("shop", Some("stable")).await?;
        cut.stall();
        until_stale(&proxy, Instant::now()).await?;
        assert!(clock()? < step, "the start took too long for what is tested here");
        proxy.until_said("silent for too long: ramps stand still", 1).await?;
        eventually("the time of the next step", LIMIT, async || Ok((clock()? > step).then_some(()))).await?;
        for _ in 0..8 {
            assert_eq!(proxy.lane("shop").await?.as_deref(), Some("stable"));
        }
        let healed = Instant::now();
        cut.heal().await?;
        proxy.until_lane("shop", Some("v2")).await?;
        report("etcd is heard again: ramps go on", healed.elapsed());
        assert_eq!(proxy.gauge("stale").await?, 0);
        Ok(())
    })
}

#[test]
fn default_lanes_are_taken_until_etcd_is_heard_again() -> Result<()> {
    block_on(async {
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        client.put("/policies/settings", settings("defaultLanes")).await?;
        client.put("/policies/releases/shop", document(1, &canary("shop", 100))).await?;
        let mut cut = Cut::before(etcd.address()).await?;
        let proxy = Proxy::start(cut.address(), json!({})).await?;
        proxy.until_lane("shop", Some("v2")).await?;
        cut.stall();
        until_stale(&proxy, Instant::now()).await?;
        proxy.until_lane("shop", Some("stable")).await?;
        let counter = "wasmcustom.graylane.decisions.stale";
        assert!(proxy.envoy.admin().stat(counter).await? > Some(0));
        let healed = Instant::now();
        cut.heal().await?;
        proxy.until_lane("shop", Some("v2")).await?;
        report("etcd is heard again: the lanes of before", healed.elapsed());
        proxy.until_said("no longer silent for too long", 1).await
    })
}

#[test]
fn a_proxy_that_has_only_its_snapshot_holds_to_the_limit_of_that() -> Result<()> {
    block_on(async {
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        let documents =
            [("settings", settings("defaultLanes")), ("releases/shop", document(1, &canary("shop", 100)))];
        for (key, value) in &documents {
            client.put(format!("/policies/{key}"), value.as_str()).await?;
        }
        let mut cut = Cut::before(etcd.address()).await?;
        cut.refuse().await;
        let snapshot = documents.map(|(key, value)| json!({"key": key, "value": value}));
        let proxy = Proxy::start(cut.address(), json!({"snapshot": snapshot})).await?;
        proxy.until_lane("shop", Some("v2")).await?;
        until_stale(&proxy, Instant::now()).await?;
        proxy.until_lane("shop", Some("stable")).await?;
        let healed = Instant::now();
        cut.heal().await?;
        proxy.until_lane("shop", Some("v2")).await?;
        report("etcd is heard for the first time: the lanes of the snapshot", healed.elapsed());
        Ok(())
    })
}
