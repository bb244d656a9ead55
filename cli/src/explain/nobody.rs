//! Why no release governs a request.

use graylane::policy::{PathMatch, Policy, Release};

use super::lossy;
use crate::hint;

/// So many releases or hosts are named.
const NAMED: usize = 5;

/// Says why nothing governs a request to this host and path.
pub(super) fn why(policy: &Policy, host: &[u8], path: &[u8]) -> String {
    if policy.off {
        return "the policy is off: no release counts".to_owned();
    }
    if policy.releases.is_empty() {
        return "the policy has no release".to_owned();
    }
    let host = lossy(host).to_ascii_lowercase();
    let here: Vec<&Release> = policy.releases.iter().filter(|release| has_host(release, &host)).collect();
    if here.is_empty() {
        let hosts = policy.releases.iter().filter_map(|release| release.matches.as_ref());
        let hosts = hosts.flat_map(|matches| &matches.hosts).map(String::as_str);
        let meant = hint::nearest(&host, hosts).map(|meant| format!("; did you mean {meant}?"));
        return format!("no release matches the host {host}{}", meant.unwrap_or_default());
    }
    let paths = here.iter().take(NAMED).map(|release| {
        let name = release.name.as_deref().unwrap_or_default();
        let paths = release.matches.iter().flat_map(|matches| &matches.paths).map(|path| match path {
            PathMatch::Exact(path) => format!("{path} alone"),
            PathMatch::Prefix(path) => format!("{path} and what is below it"),
        });
        format!("{name} has {}", paths.collect::<Vec<_>>().join(", "))
    });
    format!(
        "no release matches the path {} of this host: {}",
        lossy(path),
        paths.collect::<Vec<_>>().join("; ")
    )
}

/// Whether the release names a host, by one of its patterns.
fn has_host(release: &Release, host: &str) -> bool {
    let Some(matches) = &release.matches else { return false };
    let without_port =
        host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let plain = without_port.map_or(host, |(name, _)| name).trim_end_matches('.');
    let is_match = |pattern: &String| {
        let pattern = pattern.to_ascii_lowercase();
        match pattern.strip_prefix('*') {
            Some("") => true,
            Some(suffix) => {
                [host, plain].iter().any(|host| host.ends_with(suffix) && host.len() > suffix.len())
            }
            None => pattern == host || pattern == plain,
        }
    };
    matches.hosts.is_empty() || matches.hosts.iter().any(is_match)
}
