//! Envoys that do what dashboards and alerts are about, services behind them, an etcd, and a Prometheus that scrapes it all.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use graylane_dashboards::folder;
use graylane_testbed::{
    Bootstrap, Envoy, Etcd, Load, PluginFile, Prometheus, Request, Result, Until, Upstream, Verdict, ensure,
    eventually, module, telemetry_module,
};
use serde_json::{Value, json};

/// How long anything may take.
pub(crate) const SOON: Duration = Duration::from_mins(1);
/// How often Prometheus scrapes and evaluates.
pub(crate) const EVERY: Duration = Duration::from_millis(500);
/// The least silence that settings may allow, in seconds.
const STALE_AFTER: u64 = 10;
/// How long the services take, so that load leaves the machine some time, and how long while one is slow.
const USUAL: Duration = Duration::from_millis(4);
const SLOW: Duration = Duration::from_millis(80);

/// Everything that runs.
pub(crate) struct Stage {
    pub(crate) prometheus: Prometheus,
    /// At the edge, with a lane that retries save.
    edge: Envoy,
    /// In the mesh, with more lanes than series, which begins without a policy.
    mesh: Envoy,
    /// Follows etcd.
    follower: Envoy,
    etcd: Etcd,
    lanes: Lanes,
}

/// The services of the lanes.
struct Lanes {
    stable: Upstream,
    v2: Upstream,
    a: Upstream,
    b: Upstream,
    /// Those whom nothing happens to.
    others: [Upstream; 2],
}

impl Lanes {
    async fn start() -> Result<Self> {
        let [stable, v2, a, b, blue, green] =
            ["stable", "v2", "A", "B", "blue", "green"].map(Upstream::start);
        let (stable, v2, a, b) = (stable.await?, v2.await?, a.await?, b.await?);
        let lanes = Lanes { stable, v2, a, b, others: [blue.await?, green.await?] };
        for lane in lanes.all() {
            lane.delay(USUAL);
            // So that calls of gRPC have a status; nobody else reads it.
            lane.respond_with("grpc-status", "0")?;
        }
        Ok(lanes)
    }

    fn all(&self) -> impl Iterator<Item = &Upstream> {
        [&self.stable, &self.v2, &self.a, &self.b].into_iter().chain(&self.others)
    }

    /// A bootstrap of `envoy/` with those of these services that it has clusters for.
    fn behind(&self, mut bootstrap: Bootstrap) -> Result<Bootstrap> {
        for lane in self.all() {
            if bootstrap.clusters().contains(&lane.name()) {
                bootstrap.endpoint(lane.name(), lane.address())?;
            }
        }
        bootstrap.with_series()?;
        Ok(bootstrap)
    }
}

/// A canary with a guard, and a third lane that nobody may use.
fn shop() -> Value {
    json!({
        "name": "shop", "match": {"hosts": ["shop.example.com"]},
        "lanes": [{"name": "stable"}, {"name": "v2"}, {"name": "v3", "unavailable": true}],
        "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": 30}, {"lane": "v3", "percent": 10}]},
        "overrides": {"headers": ["x-canary"]},
        "rules": [{"name": "testers", "when": {"header": {"x-tester": {"exact": "yes"}}}, "lane": "v2"}],
        "guard": {"lane": "v2", "slowMillis": 50, "slowPercent": 60, "minRequests": 100, "cooldownSeconds": 3600},
    })
}

/// An AB test, one group of which another one stands in for.
fn button() -> Value {
    json!({
        "name": "button", "match": {"hosts": ["button.example.com"]},
        "lanes": [{"name": "A"}, {"name": "B"}, {"name": "C", "unavailable": true, "fallback": ["A"]}],
        "ab": {
            "salt": "button", "control": "A",
            "groups": [{"lane": "A", "weight": 50}, {"lane": "B", "weight": 40}, {"lane": "C", "weight": 10}],
        },
        "rules": [{"name": "testers", "when": {"header": {"x-tester": {"exact": "yes"}}}, "lane": "B"}],
    })
}

/// A switch between two lanes, none of which has a name that says which one is the base lane.
fn pay() -> Value {
    json!({
        "name": "pay", "match": {"hosts": ["pay.example.com"]}, "lanes": [{"name": "blue"}, {"name": "green"}],
        "blueGreen": {"active": "green", "preview": {"when": {"header": {"x-tester": {"exact": "yes"}}}}},
    })
}

fn policy(version: u64) -> Value {
    json!({"language": 1, "version": version, "releases": [shop(), button(), pay()]})
}

/// A policy in a plugin's configuration, which says `more` beside.
pub(crate) fn plugin(trust: &str, more: &Value, policy: &Value) -> Result<PluginFile> {
    let mut configuration = json!({"trust": trust, "policy": policy});
    for (key, value) in more.as_object().into_iter().flatten() {
        configuration[key] = value.clone();
    }
    PluginFile::checked_in()?.module(&telemetry_module()?)?.configuration(&configuration.to_string())
}

/// What stands beside the policy at the edge: statuses of gRPC, and a policy that may come next.
fn at_the_edge() -> Value {
    let mut next = policy(43);
    next["releases"][0]["canary"]["candidates"][0]["percent"] = 45.into();
    json!({"metrics": {"grpcStatus": true}, "shadow": next})
}

/// As the proxies of Istio tell: with no tags but those that are asked for, and nothing but what begins so. The last of these is not
/// Istio's, but what the test bed goes by.
fn as_istio_tells(mut bootstrap: Bootstrap) -> Bootstrap {
    let kept = [
        "cluster_manager",
        "listener_manager",
        "server",
        "cluster.xds-grpc",
        "wasm",
        "extension_config_discovery",
    ];
    let patterns: Vec<_> = kept.iter().map(|prefix| json!({"prefix": prefix})).collect();
    let stats = &mut bootstrap.document_mut()["stats_config"];
    stats["use_all_default_tags"] = false.into();
    stats["stats_matcher"] = json!({"inclusion_list": {"patterns": patterns}});
    bootstrap
}

/// What the plugin is called there, much as Istio calls one: namespace and name.
const OF_ISTIO: &str = "shop.graylane";

/// As Istio hands it to a sidecar.
fn of_istio(more: &Value, policy: &Value) -> Result<PluginFile> {
    let mut plugin = plugin("mesh", more, policy)?;
    plugin.document_mut()["resources"][0]["typed_config"]["config"]["name"] = OF_ISTIO.into();
    Ok(plugin)
}

impl Stage {
    pub(crate) async fn start() -> Result<Self> {
        let lanes = Lanes::start().await?;
        let edge = plugin("edge", &at_the_edge(), &policy(41))?;
        let edge = Envoy::on(lanes.behind(Bootstrap::load("aggregate")?)?)
            .plugin(edge)
            .concurrency(2)
            .start()
            .await?;
        let mesh = as_istio_tells(lanes.behind(Bootstrap::load("lane-header")?)?);
        let mesh = Envoy::on(mesh).plugin(of_istio(&json!({}), &bad())?).start().await?;

        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        let stale = json!({"after": STALE_AFTER, "then": "keep"});
        let document =
            |kind: &str, what: &Value| json!({"language": 1, "version": 1, kind: what}).to_string();
        client.put("/policies/settings", document("settings", &json!({"stale": stale}))).await?;
        client.put("/policies/releases/shop", document("release", &shop())).await?;
        let mut bootstrap = Bootstrap::following(&etcd.addresses())?;
        bootstrap.replace(&module()?.display().to_string(), &telemetry_module()?);
        let follower = Envoy::on(lanes.behind(bootstrap)?).start().await?;

        let rules = ["rules.yaml", "closed-lanes.yaml"].map(|name| folder().join("prometheus").join(name));
        let envoys = [("edge", &edge), ("mesh", &mesh), ("follower", &follower)];
        let envoys = envoys.map(|(name, envoy)| (name, envoy.admin().address()));
        let prometheus = Prometheus::start(&envoys, &rules.each_ref().map(PathBuf::as_path), EVERY).await?;
        Ok(Stage { prometheus, edge, mesh, follower, etcd, lanes })
    }

    /// Has everything happen that a panel shows; each state under load lasts for so long at least.
    pub(crate) async fn play(&mut self, pace: Duration) -> Result<()> {
        // Each state lasts until Prometheus has recorded it. Counters are there, at 0, before anything counts.
        seen(&self.prometheus, "plugin:graylane_policy_missing == 1").await?;
        seen(
            &self.prometheus,
            "lane:graylane_requests:rate5m == 0 and on () watch:graylane_watch_releases == 1",
        )
        .await?;

        self.edge.accept(&plugin("edge", &at_the_edge(), &policy(42))?).await?;
        let verdict = self.edge.publish(&plugin("edge", &at_the_edge(), &bad())?).await?;
        ensure!(verdict == Verdict::Refused, "a bad update is refused");
        // Two lanes have series there, and the rest is counted together. A bad policy that comes back is kept out.
        self.mesh.accept(&of_istio(&json!({"metrics": {"lanes": 2}}), &policy(41))?).await?;
        seen(&self.prometheus, "plugin:graylane_policy_version{graylane_plugin=\"shop_graylane\"} == 41")
            .await?;
        self.mesh.accept(&of_istio(&json!({}), &bad())?).await?;
        seen(&self.prometheus, "plugin:graylane_policy_kept == 1").await?;
        self.etcd.client().await?.put("/policies/releases/bad", "no document").await?;
        seen(&self.prometheus, "watch:graylane_watch_faulty == 1").await?;
        self.etcd.kill()?;

        self.load_until(pace, "graylane_requests_total{graylane_lane=\"v2\"} > 100").await?;
        // All that fails is saved by retries at the edge.
        for lane in [&self.lanes.v2, &self.lanes.a, &self.lanes.b] {
            lane.answer(503);
        }
        self.load_until(
            pace,
            "graylane_failures_total{graylane_lane=\"B\"} > 20 and on () graylane_guard_failures_total > 20",
        )
        .await?;
        for lane in self.lanes.all() {
            lane.answer(200);
        }
        self.lanes.stable.answer(500);
        self.load_until(pace, "graylane_failures_total{graylane_lane=\"stable\"} > 20").await?;
        self.lanes.stable.answer(200);
        self.lanes.v2.delay(SLOW);
        self.load_until(pace, "graylane_guard_tripped > 0").await?;
        self.lanes.v2.delay(USUAL);
        Ok(())
    }

    /// Sends requests for so long, and until Prometheus has seen something.
    async fn load_until(&self, pace: Duration, expression: &str) -> Result<()> {
        let seen = async {
            let (seen, ()) =
                futures_util::join!(seen(&self.prometheus, expression), tokio::time::sleep(pace));
            seen
        };
        self.load_while(seen).await
    }

    /// Sends requests of all kinds to all Envoys while something is done.
    pub(crate) async fn load_while<T>(&self, what: impl Future<Output = Result<T>>) -> Result<T> {
        let stop = AtomicBool::new(false);
        let run =
            |envoy: &Envoy| Load::on(envoy.address(), 2, Until::Stopped(&stop)).run(request, |_, _| Ok(()));
        let (edge, mesh, follower, done) =
            futures_util::join!(run(&self.edge), run(&self.mesh), run(&self.follower), async {
                let done = what.await;
                stop.store(true, Ordering::Relaxed);
                done
            });
        for tally in [edge, mesh, follower] {
            ensure!(tally.is_clean(), "requests without an answer: {tally}");
        }
        done
    }
}

/// Waits until Prometheus has seen something.
pub(crate) async fn seen(prometheus: &Prometheus, expression: &str) -> Result<()> {
    eventually(expression, SOON, async || {
        let answer = prometheus.ask("query", &[("query", expression)]).await?;
        Ok(answer["result"].as_array().is_some_and(|series| !series.is_empty()).then_some(()))
    })
    .await
}

/// A policy with a mistake.
fn bad() -> Value {
    json!({"language": 1, "version": 40, "releases": [{"name": "shop"}]})
}

/// The request of each number: every kind in turn.
fn request(number: u64) -> Request {
    let host = ["shop", "button", "pay", "nobody"][usize::try_from(number / 8 % 4).unwrap_or_default()];
    let get = Request::get("/")
        .host(&format!("{host}.example.com"))
        .header("x-gray-id", format!("u-{}", number % 1000));
    match number % 8 {
        0 => get.header("x-tester", "yes"),
        1 => get.header("x-canary", "v2"),
        2 => get.header("content-type", "application/grpc").header("te", "trailers"),
        3 => get.header("x-traffic-label", "version=v2;;=nothing"),
        _ => get,
    }
}
