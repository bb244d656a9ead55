//! Why no release governs a request.

use graylane::plan::Plan;
use graylane::policy::{PathMatch, Policy, Release};

use super::lossy;
use crate::hint;

/// So many releases or hosts are named.
const NAMED: usize = 5;

/// Says why nothing governs a request to this host and path.
pub(super) fn why(policy: &Policy, plan: &Plan, host: &[u8], path: &[u8]) -> String {
    if policy.off {
        return "the policy is off: no release counts".to_owned();
    }
    if policy.releases.is_empty() {
        return "the policy has no release".to_owned();
    }
    let segments = (0..).map_while(|position| plan.release(position));
    let both = policy.releases.iter().zip(segments);
    let here: Vec<&Release> =
        both.filter(|(_, segment)| segment.has_host(host)).map(|(release, _)| release).collect();
    let host = lossy(host).to_ascii_lowercase();
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
    let more = here.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more releases others") } else { String::new() };
    format!(
        "no release matches the path {} of this host: {}{more}",
        lossy(path),
        paths.collect::<Vec<_>>().join("; ")
    )
}
