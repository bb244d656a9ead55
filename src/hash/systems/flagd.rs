//! The `fractional` operation of `OpenFeature`'s flagd. Source: open-feature/flagd,
//! `core/pkg/evaluator/fractional.go`.

use super::walk;
use crate::hash::Reduction;

/// The variant of a hash before core 0.15, as the Go code has it: the hash as a signed number without its
/// sign, as a percentage in doubles. SDKs in other languages differ from it at the boundaries (flagd issue
/// 1872).
pub fn variant_v1(hash: u32, weights: &[u64]) -> Option<usize> {
    let bucket = f64::from(hash.cast_signed()).abs() / f64::from(i32::MAX) * 100.0;
    #[expect(clippy::cast_precision_loss, reason = "flagd loses it too")]
    let (total, weights) = (weights.iter().sum::<u64>() as f64, weights.iter().map(|weight| *weight as f64));
    let mut end = 0.0;
    weights.into_iter().position(|weight| {
        end += if total == 0.0 { 0.0 } else { 100.0 * weight / total };
        bucket < end
    })
}

/// The variant of a hash from core 0.15 on; v3 differs in what is hashed alone. `None` where weights add up
/// to nothing, or to more than 2^31 - 1, which flagd refuses.
pub fn variant_v2(hash: u32, weights: &[u64]) -> Option<usize> {
    let total = weights.iter().try_fold(0_u64, |sum, weight| sum.checked_add(*weight))?;
    let total = u32::try_from(total).ok().filter(|total| *total <= crate::hash::Buckets::MAX)?;
    let bucket = Reduction::MultiplyShift.reduce(u64::from(hash), total);
    walk::stacked(u64::from(bucket), weights.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::super::murmur3;
    use super::*;

    /// flagd-testbed, gherkin/targeting.feature, tags @fractional-v1 and @fractional-v2
    #[test]
    fn agrees_with_published_decisions() {
        let cards = [25; 4];
        let card = |user: &str| murmur3(format!("fractional-flag{user}").as_bytes(), 0);
        let (clubs, diamonds, hearts, spades) = (Some(0), Some(1), Some(2), Some(3));
        assert_eq!(
            [card("jack"), card("queen"), card("nine")].map(|hash| variant_v1(hash, &cards)),
            [spades, clubs, hearts]
        );
        assert_eq!(
            [card("jack"), card("queen"), card("ten")].map(|hash| variant_v2(hash, &cards)),
            [hearts, spades, clubs]
        );
        assert_eq!(variant_v2(card("nine"), &cards), diamonds);
    }

    #[test]
    fn three_hashes_have_no_variant_in_v1() {
        let hashes = [0x7fff_ffff, 0x8000_0000, 0x8000_0001];
        assert!(hashes.iter().all(|hash| variant_v1(*hash, &[50, 50]).is_none()));
        assert!(hashes.iter().all(|hash| variant_v2(*hash, &[50, 50]).is_some()));
    }

    #[test]
    fn no_weight_is_no_variant() {
        for variant in [variant_v1, variant_v2] {
            assert_eq!(variant(0, &[]), None);
            assert_eq!(variant(0, &[0, 0]), None);
        }
    }
}
