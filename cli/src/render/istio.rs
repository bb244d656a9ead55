//! For Istio: a subset for each lane, routes that follow the lane header, and the plugin that writes it.

mod existing;
mod routes;

use serde_json::{Value, json};

use self::existing::{Existing, Side};
use super::plugin::{self, Extension, Target};
use super::{Rendered, Source, map, object};
use crate::facts::{Gateway, Service};

pub use existing::check;

const NETWORKING: &str = "networking.istio.io/v1";

/// Renders everything: what removes lane headers at the gateway, then subsets, then the routes to them, then the plugin.
///
/// # Errors
/// What of the objects that are there cannot be kept beside lanes.
pub fn render(source: &Source<'_>, extension: Extension) -> Result<Rendered, Vec<String>> {
    let mesh = source.mesh;
    let mut existing = Existing::of(source.existing);
    let rules: Vec<Value> = mesh.services.iter().map(|service| existing.destination_rule(service)).collect();
    let mut new: Vec<Value> = Vec::new();
    for service in &mesh.services {
        if !existing.takes_lanes(service, Side::Mesh, source.lane_header()) {
            existing.is_free("VirtualService", &service.name, service);
            new.push(in_mesh(service, source.lane_header()));
        }
        let Some(gateway) = &mesh.gateway else { continue };
        let hosts = service.hosts.iter().map(String::as_str);
        let hosts: Vec<&str> = hosts
            .filter(|host| !existing.takes_lanes(service, Side::Gateway(gateway, host), source.lane_header()))
            .collect();
        if !hosts.is_empty() {
            shared(&hosts, service, &mesh.services, &mut existing.faults);
            existing.is_free("VirtualService", &format!("{}-gateway", service.name), service);
            new.push(at_gateway(service, gateway, &hosts, source.lane_header()));
        }
    }
    if !existing.faults.is_empty() {
        return Err(existing.faults);
    }
    let target = mesh.gateway.as_ref().map(Target::Gateway);
    let mut objects: Vec<Value> = Vec::new();
    objects.extend(target.iter().map(|target| early_removal(target, source)));
    objects.extend(rules);
    objects.extend(existing.changed());
    objects.extend(new);
    objects.extend(plugin::all(source, target.as_ref(), extension));
    Ok(Rendered { objects, notes: super::notes(mesh).into_iter().chain(existing.notes).collect() })
}

/// Reports hosts at the gateway that two services have: which of them a path belongs to stands in no facts.
fn shared(hosts: &[&str], service: &Service, services: &[Service], faults: &mut Vec<String>) {
    for host in hosts {
        let others = services
            .iter()
            .filter(|other| *other != service && other.hosts.iter().any(|other| other == host));
        faults.extend(others.map(|other| {
            let (name, other) = (&service.name, &other.name);
            format!("{host} leads to {other} and to {name}: write a VirtualService that says which path is whose, and give it with --existing")
        }));
    }
}

/// The routes of requests by the name of the service, whatever its port.
fn in_mesh(service: &Service, header: &str) -> Value {
    let http = routes::new(&service.name, service, None, header);
    let spec = json!({"hosts": [service.host()], "http": http});
    object(NETWORKING, "VirtualService", &service.name, &service.namespace, &spec)
}

/// The routes of what comes from outside.
fn at_gateway(service: &Service, gateway: &Gateway, hosts: &[&str], header: &str) -> Value {
    let name = format!("{}-gateway", service.name);
    let Gateway { name: gateway, namespace, .. } = gateway;
    let http = routes::new(&name, service, Some(service.port), header);
    let spec = json!({"hosts": hosts, "gateways": [format!("{namespace}/{gateway}")], "http": http});
    object(NETWORKING, "VirtualService", &name, &service.namespace, &spec)
}

/// Removes the headers that name a lane, and those that claim one unless the policy believes somebody, before anything at a gateway
/// reads them: also while the module is absent.
pub(super) fn early_removal(gateway: &Target<'_>, source: &Source<'_>) -> Value {
    let claims = if source.trusts_somebody { &[] } else { source.claimed_headers.as_slice() };
    let removals: Vec<Value> =
        source.hop_headers.iter().chain(claims).map(|header| json!({"remove": header})).collect();
    let manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    let mutation =
        "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation";
    let filter = json!({"name": "envoy.filters.network.http_connection_manager"});
    let mut spec = plugin::applies_to(gateway, "workloadSelector", "labels");
    spec.insert(
        "configPatches".to_owned(),
        json!([{
            "applyTo": "NETWORK_FILTER",
            "match": {"context": "GATEWAY", "listener": {"filterChain": {"filter": filter}}},
            "patch": {"operation": "MERGE", "value": {"typed_config": {
                "@type": manager,
                "early_header_mutation_extensions": [{
                    "name": "graylane.early_removal",
                    "typed_config": {"@type": mutation, "mutations": removals},
                }],
            }}},
        }]),
    );
    object(
        "networking.istio.io/v1alpha3",
        "EnvoyFilter",
        "graylane-early-removal",
        gateway.namespace(),
        &Value::Object(spec),
    )
}
