//! Hosts and paths of a release that add nothing: another of its own holds them, and no other release has a place between
//! the two.
//!
//! A release as a whole is never shadowed by others that route. Equal places are a mistake, and a place that is more specific
//! leaves something: a path its siblings, a suffix all hosts that are not written, a host without a port those with one.

use std::collections::HashMap;

use super::{Good, Steps};
use crate::error::At;
use crate::pattern::{HostKind, HostPattern, PathKind, PathPattern, Place};

pub(super) type Host<'p> = HostPattern<&'p [u8]>;
pub(super) type Path<'p> = PathPattern<&'p [u8]>;

/// A place that a release has.
#[derive(Clone, Copy)]
pub(super) struct Owned<'p> {
    pub(super) release: &'p Good<'p>,
    pub(super) place: Place<'p>,
}

/// All places, by the host without its port.
#[derive(Default)]
pub(super) struct Places<'p> {
    by_host: HashMap<(u8, &'p [u8]), Vec<Owned<'p>>>,
}

impl<'p> Places<'p> {
    /// The places of releases.
    pub(super) fn of(releases: impl Iterator<Item = &'p Good<'p>>) -> Self {
        let mut places = Places::default();
        for release in releases {
            for place in release.segment.places() {
                let key = (place.host.kind as u8, place.host.host);
                places.by_host.entry(key).or_default().push(Owned { release, place });
            }
        }
        places
    }

    /// The places whose host may be one of `host`, and is not more specific; `None` where they are too many to look at.
    pub(super) fn around(&self, host: Host<'_>, steps: &mut Steps) -> Option<Vec<Owned<'p>>> {
        let hosts = std::iter::once((host.kind, host.host)).chain(wider(host));
        let found: Vec<&Vec<Owned<'p>>> =
            hosts.filter_map(|(kind, text)| self.by_host.get(&(kind as u8, text))).collect();
        steps.take(found.iter().map(|places| places.len()).sum()).then(|| {
            let places = found.into_iter().flatten();
            places.filter(|other| host_meets(other.place.host, host)).copied().collect()
        })
    }
}

/// Kind and text of the hosts that hold a host, from the most to the least specific, without itself.
fn wider(host: Host<'_>) -> impl Iterator<Item = (HostKind, &[u8])> {
    let text = host.host;
    let dots = text.iter().enumerate().filter(|(_, byte)| **byte == b'.').map(|(at, _)| at + 1);
    let suffixes = dots.filter_map(|at| text.get(at..)).map(|suffix| (HostKind::Suffix, suffix));
    let is_any = host.kind == HostKind::Any;
    suffixes.chain((!is_any).then_some((HostKind::Any, &[][..])))
}

/// The prefixes of a path, from the longest to the empty one, without the path itself.
fn shorter(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/');
    slashes.filter_map(|(at, _)| path.get(..at))
}

fn host_meets(one: Host<'_>, other: Host<'_>) -> bool {
    one.port == 0 || other.port == 0 || one.port == other.port
}

/// Whether every host of `inner` is one of `outer`.
pub(super) fn host_holds(outer: Host<'_>, inner: Host<'_>) -> bool {
    let same = (outer.kind, outer.host) == (inner.kind, inner.host);
    let is_around = same || wider(inner).any(|(kind, text)| outer.kind == kind && outer.host == text);
    is_around && (outer.port == 0 || outer.port == inner.port)
}

/// Whether every path of `inner` is one of `outer`.
pub(super) fn path_holds(outer: Path<'_>, inner: Path<'_>) -> bool {
    match (outer.kind, inner.kind) {
        (PathKind::Exact, PathKind::Exact) => outer.path == inner.path,
        (PathKind::Exact, PathKind::Prefix) => false,
        (PathKind::Prefix, _) => {
            let rest = inner.path.strip_prefix(outer.path);
            rest.is_some_and(|rest| outer.path.is_empty() || rest.is_empty() || rest.starts_with(b"/"))
        }
    }
}

/// Whether there is a request of both places.
pub(super) fn meets(one: Place<'_>, other: Place<'_>) -> bool {
    let is_around = |one: Host<'_>, other: Host<'_>| {
        host_holds(HostPattern { port: 0, ..one }, HostPattern { port: 0, ..other })
    };
    (is_around(one.host, other.host) || is_around(other.host, one.host))
        && host_meets(one.host, other.host)
        && (path_holds(one.path, other.path) || path_holds(other.path, one.path))
}

/// How specific a place is: the larger, the earlier it is asked.
fn rank(Place { host, path }: Place<'_>) -> impl Ord + use<> {
    (host.kind as u8, host.host.len(), host.port != 0, path.kind == PathKind::Exact, path.path.len())
}

/// Warns of hosts and paths that add nothing; `at` is the list of releases. Where not `all_are_good`, one of the others may have
/// a place in between, so no more is said than what a release has twice.
pub(super) fn warn(good: &[Good<'_>], all_are_good: bool, steps: &mut Steps, at: &mut At<'_>) {
    let places = all_are_good.then(|| Places::of(good.iter()));
    let places = places.as_ref();
    for release in good {
        let mut at = at.index(release.position);
        let at = &mut at.key("match");
        hosts(release, places, steps, &mut at.key("hosts"));
        paths(release, places, steps, &mut at.key("paths"));
    }
}

/// The hosts and the paths of a release.
fn own<'p>(release: &Good<'p>) -> (Vec<Host<'p>>, Vec<Path<'p>>) {
    let (block, matches) = (release.segment.block(), release.segment.head().matches);
    (matches.hosts(block).collect(), matches.paths(block).collect())
}

fn hosts(release: &Good<'_>, places: Option<&Places<'_>>, steps: &mut Steps, at: &mut At<'_>) {
    let (hosts, paths) = own(release);
    let mut own: HashMap<(u8, &[u8], u16), usize> = HashMap::new();
    for (index, host) in hosts.iter().enumerate() {
        own.entry((host.kind as u8, host.host, host.port)).or_insert(index);
    }
    for (index, host) in hosts.iter().enumerate() {
        let find = |kind: HostKind, text, port| own.get(&(kind as u8, text, port)).copied();
        let first = find(host.kind, host.host, host.port);
        if let Some(first) = first.filter(|first| *first != index) {
            at.index(index)
                .warning(format_args!("stands twice: it is hosts[{first}] as well; once is enough"));
            continue;
        }
        let Some(places) = places else { continue };
        let without_port = find(host.kind, host.host, 0).filter(|_| host.port != 0);
        let mut around =
            wider(*host).flat_map(|(kind, text)| [find(kind, text, host.port), find(kind, text, 0)]);
        let Some(outer) = without_port.or_else(|| around.find_map(|found| found)) else { continue };
        let Some(outer_host) = hosts.get(outer) else { continue };
        let (outer_host, host) = (*outer_host, *host);
        let mut pairs = paths.iter().map(|&path| (Place { host: outer_host, path }, Place { host, path }));
        if pairs.all(|(outer, inner)| nothing_between(release, outer, inner, places, steps)) {
            at.index(index).warning(format_args!("adds nothing: hosts[{outer}] holds it; remove it"));
        }
    }
}

fn paths(release: &Good<'_>, places: Option<&Places<'_>>, steps: &mut Steps, at: &mut At<'_>) {
    let (hosts, paths) = own(release);
    let mut own: HashMap<(u8, &[u8]), usize> = HashMap::new();
    for (index, path) in paths.iter().enumerate() {
        own.entry((path.kind as u8, path.path)).or_insert(index);
    }
    for (index, path) in paths.iter().enumerate() {
        let find = |kind: PathKind, text: &[u8]| own.get(&(kind as u8, text)).copied();
        let first = find(path.kind, path.path);
        if let Some(first) = first.filter(|first| *first != index) {
            at.index(index)
                .warning(format_args!("stands twice: it is paths[{first}] as well; once is enough"));
            continue;
        }
        let Some(places) = places else { continue };
        let whole = find(PathKind::Prefix, path.path).filter(|_| path.kind == PathKind::Exact);
        let around = || shorter(path.path).find_map(|prefix| find(PathKind::Prefix, prefix));
        let Some(outer) = whole.or_else(around) else { continue };
        let Some(outer_path) = paths.get(outer) else { continue };
        let (outer_path, path) = (*outer_path, *path);
        let mut pairs = hosts.iter().map(|&host| (Place { host, path: outer_path }, Place { host, path }));
        if pairs.all(|(outer, inner)| nothing_between(release, outer, inner, places, steps)) {
            at.index(index).warning(format_args!("adds nothing: paths[{outer}] holds it; remove it"));
        }
    }
}

/// Whether it is certain that no other release of the kind would govern a request of `inner` if the release had only `outer`.
fn nothing_between(
    release: &Good<'_>,
    outer: Place<'_>,
    inner: Place<'_>,
    places: &Places<'_>,
    steps: &mut Steps,
) -> bool {
    let Some(others) = places.around(inner.host, steps) else { return false };
    let is_between = |other: &Owned<'_>| {
        let rank_of_other = rank(other.place);
        other.release.position != release.position
            && other.release.segment.routes() == release.segment.routes()
            && meets(other.place, inner)
            && rank(outer) <= rank_of_other
            && rank_of_other <= rank(inner)
    };
    !others.iter().any(is_between)
}
