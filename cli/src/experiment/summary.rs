//! What a report says, as data.

use serde::Serialize;

use super::intake::{Malformed, Rows};
use super::mismatch::Mismatch;
use super::statistics::Interval;
use super::tally::Conversions;
use super::verdict::Verdict;
use crate::chance::Judgement;

/// What exposures and conversions say of experiments.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether every result may be believed.
    pub good: bool,
    /// Intervals have a confidence of `1 - alpha`, and p-values below it count.
    pub alpha: f64,
    /// The number of users at which always-valid intervals are the tightest.
    pub planned_users: u64,
    /// What was read.
    pub rows: Rows,
    /// Bytes that were written to a temporary file, which went with the report.
    pub spilled_bytes: u64,
    /// The first rows that could not be read.
    pub malformed: Vec<Malformed>,
    /// Conversions of users of whom there is no exposure.
    pub not_exposed: u64,
    /// Conversions of users whose group was forced, and never drawn.
    pub forced_alone: u64,
    /// Who contradicts whom about the group of a user.
    pub mismatches: Vec<Mismatch>,
    /// What is to be known of the whole.
    pub notes: Vec<String>,
    /// The experiments, each in each of its revisions.
    pub experiments: Vec<Experiment>,
}

/// An experiment in one of its revisions.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Experiment {
    /// Its name.
    pub name: String,
    /// Its revision: another one deals users anew.
    pub revision: u32,
    /// The first exposure, RFC 3339 in UTC; `null` where exposures have no times.
    pub from: Option<String>,
    /// The last user's first exposure.
    pub to: Option<String>,
    /// The group that the others are held against.
    pub control: String,
    /// Why the result must not be believed; nothing where it may.
    pub doubts: Vec<String>,
    /// Unique users by group beside the shares that they should have.
    pub sample_ratio: SampleRatio,
    /// Users who were seen in several groups, and are left out.
    pub crossover: Crossover,
    /// Users whose group was forced, and not drawn; they are left out.
    pub forced: Vec<Forced>,
    /// Users who count, and were forced into a group at another time.
    pub also_forced: u64,
    /// Exposures beyond the first of each user.
    pub repeated_exposures: u64,
    /// What became of the conversions of its users.
    pub conversions: Conversions,
    /// The goals.
    pub goals: Vec<Goal>,
}

/// Whether the groups are as large as they should be.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SampleRatio {
    /// The test.
    pub judgement: Judgement,
    /// Who says what to expect.
    pub expected_by: String,
    /// The groups, the control first.
    pub groups: Vec<Share>,
}

/// The size of a group.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// The group.
    pub group: String,
    /// The users who were first seen in it.
    pub users: u64,
    /// These in percent.
    pub percent: f64,
    /// What they should be; `null` where nobody says.
    pub expected_percent: Option<f64>,
}

/// Users who were seen in several groups.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Crossover {
    /// How many.
    pub users: u64,
    /// These as a part of all, in percent.
    pub percent: f64,
    /// Whether they are too many.
    pub alarm: bool,
}

/// Users whose group was forced.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forced {
    /// By what: the reason of the decision.
    pub reason: String,
    /// Into which group.
    pub group: String,
    /// How many.
    pub users: u64,
}

/// What is counted as a success.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Goal {
    /// The name of the event.
    pub name: String,
    /// The groups, the control first.
    pub rates: Vec<Rate>,
    /// The other groups beside the control.
    pub comparisons: Vec<Comparison>,
    /// What it comes to, in a line.
    pub verdict: String,
}

/// How many users of a group converted.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// The group.
    pub group: String,
    /// The users.
    pub users: u64,
    /// Those who converted.
    pub conversions: u64,
    /// These as a part of 1.
    pub rate: f64,
    /// The interval of the rate, by Wilson.
    pub interval: Interval,
}

/// A group beside the control. Rates and differences are parts of 1.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The group.
    pub group: String,
    /// What it comes to.
    pub verdict: Verdict,
    /// The same in words; empty where the result must not be believed.
    pub says: String,
    /// Its rate less that of the control.
    pub difference: f64,
    /// The interval of the difference, by Newcombe.
    pub interval: Interval,
    /// The difference as a part of the control's rate; `null` where one of them has no conversions.
    pub lift: Option<f64>,
    /// The interval of the lift, by Katz.
    pub lift_interval: Option<Interval>,
    /// Of one look at a number of users that was fixed before: the p-value of the z test.
    pub p: Option<f64>,
    /// The same, with the correction of Holm for as many groups as there are.
    pub p_holm: Option<f64>,
    /// Of any number of looks; `null` while there are too few users.
    pub always_valid: Option<Peeked>,
    /// The lift that would be found with a power of 80 % by one look at as many users.
    pub detectable_lift: Option<f64>,
    /// How the difference came about, where there are times.
    pub series: Vec<Point>,
}

/// What may be looked at any number of times.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Peeked {
    /// The p-value.
    pub p: f64,
    /// The same, with the correction of Holm for as many groups as there are.
    pub p_holm: f64,
    /// The interval of the difference.
    pub interval: Interval,
}

/// The difference as it was known at a point in time.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// The difference.
    pub difference: f64,
    /// The always-valid interval; `null` while there were too few users.
    pub interval: Option<Interval>,
}
