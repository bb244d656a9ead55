//! Which releases of two policies are the same ones: by their names, and renamed ones by what they govern.

use std::collections::{HashMap, HashSet};

use graylane::policy::{Match, PathMatch, Policy, Release};

/// A release where it stands in its policy, and its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'p> {
    pub(super) position: u32,
    pub(super) name: &'p str,
    pub(super) written: &'p Release,
}

/// The releases of two policies.
#[derive(Debug, Default)]
pub(super) struct Pairs<'p> {
    /// Those of both: before and now, in the order of the policy as it is now.
    pub(super) both: Vec<(Named<'p>, Named<'p>)>,
    pub(super) added: Vec<Named<'p>>,
    pub(super) removed: Vec<Named<'p>>,
}

impl<'p> Pairs<'p> {
    pub(super) fn of(before: &'p Policy, now: &'p Policy) -> Self {
        let known: HashMap<&str, Named<'p>> = named(before).map(|one| (one.name, one)).collect();
        let mut pairs = Pairs::default();
        for one in named(now) {
            match known.get(one.name) {
                Some(old) => pairs.both.push((*old, one)),
                None => pairs.added.push(one),
            }
        }
        let names: HashSet<&str> = named(now).map(|one| one.name).collect();
        pairs.removed.extend(named(before).filter(|one| !names.contains(one.name)));
        pairs.find_renamed();
        pairs
    }

    /// Takes one that is gone and one that is new for one release where they have a host and path in common, and no other has.
    fn find_renamed(&mut self) {
        let mut at: HashMap<Place, Vec<usize>> = HashMap::new();
        for (index, one) in self.removed.iter().enumerate() {
            for place in places(one.written) {
                at.entry(place).or_default().push(index);
            }
        }
        let meets: Vec<HashSet<usize>> = self
            .added
            .iter()
            .map(|one| {
                places(one.written).iter().filter_map(|place| at.get(place)).flatten().copied().collect()
            })
            .collect();
        let mut met = vec![0_usize; self.removed.len()];
        for index in meets.iter().flatten() {
            if let Some(count) = met.get_mut(*index) {
                *count = count.saturating_add(1);
            }
        }
        let old_of = |meets: &HashSet<usize>| {
            let mut indices = meets.iter().copied();
            let only = indices.next().filter(|index| met.get(*index) == Some(&1))?;
            indices.next().is_none().then_some(only)
        };
        let (mut added, mut renamed) = (Vec::new(), HashSet::new());
        for (one, meets) in self.added.drain(..).zip(&meets) {
            match old_of(meets).and_then(|index| Some((index, *self.removed.get(index)?))) {
                Some((index, old)) => {
                    renamed.insert(index);
                    self.both.push((old, one));
                }
                None => added.push(one),
            }
        }
        self.added = added;
        let removed = self.removed.drain(..).enumerate().filter(|(index, _)| !renamed.contains(index));
        self.removed = removed.map(|(_, one)| one).collect();
        self.both.sort_by_key(|(_, one)| one.position);
    }
}

/// The releases of a policy, with their positions and names.
fn named(policy: &Policy) -> impl Iterator<Item = Named<'_>> {
    (0..)
        .zip(&policy.releases)
        .filter_map(|(position, written)| Some(Named { position, name: written.name.as_deref()?, written }))
}

/// A place that a release governs: whether it routes there, a host, and a path, whole or with what is below it.
type Place = (bool, String, (bool, String));

fn places(release: &Release) -> HashSet<Place> {
    let routes = release.ab.as_ref().is_none_or(|ab| ab.route != Some(false));
    let (mut hosts, mut paths) = (vec!["*".to_owned()], vec![(false, String::new())]);
    if let Some(Match { hosts: written, paths: written_paths }) = &release.matches {
        if !written.is_empty() {
            hosts = written.iter().map(|host| host.to_ascii_lowercase()).collect();
        }
        if !written_paths.is_empty() {
            paths = written_paths.iter().map(path).collect();
        }
    }
    let with_paths = |host: String| paths.iter().map(move |path| (routes, host.clone(), path.clone()));
    hosts.into_iter().flat_map(with_paths).collect()
}

fn path(path: &PathMatch) -> (bool, String) {
    match path {
        PathMatch::Exact(path) => (true, path.clone()),
        PathMatch::Prefix(path) => (false, path.trim_end_matches('/').to_owned()),
    }
}
