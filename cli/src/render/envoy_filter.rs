//! The module by an `EnvoyFilter`, for meshes that have no `WasmPlugin` and for proxies that must serve where the module is missing.
//!
//! Filter and policy come by extension config discovery, so a change of the policy touches no listener. A default is in force until a
//! first configuration is accepted: requests take their default routes, and what clients may not claim is removed.

use serde_json::{Map, Value, json};

use super::plugin::{AT_GATEWAY, Target, applies_to};
use super::{Source, object};

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const HEADER_TO_METADATA: &str =
    "type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config";

/// Where in the object the configuration of the plugin stands, as text.
pub(super) const CONFIGURATION: &str =
    "/spec/configPatches/1/patch/value/typed_config/config/configuration/value";

/// The filter of a target. `path` is the module, as a file of the proxy's container.
pub(super) fn render(source: &Source<'_>, path: &str, target: &Target<'_>, configuration: &Value) -> Value {
    let (name, context) = match target {
        Target::Gateway(_) | Target::GatewayApi(_) => (AT_GATEWAY, "GATEWAY"),
        Target::Sidecars(_) => ("graylane-sidecar", "SIDECAR_OUTBOUND"),
    };
    let mut spec = match target {
        Target::Sidecars(_) => Map::new(),
        gateway => applies_to(gateway, "workloadSelector", "labels"),
    };
    // After filters of others, so that nothing comes between the module and the router.
    spec.insert("priority".to_owned(), json!(10));
    spec.insert(
        "configPatches".to_owned(),
        json!([discovers(source, name, context, target), is_found(name, path, context, configuration)]),
    );
    object("networking.istio.io/v1alpha3", "EnvoyFilter", name, target.namespace(), &Value::Object(spec))
}

/// The place right before the router, and what stands there until the filter is found.
fn discovers(source: &Source<'_>, name: &str, context: &str, target: &Target<'_>) -> Value {
    let router = json!({
        "name": "envoy.filters.network.http_connection_manager",
        "subFilter": {"name": "envoy.filters.http.router"},
    });
    json!({
        "applyTo": "HTTP_FILTER",
        "match": {"context": context, "listener": {"filterChain": {"filter": router}}},
        "patch": {"operation": "INSERT_BEFORE", "value": {
            "name": name,
            "config_discovery": {
                "config_source": {"ads": {}, "resource_api_version": "V3"},
                "type_urls": [WASM, HEADER_TO_METADATA],
                "default_config": {"@type": HEADER_TO_METADATA, "request_rules": until_then(source, target)},
            },
        }},
    })
}

/// Marks each request for the access log. At a gateway it removes what clients may not claim; in the mesh the hop before is ours, and
/// what it says must be carried on.
fn until_then(source: &Source<'_>, target: &Target<'_>) -> Vec<Value> {
    let mark = json!({"metadata_namespace": "graylane", "key": "state", "value": "no-policy"});
    if matches!(target, Target::Sidecars(_)) {
        return vec![
            json!({"header": source.id_header, "on_header_present": mark, "on_header_missing": mark}),
        ];
    }
    let rule = |(at, header): (usize, &&str)| {
        let mut rule = json!({"header": header, "remove": true, "on_header_present": mark});
        if at == 0
            && let Some(rule) = rule.as_object_mut()
        {
            rule.insert("on_header_missing".to_owned(), mark.clone());
        }
        rule
    };
    source.claimed_headers.iter().enumerate().map(rule).collect()
}

/// The filter with its policy.
fn is_found(name: &str, path: &str, context: &str, configuration: &Value) -> Value {
    json!({
        "applyTo": "EXTENSION_CONFIG",
        "match": {"context": context},
        "patch": {"operation": "ADD", "value": {
            "name": name,
            "typed_config": {
                "@type": WASM,
                "config": {
                    // Each plugin of a proxy needs a name of its own.
                    "name": name,
                    // Should the module ever trap, the next request gets a fresh one.
                    "failure_policy": "FAIL_RELOAD",
                    "vm_config": {"runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": path}}},
                    // The module reads text, and no Struct.
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": configuration.to_string(),
                    },
                },
            },
        }},
    })
}
