//! The hosts and paths of releases -> the index.

use crate::error::{At, Problem, Quoted};
use crate::index::{Conflict, HostKind, HostPattern, Index, PathKind, PathPattern, depth};
use crate::limits;
use crate::policy::{self, PathMatch};

/// The index while it is built, and how releases are called in messages.
#[derive(Default)]
pub(super) struct Routes {
    index: Index,
    names: Vec<String>,
}

impl Routes {
    pub(super) fn into_index(self) -> Index {
        self.index
    }

    /// Adds a release under all its patterns.
    pub(super) fn add(&mut self, release: &policy::Release, position: u32, routes: bool, at: &mut At<'_>) {
        self.names.push(release.name.clone().unwrap_or_default());
        let at = &mut at.key("match");
        let Some(written) = &release.matches else {
            at.error(Problem::Required, "", "hosts, paths or both; {} for every request");
            return;
        };
        let hosts = hosts(&written.hosts, &mut at.key("hosts"));
        let paths = paths(&written.paths, &mut at.key("paths"));
        for host in &hosts {
            for pattern in &paths {
                let Err(conflict) = self.index.add(host, pattern, position, routes) else { continue };
                let place = Place { host, pattern };
                match conflict {
                    Conflict::Routed(other) => {
                        let name = self.names.get(other as usize).map_or("", String::as_str);
                        let allowed = format_args!(
                            "releases[{other}] ({name}) routes it already; one release routes a host and path"
                        );
                        at.error(Problem::Duplicate, place, allowed);
                    }
                    Conflict::TooManyGroups => {
                        let allowed =
                            format_args!("at most {} AB tests without a route", limits::GOVERNING - 1);
                        at.error(Problem::TooMany, place, allowed);
                    }
                }
                // One message a release: the others would say the same.
                return;
            }
        }
    }
}

/// A host and path as a person would write them.
struct Place<'a> {
    host: &'a HostPattern,
    pattern: &'a PathPattern,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = String::from_utf8_lossy(&self.host.host);
        match self.host.kind {
            HostKind::Any => out.write_str("*")?,
            HostKind::Suffix => write!(out, "*.{host}")?,
            HostKind::Exact => out.write_str(&host)?,
        }
        if self.host.port != 0 {
            write!(out, ":{}", self.host.port)?;
        }
        let path = String::from_utf8_lossy(&self.pattern.path);
        match self.pattern.kind {
            PathKind::Exact => out.write_str(&path),
            PathKind::Prefix => write!(out, "{path}/…"),
        }
    }
}

fn hosts(written: &[String], at: &mut At<'_>) -> Vec<HostPattern> {
    if written.is_empty() {
        return vec![HostPattern { host: Box::default(), kind: HostKind::Any, port: 0 }];
    }
    let mut host = |(index, text): (usize, &String)| {
        let pattern = host_pattern(text);
        if pattern.is_none() {
            let allowed =
                "a host like shop.example.com, *.example.com, shop.example.com:8443, or * for every host";
            at.index(index).error(Problem::Invalid, Quoted(text), allowed);
        }
        pattern
    };
    written.iter().enumerate().filter_map(&mut host).collect()
}

fn host_pattern(text: &str) -> Option<HostPattern> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, digits)) if !digits.contains(']') && !host.contains(':') || host.ends_with(']') => {
            let port = digits
                .parse()
                .ok()
                .filter(|port| *port != 0 && digits.bytes().all(|byte| byte.is_ascii_digit()));
            (host, port?)
        }
        _ => (text, 0),
    };
    let (host, kind) = match host.strip_prefix("*.") {
        _ if host == "*" => ("", HostKind::Any),
        Some(suffix) => (suffix, HostKind::Suffix),
        None => (host, HostKind::Exact),
    };
    let host = host.to_ascii_lowercase().into_bytes();
    let good = match kind {
        HostKind::Any => true,
        HostKind::Suffix => is_domain(&host),
        HostKind::Exact => is_domain(&host) || is_ipv6(&host),
    };
    good.then(|| HostPattern { host: host.into(), kind, port })
}

fn is_domain(host: &[u8]) -> bool {
    let is_part = |part: &[u8]| {
        (1..=63).contains(&part.len())
            && part.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    host.len() <= 253 && host.split(|byte| *byte == b'.').all(is_part)
}

fn is_ipv6(host: &[u8]) -> bool {
    let inner = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    inner
        .and_then(|text| std::str::from_utf8(text).ok())
        .is_some_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
}

fn paths(written: &[PathMatch], at: &mut At<'_>) -> Vec<PathPattern> {
    if written.is_empty() {
        return vec![PathPattern { path: Box::default(), kind: PathKind::Prefix }];
    }
    let mut pattern = |(index, written): (usize, &PathMatch)| {
        let (text, kind, key) = match written {
            PathMatch::Exact(text) => (text, PathKind::Exact, "exact"),
            PathMatch::Prefix(text) => (text, PathKind::Prefix, "prefix"),
        };
        let mut at = at.index(index);
        let at = &mut at.key(key);
        if !text.starts_with('/') || text.contains(['?', '#']) {
            at.error(Problem::Invalid, Quoted(text), "a path that starts with '/', without '?' and '#'");
            return None;
        }
        let trimmed = if kind == PathKind::Prefix { text.trim_end_matches('/') } else { text };
        if depth(trimmed.as_bytes()) > limits::PATH_DEPTH && kind == PathKind::Prefix {
            let allowed = format_args!("at most {} segments", limits::PATH_DEPTH);
            at.error(Problem::TooLong, Quoted(text), allowed);
            return None;
        }
        Some(PathPattern { path: trimmed.as_bytes().into(), kind })
    };
    written.iter().enumerate().filter_map(&mut pattern).collect()
}
