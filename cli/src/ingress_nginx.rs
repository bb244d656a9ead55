//! A release as a pair of Ingresses for ingress-nginx: the stable one, and its canary. What of the release they cannot say is told.

mod annotations;
mod facts;
mod lost;
mod pattern;
mod shape;

use graylane::error::FieldError;
use graylane::policy::{PathMatch, Release};
use serde_json::{Map, Value, json};

pub use facts::{Facts, Service};

use crate::check::Severity;
use shape::Shape;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// The `ingressClassName`; none for the default class of the cluster.
    pub class: Option<String>,
    /// The prefix of the annotations.
    pub prefix: String,
    /// Whether a listener with graylane stands before ingress-nginx, so that the header of the lane says it all.
    pub decided_before: bool,
}

/// What came of a release.
#[derive(Debug)]
pub struct Rendered {
    /// The stable Ingress and its canary, in the order to apply them.
    pub objects: Vec<Value>,
    /// What they cannot say (warnings), and what is good to know (notes).
    pub told: Vec<(Severity, FieldError)>,
}

/// Renders the release at a position of the policy.
///
/// # Errors
/// Everything that is not known, or no pair of Ingresses can be made of.
pub fn render(
    release: &Release,
    position: usize,
    facts: &Facts,
    options: &Options,
) -> Result<Rendered, Vec<FieldError>> {
    let at = format!("releases[{position}]");
    let shape = Shape::of(release, &at)?;
    let name = release.name.as_deref().unwrap_or_default();
    let stable = facts.service(name, &shape.base);
    let canary = facts.service(name, &shape.candidate);
    let (stable, canary) = match (stable, canary) {
        (Ok(stable), Ok(canary)) => (stable, canary),
        (stable, canary) => return Err([stable.err(), canary.err()].into_iter().flatten().collect()),
    };
    let mut told = Vec::new();
    let annotations = annotations::of(release, &shape, &at, options, &mut told);
    lost::tell(release, &shape, &at, options, &mut told);
    let ingress = |name: String, annotations: Map<String, Value>, service: &Service| {
        let mut metadata = Map::from_iter([("name".to_owned(), Value::from(name))]);
        if let Some(namespace) = &service.namespace {
            metadata.insert("namespace".to_owned(), Value::from(namespace.as_str()));
        }
        if !annotations.is_empty() {
            metadata.insert("annotations".to_owned(), Value::Object(annotations));
        }
        let mut spec = Map::new();
        if let Some(class) = &options.class {
            spec.insert("ingressClassName".to_owned(), Value::from(class.as_str()));
        }
        spec.insert("rules".to_owned(), rules(release, service));
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec})
    };
    let name = object_name(name);
    let objects = vec![
        ingress(name.clone(), Map::new(), &stable),
        ingress(format!("{name}-canary"), annotations, &canary),
    ];
    Ok(Rendered { objects, told })
}

/// The hosts and paths of a release, which must be the same in both.
fn rules(release: &Release, service: &Service) -> Value {
    let matches = release.matches.clone().unwrap_or_default();
    let path = |path: &PathMatch| {
        let (path, kind) = match path {
            PathMatch::Exact(path) => (path, "Exact"),
            PathMatch::Prefix(path) => (path, "Prefix"),
        };
        json!({"path": path, "pathType": kind, "backend": {"service": service.backend()}})
    };
    let mut paths: Vec<Value> = matches.paths.iter().map(path).collect();
    if paths.is_empty() {
        paths.push(path(&PathMatch::Prefix("/".to_owned())));
    }
    let rule = |host: Option<&str>| match host {
        Some(host) => json!({"host": host, "http": {"paths": paths}}),
        None => json!({"http": {"paths": paths}}),
    };
    let mut hosts: Vec<Option<&str>> = Vec::new();
    for host in &matches.hosts {
        let host = Some(without_port(host)).filter(|host| *host != "*");
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    if hosts.is_empty() {
        hosts.push(None);
    }
    hosts.into_iter().map(rule).collect()
}

/// A host without the port that a policy may have there.
fn without_port(host: &str) -> &str {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(host, _)| host)
}

/// A name as Kubernetes takes it: small letters, digits, `-` and `.`.
fn object_name(name: &str) -> String {
    let plain = name.to_ascii_lowercase().replace('_', "-");
    plain.trim_matches(['-', '.']).chars().take(240).collect()
}
