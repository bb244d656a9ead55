//! A real Prometheus.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Client;
use crate::message::Request;
use crate::process::{Process, bound_to_parent};
use crate::wait::eventually;
use crate::{locate, port};

/// How long it may take until it serves.
const LIMIT: Duration = Duration::from_secs(30);
/// How often other ports are tried, where somebody took one between the look and the start.
const TRIES: u32 = 5;

/// A running Prometheus with data of its own; it ends with this value.
///
/// It begins to scrape up to five seconds after its start.
#[derive(Debug)]
pub struct Prometheus {
    address: SocketAddr,
    process: Process,
    folder: TempDir,
}

impl Prometheus {
    /// One that scrapes these Envoys by their admin interfaces, each under a name (the label `instance`), and evaluates these files of
    /// rules, both as often as `every` says.
    ///
    /// # Errors
    /// When it cannot be started, takes a file of rules for a bad one, or does not serve in time; the error holds what its log says of it.
    pub async fn start(envoys: &[(&str, SocketAddr)], rules: &[&Path], every: Duration) -> Result<Self> {
        let every = format!("{}ms", every.as_millis());
        let target = |(name, address): &(&str, SocketAddr)| json!({"targets": [address.to_string()], "labels": {"instance": name}});
        let targets: Vec<_> = envoys.iter().map(target).collect();
        let configuration = json!({
            "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
            "rule_files": rules,
            "scrape_configs": [{
                "job_name": "envoy",
                "metrics_path": "/stats/prometheus",
                "static_configs": targets,
            }],
        });
        let mut tries = 0..TRIES;
        loop {
            let mut prometheus = Self::launch(&configuration)?;
            let ready = prometheus.ready().await;
            let said = faults(&prometheus.log_path());
            if ready.is_err() && said.contains("address already in use") && tries.next().is_some() {
                continue;
            }
            return ready.map(|()| prometheus).with_context(|| format!("Prometheus said:\n{said}"));
        }
    }

    fn launch(configuration: &Value) -> Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("graylane-prometheus-").tempdir().context("no private folder")?;
        let [port] = port::free()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // What is JSON is YAML.
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, serde_json::to_vec_pretty(configuration)?)?;
        let log = File::create(folder.path().join(LOG))?;
        let mut command = bound_to_parent(&locate::prometheus_binary()?);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        // A group of its own: a Ctrl-C in the terminal is for the owner, who ends it in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Ok(Self { address, process: Process::start(command)?, folder })
    }

    async fn ready(&mut self) -> Result<()> {
        let (address, process) = (self.address, &mut self.process);
        eventually("Prometheus to be ready", LIMIT, async || {
            if let Some(status) = process.ended()? {
                bail!("Prometheus ended at once: {status}");
            }
            let answer = Client::to(address).send(&Request::get("/-/ready").host("prometheus")).await;
            Ok(answer.is_ok_and(|answer| answer.status == 200).then_some(()))
        })
        .await
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The `data` of the answer to a question of its HTTP API: `query` with an expression, `rules`, `label/job/values`.
    ///
    /// # Errors
    /// When it does not answer, or says that the question is a bad one; the error holds what it says.
    pub async fn ask(&self, what: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let parameters: Vec<_> =
            parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let request = Request::get(format!("/api/v1/{what}?{}", parameters.join("&"))).host("prometheus");
        let response = Client::to(self.address).send(&request).await?;
        let mut answer: Value = serde_json::from_slice(&response.body)
            .with_context(|| format!("{what}: {} and no JSON", response.status))?;
        if response.status != 200 {
            let error = answer.get("error").and_then(Value::as_str).unwrap_or("and does not say why");
            bail!("Prometheus refuses {what}: {error}");
        }
        answer.get_mut("data").map(Value::take).with_context(|| format!("{what}: an answer without data"))
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join(LOG)
    }
}

/// A file of its folder.
const LOG: &str = "prometheus.log";

/// What it says of what went wrong: other lines, of all that it stops then, come in any order and number.
fn faults(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().filter(|line| line.contains("err=")).collect::<Vec<_>>().join("\n")
}
