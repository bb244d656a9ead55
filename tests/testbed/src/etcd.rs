//! A real etcd.

mod control;
mod launch;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use graylane_etcd::{Access, Client};
use tempfile::TempDir;

use crate::certificate::Files;
use crate::client;
use crate::envoy::read_lossy;
use crate::launch::tail;
use crate::message::Request;
use crate::process::Process;
use crate::wait::eventually;

pub use control::Snapshot;
pub use launch::EtcdBuilder;

/// Who may do everything, where there are users.
const ROOT: (&str, &str) = ("root", "root");

/// How long etcd may take until it is healthy.
const LIMIT: Duration = Duration::from_secs(30);

/// A running etcd, of one member or several, with data of its own; it ends with this value.
///
/// Its ports stay the same for as long as this value lives, whatever is done to the members.
#[derive(Debug)]
pub struct Etcd {
    members: Vec<Member>,
    plan: EtcdBuilder,
    /// Those of `etcdctl`, where clients speak TLS.
    client_files: Option<Files>,
    folder: TempDir,
}

/// Somebody who may come.
#[derive(Clone, Debug)]
struct User {
    name: String,
    password: String,
    /// Which keys.
    prefix: String,
    /// `read` or `readwrite`.
    permission: &'static str,
}

/// One of its members.
#[derive(Debug)]
struct Member {
    name: String,
    client: u16,
    peer: u16,
    /// Health and metrics, by plain HTTP and for everybody, whatever holds for clients.
    metrics: u16,
    process: Option<Process>,
}

impl Etcd {
    /// An etcd, yet to be started.
    pub fn builder() -> EtcdBuilder {
        EtcdBuilder::default()
    }

    /// An etcd of one member, without TLS and without users.
    ///
    /// # Errors
    /// When it cannot be started, or is not healthy in time; the error holds the end of its log.
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// Where clients reach the members, as URLs.
    pub fn endpoints(&self) -> Vec<String> {
        let scheme = self.plan.scheme();
        self.addresses().iter().map(|address| format!("{scheme}://{address}")).collect()
    }

    /// Where clients reach the members.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.members.iter().map(|member| loopback(member.client)).collect()
    }

    /// Where clients reach the first member.
    pub fn address(&self) -> SocketAddr {
        loopback(self.members.first().map_or(0, |member| member.client))
    }

    /// What a client needs that may do everything: as root, where there are users; with a certificate, where clients speak TLS.
    pub fn access(&self) -> Access {
        let mut access = Access::to(self.endpoints());
        if let Some(tls) = &self.plan.client_tls {
            access = access.tls(tls.clone());
        }
        if !self.plan.users.is_empty() {
            access = access.user(ROOT.0, ROOT.1);
        }
        access
    }

    /// A client of all members that may do everything.
    ///
    /// # Errors
    /// When it cannot sign in.
    pub async fn client(&self) -> Result<Client> {
        Ok(Client::connect(self.access()).await?)
    }

    /// Kills every member, as a power failure would.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn kill(&mut self) -> Result<()> {
        (0..self.members.len()).try_for_each(|member| self.kill_member(member))
    }

    /// Kills one member; they are counted from 0. Does nothing while it is down.
    ///
    /// # Errors
    /// When there is no such member, or the system does not let it.
    pub fn kill_member(&mut self, member: usize) -> Result<()> {
        if let Some(mut process) = self.member_mut(member)?.process.take() {
            process.kill()?;
        }
        Ok(())
    }

    /// Starts the members that are down, each with its data and on its ports, and waits until all are healthy.
    ///
    /// # Errors
    /// When one cannot be started, or is not healthy in time; the error holds the end of its log.
    pub async fn resume(&mut self) -> Result<()> {
        for member in 0..self.members.len() {
            self.launch_member(member)?;
        }
        for member in 0..self.members.len() {
            self.healthy(member).await?;
        }
        Ok(())
    }

    /// Starts one member that is down, with its data and on its ports, and waits until it is healthy.
    ///
    /// # Errors
    /// When it cannot be started, or is not healthy in time; the error holds the end of its log.
    pub async fn resume_member(&mut self, member: usize) -> Result<()> {
        self.launch_member(member)?;
        self.healthy(member).await
    }

    /// One of its metrics, as its member says it now; all that have this name, whatever their labels, are added up.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn metric(&self, member: usize, name: &str) -> Result<Option<f64>> {
        let mut client = client::Client::to(loopback(self.member(member)?.metrics));
        let response = client.send(&Request::get("/metrics").host("etcd")).await?;
        let body = String::from_utf8_lossy(&response.body).into_owned();
        let values = body.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            rest.starts_with(['{', ' ']).then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())?
        });
        Ok(values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value)))
    }

    /// Everything that a member has logged, over all its lives.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self, member: usize) -> Result<String> {
        read_lossy(&self.log_path(self.member(member)?))
    }

    /// A member's process, while it runs: to stop and continue it, or to see what it uses.
    ///
    /// # Errors
    /// When it is down.
    pub fn process(&self, member: usize) -> Result<&Process> {
        self.member(member)?.process.as_ref().with_context(|| format!("etcd's member {member} is down"))
    }

    /// Its folder: data and logs. It goes with this value.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn member(&self, member: usize) -> Result<&Member> {
        self.members.get(member).with_context(|| format!("etcd has no member {member}"))
    }

    fn member_mut(&mut self, member: usize) -> Result<&mut Member> {
        self.members.get_mut(member).with_context(|| format!("etcd has no member {member}"))
    }

    /// Waits until a member is healthy: it knows a leader and agrees with a majority.
    async fn healthy(&mut self, member: usize) -> Result<()> {
        let log = self.log_path(self.member(member)?);
        let Member { metrics, process, .. } = self.member_mut(member)?;
        let metrics = *metrics;
        let healthy = eventually("etcd to be healthy", LIMIT, async || {
            let Some(process) = process else { bail!("it is down") };
            if let Some(status) = process.ended()? {
                bail!("etcd ended at once: {status}");
            }
            let answer =
                client::Client::to(loopback(metrics)).send(&Request::get("/health").host("etcd")).await;
            Ok(answer.is_ok_and(|answer| answer.status == 200).then_some(()))
        });
        healthy.await.with_context(|| format!("etcd said:\n{}", ends(&log)))
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        // Asked to end, etcd waits for open watches; nobody will read its data any more. One that cannot be killed has ended.
        let _killed = self.kill();
    }
}

/// The first and the last lines of a log: etcd says a wrong flag first, and then all that it knows.
fn ends(path: &Path) -> String {
    let log = read_lossy(path).unwrap_or_default();
    let first: Vec<_> = log.lines().take(3).collect();
    format!("{}\n…\n{}", first.join("\n"), tail(path))
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
