//! Host and path -> the releases that govern a request. The cost depends on the request (dots in its host,
//! slashes in its path), not on the number of releases.
//!
//! Two tables: patterns of hosts, and patterns of paths under one host pattern. A request asks for each pattern
//! that could match it, the most specific first: the host with its port, the host, its suffixes from long to
//! short, any host; and under each of those the whole path, its segment prefixes from long to short, any path.
//! The running hash of a host from its end and of a path from its start gives every candidate for free.

use arrayvec::ArrayVec;

use crate::fnv::{START, hash, step};
use crate::limits;
use crate::pattern::{HostKind, HostPattern, PathKind, PathPattern, depth};
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

#[derive(Debug, Clone)]
struct HostEntry {
    pattern: HostPattern,
    has_exact: bool,
    /// Bit `n` is set when a prefix of `n` segments stands under this host.
    depths: u64,
}

#[derive(Debug, Clone)]
struct PathEntry {
    host: u32,
    pattern: PathPattern,
    /// The one release that routes.
    router: Option<u32>,
    /// AB tests that only name a group.
    groups: ArrayVec<u32, { limits::GOVERNING - 1 }>,
}

/// Why a release cannot be indexed as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// Another release routes the same host and path: its position.
    Routed(u32),
    /// Too many AB tests on the same host and path.
    TooManyGroups,
}

impl Index {
    /// Adds a release under one host and one path pattern.
    pub(crate) fn add(
        &mut self,
        host: &HostPattern,
        path: &PathPattern,
        release: u32,
        routes: bool,
    ) -> Result<(), Conflict> {
        self.has_ports |= host.port != 0;
        self.has_suffixes |= host.kind == HostKind::Suffix;
        self.has_any |= host.kind == HostKind::Any;
        let host_at = self.host_entry(host);
        if let Some(entry) = self.hosts.entries.get_mut(host_at as usize) {
            match path.kind {
                PathKind::Exact => entry.has_exact = true,
                PathKind::Prefix => entry.depths |= 1 << depth(&path.path),
            }
        }
        let entry = self.path_entry(host_at, path);
        match (routes, entry.router) {
            (true, Some(other)) if other != release => return Err(Conflict::Routed(other)),
            (true, _) => entry.router = Some(release),
            (false, _) if entry.groups.contains(&release) => {}
            (false, _) => entry.groups.try_push(release).map_err(|_| Conflict::TooManyGroups)?,
        }
        Ok(())
    }

    fn host_entry(&mut self, pattern: &HostPattern) -> u32 {
        let hash = mix(reverse_hash(&pattern.host), pattern.kind as u32, u32::from(pattern.port));
        let new = || HostEntry { pattern: pattern.clone(), has_exact: false, depths: 0 };
        self.hosts.find_or_insert(hash, |entry| entry.pattern == *pattern, new)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "compile time, not the request path: the entry was just inserted"
    )]
    fn path_entry(&mut self, host: u32, pattern: &PathPattern) -> &mut PathEntry {
        let hash = mix(hash_of(&pattern.path), pattern.kind as u32, host);
        let new = || PathEntry { host, pattern: pattern.clone(), router: None, groups: ArrayVec::new() };
        let at =
            self.paths.find_or_insert(hash, |entry| entry.host == host && entry.pattern == *pattern, new);
        &mut self.paths.entries[at as usize]
    }

    /// The releases that govern a request to `host` (as the client wrote it) and `path` (without query).
    pub(crate) fn find(&self, host: &[u8], path: &[u8]) -> Governing {
        let mut found = Search { index: self, path, router: None, groups: Governing::new() };
        let (host, port) = split_port(host);
        if self.has_suffixes {
            let boundaries = host_boundaries(host);
            if let Some((whole, suffixes)) = boundaries.split_last() {
                found.host(HostKind::Exact, host, *whole, port);
                for boundary in suffixes.iter().rev() {
                    let suffix = host.get(host.len() - usize::from(boundary.len)..).unwrap_or_default();
                    found.host(HostKind::Suffix, suffix, *boundary, port);
                }
            }
        } else if let Ok(len) = u16::try_from(host.len()) {
            let hash = host.iter().rev().fold(START, |hash, byte| step(hash, byte.to_ascii_lowercase()));
            found.host(HostKind::Exact, host, Boundary { len, hash }, port);
        }
        if self.has_any {
            found.host(HostKind::Any, &[], Boundary { len: 0, hash: START }, port);
        }
        found.into_governing()
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
    path: &'a [u8],
    router: Option<u32>,
    groups: Governing,
}

impl Search<'_> {
    fn host(&mut self, kind: HostKind, host: &[u8], at: Boundary, port: u16) {
        if port != 0 && self.index.has_ports {
            self.host_with_port(kind, host, at, port);
        }
        self.host_with_port(kind, host, at, 0);
    }

    fn host_with_port(&mut self, kind: HostKind, host: &[u8], at: Boundary, port: u16) {
        let same = |entry: &HostEntry| {
            let pattern = &entry.pattern;
            pattern.kind == kind && pattern.port == port && pattern.host.eq_ignore_ascii_case(host)
        };
        if let Some((position, entry)) =
            self.index.hosts.find(mix(at.hash, kind as u32, u32::from(port)), same)
        {
            self.paths(position, entry);
        }
    }

    fn paths(&mut self, host: u32, entry: &HostEntry) {
        let boundaries = path_boundaries(self.path, entry.depths);
        if entry.has_exact {
            self.path(host, PathKind::Exact, self.path, hash_of(self.path));
        }
        for (depth, boundary) in boundaries.iter().enumerate().rev() {
            if entry.depths & 1 << depth != 0 {
                let prefix = self.path.get(..usize::from(boundary.len)).unwrap_or_default();
                self.path(host, PathKind::Prefix, prefix, boundary.hash);
            }
        }
    }

    fn path(&mut self, host: u32, kind: PathKind, path: &[u8], hash: u32) {
        let same = |entry: &PathEntry| {
            entry.host == host && entry.pattern.kind == kind && *entry.pattern.path == *path
        };
        if let Some((_, entry)) = self.index.paths.find(mix(hash, kind as u32, host), same) {
            self.router = self.router.or(entry.router);
            for group in &entry.groups {
                // One place is kept for the release that routes.
                if self.groups.len() + 1 < limits::GOVERNING && !self.groups.contains(group) {
                    self.groups.push(*group);
                }
            }
        }
    }

    fn into_governing(self) -> Governing {
        self.router.into_iter().chain(self.groups).collect()
    }
}

/// The host without its port and without the dot that may stand at its end, and the port: 0 when none is given, or
/// none that a pattern could name.
pub(crate) fn split_port(host: &[u8]) -> (&[u8], u16) {
    let whole = host.strip_suffix(b".").unwrap_or(host);
    let Some(colon) = memchr::memrchr(b':', host) else { return (whole, 0) };
    let digits = host.get(colon + 1..).unwrap_or_default();
    // Not so in the last part of an IPv6 address, which ends with a bracket.
    let is_port = digits.iter().all(u8::is_ascii_digit);
    let Some(name) = host.get(..colon).filter(|_| is_port) else { return (whole, 0) };
    let port = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
    (name.strip_suffix(b".").unwrap_or(name), port.unwrap_or(0))
}

/// Where suffixes of a host start, from the shortest to the whole host.
fn host_boundaries(host: &[u8]) -> ArrayVec<Boundary, { limits::HOST_DEPTH }> {
    let mut boundaries = ArrayVec::new();
    let mut hash = START;
    let Ok(whole) = u16::try_from(host.len()) else { return boundaries };
    for (len, byte) in (0_u16..).zip(host.iter().rev()) {
        if *byte == b'.' && boundaries.len() + 1 < limits::HOST_DEPTH {
            boundaries.push(Boundary { len, hash });
        }
        hash = step(hash, byte.to_ascii_lowercase());
    }
    boundaries.push(Boundary { len: whole, hash });
    boundaries
}

/// Where prefixes of whole segments end: the n-th is that of n segments. Only as many as `depths` has bits for.
fn path_boundaries(path: &[u8], depths: u64) -> ArrayVec<Boundary, { limits::PATH_DEPTH + 1 }> {
    let mut boundaries = ArrayVec::new();
    let wanted = (64 - depths.leading_zeros()) as usize;
    if wanted == 0 {
        return boundaries;
    }
    boundaries.push(Boundary { len: 0, hash: START });
    let mut hash = START;
    for (len, byte) in (0_u16..=u16::MAX).zip(path) {
        if *byte == b'/' && len > 0 {
            if boundaries.len() >= wanted {
                return boundaries;
            }
            boundaries.push(Boundary { len, hash });
        }
        hash = step(hash, *byte);
    }
    if let Ok(len) = u16::try_from(path.len())
        && boundaries.len() < wanted
        && len > 0
    {
        boundaries.push(Boundary { len, hash });
    }
    boundaries
}

fn hash_of(path: &[u8]) -> u32 {
    hash(path.iter().copied())
}

fn reverse_hash(host: &[u8]) -> u32 {
    hash(host.iter().rev().copied())
}

fn mix(hash: u32, kind: u32, scope: u32) -> u32 {
    let mixed = (hash ^ scope.wrapping_mul(0x9e37_79b9)).wrapping_add(kind.wrapping_mul(0x85eb_ca6b));
    (mixed ^ mixed >> 15).wrapping_mul(0x2c1b_3c6d)
}
