//! Services with lanes, nothing missing: what is rendered for a mesh is made of it.

use super::written::TargetPort;

/// Services with lanes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mesh {
    /// The module, where it is known.
    pub module: Option<Module>,
    /// Where clients come in, if they do.
    pub gateway: Option<Gateway>,
    /// The namespaces of the services and of their clients, each once.
    pub clients: Vec<String>,
    /// The services, in the order in which they are written.
    pub services: Vec<Service>,
}

/// The module, as the mesh fetches it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Module {
    /// Where it is.
    pub url: String,
    /// The hash of its file, in hexadecimal digits.
    pub sha256: Option<String>,
    /// The secret of the registry.
    pub pull_secret: Option<String>,
}

/// Where clients come in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gateway {
    /// The name of the Gateway object.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The labels of its pods.
    pub labels: Vec<(String, String)>,
}

/// A service and its lanes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// The release.
    pub release: String,
    /// The Kubernetes Service.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The domain of the cluster.
    pub domain: String,
    /// Its port; 0 where only the one that was called matters.
    pub port: u16,
    /// The name of that port.
    pub port_name: String,
    /// The port of its pods.
    pub target_port: TargetPort,
    /// The hosts by which clients know it.
    pub hosts: Vec<String>,
    /// The namespaces whose pods call it, its own among them.
    pub clients: Vec<String>,
    /// The labels of all its pods.
    pub selector: Vec<(String, String)>,
    /// The lanes, in the order of the policy.
    pub lanes: Vec<Lane>,
    /// The position of the lane of whoever nothing else places.
    pub base: usize,
    /// The names of the service that its release does not match.
    pub ungoverned: Vec<String>,
}

/// A lane and what carries it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lane {
    /// Its name in the policy.
    pub name: String,
    /// The name of its subset.
    pub subset: String,
    /// The Service of it alone.
    pub service: String,
    /// The labels of its pods.
    pub labels: Vec<(String, String)>,
    /// Whether its Service tells pods that are not ready.
    pub publish_not_ready: bool,
    /// The position of the lane that serves its requests: itself where it is serving, else the first of its fallbacks that is, else the
    /// base.
    pub served_by: usize,
}

impl Service {
    /// The whole name of the service inside a cluster.
    pub fn host(&self) -> String {
        format!("{}.{}.svc.{}", self.name, self.namespace, self.domain)
    }

    /// The names by which it is called: within its namespace, within the cluster, and from outside. A pattern stands for hosts that
    /// nobody asks for as they are written.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let Service { name, namespace, hosts, .. } = self;
        let inside =
            [name.clone(), format!("{name}.{namespace}"), format!("{name}.{namespace}.svc"), self.host()];
        inside.into_iter().chain(hosts.iter().filter(|host| !host.starts_with('*')).cloned())
    }

    /// Whether an object in a namespace means this service by a host.
    pub fn is_called(&self, host: &str, namespace: &str) -> bool {
        self.is_named(&self.name, host, namespace)
    }

    /// Whether an object in a namespace means the Service of a lane by a host.
    pub fn is_lane_called(&self, lane: &Lane, host: &str, namespace: &str) -> bool {
        self.is_named(&lane.service, host, namespace)
    }

    fn is_named(&self, name: &str, host: &str, namespace: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        match host.strip_prefix(name) {
            Some("") => namespace == self.namespace,
            Some(rest) => {
                let end = rest.strip_prefix('.').and_then(|rest| rest.strip_prefix(self.namespace.as_str()));
                end.is_some_and(|end| {
                    ["", ".svc"].contains(&end) || end.strip_prefix(".svc.") == Some(&self.domain)
                })
            }
            None => false,
        }
    }

    /// The lane of whoever nothing else places.
    pub fn base(&self) -> Option<&Lane> {
        self.lanes.get(self.base)
    }

    /// The lanes whose requests go elsewhere than to the base, each with the lane that serves them.
    pub fn routed(&self) -> impl Iterator<Item = (&Lane, &Lane)> {
        let elsewhere = self.lanes.iter().filter(|lane| lane.served_by != self.base);
        elsewhere.filter_map(|lane| Some((lane, self.lanes.get(lane.served_by)?)))
    }

    /// The lanes that do not serve their own requests, each with the one that does.
    pub fn missing(&self) -> impl Iterator<Item = (&Lane, &Lane)> {
        let served = self.lanes.iter().enumerate().filter(|(at, lane)| lane.served_by != *at);
        served.filter_map(|(_, lane)| Some((lane, self.lanes.get(lane.served_by)?)))
    }
}
