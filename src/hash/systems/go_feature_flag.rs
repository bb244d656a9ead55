//! go-feature-flag. Source: thomaspoignant/go-feature-flag, `modules/core/utils/hash.go`,
//! `modules/core/flag/rule.go`.

use super::walk;
use crate::hash::Algorithm;

/// How fine percentages are.
pub const MULTIPLIER: f64 = 1_000.0;

/// The bucket of flag key and bucketing key, one after the other; 0 where there are none.
pub fn bucket(text: &[u8], buckets: u64) -> u64 {
    Algorithm::Fnv1a32.hash(0, &[text]).checked_rem(buckets).unwrap_or_default()
}

/// The variation of a flag by percentages: end to end in reverse alphabetical order of the names, whatever
/// order they are written in.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "go-feature-flag cuts them too; `as` saturates"
)]
pub fn variation<'a>(text: &[u8], percentages: &[(&'a str, f64)]) -> Option<&'a str> {
    let mut sorted = percentages.to_vec();
    sorted.sort_by(|(one, _), (other, _)| other.cmp(one));
    let total = sorted.iter().map(|(_, percent)| percent).sum::<f64>() * MULTIPLIER;
    let mut end = 0.0;
    let ends = sorted.iter().map(|(_, percent)| {
        end += percent * MULTIPLIER;
        end as u64
    });
    let index = walk::below_end(bucket(text, total as u64), ends)?;
    sorted.get(index).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `modules/core/utils/hash_test.go`
    #[test]
    fn agrees_with_published_buckets() {
        let user = "e56f628e-9817-498f-ae38-4961e9c2bb21";
        assert_eq!(bucket(format!("my-flag{user}").as_bytes(), 100_000), 70_272);
        assert_eq!(bucket(user.as_bytes(), 100_000), 74_237);
        assert_eq!(bucket(b"", 100_000), 36_261);
        assert_eq!(bucket(b"", 0), 0);
    }

    #[test]
    fn names_are_laid_out_backwards() {
        // Bucket 36,261 of 100,000.
        let choice = |percentages: &[(&'static str, f64)]| variation(b"", percentages);
        assert_eq!(choice(&[("False", 63.0), ("True", 37.0)]), Some("True"));
        assert_eq!(choice(&[("True", 36.0), ("False", 64.0)]), Some("False"));
        assert_eq!(choice(&[]), None);
    }
}
