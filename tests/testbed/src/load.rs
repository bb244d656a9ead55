//! Load: many connections, each response judged.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::client::Client;
use crate::message::{Request, Response};

/// How many complaints a tally keeps word for word; all are counted.
const KEPT: usize = 10;
/// How often progress is told at most.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// When a load ends.
#[derive(Clone, Copy, Debug)]
pub enum Until<'a> {
    /// After so many requests.
    Requests(u64),
    /// Once the flag is set; requests on their way are finished and judged.
    Stopped(&'a AtomicBool),
}

/// How far a load is, for those who show it.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Requests that ended, well or badly.
    pub done: u64,
    /// Of these, the ones without a response or with a wrong one.
    pub bad: u64,
    /// Time since the start.
    pub elapsed: Duration,
}

/// What came of a load.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Requests sent.
    pub sent: u64,
    /// Responses that were judged right.
    pub right: u64,
    /// Responses that were judged wrong.
    pub wrong: u64,
    /// Requests without a whole response.
    pub failed: u64,
    /// The first complaints, each with its request's number.
    pub complaints: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Tally {
    /// Whether every request got a response that was judged right.
    pub fn is_clean(&self) -> bool {
        self.right == self.sent
    }

    /// Requests per second.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
    pub fn rate(&self) -> f64 {
        self.sent as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, right, wrong, failed, .. } = self;
        write!(f, "{sent} requests in {:.1?}: {right} right, {wrong} wrong, {failed} failed", self.elapsed)?;
        for complaint in &self.complaints {
            write!(f, "\n  {complaint}")?;
        }
        Ok(())
    }
}

type Tell<'a> = Box<dyn Fn(Progress) + Send + Sync + 'a>;

/// A load to be run: so many keep-alive connections, each with one request on its way.
pub struct Load<'a> {
    target: SocketAddr,
    source: IpAddr,
    connections: usize,
    until: Until<'a>,
    tell: Option<Tell<'a>>,
}

impl<'a> Load<'a> {
    /// A load on `target` over `connections` connections.
    pub fn on(target: SocketAddr, connections: usize, until: Until<'a>) -> Self {
        Self { target, source: IpAddr::V4(Ipv4Addr::LOCALHOST), connections, until, tell: None }
    }

    /// Calls from this source address.
    #[must_use]
    pub fn from(mut self, source: IpAddr) -> Self {
        self.source = source;
        self
    }

    /// Tells now and then how far it is, and once at the end.
    #[must_use]
    pub fn progress(mut self, tell: impl Fn(Progress) + Send + Sync + 'a) -> Self {
        self.tell = Some(Box::new(tell));
        self
    }

    /// Runs it. `request` makes the request of each number (0, 1, 2 ...), `judge` says what is wrong with its response.
    pub async fn run(
        self,
        request: impl Fn(u64) -> Request + Sync,
        judge: impl Fn(u64, &Response) -> Result<(), String> + Sync,
    ) -> Tally {
        let run = Run::default();
        let start = Instant::now();
        join_all((0..self.connections.max(1)).map(async |_| {
            let mut client = Client::between(self.source, self.target);
            while let Some(number) = self.next(&run) {
                let outcome = client.send(&request(number)).await.map(|response| judge(number, &response));
                self.note(&run, start, number, outcome);
            }
        }))
        .await;
        let mut tally = run.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        tally.elapsed = start.elapsed();
        if let Some(tell) = &self.tell {
            tell(progress(&tally, tally.elapsed));
        }
        tally
    }

    fn next(&self, run: &Run) -> Option<u64> {
        let go_on = match self.until {
            Until::Requests(limit) => run.next.load(Ordering::Relaxed) < limit,
            Until::Stopped(flag) => !flag.load(Ordering::Relaxed),
        };
        // All connections are polled by one task: nothing comes between the look and the step.
        go_on.then(|| run.next.fetch_add(1, Ordering::Relaxed))
    }

    fn note(&self, run: &Run, start: Instant, number: u64, outcome: anyhow::Result<Result<(), String>>) {
        let mut tally = run.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.sent += 1;
        let complaint = match outcome {
            Ok(Ok(())) => {
                tally.right += 1;
                None
            }
            Ok(Err(complaint)) => {
                tally.wrong += 1;
                Some(complaint)
            }
            Err(error) => {
                tally.failed += 1;
                Some(format!("{error:#}"))
            }
        };
        if let Some(complaint) = complaint.filter(|_| tally.complaints.len() < KEPT) {
            tally.complaints.push(format!("request {number}: {complaint}"));
        }
        if let Some(tell) = &self.tell {
            let elapsed = start.elapsed();
            let mut told = run.told.lock().unwrap_or_else(PoisonError::into_inner);
            if elapsed.saturating_sub(*told) >= TELL_EVERY {
                *told = elapsed;
                tell(progress(&tally, elapsed));
            }
        }
    }
}

impl fmt::Debug for Load<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load")
            .field("target", &self.target)
            .field("connections", &self.connections)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

/// A load on its way.
#[derive(Default)]
struct Run {
    next: AtomicU64,
    tally: Mutex<Tally>,
    told: Mutex<Duration>,
}

fn progress(tally: &Tally, elapsed: Duration) -> Progress {
    Progress { done: tally.sent, bad: tally.wrong + tally.failed, elapsed }
}
