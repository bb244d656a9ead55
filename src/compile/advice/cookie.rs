//! Cookies of one name that several releases set: what one of them keeps, the other overwrites. And cookies that tell a group
//! and force one.

use std::collections::{HashMap, HashSet};

use super::nested::{Host, host_holds};
use super::{Good, Steps};
use crate::error::At;
use crate::limits;
use crate::pattern::HostPattern;
use crate::policy::Cookie;

/// A cookie that a release sets.
struct Set<'g, 'p> {
    release: &'g Good<'p>,
    /// The key under which it is written.
    key: &'static str,
    /// What browsers know it by, beside its host.
    name: &'p [u8],
    path: &'p str,
    domain: Option<&'p str>,
}

/// What reading two releases costs, in steps.
const READ: usize = 10;

/// Warns of cookies that another release sets too; `at` is the list of releases.
pub(super) fn warn(good: &[Good<'_>], at: &mut At<'_>) {
    let steps = &mut Steps(limits::COMPARISONS);
    let forced: HashSet<&[u8]> = good.iter().flat_map(overrides).collect();
    let mut by_name: HashMap<_, Vec<Set<'_, '_>>> = HashMap::new();
    for set in good.iter().filter(|release| !release.segment.head().off).flat_map(cookies) {
        if forced.contains(set.name) {
            let mut at = at.index(set.release.position);
            at.key(set.key).key("cookie").warning(
                "a release has this cookie as an override: where it is believed it forces a lane of that release, and where it is \
                 not it is removed; give it another name",
            );
        }
        let alike = by_name.entry((set.name, set.path, set.domain)).or_default();
        if !steps.take(alike.len().saturating_mul(READ)) {
            return;
        }
        if let Some(before) = alike.iter().find(|before| undo(before, &set, steps)) {
            let mut at = at.index(set.release.position);
            at.key(set.key).key("cookie").warning(format_args!(
                "{} sets this cookie too, on hosts of both, and each overwrites what the other keeps; give it another name",
                before.release.shown()
            ));
        }
        alike.push(set);
    }
}

/// The cookies by which a release lets a lane be forced.
fn overrides<'p>(release: &Good<'p>) -> impl Iterator<Item = &'p [u8]> + use<'p> {
    release.segment.block().words(release.segment.head().overrides.cookies)
}

/// The cookies that a release sets to its lane.
fn cookies<'g, 'p>(release: &'g Good<'p>) -> impl Iterator<Item = Set<'g, 'p>> {
    let (block, head, written) = (release.segment.block(), release.segment.head(), release.written);
    let sticky = head.sticky.map(|sticky| sticky.cookie).zip(written.sticky.as_ref());
    let sticky = sticky.map(|(cookie, written)| ("sticky", cookie, &written.cookie));
    let group = written.ab.as_ref().and_then(|ab| ab.cookie.as_ref());
    let group = head.group_cookie.zip(group).map(|(cookie, written)| ("ab", cookie, written));
    sticky.into_iter().chain(group).map(move |(key, cookie, written): (_, _, &'p Cookie)| Set {
        release,
        key,
        name: block.text(cookie.name),
        path: written.path.as_deref().unwrap_or("/"),
        domain: written.domain.as_deref(),
    })
}

/// Whether two cookies, which are one to browsers, are set of one host at one time, to values that differ.
fn undo(one: &Set<'_, '_>, other: &Set<'_, '_>, steps: &mut Steps) -> bool {
    let (head, other_head) = (one.release.segment.head(), other.release.segment.head());
    // Nobody is in two experiments of one layer.
    let share_no_user = head.layer.is_some() && head.layer == other_head.layer;
    one.release.position != other.release.position
        && !share_no_user
        && head.during.meets(&other_head.during)
        && (one.domain.is_some() || share_host(one.release, other.release, steps))
}

/// The hosts of a release without their ports.
fn hosts<'p>(release: &Good<'p>) -> Vec<Host<'p>> {
    let hosts = release.segment.head().matches.hosts(release.segment.block());
    hosts.map(|host| HostPattern { port: 0, ..host }).collect()
}

/// Whether there is a host of both, whatever its port: cookies know none.
fn share_host(one: &Good<'_>, other: &Good<'_>, steps: &mut Steps) -> bool {
    let (ones, others) = (hosts(one), hosts(other));
    let meet = |one: Host<'_>, other: Host<'_>| host_holds(one, other) || host_holds(other, one);
    steps.take(ones.len().saturating_mul(others.len()))
        && ones.iter().any(|one| others.iter().any(|other| meet(*one, *other)))
}
