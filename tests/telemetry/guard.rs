//! The guard of a lane, on a real Envoy: it trips on all workers, and the lane is used again once it is well.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use graylane_testbed::{Load, Request, Response, Result, Until, block_on, eventually};
use serde_json::{Value, json};

use crate::series::Scrape;
use crate::{HOST, SOON, Stage, canary, get, plugin};

/// The canary, whose candidate everybody has, with this guard.
pub(crate) fn guarded(guard: &Value) -> Value {
    let mut release = canary(HOST);
    release["canary"]["candidates"][0]["percent"] = 100.into();
    release["guard"] = guard.clone();
    release
}

async fn stage(wiring: &str, guard: &Value) -> Result<Stage> {
    Stage::start(wiring, plugin(&json!({}), &[guarded(guard)])?).await
}

/// What a guard tells of the candidate.
pub(crate) fn of_guard(scrape: &Scrape, name: &str) -> u64 {
    let labels = [("graylane_release", "shop"), ("graylane_lane", "v2")];
    scrape.sum(&format!("graylane_guard_{name}"), &labels)
}

/// Waits until the guard has tripped; how often in a row.
async fn tripped(stage: &Stage, meanwhile: impl AsyncFn() -> Result<()>) -> Result<u64> {
    eventually("the guard to trip", SOON, async || {
        meanwhile().await?;
        Ok(Some(of_guard(&Scrape::of(&stage.envoy).await?, "tripped")).filter(|trips| *trips > 0))
    })
    .await
}

/// A guard that keeps everybody away for an hour.
pub(crate) fn for_an_hour() -> Value {
    json!({"errorPercent": 50, "minRequests": 20, "cooldownSeconds": 3600})
}

/// A stage whose candidate fails, so that this guard has tripped, and all workers know: each looks ten times a second.
pub(crate) async fn tripped_for_an_hour(metrics: &Value) -> Result<Stage> {
    let stage = Stage::start("lane-header", plugin(metrics, &[guarded(&for_an_hour())])?).await?;
    stage.v2.answer(503);
    tripped(&stage, async || {
        Load::on(stage.envoy.address(), 4, Until::Requests(40)).run(user, |_, _| Ok(())).await;
        Ok(())
    })
    .await?;
    eventually("all workers to know", SOON, async || {
        let load = Load::on(stage.envoy.address(), 16, Until::Requests(32));
        let tally = load.run(user, |_, response| served_by(response, "stable")).await;
        Ok(tally.is_clean().then_some(()))
    })
    .await?;
    Ok(stage)
}

/// Somebody else each time.
fn user(number: u64) -> Request {
    Request::get("/").host(HOST).header("x-gray-id", format!("u-{number}"))
}

fn served_by(response: &Response, lane: &str) -> Result<(), String> {
    let is_it = response.status == 200 && response.served_by() == Some(lane);
    is_it.then_some(()).ok_or_else(|| format!("{} by {:?}", response.status, response.served_by()))
}

#[test]
fn a_lane_that_fails_is_left_within_a_second_and_used_again_once_it_is_well() -> Result<()> {
    block_on(async {
        let guard = json!({"errorPercent": 20, "minRequests": 20, "cooldownSeconds": 1, "probePercent": 25});
        let stage = stage("lane-header", &guard).await?;
        // Sixteen connections over two workers that wait 160 ms each: a hundred requests a second.
        for upstream in [&stage.stable, &stage.v2] {
            upstream.delay(Duration::from_millis(160));
        }
        let load = |until| Load::on(stage.envoy.address(), 16, until);
        let tally = load(Until::Requests(200)).run(user, |_, response| served_by(response, "v2")).await;
        assert!(tally.is_clean(), "{tally}");
        let workers = stage.envoy.admin().stats(r"worker_\d\.downstream_cx_total").await?;
        assert_eq!(workers.values().filter(|connections| **connections > 0).count(), 2, "{workers:?}");

        stage.v2.answer(503);
        let (began, last_failure) = (Instant::now(), Mutex::new(Duration::ZERO));
        let stop = AtomicBool::new(false);
        let (tally, tripped) = futures_util::join!(
            load(Until::Stopped(&stop)).run(user, |_, response| {
                if response.status == 503 {
                    *last_failure.lock().unwrap() = began.elapsed();
                }
                Ok(())
            }),
            async {
                let tripped = tripped(&stage, async || Ok(())).await;
                stop.store(true, Ordering::Relaxed);
                tripped
            }
        );
        assert_eq!(tripped?, 1);
        let rate = tally.rate();
        println!("{rate:.0} requests/s, the last failure {:?} after the first", last_failure.lock().unwrap());
        assert!(*last_failure.lock().unwrap() <= Duration::from_secs(1));
        let scrape = Scrape::of(&stage.envoy).await?;
        assert!(of_guard(&scrape, "trips_total") >= 1 && of_guard(&scrape, "retry_milliseconds") > 0);

        let response = stage.ask(&get().header("x-gray-debug", "1")).await?;
        served_by(&response, "stable").map_err(graylane_testbed::Error::msg)?;
        let line = ";lane=v2;served=stable;because=guard;reason=split;";
        eventually("the access log to say so", SOON, async || {
            Ok(stage.envoy.access_log()?.contains(line).then_some(()))
        })
        .await?;

        stage.v2.answer(200);
        let stop = AtomicBool::new(false);
        let (tally, closed) = futures_util::join!(
            load(Until::Stopped(&stop)).run(user, |_, response| match response.status {
                200 => Ok(()),
                status => Err(format!("{status}")),
            }),
            async {
                let closed = eventually("the lane to be used again", SOON, async || {
                    Ok((of_guard(&Scrape::of(&stage.envoy).await?, "tripped") == 0).then_some(()))
                })
                .await;
                stop.store(true, Ordering::Relaxed);
                closed
            }
        );
        closed?;
        assert!(tally.is_clean(), "{tally}");
        // The other worker learns of it with its next look.
        eventually("all workers to use it", SOON, async || {
            let tally = load(Until::Requests(64)).run(user, |_, response| served_by(response, "v2")).await;
            Ok(tally.is_clean().then_some(()))
        })
        .await
    })
}

/// No client sees anything of these failures.
#[test]
fn a_lane_that_another_one_saves_each_time_trips_as_well() -> Result<()> {
    block_on(async {
        let stage = stage("aggregate", &json!({"errorPercent": 50, "minRequests": 20})).await?;
        stage.v2.answer(503);
        let tally = Load::on(stage.envoy.address(), 16, Until::Requests(400))
            .run(user, |_, response| served_by(response, "stable"))
            .await;
        assert!(tally.is_clean(), "{tally}");
        tripped(&stage, async || stage.ask(&get()).await.map(drop)).await?;
        // The other worker learns of it with its next look.
        eventually("no worker to ask it any more", SOON, async || {
            let asked = stage.v2.requests();
            let load = Load::on(stage.envoy.address(), 16, Until::Requests(64));
            let tally = load.run(user, |_, response| served_by(response, "stable")).await;
            Ok((tally.is_clean() && stage.v2.requests() == asked).then_some(()))
        })
        .await
    })
}

#[test]
fn one_client_alone_trips_no_guard_that_limits_ids_and_many_do() -> Result<()> {
    block_on(async {
        // 17 failures of twenty trip, of which six may be of one id.
        let guard = json!({"errorPercent": 50, "minRequests": 20, "windowSeconds": 60, "idPercent": 40});
        let stage = stage("lane-header", &guard).await?;
        stage.v2.answer(503);
        let load = |requests| Load::on(stage.envoy.address(), 8, Until::Requests(requests));
        let alone = load(400).run(
            |_| get(),
            |_, response| match response.status {
                503 => Ok(()),
                status => Err(format!("{status}, somebody else serves")),
            },
        );
        let tally = alone.await;
        assert!(tally.is_clean(), "{tally}");
        let scrape = stage.counted(400).await?;
        assert_eq!((of_guard(&scrape, "failures_total"), of_guard(&scrape, "tripped")), (6, 0));

        load(200).run(user, |_, _| Ok(())).await;
        tripped(&stage, async || stage.ask(&get()).await.map(drop)).await?;
        Ok(())
    })
}

/// Each of these requests fails twice: at its lane, and where the retry leads.
#[test]
fn retries_of_one_client_are_its_failures() -> Result<()> {
    block_on(async {
        let guard = json!({"errorPercent": 50, "minRequests": 20, "windowSeconds": 60, "idPercent": 50});
        let stage = stage("aggregate", &guard).await?;
        for upstream in [&stage.stable, &stage.v2] {
            upstream.answer(503);
        }
        let tally =
            Load::on(stage.envoy.address(), 4, Until::Requests(40)).run(|_| get(), |_, _| Ok(())).await;
        assert!(tally.is_clean(), "{tally}");
        let scrape = stage.counted(40).await?;
        assert_eq!((of_guard(&scrape, "failures_total"), of_guard(&scrape, "requests_total")), (8, 8));
        Ok(())
    })
}

#[test]
fn a_lane_that_is_too_slow_trips() -> Result<()> {
    block_on(async {
        let guard = json!({"slowMillis": 50, "slowPercent": 50, "minRequests": 20});
        let stage = stage("lane-header", &guard).await?;
        stage.v2.delay(Duration::from_millis(60));
        let load = || Load::on(stage.envoy.address(), 8, Until::Requests(40));
        load().run(user, |_, _| Ok(())).await;
        tripped(&stage, async || {
            load().run(user, |_, _| Ok(())).await;
            Ok(())
        })
        .await?;
        Ok(())
    })
}

/// A lane that hangs is one whose clients leave.
#[test]
fn whoever_leaves_without_an_answer_does_not_say_that_the_lane_is_well() -> Result<()> {
    block_on(async {
        let guard = json!({"errorPercent": 50, "slowMillis": 1_000, "slowPercent": 50});
        let stage = stage("lane-header", &guard).await?;
        stage.ask(&get()).await?;
        stage.v2.delay(Duration::from_mins(1));
        stage.leave(&stage.v2, &get()).await;
        let scrape = stage.counted(2).await?;
        assert_eq!((of_guard(&scrape, "requests_total"), of_guard(&scrape, "slow_total")), (1, 0));
        Ok(())
    })
}

/// Each configuration is a VM of its own, which knows nothing of those before.
#[test]
fn a_new_policy_does_not_forget_that_a_lane_has_tripped_unless_nobody_guards_it() -> Result<()> {
    block_on(async {
        let stage = tripped_for_an_hour(&json!({})).await?;
        stage.v2.answer(200);
        let update = |version: u64, guard: &Value| {
            let mut release = guarded(guard);
            release["revision"] = version.into();
            if guard.is_null() {
                release.as_object_mut().map(|release| release.remove("guard"));
            }
            plugin(&json!({}), &[release])
        };
        stage.envoy.accept(&update(2, &for_an_hour())?).await?;
        let all_by = async |lane: &str| {
            let load = Load::on(stage.envoy.address(), 8, Until::Requests(80));
            load.run(user, |_, response| served_by(response, lane)).await
        };
        let tally = all_by("stable").await;
        assert!(tally.is_clean(), "{tally}");
        stage.envoy.accept(&update(3, &Value::Null)?).await?;
        let tally = all_by("v2").await;
        assert!(tally.is_clean(), "{tally}");
        assert_eq!(of_guard(&Scrape::of(&stage.envoy).await?, "tripped"), 0);
        Ok(())
    })
}

#[test]
fn a_lane_that_the_policy_has_no_more_has_not_tripped() -> Result<()> {
    block_on(async {
        let stage = tripped_for_an_hour(&json!({})).await?;
        stage.envoy.accept(&plugin(&json!({}), &[canary("another.example.com")])?).await?;
        eventually("nobody to say that it has tripped", SOON, async || {
            Ok((of_guard(&Scrape::of(&stage.envoy).await?, "tripped") == 0).then_some(()))
        })
        .await
    })
}

#[test]
fn a_module_that_guards_and_counts_nothing_says_so() -> Result<()> {
    block_on(async {
        let asks = "as the configuration asks for: graylane-telemetry.wasm does";
        let (alone, with) = (graylane_testbed::module()?, graylane_testbed::telemetry_module()?);
        let unguarded = canary("shop.example.com");
        for (metrics, release, module, is_asked) in [
            (json!({}), guarded(&json!({"errorPercent": 5})), &alone, true),
            (json!({}), guarded(&json!({"errorPercent": 5})), &with, false),
            (json!({"lanes": 20}), unguarded.clone(), &alone, true),
            (json!({"lanes": 20}), unguarded.clone(), &with, false),
            (json!({}), unguarded, &alone, false),
        ] {
            let stage = Stage::start("lane-header", plugin(&metrics, &[release])?.module(module)?).await?;
            stage.ask(&get()).await?;
            let log = stage.envoy.log()?;
            assert_eq!(log.contains(asks), is_asked, "{metrics} {module:?}: {log}");
        }
        Ok(())
    })
}
