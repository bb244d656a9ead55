//! What a policy says for all its releases, compiled: names, where the gray id comes from, whom to trust, and what
//! clients may not claim.

use std::borrow::Cow;
use std::fmt;

use crate::address::Network;
use crate::arena::Text;
use crate::headers;
use crate::plan::Proof;
use crate::policy::{Absent, IdSource, Normalize};
use crate::record::record;
use crate::time::Timestamp;

/// Envoy's JWT filter.
pub(crate) const JWT_FILTER: &str = "envoy.filters.http.jwt_authn";
/// Under which key it leaves claims, if it is configured as Istio does.
pub(crate) const JWT_PAYLOAD: &str = "payload";

/// What a policy says for all its releases.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) version: u64,
    pub(crate) off: bool,
    pub(crate) names: Names,
    pub(crate) sources: Box<[Source]>,
    pub(crate) absent: Absent,
    pub(crate) normalize: Normalize,
    pub(crate) id_cookie: Option<Cookie>,
    pub(crate) trusted: Box<[Network]>,
    /// The filter that leaves verified claims in the metadata, and the key under which it does.
    pub(crate) claims_in: (Box<str>, Box<str>),
    pub(crate) claims: Claims,
    /// The keys of the plugin; `None` where no plugin is configured, as for tools.
    pub(crate) keys: Option<Box<[Key]>>,
    pub(crate) staleness: Staleness,
    /// How it is told who met which group; `None` where it is not.
    pub(crate) exposures: Option<Exposures>,
}

/// How it is told who met which group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exposures {
    /// For so many seconds nothing is told again.
    pub(crate) window: u32,
    /// By which key ids are hashed; `None` leaves them as they are.
    pub(crate) proof: Option<Proof>,
}

impl Settings {
    /// The secret by which something is authenticated.
    pub(crate) fn key(&self, proof: Proof) -> Option<&[u8]> {
        let Proof::Key(position) = proof else { return None };
        self.keys.as_ref()?.get(position as usize).map(|key| &*key.secret)
    }

    /// Whether this is one of the places that ids are read from, or a part of one.
    pub(crate) fn reads_id_from(&self, place: &Source) -> bool {
        self.sources.iter().any(|source| match source {
            Source::Composite(parts) => parts.contains(place),
            source => source == place,
        })
    }

    /// The time that ramps follow.
    pub(crate) fn ramp_time(&self, now: Timestamp) -> Timestamp {
        if let Staleness::FrozenRamps(since) = self.staleness { now.min(since) } else { now }
    }
}

/// What decisions do without a source of the policy that has been silent for too long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Staleness {
    /// Nothing: it has not, or does not matter.
    #[default]
    Fresh,
    /// Ramps stand still from this moment on.
    FrozenRamps(Timestamp),
    /// Everybody is in the default lanes.
    DefaultLanes,
}

record!(enum Staleness, else Staleness::Fresh; Fresh, FrozenRamps(since: Timestamp), DefaultLanes);

/// A secret with its id.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) id: Box<str>,
    pub(crate) secret: Box<[u8]>,
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Key({})", self.id)
    }
}

/// The header names that a policy uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The lane, see [`headers::LANE`].
    pub lane: Box<str>,
    /// The cluster, see [`headers::CLUSTER`].
    pub cluster: Box<str>,
    /// The number in weighted clusters, see [`headers::SLOT`].
    pub slot: Box<str>,
    /// The gray id, see [`headers::ID`].
    pub id: Box<str>,
    /// The traffic label, see [`headers::LABEL`].
    pub label: Box<str>,
    /// The AB group, see [`headers::GROUP`].
    pub group: Box<str>,
    /// The experiment, see [`headers::EXPERIMENT`].
    pub experiment: Box<str>,
}

impl Names {
    /// All of them.
    pub(crate) fn all(&self) -> [&str; 7] {
        let Names { lane, cluster, slot, id, label, group, experiment } = self;
        [lane, cluster, slot, id, label, group, experiment]
    }
}

impl Default for Names {
    fn default() -> Self {
        Names {
            lane: headers::LANE.into(),
            cluster: headers::CLUSTER.into(),
            slot: headers::SLOT.into(),
            id: headers::ID.into(),
            label: headers::LABEL.into(),
            group: headers::GROUP.into(),
            experiment: headers::EXPERIMENT.into(),
        }
    }
}

/// A place where a gray id may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Address,
    Header(Box<str>),
    Query(Box<str>),
    Cookie(Box<str>),
    Claim(Box<str>),
    Composite(Box<[Source]>),
}

impl From<&Source> for IdSource {
    fn from(source: &Source) -> Self {
        match source {
            Source::Address => IdSource::SourceAddress,
            Source::Header(name) => IdSource::Header(name.to_string()),
            Source::Query(name) => IdSource::Query(name.to_string()),
            Source::Cookie(name) => IdSource::Cookie(name.to_string()),
            Source::Claim(name) => IdSource::Claim(name.to_string()),
            Source::Composite(parts) => IdSource::Composite(parts.iter().map(IdSource::from).collect()),
        }
    }
}

/// A cookie to be set: its name, and its attributes as they follow the value (`; Path=/; …`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cookie<T = Box<str>> {
    pub(crate) name: T,
    pub(crate) attributes: T,
}

record!(Cookie<Text> { name: Text, attributes: Text });

impl Cookie {
    pub(crate) fn as_bytes(&self) -> Cookie<&[u8]> {
        Cookie { name: self.name.as_bytes(), attributes: self.attributes.as_bytes() }
    }
}

impl Cookie<&[u8]> {
    /// The value of a `set-cookie` header that sets it to `value`.
    pub(crate) fn set(&self, value: &[u8]) -> Vec<u8> {
        [self.name, b"=", value, self.attributes].concat()
    }
}

/// What a request may say of itself, and is removed from it unless whoever sent it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claims {
    /// First [`Claims::HOP`]: lane, cluster and slot, which nobody is believed. Then group, label, the question why, the
    /// overrides by custom and those of the releases; the id where the policy takes it from elsewhere.
    pub(crate) headers: Box<[Box<str>]>,
    /// Cookies that override.
    pub(crate) cookies: Box<[Box<str>]>,
}

impl Default for Claims {
    /// The claims under no policy.
    fn default() -> Self {
        Claims::new(&Names::default(), &[], std::iter::empty(), std::iter::empty())
    }
}

impl Claims {
    /// How many headers say where this hop sends a request.
    pub(crate) const HOP: usize = 3;

    /// The claims under these names and sources of the gray id, and these overrides of releases.
    pub(crate) fn new<'a>(
        names: &'a Names,
        sources: &[Source],
        override_headers: impl Iterator<Item = &'a [u8]>,
        override_cookies: impl Iterator<Item = &'a [u8]>,
    ) -> Self {
        // As a part of a composite id it is no identity either: whoever sends it would choose the whole.
        let takes_id = |source: &Source| matches!(source, Source::Header(name) if *name == names.id);
        let id = if sources.is_empty() || sources.iter().any(takes_id) { None } else { Some(&*names.id) };
        let hop: [_; Self::HOP] = [&*names.lane, &*names.cluster, &*names.slot];
        let claims = [&*names.group, &*names.label, headers::DEBUG];
        let own = hop.into_iter().chain(claims).chain(headers::OVERRIDES).chain(id);
        Claims {
            headers: distinct(own.map(Cow::Borrowed).chain(override_headers.map(String::from_utf8_lossy))),
            cookies: distinct(override_cookies.map(String::from_utf8_lossy)),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.headers.len() + self.cookies.len()
    }
}

fn distinct<'a>(words: impl Iterator<Item = Cow<'a, str>>) -> Box<[Box<str>]> {
    let mut list: Vec<Box<str>> = Vec::new();
    for word in words {
        if !list.iter().any(|known| **known == *word) {
            list.push(word.into());
        }
    }
    list.into()
}
