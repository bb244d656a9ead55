//! A real Envoy.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::admin::Admin;
use crate::bootstrap::Bootstrap;
use crate::launch::EnvoyBuilder;
use crate::plugin::PluginFile;
use crate::process::Process;
use crate::wait::eventually;

// Files of the private folder.
pub(crate) const ACCESS_LOG: &str = "access.log";
pub(crate) const LOG: &str = "envoy.log";
pub(crate) const PLUGIN: &str = "policy.json";

/// How long Envoy may take until it is ready, and until it has judged a plugin file.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
/// Where Envoy counts what became of plugin files.
const DISCOVERY: &str = "extension_config_discovery.http_filter.graylane";

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
        EnvoyBuilder::new(bootstrap)
    }

    /// An Envoy that has just become ready.
    pub(crate) async fn running(
        process: Process,
        admin: Admin,
        listeners: Vec<(String, SocketAddr)>,
        folder: TempDir,
        plugin: &PluginFile,
    ) -> Result<Self> {
        let counts = Counts::read(admin).await?;
        let verdict = if counts.refused == 0 { Verdict::Accepted } else { Verdict::Refused };
        let published = Mutex::new(Published { identity: plugin.identity().cloned(), verdict });
        Ok(Self { process, admin, listeners, published, folder })
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

    /// The plugin file, which it reads again when another takes its place by a rename.
    pub fn plugin_path(&self) -> PathBuf {
        self.folder().join(PLUGIN)
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
        let renamed = plugin.swap_into(&self.plugin_path())?;
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

pub(crate) fn read_lossy(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
