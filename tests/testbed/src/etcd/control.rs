//! What an operator does to etcd, by `etcdctl`: who leads, what is kept, who may come, what is saved and restored.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::{Etcd, LIMIT, ROOT, User};
use crate::locate;
use crate::wait::eventually;

/// The whole content of an etcd at one revision.
#[derive(Debug)]
pub struct Snapshot {
    folder: TempDir,
}

impl Snapshot {
    /// The file, as `etcdctl snapshot save` writes it.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("snapshot.db")
    }
}

impl Etcd {
    /// Runs `etcdctl` with these arguments on all members, as root where there are users, and gives what it prints.
    ///
    /// # Errors
    /// When there is no `etcdctl`, or it fails; the error holds what it said.
    pub async fn control(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.etcdctl(&self.endpoints())?;
        command.args(arguments);
        run(command).await
    }

    /// Forgets what was before this revision.
    ///
    /// # Errors
    /// When etcd refuses.
    pub async fn compact(&self, revision: i64) -> Result<()> {
        self.control(&["compaction", &revision.to_string()]).await.map(drop)
    }

    /// Which member leads; waits until one does.
    ///
    /// # Errors
    /// When none does in time, as where the majority is down.
    pub async fn leader(&self) -> Result<usize> {
        eventually("etcd to have a leader", LIMIT, async || {
            for (number, member) in self.members.iter().enumerate() {
                let leads = self.metric(number, "etcd_server_is_leader");
                if member.process.is_some() && leads.await.is_ok_and(|leads| leads == Some(1.0)) {
                    return Ok(Some(number));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Hands the leadership to this member, and waits until it has it.
    ///
    /// # Errors
    /// When there is no such member, or etcd refuses.
    pub async fn move_leader(&self, to: usize) -> Result<()> {
        let name = &self.member(to)?.name;
        let list: Value = serde_json::from_str(&self.control(&["member", "list", "-w", "json"]).await?)?;
        let members = list.get("members").and_then(Value::as_array).into_iter().flatten();
        let id = members
            .filter(|member| member.get("name").and_then(Value::as_str) == Some(name))
            .find_map(|member| member.get("ID")?.as_u64())
            .with_context(|| format!("etcd knows no member {name}: {list}"))?;
        self.control(&["move-leader", &format!("{id:x}")]).await?;
        eventually("the leadership to have moved", LIMIT, async || {
            Ok((self.leader().await? == to).then_some(()))
        })
        .await
    }

    /// Saves everything as it is now.
    ///
    /// # Errors
    /// When it cannot be saved.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let folder = tempfile::Builder::new().prefix("graylane-etcd-snapshot-").tempdir()?;
        let snapshot = Snapshot { folder };
        // Of one member: the first that is up.
        let up = self.members.iter().zip(self.endpoints()).find(|(member, _)| member.process.is_some());
        let (_, endpoint) = up.context("no member of etcd is up to take a snapshot of")?;
        let mut command = self.etcdctl(&[endpoint])?;
        command.args(["snapshot", "save"]).arg(snapshot.path());
        run(command).await?;
        Ok(snapshot)
    }

    /// Makes every member what the snapshot says, on the same ports, as an operator does after a disaster: its revision goes back, and
    /// what was written since then is gone. The cluster keeps its id.
    ///
    /// # Errors
    /// When the snapshot cannot be restored, or etcd does not come up again.
    pub async fn restore(&mut self, snapshot: &Snapshot) -> Result<()> {
        self.kill()?;
        let program = locate::etcd_restorer(&self.plan.program()?)?;
        for member in &self.members {
            let data = self.data_path(member);
            std::fs::remove_dir_all(&data)?;
            let mut command = bare(&program);
            command
                .args(["snapshot", "restore"])
                .arg(snapshot.path())
                .arg("--data-dir")
                .arg(data)
                .args(["--name", &member.name])
                .args(["--initial-cluster", &self.initial_cluster()])
                .args(["--initial-advertise-peer-urls", &member.peer_url()]);
            run(command).await?;
        }
        self.resume().await
    }

    /// Lets users in, and nobody else.
    pub(super) async fn admit(&self, users: &[User]) -> Result<()> {
        // As nobody: until it is switched on, everybody may do everything.
        let control = async |arguments: &[&str]| {
            let mut command = self.etcdctl_as(&self.endpoints(), None)?;
            command.args(arguments);
            run(command).await
        };
        control(&["user", "add", &format!("{}:{}", ROOT.0, ROOT.1)]).await?;
        for User { name, password, prefix, permission } in users {
            control(&["user", "add", &format!("{name}:{password}")]).await?;
            control(&["role", "add", name]).await?;
            control(&["role", "grant-permission", "--prefix", name, permission, prefix]).await?;
            control(&["user", "grant-role", name, name]).await?;
        }
        control(&["auth", "enable"]).await.map(drop)
    }

    fn etcdctl(&self, endpoints: &[String]) -> Result<Command> {
        self.etcdctl_as(endpoints, (!self.plan.users.is_empty()).then_some(ROOT))
    }

    fn etcdctl_as(&self, endpoints: &[String], user: Option<(&str, &str)>) -> Result<Command> {
        let mut command = bare(&locate::etcdctl(&self.plan.program()?)?);
        command.args(["--endpoints", &endpoints.join(","), "--command-timeout=20s"]);
        if let Some((name, password)) = user {
            command.args(["--user", &format!("{name}:{password}")]);
        }
        if let Some(files) = &self.client_files {
            command
                .arg("--cacert")
                .arg(&files.authority)
                .arg("--cert")
                .arg(&files.certificate)
                .arg("--key")
                .arg(&files.key);
        }
        Ok(command)
    }
}

/// A program of etcd's without what the environment says to it.
fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ETCD") {
            command.env_remove(name);
        }
    }
    command.env("ETCDCTL_API", "3");
    command
}

async fn run(mut command: Command) -> Result<String> {
    let shown = format!("{command:?}");
    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(move || command.output()).await??;
    let (stdout, stderr) =
        (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned());
    ensure!(status.success(), "{shown}: {status}\n{stdout}{stderr}");
    Ok(stdout)
}
