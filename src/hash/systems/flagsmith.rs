//! Flagsmith. Source: Flagsmith/flagsmith-engine, `flag_engine/utils/hashing.py`,
//! `flag_engine/segments/evaluator.py`.

use super::raw;

/// The percentage of ids joined by commas, 0 to below 100. The one hash that would give 100 is taken again of
/// the ids twice, and so on.
pub fn percentage(text: &str) -> f64 {
    let mut repeated = text.to_owned();
    // One hash in 9,999 asks for another round: so many do not happen.
    for _ in 0..16 {
        #[expect(clippy::cast_precision_loss, reason = "below 9,999")]
        let part = (u128::from_be_bytes(raw::md5(repeated.as_bytes())) % 9_999) as f64 / 9_998.0;
        if part < 1.0 {
            return part * 100.0;
        }
        repeated.push(',');
        repeated.push_str(text);
    }
    0.0
}

/// The variant of a percentage by weights in percent, which are in order of priority. `None` is the control
/// value.
pub fn variant(percentage: f64, weights: impl IntoIterator<Item = f64>) -> Option<usize> {
    let mut start = 0.0;
    weights.into_iter().position(|weight| {
        let end = start + weight;
        let holds = start <= percentage && percentage < end;
        start = end;
        holds
    })
}

/// Whether a percentage is in a segment's percentage split: with `<=`.
pub fn is_in_segment(percentage: f64, split: f64) -> bool {
    percentage <= split
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Flagsmith/engine-test-data, test case 042b3a46: of `mv_feature` the identity gets the control value,
    /// and it is not in the segment of 0.1 %.
    #[test]
    fn agrees_with_published_decisions() {
        assert_eq!(variant(percentage("78986,32103705"), [30.0, 30.0, 0.0, 0.0]), None);
        assert!(!is_in_segment(percentage("4268,32103705"), 0.1));
    }

    #[test]
    fn percentages_lie_below_100() {
        assert!(
            (0..20_000).map(|id| percentage(&format!("1,{id}"))).all(|part| (0.0..100.0).contains(&part))
        );
    }

    #[test]
    fn variants_lie_end_to_end() {
        assert_eq!(
            [0.0, 29.9, 30.0, 59.9, 60.0].map(|part| variant(part, [30.0, 30.0])),
            [Some(0), Some(0), Some(1), Some(1), None]
        );
    }
}
