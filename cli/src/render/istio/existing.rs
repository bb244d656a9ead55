//! Objects that are there already. What of them is about lanes is rendered anew, all else is kept.

use graylane::error::Problem;
use serde_json::{Map, Value, json};

use super::routes;
use crate::check::Severity;
use crate::facts::{Gateway, Lane, Service};
use crate::manifests::{Manifests, Object, error, quoted};
use crate::render::called;

/// Where requests to a service come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side<'s> {
    /// From other services, by the name of the service.
    Mesh,
    /// From outside, by a host at a gateway.
    Gateway(&'s Gateway, &'s str),
}

/// The objects that are there.
#[derive(Debug)]
pub(super) struct Existing<'e> {
    virtual_services: Vec<(&'e Object, Option<Value>)>,
    destination_rules: Vec<&'e Object>,
    pub(super) notes: Vec<String>,
    pub(super) faults: Vec<String>,
}

impl<'e> Existing<'e> {
    pub(super) fn of(objects: &'e [Object]) -> Self {
        let of_kind = |kind| objects.iter().filter(move |object| is_istio(object) && object.kind() == kind);
        Existing {
            virtual_services: of_kind("VirtualService").map(|object| (object, None)).collect(),
            destination_rules: of_kind("DestinationRule").collect(),
            notes: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Puts lanes into the `VirtualService` that serves a side; whether there is one.
    pub(super) fn takes_lanes(&mut self, service: &Service, side: Side<'_>, header: &str) -> bool {
        let found =
            self.virtual_services.iter().enumerate().filter(|(_, (object, _))| serves(object, service, side));
        let found: Vec<usize> = found.map(|(at, _)| at).collect();
        match found.as_slice() {
            [] => {
                self.overshadows(service, side);
                false
            }
            [at] => {
                self.put_lanes(*at, service, header);
                true
            }
            several => {
                let names = several.iter().filter_map(|at| self.virtual_services.get(*at));
                let names: Vec<String> = names.map(|(object, _)| called(&object.value)).collect();
                let host = host_of(service, side);
                let fault =
                    format!("{} are all for {host}: put their routes into one of them", names.join(", "));
                self.faults.push(fault);
                true
            }
        }
    }

    fn put_lanes(&mut self, at: usize, service: &Service, header: &str) {
        let Some((object, changed)) = self.virtual_services.get_mut(at) else { return };
        let mut value = changed.take().unwrap_or_else(|| bare(&object.value));
        let http = list(value.pointer("/spec/http")).to_vec();
        let namespace = object.namespace().unwrap_or(&service.namespace);
        let (http, notes) = routes::with_lanes(&http, service, namespace, header);
        self.notes.extend(notes.into_iter().map(|note| format!("{}: {note}", called(&object.value))));
        if let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) {
            spec.insert("http".to_owned(), Value::Array(http));
        }
        *changed = Some(value);
    }

    /// Tells of objects for patterns of hosts, from which a new object takes one away.
    fn overshadows(&mut self, service: &Service, side: Side<'_>) {
        let host = host_of(service, side);
        let wide = self.virtual_services.iter().filter(|(object, _)| {
            let hosts = list(object.value.pointer("/spec/hosts"));
            is_at(object, service, side)
                && hosts.iter().filter_map(Value::as_str).any(|wide| is_within(&host, wide))
        });
        let notes: Vec<String> = wide
            .map(|(object, _)| {
                format!(
                    "{}: a new VirtualService takes {host} out of its hosts, with all its routes",
                    called(&object.value)
                )
            })
            .collect();
        self.notes.extend(notes);
    }

    /// Reports an object of another service that has the name of a new one.
    pub(super) fn is_free(&mut self, kind: &str, name: &str, service: &Service) {
        let of_kind: Vec<&Object> = match kind {
            "VirtualService" => self.virtual_services.iter().map(|(object, _)| *object).collect(),
            _ => self.destination_rules.clone(),
        };
        let is_in =
            |object: &&&Object| object.namespace().is_none_or(|namespace| namespace == service.namespace);
        if let Some(other) = of_kind.iter().filter(is_in).find(|object| object.name() == name) {
            let hosts = other.value.pointer("/spec/hosts").or(other.value.pointer("/spec/host"));
            let hosts = hosts.map(Value::to_string).unwrap_or_default();
            let host = service.host();
            self.faults.push(format!(
                "{} is there for {hosts}, and the new one for {host} has its name: rename one",
                called(&other.value)
            ));
        }
    }

    /// The `VirtualService`s that lanes were put into.
    pub(super) fn changed(&mut self) -> impl Iterator<Item = Value> {
        self.virtual_services.iter_mut().filter_map(|(_, changed)| changed.take())
    }

    /// The `DestinationRule` of a service with the subsets of its lanes, or a new one.
    pub(super) fn destination_rule(&mut self, service: &Service) -> Value {
        let subset = |lane: &Lane| (lane.subset.clone(), super::map(&lane.labels));
        let subsets: Vec<(String, Value)> = service.lanes.iter().map(subset).collect();
        let host = |object: &Object| object.text("/spec/host").unwrap_or_default().to_owned();
        let is_in = |object: &Object| object.namespace().unwrap_or(&service.namespace).to_owned();
        let own: Vec<&Object> = self
            .destination_rules
            .iter()
            .filter(|object| service.is_called(&host(object), &is_in(object)))
            .copied()
            .collect();
        if let [first, ..] = own.as_slice() {
            if own.len() > 1 {
                let names: Vec<String> = own.iter().map(|object| called(&object.value)).collect();
                self.faults.push(format!(
                    "{} are all for {}: put them into one",
                    names.join(", "),
                    service.host()
                ));
            }
            return with_subsets(bare(&first.value), subsets);
        }
        self.is_free("DestinationRule", &service.name, service);
        let mut spec = json!({"host": service.host()});
        let wide = self.destination_rules.iter().find(|object| is_within(&service.host(), &host(object)));
        if let Some(wide) = wide
            && let (Some(spec), Some(policy)) =
                (spec.as_object_mut(), wide.value.pointer("/spec/trafficPolicy"))
        {
            // The narrower of two rules counts alone.
            spec.insert("trafficPolicy".to_owned(), policy.clone());
            self.notes.push(format!(
                "{}: its trafficPolicy is copied, since a rule for one host takes its place",
                called(&wide.value)
            ));
        }
        let new =
            super::object(super::NETWORKING, "DestinationRule", &service.name, &service.namespace, &spec);
        with_subsets(new, subsets)
    }
}

/// A `DestinationRule` with the subsets of lanes; what else a subset says is kept, and so are subsets of others.
fn with_subsets(mut object: Value, subsets: Vec<(String, Value)>) -> Value {
    let mut all = list(object.pointer("/spec/subsets")).to_vec();
    for (name, labels) in subsets {
        let same = all.iter_mut().find(|other| other.get("name").and_then(Value::as_str) == Some(&name));
        match same.and_then(|same| same.get_mut("labels")).and_then(Value::as_object_mut) {
            Some(same) => same.extend(labels.as_object().cloned().unwrap_or_default()),
            None => all.push(json!({"name": name, "labels": labels})),
        }
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("subsets".to_owned(), Value::Array(all));
    }
    object
}

/// Whether an object is for a side of a service.
fn serves(object: &Object, service: &Service, side: Side<'_>) -> bool {
    let namespace = object.namespace().unwrap_or(&service.namespace);
    let hosts = list(object.value.pointer("/spec/hosts"));
    let mut hosts = hosts.iter().filter_map(Value::as_str);
    is_at(object, service, side)
        && hosts.any(|host| match side {
            Side::Mesh => service.is_called(host, namespace),
            Side::Gateway(_, own) => host.eq_ignore_ascii_case(own),
        })
}

/// Whether an object is in force where requests of a side come by.
fn is_at(object: &Object, service: &Service, side: Side<'_>) -> bool {
    let namespace = object.namespace().unwrap_or(&service.namespace);
    let gateways = list(object.value.pointer("/spec/gateways"));
    let mut gateways = gateways.iter().filter_map(Value::as_str);
    match side {
        Side::Mesh => {
            object.value.pointer("/spec/gateways").is_none() || gateways.any(|gateway| gateway == "mesh")
        }
        Side::Gateway(own, _) => gateways.any(|gateway| {
            let (other, name) = gateway.split_once('/').unwrap_or((namespace, gateway));
            (other, name) == (own.namespace.as_str(), own.name.as_str())
        }),
    }
}

fn host_of(service: &Service, side: Side<'_>) -> String {
    match side {
        Side::Mesh => service.host(),
        Side::Gateway(_, host) => host.to_owned(),
    }
}

/// Whether a pattern of hosts has this one.
fn is_within(host: &str, pattern: &str) -> bool {
    pattern == "*" || pattern.strip_prefix('*').is_some_and(|end| end.starts_with('.') && host.ends_with(end))
}

/// An object without what only the server writes.
fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    let Some(map) = object.as_object_mut() else { return object };
    map.shift_remove("status");
    let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) else { return object };
    for key in ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"] {
        metadata.shift_remove(key);
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.shift_remove("kubectl.kubernetes.io/last-applied-configuration");
        if annotations.is_empty() {
            metadata.shift_remove("annotations");
        }
    }
    object
}

/// Reports what of Istio's objects is not as Istio has it, as far as it is looked at.
pub fn check(manifests: &mut Manifests) {
    for object in manifests.objects.clone() {
        if !is_istio(&object) {
            continue;
        }
        let mut wrong = |path: &str, what: &str| {
            let value =
                object.value.pointer(&format!("/{}", path.replace('.', "/"))).map(quoted).unwrap_or_default();
            manifests.found(&object, Severity::Error, error(path, Problem::Type, value, what));
        };
        let spec = object.value.get("spec");
        let is_list_of = |key: &str, is: fn(&Value) -> bool| {
            spec.and_then(|spec| spec.get(key))
                .is_none_or(|value| value.as_array().is_some_and(|list| list.iter().all(is)))
        };
        match object.kind() {
            "VirtualService" => {
                for key in ["hosts", "gateways"] {
                    if !is_list_of(key, Value::is_string) {
                        wrong(&format!("spec.{key}"), "must be a list of names");
                    }
                }
                if !is_list_of("http", Value::is_object) {
                    wrong("spec.http", "must be a list of routes");
                }
            }
            "DestinationRule" => {
                if !is_list_of("subsets", Value::is_object) {
                    wrong("spec.subsets", "must be a list of subsets");
                }
                if object.text("/spec/host").is_none() {
                    wrong("spec.host", "must be a host");
                }
            }
            _ => {}
        }
    }
}

fn is_istio(object: &Object) -> bool {
    object.group() == "networking.istio.io"
}

pub(super) fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A map without some keys.
pub(super) fn without(map: &Value, keys: &[&str]) -> Map<String, Value> {
    let map = map.as_object().cloned().unwrap_or_default();
    map.into_iter().filter(|(key, _)| !keys.contains(&key.as_str())).collect()
}
