//! The index against a matcher that tries every pattern of every release.

use std::collections::HashSet;

use graylane::limits::GOVERNING;
use graylane::policy::Trust;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::native::run;
use crate::{cases, plan};
use graylane::given::Given;

/// A release: whether it routes, its hosts, its paths (with whether they are exact).
#[derive(Clone, Debug)]
struct Written {
    routes: bool,
    hosts: Vec<String>,
    paths: Vec<(bool, String)>,
}

impl Written {
    fn json(&self, index: usize) -> Value {
        let paths: Vec<Value> = self
            .paths
            .iter()
            .map(|(exact, path)| json!({(if *exact { "exact" } else { "prefix" }): path}))
            .collect();
        let mut release = json!({
            "name": format!("r{index}"),
            "match": {"hosts": self.hosts, "paths": paths},
            "lanes": [{"name": "A"}, {"name": "B"}],
        });
        if self.routes {
            release["blueGreen"] = json!({"active": "A"});
        } else {
            release["ab"] =
                json!({"salt": "s", "route": false, "groups": [{"lane": "A"}, {"lane": "B", "weight": 1}]});
        }
        release
    }

    /// All its patterns, in one form for what means the same.
    fn patterns(&self) -> Vec<(String, bool, String)> {
        let any = ["*".to_owned()];
        let hosts = if self.hosts.is_empty() { &any[..] } else { &self.hosts };
        let every = [(false, "/".to_owned())];
        let paths = if self.paths.is_empty() { &every[..] } else { &self.paths };
        let pattern = |host: &String, (exact, path): &(bool, String)| {
            let path = if *exact { path.as_str() } else { path.trim_end_matches('/') };
            (host.to_lowercase(), *exact, path.to_owned())
        };
        hosts.iter().flat_map(|host| paths.iter().map(move |path| pattern(host, path))).collect()
    }
}

fn host_and_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, Some(port)),
        _ => (host, None),
    }
}

/// How well a host pattern matches: the larger the better.
fn host_rank(pattern: &str, host: &str) -> Option<(usize, usize, bool)> {
    let host = host.to_lowercase();
    let (name, port) = host_and_port(&host);
    let name = name.strip_suffix('.').unwrap_or(name);
    let (wanted, wanted_port) = host_and_port(pattern);
    if wanted_port.is_some() && wanted_port != port {
        return None;
    }
    let (kind, length) = match wanted.strip_prefix("*.") {
        _ if wanted == "*" => (0, 0),
        Some(suffix) if name.ends_with(&format!(".{suffix}")) => (1, suffix.len()),
        None if wanted == name => (2, 0),
        _ => return None,
    };
    Some((kind, length, wanted_port.is_some()))
}

/// How well a path pattern matches.
fn path_rank(exact: bool, pattern: &str, path: &str) -> Option<(bool, usize)> {
    let ends = |rest: &str| pattern.is_empty() || rest.is_empty() || rest.starts_with('/');
    let inside = || path.strip_prefix(pattern).is_some_and(ends);
    if exact { (path == pattern).then_some((true, 0)) } else { inside().then_some((false, pattern.len())) }
}

/// The names of the releases that govern a request: the one that routes, then the others, best match first.
fn governing(releases: &[Written], host: &str, path: &str) -> Vec<String> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut found = Vec::new();
    for (index, release) in releases.iter().enumerate() {
        for (wanted, exact, pattern) in release.patterns() {
            let rank = host_rank(&wanted, host).zip(path_rank(exact, &pattern, path));
            found.extend(rank.map(|rank| (rank, index)));
        }
    }
    // Equally good: in the order of the policy.
    found.sort_by(|(one, first), (other, second)| other.cmp(one).then(first.cmp(second)));
    let mut order: Vec<usize> = Vec::new();
    for (_, index) in found {
        if !order.contains(&index) {
            order.push(index);
        }
    }
    let router = order.iter().copied().find(|index| releases[*index].routes);
    let groups = order.iter().copied().filter(|index| !releases[*index].routes).take(GOVERNING - 1);
    router.into_iter().chain(groups).map(|index| format!("r{index}")).collect()
}

const HOSTS: [&str; 12] = [
    "a.b.c", "A.b.C", "b.c", "*.b.c", "*.c", "*", "a.b.c:80", "*.b.c:80", "*:80", "x.a.b.c", "[::1]",
    "[::1]:80",
];
const PATHS: [&str; 9] = ["/", "/a", "/a/", "/a/b", "/a/b/c", "/a//b", "/ab", "/b", "/a%2Fb"];

fn releases() -> impl Strategy<Value = Vec<Written>> {
    let host = proptest::sample::select(HOSTS.to_vec()).prop_map(str::to_owned);
    let path = (any::<bool>(), proptest::sample::select(PATHS.to_vec()).prop_map(str::to_owned));
    let hosts = proptest::collection::vec(host, 0..4);
    let paths = proptest::collection::vec(path, 0..4);
    let release = (proptest::bool::weighted(0.7), hosts, paths);
    let release = release.prop_map(|(routes, hosts, paths)| Written { routes, hosts, paths });
    proptest::collection::vec(release, 1..14).prop_map(|releases| {
        // What the checker would refuse is left out: a pattern that is routed already, more groups than may govern.
        let (mut routed, mut groups) = (HashSet::new(), 0);
        let good = releases.into_iter().filter(|release| {
            if !release.routes {
                groups += 1;
                return groups < GOVERNING;
            }
            let free = release.patterns().iter().all(|pattern| !routed.contains(pattern));
            if free {
                routed.extend(release.patterns());
            }
            free
        });
        good.collect()
    })
}

fn hosts() -> impl Strategy<Value = String> {
    let host = ["a.b.c", "A.B.c", "b.c", "c", "x.b.c", "y.x.b.c", ".b.c", "xb.c", "[::1]", "", ".", "..b.c"];
    let end = ["", "", ".", ":80", ".:80", ":81", ":", ":0", ":65536", ":8x"];
    let pick = |list: Vec<&'static str>| proptest::sample::select(list);
    (pick(host.to_vec()), pick(end.to_vec())).prop_map(|(host, end)| format!("{host}{end}"))
}

fn paths() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec!["/", "/a", "/b", "/ab", "/c", "a", "?/a", "/a%2Fb", "#"]);
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn the_index_finds_what_trying_every_pattern_finds(
        releases in releases(),
        requests in proptest::collection::vec((hosts(), paths()), 20),
    ) {
        prop_assume!(!releases.is_empty());
        let written: Vec<Value> = releases.iter().enumerate().map(|(index, release)| release.json(index)).collect();
        let plan = plan(&Value::from(written));
        for (host, path) in requests {
            let headers = [(":authority", host.as_str()), (":path", path.as_str())];
            let call = Given { headers: headers.into_iter().collect(), random: Some([7; 16]), ..Given::default() };
            let ran = run(&plan, Trust::Edge, &call);
            let names = ran.decision.entries.iter().filter_map(|entry| plan.release(entry.release));
            let names: Vec<String> = names.map(|release| String::from_utf8_lossy(release.name()).into_owned()).collect();
            prop_assert_eq!(names, governing(&releases, &host, &path), "{} {}", host, path);
        }
    }
}
