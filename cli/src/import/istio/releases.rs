//! Routes, from the first to the one that everything else takes -> rules and shares.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::lanes::Lanes;
use super::read::{Destination, Route, VirtualService};
use super::{Options, Reader, condition, hosts};
use crate::check::Severity;
use crate::import::draft::{Release, Rule};
use crate::import::names::Names;
use crate::import::{claims_told, percent, share};
use crate::manifests::Object;

const USERS: &str = "shares are of users, each of whom stays in one lane; Istio throws dice for each request";

/// A release for each VirtualService.
pub(super) fn releases(
    services: &[VirtualService],
    rules: &[Object],
    options: &Options,
    reader: &mut Reader<'_>,
) -> Vec<Release> {
    let mut names = Names::default();
    let mut taken = HashSet::new();
    let mut releases = Vec::new();
    for service in services {
        let Some(hosts) = hosts(service, &mut taken, reader) else { continue };
        let name = names.give(service.object.name());
        let lanes = Lanes::new(&service.object, rules, options);
        let mut maker = Maker {
            object: &service.object,
            name: &name,
            lanes,
            rules: Vec::new(),
            names: Names::default(),
            is_split: false,
        };
        let Some(base) = maker.routes(&service.routes, reader) else { continue };
        let Maker { lanes, rules, is_split, .. } = maker;
        let mut comments = vec![format!("VirtualService {}", service.object.name())];
        if is_split {
            comments.push(
                "The shares are of users, each of whom stays; Istio throws dice for each request.".to_owned(),
            );
        }
        let (salt, lanes) = (name.clone(), lanes.into_list(&base));
        if lanes.len() < 2 {
            let what =
                "all its requests have one destination, so there is nothing to choose; it is left alone";
            reader.tell(&service.object, Severity::Note, "spec.http", what);
            continue;
        }
        let release = Release { comments, name, off: false, hosts, paths: Vec::new(), lanes, salt, rules };
        if let Some((severity, what)) = claims_told(&release, "Istio", options.trusts_anybody) {
            reader.tell(&service.object, severity, "spec.http", &what);
        }
        releases.push(release);
    }
    releases
}

/// The hosts that no other VirtualService has; none where none is left.
fn hosts(
    service: &VirtualService,
    taken: &mut HashSet<String>,
    reader: &mut Reader<'_>,
) -> Option<Vec<String>> {
    let mut hosts = Vec::new();
    let mut is_every = false;
    for (index, host) in service.hosts.iter().enumerate() {
        let at = format!("spec.hosts[{index}]");
        let names = hosts::names(host, service.object.namespace());
        if host.split('.').count() == 1 && host != "*" && service.object.namespace().is_none() {
            let what = "the object names no namespace, so the longer names of this service are not known; add them to `hosts`";
            reader.tell(&service.object, Severity::Note, &at, what);
        }
        is_every |= names.is_empty();
        let keys = if names.is_empty() { vec!["*".to_owned()] } else { names.clone() };
        if keys.iter().any(|key| taken.contains(key)) {
            let what = "another VirtualService has this host, and a policy has one release for a host; put the routes together, it is left out";
            reader.tell(&service.object, Severity::Warning, &at, what);
            continue;
        }
        taken.extend(keys);
        hosts.extend(names);
    }
    match (is_every, hosts.is_empty()) {
        (true, _) => Some(Vec::new()),
        (false, true) => None,
        (false, false) => Some(hosts),
    }
}

struct Maker<'m> {
    object: &'m Object,
    name: &'m str,
    lanes: Lanes<'m>,
    rules: Vec<Rule>,
    names: Names,
    is_split: bool,
}

impl Maker<'_> {
    /// Takes the routes; the lane of everybody else, unless there is no lane at all.
    fn routes(&mut self, routes: &[Route], reader: &mut Reader<'_>) -> Option<String> {
        let mut routes = routes.iter();
        for route in routes.by_ref() {
            if let Some(answer) = route.answer {
                self.tell_answer(route, answer, reader);
                continue;
            }
            match self.condition(route, reader) {
                When::Always => {
                    let base = self.split(route, reader);
                    for behind in routes {
                        let what = "the route before it has no match, so that Istio never comes here; it is left out";
                        reader.tell(self.object, Severity::Note, &behind.at, what);
                    }
                    return base;
                }
                When::Holds(when) => self.matched(route, &when, reader),
                When::Never => {}
            }
        }
        self.without_end(reader)
    }

    fn tell_answer(&self, route: &Route, answer: &str, reader: &mut Reader<'_>) {
        let at = format!("{}.{answer}", route.at);
        if answer == "delegate" {
            let what = "the routes are those of another VirtualService; they are left out";
            reader.tell(self.object, Severity::Warning, &at, what);
        } else {
            reader.tell(
                self.object,
                Severity::Note,
                &at,
                "it leads to no lane, and stays in the VirtualService",
            );
        }
    }

    /// Where no route is for everybody else, Istio answers 404.
    fn without_end(&mut self, reader: &mut Reader<'_>) -> Option<String> {
        let base = self.rules.last()?.lane.clone();
        let what = format!(
            "no route is for all other requests, which Istio answers with 404; here they have lane {base}, and the VirtualService answers as before"
        );
        reader.tell(self.object, Severity::Warning, "spec.http", &what);
        Some(base)
    }

    /// When a route is taken.
    fn condition(&self, route: &Route, reader: &mut Reader<'_>) -> When {
        if route.matches.is_empty() {
            return When::Always;
        }
        let mut any = Vec::new();
        for (index, block) in route.matches.iter().enumerate() {
            let at = format!("{}.match[{index}]", route.at);
            if let Some(lane) = condition::lane(block) {
                let what = format!(
                    "this is the road of lane {lane}, which graylane chooses; it is no rule, and the share is that of the policy it came from"
                );
                reader.tell(self.object, Severity::Warning, &at, &what);
                continue;
            }
            match condition::condition(block) {
                Ok(Some(condition)) => any.push(condition),
                Ok(None) => return When::Always,
                Err(unsaid) => {
                    for (key, why) in unsaid {
                        let what = format!("{why}; the match is left out");
                        reader.tell(self.object, Severity::Warning, &format!("{at}.{key}"), &what);
                    }
                }
            }
        }
        match (any.len(), any.pop()) {
            (_, None) => When::Never,
            (1, Some(one)) => When::Holds(one),
            (_, Some(last)) => {
                any.push(last);
                When::Holds(json!({"any": any}))
            }
        }
    }

    /// A rule; where the route has weights, one for each destination with a part of all users.
    fn matched(&mut self, route: &Route, when: &Value, reader: &mut Reader<'_>) {
        let shares = self.shares(route, reader);
        let salt = self.name.to_owned();
        let Some(((last, _), parts)) = shares.split_last() else { return };
        let name = Self::rule_name(route, when);
        let mut from = 0_u64;
        for (lane, share) in parts {
            let to = from.saturating_add(*share).min(10_000);
            let part = json!({"salt": salt, "from": number(from), "to": number(to)});
            let when = json!({"all": [when, {"percent": part}]});
            let name = self.names.give(&format!("{name}-{lane}"));
            self.rules.push(Rule { name, when, lane: lane.clone(), comment: String::new() });
            from = to;
        }
        let name = if parts.is_empty() { name } else { format!("{name}-{last}") };
        let name = self.names.give(&name);
        self.rules.push(Rule { name, when: when.clone(), lane: last.clone(), comment: String::new() });
    }

    fn rule_name(route: &Route, when: &Value) -> String {
        if !route.name.is_empty() {
            return route.name.clone();
        }
        let first = |kind: &str| when.get(kind)?.as_object()?.keys().next().cloned();
        let named =
            ["header", "query", "claim"].into_iter().find_map(|kind| Some(format!("by-{}", first(kind)?)));
        let single = ["path", "method", "host"].into_iter().find(|kind| when.get(kind).is_some());
        named.or_else(|| single.map(|kind| format!("by-{kind}"))).unwrap_or_else(|| "route".to_owned())
    }

    /// The shares of everybody else; the lane with the largest one, which is the base lane.
    fn split(&mut self, route: &Route, reader: &mut Reader<'_>) -> Option<String> {
        let shares = self.shares(route, reader);
        let largest = shares.iter().map(|(_, share)| *share).max()?;
        let base = shares.iter().find(|(_, share)| *share == largest).map(|(lane, _)| lane.clone())?;
        for (lane, share) in shares.iter().filter(|(lane, _)| *lane != base) {
            self.lanes.share(lane, *share);
        }
        Some(base)
    }

    /// The lanes of a route with their shares in hundredths of a percent. One that stands twice has both.
    fn shares(&mut self, route: &Route, reader: &mut Reader<'_>) -> Vec<(String, u64)> {
        let total: u64 = route.destinations.iter().map(|destination| destination.weight).sum();
        if let [only] = route.destinations.as_slice() {
            return vec![(self.lane(route, 0, only, reader), 10_000)];
        }
        let mut shares: Vec<(String, u64)> = Vec::new();
        for (index, destination) in route.destinations.iter().enumerate() {
            let lane = self.lane(route, index, destination, reader);
            let (part, is_exact) = share(destination.weight, total);
            if !is_exact {
                let at = format!("{}.route[{index}].weight", route.at);
                let what = format!(
                    "{} of {total} is about {} % here: shares go in steps of 0.01 %",
                    destination.weight,
                    percent(part)
                );
                reader.tell(self.object, Severity::Note, &at, &what);
            }
            match shares.iter_mut().find(|(known, _)| *known == lane) {
                Some((_, known)) => *known = known.saturating_add(part),
                None => shares.push((lane, part)),
            }
        }
        if shares.iter().any(|(_, share)| (1..10_000).contains(share)) {
            self.is_split = true;
            reader.tell(self.object, Severity::Note, &format!("{}.route", route.at), USERS);
        }
        // A rule for nobody would only be in the way.
        if !route.matches.is_empty() {
            shares.retain(|(_, share)| *share > 0);
        }
        shares
    }

    fn lane(
        &mut self,
        route: &Route,
        index: usize,
        destination: &Destination,
        reader: &mut Reader<'_>,
    ) -> String {
        let at = format!("{}.route[{index}].destination", route.at);
        self.lanes.name(destination, &at, reader)
    }
}

/// When a route is taken.
enum When {
    Always,
    Holds(Value),
    /// Nothing of it can be said.
    Never,
}

/// Hundredths of a percent as a number of a policy.
fn number(hundredths: u64) -> Value {
    serde_json::from_str(&percent(hundredths)).unwrap_or(Value::Null)
}
