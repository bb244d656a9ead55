//! A bridge that runs.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use graylane_etcd::{Client, Keys};
use graylane_testbed::{Client as Http, Context, Request, Result, bail, eventually};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::LIMIT;
use crate::ground::payload;

/// A bridge that runs; it ends with this value.
pub(super) struct Bridge {
    child: Child,
    said: Arc<Mutex<String>>,
    reading: Option<JoinHandle<()>>,
}

impl Bridge {
    /// What was started, whose standard error is piped.
    pub(super) fn of(mut child: Child) -> Result<Self> {
        let said = Arc::<Mutex<String>>::default();
        let out = child.stderr.take().context("nothing to read")?;
        let reading = std::thread::spawn({
            let said = Arc::clone(&said);
            move || read(out, &said)
        });
        Ok(Bridge { child, said, reading: Some(reading) })
    }

    /// What it has said.
    pub(super) fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has said something so often.
    pub(super) async fn until_said(&self, text: &str, times: usize) -> Result<()> {
        let what = format!("{text:?} to be said {times} times");
        let said =
            eventually(&what, LIMIT, async || Ok((self.said().matches(text).count() >= times).then_some(())));
        said.await.with_context(|| self.said())
    }

    /// Asks it for a page, where it listens.
    pub(super) async fn page(&self, path: &str) -> Result<(u16, String)> {
        const BEFORE: &str = "health and metrics at http://";
        self.until_said(BEFORE, 1).await?;
        let said = self.said();
        let address: SocketAddr = said
            .split_once(BEFORE)
            .and_then(|(_, rest)| rest.lines().next())
            .context("no address")?
            .parse()?;
        let response = Http::to(address).send(&Request::get(path).host("bridge")).await?;
        Ok((response.status, String::from_utf8(response.body.to_vec())?))
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Waits for its end.
    pub(super) async fn ended(mut self) -> Result<(ExitStatus, String)> {
        let status = eventually("the bridge to end", LIMIT, async || Ok(self.child.try_wait()?))
            .await
            .with_context(|| self.said())?;
        if let Some(reading) = self.reading.take()
            && reading.join().is_err()
        {
            bail!("what it said could not be read");
        }
        Ok((status, self.said()))
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

fn read(out: impl Read, said: &Mutex<String>) {
    for line in BufReader::new(out).lines() {
        let Ok(line) = line else { return };
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.push_str(&line);
        said.push('\n');
    }
}

/// The document below a key, in an envelope or not; none where there is none.
pub(super) async fn live(etcd: &Client, key: &str) -> Result<Option<Value>> {
    let found = etcd.get(Keys::one(format!("/policies/{key}"))).await?;
    let Some(pair) = found.values.into_iter().next() else { return Ok(None) };
    let value: Value = serde_json::from_slice(&pair.value).context("it is not whole")?;
    Ok(Some(if value.get("payload").is_some() { payload(&pair.value) } else { value }))
}

/// Waits until the document below a key is as wanted.
pub(super) async fn until_live(
    etcd: &Client,
    bridge: &Bridge,
    key: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Result<Value> {
    let what = format!("{key} to be live");
    let is_live =
        eventually(&what, LIMIT, async || Ok(live(etcd, key).await?.filter(|document| wanted(document))));
    is_live.await.with_context(|| bridge.said())
}
