//! The statistics beside those of scipy and statsmodels (`figures.py` writes what these say), and what they do to made-up users.

use graylane_cli::experiment::statistics::{
    Arm, Interval, always_valid, detectable, holm, lift, newcombe, wilson, z_test,
};
use graylane_cli::simulate::fit;
use serde::Deserialize;

use crate::ground::{Ground, two_groups};

#[derive(Deserialize)]
struct Figures {
    pairs: Vec<Compared>,
    shares: Vec<Shares>,
    holm: Vec<Family>,
}

#[derive(Deserialize)]
struct Compared {
    pair: [u64; 4],
    alpha: f64,
    wilson: [f64; 2],
    newcombe: [f64; 2],
    lift: Option<[f64; 3]>,
    p: Option<f64>,
    detectable: Option<f64>,
}

#[derive(Deserialize)]
struct Shares {
    weights: Vec<f64>,
    counts: Vec<u64>,
    statistic: f64,
    p: f64,
}

#[derive(Deserialize)]
struct Family {
    p: Vec<f64>,
    holm: Vec<f64>,
}

fn figures() -> Figures {
    serde_json::from_str(include_str!("figures.json")).expect("figures")
}

/// Equal but for what calculating leaves.
fn close(one: f64, other: f64, part: f64) -> bool {
    (one - other).abs() <= part * one.abs().max(other.abs()) + 1e-12
}

fn is_same(own: Interval, [low, high]: [f64; 2]) -> bool {
    close(own.low, low, 1e-9) && close(own.high, high, 1e-9)
}

#[test]
fn rates_are_judged_as_scipy_and_statsmodels_judge_them() {
    let pairs = figures().pairs;
    assert_eq!(pairs.len(), 132);
    for Compared { pair, alpha, wilson: rate, newcombe: difference, lift: ratio, p, detectable: found } in
        pairs
    {
        let [users, conversions, others, reached] = pair;
        let (control, arm) = (Arm { users, conversions }, Arm { users: others, conversions: reached });
        let told = format!("{pair:?} at {alpha}");
        assert!(is_same(wilson(arm, alpha), rate), "{told}: {:?}", wilson(arm, alpha));
        let own = newcombe(control, arm, alpha);
        assert!(is_same(own, difference), "{told}: {own:?}, {difference:?}");
        let own = lift(control, arm, alpha);
        assert_eq!(own.is_some(), ratio.is_some(), "{told}");
        if let Some(((own, interval), [value, low, high])) = own.zip(ratio) {
            assert!(close(own, value, 1e-9) && is_same(interval, [low, high]), "{told}: {own} {interval:?}");
        }
        match (z_test(control, arm), p) {
            (Some(own), Some(p)) => assert!(close(own, p, 1e-7), "{told}: {own}, {p}"),
            (own, p) => assert_eq!(own, p, "{told}"),
        }
        match (detectable(control, others, alpha), found) {
            (Some(own), Some(found)) => assert!(close(own, found, 1e-7), "{told}: {own}, {found}"),
            (own, found) => assert_eq!(own, found, "{told}"),
        }
    }
}

#[test]
fn published_intervals_are_found_again() {
    let near = |own: Interval, [low, high]: [f64; 2], step: f64| {
        assert!((own.low - low).abs() <= step && (own.high - high).abs() <= step, "{own:?}, {low} to {high}");
    };
    // Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 1998, table I, method 3.
    for (conversions, users, interval) in [
        (81, 263, [0.2553, 0.3662]),
        (15, 148, [0.0624, 0.1605]),
        (0, 20, [0.0, 0.1611]),
        (1, 29, [0.0061, 0.1718]),
    ] {
        near(wilson(Arm { users, conversions }, 0.05), interval, 5.1e-5);
    }
    // Newcombe, "Interval estimation for the difference between independent proportions", 1998, table II, method 10.
    for (own, control, interval) in [
        ([56, 70], [48, 80], [0.0524, 0.3339]),
        ([9, 10], [3, 10], [0.1705, 0.8090]),
        ([5, 56], [0, 29], [-0.0381, 0.1926]),
        ([10, 10], [0, 20], [0.6791, 1.0]),
    ] {
        let [own, control] = [own, control].map(|[conversions, users]| Arm { users, conversions });
        near(newcombe(control, own, 0.05), interval, 5.1e-5);
    }
}

#[test]
fn sizes_of_groups_are_judged_as_scipy_judges_them() {
    for Shares { weights, counts, statistic, p } in figures().shares {
        let whole: f64 = weights.iter().sum();
        let cells: Vec<(f64, u64)> = weights.iter().map(|weight| weight / whole).zip(counts).collect();
        let test = fit(&cells).chi_square.expect("it is tested");
        assert!(close(test.statistic, statistic, 1e-9) && close(test.p, p, 1e-7), "{cells:?}: {test:?}, {p}");
    }
}

#[test]
fn several_groups_are_corrected_as_statsmodels_corrects_them() {
    for Family { p, holm: expected } in figures().holm {
        let own = holm(&p);
        assert_eq!(own.len(), expected.len());
        assert!(
            own.iter().zip(&expected).all(|(own, other)| close(*own, *other, 1e-12)),
            "{own:?}, {expected:?}"
        );
    }
}

/// Numbers that look random, the same each time: `SplitMix64`.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let state = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let state = (state ^ state >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^ state >> 31
    }

    /// How many of so many users convert, each with a probability of so many of 1,000,000.
    fn conversions(&mut self, users: u64, millionths: u64) -> u64 {
        let bound = u64::MAX / 1_000_000 * millionths;
        (0..users).map(|_| u64::from(self.next() < bound)).sum()
    }
}

const ALPHA: f64 = 0.05;
const EXPERIMENTS: usize = 1_000;

#[test]
fn a_test_for_one_look_raises_false_alarms_when_peeked_and_the_always_valid_one_does_not() {
    const LOOKS: usize = 20;
    const USERS: u64 = 500;
    let mut draw = Draw(1);
    let plans = [1_000, 20_000, 100_000];
    let (mut once, mut peeked, mut always, mut outside) = (0, 0, [0; 3], 0);
    for _ in 0..EXPERIMENTS {
        let mut arms = [Arm { users: 0, conversions: 0 }; 2];
        let (mut is_alarm, mut alarms, mut leaves) = (false, [false; 3], false);
        for look in 1..=LOOKS {
            for arm in &mut arms {
                arm.users += USERS;
                arm.conversions += draw.conversions(USERS, 100_000);
            }
            let [control, arm] = arms;
            let is_found = z_test(control, arm).expect("a test") < ALPHA;
            is_alarm |= is_found;
            once += usize::from(is_found && look == LOOKS);
            for (alarm, planned) in alarms.iter_mut().zip(plans) {
                let peeked = always_valid(control, arm, ALPHA, planned).expect("users enough");
                *alarm |= peeked.p < ALPHA;
                // The interval is that of the p-value.
                assert_eq!(peeked.p < ALPHA, peeked.difference.low > 0.0 || peeked.difference.high < 0.0);
                leaves |= !(peeked.difference.low..=peeked.difference.high).contains(&0.0);
            }
        }
        peeked += usize::from(is_alarm);
        outside += usize::from(leaves);
        always.iter_mut().zip(alarms).for_each(|(count, alarm)| *count += usize::from(alarm));
    }
    // Of 1,000 tests at 5 %, 29 to 71 raise an alarm but for one case in 1,000 on each side.
    assert!((29..=71).contains(&once), "{once} at one look");
    assert!(peeked > 150, "{peeked} when the test for one look is peeked at");
    assert!(always.iter().all(|count| *count <= 50), "{always:?} of the always-valid one");
    assert!(outside <= 75, "{outside} by any of three of them");
}

#[test]
fn a_lift_that_is_detectable_is_detected_as_often_as_is_said() {
    let mut draw = Draw(2);
    let users = 4_000;
    let lift = detectable(Arm { users, conversions: 400 }, users, ALPHA).expect("a lift");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a million")]
    let raised = (100_000.0 * (1.0 + lift)).round() as u64;
    let found = (0..EXPERIMENTS).filter(|_| {
        let [control, arm] =
            [100_000, raised].map(|rate| Arm { users, conversions: draw.conversions(users, rate) });
        z_test(control, arm).is_some_and(|p| p < ALPHA) && arm.rate() > control.rate()
    });
    // Binomial: 800 of 1,000, but for one case in 1,000 on each side.
    let found = found.count();
    assert!((760..=840).contains(&found), "{found} of {EXPERIMENTS} find a lift of {lift}");
}

#[test]
fn a_planted_lift_of_a_tenth_is_found_by_the_program() {
    let mut draw = Draw(3);
    let users = 60_000;
    let [control, arm] = [100_000, 110_000].map(|rate| draw.conversions(users, rate));
    let groups = [control, arm].map(|conversions| (60_000, usize::try_from(conversions).expect("a number")));
    let (exposed, converted) = two_groups(groups);
    let ground = Ground::new().with("e", exposed).with("c", converted);
    let report = ground.report(&[]);
    let goal = &report["experiments"][0]["goals"][0];
    let comparison = &goal["comparisons"][0];
    assert_eq!(comparison["verdict"], "better", "{goal:#}");
    let lift = comparison["lift"].as_f64().expect("a lift");
    assert!((0.05..0.15).contains(&lift), "{lift}");
    let verdict = goal["verdict"].as_str().expect("text");
    assert!(
        verdict.starts_with("B is better than A: +") && verdict.ends_with(", also when peeked at"),
        "{verdict}"
    );
}

#[test]
fn nothing_is_said_before_there_are_users_enough() {
    let arm = |users, conversions| Arm { users, conversions };
    assert_eq!(always_valid(arm(1_000, 19), arm(1_000, 20), ALPHA, 1), None);
    assert!(always_valid(arm(1_000, 20), arm(1_000, 20), ALPHA, 1).is_some());
    assert_eq!(
        always_valid(arm(1_000, 981), arm(1_000, 980), ALPHA, 1),
        None,
        "nor before 20 do not convert"
    );
    assert_eq!(always_valid(arm(0, 0), arm(1_000, 500), ALPHA, 1), None);
    // A group in which nobody converts is worse all the same.
    assert!(
        always_valid(arm(10_000, 1_000), arm(10_000, 0), ALPHA, 100_000)
            .is_some_and(|peeked| peeked.p < 1e-9)
    );
    assert_eq!(z_test(arm(0, 0), arm(10, 5)), None);
    assert_eq!(detectable(arm(10, 1), 0, ALPHA), None);
    assert_eq!(detectable(arm(10, 9), 10, ALPHA), None, "no rate is high enough");
}

#[test]
fn three_groups_are_each_held_against_the_control() {
    let group = |user: usize| ["A", "B", "C"][user % 3];
    let exposed = crate::ground::exposures((0..30_000).map(|user| (group(user), user, 1)));
    // Of each 100 users of A 10 convert, of B 10, of C 14.
    let reaches = |user: &usize| user / 3 % 100 < [10, 10, 14][user % 3];
    let converted = crate::ground::conversions((0..30_000).filter(reaches).map(|user| (user, 2)));
    let report = Ground::new().with("e", exposed).with("c", converted).report(&["--control", "C"]);
    let goal = &report["experiments"][0]["goals"][0];
    assert_eq!(goal["rates"][0]["group"], "C");
    let comparisons = goal["comparisons"].as_array().expect("comparisons");
    for (comparison, name) in comparisons.iter().zip(["A", "B"]) {
        assert_eq!((&comparison["group"], &comparison["verdict"]), (&name.into(), &"worse".into()));
        let [p, holm] = ["p", "pHolm"].map(|key| comparison[key].as_f64().expect("a p-value"));
        assert!(close(holm, 2.0 * p, 1e-9), "{p}, {holm}: both of them are equal");
        let peeked = &comparison["alwaysValid"];
        assert!(close(peeked["pHolm"].as_f64().expect("p"), 2.0 * peeked["p"].as_f64().expect("p"), 1e-9));
    }
}
