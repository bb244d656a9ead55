//! Patterns of hosts and paths: what of all requests a release governs.

use std::fmt;

/// A pattern of hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPattern {
    /// Lower case, without port and `*.`; empty for any host.
    pub(crate) host: Box<[u8]>,
    pub(crate) kind: HostKind,
    /// 0 for any port.
    pub(crate) port: u16,
}

#[cfg(feature = "tools")]
impl HostPattern {
    /// Whether it matches a host without its port; decisions ask the index instead.
    pub(crate) fn is_match(&self, host: &[u8], port: u16) -> bool {
        let is_port = self.port == 0 || self.port == port;
        let ends_here = |host: &[u8]| host.eq_ignore_ascii_case(&self.host);
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

/// A pattern of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathPattern {
    /// Empty for any path; a prefix has no slash at its end.
    pub(crate) path: Box<[u8]>,
    pub(crate) kind: PathKind,
}

/// How a path pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathKind {
    /// Whole segments from the start; the empty prefix matches every path.
    Prefix,
    Exact,
}

/// The hosts and paths that a release governs, each host with each path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Matches {
    pub(crate) hosts: Box<[HostPattern]>,
    pub(crate) paths: Box<[PathPattern]>,
}

impl Matches {
    /// Every pair of a host and a path.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&HostPattern, &PathPattern)> {
        self.hosts.iter().flat_map(|host| self.paths.iter().map(move |path| (host, path)))
    }
}

/// The number of segments of a prefix without a slash at its end.
pub(crate) fn depth(prefix: &[u8]) -> usize {
    prefix.split(|byte| *byte == b'/').count() - 1
}

/// A host and path as a person would write them.
pub(crate) struct Place<'a> {
    pub(crate) host: &'a HostPattern,
    pub(crate) path: &'a PathPattern,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = String::from_utf8_lossy(&self.host.host);
        match self.host.kind {
            HostKind::Any => out.write_str("*")?,
            HostKind::Suffix => write!(out, "*.{host}")?,
            HostKind::Exact => out.write_str(&host)?,
        }
        if self.host.port != 0 {
            write!(out, ":{}", self.host.port)?;
        }
        let path = String::from_utf8_lossy(&self.path.path);
        match self.path.kind {
            PathKind::Exact => out.write_str(&path),
            PathKind::Prefix => write!(out, "{path}/…"),
        }
    }
}
