//! Who contradicts whom about the group of a user.

use std::collections::BTreeMap;

use serde::Serialize;

/// Two that say in which group a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// `ab_group` of a conversion, and its X-Abtest-Id.
    GroupAndId,
    /// `ab_group` of a conversion, and the exposure of its user.
    GroupAndExposure,
    /// The X-Abtest-Id of a conversion, and the exposure of its user.
    IdAndExposure,
    /// An exposure by the split, and the policy.
    ExposureAndPolicy,
    /// `ab_group` of a conversion, and the policy.
    GroupAndPolicy,
    /// The X-Abtest-Id of a conversion, and the policy.
    IdAndPolicy,
}

impl Kind {
    /// In words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Kind::GroupAndId => "ab_group is not that of the X-Abtest-Id",
            Kind::GroupAndExposure => "ab_group is not that of the exposure",
            Kind::IdAndExposure => "the X-Abtest-Id is not that of the exposure",
            Kind::ExposureAndPolicy => "the group of an exposure is not that of the policy",
            Kind::GroupAndPolicy => "ab_group is not that of the policy",
            Kind::IdAndPolicy => "the group of the X-Abtest-Id is not that of the policy",
        }
    }
}

/// So many examples of a kind are kept.
const EXAMPLES: usize = 3;

/// How often two contradict each other, with a few examples.
#[derive(Debug, Clone, Default)]
pub(super) struct Mismatches(BTreeMap<Kind, (u64, Vec<String>)>);

/// Two that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Which two.
    pub kind: Kind,
    /// In how many rows.
    pub rows: u64,
    /// Some of them.
    pub examples: Vec<String>,
}

impl Mismatches {
    /// Notes one, of which `example` may be shown.
    pub(super) fn add(&mut self, kind: Kind, example: impl FnOnce() -> String) {
        let (count, examples) = self.0.entry(kind).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.push(example());
        }
    }

    /// All of them, by kind.
    pub(super) fn all(self) -> Vec<Mismatch> {
        let all = self.0.into_iter();
        all.map(|(kind, (rows, examples))| Mismatch { kind, rows, examples }).collect()
    }
}
