//! What differs between two policies, and moves users whom no policy tells: it places them by what their requests are like, or says
//! where the lanes of requests are.

use graylane::policy::{Lane, Policy, Release};

/// The keys of a release that differ, of those that place requests by what they are like, or say where they are sent. Labels that
/// come along know a release by its name.
pub(super) fn of_release(before: &Release, now: &Release) -> Vec<&'static str> {
    let [audience, audience_now] =
        [before, now].map(|one| one.ab.as_ref().and_then(|ab| ab.audience.as_ref()));
    let [preview, preview_now] = [before, now].map(|one| one.blue_green.as_ref()?.preview.as_ref());
    let [drain, drain_now] = [before, now].map(|one| one.blue_green.as_ref()?.drain.as_ref());
    let lanes_differ = |differ: fn(&Lane, &Lane) -> bool| {
        before
            .lanes
            .iter()
            .any(|one| now.lanes.iter().any(|other| one.name == other.name && differ(one, other)))
    };
    let [route, route_now] = [before, now].map(|one| one.ab.as_ref().and_then(|ab| ab.route).unwrap_or(true));
    differing(&[
        ("name", before.name != now.name),
        ("match", before.matches != now.matches),
        ("during", before.during != now.during),
        ("overrides", before.overrides != now.overrides),
        ("follow", before.follow.unwrap_or_default() != now.follow.unwrap_or_default()),
        ("route", route != route_now),
        ("cluster", lanes_differ(|one, other| one.cluster != other.cluster)),
        ("weightedSlot", lanes_differ(|one, other| one.weighted_slot != other.weighted_slot)),
        ("labels of lanes", lanes_differ(|one, other| one.labels != other.labels)),
        ("deny", before.deny != now.deny),
        ("allow", before.allow != now.allow),
        ("rules", before.rules != now.rules),
        ("preview", preview != preview_now),
        ("audience", audience != audience_now),
        ("sticky", before.sticky != now.sticky),
        ("drain", drain != drain_now),
        ("unavailable", lanes_differ(|one, other| one.unavailable != other.unavailable)),
        ("fallback", lanes_differ(|one, other| one.fallback != other.fallback)),
        ("guard", before.guard != now.guard),
    ])
}

/// The keys of a policy that differ, of those that say what of a request counts.
pub(super) fn of_policy(before: &Policy, now: &Policy) -> Vec<&'static str> {
    differing(&[
        ("trustedSources", before.trusted_sources != now.trusted_sources),
        ("names", before.names != now.names),
        ("identity", before.identity != now.identity),
        ("claims", before.claims != now.claims),
    ])
}

fn differing(keys: &[(&'static str, bool)]) -> Vec<&'static str> {
    keys.iter().filter(|(_, differs)| *differs).map(|(key, _)| *key).collect()
}
