//! Policy -> Plan: the only place that sees both. It checks everything and reports every mistake at once.
//!
//! A mistake does not stop it: the part at fault is left out, the rest is still checked, and the plan is thrown
//! away at the end. What it returns without errors cannot fail any more.

#[cfg(feature = "tools")]
mod advice;
mod builder;
mod cache;
mod check;
mod condition;
mod gate;
mod guard;
mod hash;
mod lane;
mod link;
pub mod live;
mod matching;
mod mode;
mod pause;
mod release;
mod schedule;
mod split;
mod sticky;

pub use pause::pause;

use std::cell::Cell;
use std::mem;

use crate::error::{At, Path, PolicyErrors, Problem, Quoted};
use crate::headers;
use crate::hex::byte_of_hex;
use crate::limits;
use crate::node::Node;
use crate::plan::{Plan, Segment};
use crate::policy::{self, Absent, Holdout, IdSource, Layer, PluginConfig, Policy, Trust};
use crate::read::read;
use crate::settings::{
    Claims, Cookie, Exposures, JWT_FILTER, JWT_PAYLOAD, Key, Names, Settings, Source, Staleness,
};
use graylane_policy::seen::Seen;

/// The language level that this engine speaks.
pub const LANGUAGE: u32 = 1;

/// For how many seconds an exposure is not told again, unless the policy says another number.
const WINDOW: u32 = 3600;

/// The least seconds after which a source may be too silent: one that is well is heard each second.
const STALE_AFTER: u32 = 10;

/// Compiles a policy.
///
/// # Errors
/// Every mistake in it, with paths from the policy's root.
pub fn compile(policy: &Policy) -> Result<Plan, PolicyErrors> {
    let mut errors = PolicyErrors::default();
    let plan = compile_at(policy, None, &mut At::new(Path::Root, &mut errors));
    errors.into_result(plan)
}

/// Reads and compiles a policy from a document tree.
///
/// # Errors
/// Every mistake of form and of meaning in it, with paths from the policy's root.
pub fn compile_node(node: &Node<'_>) -> Result<Plan, PolicyErrors> {
    let mut errors = PolicyErrors::default();
    let policy: Policy = read(node, &Path::Root, &mut errors);
    let plan = compile_at(&policy, None, &mut At::new(Path::Root, &mut errors));
    errors.into_result(plan)
}

/// Reads and compiles a policy, and says what is allowed but hardly meant as well.
#[cfg(feature = "tools")]
pub fn check_node(node: &Node<'_>) -> (Policy, Plan, PolicyErrors) {
    let mut errors = PolicyErrors::default();
    let policy: Policy = read(node, &Path::Root, &mut errors);
    let plan = compile_at(&policy, None, &mut At::new(Path::Root, &mut errors));
    (policy, plan, errors)
}

/// Reads and checks the keys of a plugin by themselves: their ids, and what is wrong with them.
#[cfg(feature = "tools")]
pub fn check_keys(node: &Node<'_>) -> (policy::Map<String>, PolicyErrors) {
    let mut errors = PolicyErrors::default();
    let written = read(node, &Path::Root, &mut errors);
    errors.conceal("");
    keys(&written, &mut At::new(Path::Root, &mut errors));
    errors.conceal_keys(&Path::Root, keys_of(node));
    (written, errors)
}

/// What a plugin was configured with.
#[derive(Debug)]
pub struct Loaded {
    /// Whom the listener believes; nobody where the configuration does not say.
    pub trust: Trust,
    /// Whether decisions are left for the access log.
    pub access_log: bool,
    /// What is counted by release and lane.
    pub metrics: policy::Metrics,
    /// The name of the watch whose policy is in force as soon as it has one.
    pub watch: Option<String>,
    /// The plan, or every mistake in the configuration.
    pub plan: Result<Plan, PolicyErrors>,
    /// The plan that may come next.
    pub shadow: Option<Plan>,
    /// Where the plan is refused, what is left of it without its releases: what may run in its place.
    pub bare: Plan,
    /// Whether another VM of the process has compiled it.
    pub is_taken_over: bool,
    /// For [`handover`](crate::handover): what was loaded, without the releases, as JSON.
    pub(crate) frame: Vec<u8>,
}

/// Reads and compiles the configuration of a plugin: JSON as in [`PluginConfig`].
pub fn load(json: &[u8]) -> Loaded {
    match serde_json::from_slice(json) {
        Ok(node) => load_node(node),
        Err(fault) => {
            let mut errors = PolicyErrors::default();
            let allowed =
                format_args!("the configuration must be JSON in a google.protobuf.StringValue: {fault}");
            At::new(Path::Root, &mut errors).error(Problem::Syntax, "", allowed);
            Loaded {
                trust: Trust::Edge,
                access_log: false,
                metrics: policy::Metrics::default(),
                watch: None,
                shadow: None,
                is_taken_over: false,
                plan: Err(errors),
                bare: Plan::default(),
                frame: Vec::new(),
            }
        }
    }
}

fn load_node(node: Node<'_>) -> Loaded {
    let mut errors = PolicyErrors::default();
    let config: PluginConfig = read(&node, &Path::Root, &mut errors);
    errors.conceal("keys");
    let mut at = At::new(Path::Root, &mut errors);
    if config.trust.is_none() {
        let allowed = "edge (clients are outside) or mesh (the hop before is one of ours)";
        at.key("trust").error(Problem::Required, "", allowed);
    }
    let keys = keys(&config.keys, &mut at.key("keys"));
    let named = keys.clone();
    let is_left_to_watch = config.watch.is_some() && node.member("policy").is_none();
    let plan = if is_left_to_watch {
        Plan::default()
    } else {
        compile_at(&config.policy, Some(keys), &mut at.key("policy"))
    };
    let shadow = config.shadow.as_ref().map(|next| compile_at(next, Some(named), &mut at.key("shadow")));
    let written = node.member("keys");
    errors.conceal_keys(&Path::Root.key("keys"), written.into_iter().flat_map(keys_of));
    let bare = if errors.is_empty() { Plan::default() } else { plan.bare() };
    let trust = config.trust.unwrap_or(Trust::Edge);
    let plan = errors.into_result(plan);
    let frame = plan.as_ref().map(|plan| frame(node, plan)).unwrap_or_default();
    let PluginConfig { access_log, metrics, watch, .. } = config;
    Loaded { trust, access_log, metrics, watch, plan, shadow, bare, is_taken_over: false, frame }
}

/// A good configuration without its releases and what is used to compile them alone, and what clients may not claim because of them.
fn frame(mut configuration: Node<'_>, plan: &Plan) -> Vec<u8> {
    let emptied = [("releases", Node::List(vec![])), ("layers", Node::List(vec![])), ("holdout", Node::Null)];
    for (key, empty) in emptied {
        if let Some(node) = configuration.member_mut("policy").and_then(|policy| policy.member_mut(key)) {
            *node = empty;
        }
    }
    let claims = &plan.settings.claims;
    let [headers, cookies] = [&claims.headers, &claims.cookies]
        .map(|words| Node::List(words.iter().map(|word| Node::Text((**word).into())).collect()));
    let members = [("configuration", configuration), ("headers", headers), ("cookies", cookies)];
    let mut json = Vec::new();
    Node::Map(members.map(|(key, node)| (key.into(), node)).into()).write_json(&mut json);
    json
}

/// What was loaded, from its frame: all but its releases.
pub(crate) fn load_frame(json: &[u8]) -> Option<Loaded> {
    let mut node: Node<'_> = serde_json::from_slice(json).ok()?;
    let mut errors = PolicyErrors::default();
    let claims = claims(&node, &mut errors);
    let mut loaded = load_node(mem::replace(node.member_mut("configuration")?, Node::Null));
    loaded.plan.as_mut().ok()?.settings.claims = claims;
    errors.is_empty().then_some(loaded)
}

/// What to do about a plugin's configuration of so many bytes, where that is too much to be handed over whole with each change.
pub fn size_advice(bytes: usize) -> Option<String> {
    (bytes > limits::CONFIGURATION).then(|| {
        format!(
            "{bytes} bytes are much for the configuration of a plugin: each worker reads all of it with each change, etcd refuses objects \
             of Kubernetes above 1.5 MB, and control planes messages above 4 MB; put the releases into etcd and follow them with the watch, \
             or give each gateway and namespace only the releases of hosts that are called there"
        )
    })
}

/// What a release is compiled with, besides itself.
struct Context<'p> {
    settings: &'p Settings,
    layers: &'p [Layer],
    holdout: Option<&'p Holdout>,
    /// How many releases tell caches nothing though they should.
    uncached: Cell<usize>,
}

fn compile_at(policy: &Policy, keys: Option<Box<[Key]>>, at: &mut At<'_>) -> Plan {
    language(policy, at);
    let settings = settings(policy, keys, at);
    let context = Context {
        settings: &settings,
        layers: &policy.layers,
        holdout: policy.holdout.as_ref(),
        uncached: Cell::new(0),
    };
    gate::layers(&context, at);
    let list = &mut at.key("releases");
    let segments = releases(&policy.releases, &context, list);
    let plan = link::link(settings, segments, list);
    #[cfg(feature = "tools")]
    advice::advise(policy, &plan, at);
    plan
}

/// The keys of a map.
fn keys_of<'n>(node: &'n Node<'_>) -> impl Iterator<Item = &'n str> {
    let map = if let Node::Map(map) = node { map.as_slice() } else { &[] };
    map.iter().map(|(key, _)| key.as_ref())
}

/// The keys of a plugin.
fn keys(written: &policy::Map<String>, at: &mut At<'_>) -> Box<[Key]> {
    let mut keys = Vec::with_capacity(written.len());
    for (id, digits) in written.iter() {
        let at = &mut at.key(id);
        check::name(Some(&id.to_owned()), at);
        let secret: Option<Vec<u8>> =
            digits.as_bytes().as_chunks::<2>().0.iter().map(|pair| byte_of_hex(pair)).collect();
        let is_good = digits.len() % 2 == 0 && (32..=128).contains(&digits.len());
        match secret.filter(|_| is_good) {
            Some(secret) => keys.push(Key { id: id.into(), secret: secret.into() }),
            // Nobody wants a secret in a log.
            None => at.error(Problem::Invalid, "", "32 to 128 hexadecimal digits, an even number of them"),
        }
    }
    keys.into()
}

/// What is said for all releases, as the one who compiled them hands it over: their claims are known without them.
pub(crate) fn taken_over(node: &Node<'_>) -> Result<Settings, PolicyErrors> {
    let mut errors = PolicyErrors::default();
    let document = node.member("document").and_then(|document| document.member("settings"));
    let policy: Policy = document.map(|node| read(node, &Path::Root, &mut errors)).unwrap_or_default();
    let claims = claims(node, &mut errors);
    let secrets = node.member("keys").map(|node| read(node, &Path::Root, &mut errors)).unwrap_or_default();
    errors.conceal("");
    let at = &mut At::new(Path::Root, &mut errors);
    let secrets = keys(&secrets, &mut at.key("keys"));
    let settings = Settings { claims, ..settings(&policy, Some(secrets), at) };
    errors.into_result(settings)
}

/// What clients may not claim, as lists under `headers` and `cookies`.
fn claims(node: &Node<'_>, errors: &mut PolicyErrors) -> Claims {
    let mut words = |key: &str| -> Box<[Box<str>]> {
        let words: Vec<String> =
            node.member(key).map(|node| read(node, &Path::Root, errors)).unwrap_or_default();
        words.into_iter().map(String::into_boxed_str).collect()
    };
    Claims { headers: words("headers"), cookies: words("cookies") }
}

fn settings(policy: &Policy, keys: Option<Box<[Key]>>, at: &mut At<'_>) -> Settings {
    let names = names(&policy.names, &mut at.key("names"));
    let identity = &policy.identity;
    let id_cookie = identity.cookie.as_ref();
    let id_cookie =
        id_cookie.map(|cookie| check::cookie(cookie, "gray_id", &mut at.key("identity").key("cookie")));
    let sources = sources(identity, id_cookie.as_ref(), &names, &mut at.key("identity"));
    let trusted = condition::networks(&policy.trusted_sources, &mut at.key("trustedSources")).into();
    let claims = Claims::new(&names, &sources, std::iter::empty(), std::iter::empty());
    let claims_in = claims_in(&policy.claims, &mut at.key("claims"));
    stale(policy.stale.as_ref(), &mut at.key("stale"));
    let exposures = policy.exposures.as_ref().map(|written| Exposures {
        window: written.window.unwrap_or(WINDOW),
        proof: written
            .key
            .as_ref()
            .map(|id| sticky::proof(id, keys.as_deref(), &mut at.key("exposures").key("key"))),
    });
    Settings {
        version: policy.version,
        off: policy.off,
        names,
        sources,
        absent: absent(identity, at),
        normalize: identity.normalize.clone(),
        id_cookie,
        trusted,
        claims_in,
        claims,
        keys,
        staleness: Staleness::Fresh,
        exposures,
    }
}

/// How long the source may be silent.
fn stale(written: Option<&policy::Stale>, at: &mut At<'_>) {
    let Some(policy::Stale { after, .. }) = written else { return };
    let at = &mut at.key("after");
    match after {
        None => at.error(Problem::Required, "", "how long the source may be silent, in seconds"),
        Some(after) if *after < STALE_AFTER => {
            at.error(Problem::Invalid, after, format_args!("{STALE_AFTER} seconds or more"));
        }
        Some(_) => {}
    }
}

/// What becomes of a request without an id. A cookie for an id that nobody draws would never be set.
fn absent(identity: &policy::Identity, at: &mut At<'_>) -> Absent {
    let absent = identity.absent.unwrap_or_default();
    if absent != Absent::Issue && identity.cookie.is_some() {
        let allowed = "only with absent: issue; nothing is drawn that it could keep";
        at.key("identity").key("cookie").error(Problem::Forbidden, "", allowed);
    }
    absent
}

/// The filter that leaves verified claims in the metadata, and the key under which it does.
fn claims_in(written: &policy::Claims, at: &mut At<'_>) -> (Box<str>, Box<str>) {
    let mut word = |key: &str, written: &Option<String>, default: &str| -> Box<str> {
        let word = written.as_deref().unwrap_or(default);
        if word.is_empty() || word.contains('\0') {
            at.key(key).error(Problem::Invalid, Quoted(word), "a name");
        }
        word.into()
    };
    (word("filter", &written.filter, JWT_FILTER), word("key", &written.key, JWT_PAYLOAD))
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
        if headers::OVERRIDES.contains(&name.as_str()) {
            at.error(
                Problem::Forbidden,
                Quoted(&name),
                "an override by custom, which is removed at the edge",
            );
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

fn sources(
    identity: &policy::Identity,
    cookie: Option<&Cookie>,
    names: &Names,
    at: &mut At<'_>,
) -> Box<[Source]> {
    if identity.sources.is_empty() {
        let cookie = cookie.map_or("gray_id".into(), |cookie| cookie.name.clone());
        return [Source::Header(names.id.clone()), Source::Query("gray_id".into()), Source::Cookie(cookie)]
            .into();
    }
    let sources = each_source(&identity.sources, true, &mut at.key("sources"));
    if let Some(cookie) = cookie
        && !sources.iter().any(|source| matches!(source, Source::Cookie(name) if *name == cookie.name))
        && !at.key("sources").is_unreadable()
    {
        let allowed = "one of the cookies in identity.sources, or nobody would read it";
        at.key("cookie").key("name").error(Problem::NotFound, Quoted(&cookie.name), allowed);
    }
    sources.into()
}

fn each_source(written: &[IdSource], may_nest: bool, at: &mut At<'_>) -> Vec<Source> {
    let mut sources = Vec::with_capacity(written.len());
    for (index, source) in written.iter().enumerate() {
        let at = &mut at.index(index);
        sources.extend(match source {
            IdSource::SourceAddress => Some(Source::Address),
            IdSource::Header(name) => {
                check::header_name(name, &mut at.key("header")).map(|name| Source::Header(name.into()))
            }
            IdSource::Query(name) => {
                check::token(name, &mut at.key("query")).map(|name| Source::Query(name.into()))
            }
            IdSource::Cookie(name) => {
                check::token(name, &mut at.key("cookie")).map(|name| Source::Cookie(name.into()))
            }
            IdSource::Claim(name) => {
                check::claim(name, &mut at.key("claim")).map(|name| Source::Claim(name.into()))
            }
            IdSource::Composite(_) if !may_nest => {
                at.key("composite").error(Problem::Forbidden, "", "a part of a composite is none itself");
                None
            }
            IdSource::Composite(parts) => {
                let at = &mut at.key("composite");
                if parts.len() < 2 {
                    at.error(Problem::Required, "", "at least two parts");
                }
                Some(Source::Composite(each_source(parts, false, at).into()))
            }
        });
    }
    sources
}

fn releases(written: &[policy::Release], context: &Context<'_>, at: &mut At<'_>) -> Vec<Segment> {
    let mut segments = Vec::with_capacity(written.len());
    let mut seen = Seen::default();
    let mut first_uncached = None;
    for (position, release) in written.iter().enumerate() {
        let at = &mut at.index(position);
        if let Some(name) = &release.name
            && let Some(first) = seen.before(name, position)
        {
            let allowed = format_args!("releases[{first}] has this name already");
            at.key("name").error(Problem::Duplicate, Quoted(name), allowed);
        }
        let before = context.uncached.get();
        segments.push(release::compile(release, context, at));
        if context.uncached.get() > before && before == 0 {
            first_uncached = Some(position);
        }
    }
    // Said once: a policy has it everywhere or nowhere.
    if let Some(first) = first_uncached {
        at.index(first).key("respond").key("cache").warning(format_args!(
            "a shared cache may hand the page of one lane to users of another; write private, vary or none \
             (releases that say nothing: {})",
            context.uncached.get()
        ));
    }
    segments
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_mistake_in_a_configuration_shows_a_secret_that_stands_where_an_id_should() {
        let secret = "00112233445566778899aabbccddeeff";
        let release = json!({"name": "shop", "match": {}, "lanes": [{"name": "A"}, {"name": "B"}],
            "canary": {"stable": "A", "candidates": [{"lane": "B", "percent": 5}]}, "sticky": {"key": "k1"}});
        let told = |keys: serde_json::Value, key: &str| {
            let mut release = release.clone();
            release["sticky"]["key"] = key.into();
            let policy = json!({"language": 1, "releases": [release]});
            let configuration = json!({"trust": "mesh", "keys": keys, "policy": policy}).to_string();
            load(configuration.as_bytes()).plan.unwrap_err().to_string()
        };
        let long = format!("a{secret}");
        let not_found = "releases[0].sticky.key: Not found";
        for (keys, key, expected) in [
            (json!({ secret: "k1" }), "k1", "keys[0]: Invalid value: letters, digits,"),
            (json!({"0": secret, secret: "k1"}), "k1", "keys[1]: Invalid value: letters, digits,"),
            (json!({ long.clone(): ["k1"] }), "k1", "keys[0]: Wrong type: must be text"),
            (json!({ long.repeat(9): "k1" }), "k1", "keys[0]: Too long"),
            (json!({ long.clone(): secret }), "k1", &format!("{not_found}: \"k1\": allowed: keys[0]")),
            (json!({"k1": secret}), secret, &format!("{not_found}: allowed: k1")),
        ] {
            let told = told(keys, key);
            assert!(told.contains(expected) && !told.contains(secret), "{told}");
        }
    }
}
