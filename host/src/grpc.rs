//! Calls and streams of gRPC to a cluster of Envoy's. What comes back is handed to the root context that made them.

use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::types::BufferType;

/// Makes a call. Its number, or `None` where it cannot be made, as while the cluster is not known.
pub fn call(
    cluster: &str,
    (service, method): (&str, &str),
    metadata: Vec<(&str, &[u8])>,
    message: &[u8],
    timeout: Duration,
) -> Option<u32> {
    hostcalls::dispatch_grpc_call(cluster, service, method, metadata, Some(message), timeout).ok()
}

/// Opens a stream; as for [`call`].
pub fn open(cluster: &str, (service, method): (&str, &str), metadata: Vec<(&str, &[u8])>) -> Option<u32> {
    hostcalls::open_grpc_stream(cluster, service, method, metadata).ok()
}

/// Sends a message on a stream.
pub fn send(stream: u32, message: &[u8]) {
    // A stream that is gone says so by being closed.
    let _ = hostcalls::send_grpc_stream_message(stream, Some(message), false);
}

/// Ends a stream; nothing of it comes any more.
pub fn end(stream: u32) {
    let _ = hostcalls::cancel_grpc_stream(stream);
}

/// What came, while its arrival is told.
pub fn received(size: usize) -> Vec<u8> {
    hostcalls::get_buffer(BufferType::GrpcReceiveBuffer, 0, size).ok().flatten().unwrap_or_default()
}
