//! The decision: plan and request in, lanes and reasons out. The order of its steps is part of the contract.

use std::fmt;

use arrayvec::ArrayVec;

use crate::arena::{LaneId, Span};
use crate::baggage;
use crate::bucket::Bucket;
use crate::condition;
use crate::identity::{self, GrayId};
use crate::label::Label;
use crate::limits;
use crate::plan::{Plan, Segment};
use crate::policy::{Follow, Trust};
use crate::request::{Headers, Request};
use crate::split;
use crate::trust::{self, Admission};

/// Why a lane was chosen; the words are those of `OpenFeature` where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The release, or everything, is off: no lane was chosen.
    Off,
    /// A header or cookie forced the lane.
    Override,
    /// The traffic label that came along names the lane.
    Label,
    /// A rule or the preview of a blue-green release holds.
    Rule,
    /// The bucket of the gray id lies in the lane's share.
    Split,
    /// Nothing else placed the request.
    Default,
}

impl Reason {
    /// Every reason, in the order in which they are tried.
    pub const ALL: [Reason; 6] =
        [Reason::Off, Reason::Override, Reason::Label, Reason::Rule, Reason::Split, Reason::Default];

    /// The reason as a word for logs, metrics and headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Off => "off",
            Reason::Override => "override",
            Reason::Label => "label",
            Reason::Rule => "rule",
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
    /// The bucket, where the split was asked.
    pub bucket: Option<Bucket>,
}

/// What was decided for a request: one entry for each release that governs it.
#[derive(Debug, Clone, Default)]
pub struct Decision<'a> {
    /// The release that routes comes first, if one does; the others only name a group.
    pub entries: ArrayVec<Entry, { limits::GOVERNING }>,
    /// What of the request was believed.
    pub admission: Admission<'a>,
    /// Who is being split; only known for a request that a release governs.
    pub id: Option<GrayId<'a>>,
    /// The traffic label that came along and was believed.
    pub label: Label<'a>,
}

impl Decision<'_> {
    /// Whether a release that is on governs the request.
    pub fn is_governed(&self) -> bool {
        self.entries.iter().any(|entry| entry.assigned.is_some())
    }
}

/// Decides one request. `random` is asked for 16 random bytes when a request brings no gray id; without them there is
/// no split.
///
/// It neither fails nor panics, whatever the bytes of the request.
pub fn decide<'a>(
    plan: &'a Plan,
    trust: Trust,
    request: &'a impl Request,
    random: impl FnOnce() -> Option<[u8; 16]>,
) -> Decision<'a> {
    let headers = request.headers();
    let mut decision = Decision { admission: trust::admit(plan, trust, request), ..Decision::default() };
    if plan.off || plan.is_empty() {
        return decision;
    }
    let governing = plan.index.find(headers.host(), headers.path());
    if governing.is_empty() {
        return decision;
    }
    if decision.admission.believed {
        decision.label = find_label(plan, headers);
    }
    let is_on = |release: &u32| plan.release(*release).is_some_and(|segment| !segment.off);
    let id = if governing.iter().any(is_on) {
        identity::find(plan, headers).or_else(|| random().map(GrayId::fresh))
    } else {
        None
    };
    for release in governing {
        if let Some(segment) = plan.release(release) {
            let chooser =
                Chooser { segment, headers, decision: &decision, id: id.as_ref().map(GrayId::as_bytes) };
            let entry = chooser.choose(release);
            decision.entries.push(entry);
        }
    }
    decision.id = id;
    decision
}

/// The label that came along: the header, else the member of the baggage.
fn find_label<'a>(plan: &Plan, headers: &'a Headers) -> Label<'a> {
    match headers.get(&*plan.names().label) {
        Some(text) => Label::parse(text),
        None => baggage::label(headers).map(Label::parse).unwrap_or_default(),
    }
}

/// Chooses the lane of one release.
struct Chooser<'c, 'a> {
    segment: &'c Segment,
    headers: &'c Headers,
    decision: &'c Decision<'a>,
    id: Option<&'c [u8]>,
}

impl Chooser<'_, '_> {
    fn choose(&self, release: u32) -> Entry {
        let off =
            Entry { release, assigned: None, served: None, reason: Reason::Off, rule: None, bucket: None };
        if self.segment.off {
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
        if let Some((rule, lane)) = self.ruled() {
            return Entry { rule: Some(rule), ..placed(lane, Reason::Rule) };
        }
        if let (Some(salt), Some(id)) = (self.segment.salt, self.id) {
            let bucket = Bucket::of(self.segment.text(salt), id);
            let lane = split::lane_of(bucket, self.segment.base, &self.segment.slots);
            return Entry { bucket: Some(bucket), ..placed(lane, Reason::Split) };
        }
        placed(self.segment.base, Reason::Default)
    }

    /// The lane that an override names: headers first, then pairs of rules, then cookies.
    fn forced(&self) -> Option<LaneId> {
        if !self.decision.admission.believed {
            return None;
        }
        let (segment, overrides) = (self.segment, &self.segment.overrides);
        let by_header = segment.arena.words(overrides.headers).filter_map(|name| self.headers.get(name));
        let by_cookie = segment.arena.words(overrides.cookies).filter_map(|name| self.headers.cookie(name));
        let by_rules = || {
            let rules = Label::parse(self.headers.get(segment.text(overrides.rules?))?);
            self.carrier_of(&rules, false)
        };
        let mut by_header = by_header.filter_map(|name| segment.lane_named(name));
        let mut by_cookie = by_cookie.filter_map(|name| segment.lane_named(name));
        by_header.next().or_else(by_rules).or_else(|| by_cookie.next())
    }

    /// The lane whose labels came along.
    fn followed(&self) -> Option<LaneId> {
        let label = &self.decision.label;
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
        let Segment { arena, tests, .. } = self.segment;
        let holds = |own: Span| condition::holds(arena, own.of(tests), self.headers, &self.decision.label);
        let (position, rule) = (0..).zip(&self.segment.rules).find(|(_, rule)| holds(rule.tests))?;
        Some((position, rule.lane))
    }

    /// The lane that serves in place of `lane`: itself, its first available fallback, the base lane. Where none is
    /// available the lane itself, since some lane must serve.
    fn available(&self, lane: LaneId) -> LaneId {
        let is_available = |id: &LaneId| self.segment.lane(*id).is_some_and(|lane| !lane.unavailable);
        let fallbacks = self.segment.lane(lane).map(|lane| lane.fallbacks.of(&self.segment.fallbacks));
        let fallbacks = fallbacks.unwrap_or_default().iter().copied();
        [lane].into_iter().chain(fallbacks).chain([self.segment.base]).find(is_available).unwrap_or(lane)
    }
}
