//! The services behind Envoy: each a process of its own, this same binary with the hidden command `service`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write, pipe, stdin, stdout};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use graylane_testbed::{Context, Process, Result, Upstream};

/// A running service; it ends with this value.
#[derive(Debug)]
pub(crate) struct Service {
    name: String,
    address: SocketAddr,
    log: PathBuf,
    process: Process,
}

impl Service {
    /// Starts a service on a free port and waits until it listens. Its log goes into `folder`.
    ///
    /// # Errors
    /// When it does not start; the error holds the end of its log.
    pub(crate) fn start(name: &str, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("service-{name}.log"));
        let (said, says) = pipe()?;
        let mut command = Command::new(std::env::current_exe()?);
        // A group of its own: a Ctrl-C in the terminal is for this process, which ends the service in order. Its
        // standard input stays open as long as this process lives.
        command.args(["service", name]).process_group(0);
        command.stdin(Stdio::piped()).stdout(says).stderr(File::create(&log)?);
        let process = Process::start(command)?;
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| {
            format!("service {name} did not start:\n{}", std::fs::read_to_string(&log).unwrap_or_default())
        })?;
        Ok(Self { name: name.to_owned(), address, log, process })
    }

    /// Its name: that of its lane.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How it ended and what it logged last, if it has ended.
    ///
    /// # Errors
    /// When the system does not tell.
    pub(crate) fn ended(&mut self) -> Result<Option<String>> {
        let Some(status) = self.process.ended()? else { return Ok(None) };
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        Ok(Some(format!("service {} has ended: {status}. Its log:\n{}", self.name, log.trim_end())))
    }

    /// Ends it and waits until it is gone.
    ///
    /// # Errors
    /// When the system does not let it be ended.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.process.end().map(drop)
    }
}

/// What the process of a service does: it answers requests until its standard input ends.
///
/// # Errors
/// When no port can be had, or nobody reads where it is.
pub(crate) async fn serve(name: &str) -> Result<()> {
    let upstream = Upstream::start(name).await?;
    eprintln!("service {name}, process {}, listens on {}", std::process::id(), upstream.address());
    writeln!(stdout(), "{}", upstream.address())?;
    tokio::task::spawn_blocking(|| stdin().read_to_end(&mut Vec::new())).await??;
    eprintln!("service {name} ends: whoever started it is gone");
    Ok(())
}
