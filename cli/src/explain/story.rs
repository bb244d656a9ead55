//! What one release decided, in words.

use std::ops::Range;

use graylane::arena::LaneId;
use graylane::decision::{Entry, Outside, Reason};
use graylane::explain::{self, Doubt, Found, Note, Part};
use graylane::hash::Buckets;
use graylane::plan::Segment;
use graylane::policy::{self, BlueGreen, Follow, IdSource};

use super::lossy;
use super::step::{Source, Step, Test, passed, place_of, quoted, step};

/// The step of lanes that another one serves in place of.
const FALLBACK: &str = "fallback";

/// Who tells of one release.
#[derive(Debug, Clone, Copy)]
pub(super) struct Storyteller<'s> {
    pub(super) written: &'s policy::Release,
    pub(super) segment: &'s Segment,
    pub(super) source: Source<'s>,
}

impl Storyteller<'_> {
    /// The steps of the release, and the default where none of them placed the request.
    pub(super) fn steps(self, notes: &[Note], entry: &Entry) -> Vec<Step> {
        let mut steps = Vec::with_capacity(notes.len());
        let mut tests = Vec::new();
        for note in notes {
            match note {
                Note::Test(test) => tests.push(told_test(test)),
                note => steps.extend(
                    self.step(note, entry).map(|step| Step { tests: std::mem::take(&mut tests), ..step }),
                ),
            }
        }
        // Whoever is outside is told so by the step that found it out.
        if entry.reason == Reason::Default && entry.outside.is_none() {
            let lane = entry.assigned.map(|lane| self.lane(lane)).unwrap_or_default();
            steps.push(step("default", true, format!("{lane} takes whoever no step places")));
        }
        if let (Some(from), Some(to)) = (entry.assigned, entry.served) {
            steps.extend(self.fallback(notes, from, to));
        }
        steps
    }

    /// Which lanes were passed over for the one that serves.
    fn fallback(self, notes: &[Note], from: LaneId, to: LaneId) -> Vec<Step> {
        let is_left = |note: &Note| match note {
            Note::Unavailable { lane } => *lane == from,
            Note::Guard { lane, has_tripped } => *has_tripped && *lane == from,
            _ => false,
        };
        if !notes.iter().any(is_left) {
            return Vec::new();
        }
        let mut over: Vec<LaneId> = Vec::new();
        for note in notes {
            // The default lane may also be among the fallbacks.
            if let Note::Unavailable { lane } = note
                && *lane != from
                && !over.contains(lane)
            {
                over.push(*lane);
            }
        }
        let over =
            over.into_iter().map(|lane| passed(FALLBACK, format!("{} is unavailable", self.lane(lane))));
        let mut steps: Vec<Step> = over.collect();
        let is_unavailable = notes.contains(&Note::Unavailable { lane: from });
        let why = if is_unavailable { "is unavailable" } else { "is not used while its guard has tripped" };
        let name = self.lane(from);
        steps.push(if from == to {
            let why = if is_unavailable { why } else { "has a guard that has tripped" };
            passed(FALLBACK, format!("{name} {why}, and no other lane can serve: {name} does all the same"))
        } else {
            step(FALLBACK, true, format!("{name} {why}: {} serves", self.lane(to)))
        });
        steps
    }

    fn lane(self, lane: LaneId) -> String {
        lossy(self.segment.lane_name(lane))
    }

    fn step(self, note: &Note, entry: &Entry) -> Option<Step> {
        Some(match note {
            Note::Off { is_written: true } => step("off", true, "`off: true` is written"),
            Note::Stale => step("stale", true, "the source of the policy was silent for too long"),
            Note::Off { is_written: false } => step("off", true, "it is not its time, see `during`"),
            Note::Override { place, found, lane } => self.forced(place, found.as_deref(), *lane),
            Note::Label { text, lane } => self.label(text, *lane),
            Note::List { lane, is_on } => self.list(*lane, *is_on),
            Note::Rule { rule, is_its_time, holds } => {
                let name = lossy(self.segment.rule_name(*rule));
                let what = match (is_its_time, holds) {
                    (false, _) => format!("{name}: it is not its time"),
                    (true, false) => format!("{name} does not hold"),
                    (true, true) => format!("{name} holds"),
                };
                step("rule", *holds, what)
            }
            // Unless it has tripped there is nothing to tell.
            Note::Guard { lane, has_tripped } => {
                let what = format!("the guard of {} has tripped", self.lane(*lane));
                return has_tripped.then(|| step("guard", false, what));
            }
            Note::Audience { holds } => {
                let what =
                    if *holds { "the request belongs to it" } else { "the request does not belong to it" };
                step("audience", !*holds, what)
            }
            Note::Anonymous => {
                let what = "the request has no id, without which nobody is part of the experiment";
                step(Outside::Anonymous.as_str(), true, what)
            }
            Note::Gate { outside, bucket, buckets, from, to } => {
                gate(*outside, *bucket, *buckets, *from..*to)
            }
            Note::Memory { cookie, found, memory, is_open } => {
                self.memory(cookie, found.as_deref(), *memory, *is_open)
            }
            Note::Split { bucket, buckets, parts, has_holes } => {
                self.split(*bucket, *buckets, parts, *has_holes, entry)
            }
            Note::NotSplit => passed("split", "the request has no id to split by"),
            // Of lanes that are left is told at the end, and of the id before all releases.
            Note::Unavailable { .. }
            | Note::Source { .. }
            | Note::Missing(_)
            | Note::NoId { .. }
            | Note::Release(_)
            | Note::Test(_) => return None,
        })
    }

    fn forced(self, place: &IdSource, found: Option<&[u8]>, lane: Option<LaneId>) -> Step {
        let is_rules = matches!(place, IdSource::Header(name)
            if self.written.overrides.rules.as_ref().is_some_and(|rules| rules.eq_ignore_ascii_case(name)));
        let place_of = place_of(place);
        let what = match (found, lane) {
            (None, _) => format!("{place_of}: {}", self.source.absence(place)),
            (Some(value), Some(lane)) => format!("{place_of}: {} names {}", quoted(value), self.lane(lane)),
            (Some(value), None) if is_rules => {
                format!("{place_of}: {} holds the labels of no lane", quoted(value))
            }
            (Some(value), None) => format!("{place_of}: {} names no lane", quoted(value)),
        };
        step(Reason::Override.as_str(), lane.is_some(), what)
    }

    fn label(self, text: &[u8], lane: Option<LaneId>) -> Step {
        let follow = self.written.follow.unwrap_or_default();
        let what = match lane {
            _ if text.is_empty() => "none came along that is believed".to_owned(),
            Some(lane) => format!("{} came along, which {} carries", quoted(text), self.lane(lane)),
            None if follow == Follow::None => {
                format!("{} came along; the release follows none", quoted(text))
            }
            None if follow == Follow::Own => {
                format!("{} came along; no lane's labels for this release are in it", quoted(text))
            }
            None => format!("{} came along, which no lane carries", quoted(text)),
        };
        step(Reason::Label.as_str(), lane.is_some(), what)
    }

    fn list(self, lane: Option<LaneId>, is_on: Option<bool>) -> Step {
        let (reason, list) = match lane {
            None => (Reason::Deny, "the list".to_owned()),
            Some(lane) => (Reason::Allow, format!("the list of {}", self.lane(lane))),
        };
        let what = match is_on {
            Some(true) => "the id is on",
            Some(false) => "the id is not on",
            None => "the request has no id to be on",
        };
        step(reason.as_str(), is_on == Some(true), format!("{what} {list}"))
    }

    fn memory(
        self,
        cookie: &str,
        found: Option<&[u8]>,
        memory: Result<LaneId, Doubt>,
        is_open: bool,
    ) -> Step {
        let told = found.map(quoted).unwrap_or_default();
        let why = match memory {
            Ok(lane) if is_open => format!("{told} remembers {}", self.lane(lane)),
            Ok(lane) => {
                let why = match &self.written.blue_green {
                    None => "it has no share now",
                    Some(BlueGreen { drain: Some(_), .. }) => "its drain is over",
                    Some(BlueGreen { drain: None, .. }) => "it is neither active nor drained",
                };
                format!("{told} remembers {}, which is not open: {why}", self.lane(lane))
            }
            Err(Doubt::Absent) => self.source.absence(&IdSource::Cookie(cookie.to_owned())).to_owned(),
            Err(Doubt::Malformed) => format!("{told} is not of the form that this release writes"),
            Err(Doubt::OtherRelease) => format!("{told} is of another release"),
            Err(Doubt::UnknownLane) => format!("{told} names no lane"),
            Err(Doubt::OtherRevision) => {
                format!("{told} is of another revision than {}", self.segment.revision())
            }
            Err(Doubt::NotAuthentic) => {
                format!("{told} has no MAC that is right, or no key is at hand (--keys)")
            }
        };
        step(Reason::Sticky.as_str(), memory.is_ok() && is_open, format!("cookie {cookie}: {why}"))
    }

    fn split(self, bucket: u32, buckets: u32, parts: &[Part], has_holes: bool, entry: &Entry) -> Step {
        let hit = parts.iter().find(|part| (part.from..part.to).contains(&bucket));
        let told = |part: &Part| format!("{} has {}", self.lane(part.lane), shown(part.from..part.to));
        let others: Vec<String> = parts.iter().map(told).collect();
        let others = if others.is_empty() { "no lane has a share".to_owned() } else { others.join(", ") };
        let what = match (hit, entry.assigned) {
            (Some(part), _) => told(part),
            (None, _) if has_holes => {
                format!("{others}; whoever is in none of these is no part of the experiment")
            }
            (None, Some(base)) => format!("{others}; {} has the rest", self.lane(base)),
            (None, None) => others,
        };
        step(Reason::Split.as_str(), true, format!("{}: {what}", bucket_of(bucket, buckets)))
    }
}

fn gate(outside: Outside, bucket: u32, buckets: u32, part: Range<u32>) -> Step {
    let is_in = part.contains(&bucket);
    let what = match outside {
        Outside::Holdout if is_in => "not held out",
        Outside::Holdout => "held out",
        _ if is_in => "in",
        _ => "outside",
    };
    let bucket = bucket_of(bucket, buckets);
    step(outside.as_str(), !is_in, format!("{bucket}: {what}; the experiment may have {}", shown(part)))
}

fn bucket_of(bucket: u32, buckets: u32) -> String {
    format!("bucket {bucket} of {buckets}")
}

/// Buckets as people count them: the first and the last one.
fn shown(buckets: Range<u32>) -> String {
    match buckets.len() {
        0 => "none".to_owned(),
        1 => buckets.start.to_string(),
        _ => format!("{} to {}", buckets.start, buckets.end.saturating_sub(1)),
    }
}

fn told_test(test: &explain::Test) -> Test {
    let found = match &test.found {
        Found::Nothing => None,
        Found::Text(bytes) => Some(lossy(bytes)),
        Found::Address(address) => Some(address.to_string()),
        Found::Bucket(bucket) => Some(bucket_of((*bucket).into(), Buckets::NATIVE)),
    };
    let demand = serde_json::from_str(&test.origin.demand).unwrap_or_default();
    Test { path: test.origin.path.clone(), demand, found, holds: test.holds }
}
