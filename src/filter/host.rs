//! Every host call of the module. Byte getters only: a header may hold any byte, and a getter that returns text
//! would trap the VM on the first one that is not UTF-8.
//!
//! A call that returns bytes costs about a microsecond, since the host re-enters the VM to allocate; one that does
//! not costs a tenth to a third of that. So headers are read once, in bulk.

use std::net::{IpAddr, SocketAddr};

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType, MetricType};

use crate::effect::{Change, Edit};
use crate::request::Headers;

/// All headers of the request.
pub(super) fn request_headers() -> Headers {
    hostcalls::get_map_bytes(MapType::HttpRequestHeaders).map(Headers::from).unwrap_or_default()
}

/// Applies edits to the request; `headers` are those that it came with.
pub(super) fn edit_request(edits: &[Edit<'_>], headers: &Headers) {
    for edit in edits {
        // Replacing touches the first of several values only, so the others are removed before.
        let stands_twice = || headers.all(&*edit.name).nth(1).is_some();
        match &edit.change {
            Change::Set(value) => {
                if stands_twice() {
                    remove(MapType::HttpRequestHeaders, &edit.name);
                }
                set(MapType::HttpRequestHeaders, &edit.name, value);
            }
            Change::Append(value) => append(MapType::HttpRequestHeaders, &edit.name, value),
            Change::Remove => remove(MapType::HttpRequestHeaders, &edit.name),
        }
    }
}

/// Applies edits to the response, whose headers nobody has read.
pub(super) fn edit_response(edits: &[Edit<'_>]) {
    for edit in edits {
        match &edit.change {
            Change::Set(value) => {
                remove(MapType::HttpResponseHeaders, &edit.name);
                append(MapType::HttpResponseHeaders, &edit.name, value);
            }
            Change::Append(value) => append(MapType::HttpResponseHeaders, &edit.name, value),
            Change::Remove => remove(MapType::HttpResponseHeaders, &edit.name),
        }
    }
}

fn set(map: MapType, name: &str, value: &[u8]) {
    // A refused edit must not fail the request.
    let _ = hostcalls::set_map_value_bytes(map, name, Some(value));
}

fn append(map: MapType, name: &str, value: &[u8]) {
    let _ = hostcalls::add_map_value_bytes(map, name, value);
}

fn remove(map: MapType, name: &str) {
    let _ = hostcalls::remove_map_value(map, name);
}

/// The address that the request came from, as the listener knows it.
pub(super) fn source_address() -> Option<IpAddr> {
    let text = property("source.address")?;
    let text = std::str::from_utf8(&text).ok()?;
    let with_port = text.parse::<SocketAddr>().map(|address| address.ip());
    with_port.or_else(|_| text.parse()).ok()
}

/// The name that the configuration gives the plugin.
pub(super) fn plugin_name() -> String {
    property("plugin_name").map(|name| String::from_utf8_lossy(&name).into_owned()).unwrap_or_default()
}

fn property(path: &str) -> Option<Vec<u8>> {
    hostcalls::get_property(path.split('.').collect()).ok().flatten()
}

/// Leaves `value` under `name` for the access log: `%FILTER_STATE(wasm.{name}:PLAIN)%`.
pub(super) fn set_filter_state(name: &str, value: &[u8]) {
    let _ = hostcalls::set_property(vec![name], Some(value));
}

/// The configuration of the plugin.
pub(super) fn plugin_configuration(size: usize) -> Vec<u8> {
    hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten().unwrap_or_default()
}

/// 16 random bytes.
pub(super) fn random() -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// How loud a log line is.
#[derive(Clone, Copy)]
pub(super) enum Level {
    Info,
    Error,
    Critical,
}

/// Writes a line to Envoy's log.
pub(super) fn log(level: Level, line: &str) {
    let level = match level {
        Level::Info => LogLevel::Info,
        Level::Error => LogLevel::Error,
        Level::Critical => LogLevel::Critical,
    };
    let _ = hostcalls::log(level, line);
}

/// A counter or gauge of the whole process, by its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metric(u32);

/// A counter. Naming one costs about a microsecond and it is never freed: at configure time only.
pub(super) fn counter(name: &str) -> Option<Metric> {
    hostcalls::define_metric(MetricType::Counter, name).ok().map(Metric)
}

/// A gauge; as for [`counter`].
pub(super) fn gauge(name: &str) -> Option<Metric> {
    hostcalls::define_metric(MetricType::Gauge, name).ok().map(Metric)
}

impl Metric {
    pub(super) fn add(self, count: u64) {
        let _ = hostcalls::increment_metric(self.0, i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(super) fn set(self, value: u64) {
        let _ = hostcalls::record_metric(self.0, value);
    }

    pub(super) fn get(self) -> u64 {
        hostcalls::get_metric(self.0).unwrap_or_default()
    }
}
