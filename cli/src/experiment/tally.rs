//! What is counted of experiments.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::mismatch::Mismatches;

/// So many points in time are told of.
pub(super) const POINTS: usize = 60;

/// All counts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By the number of the experiment in its revision.
    pub(super) variants: BTreeMap<u16, VariantTally>,
    /// Conversions of users of whom there is no exposure.
    pub(super) not_exposed: u64,
    /// Conversions of users whose exposures were all forced.
    pub(super) forced_alone: u64,
    pub(super) mismatches: Mismatches,
}

/// What was counted of an experiment in a revision.
#[derive(Debug, Default)]
pub(super) struct VariantTally {
    /// By the number of the group.
    pub(super) groups: BTreeMap<u16, GroupTally>,
    /// Users who were seen in several groups.
    pub(super) crossover: u64,
    /// Users by the reason that forced their group, and the group.
    pub(super) forced: BTreeMap<(u8, u16), u64>,
    /// Users who are randomised, and were forced into a group at another time.
    pub(super) also_forced: u64,
    /// Exposures beyond the first of each user.
    pub(super) repeated_exposures: u64,
    pub(super) conversions: Conversions,
    /// From the first exposure to the last, of those with a time.
    pub(super) span: Option<(i64, i64)>,
}

/// What became of the conversions of users who are randomised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversions {
    /// The first of its user and goal.
    pub counted: u64,
    /// Further ones of a user to the same goal.
    pub repeated: u64,
    /// Those before the exposure.
    pub before_exposure: u64,
    /// Those of users who were seen in several groups.
    pub crossover: u64,
}

/// What was counted of a group.
#[derive(Debug, Default)]
pub(super) struct GroupTally {
    /// All who were first seen in it.
    pub(super) exposed: u64,
    /// Those who were seen in no other.
    pub(super) users: u64,
    /// When these were exposed, by points in time.
    pub(super) at: Vec<u64>,
    /// By the number of the goal.
    pub(super) goals: HashMap<u16, GoalTally>,
}

/// What was counted of a goal.
#[derive(Debug, Default)]
pub(super) struct GoalTally {
    /// The users who reached it.
    pub(super) conversions: u64,
    /// When, by points in time.
    pub(super) at: Vec<u64>,
}

/// Points in time at the same distance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    first: i64,
    step: i64,
}

impl Clock {
    pub(super) fn new(span: Option<(i64, i64)>) -> Self {
        let (first, last) = span.unwrap_or_default();
        let points = i64::try_from(POINTS).unwrap_or(1);
        Clock { first, step: (last.saturating_sub(first) / points).saturating_add(1) }
    }

    pub(super) fn point(&self, time: Option<i64>) -> usize {
        let since = time.map_or(0, |time| time.saturating_sub(self.first).max(0) / self.step);
        usize::try_from(since).unwrap_or(0).min(POINTS - 1)
    }

    /// When a point is over.
    pub(super) fn end(&self, point: usize) -> i64 {
        let number = i64::try_from(point).unwrap_or_default().saturating_add(1);
        self.first.saturating_add(self.step.saturating_mul(number))
    }
}

/// Counts one at a point in time.
pub(super) fn count_at(points: &mut Vec<u64>, point: usize) {
    points.resize(POINTS, 0);
    if let Some(count) = points.get_mut(point) {
        *count += 1;
    }
}
