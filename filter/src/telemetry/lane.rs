//! The series of lanes, as the host knows them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use graylane::arena::LaneId;
use graylane::decision::Reason;
use graylane::guard::Guard;
use graylane::plan::Segment;
use graylane::policy;
use graylane::series::{Class, GRPC_STATUSES, OVERFLOW, Outcome, Series};
use graylane_host::{self as host, Metric};

use crate::guard::Guarded;

/// The series of one lane, as the host knows them.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) requests: [Option<Metric>; Reason::ALL.len()],
    responses: [Option<Metric>; Class::ALL.len()],
    grpc_responses: [Option<Metric>; GRPC_STATUSES as usize + 1],
    attempts: Option<Metric>,
    failures: Option<Metric>,
    pub(super) fallbacks: Option<Metric>,
    duration: Option<Metric>,
    /// For as long as a plan has it guarded.
    pub(super) guard: Weak<Guarded>,
}

impl Lane {
    fn at(&mut self, series: Series) -> Option<&mut Option<Metric>> {
        match series {
            Series::Requests(reason) => self.requests.get_mut(reason as usize),
            Series::Responses(class) => self.responses.get_mut(class as usize),
            Series::GrpcResponses(status) => self.grpc_responses.get_mut(usize::from(status)),
            Series::Attempts => Some(&mut self.attempts),
            Series::Failures => Some(&mut self.failures),
            Series::Fallbacks => Some(&mut self.fallbacks),
            Series::Duration => Some(&mut self.duration),
        }
    }

    /// Names what has no name yet.
    fn define(&mut self, series: impl Iterator<Item = Series>, release: &[u8], lane: &[u8]) {
        for series in series {
            let Some(place) = self.at(series).filter(|place| place.is_none()) else { continue };
            let name = series.name(release, lane);
            let define = if series == Series::Duration { host::histogram } else { host::counter };
            *place = define(&name);
        }
    }

    /// Counts how a request has ended.
    pub(super) fn count(&self, outcome: Outcome, micros: u64) {
        let (attempts, failures) = outcome.attempts();
        add(self.responses.get(outcome.class() as usize), 1);
        add(Some(&self.attempts), attempts);
        add(Some(&self.failures), failures);
        if let Some(status) = outcome.grpc_status {
            add(self.grpc_responses.get(usize::from(status)), 1);
        }
        if let Some(duration) = self.duration.filter(|_| outcome.class() != Class::Informational) {
            duration.set(micros);
        }
    }

    /// The guard that all plans of this VM share.
    fn guarded(&mut self, release: &[u8], lane: &[u8]) -> Option<Rc<Guarded>> {
        if let Some(known) = self.guard.upgrade() {
            return Some(known);
        }
        let new = Rc::new(Guarded::define(release, lane)?);
        self.guard = Rc::downgrade(&new);
        Some(new)
    }
}

/// All series of this VM.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// The first is for all lanes that have no series of their own.
    lanes: Vec<Lane>,
    /// Where those of a lane stand, by [`line()`](super::counted::line).
    places: BTreeMap<Vec<u8>, u32>,
}

/// Where the series for all others stand.
pub(super) const OTHERS: u32 = 0;

thread_local! {
    pub(super) static LANES: RefCell<Lanes> = RefCell::default();
}

impl Lanes {
    pub(super) fn lane(&self, place: u32) -> Option<&Lane> {
        self.lanes.get(place as usize)
    }

    /// Where the series of a lane stand, which are named where they are not; its guard is one of `guards` then.
    pub(super) fn place(
        &mut self,
        segment: &Segment,
        (id, lane): (LaneId, &[u8]),
        key: &[u8],
        asked: policy::Metrics,
        guards: &mut Vec<Rc<Guarded>>,
    ) -> u32 {
        let at = self.places.get(key).copied().unwrap_or_else(|| {
            self.lanes.push(Lane::default());
            u32::try_from(self.lanes.len() - 1).unwrap_or_default()
        });
        if let Some(place) = self.lanes.get_mut(at as usize) {
            place.define(Series::of(segment, asked), segment.name(), lane);
            let guard = Guard::of(segment, id).and_then(|_| place.guarded(segment.name(), lane));
            guards.extend(guard);
        }
        self.places.insert(key.to_vec(), at);
        at
    }

    /// Names the series of all lanes that have none of their own.
    pub(super) fn define_overflow(&mut self, asked: policy::Metrics) {
        if self.lanes.is_empty() {
            self.lanes.push(Lane::default());
        }
        if let Some(others) = self.lanes.first_mut() {
            others.define(Series::of_overflow(asked), OVERFLOW, OVERFLOW);
        }
    }
}

pub(super) fn add(metric: Option<&Option<Metric>>, count: u32) {
    if let Some(Some(metric)) = metric.filter(|_| count > 0) {
        metric.add(count.into());
    }
}
