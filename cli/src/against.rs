//! A policy against the one before it: which part of all users moves between which lanes, calculated from the buckets and not
//! sampled, whether the ramp guarantee holds, and what the policy says if it is meant that it does not: that `revision` is raised.

mod finding;
mod gates;
mod moves;
mod overlay;
mod pairs;
mod places;
mod proof;
mod report;
mod text;
mod unseen;

use graylane::error::FieldError;
use graylane::plan::{Plan, Segment};
use graylane::policy::{Policy, Revisions as Counted};
use graylane::time::Timestamp;

use crate::check::Severity;
pub use crate::guarantee::Guarantee;
pub(crate) use gates::GateChanges;
pub use proof::Proof;
pub use report::{Changes, File, Release, Revisions, Row, State, Unexplained};

use moves::moves;
use pairs::{Named, Pairs};

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
    let Pairs { both, added, removed } = Pairs::of(before.policy, now.policy);
    let names = |ones: Vec<Named<'_>>| ones.into_iter().map(|one| one.name.to_owned()).collect();
    let mut changes = Changes {
        policy: File::of(now),
        against: File::of(before),
        at: at.to_string(),
        state: State::of(!before.policy.off, !now.policy.off),
        same_ids,
        releases: Vec::new(),
        added: names(added),
        removed: names(removed),
        unchanged: 0,
        uncounted: unseen::of_policy(before.policy, now.policy),
    };
    for (old, new) in both {
        if is_same_around && old.written == new.written {
            changes.unchanged = changes.unchanged.saturating_add(1);
            continue;
        }
        let segments = before.plan.release(old.position).zip(now.plan.release(new.position));
        let Some((was, is)) = segments else { continue };
        let is_on = |side: Side<'_>, segment: &Segment| !side.policy.off && segment.is_on_at(at);
        let release = Release {
            state: State::of(is_on(before, was), is_on(now, is)),
            ..release((old, was), (new, is), same_ids, at)
        };
        if old.written == new.written && release.is_quiet(changes.state) {
            changes.unchanged = changes.unchanged.saturating_add(1);
        } else {
            changes.releases.push(release);
        }
    }
    let findings = finding::findings(before, now, &changes);
    Comparison { changes, findings }
}

/// What became of a release that both have.
fn release(
    (old, was): (Named<'_>, &Segment),
    (new, is): (Named<'_>, &Segment),
    same_ids: bool,
    at: Timestamp,
) -> Release {
    let is_remembered = is_remembered((old, was), (new, is), same_ids);
    Release {
        path: format!("releases[{}]", new.position),
        name_before: (old.name != new.name).then(|| old.name.to_owned()),
        is_written: new.written.revision.is_some(),
        sticky: is_remembered && has_open_lanes(new, at),
        forgets: old.written.sticky.is_some() && !is_remembered,
        revision_forgets: is_remembered && !counts_any_revision(new),
        revision: Revisions { before: was.revision(), now: is.revision() },
        uncounted: unseen::of_release(old.written, new.written),
        ..Release::of(new.name, &moves(was, is, same_ids, at))
    }
}

/// Whether a cookie can keep somebody in another lane than shares or the active lane say: in a blue-green release only while it drains.
fn has_open_lanes(new: Named<'_>, at: Timestamp) -> bool {
    new.written.blue_green.as_ref().is_none_or(|mode| {
        let until = mode.drain.as_ref().and_then(|drain| Timestamp::parse(drain.until.as_ref()?));
        until.is_some_and(|until| at < until)
    })
}

/// Whether cookies that were set before still count.
fn is_remembered(
    (old, was): (Named<'_>, &Segment),
    (new, is): (Named<'_>, &Segment),
    same_ids: bool,
) -> bool {
    let (Some(before), Some(now)) = (&old.written.sticky, &new.written.sticky) else { return false };
    // A cookie says the release, its revision and the lane, and with a key an id belongs to it.
    old.name == new.name
        && before.cookie.name.as_ref().map_or_else(|| format!("gray_{}", old.name), String::clone)
            == now.cookie.name.as_ref().map_or_else(|| format!("gray_{}", new.name), String::clone)
        && before.key == now.key
        && (same_ids || now.key.is_none())
        && (was.revision() == is.revision() || counts_any_revision(new))
}

/// Whether cookies of other revisions count as well.
fn counts_any_revision(release: Named<'_>) -> bool {
    let sticky = release.written.sticky.as_ref();
    sticky.is_some_and(|sticky| sticky.revisions == Some(Counted::Any))
}
