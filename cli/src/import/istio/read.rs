//! A VirtualService as Istio takes it.

use graylane::error::Problem;
use serde_json::{Map, Value};

use super::Reader;
use crate::check::Severity;
use crate::manifests::{Object, error, quoted};

#[derive(Debug)]
pub(super) struct VirtualService {
    pub(super) object: Object,
    pub(super) hosts: Vec<String>,
    pub(super) routes: Vec<Route>,
}

/// A route of `http`.
#[derive(Debug)]
pub(super) struct Route {
    /// Where it stands: `spec.http[0]`.
    pub(super) at: String,
    pub(super) name: String,
    pub(super) matches: Vec<Map<String, Value>>,
    pub(super) destinations: Vec<Destination>,
    /// Whether it answers by itself (`redirect`, `directResponse`), or leaves that to another VirtualService (`delegate`).
    pub(super) answer: Option<&'static str>,
}

/// Where a route leads, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) host: String,
    pub(super) subset: Option<String>,
    pub(super) port: Option<u64>,
    pub(super) weight: u64,
}

impl Destination {
    /// Whether it is the same place.
    pub(super) fn is(&self, other: &Destination) -> bool {
        (&self.host, &self.subset, self.port) == (&other.host, &other.subset, other.port)
    }
}

const VERSIONS: [&str; 3] = ["v1", "v1beta1", "v1alpha3"];

/// Reads a VirtualService; mistakes are kept by the reader.
pub(super) fn virtual_service(object: &Object, reader: &mut Reader<'_>) -> Option<VirtualService> {
    if !VERSIONS.contains(&object.version()) {
        let value = quoted(object.value.get("apiVersion").unwrap_or(&Value::Null));
        let allowed =
            "allowed: networking.istio.io/v1, networking.istio.io/v1beta1, networking.istio.io/v1alpha3";
        reader.mistake(object, error("apiVersion", Problem::Unsupported, value, allowed));
        return None;
    }
    let hosts =
        list(object, "/spec/hosts").iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
    if hosts.is_empty() {
        let what = "it has no hosts, so another VirtualService delegates to it; it is left out";
        reader.tell(object, Severity::Warning, "spec", what);
        return None;
    }
    for kind in ["tcp", "tls"] {
        if !list(object, &format!("/spec/{kind}")).is_empty() {
            let what = "these are no HTTP requests; they stay in the VirtualService";
            reader.tell(object, Severity::Note, &format!("spec.{kind}"), what);
        }
    }
    let routes = list(object, "/spec/http").iter().enumerate();
    let routes: Vec<Route> = routes.map(|(index, value)| route(object, index, value, reader)).collect();
    Some(VirtualService { object: object.clone(), hosts, routes })
}

fn list<'o>(object: &'o Object, pointer: &str) -> &'o [Value] {
    object.value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// What a route does besides choosing where a request goes.
const BESIDES: [&str; 10] = [
    "rewrite",
    "timeout",
    "retries",
    "fault",
    "mirror",
    "mirrors",
    "mirrorPercentage",
    "corsPolicy",
    "headers",
    "mirrorPercent",
];

fn route(object: &Object, index: usize, value: &Value, reader: &mut Reader<'_>) -> Route {
    let at = format!("spec.http[{index}]");
    let besides: Vec<&str> = BESIDES.into_iter().filter(|key| value.get(key).is_some()).collect();
    if !besides.is_empty() {
        let what = format!("{} is no part of a policy, and stays in the VirtualService", besides.join(", "));
        reader.tell(object, Severity::Note, &at, &what);
    }
    let matches = value.get("match").and_then(Value::as_array).into_iter().flatten();
    let matches = matches.filter_map(Value::as_object).cloned().collect();
    let answer = ["redirect", "directResponse", "delegate"].into_iter().find(|key| value.get(key).is_some());
    let destinations = value.get("route").and_then(Value::as_array).into_iter().flatten().enumerate();
    let destinations: Vec<Destination> = destinations
        .filter_map(|(index, value)| destination(object, &format!("{at}.route[{index}]"), value, reader))
        .collect();
    if answer.is_none() && destinations.is_empty() {
        let missing = error(&format!("{at}.route"), Problem::Required, "", "where the requests go");
        reader.mistake(object, missing);
    }
    if destinations.len() > 1 && destinations.iter().all(|destination| destination.weight == 0) {
        let wrong = error(&format!("{at}.route"), Problem::Invalid, "", "the weights must not all be 0");
        reader.mistake(object, wrong);
    }
    let name = value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    Route { at, name, matches, destinations, answer }
}

fn destination(object: &Object, at: &str, value: &Value, reader: &mut Reader<'_>) -> Option<Destination> {
    let Some(host) = value.pointer("/destination/host").and_then(Value::as_str) else {
        let missing = error(&format!("{at}.destination.host"), Problem::Required, "", "the service");
        reader.mistake(object, missing);
        return None;
    };
    let weight = match value.get("weight") {
        None | Some(Value::Null) => 0,
        Some(weight) => weight.as_u64().unwrap_or_else(|| {
            let path = format!("{at}.weight");
            let wrong = error(&path, Problem::Invalid, quoted(weight), "a whole number, 0 or more");
            reader.mistake(object, wrong);
            0
        }),
    };
    let subset = value.pointer("/destination/subset").and_then(Value::as_str).map(str::to_owned);
    let port = value.pointer("/destination/port/number").and_then(Value::as_u64);
    Some(Destination { host: host.to_owned(), subset, port, weight })
}
