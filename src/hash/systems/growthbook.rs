//! `GrowthBook`. Source: growthbook/growthbook-python, `growthbook/core.py`, and its cases.json (specVersion
//! 0.7.1).
//!
//! The Python SDK hashes code points; UTF-8 bytes, as here, differ from it for text that is not ASCII.

use crate::hash::Algorithm;

/// The part of 1 that a value has under a seed; `None` for a hash version that does not exist.
pub fn ratio(seed: &[u8], value: &[u8], version: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "32 bits")]
    let part = |hash: u64, buckets: u64| (hash % buckets) as f64 / buckets as f64;
    match version {
        1 => Some(part(Algorithm::Fnv1a32.hash(0, &[value, seed]), 1_000)),
        2 => Some(part(Algorithm::Fnv1a32Twice.hash(0, &[seed, value]), 10_000)),
        _ => None,
    }
}

/// The ranges of variations: each starts at the weights before it and is as wide as coverage times its own
/// weight. Weights that are too few, too many, or do not add up to 1 are taken for equal ones.
pub fn ranges(variations: usize, coverage: f64, weights: Option<&[f64]>) -> Vec<(f64, f64)> {
    let coverage = coverage.clamp(0.0, 1.0);
    let good = |weights: &&[f64]| {
        weights.len() == variations && (0.99..=1.01).contains(&weights.iter().sum::<f64>())
    };
    #[expect(clippy::cast_precision_loss, reason = "a few variations")]
    let equal = || vec![1.0 / variations as f64; variations];
    let mut start = 0.0;
    let of_weight = |weight: f64| {
        let range = (start, start + coverage * weight);
        start += weight;
        range
    };
    weights.filter(good).map_or_else(equal, <[f64]>::to_vec).into_iter().map(of_weight).collect()
}

/// The first range that holds a number: from its start to below its end.
pub fn variation(number: f64, ranges: &[(f64, f64)]) -> Option<usize> {
    ranges.iter().position(|(start, end)| *start <= number && number < *end)
}

/// Whether a user is in a range of a namespace.
pub fn is_in_namespace(user: &[u8], namespace: &[u8], start: f64, end: f64) -> bool {
    ratio(&[b"__", namespace].concat(), user, 1).is_some_and(|number| start <= number && number < end)
}

/// Whether a number is in a simple rollout: with `<=`, unlike everything else.
pub fn is_covered(number: f64, coverage: f64) -> bool {
    number <= coverage
}

#[cfg(test)]
mod tests {
    use super::*;

    /// cases.json: hash, inNamespace, getBucketRange, chooseVariation
    #[test]
    fn agrees_with_published_values() {
        assert_eq!(ratio(b"", b"a", 1), Some(0.22));
        assert_eq!(ratio(b"b", b"a", 1), Some(0.946));
        assert_eq!(ratio(b"seed", b"a", 2), Some(0.0505));
        assert_eq!(ratio(b"abc", b"def", 99), None);
        assert!(!is_in_namespace(b"1", b"namespace1", 0.0, 0.4));
        assert!(is_in_namespace(b"3", b"namespace2", 0.0, 0.4));
        assert_eq!(ranges(2, 0.5, None), [(0.0, 0.25), (0.5, 0.75)]);
        assert_eq!(ranges(2, 1.0, Some(&[0.4, 0.1])), [(0.0, 0.5), (0.5, 1.0)], "weights that do not add up");
        assert_eq!(variation(0.25, &[(0.0, 0.25), (0.5, 0.75)]), None);
        assert_eq!(variation(0.5, &[(0.0, 0.25), (0.5, 0.75)]), Some(1));
    }
}
