//! Backends with a canary beside them -> releases, and releases that are off for what lies between.

use super::annotation::Canary;
use super::controller::{Controller, Idle, Ingress, Location, Server, Upstream};
use super::places::{Place, by_paths, remove_needless, takes_in};
use super::rules::{Lanes, rules};
use super::{Options, Reader, path};
use crate::check::Severity;
use crate::import::draft::{Backend, Draft, Lane, Release};
use crate::import::names::Names;
use crate::import::{claims_told, percent, share};

const LANES: Lanes<'static> = Lanes { stable: "stable", canary: "canary" };

/// The policy of all Ingresses.
pub(super) fn draft(ingresses: &[Ingress], options: &Options, reader: &mut Reader<'_>) -> Draft {
    let controller = Controller::of(ingresses);
    tell_idle(&controller, ingresses, reader);
    let mut maker = Maker { controller: &controller, ingresses, options, names: Names::default() };
    let mut releases = Vec::new();
    let mut governed: Vec<Place> = Vec::new();
    for upstream in maker.primaries() {
        let places = maker.places(&upstream, reader);
        releases.extend(maker.releases(&upstream, &places, reader));
        governed.extend(places);
    }
    if releases.is_empty() && reader.manifests.count(Severity::Error) == 0 {
        no_canary(ingresses, reader);
    }
    let between = maker.between(&governed);
    releases.extend(maker.left_alone(&between));
    remove_needless(&mut releases);
    let head = vec![
        "Imported from ingress-nginx. Differences stand in the comments; the last word is docs/tools.md, \"Import\".".to_owned(),
    ];
    Draft { head, releases, trusts_anybody: options.trusts_anybody }
}

fn no_canary(ingresses: &[Ingress], reader: &mut Reader<'_>) {
    if let Some(ingress) = ingresses.first() {
        let what = "no Ingress has a canary that can take requests: the policy is empty";
        reader.tell_at(&ingress.object, Severity::Warning, "", what);
    }
}

/// Tells which canaries do nothing, and why.
fn tell_idle(controller: &Controller, ingresses: &[Ingress], reader: &mut Reader<'_>) {
    for (index, at, idle) in &controller.idle {
        let Some(ingress) = ingresses.get(*index) else { continue };
        let what = match idle {
            Idle::NoHost => {
                "no other Ingress has this host, so ingress-nginx ignores the canary; it is left out"
            }
            Idle::NoPath => {
                "no other Ingress has this path with this pathType, so ingress-nginx ignores the canary's backend everywhere; it is left out"
            }
            Idle::OwnBackend => {
                "the backend is that of another Ingress of this host, so ingress-nginx ignores the canary; it is left out"
            }
            Idle::Forgotten => {
                "the canary's backend has another path without a match, so ingress-nginx ignores it here, too; it is left out"
            }
        };
        reader.tell_at(&ingress.object, Severity::Warning, at, what);
    }
    for (index, at) in &controller.shadowed {
        let Some(ingress) = ingresses.get(*index) else { continue };
        let what =
            "an older canary has this backend, so ingress-nginx sends this path nowhere; it is left out";
        reader.tell_at(&ingress.object, Severity::Warning, at, what);
    }
}

struct Maker<'m> {
    controller: &'m Controller,
    ingresses: &'m [Ingress],
    options: &'m Options,
    names: Names,
}

impl Maker<'_> {
    /// The backends with a canary that can take requests, in the order of their locations.
    fn primaries(&self) -> Vec<Upstream> {
        let mut primaries = Vec::new();
        let locations = self.controller.servers.iter().flat_map(|server| &server.locations);
        for upstream in locations.filter_map(|location| location.upstream.as_ref()) {
            let canary = self.controller.canary(upstream).and_then(|(_, index)| self.ingresses.get(index));
            let is_canary = canary.is_some_and(|ingress| ingress.canary.is_some());
            if is_canary && !primaries.contains(upstream) {
                primaries.push(upstream.clone());
            }
        }
        primaries
    }

    fn hosts(server: &Server) -> impl Iterator<Item = &String> {
        std::iter::once(&server.host).chain(&server.aliases)
    }

    /// Whether the paths of a server are regular expressions: those of one Ingress make it so for all.
    fn is_regex(&self, server: &Server) -> bool {
        let ingresses = server.locations.iter().filter_map(|location| self.ingresses.get(location.ingress?));
        ingresses.into_iter().any(|ingress| ingress.is_regex)
    }

    /// Where a backend is reached.
    fn places(&self, upstream: &Upstream, reader: &mut Reader<'_>) -> Vec<Place> {
        let mut places = Vec::new();
        for server in &self.controller.servers {
            let is_regex = self.is_regex(server);
            for location in server.locations.iter().filter(|it| it.upstream.as_ref() == Some(upstream)) {
                match path::test(&location.path, location.is_exact, is_regex) {
                    Some(test) => places.extend(Self::hosts(server).map(|host| (host.clone(), test.clone()))),
                    None => self.tell_unsaid(location, reader),
                }
                if is_regex {
                    self.tell_regex(location, reader);
                }
            }
            self.tell_wildcard(server, upstream, reader);
        }
        places
    }

    fn ingress(&self, location: &Location) -> Option<&Ingress> {
        self.ingresses.get(location.ingress?)
    }

    fn tell_unsaid(&self, location: &Location, reader: &mut Reader<'_>) {
        let Some(ingress) = self.ingress(location) else { return };
        let what = "a release is for whole segments of a path or a whole path, not for this expression; the path is left out";
        reader.tell_at(&ingress.object, Severity::Warning, &at_path(ingress, location), what);
    }

    fn tell_regex(&self, location: &Location, reader: &mut Reader<'_>) {
        let Some(ingress) = self.ingress(location).filter(|_| location.path != "/") else { return };
        let what = "with use-regex or rewrite-target nginx takes the path for an expression, and its case does not count; here it does";
        reader.tell_at(&ingress.object, Severity::Note, &at_path(ingress, location), what);
    }

    fn tell_wildcard(&self, server: &Server, upstream: &Upstream, reader: &mut Reader<'_>) {
        let mut locations = server.locations.iter().filter(|it| it.upstream.as_ref() == Some(upstream));
        let Some(ingress) = locations.next().and_then(|location| self.ingress(location)) else { return };
        if server.host.starts_with("*.") {
            let at = ingress
                .rules
                .iter()
                .find(|rule| rule.host == server.host)
                .map(|rule| format!("{}.host", rule.path));
            let what = "ingress-nginx takes one name in place of the *, a policy takes any number: a.b, too";
            reader.tell_at(&ingress.object, Severity::Note, &at.unwrap_or_default(), what);
        }
    }

    /// The releases of a backend: one for all hosts that have the same paths.
    fn releases(&mut self, upstream: &Upstream, places: &[Place], reader: &mut Reader<'_>) -> Vec<Release> {
        let Some((canary_upstream, index)) = self.controller.canary(upstream) else { return Vec::new() };
        let Some(ingress) = self.ingresses.get(index) else { return Vec::new() };
        let Some(canary) = &ingress.canary else { return Vec::new() };
        self.tell_others(upstream, reader);
        let main = self.main(upstream);
        tell_affinity(main, ingress, reader);
        let percent = weight(ingress, canary, reader);
        let rules = rules(&ingress.object, canary, &LANES, reader);
        let base = main.map_or(upstream.service.as_str(), |main| main.object.name()).to_owned();
        let comments = Self::comments(main, ingress, canary);
        let lanes =
            vec![self.lane(LANES.stable, upstream, 0), self.lane(LANES.canary, canary_upstream, percent)];
        let mut releases: Vec<Release> = Vec::new();
        for (paths, hosts) in by_paths(places) {
            let name = self.names.give(&base);
            let salt = releases.first().map_or_else(|| name.clone(), |first| first.salt.clone());
            let (comments, lanes, rules) = (comments.clone(), lanes.clone(), rules.clone());
            releases.push(Release { comments, name, off: false, hosts, paths, lanes, salt, rules });
        }
        if let Some(release) = releases.first() {
            tell_claims(ingress, release, self.options, reader);
        }
        releases
    }

    /// The first Ingress, no canary, that a backend is in.
    fn main(&self, upstream: &Upstream) -> Option<&Ingress> {
        let locations = self.controller.servers.iter().flat_map(|server| &server.locations);
        let location = locations.into_iter().find(|location| location.upstream.as_ref() == Some(upstream))?;
        self.ingress(location)
    }

    fn comments(main: Option<&Ingress>, ingress: &Ingress, canary: &Canary) -> Vec<String> {
        let name = |ingress: &Ingress| match ingress.object.namespace() {
            Some(namespace) => format!("{namespace}/{}", ingress.object.name()),
            None => ingress.object.name().to_owned(),
        };
        let main = main.map(name).unwrap_or_default();
        let mut comments = vec![format!("Ingress {main}, and its canary {}", name(ingress))];
        if (1..canary.total).contains(&canary.weight) {
            comments.push(
                "The share is one of users, each of whom stays; ingress-nginx throws dice for each request."
                    .to_owned(),
            );
        }
        comments
    }

    fn lane(&self, name: &str, upstream: &Upstream, share: u64) -> Lane {
        let Upstream { namespace, service, port } = upstream.clone();
        let cluster = self.options.cluster.as_ref().map(|template| {
            let namespace = namespace.as_deref().unwrap_or("default");
            let filled = template.replace("{service}", &service).replace("{namespace}", namespace);
            filled.replace("{port}", &port).replace("{lane}", name)
        });
        let comment = format!("service {service}{}{port}", if port.is_empty() { "" } else { ":" });
        let backend = Backend { namespace, service, port, subset: None, labels: Vec::new() };
        Lane { name: name.to_owned(), share, cluster, backend, comment }
    }

    /// Tells which canaries beside a backend never get a request.
    fn tell_others(&self, upstream: &Upstream, reader: &mut Reader<'_>) {
        let canaries = self.controller.beside.get(upstream).map(Vec::as_slice).unwrap_or_default();
        for other in canaries.iter().skip(1) {
            let index = self.controller.first.get(other);
            let Some(ingress) = index.and_then(|index| self.ingresses.get(*index)) else { continue };
            let what = format!(
                "an older canary stands beside service {} already, and ingress-nginx asks the first alone; it is left out",
                upstream.service
            );
            reader.tell(&ingress.object, Severity::Warning, "canary", &what);
        }
    }

    /// Locations without a canary that a release would take in: under a longer path of its hosts, or under one of the hosts that it
    /// stands for.
    fn between(&self, governed: &[Place]) -> Vec<Place> {
        let mut between = Vec::new();
        for server in &self.controller.servers {
            let is_regex = self.is_regex(server);
            let tests = server.locations.iter().filter_map(|it| path::test(&it.path, it.is_exact, is_regex));
            for test in tests {
                for host in Self::hosts(server) {
                    let place = (host.clone(), test.clone());
                    let is_taken_in = governed.iter().any(|other| takes_in(other, &place));
                    if !governed.contains(&place) && is_taken_in && !between.contains(&place) {
                        between.push(place);
                    }
                }
            }
        }
        between
    }

    /// Releases that leave alone what has no canary.
    fn left_alone(&mut self, places: &[Place]) -> Vec<Release> {
        let mut releases = Vec::new();
        for (paths, hosts) in by_paths(places) {
            let comments =
                vec!["No canary here: without this release the ones above would take it in.".to_owned()];
            let lane = |name: &str| Lane { name: name.to_owned(), ..Lane::default() };
            let lanes = vec![lane(LANES.stable), lane(LANES.canary)];
            let name = self.names.give("no-canary");
            releases.push(Release { comments, name, off: true, hosts, paths, lanes, ..Release::default() });
        }
        releases
    }
}

/// Where a location stands in its Ingress.
fn at_path(ingress: &Ingress, location: &Location) -> String {
    let mut paths = ingress.rules.iter().flat_map(|rule| &rule.paths);
    let found = paths.find(|path| path.path == location.path && path.is_exact == location.is_exact);
    found.map_or_else(String::new, |path| format!("{}.path", path.at))
}

/// The share of the canary in hundredths of a percent.
fn weight(ingress: &Ingress, canary: &Canary, reader: &mut Reader<'_>) -> u64 {
    let (weight, is_exact) = share(canary.weight.min(canary.total), canary.total);
    if weight > 0 && weight < 10_000 {
        let what = "the share is one of users, each of whom stays in one lane; ingress-nginx throws dice for each request";
        reader.tell(&ingress.object, Severity::Note, "canary-weight", what);
    }
    if !is_exact {
        let what = format!(
            "{} of {} is {} % here: shares go in steps of 0.01 %",
            canary.weight,
            canary.total,
            percent(weight)
        );
        reader.tell(&ingress.object, Severity::Note, "canary-weight", &what);
    }
    weight
}

fn tell_affinity(main: Option<&Ingress>, ingress: &Ingress, reader: &mut Reader<'_>) {
    for of in main.into_iter().chain([ingress]) {
        if reader.annotation(&of.object, "affinity").is_some_and(|affinity| affinity == "cookie") {
            let what = "the cookie of ingress-nginx keeps a client at one pod, and in its lane before any rule is asked; a policy keeps users in their lane by the gray id, and rules come first. Pods are for the load balancer of the cluster";
            reader.tell(&of.object, Severity::Note, "affinity", what);
        }
    }
}

fn tell_claims(ingress: &Ingress, release: &Release, options: &Options, reader: &mut Reader<'_>) {
    if let Some((severity, what)) = claims_told(release, "ingress-nginx", options.trusts_anybody) {
        reader.tell(&ingress.object, severity, "canary-by-header", &what);
    }
}
