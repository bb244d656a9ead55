//! The metrics of the module. All are named at configure time; nothing in a name comes from a request.

use std::time::Duration;

use graylane::compile::LANGUAGE;
use graylane::decision::Decision;
use graylane::effect::{Counter, counts};
use graylane_host::{self as host, Metric};

/// What is counted per request.
#[derive(Debug, Default)]
pub(crate) struct RequestMetrics {
    counters: Vec<(Counter, Metric)>,
}

impl RequestMetrics {
    /// Names them.
    pub(crate) fn define() -> Self {
        let named = Counter::all().filter_map(|counter| Some((counter, host::counter(&name_of(counter))?)));
        RequestMetrics { counters: named.collect() }
    }

    /// Counts a decision.
    pub(crate) fn count(&self, decision: &Decision<'_>) {
        for (counter, count) in counts(decision) {
            if let Some((_, metric)) = self.counters.iter().find(|(known, _)| *known == counter) {
                metric.add(count);
            }
        }
    }
}

fn name_of(counter: Counter) -> String {
    match counter {
        Counter::Decided(reason) => format!("graylane.decisions.{reason}"),
        Counter::Ungoverned => "graylane.ungoverned".to_owned(),
        Counter::Stripped => "graylane.stripped".to_owned(),
        Counter::LabelPairsDropped => "graylane.label_pairs_dropped".to_owned(),
    }
}

/// What is told of the policy, for each plugin by its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PolicyMetrics {
    /// 1 once this process has accepted a policy for the plugin. It outlives every VM, and so tells a bad update
    /// from a bad first policy.
    accepted: Option<Metric>,
    /// 1 while traffic runs without a policy because the first one was refused.
    missing: Option<Metric>,
    /// 1 while an older policy is in force in place of a bad one that Envoy has put in.
    kept: Option<Metric>,
    /// The mark of the last bad configuration that was let in. What the clone of a VM let in must not be refused by a
    /// real one: Envoy would leave that worker without the filter.
    tolerated: Option<Metric>,
    /// The version of the policy in force.
    version: Option<Metric>,
    /// Since when it is, in seconds since 1970.
    since: Option<Metric>,
    /// Policies refused while an older one stayed in force.
    refused: Option<Metric>,
    /// Microseconds that the last configuration held up a worker.
    configure: Option<Metric>,
}

impl PolicyMetrics {
    /// Names those of the plugin.
    pub(crate) fn define(plugin: &str) -> Self {
        let gauge = |what: &str| host::gauge(&format!("graylane.policy_{what}.{plugin}"));
        // For whoever publishes: what the oldest module of a fleet understands.
        set(host::gauge(&format!("graylane.language.{plugin}")), LANGUAGE.into());
        PolicyMetrics {
            accepted: gauge("accepted"),
            missing: gauge("missing"),
            kept: gauge("kept"),
            tolerated: gauge("tolerated"),
            version: gauge("version"),
            since: gauge("since_seconds"),
            refused: host::counter(&format!("graylane.policy_refused.{plugin}")),
            configure: gauge("configure_us"),
        }
    }

    /// Whether this process has accepted a policy for the plugin before.
    pub(crate) fn has_accepted(&self) -> bool {
        self.accepted.is_some_and(|gauge| gauge.get() > 0)
    }

    /// The version of the policy that was in force last.
    pub(crate) fn version(&self) -> u64 {
        self.version.map_or(0, Metric::get)
    }

    /// A policy is in force.
    pub(crate) fn accept(&self, version: u64) {
        // Each worker takes it in.
        if version == 0 || version != self.version() || !self.has_accepted() {
            set(self.since, u64::try_from(host::now().seconds()).unwrap_or_default());
        }
        set(self.accepted, 1);
        set(self.missing, 0);
        set(self.kept, 0);
        set(self.version, version);
    }

    /// A policy was refused and an older one stays.
    pub(crate) fn refuse(&self) {
        if let Some(counter) = self.refused {
            counter.add(1);
        }
    }

    /// An older policy stays in force in place of the bad one with this mark.
    pub(crate) fn keep(&self, mark: u32) {
        set(self.kept, 1);
        set(self.tolerated, u64::from(mark));
    }

    /// The first policy, of this mark, is not applied; traffic runs without one.
    pub(crate) fn miss(&self, mark: u32) {
        set(self.missing, 1);
        set(self.tolerated, u64::from(mark));
    }

    /// A configuration has been taken or refused, and has held up this worker for so long.
    pub(crate) fn configured(&self, held_up: Duration) {
        set(self.configure, u64::try_from(held_up.as_micros()).unwrap_or_default());
    }

    /// Whether the bad configuration with this mark was let in before.
    pub(crate) fn has_tolerated(&self, mark: u32) -> bool {
        self.tolerated.is_some_and(|gauge| gauge.get() == u64::from(mark))
    }
}

fn set(gauge: Option<Metric>, value: u64) {
    if let Some(gauge) = gauge {
        gauge.set(value);
    }
}
