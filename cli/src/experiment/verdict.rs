//! What the figures come to.

use serde::Serialize;

use super::statistics::POWER;
use super::summary::{Comparison, Crossover, SampleRatio};
use crate::chance;

/// Beyond this part of all users, those who were seen in several groups are too many: whoever left them is then hardly left by
/// chance.
pub const CROSSOVER: f64 = 0.01;
/// Before there are so many of them, nothing is said.
pub(super) const CROSSOVERS: u64 = 8;

/// What is said of a single group.
pub(super) const ALONE: &str = "there is one group alone, and nothing to compare it with";

/// Why a result must not be believed, by the sizes of its groups and the users in several of them.
pub(super) fn doubts(ratio: &SampleRatio, crossover: &Crossover) -> Vec<String> {
    let mut doubts = Vec::new();
    if ratio.judgement.verdict == chance::Verdict::NotAsExpected {
        doubts.push("the groups are not as large as they should be".to_owned());
    }
    if crossover.alarm {
        doubts.push(format!("{:.2} % of the users were seen in several groups", crossover.percent));
    }
    doubts
}

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// The group does better, however often it was looked at.
    Better,
    /// The group does worse, however often it was looked at.
    Worse,
    /// The group does better, if this is the one look that was planned.
    BetterAtOneLook,
    /// The group does worse, if this is the one look that was planned.
    WorseAtOneLook,
    /// No difference is shown yet.
    Open,
    /// There is nothing to compare yet.
    TooFew,
}

impl Verdict {
    /// Judges a comparison.
    pub(super) fn of(comparison: &Comparison, alpha: f64) -> Self {
        let is_better = comparison.difference > 0.0;
        let is_found = |p: Option<f64>| p.is_some_and(|p| p < alpha);
        match comparison.p_holm {
            None => Verdict::TooFew,
            _ if is_found(comparison.always_valid.map(|peeked| peeked.p_holm)) => {
                if is_better {
                    Verdict::Better
                } else {
                    Verdict::Worse
                }
            }
            p if is_found(p) => {
                if is_better {
                    Verdict::BetterAtOneLook
                } else {
                    Verdict::WorseAtOneLook
                }
            }
            Some(_) => Verdict::Open,
        }
    }
}

impl Verdict {
    /// Whether it is a difference, however often it was looked at.
    pub(super) fn is_decided(self) -> bool {
        matches!(self, Verdict::Better | Verdict::Worse)
    }
}

/// A comparison in words.
pub(super) fn words(comparison: &Comparison, control: &str) -> String {
    let Comparison { group, verdict, difference, interval, always_valid, .. } = comparison;
    let points = |part: f64| format!("{:+.2}", part * 100.0);
    let told =
        |low: f64, high: f64| format!("{} pp ({} to {})", points(*difference), points(low), points(high));
    let once = told(interval.low, interval.high);
    match verdict {
        Verdict::Better | Verdict::Worse => {
            let interval = always_valid.map_or(*interval, |peeked| peeked.interval);
            let word = if *verdict == Verdict::Better { "better" } else { "worse" };
            format!(
                "{group} is {word} than {control}: {}, also when peeked at",
                told(interval.low, interval.high)
            )
        }
        Verdict::BetterAtOneLook | Verdict::WorseAtOneLook => {
            let word = if *verdict == Verdict::BetterAtOneLook { "better" } else { "worse" };
            format!(
                "{group} is {word} than {control}: {once}, if this is the one look that was planned; not yet when peeked at"
            )
        }
        Verdict::Open => {
            let found = comparison.detectable_lift.map_or_else(String::new, |lift| {
                format!(
                    "; with this many users a lift of {:.1} % would be found with {:.0} % power",
                    lift * 100.0,
                    POWER * 100.0
                )
            });
            format!("no difference of {group} and {control} shown yet: {once}{found}")
        }
        Verdict::TooFew => format!("nothing to compare {group} and {control} by yet"),
    }
}
