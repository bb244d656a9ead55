//! A million users: shares are what the policy says, and what should say nothing of another thing says nothing.
//!
//! The users are always the same ones, so each check either always holds or never does. How often it would raise a false alarm
//! if they were drawn anew is stated, and is less than once in a million: a check that fails is no chance.

use std::ops::Range;
use std::sync::LazyLock;

use graylane::decision::{Outside, decide};
use graylane::given::Given;
use graylane::plan::Plan;
use graylane::policy::Trust;
use serde_json::{Value, json};

use crate::plan_of;

const USERS: usize = 1_000_000;
/// How likely a false alarm is at most, for each check.
const FALSE_ALARM: f64 = 1e-6;

/// The releases; all of them decide each request. Lanes are named in the order in which they are counted.
fn releases() -> Value {
    let of = |mode: &str, lanes: &[&str], name: &str, value: Value| {
        let lanes: Vec<Value> = lanes.iter().map(|lane| json!({"name": lane})).collect();
        let mut release = json!({"name": name, "match": {}, "lanes": lanes, mode: value});
        if mode == "ab" {
            release[mode]["route"] = false.into();
        }
        release
    };
    let halves = |more: Value| {
        let mut ab =
            json!({"salt": "one", "groups": [{"lane": "A", "weight": 50}, {"lane": "B", "weight": 50}]});
        ab.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        ab
    };
    let (ab, three) = (&["A", "B"], &["A", "B", "C"]);
    json!([
        of(
            "canary",
            three,
            "canary",
            json!({"stable": "A", "candidates": [
            {"lane": "B", "percent": 5}, {"lane": "C", "percent": 12.34}]})
        ),
        of(
            "ab",
            three,
            "thirds",
            json!({"salt": "thirds", "groups": [
            {"lane": "A", "weight": 33.34}, {"lane": "B", "weight": 33.33}, {"lane": "C", "weight": 33.33}]})
        ),
        of(
            "ab",
            three,
            "slots",
            json!({"salt": "slots", "groups": [
            {"lane": "A"},
            {"lane": "B", "weight": 30, "slots": [{"from": 0, "to": 20}, {"from": 50, "to": 80}]},
            {"lane": "C", "weight": 0.02, "slots": [{"from": 90, "to": 95}]}]})
        ),
        of("ab", ab, "everybody", halves(json!({}))),
        of("ab", ab, "traffic", halves(json!({"traffic": {"from": 20, "to": 50}}))),
        of("ab", ab, "held-out", halves(json!({"holdout": 10}))),
        of(
            "ab",
            ab,
            "layered",
            halves(json!({"salt": "layered", "layer": "layer", "traffic": {"from": 10, "to": 35}}))
        ),
        of(
            "ab",
            ab,
            "beside",
            halves(json!({"salt": "beside", "layer": "layer", "traffic": {"from": 35, "to": 90}}))
        ),
    ])
}

/// The position of a release in the policy.
const CANARY: usize = 0;
const THIRDS: usize = 1;
const SLOTS: usize = 2;
const EVERYBODY: usize = 3;
const TRAFFIC: usize = 4;
const HELD_OUT: usize = 5;
const LAYERED: usize = 6;
const BESIDE: usize = 7;

/// Where a user is in each release: the position of the lane, or [`OUT`] where the user is no part of the experiment.
type Places = [u8; 8];
const OUT: u8 = 3;

/// The places of every user.
static POPULATION: LazyLock<Vec<Places>> = LazyLock::new(|| {
    let plan = plan_of(&json!({"language": 1, "releases": releases(),
        "layers": [{"name": "layer", "holdout": 10}]}));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = USERS.div_ceil(threads);
    let shares = (0..threads).map(|thread| thread * share..USERS.min((thread + 1) * share));
    std::thread::scope(|scope| {
        let running: Vec<_> = shares.map(|users| scope.spawn(|| places(&plan, users))).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("they are decided")).collect()
    })
});

fn places(plan: &Plan, users: Range<usize>) -> Vec<Places> {
    let place = |user: usize| {
        let id = format!("user-{user}");
        let headers = [(":authority", "shop"), (":path", "/"), ("x-gray-id", id.as_str())];
        let given = Given { headers: headers.into_iter().collect(), ..Given::default() };
        let decision = decide(plan, Trust::Edge, &given);
        assert_eq!(decision.entries.len(), 8, "every release decides");
        let mut places = Places::default();
        for entry in &decision.entries {
            let lane = entry.assigned.expect("every release is on");
            let name = plan.release(entry.release).expect("a release").lane_name(lane);
            let expected = match entry.release as usize {
                TRAFFIC => Some(Outside::Traffic),
                HELD_OUT => Some(Outside::Holdout),
                LAYERED | BESIDE => Some(Outside::Layer),
                _ => None,
            };
            assert!(entry.outside.is_none() || entry.outside == expected, "{entry:?}");
            places[entry.release as usize] = if entry.outside.is_some() { OUT } else { name[0] - b'A' };
        }
        places
    };
    users.map(place).collect()
}

/// How many of these users are in a place of a release.
fn count(users: &[Places], release: usize, place: u8) -> usize {
    users.iter().filter(|places| places[release] == place).count()
}

#[expect(clippy::cast_precision_loss, reason = "a million is no large number")]
fn float(count: usize) -> f64 {
    count as f64
}

/// Whether chance explains that `count` of `of` are in a share: Chernoff's bound for the binomial distribution, which holds for
/// any number and share. The deviation in either direction is less likely than `FALSE_ALARM`.
fn is_share(count: usize, of: usize, share: f64) -> bool {
    let part = float(count) / float(of);
    let term = |part: f64, share: f64| if part > 0.0 { part * (part / share).ln() } else { 0.0 };
    float(of) * (term(part, share) + term(1.0 - part, 1.0 - share)) <= (2.0 / FALSE_ALARM).ln()
}

/// Pearson's chi-square of two releases over these users, and how many cells are free. Places that nobody has do not count.
fn chi_square(users: &[Places], one: usize, other: usize) -> (f64, usize) {
    let mut table = [[0_usize; 4]; 4];
    for places in users {
        table[usize::from(places[one])][usize::from(places[other])] += 1;
    }
    let rows: Vec<usize> = table.iter().map(|row| row.iter().sum()).collect();
    let columns: Vec<usize> = (0..4).map(|column| table.iter().map(|row| row[column]).sum()).collect();
    let mut sum = 0.0;
    for (row, of_row) in table.iter().zip(&rows).filter(|(_, of_row)| **of_row > 0) {
        for (count, of_column) in row.iter().zip(&columns).filter(|(_, of_column)| **of_column > 0) {
            let expected = float(*of_row) * float(*of_column) / float(users.len());
            assert!(expected >= 8.0, "too few users to say anything: {expected}");
            sum += (float(*count) - expected).powi(2) / expected;
        }
    }
    let used = |sums: &[usize]| sums.iter().filter(|sum| **sum > 0).count() - 1;
    (sum, used(&rows) * used(&columns))
}

/// Whether two releases are independent over these users, as far as chance explains it: Chernoff's bound for the distribution of
/// chi-square. More is less likely than `FALSE_ALARM`.
fn are_independent(users: &[Places], one: usize, other: usize) -> bool {
    let (sum, free) = chi_square(users, one, other);
    let free = float(free);
    let ratio = sum / free;
    ratio <= 1.0 || free / 2.0 * (ratio - 1.0 - ratio.ln()) <= (1.0 / FALSE_ALARM).ln()
}

#[test]
fn every_share_is_what_the_policy_says() {
    for (release, shares) in [
        (CANARY, [0.8266, 0.05, 0.1234, 0.0]),
        (THIRDS, [0.3334, 0.3333, 0.3333, 0.0]),
        (SLOTS, [0.6998, 0.3, 0.0002, 0.0]),
        (EVERYBODY, [0.5, 0.5, 0.0, 0.0]),
        (TRAFFIC, [0.15, 0.15, 0.0, 0.7]),
        (HELD_OUT, [0.45, 0.45, 0.0, 0.1]),
        (LAYERED, [0.125, 0.125, 0.0, 0.75]),
        (BESIDE, [0.275, 0.275, 0.0, 0.45]),
    ] {
        for (place, share) in (0_u8..).zip(shares) {
            let count = count(&POPULATION, release, place);
            assert!(is_share(count, USERS, share), "release {release}: {count} users in place {place}");
        }
    }
}

#[test]
fn splits_of_different_salts_say_nothing_of_each_other() {
    for (one, other) in [
        (CANARY, THIRDS),
        (CANARY, SLOTS),
        (CANARY, EVERYBODY),
        (THIRDS, SLOTS),
        (THIRDS, EVERYBODY),
        (SLOTS, EVERYBODY),
        (EVERYBODY, LAYERED),
        (THIRDS, BESIDE),
    ] {
        assert!(
            are_independent(&POPULATION, one, other),
            "{one} and {other}: {:?}",
            chi_square(&POPULATION, one, other)
        );
    }
}

/// Else the tests here would say nothing.
#[test]
fn what_depends_on_each_other_is_noticed() {
    assert!(!are_independent(&POPULATION, LAYERED, BESIDE), "a layer gives a user to one of them");
    assert!(!are_independent(&POPULATION, EVERYBODY, TRAFFIC), "they have the same salt");
    let half = count(&POPULATION, EVERYBODY, 0);
    assert!(!is_share(half, USERS, 0.496) && !is_share(half, USERS, 0.504));
    let few = count(&POPULATION, SLOTS, 2);
    assert!(!is_share(few, USERS, 0.0004) && !is_share(few, USERS, 0.00008));
}

/// Who the gates of an experiment let in has nothing to do with the group: the same split without the gate tells the group of
/// those who are left out.
#[test]
fn the_gates_of_an_experiment_say_nothing_of_its_groups() {
    for gated in [TRAFFIC, HELD_OUT] {
        let with_gate: Vec<Places> = POPULATION
            .iter()
            .copied()
            .map(|mut places| {
                let is_in = places[gated] != OUT;
                assert!(!is_in || places[gated] == places[EVERYBODY], "the gate changes nobody's group");
                places[gated] = u8::from(is_in);
                places
            })
            .collect();
        assert!(
            are_independent(&with_gate, gated, EVERYBODY),
            "{:?}",
            chi_square(&with_gate, gated, EVERYBODY)
        );
    }
}

/// The gates are drawn by different hashes, too: traffic and holdout of one salt, and a layer.
#[test]
fn gates_say_nothing_of_each_other() {
    let gates: Vec<Places> =
        POPULATION.iter().map(|places| places.map(|place| u8::from(place != OUT))).collect();
    for (one, other) in [(TRAFFIC, HELD_OUT), (TRAFFIC, LAYERED), (HELD_OUT, LAYERED), (HELD_OUT, BESIDE)] {
        assert!(
            are_independent(&gates, one, other),
            "{one} and {other}: {:?}",
            chi_square(&gates, one, other)
        );
    }
}
