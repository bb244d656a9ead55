//! Ranges of decimal numbers: `">=100, <200"`, `"7"`, `">-1.5"`. Exact: a number is kept in units of 10^-9.

use crate::compare::{Comparison, comparisons};

/// What a range must look like, for messages.
pub(crate) const EXPECTED: &str = "numbers with =, <, <=, > or >= before them and commas between, like \">=100, <200\"; \
     at most 18 digits before the point and 9 after it";

/// A number in units of 10^-9.
type Units = i128;
const ONE: Units = 1_000_000_000;
const WHOLE_DIGITS: usize = 18;
const FRACTION_DIGITS: usize = 9;

/// A range of numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    from: Units,
    to: Units,
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
            };
            range = Range { from: range.from.max(from), to: range.to.min(to) };
        }
        Some(range)
    }

    /// Whether no number is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.from > self.to
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

/// A whole number of at most 18 digits.
pub(crate) fn whole(text: &[u8]) -> Option<u64> {
    let good = (1..=WHOLE_DIGITS).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    good.then(|| text.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
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
    let mut units = Units::from(whole(before)?) * ONE;
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
        for text in ["", ">", "a", ">=1,", "1 2", "=>1", "!=3", "1..2"] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }

    #[test]
    fn reads_whole_numbers_for_remainders() {
        assert_eq!(whole(b"000123"), Some(123));
        assert_eq!(whole(b"-1"), None);
        assert_eq!(whole(b"1.0"), None);
        assert!(Range::parse("<5").unwrap().holds_whole(4));
        assert!(!Range::parse("<5").unwrap().holds_whole(5));
    }
}
