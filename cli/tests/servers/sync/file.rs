//! A folder, kept in a file that a real Envoy follows.

use graylane_testbed::{
    Bootstrap, Client, Envoy, Request, Result, Upstream, block_on, eventually, module, telemetry_module,
};
use serde_json::{Value, json};

use crate::ground::Ground;
use crate::sync::bridge::Bridge;
use crate::sync::{LIMIT, canary, release};

/// Waits until a request to the host is served by this lane.
async fn until_served(envoy: &Envoy, bridge: &Bridge, host: &str, lane: &str) -> Result<()> {
    let what = format!("{host} to be served by {lane}");
    let served = eventually(&what, LIMIT, async || {
        let request = Request::get("/").host(host).header("x-gray-id", "u-1");
        let response = Client::to(envoy.address()).send(&request).await?;
        Ok((response.served_by() == Some(lane)).then_some(()))
    });
    served.await.map_err(|fault| fault.context(bridge.said()))
}

/// An Envoy with its lanes, which are there as long as they are held.
async fn envoy_with_lanes() -> Result<(Envoy, [Upstream; 2])> {
    let lanes = [Upstream::start("stable").await?, Upstream::start("v2").await?];
    let mut bootstrap = Bootstrap::load("lane-header")?;
    bootstrap.endpoint("stable", lanes[0].address())?.endpoint("v2", lanes[1].address())?;
    Ok((Envoy::on(bootstrap).start().await?, lanes))
}

#[test]
fn envoy_follows_what_a_folder_says_and_a_new_bridge_knows_what_was_good() -> Result<()> {
    block_on(async {
        let (envoy, _lanes) = envoy_with_lanes().await?;
        let ground = Ground::empty();
        let file = envoy.plugin_path().display().to_string();
        let module = module()?.display().to_string();
        let start = || {
            let arguments =
                ["sync", "envoy", "--from", "policies", "--trust", "edge", "--module", &module, "-o", &file];
            Bridge::of(ground.bare_command(&arguments).spawn()?)
        };
        ground.write("policies/shop.yaml", canary("shop", 100));
        ground.write("policies/pay.yaml", canary("pay", 0));
        std::fs::remove_file(&file)?;
        let bridge = start()?;
        until_served(&envoy, &bridge, "shop", "v2").await?;
        until_served(&envoy, &bridge, "pay", "stable").await?;
        ground.write("policies/dial.yaml", "{release: pay, percent: {v2: 100}}");
        until_served(&envoy, &bridge, "pay", "v2").await?;
        drop(bridge);

        ground.write("policies/shop.yaml", "{");
        ground.write("policies/news.yaml", canary("news", 100));
        let bridge = start()?;
        until_served(&envoy, &bridge, "news", "v2").await?;
        until_served(&envoy, &bridge, "shop", "v2").await?;
        let written = bridge.said().matches(" live in ").count();
        assert_eq!(written, 1, "what is so already is not written again: {}", bridge.said());
        ground.remove("policies/news.yaml");
        ground.write("policies/shop.yaml", canary("shop", 0));
        until_served(&envoy, &bridge, "shop", "stable").await
    })
}

#[test]
fn a_new_bridge_writes_new_keys_and_keeps_what_a_broken_dial_said() {
    let ground = Ground::empty();
    let once = |keys: &str| {
        ground.bare(&[
            "sync",
            "envoy",
            "--from",
            "policies",
            "--trust",
            "edge",
            "--keys",
            keys,
            "-o",
            "ecds.json",
            "--once",
        ])
    };
    ground.write("k1.yaml", format!("k1: '{}'", "1".repeat(32)));
    ground.write("k2.yaml", format!("k1: '{}'", "2".repeat(32)));
    ground.write("policies/shop.yaml", canary("shop", 5));
    ground.write("policies/dial.yaml", "{release: shop, percent: {v2: 20}}");
    assert_eq!(once("k1.yaml").code, Some(0));
    let old = ground.read("ecds.json");
    assert!(old.contains("percent\\\":20") && old.contains(&"1".repeat(32)), "{old}");
    assert_eq!(once("k2.yaml").code, Some(0));
    assert!(ground.read("ecds.json").contains(&"2".repeat(32)));
    ground.write("policies/dial.yaml", "{release: shop, percent: {v2: 200}}");
    assert_eq!(once("k2.yaml").code, Some(1));
    assert!(ground.read("ecds.json").contains("percent\\\":20"));
    ground.remove("ecds.json");
    assert_eq!(once("k1.yaml").code, Some(1));
    assert!(ground.read("ecds.json").contains("percent\\\":5"), "there is nothing to keep");
}

/// The configuration of the plugin in a file for Envoy.
fn configuration(file: &str) -> Value {
    let file: Value = serde_json::from_str(file).expect("JSON");
    let text = file.pointer("/resources/0/typed_config/config/configuration/value").and_then(Value::as_str);
    serde_json::from_str(text.expect("a configuration")).expect("JSON")
}

#[test]
fn what_is_counted_and_the_next_policy_stand_in_each_file_that_is_written() -> Result<()> {
    block_on(async {
        let (envoy, _lanes) = envoy_with_lanes().await?;
        let ground = Ground::empty();
        let file = envoy.plugin_path().display().to_string();
        let module = telemetry_module()?.display().to_string();
        ground.write("policies/shop.yaml", canary("shop", 0));
        ground.write("next.yaml", json!({"language": 1, "releases": [release("shop", 100)]}).to_string());
        ground.write("metrics.yaml", "requestsOnly: true\nlanes: 20\n");
        std::fs::remove_file(&file)?;
        let from =
            ["sync", "envoy", "--from", "policies", "--trust", "edge", "--module", &module, "-o", &file];
        let beside = ["--metrics", "metrics.yaml", "--shadow", "next.yaml"];
        let start = || Bridge::of(ground.bare_command(&[from.as_slice(), &beside].concat()).spawn()?);
        let bridge = start()?;
        until_served(&envoy, &bridge, "shop", "stable").await?;
        ground.write("policies/shop.yaml", canary("shop", 100));
        until_served(&envoy, &bridge, "shop", "v2").await?;
        drop(bridge);
        let written = std::fs::read_to_string(&file)?;
        let configuration = configuration(&written);
        assert_eq!(configuration["metrics"], json!({"lanes": 20, "requestsOnly": true}));
        let named = envoy.admin().get("/stats?filter=graylane_release").await?;
        for (counted, is_counted) in [
            ("graylane_requests_total", true),
            ("graylane_responses_total", false),
            ("graylane_change=.=leaves;.;graylane_shadow_requests_total", true),
        ] {
            assert_eq!(named.contains(counted), is_counted, "{counted}: {named}");
        }
        // The same bridge once more has nothing to write.
        let bridge = start()?;
        bridge.until_said("is kept as policies says", 1).await?;
        ground.write("policies/pay.yaml", canary("pay", 100));
        until_served(&envoy, &bridge, "pay", "v2").await?;
        assert_eq!(bridge.said().matches(" live in ").count(), 1, "{}", bridge.said());
        Ok(())
    })
}

#[test]
fn a_bridge_does_not_start_with_mistakes_in_what_stands_beside_the_policy() {
    let ground = Ground::empty();
    ground.write("policies/shop.yaml", canary("shop", 5));
    ground.write("keys.yaml", "k1: 00ff");
    ground.write("metrics.yaml", "\nlane: 5\n");
    ground.write("next.yaml", canary("shop", 5));
    let from = ["sync", "envoy", "--from", "policies", "--trust", "edge", "-o", "ecds.json", "--once"];
    let beside = ["--keys", "keys.yaml", "--metrics", "metrics.yaml", "--shadow", "next.yaml"];
    let ran = ground.bare(&[from.as_slice(), &beside].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for told in [
        "keys.yaml:1:5: error: k1: Invalid value",
        "metrics.yaml:2:1: error: lane: Unknown field: allowed: lanes, grpcStatus, requestsOnly",
        "help: did you mean \"lanes\"?",
        "next.yaml:1:1: error: language: Required value",
    ] {
        assert!(ran.told.contains(told), "{told}: {ran:?}");
    }
    assert!(!ground.path("ecds.json").exists());
    for two in [["--keys", "-", "--metrics", "-"], ["--keys", "-", "--signers", "-"]] {
        let ran = ground.bare(&[from.as_slice(), &two].concat());
        assert!(ran.code == Some(2) && ran.told.contains("standard input can only be one"), "{ran:?}");
    }
}

#[test]
fn a_release_whose_key_is_not_known_any_more_is_not_lost() {
    let ground = Ground::empty();
    let once = |more: &[&str]| {
        let sync = ["sync", "envoy", "--from", "policies", "--trust", "edge", "-o", "ecds.json", "--once"];
        ground.bare(&[&sync, more].concat())
    };
    ground.write("k1.yaml", format!("k1: '{}'", "1".repeat(32)));
    ground.write("k2.yaml", format!("k2: '{}'", "2".repeat(32)));
    let mut shop = release("shop", 5);
    shop["sticky"] = json!({"key": "k1"});
    ground.write("policies/shop.yaml", shop.to_string());
    assert_eq!(once(&["--keys", "k1.yaml"]).code, Some(0));
    let before = ground.read("ecds.json");
    for more in [&[][..], &["--keys", "k2.yaml"]] {
        let ran = once(more);
        assert!(ran.code == Some(1) && ran.told.contains("releases/shop: sticky.key"), "{ran:?}");
        assert_eq!(ground.read("ecds.json"), before);
    }
}

#[test]
fn a_file_of_something_else_is_not_written_over() {
    let ground = Ground::empty();
    ground.write("policies/shop.yaml", canary("shop", 1));
    ground.write("ecds.json", "{\"mine\": true}");
    let ran =
        ground.bare(&["sync", "envoy", "--from", "policies", "--trust", "edge", "-o", "ecds.json", "--once"]);
    assert!(ran.code == Some(2) && ran.told.contains("no filter of graylane"), "{ran:?}");
    assert_eq!(ground.read("ecds.json"), "{\"mine\": true}");
}

mod real_etcd {
    use std::time::Instant;

    use graylane_testbed::{Context, Etcd, PluginFile};

    use super::*;

    const FILTER: &str =
        "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0";

    /// Follows an etcd, and has the filter from a file.
    fn bootstrap(etcd: &Etcd, lanes: &[Upstream; 2]) -> Result<Bootstrap> {
        let mut bootstrap = Bootstrap::following(&etcd.addresses())?;
        bootstrap.endpoint("stable", lanes[0].address())?.endpoint("v2", lanes[1].address())?;
        let by_file = Bootstrap::load("lane-header")?;
        let by_file = by_file.document().pointer(FILTER).context("no filter")?.clone();
        *bootstrap.document_mut().pointer_mut(FILTER).context("no filter")? = by_file;
        Ok(bootstrap)
    }

    #[test]
    fn an_envoy_that_starts_without_etcd_serves_the_file_at_once_and_follows_etcd_when_it_is_back()
    -> Result<()> {
        block_on(async {
            let lanes = [Upstream::start("stable").await?, Upstream::start("v2").await?];
            let mut etcd = Etcd::start().await?;
            let ground = Ground::of(&etcd);
            let team = ["--key", "team-a.pem", "--id", "team-a", "--yes"];
            let publish = |share| {
                ground.write("shop.yaml", canary("shop", share));
                let ran = ground.run(&[&["publish", "shop.yaml"], team.as_slice()].concat());
                assert_eq!(ran.code, Some(0), "{ran:?}");
            };
            publish(100);
            let module = module()?.display().to_string();
            let bridge = Bridge::of(ground.start(&[
                "sync",
                "envoy",
                "--from",
                "etcd",
                "--trust",
                "edge",
                "--watch",
                "policies",
                "--module",
                &module,
                "--signers",
                "signers.yaml",
                "-o",
                "ecds.json",
            ]))?;
            bridge.until_said("1 document live in ecds.json", 1).await?;
            etcd.kill()?;
            drop(bridge);
            let file = PluginFile::of(serde_json::from_str::<Value>(&ground.read("ecds.json"))?);
            let envoy = Envoy::on(bootstrap(&etcd, &lanes)?).plugin(file).start().await?;
            let ready = Instant::now();
            let request = Request::get("/").host("shop").header("x-gray-id", "u-1");
            let response = Client::to(envoy.address()).send(&request).await?;
            assert_eq!(response.served_by(), Some("v2"), "the first request: {}", envoy.log()?);
            println!(
                "without etcd, first request decided after Envoy was ready: {:.1} ms",
                ready.elapsed().as_secs_f64() * 1e3
            );
            etcd.resume().await?;
            publish(0);
            let followed = eventually("etcd to be followed", LIMIT, async || {
                let response = Client::to(envoy.address()).send(&request).await?;
                Ok((response.served_by() == Some("stable")).then_some(()))
            });
            followed.await.map_err(|fault| fault.context(envoy.log().unwrap_or_default()))
        })
    }

    #[test]
    fn into_a_file_goes_nothing_that_nobody_signed() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            let document = |name: &str| json!({"language": 1, "release": release(name, 5)}).to_string();
            client.put("/policies/releases/bare", document("bare")).await?;
            ground.write("shop.yaml", canary("shop", 5));
            assert_eq!(ground.publish(&["shop.yaml", "--yes"]).code, Some(0));
            let once = [
                "sync",
                "envoy",
                "--from",
                "etcd",
                "--trust",
                "edge",
                "--signers",
                "signers.yaml",
                "-o",
                "ecds.json",
                "--once",
            ];
            let ran = ground.run(&once);
            assert!(
                ran.code == Some(1) && ran.told.contains("/policies/releases/bare: it is not signed"),
                "{ran:?}"
            );
            let file = ground.read("ecds.json");
            assert!(file.contains("shop") && !file.contains("bare"), "{file}");
            Ok(())
        })
    }
}
