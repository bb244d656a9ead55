//! Unleash. Source: Unleash/client-specification 6.1, Unleash/yggdrasil.

use super::{murmur3, walk};

/// The number that a text has among `normalizer`, counted from 1; `None` among none.
pub fn normalized(text: &[u8], seed: u32, normalizer: u64) -> Option<u64> {
    Some(u64::from(murmur3(text, seed)).checked_rem(normalizer)? + 1)
}

/// Whether a number is in a gradual rollout.
pub fn is_rolled_out(normalized: u64, percentage: u64) -> bool {
    percentage > 0 && normalized <= percentage
}

/// The variant of a number among the sum of `weights`.
pub fn variant(normalized: u64, weights: impl IntoIterator<Item = u64>) -> Option<usize> {
    walk::stacked(normalized.checked_sub(1)?, weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// client-specification: 10-flexible-rollout-strategy.json, 08-variants.json
    #[test]
    fn agrees_with_published_decisions() {
        let rollout = |text: &[u8]| is_rolled_out(normalized(text, 0, 100).unwrap(), 10);
        assert!(rollout(b"Feature.flexibleRollout.10:174"));
        assert!(!rollout(b"Feature.flexibleRollout.10:499"));
        let variant = |text: &[u8]| variant(normalized(text, 86_028_157, 100).unwrap(), [1, 49, 50]);
        assert_eq!(variant(b"Feature.Variants.D:712"), Some(0));
        assert_eq!(variant(b"Feature.Variants.D:525"), Some(1));
        assert_eq!(variant(b"Feature.Variants.D:537"), Some(2));
        assert_eq!(normalized(b"no weights", 0, 0), None);
    }
}
