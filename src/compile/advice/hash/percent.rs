//! `percent` tests that are drawn as splits and gates are.

use crate::error::At;
use crate::plan::Mode;
use crate::policy::{Condition, PercentTest, Policy, Rule};

use super::super::Good;
use super::place::Place;
use super::{Alike, COMPARED, Draw, are_on_together, dealt_alike, hand_in_hand, of_release, share_no_user};

/// Warns of the tests of a release; `drawn_by` is what has that salt and is drawn as a test is, and `at` is the release.
pub(super) fn warn<'a>(
    policy: &Policy,
    release: &Good<'_>,
    drawn_by: &dyn Fn(&str) -> Option<&'a Alike<'a, 'a>>,
    at: &mut At<'_>,
) {
    release.conditions(at, &mut |condition, rule, at| {
        percents(condition, at, &mut |test, at| {
            if let Some(alike) = test.salt.as_deref().and_then(drawn_by) {
                test_alike(policy, release, rule, alike, &mut at.key("salt"));
            }
        });
    });
}

/// Hands each `percent` test of a condition to `each`; `at` is the condition.
fn percents(written: &Condition, at: &mut At<'_>, each: &mut dyn FnMut(&PercentTest, &mut At<'_>)) {
    if let Some(test) = &written.percent {
        each(test, &mut at.key("percent"));
    }
    for (key, conditions) in [("all", &*written.all), ("any", &*written.any)] {
        let at = &mut at.key(key);
        for (index, condition) in conditions.iter().enumerate() {
            percents(condition, &mut at.index(index), each);
        }
    }
    if let Some(condition) = &written.not {
        percents(condition, &mut at.key("not"), each);
    }
}

/// Warns of a `percent` test of a release that is drawn as these are; `rule` is the rule that it is of, and `at` is its salt.
fn test_alike(
    policy: &Policy,
    release: &Good<'_>,
    rule: Option<&Rule>,
    alike: &Alike<'_, '_>,
    at: &mut At<'_>,
) {
    // A rule that gives a candidate the first users early goes hand in hand with what the canary does later.
    let is_early = |split: &Draw<'_, '_>| {
        let mut candidates = split.release.written.canary.iter().flat_map(|canary| &canary.candidates);
        let lane = rule.and_then(|rule| rule.lane.as_ref());
        lane.is_some() && candidates.any(|candidate| candidate.lane.as_ref() == lane)
    };
    let is_mixed = |split: &&Draw<'_, '_>| {
        let is_experiment = [release, split.release].iter().any(|one| one.segment.head().mode == Mode::Ab);
        // Rules come before the parts of experiments.
        let may_meet = rule.is_some() || !share_no_user(release, split.release);
        is_experiment && may_meet && are_on_together(release, split.release)
    };
    let gate = of_release(&alike.gates, release.position).first().and_then(Place::of);
    if let Some(split) = of_release(&alike.splits, release.position).first() {
        if !is_early(split) {
            at.warning(dealt_alike(split.release));
        }
    } else if let Some(gate) = gate {
        at.warning(hand_in_hand(gate, policy));
    } else if let Some(split) = alike.splits.iter().take(COMPARED).find(is_mixed) {
        at.warning(format_args!("{}, unless the same users are meant", dealt_alike(split.release)));
    }
}
