//! A policy of 10,000 releases as the configuration of a plugin: how long it holds up a worker, and what is said of its size.
#![cfg(test)]

use graylane_bench::policy::{self, Trust};
use graylane_testbed::{Bootstrap, Envoy, Error, PluginFile, Result, Verdict, block_on};
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

/// The same with a mistake in its last release.
fn bad(version: u64) -> String {
    let mut policy = policy::policy(RELEASES);
    policy["version"] = version.into();
    policy["releases"][RELEASES - 1]["match"] = json!({"hosts": ["no host"]});
    json!({"trust": Trust::Edge.as_str(), "policy": policy}).to_string()
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
        // How many VMs have compiled this version since, and how many have taken it over.
        let came_of = |version: u64, since: usize| {
            let what = format!("policy version {version} in force, {RELEASES} releases");
            let log = envoy.log()?;
            let lines = || log.get(since..).unwrap_or_default().lines().filter(|line| line.contains(&what));
            let taken = lines().filter(|line| line.ends_with("taken over")).count();
            Ok::<_, Error>((lines().count() - taken, taken))
        };
        let hold_up = async |version: u64, (compiled, taken): (usize, usize)| {
            let since = envoy.log()?.len();
            envoy.accept(&plugin(version, RELEASES)?).await?;
            assert_eq!(stat("version").await?, version);
            assert_eq!(came_of(version, since)?, (compiled, taken), "compiled and taken over");
            stat("configure_us").await
        };
        let (mut updates, mut rollbacks) = (Vec::new(), Vec::new());
        for version in 2..2 + UPDATES {
            // The VM in which Envoy tries it compiles; those of main thread and worker take over. What was accepted once is not tried again.
            updates.push(hold_up(version, (1, 2)).await?);
            if version > 2 {
                rollbacks.push(hold_up(version - 1, (0, 2)).await?);
                let bad = plugin(version, RELEASES)?.configuration(&bad(version))?;
                assert_eq!(envoy.publish(&bad).await?, Verdict::Refused);
                assert_eq!(stat("version").await?, version - 1, "a bad one as large changes nothing");
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
