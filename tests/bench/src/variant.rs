//! What is held beside each other: an Envoy with this in it, this listener, this case.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;
use std::time::Duration;

use graylane_bench::policy::{Trust, configuration};
use graylane_bench::request::{Case, case};
use graylane_testbed::{
    Bootstrap, Context, Envoy, PluginFile, Result, Upstream, ensure, module, noop_module, root,
    telemetry_module,
};
use serde_json::{Value, json};

use crate::drive::{Driver, Lanes};

/// What is in an Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Inside {
    /// No filter.
    Nothing,
    /// The filter that does nothing.
    Noop,
    /// graylane, with so many releases.
    Graylane(Trust, usize),
    /// The module that also counts how requests end, and does this besides.
    Telemetry(Trust, usize, Besides),
}

/// What the module that counts does besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Besides {
    /// Nothing.
    Nothing,
    /// It counts requests alone, and leaves to Envoy how they end.
    RequestsOnly,
    /// It counts gRPC calls by their status too.
    Grpc,
    /// It guards the lane of each canary.
    Guards,
    /// It decides by a next policy too, which is the same.
    Shadows,
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Envoy by itself.
    Direct,
    /// A service behind it.
    Upstream,
}

impl Answer {
    /// The name of the listener.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Answer::Direct => "direct",
            Answer::Upstream => "upstream",
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    /// Its name within those of the same answer.
    pub(crate) name: &'static str,
    pub(crate) answer: Answer,
    pub(crate) inside: Inside,
    pub(crate) case: &'static str,
}

/// The variant that the others are held against.
pub(crate) const NOOP: &str = "no-op";

/// Every variant, in the order in which they take turns.
pub(crate) const VARIANTS: &[Variant] = {
    use Answer::{Direct, Upstream};
    use Inside::{Graylane, Noop, Nothing, Telemetry};
    const fn row(answer: Answer, name: &'static str, inside: Inside, case: &'static str) -> Variant {
        Variant { name, answer, inside, case }
    }
    const SMALL: Inside = Graylane(Trust::Edge, 10);
    const LARGE: Inside = Graylane(Trust::Edge, 10_000);
    const MESH: Inside = Graylane(Trust::Mesh, 10);
    const TOLD: Inside = Telemetry(Trust::Edge, 10, Besides::Nothing);
    const REQUESTS_ONLY: Inside = Telemetry(Trust::Edge, 10, Besides::RequestsOnly);
    const GRPC: Inside = Telemetry(Trust::Edge, 10, Besides::Grpc);
    const GUARDED: Inside = Telemetry(Trust::Edge, 10, Besides::Guards);
    const SHADOWED: Inside = Telemetry(Trust::Edge, 10, Besides::Shadows);
    &[
        row(Direct, "no filter", Nothing, "canary"),
        row(Direct, NOOP, Noop, "canary"),
        row(Direct, "ungoverned", SMALL, "ungoverned"),
        row(Direct, "ab", SMALL, "ab"),
        row(Direct, "canary", SMALL, "canary"),
        row(Direct, "canary, cluster", SMALL, "cluster"),
        row(Direct, "blue-green", SMALL, "blue-green"),
        row(Direct, "newcomer", SMALL, "newcomer"),
        row(Direct, "several", SMALL, "several"),
        row(Direct, "label", MESH, "label"),
        row(Direct, "override", MESH, "override"),
        row(Direct, "canary of 10,000", LARGE, "canary"),
        row(Direct, "all of 10,000", LARGE, "spread"),
        row(Upstream, "no filter", Nothing, "canary"),
        row(Upstream, NOOP, Noop, "canary"),
        row(Upstream, "ungoverned", SMALL, "ungoverned"),
        row(Upstream, "canary", SMALL, "canary"),
        row(Upstream, "several", SMALL, "several"),
        row(Upstream, "canary, told", TOLD, "canary"),
        row(Upstream, "canary, requests", REQUESTS_ONLY, "canary"),
        row(Upstream, "gRPC", SMALL, "gRPC"),
        row(Upstream, "gRPC, told", GRPC, "gRPC"),
        row(Upstream, "canary, guarded", GUARDED, "canary"),
        row(Upstream, "canary, shadowed", SHADOWED, "canary"),
        row(Upstream, "several, told", TOLD, "several"),
    ]
};

/// A variant that is up.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) variant: Variant,
    case: &'static Case,
    requests: Vec<Vec<u8>>,
    driver: Driver,
}

/// The Envoys of some variants, and the services behind them.
#[derive(Debug)]
pub(crate) struct Fleet {
    envoys: BTreeMap<Inside, Envoy>,
    _services: [Upstream; 2],
    pub(crate) running: Vec<Running>,
}

/// Different requests of one variant: enough that no two in a row are the same.
const REQUESTS: usize = 4096;
/// Requests of each variant before the first round: V8 compiles anew, and better, what has run often enough.
const START: usize = 4_000;
/// Requests of a turn that are not measured.
const WARM: usize = 80;

impl Fleet {
    /// Starts what the variants need and checks that each does what it is called after.
    pub(crate) async fn start(variants: &[Variant], connections: usize) -> Result<Self> {
        let services = [Upstream::start("stable").await?, Upstream::start("v2").await?];
        let mut bootstrap = Bootstrap::read(&root().join("tests/bench/bootstrap.yaml"))?;
        for service in &services {
            bootstrap.endpoint(service.name(), service.address())?;
        }
        let mut fleet = Self { envoys: BTreeMap::new(), _services: services, running: Vec::new() };
        for variant in variants {
            let envoy = match fleet.envoys.entry(variant.inside) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(start(bootstrap.clone(), variant.inside).await?),
            };
            let mut running = Running::start(*variant, envoy, connections)?;
            running.check(envoy, START).await.with_context(|| {
                format!("variant {} ({}) does something else", variant.name, variant.answer.as_str())
            })?;
            fleet.running.push(running);
        }
        Ok(fleet)
    }

    /// The CPU time of one request in each variant, by turns: `count` requests each.
    pub(crate) fn round(&mut self, count: usize) -> Result<Vec<Duration>> {
        let envoys = &self.envoys;
        let each = self.running.iter_mut().map(|running| {
            let process = envoys.get(&running.variant.inside).context("an Envoy is gone")?.process();
            // The first requests find the caches full of the variant before: they are not measured.
            running.driver.run(&running.requests, WARM)?;
            let before = process.cpu_time()?;
            let lanes = running.driver.run(&running.requests, count)?;
            let used = process.cpu_time()?.saturating_sub(before);
            running.judge(&lanes)?;
            let answered = u32::try_from(lanes.values().sum::<usize>())?;
            Ok(used / answered.max(1))
        });
        each.collect()
    }
}

impl Running {
    fn start(variant: Variant, envoy: &Envoy, connections: usize) -> Result<Self> {
        let case = case(variant.case).with_context(|| format!("no case {}", variant.case))?;
        let listener = envoy.listener(variant.answer.as_str()).context("no such listener")?;
        let requests = (0..REQUESTS).map(|number| case.wire(number)).collect();
        Ok(Self { variant, case, requests, driver: Driver::open(listener, connections)? })
    }

    /// Sends some requests, which also warm it up, and looks at lanes and counters.
    async fn check(&mut self, envoy: &Envoy, count: usize) -> Result<()> {
        let counter = match self.case.reason {
            Some(reason) => format!("wasmcustom.graylane.decisions.{reason}"),
            None => "wasmcustom.graylane.ungoverned".to_owned(),
        };
        let before = envoy.admin().stat(&counter).await?.unwrap_or_default();
        let lanes = self.driver.run(&self.requests, count)?;
        self.judge(&lanes)?;
        let grown = envoy.admin().stat(&counter).await?.unwrap_or_default() - before;
        let expected = match self.variant.inside {
            Inside::Graylane(..) | Inside::Telemetry(..) => u64::try_from(count * self.case.releases.max(1))?,
            _ => 0,
        };
        ensure!(grown == expected, "{counter} grew by {grown} instead of {expected}");
        Ok(())
    }

    /// Every lane of the case has answered, and no other.
    fn judge(&self, lanes: &Lanes) -> Result<()> {
        let expected = match self.variant.inside {
            Inside::Graylane(..) | Inside::Telemetry(..) => self.case.lanes,
            _ => &["stable"],
        };
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        ensure!(lanes.keys().eq(&expected), "answers came from {lanes:?}, they should from {expected:?}");
        Ok(())
    }
}

impl Besides {
    fn add(self, configuration: &mut Value) {
        match self {
            Besides::Nothing => {}
            Besides::Grpc => configuration["metrics"] = json!({"grpcStatus": true}),
            Besides::RequestsOnly => configuration["metrics"] = json!({"requestsOnly": true}),
            Besides::Guards => {
                let releases = configuration.pointer_mut("/policy/releases").and_then(Value::as_array_mut);
                for release in
                    releases.into_iter().flatten().filter(|release| release.get("canary").is_some())
                {
                    release["guard"] = json!({"errorPercent": 50});
                }
            }
            Besides::Shadows => configuration["shadow"] = configuration["policy"].clone(),
        }
    }
}

async fn start(mut bootstrap: Bootstrap, inside: Inside) -> Result<Envoy> {
    let plugin = match inside {
        Inside::Nothing => {
            remove_filter(bootstrap.document_mut());
            PluginFile::none()
        }
        Inside::Noop => PluginFile::checked_in()?.module(&noop_module()?)?.configuration("")?,
        Inside::Graylane(trust, releases) => with(&module()?, trust, releases)?,
        Inside::Telemetry(trust, releases, besides) => {
            let mut configuration: Value = serde_json::from_str(&configuration(trust, releases))?;
            besides.add(&mut configuration);
            PluginFile::checked_in()?
                .module(&telemetry_module()?)?
                .configuration(&configuration.to_string())?
        }
    };
    Envoy::on(bootstrap).plugin(plugin).log_level("warning").start().await
}

fn with(module: &Path, trust: Trust, releases: usize) -> Result<PluginFile> {
    PluginFile::checked_in()?.module(module)?.configuration(&configuration(trust, releases))
}

/// Takes the filter out of every chain.
fn remove_filter(document: &mut Value) {
    match document {
        Value::Array(items) => {
            items.retain(|item| item.get("name").is_none_or(|name| name != "graylane"));
            items.iter_mut().for_each(remove_filter);
        }
        Value::Object(object) => object.values_mut().for_each(remove_filter),
        _ => {}
    }
}
