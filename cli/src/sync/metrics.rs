//! What is known of a bridge that runs: for probes and for Prometheus.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::source::Contact;

/// A pass that takes longer hangs.
const HANGS: Duration = Duration::from_mins(2);
/// From 1 ms to 65 s, each twice the one before.
const BUCKETS: u16 = 17;

/// What is known of a bridge.
#[derive(Debug)]
pub struct Status {
    contact: Contact,
    registry: Registry,
    now: Mutex<Now>,
    source_up: Gauge,
    target_up: Gauge,
    entries: Gauge,
    refused: Gauge,
    refusals: Counter,
    applied: Counter,
    source_failures: Counter,
    failures: Counter,
    applied_at: Gauge<f64, AtomicU64>,
    contact_at: Gauge<f64, AtomicU64>,
    lag: Histogram,
    pub(super) webhook_failures: Counter,
}

/// What is so right now.
#[derive(Debug)]
struct Now {
    passing: Option<Instant>,
    /// Why what the source says is not live as far as it is good; none where it is.
    trouble: Option<String>,
}

/// A pass that is under way, for as long as this value lives.
#[derive(Debug)]
pub(super) struct Passing<'s>(&'s Status);

/// A registry that metrics are added to as they are made.
struct Own<'r>(&'r mut Registry);

impl Own<'_> {
    fn add<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.0.register(name, help, metric.clone());
        metric
    }

    fn add_seconds<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register_with_unit(name, help, Unit::Seconds, metric.clone());
        metric
    }
}

impl Status {
    /// Of a bridge that has done nothing yet.
    pub fn new(contact: Contact) -> Self {
        let mut registry = Registry::with_prefix("graylane_sync");
        let mut own = Own(&mut registry);
        Status {
            contact,
            now: Mutex::new(Now { passing: None, trouble: Some("nothing was read yet".to_owned()) }),
            source_up: own.add("source_up", "1 while the source is heard"),
            target_up: own.add("target_up", "1 while what is to be written can be"),
            entries: own.add("entries", "Files or nodes that the source has"),
            refused: own.add("refused", "Files or nodes that count for nothing as they are"),
            refusals: own.add("refusals", "Files or nodes that were refused"),
            applied: own.add("applied_documents", "Documents written"),
            source_failures: own.add("source_failures", "Times that the source could not be read"),
            failures: own.add("target_failures", "Passes that failed at the target"),
            webhook_failures: own.add("webhook_failures", "Messages that nobody took"),
            applied_at: own.add_seconds(
                "applied_timestamp",
                "When a document was written last, since 1970",
                Gauge::default(),
            ),
            contact_at: own.add_seconds(
                "contact_timestamp",
                "When the source was heard last, since 1970",
                Gauge::default(),
            ),
            lag: own.add_seconds(
                "lag",
                "From when the source told of a change until it was written",
                Histogram::new((0..BUCKETS).map(|power| 0.001 * f64::from(1_u32 << power))),
            ),
            registry,
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn passing(&self) -> Passing<'_> {
        self.now().passing = Some(Instant::now());
        Passing(self)
    }

    pub(super) fn applied(&self, documents: usize, lag: Duration) {
        self.applied.inc_by(documents as u64);
        self.applied_at.set(since_1970());
        self.lag.observe(lag.as_secs_f64());
    }

    pub(super) fn passed(&self, entries: usize, refused: usize) {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.entries.set(count(entries));
        self.refused.set(count(refused));
        self.target_up.set(1);
        self.now().trouble = None;
    }

    pub(super) fn refused(&self) {
        self.refusals.inc();
    }

    pub(super) fn source_failed(&self, why: &str) {
        self.source_failures.inc();
        self.now().trouble = Some(why.to_owned());
    }

    pub(super) fn failed(&self, why: &str) {
        self.failures.inc();
        self.target_up.set(0);
        self.now().trouble = Some(why.to_owned());
    }

    /// Whether it is alive: an error says why it is to be started anew.
    pub(super) fn alive(&self) -> Result<(), String> {
        let hangs = self.now().passing.is_some_and(|began| began.elapsed() > HANGS);
        if hangs { Err(format!("a pass takes longer than {HANGS:?}")) } else { Ok(()) }
    }

    /// Whether what the source says is live as far as it is good, and a change would be noticed; else why not.
    pub(super) fn ready(&self) -> Result<(), String> {
        match &self.now().trouble {
            Some(trouble) => Err(trouble.clone()),
            None if !self.contact.get() => Err("the source is not heard".to_owned()),
            None => Ok(()),
        }
    }

    /// The metrics, in the text format of `OpenMetrics`.
    pub(super) fn metrics(&self) -> String {
        self.source_up.set(i64::from(self.contact.get()));
        if self.contact.get() {
            self.contact_at.set(since_1970());
        }
        let mut out = String::new();
        // Writing to text cannot fail.
        let _ = encode(&mut out, &self.registry);
        out
    }
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        self.0.now().passing = None;
    }
}

fn since_1970() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
