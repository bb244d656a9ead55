//! One real Envoy with a service for each lane behind it, whose filter alone stands between client and routes.

use graylane_testbed::{Bootstrap, Context, Envoy, PluginFile, Result, Upstream, module};
use serde_json::{Value, json};

/// The lanes that have a service; every other request goes to `stable`.
pub(crate) const LANES: [&str; 9] = ["stable", "v2", "v3", "A", "B", "C", "blue", "green", FORGER];
/// The headers that routes look at: the default one, and one for policies that rename it.
pub(crate) const LANE_HEADERS: [&str; 2] = ["x-gray-lane", "x-our-lane"];
/// The service that answers with these headers of its own, some of which only the filter should fill.
pub(crate) const FORGER: &str = "forger";
/// What it answers with.
pub(crate) const FORGED: [(&str, &str); 5] = [
    ("cache-control", "public, max-age=60, s-maxage=600"),
    ("x-gray-lane", "forged"),
    ("x-abtest-id", "forged"),
    ("x-gray-decision", "forged"),
    ("set-cookie", "own=1"),
];
/// Shows on every response what the filter left for the access log.
pub(crate) const DECISION: &str = "x-test-decision";

const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const FILTERS: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
const ROUTES: &str =
    "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts";

/// The Envoy and the services behind it.
pub(crate) struct Edge {
    pub(crate) envoy: Envoy,
    _services: Vec<Upstream>,
}

impl Edge {
    /// Starts it, without a policy; `before` are the filters that stand before ours.
    pub(crate) async fn start(before: Vec<Value>) -> Result<Self> {
        let mut bootstrap = Bootstrap::load("lane-header")?;
        // The filter is tested, not what a bootstrap does besides.
        bootstrap.without_early_mutation();
        let filters = bootstrap.document_mut().pointer_mut(FILTERS).and_then(Value::as_array_mut);
        filters.context("no filters")?.splice(0..0, before);
        // A client may say the id of its request, so that a test can.
        let manager = bootstrap.document_mut().pointer_mut(MANAGER).context("no connection manager")?;
        manager["preserve_external_request_id"] = true.into();
        let clusters = "/static_resources/clusters";
        for more in ["v3", "C", FORGER] {
            push(&mut bootstrap, clusters, &json!({"name": more, "connect_timeout": "1s"}))?;
        }
        let mut services = Vec::new();
        for name in LANES.into_iter().chain(["plain"]) {
            let service = Upstream::start(name).await?;
            bootstrap.endpoint(name, service.address())?;
            for (name, value) in FORGED.into_iter().filter(|_| service.name() == FORGER) {
                service.respond_with(name, value)?;
            }
            services.push(service);
        }
        let hosts = bootstrap.document_mut().pointer_mut(ROUTES).and_then(Value::as_array_mut);
        for host in hosts.context("no virtual hosts")? {
            let header = json!({"key": DECISION, "value": "%FILTER_STATE(wasm.graylane:PLAIN)%"});
            host["response_headers_to_add"] = json!([{"header": header}]);
            if host["name"] == "lanes" {
                host["routes"] = routes();
            }
        }
        let envoy = Envoy::on(bootstrap).start().await?;
        Ok(Self { envoy, _services: services })
    }

    /// Swaps the configuration of the plugin for one that has to be accepted.
    pub(crate) async fn accept(&self, configuration: &str) -> Result<()> {
        self.envoy.accept(&plugin(configuration)?).await
    }
}

/// The plugin file with this configuration.
pub(crate) fn plugin(configuration: &str) -> Result<PluginFile> {
    PluginFile::checked_in()?.module(&module()?)?.configuration(configuration)
}

fn push(bootstrap: &mut Bootstrap, pointer: &str, item: &Value) -> Result<()> {
    let list = bootstrap.document_mut().pointer_mut(pointer).and_then(Value::as_array_mut);
    list.with_context(|| format!("the bootstrap has no {pointer}"))?.push(item.clone());
    Ok(())
}

/// A route for each lane under each header, and the default.
fn routes() -> Value {
    let lanes = LANE_HEADERS.into_iter().flat_map(|header| LANES.map(|lane| (header, lane)));
    let route = |(header, lane)| {
        let headers = json!([{"name": header, "string_match": {"exact": lane}}]);
        json!({"match": {"prefix": "/", "headers": headers}, "route": {"cluster": lane}})
    };
    let default = json!({"match": {"prefix": "/"}, "route": {"cluster": "stable"}});
    lanes.map(route).chain([default]).collect()
}
