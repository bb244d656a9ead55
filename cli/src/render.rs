//! A policy and what is known of the cluster, as objects of Kubernetes and of meshes.
//!
//! Objects are trees of values, in the order in which they are applied: what others refer to comes first. They are removed in
//! the reverse order.

pub mod envoy;
mod envoy_filter;
pub mod gateway_api;
pub mod istio;
pub mod kubernetes;
mod plugin;

use anyhow::{Context, Result};
use graylane::plan::Plan;
use serde_json::{Map, Value, json};
use serde_saphyr::ser_options;

use crate::document::Telemetry;
use crate::facts::{Gateway, Mesh, Service};
use crate::keys::Keys;
use crate::manifests::Object;

use plugin::Target;

pub use plugin::Extension;

/// What is rendered.
#[derive(Debug)]
pub struct Source<'s> {
    /// Services and their lanes.
    pub mesh: &'s Mesh,
    /// The headers that say where a hop sends a request: lane, cluster and slot. Routes follow the first; no client may send any.
    pub hop_headers: [&'s str; 3],
    /// The headers that claim something of a request.
    pub claimed_headers: Vec<&'s str>,
    /// Whether requests of somebody outside are believed in what they claim.
    pub trusts_somebody: bool,
    /// The header of the gray id.
    pub id_header: &'s str,
    /// The policy as it is written.
    pub policy: &'s Value,
    /// The secrets of the policy, by their ids.
    pub keys: &'s Keys,
    /// What the plugins tell of requests.
    pub telemetry: Telemetry,
    /// The objects that are there, of which what is not about lanes is kept.
    pub existing: &'s [Object],
}

impl<'s> Source<'s> {
    /// One of a policy, as it is written and as it decides. Nothing is there yet, and plugins tell what they tell unasked.
    pub fn of(mesh: &'s Mesh, policy: &'s Value, plan: &'s Plan, keys: &'s Keys) -> Self {
        let names = plan.names();
        Source {
            mesh,
            hop_headers: [&names.lane, &names.cluster, &names.slot],
            claimed_headers: plan.claimed_headers().collect(),
            trusts_somebody: plan.trusts_somebody(),
            id_header: &names.id,
            policy,
            keys,
            telemetry: Telemetry::default(),
            existing: &[],
        }
    }

    /// The header that names the lane.
    fn lane_header(&self) -> &'s str {
        let [lane, ..] = self.hop_headers;
        lane
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Rendered {
    /// The objects, in the order in which they are applied.
    pub objects: Vec<Value>,
    /// What people should know of them.
    pub notes: Vec<String>,
}

/// What follows the policy alone: what removes the headers of clients early at the gateway, the plugin there, and those for the sidecars
/// of each namespace that has clients. The gateway is one of the Gateway API where it has no labels.
pub fn plugins(source: &Source<'_>, extension: Extension) -> Vec<Value> {
    let gateway = source.mesh.gateway.as_ref().map(at_gateway);
    let removal = gateway.iter().map(|target| istio::early_removal(target, source));
    removal.chain(plugin::all(source, gateway.as_ref(), extension)).collect()
}

/// Whether the plugin that such an object loads has a release.
pub fn has<'m>(mesh: &'m Mesh, object: &Value) -> impl Fn(&Value) -> bool + use<'m> {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let target = match &mesh.gateway {
        Some(gateway) if text("/metadata/name") == plugin::AT_GATEWAY => at_gateway(gateway),
        _ => Target::Sidecars(text("/metadata/namespace")),
    };
    target.has(mesh)
}

fn at_gateway(gateway: &Gateway) -> Target<'_> {
    if gateway.labels.is_empty() { Target::GatewayApi(gateway) } else { Target::Gateway(gateway) }
}

/// Objects as YAML, one document each.
///
/// # Errors
/// None that is known of.
pub fn yaml(objects: &[Value]) -> Result<String> {
    // A name or an address stays on its line, where people and scripts look for it.
    let options = ser_options! { prefer_block_scalars: false };
    let document =
        |object| serde_saphyr::to_string_with_options(object, options.clone()).context("an object as YAML");
    let documents = objects.iter().map(document).collect::<Result<Vec<_>>>()?;
    Ok(documents.join("---\n"))
}

/// What of objects `kubectl delete` reads: their kinds and names, the last first.
pub fn removal(objects: &[Value]) -> Vec<Value> {
    let of = |object: &Value| {
        let metadata = object.get("metadata");
        let [name, namespace] =
            ["name", "namespace"].map(|key| metadata.and_then(|metadata| metadata.get(key)));
        json!({
            "apiVersion": object.get("apiVersion"),
            "kind": object.get("kind"),
            "metadata": {"name": name, "namespace": namespace},
        })
    };
    objects.iter().rev().map(of).collect()
}

/// How an object is called in messages: `VirtualService shop/user-svc`.
pub fn called(object: &Value) -> String {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
    let namespace = text("/metadata/namespace").map(|namespace| format!("{namespace}/")).unwrap_or_default();
    format!("{} {namespace}{}", text("/kind").unwrap_or_default(), text("/metadata/name").unwrap_or_default())
}

/// An object with the fields of a spec.
fn object(api: &str, kind: &str, name: &str, namespace: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    })
}

/// What of services people should know: which lanes have no route of their own, and which requests no release governs.
fn notes(mesh: &Mesh) -> Vec<String> {
    let of = |service: &Service| -> Vec<String> {
        let Service { release, name, ungoverned, .. } = service;
        let missing = service.missing().map(|(lane, served_by)| {
            let (lane, other) = (&lane.name, &served_by.name);
            format!("lane {lane} of {release} is not said to be serving: its requests go to {other}")
        });
        let hosts = (!ungoverned.is_empty()).then(|| {
            let hosts = ungoverned.join(", ");
            format!("release {release} has no such host, so it lets requests to {name} by these names pass: {hosts}")
        });
        missing.chain(hosts).collect()
    };
    mesh.services.iter().flat_map(of).collect()
}

/// Pairs as a map.
fn map(pairs: &[(String, String)]) -> Value {
    Value::Object(
        pairs.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect::<Map<_, _>>(),
    )
}
