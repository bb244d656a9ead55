//! Where the lanes of a policy are: what `graylane render` has to know, and the policy does not say.

use std::fmt::Write;

use super::draft::{Backend, Draft};
use crate::init::scalar;

impl Draft {
    /// The services behind the lanes, as YAML.
    pub fn facts(&self) -> String {
        let mut out =
            String::from("# What graylane render has to know of the lanes, by release\nreleases:\n");
        for release in self.releases.iter().filter(|release| !release.off) {
            let _ = writeln!(out, "  {}:", scalar(&release.name));
            let namespace = release.lanes.iter().find_map(|lane| lane.backend.namespace.as_deref());
            if let Some(namespace) = namespace {
                let _ = writeln!(out, "    namespace: {}", scalar(namespace));
            }
            out.push_str("    lanes:\n");
            for lane in &release.lanes {
                let facts = of_lane(&lane.backend, namespace);
                let _ = writeln!(out, "      {}: {{{facts}}}", scalar(&lane.name));
            }
        }
        out
    }
}

fn of_lane(backend: &Backend, namespace: Option<&str>) -> String {
    let mut facts = vec![format!("service: {}", scalar(&backend.service))];
    if backend.namespace.as_deref() != namespace {
        facts.extend(backend.namespace.as_deref().map(|name| format!("namespace: {}", scalar(name))));
    }
    if !backend.port.is_empty() {
        let is_number = backend.port.chars().all(|char| char.is_ascii_digit());
        let port = if is_number { backend.port.clone() } else { scalar(&backend.port) };
        facts.push(format!("port: {port}"));
    }
    facts.extend(backend.subset.as_deref().map(|subset| format!("subset: {}", scalar(subset))));
    if !backend.labels.is_empty() {
        let label = |(key, value): &(String, String)| format!("{}: {}", scalar(key), scalar(value));
        let labels: Vec<String> = backend.labels.iter().map(label).collect();
        facts.push(format!("labels: {{{}}}", labels.join(", ")));
    }
    facts.join(", ")
}
