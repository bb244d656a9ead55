//! Split, today Harness FME. Source: splitio/javascript-commons, `src/utils/murmur3/`; splitio/java-client.

use super::{murmur3, raw, walk};

/// The bucket of a key under a seed, by algorithm 2 (murmur3): 1 to 100.
pub fn bucket(key: &[u8], seed: u32) -> u64 {
    u64::from(murmur3(key, seed) % 100 + 1)
}

/// The hash of algorithm 1, legacy: that of Java's strings, with the seed xored into it.
pub fn legacy_hash(key: &str, seed: i32) -> i32 {
    raw::java(key) ^ seed
}

/// The bucket of a hash that is taken for signed: of algorithm 1, and of the first Java SDK with murmur3,
/// which disagrees with [`bucket`] for every hash from 2^31 on. 1 to 100.
pub fn signed_bucket(hash: i32) -> u64 {
    u64::from((hash % 100).unsigned_abs() + 1)
}

/// The partition of a bucket. Where none is reached, the treatment is "control".
pub fn treatment(bucket: u64, partitions: impl IntoIterator<Item = u64>) -> Option<usize> {
    walk::stacked(bucket.checked_sub(1)?, partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u32 = 467_569_525;

    /// splitio/java-client: murmur3-sample-data-v2.csv
    #[test]
    fn agrees_with_published_buckets() {
        for (key, hash, published) in [
            ("aUfEsdPN1twuEjff9Sl", 2_488_980_051, 52),
            ("ddUcCegzwUCJmX5", 2_677_457_242, 43),
            ("7HwPwV7M", 3_237_334_328, 29),
            ("QnI7d1PHniE3hq", 1_791_099_882, 83),
        ] {
            assert_eq!(murmur3(key.as_bytes(), SEED), hash, "{key}");
            assert_eq!(bucket(key.as_bytes(), SEED), published, "{key}");
        }
    }

    /// splitio/java-client: sample-data.csv (legacy), murmur3-sample-data.csv (signed)
    #[test]
    fn agrees_with_published_buckets_of_older_algorithms() {
        for (key, hash, published) in [
            ("aUfEsdPN1twuEjff9Sl", 890_874_271, 72),
            ("EPxM1cYQnL4AuqD", -1_765_572_410, 11),
            ("88qS3P7", -476_727_699, 100),
        ] {
            assert_eq!(legacy_hash(key, SEED.cast_signed()), hash, "{key}");
            assert_eq!(signed_bucket(hash), published, "{key}");
        }
        let signed = murmur3(b"aUfEsdPN1twuEjff9Sl", SEED).cast_signed();
        assert_eq!((signed, signed_bucket(signed)), (-1_805_987_245, 46));
    }

    #[test]
    fn partitions_count_from_1() {
        assert_eq!(
            [1, 10, 11, 100].map(|bucket| treatment(bucket, [10, 90])),
            [Some(0), Some(0), Some(1), Some(1)]
        );
        assert_eq!(treatment(51, [10, 40]), None);
    }
}
