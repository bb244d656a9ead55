//! Facts as people write them, key for key.

use std::borrow::Cow;

use graylane::error::{At, Problem};
use graylane::node::Node;
use graylane::policy::Map;
use graylane::read::Written;
use graylane::written;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

written! {
    /// What a policy does not say of the cluster that it runs in.
    pub struct Facts {
        /// The module, as the mesh fetches it. Without it no plugin is rendered.
        module: Option<Module>,
        /// Where clients come in. Without it nothing is rendered for a gateway.
        gateway: Option<Gateway>,
        /// The namespaces whose pods call services, besides the services' own: their sidecars load the plugin too.
        clients: Vec<String>,
        /// The domain of the cluster; default: `cluster.local`.
        cluster_domain: Option<String> as "clusterDomain",
        /// The services, one for each release that sends requests to lanes. Required.
        services: Vec<Service> [required],
    }
}

written! {
    /// The module, as the mesh fetches it.
    pub struct Module {
        /// Where it is: `oci://registry.example.com/graylane@sha256:…`, `https://…` or `http://…` with `sha256`, or `file:///…`. Required.
        url: Option<String> [required],
        /// The hash of the file, 64 hexadecimal digits: a proxy refuses what it fetches by `https://` or `http://` without one.
        sha256: Option<String>,
        /// The secret of a private registry, by its name in the namespace of each plugin.
        pull_secret: Option<String> as "pullSecret",
    }
}

written! {
    /// Where clients come in: Istio's ingress gateway, or one of the Gateway API.
    pub struct Gateway {
        /// The name of the Gateway object. Required.
        name: Option<String> [required],
        /// Its namespace, in which its pods run. Required.
        namespace: Option<String> [required],
        /// The labels of its pods: `istio: ingress`. Required for Istio.
        labels: Map<String>,
    }
}

written! {
    /// A service whose requests a release sends to lanes.
    pub struct Service {
        /// The release, by its name in the policy. Required.
        release: Option<String> [required],
        /// The Kubernetes Service. Required.
        name: Option<String> [required],
        /// Its namespace. Required.
        namespace: Option<String> [required],
        /// The port of the service: 1 to 65535. Required, but for Istio where no host at a gateway leads to the service.
        port: Option<Port>,
        /// The name of the port of lanes' Services, by which a mesh knows the protocol: `http`, `grpc`, `http2`. Default `http`.
        port_name: Option<String> as "portName",
        /// The port of its pods, a number or the name that they give it; default: that of the service.
        target_port: Option<TargetPort> as "targetPort",
        /// The hosts by which clients know it at the gateway. Without one its release is not in the plugin of the gateway.
        hosts: Vec<String>,
        /// The namespaces whose pods call it, besides its own: its release is in the plugins of their sidecars. For its own alone, name that. Default: all that the facts name.
        clients: Vec<String>,
        /// The labels that all its pods carry, whatever their lane: what the Service selects by. Required where each lane is a Service: for the Gateway API, and for Kubernetes alone.
        selector: Map<String>,
        /// The lanes of the release, each by its name. Required.
        lanes: Map<Lane> [required],
    }
}

written! {
    /// What carries a lane.
    pub struct Lane {
        /// The labels by which its pods are told from those of other lanes: `version: v2`. Required for all but `render ingress-nginx`.
        labels: Map<String>,
        /// `true` once it has pods that serve. Nothing is sent to a lane before that: it would be answered by 503. Default `false`.
        serving: bool,
        /// The name of its subset; default: the lane's, in small letters.
        subset: Option<String>,
        /// The Service of this lane alone; default: the names of service and subset with a hyphen between. `render ingress-nginx` asks for it, there or by `--service`.
        service: Option<String>,
        /// The port of that Service, for `render ingress-nginx`; default: that of the whole service.
        port: Option<TargetPort>,
        /// Whether that Service tells the addresses of pods that are not ready yet. Default `false`.
        publish_not_ready: bool as "publishNotReady",
    }
}

/// A port: 1 to 65535.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Port(pub u16);

impl Written for Port {
    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self {
        let number = match node {
            Node::Unsigned(number) => u16::try_from(*number).ok().filter(|number| *number > 0),
            _ => None,
        };
        if number.is_none() {
            at.error(Problem::Invalid, node, "must be a number, 1 to 65535");
        }
        Port(number.unwrap_or_default())
    }
}

impl JsonSchema for Port {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Port".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer"})
    }
}

/// A port of pods: its number, or the name that they give it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum TargetPort {
    /// 1 to 65535.
    Number(u16),
    /// As the pods' containers name it.
    Name(String),
}

impl Default for TargetPort {
    fn default() -> Self {
        TargetPort::Number(0)
    }
}

impl Written for TargetPort {
    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self {
        let number = match node {
            Node::Unsigned(number) => u16::try_from(*number).ok().filter(|number| *number > 0),
            Node::Text(name) if is_port_name(name) => return TargetPort::Name(name.to_string()),
            _ => None,
        };
        if number.is_none() {
            at.error(
                Problem::Invalid,
                node,
                "1 to 65535, or a name of small letters, digits and hyphens, 15 at most",
            );
        }
        number.map_or_else(TargetPort::default, TargetPort::Number)
    }
}

/// Whether pods may name a port so: an IANA service name (RFC 6335).
pub(super) fn is_port_name(name: &str) -> bool {
    name.len() <= 15
        && super::name::is_label(name)
        && !name.contains("--")
        && name.bytes().any(|byte| byte.is_ascii_alphabetic())
}

impl JsonSchema for TargetPort {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TargetPort".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["integer", "string"]})
    }
}
