//! Places of releases: hosts and paths, and which of them a policy needs to be told.

use std::collections::BTreeMap;

use crate::import::draft::{PathMatch, Release};

/// A location as a policy says it: the host (empty for every host) and the path.
pub(super) type Place = (String, PathMatch);

/// Whether a request for `place` could find `other` when `place` is not there.
pub(super) fn takes_in(other: &Place, place: &Place) -> bool {
    let text = |path: &PathMatch| match path {
        PathMatch::Exact(text) | PathMatch::Prefix(text) => text.trim_end_matches('/').to_owned(),
    };
    let is_prefix = |short: &str, long: &str| {
        long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let (other_path, path) = (text(&other.1), text(&place.1));
    if other.0 == place.0 {
        return matches!(other.1, PathMatch::Prefix(_)) && is_prefix(&other_path, &path);
    }
    let is_broader = match other.0.strip_prefix('*') {
        Some(suffix) => place.0.ends_with(suffix) && !place.0.is_empty(),
        None => other.0.is_empty(),
    };
    is_broader && (is_prefix(&other_path, &path) || is_prefix(&path, &other_path))
}

/// Whether a request for the path `inner` holds `outer`, too.
fn covers(outer: &PathMatch, inner: &PathMatch) -> bool {
    let (PathMatch::Prefix(outer), PathMatch::Prefix(inner) | PathMatch::Exact(inner)) = (outer, inner)
    else {
        return false;
    };
    let rest = inner.strip_prefix(outer.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Removes paths that a shorter one of the same release holds, unless another release has a path between the two.
pub(super) fn remove_needless(releases: &mut [Release]) {
    let before = releases.to_vec();
    for (index, release) in releases.iter_mut().enumerate() {
        let others = before.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other);
        let foreign: Vec<&PathMatch> = others.flat_map(|other| &other.paths).collect();
        let own = release.paths.clone();
        release.paths.retain(|path| {
            let mut shorter = own.iter().filter(|other| *other != path && covers(other, path));
            !shorter.any(|outer| !foreign.iter().any(|it| covers(outer, it) && covers(it, path)))
        });
        if release.paths == [PathMatch::Prefix("/".to_owned())] {
            release.paths.clear();
        }
    }
}

/// Hosts that have the same paths, together.
pub(super) fn by_paths(places: &[Place]) -> Vec<(Vec<PathMatch>, Vec<String>)> {
    let mut of_host: Vec<(String, Vec<PathMatch>)> = Vec::new();
    for (host, path) in places {
        match of_host.iter_mut().find(|(known, _)| known == host) {
            Some((_, paths)) if paths.contains(path) => {}
            Some((_, paths)) => paths.push(path.clone()),
            None => of_host.push((host.clone(), vec![path.clone()])),
        }
    }
    let mut groups: BTreeMap<(bool, Vec<PathMatch>), (usize, Vec<String>)> = BTreeMap::new();
    for (order, (host, mut paths)) in of_host.into_iter().enumerate() {
        paths.sort();
        // Every host is said by no host, and stands alone.
        let group = groups.entry((host.is_empty(), paths)).or_insert((order, Vec::new()));
        group.1.extend(Some(host).filter(|host| !host.is_empty()));
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, (order, _))| *order);
    let root = PathMatch::Prefix("/".to_owned());
    let paths = |paths: Vec<PathMatch>| if paths == [root.clone()] { Vec::new() } else { paths };
    groups.into_iter().map(|((_, these), (_, hosts))| (paths(these), hosts)).collect()
}
