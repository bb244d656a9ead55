//! The decision: plan and request in, lanes and reasons out. The order of its steps is part of the contract.

use std::fmt;

use arrayvec::ArrayVec;

use crate::arena::LaneId;
use crate::condition::{Case, Evidence, Set};
use crate::facts::Facts;
pub use crate::gate::Outside;
use crate::identity::{self, GrayId};
use crate::label::Label;
use crate::limits;
use crate::plan::{Plan, Rule, Segment};
use crate::policy::{Follow, Trust};
use crate::request::Request;
use crate::settings::Settings;
use crate::sticky;

/// Why a lane was chosen; the words are those of `OpenFeature` where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The release, or everything, is off: no lane was chosen.
    Off,
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
    pub const ALL: [Reason; 9] = [
        Reason::Off,
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
    /// Why `assigned` was chosen.
    pub reason: Reason,
    /// The rule that held: its position in the release. The preview of a blue-green release is its first rule.
    pub rule: Option<u16>,
    /// The bucket, where the split was asked: 0 to before the number of buckets of the split.
    pub bucket: Option<u32>,
    /// Why the request is no part of the experiment; such a request has the default lane, and no group.
    pub outside: Option<Outside>,
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
    /// Whether a release that is on governs the request.
    pub fn is_governed(&self) -> bool {
        self.entries.iter().any(|entry| entry.assigned.is_some())
    }
}

/// Decides one request.
///
/// It neither fails nor panics, whatever the bytes of the request.
pub fn decide<'a>(plan: &'a Plan, trust: Trust, request: &'a dyn Request) -> Decision<'a> {
    let facts = Facts::of(&plan.settings, trust, request);
    let mut decision = Decision { entries: ArrayVec::new(), id: None, facts };
    if plan.settings.off || plan.is_empty() {
        return decision;
    }
    let headers = request.headers();
    let governing = plan.index.find(headers.host(), headers.path());
    let now = || decision.facts.now();
    let is_on = |release: &u32| plan.release(*release).is_some_and(|segment| segment.is_on(now));
    if governing.iter().any(is_on) {
        decision.id = identity::find(&plan.settings, &decision.facts);
    }
    let id = decision.id.as_ref().map(GrayId::as_bytes);
    for release in governing {
        if let Some(segment) = plan.release(release) {
            let chooser = Chooser { settings: &plan.settings, segment, facts: &decision.facts, id };
            decision.entries.push(chooser.choose(release));
        }
    }
    decision
}

/// Chooses the lane of one release.
struct Chooser<'c, 'a> {
    settings: &'c Settings,
    segment: &'c Segment,
    facts: &'c Facts<'a>,
    id: Option<&'c [u8]>,
}

impl Chooser<'_, '_> {
    fn choose(&self, release: u32) -> Entry {
        let off = Entry {
            release,
            assigned: None,
            served: None,
            reason: Reason::Off,
            rule: None,
            bucket: None,
            outside: None,
        };
        if !self.segment.is_on(|| self.facts.now()) {
            return off;
        }
        let placed =
            |lane, reason| Entry { assigned: Some(lane), served: Some(self.available(lane)), reason, ..off };
        if let Some(lane) = self.forced() {
            return placed(lane, Reason::Override);
        }
        if let Some(lane) = self.followed() {
            return placed(lane, Reason::Label);
        }
        if let Some((lane, reason)) = self.listed() {
            return placed(lane, reason);
        }
        if let Some((rule, lane)) = self.ruled() {
            return Entry { rule: Some(rule), ..placed(lane, Reason::Rule) };
        }
        let nowhere = placed(self.segment.base, Reason::Default);
        if let Some(outside) = self.outside() {
            return Entry { outside: Some(outside), ..nowhere };
        }
        if let Some(lane) = self.remembered() {
            return placed(lane, Reason::Sticky);
        }
        if let (Some(split), Some(id)) = (&self.segment.split, self.id) {
            let bucket = split.hasher.bucket(&self.segment.arena, id, split.buckets);
            let entry = match split.lane_of(bucket, || self.facts.now()) {
                Some(lane) => placed(lane, Reason::Split),
                None if split.has_holes => Entry { outside: Some(Outside::Traffic), ..nowhere },
                None => placed(self.segment.base, Reason::Split),
            };
            return Entry { bucket: Some(bucket), ..entry };
        }
        nowhere
    }

    /// The lane for which the gray id is listed.
    fn listed(&self) -> Option<(LaneId, Reason)> {
        let (segment, id) = (self.segment, self.id?);
        let is_in = |set: &Set| set.has(&segment.arena, id, Case::Kept);
        if segment.deny.as_ref().is_some_and(is_in) {
            return Some((segment.base, Reason::Deny));
        }
        segment.allow.iter().find(|(_, set)| is_in(set)).map(|(lane, _)| (*lane, Reason::Allow))
    }

    /// Why the request is no part of the experiment.
    fn outside(&self) -> Option<Outside> {
        let Segment { arena, conditions, audience, gates, .. } = self.segment;
        let evidence = Evidence { facts: self.facts, id: self.id };
        if audience.is_some_and(|audience| !conditions.hold(audience, arena, evidence)) {
            return Some(Outside::Audience);
        }
        // Whoever has no id takes the default lane anyway, and is counted in no experiment.
        let id = self.id?;
        gates.iter().find(|gate| !gate.lets_in(arena, id)).map(|gate| gate.outside)
    }

    /// The lane that a cookie remembers, as long as it is open.
    fn remembered(&self) -> Option<LaneId> {
        let sticky = self.segment.sticky.as_ref()?;
        let lane = sticky::recall(self.segment, sticky, self.settings, self.facts, self.id)?;
        self.segment.is_open(lane, || self.facts.now()).then_some(lane)
    }

    /// The lane that an override names: headers first, then pairs of rules, then cookies. Overrides are claims: where
    /// they are not believed they are not among the facts.
    fn forced(&self) -> Option<LaneId> {
        let (segment, overrides) = (self.segment, &self.segment.overrides);
        let by_header = segment.arena.words(overrides.headers).filter_map(|name| self.facts.header(name));
        let by_cookie = segment.arena.words(overrides.cookies).filter_map(|name| self.facts.cookie(name));
        let by_rules = || {
            let rules = Label::parse(self.facts.header(segment.text(overrides.rules?))?);
            self.carrier_of(&rules, false)
        };
        let mut by_header = by_header.filter_map(|name| segment.lane_named(name));
        let mut by_cookie = by_cookie.filter_map(|name| segment.lane_named(name));
        by_header.next().or_else(by_rules).or_else(|| by_cookie.next())
    }

    /// The lane whose labels came along.
    fn followed(&self) -> Option<LaneId> {
        let label = self.facts.label();
        match self.segment.follow {
            _ if label.is_empty() => None,
            Follow::None => None,
            Follow::Own => self.carrier_of(label, true),
            Follow::Chain => self.carrier_of(label, true).or_else(|| self.carrier_of(label, false)),
        }
    }

    /// The lane all of whose labels are in `pairs`; the one with the most labels if several are.
    fn carrier_of(&self, pairs: &Label<'_>, own_keys: bool) -> Option<LaneId> {
        let mut best: Option<(usize, LaneId)> = None;
        for (id, lane) in self.segment.lanes() {
            let labels = self.segment.labels_of(lane);
            let carried = labels.iter().all(|label| {
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
        let Segment { arena, conditions, .. } = self.segment;
        let evidence = Evidence { facts: self.facts, id: self.id };
        let holds = |rule: &Rule| {
            rule.during.is_open(|| self.facts.now()) && conditions.hold(rule.when, arena, evidence)
        };
        let (position, rule) = (0..).zip(&self.segment.rules).find(|(_, rule)| holds(rule))?;
        Some((position, rule.lane))
    }

    /// The lane that serves in place of `lane`: itself, its first available fallback, the base lane, the base lane's
    /// first available fallback. Where none is available the lane itself, since some lane must serve.
    fn available(&self, lane: LaneId) -> LaneId {
        let fallbacks = |id: LaneId| {
            let lane = self.segment.lane(id);
            lane.map(|lane| lane.fallbacks.of(&self.segment.fallbacks)).unwrap_or_default()
        };
        let is_available = |id: &LaneId| self.segment.lane(*id).is_some_and(|lane| !lane.unavailable);
        let base = self.segment.base;
        let own = [lane].into_iter().chain(fallbacks(lane).iter().copied());
        own.chain([base]).chain(fallbacks(base).iter().copied()).find(is_available).unwrap_or(lane)
    }
}
