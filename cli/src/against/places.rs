//! Where users can stand in a release, before a change and now, and what became of the share of each place.

use graylane::arena::LaneId;
use graylane::deal::{Deal, Outside};
use graylane::plan::Segment;
use graylane::time::Timestamp;

use crate::guarantee::Change;

/// A release on one side of a change, at a point in time.
#[derive(Debug)]
pub(super) struct Side<'s> {
    pub(super) segment: &'s Segment,
    /// How it splits; none for blue-green.
    pub(super) split: Option<Deal<'s>>,
    pub(super) gates: Vec<(Outside, Deal<'s>)>,
}

impl<'s> Side<'s> {
    pub(super) fn of(segment: &'s Segment, at: Timestamp) -> Self {
        Side { segment, split: segment.deal(at), gates: segment.gates().collect() }
    }
}

/// A part of all buckets: so many of so many.
pub(super) type Share = (u64, u64);

/// Whether the first is less. Shares of other numbers of buckets can be compared, and exactly.
pub(super) fn is_less((count, all): Share, (other, other_all): Share) -> bool {
    u128::from(count) * u128::from(other_all) < u128::from(other) * u128::from(all)
}

/// The places: the lanes of both sides by their names, those of the side before first, and at the end no lane at all, for whoever
/// is no part of the experiment.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) names: Vec<Option<String>>,
}

impl Places {
    pub(super) fn of(sides: [&Side<'_>; 2]) -> Self {
        let mut names: Vec<Option<String>> = Vec::new();
        for side in sides {
            for name in side.segment.lane_names() {
                let name = Some(String::from_utf8_lossy(name).into_owned());
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names.push(None);
        Places { names }
    }

    /// The place of whoever is no part of the experiment.
    pub(super) fn outside(&self) -> usize {
        self.names.len().saturating_sub(1)
    }

    /// The place of a lane of one side.
    pub(super) fn place(&self, side: &Side<'_>, lane: Option<LaneId>) -> usize {
        let Some(lane) = lane else { return self.outside() };
        let name = String::from_utf8_lossy(side.segment.lane_name(lane));
        let is_it = |known: &Option<String>| known.as_deref() == Some(&*name);
        self.names.iter().position(is_it).unwrap_or_else(|| self.outside())
    }

    /// What became of the share of each place.
    pub(super) fn changes(&self, before: &Side<'_>, now: &Side<'_>) -> Vec<Change> {
        let change = |place: usize| {
            let [was, is] = [before, now].map(|side| self.share(side, place));
            let is_rest =
                |side: &Side<'_>| side.split.is_some() && self.place(side, side.segment.rest()) == place;
            Change {
                is_base: place == self.outside() || is_rest(before) || is_rest(now),
                shrank: is_less(is, was),
                grew: is_less(was, is),
            }
        };
        (0..self.names.len()).map(change).collect()
    }

    /// The share of a place among those whom the gates let in.
    fn share(&self, side: &Side<'_>, place: usize) -> Share {
        let Some(deal) = &side.split else {
            return (u64::from(self.place(side, Some(side.segment.base())) == place), 1);
        };
        let own = deal.parts.iter().filter(|part| self.place(side, part.lane) == place);
        (own.map(|part| u64::from(part.end - part.start)).sum(), deal.buckets.into())
    }
}
