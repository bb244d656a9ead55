//! Comparisons as people write them: `>=3, <10`. An operator and an operand, several with commas between.

use crate::record::record;

/// How a value is compared with an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// Versions alone: the first number that is not 0 is the same.
    Caret,
    /// Versions alone: major and minor are the same.
    Tilde,
}

record!(enum Comparison, else Comparison::Equal; Equal, Less, LessOrEqual, Greater, GreaterOrEqual, Caret, Tilde);

/// The comparisons of a text: operator, if one is written, and operand.
pub(crate) fn comparisons(text: &str) -> impl Iterator<Item = (Option<Comparison>, &str)> {
    text.split(',').map(|part| {
        let part = part.trim_ascii();
        let operators = [
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
            ("=", Comparison::Equal),
            ("^", Comparison::Caret),
            ("~", Comparison::Tilde),
        ];
        let found =
            operators.into_iter().find_map(|(sign, comparison)| Some((comparison, part.strip_prefix(sign)?)));
        found.map_or((None, part), |(comparison, operand)| (Some(comparison), operand.trim_ascii()))
    })
}
