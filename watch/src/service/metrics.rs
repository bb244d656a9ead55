//! What is told of a watch, by its name. All are named when it is configured.

use graylane::compile::LANGUAGE;
use graylane::pages::generation_gauge;
use graylane_host::{self as host, Metric};

use crate::store::Reason;

/// The metrics of a watch.
pub(super) struct Metrics {
    /// Raised whenever workers have something to take over: they compare it with each request.
    generation: Option<Metric>,
    /// The revision of etcd that is in force.
    revision: Option<Metric>,
    /// Since when it is, in seconds since 1970.
    since: Option<Metric>,
    /// Releases in force.
    releases: Option<Metric>,
    /// Documents that are not in force as they stand in etcd.
    faulty: Option<Metric>,
    /// Milliseconds since etcd was heard last.
    silent: Option<Metric>,
    /// 1 while etcd is silent for longer than the settings allow.
    stale: Option<Metric>,
    /// Broken streams, failed calls.
    trouble: Option<Metric>,
    /// Documents that were refused, by why.
    refused: Vec<(Reason, Metric)>,
}

impl Metrics {
    /// Names them.
    pub(super) fn define(name: &str) -> Self {
        let gauge = |what: &str| host::gauge(&format!("graylane.watch_{what}.{name}"));
        let refused = Reason::all().filter_map(|reason| {
            Some((reason, host::counter(&format!("graylane.watch_refused.{reason}.{name}"))?))
        });
        set(host::gauge(&format!("graylane.language.{name}")), LANGUAGE.into());
        Metrics {
            generation: host::gauge(&generation_gauge(name)),
            revision: gauge("revision"),
            since: gauge("since_seconds"),
            releases: gauge("releases"),
            faulty: gauge("faulty"),
            silent: gauge("silent_ms"),
            stale: gauge("stale"),
            trouble: host::counter(&format!("graylane.watch_trouble.{name}")),
            refused: refused.collect(),
        }
    }

    /// There is something to take over.
    pub(super) fn handed_over(&self, generation: u64) {
        set(self.generation, generation);
    }

    /// This is in force.
    pub(super) fn in_force(&self, revision: u64, releases: usize, faulty: usize) {
        if self.revision.is_some_and(|gauge| gauge.get() != revision) {
            set(self.since, u64::try_from(host::now().seconds()).unwrap_or_default());
        }
        set(self.revision, revision);
        set(self.releases, releases as u64);
        set(self.faulty, faulty as u64);
    }

    /// etcd was not heard for so long.
    pub(super) fn silent(&self, millis: u64) {
        set(self.silent, millis);
    }

    /// Whether that is longer than the settings allow.
    pub(super) fn stale(&self, is_stale: bool) {
        set(self.stale, is_stale.into());
    }

    /// A stream broke, a call failed.
    pub(super) fn trouble(&self) {
        add(self.trouble);
    }

    /// A document was refused.
    pub(super) fn refused(&self, reason: Reason) {
        add(self.refused.iter().find(|(other, _)| *other == reason).map(|(_, counter)| *counter));
    }
}

fn set(gauge: Option<Metric>, value: u64) {
    if let Some(gauge) = gauge {
        gauge.set(value);
    }
}

fn add(counter: Option<Metric>) {
    if let Some(counter) = counter {
        counter.add(1);
    }
}
