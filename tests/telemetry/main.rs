//! What `graylane-telemetry.wasm` counts of requests by release and lane, on a real Envoy.
#![cfg(test)]

mod broken;
mod buckets;
mod exposures;
mod guard;
mod otlp;
mod requests_only;
mod series;
mod shadow;
mod sums;

use std::time::Duration;

use graylane_testbed::{
    Bootstrap, Client, Envoy, PluginFile, Request, Response, Result, Upstream, block_on, eventually,
    telemetry_module,
};
use serde_json::{Value, json};

use series::Scrape;

/// How long what was counted may take to be seen.
const SOON: Duration = Duration::from_secs(10);

/// A bootstrap with labels and buckets.
fn bootstrap(wiring: &str) -> Result<Bootstrap> {
    let mut bootstrap = Bootstrap::load(wiring)?;
    bootstrap.with_series()?;
    Ok(bootstrap)
}

fn plugin(metrics: &Value, releases: &[Value]) -> Result<PluginFile> {
    let policy = json!({"language": 1, "releases": releases});
    configured(&json!({"trust": "edge", "accessLog": true, "metrics": metrics, "policy": policy}))
}

/// The module that counts, with a configuration.
fn configured(configuration: &Value) -> Result<PluginFile> {
    PluginFile::checked_in()?.module(&telemetry_module()?)?.configuration(&configuration.to_string())
}

/// A canary at a host, whose candidate has who says so.
fn canary(host: &str) -> Value {
    json!({
        "name": host.split('.').next(), "match": {"hosts": [host]},
        "lanes": [{"name": "stable"}, {"name": "v2"}],
        "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": 0}]},
        "rules": [{"name": "testers", "when": {"header": {"x-tester": {"exact": "yes"}}}, "lane": "v2"}],
    })
}

const HOST: &str = "shop.example.com";

fn get() -> Request {
    Request::get("/").host(HOST).header("x-gray-id", "u-1")
}

/// Who has the candidate.
fn tester() -> Request {
    get().header("x-tester", "yes")
}

/// An Envoy, and the services of the lanes behind it.
struct Stage {
    envoy: Envoy,
    stable: Upstream,
    v2: Upstream,
}

impl Stage {
    async fn start(wiring: &str, plugin: PluginFile) -> Result<Self> {
        let (stable, v2) = (Upstream::start("stable").await?, Upstream::start("v2").await?);
        let mut bootstrap = bootstrap(wiring)?;
        bootstrap.endpoint("stable", stable.address())?.endpoint("v2", v2.address())?;
        Ok(Self { envoy: Envoy::on(bootstrap).plugin(plugin).concurrency(2).start().await?, stable, v2 })
    }

    async fn ask(&self, request: &Request) -> Result<Response> {
        Client::to(self.envoy.address()).send(request).await
    }

    /// A client that goes as soon as its request has come to this service, which has not answered by then.
    async fn leave(&self, service: &Upstream, request: &Request) {
        let before = service.requests();
        let asking = Box::pin(self.ask(request));
        let reached = Box::pin(eventually("the request to arrive", SOON, async || {
            Ok((service.requests() > before).then_some(()))
        }));
        drop(futures_util::future::select(asking, reached).await);
    }

    /// What is counted once so many requests of lanes have been.
    async fn counted(&self, requests: u64) -> Result<Scrape> {
        Scrape::counted(&self.envoy, requests).await
    }
}

/// Of a lane of the release `shop`: attempts and failures.
fn attempts(scrape: &Scrape, lane: &str) -> (u64, u64) {
    let labels = [("graylane_release", "shop"), ("graylane_lane", lane)];
    (scrape.sum("graylane_attempts_total", &labels), scrape.sum("graylane_failures_total", &labels))
}

#[test]
fn a_request_is_counted_by_lane_reason_and_class_and_its_time_is_kept() -> Result<()> {
    block_on(async {
        let stage = Stage::start("lane-header", plugin(&json!({}), &[canary(HOST)])?).await?;
        for _ in 0..3 {
            assert_eq!(stage.ask(&get()).await?.status, 200);
        }
        stage.v2.answer(404);
        assert_eq!(stage.ask(&tester()).await?.status, 404);
        stage.v2.answer(503);
        stage.v2.delay(Duration::from_millis(200));
        for _ in 0..2 {
            assert_eq!(stage.ask(&tester()).await?.status, 503);
        }
        assert_eq!(stage.ask(&Request::get("/").host("other.example.com")).await?.status, 200);
        let scrape = stage.counted(6).await?;
        let count = |name: &str, lane: &str, label: &str, value: &str| {
            scrape.sum(name, &[("graylane_release", "shop"), ("graylane_lane", lane), (label, value)])
        };
        let requests =
            |lane: &str, reason: &str| count("graylane_requests_total", lane, "graylane_reason", reason);
        assert_eq!((requests("stable", "split"), requests("v2", "rule")), (3, 3));
        assert_eq!(scrape.sum("graylane_requests_total", &[]), 6, "and nothing else");
        let responses =
            |lane: &str, class: &str| count("graylane_responses_total", lane, "graylane_class", class);
        assert_eq!((responses("stable", "2xx"), responses("v2", "4xx"), responses("v2", "5xx")), (3, 1, 2));
        assert_eq!(scrape.sum("graylane_responses_total", &[]), 6);
        assert_eq!((attempts(&scrape, "stable"), attempts(&scrape, "v2")), ((3, 0), (3, 2)));
        let took = |name: &str, le: &[(&str, &str)]| {
            scrape.sum(
                &format!("graylane_duration_microseconds_{name}"),
                &[&[("graylane_lane", "v2")], le].concat(),
            )
        };
        assert_eq!(took("count", &[]), 3);
        assert_eq!(took("bucket", &[("le", "190000")]), 1, "the others took 200 ms and a little");
        assert_eq!(took("bucket", &[("le", "60000000")]), 3);
        assert_eq!(stage.envoy.admin().stat("wasmcustom.graylane.ungoverned").await?, Some(1));
        Ok(())
    })
}

/// By the aggregate wiring a user sees nothing of it, which is why the answers cannot tell.
#[test]
fn a_lane_whose_every_request_another_one_saves_fails_each_time() -> Result<()> {
    block_on(async {
        let mut stage = Stage::start("aggregate", plugin(&json!({}), &[canary(HOST)])?).await?;
        stage.v2.answer(503);
        for _ in 0..5 {
            let response = stage.ask(&tester()).await?;
            assert_eq!((response.status, response.served_by()), (200, Some("stable")));
        }
        assert_eq!(attempts(&stage.counted(5).await?, "v2"), (5, 5), "it answers 503");
        stage.v2.stop().await;
        for _ in 0..5 {
            assert_eq!(stage.ask(&tester()).await?.served_by(), Some("stable"));
        }
        let scrape = stage.counted(10).await?;
        assert_eq!(attempts(&scrape, "v2"), (10, 10), "it refuses connections");
        assert_eq!(attempts(&scrape, "stable"), (0, 0), "nobody was sent there");
        let answered = [("graylane_lane", "v2"), ("graylane_class", "2xx")];
        assert_eq!(scrape.sum("graylane_responses_total", &answered), 10);

        stage.stable.answer(500);
        assert_eq!(stage.ask(&tester()).await?.status, 500);
        assert_eq!(attempts(&stage.counted(11).await?, "v2"), (12, 12), "what nobody saves has failed twice");
        Ok(())
    })
}

#[test]
fn a_lane_that_cannot_be_reached_fails_and_a_client_that_leaves_is_no_failure() -> Result<()> {
    block_on(async {
        let mut stage = Stage::start("lane-header", plugin(&json!({}), &[canary(HOST)])?).await?;
        stage.v2.stop().await;
        assert_eq!(stage.ask(&tester()).await?.status, 503);
        assert_eq!(attempts(&stage.counted(1).await?, "v2"), (1, 1));

        stage.stable.delay(Duration::from_mins(1));
        stage.leave(&stage.stable, &get()).await;
        let scrape = stage.counted(2).await?;
        assert_eq!(attempts(&scrape, "stable"), (1, 0));
        let left = [("graylane_lane", "stable"), ("graylane_class", "none")];
        assert_eq!(scrape.sum("graylane_responses_total", &left), 1);
        Ok(())
    })
}

/// A service that answers without a body may put the status of a call into its headers.
#[test]
fn a_grpc_call_is_counted_by_its_status_and_fails_by_it() -> Result<()> {
    block_on(async {
        let stage =
            Stage::start("lane-header", plugin(&json!({"grpcStatus": true}), &[canary(HOST)])?).await?;
        let call = |request: Request| {
            request.header("content-type", "application/grpc+proto").header("te", "trailers")
        };
        stage.v2.respond_with("grpc-status", "14")?;
        stage.stable.respond_with("grpc-status", "5")?;
        assert_eq!(stage.ask(&call(tester())).await?.status, 200);
        assert_eq!(stage.ask(&call(get())).await?.status, 200);
        assert_eq!(stage.ask(&get()).await?.status, 200);
        let scrape = stage.counted(3).await?;
        let calls = |lane: &str, status: &str| {
            let labels = [("graylane_lane", lane), ("graylane_grpc_status", status)];
            scrape.sum("graylane_grpc_responses_total", &labels)
        };
        assert_eq!((calls("v2", "14"), calls("stable", "5")), (1, 1));
        assert_eq!(scrape.sum("graylane_grpc_responses_total", &[]), 2, "the third was no call");
        assert_eq!(
            (attempts(&scrape, "v2"), attempts(&scrape, "stable")),
            ((1, 1), (2, 0)),
            "NOT_FOUND is an answer"
        );
        Ok(())
    })
}

#[test]
fn what_a_fallback_serves_is_counted_where_it_is_served_and_told_of_whom_it_was() -> Result<()> {
    block_on(async {
        let mut release = canary(HOST);
        release["lanes"][1]["unavailable"] = true.into();
        let stage = Stage::start("lane-header", plugin(&json!({}), &[release])?).await?;
        assert_eq!(stage.ask(&tester()).await?.served_by(), Some("stable"));
        let scrape = stage.counted(1).await?;
        let of = |name: &str, lane: &str| scrape.sum(name, &[("graylane_lane", lane)]);
        assert_eq!((of("graylane_requests_total", "stable"), of("graylane_requests_total", "v2")), (1, 0));
        assert_eq!((of("graylane_fallbacks_total", "v2"), of("graylane_fallbacks_total", "stable")), (1, 0));
        Ok(())
    })
}

#[test]
fn no_more_lanes_than_asked_for_have_series_and_the_rest_is_counted_together() -> Result<()> {
    const MOST: usize = 7;
    block_on(async {
        let hosts: Vec<String> = (0..50).map(|number| format!("s{number}.example.com")).collect();
        let releases: Vec<Value> = hosts.iter().map(|host| canary(host)).collect();
        let stage = Stage::start("lane-header", plugin(&json!({"lanes": MOST}), &releases)?).await?;
        let mut client = Client::to(stage.envoy.address());
        for host in &hosts {
            assert_eq!(
                client.send(&Request::get("/").host(host).header("x-gray-id", "u")).await?.status,
                200
            );
        }
        let scrape = stage.counted(50).await?;
        assert_eq!(scrape.lanes(), MOST + 1);
        let of = |release: &str| scrape.sum("graylane_requests_total", &[("graylane_release", release)]);
        assert_eq!((of("s0"), of("s1"), of("s49")), (1, 1, 0), "the first have their own");
        let own = hosts.iter().filter_map(|host| host.split('.').next()).map(of).sum::<u64>();
        assert_eq!(own + of("_other"), 50);

        // What has gone is not forgotten by Envoy; what comes has no room.
        let version = |hosts: &[String]| -> Vec<Value> { hosts.iter().map(|host| canary(host)).collect() };
        stage.envoy.accept(&plugin(&json!({"lanes": MOST}), &version(&hosts[40..]))?).await?;
        assert_eq!(
            client.send(&Request::get("/").host(&hosts[49]).header("x-gray-id", "u")).await?.status,
            200
        );
        let scrape = stage.counted(51).await?;
        assert_eq!(scrape.lanes(), MOST + 1);
        Ok(())
    })
}
