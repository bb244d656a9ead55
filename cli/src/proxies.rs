//! What Envoys tell of the watches in them, by the metrics of their admin interfaces.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

/// How long a proxy may take to answer.
const LIMIT: Duration = Duration::from_secs(5);
/// A watch that has not heard of etcd for longer is told: it asks at least every few seconds.
const SILENT: u64 = 10_000;

/// What a watch tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Watch {
    /// Its name.
    pub name: String,
    /// The revision of etcd that is in force; 0 before etcd was heard first.
    pub revision: i64,
    /// Releases in force.
    pub releases: u64,
    /// Documents that are not in force as they stand in etcd.
    pub faulty: u64,
    /// Milliseconds since etcd was heard last.
    pub silent_ms: u64,
    /// How often documents were refused, by why.
    pub refused: BTreeMap<String, u64>,
    /// The level of the policy language that its engine speaks, where it says so.
    pub language: Option<u32>,
}

/// Whether what a watch has is what etcd has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// It is.
    Newest,
    /// It has not heard of etcd yet.
    Nothing,
    /// etcd has more.
    Behind,
    /// It is at a revision that etcd does not have.
    OfAnotherHistory,
}

impl Watch {
    /// Whether it is at the newest revision: `last` is the last one in which a key was written, `revision` that of etcd.
    pub fn standing(&self, last: i64, revision: i64) -> Standing {
        match self.revision {
            0 => Standing::Nothing,
            own if own > revision => Standing::OfAnotherHistory,
            own if own < last => Standing::Behind,
            _ => Standing::Newest,
        }
    }

    /// Whether it has not heard of etcd for too long.
    pub fn is_silent(&self) -> bool {
        self.silent_ms > SILENT
    }
}

/// Asks a proxy for the watches in it. `url` is that of its admin interface, or of a page of metrics by itself.
///
/// # Errors
/// When it does not answer.
pub fn ask(url: &str) -> Result<Vec<Watch>> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(LIMIT)).build().into();
    let page = page(url);
    let text = agent.get(&page).call().and_then(|mut answer| answer.body_mut().read_to_string());
    Ok(watches(&text.with_context(|| format!("cannot read {page}"))?))
}

/// Where the metrics are: below the admin interface, unless the address has a path of its own.
fn page(url: &str) -> String {
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    match host.split_once('/') {
        Some((_, path)) if !path.is_empty() => url.to_owned(),
        _ => format!("{}/stats?filter=graylane", url.trim_end_matches('/')),
    }
}

/// The watches in a page of metrics, in Envoy's plain form or that of Prometheus.
fn watches(page: &str) -> Vec<Watch> {
    let mut watches: BTreeMap<String, Watch> = BTreeMap::new();
    for (metric, value) in page.lines().filter_map(metric) {
        let Some((what, name)) = METRICS.iter().find_map(|what| Some((*what, below(metric, what)?))) else {
            continue;
        };
        let (reason, name) = match what {
            "watch_refused" => name.split_once(['.', '_']).unwrap_or_default(),
            _ => ("", name),
        };
        let watch = watches.entry(name.to_owned()).or_default();
        match what {
            "watch_revision" => watch.revision = i64::try_from(value).unwrap_or(i64::MAX),
            "watch_releases" => watch.releases = value,
            "watch_faulty" => watch.faulty = value,
            "watch_silent_ms" => watch.silent_ms = value,
            "language" => watch.language = u32::try_from(value).ok(),
            // One that never happened is not told.
            _ if value > 0 => {
                watch.refused.insert(reason.to_owned(), value);
            }
            _ => {}
        }
    }
    watches.into_iter().map(|(name, watch)| Watch { name, ..watch }).collect()
}

/// What is read of the metrics; each is followed by the name of the watch, `watch_refused` by the reason before it.
const METRICS: [&str; 6] =
    ["watch_revision", "watch_releases", "watch_faulty", "watch_silent_ms", "watch_refused", "language"];

/// The name and the value in a line.
fn metric(line: &str) -> Option<(&str, u64)> {
    if line.starts_with('#') {
        return None;
    }
    let (name, value) = match line.split_once(": ") {
        Some(plain) => plain,
        None => line.rsplit_once(' ')?,
    };
    // Labels of Prometheus: one process has one of each.
    let name = name.split('{').next()?;
    Some((name, value.trim().parse().ok()?))
}

/// What follows a metric of the module in a name; Prometheus has an underscore for each dot.
fn below<'n>(name: &'n str, what: &str) -> Option<&'n str> {
    let (_, own) = name.split_once("graylane")?;
    let own = own.strip_prefix(['.', '_'])?;
    own.strip_prefix(what)?.strip_prefix(['.', '_']).filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_metrics_are_read() {
        let plain = "\
wasmcustom.graylane.watch_revision.policies: 42
wasmcustom.graylane.watch_releases.policies: 3
wasmcustom.graylane.watch_faulty.policies: 1
wasmcustom.graylane.watch_silent_ms.policies: 512
wasmcustom.graylane.watch_refused.version.policies: 2
wasmcustom.graylane.watch_refused.policy.policies: 0
wasmcustom.graylane.language.policies: 1
wasmcustom.graylane.decisions.rule: 7
server.live: 1
";
        let prometheus = "\
# TYPE graylane_watch_revision_policies gauge
graylane_watch_revision_policies{} 42
graylane_watch_releases_policies{} 3
graylane_watch_faulty_policies{} 1
graylane_watch_silent_ms_policies{} 512
graylane_watch_refused_version_policies{} 2
graylane_watch_refused_policy_policies{} 0
graylane_language_policies{} 1
envoy_server_live{} 1
";
        let expected = Watch {
            name: "policies".to_owned(),
            revision: 42,
            releases: 3,
            faulty: 1,
            silent_ms: 512,
            refused: [("version".to_owned(), 2)].into(),
            language: Some(1),
        };
        assert_eq!(watches(plain), [expected.clone()]);
        assert_eq!(watches(prometheus), [expected]);
        assert_eq!(watches("server.live: 1\n"), []);
    }

    #[test]
    fn a_watch_is_held_against_the_last_write() {
        let at = |revision| Watch { revision, ..Watch::default() }.standing(40, 45);
        assert_eq!(at(0), Standing::Nothing);
        assert_eq!(at(39), Standing::Behind);
        assert_eq!([at(40), at(45)], [Standing::Newest; 2]);
        assert_eq!(at(46), Standing::OfAnotherHistory);
    }

    #[test]
    fn metrics_stand_below_the_admin_interface_or_where_the_address_says() {
        for url in ["http://127.0.0.1:9901", "http://127.0.0.1:9901/"] {
            assert_eq!(page(url), "http://127.0.0.1:9901/stats?filter=graylane");
        }
        let own = "http://10.0.0.7:15090/stats/prometheus";
        assert_eq!(page(own), own);
    }
}
