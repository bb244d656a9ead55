//! Facts as people write them, key for key.

use graylane::policy::Map;
use graylane::written;

written! {
    /// What a policy does not say of the cluster that it runs in.
    pub struct Facts {
        /// The module, as the mesh fetches it. Without it no plugin is rendered.
        module: Option<Module>,
        /// Where clients come in. Without it nothing is rendered for a gateway.
        gateway: Option<Gateway>,
        /// The services, one for each release that sends requests to lanes. Required.
        services: Vec<Service> [required],
    }
}

written! {
    /// The module, as the mesh fetches it.
    pub struct Module {
        /// Where it is: `oci://registry.example.com/graylane@sha256:…`, or `https://…` or `file:///…` with `sha256`. Required.
        url: Option<String> [required],
        /// The hash of the file behind an `https://` or `file://`: 64 hexadecimal digits.
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
        /// The port of the service: 1 to 65535. Required.
        port: Option<u32> [required],
        /// The port of its pods; default: that of the service.
        target_port: Option<u32> as "targetPort",
        /// The hosts by which clients know it at the gateway.
        hosts: Vec<String>,
        /// The labels that all its pods carry, whatever their lane: what the Service selects by. Required where each lane is a Service: for the Gateway API, and for Kubernetes alone.
        selector: Map<String>,
        /// The lanes of the release, each by its name. Required.
        lanes: Map<Lane> [required],
    }
}

written! {
    /// What carries a lane.
    pub struct Lane {
        /// The labels by which its pods are told from those of other lanes: `version: v2`. Required.
        labels: Map<String> [required],
        /// `true` once it has pods that serve. Nothing is sent to a lane before that: it would be answered by 503. Default `false`.
        serving: bool,
        /// The name of its subset; default: the lane's, in small letters.
        subset: Option<String>,
        /// The Service of this lane alone; default: the names of service and subset with a hyphen between.
        service: Option<String>,
        /// Whether that Service tells the addresses of pods that are not ready yet. Default `false`.
        publish_not_ready: bool as "publishNotReady",
    }
}
