//! The shares that a release deals, as it is compiled.

use graylane::plan::Segment;
use graylane::time::Timestamp;

/// The share of each lane among all whom the gates let in, at a point in time: its name, and a part of 1. They add up to less
/// where some are in no part of the experiment. `None` for a release that does not split.
pub(crate) fn shares(segment: &Segment, now: Timestamp) -> Option<Vec<(String, f64)>> {
    let deal = segment.deal(now)?;
    let mut shares: Vec<(String, u32)> = segment.lane_names().map(|name| (text(name), 0)).collect();
    for part in &deal.parts {
        let Some(name) = part.lane.map(|lane| text(segment.lane_name(lane))) else { continue };
        if let Some((_, sum)) = shares.iter_mut().find(|(known, _)| *known == name) {
            *sum = sum.saturating_add(part.end.saturating_sub(part.start));
        }
    }
    let all = f64::from(deal.buckets);
    Some(shares.into_iter().map(|(name, sum)| (name, f64::from(sum) / all)).collect())
}

/// The lane of whoever the split gives to nobody else; none where these are no part of the experiment.
pub(crate) fn base(segment: &Segment, now: Timestamp) -> Option<String> {
    let rest = segment.deal(now).and(segment.rest());
    rest.map(|lane| text(segment.lane_name(lane)))
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
