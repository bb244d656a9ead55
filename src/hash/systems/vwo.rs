//! VWO. Source: wingify/vwo-python-sdk, `vwo/core/bucketer.py`, `vwo/helpers/campaign_util.py`.

use super::murmur3;

/// The seed of every hash.
pub const SEED: u32 = 1;
/// The buckets of the traffic gate.
pub const TRAFFIC: u32 = 100;
/// The buckets of variations.
pub const VARIATIONS: u32 = 10_000;

/// The bucket of a hash among `buckets`, counted from 1 and stretched by `multiplier`, in doubles.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole part of a number above 0; `as` saturates"
)]
pub fn bucket(hash: u32, buckets: u32, multiplier: f64) -> u64 {
    ((f64::from(buckets) * (f64::from(hash) / 4_294_967_296.0) + 1.0) * multiplier) as u64
}

/// The hash of a text: the user, or campaign and user, or campaign, account and user, joined by `_`.
pub fn hash(text: &[u8]) -> u32 {
    murmur3(text, SEED)
}

/// How older SDKs stretch the buckets of variations: as far as the traffic of the campaign, a percentage, is
/// less than all.
pub fn multiplier(percent_traffic: f64) -> f64 {
    f64::from(VARIATIONS) / percent_traffic / 100.0
}

/// Whether a bucket of [`TRAFFIC`] is part of a campaign.
pub fn is_in_campaign(bucket: u64, percent_traffic: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let bucket = bucket as f64;
    bucket != 0.0 && bucket <= percent_traffic
}

/// The first and the last bucket of a variation that has any.
pub type Range = Option<(u64, u64)>;

/// The ranges of variations by their weights in percent, end to end from 1; both ends belong to a range. A
/// weight of 0 has no range.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole number; `as` saturates")]
pub fn ranges(weights: &[f64]) -> Vec<Range> {
    let mut last = 0;
    let of_weight = |weight: &f64| {
        let width = ((weight * 100.0).ceil() as u64).min(u64::from(VARIATIONS));
        let start = last + 1;
        last += width;
        (width > 0).then_some((start, last))
    };
    weights.iter().map(of_weight).collect()
}

/// The first range that holds the bucket.
pub fn variation(bucket: u64, ranges: &[Range]) -> Option<usize> {
    ranges.iter().position(|range| range.is_some_and(|(start, end)| (start..=end).contains(&bucket)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// wingify, Go SDK: `core/bucketer_test.go`
    #[test]
    fn agrees_with_published_buckets() {
        assert_eq!(hash(b"Robert"), 1_150_261_924);
        assert_eq!(hash(b"12345"), 1_377_935_000);
        assert_eq!(bucket(hash(b"Chris"), TRAFFIC, 1.0), 93);
        assert_eq!(bucket(hash(b"Chris"), TRAFFIC, 0.5), 46);
        assert_eq!(bucket(hash(b"Liza"), VARIATIONS, 1.0), 3_379);
        assert_eq!(bucket(hash(b"Gimmy"), VARIATIONS, 1.0), 9_572);
    }

    /// vwo-python-sdk, `tests/core/test_bucketer.py`; vwo-node-sdk, the same tests: half of the traffic,
    /// weights 40 and 60
    #[test]
    fn agrees_with_published_decisions() {
        let traffic = |user: &[u8]| bucket(hash(user), TRAFFIC, 1.0);
        assert_eq!((hash(b"Bob"), traffic(b"Bob")), (2_033_809_345, 48));
        assert_eq!((hash(b"Lucian"), traffic(b"Lucian")), (2_251_780_191, 53));
        assert!(is_in_campaign(48, 50.0) && !is_in_campaign(53, 50.0));
        let ranges = ranges(&[40.0, 60.0]);
        let stretched = |user: &[u8]| bucket(hash(user), VARIATIONS, multiplier(50.0));
        assert_eq!((stretched(b"Sarah"), variation(stretched(b"Sarah"), &ranges)), (326, Some(0)));
        assert_eq!((stretched(b"Varun"), variation(stretched(b"Varun"), &ranges)), (9_433, Some(1)));
        assert_eq!(variation(10_001, &ranges), None);
    }

    /// vwo-node-sdk, `BucketingService`: with a bucketing seed the campaign stands before the user.
    #[test]
    fn agrees_with_published_buckets_of_seeded_campaigns() {
        let traffic = |user: &[u8]| bucket(hash(user), TRAFFIC, 1.0);
        assert_eq!((traffic(b"someone@mail.com"), traffic(b"1_someone@mail.com")), (64, 25));
        assert_eq!((traffic(b"1111111111111111"), traffic(b"1_1111111111111111")), (50, 82));
    }

    #[test]
    fn a_weight_of_0_has_no_range() {
        assert_eq!(ranges(&[0.0, 33.333, 66.667]), [None, Some((1, 3_334)), Some((3_335, 10_001))]);
    }
}
