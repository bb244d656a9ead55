//! Optimizely Feature Experimentation. Source: optimizely/python-sdk, `optimizely/bucketer.py`.

use super::walk;

/// The range that a bucket lies in, by the exclusive ends of the ranges. What stands there is an entity, or
/// nothing: a hole on purpose.
pub fn range(bucket: u64, ends: impl IntoIterator<Item = u64>) -> Option<usize> {
    walk::below_end(bucket, ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// java-sdk, `BucketerTest`
    #[test]
    fn agrees_with_published_decisions() {
        let ends = [1_000, 5_000, 6_000, 10_000];
        for (bucket, variation) in [(0, 0), (999, 0), (1_000, 1), (4_999, 1), (5_100, 2), (6_500, 3)] {
            assert_eq!(range(bucket, ends), Some(variation), "{bucket}");
        }
        assert_eq!(range(1_000, [999]), None);
    }
}
