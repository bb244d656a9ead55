//! Starting an Envoy: a private folder, ports of its own, and the wait until it is ready.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::admin::Admin;
use crate::bootstrap::Bootstrap;
use crate::envoy::{ACCESS_LOG, Envoy, LIMIT, LOG, PLUGIN, read_lossy};
use crate::locate;
use crate::plugin::PluginFile;
use crate::process::{Process, bound_to_parent};
use crate::wait::eventually;

// Files of the private folder that only the start needs.
const ADMIN_ADDRESS: &str = "admin.address";
const BOOTSTRAP: &str = "bootstrap.json";

/// What Envoy is to be started with.
#[derive(Debug)]
pub struct EnvoyBuilder {
    bootstrap: Bootstrap,
    plugin: PluginFile,
    binary: Option<PathBuf>,
    listener_port: u16,
    admin_port: u16,
    concurrency: u32,
    log_level: String,
}

impl EnvoyBuilder {
    pub(crate) fn new(bootstrap: Bootstrap) -> Self {
        Self {
            bootstrap,
            plugin: PluginFile::none(),
            binary: None,
            listener_port: 0,
            admin_port: 0,
            concurrency: 1,
            log_level: "info".to_owned(),
        }
    }

    /// The plugin file at the start; without it there is none, and Envoy keeps the filter's default.
    #[must_use]
    pub fn plugin(mut self, plugin: PluginFile) -> Self {
        self.plugin = plugin;
        self
    }

    /// Another Envoy than the one that set-up found.
    #[must_use]
    pub fn binary(mut self, path: &Path) -> Self {
        self.binary = Some(path.to_owned());
        self
    }

    /// Given ports for the first listener and the admin interface; 0 is a free one.
    #[must_use]
    pub fn ports(mut self, listener: u16, admin: u16) -> Self {
        (self.listener_port, self.admin_port) = (listener, admin);
        self
    }

    /// How many workers; one, if not said.
    #[must_use]
    pub fn concurrency(mut self, workers: u32) -> Self {
        self.concurrency = workers;
        self
    }

    /// Envoy's log level, or `level,component:level` with Envoy's names; `info`, if not said.
    #[must_use]
    pub fn log_level(mut self, level: &str) -> Self {
        level.clone_into(&mut self.log_level);
        self
    }

    /// Starts Envoy and waits until it takes requests.
    ///
    /// # Errors
    /// When it cannot be started, ends at once, or is not ready in time; the error holds the end of its log.
    pub async fn start(mut self) -> Result<Envoy> {
        for port in [self.listener_port, self.admin_port] {
            // Envoy shares a port with another Envoy without a word (SO_REUSEPORT), so it is asked here.
            std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port))
                .with_context(|| format!("port {port} is taken: free it or give another"))?;
        }
        let folder =
            tempfile::Builder::new().prefix("graylane-envoy-").tempdir().context("no private folder")?;
        let plugin_path = folder.path().join(PLUGIN);
        self.plugin.swap_into(&plugin_path)?;
        self.bootstrap.set_plugin_path(&plugin_path)?;
        self.bootstrap.set_ports(self.admin_port, self.listener_port)?;
        let bootstrap = folder.path().join(BOOTSTRAP);
        std::fs::write(&bootstrap, serde_json::to_vec_pretty(self.bootstrap.document())?)?;
        let mut process = self.launch(folder.path())?;
        let (admin, listeners) = ready(&mut process, folder.path())
            .await
            .map_err(|error| error.context(format!("Envoy said:\n{}", tail(&folder.path().join(LOG)))))?;
        Envoy::running(process, admin, listeners, folder, &self.plugin).await
    }

    fn launch(&self, folder: &Path) -> Result<Process> {
        let binary = self.binary.clone().map_or_else(locate::envoy_binary, Ok)?;
        let (level, components) = self.log_level.split_once(',').unwrap_or((&self.log_level, ""));
        let mut command = bound_to_parent(&binary);
        command
            .args(["--disable-hot-restart", "--log-level", level])
            .args(["--concurrency", &self.concurrency.to_string()])
            .arg("-c")
            .arg(folder.join(BOOTSTRAP))
            // By itself Envoy keeps lines of access logs back for ten seconds.
            .args(["--file-flush-interval-msec", "100"])
            .arg("--admin-address-path")
            .arg(folder.join(ADMIN_ADDRESS))
            .stdin(std::process::Stdio::null())
            .stdout(File::create(folder.join(ACCESS_LOG))?)
            .stderr(File::create(folder.join(LOG))?);
        if !components.is_empty() {
            command.args(["--component-log-level", components]);
        }
        // A group of its own: a Ctrl-C in the terminal is for the owner, who ends Envoy in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Process::start(command)
    }
}

/// Waits until Envoy is live; says where it listens.
async fn ready(process: &mut Process, folder: &Path) -> Result<(Admin, Vec<(String, SocketAddr)>)> {
    eventually("Envoy to be ready", LIMIT, async || {
        if let Some(status) = process.ended()? {
            bail!("Envoy ended at once: {status}");
        }
        // Written once the admin interface listens; absent or half written until then.
        let address = std::fs::read_to_string(folder.join(ADMIN_ADDRESS)).unwrap_or_default();
        let Ok(address) = address.trim().parse() else { return Ok(None) };
        let admin = Admin::at(address);
        if !admin.get("/ready").await.is_ok_and(|state| state.trim() == "LIVE") {
            return Ok(None);
        }
        let listeners = listeners(&admin.json("/listeners?format=json").await?)?;
        Ok((!listeners.is_empty()).then_some((admin, listeners)))
    })
    .await
}

/// Names and addresses out of the admin's list of listeners.
fn listeners(answer: &Value) -> Result<Vec<(String, SocketAddr)>> {
    let statuses = answer.get("listener_statuses").and_then(Value::as_array);
    let read = |status: &Value| {
        let socket = status.pointer("/local_address/socket_address")?;
        let ip = socket.get("address")?.as_str()?.parse().ok()?;
        let port = u16::try_from(socket.get("port_value")?.as_u64()?).ok()?;
        Some((status.get("name")?.as_str()?.to_owned(), SocketAddr::new(ip, port)))
    };
    statuses
        .into_iter()
        .flatten()
        .map(|status| read(status).ok_or_else(|| anyhow!("a listener without an address: {status}")))
        .collect()
}

/// The last lines of a log, for an error.
pub(crate) fn tail(path: &Path) -> String {
    let log = read_lossy(path).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
}
