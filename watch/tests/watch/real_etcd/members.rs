//! An etcd of three members, all of them endpoints of the cluster.

use std::time::Instant;

use graylane_etcd::Client;
use graylane_testbed::{Etcd, Result, block_on, eventually};
use serde_json::json;

use crate::support::{LIMIT, Proxy, Witness, report, versioned};

/// Puts a version, as soon as there is a leader who takes it.
async fn put(client: &Client, version: u64) -> Result<()> {
    eventually("etcd to take a put", LIMIT, async || {
        Ok(client.put("/policies/releases/shop", versioned("shop", version)).await.ok())
    })
    .await
    .map(drop)
}

#[test]
fn other_leaders_and_dead_members_hold_up_nothing() -> Result<()> {
    block_on(async {
        let mut etcd = Etcd::builder().members(3).start().await?;
        let client = etcd.client().await?;
        put(&client, 1).await?;
        let proxy = Proxy::of(&etcd.addresses(), &json!({}), json!({})).await?;
        let witness = Witness::of(&proxy, &["shop"]).await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;
        let mut version = 1;
        let next = async |what: &str, version: &mut u64| -> Result<()> {
            *version += 1;
            put(&client, *version).await?;
            let written = Instant::now();
            report(what, witness.until(&proxy, "shop", Some(*version), written).await?);
            Ok(())
        };

        etcd.move_leader((etcd.leader().await? + 1) % 3).await?;
        next("another leader", &mut version).await?;
        let leader = etcd.leader().await?;
        etcd.kill_member(leader)?;
        next("the leader killed", &mut version).await?;
        etcd.resume_member(leader).await?;
        next("it is there again", &mut version).await?;
        // One of them is the one that the proxy watches.
        for member in (0..3).filter(|member| *member != leader) {
            etcd.kill_member(member)?;
            next("another member killed", &mut version).await?;
            etcd.resume_member(member).await?;
        }
        witness.finish(&[]).await
    })
}

#[test]
fn a_member_that_has_lost_the_others_is_not_believed_to_know_everything() -> Result<()> {
    block_on(async {
        let mut etcd = Etcd::builder().members(3).start().await?;
        let client = etcd.client().await?;
        put(&client, 1).await?;
        // The proxy knows one member alone, so there is no doubt which it watches.
        let proxy = Proxy::start(etcd.address(), json!({})).await?;
        let witness = Witness::of(&proxy, &["shop"]).await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;

        let alone = Instant::now();
        etcd.kill_member(1)?;
        etcd.kill_member(2)?;
        // It is up and answers; without the others it says so.
        proxy.until_at_least("trouble", 1).await?;
        report("a member without the others: noticed", alone.elapsed());
        etcd.resume().await?;
        let whole = Instant::now();
        put(&client, 2).await?;
        report("a member has the others again", witness.until(&proxy, "shop", Some(2), whole).await?);
        witness.finish(&[]).await
    })
}
