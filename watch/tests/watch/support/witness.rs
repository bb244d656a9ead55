//! Somebody who asks every worker all the time which version is in force.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use graylane_testbed::{Client, Context, Request, Result, bail, ensure, eventually};
use tokio::task::JoinHandle;

use super::{LIMIT, Proxy};

/// How long after an answer the next request is sent.
const PAUSE: Duration = Duration::from_millis(2);

/// Asks every worker all the time for some hosts, whose lanes name versions, and remembers every answer that is less than one before.
#[derive(Debug)]
pub(crate) struct Witness {
    workers: usize,
    seen: Arc<Mutex<Seen>>,
    ends: Arc<AtomicBool>,
    asking: Vec<JoinHandle<Result<()>>>,
}

/// A request and how long its answer took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) sent: Instant,
    pub(crate) took: Duration,
}

#[derive(Debug, Default)]
struct Seen {
    asked: Vec<Asked>,
    now: BTreeMap<(usize, &'static str), Option<u64>>,
    highest: BTreeMap<(usize, &'static str), u64>,
    /// An older version after a later one.
    back: Vec<String>,
    /// Nothing, after there was a version.
    lost: Vec<&'static str>,
}

impl Witness {
    /// Begins to ask for these hosts.
    pub(crate) async fn of(proxy: &Proxy, hosts: &'static [&'static str]) -> Result<Self> {
        let clients = proxy.workers().await?;
        let mut witness = Witness {
            workers: clients.len(),
            seen: Arc::default(),
            ends: Arc::default(),
            asking: Vec::new(),
        };
        for (worker, client) in clients.into_iter().enumerate() {
            let (seen, ends) = (Arc::clone(&witness.seen), Arc::clone(&witness.ends));
            witness.asking.push(tokio::spawn(ask(worker, client, hosts, seen, ends)));
        }
        Ok(witness)
    }

    /// Waits until every worker has this version for the host (`None`: nothing governs it); how long that took from `since` on.
    pub(crate) async fn until(
        &self,
        proxy: &Proxy,
        host: &str,
        version: Option<u64>,
        since: Instant,
    ) -> Result<Duration> {
        let what = format!("{host} at version {version:?} on every worker");
        let reached = eventually(&what, LIMIT, async || {
            ensure!(self.asking.iter().all(|asking| !asking.is_finished()), "a request failed");
            let seen = lock(&self.seen);
            let there = seen.now.iter().filter(|((_, name), now)| *name == host && **now == version);
            Ok((there.count() == self.workers).then_some(()))
        });
        reached.await.with_context(|| proxy.said())?;
        Ok(since.elapsed())
    }

    /// Waits until every worker was asked once more for every host after this moment.
    pub(crate) async fn once_more(&self) -> Result<()> {
        let before = lock(&self.seen).asked.len();
        let rounds = 4 * lock(&self.seen).now.len();
        let what = "every worker to be asked again";
        eventually(what, LIMIT, async || Ok((lock(&self.seen).asked.len() >= before + rounds).then_some(())))
            .await
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        lock(&self.seen).asked.clone()
    }

    /// Ends: no version went back, and of no host but `deleted` ones it was gone.
    pub(crate) async fn finish(mut self, deleted: &[&str]) -> Result<()> {
        self.ends.store(true, Ordering::Relaxed);
        for asking in std::mem::take(&mut self.asking) {
            asking.await??;
        }
        let seen = lock(&self.seen);
        ensure!(seen.back.is_empty(), "versions went back: {:?}", seen.back);
        let lost: Vec<_> = seen.lost.iter().filter(|host| !deleted.contains(*host)).collect();
        ensure!(lost.is_empty(), "nothing was in force any more of {lost:?}");
        Ok(())
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.asking.iter().for_each(JoinHandle::abort);
    }
}

/// Says how long after the end of a fault everything was as it should be.
pub(crate) fn report(what: &str, took: Duration) {
    println!("{what:<72} {:>7.0} ms", took.as_secs_f64() * 1e3);
}

async fn ask(
    worker: usize,
    mut client: Client,
    hosts: &'static [&'static str],
    seen: Arc<Mutex<Seen>>,
    ends: Arc<AtomicBool>,
) -> Result<()> {
    while !ends.load(Ordering::Relaxed) {
        for host in hosts {
            let request = Request::get("/").host(host).header("x-gray-id", "u-1");
            let sent = Instant::now();
            let response = client.send(&request).await?;
            let asked = Asked { sent, took: sent.elapsed() };
            lock(&seen).note(worker, host, version(&response.echo()?)?, asked);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// The version that a lane names.
fn version(echo: &graylane_testbed::Echo) -> Result<Option<u64>> {
    let Some(lane) = echo.header("x-gray-lane") else { return Ok(None) };
    let lane = String::from_utf8(lane)?;
    match lane.strip_prefix('v').map(str::parse) {
        Some(Ok(version)) => Ok(Some(version)),
        _ => bail!("the lane {lane:?} names no version"),
    }
}

impl Seen {
    fn note(&mut self, worker: usize, host: &'static str, version: Option<u64>, asked: Asked) {
        self.asked.push(asked);
        let before = self.now.insert((worker, host), version).flatten();
        let highest = self.highest.entry((worker, host)).or_default();
        match version {
            Some(version) if version < *highest => {
                self.back.push(format!("{host} on worker {worker}: {version} after {highest}"));
            }
            Some(version) => *highest = version,
            None if before.is_some() => self.lost.push(host),
            None => {}
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
