//! What became of a policy, as data.

use serde::Serialize;

use super::moves::Moves;
use super::{Guarantee, Proof, Side};

/// What became of a policy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    /// The policy.
    pub policy: File,
    /// The policy before it.
    pub against: File,
    /// When the one takes the place of the other, RFC 3339 in UTC. Shares are those of this time.
    pub at: String,
    /// Whether the policy as a whole is on.
    pub state: State,
    /// Whether both know users by the same ids; if not, everybody is dealt anew.
    pub same_ids: bool,
    /// The releases of both that are written differently, or that what is said for all of them may change.
    pub releases: Vec<Release>,
    /// Releases that the policy before did not have.
    pub added: Vec<String>,
    /// Releases that only the policy before had.
    pub removed: Vec<String>,
    /// How many releases are what they were.
    pub unchanged: usize,
    /// Keys for all releases that differ, of those that say what of a request counts.
    pub uncounted: Vec<&'static str>,
}

/// A policy file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// Its name.
    pub file: String,
    /// The version that the policy says.
    pub version: u64,
}

impl File {
    pub(super) fn of(side: Side<'_>) -> Self {
        File { file: side.name.to_owned(), version: side.policy.version }
    }
}

/// What became of a release.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "facts for programs to read, each true or not by itself")]
pub struct Release {
    /// Its name.
    pub name: String,
    /// The name that it had, where it was another: it governs a host and path that one that is gone governed.
    pub name_before: Option<String>,
    /// Where it stands in the policy: `releases[3]`.
    pub path: String,
    /// Its revision.
    pub revision: Revisions,
    /// Whether the revision is written.
    #[serde(skip)]
    pub is_written: bool,
    /// Whether it is on.
    pub state: State,
    /// Whether the ramp guarantee holds.
    pub guarantee: Guarantee,
    /// For when that was proved.
    pub proved: Proof,
    /// Which part of all users is elsewhere now, in percent.
    pub moved_percent: f64,
    /// The lanes, those of the policy before first. `null` is no part of the experiment.
    pub lanes: Vec<Option<String>>,
    /// For each of these lanes, its users before: what becomes of them.
    pub from: Vec<Row>,
    /// The moves that no share asks for.
    pub unexplained: Vec<Unexplained>,
    /// Whether it splits, before or now.
    #[serde(skip)]
    pub splits: bool,
    /// Whether cookies keep users where they are, as long as the lane is open. They are counted as if they had none.
    pub sticky: bool,
    /// Whether cookies that kept users where they were count no longer.
    pub forgets: bool,
    /// Whether they would not if the revision was raised.
    #[serde(skip)]
    pub revision_forgets: bool,
    /// Whether gates come before cookies: a layer, `traffic`, a holdout.
    #[serde(skip)]
    pub is_gated: bool,
    /// Keys that differ, of those that place users by what their requests are like, or say where they are sent: whom that moves, no
    /// policy tells.
    pub uncounted: Vec<&'static str>,
}

/// The revision of a release.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Revisions {
    /// Before.
    pub before: u32,
    /// Now.
    pub now: u32,
}

/// Whether a release, or a policy, is on. One that is off leaves its requests alone; what moves is calculated as if it was on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// It was and is.
    On,
    /// It was not and is.
    SwitchedOn,
    /// It was and is not.
    SwitchedOff,
    /// It was not and is not.
    StillOff,
}

impl State {
    pub(super) fn of(was_on: bool, is_on: bool) -> Self {
        match (was_on, is_on) {
            (true, true) => State::On,
            (false, true) => State::SwitchedOn,
            (true, false) => State::SwitchedOff,
            (false, false) => State::StillOff,
        }
    }
}

/// What becomes of the users of one lane.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The lane.
    pub lane: Option<String>,
    /// Its part of all users before, in percent.
    pub percent: f64,
    /// The part of all users that leaves it, in percent.
    pub moved_percent: f64,
    /// For each lane, the part of all users that was here and is there now, in percent.
    pub to_percent: Vec<f64>,
}

/// A move that no share asks for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unexplained {
    /// The lane before.
    pub from: Option<String>,
    /// The lane now.
    pub to: Option<String>,
    /// The part of all users, in percent.
    pub percent: f64,
}

impl Release {
    pub(super) fn of(name: &str, found: &Moves) -> Self {
        let shown = found.shown();
        let lane = |place: &usize| found.places.get(*place).cloned().flatten();
        let row = |from: &usize| Row {
            lane: lane(from),
            percent: rounded(found.before(*from)),
            moved_percent: rounded(found.leaving(*from)),
            to_percent: shown.iter().map(|to| rounded(found.cell(*from, *to))).collect(),
        };
        let unexplained = found.unexplained.iter().map(|(from, to, share)| Unexplained {
            from: lane(from),
            to: lane(to),
            percent: rounded(*share),
        });
        Release {
            name: name.to_owned(),
            name_before: None,
            path: String::new(),
            revision: Revisions::default(),
            is_written: false,
            state: State::On,
            guarantee: found.guarantee,
            proved: found.proof,
            moved_percent: rounded((0..found.places.len()).map(|from| found.leaving(from)).sum()),
            lanes: shown.iter().map(lane).collect(),
            from: shown.iter().map(row).collect(),
            unexplained: unexplained.collect(),
            splits: found.splits,
            sticky: false,
            forgets: false,
            revision_forgets: false,
            is_gated: found.is_gated,
            uncounted: Vec::new(),
        }
    }

    /// Whether there is nothing to say of it but that it changed; `around` is the state of the policy, which is said once.
    pub(super) fn is_quiet(&self, around: State) -> bool {
        (self.state == State::On || self.state == around)
            && self.revision.before == self.revision.now
            && !self.moves()
            && self.counts_all()
            && self.name_before.is_none()
            && self.proved == Proof::FromThenOn
    }

    /// Whether who moves is known from the buckets alone.
    pub(super) fn counts_all(&self) -> bool {
        self.uncounted.is_empty() && !self.forgets
    }

    /// Whether somebody moves, however few.
    pub(super) fn moves(&self) -> bool {
        self.moved_percent > 0.0 || !self.unexplained.is_empty()
    }
}

/// A part of 1 in percent, with six digits after the point: a bucket of a bucket is 10^-6 %.
pub(super) fn rounded(share: f64) -> f64 {
    (share * 1e8).round() / 1e6
}

/// Percent as people read them. What is there is never told as nothing.
pub(super) fn percent_told(percent: f64) -> String {
    if percent > 0.0 { format!("{percent} %") } else { "less than 0.000001 %".to_owned() }
}
