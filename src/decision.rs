//! The decision: plan and request in, lanes and reasons out. The order of its steps is part of the contract.

use std::fmt;

use arrayvec::ArrayVec;

use crate::arena::{Block, Coded, LaneId};
use crate::condition::{Case, Conditions, Evidence, Set};
use crate::explain::{Nobody, Note, Observer};
use crate::facts::Facts;
use crate::gate::Gate;
pub use crate::gate::Outside;
use crate::guard::Guard;
use crate::headers;
use crate::identity::{self, GrayId};
use crate::label::Label;
use crate::limits;
use crate::plan::{Allow, Head, Mode, Plan, Rule, Segment};
use crate::policy::{Follow, IdSource, Trust};
use crate::request::Request;
use crate::settings::{Settings, Staleness};
use crate::sticky;
use crate::time::Timestamp;

/// Why a lane was chosen; the words are those of `OpenFeature` where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The release, or everything, is off: no lane was chosen.
    Off,
    /// The source of the policy has been silent for so long that the default lane is taken.
    Stale,
    /// A header or cookie forced the lane.
    Override,
    /// The traffic label that came along names the lane.
    Label,
    /// The gray id is listed as one that takes the default lane.
    Deny,
    /// The gray id is listed for the lane.
    Allow,
    /// A rule or the preview of a blue-green release holds.
    Rule,
    /// A cookie remembers the lane.
    Sticky,
    /// The bucket of the gray id lies in the lane's share.
    Split,
    /// Nothing else placed the request.
    Default,
}

impl Reason {
    /// Every reason, in the order in which they are tried.
    pub const ALL: [Reason; 10] = [
        Reason::Off,
        Reason::Stale,
        Reason::Override,
        Reason::Label,
        Reason::Deny,
        Reason::Allow,
        Reason::Rule,
        Reason::Sticky,
        Reason::Split,
        Reason::Default,
    ];

    /// The reason as a word for logs, metrics and headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Off => "off",
            Reason::Stale => "stale",
            Reason::Override => "override",
            Reason::Label => "label",
            Reason::Deny => "deny",
            Reason::Allow => "allow",
            Reason::Rule => "rule",
            Reason::Sticky => "sticky",
            Reason::Split => "split",
            Reason::Default => "default",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// What one release decided for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The release: its position in the policy.
    pub release: u32,
    /// The lane that the request belongs to; experiments count this one. `None` when the release is off.
    pub assigned: Option<LaneId>,
    /// The lane that serves it; operators count this one. Another than `assigned` where a fallback stepped in.
    pub served: Option<LaneId>,
    /// Whether it is another one because a guard has tripped in this proxy.
    pub is_guarded: bool,
    /// Why `assigned` was chosen.
    pub reason: Reason,
    /// The rule that held: its position in the release. The preview of a blue-green release is its first rule.
    pub rule: Option<u16>,
    /// The bucket, where the split was asked: 0 to before the number of buckets of the split.
    pub bucket: Option<u32>,
    /// Why the request is no part of the experiment; such a request has the default lane, and no group.
    pub outside: Option<Outside>,
}

impl Entry {
    /// Whether the request is part of the experiment that its release is: an AB test, which does not leave it out and whose source is
    /// heard.
    pub(crate) fn is_part(&self, release: &Segment) -> bool {
        release.mode() == Mode::Ab && self.outside.is_none() && self.reason != Reason::Stale
    }
}

/// What was decided for a request: one entry for each release that governs it.
#[derive(Debug, Clone)]
pub struct Decision<'a> {
    /// The release that routes comes first, if one does; the others only name a group.
    pub entries: ArrayVec<Entry, { limits::GOVERNING }>,
    /// Who is being split; only known for a request that a release governs.
    pub id: Option<GrayId<'a>>,
    /// The request as far as it was admitted.
    pub facts: Facts<'a>,
}

impl Decision<'_> {
    /// Whether the request is a gRPC call, by its `content-type`: `application/grpc`, alone or with a suffix or parameters. Calls of
    /// gRPC-Web are none: their status is in the body.
    pub fn is_grpc(&self) -> bool {
        let value =
            self.facts.header(headers::CONTENT_TYPE).and_then(|value| value.strip_prefix(headers::GRPC));
        value.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
    }

    /// Whether a release that is on governs the request.
    pub fn is_governed(&self) -> bool {
        self.entries.iter().any(|entry| entry.assigned.is_some())
    }
}

/// Decides one request.
///
/// It neither fails nor panics, whatever the bytes of the request.
pub fn decide<'a>(plan: &'a Plan, trust: Trust, request: &'a dyn Request) -> Decision<'a> {
    observe(plan, trust, request, &Nobody)
}

/// Decides one request while somebody listens: the decision is the one of [`decide`].
pub fn observe<'a>(
    plan: &'a Plan,
    trust: Trust,
    request: &'a dyn Request,
    observer: &impl Observer,
) -> Decision<'a> {
    let mut decision =
        Decision { entries: ArrayVec::new(), id: None, facts: Facts::of(&plan.settings, trust, request) };
    if plan.settings.off || plan.is_empty() {
        return decision;
    }
    let governing = plan.index.find(&plan.segments, decision.facts.host(), decision.facts.path());
    let now = || decision.facts.now();
    let is_on = |release: &u32| plan.release(*release).is_some_and(|segment| segment.is_on(now));
    if governing.iter().any(is_on) {
        decision.id = identity::find(&plan.settings, &decision.facts, observer);
    }
    let id = decision.id.as_ref().map(GrayId::as_bytes);
    for release in &governing {
        let release = *release;
        if let Some(segment) = plan.release(release) {
            observer.note(|| Note::Release(release));
            let (settings, facts) = (&plan.settings, &decision.facts);
            let conditions = segment.conditions();
            let chooser = Chooser { settings, segment, conditions, facts, id, observer };
            decision.entries.push(chooser.choose(release));
        }
    }
    decision
}

/// The lane that a request belongs to in one release, and why: what [`Entry`] says of it.
struct Assigned {
    lane: LaneId,
    reason: Reason,
    rule: Option<u16>,
    bucket: Option<u32>,
    outside: Option<Outside>,
}

impl Assigned {
    fn by(reason: Reason, lane: LaneId) -> Self {
        Assigned { lane, reason, rule: None, bucket: None, outside: None }
    }
}

/// Chooses the lane of one release.
struct Chooser<'c, 'a, O> {
    settings: &'c Settings,
    segment: &'c Segment,
    conditions: Conditions<'c>,
    facts: &'c Facts<'a>,
    id: Option<&'c [u8]>,
    observer: &'c O,
}

impl<'c, 'a, O: Observer> Chooser<'c, 'a, O> {
    /// The block of the release.
    fn block(&self) -> Block<'c> {
        self.conditions.block
    }

    /// What the release is, as [`Segment::head`].
    #[expect(clippy::inline_always, reason = "a head is large, and its readers want little of it")]
    #[inline(always)]
    fn head(&self) -> Head {
        self.block().first()
    }

    fn choose(&self, release: u32) -> Entry {
        if !self.head().is_on(|| self.facts.now()) {
            self.observer.note(|| Note::Off { is_written: self.head().off });
            return Entry {
                release,
                assigned: None,
                served: None,
                is_guarded: false,
                reason: Reason::Off,
                rule: None,
                bucket: None,
                outside: None,
            };
        }
        let Assigned { lane, reason, rule, bucket, outside } = self.assigned();
        let (served, has_tripped) = self.available(release, lane);
        let is_guarded = has_tripped && served != lane;
        Entry {
            release,
            assigned: Some(lane),
            served: Some(served),
            is_guarded,
            reason,
            rule,
            bucket,
            outside,
        }
    }

    /// The lane that the request belongs to, and why: the steps in their order.
    fn assigned(&self) -> Assigned {
        let base = self.head().base;
        if self.settings.staleness == Staleness::DefaultLanes {
            self.observer.note(|| Note::Stale);
            return Assigned::by(Reason::Stale, base);
        }
        if let Some(lane) = self.forced() {
            return Assigned::by(Reason::Override, lane);
        }
        if let Some(lane) = self.followed() {
            return Assigned::by(Reason::Label, lane);
        }
        if let Some((lane, reason)) = self.listed() {
            return Assigned::by(reason, lane);
        }
        if let Some((rule, lane)) = self.ruled() {
            return Assigned { rule: Some(rule), ..Assigned::by(Reason::Rule, lane) };
        }
        let nowhere = Assigned::by(Reason::Default, base);
        if let Some(outside) = self.outside() {
            return Assigned { outside: Some(outside), ..nowhere };
        }
        if let Some(lane) = self.remembered() {
            return Assigned::by(Reason::Sticky, lane);
        }
        let Some(split) = self.head().split else { return nowhere };
        let Some(id) = self.id else {
            self.observer.note(|| Note::NotSplit);
            return nowhere;
        };
        let (now, block) = (|| self.ramp_time(), self.block());
        let bucket = split.hasher.bucket(block, id, split.buckets);
        self.observer.note(|| Note::Split {
            bucket,
            buckets: split.buckets,
            parts: split.parts(block, now).collect(),
            has_holes: split.has_holes,
        });
        let assigned = match split.lane_of(block, bucket, now) {
            None if split.has_holes => Assigned { outside: Some(Outside::Traffic), ..nowhere },
            lane => Assigned::by(Reason::Split, lane.unwrap_or(base)),
        };
        Assigned { bucket: Some(bucket), ..assigned }
    }

    /// The lane for which the gray id is listed.
    fn listed(&self) -> Option<(LaneId, Reason)> {
        let block = self.block();
        let Head { base, deny, allow, .. } = self.head();
        let is_in = |lane: Option<LaneId>, set: Set| {
            let is_on = self.id.map(|id| set.has(block, id, Case::Kept));
            self.observer.note(|| Note::List { lane, is_on });
            is_on == Some(true)
        };
        if deny.is_some_and(|set| is_in(None, set)) {
            return Some((base, Reason::Deny));
        }
        let listed = block.list(allow).find(|Allow { lane, ids }| is_in(Some(*lane), *ids));
        listed.map(|Allow { lane, .. }| (lane, Reason::Allow))
    }

    /// Why the request is no part of the experiment.
    fn outside(&self) -> Option<Outside> {
        let block = self.block();
        let Head { audience, gates, mode, .. } = self.head();
        if let Some(audience) = audience {
            let holds = self.conditions.hold(audience, &self.evidence(), self.observer);
            self.observer.note(|| Note::Audience { holds });
            if !holds {
                return Some(Outside::Audience);
            }
        }
        // No gate can be drawn without an id, and nobody is let past one undrawn.
        let Some(id) = self.id else {
            let is_experiment = mode == Mode::Ab;
            if is_experiment {
                self.observer.note(|| Note::Anonymous);
            }
            return is_experiment.then_some(Outside::Anonymous);
        };
        let shuts_out = |gate: &Gate| {
            let bucket = gate.bucket(block, id);
            let Gate { outside, buckets, from, to, .. } = *gate;
            self.observer.note(|| Note::Gate { outside, bucket, buckets, from, to });
            !gate.lets_in(bucket)
        };
        block.list(gates).find(shuts_out).map(|gate| gate.outside)
    }

    /// What conditions of the release look at.
    fn evidence(&self) -> Evidence<'c, 'a> {
        Evidence { facts: self.facts, id: self.id }
    }

    /// The lane that a cookie remembers, as long as it is open.
    fn remembered(&self) -> Option<LaneId> {
        let sticky = self.head().sticky?;
        let memory = sticky::recall(self.segment, &sticky, self.settings, self.facts, self.id);
        let is_open = |lane: &LaneId| self.segment.is_open(*lane, || self.facts.now(), || self.ramp_time());
        let open = memory.ok().filter(is_open);
        self.observer.note(|| {
            let name = self.segment.text(sticky.cookie.name);
            let found = self.facts.cookie(name).map(<[u8]>::to_vec);
            let cookie = String::from_utf8_lossy(name).into_owned();
            Note::Memory { cookie, found, memory, is_open: open.is_some() }
        });
        open
    }

    /// The time that ramps follow.
    fn ramp_time(&self) -> Timestamp {
        self.settings.ramp_time(self.facts.now())
    }

    /// The lane that an override names: headers first, then pairs of rules, then cookies. Overrides are claims: where
    /// they are not believed they are not among the facts.
    fn forced(&self) -> Option<LaneId> {
        let (segment, block) = (self.segment, self.block());
        let Head { overrides, .. } = self.head();
        let by_header = || {
            block.words(overrides.headers).find_map(|name| {
                let found = self.facts.header(name);
                self.forced_by(IdSource::Header, name, found, |lane| segment.lane_named(lane))
            })
        };
        let by_rules = || {
            let name = block.text(overrides.rules?);
            let carrier = |rules| self.carrier_of(&Label::parse(rules), false);
            self.forced_by(IdSource::Header, name, self.facts.header(name), carrier)
        };
        let by_cookie = || {
            block.words(overrides.cookies).find_map(|name| {
                let found = self.facts.cookie(name);
                self.forced_by(IdSource::Cookie, name, found, |lane| segment.lane_named(lane))
            })
        };
        by_header().or_else(by_rules).or_else(by_cookie)
    }

    /// The lane that one override names.
    fn forced_by<'v>(
        &self,
        place: fn(String) -> IdSource,
        name: &[u8],
        found: Option<&'v [u8]>,
        lane_of: impl Fn(&'v [u8]) -> Option<LaneId>,
    ) -> Option<LaneId> {
        let lane = found.and_then(lane_of);
        self.observer.note(|| {
            let place = place(String::from_utf8_lossy(name).into_owned());
            Note::Override { place, found: found.map(<[u8]>::to_vec), lane }
        });
        lane
    }

    /// The lane whose labels came along.
    fn followed(&self) -> Option<LaneId> {
        let label = self.facts.label();
        let lane = match self.head().follow {
            _ if label.is_empty() => None,
            Follow::None => None,
            Follow::Own => self.carrier_of(label, true),
            Follow::Chain => self.carrier_of(label, true).or_else(|| self.carrier_of(label, false)),
        };
        self.observer.note(|| {
            let pairs = label.pairs().map(|(key, value)| [key, b"=", value].concat());
            Note::Label { text: pairs.collect::<Vec<_>>().join(&b';'), lane }
        });
        lane
    }

    /// The lane all of whose labels are in `pairs`; the one with the most labels if several are.
    fn carrier_of(&self, pairs: &Label<'_>, own_keys: bool) -> Option<LaneId> {
        let mut best: Option<(usize, LaneId)> = None;
        for (id, lane) in self.segment.lanes() {
            let labels = self.segment.labels_of(&lane);
            let carried = labels.clone().all(|label| {
                let key = if own_keys { label.own_key } else { label.key };
                pairs.get(self.segment.text(key)) == Some(self.segment.text(label.value))
            });
            if carried && best.is_none_or(|(most, _)| labels.len() > most) {
                best = Some((labels.len(), id));
            }
        }
        best.map(|(_, id)| id)
    }

    /// The first rule that holds.
    fn ruled(&self) -> Option<(u16, LaneId)> {
        let evidence = self.evidence();
        let holds = |(position, rule): &(u16, Coded<'_, Rule>)| {
            let is_its_time = rule.get().during.is_open(|| self.facts.now());
            let holds = is_its_time && self.conditions.hold(rule.get().when, &evidence, self.observer);
            self.observer.note(|| Note::Rule { rule: *position, is_its_time, holds });
            holds
        };
        let (position, rule) = (0..).zip(self.block().list(self.head().rules).coded()).find(holds)?;
        Some((position, rule.get().lane))
    }

    /// The lane that serves in place of `lane`: itself, its first available fallback, the base lane, the base lane's
    /// first available fallback. Where none is available the lane itself, since some lane must serve. And whether the guard of `lane` has
    /// tripped.
    fn available(&self, release: u32, lane: LaneId) -> (LaneId, bool) {
        let is_guarded = self.head().guard.len() > 0;
        if self.is_open(lane) && !is_guarded { (lane, false) } else { self.instead(release, lane) }
    }

    /// Whether the policy lets a lane be used.
    fn is_open(&self, lane: LaneId) -> bool {
        self.block().at(self.head().lanes, lane.position()).is_some_and(|lane| !lane.unavailable)
    }

    /// What serves in place of a lane that may be left.
    #[inline(never)]
    fn instead(&self, release: u32, lane: LaneId) -> (LaneId, bool) {
        let has_tripped = |id: LaneId| {
            Guard::of(self.segment, id).is_some() && {
                let has_tripped = self.facts.is_turned_away(release, id, self.id);
                self.observer.note(|| Note::Guard { lane: id, has_tripped });
                has_tripped
            }
        };
        let is_open = |lane: LaneId| {
            let is_open = self.is_open(lane);
            if !is_open {
                self.observer.note(|| Note::Unavailable { lane });
            }
            is_open
        };
        let may_serve = is_open(lane);
        let is_tripped = may_serve && has_tripped(lane);
        if may_serve && !is_tripped {
            return (lane, false);
        }
        let fallbacks = |id: LaneId| {
            let lane = self.segment.lane(id);
            self.block().list(lane.map(|lane| lane.fallbacks).unwrap_or_default())
        };
        let base = self.head().base;
        let is_available = |id: &LaneId| *id != lane && is_open(*id) && !has_tripped(*id);
        let other = fallbacks(lane).chain([base]).chain(fallbacks(base)).find(is_available);
        (other.unwrap_or(lane), is_tripped)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::effect::effects;
    use crate::given::Given;

    /// One release, whose source has been silent for so long.
    fn plan(staleness: Staleness, mode: &str, written: &Value, besides: &Value) -> Plan {
        let mut release = json!({"name": "r", "match": {}, "lanes": [{"name": "a"}, {"name": "b"}]});
        release[mode] = written.clone();
        for (key, value) in besides.as_object().unwrap() {
            release[key] = value.clone();
        }
        let policy = json!({"language": 1, "releases": [release]}).to_string();
        let mut plan = crate::compile_node(&serde_json::from_str(&policy).unwrap()).unwrap();
        plan.settings.staleness = staleness;
        plan
    }

    /// The lane at a time, and why.
    fn lane(plan: &Plan, now: i64, headers: &[(&str, &str)]) -> (String, Reason) {
        let headers = [("x-gray-id", "u-1")].iter().chain(headers).copied().collect();
        let request = Given { headers, now: Timestamp::from_seconds(now), ..Given::default() };
        let entry = decide(plan, Trust::Mesh, &request).entries[0];
        let name = plan.segments[0].lane_name(entry.served.unwrap());
        (String::from_utf8_lossy(name).into_owned(), entry.reason)
    }

    #[test]
    fn a_grpc_call_is_known_by_its_content_type_and_grpc_web_is_none() {
        let plan = Plan::default();
        for (value, is_grpc) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/grpc-web-text+proto", false),
            ("application/json", false),
        ] {
            let headers = [("content-type", value)].into_iter().collect();
            let request = Given { headers, ..Given::default() };
            assert_eq!(decide(&plan, Trust::Mesh, &request).is_grpc(), is_grpc, "{value}");
        }
    }

    #[test]
    fn a_lane_whose_guard_has_tripped_is_left_for_its_fallbacks_but_never_the_last_one() {
        let lanes = json!([
            {"name": "a", "fallback": ["c"]}, {"name": "b", "fallback": ["c"]}, {"name": "c"}, {"name": "d", "unavailable": true},
        ]);
        let canary = json!({"stable": "a", "candidates": [{"lane": "b", "percent": 100}]});
        let served = |guard: Value, tripped: &[u8]| {
            let plan = plan(Staleness::Fresh, "canary", &canary, &json!({"lanes": lanes, "guard": guard}));
            let headers = [("x-gray-id", "u-1")].into_iter().collect();
            let tripped = tripped.iter().map(|lane| (0, LaneId(*lane))).collect();
            let decision =
                decide(&plan, Trust::Mesh, &Given { headers, tripped, ..Given::default() }).entries[0];
            let name = |lane: Option<LaneId>| {
                String::from_utf8_lossy(plan.segments[0].lane_name(lane.unwrap())).into_owned()
            };
            assert_eq!((name(decision.assigned), decision.reason), ("b".to_owned(), Reason::Split));
            (name(decision.served), decision.is_guarded)
        };
        let all = json!({"errorPercent": 5});
        for (guard, tripped, lane, is_guarded) in [
            (&all, &[][..], "b", false),
            (&all, &[1], "c", true),
            (&all, &[1, 2], "a", true),
            (&all, &[2], "b", false),
            (&all, &[0, 1, 2], "a", true), // the default lane is not guarded
            (&json!({"lane": "c", "errorPercent": 5}), &[1, 2], "b", false),
        ] {
            assert_eq!(served(guard.clone(), tripped), (lane.to_owned(), is_guarded), "{guard} {tripped:?}");
        }
        let alone =
            json!([{"name": "a", "unavailable": true}, {"name": "b"}, {"name": "c", "unavailable": true}]);
        let besides = json!({"lanes": alone, "guard": all});
        let plan = plan(Staleness::Fresh, "canary", &canary, &besides);
        let headers = [("x-gray-id", "u-1")].into_iter().collect();
        let request = Given { headers, tripped: vec![(0, LaneId(1))], ..Given::default() };
        let entry = decide(&plan, Trust::Mesh, &request).entries[0];
        assert_eq!((entry.served, entry.is_guarded), (Some(LaneId(1)), false), "no other one can serve");
    }

    fn named(lane: &str, reason: Reason) -> (String, Reason) {
        (lane.to_owned(), reason)
    }

    #[test]
    fn frozen_ramps_stand_still_and_all_other_times_go_on() {
        let at = |seconds| Timestamp::from_seconds(seconds).to_string();
        let frozen = Staleness::FrozenRamps(Timestamp::from_seconds(90));
        let ramp = json!({"steps": [{"at": at(60), "percent": 0}, {"at": at(100), "percent": 100}]});
        let canary = json!({"stable": "a", "candidates": [{"lane": "b", "ramp": ramp}]});
        let rule = json!({"name": "late", "when": {"query": {"q": {"exact": "1"}}}, "lane": "b", "during": {"from": at(150)}});
        let besides = json!({"rules": [rule], "sticky": {}});
        let plan = |staleness| plan(staleness, "canary", &canary, &besides);
        assert_eq!(lane(&plan(Staleness::Fresh), 120, &[]), named("b", Reason::Split));
        for now in [89, 95, 120, 200] {
            assert_eq!(lane(&plan(frozen), now, &[]), named("a", Reason::Split), "at {now}");
        }
        let remembered = [("cookie", "gray_r=r~b~1")];
        assert_eq!(lane(&plan(Staleness::Fresh), 120, &remembered), named("b", Reason::Sticky));
        assert_eq!(
            lane(&plan(frozen), 120, &remembered),
            named("a", Reason::Split),
            "a lane without a share"
        );
        assert_eq!(lane(&plan(frozen), 200, &[(":path", "/?q=1")]), named("b", Reason::Rule));

        let drained = json!({"active": "a", "drain": {"until": at(100)}});
        let plan = self::plan(frozen, "blueGreen", &drained, &json!({"sticky": {}}));
        assert_eq!(lane(&plan, 95, &remembered), named("b", Reason::Sticky));
        assert_eq!(lane(&plan, 120, &remembered), named("a", Reason::Default));
    }

    #[test]
    fn stale_default_lanes_are_for_everybody_and_no_group_is_told() {
        let canary = json!({"stable": "a", "candidates": [{"lane": "b", "percent": 100}]});
        let besides = json!({"overrides": {"headers": ["x-canary"]}, "allow": {"b": ["u-1"]}});
        let stale = |mode: &str, written: &Value, besides: &Value| {
            plan(Staleness::DefaultLanes, mode, written, besides)
        };
        let request = [("x-canary", "b")];
        assert_eq!(lane(&stale("canary", &canary, &besides), 0, &request), named("a", Reason::Stale));
        let green = json!({"active": "b"});
        assert_eq!(lane(&stale("blueGreen", &green, &json!({})), 0, &[]), named("b", Reason::Stale));
        let off = stale("canary", &canary, &json!({"off": true}));
        let request = Given::default();
        assert_eq!(decide(&off, Trust::Mesh, &request).entries[0].reason, Reason::Off);

        let ab = json!({"salt": "s", "groups": [{"lane": "a", "weight": 50}, {"lane": "b", "weight": 50}]});
        let plan = stale("ab", &ab, &json!({"sticky": {}}));
        assert_eq!(lane(&plan, 0, &[]), named("a", Reason::Stale));
        let decision = decide(&plan, Trust::Mesh, &request);
        let effects = effects(&plan, &decision);
        let names: Vec<_> = effects.request.iter().map(|edit| &*edit.name).collect();
        assert!(names.contains(&"x-gray-lane") && !names.contains(&"x-abtest-group"), "{names:?}");
        assert!(effects.response.is_empty(), "{:?}", effects.response);
    }
}
