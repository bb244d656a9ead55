//! A place that is said to add nothing can be left out, and an AB test that is said to be shadowed at a place governs no
//! request there.

use std::cell::Cell;

use graylane::decision::decide;
use graylane::given::Given;
use graylane::node::Node;
use graylane::plan::Plan;
use graylane::policy::Trust;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::{plan_and_warnings, runner, without};

const HOSTS: [&str; 9] = ["a.b.c", "b.c", "*.b.c", "*.c", "*", "a.b.c:80", "*.b.c:80", "*:80", "x.a.b.c"];
const PATHS: [&str; 7] = ["/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/b"];

/// Whether a release routes, its hosts and its paths.
type Written = (bool, Vec<&'static str>, Vec<(bool, &'static str)>);

fn release(routes: f64, places: usize) -> impl Strategy<Value = Written> {
    let hosts = vec(select(HOSTS.to_vec()), 0..places);
    let paths = vec((any::<bool>(), select(PATHS.to_vec())), 0..places);
    (proptest::bool::weighted(routes), hosts, paths)
}

fn json_of(index: usize, (routes, hosts, paths): &Written) -> Value {
    let path = |(exact, path): &(bool, &str)| json!({(if *exact { "exact" } else { "prefix" }): path});
    let paths: Vec<Value> = paths.iter().map(path).collect();
    let mut release = json!({"name": format!("r{index}"), "match": {"hosts": hosts, "paths": paths},
        "lanes": [{"name": "A"}, {"name": "B"}], "respond": {"cache": "none"}});
    if *routes {
        release["blueGreen"] = json!({"active": "A"});
    } else {
        release["ab"] = json!({"salt": format!("s{index}"), "route": false,
            "groups": [{"lane": "A"}, {"lane": "B", "weight": 1}]});
    }
    release
}

/// A policy of the releases that may stand beside those before them.
fn policy(releases: &[Written]) -> Value {
    let mut good: Vec<Value> = Vec::new();
    for (index, release) in releases.iter().enumerate() {
        good.push(json_of(index, release));
        let text = json!({"language": 1, "releases": good}).to_string();
        let node: Node<'_> = serde_json::from_str(&text).expect("a document");
        if graylane::compile_node(&node).is_err() {
            good.pop();
        }
    }
    json!({"language": 1, "releases": good})
}

fn target() -> impl Strategy<Value = (String, &'static str)> {
    let host = select(vec!["a.b.c", "b.c", "c", "x.b.c", "y.x.b.c", "x.a.b.c", "d", "A.B.C"]);
    let port = select(vec!["", ":80", ":81"]);
    let path =
        select(vec!["/", "/a", "/a/", "/a/b", "/a/b/c", "/a/b/c/d", "/a/x", "/ab", "/b", "/b/c", "/x"]);
    (host, port, path).prop_map(|(host, port, path)| (format!("{host}{port}"), path))
}

/// The names of the releases that govern a request.
fn governing(plan: &Plan, host: &str, path: &str) -> Vec<String> {
    let headers = [(":authority", host), (":path", path)].into_iter().collect();
    let given = Given { headers, random: Some([7; 16]), ..Given::default() };
    let decision = decide(plan, Trust::Edge, &given);
    let releases = decision.entries.iter().filter_map(|entry| plan.release(entry.release));
    releases.map(|release| String::from_utf8_lossy(release.name()).into_owned()).collect()
}

#[test]
fn a_host_or_path_that_is_said_to_add_nothing_can_be_left_out() {
    let told = Cell::new(0);
    let outcome =
        runner(2_000).run(&(vec(release(0.7, 5), 1..6), vec(target(), 40)), |(releases, targets)| {
            let policy = policy(&releases);
            let (plan, warnings) = plan_and_warnings(&policy);
            for (path, words) in warnings.iter().filter(|(path, _)| path.contains(".match.")) {
                let fewer = without(&policy, path).expect("an element of a list");
                let (fewer_plan, _) = plan_and_warnings(&fewer);
                told.set(told.get() + 1);
                for (host, path) in &targets {
                    let (all, fewer) = (governing(&plan, host, path), governing(&fewer_plan, host, path));
                    prop_assert_eq!(all, fewer, "{}{}: {}", host, path, words);
                }
            }
            Ok(())
        });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(told.get() > 300, "{told:?}");
}

/// Whether a request is at a place as a warning writes it: `*.example.com:80/pay/…`.
fn is_at(place: &str, host: &str, path: &str) -> bool {
    let (pattern, wanted) = place.split_at(place.find('/').expect("a path"));
    let host = host.to_lowercase();
    let (name, port) = host.split_once(':').unwrap_or((&host, ""));
    let (pattern, wanted_port) = pattern.split_once(':').unwrap_or((pattern, ""));
    let is_host = match pattern.strip_prefix("*.") {
        _ if pattern == "*" => true,
        Some(suffix) => name.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.')),
        None => name == pattern,
    };
    let is_path = match wanted.strip_suffix("/…") {
        Some(prefix) => {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        None => path == wanted,
    };
    is_host && is_path && (wanted_port.is_empty() || wanted_port == port)
}

#[test]
fn an_ab_test_that_is_said_to_be_shadowed_governs_no_request_there() {
    let (told, asked) = (Cell::new(0), Cell::new(0));
    let outcome =
        runner(1_000).run(&(vec(release(0.1, 3), 9..16), vec(target(), 60)), |(releases, targets)| {
            let policy = policy(&releases);
            let (plan, warnings) = plan_and_warnings(&policy);
            for (path, words) in &warnings {
                let place =
                    words.strip_prefix("at ").and_then(|words| words.split_once(" this names no group"));
                let Some((place, _)) = place else { continue };
                let position = path.strip_prefix("releases[").and_then(|path| path.strip_suffix("].match"));
                let index: usize =
                    position.and_then(|digits| digits.parse().ok()).expect("the match of a release");
                let name = policy["releases"][index]["name"].as_str().expect("a name").to_owned();
                told.set(told.get() + 1);
                for (host, path) in targets.iter().filter(|(host, path)| is_at(place, host, path)) {
                    asked.set(asked.get() + 1);
                    prop_assert!(
                        !governing(&plan, host, path).contains(&name),
                        "{}{}: {}",
                        host,
                        path,
                        words
                    );
                }
            }
            Ok(())
        });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(told.get() > 100 && asked.get() > 300, "{told:?} {asked:?}");
}

#[test]
fn nothing_is_said_of_places_while_a_neighbour_has_a_mistake() {
    let routes = |index, hosts, paths| json_of(index, &(true, hosts, paths));
    let shop = routes(0, vec!["*"], vec![(false, "/"), (false, "/a/b"), (false, "/a/b")]);
    let mut neighbour = routes(1, vec!["a.b.c"], vec![(false, "/a")]);
    let said = |neighbour: &Value| {
        let text = json!({"language": 1, "releases": [shop, neighbour]}).to_string();
        let report = graylane_cli::check::check(&text, graylane_cli::document::Form::Json).report;
        let warnings = report.findings.into_iter().map(|found| found.error);
        let warnings = warnings.filter(|error| error.path.contains(".match."));
        warnings.map(|error| format!("{}: {}", error.path, error.allowed)).collect::<Vec<_>>()
    };
    let twice = "releases[0].match.paths[2]: stands twice: it is paths[1] as well; once is enough";
    let nothing = "releases[0].match.paths[1]: adds nothing: paths[0] holds it; remove it";
    assert_eq!(said(&neighbour), [nothing, twice]);
    neighbour["blueGreen"]["active"] = "C".into();
    assert_eq!(said(&neighbour), [twice]);
}
