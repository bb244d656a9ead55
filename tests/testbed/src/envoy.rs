//! A real Envoy.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::admin::Admin;
use crate::bootstrap::Bootstrap;
use crate::locate;
use crate::plugin::PluginFile;
use crate::process::{Process, bound_to_parent};
use crate::wait::eventually;

// Files of the private folder.
const ACCESS_LOG: &str = "access.log";
const ADMIN_ADDRESS: &str = "admin.address";
const BOOTSTRAP: &str = "bootstrap.json";
const LOG: &str = "envoy.log";
const PLUGIN: &str = "policy.json";

/// How long Envoy may take until it is ready, and until it has judged a plugin file.
const LIMIT: Duration = Duration::from_secs(30);
/// Where Envoy counts what became of plugin files.
const DISCOVERY: &str = "extension_config_discovery.http_filter.graylane";

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
        let counts = Counts::read(admin).await?;
        let verdict = if counts.refused == 0 { Verdict::Accepted } else { Verdict::Refused };
        let published = Mutex::new(Published { identity: self.plugin.identity().cloned(), verdict });
        Ok(Envoy { process, admin, listeners, published, folder })
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

/// What Envoy made of a plugin file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is in force on every worker.
    Accepted,
    /// It is refused; what was in force before still is. The log says why.
    Refused,
}

/// What became of a plugin file, and when.
#[derive(Clone, Copy, Debug)]
pub struct Swap {
    /// What Envoy made of it.
    pub verdict: Verdict,
    /// Just before the file was renamed over the one before.
    pub renamed: Instant,
    /// Once the verdict was known. When the file was accepted, every worker runs it by then.
    pub judged: Instant,
}

/// A running Envoy; it ends with this value.
#[derive(Debug)]
pub struct Envoy {
    process: Process,
    admin: Admin,
    listeners: Vec<(String, SocketAddr)>,
    published: Mutex<Published>,
    folder: TempDir,
}

/// The last plugin file that was sent.
#[derive(Debug)]
struct Published {
    identity: Option<Value>,
    verdict: Verdict,
}

impl Envoy {
    /// An Envoy on this bootstrap, yet to be started.
    pub fn on(bootstrap: Bootstrap) -> EnvoyBuilder {
        EnvoyBuilder {
            bootstrap,
            plugin: PluginFile::none(),
            binary: None,
            listener_port: 0,
            admin_port: 0,
            concurrency: 1,
            log_level: "info".to_owned(),
        }
    }

    /// Where the first listener takes requests.
    pub fn address(&self) -> SocketAddr {
        // There is one: an Envoy without a listener is refused at the start.
        self.listeners.first().map_or_else(|| self.admin.address(), |(_, address)| *address)
    }

    /// Where a listener takes requests, by its name.
    pub fn listener(&self, name: &str) -> Option<SocketAddr> {
        self.listeners.iter().find(|(have, _)| have == name).map(|(_, address)| *address)
    }

    /// Its admin interface.
    pub fn admin(&self) -> Admin {
        self.admin
    }

    /// Its process: id, CPU time, memory.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Its process, to end it or to ask whether it has ended.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Its folder: bootstrap, plugin file, logs. It goes with this value.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Everything it has logged so far.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String> {
        read_lossy(&self.folder.path().join(LOG))
    }

    /// Everything it has written to standard output, the access log, so far. Envoy holds lines back for a while
    /// (10 s by default); it writes the rest when it ends.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn access_log(&self) -> Result<String> {
        read_lossy(&self.folder.path().join(ACCESS_LOG))
    }

    /// Swaps the plugin file and waits until Envoy has judged it; when it is accepted, every worker runs it.
    ///
    /// Envoy looks only at what differs from the file before, even if it refused that one: the same content sent
    /// again has the verdict that it had.
    ///
    /// # Errors
    /// When the file cannot be written, or Envoy does not say in time.
    pub async fn publish(&self, plugin: &PluginFile) -> Result<Verdict> {
        Ok(self.swap(plugin).await?.verdict)
    }

    /// As [`publish`](Self::publish); says too when what happened, for those who measure.
    ///
    /// # Errors
    /// What publishing may fail with.
    pub async fn swap(&self, plugin: &PluginFile) -> Result<Swap> {
        let mut published = self.published.lock().await;
        if plugin.identity().is_some() && plugin.identity() == published.identity.as_ref() {
            let now = Instant::now();
            return Ok(Swap { verdict: published.verdict, renamed: now, judged: now });
        }
        let before = Counts::read(self.admin).await?;
        let renamed = plugin.swap_into(&self.folder.path().join(PLUGIN))?;
        let verdict = eventually("Envoy's verdict on the plugin file", LIMIT, async || {
            let now = Counts::read(self.admin).await?;
            // A refusal counts as a reload too, so it is looked at first.
            Ok(if now.refused > before.refused {
                Some(Verdict::Refused)
            } else if now.accepted > before.accepted && now.reloaded > before.reloaded {
                Some(Verdict::Accepted)
            } else {
                None
            })
        });
        let verdict = verdict.await?;
        *published = Published { identity: plugin.identity().cloned(), verdict };
        Ok(Swap { verdict, renamed, judged: Instant::now() })
    }

    /// As [`publish`](Self::publish), for a plugin file that has to be accepted.
    ///
    /// # Errors
    /// When it is refused (the error holds what Envoy logged), or what publishing may fail with.
    pub async fn accept(&self, plugin: &PluginFile) -> Result<()> {
        let said = self.log()?.len();
        match self.publish(plugin).await? {
            Verdict::Accepted => Ok(()),
            Verdict::Refused => {
                bail!("Envoy refused the plugin file:\n{}", self.log()?.get(said..).unwrap_or_default())
            }
        }
    }
}

/// Envoy's counters of plugin files.
#[derive(Clone, Copy, Debug)]
struct Counts {
    accepted: u64,
    refused: u64,
    reloaded: u64,
}

impl Counts {
    async fn read(admin: Admin) -> Result<Self> {
        let stats = admin.stats(DISCOVERY).await?;
        let count = |name: &str| stats.get(&format!("{DISCOVERY}.{name}")).copied().unwrap_or_default();
        Ok(Self {
            accepted: count("update_success"),
            // A file that is no discovery response fails; one whose content is bad is rejected.
            refused: count("update_rejected") + count("update_failure"),
            reloaded: count("config_reload"),
        })
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

fn read_lossy(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last lines of a log, for an error.
fn tail(path: &Path) -> String {
    let log = read_lossy(path).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
}
