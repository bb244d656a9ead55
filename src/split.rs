//! Bucket -> lane, by fixed slots.
//!
//! Every lane but the base lane owns a fixed part of the bucket space, its slot, and fills it from the start; the
//! base lane has all the rest. A share that grows therefore takes buckets from the base lane alone, and a share
//! that shrinks gives them back: nobody moves between two lanes whose shares did not change. Laid end to end by
//! current weight, as most systems do it, the second lane would move whenever the first one grows.

use crate::arena::LaneId;
use crate::bucket::{Bucket, COUNT};

/// A lane's part of the bucket space. In buckets: `start + fill <= start + size <= COUNT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The owner.
    pub(crate) lane: LaneId,
    /// The first bucket.
    pub(crate) start: u16,
    /// The buckets that the lane may fill.
    pub(crate) size: u16,
    /// The buckets that it fills now, from the start.
    pub(crate) fill: u16,
}

/// The lane of `bucket`: the owner of the filled part it lies in, else the base lane.
pub(crate) fn lane_of(bucket: Bucket, base: LaneId, slots: &[Slot]) -> LaneId {
    let bucket = bucket.get();
    let filled = |slot: &&Slot| bucket.checked_sub(slot.start).is_some_and(|offset| offset < slot.fill);
    slots.iter().find(filled).map_or(base, |slot| slot.lane)
}

/// The slots of lanes that name none: equal parts in list order, as `(start, size)` in buckets.
pub(crate) fn equal_parts(count: usize) -> impl Iterator<Item = (u16, u16)> {
    let count = u16::try_from(count).unwrap_or(COUNT).max(1);
    let size = COUNT / count;
    (0..count).map(move |index| (index * size, size))
}

/// A percentage in steps of 0.01 as a number of buckets; `None` when it is out of 0 to 100 or finer than that.
pub(crate) fn buckets_of_percent(percent: f64) -> Option<u16> {
    let buckets = percent * 100.0;
    let whole = buckets.round();
    let exact = (buckets - whole).abs() < 1e-6 && (0.0..=f64::from(COUNT)).contains(&whole);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be within 0..=COUNT"
    )]
    exact.then_some(whole as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_percentages_in_steps_of_a_hundredth() {
        assert_eq!(buckets_of_percent(0.0), Some(0));
        assert_eq!(buckets_of_percent(0.01), Some(1));
        assert_eq!(buckets_of_percent(5.01), Some(501));
        assert_eq!(buckets_of_percent(33.33), Some(3_333));
        assert_eq!(buckets_of_percent(100.0), Some(COUNT));
    }

    #[test]
    fn refuses_percentages_that_no_bucket_count_matches() {
        for percent in [-0.01, 0.001, 5.005, 100.01, f64::NAN, f64::INFINITY] {
            assert_eq!(buckets_of_percent(percent), None, "{percent}");
        }
    }

    #[test]
    fn parts_do_not_overlap_and_fit() {
        for count in 1..=32 {
            let parts: Vec<_> = equal_parts(count).collect();
            assert_eq!(parts.len(), count);
            assert!(parts.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
            assert!(parts.last().is_some_and(|(start, size)| start + size <= COUNT));
        }
    }
}
