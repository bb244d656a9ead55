//! What Envoys tell of the watches in them, by the metrics of their admin interfaces.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

/// How long a proxy may take to answer.
const LIMIT: Duration = Duration::from_secs(5);
/// A watch that has not heard of etcd for longer is told: it asks at least every few seconds.
const SILENT: u64 = 10_000;

/// What a proxy tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxy {
    /// The watches in it.
    pub watches: Vec<Watch>,
    /// The levels of the policy language that its modules speak, watches and filters, by their names.
    pub languages: BTreeMap<String, u32>,
}

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
    /// Whether that is longer than its settings allow.
    pub stale: bool,
    /// How often documents were refused, by why.
    pub refused: BTreeMap<String, u64>,
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

/// Asks a proxy. `url` is that of its admin interface, or of a page of metrics by itself.
///
/// # Errors
/// When it does not answer.
pub fn ask(url: &str) -> Result<Proxy> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(LIMIT)).build().into();
    let page = page(url);
    let text = agent.get(&page).call().and_then(|mut answer| answer.body_mut().read_to_string());
    Ok(Proxy::read(&text.with_context(|| format!("cannot read {page}"))?))
}

/// Where the metrics are: below the admin interface, unless the address has a path of its own.
fn page(url: &str) -> String {
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    match host.split_once('/') {
        Some((_, path)) if !path.is_empty() => url.to_owned(),
        _ => format!("{}/stats?filter=graylane", url.trim_end_matches('/')),
    }
}

impl Proxy {
    /// Reads a page of metrics, in Envoy's plain form or that of Prometheus.
    fn read(page: &str) -> Self {
        let mut watches: BTreeMap<&str, Watch> = BTreeMap::new();
        let mut languages = BTreeMap::new();
        for (metric, value) in page.lines().filter_map(metric) {
            if let Some(name) = below(metric, "language") {
                languages.insert(name.to_owned(), u32::try_from(value).unwrap_or(u32::MAX));
            } else if let Some((what, name)) =
                METRICS.iter().find_map(|what| Some((*what, below(metric, what)?)))
            {
                watches.entry(name).or_default().set(what, value);
            } else if let Some((reason, name)) =
                below(metric, "watch_refused").and_then(|rest| rest.split_once(['.', '_']))
            {
                let watch = watches.entry(name).or_default();
                // What never happened is not told.
                watch.refused.extend((value > 0).then(|| (reason.to_owned(), value)));
            }
        }
        let named = |(name, watch): (&str, Watch)| Watch { name: name.to_owned(), ..watch };
        Proxy { watches: watches.into_iter().map(named).collect(), languages }
    }
}

impl Watch {
    fn set(&mut self, what: &str, value: u64) {
        match what {
            "watch_revision" => self.revision = i64::try_from(value).unwrap_or(i64::MAX),
            "watch_releases" => self.releases = value,
            "watch_faulty" => self.faulty = value,
            "watch_silent_ms" => self.silent_ms = value,
            "watch_stale" => self.stale = value > 0,
            _ => {}
        }
    }
}

/// Numbers of a watch; each is followed by its name.
const METRICS: [&str; 5] =
    ["watch_revision", "watch_releases", "watch_faulty", "watch_silent_ms", "watch_stale"];

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
wasmcustom.graylane.watch_stale.policies: 1
wasmcustom.graylane.watch_refused.version.policies: 2
wasmcustom.graylane.watch_refused.policy.policies: 0
wasmcustom.graylane.language.policies: 1
wasmcustom.graylane.language.edge: 2
wasmcustom.graylane.decisions.rule: 7
server.live: 1
";
        let prometheus = "\
# TYPE graylane_watch_revision_policies gauge
graylane_watch_revision_policies{} 42
graylane_watch_releases_policies{} 3
graylane_watch_faulty_policies{} 1
graylane_watch_silent_ms_policies{} 512
graylane_watch_stale_policies{} 1
graylane_watch_refused_version_policies{} 2
graylane_watch_refused_policy_policies{} 0
graylane_language_policies{} 1
graylane_language_edge{} 2
envoy_server_live{} 1
";
        let expected = Watch {
            name: "policies".to_owned(),
            revision: 42,
            releases: 3,
            faulty: 1,
            silent_ms: 512,
            stale: true,
            refused: [("version".to_owned(), 2)].into(),
        };
        let languages = [("edge".to_owned(), 2), ("policies".to_owned(), 1)].into();
        let expected = Proxy { watches: vec![expected], languages };
        assert_eq!(Proxy::read(plain), expected);
        assert_eq!(Proxy::read(prometheus), expected);
        assert_eq!(Proxy::read("server.live: 1\n"), Proxy::default());
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
