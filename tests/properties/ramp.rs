//! The ramp guarantee: a share that grows takes users from the base lane alone, and one that shrinks gives them back;
//! nobody else moves.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::native::run;
use crate::{cases, plan};
use graylane::bucket::COUNT;
use graylane::given::Given;
use graylane::policy::Trust;

const USERS: usize = 1_000;

/// The share of each lane but the base lane, in buckets, by revision; and the slots, where they are given.
#[derive(Clone, Debug)]
struct Ramp {
    slots: Option<Vec<(u16, u16)>>,
    revisions: Vec<Vec<u16>>,
    ab: bool,
}

impl Ramp {
    fn lanes(&self) -> usize {
        self.revisions[0].len()
    }

    /// The policy of one revision.
    fn releases(&self, shares: &[u16]) -> Value {
        let percent = |buckets: u16| f64::from(buckets) / 100.0;
        let key = if self.ab { "weight" } else { "percent" };
        let share = |(index, buckets): (usize, &u16)| {
            let mut share = json!({"lane": format!("c{index}"), key: percent(*buckets)});
            if let Some(slots) = &self.slots {
                let (from, to) = slots[index];
                share["slots"] = json!([{"from": percent(from), "to": percent(to)}]);
            }
            share
        };
        let mut shares: Vec<Value> = shares.iter().enumerate().map(share).collect();
        let mode = if self.ab {
            shares.insert(0, json!({"lane": "base"}));
            json!({"salt": "ramp", "groups": shares})
        } else {
            json!({"salt": "ramp", "stable": "base", "candidates": shares})
        };
        let names = ["base".to_owned()].into_iter().chain((0..self.lanes()).map(|index| format!("c{index}")));
        let lanes: Vec<Value> = names.map(|name| json!({"name": name})).collect();
        json!([{"name": "ramp", "match": {}, "lanes": lanes, (if self.ab { "ab" } else { "canary" }): mode}])
    }

    /// The lane of every user in one revision: `None` for the base lane.
    fn lanes_of_users(&self, shares: &[u16]) -> Vec<Option<usize>> {
        let plan = plan(&self.releases(shares));
        let lane = |user| {
            let id = format!("user-{user}");
            let headers = [(":authority", "shop"), (":path", "/"), ("x-gray-id", id.as_str())];
            let call =
                Given { headers: headers.into_iter().collect(), random: Some([7; 16]), ..Given::default() };
            let ran = run(&plan, Trust::Edge, &call);
            let (_, lane) = ran.upstream.iter().find(|(name, _)| name == "x-gray-lane").expect("a lane");
            std::str::from_utf8(lane)
                .expect("text")
                .strip_prefix('c')
                .map(|index| index.parse().expect("an index"))
        };
        (0..USERS).map(lane).collect()
    }
}

/// Slots that do not overlap, from cuts in order.
fn slots(lanes: usize) -> impl Strategy<Value = Vec<(u16, u16)>> {
    let cuts = proptest::collection::btree_set(0..=COUNT, lanes * 2);
    cuts.prop_map(|cuts| {
        let cuts: Vec<u16> = cuts.into_iter().collect();
        cuts.as_chunks::<2>().0.iter().map(|[from, to]| (*from, *to)).collect()
    })
}

fn ramps() -> impl Strategy<Value = Ramp> {
    (1..=6_usize, any::<bool>(), any::<bool>()).prop_flat_map(|(lanes, given, ab)| {
        let slots = if given { slots(lanes).prop_map(Some).boxed() } else { Just(None).boxed() };
        slots.prop_flat_map(move |slots| {
            let size = |index: usize| match &slots {
                Some(slots) => slots[index].1 - slots[index].0,
                None => COUNT / u16::try_from(lanes).expect("few lanes"),
            };
            let shares: Vec<_> = (0..lanes).map(|index| share(size(index))).collect();
            let revisions = proptest::collection::vec(shares, 2..6);
            revisions.prop_map(move |revisions| Ramp { slots: slots.clone(), revisions, ab })
        })
    })
}

/// A share of a slot: none, all, or something between.
fn share(size: u16) -> impl Strategy<Value = u16> {
    prop_oneof![1 => Just(0), 1 => Just(size), 6 => 0..=size]
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn nobody_moves_but_between_the_base_lane_and_a_share_that_changed(ramp in ramps()) {
        let lanes: Vec<_> = ramp.revisions.iter().map(|shares| ramp.lanes_of_users(shares)).collect();
        for (before, after) in (0..lanes.len()).zip(1..lanes.len()) {
            let (old, new) = (&ramp.revisions[before], &ramp.revisions[after]);
            for (user, (from, to)) in lanes[before].iter().zip(&lanes[after]).enumerate() {
                let may = match (from, to) {
                    (from, to) if from == to => true,
                    (None, Some(to)) => new[*to] > old[*to],
                    (Some(from), None) => new[*from] < old[*from],
                    _ => false,
                };
                prop_assert!(may, "user-{user} moved from {from:?} to {to:?} as {old:?} became {new:?}");
            }
        }
    }

    #[test]
    fn of_two_shares_of_a_lane_the_smaller_is_part_of_the_larger_whatever_was_between(ramp in ramps()) {
        let mut seen: BTreeMap<(usize, u16), Vec<usize>> = BTreeMap::new();
        for shares in &ramp.revisions {
            let lanes = ramp.lanes_of_users(shares);
            for (lane, share) in shares.iter().enumerate() {
                let users: Vec<usize> =
                    (0..USERS).filter(|user| lanes[*user] == Some(lane)).collect();
                if let Some(before) = seen.insert((lane, *share), users.clone()) {
                    prop_assert_eq!(before, users, "the same share of lane {} has other users", lane);
                }
            }
        }
        for ((lane, share), users) in &seen {
            let larger = seen.range((*lane, *share)..(*lane, u16::MAX)).next_back();
            let (_, larger) = larger.expect("at least itself");
            prop_assert!(users.iter().all(|user| larger.contains(user)));
        }
    }
}
