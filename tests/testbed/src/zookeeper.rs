//! A real ZooKeeper.

use std::fs::OpenOptions;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use zookeeper_client::Client;

use crate::envoy::read_lossy;
use crate::launch::tail;
use crate::process::{Process, bound_to_parent};
use crate::wait::eventually;
use crate::{locate, port};

const MAIN: &str = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
/// How long ZooKeeper may take until it serves, and until it has done what it is told.
const LIMIT: Duration = Duration::from_mins(1);
/// How long one answer may take while it starts.
const SOON: Duration = Duration::from_secs(1);
/// ZooKeeper's unit of time. Sessions last two of them at least, so that one can end while a test looks on.
const TICK: Duration = Duration::from_millis(100);

/// A running ZooKeeper of one server, with data of its own; it ends with this value.
///
/// Its port stays the same for as long as this value lives. Sessions may last from 200 ms to 60 s, as the client asks. One ends from
/// outside when nothing is heard of its client: through a [`Cut`](crate::Cut) that stalls. (Its id and password would do as well, but a
/// ZooKeeper whose one server has both connections often answers neither.)
#[derive(Debug)]
pub struct ZooKeeper {
    port: u16,
    process: Option<Process>,
    folder: TempDir,
}

impl ZooKeeper {
    /// Starts one.
    ///
    /// # Errors
    /// When it cannot be started, or does not serve in time; the error holds the end of its log.
    pub async fn start() -> Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("graylane-zookeeper-").tempdir().context("no private folder")?;
        let [port] = port::free()?;
        let mut zookeeper = Self { port, process: None, folder };
        std::fs::write(zookeeper.configuration(), zookeeper.settings())?;
        zookeeper.resume().await?;
        Ok(zookeeper)
    }

    /// Where clients reach it.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// A client with a session of its own, of the length that the client chooses by itself.
    ///
    /// # Errors
    /// When it is not reached.
    pub async fn client(&self) -> Result<Client> {
        Ok(Client::connect(&self.address().to_string()).await?)
    }

    /// Kills it, as a power failure would. Does nothing while it is down.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
        }
        Ok(())
    }

    /// Starts it with its data and on its port, and waits until it serves. Does nothing while it is up.
    ///
    /// # Errors
    /// When it cannot be started, or does not serve in time; the error holds the end of its log.
    pub async fn resume(&mut self) -> Result<()> {
        if self.process.is_none() {
            self.process = Some(self.launch()?);
        }
        let address = self.address();
        let process = &mut self.process;
        let serves = eventually("ZooKeeper to serve", LIMIT, async || {
            let Some(process) = process else { bail!("it is down") };
            if let Some(status) = process.ended()? {
                bail!("ZooKeeper ended at once: {status}");
            }
            // Whoever asks while it starts may be left without an answer for ever.
            let said = timeout(SOON, ask(address, "srvr")).await;
            Ok(matches!(said, Ok(Ok(said)) if said.contains("Mode: ")).then_some(()))
        });
        serves.await.with_context(|| format!("ZooKeeper said:\n{}", tail(&self.log_path())))
    }

    /// What ZooKeeper says of its sessions (`dump`): the ids of those that live are in it, and no others.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn sessions(&self) -> Result<String> {
        self.ask("dump").await
    }

    /// What it answers to a word of four letters: `srvr`, `mntr`, `wchs`.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ask(&self, word: &str) -> Result<String> {
        ask(self.address(), word).await
    }

    /// Everything that it has logged, over all its lives.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String> {
        read_lossy(&self.log_path())
    }

    /// Its process, while it runs: to stop and continue it, or to see what it uses.
    ///
    /// # Errors
    /// When it is down.
    pub fn process(&self) -> Result<&Process> {
        self.process.as_ref().context("ZooKeeper is down")
    }

    /// Its folder: configuration, data and log. It goes with this value.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("zoo.cfg")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("zookeeper.log")
    }

    fn settings(&self) -> String {
        let (data, port, tick) = (self.folder.path().join("data"), self.port, TICK.as_millis());
        format!(
            "tickTime={tick}\ndataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\nmaxSessionTimeout=60000\n\
             admin.enableServer=false\n4lw.commands.whitelist=*\n",
            data.display()
        )
    }

    fn launch(&self) -> Result<Process> {
        let log = OpenOptions::new().create(true).append(true).open(self.log_path())?;
        let mut command = bound_to_parent(&locate::java()?);
        command
            // A small one that is there soon, and leaves nothing in the folder that all programs share.
            .args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"])
            .arg("-Dzookeeper.jmx.log4j.disable=true")
            .args(["-cp", &locate::zookeeper_class_path()?, MAIN])
            .arg(self.configuration())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        // A group of its own: a Ctrl-C in the terminal is for the owner, who ends it in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Process::start(command)
    }
}

/// One word, and everything that is answered.
async fn ask(address: SocketAddr, word: &str) -> Result<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(word.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    };
    timeout(LIMIT, exchange).await.with_context(|| format!("ZooKeeper did not answer {word}"))?
}
