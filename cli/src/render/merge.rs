//! Objects that are there already: what of them is about lanes is rendered anew, all else is kept.

use serde_json::{Value, json};

use super::istio::destination;
use crate::facts::{Lane, Service};

/// The objects that are there.
#[derive(Debug)]
pub(super) struct Existing<'e> {
    objects: &'e [Value],
}

/// A `VirtualService` that is there, and which of its routes lead to the service.
#[derive(Debug)]
pub(super) struct Found<'e> {
    object: &'e Value,
    /// Its routes but those that follow a lane: these are rendered anew.
    routes: Vec<(&'e Value, Leads)>,
    /// Those that follow a lane.
    of_lanes: Vec<&'e Value>,
    notes: Vec<String>,
}

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leads {
    /// To the service alone: it becomes one for each lane.
    Here,
    /// Elsewhere: it stays as it is.
    Elsewhere,
}

impl<'e> Existing<'e> {
    pub(super) fn of(objects: &'e [Value]) -> Self {
        Existing { objects }
    }

    fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &'e Value> {
        let is_of_kind = move |object: &&Value| {
            let api = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
            api.starts_with("networking.istio.io/")
                && object.get("kind").and_then(Value::as_str) == Some(kind)
        };
        self.objects.iter().filter(is_of_kind)
    }

    /// The one of some objects; what is wrong if they are several.
    fn only(found: &[&'e Value], kind: &str, service: &Service) -> Result<Option<&'e Value>, String> {
        match found {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            several => {
                let names: Vec<String> = several.iter().map(|object| name(object)).collect();
                let host = service.host();
                Err(format!(
                    "{} are all a {kind} of {host}: Istio would have to choose; put them into one, then render again",
                    names.join(", ")
                ))
            }
        }
    }

    /// The `DestinationRule` of a service.
    pub(super) fn destination_rule(&self, service: &Service) -> Result<Option<&'e Value>, String> {
        let is_about = |object: &&Value| {
            let host = object.pointer("/spec/host").and_then(Value::as_str).unwrap_or_default();
            is_host(host, namespace(object), service)
        };
        let found: Vec<&Value> = self.of_kind("DestinationRule").filter(is_about).collect();
        Self::only(&found, "DestinationRule", service)
    }

    /// The `VirtualService` of a service.
    pub(super) fn virtual_service(
        &self,
        service: &Service,
        header: &str,
    ) -> Result<Option<Found<'e>>, String> {
        let is_about = |object: &&Value| {
            let hosts = list(object.pointer("/spec/hosts"));
            let mut hosts = hosts.iter().filter_map(Value::as_str);
            hosts.any(|host| {
                is_host(host, namespace(object), service) || service.hosts.iter().any(|own| own == host)
            })
        };
        let found: Vec<&Value> = self.of_kind("VirtualService").filter(is_about).collect();
        let Some(object) = Self::only(&found, "VirtualService", service)? else { return Ok(None) };
        let routes = list(object.pointer("/spec/http"));
        let (of_lanes, kept): (Vec<_>, Vec<_>) =
            routes.iter().partition(|route| follows_a_lane(route, header));
        let kept = kept.into_iter();
        let routes: Vec<(&Value, Leads)> =
            kept.map(|route| (route, leads(route, namespace(object), service))).collect();
        let notes = routes.iter().filter(|(_, leads)| *leads == Leads::Here);
        let notes = notes.filter_map(|(route, _)| weights(route, object, service)).collect();
        Ok(Some(Found { object, routes, of_lanes, notes }))
    }
}

impl Found<'_> {
    /// What people should know of what is replaced.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        self.notes.iter().cloned()
    }

    /// The object with a route for each lane before each route to the service, which is left to the base.
    pub(super) fn with_lanes(&self, service: &Service, header: &str) -> Value {
        let mut http: Vec<Value> = Vec::new();
        let is_here = self.routes.iter().any(|(_, leads)| *leads == Leads::Here);
        for (route, leads) in &self.routes {
            match leads {
                Leads::Here => http.extend(self.expanded(route, service, header)),
                Leads::Elsewhere => http.push((*route).clone()),
            }
        }
        if !is_here {
            http.extend(self.expanded(&json!({}), service, header));
        }
        let mut object = bare(self.object);
        if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
            spec.insert("http".to_owned(), Value::Array(http));
        }
        object
    }

    /// A route to the service as one for each lane, and one for all others.
    fn expanded(&self, route: &Value, service: &Service, header: &str) -> Vec<Value> {
        let lanes = service.routed().map(|(lane, served_by)| {
            let route = self.to_lane(route, service, lane, served_by);
            let matches = match route.get("match").and_then(Value::as_array) {
                Some(matches) if !matches.is_empty() => matches.clone(),
                _ => vec![json!({})],
            };
            let matches = matches.into_iter().map(|one| with_header(one, header, &lane.name)).collect();
            in_front(&route, "match", Value::Array(matches))
        });
        let base = service.base().map(|base| self.to_lane(route, service, base, base));
        lanes.chain(base).collect()
    }

    /// A route as it is but for its name and its destination.
    fn to_lane(&self, route: &Value, service: &Service, lane: &Lane, served_by: &Lane) -> Value {
        let named = Value::from(named(route, service, lane));
        // What else a destination says is kept: of the lane's own, which its route has since lanes were rendered, or of the first.
        let before = self.of_lanes.iter().find(|route| route.get("name") == Some(&named));
        let old = list(before.and_then(|route| route.get("route"))).iter().chain(list(route.get("route")));
        let is_its_own = |old: &&Value| {
            old.pointer("/destination/subset").and_then(Value::as_str) == Some(&served_by.subset)
        };
        let kept = old.clone().find(is_its_own).or(list(route.get("route")).first());
        let mut entry = kept.and_then(Value::as_object).cloned().unwrap_or_default();
        entry.shift_remove("weight");
        entry.insert("destination".to_owned(), destination(service, served_by));
        let mut route = route.as_object().cloned().unwrap_or_default();
        route.insert("route".to_owned(), json!([entry]));
        in_front(&Value::Object(route), "name", named)
    }
}

/// The name of a lane's route: that of the route that it comes from, and the lane's.
fn named(route: &Value, service: &Service, lane: &Lane) -> String {
    let is_base = service.base().is_some_and(|base| base.subset == lane.subset);
    let Some(name) = route.get("name").and_then(Value::as_str) else {
        return format!("{}-{}", service.name, lane.subset);
    };
    if is_base {
        return name.to_owned();
    }
    let own = service.base().and_then(|base| name.strip_suffix(&format!("-{}", base.subset)));
    format!("{}-{}", own.unwrap_or(name), lane.subset)
}

/// A map with a key that comes first.
fn in_front(object: &Value, key: &str, value: Value) -> Value {
    let rest = object.as_object().cloned().unwrap_or_default();
    let rest = rest.into_iter().filter(|(other, _)| other != key);
    let (name, rest): (Vec<_>, Vec<_>) = rest.partition(|(other, _)| other == "name");
    Value::Object(name.into_iter().chain([(key.to_owned(), value)]).chain(rest).collect())
}

fn with_header(mut condition: Value, header: &str, lane: &str) -> Value {
    let exact = json!({"exact": lane});
    match condition.get_mut("headers").and_then(Value::as_object_mut) {
        Some(headers) => drop(headers.insert(header.to_owned(), exact)),
        None => {
            if let Some(condition) = condition.as_object_mut() {
                condition.insert("headers".to_owned(), json!({header: exact}));
            }
        }
    }
    condition
}

/// Whether every condition of a route names the lane header: such a route was rendered.
fn follows_a_lane(route: &Value, header: &str) -> bool {
    let matches = list(route.get("match"));
    let names = |one: &Value| one.get("headers").is_some_and(|headers| headers.get(header).is_some());
    !matches.is_empty() && matches.iter().all(names)
}

fn leads(route: &Value, namespace: &str, service: &Service) -> Leads {
    let is_route = ["redirect", "directResponse", "delegate"].iter().all(|key| route.get(key).is_none());
    let destinations = list(route.get("route"));
    let is_here = |destination: &Value| {
        let host = destination.pointer("/destination/host").and_then(Value::as_str).unwrap_or_default();
        is_host(host, namespace, service)
    };
    if is_route && !destinations.is_empty() && destinations.iter().all(is_here) {
        Leads::Here
    } else {
        Leads::Elsewhere
    }
}

/// That weights give way to the policy, where a route has them.
fn weights(route: &Value, object: &Value, service: &Service) -> Option<String> {
    let destinations = list(route.get("route"));
    if destinations.len() < 2 {
        return None;
    }
    let part = |destination: &Value| {
        let subset =
            destination.pointer("/destination/subset").and_then(Value::as_str).unwrap_or("no subset");
        let weight = destination.get("weight").and_then(Value::as_u64).unwrap_or_default();
        format!("{subset} {weight}")
    };
    let parts: Vec<String> = destinations.iter().map(part).collect();
    Some(format!(
        "{}: the weights {} give way to release {}, in which a user stays in one lane; `graylane import istio` makes a policy of them",
        name(object),
        parts.join(", "),
        service.release
    ))
}

/// Whether a host as an object in a namespace writes it is that of the service.
fn is_host(host: &str, namespace: &str, service: &Service) -> bool {
    let Service { name, namespace: own, .. } = service;
    let rest = host.strip_prefix(name.as_str());
    match rest {
        Some("") => namespace == own,
        Some(rest) => {
            let rest = rest.strip_prefix('.').and_then(|rest| rest.strip_prefix(own.as_str()));
            matches!(rest, Some("" | ".svc" | ".svc.cluster.local"))
        }
        None => false,
    }
}

/// A `DestinationRule` with the subsets of lanes; what else a subset says is kept, and so are subsets of others.
pub(super) fn destination_rule(found: &Value, subsets: Vec<Value>) -> Value {
    let mut object = bare(found);
    let mut all = list(found.pointer("/spec/subsets")).to_vec();
    for subset in subsets {
        let same = all.iter_mut().find(|other| other.get("name") == subset.get("name"));
        match (same.and_then(Value::as_object_mut), subset) {
            (Some(same), Value::Object(subset)) => same.extend(subset),
            (_, subset) => all.push(subset),
        }
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("subsets".to_owned(), Value::Array(all));
    }
    object
}

/// An object without what only the server writes.
fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(object) = object.as_object_mut() {
        object.shift_remove("status");
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            for key in
                ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"]
            {
                metadata.shift_remove(key);
            }
            let applied = "kubectl.kubernetes.io/last-applied-configuration";
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.shift_remove(applied);
                if annotations.is_empty() {
                    metadata.shift_remove("annotations");
                }
            }
        }
    }
    object
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn namespace(object: &Value) -> &str {
    object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default()
}

/// How an object is called in messages.
fn name(object: &Value) -> String {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}/{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}
