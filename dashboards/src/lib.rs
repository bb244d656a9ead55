//! Dashboards and alerts.
//!
//! `panels/` says what each dashboard shows, in the words of [`panels`]; [`grafana`] makes of it what Grafana imports. The rules of
//! `prometheus/rules.yaml` are Prometheus's own format, and become the object that its operator takes. [`files()`] has all that is
//! written so; `make dashboards` writes it, and a test holds the tree to it.

pub mod grafana;
pub mod panels;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use panels::Dashboard;

/// The dashboards, by the names of their files, in the order in which a reader needs them.
pub const DASHBOARDS: [&str; 4] = ["overview", "release", "experiment", "proxies"];

/// The folder of this package: that of the clone in which cargo runs it, else that in which it was built.
pub fn folder() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

/// A dashboard of `panels/`.
///
/// # Errors
/// When its file cannot be read, or is none.
pub fn read(name: &str) -> Result<Dashboard> {
    parse(&folder().join(format!("panels/{name}.yaml")))
}

/// The rules for Prometheus, as they are written.
///
/// # Errors
/// When their file cannot be read, or is no YAML.
pub fn rules() -> Result<Value> {
    parse(&folder().join("prometheus/rules.yaml"))
}

/// Every file that is written from others, with what it says.
///
/// # Errors
/// When one that it is written from cannot be read.
pub fn files() -> Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    for name in DASHBOARDS {
        let path = folder().join(format!("grafana/{name}.json"));
        files.push((path, text(&grafana::dashboard(&read(name)?))?));
    }
    let rules = json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "graylane"},
        "spec": rules()?,
    });
    files.push((folder().join("prometheus/prometheus-rule.json"), text(&rules)?));
    Ok(files)
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_saphyr::from_str(&text).with_context(|| format!("{} is not as it should be", path.display()))
}

fn text(value: &Value) -> Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
