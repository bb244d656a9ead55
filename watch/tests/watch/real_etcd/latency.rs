//! How long a change takes until it is in force on every worker.

use std::time::{Duration, Instant};

use graylane_testbed::{Etcd, Request, Result, block_on};
use serde_json::json;

use crate::support::{Figures, Proxy, canary, document};

const PUTS: usize = 200;

#[test]
fn a_put_is_in_force_on_both_workers_within_milliseconds() -> Result<()> {
    block_on(async {
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        client.put("/policies/releases/shop", document(1, &canary("shop", 0))).await?;
        let proxy = Proxy::start(etcd.address(), json!({})).await?;
        proxy.until_lane("shop", Some("stable")).await?;
        let mut workers = proxy.workers().await?;
        let request = Request::get("/").host("shop").header("x-gray-id", "u-1");
        let (mut puts, mut all) = (Vec::new(), Vec::new());
        for put in 0..PUTS {
            let (percent, lane) = if put % 2 == 0 { (100, "v2") } else { (0, "stable") };
            let text = document(put as u64 + 2, &canary("shop", percent));
            let began = Instant::now();
            client.put("/policies/releases/shop", text).await?;
            let acknowledged = Instant::now();
            for worker in &mut workers {
                while worker.send(&request).await?.served_by() != Some(lane) {
                    assert!(acknowledged.elapsed() < Duration::from_secs(5), "put {put} is not in force");
                }
            }
            puts.push(acknowledged - began);
            all.push(acknowledged.elapsed());
        }
        println!("etcd's own put:                      {}", Figures::of(&mut puts));
        println!("acknowledged -> in force on both:    {}", Figures::of(&mut all));
        Ok(())
    })
}
