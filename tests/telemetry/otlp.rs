//! What Envoy sends to an OpenTelemetry collector, and writes into access logs of the forms that are ready-made.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use graylane_testbed::{
    Bootstrap, Client, Context, Envoy, PluginFile, Request, Result, Upstream, block_on, eventually, root,
};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use serde_json::{Value, json};
use tonic::{Response, Status};

use crate::{HOST, SOON, bootstrap, canary, configured};

/// Attributes by their keys.
type Attributes = BTreeMap<String, String>;

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(any_value::Value::StringValue(text)) => text,
        other => format!("{other:?}"),
    }
}

fn attributes(pairs: Vec<KeyValue>) -> Attributes {
    pairs.into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}

/// A span, or a record of a log.
#[derive(Debug)]
struct Item {
    trace: Vec<u8>,
    /// The body of a record, the name of a span.
    text: String,
    attributes: Attributes,
}

/// What has come.
#[derive(Debug, Default)]
struct Received {
    spans: Vec<Item>,
    records: Vec<Item>,
}

/// A collector.
#[derive(Clone, Debug, Default)]
struct Collector(Arc<Mutex<Received>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let scopes =
            request.into_inner().resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        let spans = scopes.flat_map(|scope| scope.spans).map(|span| Item {
            trace: span.trace_id,
            text: span.name,
            attributes: attributes(span.attributes),
        });
        self.0.lock().unwrap().spans.extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: tonic::Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let scopes = request.into_inner().resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
        let records = scopes.flat_map(|scope| scope.log_records);
        let records = records.map(|record| Item {
            trace: record.trace_id,
            text: text(record.body),
            attributes: attributes(record.attributes),
        });
        self.0.lock().unwrap().records.extend(records);
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

impl Collector {
    /// One that takes what comes until the test ends.
    async fn start() -> Result<(Self, SocketAddr)> {
        let collector = Collector::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(collector.clone()))
            .add_service(LogsServiceServer::new(collector.clone()));
        tokio::spawn(server.serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener)));
        Ok((collector, address))
    }

    /// Takes what has come once it satisfies this.
    async fn once(&self, what: &str, is_enough: impl Fn(&Received) -> bool) -> Result<Received> {
        eventually(what, SOON, async || {
            let mut received = self.0.lock().unwrap();
            Ok(is_enough(&received).then(|| std::mem::take(&mut *received)))
        })
        .await
    }
}

const EXPERIMENT: &str = "button.example.com";

/// A canary, and an AB test at another host.
fn plugin() -> Result<PluginFile> {
    let ab = json!({
        "name": "button", "match": {"hosts": [EXPERIMENT]}, "lanes": [{"name": "A"}, {"name": "B"}],
        "ab": {"salt": "button-2026-11", "groups": [{"lane": "A", "weight": 100}, {"lane": "B", "weight": 0}]},
    });
    let policy = json!({"language": 1, "exposures": {}, "releases": [canary(HOST), ab]});
    configured(&json!({"trust": "edge", "accessLog": true, "policy": policy}))
}

/// A tester of the canary, a user of the AB test, and one whom no release governs.
fn requests() -> [Request; 3] {
    let get = |host: &str| Request::get("/").host(host).header("x-gray-id", "u-1");
    [get(HOST).header("x-tester", "yes"), get(EXPERIMENT), get("other.example.com")]
}

async fn ask(envoy: &Envoy) -> Result<()> {
    for request in requests() {
        assert_eq!(Client::to(envoy.address()).send(&request).await?.status, 200);
    }
    Ok(())
}

async fn upstreams(bootstrap: &mut Bootstrap) -> Result<[Upstream; 3]> {
    let upstreams =
        [Upstream::start("v2").await?, Upstream::start("A").await?, Upstream::start("stable").await?];
    for upstream in &upstreams {
        bootstrap.endpoint(upstream.name(), upstream.address())?;
    }
    Ok(upstreams)
}

const DECISION: &str = "shop;lane=v2;reason=rule;rule=testers";

/// Whether this Envoy makes a tag of what a filter has left, which it does from 1.37 on.
fn knows_formatted_tags() -> Result<bool> {
    let told = std::process::Command::new(graylane_testbed::envoy_binary()?).arg("--version").output()?;
    Ok(!String::from_utf8(told.stdout)?.contains("/1.36."))
}

#[test]
fn decisions_exposures_and_spans_come_by_otlp() -> Result<()> {
    block_on(async {
        let (collector, address) = Collector::start().await?;
        let mut bootstrap = bootstrap("lane-header")?;
        let _upstreams = upstreams(&mut bootstrap).await?;
        let own = Bootstrap::read(&root().join("envoy/otlp.yaml"))?;
        let mut own = own.document().clone();
        let document = bootstrap.document_mut();
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        let manager = document.pointer_mut(manager).context("the bootstrap has a connection manager")?;
        manager["tracing"] = own["tracing"].take();
        manager["tracing"]["random_sampling"] = json!({"value": 100});
        if !knows_formatted_tags()? {
            let tags = manager["tracing"]["custom_tags"].as_array_mut().context("there are tags")?;
            tags.retain(|tag| tag.get("value").is_none());
        }
        let logs = manager["access_log"].as_array_mut().context("it has access logs")?;
        logs.extend(own["access_log"].as_array().context("there are access logs")?.clone());
        let clusters = document["static_resources"]["clusters"].as_array_mut().context("it has clusters")?;
        clusters.extend(own["clusters"].as_array().context("there is a cluster")?.clone());
        document["layered_runtime"] = json!({"layers": [{
            "name": "test", "static_layer": {"tracing.opentelemetry.flush_interval_ms": 200},
        }]});
        bootstrap.endpoint("otlp", address)?;
        let envoy = Envoy::on(bootstrap).plugin(plugin()?).start().await?;
        ask(&envoy).await?;

        let all = |received: &Received| received.spans.len() >= 6 && received.records.len() >= 3;
        let Received { spans, records } = collector.once("spans and records", all).await?;
        let of = |host: &str| -> &Item {
            let has = |span: &&Item| {
                let mut values = span.attributes.values();
                values.any(|value| value.contains(host)) && span.attributes.contains_key("http.status_code")
            };
            spans.iter().find(has).unwrap_or_else(|| panic!("no span of {host}: {spans:#?}"))
        };
        let tags = |host: &str| {
            let tag = |name: &str| of(host).attributes.get(name).map(String::as_str);
            (tag("graylane.lane"), tag("graylane.group"), tag("graylane.decision"))
        };
        let decision = knows_formatted_tags()?.then_some(DECISION);
        assert_eq!(tags(HOST), (Some("v2"), None, decision));
        let (lane, group, told) = tags(EXPERIMENT);
        assert_eq!((lane, group), (Some("A"), Some("A")));
        if knows_formatted_tags()? {
            assert!(told.is_some_and(|told| told.starts_with("button;lane=A;reason=split;")), "{told:?}");
        }
        assert_eq!(tags("other.example.com"), (None, None, None), "nobody governs it");

        let decisions: Vec<_> =
            records.iter().filter_map(|record| record.attributes.get("graylane.decision")).collect();
        assert_eq!(decisions.len(), 2, "{records:#?}");
        assert!(decisions.contains(&&DECISION.to_owned()), "{decisions:?}");
        let exposed: Vec<_> = records.iter().filter(|record| record.text.contains(";id=")).collect();
        assert_eq!(exposed.len(), 1, "{records:#?}");
        assert_eq!(exposed[0].text, "button;group=A;rev=1;reason=split;id=u-1");
        assert_eq!(exposed[0].trace, of(EXPERIMENT).trace, "its trace is that of the span");
        assert_eq!(exposed[0].trace.len(), 16);
        Ok(())
    })
}

#[test]
fn access_logs_tell_the_decision_as_text_and_as_json() -> Result<()> {
    block_on(async {
        let folder = tempfile::tempdir()?;
        let [text, rows] = ["access.log", "access.json"].map(|name| folder.path().join(name));
        let mut bootstrap = bootstrap("lane-header")?;
        let _upstreams = upstreams(&mut bootstrap).await?;
        let file = root().join("envoy/access-log.yaml");
        bootstrap.log_as_nth(&file, 0, &text)?.log_as_nth(&file, 1, &rows)?;
        let envoy = Envoy::on(bootstrap).plugin(plugin()?).start().await?;
        ask(&envoy).await?;
        let read = async |path: &std::path::Path| {
            eventually("three lines of access log", SOON, async || {
                let log = std::fs::read_to_string(path).unwrap_or_default();
                Ok((log.lines().count() >= 3 && log.ends_with('\n')).then_some(log))
            })
            .await
        };
        let log = read(&text).await?;
        assert!(log.contains(&format!("graylane=\"{DECISION}\"")), "{log}");
        assert!(log.lines().nth(2).is_some_and(|line| line.contains("graylane=\"\"")), "{log}");
        let rows: Vec<Value> =
            read(&rows).await?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        assert_eq!((&rows[0]["graylane"], &rows[0]["lane"]), (&json!(DECISION), &json!("v2")));
        assert_eq!((&rows[0]["status"], &rows[0]["attempts"]), (&json!(200), &json!(1)));
        assert_eq!(rows[2]["graylane"], Value::Null);
        Ok(())
    })
}
