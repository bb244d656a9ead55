//! Policies from etcd are in force.

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
