//! How requests end is counted for releases that come while an Envoy runs.

use graylane_testbed::{Etcd, Request, Result, block_on, eventually};

use crate::support::{LIMIT, Proxy, canary, document};

#[test]
fn a_release_that_comes_later_is_counted_and_one_that_changes_goes_on_where_it_was() -> Result<()> {
    block_on(async {
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        let put = async |name: &str, version: u64, percent: u32| {
            client.put(format!("/policies/releases/{name}"), document(version, &canary(name, percent))).await
        };
        put("first", 1, 0).await?;
        let proxy = Proxy::telling(etcd.address()).await?;
        let mut workers = proxy.workers().await?;
        let mut ask = async |name: &str| {
            for worker in &mut workers {
                worker.send(&Request::get("/").host(name).header("x-gray-id", "u-1")).await?;
            }
            Ok::<_, graylane_testbed::Error>(())
        };
        let counted = async |name: &str, lane: &str, expected: u64| {
            let series = format!(
                "wasmcustom.graylane_release=.={name};.;graylane_lane=.={lane};.;graylane_class=.=2xx;.;graylane_responses_total"
            );
            eventually(&format!("{series} to be {expected} or more"), LIMIT, async || {
                // Those that waited for the policy asked as well.
                Ok((proxy.envoy.admin().stat(&series).await? >= Some(expected)).then_some(()))
            })
            .await
        };
        proxy.until_lane("first", Some("stable")).await?;
        ask("first").await?;
        counted("first", "stable", 2).await?;

        put("second", 1, 0).await?;
        put("first", 2, 100).await?;
        proxy.until_lane("first", Some("v2")).await?;
        ask("first").await?;
        ask("second").await?;
        counted("first", "v2", 2).await?;
        counted("second", "stable", 2).await
    })
}
