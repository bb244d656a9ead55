//! Shares that are nothing: users that nobody can be, and lanes that can never have one.

use super::Good;
use crate::arena::Arena;
use crate::compile::hash::hash;
use crate::error::{At, Path, PolicyErrors};
use crate::plan::Head;
use crate::policy::{Ab, Candidate, Hash, Layout, Point, Preset, Ramp, Traffic};
use crate::split::equal_parts;
use crate::time::Timestamp;

/// Warns of shares of a release that are nothing; `at` is the release.
pub(super) fn warn(release: &Good<'_>, at: &mut At<'_>) {
    if let Some(ab) = &release.written.ab {
        let at = &mut at.key("ab");
        experiment(ab, at);
        let slots = ab.groups.iter().map(|group| group.slots.len()).sum();
        no_room(release, ab.hash.as_ref(), ab.groups.len().saturating_sub(1), slots, &mut at.key("groups"));
    }
    if let Some(canary) = &release.written.canary {
        let at = &mut at.key("canary");
        let slots = canary.candidates.iter().map(|candidate| candidate.slots.len()).sum();
        let at = &mut at.key("candidates");
        no_room(release, canary.hash.as_ref(), canary.candidates.len(), slots, at);
        for (index, candidate) in canary.candidates.iter().enumerate() {
            ramp(candidate, release.segment.head().during.until, &mut at.index(index));
        }
    }
    let Head { drain, during, .. } = release.segment.head();
    if drain.zip(during.from).is_some_and(|(drain, from)| drain <= from) {
        let at = &mut at.key("blueGreen");
        at.key("drain").key("until").warning("nobody is drained: this is over before the release is on");
    }
}

/// Whether a percentage is everybody.
pub(super) fn is_all(percent: f64) -> bool {
    percent >= 100.0
}

fn experiment(ab: &Ab, at: &mut At<'_>) {
    foreign_ranges(ab, at);
    if is_all(ab.holdout) {
        at.key("holdout").warning("everybody is held out: the split gives the experiment nobody");
    }
    let nobody = |traffic: &Traffic| traffic.to.is_some_and(|to| to <= traffic.from);
    if ab.traffic.as_ref().is_some_and(nobody) {
        let at = &mut at.key("traffic");
        at.key("to")
            .warning("the split gives the experiment nobody: its part ends where it starts; widen it");
    }
}

/// Groups without the ranges that another system keeps: control comes first there, and fills what others leave here.
fn foreign_ranges(ab: &Ab, at: &mut At<'_>) {
    use Preset::{GrowthbookV1, GrowthbookV2, Optimizely};
    let has_ranges = ab.groups.iter().any(|group| !group.slots.is_empty());
    let preset = ab.hash.as_ref().and_then(|hash| hash.preset);
    let is_foreign = preset.is_some_and(|preset| matches!(preset, Optimizely | GrowthbookV1 | GrowthbookV2));
    if is_foreign && !has_ranges && layout(ab.hash.as_ref()) == Layout::Slots {
        at.key("groups").warning(
            "users get other groups than there: that system has a range for each; write them as `slots`",
        );
    }
}

/// Lanes that share fewer buckets than they are.
fn no_room(release: &Good<'_>, written: Option<&Hash>, lanes: usize, slots: usize, at: &mut At<'_>) {
    let Some(split) = release.segment.head().split.filter(|_| slots == 0) else { return };
    let has_room = equal_parts(lanes, split.buckets).next().is_none_or(|(_, size)| size > 0);
    if !has_room && layout(written) == Layout::Slots {
        let buckets = split.buckets;
        at.warning(format_args!(
            "the split gives these {lanes} lanes nobody: they share {buckets} buckets equally; write more `buckets`, \
             or slots"
        ));
    }
}

fn layout(written: Option<&Hash>) -> Layout {
    let mut errors = PolicyErrors::default();
    hash(written, 0, None, &mut Arena::default(), &mut At::new(Path::Root, &mut errors)).layout
}

/// A ramp of a release that is on until then.
fn ramp(candidate: &Candidate, until: Option<Timestamp>, at: &mut At<'_>) {
    let Some(ramp) = &candidate.ramp else { return };
    let (Ramp::Steps(points) | Ramp::Linear(points)) = ramp;
    let is_nothing = |point: &Point| point.percent == Some(0.0);
    let is_too_late = |point: &Point| {
        let from = point.at.as_deref().and_then(Timestamp::parse);
        from.zip(until).is_some_and(|(from, until)| until <= from)
    };
    if points.iter().all(is_nothing) {
        at.key("ramp").warning("the share never leaves 0; write a point above it");
    } else if matches!(ramp, Ramp::Steps(_))
        && points.iter().all(|point| is_nothing(point) || is_too_late(point))
    {
        at.key("ramp")
            .warning("the share never leaves 0 while the release is on: its first step is when that is over");
    }
}
