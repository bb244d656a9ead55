//! Calls to etcd, by a cluster of Envoy's.

use std::time::Duration;

use graylane_host::grpc;

use crate::etcd::{Link, Method};

/// The way to etcd.
pub(super) struct EnvoyLink {
    pub(super) cluster: String,
}

fn metadata(token: Option<&str>) -> Vec<(&str, &[u8])> {
    token.map(|token| ("token", token.as_bytes())).into_iter().collect()
}

impl Link for EnvoyLink {
    fn call(&mut self, method: Method, message: &[u8], token: Option<&str>, timeout: u64) -> Option<u32> {
        let method = match method {
            Method::Authenticate => ("etcdserverpb.Auth", "Authenticate"),
            Method::Range => ("etcdserverpb.KV", "Range"),
        };
        grpc::call(&self.cluster, method, metadata(token), message, Duration::from_millis(timeout))
    }

    fn open(&mut self, token: Option<&str>) -> Option<u32> {
        let mut metadata = metadata(token);
        // A member that has lost the others ends the stream, where else it would tell nothing new for as long as it lives.
        metadata.push(("hasleader", b"true"));
        grpc::open(&self.cluster, ("etcdserverpb.Watch", "Watch"), metadata)
    }

    fn send(&mut self, stream: u32, message: &[u8]) {
        grpc::send(stream, message);
    }

    fn end(&mut self, stream: u32) {
        grpc::end(stream);
    }
}
