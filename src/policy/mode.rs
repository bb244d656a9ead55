//! The three modes: what moves traffic.

use super::{Condition, Cookie};
use crate::read::written;

written! {
    /// The AB mode: groups with weights.
    pub struct Ab {
        /// Decides who is in which group, together with the gray id. Required; a new salt deals everybody anew.
        salt: Option<String> [required],
        /// The groups. Weights are percentages of everybody and add up to 100.
        groups: Vec<Group>,
        /// The lane of everybody who is in no other group; default: the first group's.
        control: Option<String>,
        /// `false` only names the group and leaves the lane to another release. Default `true`.
        route: Option<bool>,
        /// Tells the client its group in a cookie.
        cookie: Option<Cookie>,
    }
}

written! {
    /// A group of an AB test.
    pub struct Group {
        /// The lane of the group. Required.
        lane: Option<String> [required],
        /// Its share of everybody in percent, in steps of 0.01. Required, except for the control group.
        weight: Option<f64>,
        /// The part of the bucket space that the group may fill; default: equal parts. See docs/architecture.
        slot: Option<Slot>,
    }
}

written! {
    /// The canary mode: one stable lane, one or more candidates with a percentage.
    pub struct Canary {
        /// The lane of everybody else. Required.
        stable: Option<String> [required],
        /// The lanes on trial.
        candidates: Vec<Candidate>,
        /// Decides who goes first, together with the gray id; default: the name of the release.
        salt: Option<String>,
    }
}

written! {
    /// A lane on trial.
    pub struct Candidate {
        /// The lane. Required.
        lane: Option<String> [required],
        /// Its share of everybody in percent, in steps of 0.01. Required.
        percent: Option<f64> [required],
        /// The part of the bucket space that the candidate may fill; default: equal parts.
        slot: Option<Slot>,
    }
}

written! {
    /// A part of the bucket space, in percent: `from` is in, `to` is not.
    pub struct Slot {
        /// Where it starts, 0 to 100 in steps of 0.01. Required.
        from: Option<f64> [required],
        /// Where it ends, 0 to 100 in steps of 0.01. Required.
        to: Option<f64> [required],
    }
}

written! {
    /// The blue-green mode: two lanes, one active.
    pub struct BlueGreen {
        /// The lane of everybody. Required.
        active: Option<String> [required],
        /// Who sees the idle lane before the switch.
        preview: Option<Preview>,
    }
}

written! {
    /// Who sees the idle lane before the switch.
    pub struct Preview {
        /// The condition. Required.
        when: Option<Condition> [required],
    }
}
