//! Statsig. Source: statsig-io/kotlin-sdk, `Evaluator.kt`; statsig-io/statsig-server-core.

use crate::hash::Algorithm;

/// The bucket of a text among `buckets`: 10,000 for the pass percentage of a rule
/// (`configSalt.ruleSalt.unitId`), 1,000 for layers and experiments (`salt.unitId`). `None` where there are
/// none.
pub fn bucket(text: &[u8], buckets: u64) -> Option<u64> {
    Algorithm::Sha256Be64.hash(0, &[text]).checked_rem(buckets)
}

/// Whether a bucket of 10,000 passes a rule.
pub fn passes(bucket: u64, pass_percentage: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "below 10,000")]
    let bucket = bucket as f64;
    bucket < pass_percentage * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180: SHA-256 of `abc` begins with ba7816bf8f01cfea.
    #[test]
    fn a_bucket_is_the_first_eight_bytes_of_sha_256() {
        assert_eq!(bucket(b"abc", 1_000), Some(0xba78_16bf_8f01_cfea % 1_000));
        assert_eq!(bucket(b"abc", 0), None);
    }

    #[test]
    fn all_and_nobody_pass_at_the_ends() {
        assert!((0..10_000).all(|bucket| passes(bucket, 100.0) && !passes(bucket, 0.0)));
        assert!(passes(9, 0.1) && !passes(10, 0.1));
    }
}
