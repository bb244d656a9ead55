//! For the Gateway API as Istio serves it: routes that follow the lane header to the Service of each lane, since an `HTTPRoute`
//! knows no subsets.

use serde_json::{Value, json};

use super::istio::early_removal;
use super::plugin::{self, Extension, Target};
use super::{Rendered, Source, kubernetes, object};
use crate::facts::{Gateway, Lane, Service};

const API: &str = "gateway.networking.k8s.io/v1";

/// How many rules and hosts a route may have.
const MOST: usize = 16;

/// Renders everything: the Services of lanes, then the routes to them, then the plugin where a module is known.
///
/// # Errors
/// What an `HTTPRoute` has no room for.
pub fn render(source: &Source<'_>, extension: Extension) -> Result<Rendered, Vec<String>> {
    let mesh = source.mesh;
    let target = mesh.gateway.as_ref().map(Target::GatewayApi);
    let mut faults = Vec::new();
    let mut objects: Vec<Value> = Vec::new();
    objects.extend(target.iter().map(|target| early_removal(target, source)));
    objects.extend(kubernetes::render(mesh).objects);
    for service in &mesh.services {
        let rules = service.routed().count().saturating_add(1);
        for (count, what) in [(rules, "routes, one for each lane"), (service.hosts.len(), "hosts")] {
            if count > MOST {
                faults.push(format!("{} has {count} {what}: an HTTPRoute has {MOST} at most", service.name));
            }
        }
        let gateway = mesh.gateway.as_ref().filter(|_| !service.hosts.is_empty());
        objects.extend(gateway.map(|gateway| at_gateway(service, gateway, source.lane_header())));
        objects.push(in_mesh(service, source.lane_header()));
    }
    objects.extend(plugin::all(source, target.as_ref(), extension));
    if faults.is_empty() { Ok(Rendered { objects, notes: super::notes(mesh) }) } else { Err(faults) }
}

/// The routes of what comes from outside.
fn at_gateway(service: &Service, gateway: &Gateway, header: &str) -> Value {
    let Gateway { name, namespace, .. } = gateway;
    let parent = json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name, "namespace": namespace});
    let spec = json!({"parentRefs": [parent], "hostnames": service.hosts, "rules": rules(service, header)});
    object(API, "HTTPRoute", &format!("{}-gateway", service.name), &service.namespace, &spec)
}

/// The routes of requests within the mesh: their parent is the Service that clients call.
fn in_mesh(service: &Service, header: &str) -> Value {
    let parent = json!({"group": "", "kind": "Service", "name": service.name, "port": service.port});
    let spec = json!({"parentRefs": [parent], "rules": rules(service, header)});
    object(API, "HTTPRoute", &format!("{}-mesh", service.name), &service.namespace, &spec)
}

fn rules(service: &Service, header: &str) -> Vec<Value> {
    let backend = |lane: &Lane| json!([{"name": lane.service, "port": service.port}]);
    let lanes = service.routed().map(|(lane, served_by)| {
        json!({
            "name": lane.subset,
            "matches": [{"headers": [{"name": header, "value": lane.name}]}],
            "backendRefs": backend(served_by),
        })
    });
    let base = service.base().map(|base| json!({"name": base.subset, "backendRefs": backend(base)}));
    lanes.chain(base).collect()
}
