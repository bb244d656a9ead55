//! Facts held against a policy.

use std::collections::HashMap;

use graylane::error::{At, OneOf, Path, PolicyErrors, Problem, Quoted};
use graylane::plan::{Plan, Segment};
use graylane::policy::{self, Map, Policy};

use super::Needs;
use super::mesh::{Gateway, Lane, Mesh, Module, Service};
use super::name::{self, is_host, is_label, is_pattern, is_service, label_of};
use super::written::{self, Facts, Port, TargetPort, is_port_name};

/// What facts are held against, and what was named so far.
struct Known<'p> {
    /// None where nobody knows yet which policy it will be.
    policy: Option<(&'p Policy, &'p Plan)>,
    needs: Needs,
    domain: String,
    has_gateway: bool,
    /// Which service named each release first.
    releases: HashMap<String, usize>,
    /// Which service named each Service first, for itself or for a lane.
    services: HashMap<String, usize>,
}

/// A release as it is written and as it decides.
type Release<'p> = (&'p policy::Release, &'p Segment);

/// Holds facts against a policy, if there is one: lanes are those of its releases. Where there are errors, what comes out is only
/// good for finding more.
pub(super) fn mesh(
    facts: &Facts,
    policy: Option<(&Policy, &Plan)>,
    needs: Needs,
    errors: &mut PolicyErrors,
) -> Mesh {
    let mut at = At::new(Path::Root, errors);
    let module = facts.module.as_ref().map(|written| module(written, needs, &mut at.key("module")));
    let gateway = facts.gateway.as_ref().map(|written| gateway(written, needs, &mut at.key("gateway")));
    for (index, namespace) in facts.clients.iter().enumerate() {
        label(Some(namespace), &mut at.key("clients").index(index));
    }
    let domain = facts.cluster_domain.clone().unwrap_or_else(|| "cluster.local".to_owned());
    if !is_host(&domain) {
        at.key("clusterDomain").error(Problem::Invalid, Quoted(&domain), "a domain, like cluster.local");
    }
    let (releases, seen) = (HashMap::new(), HashMap::new());
    let has_gateway = gateway.is_some();
    let mut known = Known { policy, needs, domain, has_gateway, releases, services: seen };
    let mut at = at.key("services");
    if facts.services.is_empty() && !at.is_unreadable() {
        at.error(Problem::Required, "", "at least one service");
    }
    let mut services = Vec::new();
    for (index, written) in facts.services.iter().enumerate() {
        services.push(service(written, index, &mut known, &mut at.index(index)));
    }
    let of_services = services.iter().flat_map(|service| &service.clients);
    let clients =
        distinct(services.iter().map(|service| &service.namespace).chain(&facts.clients).chain(of_services));
    for (service, written) in services.iter_mut().zip(&facts.services) {
        if written.clients.is_empty() {
            service.clients.clone_from(&clients);
        }
    }
    Mesh { module, gateway, clients, services }
}

fn distinct<'n>(names: impl Iterator<Item = &'n String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in names {
        if !found.contains(name) {
            found.push(name.clone());
        }
    }
    found
}

/// Holds facts against a policy of which nothing is needed but the Services behind lanes.
pub(super) fn services(facts: &Facts, policy: &Policy, plan: &Plan, errors: &mut PolicyErrors) {
    let mut known = Known {
        policy: Some((policy, plan)),
        needs: Needs::default(),
        domain: String::new(),
        has_gateway: false,
        releases: HashMap::new(),
        services: HashMap::new(),
    };
    let mut at = At::new(Path::Root, errors);
    let mut at = at.key("services");
    for (index, written) in facts.services.iter().enumerate() {
        let at = &mut at.index(index);
        let release = required(written.release.as_deref(), &mut at.key("release"));
        let found = of_release(&release, index, &mut known, &mut at.key("release"));
        if written.namespace.is_some() {
            label(written.namespace.as_deref(), &mut at.key("namespace"));
        }
        let mut at = at.key("lanes");
        if let Some((release, _)) = found {
            are_of(release, &written.lanes, &mut at);
        }
        for (name, lane) in written.lanes.iter().filter(|(_, lane)| lane.service.is_some()) {
            service_name(lane.service.as_deref(), &mut at.key(name).key("service"));
        }
    }
}

fn module(written: &written::Module, needs: Needs, at: &mut At<'_>) -> Module {
    let url = required(written.url.as_deref(), &mut at.key("url"));
    let sha256 = written.sha256.clone();
    if let Some(hash) = sha256.as_deref().filter(|hash| !is_hash(hash)) {
        at.key("sha256").error(Problem::Invalid, Quoted(hash), "64 hexadecimal digits, letters small");
    }
    if !url.is_empty() {
        location(&url, sha256.is_some(), needs, at);
    }
    let pull_secret = written.pull_secret.clone();
    if let Some(name) = pull_secret.as_deref().filter(|name| !is_host(name)) {
        at.key("pullSecret").error(Problem::Invalid, Quoted(name), "the name of a Secret");
    }
    Module { url, sha256, pull_secret }
}

/// Checks where a module is.
fn location(url: &str, has_hash: bool, needs: Needs, at: &mut At<'_>) {
    let after = |scheme| url.strip_prefix(scheme).filter(|rest| !rest.is_empty());
    if needs.module_file && after("file:///").is_none() {
        let allowed = "must start with file:///: an EnvoyFilter loads a file of the proxy's container";
        at.key("url").error(Problem::Invalid, Quoted(url), allowed);
    } else if let Some(image) = after("oci://") {
        if !image.rsplit_once("@sha256:").is_some_and(|(name, hash)| !name.is_empty() && is_hash(hash)) {
            let allowed =
                "name an image by its digest, …@sha256:…: a tag can come to mean another image at any time";
            at.key("url").error(Problem::Invalid, Quoted(url), allowed);
        }
    } else if after("https://").or(after("http://")).is_some() {
        if !has_hash {
            let allowed = "the hash of the file; a proxy refuses what it fetches without one";
            at.key("sha256").error(Problem::Required, "", allowed);
        }
    } else if after("file:///").is_none() {
        at.key("url").error(
            Problem::Invalid,
            Quoted(url),
            "must be oci://…, https://…, http://… or file:///…",
        );
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn gateway(written: &written::Gateway, needs: Needs, at: &mut At<'_>) -> Gateway {
    let labels = pairs(&written.labels);
    if needs.gateway_labels && labels.is_empty() && !at.key("labels").is_unreadable() {
        let allowed = "the labels of its pods; none would mean all of the namespace";
        at.key("labels").error(Problem::Required, "", allowed);
    }
    name::labels(&labels, &mut at.key("labels"));
    Gateway {
        name: label(written.name.as_deref(), &mut at.key("name")),
        namespace: label(written.namespace.as_deref(), &mut at.key("namespace")),
        labels,
    }
}

fn service(written: &written::Service, index: usize, known: &mut Known<'_>, at: &mut At<'_>) -> Service {
    let release = required(written.release.as_deref(), &mut at.key("release"));
    let found = of_release(&release, index, known, &mut at.key("release"));
    let name = service_name(written.name.as_deref(), &mut at.key("name"));
    let namespace = label(written.namespace.as_deref(), &mut at.key("namespace"));
    if !name.is_empty() {
        once(&mut known.services, format!("{namespace}/{name}"), index, &mut at.key("name"));
    }
    // Within a mesh it is the one that was called.
    let needs_port = known.needs.selectors || !written.hosts.is_empty();
    if written.port.is_none() && needs_port && !at.key("port").is_unreadable() {
        at.key("port").error(Problem::Required, "", "1 to 65535");
    }
    let Port(port) = written.port.unwrap_or_default();
    let port_name = written.port_name.clone().unwrap_or_else(|| "http".to_owned());
    if !is_port_name(&port_name) {
        let allowed = "small letters, digits and hyphens, 15 at most";
        at.key("portName").error(Problem::Invalid, Quoted(&port_name), allowed);
    }
    hosts(&written.hosts, known, &mut at.key("hosts"));
    for (index, namespace) in written.clients.iter().enumerate() {
        label(Some(namespace), &mut at.key("clients").index(index));
    }
    let clients = distinct([&namespace].into_iter().chain(&written.clients));
    let mut service = Service {
        release,
        name,
        namespace,
        domain: known.domain.clone(),
        port,
        port_name,
        target_port: written.target_port.clone().unwrap_or(TargetPort::Number(port)),
        hosts: written.hosts.clone(),
        clients,
        selector: selector(&written.selector, known.needs, &mut at.key("selector")),
        ..Service::default()
    };
    if let Some(found) = found {
        service.ungoverned = service.names().filter(|host| !found.1.has_host(host.as_bytes())).collect();
        (service.lanes, service.base) = lanes(&service, &written.lanes, found, &mut at.key("lanes"));
        // Elsewhere nobody asks for the Services of lanes.
        let lanes = if known.needs.selectors { service.lanes.as_slice() } else { &[] };
        for lane in lanes {
            let whole = format!("{}/{}", service.namespace, lane.service);
            once(&mut known.services, whole, index, &mut at.key("lanes").key(&lane.name).key("service"));
        }
    }
    service
}

fn of_release<'p>(name: &str, index: usize, known: &mut Known<'p>, at: &mut At<'_>) -> Option<Release<'p>> {
    let Some((policy, plan)) = known.policy else {
        if !name.is_empty() {
            once(&mut known.releases, name.to_owned(), index, at);
        }
        return None;
    };
    let position = policy.releases.iter().position(|release| release.name.as_deref() == Some(name));
    let found = position.and_then(|position| {
        Some((policy.releases.get(position)?, plan.release(u32::try_from(position).ok()?)?))
    });
    if let Some((_, segment)) = found {
        once(&mut known.releases, name.to_owned(), index, at);
        if !segment.routes() {
            let allowed =
                "a release that sends requests to lanes; this AB test only names a group (ab.route)";
            at.error(Problem::Invalid, Quoted(name), allowed);
        }
    } else if !name.is_empty() {
        let names = policy.releases.iter().filter_map(|release| release.name.as_deref());
        at.error(Problem::NotFound, Quoted(name), OneOf(&names.collect::<Vec<_>>()));
    }
    found
}

/// Reports what was named before.
fn once(seen: &mut HashMap<String, usize>, name: String, index: usize, at: &mut At<'_>) {
    match seen.get(&name) {
        Some(first) => {
            at.error(
                Problem::Duplicate,
                Quoted(&name),
                format_args!("services[{first}] has it; each has one place"),
            );
        }
        None => drop(seen.insert(name, index)),
    }
}

fn selector(written: &Map<String>, needs: Needs, at: &mut At<'_>) -> Vec<(String, String)> {
    let selector = pairs(written);
    name::labels(&selector, at);
    if needs.selectors && selector.is_empty() && !at.is_unreadable() {
        let allowed = "the labels of its pods: a lane's alone may be carried by pods of other services";
        at.error(Problem::Required, "", allowed);
    }
    selector
}

/// Checks the hosts by which clients know a service.
fn hosts(hosts: &[String], known: &Known<'_>, at: &mut At<'_>) {
    if !hosts.is_empty() && known.needs.gateway && !known.has_gateway {
        at.error(Problem::Forbidden, "", "hosts are those at the gateway: write a gateway for them");
    }
    for (index, host) in hosts.iter().enumerate() {
        let at = &mut at.index(index);
        let is_within = |pattern: &str| pattern.strip_prefix('*').is_some_and(|end| host.ends_with(end));
        if !is_pattern(host) {
            at.error(Problem::Invalid, Quoted(host), "a host without a port, perhaps after *.");
        } else if host.ends_with(&format!(".svc.{}", known.domain)) {
            at.error(
                Problem::Invalid,
                Quoted(host),
                "a host at the gateway: names within the cluster are known",
            );
        } else if hosts.iter().take(index).any(|other| other == host) {
            at.error(Problem::Duplicate, Quoted(host), "write it once");
        } else if hosts.iter().any(|other| other != host && is_within(other)) {
            at.error(Problem::Duplicate, Quoted(host), "a pattern beside has it already");
        }
    }
}

/// Reports lanes that a release does not have, and returns the names of those that it has.
fn are_of<'p>(release: &'p policy::Release, written: &Map<written::Lane>, at: &mut At<'_>) -> Vec<&'p str> {
    let names: Vec<&str> = release.lanes.iter().filter_map(|lane| lane.name.as_deref()).collect();
    for (name, _) in written.iter().filter(|(name, _)| !names.contains(name)) {
        at.key(name).error(Problem::NotFound, Quoted(name), OneOf(&names));
    }
    names
}

/// The lanes of a release, and which of them is the base.
fn lanes(
    service: &Service,
    written: &Map<written::Lane>,
    (release, segment): Release<'_>,
    at: &mut At<'_>,
) -> (Vec<Lane>, usize) {
    let names = are_of(release, written, at);
    let of = |name: &str| written.iter().find(|(known, _)| *known == name).map(|(_, lane)| lane);
    let base_name = String::from_utf8_lossy(segment.lane_name(segment.base())).into_owned();
    let base = names.iter().position(|name| *name == base_name).unwrap_or_default();
    let is_serving = |at: &usize| names.get(*at).and_then(|name| of(name)).is_some_and(|lane| lane.serving);
    let mut lanes: Vec<Lane> = Vec::new();
    for (position, (name, lane)) in names.iter().zip(&release.lanes).enumerate() {
        let Some(facts) = of(name) else {
            let allowed = "what carries this lane: its labels, and whether it is serving";
            at.key(name).error(Problem::Required, "", allowed);
            continue;
        };
        let fallbacks = lane.fallback.iter().filter_map(|name| names.iter().position(|known| known == name));
        let served_by = [position].into_iter().chain(fallbacks).find(is_serving).unwrap_or(base);
        let lane = self::lane(service, name, facts, served_by, &mut at.key(name));
        unlike(&lane, &lanes, &mut at.key(name));
        lanes.push(lane);
    }
    if of(&base_name).is_some_and(|lane| !lane.serving) {
        let allowed = "must be true: whoever nothing else places is sent here";
        at.key(&base_name).key("serving").error(Problem::Invalid, "false", allowed);
    }
    (lanes, base)
}

fn lane(service: &Service, name: &str, facts: &written::Lane, served_by: usize, at: &mut At<'_>) -> Lane {
    let labels = pairs(&facts.labels);
    if labels.is_empty() && !at.key("labels").is_unreadable() {
        at.key("labels").error(Problem::Required, "", "at least one label that only pods of this lane carry");
    }
    name::labels(&labels, &mut at.key("labels"));
    for (key, value) in &labels {
        let other = service.selector.iter().find(|(other, has)| other == key && has != value);
        if let Some((_, other)) = other {
            let allowed = format_args!("the selector says {other}: no pod carries both");
            at.key("labels").key(key).error(Problem::Invalid, Quoted(value), allowed);
        }
    }
    let subset = facts.subset.clone().unwrap_or_else(|| label_of(name));
    if !is_label(&subset) {
        let allowed = format_args!("write the name of the subset: {}", name::LABEL);
        at.key("subset").error(Problem::Invalid, Quoted(&subset), allowed);
    }
    let own = facts.service.clone().unwrap_or_else(|| format!("{}-{subset}", service.name));
    if !service.name.is_empty() && is_label(&subset) && !is_service(&own) {
        let allowed = format_args!("write the name of the lane's Service: {}", name::SERVICE);
        at.key("service").error(Problem::Invalid, Quoted(&own), allowed);
    }
    let publish_not_ready = facts.publish_not_ready;
    Lane { name: name.to_owned(), subset, service: own, labels, publish_not_ready, served_by }
}

/// Reports what a lane has in common with one before it.
fn unlike(lane: &Lane, others: &[Lane], at: &mut At<'_>) {
    for other in others {
        if lane.subset == other.subset {
            let allowed =
                format_args!("lane {} has this name; write another one for one of them", other.name);
            at.key("subset").error(Problem::Duplicate, Quoted(&lane.subset), allowed);
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

fn required(value: Option<&str>, at: &mut At<'_>) -> String {
    let value = value.unwrap_or_default();
    if value.is_empty() && !at.is_unreadable() {
        at.error(Problem::Required, "", "must be there");
    }
    value.to_owned()
}

fn label(value: Option<&str>, at: &mut At<'_>) -> String {
    let value = required(value, at);
    if !value.is_empty() && !is_label(&value) {
        at.error(Problem::Invalid, Quoted(&value), name::LABEL);
    }
    value
}

fn service_name(value: Option<&str>, at: &mut At<'_>) -> String {
    let value = required(value, at);
    if !value.is_empty() && !is_service(&value) {
        at.error(Problem::Invalid, Quoted(&value), name::SERVICE);
    }
    value
}
