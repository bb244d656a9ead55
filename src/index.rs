//! Host and path -> the releases that govern a request. The cost depends on the request (dots in its host,
//! slashes in its path), not on the number of releases.
//!
//! Two tables: patterns of hosts, each with the releases of all its paths, and patterns of paths under one host pattern. A request asks for each pattern
//! that could match it, the most specific first: the host with its port, the host, its suffixes from long to
//! short, any host; and under each of those the whole path, its segment prefixes from long to short, any path.
//! The running hash of a host from its end and of a path from its start gives every candidate for free.

use arrayvec::ArrayVec;

use crate::bytes::same;
use crate::fnv::{START, hash, step};
use crate::limits;
use crate::pattern::{HostKind, HostPattern, PathKind, PathPattern, Place, depth};
use crate::plan::{Head, Segment};
use crate::record::{record, take};
use crate::table::Table;

/// The releases of a request, best match first: positions in the policy.
pub(crate) type Governing = ArrayVec<u32, { limits::GOVERNING }>;

/// The index of a plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    hosts: Table<HostEntry>,
    paths: Table<PathEntry>,
    has_ports: bool,
    /// Whether a pattern is a suffix, and whether one is every host: most policies name hosts alone, and need look for nothing else.
    has_suffixes: bool,
    has_any: bool,
}

/// Releases of about as many bytes as a core has cache of its own.
const LARGE: usize = 512;

/// A pattern that stands in a segment, where a request reads on anyway.
#[derive(Debug, Clone, Copy)]
struct Written {
    /// The release, by its position in the policy.
    release: u32,
    /// The position of the pattern in its list.
    at: u32,
}

#[derive(Debug, Clone, Copy)]
struct HostEntry {
    pattern: Written,
    /// The releases of any path.
    any_path: Releases,
    has_exact: bool,
    /// Bit `n` is set when a prefix of `n` segments, one or more, stands under this host.
    depths: u64,
}

#[derive(Debug, Clone, Copy)]
struct PathEntry {
    host: u32,
    pattern: Written,
    releases: Releases,
}

/// The releases of one host and path pattern.
#[derive(Debug, Clone, Copy)]
struct Releases {
    /// The one that routes, or [`NONE`].
    router: u32,
    /// AB tests that only name a group, then [`NONE`].
    groups: [u32; limits::GOVERNING - 1],
}

/// In the place of a release.
const NONE: u32 = u32::MAX;

impl Default for Releases {
    fn default() -> Self {
        Releases { router: NONE, groups: [NONE; _] }
    }
}

record!(Written { release: u32, at: u32 });
record!(HostEntry { pattern: Written, any_path: Releases, has_exact: bool, depths: u64 });
record!(PathEntry { host: u32, pattern: Written, releases: Releases });
record!(Releases { router: u32, groups: [u32; limits::GOVERNING - 1] });

impl Releases {
    fn add(&mut self, release: u32, routes: bool) -> Result<(), Conflict> {
        let place = if routes {
            &mut self.router
        } else {
            let mut groups = self.groups.iter_mut();
            groups.find(|group| [NONE, release].contains(group)).ok_or(Conflict::TooManyGroups)?
        };
        if ![NONE, release].contains(place) {
            return Err(Conflict::Routed(*place));
        }
        *place = release;
        Ok(())
    }
}

/// Why a release cannot be indexed as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// Another release routes the same host and path: its position.
    Routed(u32),
    /// Too many AB tests on the same host and path.
    TooManyGroups,
}

impl Written {
    /// Has the release at hand whose pattern it is: as a rule it governs the request.
    fn touch(self, segments: &[Segment]) {
        if let Some(segment) = segments.get(self.release as usize) {
            segment.block().touch();
        }
    }

    fn host(self, segments: &[Segment]) -> Option<HostPattern<&[u8]>> {
        let segment = segments.get(self.release as usize)?;
        segment.head().matches.host(segment.block(), self.at)
    }

    fn path(self, segments: &[Segment]) -> Option<PathPattern<&[u8]>> {
        let segment = segments.get(self.release as usize)?;
        segment.head().matches.path(segment.block(), self.at)
    }
}

impl Index {
    /// Adds the release at that position among `segments`, under each of its places. Where that is not possible, the first place that
    /// it is not possible at.
    pub(crate) fn add<'s>(
        &mut self,
        segments: &'s [Segment],
        release: u32,
    ) -> Result<(), (Place<'s>, Conflict)> {
        let Some(segment) = segments.get(release as usize) else { return Ok(()) };
        let (block, Head { routes, matches, .. }) = (segment.block(), segment.head());
        for (at, host) in (0..).zip(matches.hosts(block)) {
            let entry = self.host_entry(segments, Written { release, at }, &host);
            for (at, path) in (0..).zip(matches.paths(block)) {
                self.releases(segments, entry, Written { release, at }, &path)
                    .add(release, routes)
                    .map_err(|conflict| (Place { host, path }, conflict))?;
            }
        }
        Ok(())
    }

    /// As bytes, for whoever takes the plan over.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend([self.has_ports, self.has_suffixes, self.has_any].map(u8::from));
        self.hosts.write(bytes);
        self.paths.write(bytes);
    }

    /// Reads an index off the front of `bytes`. Bytes that nobody wrote are some index, which finds something or nothing.
    pub(crate) fn read(bytes: &mut &[u8]) -> Self {
        Index {
            has_ports: take(bytes),
            has_suffixes: take(bytes),
            has_any: take(bytes),
            hosts: Table::read(bytes),
            paths: Table::read(bytes),
        }
    }

    fn host_entry(&mut self, segments: &[Segment], written: Written, pattern: &HostPattern<&[u8]>) -> u32 {
        self.has_ports |= pattern.port != 0;
        self.has_suffixes |= pattern.kind == HostKind::Suffix;
        self.has_any |= pattern.kind == HostKind::Any;
        let hash = match pattern.kind {
            HostKind::Exact => host_hash(pattern.host),
            HostKind::Suffix | HostKind::Any => reverse_hash(pattern.host),
        };
        let hash = mix(hash, pattern.kind as u32, u32::from(pattern.port));
        let new = || {
            let any_path = Releases::default();
            HostEntry { pattern: written, any_path, has_exact: false, depths: 0 }
        };
        self.hosts.find_or_insert(hash, |entry| entry.pattern.host(segments) == Some(*pattern), new)
    }

    /// The releases of a host and a path.
    #[expect(
        clippy::indexing_slicing,
        reason = "compile time, not the request path: the entries were just found or inserted"
    )]
    fn releases(
        &mut self,
        segments: &[Segment],
        host: u32,
        written: Written,
        pattern: &PathPattern<&[u8]>,
    ) -> &mut Releases {
        let entry = &mut self.hosts.entries[host as usize];
        match pattern.kind {
            PathKind::Prefix if pattern.path.is_empty() => return &mut entry.any_path,
            PathKind::Prefix => entry.depths |= 1 << depth(pattern.path),
            PathKind::Exact => entry.has_exact = true,
        }
        let hash = mix(hash_of(pattern.path), pattern.kind as u32, host);
        let is_it = |entry: &PathEntry| entry.host == host && entry.pattern.path(segments) == Some(*pattern);
        let new = || PathEntry { host, pattern: written, releases: Releases::default() };
        let at = self.paths.find_or_insert(hash, is_it, new);
        &mut self.paths.entries[at as usize].releases
    }

    /// The releases that govern a request to `host` (as the client wrote it) and `path` (without query).
    pub(crate) fn find(&self, segments: &[Segment], host: &[u8], path: &[u8]) -> Governing {
        let mut found = Search { index: self, segments, path, found: Governing::from_iter([NONE]) };
        let (host, port) = split_port(host);
        found.host(HostKind::Exact, host, host_hash(host), port);
        if self.has_suffixes {
            for Boundary { len, hash } in suffixes(host).iter().rev() {
                let suffix = host.get(host.len() - usize::from(*len)..).unwrap_or_default();
                found.host(HostKind::Suffix, suffix, *hash, port);
            }
        }
        if self.has_any {
            found.host(HostKind::Any, &[], START, port);
        }
        let mut found = found.found;
        if found.first() == Some(&NONE) {
            found.pop_at(0);
        }
        found
    }
}

/// A point at which a pattern may end: the length up to there and the running hash.
#[derive(Clone, Copy)]
struct Boundary {
    len: u16,
    hash: u32,
}

struct Search<'a> {
    index: &'a Index,
    segments: &'a [Segment],
    path: &'a [u8],
    /// The release that routes, or [`NONE`], then the others.
    found: Governing,
}

impl Search<'_> {
    fn host(&mut self, kind: HostKind, host: &[u8], hash: u32, port: u16) {
        if port != 0 && self.index.has_ports {
            self.host_with_port(kind, host, hash, port);
        }
        self.host_with_port(kind, host, hash, 0);
    }

    fn host_with_port(&mut self, kind: HostKind, host: &[u8], hash: u32, port: u16) {
        let is_it = |pattern: HostPattern<&[u8]>| {
            let is_same = same(pattern.host, host) || pattern.host.eq_ignore_ascii_case(host);
            pattern.kind == kind && pattern.port == port && is_same
        };
        let is_entry = |entry: &HostEntry| {
            if self.segments.len() > LARGE {
                entry.pattern.touch(self.segments);
            }
            entry.pattern.host(self.segments).is_some_and(is_it)
        };
        if let Some((position, entry)) =
            self.index.hosts.find(mix(hash, kind as u32, u32::from(port)), is_entry)
        {
            self.paths(position, entry);
        }
    }

    fn paths(&mut self, host: u32, entry: &HostEntry) {
        if entry.has_exact {
            self.path(host, PathKind::Exact, self.path, hash_of(self.path));
        }
        if entry.depths != 0 {
            let boundaries = path_boundaries(self.path, entry.depths);
            for (at, boundary) in boundaries.iter().enumerate().rev() {
                if entry.depths & 2 << at != 0 {
                    let prefix = self.path.get(..usize::from(boundary.len)).unwrap_or_default();
                    self.path(host, PathKind::Prefix, prefix, boundary.hash);
                }
            }
        }
        self.take(&entry.any_path);
    }

    fn path(&mut self, host: u32, kind: PathKind, path: &[u8], hash: u32) {
        let is_it = |pattern: PathPattern<&[u8]>| pattern.kind == kind && same(pattern.path, path);
        let is_entry =
            |entry: &PathEntry| entry.host == host && entry.pattern.path(self.segments).is_some_and(is_it);
        if let Some((_, entry)) = self.index.paths.find(mix(hash, kind as u32, host), is_entry) {
            self.take(&entry.releases);
        }
    }

    fn take(&mut self, releases: &Releases) {
        if let Some(router) = self.found.first_mut().filter(|router| **router == NONE) {
            *router = releases.router;
        }
        for group in releases.groups.into_iter().take_while(|group| *group != NONE) {
            if !self.found.contains(&group) {
                let _ = self.found.try_push(group);
            }
        }
    }
}

/// The host without its port and without the dot that may stand at its end, and the port: 0 when none is given, or
/// none that a pattern could name.
pub(crate) fn split_port(host: &[u8]) -> (&[u8], u16) {
    let whole = host.strip_suffix(b".").unwrap_or(host);
    // The last part of an IPv6 address is none: it ends with a bracket.
    let port = host.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (name, digits) = host.split_at_checked(host.len() - port).unwrap_or_default();
    let Some(name) = name.strip_suffix(b":") else { return (whole, 0) };
    let port = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
    (name.strip_suffix(b".").unwrap_or(name), port.unwrap_or(0))
}

/// Where suffixes of a host start, from the shortest to the longest.
fn suffixes(host: &[u8]) -> ArrayVec<Boundary, { limits::HOST_DEPTH }> {
    let mut boundaries = ArrayVec::new();
    let mut hash = START;
    for (len, byte) in (0..=u16::MAX).zip(host.iter().rev()) {
        if *byte == b'.' && boundaries.len() < limits::HOST_DEPTH {
            boundaries.push(Boundary { len, hash });
        }
        hash = step(hash, byte.to_ascii_lowercase());
    }
    boundaries
}

/// Where prefixes of whole segments end: the first is that of one segment. Only as many as `depths` has bits for.
fn path_boundaries(path: &[u8], depths: u64) -> ArrayVec<Boundary, { limits::PATH_DEPTH }> {
    let mut boundaries = ArrayVec::new();
    // Bytes that nobody wrote may name depths that no policy has.
    let wanted = (depths.checked_ilog2().unwrap_or_default() as usize).min(limits::PATH_DEPTH);
    let mut hash = START;
    for (len, byte) in (0..=u16::MAX).zip(path) {
        if *byte == b'/' && len > 0 {
            boundaries.push(Boundary { len, hash });
            if boundaries.len() >= wanted {
                return boundaries;
            }
        }
        hash = step(hash, *byte);
    }
    if let Ok(len) = u16::try_from(path.len())
        && len > 0
    {
        boundaries.push(Boundary { len, hash });
    }
    boundaries
}

fn hash_of(path: &[u8]) -> u32 {
    hash(path.iter().copied())
}

/// The hash of a whole host, whatever the case of its letters: eight bytes at a time, each with the bit that tells small letters
/// from capitals.
fn host_hash(host: &[u8]) -> u32 {
    const SMALL: u64 = 0x2020_2020_2020_2020;
    let (words, rest) = host.as_chunks();
    let last = rest.iter().fold(host.len() as u64, |word, byte| word << 8 | u64::from(*byte));
    let words = words.iter().map(|word| u64::from_le_bytes(*word)).chain([last]);
    let hash = words.fold(0, |hash: u64, word| {
        (hash.rotate_left(5) ^ (word | SMALL)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    (hash >> 32) as u32
}

fn reverse_hash(host: &[u8]) -> u32 {
    hash(host.iter().rev().copied())
}

fn mix(hash: u32, kind: u32, scope: u32) -> u32 {
    let mixed = (hash ^ scope.wrapping_mul(0x9e37_79b9)).wrapping_add(kind.wrapping_mul(0x85eb_ca6b));
    (mixed ^ mixed >> 15).wrapping_mul(0x2c1b_3c6d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_that_no_policy_has_are_not_walked() {
        let path = "/a".repeat(100);
        assert_eq!(path_boundaries(path.as_bytes(), u64::MAX).len(), limits::PATH_DEPTH);
    }
}
