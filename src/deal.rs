//! How users are dealt, as tools read it: what draws them, and which buckets go to which lane. So tools can say what a change
//! of a policy does to all users, without asking for any of them.

use crate::arena::LaneId;
pub use crate::gate::Outside;
use crate::hash::{Algorithm, Encoding, Reduction};
use crate::plan::{Plan, Segment};
use crate::split::{Hasher, Share, Slot};
use crate::time::Timestamp;

/// What draws users: a hash, and the text before and after the id. Draws that are equal put every id at the same point,
/// whatever the number of buckets; where one puts an id says nothing of where another does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw<'s> {
    algorithm: Algorithm,
    seed: u32,
    encoding: Encoding,
    before: &'s [u8],
    after: &'s [u8],
    /// How a hash becomes a bucket.
    pub reduction: Reduction,
}

/// A draw, and what becomes of its buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deal<'s> {
    /// What draws.
    pub draw: Draw<'s>,
    /// The number of buckets.
    pub buckets: u32,
    /// All buckets in their order, none of them empty.
    pub parts: Vec<Part>,
}

/// Buckets in a row that go to one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The first bucket.
    pub start: u32,
    /// The first bucket behind it.
    pub end: u32,
    /// The lane; `None` for no part of the experiment.
    pub lane: Option<LaneId>,
}

/// Buckets that a lane may fill, whether it does or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The lane.
    pub lane: LaneId,
    /// The first bucket.
    pub start: u32,
    /// The first bucket behind it.
    pub end: u32,
}

impl Segment {
    /// How the split deals users at a point in time; `None` where the release does not split.
    pub fn deal(&self, now: Timestamp) -> Option<Deal<'_>> {
        let split = self.head().split?;
        let mut filled: Vec<Part> = self
            .slots()
            .map(|slot| {
                let size = slot.size.min(slot.filled(self.block(), &|| now));
                Part { start: slot.start, end: slot.start.saturating_add(size), lane: Some(slot.lane) }
            })
            .collect();
        filled.sort_by_key(|part| part.start);
        Some(Deal::of(self.draw(&split.hasher), split.buckets, &filled, self.rest()))
    }

    /// The gates of an experiment: why others are outside, and who is in, which the base lane stands for here.
    pub fn gates(&self) -> impl Iterator<Item = (Outside, Deal<'_>)> {
        self.block().list(self.head().gates).map(|gate| {
            let inside = Part { start: gate.from, end: gate.to, lane: Some(self.base()) };
            (gate.outside, Deal::of(self.draw(&gate.hasher), gate.buckets, &[inside], None))
        })
    }

    /// The buckets that lanes may fill in the course of time, each lane's in the order in which it fills them. Whoever is in none
    /// is in the base lane at any time, or at none in the experiment.
    pub fn rooms(&self) -> Vec<Room> {
        let room = |slot: Slot| Room {
            lane: slot.lane,
            start: slot.start,
            end: slot.start.saturating_add(slot.size),
        };
        self.slots().map(room).collect()
    }

    /// Whether all shares are from now on what they are now.
    pub fn is_settled(&self, now: Timestamp) -> bool {
        self.slots().all(|slot| match slot.share {
            Share::Fixed(_) => true,
            Share::Steps(points) | Share::Linear(points) => {
                self.block().list(points).last().is_none_or(|last| last.at <= now)
            }
        })
    }

    fn slots(&self) -> impl Iterator<Item = Slot> {
        let slots = self.head().split.map(|split| split.slots);
        self.block().list(slots.unwrap_or_default())
    }

    /// The lane that has what the others leave; `None` where that is no part of the experiment.
    pub fn rest(&self) -> Option<LaneId> {
        let has_holes = self.head().split.is_some_and(|split| split.has_holes);
        (!has_holes).then(|| self.base())
    }

    /// The lane of whoever nothing else places: stable, control or active.
    pub fn base(&self) -> LaneId {
        self.head().base
    }

    /// The names of the lanes, in the order in which they are written.
    pub fn lane_names(&self) -> impl Iterator<Item = &[u8]> {
        self.lanes().map(|(_, lane)| self.text(lane.name))
    }

    /// Whether the release is on at a point in time. The whole policy may be off all the same.
    pub fn is_on_at(&self, now: Timestamp) -> bool {
        self.is_on(|| now)
    }

    fn draw<'s>(&'s self, hasher: &Hasher) -> Draw<'s> {
        let scheme = hasher.scheme;
        let has_seed = !matches!(scheme.algorithm, Algorithm::Fnv1a32 | Algorithm::Fnv1a32Twice);
        Draw {
            algorithm: scheme.algorithm,
            seed: if has_seed { scheme.seed } else { 0 },
            encoding: scheme.encoding,
            before: self.text(hasher.before),
            after: self.text(hasher.after),
            reduction: scheme.reduction,
        }
    }
}

impl<'s> Deal<'s> {
    /// Lays out parts that stand in order; what is between them goes to `rest`.
    fn of(draw: Draw<'s>, buckets: u32, filled: &[Part], rest: Option<LaneId>) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        let mut at = 0;
        let mut lay = |end: u32, lane| {
            let end = end.min(buckets);
            if end <= at {
                return;
            }
            match parts.last_mut().filter(|last| last.lane == lane) {
                Some(last) => last.end = end,
                None => parts.push(Part { start: at, end, lane }),
            }
            at = end;
        };
        for part in filled.iter().filter(|part| part.start < part.end) {
            lay(part.start, rest);
            lay(part.end, part.lane);
        }
        lay(buckets, rest);
        Deal { draw, buckets, parts }
    }
}

impl Plan {
    /// Whether whoever has a gray id under this policy has the same one under the other: what is added behind all sources is
    /// only asked where nobody had one.
    pub fn knows_users_as(&self, other: &Plan) -> bool {
        let (own, others) = (&self.settings, &other.settings);
        own.normalize == others.normalize && others.sources.starts_with(&own.sources)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn plan(policy: &Value) -> Plan {
        crate::load(json!({"trust": "mesh", "policy": policy}).to_string().as_bytes()).plan.unwrap()
    }

    fn release(key: &str, mode: &Value) -> Plan {
        let lanes = json!([{"name": "a"}, {"name": "b"}, {"name": "c"}]);
        plan(&json!({"language": 1, "releases": [{"name": "r", "match": {}, "lanes": lanes, key: mode}]}))
    }

    #[test]
    fn parts_say_of_every_bucket_what_the_split_says() {
        let ramp = json!({"steps": [{"at": "1970-01-01T00:01:00Z", "percent": 10}, {"at": "1970-01-01T00:02:00Z", "percent": 30}]});
        for (key, mode) in [
            (
                "canary",
                json!({"stable": "a", "candidates": [{"lane": "b", "ramp": ramp}, {"lane": "c", "percent": 50}]}),
            ),
            (
                "canary",
                json!({"stable": "a", "candidates": [{"lane": "c", "percent": 70,
                    "slots": [{"from": 60, "to": 100}, {"from": 0, "to": 35.5}]}]}),
            ),
            (
                "ab",
                json!({"salt": "s", "groups": [
                    {"lane": "a", "weight": 5, "slots": [{"from": 10, "to": 20}]},
                    {"lane": "b", "weight": 7, "slots": [{"from": 30, "to": 35}, {"from": 0, "to": 10}]}]}),
            ),
            (
                "ab",
                json!({"salt": "s", "hash": {"layout": "stacked"},
                    "groups": [{"lane": "b", "weight": 2}, {"lane": "a", "weight": 0}, {"lane": "c", "weight": 5}]}),
            ),
        ] {
            let plan = release(key, &mode);
            let segment = plan.release(0).unwrap();
            for now in [0, 60, 200].map(Timestamp::from_seconds) {
                let deal = segment.deal(now).unwrap();
                let split = segment.head().split.unwrap();
                let mut buckets = 0..;
                for part in &deal.parts {
                    for bucket in buckets.by_ref().take((part.end - part.start) as usize) {
                        let rest = (!split.has_holes).then_some(segment.base());
                        let lane = split.lane_of(segment.block(), bucket, || now).or(rest);
                        assert_eq!((part.lane, part.start <= bucket), (lane, true), "{bucket} of {mode}");
                    }
                }
                assert_eq!(buckets.next(), Some(split.buckets));
            }
        }
    }

    #[test]
    fn shares_are_settled_when_the_last_point_is_over() {
        let ramp = json!({"steps": [{"at": "1970-01-01T00:01:00Z", "percent": 10}]});
        let plan = release("canary", &json!({"stable": "a", "candidates": [{"lane": "b", "ramp": ramp}]}));
        let is_settled = |now| plan.release(0).unwrap().is_settled(Timestamp::from_seconds(now));
        assert_eq!([59, 60].map(is_settled), [false, true]);
    }

    #[test]
    fn a_draw_is_known_by_what_it_hashes_and_not_by_its_buckets() {
        let canary = |salt: &str, hash: Value| {
            release(
                "canary",
                &json!({"stable": "a", "salt": salt, "hash": hash, "candidates": [{"lane": "b", "percent": 5}]}),
            )
        };
        let native = canary("s", Value::Null);
        let is_same = |other: Plan| {
            native.release(0).unwrap().deal(Timestamp::default()).unwrap().draw
                == other.release(0).unwrap().deal(Timestamp::default()).unwrap().draw
        };
        assert!(is_same(canary("s", json!({"buckets": 1_000_000}))));
        assert!(!is_same(canary("t", Value::Null)));
        assert!(!is_same(canary("s", json!({"reduce": "modulo"}))));
        assert!(!is_same(canary("s", json!({"seed": 1}))));
        assert!(!is_same(canary("s", json!({"algorithm": "xxh64", "reduce": "modulo"}))));
    }

    #[test]
    fn whoever_had_an_id_keeps_it_when_a_source_is_added_behind() {
        let ids = |identity: Value| plan(&json!({"language": 1, "identity": identity, "releases": []}));
        let one = ids(json!({"sources": [{"header": "x-user"}]}));
        let two = ids(json!({"sources": [{"header": "x-user"}, {"cookie": "user"}]}));
        let turned = ids(json!({"sources": [{"cookie": "user"}, {"header": "x-user"}]}));
        let lower = ids(json!({"sources": [{"header": "x-user"}], "normalize": {"lowerCase": true}}));
        assert!(one.knows_users_as(&one) && one.knows_users_as(&two));
        assert!(!two.knows_users_as(&one) && !two.knows_users_as(&turned) && !one.knows_users_as(&lower));
    }
}
