//! Lanes of which requests alone are counted: what rules make of Envoy's own series, beside what graylane counts.

use std::time::Duration;

use graylane_dashboards::{folder, read};
use graylane_testbed::{
    Bootstrap, Client, Context, Envoy, Load, Prometheus, Request, Result, Until, Upstream, block_on, ensure,
    eventually,
};
use serde_json::{Value, json};

use crate::live::{filled_for, numbers};
use crate::stage::{EVERY, SOON, plugin, seen};

/// Requests to each Envoy while all is well, and as many while the candidate fails.
const REQUESTS: u64 = 400;

/// A canary of this name with half of all users, and a lane that another one stands in for.
fn policy(name: &str) -> Value {
    json!({"language": 1, "releases": [{
        "name": name, "match": {"hosts": ["shop.example.com"]},
        "lanes": [{"name": "stable"}, {"name": "v2"}, {"name": "v3", "unavailable": true}],
        "canary": {"salt": "s", "stable": "stable", "candidates": [{"lane": "v2", "percent": 50}, {"lane": "v3", "percent": 10}]},
        "rules": [{"name": "testers", "when": {"header": {"x-tester": {"exact": "yes"}}}, "lane": "v2"}],
    }]})
}

/// An Envoy of the aggregate wiring in front of these services; its clusters of this release's lanes are named after them.
async fn envoy(name: &str, services: [&Upstream; 2], metrics: &Value) -> Result<Envoy> {
    let mut bootstrap = Bootstrap::load("aggregate")?;
    bootstrap.with_series()?;
    let times = Bootstrap::load("cluster-times")?;
    let settings = "/stats_config/histogram_bucket_settings";
    let buckets = bootstrap.document_mut().pointer_mut(settings).and_then(Value::as_array_mut);
    let more = times.document().pointer(settings).and_then(Value::as_array);
    buckets.context("no buckets of ours")?.extend_from_slice(more.context("no buckets of clusters")?);
    for service in services {
        bootstrap.endpoint(service.name(), service.address())?;
    }
    for (cluster, lane) in [("stable", "stable"), ("v2-or-stable", "v2")] {
        bootstrap.cluster(cluster)?.insert("alt_stat_name".into(), format!("{name}-{lane}").into());
    }
    let plugin = plugin("edge", &json!({"metrics": metrics}), &policy(name))?;
    Envoy::on(bootstrap).plugin(plugin).start().await
}

/// The one value of an expression; `None` until there is one.
async fn value(prometheus: &Prometheus, expression: &str) -> Result<Option<f64>> {
    let answer = prometheus.ask("query", &[("query", expression)]).await?;
    Ok(answer["result"][0]["value"][1].as_str().and_then(|value| value.parse().ok()))
}

/// The panels about a release that show something of this one.
async fn shown(prometheus: &Prometheus, release: &str) -> Result<Vec<String>> {
    let mut shown = Vec::new();
    for panel in read("release")?.rows.into_iter().flat_map(|row| row.panels) {
        for query in panel.queries {
            let query = filled_for(release, &query.expr);
            if !numbers(&prometheus.ask("query", &[("query", &query)]).await?).is_empty() {
                shown.push(panel.title.clone());
            }
        }
    }
    Ok(shown)
}

mod real_prometheus {
    use super::*;

    #[test]
    fn rules_say_the_same_of_a_lane_whether_graylane_or_envoy_counts_how_requests_end() -> Result<()> {
        block_on(async {
            let (stable, v2) = (Upstream::start("stable").await?, Upstream::start("v2").await?);
            for service in [&stable, &v2] {
                service.delay(Duration::from_millis(4));
            }
            let told = envoy("shop", [&stable, &v2], &json!({})).await?;
            let half_told = envoy("news", [&stable, &v2], &json!({"requestsOnly": true})).await?;
            let rules =
                ["rules.yaml", "lane-clusters.yaml"].map(|name| folder().join("prometheus").join(name));
            let envoys = [("told", &told), ("half-told", &half_told)];
            let prometheus = Prometheus::start(
                &envoys.map(|(name, envoy)| (name, envoy.admin().address())),
                &rules.each_ref().map(std::path::PathBuf::as_path),
                EVERY,
            )
            .await?;
            // Counters are there, at 0, before anything counts.
            let zero =
                |name: &str| format!("lane:graylane_failures:rate5m{{graylane_release=\"{name}\"}} == 0");
            for name in ["shop", "news"] {
                seen(&prometheus, &zero(name)).await?;
            }
            // But for classes that Envoy counts: these are there from the first response on, which no rate has.
            for status in [200, 503] {
                v2.answer(status);
                for (_, envoy) in envoys {
                    let first = Request::new("POST", "/").host("shop.example.com").header("x-tester", "yes");
                    let answer = Client::to(envoy.address()).send(&first).await?;
                    ensure!(answer.status == status, "v2 answers, not {}", answer.status);
                }
                seen(
                    &prometheus,
                    &format!(
                        "envoy_cluster_upstream_rq_xx{{envoy_cluster_name=\"news-v2\", envoy_response_code_class=\"{}\"}}",
                        status / 100
                    ),
                )
                .await?;
            }
            let users = |from: u64| {
                move |number| {
                    let id = format!("u-{}", from + number);
                    // What is posted is not tried again.
                    let request = Request::new(if number % 2 == 0 { "GET" } else { "POST" }, "/");
                    request.host("shop.example.com").header("x-gray-id", id)
                }
            };
            for (from, status) in [(0, 200), (REQUESTS, 503)] {
                v2.answer(status);
                for (name, envoy) in envoys {
                    let load = Load::on(envoy.address(), 2, Until::Requests(REQUESTS));
                    let tally = load.run(users(from), |_, _| Ok(())).await;
                    ensure!(tally.is_clean(), "requests without an answer by {name}: {tally}");
                }
            }
            let (stable, v2, v3) =
                ("graylane_lane=\"stable\"", "graylane_lane=\"v2\"", "graylane_lane=\"v3\"");
            for (rule, of_what, is_it) in [
                ("share:ratio_rate5m", v2, 0.5..0.6),
                ("fallbacks:ratio_rate5m", v3, 1.0..1.01),
                ("failures:ratio_rate5m", stable, 0.0..0.01),
                ("failures:ratio_rate5m", v2, 0.4..0.6),
                ("failures:ratio_rate5m_above_base", v2, 0.4..0.6),
                ("attempts:rate5m", v2, 0.1..f64::MAX),
                ("responses:rate5m", "graylane_lane=\"v2\", graylane_class=\"2xx\"", 0.1..f64::MAX),
                ("responses:rate5m", "graylane_lane=\"v2\", graylane_class=\"5xx\"", 0.1..f64::MAX),
                ("duration_microseconds:p50_5m", stable, 4_000.0..10_000.0),
                ("duration_microseconds:p99_5m", v2, 4_000.0..50_000.0),
            ] {
                let of = |release: &str| {
                    format!("lane:graylane_{rule}{{graylane_release=\"{release}\", {of_what}}}")
                };
                // Times are kept by buckets, and not by the same ones.
                let is_near =
                    |one: f64, other: f64| rule.starts_with("duration") || (one - other).abs() <= 0.02 * one;
                let mut found = (None, None);
                let alike = eventually(rule, SOON, async || {
                    found = (value(&prometheus, &of("shop")).await?, value(&prometheus, &of("news")).await?);
                    let (Some(one), Some(other)) = found else { return Ok(None) };
                    let is_so = is_it.contains(&one) && is_it.contains(&other) && is_near(one, other);
                    Ok(is_so.then_some(()))
                });
                alike.await.with_context(|| format!("{of_what}: {found:?}, not both in {is_it:?}"))?;
            }
            let (told, half_told) = (shown(&prometheus, "shop").await?, shown(&prometheus, "news").await?);
            ensure!(told.len() >= 12 && told == half_told, "{told:?} and {half_told:?} are shown");
            Ok(())
        })
    }
}
