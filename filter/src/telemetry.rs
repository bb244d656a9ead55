//! What is counted by release and lane: how requests end.
//!
//! Series are named when a policy comes, and their names come from it alone. The host never frees one, so there is a most of them
//! in a process, and all VMs name the same.

mod counted;
mod lane;

pub(crate) use counted::{SHADOWED, lanes_counted, line};

use std::any::Any;
use std::cell::RefCell;
use std::time::Instant;

use arrayvec::ArrayVec;
use graylane::arena::LaneId;
use graylane::decision::{Decision, Entry};
use graylane::exposure::{self, Told};
use graylane::guard::Guard;
use graylane::identity::GrayId;
use graylane::limits;
use graylane::pages::Reader;
use graylane::plan::{Plan, Segment};
use graylane::policy;
use graylane::series::{Outcome, UNKNOWN, lanes};
use graylane_host::{self as host, Level};

use crate::guard::Sample;

use counted::COUNTED;
use lane::{LANES, Lanes, OTHERS, add};

/// Since when the releases of a plan are what they are.
#[derive(Clone, Copy)]
pub(crate) enum Since<'r> {
    /// The plugin was configured.
    Configured,
    /// They were taken over.
    TakenOver(&'r Reader),
}

impl Since<'_> {
    /// A number that is another one for each plan of a runtime.
    fn generation(self) -> u64 {
        match self {
            Since::Configured => 0,
            Since::TakenOver(reader) => reader.generation(),
        }
    }

    fn has_changed(self, release: u32, since: u64) -> bool {
        match self {
            Since::Configured => true,
            Since::TakenOver(reader) => reader.generation_of(release) > since,
        }
    }
}

thread_local! {
    /// Which exposures this VM has told lately.
    static TOLD: RefCell<Option<Told>> = RefCell::default();
}

/// The exposures of a decision that were not told lately, if there are some.
pub(crate) fn exposures(plan: &Plan, decision: &Decision<'_>) -> Option<Vec<u8>> {
    let events = TOLD.with_borrow_mut(|told| exposure::exposures(plan, decision, told));
    Some(events).filter(|events| !events.is_empty())
}

/// What is counted for a plugin.
#[derive(Debug)]
pub(crate) struct Telemetry {
    asked: policy::Metrics,
    table: RefCell<Table>,
}

/// Where the series of each release's lanes stand, by the release's position.
#[derive(Debug, Default)]
struct Table {
    /// The generation of the plan that it is about.
    generation: Option<u64>,
    releases: Vec<Known>,
}

/// What is known of the lanes of a release.
#[derive(Debug, Default)]
struct Known {
    places: Box<[u32]>,
    /// The guards that it has, which last as long as this. A module that has none need not know how they end.
    guards: Option<Box<dyn Any>>,
}

/// One release's part in a request, of which it is counted how it ends.
#[derive(Debug, Clone, Copy)]
struct Part {
    served: u32,
    sample: Option<Sample>,
}

/// A request of which it is counted how it ends.
#[derive(Debug)]
pub(crate) struct Begun {
    at: Instant,
    is_grpc: bool,
    /// Whether more than guards are told; a VM may have series that a configuration before has asked for.
    counts_ends: bool,
    parts: ArrayVec<Part, { limits::GOVERNING }>,
}

impl Telemetry {
    pub(crate) fn new(metrics: policy::Metrics) -> Self {
        Telemetry { asked: metrics, table: RefCell::default() }
    }

    /// Names the series of what is new in a plan.
    pub(crate) fn follow(&self, plan: &Plan, since: Since<'_>) {
        let Ok(mut table) = self.table.try_borrow_mut() else { return };
        let before = table.generation;
        if before == Some(since.generation()) {
            return;
        }
        table.generation = Some(since.generation());
        let kept = plan.len().min(table.releases.len());
        let mut gone: Vec<_> = table.releases.drain(kept..).filter_map(|known| known.guards).collect();
        table.releases.resize_with(plan.len(), Known::default);
        let is_new = |position: &u32| before.is_none_or(|before| since.has_changed(*position, before));
        let positions = || (0..).zip(0..plan.len()).map(|(position, _)| position).filter(is_new);
        if positions().next().is_none() {
            return;
        }
        let new: Vec<&Segment> = positions().filter_map(|position| plan.release(position)).collect();
        let counted = COUNTED.of(&new, lanes_counted(self.asked));
        let (mut buffer, mut others, mut unguarded) = (Vec::new(), 0, 0);
        LANES.with_borrow_mut(|all| {
            all.define_overflow(self.asked);
            for position in positions() {
                let Some(segment) = plan.release(position) else { continue };
                let mut guards = Vec::new();
                let mut place = |(id, lane): (LaneId, &[u8])| {
                    let line = line(segment.name(), lane, &mut buffer);
                    let place = counted
                        .get(line)
                        .map(|line| all.place(segment, (id, lane), line, self.asked, &mut guards));
                    others += u32::from(place.is_none());
                    unguarded += u32::from(place.is_none() && Guard::of(segment, id).is_some());
                    place.unwrap_or(OTHERS)
                };
                let places: ArrayVec<u32, { limits::LANES }> =
                    lanes(segment).take(limits::LANES).map(&mut place).collect();
                if let Some(known) = table.releases.get_mut(position as usize) {
                    // Most releases of a large policy have none.
                    let has_some = places.iter().any(|place| *place != OTHERS);
                    let places = if has_some { places.as_slice().into() } else { Box::default() };
                    let guards = (!guards.is_empty()).then(|| Box::new(guards) as Box<dyn Any>);
                    let known = std::mem::replace(known, Known { places, guards });
                    // The lane of a release may be guarded from another position now, so guards go after all have come.
                    gone.extend(known.guards);
                }
            }
        });
        if others > 0 {
            let what =
                "have no series of their own and are counted as _other; metrics.lanes says how many may";
            host::log(Level::Warn, &format!("graylane: {others} lanes {what}"));
        }
        if unguarded > 0 {
            let most = limits::GUARDED_LANES;
            host::log(
                Level::Error,
                &format!("graylane: {unguarded} lanes are NOT GUARDED: {most} are at most"),
            );
        }
    }

    /// Whether the guard of a lane turns whoever has this id away.
    pub(crate) fn turns_away(&self, plan: &Plan, release: u32, lane: LaneId, id: Option<&[u8]>) -> bool {
        let guarded = || {
            let segment = plan.release(release)?;
            let guard = Guard::of(segment, lane)?;
            let table = self.table.try_borrow().ok()?;
            let place = *table.releases.get(release as usize)?.places.get(lane.position())?;
            LANES.with_borrow(|all| {
                let guarded = all.lane(place)?.guard.upgrade()?;
                Some(guarded.turns_away(&guard, segment.name(), id))
            })
        };
        guarded().unwrap_or(false)
    }

    /// Counts a request that was decided, by a plan that was [followed](Self::follow). Where it is asked for how it ends, what that
    /// takes.
    pub(crate) fn begin(&self, plan: &Plan, decision: &Decision<'_>) -> Option<Begun> {
        let id = decision.id.as_ref().map(GrayId::as_bytes);
        let table = self.table.try_borrow().ok()?;
        let part = |all: &Lanes, entry: &Entry| {
            let places = &table.releases.get(entry.release as usize)?.places;
            let at = |lane: LaneId| places.get(lane.position()).copied().unwrap_or(OTHERS);
            let (assigned, lane) = (entry.assigned?, entry.served?);
            let served = at(lane);
            let series = all.lane(served)?;
            add(series.requests.get(entry.reason as usize), 1);
            if assigned != lane {
                add(all.lane(at(assigned)).map(|lane| &lane.fallbacks), 1);
            }
            let guard = plan.release(entry.release).and_then(|segment| Guard::of(segment, lane));
            let sample =
                guard.filter(|_| series.guard.strong_count() > 0).map(|guard| Sample::new(guard, id));
            (sample.is_some() || !self.asked.requests_only).then_some(Part { served, sample })
        };
        let parts: ArrayVec<Part, { limits::GOVERNING }> =
            LANES.with_borrow(|all| decision.entries.iter().filter_map(|entry| part(all, entry)).collect());
        let counts_ends = !self.asked.requests_only;
        (!parts.is_empty()).then(|| Begun {
            at: Instant::now(),
            is_grpc: decision.is_grpc(),
            counts_ends,
            parts,
        })
    }
}

impl Begun {
    /// Counts how the request has ended.
    pub(crate) fn end(&self) {
        let outcome = Outcome {
            status: host::response_status(),
            grpc_status: if self.is_grpc { grpc_status() } else { None },
            attempts: host::attempts(),
        };
        let micros = u64::try_from(self.at.elapsed().as_micros()).unwrap_or_default();
        LANES.with_borrow(|all| {
            for part in &self.parts {
                let Some(lane) = all.lane(part.served) else { continue };
                if self.counts_ends {
                    lane.count(outcome, micros);
                }
                if let Some((sample, guarded)) = part.sample.zip(lane.guard.upgrade()) {
                    guarded.count(sample, outcome, micros);
                }
            }
        });
    }
}

/// The status of a gRPC call. Of one whose client has left before there was any Envoy says UNKNOWN, by the status of HTTP alone.
fn grpc_status() -> Option<u8> {
    host::grpc_status().filter(|status| *status != UNKNOWN || !host::client_has_left())
}
