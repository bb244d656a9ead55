//! The policy that may come next, decided beside the one in force and counted.

use std::cell::RefCell;
use std::collections::BTreeMap;

use graylane::decision::Decision;
use graylane::exposure::Told;
use graylane::plan::Plan;
use graylane::policy::Trust;
use graylane::request::Request;
use graylane::series::{OVERFLOW, lanes};
use graylane::shadow::{self, Change, Series};
use graylane_host::{self as host, Metric};

use crate::telemetry::{SHADOWED, line};

/// Requests and ids of a lane, by what would become of them.
#[derive(Debug, Clone, Copy)]
struct Lane([(Option<Metric>, Option<Metric>); Change::ALL.len()]);

impl Lane {
    fn define(release: &[u8], lane: &[u8]) -> Self {
        let counter = |series: Series, change| host::counter(&series.name(change, release, lane));
        Lane(Change::ALL.map(|change| (counter(Series::Requests, change), counter(Series::Ids, change))))
    }
}

/// The policy that may come next, and what is counted of it.
#[derive(Debug)]
pub(crate) struct Shadow {
    plan: Plan,
    lanes: BTreeMap<Vec<u8>, Lane>,
    others: Lane,
    told: RefCell<Told>,
}

impl Shadow {
    /// Names what is counted of the lanes of both policies, as long as there is room in the process.
    pub(crate) fn new(plan: Plan, in_force: &Plan, most: usize) -> Self {
        let (mut named, mut buffer) = (BTreeMap::new(), Vec::new());
        let releases = (0..).map_while(|position| plan.release(position));
        let both = releases.chain((0..).map_while(|position| in_force.release(position)));
        let both: Vec<_> = both.collect();
        let counted = SHADOWED.of(&both, most);
        for segment in both {
            for (_, lane) in lanes(segment) {
                let key = line(segment.name(), lane, &mut buffer);
                if counted.contains(key) && !named.contains_key(key) {
                    named.insert(key.to_vec(), Lane::define(segment.name(), lane));
                }
            }
        }
        let others = Lane::define(OVERFLOW, OVERFLOW);
        Shadow { plan, lanes: named, others, told: RefCell::default() }
    }

    /// Counts what the next policy would do to a request, on which `decision` was made by the one in force.
    pub(crate) fn count(&self, plan: &Plan, decision: &Decision<'_>, trust: Trust, request: &dyn Request) {
        let Ok(mut told) = self.told.try_borrow_mut() else { return };
        let mut buffer = Vec::new();
        let count = |release: &[u8], lane: &[u8], change: Change, is_new: bool| {
            let lane = self.lanes.get(line(release, lane, &mut buffer)).unwrap_or(&self.others);
            let Some((requests, ids)) = lane.0.get(change as usize) else { return };
            for metric in requests.iter().chain(ids.iter().filter(|_| is_new)) {
                metric.add(1);
            }
        };
        shadow::decide((plan, decision), &self.plan, trust, request, &mut told, count);
    }
}
