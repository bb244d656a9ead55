//! The guard of a lane: when a proxy stops using it, by what it sees of it itself, and when it tries it again.
//!
//! ```text
//!           too much fails          the cooldown is over
//!  closed ─────────────────▶ open ───────────────────────▶ half-open
//!    ▲                         ▲                               │
//!    │                         └───── it still fails ──────────┤
//!    └──────────────── half of what is allowed ────────────────┘
//! ```
//!
//! What is seen is counted for the whole process, and so is which state a lane is in. Each worker keeps marks of the counts, so that
//! it knows what came since; whoever sees first that the state changes says so to all.

use arrayvec::ArrayVec;

use crate::arena::LaneId;
use crate::bucket::{Bucket, murmur3_x86_32};
#[cfg(feature = "tools")]
use crate::plan::Plan;
use crate::plan::Segment;
use crate::record::{Record, give, record, take};
use crate::series::named;

record! {
    /// What a release says of its guard, with all defaults. Shares are in parts of 10,000; 0 is none.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Guard {
        /// Every lane but the default lane, where it is none.
        pub(crate) lane: Option<LaneId>,
        pub(crate) errors: u32,
        pub(crate) slow: u32,
        /// What takes longer is slow, in milliseconds.
        pub(crate) slow_millis: u32,
        pub(crate) min_requests: u32,
        /// In seconds.
        pub(crate) window: u32,
        /// In seconds.
        pub(crate) cooldown: u32,
        pub(crate) probe: u32,
        /// As many failures of one gray id count within a window; 0 for all.
        pub(crate) of_one: u32,
    }
}

/// Shares are in parts of so many.
pub(crate) const PARTS: u32 = 10_000;

/// As often in a row a cooldown is doubled.
const DOUBLINGS: u32 = 3;

/// So many standard deviations above what is allowed chance does not explain, where all of a window is looked at.
const OF_WINDOW: f64 = 3.0;

/// The same where a part of it is: there are many parts, and in few requests chance is more than these deviations say.
const OF_PART: f64 = 6.0;

/// A probe that has shown neither after so many times the least requests begins anew.
const PATIENCE: u64 = 4;

/// How often a lane is looked at, in milliseconds.
const EVERY: u64 = 100;

/// Marks that are kept of a window.
const MARKS: usize = 32;

impl Guard {
    /// The guard of a lane, if it has one.
    pub fn of(segment: &Segment, lane: LaneId) -> Option<Guard> {
        let head = segment.head();
        let guard = segment.block().list(head.guard).next()?;
        (guard.lane.map_or(lane != head.base, |guarded| guarded == lane)).then_some(guard)
    }

    /// From how long on a request is slow, in microseconds.
    pub fn slow_micros(&self) -> Option<u64> {
        (self.slow > 0).then(|| u64::from(self.slow_millis) * 1000)
    }

    /// How long the window is, in seconds.
    pub fn window_seconds(&self) -> u32 {
        self.window
    }

    /// Whether the failures of one gray id are limited.
    pub fn limits_ids(&self) -> bool {
        self.of_one > 0
    }

    /// By which hash the failures of an id are kept apart. Requests without one are those of one id.
    pub fn hash_of(&self, id: Option<&[u8]>) -> u32 {
        if self.limits_ids() { murmur3_x86_32(&[id.unwrap_or_default()], 0) } else { 0 }
    }

    /// How many failures it takes at least, of which so many parts of 10,000 are too much: those that chance does not explain of the least
    /// requests that are evidence.
    pub(crate) fn needed(&self, share: u32) -> u64 {
        beyond_chance(share, self.min_requests.into(), OF_WINDOW)
    }

    fn window_millis(&self) -> u64 {
        u64::from(self.window) * 1000
    }

    /// Whether one of the shares satisfies this, which is handed the share that is too much, and the number that is held against it.
    fn any(&self, counts: Counts, is_so: impl Fn(u32, u64) -> bool) -> bool {
        let kinds = [(self.errors, counts.errors), (self.slow, counts.slow)];
        kinds.into_iter().any(|(share, count)| share > 0 && is_so(share, count))
    }

    /// Whether so much of this fails that chance does not explain it, where `deviations` are what it explains.
    fn is_too_much(&self, counts: Counts, deviations: f64) -> bool {
        self.any(counts, |share, count| {
            count >= self.needed(share).max(beyond_chance(share, counts.requests, deviations))
        })
    }

    /// Whether so little of this fails that the lane is well: half of what is too much, at most.
    fn is_well(&self, counts: Counts) -> bool {
        !self.any(counts, |share, count| 2 * count * u64::from(PARTS) > counts.requests * u64::from(share))
    }
}

/// How many of so many requests chance does not explain where a share is allowed: so many standard deviations above it, or all of them.
///
/// Source: the score test of a proportion, which Wilson's interval is made of.
fn beyond_chance(share: u32, requests: u64, deviations: f64) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are below 2^52")]
    let (n, p) = (requests as f64, f64::from(share) / f64::from(PARTS));
    let explained = n * p + deviations * (n * p * (1.0 - p)).sqrt();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of requests")]
    let beyond = explained.ceil() as u64;
    beyond.min(requests)
}

/// The lanes of a plan that have a guard: the position of the release, the lane, and `{release}/{lane}`.
#[cfg(feature = "tools")]
pub fn guarded(plan: &Plan) -> impl Iterator<Item = (u32, LaneId, String)> {
    let of_release = |(position, segment): (u32, &'_ Segment)| {
        let guarded = segment.lanes().filter(|(id, _)| Guard::of(segment, *id).is_some());
        let named = guarded.map(|(id, _)| {
            let name = [segment.name(), segment.lane_name(id)].join(&b'/');
            (position, id, String::from_utf8_lossy(&name).into_owned())
        });
        named.collect::<Vec<_>>()
    };
    (0..).zip(&plan.segments).flat_map(of_release)
}

/// What has been seen of a lane since the process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Attempts at it.
    pub requests: u64,
    /// Those that failed.
    pub errors: u64,
    /// Those that took too long.
    pub slow: u64,
}

impl Counts {
    /// What came after `before`.
    fn since(self, before: Counts) -> Counts {
        Counts {
            requests: self.requests.saturating_sub(before.requests),
            errors: self.errors.saturating_sub(before.errors),
            slow: self.slow.saturating_sub(before.slow),
        }
    }
}

/// What a guard is made of in the host: counters and gauges of the whole process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// [`Counts::requests`]
    Requests,
    /// [`Counts::errors`]
    Errors,
    /// [`Counts::slow`]
    Slow,
    /// How often it has tripped since the process began.
    AllTrips,
    /// [`State::trips`], a gauge.
    Trips,
    /// [`State::retry_at`], a gauge.
    RetryAt,
}

impl Series {
    /// Whether it is a gauge.
    pub fn is_gauge(self) -> bool {
        matches!(self, Series::Trips | Series::RetryAt)
    }

    /// Under which name the host has it, as those of [`series`](crate::series).
    pub fn name(self, release: &[u8], lane: &[u8]) -> String {
        let name = match self {
            Series::Requests => "graylane_guard_requests_total",
            Series::Errors => "graylane_guard_failures_total",
            Series::Slow => "graylane_guard_slow_total",
            Series::AllTrips => "graylane_guard_trips_total",
            Series::Trips => "graylane_guard_tripped",
            Series::RetryAt => "graylane_guard_retry_milliseconds",
        };
        named(release, lane, name)
    }
}

/// Which state a lane is in, for all workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State {
    /// How often in a row it has tripped; 0 while it is used.
    pub trips: u32,
    /// When it is tried again, in milliseconds since 1970; while it is used, when it last was.
    pub retry_at: u64,
}

impl State {
    fn is_half_open(self, now: u64) -> bool {
        self.trips > 0 && now >= self.retry_at
    }
}

/// What a look at a lane has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The state from now on.
    pub state: State,
    /// By what was seen; `None` where only the time was wrong at which it is tried again.
    pub seen: Option<Counts>,
}

/// What one worker remembers of a guarded lane. Times are milliseconds since 1970.
#[derive(Debug, Default)]
pub struct Sentry {
    /// When it was looked at.
    looked_at: u64,
    /// The state that was found then.
    state: State,
    /// What had been seen at some moments of the last window, the oldest first.
    marks: ArrayVec<(u64, Counts), MARKS>,
    /// What had been seen when the probe began, which belongs to this time of retry.
    probe: Option<(u64, Counts)>,
    /// How often it had tripped in a row when it was used again, and when.
    calmed: (u32, u64),
}

impl Sentry {
    /// Whether it is time to look. A clock that was set back must not close anybody's eyes.
    pub fn is_due(&self, now: u64) -> bool {
        now.abs_diff(self.looked_at) >= EVERY
    }

    /// Looks at what has been `seen` by now. What it has found is to be told to all.
    pub fn look(&mut self, guard: &Guard, now: u64, seen: Counts, state: State) -> Option<Change> {
        self.looked_at = now;
        if self.state.trips > 0 && state.trips == 0 {
            self.calmed = (self.state.trips, now);
            self.marks.clear();
        }
        self.state = state;
        // The clock was set back, or the policy has a shorter cooldown now.
        let latest = now.saturating_add(cooldown(guard, state.trips));
        if state.trips > 0 && state.retry_at > latest {
            self.state.retry_at = latest;
            return Some(Change { state: self.state, seen: None });
        }
        let change = if state.trips == 0 {
            self.closed(guard, now, seen)
        } else if state.is_half_open(now) {
            self.half_open(guard, now, seen)
        } else {
            None
        };
        if let Some(change) = change {
            if change.state.trips == 0 {
                self.calmed = (self.state.trips, now);
            }
            self.state = change.state;
            self.marks.clear();
        }
        change
    }

    fn closed(&mut self, guard: &Guard, now: u64, seen: Counts) -> Option<Change> {
        let window = guard.window_millis();
        // What was seen before it was last tried again is of no account, though this worker may have slept since.
        let tried_at = if self.state.retry_at <= now { self.state.retry_at } else { 0 };
        let since = now.saturating_sub(window).max(tried_at);
        self.marks.retain(|(at, _)| (since..=now).contains(at));
        let found = self.marks.iter().enumerate().find_map(|(index, (at, before))| {
            let new = seen.since(*before);
            let is_most = index == 0 && now - at >= window / 2;
            let deviations = if is_most { OF_WINDOW } else { OF_PART };
            let is_enough = new.requests >= guard.min_requests.into();
            (is_enough && guard.is_too_much(new, deviations)).then_some(new)
        });
        if let Some(seen) = found {
            let (trips, at) = self.calmed;
            let again = now.saturating_sub(at) < cooldown(guard, trips) + window;
            return Some(tripped(guard, now, if again { trips } else { 0 }, seen));
        }
        self.mark(now, seen);
        None
    }

    /// Keeps a mark. Where there are too many, the one goes that stands closest to its neighbours for its age: so the last second has
    /// as many as all of a long window.
    fn mark(&mut self, now: u64, seen: Counts) {
        if self.marks.is_full() {
            let gap = |trio: &[(u64, Counts)]| match trio {
                [(before, _), (at, _), (after, _)] => (after - before) * 1000 / (now - at).max(1),
                _ => u64::MAX,
            };
            let gaps = self.marks.windows(3).map(gap).enumerate();
            let closest = gaps.min_by_key(|(_, gap)| *gap).map_or(0, |(at, _)| at + 1);
            self.marks.pop_at(closest);
        }
        let _ = self.marks.try_push((now, seen));
    }

    fn half_open(&mut self, guard: &Guard, now: u64, seen: Counts) -> Option<Change> {
        let State { trips, retry_at } = self.state;
        let Some((_, before)) = self.probe.filter(|(of, _)| *of == retry_at) else {
            self.probe = Some((retry_at, seen));
            return None;
        };
        let new = seen.since(before);
        let enough = u64::from(guard.min_requests);
        let deviations = if new.requests >= enough { OF_WINDOW } else { OF_PART };
        if guard.is_too_much(new, deviations) {
            return Some(tripped(guard, now, trips, new));
        }
        if new.requests >= enough && guard.is_well(new) {
            return Some(Change { state: State { trips: 0, retry_at }, seen: Some(new) });
        }
        if new.requests >= PATIENCE.saturating_mul(enough) {
            self.probe = Some((retry_at, seen));
        }
        None
    }

    /// Whether the lane had tripped when it was looked at.
    pub fn is_tripped(&self) -> bool {
        self.state.trips > 0
    }

    /// Whether whoever has this lot must take another lane.
    pub fn turns_away(&self, guard: &Guard, now: u64, lot: Bucket) -> bool {
        let State { trips, retry_at } = self.state;
        if trips == 0 {
            return false;
        }
        let Some(since) = now.checked_sub(retry_at) else { return true };
        let windows = u32::try_from(since / guard.window_millis().max(1)).unwrap_or(u32::MAX);
        let tries = u64::from(guard.probe) << windows.min(u32::BITS - 1);
        u64::from(lot.get()) >= tries
    }
}

/// How long nobody has a lane that has tripped so often in a row, in milliseconds.
fn cooldown(guard: &Guard, trips: u32) -> u64 {
    (u64::from(guard.cooldown) * 1000) << trips.saturating_sub(1).min(DOUBLINGS)
}

/// It trips, once more.
fn tripped(guard: &Guard, now: u64, before: u32, seen: Counts) -> Change {
    let trips = before.saturating_add(1);
    Change { state: State { trips, retry_at: now.saturating_add(cooldown(guard, trips)) }, seen: Some(seen) }
}

/// The lot by which it is decided who tries a lane; whoever has no id has a new one each time.
pub fn lot(release: &[u8], id: Option<&[u8]>, now_micros: u64) -> Bucket {
    match id {
        Some(id) => Bucket::of(&[b"guard:", release].concat(), id),
        None => Bucket::of(b"guard", &now_micros.to_le_bytes()),
    }
}

record! {
    /// How many failures of one gray id have counted.
    #[derive(Debug, Clone, Copy)]
    struct Failed {
        id: u32,
        count: u32,
        /// When the last one did, in seconds since 1970.
        at: u64,
    }
}

/// So many ids that fail are kept apart: where there are more, those are forgotten that failed least.
const FAILING: usize = 256;

/// How many of the failures of a request of `id` at a time, in milliseconds since 1970, count as evidence, where some do; and what is to be
/// kept in the place of `kept`. A request that was tried again has failed more than once.
///
/// Within any window as many count as the guard says: an id begins anew once none of its failures has counted for a window. While a lane
/// is tried again, which may take many windows, as many count in all.
pub fn evidence(
    guard: &Guard,
    state: State,
    kept: &[u8],
    id: u32,
    failures: u32,
    now: u64,
) -> Option<(u32, Vec<u8>)> {
    let probe_began = state.is_half_open(now).then_some(state.retry_at / 1000);
    let now = now / 1000;
    let is_over = |failed: &Failed| {
        now.abs_diff(failed.at) > guard.window.into() && probe_began.is_none_or(|began| failed.at < began)
    };
    let mut rest = kept;
    let all = std::iter::from_fn(|| (rest.len() >= Failed::SIZE).then(|| take::<Failed>(&mut rest)));
    let mut failing: Vec<Failed> = all.filter(|failed| !is_over(failed)).take(FAILING).collect();
    let known = failing.iter().position(|failed| failed.id == id).map(|place| failing.swap_remove(place));
    let before = known.map_or(0, |failed| failed.count);
    let counted = failures.min(guard.of_one.saturating_sub(before));
    if counted == 0 {
        return None;
    }
    if failing.len() >= FAILING {
        let least = failing.iter().enumerate().min_by_key(|(_, failed)| (failed.count, failed.at));
        failing.swap_remove(least.map_or(0, |(place, _)| place));
    }
    failing.push(Failed { id, count: before.saturating_add(counted), at: now });
    let mut bytes = vec![0; failing.len() * Failed::SIZE];
    let mut rest = bytes.as_mut_slice();
    for failed in failing {
        rest = give(failed, rest);
    }
    Some((counted, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the policy language has it by default, with 5 % of errors.
    const GUARD: Guard = Guard {
        lane: None,
        errors: 500,
        slow: 0,
        slow_millis: 1,
        min_requests: 50,
        window: 10,
        cooldown: 60,
        probe: 500,
        of_one: 0,
    };

    /// A proxy: workers that share counters and state, and users who come one after the other.
    struct Proxy {
        guard: Guard,
        workers: Vec<Sentry>,
        counts: Counts,
        state: State,
        now: u64,
        /// What chance is made of.
        drawn: u64,
        seed: u32,
        /// When it tripped, and when the lane was used again.
        tripped: Vec<u64>,
        closed: Vec<u64>,
        /// Requests that the lane served.
        served: u64,
    }

    impl Proxy {
        fn new(guard: Guard, workers: usize, seed: u32) -> Self {
            Proxy {
                guard,
                workers: std::iter::repeat_with(Sentry::default).take(workers).collect(),
                counts: Counts::default(),
                state: State::default(),
                now: 1_800_000_000_000,
                drawn: 0,
                seed,
                tripped: Vec::new(),
                closed: Vec::new(),
                served: 0,
            }
        }

        fn draw(&mut self) -> u32 {
            self.drawn += 1;
            murmur3_x86_32(&[&self.drawn.to_le_bytes()], self.seed)
        }

        /// So many milliseconds of requests, one each `every`, of which this share fails.
        fn run(&mut self, millis: u64, every: u64, fails: f64) -> &mut Self {
            for _ in 0..millis / every {
                self.now += every;
                let (user, worker) = (self.draw(), self.draw() as usize % self.workers.len());
                let sentry = &mut self.workers[worker];
                if sentry.is_due(self.now)
                    && let Some(change) = sentry.look(&self.guard, self.now, self.counts, self.state)
                {
                    assert!(change.seen.is_some(), "the clock is right");
                    let times = if change.state.trips > 0 { &mut self.tripped } else { &mut self.closed };
                    times.push(self.now);
                    self.state = change.state;
                }
                let lot = lot(b"shop", Some(&user.to_le_bytes()), 0);
                if sentry.turns_away(&self.guard, self.now, lot) {
                    continue;
                }
                self.served += 1;
                self.counts.requests += 1;
                self.counts.errors += u64::from(f64::from(self.draw()) < fails * f64::from(u32::MAX));
            }
            self
        }
    }

    #[test]
    fn a_lane_that_fails_trips_within_a_second_at_a_hundred_requests_a_second() {
        // (how long the window is, what is too much, how much fails)
        for (window, errors, fails) in
            [(10, 500, 1.0), (10, 500, 0.5), (60, 500, 1.0), (10, 5_000, 1.0), (60, 5_000, 1.0)]
        {
            for seed in 0..50 {
                let mut proxy = Proxy::new(Guard { errors, window, ..GUARD }, 2, seed);
                let began = proxy.run(120_000, 10, 0.0).now;
                let tripped = proxy.run(2_000, 10, fails).tripped.clone();
                let took = tripped.first().map(|at| at - began);
                assert!(took.is_some_and(|took| took <= 1_000), "{window} s, {errors}, {fails}: {took:?} ms");
                assert_eq!(tripped.len(), 1, "once for all workers");
            }
        }
    }

    #[test]
    fn chance_does_not_trip_a_lane_whether_it_has_many_requests_or_few() {
        // In ten hours, with a request each so many milliseconds of which this share fails, where 5 % are too many.
        let trips = |every, fails| -> usize {
            let hour = |seed| Proxy::new(GUARD, 2, seed).run(3_600_000, every, fails).tripped.len();
            (0..10).map(hour).sum()
        };
        for (every, fails) in [(5, 0.04), (10, 0.03), (50, 0.02), (150, 0.02)] {
            assert_eq!(trips(every, fails), 0, "{every} ms, {fails}");
        }
        for every in [5, 10, 50, 150] {
            assert!(trips(every, 0.06) > 70, "{every} ms: a cooldown is 8 minutes in the end");
        }
    }

    #[test]
    fn a_noisy_lane_trips_and_stays_away() {
        for errors in [500, 2_000, 4_000] {
            for seed in 0..20 {
                let mut proxy = Proxy::new(Guard { errors, ..GUARD }, 2, seed);
                proxy.run(3_600_000, 10, 0.5);
                assert!(
                    !proxy.tripped.is_empty(),
                    "half of the requests fail where {errors} of 10,000 are too many"
                );
                assert!(proxy.closed.is_empty(), "{errors}: it is used again");
                // 1, 2, 4, then each 8 minutes.
                assert!(proxy.tripped.len() <= 11, "{errors}: {} probes in an hour", proxy.tripped.len());
                assert!(proxy.served < 36_000 / 5, "{errors}: {} of 360,000", proxy.served);
            }
        }
    }

    #[test]
    fn everything_is_too_much_whatever_may_fail() {
        for errors in [9_000, 9_900, 10_000] {
            let mut proxy = Proxy::new(Guard { errors, ..GUARD }, 2, 1);
            proxy.run(60_000, 10, 0.0).run(11_000, 10, 1.0);
            assert_eq!(proxy.tripped.len(), 1, "{errors}");
        }
    }

    #[test]
    fn a_lane_that_is_well_again_is_used_again_after_few_have_tried_it() {
        for seed in 0..20 {
            let mut proxy = Proxy::new(GUARD, 2, seed);
            proxy.run(20_000, 10, 0.0).run(1_000, 10, 1.0);
            let tripped = proxy.tripped[0];
            let served = proxy.served;
            proxy.run(59_000, 10, 0.0);
            assert_eq!(proxy.served, served, "nobody has it before the cooldown is over");
            proxy.run(60_000, 10, 0.0);
            let closed = proxy.closed.first().map(|at| at - tripped);
            assert!(closed.is_some_and(|after| (60_000..90_000).contains(&after)), "{closed:?}");
            assert_eq!((proxy.tripped.len(), proxy.closed.len()), (1, 1));
        }
    }

    #[test]
    fn a_lane_with_few_users_is_tried_by_all_of_them_in_the_end() {
        let mut proxy = Proxy::new(GUARD, 2, 1);
        proxy.run(20_000, 10, 0.0).run(1_000, 10, 1.0);
        // One request a second: 5 % of them would take a quarter of an hour.
        proxy.run(240_000, 1_000, 0.0);
        assert_eq!(proxy.closed.len(), 1, "{:?}", proxy.state);
    }

    #[test]
    fn whoever_fails_again_right_after_it_was_well_is_away_for_longer() {
        let mut proxy = Proxy::new(GUARD, 1, 1);
        for round in 0..4 {
            proxy.run(1_000, 10, 1.0);
            assert_eq!(
                (proxy.tripped.len(), proxy.state.trips),
                (round + 1, u32::try_from(round).unwrap() + 1)
            );
            proxy.run(60_000 << round, 10, 0.0).run(40_000, 10, 0.0);
            assert_eq!(proxy.closed.len(), round + 1);
        }
        proxy.run(2_000_000, 10, 0.0).run(1_000, 10, 1.0);
        assert_eq!(proxy.state.trips, 1, "after long it begins anew");
    }

    #[test]
    fn too_many_slow_requests_trip_as_failures_do() {
        let guard = Guard { errors: 0, slow: 500, slow_millis: 300, ..GUARD };
        assert_eq!(guard.slow_micros(), Some(300_000));
        let mut sentry = Sentry::default();
        let seen = |requests, slow| Counts { requests, errors: requests, slow };
        let mut look = |now, requests, slow| sentry.look(&guard, now, seen(requests, slow), State::default());
        assert_eq!(look(1_000, 0, 0), None);
        assert_eq!(look(9_000, 100, 4), None, "errors are not asked for");
        assert_eq!(look(9_200, 150, 14), None, "chance may be that");
        let change = look(9_500, 200, 20).unwrap();
        assert_eq!((change.state, change.seen.unwrap().slow), (State { trips: 1, retry_at: 69_500 }, 20));
    }

    #[test]
    fn a_worker_that_has_slept_learns_from_the_others() {
        let mut sentry = Sentry::default();
        let open = State { trips: 2, retry_at: 70_000 };
        sentry.look(&GUARD, 60_000, Counts::default(), open);
        assert!(sentry.is_tripped() && sentry.turns_away(&GUARD, 69_999, Bucket::of_hash(0)));
        assert!(!sentry.turns_away(&GUARD, 70_000, Bucket::of_hash(0)), "half-open: the first lots try it");
        assert!(sentry.turns_away(&GUARD, 70_000, Bucket::of_hash(u32::MAX)));
        assert!(!sentry.turns_away(&GUARD, 70_000 + 5 * 10_000, Bucket::of_hash(u32::MAX)), "all in the end");
        sentry.look(&GUARD, 70_100, Counts::default(), State { trips: 0, retry_at: 70_000 });
        assert!(!sentry.is_tripped());
    }

    #[test]
    fn a_worker_that_has_slept_holds_nothing_against_a_lane_that_is_well_again() {
        let guard = Guard { window: 300, ..GUARD };
        let mut sentry = Sentry::default();
        sentry.look(&guard, 1_000_000, Counts::default(), State::default());
        // Meanwhile others saw it fail, tried it again a minute later, and found it well.
        let seen = Counts { requests: 1_000, errors: 500, slow: 0 };
        assert_eq!(sentry.look(&guard, 1_200_000, seen, State { trips: 0, retry_at: 1_061_000 }), None);
    }

    #[test]
    fn nobody_waits_for_longer_than_a_cooldown_whatever_becomes_of_the_clock() {
        const DAY: u64 = 86_400_000;
        let mut sentry = Sentry::default();
        let change = sentry.look(&GUARD, DAY, Counts::default(), State { trips: 2, retry_at: 2 * DAY });
        let state = State { trips: 2, retry_at: DAY + 120_000 };
        assert_eq!(change, Some(Change { state, seen: None }));
        assert_eq!(sentry.look(&GUARD, DAY + 100, Counts::default(), state), None, "once is enough");
        assert!(sentry.turns_away(&GUARD, DAY + 119_999, Bucket::of_hash(0)));
        assert!(!sentry.turns_away(&GUARD, DAY + 120_000, Bucket::of_hash(0)));
    }

    #[test]
    fn of_one_id_so_many_failures_count_within_any_window() {
        let guard = Guard { of_one: 2, ..GUARD };
        let mut kept = Vec::new();
        let mut counts =
            |id, seconds: u64| match evidence(&guard, State::default(), &kept, id, 1, seconds * 1000) {
                Some((_, new)) => {
                    kept = new;
                    true
                }
                None => false,
            };
        let loud: Vec<u64> = (0..60).filter(|second| counts(1, 1_000 + second)).collect();
        assert_eq!(loud, [0, 1, 12, 13, 24, 25, 36, 37, 48, 49], "two in any eleven seconds");
        assert!(counts(2, 1_001), "another id");
        for id in 0..10_000 {
            assert!(counts(1_000 + id, 2_000), "whoever fails beside many others");
        }
        assert_eq!(kept.len(), FAILING * Failed::SIZE);
    }

    #[test]
    fn of_one_id_so_many_failures_count_in_a_probe_of_many_windows() {
        let guard = Guard { of_one: 2, ..GUARD };
        let mut kept = Vec::new();
        let mut counts = |state, seconds: u64| {
            let found = evidence(&guard, state, &kept, 1, 1, seconds * 1000);
            kept = found.as_ref().map_or_else(|| kept.clone(), |(_, new)| new.clone());
            found.is_some()
        };
        let trips = |trips, retry_at: u64| State { trips, retry_at: retry_at * 1000 };
        assert!(counts(State::default(), 900) && counts(State::default(), 901));
        let probe: Vec<u64> = (1_000..1_060).filter(|now| counts(trips(1, 1_000), *now)).collect();
        assert_eq!(probe, [1_000, 1_001]);
        let next: Vec<u64> = (1_200..1_260).filter(|now| counts(trips(2, 1_200), *now)).collect();
        assert_eq!(next, [1_200, 1_201], "each probe is another one");
    }

    #[test]
    fn a_request_that_is_tried_again_counts_for_its_id_with_each_try() {
        let guard = Guard { of_one: 5, ..GUARD };
        let mut kept = Vec::new();
        let counted = [1, 2, 3].map(|second| {
            let (counted, new) = evidence(&guard, State::default(), &kept, 1, 3, second * 1000)?;
            kept = new;
            Some(counted)
        });
        assert_eq!(counted, [Some(3), Some(2), None]);
    }

    #[test]
    fn whoever_fails_again_and_again_is_not_lost_among_many() {
        let guard = Guard { of_one: 3, window: 3_600, ..GUARD };
        let (mut kept, mut loud) = (Vec::new(), 0);
        for second in 0..3_000 {
            // Somebody else each time, and after many of them one who fails always.
            for id in [1 + second, 0].into_iter().take(if second < 300 { 1 } else { 2 }) {
                if let Some((counted, new)) =
                    evidence(&guard, State::default(), &kept, id, 1, u64::from(second) * 1000)
                {
                    kept = new;
                    loud += if id == 0 { counted } else { 0 };
                }
            }
        }
        assert_eq!(loud, 3);
        assert_eq!(kept.len(), FAILING * Failed::SIZE);
    }

    #[test]
    fn any_bytes_are_evidence_kept_by_somebody() {
        let guard = Guard { of_one: 1, ..GUARD };
        for len in 0..100 {
            assert!(evidence(&guard, State::default(), &vec![0xff; len], 7, 1, 1_000).is_some());
        }
    }
}
