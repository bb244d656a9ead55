//! Large values, and many.

use std::time::Instant;

use graylane_testbed::{Cut, Etcd, Result, block_on, eventually};
use serde_json::{Value, json};

use crate::support::{LIMIT, Proxy, Witness, put_all, report, telling, versioned};

/// The most bytes of a value, as docs/documents.md says.
const LARGEST: usize = 1 << 20;
const MANY: usize = 10_000;

/// A document of exactly so many bytes.
fn of_size(version: u64, size: usize) -> String {
    let mut document: Value = json!({"language": 1, "version": version, "release": telling("shop", version)});
    document["note"] = "".into();
    let rest = size - document.to_string().len();
    document["note"] = "x".repeat(rest).into();
    document.to_string()
}

#[test]
fn a_value_may_have_a_megabyte_and_not_a_byte_more() -> Result<()> {
    block_on(async {
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        client.put("/policies/releases/shop", versioned("shop", 1)).await?;
        client.put("/policies/releases/pay", versioned("pay", 1)).await?;
        let proxy = Proxy::start(etcd.address(), json!({})).await?;
        let witness = Witness::of(&proxy, &["shop", "pay"]).await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;
        witness.until(&proxy, "pay", Some(1), Instant::now()).await?;

        let before = Instant::now();
        client.put("/policies/releases/shop", of_size(2, LARGEST)).await?;
        report("a megabyte", witness.until(&proxy, "shop", Some(2), before).await?);
        for (times, size) in [(1, LARGEST + 1), (2, LARGEST * 7 / 5)] {
            client.put("/policies/releases/shop", of_size(3, size)).await?;
            proxy.until_at_least("refused.oversize", times).await?;
        }
        proxy.until_said("/policies/releases/shop: oversize", 2).await?;
        // Neither is anything else held up, nor is it later.
        client.put("/policies/releases/pay", versioned("pay", 2)).await?;
        witness.until(&proxy, "pay", Some(2), Instant::now()).await?;
        let before = Instant::now();
        client.put("/policies/releases/shop", versioned("shop", 3)).await?;
        report("after values that are too large", witness.until(&proxy, "shop", Some(3), before).await?);

        // A list of them, too.
        for large in 0..4 {
            client.put(format!("/policies/releases/large{large}"), of_size(1, LARGEST)).await?;
        }
        proxy.until_at_least("refused.key", 4).await?;
        let another = Proxy::start(etcd.address(), json!({})).await?;
        let workers = Witness::of(&another, &["shop"]).await?;
        workers.until(&another, "shop", Some(3), Instant::now()).await?;
        workers.finish(&[]).await?;
        witness.finish(&[]).await
    })
}

#[test]
fn ten_thousand_documents_are_in_force_soon_after_the_start() -> Result<()> {
    block_on(async {
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        let names = (0..MANY - 2).map(|number| format!("many{number:05}"));
        put_all(&client, names, |name| versioned(name, 1)).await?;
        // The first and the last of the list.
        client.put("/policies/releases/aaa", versioned("aaa", 1)).await?;
        client.put("/policies/releases/zzz", versioned("zzz", 1)).await?;

        let mut cut = Cut::before(etcd.address()).await?;
        cut.refuse().await;
        let proxy = Proxy::start(cut.address(), json!({})).await?;
        let witness = Witness::of(&proxy, &["aaa", "zzz"]).await?;
        let empty = proxy.envoy.process().resident_bytes()?;
        let began = Instant::now();
        cut.heal().await?;
        witness.until(&proxy, "aaa", Some(1), began).await?;
        report("10,000 documents", witness.until(&proxy, "zzz", Some(1), began).await?);
        assert_eq!(proxy.gauge("releases").await?, 10_000);
        let full = proxy.envoy.process().resident_bytes()?;
        println!("memory of Envoy with two workers: {} MB before, {} MB after", empty >> 20, full >> 20);

        let before = Instant::now();
        client.put("/policies/releases/zzz", versioned("zzz", 2)).await?;
        report(
            "10,000 documents, and one of them changes",
            witness.until(&proxy, "zzz", Some(2), before).await?,
        );
        let held_up = eventually("a worker to say how long it was held up", LIMIT, async || {
            Ok(Some(proxy.gauge("takeover_us").await?).filter(|time| *time > 0))
        });
        println!("a worker was held up for {} us by that", held_up.await?);
        witness.finish(&[]).await
    })
}
