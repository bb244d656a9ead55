//! Requests alone are counted, and what Envoy counts by cluster tells how they end.

use graylane_testbed::{Envoy, Response, Result, block_on, eventually};
use serde_json::{Value, json};

use crate::guard::{for_an_hour, guarded, of_guard, tripped_for_an_hour};
use crate::series::Scrape;
use crate::{HOST, SOON, Stage, attempts, canary, get, plugin, tester};

/// How a lane's requests ended.
#[derive(Debug, Default, PartialEq)]
struct Ends {
    attempts: u64,
    failures: u64,
    /// 2xx, 4xx, 5xx.
    responses: [u64; 3],
}

impl Ends {
    /// As graylane counts it.
    fn counted(scrape: &Scrape, lane: &str) -> Self {
        let (attempts, failures) = attempts(scrape, lane);
        let responses = ["2xx", "4xx", "5xx"].map(|class| {
            scrape.sum("graylane_responses_total", &[("graylane_lane", lane), ("graylane_class", class)])
        });
        Ends { attempts, failures, responses }
    }

    /// As Envoy counts it for the cluster that the lane's route names, by the formulas of dashboards/prometheus/rules.yaml.
    async fn of_cluster(envoy: &Envoy, cluster: &str) -> Result<Self> {
        let stats = envoy.admin().stats(&format!(r"^cluster\.{cluster}\.upstream_rq_")).await?;
        let stat = |name: &str| {
            stats.get(&format!("cluster.{cluster}.upstream_rq_{name}")).copied().unwrap_or_default()
        };
        Ok(Ends {
            attempts: stat("completed") + stat("retry") - stat("retry_success"),
            failures: stat("retry") + stat("5xx"),
            responses: ["2xx", "4xx", "5xx"].map(stat),
        })
    }
}

fn requests_only() -> Value {
    json!({"requestsOnly": true})
}

/// Every way in which a request of the candidate ends, and some of the others.
async fn play(stage: &mut Stage) -> Result<Vec<(u16, Option<String>)>> {
    let mut answers = Vec::new();
    let mut answered =
        |response: Response| answers.push((response.status, response.served_by().map(str::to_owned)));
    for _ in 0..3 {
        answered(stage.ask(&get()).await?);
    }
    for (status, times) in [(200, 4), (404, 1), (503, 2)] {
        stage.v2.answer(status);
        for _ in 0..times {
            answered(stage.ask(&tester()).await?);
        }
    }
    stage.stable.answer(500);
    answered(stage.ask(&tester()).await?);
    stage.v2.stop().await;
    stage.stable.answer(200);
    for _ in 0..5 {
        answered(stage.ask(&tester()).await?);
    }
    Ok(answers)
}

/// Where the route of a lane names its cluster, and where it names an aggregate whose retries go on to another lane.
#[test]
fn what_envoy_counts_by_cluster_is_what_graylane_would_have_counted() -> Result<()> {
    block_on(async {
        for (wiring, of_v2) in [("lane-header", "v2"), ("aggregate", "v2-or-stable")] {
            let mut all = Stage::start(wiring, plugin(&json!({}), &[canary(HOST)])?).await?;
            let mut requests = Stage::start(wiring, plugin(&requests_only(), &[canary(HOST)])?).await?;
            assert_eq!(play(&mut all).await?, play(&mut requests).await?, "{wiring}");

            let counted = all.counted(16).await?;
            let ours = eventually("requests to be counted", SOON, async || {
                let scrape = Scrape::of(&requests.envoy).await?;
                Ok((scrape.sum("graylane_requests_total", &[]) == 16).then_some(scrape))
            });
            let ours = ours.await?;
            for name in ["graylane_requests_total", "graylane_fallbacks_total"] {
                assert_eq!(ours.named(name), counted.named(name), "{wiring}: {name}");
            }
            for name in ["responses_total", "attempts_total", "failures_total", "duration_microseconds_count"]
            {
                assert!(
                    ours.named(&format!("graylane_{name}")).is_empty(),
                    "{wiring}: {name} is not asked for"
                );
            }
            for (lane, cluster) in [("stable", "stable"), ("v2", of_v2)] {
                let expected = Ends::counted(&counted, lane);
                assert!(expected.attempts > 0);
                let found = Ends::of_cluster(&requests.envoy, cluster).await?;
                assert_eq!(found, expected, "{wiring}: {lane}");
            }
        }
        Ok(())
    })
}

#[test]
fn a_guard_still_sees_how_requests_of_its_lane_end() -> Result<()> {
    block_on(async {
        let stage = tripped_for_an_hour(&requests_only()).await?;
        assert_eq!(stage.ask(&get()).await?.served_by(), Some("stable"));
        let scrape = Scrape::of(&stage.envoy).await?;
        assert_eq!(of_guard(&scrape, "tripped"), 1);
        assert!(scrape.sum("graylane_fallbacks_total", &[("graylane_lane", "v2")]) > 0);
        assert!(scrape.named("graylane_responses_total").is_empty());
        Ok(())
    })
}

/// What a configuration before has asked for stays in the VM, and counts no more.
#[test]
fn a_proxy_that_lives_on_stops_counting_how_requests_end() -> Result<()> {
    block_on(async {
        let release = guarded(&for_an_hour());
        let stage = Stage::start("lane-header", plugin(&json!({}), std::slice::from_ref(&release))?).await?;
        assert_eq!(stage.ask(&get()).await?.status, 200);
        let before = stage.counted(1).await?;
        stage.envoy.accept(&plugin(&requests_only(), &[release])?).await?;
        for _ in 0..3 {
            assert_eq!(stage.ask(&get()).await?.status, 200);
        }
        let after = eventually("the guard to see the requests end", SOON, async || {
            let scrape = Scrape::of(&stage.envoy).await?;
            Ok((scrape.sum("graylane_guard_requests_total", &[]) == 4).then_some(scrape))
        });
        let after = after.await?;
        assert_eq!(after.sum("graylane_requests_total", &[]), 4);
        for name in ["responses_total", "attempts_total", "failures_total", "duration_microseconds_count"] {
            let name = format!("graylane_{name}");
            assert_eq!(after.named(&name), before.named(&name), "{name}");
        }
        Ok(())
    })
}
