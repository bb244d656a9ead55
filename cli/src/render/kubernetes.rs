//! For Kubernetes alone: a Service for each lane, whose `EndpointSlice`s carry the lane.
//!
//! The control plane copies the labels of a Service onto its `EndpointSlice`s, so `traffic-group` stands there too for whoever
//! reads them: a proxy, an ingress. The selector tells which pods are the lane's.

use serde_json::{Value, json};

use super::{Rendered, map};
use crate::facts::{Lane, Mesh, Service};

/// The label that names the lane.
pub const TRAFFIC_GROUP: &str = "traffic-group";

/// Renders a Service for each lane of each service.
pub fn render(mesh: &Mesh) -> Rendered {
    let lanes = |service: &Service| -> Vec<Value> {
        service.lanes.iter().map(|lane| of_lane(service, lane)).collect()
    };
    Rendered { objects: mesh.services.iter().flat_map(lanes).collect(), notes: Vec::new() }
}

fn of_lane(service: &Service, lane: &Lane) -> Value {
    let selector: Vec<(String, String)> = service.selector.iter().chain(&lane.labels).cloned().collect();
    let mut spec = json!({
        "selector": map(&selector),
        "ports": [{"name": service.port_name, "port": service.port, "targetPort": service.target_port}],
    });
    if lane.publish_not_ready
        && let Some(spec) = spec.as_object_mut()
    {
        spec.insert("publishNotReadyAddresses".to_owned(), Value::Bool(true));
    }
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": lane.service,
            "namespace": service.namespace,
            "labels": {TRAFFIC_GROUP: lane.subset},
        },
        "spec": spec,
    })
}
