//! A folder, kept in a file that a real Envoy follows.

use graylane_testbed::{Bootstrap, Client, Envoy, Request, Result, Upstream, block_on, eventually, module};

use crate::ground::Ground;
use crate::sync::bridge::Bridge;
use crate::sync::{LIMIT, canary};

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

#[test]
fn envoy_follows_what_a_folder_says_and_a_new_bridge_knows_what_was_good() -> Result<()> {
    block_on(async {
        let lanes = [Upstream::start("stable").await?, Upstream::start("v2").await?];
        let mut bootstrap = Bootstrap::load("lane-header")?;
        bootstrap.endpoint("stable", lanes[0].address())?.endpoint("v2", lanes[1].address())?;
        let envoy = Envoy::on(bootstrap).start().await?;
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
fn a_file_of_something_else_is_not_written_over() {
    let ground = Ground::empty();
    ground.write("policies/shop.yaml", canary("shop", 1));
    ground.write("ecds.json", "{\"mine\": true}");
    let ran =
        ground.bare(&["sync", "envoy", "--from", "policies", "--trust", "edge", "-o", "ecds.json", "--once"]);
    assert!(ran.code == Some(2) && ran.told.contains("no filter of graylane"), "{ran:?}");
    assert_eq!(ground.read("ecds.json"), "{\"mine\": true}");
}
