//! For Istio: a subset for each lane, routes that follow the lane header, and the plugin that writes it.

use serde_json::{Value, json};

use super::merge::{self, Existing};
use super::plugin::{self, Extension, Target};
use super::{Rendered, Source, map, object};
use crate::facts::{Gateway, Lane, Service};

const NETWORKING: &str = "networking.istio.io/v1";

/// Renders everything: what removes lane headers at the gateway, then subsets, then the routes to them, then the plugin.
///
/// # Errors
/// What of the objects that are there cannot be kept beside lanes.
pub fn render(source: &Source<'_>, extension: Extension) -> Result<Rendered, Vec<String>> {
    let mesh = source.mesh;
    let existing = Existing::of(source.existing);
    let (mut rules, mut routes, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    let mut notes = super::notes(mesh);
    for service in &mesh.services {
        match existing.destination_rule(service) {
            Ok(found) => rules.push(destination_rule(service, found)),
            Err(fault) => faults.push(fault),
        }
        match existing.virtual_service(service, source.lane_header()) {
            Ok(Some(found)) => {
                notes.extend(found.notes());
                routes.push(found.with_lanes(service, source.lane_header()));
            }
            Ok(None) => routes.push(virtual_service(service, mesh.gateway.as_ref(), source.lane_header())),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut objects: Vec<Value> = Vec::new();
    objects.extend(
        mesh.gateway
            .as_ref()
            .map(|gateway| early_removal(&Target::Gateway(gateway), &gateway.namespace, source)),
    );
    objects.extend(rules);
    objects.extend(routes);
    objects.extend(plugins(source, extension));
    Ok(Rendered { objects, notes })
}

/// A subset for each lane, those of lanes without pods as well: nothing is sent there before a route names them.
fn destination_rule(service: &Service, found: Option<&Value>) -> Value {
    let subset = |lane: &Lane| json!({"name": lane.subset, "labels": map(&lane.labels)});
    let subsets: Vec<Value> = service.lanes.iter().map(subset).collect();
    if let Some(found) = found {
        return merge::destination_rule(found, subsets);
    }
    let spec = json!({"host": service.host(), "subsets": subsets});
    object(NETWORKING, "DestinationRule", &service.name, &service.namespace, &spec)
}

/// A route for each lane and one for all others, to the base.
fn virtual_service(service: &Service, gateway: Option<&Gateway>, header: &str) -> Value {
    let is_at_gateway = gateway.filter(|_| !service.hosts.is_empty());
    let mut hosts = vec![service.host()];
    let mut gateways = Vec::new();
    if let Some(Gateway { name, namespace, .. }) = is_at_gateway {
        hosts.extend(service.hosts.iter().cloned());
        gateways = vec!["mesh".to_owned(), format!("{namespace}/{name}")];
    }
    let named = |lane: &Lane| format!("{}-{}", service.name, lane.subset);
    let lanes = service.routed().map(|(lane, served_by)| {
        json!({
            "name": named(lane),
            "match": [{"headers": {header: {"exact": lane.name}}}],
            "route": [{"destination": destination(service, served_by)}],
        })
    });
    let base = service
        .base()
        .map(|base| json!({"name": named(base), "route": [{"destination": destination(service, base)}]}));
    let http: Vec<Value> = lanes.chain(base).collect();
    let spec = if gateways.is_empty() {
        json!({"hosts": hosts, "http": http})
    } else {
        json!({"hosts": hosts, "gateways": gateways, "http": http})
    };
    object(NETWORKING, "VirtualService", &service.name, &service.namespace, &spec)
}

/// Where a lane is.
pub(super) fn destination(service: &Service, lane: &Lane) -> Value {
    json!({"host": service.host(), "subset": lane.subset, "port": {"number": service.port}})
}

/// Removes the headers that name a lane, and those that claim one unless the policy believes somebody, before anything at a gateway
/// reads them: also while the module is absent.
pub(super) fn early_removal(gateway: &Target<'_>, namespace: &str, source: &Source<'_>) -> Value {
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
        namespace,
        &Value::Object(spec),
    )
}

/// The plugin at the gateway, and one for the sidecars of each namespace that has a service.
fn plugins(source: &Source<'_>, extension: Extension) -> Vec<Value> {
    let Some(module) = &source.mesh.module else { return Vec::new() };
    let gateway = source.mesh.gateway.iter().map(Target::Gateway);
    let sidecars = super::namespaces(source.mesh).into_iter().map(Target::Sidecars);
    gateway.chain(sidecars).map(|target| plugin::object(source, module, &target, extension)).collect()
}
