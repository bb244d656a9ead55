//! Who watches a switch under load: which policy made each answer, and was it in force then.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use graylane::headers;
use graylane::label::Label;
use graylane_testbed::{Request, Response, Result, Swap, eventually};

use crate::ask::Ask;
use crate::policy::Revision;
use crate::show::{HOST, USERS, user};

/// One request in so many asks for the preview.
const PREVIEW: u64 = 20;
/// How long answers may take to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// The key of the traffic label in which a policy writes its version.
const VERSION: &[u8] = b"policy";

/// Everything seen of a load on two lanes while policies change.
#[derive(Debug)]
pub(crate) struct Witness {
    lanes: [&'static str; 2],
    answers: [AtomicU64; 2],
    answered: AtomicU64,
    policies: Mutex<BTreeMap<u64, Arc<Revision>>>,
    swaps: Mutex<BTreeMap<u64, Swap>>,
    under_way: Mutex<HashMap<u64, Instant>>,
    previews: AtomicU64,
    seen: Mutex<Vec<Seen>>,
}

/// One answer that is as the engine says under the policy that made it.
#[derive(Debug)]
struct Seen {
    sent: Instant,
    done: Instant,
    version: u64,
    preview: bool,
}

impl Witness {
    /// A witness who has seen nothing yet.
    pub(crate) fn new(lanes: [&'static str; 2]) -> Self {
        Self {
            lanes,
            answers: Default::default(),
            answered: AtomicU64::new(0),
            policies: Mutex::default(),
            swaps: Mutex::default(),
            under_way: Mutex::default(),
            previews: AtomicU64::new(0),
            seen: Mutex::default(),
        }
    }

    /// Learns of a policy before it is published.
    pub(crate) fn prepare(&self, version: u64, revision: Revision) -> Arc<Revision> {
        let revision = Arc::new(revision);
        hold(&self.policies).insert(version, Arc::clone(&revision));
        revision
    }

    /// Learns when a policy was published.
    pub(crate) fn switched(&self, version: u64, swap: Swap) {
        hold(&self.swaps).insert(version, swap);
    }

    /// The request of a number; it is under way from now.
    pub(crate) fn send(&self, number: u64) -> Request {
        self.previews.fetch_add(u64::from(is_preview(number)), Ordering::Relaxed);
        hold(&self.under_way).insert(number, Instant::now());
        ask(number).request()
    }

    /// Holds an answer against the engine's, under the policy whose version the service found in the label.
    pub(crate) fn judge(&self, number: u64, response: &Response) -> Result<(), String> {
        let done = Instant::now();
        let sent = hold(&self.under_way).remove(&number).unwrap_or(done);
        self.answered.fetch_add(1, Ordering::Relaxed);
        for (lane, count) in self.lanes.iter().zip(&self.answers) {
            count.fetch_add(u64::from(response.served_by() == Some(lane)), Ordering::Relaxed);
        }
        let echo = response.echo().map_err(|error| format!("{error:#}"))?;
        let label = echo.header(headers::LABEL).unwrap_or_default();
        let version = version_of(&label).ok_or_else(|| {
            format!("no policy signed it, the label is {:?}", String::from_utf8_lossy(&label))
        })?;
        let policy = hold(&self.policies).get(&version).cloned();
        let policy = policy.ok_or_else(|| format!("signed by policy {version}, which there never was"))?;
        ask(number).expected(&policy.plan).hold(response)?;
        hold(&self.seen).push(Seen { sent, done, version, preview: is_preview(number) });
        Ok(())
    }

    /// Waits until so many further requests are answered, and so much time has passed.
    ///
    /// # Errors
    /// When the answers do not come.
    pub(crate) async fn flow(&self, time: Duration, answers: u64) -> Result<()> {
        let (start, before) = (Instant::now(), self.total());
        eventually("answers under load", PATIENCE, async || {
            Ok((start.elapsed() >= time && self.total() >= before + answers).then_some(()))
        })
        .await
    }

    /// Answers by lane.
    pub(crate) fn answers(&self) -> [u64; 2] {
        self.answers.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    fn total(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// From the rename of a policy's file to the last answer that an older policy made.
    pub(crate) fn last_before(&self, version: u64) -> Duration {
        let Some(renamed) = hold(&self.swaps).get(&version).map(|swap| swap.renamed) else {
            return Duration::ZERO;
        };
        let seen = hold(&self.seen);
        let last = seen.iter().filter(|seen| seen.version < version).map(|seen| seen.done).max();
        last.map_or(Duration::ZERO, |last| last.saturating_duration_since(renamed))
    }

    /// How many answers were made by a policy that can have been in force at that time: after its file was renamed,
    /// and before every worker ran the next one.
    pub(crate) fn explained(&self) -> u64 {
        let swaps = hold(&self.swaps);
        let in_force = |seen: &&Seen| {
            let begun = swaps.get(&seen.version).is_some_and(|swap| swap.renamed <= seen.done);
            let next = swaps.range((Bound::Excluded(seen.version), Bound::Unbounded)).next();
            begun && next.is_none_or(|(_, swap)| seen.sent <= swap.judged)
        };
        hold(&self.seen).iter().filter(in_force).count() as u64
    }

    /// How many requests asked for the preview, and how many of them were sent where the engine says.
    pub(crate) fn previews(&self) -> (u64, u64) {
        let seen = hold(&self.seen);
        (self.previews.load(Ordering::Relaxed), seen.iter().filter(|seen| seen.preview).count() as u64)
    }
}

/// What the request of a number asks.
fn ask(number: u64) -> Ask {
    let number_of_user = u32::try_from(number % u64::from(USERS)).unwrap_or_default();
    let ask = Ask::new(HOST, "/pay").by(&user(number_of_user));
    if is_preview(number) { ask.header("x-preview", "yes") } else { ask }
}

fn is_preview(number: u64) -> bool {
    number.is_multiple_of(PREVIEW)
}

fn version_of(label: &[u8]) -> Option<u64> {
    let label = Label::parse(label);
    std::str::from_utf8(label.get(VERSION)?).ok()?.parse().ok()
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use graylane_testbed::Verdict;

    use super::*;

    #[test]
    fn an_answer_is_explained_only_by_a_policy_that_can_have_been_in_force() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let witness = Witness::new(["blue", "green"]);
        for (version, renamed, judged) in [(1, 0, 5), (2, 10, 20)] {
            let swap = Swap { verdict: Verdict::Accepted, renamed: at(renamed), judged: at(judged) };
            witness.switched(version, swap);
        }
        let explained = |version, sent, done| {
            let seen = Seen { sent: at(sent), done: at(done), version, preview: false };
            *hold(&witness.seen) = vec![seen];
            witness.explained() == 1
        };
        assert!(explained(1, 1, 2), "while it was the only one");
        assert!(explained(1, 19, 22), "sent before every worker ran the next");
        assert!(!explained(1, 21, 22), "sent after every worker ran the next");
        assert!(explained(2, 9, 11), "answered once its file was there");
        assert!(!explained(2, 8, 9), "answered before its file was there");
        assert!(!explained(3, 30, 31), "never published");
    }

    #[test]
    fn the_last_answer_of_older_policies_is_timed_from_the_rename() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let witness = Witness::new(["blue", "green"]);
        witness.switched(2, Swap { verdict: Verdict::Accepted, renamed: at(10), judged: at(20) });
        for (version, done) in [(1, 4), (1, 17), (2, 15), (2, 40)] {
            hold(&witness.seen).push(Seen { sent: at(0), done: at(done), version, preview: false });
        }
        assert_eq!(witness.last_before(2), Duration::from_millis(7));
    }

    #[test]
    fn the_version_is_read_from_the_label() {
        assert_eq!(version_of(b"env=gray;policy=17"), Some(17));
        assert_eq!(version_of(b"default"), None);
    }
}
