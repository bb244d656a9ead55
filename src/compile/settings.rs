//! What a policy says for all releases.

use crate::error::{At, Path, PolicyErrors, Problem, Quoted};
use crate::headers;
use crate::node::Node;
use crate::policy::{self, Absent, IdSource, Policy};
use crate::read::read;
use crate::settings::{
    Claims, Cookie, Exposures, JWT_FILTER, JWT_PAYLOAD, Key, Names, Settings, Source, Staleness,
};

use super::{check, condition, keys, sticky};

/// For how many seconds an exposure is not told again, unless the policy says another number.
const WINDOW: u32 = 3600;

/// The least seconds after which a source may be too silent: one that is well is heard each second.
const STALE_AFTER: u32 = 10;

pub(super) fn compile(policy: &Policy, keys: Option<Box<[Key]>>, at: &mut At<'_>) -> Settings {
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
    let sources = each_source(&identity.sources, names, true, &mut at.key("sources"));
    if let Some(cookie) = cookie
        && !sources.iter().any(|source| matches!(source, Source::Cookie(name) if *name == cookie.name))
        && !at.key("sources").is_unreadable()
    {
        let allowed = "one of the cookies in identity.sources, or nobody would read it";
        at.key("cookie").key("name").error(Problem::NotFound, Quoted(&cookie.name), allowed);
    }
    sources.into()
}

/// A header that ids are read from: none that clients may not send.
fn source_header(name: &str, names: &Names, at: &mut At<'_>) -> Option<Source> {
    let name = check::header_name(name, at)?;
    let claims = Claims::new(names, &[], std::iter::empty(), std::iter::empty());
    if claims.headers.iter().any(|claim| **claim == *name) {
        at.error(Problem::Forbidden, Quoted(&name), "clients may not send this header, so no id comes in it");
    }
    Some(Source::Header(name.into()))
}

fn each_source(written: &[IdSource], names: &Names, may_nest: bool, at: &mut At<'_>) -> Vec<Source> {
    let mut sources = Vec::with_capacity(written.len());
    for (index, source) in written.iter().enumerate() {
        let at = &mut at.index(index);
        sources.extend(match source {
            IdSource::SourceAddress => Some(Source::Address),
            IdSource::Header(name) => source_header(name, names, &mut at.key("header")),
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
                Some(Source::Composite(each_source(parts, names, false, at).into()))
            }
        });
    }
    sources
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
    let secrets = keys::compile(&secrets, &mut at.key("keys"));
    let settings = Settings { claims, ..compile(&policy, Some(secrets), at) };
    errors.into_result(settings)
}

/// What clients may not claim, as lists under `headers` and `cookies`.
pub(super) fn claims(node: &Node<'_>, errors: &mut PolicyErrors) -> Claims {
    let mut words = |key: &str| -> Box<[Box<str>]> {
        let words: Vec<String> =
            node.member(key).map(|node| read(node, &Path::Root, errors)).unwrap_or_default();
        words.into_iter().map(String::into_boxed_str).collect()
    };
    Claims { headers: words("headers"), cookies: words("cookies") }
}
