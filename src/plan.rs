//! The compiled form of a policy: what runs per request.
//!
//! A plan is an index and one [`Segment`] per release. A segment is a few flat lists of small records that refer
//! to each other and to one block of text by position: no closures, no pointers. So a segment can be
//! replaced while the others stay, and a plan can be written as bytes and taken over without its policy.
//! Everything in a plan was checked by [`compile`](mod@crate::compile); nothing here can fail.

use std::sync::Arc;

use crate::arena::{Arena, LaneId, Span, Text};
use crate::condition::{Conditions, Jump, Set};
use crate::gate::Gate;
use crate::index::Index;
use crate::pattern::Matches;
use crate::policy::Follow;
#[cfg(feature = "tools")]
use crate::settings::Claims;
use crate::settings::{Cookie, Names, Settings};
use crate::split::Split;
use crate::time::Timestamp;
use crate::window::Window;

/// The three modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Groups with weights.
    Ab,
    /// A stable lane and candidates with a percentage.
    Canary,
    /// Two lanes, one active.
    BlueGreen,
}

/// The compiled form of a policy.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub(crate) settings: Settings,
    pub(crate) index: Index,
    pub(crate) segments: Vec<Arc<Segment>>,
}

impl Plan {
    /// The version of the policy.
    pub fn version(&self) -> u64 {
        self.settings.version
    }

    /// The header names in use.
    pub fn names(&self) -> &Names {
        &self.settings.names
    }

    /// Whether requests of somebody outside are believed.
    #[cfg(feature = "tools")]
    pub fn trusts_somebody(&self) -> bool {
        !self.settings.trusted.is_empty()
    }

    /// The headers that claim something of a request, and are removed at an edge unless whoever sent them is believed: group, label, the
    /// question why, the overrides by custom and those of the releases.
    #[cfg(feature = "tools")]
    pub fn claimed_headers(&self) -> impl Iterator<Item = &str> {
        self.settings.claims.headers.iter().skip(Claims::HOP).map(AsRef::as_ref)
    }

    /// This plan without its releases: it governs nothing, trusts nobody, and knows what clients may not claim.
    #[must_use]
    pub fn bare(&self) -> Plan {
        let settings = Settings { trusted: Box::default(), ..self.settings.clone() };
        Plan { settings, ..Plan::default() }
    }

    /// The number of releases.
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// Whether there is no release.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The release at `position` in the policy.
    pub fn release(&self, position: u32) -> Option<&Segment> {
        self.segments.get(position as usize).map(AsRef::as_ref)
    }
}

/// One release, compiled.
#[derive(Debug, Clone)]
pub struct Segment {
    /// The texts and words of all records.
    pub(crate) arena: Arena,
    pub(crate) matches: Matches,
    pub(crate) name: Text,
    pub(crate) revision: u32,
    pub(crate) off: bool,
    /// When it is on, unless it is off.
    pub(crate) during: Window,
    pub(crate) mode: Mode,
    /// Whether it picks the lane of the request; otherwise it only names a group.
    pub(crate) routes: bool,
    pub(crate) follow: Follow,
    /// The lane of whoever nothing else places: stable, control or active.
    pub(crate) base: LaneId,
    /// How users are split; blue-green does not.
    pub(crate) split: Option<Split>,
    /// Who is part of the experiment at all: whoever every gate lets in,
    pub(crate) gates: Box<[Gate]>,
    /// and for whom this condition holds.
    pub(crate) audience: Option<Jump>,
    /// The layer of the experiment, by its position in the policy.
    pub(crate) layer: Option<u32>,
    /// Until when the idle lane keeps the users that it has.
    pub(crate) drain: Option<Timestamp>,
    pub(crate) deny: Option<Set>,
    pub(crate) allow: Box<[(LaneId, Set)]>,
    pub(crate) sticky: Option<Sticky>,
    pub(crate) lanes: Box<[Lane]>,
    pub(crate) rules: Box<[Rule]>,
    pub(crate) overrides: Overrides,
    pub(crate) group_cookie: Option<Cookie>,
    pub(crate) respond: Respond,
    /// The labels of all lanes.
    pub(crate) labels: Box<[LanePair]>,
    /// The fallbacks of all lanes.
    pub(crate) fallbacks: Box<[LaneId]>,
    /// All its conditions.
    pub(crate) conditions: Conditions,
}

/// What the client is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Respond {
    pub(crate) lane: bool,
    pub(crate) experiment: bool,
    pub(crate) cache: Option<Cache>,
}

/// What shared caches are told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cache {
    Private,
    /// The names of request headers, as one list.
    Vary(Text),
}

/// What makes a sticky cookie believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Nothing: that it names an open lane.
    None,
    /// A MAC by the key at this position in the settings.
    Key(u32),
    /// A MAC by a key that is not at hand, as where no plugin is configured: nothing is believed or remembered.
    UnknownKey,
}

/// A cookie that remembers the lane.
#[derive(Debug, Clone)]
pub(crate) struct Sticky {
    pub(crate) cookie: Cookie,
    pub(crate) proof: Proof,
    pub(crate) any_revision: bool,
}

/// A lane, compiled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lane {
    pub(crate) name: Text,
    /// Empty when the lane names none.
    pub(crate) cluster: Text,
    pub(crate) weighted_slot: Option<u32>,
    pub(crate) labels: Span,
    pub(crate) unavailable: bool,
    pub(crate) fallbacks: Span,
}

/// One label of a lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LanePair {
    pub(crate) key: Text,
    /// `{release}.{key}`, the key in a label that speaks of this release alone.
    pub(crate) own_key: Text,
    pub(crate) value: Text,
    /// A lane without labels answers to `version={its name}`; such a label is matched, not written.
    pub(crate) implied: bool,
}

/// A rule, compiled: where its condition starts, and the lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) name: Text,
    pub(crate) when: Jump,
    pub(crate) lane: LaneId,
    pub(crate) during: Window,
}

/// What may force a lane; spans are over the arena's words.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Overrides {
    pub(crate) headers: Span,
    pub(crate) rules: Option<Text>,
    pub(crate) cookies: Span,
}

impl Segment {
    /// The name of the release.
    pub fn name(&self) -> &[u8] {
        self.text(self.name)
    }

    /// The mode of the release.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The revision of the release.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// The name of a lane.
    pub fn lane_name(&self, lane: LaneId) -> &[u8] {
        self.lane(lane).map_or(&[], |lane| self.text(lane.name))
    }

    /// The cluster of a lane, if it names one.
    pub fn lane_cluster(&self, lane: LaneId) -> Option<&[u8]> {
        self.lane(lane).map(|lane| self.text(lane.cluster)).filter(|cluster| !cluster.is_empty())
    }

    /// Whether it picks the lane of a request; otherwise it only names a group.
    #[cfg(feature = "tools")]
    pub fn routes(&self) -> bool {
        self.routes
    }

    /// Whether the release matches requests to a host, as a client writes it, on some path.
    #[cfg(feature = "tools")]
    pub fn has_host(&self, host: &[u8]) -> bool {
        let (host, port) = crate::index::split_port(host);
        self.matches.hosts.iter().any(|pattern| pattern.is_match(host, port))
    }

    /// The name of a rule, by its position.
    pub fn rule_name(&self, rule: u16) -> &[u8] {
        self.rules.get(usize::from(rule)).map_or(&[], |rule| self.text(rule.name))
    }

    pub(crate) fn text(&self, text: Text) -> &[u8] {
        self.arena.text(text)
    }

    pub(crate) fn lane(&self, lane: LaneId) -> Option<&Lane> {
        self.lanes.get(usize::from(lane.0))
    }

    /// The lanes with their ids.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = (LaneId, &Lane)> {
        (0..=u8::MAX).map(LaneId).zip(self.lanes.iter())
    }

    /// Whether the release is on.
    pub(crate) fn is_on(&self, now: impl Fn() -> Timestamp) -> bool {
        !self.off && self.during.is_open(now)
    }

    /// Whether `lane` may keep users whom a cookie remembers in it: it is the base lane, or has a share, or is being drained.
    pub(crate) fn is_open(&self, lane: LaneId, now: impl Fn() -> Timestamp) -> bool {
        lane == self.base
            || self.split.as_ref().is_some_and(|split| split.is_open(lane, &now))
            || self.drain.is_some_and(|until| now() < until)
    }

    pub(crate) fn lane_named(&self, name: &[u8]) -> Option<LaneId> {
        self.lanes().find(|(_, lane)| self.text(lane.name) == name).map(|(id, _)| id)
    }

    pub(crate) fn labels_of(&self, lane: &Lane) -> &[LanePair] {
        lane.labels.of(&self.labels)
    }
}
