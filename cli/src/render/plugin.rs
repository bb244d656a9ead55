//! The object by which a mesh loads the module.

use std::borrow::Cow;
use std::collections::HashSet;

use graylane::policy::Trust;
use serde_json::{Map, Value, json};

use super::{Source, envoy_filter, map};
use crate::document;
use crate::facts::{Gateway, Mesh, Module, Service};

/// The name of the object at a gateway.
pub(super) const AT_GATEWAY: &str = "graylane-gateway";

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

impl Extension {
    /// Takes the configuration of the plugin out of such an object; none where it has none of graylane.
    pub fn take_configuration(self, object: &mut Value) -> Option<Value> {
        let taken = object.pointer_mut(self.place()).map(Value::take)?;
        let configuration = match self {
            Extension::WasmPlugin | Extension::TrafficExtension => taken,
            Extension::EnvoyFilter => serde_json::from_str(taken.as_str()?).ok()?,
        };
        configuration.get("policy").is_some_and(Value::is_object).then_some(configuration)
    }

    /// Puts one in its place.
    pub fn put_configuration(self, object: &mut Value, configuration: &Value) {
        if let Some(place) = object.pointer_mut(self.place()) {
            *place = match self {
                Extension::WasmPlugin | Extension::TrafficExtension => configuration.clone(),
                Extension::EnvoyFilter => Value::String(configuration.to_string()),
            };
        }
    }

    /// Where it stands.
    fn place(self) -> &'static str {
        match self {
            Extension::WasmPlugin => "/spec/pluginConfig",
            Extension::TrafficExtension => "/spec/wasm/pluginConfig",
            Extension::EnvoyFilter => envoy_filter::CONFIGURATION,
        }
    }
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

    /// Whether a service is called from there.
    fn calls(&self, service: &Service) -> bool {
        match self {
            Target::Gateway(_) | Target::GatewayApi(_) => !service.hosts.is_empty(),
            Target::Sidecars(namespace) => service.clients.iter().any(|client| client == namespace),
        }
    }

    /// Whether its plugin has a release: not those of services that nobody calls from there. What clients may not claim is removed by the
    /// gateway for all that stand behind it, so there a release that can be overridden stays.
    pub(super) fn has<'m>(&self, mesh: &'m Mesh) -> impl Fn(&Value) -> bool + use<'m> {
        let uncalled = mesh.services.iter().filter(|service| !self.calls(service));
        let uncalled: HashSet<&str> = uncalled.map(|service| service.release.as_str()).collect();
        let is_edge = !matches!(self, Target::Sidecars(_));
        move |release| {
            let name = release.get("name").and_then(Value::as_str).unwrap_or_default();
            !uncalled.contains(name) || is_edge && release.get("overrides").is_some()
        }
    }

    /// The policy with these releases alone.
    fn policy<'s>(&self, source: &Source<'s>) -> Cow<'s, Value> {
        let is_kept = self.has(source.mesh);
        let releases = source.policy.get("releases").and_then(Value::as_array);
        let Some(releases) = releases.filter(|all| !all.iter().all(&is_kept)) else {
            return Cow::Borrowed(source.policy);
        };
        let kept: Vec<Value> = releases.iter().filter(|release| is_kept(release)).cloned().collect();
        let mut policy = source.policy.clone();
        if let Some(map) = policy.as_object_mut() {
            map.insert("releases".to_owned(), Value::Array(kept));
        }
        Cow::Owned(policy)
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
        Target::Gateway(_) | Target::GatewayApi(_) => (AT_GATEWAY, Trust::Edge),
        Target::Sidecars(_) => ("graylane-sidecar", Trust::Mesh),
    };
    let namespace = target.namespace();
    let policy = target.policy(source);
    let keys = source.keys.named_in(&policy);
    let configuration = document::plugin_configuration(trust, source.telemetry, &keys, &policy);
    let (api, kind, loads) = match extension {
        Extension::WasmPlugin => {
            ("extensions.istio.io/v1alpha1", "WasmPlugin", wasm_plugin(module, configuration))
        }
        Extension::EnvoyFilter => {
            let path = module.url.strip_prefix("file://").unwrap_or(&module.url);
            return envoy_filter::render(source, path, target, &configuration);
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
