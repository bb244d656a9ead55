//! Where the lanes of a policy are: facts that `graylane render` has to know, and the policy does not say.

use std::fmt::Write;

use super::draft::{Backend, Draft, Release};
use crate::init::scalar;

impl Draft {
    /// Facts of the services behind the lanes, as YAML.
    pub fn facts(&self) -> String {
        let mut out = String::from(
            "# What graylane render has to know of the lanes: docs/facts.md says what else can stand here\nservices:\n",
        );
        for release in self.releases.iter().filter(|release| !release.off) {
            of_release(release, &mut out);
        }
        out
    }
}

fn of_release(release: &Release, out: &mut String) {
    let Some(base) = release.lanes.first().map(|lane| &lane.backend) else { return };
    // Writing to text cannot fail.
    let _ = writeln!(out, "- release: {}\n  name: {}", scalar(&release.name), scalar(&base.service));
    if let Some(namespace) = &base.namespace {
        let _ = writeln!(out, "  namespace: {}", scalar(namespace));
    }
    if is_number(&base.port) {
        let _ = writeln!(out, "  port: {}", base.port);
    }
    out.push_str("  lanes:\n");
    for lane in &release.lanes {
        let _ = writeln!(out, "    {}: {{{}}}", scalar(&lane.name), of_lane(&lane.backend, base));
    }
}

fn of_lane(backend: &Backend, base: &Backend) -> String {
    let mut facts = Vec::new();
    match &backend.subset {
        Some(subset) => facts.push(format!("subset: {}", scalar(subset))),
        None => facts.push(format!("service: {}", scalar(&backend.service))),
    }
    let is_said = is_number(&base.port) && backend.port == base.port;
    if !backend.port.is_empty() && !is_said {
        let port = if is_number(&backend.port) { backend.port.clone() } else { scalar(&backend.port) };
        facts.push(format!("port: {port}"));
    }
    if !backend.labels.is_empty() {
        let label = |(key, value): &(String, String)| format!("{}: {}", scalar(key), scalar(value));
        let labels: Vec<String> = backend.labels.iter().map(label).collect();
        facts.push(format!("labels: {{{}}}", labels.join(", ")));
    }
    // Requests are sent there today.
    facts.push("serving: true".to_owned());
    facts.join(", ")
}

fn is_number(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}
