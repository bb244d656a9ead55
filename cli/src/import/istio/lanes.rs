//! Destinations -> lanes.

use serde_json::Value;

use super::read::Destination;
use super::{Options, Reader, hosts};
use crate::check::Severity;
use crate::import::draft::{Backend, Lane};
use crate::import::names::Names;
use crate::manifests::Object;

/// The lanes of a release.
pub(super) struct Lanes<'l> {
    object: &'l Object,
    rules: &'l [Object],
    options: &'l Options,
    names: Names,
    known: Vec<(Destination, Lane)>,
}

impl<'l> Lanes<'l> {
    pub(super) fn new(object: &'l Object, rules: &'l [Object], options: &'l Options) -> Self {
        Lanes { object, rules, options, names: Names::default(), known: Vec::new() }
    }

    /// The name of the lane of a destination; it is made where it is new.
    pub(super) fn name(&mut self, destination: &Destination, at: &str, reader: &mut Reader<'_>) -> String {
        if let Some((_, lane)) = self.known.iter().find(|(known, _)| known.is(destination)) {
            return lane.name.clone();
        }
        let (service, namespace) = hosts::service(&destination.host, self.object.namespace());
        let name = self.names.give(destination.subset.as_deref().unwrap_or(service));
        let labels = self.labels(destination, service, namespace, at, reader);
        let backend = Backend {
            namespace: namespace.map(str::to_owned),
            service: service.to_owned(),
            port: destination.port.map(|port| port.to_string()).unwrap_or_default(),
            subset: destination.subset.clone(),
            labels,
        };
        let lane = Lane {
            name: name.clone(),
            share: 0,
            cluster: self.cluster(&backend, &name),
            comment: comment(&backend, &destination.host),
            backend,
        };
        self.known.push((destination.clone(), lane));
        name
    }

    /// Gives a lane a share in hundredths of a percent.
    pub(super) fn share(&mut self, name: &str, share: u64) {
        for (_, lane) in self.known.iter_mut().filter(|(_, lane)| lane.name == name) {
            lane.share = lane.share.saturating_add(share).min(10_000);
        }
    }

    /// All lanes, that of everybody else first.
    pub(super) fn into_list(self, base: &str) -> Vec<Lane> {
        let (first, others): (Vec<Lane>, Vec<Lane>) =
            self.known.into_iter().map(|(_, lane)| lane).partition(|lane| lane.name == base);
        first.into_iter().map(|lane| Lane { share: 0, ..lane }).chain(others).collect()
    }

    fn cluster(&self, backend: &Backend, lane: &str) -> Option<String> {
        let namespace = backend.namespace.as_deref().unwrap_or("default");
        let subset = backend.subset.as_deref().unwrap_or_default();
        let filled = self.options.cluster.as_ref()?.replace("{service}", &backend.service);
        let filled = filled.replace("{namespace}", namespace).replace("{port}", &backend.port);
        Some(filled.replace("{subset}", subset).replace("{lane}", lane))
    }

    /// The labels of a subset, where a DestinationRule is at hand.
    fn labels(
        &self,
        destination: &Destination,
        service: &str,
        namespace: Option<&str>,
        at: &str,
        reader: &mut Reader<'_>,
    ) -> Vec<(String, String)> {
        let Some(subset) = &destination.subset else { return Vec::new() };
        let is_of_host = |rule: &&Object| {
            let host = rule.text("/spec/host").unwrap_or_default();
            host == destination.host || hosts::service(host, rule.namespace()) == (service, namespace)
        };
        let Some(rule) = self.rules.iter().find(is_of_host) else { return Vec::new() };
        let subsets = rule.value.pointer("/spec/subsets").and_then(Value::as_array);
        let found =
            subsets.into_iter().flatten().find(|it| it.get("name").and_then(Value::as_str) == Some(subset));
        let Some(found) = found else {
            let what =
                format!("DestinationRule {} has no subset {subset}: Istio answers 503 there", rule.name());
            reader.tell(self.object, Severity::Warning, at, &what);
            return Vec::new();
        };
        let labels = found.get("labels").and_then(Value::as_object);
        let label = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
        labels.into_iter().flatten().filter_map(label).collect()
    }
}

fn comment(backend: &Backend, host: &str) -> String {
    let subset = backend.subset.as_ref().map(|subset| format!(", subset {subset}"));
    let labels: Vec<String> = backend.labels.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!(" ({})", labels.join(", ")) };
    let port = if backend.port.is_empty() { String::new() } else { format!(":{}", backend.port) };
    format!("{host}{port}{}{labels}", subset.unwrap_or_default())
}
