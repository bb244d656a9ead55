//! The guard of a lane in this proxy: what the engine's guard sees and does, by counters and gauges that all workers share.

use std::cell::{Cell, RefCell};

use graylane::guard::{self, Change, Counts, Guard, Sentry, Series, State};
use graylane::series::{Class, Outcome};
use graylane_host::{self as host, Level, Metric};

/// A guarded lane.
#[derive(Debug)]
pub(crate) struct Guarded {
    requests: Metric,
    errors: Metric,
    slow: Metric,
    all_trips: Metric,
    trips: Metric,
    retry_at: Metric,
    /// `{release}/{lane}`, for the log and for what is shared.
    name: String,
    sentry: RefCell<Sentry>,
}

/// Under which key all workers share who has failed at a lane.
fn failing(name: &str) -> String {
    format!("graylane.failing.{name}")
}

/// What is needed of a guard when a request has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    guard: Guard,
    /// A hash of the gray id; 0 where it is all the same.
    id: u32,
}

impl Sample {
    pub(crate) fn new(guard: Guard, id: Option<&[u8]>) -> Self {
        Sample { guard, id: guard.hash_of(id) }
    }
}

impl Guarded {
    /// Names what it is made of; `None` where the host does not take the names.
    pub(crate) fn define(release: &[u8], lane: &[u8]) -> Option<Self> {
        let define = |series: Series| {
            let define = if series.is_gauge() { host::gauge } else { host::counter };
            define(&series.name(release, lane))
        };
        let name = format!("{}/{}", String::from_utf8_lossy(release), String::from_utf8_lossy(lane));
        // It is there before anything fails: of two workers that put the first thing there at once, one undoes the other.
        host::change_shared(&failing(&name), |_| None);
        Some(Guarded {
            requests: define(Series::Requests)?,
            errors: define(Series::Errors)?,
            slow: define(Series::Slow)?,
            all_trips: define(Series::AllTrips)?,
            trips: define(Series::Trips)?,
            retry_at: define(Series::RetryAt)?,
            name,
            sentry: RefCell::default(),
        })
    }

    /// Whether whoever has this id must take another lane.
    pub(crate) fn turns_away(&self, guard: &Guard, release: &[u8], id: Option<&[u8]>) -> bool {
        let Ok(mut sentry) = self.sentry.try_borrow_mut() else { return false };
        let micros = host::now_micros();
        let now = micros / 1000;
        if sentry.is_due(now) {
            let change = sentry.look(guard, now, self.counts(), self.state());
            if let Some(change) = change {
                self.tell(guard, now, change);
            }
        }
        sentry.is_tripped() && sentry.turns_away(guard, now, guard::lot(release, id, micros))
    }

    fn counts(&self) -> Counts {
        Counts { requests: self.requests.get(), errors: self.errors.get(), slow: self.slow.get() }
    }

    fn state(&self) -> State {
        let trips = u32::try_from(self.trips.get()).unwrap_or(u32::MAX);
        // The gauge that says that it has tripped is set last.
        State { trips, retry_at: self.retry_at.get() }
    }

    /// Has all workers know.
    fn tell(&self, guard: &Guard, now: u64, Change { state, seen }: Change) {
        self.retry_at.set(state.retry_at);
        self.trips.set(state.trips.into());
        let Some(Counts { requests, errors, slow }) = seen else { return };
        let name = &self.name;
        let seen = format!("{errors} of {requests} attempts failed, {slow} were slow");
        if state.trips == 0 {
            return host::log(Level::Warn, &format!("graylane guard {name}: is used again: {seen}"));
        }
        self.all_trips.add(1);
        let (seconds, trips) = (state.retry_at.saturating_sub(now) / 1000, state.trips);
        let what =
            format!("tripped for {seconds} s, {trips} in a row: {seen} in {} s", guard.window_seconds());
        host::log(Level::Warn, &format!("graylane guard {name}: {what}"));
    }

    /// Counts a request that has ended.
    pub(crate) fn count(&self, Sample { guard, id }: Sample, outcome: Outcome, micros: u64) {
        let (attempts, errors) = outcome.attempts();
        let is_slow = attempts > 0
            && outcome.class() != Class::Informational
            && guard.slow_micros().is_some_and(|slow| micros > slow);
        let failures = errors.max(is_slow.into());
        if failures == 0 && outcome.class() == Class::None {
            // Whoever left without an answer does not say that the lane is well.
            return;
        }
        let counted =
            if failures > 0 && guard.limits_ids() { self.evidence(&guard, id, failures) } else { failures };
        if counted == 0 && failures > 0 {
            return;
        }
        let passed_over = errors.saturating_sub(counted);
        self.requests.add(attempts.saturating_sub(passed_over).into());
        if errors > 0 {
            self.errors.add(errors.min(counted).into());
        }
        if is_slow {
            self.slow.add(1);
        }
    }

    /// How many of the failures of a request count.
    fn evidence(&self, guard: &Guard, id: u32, failures: u32) -> u32 {
        let (now, state, counted) = (host::now_micros() / 1000, self.state(), Cell::new(0));
        host::change_shared(&failing(&self.name), |kept| {
            let found = guard::evidence(guard, state, kept, id, failures, now);
            counted.set(found.as_ref().map_or(0, |(counted, _)| *counted));
            found.map(|(_, new)| new)
        });
        counted.get()
    }
}

/// Nobody guards the lane any more.
impl Drop for Guarded {
    fn drop(&mut self) {
        if self.trips.get() > 0 {
            self.trips.set(0);
        }
    }
}
