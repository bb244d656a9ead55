//! Facts held against a policy.

use std::collections::HashMap;

use graylane::error::{At, OneOf, Path, PolicyErrors, Problem, Quoted};
use graylane::plan::{Plan, Segment};
use graylane::policy::{self, Map, Policy};

use super::Needs;
use super::name::{self, is_host, is_label, label_of};
use super::written::{self, Facts, TargetPort};

/// Services with lanes: what is rendered for a mesh is made of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mesh {
    /// The module, where it is known.
    pub module: Option<Module>,
    /// Where clients come in, if they do.
    pub gateway: Option<Gateway>,
    /// The services, in the order in which they are written.
    pub services: Vec<Service>,
}

/// The module, as the mesh fetches it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Module {
    /// Where it is.
    pub url: String,
    /// The hash of its file, in hexadecimal digits.
    pub sha256: Option<String>,
    /// The secret of the registry.
    pub pull_secret: Option<String>,
}

/// Where clients come in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gateway {
    /// The name of the Gateway object.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The labels of its pods.
    pub labels: Vec<(String, String)>,
}

/// A service and its lanes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// The release.
    pub release: String,
    /// The Kubernetes Service.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its port.
    pub port: u16,
    /// The port of its pods.
    pub target_port: TargetPort,
    /// The hosts by which clients know it.
    pub hosts: Vec<String>,
    /// The labels of all its pods.
    pub selector: Vec<(String, String)>,
    /// The lanes, in the order of the policy.
    pub lanes: Vec<Lane>,
    /// The position of the lane of whoever nothing else places.
    pub base: usize,
    /// The names of the service that its release does not match.
    pub ungoverned: Vec<String>,
}

/// A lane and what carries it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lane {
    /// Its name in the policy.
    pub name: String,
    /// The name of its subset.
    pub subset: String,
    /// The Service of it alone.
    pub service: String,
    /// The labels of its pods.
    pub labels: Vec<(String, String)>,
    /// Whether its Service tells pods that are not ready.
    pub publish_not_ready: bool,
    /// The position of the lane that serves its requests: itself where it is serving, else the first of its fallbacks that is,
    /// else the base.
    pub served_by: usize,
}

impl Service {
    /// The whole name of the service inside a cluster.
    pub fn host(&self) -> String {
        format!("{}.{}.svc.cluster.local", self.name, self.namespace)
    }

    /// The lane of whoever nothing else places.
    pub fn base(&self) -> Option<&Lane> {
        self.lanes.get(self.base)
    }

    /// The lanes whose requests go elsewhere than to the base, each with the lane that serves them.
    pub fn routed(&self) -> impl Iterator<Item = (&Lane, &Lane)> {
        let elsewhere = self.lanes.iter().filter(|lane| lane.served_by != self.base);
        elsewhere.filter_map(|lane| Some((lane, self.lanes.get(lane.served_by)?)))
    }

    /// The lanes that do not serve their own requests, each with the one that does.
    pub fn missing(&self) -> impl Iterator<Item = (&Lane, &Lane)> {
        let served = self.lanes.iter().enumerate().filter(|(at, lane)| lane.served_by != *at);
        served.filter_map(|(_, lane)| Some((lane, self.lanes.get(lane.served_by)?)))
    }
}

/// Holds facts against a policy. Where there are errors, what comes out is only good for finding more.
pub(super) fn of(
    facts: &Facts,
    policy: &Policy,
    plan: &Plan,
    needs: Needs,
    errors: &mut PolicyErrors,
) -> Mesh {
    let mut at = At::new(Path::Root, errors);
    let module = facts.module.as_ref().map(|written| module(written, needs, &mut at.key("module")));
    let gateway = facts.gateway.as_ref().map(|written| gateway(written, needs, &mut at.key("gateway")));
    let mut at = at.key("services");
    if facts.services.is_empty() && !at.is_unreadable() {
        at.error(Problem::Required, "", "at least one service");
    }
    let mut known = Known { policy, plan, needs, seen: HashMap::new() };
    let service = |(index, written): (usize, &written::Service)| {
        service(written, index, &mut known, &mut at.index(index))
    };
    Mesh { module, gateway, services: facts.services.iter().enumerate().map(service).collect() }
}

fn module(written: &written::Module, needs: Needs, at: &mut At<'_>) -> Module {
    let url = required(written.url.as_deref(), "url", at);
    let is_hash =
        |text: &str| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let sha256 = written.sha256.clone();
    if let Some(hash) = sha256.as_deref().filter(|hash| !is_hash(hash)) {
        at.key("sha256").error(Problem::Invalid, Quoted(hash), "64 hexadecimal digits, letters small");
    }
    if needs.module_file && !url.is_empty() && !url.starts_with("file:///") {
        let allowed = "must start with file:///: an EnvoyFilter loads a file of the proxy's container";
        at.key("url").error(Problem::Invalid, Quoted(&url), allowed);
    } else if let Some(image) = url.strip_prefix("oci://") {
        if !image.rsplit_once("@sha256:").is_some_and(|(name, hash)| !name.is_empty() && is_hash(hash)) {
            let allowed =
                "name an image by its digest, …@sha256:…: a tag can come to mean another image at any time";
            at.key("url").error(Problem::Invalid, Quoted(&url), allowed);
        }
    } else if ["https://", "http://", "file:///"].iter().any(|scheme| url.starts_with(scheme)) {
        if sha256.is_none() && !url.starts_with("file:///") {
            at.key("sha256").error(
                Problem::Required,
                "",
                "the hash of the file; a proxy refuses what it fetches without one",
            );
        }
    } else if !url.is_empty() {
        at.key("url").error(
            Problem::Invalid,
            Quoted(&url),
            "must start with oci://, https://, http:// or file:///",
        );
    }
    let pull_secret = written.pull_secret.clone();
    if let Some(name) = pull_secret.as_deref().filter(|name| !is_host(name)) {
        at.key("pullSecret").error(Problem::Invalid, Quoted(name), "the name of a Secret");
    }
    Module { url, sha256, pull_secret }
}

fn gateway(written: &written::Gateway, needs: Needs, at: &mut At<'_>) -> Gateway {
    let labels = pairs(&written.labels);
    if needs.gateway_labels && labels.is_empty() && !at.key("labels").is_unreadable() {
        at.key("labels").error(
            Problem::Required,
            "",
            "the labels of its pods; none would mean all of the namespace",
        );
    }
    name::labels(&labels, &mut at.key("labels"));
    Gateway {
        name: label(written.name.as_deref(), "name", at),
        namespace: label(written.namespace.as_deref(), "namespace", at),
        labels,
    }
}

/// What services are held against.
struct Known<'p> {
    policy: &'p Policy,
    plan: &'p Plan,
    needs: Needs,
    /// Where each release and each service was named first.
    seen: HashMap<String, usize>,
}

impl<'p> Known<'p> {
    /// The release of a name.
    fn release(&self, name: &str) -> Option<(&'p policy::Release, &'p Segment)> {
        let named = |release: &policy::Release| release.name.as_deref() == Some(name);
        let position = self.policy.releases.iter().position(named)?;
        let segment = self.plan.release(u32::try_from(position).ok()?)?;
        Some((self.policy.releases.get(position)?, segment))
    }

    /// Reports what was named before, by another service.
    fn once(&mut self, what: &str, name: &str, index: usize, at: &mut At<'_>) {
        let first = *self.seen.entry(format!("{what} {name}")).or_insert(index);
        if first != index {
            at.error(
                Problem::Duplicate,
                Quoted(name),
                format_args!("services[{first}] has this {what}; each has one place"),
            );
        }
    }
}

fn service(written: &written::Service, index: usize, known: &mut Known<'_>, at: &mut At<'_>) -> Service {
    let release = required(written.release.as_deref(), "release", at);
    let found = known.release(&release);
    if let Some((_, segment)) = found {
        known.once("release", &release, index, &mut at.key("release"));
        if !segment.routes() {
            let allowed =
                "a release that sends requests to lanes; this AB test only names a group (ab.route)";
            at.key("release").error(Problem::Invalid, Quoted(&release), allowed);
        }
    } else if !release.is_empty() {
        let names: Vec<&str> =
            known.policy.releases.iter().filter_map(|release| release.name.as_deref()).collect();
        at.key("release").error(Problem::NotFound, Quoted(&release), OneOf(&names));
    }
    let name = label(written.name.as_deref(), "name", at);
    let namespace = label(written.namespace.as_deref(), "namespace", at);
    if !name.is_empty() {
        known.once("service", &format!("{namespace}/{name}"), index, &mut at.key("name"));
    }
    let port = port(written.port, &mut at.key("port"));
    for (index, host) in written.hosts.iter().enumerate() {
        if !is_host(host) {
            at.key("hosts").index(index).error(
                Problem::Invalid,
                Quoted(host),
                "a host without a port, perhaps after *.",
            );
        }
    }
    let selector = pairs(&written.selector);
    name::labels(&selector, &mut at.key("selector"));
    if known.needs.selectors && selector.is_empty() && !at.key("selector").is_unreadable() {
        let allowed = "the labels of its pods: a lane's alone may be carried by pods of other services";
        at.key("selector").error(Problem::Required, "", allowed);
    }
    let target_port = written.target_port.clone().unwrap_or(TargetPort::Number(port));
    let names = hosts_of(&name, &namespace, &written.hosts);
    let is_ungoverned = |host: &String| found.is_some_and(|(_, segment)| !segment.has_host(host.as_bytes()));
    let ungoverned = names.into_iter().filter(is_ungoverned).collect();
    let (lanes, base) = match found {
        Some((release, segment)) => lanes(&name, &written.lanes, release, segment, &mut at.key("lanes")),
        None => (Vec::new(), 0),
    };
    let hosts = written.hosts.clone();
    Service { release, name, namespace, port, target_port, hosts, selector, lanes, base, ungoverned }
}

/// The names by which a service is called: within its namespace, within the cluster, and from outside.
fn hosts_of(name: &str, namespace: &str, outside: &[String]) -> Vec<String> {
    let whole = ["", ".svc", ".svc.cluster.local"].map(|end| format!("{name}.{namespace}{end}"));
    let inside = [name.to_owned()].into_iter().chain(whole);
    // A pattern stands for hosts that nobody asks for as they are written.
    inside.chain(outside.iter().filter(|host| !host.starts_with('*')).cloned()).collect()
}

/// The lanes of a release, and which of them is the base.
fn lanes(
    service: &str,
    written: &Map<written::Lane>,
    release: &policy::Release,
    segment: &Segment,
    at: &mut At<'_>,
) -> (Vec<Lane>, usize) {
    let names: Vec<&str> = release.lanes.iter().filter_map(|lane| lane.name.as_deref()).collect();
    for (name, _) in written.iter().filter(|(name, _)| !names.contains(name)) {
        at.key(name).error(Problem::NotFound, Quoted(name), OneOf(&names));
    }
    let of = |name: &str| written.iter().find(|(known, _)| *known == name).map(|(_, lane)| lane);
    let base_name = String::from_utf8_lossy(segment.lane_name(segment.base())).into_owned();
    let base = names.iter().position(|name| *name == base_name).unwrap_or_default();
    let is_serving = |at: &usize| names.get(*at).and_then(|name| of(name)).is_some_and(|lane| lane.serving);
    let mut lanes: Vec<Lane> = Vec::new();
    for (position, name) in names.iter().enumerate() {
        let Some(facts) = of(name) else {
            let allowed = "what carries this lane: its labels, and whether it is serving";
            at.key(name).error(Problem::Required, "", allowed);
            continue;
        };
        let fallback = release.lanes.get(position).map(|lane| lane.fallback.as_slice()).unwrap_or_default();
        let fallbacks = fallback.iter().filter_map(|name| names.iter().position(|known| known == name));
        let served_by = [position].into_iter().chain(fallbacks).find(is_serving).unwrap_or(base);
        let lane = lane(service, name, facts, &mut at.key(name));
        unlike(&lane, &lanes, &mut at.key(name));
        lanes.push(Lane { served_by, ..lane });
    }
    if of(&base_name).is_some_and(|lane| !lane.serving) {
        let allowed = "must be true: whoever nothing else places is sent here";
        at.key(&base_name).key("serving").error(Problem::Invalid, "false", allowed);
    }
    (lanes, base)
}

fn lane(service: &str, name: &str, facts: &written::Lane, at: &mut At<'_>) -> Lane {
    let labels = pairs(&facts.labels);
    if labels.is_empty() && !at.key("labels").is_unreadable() {
        at.key("labels").error(Problem::Required, "", "at least one label that only pods of this lane carry");
    }
    name::labels(&labels, &mut at.key("labels"));
    let subset = facts.subset.clone().unwrap_or_else(|| label_of(name));
    if !is_label(&subset) {
        let allowed = format_args!("write the name of the subset: {}", name::LABEL);
        at.key("subset").error(Problem::Invalid, Quoted(&subset), allowed);
    }
    let own = facts.service.clone().unwrap_or_else(|| format!("{service}-{subset}"));
    if !service.is_empty() && is_label(&subset) && !is_label(&own) {
        let allowed = format_args!("write the name of the lane's Service: {}", name::LABEL);
        at.key("service").error(Problem::Invalid, Quoted(&own), allowed);
    }
    Lane {
        name: name.to_owned(),
        subset,
        service: own,
        labels,
        publish_not_ready: facts.publish_not_ready,
        served_by: 0,
    }
}

/// Reports what a lane has in common with one before it.
fn unlike(lane: &Lane, others: &[Lane], at: &mut At<'_>) {
    for other in others {
        if lane.subset == other.subset {
            let allowed =
                format_args!("lane {} has this name; write another one for one of them", other.name);
            at.key("subset").error(Problem::Duplicate, Quoted(&lane.subset), allowed);
        }
        if lane.service == other.service {
            let allowed = format_args!("lane {} has this Service; each lane has its own", other.name);
            at.key("service").error(Problem::Duplicate, Quoted(&lane.service), allowed);
        }
        let is_within = |labels: &[(String, String)], others: &[(String, String)]| {
            !labels.is_empty() && labels.iter().all(|label| others.contains(label))
        };
        if is_within(&lane.labels, &other.labels) || is_within(&other.labels, &lane.labels) {
            let allowed = format_args!(
                "pods of lane {} carry them too: name a label that tells the two apart",
                other.name
            );
            at.key("labels").error(Problem::Duplicate, shown(&lane.labels), allowed);
        }
    }
}

fn shown(labels: &[(String, String)]) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

fn pairs(map: &Map<String>) -> Vec<(String, String)> {
    map.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect()
}

fn required(value: Option<&str>, key: &str, at: &mut At<'_>) -> String {
    let value = value.unwrap_or_default();
    if value.is_empty() && !at.key(key).is_unreadable() {
        at.key(key).error(Problem::Required, "", "must be there");
    }
    value.to_owned()
}

fn label(value: Option<&str>, key: &str, at: &mut At<'_>) -> String {
    let value = required(value, key, at);
    if !value.is_empty() && !is_label(&value) {
        at.key(key).error(Problem::Invalid, Quoted(&value), name::LABEL);
    }
    value
}

fn port(value: Option<u32>, at: &mut At<'_>) -> u16 {
    let port = value.and_then(|value| u16::try_from(value).ok()).unwrap_or_default();
    if port == 0 && !at.is_unreadable() {
        match value {
            None => at.error(Problem::Required, "", "must be there"),
            Some(value) => at.error(Problem::Invalid, value, "1 to 65535"),
        }
    }
    port
}
