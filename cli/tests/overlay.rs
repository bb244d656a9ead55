//! What is calculated of a change is what the engine does: for random changes, every bucket is asked.
#![cfg(test)]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use graylane::given::Given;
use graylane::hash::Scheme;
use graylane::plan::Plan;
use graylane::policy::{Policy, Trust};
use graylane::time::Timestamp;
use graylane_cli::against::{Guarantee, Proof, Release, Side, compare};
use graylane_cli::check::{Good, check};
use graylane_cli::document::Form;
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};

const BUCKETS: u64 = 10_000;
/// The buckets of an experiment with a part of all users: few, so that all pairs of a gate's and the split's can be tried.
const FEW: u32 = 20;

/// So many random cases. One that fails is printed whole, so no file keeps its seed.
fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

/// The hash of an id under the salt `s`.
fn hash(id: &str, seed: u32) -> u64 {
    Scheme { seed, ..Scheme::NATIVE }.hash(b"s:", id.as_bytes(), b"")
}

/// An id for each of so many places.
fn ids(places: u64, place: impl Fn(&str) -> u64) -> Vec<String> {
    let mut ids = vec![None; usize::try_from(places).expect("a few")];
    let mut missing = places;
    for id in (0_u64..).map(|number| format!("user-{number}")) {
        let slot = &mut ids[usize::try_from(place(&id)).expect("a place")];
        if slot.is_none() {
            *slot = Some(id);
            missing -= 1;
            if missing == 0 {
                break;
            }
        }
    }
    ids.into_iter().flatten().collect()
}

/// One for each bucket.
static BY_BUCKET: LazyLock<Vec<String>> = LazyLock::new(|| ids(BUCKETS, |id| (hash(id, 0) * BUCKETS) >> 32));
/// One for each remainder by 600, of which all divisors here are divisors.
static BY_REMAINDER: LazyLock<Vec<String>> = LazyLock::new(|| ids(600, |id| hash(id, 0) % 600));
/// One for each pair of buckets of the split and of a gate.
static BY_PAIR: LazyLock<Vec<String>> = LazyLock::new(|| {
    let few = u64::from(FEW);
    ids(few * few, |id| ((hash(id, 0) * few) >> 32) * few + ((hash(id, 1) * few) >> 32))
});

/// A release of lanes a, b, c, d in this mode.
fn policy(key: &str, mode: &Value) -> String {
    let lanes: Vec<Value> = ["a", "b", "c", "d"].iter().map(|name| json!({"name": name})).collect();
    json!({"language": 1, "releases": [{"name": "r", "match": {}, "lanes": lanes, key: mode}]}).to_string()
}

fn with_good<T>(text: &str, then: impl FnOnce(&Policy, &Plan) -> T) -> T {
    let checked = check(text, Form::Json);
    let Some(Good { policy, plan, .. }) = &checked.good else {
        panic!("{:#?}\n{text}", checked.report.findings)
    };
    then(policy, plan)
}

/// What is calculated of a change; nothing where nothing changed.
fn calculated(before: &str, now: &str, at: Timestamp) -> Option<Release> {
    with_good(before, |old_policy, old| {
        with_good(now, |policy, plan| {
            let side = |name, policy, plan| Side { name, policy, plan };
            let found = compare(side("old", old_policy, old), side("new", policy, plan), at);
            found.changes.releases.into_iter().next()
        })
    })
}

/// Where the engine puts a user: the lane, or nowhere for no part of the experiment.
fn lane(plan: &Plan, id: &str, at: Timestamp) -> Option<String> {
    let headers = [(":authority", "shop"), (":path", "/"), ("x-gray-id", id)];
    let given = Given { headers: headers.into_iter().collect(), now: at, ..Given::default() };
    let entry = graylane::decide(plan, Trust::Edge, &given).entries[0];
    let name = plan.release(0).expect("a release").lane_name(entry.assigned.expect("a lane"));
    entry.outside.is_none().then(|| String::from_utf8_lossy(name).into_owned())
}

type Way = (Option<String>, Option<String>);

/// The parts of all users from lane to lane in percent, each user asked.
fn counted(before: &str, now: &str, ids: &[String], at: Timestamp) -> BTreeMap<Way, f64> {
    let one = 100.0 / f64::from(u32::try_from(ids.len()).expect("a few"));
    let mut parts = BTreeMap::new();
    with_good(before, |_, old| {
        with_good(now, |_, plan| {
            for id in ids {
                *parts.entry((lane(old, id, at), lane(plan, id, at))).or_default() += one;
            }
        });
    });
    parts
}

/// What is calculated is what was counted, and no move is missing.
fn same(release: &Release, parts: &BTreeMap<Way, f64>) {
    let mut parts = parts.clone();
    for row in &release.from {
        for (to, percent) in release.lanes.iter().zip(&row.to_percent) {
            let counted = parts.remove(&(row.lane.clone(), to.clone())).unwrap_or_default();
            assert!(
                (percent - counted).abs() < 1e-4,
                "{:?} to {to:?}: {percent}, counted {counted}",
                row.lane
            );
        }
    }
    assert!(parts.is_empty(), "left: {parts:?}");
}

/// The guarantee in its own words, of what was counted without gates.
fn holds(parts: &BTreeMap<Way, f64>, bases: [Option<&str>; 2]) -> bool {
    let share = |lane: &Option<String>, side: fn(&Way) -> &Option<String>| -> f64 {
        parts.iter().filter(|(way, _)| side(way) == lane).map(|(_, part)| part).sum()
    };
    let change = |lane: &Option<String>| share(lane, |way| &way.1) - share(lane, |way| &way.0);
    let is_base = |lane: &Option<String>| {
        lane.is_none() || bases.iter().any(|base| base.is_some() && *base == lane.as_deref())
    };
    let is_fine = |(from, to): &Way| {
        let (shrank, grew) = (change(from) < -1e-6, change(to) > 1e-6);
        from == to
            || shrank && grew
            || is_base(from) && grew && !is_base(to)
            || shrank && !is_base(from) && is_base(to)
    };
    parts.keys().all(is_fine)
}

/// A ramp or a share that is written, of at most so many percent; `T0` lies within.
fn share(most: u32) -> BoxedStrategy<Value> {
    let point = move |(seconds, percent): (i64, u32)| json!({"at": Timestamp::from_seconds(seconds).to_string(), "percent": percent});
    let points = proptest::collection::btree_map(0..1_000_i64, 0..=most, 2..5)
        .prop_map(move |points| points.into_iter().map(point).collect::<Vec<Value>>());
    prop_oneof![
        3 => (0..=most * 100).prop_map(|buckets| json!({"percent": f64::from(buckets) / 100.0})),
        1 => Just(json!({"percent": 0})),
        1 => (points, any::<bool>())
            .prop_map(|(points, steps)| json!({"ramp": {(if steps { "steps" } else { "linear" }): points}})),
    ]
    .boxed()
}

const T0: i64 = 300;

/// A canary: its base lane is `a`, its candidates some of the others in some order, with slots of their own or without.
fn canary() -> impl Strategy<Value = Value> {
    let order = Just(vec!["b", "c", "d"]).prop_shuffle();
    let slots = proptest::option::of(prop_oneof![Just([0, 30, 60]), Just([70, 40, 10]), Just([0, 60, 30])]);
    let shares = proptest::collection::vec(share(30), 3);
    let is_finer = prop::bool::weighted(0.3);
    (order, 1..=3_usize, slots, shares, is_finer).prop_map(|(order, count, slots, shares, is_finer)| {
        // Of 10,000 buckets none ends where a third of 100,000 does, or a share on its way.
        let is_finer = is_finer && shares.iter().all(|share| share["ramp"].is_null());
        let buckets = if is_finer && (slots.is_some() || count < 3) { 100_000 } else { BUCKETS };
        let candidates = order.into_iter().zip(shares).enumerate().take(count);
        let candidate = |(index, (lane, mut share)): (usize, (&str, Value))| {
            share["lane"] = json!(lane);
            if let Some(from) = slots {
                share["slots"] = json!([{"from": from[index], "to": from[index] + 30}]);
            }
            share
        };
        let candidates: Vec<Value> = candidates.map(candidate).collect();
        json!({"stable": "a", "salt": "s", "candidates": candidates, "hash": {"buckets": buckets}})
    })
}

/// An AB test: its control and its base lane.
fn ab() -> impl Strategy<Value = (Value, Option<&'static str>)> {
    // With one added to each, they are 100 at most.
    let weights = proptest::collection::vec(0..=24_u32, 4);
    (weights, 0..3_usize, 2..=4_usize, 0..4_usize).prop_map(|(weights, kind, count, control)| {
        let lanes = ["a", "b", "c", "d"];
        let control = control % count;
        let group = |(index, weight): (usize, &u32)| {
            // Stacked weights are never all 0; slots are as wide as 100 % by all.
            let mut group = json!({"lane": lanes[index], "weight": weight + u32::from(kind == 1)});
            if kind == 0 && index == control {
                group["weight"] = Value::Null;
            }
            if kind == 2 {
                group["slots"] = json!([{"from": index * 25, "to": index * 25 + 5}, {"from": index * 25 + 5, "to": index * 25 + 25}]);
                group["weight"] = json!(weight % 25);
            }
            group
        };
        let groups: Vec<Value> = weights.iter().enumerate().take(count).map(group).collect();
        let hash = if kind == 1 { json!({"layout": "stacked", "buckets": 10_000}) } else { Value::Null };
        let mode = json!({"salt": "s", "groups": groups, "control": lanes[control], "hash": hash});
        (mode, (kind < 2).then_some(lanes[control]))
    })
}

/// Either, with its base lane.
fn release() -> impl Strategy<Value = (String, Option<&'static str>)> {
    prop_oneof![
        2 => canary().prop_map(|mode| (policy("canary", &mode), Some("a"))),
        1 => ab().prop_map(|(mode, base)| (policy("ab", &mode), base)),
    ]
}

/// An experiment that takes a part of all users, by a hash of its own or by that of the split.
fn part_of_all() -> impl Strategy<Value = String> {
    let ends = (0..=FEW, 0..=FEW).prop_map(|(one, other)| (one.min(other) * 5, one.max(other) * 5));
    (ends, 0..=1_u32, 0..=FEW, any::<bool>()).prop_map(|((from, to), seed, weight, is_whole)| {
        let traffic = json!({"from": from, "to": to, "hash": {"buckets": FEW, "seed": seed}});
        let traffic = if is_whole { Value::Null } else { traffic };
        let groups = json!([{"lane": "a"}, {"lane": "b", "weight": weight * 5}]);
        policy("ab", &json!({"salt": "s", "groups": groups, "traffic": traffic, "hash": {"buckets": FEW}}))
    })
}

/// An experiment by remainders: of a divisor of 600, or of the sum of its weights, which is one.
fn by_remainder() -> impl Strategy<Value = String> {
    let divisor = prop_oneof![Just(10_u32), Just(20), Just(100), Just(150), Just(200), Just(300)];
    (divisor, 0..=10_u32, any::<bool>()).prop_map(|(divisor, tenths, is_sum)| {
        let own = divisor * tenths / 10;
        let (weights, buckets) = if is_sum {
            ([divisor - own, own].map(f64::from), Value::Null)
        } else {
            ([100 - tenths * 10, tenths * 10].map(f64::from), json!(divisor))
        };
        let groups = json!([{"lane": "a", "weight": weights[0]}, {"lane": "b", "weight": weights[1]}]);
        let hash = json!({"reduce": "modulo", "layout": "stacked", "buckets": buckets});
        policy("ab", &json!({"salt": "s", "groups": groups, "hash": hash}))
    })
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn the_moves_are_those_of_every_bucket_and_the_guarantee_is_judged_by_them(
        (before, was_base) in release(),
        (now, base) in release(),
    ) {
        let at = Timestamp::from_seconds(T0);
        let Some(release) = calculated(&before, &now, at) else { return Ok(()) };
        let parts = counted(&before, &now, &BY_BUCKET, at);
        same(&release, &parts);
        let is_held = release.guarantee == Guarantee::Holds;
        prop_assert_eq!(is_held, holds(&parts, [was_base, base]), "{:#?}\n{}\n{}", release, before, now);
        let moved: f64 = parts.iter().filter(|((from, to), _)| from != to).map(|(_, part)| part).sum();
        prop_assert!((release.moved_percent - moved).abs() < 1e-4);
    }

    #[test]
    fn what_is_proved_from_then_on_holds_whenever_it_is_rolled_out(
        before in canary(),
        now in canary(),
        from in 0..1_000_i64,
        later in 0..1_000_i64,
    ) {
        let [before, now] = [before, now].map(|mode| policy("canary", &mode));
        let found = |seconds| calculated(&before, &now, Timestamp::from_seconds(seconds));
        if let (Some(first), Some(then)) = (found(from), found(from + later))
            && (first.guarantee, first.proved) == (Guarantee::Holds, Proof::FromThenOn)
        {
            prop_assert_eq!(then.guarantee, Guarantee::Holds, "{}\n{}", before, now);
        }
    }

    #[test]
    fn gates_are_laid_over_each_other_and_over_the_split(before in part_of_all(), now in part_of_all()) {
        let at = Timestamp::default();
        if let Some(release) = calculated(&before, &now, at) {
            same(&release, &counted(&before, &now, &BY_PAIR, at));
        }
    }

    #[test]
    fn remainders_by_two_divisors_meet_as_the_numbers_do(before in by_remainder(), now in by_remainder()) {
        let at = Timestamp::default();
        if let Some(release) = calculated(&before, &now, at) {
            same(&release, &counted(&before, &now, &BY_REMAINDER, at));
        }
    }
}
