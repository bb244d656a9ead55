//! Every host call of the modules. Byte getters only: a header may hold any byte, and a getter that returns text
//! would trap the VM on the first one that is not UTF-8.
//!
//! A call that returns bytes costs about a microsecond, since the host re-enters the VM to allocate; one that does
//! not costs a tenth to a third of that. So headers are read once, in bulk.
#![cfg(target_arch = "wasm32")]

pub mod grpc;
mod shared;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType, MetricType};

use graylane::effect::{Change, Edit, private};
use graylane::headers;
use graylane::request::Headers;
use graylane::time::Timestamp;

pub use shared::{change_shared, share, shared};

/// All headers of the request.
pub fn request_headers() -> Headers {
    Headers::from_block(abi::header_block(MapType::HttpRequestHeaders))
}

/// Calls that requests make. The SDK offers the first only with a copy of every name and value, a microsecond's worth, and panics
/// in the others on a status that it does not know.
#[expect(
    unsafe_code,
    reason = "the host reads what it is lent, and hands over a block that nobody else owns"
)]
mod abi {
    use std::ptr::{null_mut, slice_from_raw_parts_mut};

    use proxy_wasm::types::MapType;

    /// The status of a call that succeeded. Whatever else it is, there is no answer, or nothing was changed.
    const OK: u32 = 0;

    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        fn proxy_get_header_map_pairs(map: MapType, block: *mut *mut u8, size: *mut usize) -> u32;
        fn proxy_get_property(path: *const u8, len: usize, block: *mut *mut u8, size: *mut usize) -> u32;
        fn proxy_set_property(path: *const u8, len: usize, value: *const u8, value_len: usize) -> u32;
        fn proxy_replace_header_map_value(
            map: MapType,
            name: *const u8,
            len: usize,
            value: *const u8,
            value_len: usize,
        ) -> u32;
        fn proxy_add_header_map_value(
            map: MapType,
            name: *const u8,
            len: usize,
            value: *const u8,
            value_len: usize,
        ) -> u32;
        fn proxy_remove_header_map_value(map: MapType, name: *const u8, len: usize) -> u32;
    }

    /// The headers as the host hands them over; empty where it has none.
    pub(super) fn header_block(map: MapType) -> Vec<u8> {
        // SAFETY: the host fills the block and its size in, and writes nothing else.
        unsafe { answer(|block, size| proxy_get_header_map_pairs(map, block, size)) }.unwrap_or_default()
    }

    /// A property by its path, whose parts have a zero byte between them.
    pub(super) fn property(path: &str) -> Option<Vec<u8>> {
        // SAFETY: as for the block of headers; of the path the host reads what is lent.
        unsafe { answer(|block, size| proxy_get_property(path.as_ptr(), path.len(), block, size)) }
    }

    /// Sets a property. Here and below the host may refuse; that must not fail the request.
    pub(super) fn set_property(path: &str, value: &[u8]) {
        // SAFETY: the host reads what is lent.
        unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) };
    }

    /// Has a header stand with this value in the place of its first one.
    pub(super) fn set(map: MapType, name: &str, value: &[u8]) {
        let (name, len) = (name.as_ptr(), name.len());
        // SAFETY: the host reads what is lent.
        unsafe { proxy_replace_header_map_value(map, name, len, value.as_ptr(), value.len()) };
    }

    /// Has a header stand once more.
    pub(super) fn append(map: MapType, name: &str, value: &[u8]) {
        let (name, len) = (name.as_ptr(), name.len());
        // SAFETY: the host reads what is lent.
        unsafe { proxy_add_header_map_value(map, name, len, value.as_ptr(), value.len()) };
    }

    /// Removes a header, however often it stands.
    pub(super) fn remove(map: MapType, name: &str) {
        // SAFETY: the host reads what is lent.
        unsafe { proxy_remove_header_map_value(map, name.as_ptr(), name.len()) };
    }

    /// What the host hands over by a call that says where it stands and how long it is.
    ///
    /// # Safety
    /// Where the call answers that it succeeded, it has written a block that it has got from `proxy_on_memory_allocate`, and its size.
    unsafe fn answer(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Option<Vec<u8>> {
        let (mut block, mut size) = (null_mut(), 0);
        let status = call(&raw mut block, &raw mut size);
        if status != OK || block.is_null() {
            return None;
        }
        // SAFETY: as this function asks. The SDK's `proxy_on_memory_allocate` hands out boxed slices of exactly that size and forgets
        // them (0.2.5).
        Some(unsafe { Box::from_raw(slice_from_raw_parts_mut(block, size)) }.into_vec())
    }
}

/// Applies edits to the request; `headers` are those that it came with.
pub fn edit_request(edits: &[Edit<'_>], headers: &Headers) {
    for edit in edits {
        // Replacing touches the first of several values only, so the others are removed before.
        let stands_twice = || headers.all(&*edit.name).nth(1).is_some();
        match &edit.change {
            Change::Set(value) => {
                if stands_twice() {
                    abi::remove(MapType::HttpRequestHeaders, &edit.name);
                }
                abi::set(MapType::HttpRequestHeaders, &edit.name, value);
            }
            Change::Append(value) => abi::append(MapType::HttpRequestHeaders, &edit.name, value),
            Change::Remove => abi::remove(MapType::HttpRequestHeaders, &edit.name),
        }
    }
}

/// Applies edits to the response, whose headers nobody has read.
pub fn edit_response(edits: &[Edit<'_>]) {
    for edit in edits {
        match &edit.change {
            Change::Set(value) => {
                abi::remove(MapType::HttpResponseHeaders, &edit.name);
                abi::append(MapType::HttpResponseHeaders, &edit.name, value);
            }
            Change::Append(value) => abi::append(MapType::HttpResponseHeaders, &edit.name, value),
            Change::Remove => abi::remove(MapType::HttpResponseHeaders, &edit.name),
        }
    }
}

/// Keeps shared caches from keeping the response.
pub fn make_private() {
    let sent = Headers::from_block(abi::header_block(MapType::HttpResponseHeaders));
    let value = private(sent.all(headers::CACHE_CONTROL));
    abi::remove(MapType::HttpResponseHeaders, headers::CACHE_CONTROL);
    abi::append(MapType::HttpResponseHeaders, headers::CACHE_CONTROL, &value);
}

/// The address that the request came from, as the listener knows it.
pub fn source_address() -> Option<IpAddr> {
    let text = abi::property("source\0address")?;
    let text = std::str::from_utf8(&text).ok()?;
    let with_port = text.parse::<SocketAddr>().map(|address| address.ip());
    with_port.or_else(|_| text.parse()).ok()
}

/// The name that the configuration gives the plugin.
pub fn plugin_name() -> String {
    abi::property("plugin_name").map(|name| String::from_utf8_lossy(&name).into_owned()).unwrap_or_default()
}

/// A value that another filter left in the dynamic metadata.
pub fn metadata(path: &[&str]) -> Option<Vec<u8>> {
    abi::property(&[&["metadata", "filter_metadata"], path].concat().join("\0"))
}

/// The status of the response, as the access log has it; 0 where there was none.
pub fn response_status() -> u16 {
    u16::try_from(number("response\0code").unwrap_or_default()).unwrap_or_default()
}

/// The status of the gRPC call, once it has ended.
pub fn grpc_status() -> Option<u8> {
    number("response\0grpc_status").and_then(|status| u8::try_from(status).ok())
}

/// Whether the client has left before the response ended: its connection, or its stream.
///
/// Source: `CoreResponseFlag` of Envoy, `DownstreamConnectionTermination` and `DownstreamRemoteReset`.
pub fn client_has_left() -> bool {
    const LEFT: i64 = 1 << 14 | 1 << 28;
    number("response\0flags").is_some_and(|flags| flags & LEFT != 0)
}

/// How often the request was sent to an upstream.
pub fn attempts() -> u32 {
    number("upstream\0request_attempt_count").and_then(|count| u32::try_from(count).ok()).unwrap_or_default()
}

fn number(path: &str) -> Option<i64> {
    let bytes = abi::property(path)?;
    Some(i64::from_le_bytes(bytes.try_into().ok()?))
}

/// The time.
pub fn now() -> Timestamp {
    let now = hostcalls::get_current_time().unwrap_or(SystemTime::UNIX_EPOCH);
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    Timestamp::from_seconds(i64::try_from(seconds).unwrap_or_default())
}

/// The time in microseconds since 1970.
pub fn now_micros() -> u64 {
    let now = hostcalls::get_current_time().unwrap_or(SystemTime::UNIX_EPOCH);
    let micros = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros();
    u64::try_from(micros).unwrap_or_default()
}

/// Leaves `value` under `name` for the access log: `%FILTER_STATE(wasm.{name}:PLAIN)%`.
pub fn set_filter_state(name: &str, value: &[u8]) {
    abi::set_property(name, value);
}

/// The configuration of the plugin.
pub fn plugin_configuration(size: usize) -> Vec<u8> {
    hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten().unwrap_or_default()
}

/// Has the root context be told that time passes, this often. A context has one such clock.
pub fn tick_every(period: Duration) {
    let _ = hostcalls::set_tick_period(period);
}

/// 16 random bytes.
pub fn random() -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// How loud a log line is.
#[derive(Debug, Clone, Copy)]
pub enum Level {
    /// What happens all the time.
    Debug,
    /// All is well.
    Info,
    /// Something is hardly meant.
    Warn,
    /// Something was refused; what was in force stays.
    Error,
    /// Something is not in force.
    Critical,
}

/// Writes a line to Envoy's log.
pub fn log(level: Level, line: &str) {
    let level = match level {
        Level::Debug => LogLevel::Debug,
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
        Level::Error => LogLevel::Error,
        Level::Critical => LogLevel::Critical,
    };
    let _ = hostcalls::log(level, line);
}

/// A counter, gauge or histogram of the whole process, by its number.
#[derive(Debug, Clone, Copy)]
pub struct Metric(u32);

/// A counter. Naming one costs about a microsecond and it is never freed: at configure time only.
pub fn counter(name: &str) -> Option<Metric> {
    hostcalls::define_metric(MetricType::Counter, name).ok().map(Metric)
}

/// A gauge; as for [`counter`].
pub fn gauge(name: &str) -> Option<Metric> {
    hostcalls::define_metric(MetricType::Gauge, name).ok().map(Metric)
}

/// A histogram; as for [`counter`].
pub fn histogram(name: &str) -> Option<Metric> {
    hostcalls::define_metric(MetricType::Histogram, name).ok().map(Metric)
}

impl Metric {
    /// Adds to a counter.
    pub fn add(self, count: u64) {
        let _ = hostcalls::increment_metric(self.0, i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Sets a gauge, or records a value in a histogram.
    pub fn set(self, value: u64) {
        let _ = hostcalls::record_metric(self.0, value);
    }

    /// The value; 0 where the host has none.
    pub fn get(self) -> u64 {
        hostcalls::get_metric(self.0).unwrap_or_default()
    }
}
