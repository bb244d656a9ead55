//! The request that a user of a simulation sends: to a place that a release governs, with the user's id where the policy
//! looks for it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use anyhow::{Result, bail};
use graylane::decision::Decision;
use graylane::given::Given;
use graylane::plan::Plan;
use graylane::policy::{IdSource, Match, PathMatch, Policy, Trust};
use graylane::time::Timestamp;
use graylane::{decide, headers};
use serde_json::{Map, Value};

use super::population::{Looks, Population};

/// A policy that is asked.
#[derive(Debug)]
pub struct Side {
    /// How it is called in reports: its file.
    pub name: String,
    /// As it is written.
    pub policy: Policy,
    /// As it decides.
    pub plan: Plan,
}

/// What of all requests is said beforehand.
#[derive(Debug, Clone)]
pub struct Template {
    /// Whom the listener believes.
    pub trust: Trust,
    /// The host; without it, each release gets requests to a host of its own.
    pub host: Option<String>,
    /// The path, which may have a query; without it, each release gets requests to a path of its own.
    pub path: Option<String>,
    /// Further headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The address that requests come from, where it is not what tells users apart.
    pub from: IpAddr,
    /// Verified claims of all users.
    pub claims: Map<String, Value>,
    /// The time of all decisions.
    pub now: Timestamp,
}

impl Template {
    fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known == name)
    }
}

/// Where in a request an id stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Carrier {
    Header(String),
    Query(String),
    Cookie(String),
    /// The path of the claim in the metadata.
    Claim(Vec<String>),
    Address,
}

impl fmt::Display for Carrier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Carrier::Header(name) => write!(out, "header {name}"),
            Carrier::Query(name) => write!(out, "query parameter {name}"),
            Carrier::Cookie(name) => write!(out, "cookie {name}"),
            Carrier::Claim(path) => write!(out, "claim {}", path.last().map_or("", |name| name)),
            Carrier::Address => out.write_str("the source address"),
        }
    }
}

impl Carrier {
    /// The carrier of a source that is one place, and not made of several.
    fn of(source: &IdSource, plan: &Plan) -> Option<Self> {
        match source {
            IdSource::Header(name) => Some(Carrier::Header(name.to_ascii_lowercase())),
            IdSource::Query(name) => Some(Carrier::Query(name.clone())),
            IdSource::Cookie(name) => Some(Carrier::Cookie(name.clone())),
            IdSource::Claim(name) => Some(Carrier::Claim(claim_path(name, plan))),
            IdSource::SourceAddress => Some(Carrier::Address),
            IdSource::Composite(_) => None,
        }
    }
}

/// Where the engine looks for a verified claim.
fn claim_path(name: &str, plan: &Plan) -> Vec<String> {
    let mut given = Given::default();
    given.add_claims(plan, &Map::from_iter([(name.to_owned(), Value::from(""))]));
    given.metadata.pop().map_or_else(Vec::new, |(path, _)| path)
}

/// How users make themselves known to a policy.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) carrier: Carrier,
    /// Whether the id is a part of the one that is hashed.
    is_part: bool,
    /// Whether the address alone would be the id: then a request that carries another has none.
    is_hidden_by_address: bool,
}

impl Identity {
    /// The first source of the policy that a request can hold by itself; the address last, since who has no better id is known
    /// by it; of an id of several parts the first one that is not said beforehand.
    fn of(side: &Side, template: &Template) -> Result<Self> {
        let sources = &side.policy.identity.sources;
        if sources.is_empty() {
            let carrier = Carrier::Header(side.plan.names().id.to_string());
            return Ok(Identity { carrier, is_part: false, is_hidden_by_address: false });
        }
        let carrier = |source: &IdSource| Carrier::of(source, &side.plan);
        let single = || sources.iter().filter_map(carrier);
        let parts = || {
            let composites = sources.iter().filter_map(|source| match source {
                IdSource::Composite(parts) => Some(parts),
                _ => None,
            });
            composites.flatten().filter_map(carrier).find(|carrier| match carrier {
                Carrier::Header(name) => !template.has_header(name),
                Carrier::Query(_) | Carrier::Cookie(_) | Carrier::Claim(_) => true,
                Carrier::Address => false,
            })
        };
        let found = single().find(|carrier| *carrier != Carrier::Address).map(|carrier| (carrier, false));
        let found = found.or_else(|| parts().map(|carrier| (carrier, true)));
        let found = found.or_else(|| single().next().map(|carrier| (carrier, false)));
        match found {
            Some((carrier, is_part)) => {
                let is_hidden_by_address = sources.contains(&IdSource::SourceAddress);
                Ok(Identity { carrier, is_part, is_hidden_by_address })
            }
            None => bail!(
                "{}: nothing is left of the gray id to put an id into: each part of it is said by --header",
                side.name
            ),
        }
    }
}

/// All that one policy is asked.
#[derive(Debug)]
pub(crate) struct Asked<'s> {
    pub(crate) side: &'s Side,
    template: &'s Template,
    pub(crate) identity: Identity,
    pub(crate) questions: Vec<Question>,
}

/// One place that requests are sent to, and what is asked there.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) host: String,
    pub(crate) path: String,
    /// The items of the simulation that are decided here, and the position of each one's release in the policy.
    pub(crate) items: Vec<(usize, u32)>,
    /// The releases that govern requests to it.
    pub(crate) governing: Vec<u32>,
}

impl Question {
    /// Whether this is where an item is asked for.
    pub(crate) fn has(&self, item: usize) -> bool {
        self.items.iter().any(|(index, _)| *index == item)
    }
}

impl<'s> Asked<'s> {
    pub(crate) fn new(side: &'s Side, template: &'s Template) -> Result<Self> {
        let identity = Identity::of(side, template)?;
        Ok(Asked { side, template, identity, questions: Vec::new() })
    }

    /// Asks for an item at the first of these places that its release governs; whether there is one. A policy that is off
    /// governs nothing, and is asked anywhere.
    pub(crate) fn ask<'p>(
        &mut self,
        item: usize,
        release: u32,
        mut places: impl Iterator<Item = (Cow<'p, str>, Cow<'p, str>)>,
    ) -> bool {
        let found = places.find_map(|(host, path)| {
            let governing = self.governing(&host, &path);
            let is_asked = governing.contains(&release) || self.side.policy.off;
            is_asked.then(|| (host.into_owned(), path.into_owned(), governing))
        });
        let Some((host, path, governing)) = found else { return false };
        self.add(item, release, host, path, governing);
        true
    }

    /// Asks for an item at a place, whatever governs it.
    pub(crate) fn ask_at(&mut self, item: usize, release: u32, host: &str, path: &str) {
        let governing = self.governing(host, path);
        self.add(item, release, host.to_owned(), path.to_owned(), governing);
    }

    fn add(&mut self, item: usize, release: u32, host: String, path: String, governing: Vec<u32>) {
        let same = |question: &&mut Question| question.host == host && question.path == path;
        match self.questions.iter_mut().find(same) {
            Some(question) => question.items.push((item, release)),
            None => self.questions.push(Question { host, path, items: vec![(item, release)], governing }),
        }
    }

    fn governing(&self, host: &str, path: &str) -> Vec<u32> {
        let given = self.given(host, path, "");
        let decision = decide(&self.side.plan, self.template.trust, &given);
        decision.entries.iter().map(|entry| entry.release).collect()
    }

    /// The request of a user to a place.
    pub(crate) fn given(&self, host: &str, path: &str, id: &str) -> Given {
        let Template { headers: said, from, claims, now, .. } = self.template;
        let (mut name, mut value, mut target) = ("", Cow::Borrowed(id), Cow::Borrowed(path));
        let mut metadata = Vec::new();
        let mut source_address = Some(*from).filter(|_| !self.identity.is_hidden_by_address);
        match &self.identity.carrier {
            Carrier::Header(header) => name = header,
            Carrier::Cookie(cookie) => {
                name = headers::COOKIE;
                value = Cow::Owned(format!("{cookie}={id}"));
            }
            Carrier::Query(parameter) => {
                let mark = if path.contains('?') { '&' } else { '?' };
                target = Cow::Owned(format!("{path}{mark}{parameter}={id}"));
            }
            Carrier::Claim(path) => metadata.push((path.clone(), id.as_bytes().to_vec())),
            Carrier::Address => source_address = id.parse::<IpAddr>().ok(),
        }
        let method = (!self.template.has_header(headers::METHOD)).then_some((headers::METHOD, "GET"));
        let own = [(headers::AUTHORITY, host), (headers::PATH, &*target)].into_iter().chain(method);
        let said = said.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let carried = (!name.is_empty()).then_some((name, &*value));
        let headers = own.chain(said).chain(carried).collect();
        // Chance has no place here: a fresh id would be another user in each policy.
        let mut given = Given { headers, source_address, metadata, now: *now, ..Given::default() };
        given.add_claims(&self.side.plan, claims);
        given
    }

    /// Decides the request of a user to a place; nothing where the id did not arrive as the one that the user has.
    pub(crate) fn decide<'a>(&'a self, given: &'a Given, id: &str) -> Option<Decision<'a>> {
        let decision = decide(&self.side.plan, self.template.trust, given);
        let arrived = match &decision.id {
            _ if !decision.is_governed() => true,
            None => false,
            Some(_) if self.identity.carrier == Carrier::Address => given.source_address.is_some(),
            Some(_) if self.identity.is_part => true,
            // The policy may say that spaces at the ends and case are no part of an id.
            Some(found) => found.as_bytes().trim_ascii().eq_ignore_ascii_case(id.as_bytes().trim_ascii()),
        };
        arrived.then_some(decision)
    }

    /// Makes sure that other users are others to the policy.
    pub(crate) fn tells_users_apart(&self) -> Result<()> {
        for Question { host, path, .. } in &self.questions {
            let mut text = String::new();
            let users = Population::made_up(2, 0);
            let mut ids = Vec::new();
            for user in 0..2 {
                let id = users.id(user, self.looks(), &mut text);
                let given = self.given(host, path, id);
                let decision = decide(&self.side.plan, self.template.trust, &given);
                if !decision.is_governed() {
                    continue;
                }
                ids.push(decision.id.map(|id| id.as_bytes().to_vec()));
            }
            if ids.first().is_some_and(|first| first.is_none() || ids.get(1) == Some(first)) {
                let (name, carrier) = (&self.side.name, &self.identity.carrier);
                bail!(
                    "{name}: users cannot be told apart by {carrier}: see identity.sources of the policy; say other parts of the id \
                     by --header or in the query of --path, and not the id itself"
                );
            }
        }
        Ok(())
    }

    /// What made-up ids have to look like.
    pub(super) fn looks(&self) -> Looks {
        if self.identity.carrier == Carrier::Address { Looks::Address } else { Looks::Uuid }
    }
}

/// What stands for a part of a host or path that a policy leaves open.
const ANY: &str = "simulated";

/// Places of which a release may govern some, those that are written first.
pub(crate) fn places<'p>(
    written: Option<&'p Match>,
    template: &'p Template,
) -> impl Iterator<Item = (Cow<'p, str>, Cow<'p, str>)> {
    let hosts: Vec<Cow<'p, str>> = match (&template.host, written) {
        (Some(host), _) => vec![Cow::Borrowed(host)],
        (None, Some(Match { hosts, .. })) if !hosts.is_empty() => {
            hosts.iter().map(|host| host_of(host)).collect()
        }
        (None, _) => vec![host_of("*")],
    };
    let paths: Vec<Cow<'p, str>> = match (&template.path, written) {
        (Some(path), _) => vec![Cow::Borrowed(path)],
        (None, Some(Match { paths, .. })) if !paths.is_empty() => paths.iter().flat_map(paths_of).collect(),
        (None, _) => vec![Cow::Borrowed("/"), Cow::Owned(format!("/{ANY}"))],
    };
    hosts.into_iter().flat_map(move |host| paths.clone().into_iter().map(move |path| (host.clone(), path)))
}

/// A host that a pattern matches.
fn host_of(pattern: &str) -> Cow<'_, str> {
    match pattern.strip_prefix('*') {
        Some(rest) if rest.starts_with('.') => Cow::Owned(format!("{ANY}{rest}")),
        // `*`, or `*:8443`.
        Some(rest) => Cow::Owned(format!("{ANY}.example{rest}")),
        None => Cow::Borrowed(pattern),
    }
}

/// Paths that a pattern matches: of a prefix, the prefix itself may belong to another release.
fn paths_of(pattern: &PathMatch) -> impl Iterator<Item = Cow<'_, str>> {
    let (written, below) = match pattern {
        PathMatch::Exact(path) => (path, None),
        PathMatch::Prefix(path) => (path, Some(format!("{}/{ANY}", path.trim_end_matches('/')))),
    };
    [Cow::Borrowed(written.as_str())].into_iter().chain(below.map(Cow::Owned))
}
