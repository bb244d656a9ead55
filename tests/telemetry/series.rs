//! The series of an Envoy, as Prometheus reads them.

use std::collections::{BTreeMap, BTreeSet};

use graylane_testbed::{Context, Envoy, Result, eventually};

use crate::SOON;

/// Labels by their names.
type Labels = BTreeMap<String, String>;

/// Values by name and labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Scrape(BTreeMap<(String, Labels), u64>);

impl Scrape {
    /// What graylane counts there now.
    pub(crate) async fn of(envoy: &Envoy) -> Result<Self> {
        let text = envoy.admin().get("/stats/prometheus?filter=graylane").await?;
        // A sum of times is no whole number, and of no interest here.
        let is_count = |line: &&str| !line.starts_with('#') && !line.is_empty() && !line.contains("_sum{");
        let lines = text.lines().filter(is_count);
        lines
            .map(|line| series(line).with_context(|| format!("no series: {line}")))
            .collect::<Result<_>>()
            .map(Scrape)
    }

    /// What graylane counts once so many requests of lanes have been: Envoy counts one after it has answered it, and tells times
    /// later.
    pub(crate) async fn counted(envoy: &Envoy, requests: u64) -> Result<Self> {
        eventually("the requests to be counted", SOON, async || {
            let scrape = Scrape::of(envoy).await?;
            let last = scrape.sum("graylane_duration_microseconds_count", &[]);
            Ok((last >= requests).then_some(scrape))
        })
        .await
    }

    /// The sum of all series of this name that have these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let has = |series: &Labels| {
            labels.iter().all(|(label, value)| series.get(*label).is_some_and(|found| found == value))
        };
        self.0
            .iter()
            .filter(|((found, series), _)| found == name && has(series))
            .map(|(_, value)| value)
            .sum()
    }

    /// All series of this name.
    pub(crate) fn named(&self, name: &str) -> BTreeMap<&Labels, u64> {
        let series = self.0.iter().filter(|((found, _), _)| found == name);
        series.map(|((_, labels), value)| (labels, *value)).collect()
    }

    /// How many lanes have series.
    pub(crate) fn lanes(&self) -> usize {
        let lane = |(_, labels): &(String, Labels)| {
            Some((labels.get("graylane_release")?.clone(), labels.get("graylane_lane")?.clone()))
        };
        self.0.keys().filter_map(lane).collect::<BTreeSet<_>>().len()
    }
}

fn series(line: &str) -> Option<((String, Labels), u64)> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.strip_suffix('}')?.split_once('{')?;
    let label = |label: &str| {
        let (name, value) = label.split_once("=\"")?;
        Some((name.to_owned(), value.strip_suffix('"')?.to_owned()))
    };
    let labels = labels.split(',').filter(|label| !label.is_empty()).map(label).collect::<Option<_>>()?;
    Some(((name.to_owned(), labels), value.parse().ok()?))
}
