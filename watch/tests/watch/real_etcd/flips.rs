//! Changes while requests are on their way.

use std::sync::atomic::{AtomicBool, Ordering};

use graylane_etcd::Transaction;
use graylane_testbed::{Etcd, Load, Request, Result, Until, block_on};
use serde_json::{Value, json};

use crate::support::{Proxy, canary, document};

const FLIPS: u64 = 1_000;

/// An AB test on the same host, which names a group.
fn test(group: &str) -> Value {
    let weight = |other: &str| if other == group { 100 } else { 0 };
    json!({
        "name": "button", "match": {"hosts": ["shop"]}, "lanes": [{"name": "A"}, {"name": "B"}],
        "ab": {"salt": "s", "route": false, "groups": [{"lane": "A", "weight": weight("A")}, {"lane": "B", "weight": weight("B")}]},
    })
}

/// Two releases that change in one transaction: a request sees both as they were, or both as they are.
#[test]
fn a_thousand_flips_under_load_fail_nothing_and_mix_nothing() -> Result<()> {
    block_on(async {
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        let flip = |version: u64| {
            let (percent, group) = if version.is_multiple_of(2) { (0, "A") } else { (100, "B") };
            Transaction::default()
                .put("/policies/releases/shop", document(version, &canary("shop", percent)))
                .put("/policies/releases/button", document(version, &test(group)))
        };
        client.transact(flip(2)).await?;
        let proxy = Proxy::start(etcd.address(), json!({})).await?;
        proxy.until_lane("shop", Some("stable")).await?;

        let over = AtomicBool::new(false);
        let request = Request::get("/").host("shop").header("x-gray-id", "u-1");
        let load = Load::on(proxy.envoy.address(), 8, Until::Stopped(&over)).run(
            |_| request.clone(),
            |_, response| {
                let echo = response.echo().map_err(|error| error.to_string())?;
                let group = echo.header("x-abtest-group").unwrap_or_default();
                match (response.served_by(), group.as_slice()) {
                    (Some("stable"), b"A") | (Some("v2"), b"B") => Ok(()),
                    (lane, group) => Err(format!("{lane:?} with {}", String::from_utf8_lossy(group))),
                }
            },
        );
        let flips = async {
            for version in 3..3 + FLIPS {
                client.transact(flip(version)).await?;
            }
            over.store(true, Ordering::Relaxed);
            Result::<_>::Ok(())
        };
        let (tally, flipped) = futures_util::future::join(load, flips).await;
        flipped?;
        println!("{FLIPS} flips: {tally}");
        assert!(tally.is_clean() && tally.sent > FLIPS / 10, "{tally}");
        proxy.until_lane("shop", Some("stable")).await
    })
}
