//! A policy that may come next, decided beside the one in force: who would really move.
//!
//! Both decide on the same request, with its cookies and its label, at the same time, and an id that is drawn for it is the same to both.
//! Of each release, known by its name, the lane that the request belongs to is compared; which lane serves it, as while another one is
//! unavailable, moves nobody.

use std::fmt;
use std::net::IpAddr;

use crate::arena::LaneId;
use crate::decision::{self, Decision, Entry};
use crate::exposure::Told;
use crate::identity::GrayId;
use crate::plan::{Plan, Segment};
use crate::policy::Trust;
use crate::request::{Headers, Request};
use crate::series::named;
use crate::time::Timestamp;

/// What the next policy would do to a request of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It stays in the lane.
    Stays,
    /// It leaves the lane, for another one or for none.
    Leaves,
    /// It comes to the lane, from another one or from none.
    Comes,
}

impl Change {
    /// Every change.
    pub const ALL: [Change; 3] = [Change::Stays, Change::Leaves, Change::Comes];

    /// The change as a word for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Stays => "stays",
            Change::Leaves => "leaves",
            Change::Comes => "comes",
        }
    }
}

/// What is counted of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// Requests.
    Requests,
    /// Gray ids, each once a worker in an hour.
    Ids,
}

impl Series {
    /// Under which name the host counts it, as those of [`series`](crate::series).
    pub fn name(self, change: Change, release: &[u8], lane: &[u8]) -> String {
        let name = match self {
            Series::Requests => "graylane_shadow_requests_total",
            Series::Ids => "graylane_shadow_ids_total",
        };
        named(release, lane, &format!("graylane_change=.={};.;{name}", change.as_str()))
    }
}

/// For so many seconds the same id is not counted again.
const WINDOW: i64 = 3600;

/// A request on which was decided before. What was asked of the host is not asked again: the time is the same, and so is an id that was
/// drawn.
struct Again<'d, 'r> {
    request: &'d dyn Request,
    decision: &'d Decision<'r>,
}

/// Nobody prints one, and what would print a decision is large.
impl fmt::Debug for Again<'_, '_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Again")
    }
}

impl Request for Again<'_, '_> {
    fn headers(&self) -> &Headers {
        self.request.headers()
    }

    fn source_address(&self) -> Option<IpAddr> {
        self.decision.facts.source_address()
    }

    fn metadata(&self, path: &[&str]) -> Option<Vec<u8>> {
        self.request.metadata(path)
    }

    fn now(&self) -> Timestamp {
        self.decision.facts.now()
    }

    fn random(&self) -> Option<[u8; 16]> {
        self.decision.id.as_ref().and_then(GrayId::drawn).or_else(|| self.request.random())
    }
}

/// Decides on a request by the next policy, as `decision` was made by the one in force, and hands each change to `count`: see [`compare`].
pub fn decide(
    (plan, decision): Decided<'_, '_>,
    next: &Plan,
    trust: Trust,
    request: &dyn Request,
    told: &mut Told,
    count: impl FnMut(&[u8], &[u8], Change, bool),
) {
    let again = Again { request, decision };
    compare((plan, decision), (next, &decision::decide(next, trust, &again)), told, count);
}

/// A plan, and what it decided.
type Decided<'d, 'r> = (&'d Plan, &'d Decision<'r>);

/// Hands each change that the next policy would make to `count`: release, lane, what, and whether the id is counted for it for the first
/// time.
fn compare(
    now: Decided<'_, '_>,
    next: Decided<'_, '_>,
    told: &mut Told,
    mut count: impl FnMut(&[u8], &[u8], Change, bool),
) {
    let id = now.1.id.as_ref().or(next.1.id.as_ref()).map(GrayId::as_bytes).unwrap_or_default();
    let at = now.1.facts.now().seconds();
    let mut count = |segment: &Segment, lane: LaneId, change: Change| {
        let (release, lane) = (segment.name(), segment.lane_name(lane));
        let is_new =
            !id.is_empty() && told.tell(&[release, lane, change.as_str().as_bytes(), id], at, WINDOW);
        count(release, lane, change, is_new);
    };
    for (segment, entry) in chosen(now) {
        let other = chosen(next).find(|(other, _)| other.name() == segment.name());
        let (Some(lane), to) =
            (entry.assigned, other.and_then(|(other, entry)| Some((other, entry.assigned?))))
        else {
            continue;
        };
        let name = segment.lane_name(lane);
        if to.is_some_and(|(other, to)| other.lane_name(to) == name) {
            count(segment, lane, Change::Stays);
            continue;
        }
        count(segment, lane, Change::Leaves);
        if let Some((other, to)) = to {
            count(other, to, Change::Comes);
        }
    }
    for (segment, entry) in chosen(next) {
        let has_been =
            chosen(now).any(|(other, entry)| other.name() == segment.name() && entry.assigned.is_some());
        if let Some(lane) = entry.assigned.filter(|_| !has_been) {
            count(segment, lane, Change::Comes);
        }
    }
}

/// The releases that govern the request, with what each decided.
fn chosen<'d>((plan, decision): Decided<'d, '_>) -> impl Iterator<Item = (&'d Segment, &'d Entry)> {
    decision.entries.iter().filter_map(|entry| Some((plan.release(entry.release)?, entry)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::given::Given;

    fn plan(releases: &Value) -> Plan {
        let policy = json!({"language": 1, "releases": releases}).to_string();
        crate::compile_node(&serde_json::from_str(&policy).unwrap()).unwrap()
    }

    fn canary(name: &str, percent: f64, more: &Value) -> Value {
        let mut release = json!({
            "name": name, "match": {"hosts": [name]}, "lanes": [{"name": "stable"}, {"name": "v2"}],
            "canary": {"salt": "s", "stable": "stable", "candidates": [{"lane": "v2", "percent": percent}]},
        });
        for (key, value) in more.as_object().unwrap() {
            release[key] = value.clone();
        }
        release
    }

    /// What is counted of a request of this user to this host.
    fn counted(now: &Plan, next: &Plan, told: &mut Told, (id, host): (&str, &str)) -> Vec<String> {
        let headers = [(":authority", host), ("x-gray-id", id)].into_iter().collect();
        let request = Given { headers, ..Given::default() };
        let decision = crate::decide(now, Trust::Mesh, &request);
        let mut all = Vec::new();
        decide((now, &decision), next, Trust::Mesh, &request, told, |release, lane, change, is_new| {
            let [release, lane] = [release, lane].map(String::from_utf8_lossy);
            all.push(format!("{release}/{lane} {}{}", change.as_str(), if is_new { ", new" } else { "" }));
        });
        all
    }

    #[test]
    fn as_many_move_as_the_share_grows_and_each_is_counted_once() {
        let none = json!({});
        let (now, next) =
            (plan(&json!([canary("shop", 5.0, &none)])), plan(&json!([canary("shop", 20.0, &none)])));
        let mut told = Told::default();
        let all: Vec<_> =
            (0..4_000).map(|user| counted(&now, &next, &mut told, (&format!("u-{user}"), "shop"))).collect();
        let moved = all
            .iter()
            .filter(|changes| **changes == ["shop/stable leaves, new", "shop/v2 comes, new"])
            .count();
        let stayed =
            all.iter().filter(|changes| matches!(&changes[..], [one] if one.contains(" stays, new"))).count();
        assert_eq!(moved + stayed, 4_000);
        assert!((500..700).contains(&moved), "{moved} of 4,000, of whom 15 % would move");
        let user = all.iter().position(|changes| changes.len() == 2).unwrap();
        let again = counted(&now, &next, &mut told, (&format!("u-{user}"), "shop"));
        assert_eq!(again, ["shop/stable leaves", "shop/v2 comes"]);
    }

    #[test]
    fn releases_and_lanes_may_come_and_go() {
        let (old, new, off) =
            (canary("old", 0.0, &json!({})), canary("new", 0.0, &json!({})), json!({"off": true}));
        let now = plan(&json!([old, canary("pause", 0.0, &json!({}))]));
        let next = plan(&json!([new, canary("pause", 0.0, &off)]));
        let mut told = Told::default();
        let mut changes = |host| counted(&now, &next, &mut told, ("u", host));
        assert_eq!(changes("old"), ["old/stable leaves, new"]);
        assert_eq!(changes("new"), ["new/stable comes, new"]);
        assert_eq!(changes("pause"), ["pause/stable leaves, new"]);
        assert!(changes("other").is_empty());
    }

    #[test]
    fn a_lane_that_is_unavailable_moves_nobody() {
        let lanes = json!({"lanes": [{"name": "stable"}, {"name": "v2", "unavailable": true}]});
        let now = plan(&json!([canary("shop", 100.0, &json!({}))]));
        let next = plan(&json!([canary("shop", 100.0, &lanes)]));
        assert_eq!(counted(&now, &next, &mut Told::default(), ("u", "shop")), ["shop/v2 stays, new"]);
        assert_eq!(
            counted(&now, &next, &mut Told::default(), ("", "shop")),
            ["shop/stable stays"],
            "nobody is no id"
        );
    }
}
