//! Ten thousand releases: how long a worker is held up, and what it keeps.

use std::time::Instant;

use graylane_testbed::{Etcd, Request, Result, block_on};
use serde_json::json;

use crate::support::{Proxy, canary, document, put_all};

const RELEASES: usize = 10_000;
const CHANGES: u64 = 50;

/// Bounds with room for a slow machine; the figures themselves are printed.
const ALL_MICROS: u64 = 30_000;
const ONE_MICROS: u64 = 3_000;
const WORKER_BYTES: u64 = 40 << 20;

#[test]
fn ten_thousand_releases_hold_no_worker_up_and_fit() -> Result<()> {
    block_on(async {
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        let name = |number: usize| format!("service-{number}");
        let key = |number: usize| format!("/policies/releases/{}", name(number));
        client.put(key(0), document(1, &canary(&name(0), 0))).await?;
        let proxy = Proxy::start(etcd.address(), json!({})).await?;
        proxy.until_lane(&name(0), Some("stable")).await?;
        let mut workers = proxy.workers().await?;
        let before = proxy.envoy.process().resident_bytes()?;

        let began = Instant::now();
        put_all(&client, (1..RELEASES).map(name), |name| document(1, &canary(name, 0))).await?;
        let written = began.elapsed();
        let began = Instant::now();
        // Nobody asks anything meanwhile, so each worker takes all of it over with its next request.
        proxy.until_at_least("releases", RELEASES as u64).await?;
        let in_force = began.elapsed();
        let last = Request::get("/").host(&name(RELEASES - 1)).header("x-gray-id", "u-1");
        let (mut all, mut kept) = (Vec::new(), Vec::new());
        let resident = || proxy.envoy.process().resident_bytes();
        let watch = resident()?.saturating_sub(before);
        for worker in &mut workers {
            let before = resident()?;
            assert_eq!(worker.send(&last).await?.served_by(), Some("stable"));
            all.push(proxy.gauge("takeover_us").await?);
            kept.push(resident()?.saturating_sub(before));
        }
        println!("{RELEASES} releases written in {written:.1?}, compiled {in_force:.1?} after that");
        let mebibytes = |bytes: &u64| bytes >> 20;
        println!(
            "each worker was held up by all of them for {all:?} us and keeps {:?} MiB; the watch and what is shared {} MiB",
            kept.iter().map(mebibytes).collect::<Vec<_>>(),
            mebibytes(&watch)
        );

        let mut one = Vec::new();
        for change in 0..CHANGES {
            let (percent, lane) = if change % 2 == 0 { (100, "v2") } else { (0, "stable") };
            let revision =
                client.put(key(77), document(change + 2, &canary(&name(77), percent))).await?.revision;
            proxy.until_at_least("revision", u64::try_from(revision)?).await?;
            let request = Request::get("/").host(&name(77)).header("x-gray-id", "u-1");
            for worker in &mut workers {
                assert_eq!(worker.send(&request).await?.served_by(), Some(lane));
                one.push(proxy.gauge("takeover_us").await?);
            }
        }
        one.sort_unstable();
        let (median, most) = (one[one.len() / 2], one[one.len() - 1]);
        println!("by one changed release: median {median} us, at most {most} us");
        // They do the same; one may have been interrupted by others on the machine.
        assert!(all.iter().any(|micros| *micros <= ALL_MICROS), "{all:?}");
        assert!(median <= ONE_MICROS, "{one:?}");
        assert!(kept.iter().all(|bytes| *bytes <= WORKER_BYTES), "{kept:?}");
        Ok(())
    })
}
