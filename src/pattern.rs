//! Patterns of hosts and paths: what of all requests a release governs.

use std::fmt;

use crate::arena::{Block, List, Text};
use crate::record::record;

/// A pattern of hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostPattern<T> {
    /// Lower case, without port and `*.`; empty for any host.
    pub(crate) host: T,
    pub(crate) kind: HostKind,
    /// 0 for any port.
    pub(crate) port: u16,
}

record!(HostPattern<Text> { host: Text, kind: HostKind, port: u16 });

impl HostPattern<Text> {
    fn of(self, block: Block<'_>) -> HostPattern<&[u8]> {
        let HostPattern { host, kind, port } = self;
        HostPattern { host: block.text(host), kind, port }
    }
}

#[cfg(feature = "tools")]
impl HostPattern<&[u8]> {
    /// Whether it matches a host without its port; decisions ask the index instead.
    pub(crate) fn is_match(&self, host: &[u8], port: u16) -> bool {
        let is_port = self.port == 0 || self.port == port;
        let ends_here = |host: &[u8]| host.eq_ignore_ascii_case(self.host);
        is_port
            && match self.kind {
                HostKind::Any => true,
                HostKind::Exact => ends_here(host),
                HostKind::Suffix => host
                    .len()
                    .checked_sub(self.host.len())
                    .and_then(|at| host.split_at_checked(at))
                    .is_some_and(|(before, end)| before.ends_with(b".") && ends_here(end)),
            }
    }
}

/// How a host pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostKind {
    Any,
    Suffix,
    Exact,
}

record!(enum HostKind, else HostKind::Exact; Any, Suffix, Exact);

/// A pattern of paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PathPattern<T> {
    /// Empty for any path; a prefix has no slash at its end.
    pub(crate) path: T,
    pub(crate) kind: PathKind,
}

record!(PathPattern<Text> { path: Text, kind: PathKind });

impl PathPattern<Text> {
    fn of(self, block: Block<'_>) -> PathPattern<&[u8]> {
        PathPattern { path: block.text(self.path), kind: self.kind }
    }
}

/// How a path pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathKind {
    /// Whole segments from the start; the empty prefix matches every path.
    Prefix,
    Exact,
}

record!(enum PathKind, else PathKind::Exact; Prefix, Exact);

record! {
    /// The hosts and paths that a release governs, each host with each path.
    #[derive(Debug, Clone, Copy, Default)]
    pub(crate) struct Matches {
        pub(crate) hosts: List<HostPattern<Text>>,
        pub(crate) paths: List<PathPattern<Text>>,
    }
}

impl Matches {
    /// The patterns of hosts.
    pub(crate) fn hosts(self, block: Block<'_>) -> impl Iterator<Item = HostPattern<&[u8]>> {
        block.list(self.hosts).map(move |host| host.of(block))
    }

    /// The patterns of paths.
    pub(crate) fn paths(self, block: Block<'_>) -> impl Iterator<Item = PathPattern<&[u8]>> {
        block.list(self.paths).map(move |path| path.of(block))
    }

    /// Every pair of a host and a path.
    #[cfg(feature = "tools")]
    pub(crate) fn pairs(self, block: Block<'_>) -> impl Iterator<Item = Place<'_>> {
        self.hosts(block).flat_map(move |host| self.paths(block).map(move |path| Place { host, path }))
    }

    /// The host at a position.
    pub(crate) fn host(self, block: Block<'_>, position: u32) -> Option<HostPattern<&[u8]>> {
        block.at(self.hosts, position as usize).map(|host| host.of(block))
    }

    /// The path at a position.
    pub(crate) fn path(self, block: Block<'_>, position: u32) -> Option<PathPattern<&[u8]>> {
        block.at(self.paths, position as usize).map(|path| path.of(block))
    }
}

/// The number of segments of a prefix without a slash at its end.
pub(crate) fn depth(prefix: &[u8]) -> usize {
    prefix.split(|byte| *byte == b'/').count() - 1
}

/// A host and path as a person would write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) host: HostPattern<&'a [u8]>,
    pub(crate) path: PathPattern<&'a [u8]>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = String::from_utf8_lossy(self.host.host);
        match self.host.kind {
            HostKind::Any => out.write_str("*")?,
            HostKind::Suffix => write!(out, "*.{host}")?,
            HostKind::Exact => out.write_str(&host)?,
        }
        if self.host.port != 0 {
            write!(out, ":{}", self.host.port)?;
        }
        let path = String::from_utf8_lossy(self.path.path);
        match self.path.kind {
            PathKind::Exact => out.write_str(&path),
            PathKind::Prefix => write!(out, "{path}/…"),
        }
    }
}
