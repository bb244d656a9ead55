//! Written hosts and paths -> patterns.

use crate::arena::{Arena, List, Text};
use crate::error::{At, Problem, Quoted};
use crate::limits;
use crate::pattern::{HostKind, HostPattern, Matches, PathKind, PathPattern, depth};
use crate::policy::{self, PathMatch};

/// The hosts and paths of a release.
pub(super) fn matches(written: Option<&policy::Match>, arena: &mut Arena, at: &mut At<'_>) -> Matches {
    let Some(written) = written else {
        at.error(Problem::Required, "", "hosts, paths or both; {} for every request");
        return Matches::default();
    };
    let hosts = hosts(&written.hosts, arena, &mut at.key("hosts"));
    let paths = paths(&written.paths, arena, &mut at.key("paths"));
    Matches { hosts, paths }
}

fn hosts(written: &[String], arena: &mut Arena, at: &mut At<'_>) -> List<HostPattern<Text>> {
    if at.is_unreadable() {
        return List::default();
    }
    if written.is_empty() {
        return arena.list([HostPattern { host: Text::default(), kind: HostKind::Any, port: 0 }]);
    }
    let mut host = |(index, text): (usize, &String)| {
        let pattern = host_pattern(text, arena);
        if pattern.is_none() {
            let allowed =
                "a host like shop.example.com, *.example.com, shop.example.com:8443, or * for every host";
            at.index(index).error(Problem::Invalid, Quoted(text), allowed);
        }
        pattern
    };
    let hosts: Vec<_> = written.iter().enumerate().filter_map(&mut host).collect();
    arena.list(hosts)
}

fn host_pattern(text: &str, arena: &mut Arena) -> Option<HostPattern<Text>> {
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
    good.then(|| HostPattern { host: arena.keep(host), kind, port })
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

fn paths(written: &[PathMatch], arena: &mut Arena, at: &mut At<'_>) -> List<PathPattern<Text>> {
    if at.is_unreadable() {
        return List::default();
    }
    if written.is_empty() {
        return arena.list([PathPattern { path: Text::default(), kind: PathKind::Prefix }]);
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
        if trimmed.is_empty() && text.len() > 1 {
            at.error(Problem::Invalid, Quoted(text), "a path that starts with one '/'; \"/\" for every path");
            return None;
        }
        if depth(trimmed.as_bytes()) > limits::PATH_DEPTH && kind == PathKind::Prefix {
            let allowed = format_args!("at most {} segments", limits::PATH_DEPTH);
            at.error(Problem::TooLong, Quoted(text), allowed);
            return None;
        }
        Some(PathPattern { path: arena.keep(trimmed), kind })
    };
    let paths: Vec<_> = written.iter().enumerate().filter_map(&mut pattern).collect();
    arena.list(paths)
}
