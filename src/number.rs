//! Ranges of decimal numbers: `">=100, <200"`, `"7"`, `">-1.5"`. Exact: a number is kept in units of 10^-9.

use crate::compare::{Comparison, comparisons};
use crate::record::record;

/// What a range must look like, for messages.
pub(crate) const EXPECTED: &str = "numbers with =, <, <=, > or >= before them and commas between, like \">=100, <200\"; \
     at most 18 digits before the point and 9 after it";

/// A number in units of 10^-9.
type Units = i128;
const ONE: Units = 1_000_000_000;
const FRACTION_DIGITS: usize = 9;
/// Numbers are smaller, in both directions: 18 digits before the point.
const BOUND: u64 = 10_u64.pow(18);

record! {
    /// A range of numbers, both ends included.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Range {
        from: Units,
        to: Units,
    }
}

impl Range {
    /// Reads comparisons that must all hold; `None` when the text is something else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut range = Range { from: Units::MIN, to: Units::MAX };
        for (comparison, operand) in comparisons(text) {
            let number = number(operand.as_bytes())?;
            let (from, to) = match comparison.unwrap_or(Comparison::Equal) {
                Comparison::Equal => (number, number),
                Comparison::Less => (Units::MIN, number - 1),
                Comparison::LessOrEqual => (Units::MIN, number),
                Comparison::Greater => (number + 1, Units::MAX),
                Comparison::GreaterOrEqual => (number, Units::MAX),
                Comparison::Caret | Comparison::Tilde => return None,
            };
            range = Range { from: range.from.max(from), to: range.to.min(to) };
        }
        Some(range)
    }

    /// What of it can be left by a division by `divisor`: its whole numbers, from 0 on.
    pub(crate) fn of_remainders(self, divisor: u64) -> Self {
        let end = Units::from(divisor) * ONE;
        let (from, to) = (self.from.min(end).max(0), self.to.min(end - ONE).max(-ONE));
        Range { from: (from + ONE - 1).div_euclid(ONE) * ONE, to: to.div_euclid(ONE) * ONE }
    }

    /// Whether no number is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.from > self.to
    }

    /// Whether every number of it is in `other`.
    #[cfg(feature = "tools")]
    pub(crate) fn is_within(self, other: Self) -> bool {
        self.is_empty() || other.from <= self.from && self.to <= other.to
    }

    /// Whether a number is in both.
    #[cfg(feature = "tools")]
    pub(crate) fn meets(self, other: Self) -> bool {
        self.from.max(other.from) <= self.to.min(other.to)
    }

    /// Whether `text` is a number in the range.
    pub(crate) fn holds(&self, text: &[u8]) -> bool {
        number(text).is_some_and(|number| (self.from..=self.to).contains(&number))
    }

    /// Whether a whole number is in the range.
    pub(crate) fn holds_whole(&self, number: u64) -> bool {
        (self.from..=self.to).contains(&(Units::from(number) * ONE))
    }
}

/// A whole number of at most 64 bits.
pub(crate) fn whole(text: &[u8]) -> Option<u64> {
    let append = |number: u64, byte: &u8| {
        let digit = char::from(*byte).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    };
    if text.is_empty() { None } else { text.iter().try_fold(0, append) }
}

/// The digits of a double, to the nearest billionth: whole numbers as they are, and decimals as they were written as long
/// as they are below 2^23. `None` where it is no number below 10^18.
pub(crate) fn text_of(value: f64) -> Option<String> {
    let size = value.abs();
    if size.is_nan() || size >= 1e18 {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be within 0..10^18"
    )]
    let (mut whole, mut billionths) = (size.trunc() as u64, (size.fract() * 1e9).round() as u64);
    if billionths == 1_000_000_000 {
        (whole, billionths) = (whole + 1, 0);
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    Some(match billionths {
        // A remainder is asked of digits alone.
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{billionths:09}"),
    })
}

/// A decimal number: a sign, digits, and perhaps a point with digits behind it.
fn number(text: &[u8]) -> Option<Units> {
    let (is_negative, text) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let point = text.iter().position(|byte| *byte == b'.');
    let (before, after) = match point {
        Some(at) => (text.get(..at)?, Some(text.get(at + 1..)?)),
        None => (text, None),
    };
    let mut units = Units::from(whole(before).filter(|whole| *whole < BOUND)?) * ONE;
    if let Some(digits) = after.filter(|digits| digits.len() <= FRACTION_DIGITS) {
        let missing = u32::try_from(FRACTION_DIGITS - digits.len()).ok()?;
        units += Units::from(whole(digits)?) * (10 as Units).pow(missing);
    } else if after.is_some() {
        return None;
    }
    Some(if is_negative { -units } else { units })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::test_runner::Config;

    use super::*;

    #[track_caller]
    fn check(range: &str, inside: &[&str], outside: &[&str]) {
        let range = Range::parse(range).unwrap();
        assert!(inside.iter().all(|text| range.holds(text.as_bytes())), "{range:?}");
        assert!(!outside.iter().any(|text| range.holds(text.as_bytes())), "{range:?}");
    }

    #[test]
    fn compares_decimal_numbers_exactly() {
        check(
            ">=100, <200",
            &["100", "199.999999999", "+150", "0100"],
            &["99.999999999", "200", "-150", "1e2"],
        );
        check("7", &["7", "7.0", "+7"], &["7.000000001", "8", ""]);
        check("> -1.5", &["-1.499999999", "0", "-0"], &["-1.5", "-2"]);
        check("<=0.1", &["0.1", "0.10"], &["0.100000001"]);
    }

    #[test]
    fn text_that_is_no_number_is_in_no_range() {
        check(
            ">=-999999999999999999",
            &["0"],
            &["", "-", ".5", "5.", "1,000", "0x10", " 1", "1 ", "NaN", "1.0000000000", "1000000000000000000"],
        );
    }

    #[test]
    fn knows_when_nothing_is_in_it() {
        assert!(Range::parse(">4, <3").unwrap().is_empty());
        assert!(!Range::parse(">=3, <=3").unwrap().is_empty());
    }

    #[test]
    fn refuses_what_is_no_range() {
        for text in ["", ">", "a", ">=1,", "1 2", "=>1", "!=3", "1..2", "^1", "~1"] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }

    #[test]
    fn reads_whole_numbers_for_remainders() {
        assert_eq!(whole(b"000123"), Some(123));
        assert_eq!(whole(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(whole(b"18446744073709551616"), None);
        assert_eq!(whole(b"99999999999999999999"), None);
        assert_eq!(whole(b"-1"), None);
        assert_eq!(whole(b"1.0"), None);
        assert!(Range::parse("<5").unwrap().holds_whole(4));
        assert!(!Range::parse("<5").unwrap().holds_whole(5));
    }

    #[test]
    fn knows_what_a_remainder_can_be() {
        let none_left = |text: &str| Range::parse(text).unwrap().of_remainders(100).is_empty();
        assert!(none_left(">=100"));
        assert!(none_left("<0"));
        assert!(none_left("1.5"));
        assert!(none_left(">98.5, <99"));
        assert!(!none_left("99"));
        assert!(!none_left(">98.5"));
        assert!(!none_left(">=-999999999999999999"));
        assert!(Range::parse("0").unwrap().of_remainders(0).is_empty());
        assert!(!none_left("<=0"));
    }

    #[test]
    fn a_double_is_written_as_its_nearest_billionth() {
        for (value, text) in [
            (0.0, "0"),
            (42.5, "42.500000000"),
            (-0.1, "-0.100000000"),
            (8_388_607.123_456_789, "8388607.123456789"),
            (0.999_999_999_9, "1"),
            (5e-10, "0.000000001"),
            (4.9e-10, "0"),
            (1_796_112_000_000.0, "1796112000000"),
            (999_999_999_999_999_900.0, "999999999999999872"),
        ] {
            assert_eq!(text_of(value).as_deref(), Some(text));
        }
        for value in [1e18, -1e18, f64::INFINITY, f64::NAN] {
            assert_eq!(text_of(value), None, "{value}");
        }
    }

    /// The size of a number, in billionths, and a text for it.
    fn written() -> impl Strategy<Value = (Units, String)> {
        let whole = prop_oneof![4 => 0..3_u64, 1 => 0..BOUND];
        let fraction = prop_oneof![Just(0), select(vec![1, 500_000_000, 999_999_999]), 0..1_000_000_000_u32];
        let form = (0..4_usize, any::<bool>(), select(vec![("", 1), ("+", 1), ("-", -1)]));
        (whole, fraction, form).prop_map(|(whole, fraction, (zeros, is_short, (sign, factor)))| {
            let digits = format!(".{fraction:09}");
            let digits = if is_short { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
            let text = format!("{sign}{}{whole}{digits}", "0".repeat(zeros));
            (factor * (Units::from(whole) * ONE + Units::from(fraction)), text)
        })
    }

    proptest! {
        #![proptest_config(Config { cases: 2_000, failure_persistence: None, ..Config::default() })]

        #[test]
        fn a_range_holds_what_each_of_its_comparisons_holds(
            comparisons in vec((select(vec!["", "=", "<", "<=", ">", ">="]), written()), 1..4),
            numbers in vec(written(), 12),
        ) {
            let text: Vec<String> = comparisons.iter().map(|(sign, (_, text))| format!("{sign}{text}")).collect();
            let range = Range::parse(&text.join(", ")).unwrap();
            let near: Vec<_> = comparisons.iter().map(|(_, near)| near.clone()).collect();
            for (number, text) in numbers.into_iter().chain(near) {
                let expected = comparisons.iter().all(|(sign, (operand, _))| match *sign {
                    "<" => number < *operand,
                    "<=" => number <= *operand,
                    ">" => number > *operand,
                    ">=" => number >= *operand,
                    _ => number == *operand,
                });
                prop_assert_eq!(range.holds(text.as_bytes()), expected, "{:?} {}", range, text);
                prop_assert!(!(expected && range.is_empty()));
            }
        }

        #[test]
        fn a_decimal_below_2_to_23_survives_being_a_double(whole in 0..1_u64 << 23, fraction in 0..1_000_000_000_u32) {
            let text = format!("{whole}.{fraction:09}");
            let written = text_of(text.parse().unwrap()).unwrap();
            prop_assert_eq!(number(written.as_bytes()), number(text.as_bytes()), "{}", written);
        }

        /// The standard library writes a double exactly, rounded to the digits that are asked for.
        #[test]
        fn a_double_is_within_a_billionth_of_what_is_written(value in prop_oneof![any::<f64>(), -1e18..1e18, -10.0..10.0]) {
            let Some(written) = text_of(value) else { return Ok(()) };
            let exact = number(format!("{value:.9}").as_bytes()).unwrap();
            prop_assert!(number(written.as_bytes()).unwrap().abs_diff(exact) <= 1, "{}", written);
        }

        #[test]
        fn any_bytes_are_a_number_or_are_not(bytes in any::<Vec<u8>>(), text in "[0-9.+-]{0,24}", range in "[0-9.<>=, -]{0,16}") {
            let all = Range::parse("<1, >=1").unwrap();
            prop_assert!(!all.holds(&bytes) && !all.holds(text.as_bytes()));
            prop_assert!(number(text.as_bytes()).is_none() || text.parse::<f64>().is_ok());
            let _read = Range::parse(&range);
        }
    }
}
