//! AB tests without a route that others shadow: a request is governed by so many releases at most, and the least
//! specific are passed over.
//!
//! The index itself is asked, for one request of each place that matches nothing more than it must. Whatever wins there wins for
//! every request of the place: more specific places can only bring more to the front.

use std::collections::{BTreeMap, HashSet};

use super::nested::{Host, Owned, Path, Places, host_holds, meets, path_holds};
use super::{Good, Steps, more};
use crate::error::At;
use crate::limits;
use crate::pattern::{HostKind, PathKind, Place};
use crate::plan::Plan;

/// Where a release is shadowed.
struct Shadowed {
    /// The first place, and which releases win there.
    told: String,
    /// How many places more there are.
    more: usize,
}

/// Warns of AB tests that are passed over at a place that they match; `at` is the list of releases.
pub(super) fn warn(plan: &Plan, good: &[Good<'_>], steps: &mut Steps, at: &mut At<'_>) {
    let tests = || good.iter().filter(|release| !release.segment.routes());
    if tests().count() < limits::GOVERNING {
        return;
    }
    let places = Places::of(tests());
    let mut shadowed: BTreeMap<usize, Shadowed> = BTreeMap::new();
    let mut seen = HashSet::new();
    for host in tests().flat_map(|release| release.segment.places().map(|place| place.host)) {
        if seen.insert((host.kind as u8, host.host, host.port)) {
            under(host, plan, &places, steps, &mut shadowed);
        }
    }
    for (position, Shadowed { told, more: count }) in shadowed {
        at.index(position)
            .key("match")
            .warning(format_args!("{told}{}; narrow one of them", more(count, "at other places")));
    }
}

/// Looks at each place under a host.
fn under(
    host: Host<'_>,
    plan: &Plan,
    places: &Places<'_>,
    steps: &mut Steps,
    shadowed: &mut BTreeMap<usize, Shadowed>,
) {
    let Some(mut around) = places.around(host, steps) else { return };
    around.retain(|owned| host_holds(owned.place.host, host));
    let releases: HashSet<usize> = around.iter().map(|owned| owned.release.position).collect();
    if releases.len() < limits::GOVERNING || !steps.take(around.len()) {
        return;
    }
    let mut seen = HashSet::new();
    for path in around.iter().map(|owned| owned.place.path) {
        if !seen.insert((path.kind as u8, path.path)) {
            continue;
        }
        if !steps.take(around.len()) {
            return;
        }
        let found = plan.index.find(&plan.segments, &a_host(host), &a_path(path));
        let here = around.iter().filter(|owned| path_holds(owned.place.path, path));
        let has_won = |owned: &Owned<'_>| found.iter().any(|won| *won as usize == owned.release.position);
        let (won, lost): (Vec<_>, Vec<_>) = here.partition(|owned| has_won(owned));
        let place = Place { host, path };
        for lost in lost.iter().filter(|lost| !is_elsewhere_there(lost, place)) {
            shadowed.entry(lost.release.position).and_modify(|shadowed| shadowed.more += 1).or_insert_with(
                || {
                    let won: BTreeMap<usize, String> =
                        won.iter().map(|won| (won.release.position, won.release.shown())).collect();
                    let won: Vec<String> = won.into_values().collect();
                    let told = format!(
                        "at {place} this names no group: {} come first there, as many as may",
                        won.join(", ")
                    );
                    Shadowed { told, more: 0 }
                },
            );
        }
    }
}

/// Whether the release has a place that only some requests of the host and path are of: it may govern those.
fn is_elsewhere_there(owned: &Owned<'_>, place: Place<'_>) -> bool {
    let holds = |own: Place<'_>| host_holds(own.host, place.host) && path_holds(own.path, place.path);
    owned.release.segment.places().any(|own| meets(own, place) && !holds(own))
}

/// A host that a pattern matches and no more specific pattern does: no host in a policy has this character.
fn a_host(pattern: Host<'_>) -> Vec<u8> {
    let text = String::from_utf8_lossy(pattern.host);
    let host = match pattern.kind {
        HostKind::Exact => text.into_owned(),
        HostKind::Suffix => format!("~.{text}"),
        HostKind::Any => "~".to_owned(),
    };
    let port = if pattern.port == 0 { String::new() } else { format!(":{}", pattern.port) };
    [host, port].concat().into_bytes()
}

/// A path that a pattern matches and no more specific pattern does: no path in a policy has this character.
fn a_path(pattern: Path<'_>) -> Vec<u8> {
    match pattern.kind {
        PathKind::Exact => pattern.path.to_vec(),
        PathKind::Prefix => [pattern.path, b"/?".as_slice()].concat(),
    }
}
