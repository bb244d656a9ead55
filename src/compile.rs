//! Policy -> Plan: the only place that sees both. It checks everything and reports every mistake at once.
//!
//! A mistake does not stop it: the part at fault is left out, the rest is still checked, and the plan is thrown
//! away at the end. What it returns without errors cannot fail any more.

mod builder;
mod check;
mod condition;
mod lane;
mod matching;
mod mode;
mod release;
mod split;

use std::sync::Arc;

use crate::address::Network;
use crate::error::{At, Path, PolicyErrors, Problem, Quoted};
use crate::headers;
use crate::index::Index;
use crate::limits;
use crate::node::Node;
use crate::plan::{Claims, Names, Plan, Segment, Source};
use crate::policy::{self, IdSource, PluginConfig, Policy, Trust};
use crate::read::read;

use matching::Routes;

/// The language level that this engine speaks.
pub const LANGUAGE: u32 = 1;

/// Compiles a policy.
///
/// # Errors
/// Every mistake in it, with paths from the policy's root.
pub fn compile(policy: &Policy) -> Result<Plan, PolicyErrors> {
    let mut errors = PolicyErrors::default();
    let plan = compile_at(policy, &mut At::new(Path::Root, &mut errors));
    errors.into_result(plan)
}

/// Reads and compiles a policy from a document tree.
///
/// # Errors
/// Every mistake of form and of meaning in it, with paths from the policy's root.
pub fn compile_node(node: &Node<'_>) -> Result<Plan, PolicyErrors> {
    let mut errors = PolicyErrors::default();
    let policy: Policy = read(node, &Path::Root, &mut errors);
    let plan = compile_at(&policy, &mut At::new(Path::Root, &mut errors));
    errors.into_result(plan)
}

/// What a plugin was configured with.
#[derive(Debug)]
pub struct Loaded {
    /// Whom the listener believes; nobody where the configuration does not say.
    pub trust: Trust,
    /// The plan, or every mistake in the configuration.
    pub plan: Result<Plan, PolicyErrors>,
}

/// Reads and compiles the configuration of a plugin: JSON as in [`PluginConfig`].
pub fn load(json: &[u8]) -> Loaded {
    let mut errors = PolicyErrors::default();
    let node: Node<'_> = match serde_json::from_slice(json) {
        Ok(node) => node,
        Err(fault) => {
            errors.add(
                &Path::Root,
                Problem::Syntax,
                "",
                format_args!("the configuration must be JSON: {fault}"),
            );
            return Loaded { trust: Trust::Edge, plan: Err(errors) };
        }
    };
    let config: PluginConfig = read(&node, &Path::Root, &mut errors);
    let mut at = At::new(Path::Root, &mut errors);
    if config.trust.is_none() {
        let allowed = "edge (clients are outside) or mesh (the hop before is one of ours)";
        at.key("trust").error(Problem::Required, "", allowed);
    }
    let plan = compile_at(&config.policy, &mut at.key("policy"));
    Loaded { trust: config.trust.unwrap_or(Trust::Edge), plan: errors.into_result(plan) }
}

fn compile_at(policy: &Policy, at: &mut At<'_>) -> Plan {
    language(policy, at);
    let names = names(&policy.names, &mut at.key("names"));
    let (segments, index) = releases(&policy.releases, &mut at.key("releases"));
    let sources = sources(&policy.identity.sources, &names, &mut at.key("identity").key("sources"));
    let claims = claims(&policy.releases, &names, &sources, &mut at.key("releases"));
    let id_cookie = policy.identity.cookie.as_ref();
    let id_cookie =
        id_cookie.map(|cookie| check::cookie(cookie, "gray_id", &mut at.key("identity").key("cookie")));
    Plan {
        version: policy.version,
        off: policy.off,
        sources,
        id_cookie,
        trusted: trusted(&policy.trusted_sources, &mut at.key("trustedSources")),
        names,
        claims,
        index,
        segments,
    }
}

fn language(policy: &Policy, at: &mut At<'_>) {
    let at = &mut at.key("language");
    match policy.language {
        Some(LANGUAGE) => {}
        Some(level) => {
            at.error(Problem::Unsupported, level, format_args!("this engine speaks {LANGUAGE}"));
        }
        None => at.error(Problem::Required, "", format_args!("write {LANGUAGE}")),
    }
}

fn names(written: &policy::Names, at: &mut At<'_>) -> Names {
    let mut taken: Vec<String> = Vec::new();
    let mut name = |key: &str, written: &Option<String>, default: &str| -> Box<str> {
        let at = &mut at.key(key);
        let name = match written {
            Some(name) => check::header_name(name, at).unwrap_or_default(),
            None => default.to_owned(),
        };
        // What is no name is reported as that alone.
        if !name.is_empty() && taken.contains(&name) {
            at.error(Problem::Duplicate, Quoted(&name), "each of the names must be another header");
        }
        taken.push(name.clone());
        name.into()
    };
    Names {
        lane: name("lane", &written.lane, headers::LANE),
        cluster: name("cluster", &written.cluster, headers::CLUSTER),
        slot: name("slot", &written.slot, headers::SLOT),
        id: name("id", &written.id, headers::ID),
        label: name("label", &written.label, headers::LABEL),
        group: name("group", &written.group, headers::GROUP),
        experiment: name("experiment", &written.experiment, headers::EXPERIMENT),
    }
}

fn sources(written: &[IdSource], names: &Names, at: &mut At<'_>) -> Box<[Source]> {
    if written.is_empty() {
        let standard = [
            Source::Header(names.id.clone()),
            Source::Query("gray_id".into()),
            Source::Cookie("gray_id".into()),
        ];
        return standard.into();
    }
    let source = |(index, source): (usize, &IdSource)| {
        let at = &mut at.index(index);
        match source {
            IdSource::Header(name) => {
                check::header_name(name, &mut at.key("header")).map(|name| Source::Header(name.into()))
            }
            IdSource::Query(name) => {
                check::token(name, &mut at.key("query")).map(|name| Source::Query(name.into()))
            }
            IdSource::Cookie(name) => {
                check::token(name, &mut at.key("cookie")).map(|name| Source::Cookie(name.into()))
            }
        }
    };
    written.iter().enumerate().filter_map(source).collect()
}

fn trusted(written: &[String], at: &mut At<'_>) -> Box<[Network]> {
    let network = |(index, text): (usize, &String)| {
        let network = Network::parse(text);
        if network.is_none() {
            let allowed = "an address or a network: 10.0.0.0/8, 192.0.2.7, 2001:db8::/32";
            at.index(index).error(Problem::Invalid, Quoted(text), allowed);
        }
        network
    };
    written.iter().enumerate().filter_map(network).collect()
}

/// What a request may claim of itself under this policy.
fn claims(releases: &[policy::Release], names: &Names, sources: &[Source], at: &mut At<'_>) -> Claims {
    let of_the_filter = [&names.lane, &names.cluster, &names.slot, &names.id, &names.label, &names.group];
    let mut headers: Vec<String> = Vec::new();
    let mut cookies: Vec<&str> = Vec::new();
    if !sources.iter().any(|source| matches!(source, Source::Header(name) if *name == names.id)) {
        headers.push(names.id.to_string());
    }
    for (position, release) in releases.iter().enumerate() {
        let at = &mut at.index(position);
        let at = &mut at.key("overrides");
        let mut claim = |name: &String, at: &mut At<'_>| {
            let name = name.to_ascii_lowercase();
            if of_the_filter.iter().any(|own| ***own == *name) {
                at.error(Problem::Forbidden, Quoted(&name), "the filter itself writes this header");
            }
            headers.push(name);
        };
        for (index, name) in release.overrides.headers.iter().enumerate() {
            claim(name, &mut at.key("headers").index(index));
        }
        if let Some(name) = &release.overrides.rules {
            claim(name, &mut at.key("rules"));
        }
        cookies.extend(release.overrides.cookies.iter().map(String::as_str));
    }
    let claims = Claims::new(names, headers.iter().map(String::as_str), cookies);
    let count = claims.headers.len() + claims.cookies.len();
    if count > limits::CLAIMS {
        let allowed =
            format_args!("at most {} override headers and cookies in all releases together", limits::CLAIMS);
        at.error(Problem::TooMany, count, allowed);
    }
    claims
}

fn releases(written: &[policy::Release], at: &mut At<'_>) -> (Vec<Arc<Segment>>, Index) {
    let mut routes = Routes::default();
    let mut segments = Vec::with_capacity(written.len());
    let mut names = std::collections::HashMap::with_capacity(written.len());
    for (position, release) in (0_u32..).zip(written) {
        let at = &mut at.index(position as usize);
        if let Some(name) = &release.name
            && let Some(first) = names.insert(name.as_str(), position)
        {
            let allowed = format_args!("releases[{first}] has this name already");
            at.key("name").error(Problem::Duplicate, Quoted(name), allowed);
        }
        let segment = release::compile(release, at);
        routes.add(release, position, segment.routes, at);
        segments.push(Arc::new(segment));
    }
    (segments, routes.into_index())
}
