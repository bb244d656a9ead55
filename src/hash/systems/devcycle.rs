//! `DevCycle`. Source: DevCycleHQ/js-sdks, `lib/shared/bucketing/src/bucketing.ts`. No numbers are published.

use super::murmur3;

/// The part of 1 of a text under a target's id: `userId` for the variation, `userId_rollout` for the rollout.
/// Hash by 2^32 - 1, so that 1 is reached.
pub fn ratio(text: &[u8], target: &[u8]) -> f64 {
    f64::from(murmur3(text, murmur3(target, 1))) / f64::from(u32::MAX)
}

/// Whether a ratio is in a rollout, a part of 1: with `<=`.
pub fn is_rolled_out(ratio: f64, rollout: f64) -> bool {
    ratio <= rollout
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variation_and_rollout_are_two_numbers() {
        let (variation, rollout) = (ratio(b"user", b"target"), ratio(b"user_rollout", b"target"));
        assert!((0.0..=1.0).contains(&variation) && (0.0..=1.0).contains(&rollout));
        assert!((variation - rollout).abs() > 1e-9);
        assert!((variation - ratio(b"user", b"other target")).abs() > 1e-9);
        assert!(is_rolled_out(1.0, 1.0) && !is_rolled_out(0.5, 0.4));
    }
}
