//! Lanes that nothing leads to, and lanes that are marked unavailable and serve all the same.

use super::Good;
use crate::arena::LaneId;
use crate::error::At;
use crate::policy::{Follow, Release};

/// Warns of the lanes of a release; `at` is the release.
pub(super) fn warn(release: &Good<'_>, at: &mut At<'_>) {
    not_replaced(release, at);
    not_named(release, at);
}

/// Lanes in whose place none can serve: the default lane has no way out, and theirs leads nowhere either.
fn not_replaced(release: &Good<'_>, at: &mut At<'_>) {
    let (block, segment) = (release.segment.block(), release.segment);
    if !segment.routes() || segment.head().off {
        return;
    }
    let is_open = |id: &LaneId| segment.lane(*id).is_some_and(|lane| !lane.unavailable);
    let fallbacks = |id: LaneId| block.list(segment.lane(id).map(|lane| lane.fallbacks).unwrap_or_default());
    let base = segment.head().base;
    for (index, (id, lane)) in segment.lanes().enumerate() {
        let mut others = fallbacks(id).chain([base]).chain(fallbacks(base));
        if lane.unavailable && !others.any(|other| is_open(&other)) {
            at.key("lanes").index(index).key("unavailable").warning(
                "it serves all the same, since no other lane can: neither its fallbacks, nor the default lane, nor the \
                 fallbacks of that; write a `fallback`",
            );
        }
    }
}

/// Lanes that no decision but by a label can name.
fn not_named(release: &Good<'_>, at: &mut At<'_>) {
    let Release { overrides, lanes, name, .. } = release.written;
    let is_forced =
        !overrides.headers.is_empty() || !overrides.cookies.is_empty() || overrides.rules.is_some();
    // Both lanes of a blue-green release are there to be switched to.
    if is_forced || release.written.blue_green.is_some() {
        return;
    }
    let named = named(release.written);
    let own = name.as_deref().unwrap_or_default();
    let follow = release.written.follow.unwrap_or_default();
    for (index, lane) in lanes.iter().enumerate() {
        let Some(lane_name) = lane.name.as_deref().filter(|name| !named.contains(name)) else { continue };
        let label = match follow {
            // Its labels are written to be followed.
            Follow::Chain | Follow::Own if !lane.labels.is_empty() => continue,
            Follow::Chain => format!("version={lane_name} or {own}.version={lane_name}"),
            Follow::Own => format!("{own}.version={lane_name}"),
            Follow::None => String::new(),
        };
        let lead = if label.is_empty() {
            "nothing leads here".to_owned()
        } else {
            format!("only a traffic label {label} that comes along leads here")
        };
        let mode = if release.written.ab.is_some() { "group" } else { "candidate" };
        at.key("lanes").index(index).warning(format_args!(
            "{lead}: no {mode}, rule, list, fallback or override names the lane; name it, or remove it"
        ));
    }
}

/// The lanes that are named somewhere.
fn named(release: &Release) -> Vec<&str> {
    let mut named = Vec::new();
    if let Some(ab) = &release.ab {
        named.extend(ab.groups.iter().filter_map(|group| group.lane.as_deref()));
    }
    if let Some(canary) = &release.canary {
        named.extend(canary.stable.as_deref());
        named.extend(canary.candidates.iter().filter_map(|candidate| candidate.lane.as_deref()));
    }
    named.extend(release.rules.iter().filter_map(|rule| rule.lane.as_deref()));
    named.extend(release.allow.iter().filter(|(_, ids)| !ids.is_empty()).map(|(lane, _)| lane));
    named.extend(release.lanes.iter().flat_map(|lane| &lane.fallback).map(String::as_str));
    named
}
