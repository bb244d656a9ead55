//! Eppo. Source: Eppo-exp/python-sdk, `eppo_client/sharders.py`, `eppo_client/eval.py`.

use super::walk;
use crate::hash::Algorithm;

/// One condition of a split: the text that is hashed, and the ranges of shards that it wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Salt, a dash, subject.
    pub text: String,
    /// From the first to below the second.
    pub ranges: Vec<(u64, u64)>,
}

/// The shard of a text; `None` where there are none.
pub fn shard(text: &[u8], total: u64) -> Option<u64> {
    Algorithm::Md5Be32.hash(0, &[text]).checked_rem(total)
}

/// The first split all of whose shards match.
pub fn split<'a>(splits: impl IntoIterator<Item = &'a [Shard]>, total: u64) -> Option<usize> {
    let matches = |one: &Shard| {
        let shard = shard(one.text.as_bytes(), total);
        shard.is_some_and(|shard| walk::within(shard, one.ranges.iter().copied()).is_some())
    };
    splits.into_iter().position(|shards| shards.iter().all(matches))
}

/// Whether the shard of a subject is exposed to an experiment of the older format: with `<=`.
pub fn is_exposed(shard: u64, percent_exposure: f64, total: u64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let (shard, total) = (shard as f64, total as f64);
    shard <= percent_exposure * total
}

#[cfg(test)]
mod tests {
    use super::*;

    /// python-sdk, `tests/sharders_test.py`
    #[test]
    fn agrees_with_published_shards() {
        for (text, published) in [("test-input", 5_619), ("alice", 3_170), ("bob", 7_420), ("charlie", 7_497)]
        {
            assert_eq!(shard(text.as_bytes(), 10_000), Some(published), "{text}");
        }
    }

    /// sdk-test-data, `ufc/tests/test-case-integer-flag.json`: charlie gets `two` of a split in halves.
    #[test]
    fn the_first_split_that_matches_wins() {
        let half = |ranges: &[(u64, u64)]| {
            vec![Shard {
                text: "split-numeric-flag-some-allocation-charlie".to_owned(),
                ranges: ranges.to_vec(),
            }]
        };
        let splits = [half(&[(0, 5_000)]), half(&[(5_000, 10_000)]), vec![]];
        assert_eq!(split(splits.iter().map(Vec::as_slice), 10_000), Some(1));
        let nobody = [half(&[])];
        assert_eq!(split(nobody.iter().map(Vec::as_slice), 10_000), None);
    }
}
