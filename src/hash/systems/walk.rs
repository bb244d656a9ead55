//! The ways in which systems find a bucket's owner in a list.

/// The first entry whose end, the sum of the weights so far, lies above the bucket. An entry of weight 0 owns
/// nothing.
pub fn stacked(bucket: u64, weights: impl IntoIterator<Item = u64>) -> Option<usize> {
    let mut end = 0_u64;
    weights.into_iter().position(|weight| {
        end = end.saturating_add(weight);
        bucket < end
    })
}

/// The first entry whose end lies above the bucket.
pub fn below_end(bucket: u64, ends: impl IntoIterator<Item = u64>) -> Option<usize> {
    ends.into_iter().position(|end| bucket < end)
}

/// The first range that holds the bucket: from its start to below its end.
pub fn within(bucket: u64, ranges: impl IntoIterator<Item = (u64, u64)>) -> Option<usize> {
    ranges.into_iter().position(|(start, end)| (start..end).contains(&bucket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_belongs_to_the_entry_that_it_lies_in() {
        let owners = |owner: &dyn Fn(u64) -> Option<usize>| (0..5).map(owner).collect::<Vec<_>>();
        let expected = [Some(0), Some(0), Some(2), Some(2), None];
        assert_eq!(owners(&|bucket| stacked(bucket, [2, 0, 2])), expected);
        assert_eq!(owners(&|bucket| below_end(bucket, [2, 2, 4])), expected);
        assert_eq!(owners(&|bucket| within(bucket, [(0, 2), (9, 9), (2, 4)])), expected);
    }
}
