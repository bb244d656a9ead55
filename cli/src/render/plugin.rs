//! The object by which a mesh loads the module.

use graylane::policy::Trust;
use serde_json::{Map, Value, json};

use super::{Source, map};
use crate::document;
use crate::facts::{Gateway, Module};

/// The kind of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// `WasmPlugin`: every supported Istio has it.
    WasmPlugin,
    /// `TrafficExtension`: Istio 1.30 and later.
    TrafficExtension,
    /// `EnvoyFilter`, with the module as a file of the proxy's container.
    EnvoyFilter,
}

/// Whose proxies load it.
#[derive(Debug)]
pub(super) enum Target<'t> {
    /// The pods of Istio's gateway: clients are outside.
    Gateway(&'t Gateway),
    /// A gateway of the Gateway API.
    GatewayApi(&'t Gateway),
    /// The sidecars of a namespace, for the requests that their pods send: the hop before is ours.
    Sidecars(&'t str),
}

impl Target<'_> {
    pub(super) fn namespace(&self) -> &str {
        match self {
            Target::Gateway(gateway) | Target::GatewayApi(gateway) => &gateway.namespace,
            Target::Sidecars(namespace) => namespace,
        }
    }
}

/// The plugin at the gateway, and one for the sidecars of each namespace that has clients; none where no module is known.
pub(super) fn all(source: &Source<'_>, gateway: Option<&Target<'_>>, extension: Extension) -> Vec<Value> {
    let Some(module) = &source.mesh.module else { return Vec::new() };
    let sidecars = source
        .mesh
        .clients
        .iter()
        .map(|namespace| object(source, module, &Target::Sidecars(namespace), extension));
    gateway.map(|gateway| object(source, module, gateway, extension)).into_iter().chain(sidecars).collect()
}

/// The plugin of a target.
fn object(source: &Source<'_>, module: &Module, target: &Target<'_>, extension: Extension) -> Value {
    let (name, trust) = match target {
        Target::Gateway(_) | Target::GatewayApi(_) => ("graylane-gateway", Trust::Edge),
        Target::Sidecars(_) => ("graylane-sidecar", Trust::Mesh),
    };
    let namespace = target.namespace();
    let configuration = document::plugin_configuration(trust, false, source.keys, source.policy);
    let (api, kind, loads) = match extension {
        Extension::WasmPlugin => {
            ("extensions.istio.io/v1alpha1", "WasmPlugin", wasm_plugin(module, configuration))
        }
        Extension::EnvoyFilter => {
            let path = module.url.strip_prefix("file://").unwrap_or(&module.url);
            return super::envoy_filter::render(source, path, target, &configuration);
        }
        Extension::TrafficExtension => {
            let wasm = Value::Object(wasm_plugin(module, configuration));
            (
                "extensions.istio.io/v1alpha1",
                "TrafficExtension",
                [("wasm".to_owned(), wasm)].into_iter().collect(),
            )
        }
    };
    let mut spec = applies_to(target, "selector", "matchLabels");
    spec.extend(loads);
    super::object(api, kind, name, namespace, &Value::Object(spec))
}

/// Which proxies an object is for. Kinds differ in what they call a selector and the labels in it.
pub(super) fn applies_to(target: &Target<'_>, selector: &str, labels: &str) -> Map<String, Value> {
    let (key, value) = match target {
        Target::Gateway(gateway) => (selector, json!({labels: map(&gateway.labels)})),
        Target::GatewayApi(gateway) => {
            let target =
                json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway.name});
            ("targetRefs", json!([target]))
        }
        // Without it a sidecar would decide once more about what comes in.
        Target::Sidecars(_) => ("match", json!([{"mode": "CLIENT"}])),
    };
    [(key.to_owned(), value)].into_iter().collect()
}

fn wasm_plugin(module: &Module, configuration: Value) -> Map<String, Value> {
    let Module { url, sha256, pull_secret } = module;
    let mut fields = vec![("url", json!(url))];
    fields.extend(sha256.as_ref().map(|hash| ("sha256", json!(hash))));
    fields.extend(url.starts_with("oci://").then(|| ("imagePullPolicy", json!("IfNotPresent"))));
    fields.extend(pull_secret.as_ref().map(|name| ("imagePullSecret", json!(name))));
    // Where the image cannot be fetched, requests go to the default lane. Unset, or FAIL_RELOAD, would turn every request away.
    fields.extend([
        ("pluginName", json!("graylane")),
        ("failStrategy", json!("FAIL_OPEN")),
        ("pluginConfig", configuration),
    ]);
    fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
