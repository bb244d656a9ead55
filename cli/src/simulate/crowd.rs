//! Sends all users of a population through the engine, on all cores, and counts where they go.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use graylane::arena::LaneId;
use graylane::decision::{Decision, Outside, Reason};

use super::population::{Looks, Population};
use super::question::Asked;

/// How many users a thread takes at a time.
const SHARE: u64 = 1024;
/// How often whoever waits is told how far it is.
const GLANCE: Duration = Duration::from_millis(100);

/// Where one user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// None where nothing governs the request, or what governs it is off.
    pub(super) lane: Option<LaneId>,
    pub(super) served: Option<LaneId>,
    pub(super) reason: Reason,
    pub(super) rule: Option<u16>,
    /// Why the user is no part of an experiment, which leaves the base lane.
    pub(super) outside: Option<Outside>,
    /// Whether the split said so: its groups all have slots, and the user is in none.
    is_hole: bool,
}

impl Place {
    const NOWHERE: Place =
        Place { lane: None, served: None, reason: Reason::Off, rule: None, outside: None, is_hole: false };

    fn of(decision: &Decision<'_>, release: u32) -> Self {
        let entry = decision.entries.iter().find(|entry| entry.release == release);
        entry.map_or(Place::NOWHERE, |entry| Place {
            lane: entry.assigned,
            served: entry.served,
            reason: entry.reason,
            rule: entry.rule,
            outside: entry.outside,
            is_hole: entry.outside.is_some() && entry.bucket.is_some(),
        })
    }

    fn is_split(&self) -> bool {
        self.reason == Reason::Split
    }

    /// Whether hashes say where the user is; rules and the audience place whom they want.
    fn is_dealt(&self) -> bool {
        let is_drawn = |outside| !matches!(outside, Outside::Audience | Outside::Anonymous);
        self.is_split() || self.outside.is_some_and(is_drawn)
    }

    fn stand(&self) -> Stand {
        match (self.outside, self.lane) {
            (Some(_), _) if self.is_hole => Stand::Hole,
            (Some(outside), _) => Stand::Outside(outside),
            (None, Some(lane)) => Stand::In(lane),
            (None, None) => Stand::Nowhere,
        }
    }
}

/// Where a user stands in a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Stand {
    In(LaneId),
    /// In no slot of the experiment.
    Hole,
    /// Left out by a gate of the experiment.
    Outside(Outside),
    /// Nothing governs the request, or what governs it is off.
    Nowhere,
}

/// A move from one lane to another, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Move {
    pub(super) from: Stand,
    pub(super) to: Stand,
    /// Whether hashes say on both sides where the user is: rules move whom they want.
    pub(super) is_dealt: bool,
}

/// Counts of one thing after another.
pub(super) type Counts<K> = HashMap<K, u64>;

/// What was counted.
#[derive(Debug)]
pub(super) struct Tally {
    /// Users that were counted.
    pub(super) users: u64,
    /// Users whose id cannot be one, or not where the policy looks for it.
    pub(super) unusable: u64,
    /// For each item, where its users are.
    pub(super) places: Vec<Counts<Place>>,
    /// For each item, from where to where they are moved; nothing without another policy.
    pub(super) moves: Vec<Counts<Move>>,
    /// For each pair of items, in which lanes of both the users are whom both split.
    pub(super) pairs: Vec<Counts<(LaneId, LaneId)>>,
}

impl Tally {
    fn new(items: usize, pairs: usize) -> Self {
        Tally {
            users: 0,
            unusable: 0,
            places: vec![Counts::new(); items],
            moves: vec![Counts::new(); items],
            pairs: vec![Counts::new(); pairs],
        }
    }

    fn add(&mut self, other: Tally) {
        self.users = self.users.saturating_add(other.users);
        self.unusable = self.unusable.saturating_add(other.unusable);
        merge(&mut self.places, other.places);
        merge(&mut self.moves, other.moves);
        merge(&mut self.pairs, other.pairs);
    }
}

fn merge<K: Hash + Eq>(into: &mut [Counts<K>], from: Vec<Counts<K>>) {
    for (into, from) in into.iter_mut().zip(from) {
        for (key, count) in from {
            count_of(into, key, count);
        }
    }
}

fn count_of<K: Hash + Eq>(counts: &mut Counts<K>, key: K, more: u64) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(more);
}

/// What is counted of whom.
#[derive(Debug)]
pub(super) struct Crowd<'s> {
    pub(super) population: &'s Population,
    pub(super) items: usize,
    pub(super) asked: Asked<'s>,
    /// The other policy, from which users move to the one that is asked.
    pub(super) before: Option<Asked<'s>>,
    pub(super) pairs: Vec<(usize, usize)>,
}

impl Crowd<'_> {
    /// Counts. `watch` is called now and then, with how many users are done.
    pub(super) fn count(&self, watch: &mut dyn FnMut(u64)) -> Tally {
        let shares = self.population.len().div_ceil(SHARE);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = usize::try_from(shares).unwrap_or(usize::MAX).min(cores);
        let mut total = Tally::new(self.items, self.pairs.len());
        let next = AtomicU64::new(0);
        thread::scope(|scope| {
            let (finished, wait) = channel();
            for _ in 0..threads {
                let (finished, next) = (finished.clone(), &next);
                scope.spawn(move || {
                    let tally = self.take_shares(shares, next);
                    // Nobody listens only where another thread has brought all of this down.
                    let _ = finished.send(tally);
                });
            }
            drop(finished);
            loop {
                match wait.recv_timeout(GLANCE) {
                    Ok(tally) => total.add(tally),
                    Err(RecvTimeoutError::Timeout) => {
                        let taken = next.load(Ordering::Relaxed).saturating_mul(SHARE);
                        watch(taken.min(self.population.len()));
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        });
        total
    }

    /// Counts shares of the population until none is left.
    fn take_shares(&self, shares: u64, next: &AtomicU64) -> Tally {
        let mut tally = Tally::new(self.items, self.pairs.len());
        let [mut now, mut before] = [vec![Place::NOWHERE; self.items], vec![Place::NOWHERE; self.items]];
        let mut made_up = String::new();
        let looks = self.looks();
        loop {
            let share = next.fetch_add(1, Ordering::Relaxed);
            if share >= shares {
                return tally;
            }
            let first = share.saturating_mul(SHARE);
            for user in first..first.saturating_add(SHARE).min(self.population.len()) {
                let id = self.population.id(user, looks, &mut made_up);
                let others = self.before.as_ref();
                let is_usable = place(&self.asked, id, &mut now)
                    && others.is_none_or(|asked| place(asked, id, &mut before));
                if is_usable {
                    self.tally(&now, &before, &mut tally);
                } else {
                    tally.unusable = tally.unusable.saturating_add(1);
                }
            }
        }
    }

    fn tally(&self, now: &[Place], before: &[Place], tally: &mut Tally) {
        tally.users = tally.users.saturating_add(1);
        for (place, counts) in now.iter().zip(&mut tally.places) {
            count_of(counts, *place, 1);
        }
        if self.before.is_some() {
            for ((now, before), counts) in now.iter().zip(before).zip(&mut tally.moves) {
                let is_dealt = now.is_dealt() && before.is_dealt();
                count_of(counts, Move { from: before.stand(), to: now.stand(), is_dealt }, 1);
            }
        }
        for ((one, other), counts) in self.pairs.iter().zip(&mut tally.pairs) {
            let split = |item: &usize| now.get(*item).filter(|place| place.is_split())?.lane;
            if let (Some(one), Some(other)) = (split(one), split(other)) {
                count_of(counts, (one, other), 1);
            }
        }
    }

    /// What made-up ids have to look like: where one of two policies asks for an address, the other gets it as text.
    fn looks(&self) -> Looks {
        let before = self.before.as_ref().map(Asked::looks);
        if before == Some(Looks::Address) { Looks::Address } else { self.asked.looks() }
    }
}

/// Finds out where a user is in each item; `false` where the id cannot be one.
fn place(asked: &Asked<'_>, id: &str, places: &mut [Place]) -> bool {
    for question in &asked.questions {
        let given = asked.given(&question.host, &question.path, id);
        let Some(decision) = asked.decide(&given, id) else { return false };
        for (item, release) in &question.items {
            if let Some(place) = places.get_mut(*item) {
                *place = Place::of(&decision, *release);
            }
        }
    }
    true
}
