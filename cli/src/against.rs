//! A policy against the one before it: which part of all users moves between which lanes, calculated from the buckets and not
//! sampled, whether the ramp guarantee holds, and what the policy says if it is meant that it does not: that `revision` is raised.

mod finding;
mod gates;
mod moves;
mod overlay;
mod places;
mod proof;
mod report;
mod text;
mod unseen;

use std::collections::{HashMap, HashSet};

use graylane::error::FieldError;
use graylane::plan::{Plan, Segment};
use graylane::policy::{self, Policy};
use graylane::time::Timestamp;

use crate::check::Severity;
pub use crate::guarantee::Guarantee;
pub use proof::Proof;
pub use report::{Changes, File, Release, Revisions, Row, State, Unexplained};

use moves::moves;

/// A policy that is compared.
#[derive(Debug, Clone, Copy)]
pub struct Side<'p> {
    /// How it is called: its file.
    pub name: &'p str,
    /// As it is written.
    pub policy: &'p Policy,
    /// As it decides.
    pub plan: &'p Plan,
}

/// What became of a policy.
#[derive(Debug)]
pub struct Comparison {
    /// What changed.
    pub changes: Changes,
    /// What is wrong with that, with places in the policy as it is now.
    pub findings: Vec<(Severity, FieldError)>,
}

/// Compares two good policies, if the one takes the place of the other `at` a time.
pub fn compare(before: Side<'_>, now: Side<'_>, at: Timestamp) -> Comparison {
    let same_ids = before.plan.knows_users_as(now.plan);
    let is_same_around = same_ids
        && before.policy.layers == now.policy.layers
        && before.policy.holdout == now.policy.holdout
        && before.policy.off == now.policy.off;
    let known: HashMap<&str, (u32, &policy::Release)> =
        named(before.policy).map(|(at, name, one)| (name, (at, one))).collect();
    let mut changes = Changes {
        policy: File::of(now),
        against: File::of(before),
        at: at.to_string(),
        state: State::of(!before.policy.off, !now.policy.off),
        same_ids,
        releases: Vec::new(),
        added: Vec::new(),
        removed: Vec::new(),
        unchanged: 0,
        uncounted: unseen::of_policy(before.policy, now.policy),
    };
    let mut names = HashSet::new();
    for (position, name, written) in named(now.policy) {
        names.insert(name);
        let Some((old_position, old)) = known.get(name) else {
            changes.added.push(name.to_owned());
            continue;
        };
        if is_same_around && *old == written {
            changes.unchanged = changes.unchanged.saturating_add(1);
            continue;
        }
        let segments = before.plan.release(*old_position).zip(now.plan.release(position));
        let Some((was, is)) = segments else { continue };
        let is_on = |side: Side<'_>, segment: &Segment| !side.policy.off && segment.is_on_at(at);
        let release = Release {
            path: format!("releases[{position}]"),
            state: State::of(is_on(before, was), is_on(now, is)),
            ..release(name, (old, was), (written, is), same_ids, at)
        };
        if *old == written && release.is_quiet(changes.state) {
            changes.unchanged = changes.unchanged.saturating_add(1);
        } else {
            changes.releases.push(release);
        }
    }
    let removed = named(before.policy).map(|(_, name, _)| name).filter(|name| !names.contains(name));
    changes.removed.extend(removed.map(str::to_owned));
    let findings = finding::findings(before, now, &changes);
    Comparison { changes, findings }
}

/// What became of a release that both have.
fn release(
    name: &str,
    (old, was): (&policy::Release, &Segment),
    (new, is): (&policy::Release, &Segment),
    same_ids: bool,
    at: Timestamp,
) -> Release {
    let revision = Revisions { before: was.revision(), now: is.revision() };
    Release {
        is_written: new.revision.is_some(),
        sticky: is_remembered(old, new, revision.before == revision.now),
        revision,
        uncounted: unseen::of_release(old, new),
        ..Release::of(name, &moves(was, is, same_ids, at))
    }
}

/// The releases of a policy, with their positions and names.
fn named(policy: &Policy) -> impl Iterator<Item = (u32, &str, &policy::Release)> {
    (0..)
        .zip(&policy.releases)
        .filter_map(|(position, release)| Some((position, release.name.as_deref()?, release)))
}

/// Whether cookies that were set before still count.
fn is_remembered(before: &policy::Release, now: &policy::Release, is_same_revision: bool) -> bool {
    before.sticky.is_some()
        && now
            .sticky
            .as_ref()
            .is_some_and(|sticky| is_same_revision || sticky.revisions == Some(policy::Revisions::Any))
}
