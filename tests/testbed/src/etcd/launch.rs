//! Starting an etcd: a private folder, ports of its own, and the wait until it is healthy.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use graylane_etcd::Tls;

use super::{Etcd, Member, User, loopback};
use crate::certificate::{Authority, Files};
use crate::launch::tail;
use crate::locate;
use crate::port;
use crate::process::{Process, bound_to_parent};

/// How often other ports are tried, where somebody took one between the look and the start.
const TRIES: u32 = 5;

/// What etcd is to be started with.
#[derive(Clone, Debug)]
pub struct EtcdBuilder {
    binary: Option<PathBuf>,
    members: usize,
    flags: Vec<String>,
    pub(super) users: Vec<User>,
    /// The certificate of the members, and that of whoever controls them.
    server_tls: Option<Tls>,
    pub(super) client_tls: Option<Tls>,
}

impl Default for EtcdBuilder {
    fn default() -> Self {
        Self {
            binary: None,
            members: 1,
            flags: Vec::new(),
            users: Vec::new(),
            server_tls: None,
            client_tls: None,
        }
    }
}

impl EtcdBuilder {
    /// Another etcd than the one that set-up found: any program that takes etcd's flags.
    #[must_use]
    pub fn binary(mut self, path: &Path) -> Self {
        self.binary = Some(path.to_owned());
        self
    }

    /// How many members; one, if not said.
    #[must_use]
    pub fn members(mut self, members: usize) -> Self {
        self.members = members;
        self
    }

    /// A flag of etcd, for every member: `--quota-backend-bytes=100000000`.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// Clients speak TLS; each has to show a certificate of this authority.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn tls(mut self, authority: &Authority) -> Result<Self> {
        self.server_tls = Some(authority.client("etcd")?);
        self.client_tls = Some(authority.client("operator")?);
        Ok(self.flag("--client-cert-auth"))
    }

    /// A user who may read what begins with `prefix`. Where there is one, nobody comes in without a password, and `root`, whose
    /// password is `root`, may do everything.
    #[must_use]
    pub fn reader(self, name: &str, password: &str, prefix: &str) -> Self {
        self.user(name, password, prefix, "read")
    }

    /// A user who may read and write what begins with `prefix`; else as [`reader`](Self::reader).
    #[must_use]
    pub fn writer(self, name: &str, password: &str, prefix: &str) -> Self {
        self.user(name, password, prefix, "readwrite")
    }

    fn user(mut self, name: &str, password: &str, prefix: &str, permission: &'static str) -> Self {
        let (name, password, prefix) = (name.to_owned(), password.to_owned(), prefix.to_owned());
        self.users.push(User { name, password, prefix, permission });
        self
    }

    /// How long a token of a user is good without being used, in whole seconds; 300, if not said.
    #[must_use]
    pub fn token_seconds(self, seconds: u32) -> Self {
        // That one has expired, an etcd 3.6 says for those alone who look for mistakes.
        self.flag(&format!("--auth-token-ttl={seconds}")).flag("--log-level=debug")
    }

    pub(super) fn program(&self) -> Result<PathBuf> {
        self.binary.clone().map_or_else(locate::etcd_binary, Ok)
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.server_tls.is_some() { "https" } else { "http" }
    }

    /// Starts etcd and waits until every member is healthy.
    ///
    /// # Errors
    /// When it cannot be started, or is not healthy in time; the error holds the end of its log.
    pub async fn start(self) -> Result<Etcd> {
        ensure!(self.members > 0, "an etcd has one member at least");
        let mut tries = 0..TRIES;
        loop {
            let mut etcd = Etcd::laid_out(self.clone())?;
            let started = etcd.resume().await;
            let taken = started.is_err() && etcd.found_a_port_taken();
            if taken && tries.next().is_some() {
                continue;
            }
            started?;
            if !etcd.plan.users.is_empty() {
                etcd.admit(&etcd.plan.users).await?;
            }
            return Ok(etcd);
        }
    }
}

impl Etcd {
    /// Ports and a folder, and nothing that runs.
    fn laid_out(plan: EtcdBuilder) -> Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("graylane-etcd-").tempdir().context("no private folder")?;
        let member = |number| {
            let [client, peer, metrics] = port::free()?;
            Ok(Member { name: format!("member{number}"), client, peer, metrics, process: None })
        };
        let members = (0..plan.members).map(member).collect::<Result<_>>()?;
        let write = |name, tls: &Option<Tls>| {
            tls.as_ref().map(|tls| Files::write(folder.path(), name, tls)).transpose()
        };
        let client_files = write("operator", &plan.client_tls)?;
        write("etcd", &plan.server_tls)?;
        Ok(Self { members, plan, client_files, folder })
    }

    fn found_a_port_taken(&self) -> bool {
        self.members.iter().any(|member| tail(&self.log_path(member)).contains("address already in use"))
    }

    pub(super) fn log_path(&self, member: &Member) -> PathBuf {
        self.folder.path().join(format!("{}.log", member.name))
    }

    pub(super) fn data_path(&self, member: &Member) -> PathBuf {
        self.folder.path().join(&member.name)
    }

    /// Who the members are to each other.
    pub(super) fn initial_cluster(&self) -> String {
        let each: Vec<_> =
            self.members.iter().map(|member| format!("{}={}", member.name, member.peer_url())).collect();
        each.join(",")
    }

    /// Starts a member that is down.
    pub(super) fn launch_member(&mut self, member: usize) -> Result<()> {
        if self.member(member)?.process.is_none() {
            let process = self.launch(self.member(member)?)?;
            self.member_mut(member)?.process = Some(process);
        }
        Ok(())
    }

    fn launch(&self, member: &Member) -> Result<Process> {
        let log = OpenOptions::new().create(true).append(true).open(self.log_path(member))?;
        let client = format!("{}://{}", self.plan.scheme(), loopback(member.client));
        let mut command = bound_to_parent(&self.plan.program()?);
        command
            .args(["--name", &member.name])
            .arg("--data-dir")
            .arg(self.data_path(member))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &member.peer_url()])
            .args(["--initial-advertise-peer-urls", &member.peer_url()])
            .args(["--initial-cluster", &self.initial_cluster()])
            .args(["--listen-metrics-urls", &format!("http://{}", loopback(member.metrics))])
            .args(["--logger=zap", "--log-outputs=stderr"])
            .args(["--bcrypt-cost=4"]) // a password costs a millisecond, and not a tenth of a second
            .args(&self.plan.flags)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if self.plan.server_tls.is_some() {
            let files = Files::of(self.folder.path(), "etcd");
            command.arg("--trusted-ca-file").arg(files.authority).arg("--cert-file").arg(files.certificate);
            command.arg("--key-file").arg(files.key);
        }
        // What the environment says to etcd is meant for another one.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ETCD_") {
                command.env_remove(name);
            }
        }
        // A group of its own: a Ctrl-C in the terminal is for the owner, who ends etcd in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Process::start(command)
    }
}

impl Member {
    pub(super) fn peer_url(&self) -> String {
        format!("http://{}", loopback(self.peer))
    }
}
