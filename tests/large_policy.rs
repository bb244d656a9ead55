//! A policy of 10,000 releases as the configuration of a plugin: how long it holds up a worker, and what is said of its size.
#![cfg(test)]

use graylane_bench::policy::{self, Trust};
use graylane_testbed::{Bootstrap, Envoy, Error, PluginFile, Result, block_on};
use serde_json::json;

const RELEASES: usize = 10_000;
const UPDATES: u64 = 5;
/// What was promised. Other figures are printed.
const MOST_MICROS: u64 = 120_000;

fn plugin(version: u64, releases: usize) -> Result<PluginFile> {
    let mut policy = policy::policy(releases);
    policy["version"] = version.into();
    PluginFile::checked_in()?
        .configuration(&json!({"trust": Trust::Edge.as_str(), "policy": policy}).to_string())
}

/// The quickest of some updates counts: CPUs that share a core slow each other by half. For the same reason there is one worker.
#[test]
fn how_long_ten_thousand_releases_hold_a_worker_up_is_told_and_they_are_warned_of() -> Result<()> {
    block_on(async {
        let bootstrap = Bootstrap::load("lane-header")?;
        let envoy = Envoy::on(bootstrap).plugin(plugin(1, RELEASES / 10)?).start().await?;
        let stat = async |what: &str| {
            let name = format!("wasmcustom.graylane.policy_{what}.graylane");
            Ok::<_, Error>(envoy.admin().stat(&name).await?.unwrap_or_default())
        };
        let is_warned = |log: &str| {
            let warns =
                |line: &str| line.contains("[warning]") && line.contains("follow them with the watch");
            log.lines().any(warns)
        };
        assert!(!is_warned(&envoy.log()?), "a tenth of them is not too much");
        let hold_up = async |version: u64| {
            envoy.accept(&plugin(version, RELEASES)?).await?;
            assert_eq!(stat("version").await?, version);
            stat("configure_us").await
        };
        let (mut updates, mut rollbacks) = (Vec::new(), Vec::new());
        for version in 2..2 + UPDATES {
            updates.push(hold_up(version).await?);
            if version > 2 {
                rollbacks.push(hold_up(version - 1).await?);
            }
        }
        println!(
            "{RELEASES} releases as the configuration of a plugin hold a worker up for {updates:?} us, \
             for {rollbacks:?} us where the one before comes back"
        );
        println!("Envoy has {} MB of memory", envoy.process().resident_bytes()? / 1_000_000);
        for all in [updates, rollbacks] {
            assert!(all.iter().any(|micros| *micros <= MOST_MICROS), "{all:?}");
        }
        assert!(is_warned(&envoy.log()?), "{}", envoy.log()?);
        Ok(())
    })
}
