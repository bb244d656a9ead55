//! The routes of a `VirtualService`: each that leads to the service becomes one for each lane, and one for all others.
//!
//! A route of a lane says all that the route says which it was made of: conditions, timeouts, retries, headers. It bears a name
//! by which it is known when it is rendered once more, and stands right before the other.

use serde_json::{Value, json};

use super::existing::{list, without};
use crate::facts::{Lane, Service};

/// What the names of lanes' routes start with.
const NAME: &str = "graylane:";

/// What a route is to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It was rendered for a lane, and is rendered anew.
    OfLane,
    /// All its requests are for the policy to place.
    Ours,
    /// Some of its requests go to others.
    Partly,
    /// It sends what fulfils its conditions to one lane, whatever the policy says.
    Fixed,
    /// It has nothing to do with the service.
    Elsewhere,
}

/// Where a destination leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    /// To the lane at this position.
    Lane(usize),
    /// To the service, whatever the lane.
    Service,
    /// To something else.
    Other,
}

/// The routes of a service that has none yet: those of its lanes, then the one of all others.
pub(super) fn new(name: &str, service: &Service, port: Option<u16>, header: &str) -> Vec<Value> {
    let destination = match port {
        Some(port) => json!({"host": service.host(), "port": {"number": port}}),
        None => json!({"host": service.host()}),
    };
    let route = json!({"name": name, "route": [{"destination": destination}]});
    with_lanes(&[route], service, &service.namespace, header).0
}

/// The routes of an object in a namespace with lanes, and what people should know of them.
pub(super) fn with_lanes(
    http: &[Value],
    service: &Service,
    namespace: &str,
    header: &str,
) -> (Vec<Value>, Vec<String>) {
    let lanes = Lanes { service, namespace, header };
    let (mut out, mut notes, mut rendered) = (Vec::new(), Vec::new(), Vec::new());
    let (mut is_led_here, mut takes_all) = (false, None);
    for (position, route) in http.iter().enumerate() {
        let kind = lanes.kind(route);
        notes.extend(lanes.note(kind, route, position));
        match kind {
            Kind::OfLane => rendered.push(route),
            Kind::Ours | Kind::Partly => {
                is_led_here = true;
                out.extend(lanes.of_lanes(route, &rendered));
                rendered.clear();
                out.push(if kind == Kind::Ours { lanes.of_others(route) } else { route.clone() });
            }
            Kind::Fixed | Kind::Elsewhere => {
                takes_all = takes_all.or(is_catch_all(route).then_some(out.len()));
                out.push(route.clone());
            }
        }
    }
    if !is_led_here {
        let route = json!({"name": service.name, "route": [{"destination": {"host": service.host()}}]});
        let mut own = lanes.of_lanes(&route, &rendered);
        let at = takes_all.unwrap_or(out.len());
        if takes_all.is_some() {
            notes.push(format!(
                "no route leads to {}: requests for no lane go where they went",
                service.host()
            ));
        } else {
            own.push(lanes.of_others(&route));
        }
        out.splice(at..at, own);
    }
    (out, notes)
}

/// The lanes of a service, as an object in a namespace sees them.
struct Lanes<'s> {
    service: &'s Service,
    namespace: &'s str,
    header: &'s str,
}

impl Lanes<'_> {
    fn kind(&self, route: &Value) -> Kind {
        if ["redirect", "directResponse", "delegate"].iter().any(|key| route.get(key).is_some()) {
            return Kind::Elsewhere;
        }
        let to: Vec<To> = list(route.get("route")).iter().map(|destination| self.to(destination)).collect();
        let is_named = route.get("name").and_then(Value::as_str).is_some_and(|name| name.starts_with(NAME));
        match to.as_slice() {
            _ if is_named
                && list(route.get("route")).iter().any(|destination| self.is_of_service(destination)) =>
            {
                Kind::OfLane
            }
            _ if to.iter().all(|to| *to == To::Other) => Kind::Elsewhere,
            [To::Lane(lane)] if *lane != self.service.base && !is_catch_all(route) => Kind::Fixed,
            _ if to.contains(&To::Other) => Kind::Partly,
            _ => Kind::Ours,
        }
    }

    /// Whether a destination is the service, also with a subset that no lane has any more.
    fn is_of_service(&self, destination: &Value) -> bool {
        let host = destination.pointer("/destination/host").and_then(Value::as_str).unwrap_or_default();
        self.service.is_called(host, self.namespace)
    }

    fn to(&self, destination: &Value) -> To {
        let text = |pointer| destination.pointer(pointer).and_then(Value::as_str);
        let host = text("/destination/host").unwrap_or_default();
        let port = destination.pointer("/destination/port/number").and_then(Value::as_u64);
        let own = u64::from(self.service.port);
        if own != 0 && port.is_some_and(|port| port != own) {
            return To::Other;
        }
        let lanes = &self.service.lanes;
        let lane = if self.service.is_called(host, self.namespace) {
            let Some(subset) = text("/destination/subset") else { return To::Service };
            lanes.iter().position(|lane| lane.subset == subset)
        } else {
            lanes.iter().position(|lane| self.service.is_lane_called(lane, host, self.namespace))
        };
        lane.map_or(To::Other, To::Lane)
    }

    /// What people should know of a route.
    fn note(&self, kind: Kind, route: &Value, position: usize) -> Option<String> {
        let name = route.get("name").and_then(Value::as_str);
        let called = name.map_or_else(|| format!("http[{position}]"), |name| format!("route {name}"));
        let release = &self.service.release;
        match kind {
            Kind::Fixed => Some(format!(
                "{called} sends what fulfils its conditions to one lane, whatever release {release} says; make it a rule of the policy"
            )),
            Kind::Partly => Some(format!(
                "{called} leads to others as well, by weights: lanes stand before it, and who has none is dealt out by each request"
            )),
            Kind::Ours if list(route.get("route")).len() > 1 => Some(format!(
                "{called}: its weights ({}) give way to release {release}, in which a user stays in one lane; `graylane import istio` makes a policy of them",
                self.weights(route)
            )),
            Kind::Ours | Kind::OfLane | Kind::Elsewhere => None,
        }
    }

    fn weights(&self, route: &Value) -> String {
        let part = |destination: &Value| {
            let weight = destination.get("weight").and_then(Value::as_u64).unwrap_or_default();
            let to = match self.to(destination) {
                To::Lane(lane) => self.service.lanes.get(lane).map_or("", |lane| &lane.name),
                To::Service | To::Other => "any lane",
            };
            format!("{to} {weight}")
        };
        list(route.get("route")).iter().map(part).collect::<Vec<_>>().join(", ")
    }

    /// The routes of lanes before a route; `rendered` are those that stood there.
    fn of_lanes(&self, route: &Value, rendered: &[&Value]) -> Vec<Value> {
        let of_lane = |(lane, served_by): (&Lane, &Lane)| {
            let matches = match list(route.get("match")) {
                [] => vec![json!({})],
                matches => matches.to_vec(),
            };
            let matches: Vec<Value> = matches.iter().map(|one| self.with_header(one, &lane.name)).collect();
            let name = match route.get("name").and_then(Value::as_str) {
                Some(name) => format!("{NAME}{}:{name}", lane.subset),
                None => format!("{NAME}{}", lane.subset),
            };
            // What a destination says besides was perhaps in the route before lanes were rendered, and is in the lane's since.
            let before = rendered.iter().flat_map(|route| list(route.get("route")));
            let destinations: Vec<&Value> = before.chain(list(route.get("route"))).collect();
            let mut made = json!({"name": name, "match": matches});
            if let Some(made) = made.as_object_mut() {
                made.extend(without(route, &["name", "match", "route"]));
                made.insert("route".to_owned(), json!([self.destination(&destinations, served_by)]));
            }
            made
        };
        self.service.routed().map(of_lane).collect()
    }

    /// A route for all who have no lane of their own.
    fn of_others(&self, route: &Value) -> Value {
        let mut route = route.clone();
        let destinations: Vec<&Value> = list(route.get("route")).iter().collect();
        let destination = self.service.base().map(|base| self.destination(&destinations, base));
        if let (Some(route), Some(destination)) = (route.as_object_mut(), destination) {
            route.insert("route".to_owned(), json!([destination]));
        }
        route
    }

    /// A destination that leads to a lane, made of the one of these that did, or of the first that leads to the service.
    fn destination(&self, destinations: &[&Value], lane: &Lane) -> Value {
        let position =
            self.service.lanes.iter().position(|other| other.subset == lane.subset).unwrap_or_default();
        let leads_to = |to: To| destinations.iter().find(|destination| self.to(destination) == to);
        let first = || destinations.iter().rev().find(|destination| self.to(destination) != To::Other);
        let made_of = leads_to(To::Lane(position)).or_else(|| leads_to(To::Service)).or_else(first);
        let mut made = made_of.map(|destination| without(destination, &["weight"])).unwrap_or_default();
        let mut destination =
            made.get("destination").map(|destination| without(destination, &[])).unwrap_or_default();
        let host = destination.get("host").and_then(Value::as_str).unwrap_or_default();
        if !self.service.is_called(host, self.namespace) {
            destination.insert("host".to_owned(), Value::from(self.service.host()));
        }
        destination.insert("subset".to_owned(), Value::from(lane.subset.as_str()));
        made.insert("destination".to_owned(), Value::Object(destination));
        Value::Object(made)
    }

    /// A condition and the lane's name in the header.
    fn with_header(&self, condition: &Value, lane: &str) -> Value {
        let headers = condition.get("headers").map(|headers| without(headers, &[])).unwrap_or_default();
        let mut headers: serde_json::Map<String, Value> =
            headers.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case(self.header)).collect();
        headers.insert(self.header.to_owned(), json!({"exact": lane}));
        let mut condition = without(condition, &["headers"]);
        condition.insert("headers".to_owned(), Value::Object(headers));
        Value::Object(condition)
    }
}

/// Whether a route takes every request that comes to it.
fn is_catch_all(route: &Value) -> bool {
    let matches = list(route.get("match"));
    let takes_all = |condition: &Value| {
        let rest = without(condition, &["name"]);
        rest.is_empty() || rest.len() == 1 && rest.get("uri") == Some(&json!({"prefix": "/"}))
    };
    matches.is_empty() || matches.iter().any(takes_all)
}
