//! The compiled form of a policy: what runs per request.
//!
//! A plan is an index and one [`Segment`] per release. A segment is one block of bytes: small records and texts that
//! refer to each other by position, no closures, no pointers. So a segment can be replaced while the others stay, and
//! be taken over from whoever compiled it. Everything in a plan was checked by
//! [`compile`](mod@crate::compile); nothing here can fail.

use std::sync::Arc;

use crate::arena::{Arena, Block, LaneId, List, Records, Text};
use crate::condition::{Conditions, Jump, Set, Test};
use crate::explain::Origins;
use crate::gate::Gate;
use crate::guard::Guard;
use crate::index::Index;
use crate::pattern::Matches;
#[cfg(feature = "tools")]
use crate::pattern::Place;
use crate::policy::Follow;
use crate::record::record;
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

record!(enum Mode, else Mode::BlueGreen; Ab, Canary, BlueGreen);

/// The compiled form of a policy.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub(crate) settings: Settings,
    pub(crate) index: Index,
    pub(crate) segments: Vec<Segment>,
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

    /// Whether it asks for something that only a module does that tells how requests end: exposures, or the guard of a lane.
    pub fn asks_for_telemetry(&self) -> bool {
        self.settings.exposures.is_some()
            || self.segments.iter().any(|segment| segment.head().guard.len() > 0)
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
        self.segments.get(position as usize)
    }
}

/// One release, compiled. The empty one governs nothing.
#[derive(Debug, Clone, Default)]
pub struct Segment {
    /// What holds its block, alone or with those of others.
    bytes: Arc<[u8]>,
    /// Where in it the block stands, which begins with a [`Head`].
    start: usize,
    end: usize,
    origins: Origins,
}

record! {
    /// What a segment is, and where in its block the rest stands.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Head {
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
        pub(crate) lanes: List<Lane>,
        pub(crate) overrides: Overrides,
        pub(crate) rules: List<Rule>,
        /// The tests of all conditions.
        pub(crate) tests: List<Test>,
        /// How users are split; blue-green does not.
        pub(crate) split: Option<Split>,
        /// Who is part of the experiment at all: whoever every gate lets in,
        pub(crate) gates: List<Gate>,
        /// and for whom this condition holds.
        pub(crate) audience: Option<Jump>,
        /// The layer of the experiment, by its position in the policy.
        pub(crate) layer: Option<u32>,
        /// Until when the idle lane keeps the users that it has.
        pub(crate) drain: Option<Timestamp>,
        pub(crate) deny: Option<Set>,
        pub(crate) allow: List<Allow>,
        pub(crate) sticky: Option<Sticky>,
        pub(crate) group_cookie: Option<Cookie<Text>>,
        pub(crate) respond: Respond,
        /// At most one.
        pub(crate) guard: List<Guard>,
        pub(crate) matches: Matches,
    }
}

record! {
    /// The gray ids that are always in a lane.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Allow {
        pub(crate) lane: LaneId,
        pub(crate) ids: Set,
    }
}

record! {
    /// What the client is told.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Respond {
        pub(crate) lane: bool,
        pub(crate) experiment: bool,
        pub(crate) cache: Option<Cache>,
    }
}

/// What shared caches are told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cache {
    Private,
    /// The names of request headers, as one list.
    Vary(Text),
}

record!(enum Cache, else Cache::Private; Private, Vary(names: Text));

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

record!(enum Proof, else Proof::UnknownKey; None, Key(position: u32), UnknownKey);

record! {
    /// A cookie that remembers the lane.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Sticky {
        pub(crate) cookie: Cookie<Text>,
        pub(crate) proof: Proof,
        pub(crate) any_revision: bool,
    }
}

record! {
    /// A lane, compiled.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Lane {
        pub(crate) name: Text,
        /// Empty when the lane names none.
        pub(crate) cluster: Text,
        pub(crate) weighted_slot: Option<u32>,
        pub(crate) labels: List<LanePair>,
        pub(crate) unavailable: bool,
        pub(crate) fallbacks: List<LaneId>,
    }
}

record! {
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
}

record! {
    /// A rule, compiled: where its condition starts, and the lane.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Rule {
        pub(crate) name: Text,
        pub(crate) when: Jump,
        pub(crate) lane: LaneId,
        pub(crate) during: Window,
    }
}

record! {
    /// What may force a lane.
    #[derive(Debug, Clone, Copy, Default)]
    pub(crate) struct Overrides {
        pub(crate) headers: List<Text>,
        pub(crate) rules: Option<Text>,
        pub(crate) cookies: List<Text>,
    }
}

record!(enum Follow, else Follow::None; Chain, Own, None);

impl Head {
    /// Whether the release is on.
    #[expect(clippy::inline_always, reason = "as in `Segment::head`")]
    #[inline(always)]
    pub(crate) fn is_on(&self, now: impl Fn() -> Timestamp) -> bool {
        !self.off && self.during.is_open(now)
    }
}

impl Segment {
    /// A segment of what stands in `arena`, which began with room for a [`Head`].
    pub(crate) fn new(arena: Arena, head: &Head, origins: Origins) -> Self {
        let bytes: Arc<[u8]> = arena.finish(*head).into();
        Segment { start: 0, end: bytes.len(), bytes, origins }
    }

    /// A segment that was compiled elsewhere: the block from `start` to `end` of these bytes.
    pub(crate) fn taken_over(bytes: Arc<[u8]>, start: usize, end: usize) -> Self {
        Segment { bytes, start, end, origins: Origins::default() }
    }

    /// The block in which everything stands.
    #[inline]
    pub(crate) fn block(&self) -> Block<'_> {
        Block(self.bytes.get(self.start..self.end).unwrap_or_default())
    }

    /// What it is. Whoever wants a field of it reads that field alone.
    #[expect(clippy::inline_always, reason = "a head is large, and its readers want little of it")]
    #[inline(always)]
    pub(crate) fn head(&self) -> Head {
        self.block().first()
    }

    /// The name of the release.
    pub fn name(&self) -> &[u8] {
        self.text(self.head().name)
    }

    /// The mode of the release.
    pub fn mode(&self) -> Mode {
        self.head().mode
    }

    /// The revision of the release.
    pub fn revision(&self) -> u32 {
        self.head().revision
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
        self.head().routes
    }

    /// Whether the release matches requests to a host, as a client writes it, on some path.
    #[cfg(feature = "tools")]
    pub fn has_host(&self, host: &[u8]) -> bool {
        let (host, port) = crate::index::split_port(host);
        self.head().matches.hosts(self.block()).any(|pattern| pattern.is_match(host, port))
    }

    /// The name of a rule, by its position.
    pub fn rule_name(&self, rule: u16) -> &[u8] {
        let rule = self.block().at(self.head().rules, rule.into());
        rule.map_or(&[], |rule| self.text(rule.name))
    }

    pub(crate) fn text(&self, text: Text) -> &[u8] {
        self.block().text(text)
    }

    pub(crate) fn lane(&self, lane: LaneId) -> Option<Lane> {
        self.block().at(self.head().lanes, lane.0.into())
    }

    /// The lanes with their ids.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = (LaneId, Lane)> + Clone {
        (0..=u8::MAX).map(LaneId).zip(self.block().list(self.head().lanes))
    }

    /// The rules, in order.
    #[cfg(feature = "tools")]
    pub(crate) fn rules(&self) -> impl Iterator<Item = Rule> {
        self.block().list(self.head().rules)
    }

    /// The conditions of rules and audience.
    pub(crate) fn conditions(&self) -> Conditions<'_> {
        Conditions { block: self.block(), tests: self.head().tests, origins: &self.origins }
    }

    /// The hosts and paths that it governs.
    #[cfg(feature = "tools")]
    pub(crate) fn places(&self) -> impl Iterator<Item = Place<'_>> {
        self.head().matches.pairs(self.block())
    }

    /// Whether the release is on.
    pub(crate) fn is_on(&self, now: impl Fn() -> Timestamp) -> bool {
        self.head().is_on(now)
    }

    /// Whether `lane` may keep users whom a cookie remembers in it: it is the base lane, or has a share, or is being drained.
    pub(crate) fn is_open(
        &self,
        lane: LaneId,
        now: impl Fn() -> Timestamp,
        ramp_time: impl Fn() -> Timestamp,
    ) -> bool {
        let Head { base, split, drain, .. } = self.head();
        lane == base
            || split.is_some_and(|split| split.is_open(self.block(), lane, &ramp_time))
            || drain.is_some_and(|until| now() < until)
    }

    pub(crate) fn lane_named(&self, name: &[u8]) -> Option<LaneId> {
        self.lanes().find(|(_, lane)| self.text(lane.name) == name).map(|(id, _)| id)
    }

    pub(crate) fn labels_of(&self, lane: &Lane) -> Records<'_, LanePair> {
        self.block().list(lane.labels)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;
    use proptest::test_runner::Config;
    use serde_json::{Value, json};

    use super::*;
    use crate::given::Given;
    use crate::policy::Trust;

    /// A release that has a record of each kind.
    pub(crate) fn full_release() -> Value {
        json!({
            "name": "shop",
            "match": {"hosts": ["shop.example.com", "*.example.com"], "paths": [{"prefix": "/a"}]},
            "lanes": [{"name": "A", "cluster": "a", "fallback": ["B"]}, {"name": "B", "labels": {"version": "2"}, "weightedSlot": 1}],
            "ab": {
                "salt": "s", "groups": [{"lane": "A", "weight": 50}, {"lane": "B", "weight": 50}], "holdout": 5,
                "audience": {"not": {"header": {"user-agent": {"regex": "a+b|c.*"}}}}, "cookie": {"name": "group"}},
            "deny": ["u-1"], "allow": {"B": ["u-2", "u-3"]}, "sticky": {}, "respond": {"cache": "private"},
            "guard": {"lane": "B", "errorPercent": 5, "idPercent": 50},
            "overrides": {"headers": ["x-lane"], "rules": "x-rules", "cookies": ["lane"]},
            "rules": [
                {"name": "one", "lane": "B", "during": {"until": "2030-01-01T00:00:00Z"}, "when": {"any": [
                    {"header": {"x-version": {"semver": ">=3.2, <4"}}}, {"query": {"n": {"mod": {"divisor": 7, "remainder": "<3"}}}},
                    {"cookie": {"theme": {"in": ["dark", "light"]}}}, {"path": {"glob": "/a/*"}}]}},
                {"name": "two", "lane": "B", "when": {"source": ["10.0.0.0/8"], "percent": {"salt": "p", "to": 50}, "query": {"n": {"number": ">=1"}}}},
            ],
        })
    }

    fn plan() -> Plan {
        let policy = json!({"language": 1, "releases": [full_release()]});
        crate::compile_node(&serde_json::from_str(&policy.to_string()).unwrap()).unwrap()
    }

    fn request() -> Given {
        let headers = [
            (":authority", "shop.example.com"),
            (":path", "/a/b?n=9"),
            ("x-gray-id", "u-4"),
            ("x-lane", "C"),
            ("x-rules", "version=3"),
            ("x-version", "3.1"),
            ("user-agent", "aaab"),
            ("cookie", "theme=blue; gray_shop=shop~B~1; lane=D"),
            ("x-traffic-label", "version=1;shop.version=4"),
        ];
        Given {
            headers: headers.into_iter().collect(),
            source_address: Some([10, 1, 2, 3].into()),
            ..Given::default()
        }
    }

    proptest! {
        #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

        #[test]
        fn a_block_of_any_bytes_decides_something(changes in vec((any::<Index>(), any::<u8>()), 1..60)) {
            let (mut plan, request) = (plan(), request());
            let segment = plan.segments.first_mut().unwrap();
            let mut bytes = segment.bytes.to_vec();
            for (at, byte) in changes {
                *at.get_mut(&mut bytes) = byte;
            }
            segment.bytes = bytes.into();
            let decision = crate::decide(&plan, Trust::Mesh, &request);
            crate::effects(&plan, &decision);
            crate::effect::summary(&plan, &decision);
        }
    }
}
