//! `LaunchDarkly`. Source: launchdarkly/go-server-sdk-evaluation, `evaluator_bucketing.go`.

use super::SHA1_MAX;
use crate::hash::Algorithm;

/// What the weights of a rollout add up to.
pub const TOTAL: f32 = 100_000.0;

/// The part of 1 of a text, in single precision, as the SDKs compute: `flagKey.salt.value`, or `seed.value`
/// in an experiment with a seed. A value that is neither text nor a whole number has 0.
#[expect(clippy::cast_precision_loss, reason = "LaunchDarkly loses it too")]
pub fn ratio(text: &[u8]) -> f32 {
    Algorithm::Sha1Be60.hash(0, &[text]) as f32 / SHA1_MAX as f32
}

/// The variation of a ratio. Past the end it is the last.
pub fn variation(ratio: f32, weights: impl IntoIterator<Item = f32>) -> Option<usize> {
    let (mut end, mut last) = (0.0, None);
    for (index, weight) in weights.into_iter().enumerate() {
        end += weight / TOTAL;
        last = Some(index);
        if ratio < end {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    /// go-server-sdk-evaluation, `evaluator_bucketing_test.go`
    #[test]
    fn agrees_with_published_ratios() {
        for (text, published) in [
            ("hashKey.saltyA.userKeyA", 0.421_575_87_f32),
            ("hashKey.saltyA.userKeyB", 0.670_848_5),
            ("hashKey.saltyA.userKeyC", 0.103_431_06),
            ("hashKey.saltyA.33333", 0.547_714_23),
            ("61.userKeyA", 0.098_012_07),
            ("61.userKeyB", 0.144_837_77),
            ("61.userKeyC", 0.924_264_1),
        ] {
            assert!((ratio(text.as_bytes()) - published).abs() <= published * 1e-7, "{text}");
        }
    }

    #[test]
    fn past_the_end_is_the_last_variation() {
        assert_eq!(variation(0.421_575_87, [10_000.0, 20_000.0, 70_000.0]), Some(2));
        assert_eq!(variation(0.103_431_06, [10_000.0, 20_000.0, 70_000.0]), Some(1));
        assert_eq!(variation(0.7816_281, [1.0, 2.0, 3.0]), Some(2));
        assert_eq!(variation(0.5, []), None);
    }
}
