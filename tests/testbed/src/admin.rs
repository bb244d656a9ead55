//! Envoy's admin interface.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::client::Client;
use crate::message::Request;

/// Questions to one Envoy's admin interface.
#[derive(Clone, Copy, Debug)]
pub struct Admin {
    address: SocketAddr,
}

impl Admin {
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The answer to a GET, as text.
    ///
    /// # Errors
    /// When there is none, or its status is not 200.
    pub async fn get(&self, path: &str) -> Result<String> {
        self.ask(&Request::get(path)).await
    }

    /// The answer to a POST, as text (`/quitquitquit`, `/logging?level=debug` ...).
    ///
    /// # Errors
    /// When there is none, or its status is not 200.
    pub async fn post(&self, path: &str) -> Result<String> {
        self.ask(&Request::new("POST", path)).await
    }

    /// The answer to a GET, read as JSON.
    ///
    /// # Errors
    /// When there is none, its status is not 200, or it is not JSON.
    pub async fn json(&self, path: &str) -> Result<Value> {
        serde_json::from_str(&self.get(path).await?).with_context(|| format!("admin {path}: no JSON"))
    }

    /// Counters and gauges whose names match a regular expression somewhere, by name.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub async fn stats(&self, pattern: &str) -> Result<BTreeMap<String, u64>> {
        let filter = utf8_percent_encode(pattern, NON_ALPHANUMERIC);
        let answer = self.json(&format!("/stats?format=json&filter={filter}")).await?;
        let stats = answer.get("stats").and_then(Value::as_array).context("admin /stats: another shape")?;
        let pairs = stats
            .iter()
            .filter_map(|stat| Some((stat.get("name")?.as_str()?.to_owned(), stat.get("value")?.as_u64()?)));
        Ok(pairs.collect())
    }

    /// One counter or gauge; nothing while Envoy has none of this name.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub async fn stat(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.stats(&format!("^{}$", escape(name))).await?.remove(name))
    }

    async fn ask(&self, request: &Request) -> Result<String> {
        let response = Client::to(self.address).send(&request.clone().host("admin")).await?;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        if response.status != 200 {
            bail!("admin answered {}: {text}", response.status);
        }
        Ok(text)
    }
}

/// A name as a regular expression that matches it alone.
fn escape(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len());
    for char in name.chars() {
        if !char.is_alphanumeric() && char != '_' {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern
}
