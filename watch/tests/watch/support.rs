//! An Envoy that follows an etcd, with a service for each lane behind it.

mod witness;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use graylane_etcd::Transaction;
use graylane_testbed::{
    Bootstrap, Client, Context, Envoy, Request, Result, Upstream, bail, eventually, module, telemetry_module,
};
use serde_json::{Value, json};

pub(crate) use witness::{Asked, Witness, report};

/// How long anything may take until it is in force.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// As many writes etcd takes in one transaction by default.
const AT_ONCE: usize = 128;

/// How many workers Envoy has.
const WORKERS: usize = 2;

/// An Envoy that follows an etcd.
pub(crate) struct Proxy {
    pub(crate) envoy: Envoy,
    _lanes: [Upstream; 2],
}

impl Proxy {
    /// Two workers; `more` is merged into the configuration of the watch.
    pub(crate) async fn start(etcd: SocketAddr, more: Value) -> Result<Self> {
        Self::of(&[etcd], &json!({}), more).await
    }

    /// As [`start`](Self::start), with the filter that counts how requests end.
    pub(crate) async fn telling(etcd: SocketAddr) -> Result<Self> {
        Self::with(&telemetry_module()?, &[etcd], &json!({}), json!({})).await
    }

    /// As [`start`](Self::start), with all of these members as endpoints of the cluster `etcd`, into which `cluster` is merged.
    pub(crate) async fn of(etcd: &[SocketAddr], cluster: &Value, more: Value) -> Result<Self> {
        Self::with(&module()?, etcd, cluster, more).await
    }

    async fn with(filter: &Path, etcd: &[SocketAddr], cluster: &Value, more: Value) -> Result<Self> {
        let lanes = [Upstream::start("stable").await?, Upstream::start("v2").await?];
        let mut bootstrap = Bootstrap::following(etcd)?;
        bootstrap.replace(&module()?.display().to_string(), filter);
        bootstrap.endpoint("stable", lanes[0].address())?.endpoint("v2", lanes[1].address())?;
        bootstrap.cluster("etcd")?.extend(cluster.as_object().cloned().unwrap_or_default());
        let mut configuration = json!({"etcd": {"cluster": "etcd", "prefix": "/policies/"}});
        for (key, value) in more.as_object().into_iter().flatten() {
            configuration[key] = value.clone();
        }
        let watch = bootstrap.document_mut().pointer_mut("/bootstrap_extensions/0/typed_config/config");
        watch.context("no watch")?["configuration"]["value"] = configuration.to_string().into();
        let envoy = Envoy::on(bootstrap).concurrency(u32::try_from(WORKERS)?).start().await?;
        Ok(Proxy { envoy, _lanes: lanes })
    }

    /// A gauge or counter of the watch.
    pub(crate) async fn gauge(&self, what: &str) -> Result<u64> {
        let name = format!("wasmcustom.graylane.watch_{what}.policies");
        Ok(self.envoy.admin().stat(&name).await?.unwrap_or_default())
    }

    /// Waits until a gauge or counter of the watch has a value, or more.
    pub(crate) async fn until_at_least(&self, what: &str, value: u64) -> Result<()> {
        let wanted = format!("watch_{what} to be {value}");
        let reached =
            eventually(&wanted, LIMIT, async || Ok((self.gauge(what).await? >= value).then_some(())));
        reached.await.with_context(|| self.said())
    }

    /// A connection to each worker. Envoy hands new ones out as it likes, so they are opened until every worker has one.
    pub(crate) async fn workers(&self) -> Result<Vec<Client>> {
        let mut met = BTreeMap::new();
        for _ in 0..64 {
            let before = self.connections().await?;
            let mut client = Client::to(self.envoy.address());
            client.send(&Request::get("/").host("nobody")).await?;
            let after = self.connections().await?;
            let worker = after.iter().find(|(worker, count)| before.get(*worker) < Some(count));
            met.insert(worker.context("no worker took the connection")?.0.clone(), client);
            if met.len() == WORKERS {
                return Ok(met.into_values().collect());
            }
        }
        bail!("some worker takes no connection: {:?}", met.keys())
    }

    /// How many connections each worker has taken.
    async fn connections(&self) -> Result<BTreeMap<String, u64>> {
        self.envoy.admin().stats(r"listener.127.*worker_\d+.downstream_cx_total").await
    }

    /// The lane that a request to a host is sent to, on a connection of its own; none where nothing governs it.
    pub(crate) async fn lane(&self, host: &str) -> Result<Option<String>> {
        let request = Request::get("/").host(host).header("x-gray-id", "u-1");
        let echo = Client::to(self.envoy.address()).send(&request).await?.echo()?;
        Ok(echo.header("x-gray-lane").map(|lane| String::from_utf8_lossy(&lane).into_owned()))
    }

    /// Waits until requests to a host are sent to this lane.
    pub(crate) async fn until_lane(&self, host: &str, lane: Option<&str>) -> Result<()> {
        let what = format!("{host} in lane {lane:?}");
        let reached =
            eventually(&what, LIMIT, async || Ok((self.lane(host).await?.as_deref() == lane).then_some(())));
        reached.await.with_context(|| self.envoy.log().unwrap_or_default())
    }

    /// Waits until something is in the log as often.
    pub(crate) async fn until_said(&self, text: &str, times: usize) -> Result<()> {
        let what = format!("{text:?} in the log {times} times");
        let reached = eventually(&what, LIMIT, async || {
            Ok((self.envoy.log()?.matches(text).count() >= times).then_some(()))
        });
        reached.await.with_context(|| self.said())
    }

    /// What the watch has logged.
    pub(crate) fn said(&self) -> String {
        let log = self.envoy.log().unwrap_or_default();
        log.lines().filter(|line| line.contains("graylane")).collect::<Vec<_>>().join("\n")
    }
}

/// Puts a document of each of these releases, in few transactions.
pub(crate) async fn put_all(
    client: &graylane_etcd::Client,
    names: impl Iterator<Item = String>,
    document: impl Fn(&str) -> String,
) -> Result<()> {
    let names: Vec<_> = names.collect();
    for some in names.chunks(AT_ONCE) {
        let put =
            |all: Transaction, name: &String| all.put(format!("/policies/releases/{name}"), document(name));
        client.transact(some.iter().fold(Transaction::default(), put)).await?;
    }
    Ok(())
}

/// A canary on a host of its own name.
pub(crate) fn canary(name: &str, percent: u32) -> Value {
    json!({
        "name": name, "match": {"hosts": [name]}, "lanes": [{"name": "stable"}, {"name": "v2"}],
        "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": percent}]},
    })
}

/// An unsigned document of a release.
pub(crate) fn document(version: u64, release: &Value) -> String {
    json!({"language": 1, "version": version, "release": release}).to_string()
}

/// An unsigned document of a release whose lane names its version: `v7`.
pub(crate) fn versioned(name: &str, version: u64) -> String {
    document(version, &telling(name, version))
}

/// A release on a host of its own name, whose lane names a version.
pub(crate) fn telling(name: &str, version: u64) -> Value {
    let lane = format!("v{version}");
    json!({
        "name": name, "match": {"hosts": [name]}, "lanes": [{"name": "stable"}, {"name": lane}],
        "canary": {"stable": "stable", "candidates": [{"lane": lane, "percent": 100}]},
    })
}

/// What is told of many times.
pub(crate) struct Figures {
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
    most: Duration,
}

impl Figures {
    pub(crate) fn of(all: &mut [Duration]) -> Self {
        all.sort_unstable();
        let at = |part: usize| all[(all.len() * part / 100).min(all.len() - 1)];
        Figures { median: at(50), p99: at(99), most: at(100) }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let Figures { median, p99, most } = *self;
        write!(
            out,
            "median {:.2} ms, p99 {:.2} ms, at most {:.2} ms",
            millis(median),
            millis(p99),
            millis(most)
        )
    }
}
