//! `graylane sync`, as people start it.

mod bridge;
mod etcd;
mod file;
mod killed;
mod mesh;
mod zookeeper;

use std::time::Duration;

use serde_json::{Value, json};

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(20);

/// A canary of this name and share, on a host of its own.
fn canary(name: &str, percent: u32) -> String {
    release(name, percent).to_string()
}

fn release(name: &str, percent: u32) -> Value {
    json!({
        "name": name, "match": {"hosts": [name]}, "lanes": [{"name": "stable"}, {"name": "v2"}],
        "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": percent}]},
        "respond": {"cache": "private"},
    })
}

/// The share of a canary in a document.
fn percent(document: &Value) -> Option<u64> {
    document.pointer("/release/canary/candidates/0/percent")?.as_u64()
}
