//! For Envoy alone: the filter with its whole configuration, as a file for its extension config discovery (ECDS).

use graylane::policy::Trust;
use serde_json::{Value, json};

use crate::document::{Telemetry, plugin_configuration};
use crate::keys::Keys;

/// What of the filter is not the policy.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The name of the plugin; each plugin of a process needs one of its own.
    pub name: String,
    /// The module, as Envoy finds it.
    pub module: String,
    /// Whom the listener believes.
    pub trust: Trust,
    /// What it tells of requests.
    pub telemetry: Telemetry,
    /// The name of a watch whose policy is in force as soon as it has one.
    pub watch: Option<String>,
    /// The policy that may come next.
    pub shadow: Option<Value>,
}

/// The VMs of filter and watch share data by it: `envoy/etcd.yaml` has the same.
const VM_ID: &str = "graylane";
/// Where in a response the configuration of the plugin stands, as text.
const CONFIGURATION: &str = "/resources/0/typed_config/config/configuration/value";

impl Filter {
    /// A response of one resource, the filter.
    pub fn discovery_response(&self, keys: &Keys, policy: &Value) -> Value {
        let mut configuration = plugin_configuration(self.trust, self.telemetry, keys, policy);
        if let (Some(watch), Some(map)) = (&self.watch, configuration.as_object_mut()) {
            map.insert("watch".to_owned(), watch.as_str().into());
        }
        if let (Some(shadow), Some(map)) = (&self.shadow, configuration.as_object_mut()) {
            map.insert("shadow".to_owned(), shadow.clone());
        }
        let mut vm = json!({
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": self.module}},
        });
        if let (true, Some(map)) = (self.watch.is_some(), vm.as_object_mut()) {
            map.insert("vm_id".to_owned(), VM_ID.into());
        }
        json!({"resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": self.name,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": {
                    "name": self.name,
                    "failure_policy": "FAIL_RELOAD",
                    "vm_config": vm,
                    // A Struct would arrive as binary; text arrives as it is.
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": configuration.to_string(),
                    },
                },
            },
        }]})
    }

    /// The policy in a response; none where there is none.
    pub fn policy(response: &Value) -> Option<Value> {
        let configuration = response.pointer(CONFIGURATION)?.as_str()?;
        let configuration: Value = serde_json::from_str(configuration).ok()?;
        configuration.get("policy").cloned()
    }

    /// The mode of its file: Envoy may run as another user, and a secret is not for all of them.
    pub fn mode(keys: &Keys) -> u32 {
        if keys.is_empty() { 0o644 } else { 0o640 }
    }
}
