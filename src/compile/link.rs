//! Settings and segments -> a plan: the index over all releases, and what requests may claim under them.
//!
//! A release is compiled without knowing of the others; only here do they meet. A release that is replaced needs a
//! new link, not a new compilation of the others.

use super::split::percent_shown;
use crate::arena::position;
use crate::error::{At, Problem, Quoted};
use crate::gate::{Gate, Outside};
use crate::index::{Conflict, Index};
use crate::limits;
use crate::pattern::Place;
use crate::plan::{Head, Plan, Segment};
use crate::settings::{Claims, Settings};

/// Links the segments of a policy; `at` is the list of its releases.
pub(super) fn link(mut settings: Settings, segments: Vec<Segment>, at: &mut At<'_>) -> Plan {
    let claims = claims(&settings, &segments);
    let count = claims.len() - settings.claims.len();
    if count > limits::OVERRIDE_NAMES {
        let allowed = format_args!(
            "at most {} override headers and cookies in all releases together",
            limits::OVERRIDE_NAMES
        );
        at.error(Problem::TooMany, count, allowed);
    }
    settings.claims = claims;
    sticky_is_no_override(&settings, &segments, at);
    layers_do_not_overlap(&segments, at);
    let mut index = Index::default();
    for release in 0..position(segments.len()) {
        // One message a release: the others would say the same.
        if let Err((place, conflict)) = index.add(&segments, release) {
            report(&place, conflict, &segments, at.index(release as usize).key("match"));
        }
    }
    Plan { settings, index, segments }
}

/// A cookie that overrides is removed at an edge, so it cannot remember.
fn sticky_is_no_override(settings: &Settings, segments: &[Segment], at: &mut At<'_>) {
    for (position, segment) in segments.iter().enumerate() {
        let Some(sticky) = segment.head().sticky else { continue };
        let name = String::from_utf8_lossy(segment.text(sticky.cookie.name));
        if settings.claims.cookies.iter().any(|claim| **claim == *name) {
            let mut at = at.index(position);
            let mut at = at.key("sticky");
            let allowed = "a release has this cookie as an override; a cookie remembers or forces, not both";
            at.key("cookie").key("name").error(Problem::Duplicate, Quoted(&name), allowed);
        }
    }
}

/// Experiments of one layer never share a user, unless they are never on at the same time.
fn layers_do_not_overlap(segments: &[Segment], at: &mut At<'_>) {
    let part_of = |segment: &Segment| {
        let Head { gates, layer, .. } = segment.head();
        let gate = segment.block().list(gates).find(|gate| gate.outside == Outside::Layer)?;
        Some((layer?, gate))
    };
    let parts: Vec<_> = segments
        .iter()
        .enumerate()
        .filter_map(|(position, segment)| Some((position, segment, part_of(segment)?)))
        .collect();
    for (index, (position, segment, (layer, gate))) in parts.iter().enumerate() {
        let meets = |(_, other, (other_layer, other_gate)): &&(usize, &Segment, (u32, Gate))| {
            layer == other_layer
                && gate.from < other_gate.to
                && other_gate.from < gate.to
                && segment.head().during.meets(&other.head().during)
        };
        if let Some((other, other_segment, _)) = parts.iter().take(index).find(meets) {
            let name = String::from_utf8_lossy(other_segment.name());
            let value = format!(
                "{} to {}",
                percent_shown(gate.from, gate.buckets),
                percent_shown(gate.to, gate.buckets)
            );
            let allowed = format_args!(
                "releases[{other}] ({name}) has a part of this in the same layer; give each a part of its own"
            );
            at.index(*position).key("ab").key("traffic").error(Problem::Duplicate, value, allowed);
        }
    }
}

/// What requests may claim: the settings' own, and the overrides of all releases.
fn claims(settings: &Settings, segments: &[Segment]) -> Claims {
    let headers = segments.iter().flat_map(|segment| {
        let (block, Head { overrides, .. }) = (segment.block(), segment.head());
        block.words(overrides.headers).chain(overrides.rules.map(|name| block.text(name)))
    });
    let cookies = segments.iter().flat_map(|segment| segment.block().words(segment.head().overrides.cookies));
    Claims::new(&settings.names, &settings.sources, headers, cookies)
}

fn report(place: &Place<'_>, conflict: Conflict, segments: &[Segment], mut at: At<'_>) {
    match conflict {
        Conflict::Routed(other) => {
            let name = segments.get(other as usize).map_or(&[][..], |segment| segment.name());
            let name = String::from_utf8_lossy(name);
            let allowed = format_args!(
                "releases[{other}] ({name}) routes it already; one release routes a host and path"
            );
            at.error(Problem::Duplicate, place, allowed);
        }
        Conflict::TooManyGroups => {
            let allowed = format_args!("at most {} AB tests without a route", limits::GOVERNING - 1);
            at.error(Problem::TooMany, place, allowed);
        }
    }
}
