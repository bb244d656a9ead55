//! A bootstrap of `envoy/`, read as YAML and changed as a document, never as text.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::locate;

/// A bootstrap on its way to an Envoy: ports, endpoints and paths are changed here; the rest is as checked in.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    document: Value,
}

impl Bootstrap {
    /// `envoy/<name>.yaml`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load(name: &str) -> Result<Self> {
        Self::read(&locate::root().join("envoy").join(format!("{name}.yaml")))
    }

    /// `envoy/etcd.yaml` with the finished modules, and these members of an etcd as the endpoints of its cluster `etcd`.
    ///
    /// # Errors
    /// When the file cannot be read, or a module is missing.
    pub fn following(etcd: &[SocketAddr]) -> Result<Self> {
        let mut bootstrap = Self::load("etcd")?;
        bootstrap.replace("target/graylane.wasm", &locate::module()?);
        bootstrap.replace("target/graylane-watch.wasm", &locate::watch_module()?);
        bootstrap.endpoints("etcd", etcd)?;
        Ok(bootstrap)
    }

    /// Puts a file in the place of another wherever that is named.
    pub fn replace(&mut self, file: &str, other: &Path) -> &mut Self {
        each_object(&mut self.document, &mut |object| {
            if let Some(Value::String(name)) = object.get_mut("filename")
                && name == file
            {
                *name = other.display().to_string();
            }
        });
        self
    }

    /// Any bootstrap file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self { document: read_yaml(path)? })
    }

    /// The document, to read.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The document, to change.
    pub fn document_mut(&mut self) -> &mut Value {
        &mut self.document
    }

    /// Adds the first access log of another file, such as `envoy/exposures.yaml`, to the first listener's; it is written to `log`.
    ///
    /// # Errors
    /// When the file cannot be read or has none, or there is no listener with one.
    pub fn log_as(&mut self, file: &Path, log: &Path) -> Result<&mut Self> {
        self.log_as_nth(file, 0, log)
    }

    /// As [`log_as`](Self::log_as), with the access log that stands there at this position.
    ///
    /// # Errors
    /// As there.
    pub fn log_as_nth(&mut self, file: &Path, position: usize, log: &Path) -> Result<&mut Self> {
        const LOGS: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/access_log";
        let mut own = read_yaml(file)?
            .pointer_mut(&format!("/access_log/{position}"))
            .map(Value::take)
            .context("no access log")?;
        let path = own.pointer_mut("/typed_config/path").context("no file to log to")?;
        *path = log.display().to_string().into();
        let logs = self.document.pointer_mut(LOGS).and_then(Value::as_array_mut);
        logs.context("the bootstrap has no access log")?.push(own);
        Ok(self)
    }

    /// Has it make labels of the names of graylane's series, as `envoy/stats.yaml` says, and tell what it counts at once.
    ///
    /// # Errors
    /// When that file cannot be read, or the bootstrap is no object.
    pub fn with_series(&mut self) -> Result<&mut Self> {
        let stats = Self::load("stats")?;
        let stats = stats.document.get("stats_config").context("envoy/stats.yaml configures no stats")?;
        let document = self.document.as_object_mut().context("the bootstrap is no object")?;
        document.insert("stats_config".into(), stats.clone());
        // Histograms are told when they are flushed.
        document.insert("stats_flush_interval".into(), "0.2s".into());
        Ok(self)
    }

    /// The names of its clusters.
    pub fn clusters(&self) -> Vec<&str> {
        let clusters = self.document.pointer("/static_resources/clusters").and_then(Value::as_array);
        clusters.into_iter().flatten().filter_map(|cluster| cluster.get("name")?.as_str()).collect()
    }

    /// Lets a cluster have this one endpoint.
    ///
    /// # Errors
    /// When there is no such cluster.
    pub fn endpoint(&mut self, cluster: &str, address: SocketAddr) -> Result<&mut Self> {
        self.endpoints(cluster, &[address])
    }

    /// Lets a cluster have no endpoint at all.
    ///
    /// # Errors
    /// When there is no such cluster.
    pub fn no_endpoint(&mut self, cluster: &str) -> Result<&mut Self> {
        self.endpoints(cluster, &[])
    }

    /// Takes a cluster out; routes may go on naming it, as they may under a control plane.
    ///
    /// # Errors
    /// When there is no such cluster.
    pub fn remove_cluster(&mut self, name: &str) -> Result<&mut Self> {
        self.cluster(name)?;
        let clusters = self.document.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
        clusters.context("no clusters")?.retain(|cluster| !is_named(cluster, name));
        each_object(&mut self.document, &mut |object| {
            if let Some(routes) = object.get_mut("route_config").and_then(Value::as_object_mut) {
                routes.insert("validate_clusters".into(), false.into());
            }
        });
        Ok(self)
    }

    /// Lets headers and paths reach the filter and the routes as the client sent them, for tests that stand in for the
    /// filter or that want it alone.
    pub fn without_early_mutation(&mut self) -> &mut Self {
        each_object(&mut self.document, &mut |object| {
            object.remove("early_header_mutation_extensions");
            if let Some(options) =
                object.get_mut("common_http_protocol_options").and_then(Value::as_object_mut)
            {
                options.remove("headers_with_underscores_action");
            }
            for option in ["normalize_path", "merge_slashes", "path_with_escaped_slashes_action"] {
                object.remove(option);
            }
        });
        self
    }

    fn endpoints(&mut self, cluster: &str, addresses: &[SocketAddr]) -> Result<&mut Self> {
        let endpoint = |address: &SocketAddr| {
            let socket = json!({"address": address.ip().to_string(), "port_value": address.port()});
            json!({"endpoint": {"address": {"socket_address": socket}}})
        };
        let endpoints: Vec<_> = addresses.iter().map(endpoint).collect();
        let assignment = json!({"cluster_name": cluster, "endpoints": [{"lb_endpoints": endpoints}]});
        self.cluster(cluster)?.insert("load_assignment".into(), assignment);
        Ok(self)
    }

    /// A cluster, to change.
    ///
    /// # Errors
    /// When there is no such cluster.
    pub fn cluster(&mut self, name: &str) -> Result<&mut Map<String, Value>> {
        let known = self.clusters().join(", ");
        let clusters = self.document.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
        clusters
            .into_iter()
            .flatten()
            .find(|cluster| is_named(cluster, name))
            .and_then(Value::as_object_mut)
            .with_context(|| format!("the bootstrap has no cluster {name:?}; it has {known}"))
    }

    /// Sets the ports of the admin interface and of the first listener; other listeners get free ports.
    pub(crate) fn set_ports(&mut self, admin: u16, listener: u16) -> Result<()> {
        let port = "/address/socket_address/port_value";
        set(&mut self.document, &format!("/admin{port}"), admin.into())?;
        let listeners =
            self.document.pointer_mut("/static_resources/listeners").and_then(Value::as_array_mut);
        for (index, found) in listeners.context("the bootstrap has no listener")?.iter_mut().enumerate() {
            set(found, port, if index == 0 { listener } else { 0 }.into())?;
        }
        Ok(())
    }

    /// Points every filter that is configured by file to `path`.
    pub(crate) fn set_plugin_path(&mut self, path: &Path) -> Result<()> {
        let path = path.to_str().context("the folder's path is not UTF-8")?;
        each_object(&mut self.document, &mut |object| {
            if let Some(Value::Object(source)) = object.get_mut("path_config_source") {
                source.insert("path".into(), path.into());
            }
        });
        Ok(())
    }
}

fn is_named(object: &Value, name: &str) -> bool {
    object.get("name").and_then(Value::as_str) == Some(name)
}

/// Visits every object of a document, outer ones first.
fn each_object(value: &mut Value, visit: &mut dyn FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_object(item, visit)),
        Value::Object(object) => {
            visit(object);
            object.values_mut().for_each(|item| each_object(item, visit));
        }
        _ => {}
    }
}

/// Replaces what stands at `pointer`.
pub(crate) fn set(document: &mut Value, pointer: &str, value: Value) -> Result<()> {
    let Some(place) = document.pointer_mut(pointer) else { bail!("the document has no {pointer}") };
    *place = value;
    Ok(())
}

pub(crate) fn read_yaml(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_saphyr::from_str(&text).with_context(|| format!("{} is no YAML", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bootstrap() -> Bootstrap {
        let address = json!({"socket_address": {"address": "127.0.0.1", "port_value": 1}});
        Bootstrap {
            document: json!({
                "admin": {"address": address},
                "static_resources": {
                    "listeners": [{"address": address, "route_config": {"name": "r"}}, {"address": address}],
                    "clusters": [{"name": "stable"}, {"name": "v2"}],
                },
                "source": {"path_config_source": {"path": "envoy/policy.yaml"}},
            }),
        }
    }

    #[test]
    fn ports_and_paths_are_replaced_in_the_document() {
        let mut bootstrap = bootstrap();
        bootstrap.set_ports(2, 3).unwrap();
        bootstrap.set_plugin_path(Path::new("/tmp/x")).unwrap();
        let at = |pointer| bootstrap.document.pointer(pointer).unwrap();
        assert_eq!(at("/admin/address/socket_address/port_value"), 2);
        assert_eq!(at("/static_resources/listeners/0/address/socket_address/port_value"), 3);
        assert_eq!(at("/static_resources/listeners/1/address/socket_address/port_value"), 0);
        assert_eq!(at("/source/path_config_source/path"), "/tmp/x");
    }

    #[test]
    fn what_envoy_changes_before_the_filter_can_be_left_out() {
        let kept = json!({"idle_timeout": "300s"});
        let mut options = kept.clone();
        options["headers_with_underscores_action"] = "DROP_HEADER".into();
        let manager = json!({
            "early_header_mutation_extensions": [],
            "normalize_path": true,
            "merge_slashes": true,
            "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
            "common_http_protocol_options": options,
        });
        let mut bootstrap = Bootstrap { document: json!({"filters": [{"typed_config": manager}]}) };
        let expected = json!({"common_http_protocol_options": kept});
        assert_eq!(bootstrap.without_early_mutation().document["filters"][0]["typed_config"], expected);
    }

    #[test]
    fn clusters_are_changed_by_name() {
        let mut bootstrap = bootstrap();
        bootstrap.endpoint("stable", ([127, 0, 0, 1], 7).into()).unwrap().remove_cluster("v2").unwrap();
        assert_eq!(bootstrap.clusters(), ["stable"]);
        let at = |pointer| bootstrap.document.pointer(pointer).unwrap();
        assert_eq!(at("/static_resources/listeners/0/route_config/validate_clusters"), false);
        let endpoint = "/static_resources/clusters/0/load_assignment/endpoints/0/lb_endpoints/0/endpoint";
        assert_eq!(at(&format!("{endpoint}/address/socket_address/port_value")), 7);
        let error = bootstrap.no_endpoint("v3").unwrap_err().to_string();
        assert!(error.contains("no cluster \"v3\"; it has stable"), "{error}");
    }
}
