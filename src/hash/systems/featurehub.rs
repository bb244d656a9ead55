//! `FeatureHub`. Source: featurehub-io/featurehub, `PercentageMumurCalculator`; featurehub-javascript-sdk,
//! `strategy_matcher.ts`.

use super::murmur3;
use crate::hash::Reduction;

/// The number of buckets: percentages are written in millionths.
pub const BUCKETS: u32 = 1_000_000;

/// The bucket of user and feature, one after the other.
pub fn bucket(text: &[u8]) -> u64 {
    u64::from(Reduction::MultiplyShift.reduce(u64::from(murmur3(text, 0)), BUCKETS))
}

/// Whether a bucket is in a strategy of `percentage`, where those before it took up `base`: with `<=`, one
/// bucket more than it says.
pub fn is_in_strategy(bucket: u64, base: u64, percentage: u64) -> bool {
    bucket <= base.saturating_add(percentage)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// featurehub-javascript-sdk, "percentage checks": should match other sdks
    #[test]
    fn agrees_with_published_buckets() {
        assert_eq!(bucket(b"fredabcde"), 212_628);
        assert_eq!(bucket(b"zappo-food172765e02-2-1-1-2-2-1"), 931_882);
    }

    #[test]
    fn the_last_bucket_is_one_more_than_the_percentage() {
        assert!(is_in_strategy(200_000, 0, 200_000) && !is_in_strategy(200_001, 0, 200_000));
        assert!(is_in_strategy(300_000, 100_000, 200_000));
    }
}
