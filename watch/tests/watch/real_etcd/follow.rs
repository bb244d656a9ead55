//! Policies from etcd are in force.

use std::time::Instant;

use graylane_testbed::{Etcd, Result, block_on};
use serde_json::json;

use crate::support::{Proxy, canary, document};

#[test]
fn what_stands_in_etcd_is_in_force_and_what_changes_follows() -> Result<()> {
    block_on(async {
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        client.put("/policies/releases/shop", document(1, &canary("shop", 0))).await?;
        let proxy = Proxy::start(etcd.address(), json!({})).await?;
        proxy.until_lane("shop", Some("stable")).await?;
        client.put("/policies/releases/shop", document(2, &canary("shop", 100))).await?;
        proxy.until_lane("shop", Some("v2")).await?;
        client.delete(graylane_etcd::Keys::one("/policies/releases/shop")).await?;
        proxy.until_lane("shop", None).await?;
        Ok(())
    })
}

#[test]
fn a_snapshot_is_in_force_until_etcd_has_something_newer() -> Result<()> {
    block_on(async {
        let mut etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        client.put("/policies/releases/shop", document(3, &canary("shop", 0))).await?;
        etcd.kill()?;
        let entry = json!({"key": "releases/shop", "value": document(5, &canary("shop", 100))});
        let proxy = Proxy::start(etcd.address(), json!({"snapshot": [entry]})).await?;
        let ready = Instant::now();
        proxy.until_lane("shop", Some("v2")).await?;
        println!("without etcd the snapshot is in force {:.1?} after Envoy is ready", ready.elapsed());

        etcd.resume().await?;
        proxy.until_at_least("refused.version", 1).await?;
        assert_eq!(proxy.lane("shop").await?.as_deref(), Some("v2"), "etcd has an older one");
        etcd.client().await?.put("/policies/releases/shop", document(6, &canary("shop", 0))).await?;
        proxy.until_lane("shop", Some("stable")).await
    })
}
