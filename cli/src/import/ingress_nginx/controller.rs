//! What the controller makes of all Ingresses together (`internal/ingress/controller/controller.go`): servers by host, their
//! locations by path, and which backend has which canary beside it.
//!
//! Two things of it surprise. A canary stands beside a *backend* (namespace, service, port), not beside a path: every path that leads
//! to that backend has it, whichever path the canary was written for. And of several canaries beside one backend the first counts.

use std::collections::HashMap;

use super::annotation::Canary;
use crate::manifests::Object;

/// A service and its port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Upstream {
    pub(super) namespace: Option<String>,
    pub(super) service: String,
    pub(super) port: String,
}

/// An Ingress as the controller takes it.
#[derive(Debug)]
pub(super) struct Ingress {
    pub(super) object: Object,
    pub(super) canary: Option<Canary>,
    pub(super) default_backend: Option<Upstream>,
    pub(super) rules: Vec<Rule>,
    pub(super) aliases: Vec<String>,
    /// Whether its paths are regular expressions.
    pub(super) is_regex: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// Where it stands: `spec.rules[0]`.
    pub(super) path: String,
    /// The host; empty for every host.
    pub(super) host: String,
    pub(super) paths: Vec<RulePath>,
}

#[derive(Debug, Clone)]
pub(super) struct RulePath {
    /// Where it stands: `spec.rules[0].http.paths[0]`.
    pub(super) at: String,
    pub(super) path: String,
    pub(super) is_exact: bool,
    pub(super) upstream: Upstream,
}

/// What answers under a host and path.
#[derive(Debug, Clone)]
pub(super) struct Location {
    pub(super) path: String,
    pub(super) is_exact: bool,
    /// None is the controller's own answer, 404.
    pub(super) upstream: Option<Upstream>,
    is_default: bool,
    /// The Ingress that it comes from.
    pub(super) ingress: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Server {
    /// The host; empty for every host.
    pub(super) host: String,
    pub(super) aliases: Vec<String>,
    pub(super) locations: Vec<Location>,
}

/// Why a canary does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idle {
    /// No Ingress has that host.
    NoHost,
    /// No Ingress has that path there.
    NoPath,
    /// The backend is the one that it should stand beside, or one of the host's.
    OwnBackend,
    /// Another path of the canary was in vain, and the controller forgot its backend over it.
    Forgotten,
}

/// All servers, and the canaries beside their backends.
#[derive(Debug, Default)]
pub(super) struct Controller {
    pub(super) servers: Vec<Server>,
    /// The canaries beside a backend, in the order in which they came there.
    pub(super) beside: HashMap<Upstream, Vec<Upstream>>,
    /// The Ingress that a backend was first seen in: its canary is that of the backend.
    pub(super) first: HashMap<Upstream, usize>,
    /// Rules of canaries that do nothing: the Ingress, where, why.
    pub(super) idle: Vec<(usize, String, Idle)>,
    /// Backends of canaries that found no place, and were forgotten.
    pub(super) forgotten: Vec<Upstream>,
    /// Paths that lead nowhere, since a canary has their backend: the Ingress, where.
    pub(super) shadowed: Vec<(usize, String)>,
}

impl Controller {
    /// Takes the Ingresses in their order: oldest first.
    pub(super) fn of(ingresses: &[Ingress]) -> Self {
        let mut controller = Controller::default();
        controller.servers.push(Server::new("", None, None));
        for (index, ingress) in ingresses.iter().enumerate() {
            let paths = ingress.rules.iter().flat_map(|rule| &rule.paths).map(|path| &path.upstream);
            for upstream in ingress.default_backend.iter().chain(paths) {
                controller.first.entry(upstream.clone()).or_insert(index);
            }
        }
        for (index, ingress) in ingresses.iter().enumerate().filter(|(_, ingress)| ingress.canary.is_none()) {
            controller.add_servers(index, ingress);
        }
        for (index, ingress) in ingresses.iter().enumerate() {
            controller.add_locations(index, ingress, ingresses);
        }
        if ingresses.iter().any(|ingress| ingress.canary.is_none()) {
            for (index, ingress) in ingresses.iter().enumerate().filter(|(_, it)| it.canary.is_some()) {
                controller.merge(index, ingress, ingresses);
            }
        }
        controller
    }

    /// The first canary beside a backend that can take requests: its backend and its Ingress.
    pub(super) fn canary(&self, upstream: &Upstream) -> Option<(&Upstream, usize)> {
        let canary = self.beside.get(upstream)?.first()?;
        if self.forgotten.contains(canary) {
            return None;
        }
        Some((canary, *self.first.get(canary)?))
    }

    fn server(&mut self, host: &str) -> Option<&mut Server> {
        self.servers.iter_mut().find(|server| server.host == host)
    }

    fn add_servers(&mut self, index: usize, ingress: &Ingress) {
        if let (Some(upstream), Some(location)) =
            (&ingress.default_backend, self.server("").and_then(|server| server.locations.first_mut()))
        {
            location.upstream = Some(upstream.clone());
            location.ingress = Some(index);
            location.is_default &= !ingress.rules.is_empty();
        }
        for rule in &ingress.rules {
            if self.server(&rule.host).is_none() {
                self.servers.push(Server::new(&rule.host, ingress.default_backend.clone(), Some(index)));
            }
            if let Some(server) = self.server(&rule.host).filter(|server| server.aliases.is_empty()) {
                server.aliases.clone_from(&ingress.aliases);
            }
        }
    }

    /// Whether a backend belongs to a canary alone.
    fn is_of_canary(&self, upstream: &Upstream, ingresses: &[Ingress]) -> bool {
        let first = self.first.get(upstream).and_then(|index| ingresses.get(*index));
        first.is_some_and(|ingress| ingress.canary.is_some())
    }

    fn add_locations(&mut self, index: usize, ingress: &Ingress, ingresses: &[Ingress]) {
        for rule in &ingress.rules {
            for path in &rule.paths {
                if self.is_of_canary(&path.upstream, ingresses) {
                    if ingress.canary.is_none() {
                        self.shadowed.push((index, path.at.clone()));
                    }
                    continue;
                }
                let host = if self.server(&rule.host).is_some() { rule.host.as_str() } else { "" };
                if let Some(server) = self.server(host) {
                    server.add(path, index);
                }
            }
        }
    }

    fn merge(&mut self, index: usize, ingress: &Ingress, ingresses: &[Ingress]) {
        if let Some(upstream) = &ingress.default_backend {
            self.merge_at(index, "spec.defaultBackend", "", upstream, None, ingresses);
        }
        for rule in &ingress.rules {
            for path in &rule.paths {
                let at = Some((path.path.as_str(), path.is_exact));
                self.merge_at(index, &path.at, &rule.host, &path.upstream, at, ingresses);
            }
        }
    }

    /// Puts a canary beside the backend of the same host and path.
    fn merge_at(
        &mut self,
        index: usize,
        at: &str,
        host: &str,
        upstream: &Upstream,
        path: Option<(&str, bool)>,
        ingresses: &[Ingress],
    ) {
        if self.forgotten.contains(upstream) {
            return self.idle.push((index, at.to_owned(), Idle::Forgotten));
        }
        let Some(server) = self.servers.iter().find(|server| server.host == host) else {
            return self.idle.push((index, at.to_owned(), Idle::NoHost));
        };
        for location in &server.locations {
            let Some(primary) = &location.upstream else { continue };
            if primary == upstream {
                return self.idle.push((index, at.to_owned(), Idle::OwnBackend));
            }
            let is_same =
                path.is_none_or(|(path, exact)| location.path == path && location.is_exact == exact);
            if is_same && !self.is_of_canary(primary, ingresses) {
                let canaries = self.beside.entry(primary.clone()).or_default();
                if !canaries.contains(upstream) {
                    canaries.push(upstream.clone());
                }
                return;
            }
        }
        self.idle.push((index, at.to_owned(), Idle::NoPath));
        self.forgotten.push(upstream.clone());
    }
}

impl Server {
    fn new(host: &str, upstream: Option<Upstream>, ingress: Option<usize>) -> Self {
        let root = Location { path: "/".to_owned(), is_exact: false, upstream, is_default: true, ingress };
        Server { host: host.to_owned(), aliases: Vec::new(), locations: vec![root] }
    }

    fn add(&mut self, path: &RulePath, ingress: usize) {
        let same = self.locations.iter_mut().find(|it| it.path == path.path && it.is_exact == path.is_exact);
        let location = Location {
            path: path.path.clone(),
            is_exact: path.is_exact,
            upstream: Some(path.upstream.clone()),
            is_default: false,
            ingress: Some(ingress),
        };
        match same {
            Some(same) if same.is_default => *same = location,
            Some(_) => {}
            None => self.locations.push(location),
        }
    }
}
