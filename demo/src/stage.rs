//! What a story plays on: one Envoy with the module, and a service for each of its clusters.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use graylane_testbed::{Admin, Bootstrap, Context, Envoy, Error, Result, Swap, bail};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::args::Ports;
use crate::policy::Revision;
use crate::service::Service;

/// Workers of Envoy: more than one, so that a switch has something to agree on.
pub(crate) const WORKERS: u32 = 2;
/// How often it is asked whether everything is still up.
const ROUND: Duration = Duration::from_millis(50);
/// Lines of a log that an error shows.
const SHOWN: usize = 15;

/// Envoy and the services; all of it ends with this value.
#[derive(Debug)]
pub(crate) struct Stage {
    address: SocketAddr,
    admin: Admin,
    process: u32,
    envoy: Mutex<Envoy>,
    services: Mutex<Vec<Service>>,
    folder: TempDir,
    took: Duration,
}

impl Stage {
    /// Starts everything.
    ///
    /// # Errors
    /// When a port is taken, or something does not start; the error says how to mend it.
    pub(crate) async fn start(command: &str, ports: Ports) -> Result<Self> {
        let start = Instant::now();
        is_free(command, "--port", ports.listener)?;
        is_free(command, "--admin-port", ports.admin)?;
        let folder =
            tempfile::Builder::new().prefix("graylane-demo-").tempdir().context("no folder for logs")?;
        let mut bootstrap = Bootstrap::load("lane-header")?;
        let names: Vec<String> = bootstrap.clusters().into_iter().map(str::to_owned).collect();
        let mut services = Vec::new();
        for name in names {
            let service = Service::start(&name, folder.path())?;
            bootstrap.endpoint(&name, service.address())?;
            services.push(service);
        }
        let envoy =
            Envoy::on(bootstrap).ports(ports.listener, ports.admin).concurrency(WORKERS).start().await?;
        Ok(Self {
            address: envoy.address(),
            admin: envoy.admin(),
            process: envoy.process().id(),
            envoy: Mutex::new(envoy),
            services: Mutex::new(services),
            folder,
            took: start.elapsed(),
        })
    }

    /// Where requests go.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Envoy's admin interface.
    pub(crate) fn admin(&self) -> Admin {
        self.admin
    }

    /// The id of Envoy's process.
    pub(crate) fn process(&self) -> u32 {
        self.process
    }

    /// How long it took to start.
    pub(crate) fn took(&self) -> Duration {
        self.took
    }

    /// Names and addresses of the services.
    pub(crate) async fn services(&self) -> Vec<(String, SocketAddr)> {
        let services = self.services.lock().await;
        services.iter().map(|service| (service.name().to_owned(), service.address())).collect()
    }

    /// Puts a policy in place by one rename and waits for Envoy's verdict on it.
    ///
    /// # Errors
    /// When Envoy does not say in time.
    pub(crate) async fn publish(&self, revision: &Revision) -> Result<Swap> {
        self.envoy.lock().await.swap(&revision.plugin).await
    }

    /// The last lines that Envoy logged of the module.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn said_of_the_module(&self) -> Result<String> {
        let log = self.envoy.lock().await.log()?;
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("graylane")).collect();
        Ok(last(&lines))
    }

    /// Ends in an error once Envoy or a service has ended, with the end of its log.
    pub(crate) async fn death(&self) -> Error {
        loop {
            if let Err(error) = self.all_up().await {
                return error;
            }
            tokio::time::sleep(ROUND).await;
        }
    }

    /// Whether Envoy and all services are up.
    ///
    /// # Errors
    /// When one is not, with the end of its log.
    pub(crate) async fn all_up(&self) -> Result<()> {
        let mut envoy = self.envoy.lock().await;
        if let Some(status) = envoy.process_mut().ended()? {
            let log = envoy.log()?;
            bail!(
                "Envoy has ended: {status}. The end of its log:\n{}",
                last(&log.lines().collect::<Vec<_>>())
            );
        }
        drop(envoy);
        for service in self.services.lock().await.iter_mut() {
            if let Some(death) = service.ended()? {
                bail!("{death}");
            }
        }
        Ok(())
    }

    /// Ends everything in order; says how many processes that were, and which folders are gone.
    ///
    /// # Errors
    /// When something could not be ended.
    pub(crate) fn end(self) -> Result<String> {
        let mut envoy = self.envoy.into_inner();
        let mut services = self.services.into_inner();
        envoy.process_mut().end().context("Envoy could not be ended")?;
        services.iter_mut().try_for_each(Service::end).context("a service could not be ended")?;
        let folders = [envoy.folder().to_owned(), self.folder.path().to_owned()];
        drop((envoy, self.folder));
        let left: Vec<&PathBuf> = folders.iter().filter(|folder| folder.exists()).collect();
        if !left.is_empty() {
            bail!("could not be removed: {left:?}");
        }
        Ok(format!("Envoy and {} services have ended, their temporary folders are gone.", services.len()))
    }
}

fn last(lines: &[&str]) -> String {
    lines.get(lines.len().saturating_sub(SHOWN)..).unwrap_or_default().join("\n")
}

/// Refuses a port that cannot be had, with the way out.
fn is_free(command: &str, option: &str, port: u16) -> Result<()> {
    let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) else { return Ok(()) };
    let why = match error.kind() {
        std::io::ErrorKind::AddrInUse => "is taken by another program".to_owned(),
        _ => format!("cannot be had: {error}"),
    };
    let other = format!("{option} {}", other(port));
    bail!(
        "port {port} {why}.\n  who has it:   ss -ltnp 'sport = :{port}'\n  another one:  graylane-demo {command} {other} \
          (0 is any free one)\n  with make:    make {command} ARGS='{other}'"
    )
}

/// A port beside this one.
fn other(port: u16) -> u16 {
    port.checked_add(1).unwrap_or(port - 1)
}
