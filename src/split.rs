//! Gray id -> bucket -> lane.
//!
//! Every lane but the base lane owns fixed parts of the bucket space, its slots, and fills them from the start; the
//! base lane has all the rest. A share that grows therefore takes buckets from the base lane alone, and a share
//! that shrinks gives them back: nobody moves between two lanes whose shares did not change. Laid end to end by
//! current weight, as most systems do it, the second lane would move whenever the first one grows. (Who has to agree with such a
//! system can have it: then slots are as wide as shares.)

use crate::arena::{Block, LaneId, List, Text};
use crate::explain::Part;
use crate::hash::Scheme;
use crate::record::record;
use crate::time::Timestamp;

record! {
    /// How an id becomes a bucket: a scheme, and the text before and after the id.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Hasher {
        pub(crate) scheme: Scheme,
        pub(crate) before: Text,
        pub(crate) after: Text,
    }
}

impl Hasher {
    /// The bucket of `id` among `buckets`.
    pub(crate) fn bucket(&self, block: Block<'_>, id: &[u8], buckets: u32) -> u32 {
        self.scheme.bucket(block.text(self.before), id, block.text(self.after), buckets)
    }
}

record! {
    /// How users are split among lanes.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Split {
        pub(crate) hasher: Hasher,
        pub(crate) buckets: u32,
        pub(crate) slots: List<Slot>,
        /// Whether buckets that are in no slot are no part of the experiment, rather than the base lane's.
        pub(crate) has_holes: bool,
    }
}

record! {
    /// A part of the bucket space that a lane owns, in buckets.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Slot {
        /// The owner.
        pub(crate) lane: LaneId,
        /// The first bucket.
        pub(crate) start: u32,
        /// The buckets that the lane may fill here.
        pub(crate) size: u32,
        /// The buckets of the lane's slots before this one, which it fills first.
        pub(crate) offset: u32,
        /// The buckets that the lane fills in all its slots.
        pub(crate) share: Share,
    }
}

/// How many buckets a lane fills.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Share {
    Fixed(u32),
    /// It follows these points in time, in steps.
    Steps(List<Point>),
    /// It follows these points in time, on the lines between them.
    Linear(List<Point>),
}

record!(enum Share, else Share::Fixed(0);
    Fixed(fill: u32), Steps(points: List<Point>), Linear(points: List<Point>));

record! {
    /// A share at a point in time, in buckets.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Point {
        pub(crate) at: Timestamp,
        pub(crate) fill: u32,
    }
}

impl Split {
    /// The lane of `bucket`: the owner of the filled part it lies in.
    pub(crate) fn lane_of(
        &self,
        block: Block<'_>,
        bucket: u32,
        now: impl Fn() -> Timestamp,
    ) -> Option<LaneId> {
        let filled = |slot: &Slot| {
            let offset = bucket.checked_sub(slot.start);
            offset.is_some_and(|offset| offset < slot.size && offset < slot.filled(block, &now))
        };
        block.list(self.slots).find(filled).map(|slot| slot.lane)
    }

    /// The buckets that lanes fill now.
    pub(crate) fn parts(&self, block: Block<'_>, now: impl Fn() -> Timestamp) -> impl Iterator<Item = Part> {
        block.list(self.slots).filter_map(move |slot| {
            let size = slot.filled(block, &now).min(slot.size);
            let (lane, from) = (slot.lane, slot.start);
            (size > 0).then(|| Part { lane, from, to: from.saturating_add(size) })
        })
    }

    /// Whether `lane` has a share now.
    pub(crate) fn is_open(&self, block: Block<'_>, lane: LaneId, now: impl Fn() -> Timestamp) -> bool {
        block.list(self.slots).any(|slot| slot.lane == lane && slot.filled(block, &now) > 0)
    }
}

impl Slot {
    /// How many of its buckets are filled, counted from its start; more than it has where the lane fills others too.
    pub(crate) fn filled(&self, block: Block<'_>, now: &impl Fn() -> Timestamp) -> u32 {
        let fill = match self.share {
            Share::Fixed(fill) => fill,
            Share::Steps(points) => fill_at(block.list(points), false, now()),
            Share::Linear(points) => fill_at(block.list(points), true, now()),
        };
        fill.saturating_sub(self.offset)
    }
}

/// The share at a point in time: none before the first point, the last one's after it; between two points that of the
/// earlier, or the one on the line between them.
pub(crate) fn fill_at(points: impl Iterator<Item = Point>, is_linear: bool, now: Timestamp) -> u32 {
    let mut from = None;
    let mut later = None;
    for point in points {
        if point.at > now {
            later = Some(point);
            break;
        }
        from = Some(point);
    }
    let Some(from) = from else { return 0 };
    let Some(to) = later.filter(|_| is_linear) else { return from.fill };
    let whole = i128::from(to.at.seconds()) - i128::from(from.at.seconds());
    let passed = i128::from(now.seconds()) - i128::from(from.at.seconds());
    let way = i128::from(to.fill) - i128::from(from.fill);
    let fill = way.saturating_mul(passed).checked_div(whole).unwrap_or_default() + i128::from(from.fill);
    u32::try_from(fill).unwrap_or_default()
}

/// The slots of lanes that name none: equal parts in list order, as `(start, size)` in buckets.
pub(crate) fn equal_parts(count: usize, buckets: u32) -> impl Iterator<Item = (u32, u32)> {
    let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
    let size = buckets / count;
    (0..count).map(move |index| (index * size, size))
}

/// A percentage as a number of buckets; `None` when it is out of 0 to 100 or between two buckets.
pub(crate) fn buckets_of_percent(percent: f64, buckets: u32) -> Option<u32> {
    let exact = percent * f64::from(buckets) / 100.0;
    let whole = exact.round();
    let good = (exact - whole).abs() < 1e-6 && (0.0..=f64::from(buckets)).contains(&whole);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be within 0..=buckets"
    )]
    good.then_some(whole as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: u32 = 10_000;

    #[test]
    fn reads_percentages_in_steps_of_a_bucket() {
        for (percent, buckets) in [(0.0, 0), (0.01, 1), (5.01, 501), (33.33, 3_333), (100.0, COUNT)] {
            assert_eq!(buckets_of_percent(percent, COUNT), Some(buckets));
        }
        assert_eq!(buckets_of_percent(33.0, 100), Some(33));
        assert_eq!(buckets_of_percent(0.0001, 1_000_000), Some(1));
    }

    #[test]
    fn refuses_percentages_that_no_bucket_count_matches() {
        for percent in [-0.01, 0.001, 5.005, 100.01, f64::NAN, f64::INFINITY] {
            assert_eq!(buckets_of_percent(percent, COUNT), None, "{percent}");
        }
        assert_eq!(buckets_of_percent(0.5, 100), None);
    }

    #[test]
    fn parts_do_not_overlap_and_fit() {
        for count in 1..=32 {
            let parts: Vec<_> = equal_parts(count, COUNT).collect();
            assert_eq!(parts.len(), count);
            assert!(parts.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
            assert!(parts.last().is_some_and(|(start, size)| start + size <= COUNT));
        }
    }

    #[test]
    fn a_ramp_holds_or_grows_between_its_points() {
        let point = |(at, fill)| Point { at: Timestamp::from_seconds(at), fill };
        let points = [(100, 500), (200, 1_000), (400, 200)].map(point);
        let at = |is_linear, now| fill_at(points.into_iter(), is_linear, Timestamp::from_seconds(now));
        for (now, steps, linear) in [
            (0, 0, 0),
            (99, 0, 0),
            (100, 500, 500),
            (150, 500, 750),
            (199, 500, 995),
            (200, 1_000, 1_000),
            (300, 1_000, 600),
            (400, 200, 200),
            (i64::MAX, 200, 200),
        ] {
            assert_eq!((at(false, now), at(true, now)), (steps, linear), "at {now}");
        }
        assert_eq!(fill_at(std::iter::empty(), true, Timestamp::default()), 0);
    }
}
