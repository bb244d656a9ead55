//! `claim`: a claim of a token that Envoy has verified, as its JWT filter leaves it in the metadata.
//!
//! Envoy hands a value over as bytes: text as it is, a number as the eight bytes of a double, a boolean as one byte, a
//! list as a block of names with empty values. The bytes do not say which of these they are; the test does: `number` and
//! `mod` read a double, text operators take one byte for `true` or `false`, and all of them look into a list.
//! Whoever could forge such bytes is whoever issues the tokens.
//!
//! Source: `serializeValue` in Envoy's `source/extensions/common/wasm/context.cc`.

use std::borrow::Cow;

use crate::number;
use crate::request::Headers;

/// Whether `holds` holds of the value, or of an element where it is a list. `is_number` says that numbers are asked for.
pub(super) fn any(value: &[u8], is_number: bool, holds: impl Fn(&[u8]) -> bool) -> bool {
    let holds = |value: &[u8]| holds(&text_of(value, is_number));
    match list_of(value) {
        Some(list) => list.names().any(holds),
        None => holds(value),
    }
}

/// The value for people: the elements of a list with commas between them. A number that is asked for as text is told as one, since
/// it equals none.
pub(super) fn shown(value: &[u8], is_number: bool) -> Vec<u8> {
    let one = |value: &[u8]| {
        let number = text(value);
        let is_told = !is_number && !is_text(value) && value.len() > 1 && number != value;
        if is_told {
            [b"the number ".as_slice(), &number].concat()
        } else {
            text_of(value, is_number).into_owned()
        }
    };
    match list_of(value) {
        Some(list) => list.names().map(one).collect::<Vec<_>>().join(b", ".as_slice()),
        None => one(value),
    }
}

/// The value as one text, for whoever asks for no kind: of eight bytes that are no text the number.
pub(crate) fn text(value: &[u8]) -> Vec<u8> {
    text_of(value, !is_text(value)).into_owned()
}

fn is_text(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|text| !text.contains(char::is_control))
}

/// A value as JSON writes it, but for the quotes of a text.
fn text_of(value: &[u8], is_number: bool) -> Cow<'_, [u8]> {
    match value {
        [0] => Cow::Borrowed(b"false"),
        [1] => Cow::Borrowed(b"true"),
        text => match text.as_array().map(|bytes| f64::from_le_bytes(*bytes)) {
            Some(value) if is_number => number::text_of(value).unwrap_or_default().into_bytes().into(),
            _ => Cow::Borrowed(text),
        },
    }
}

/// The block of a list: names with empty values, and nothing behind them. One of fewer than 2^24 elements has a zero as its fourth
/// byte, which few texts have.
fn list_of(value: &[u8]) -> Option<Headers> {
    if value.get(3) != Some(&0) {
        return None;
    }
    let list = Headers::from_block(value.to_vec());
    let is_list = list.is_whole_block() && list.iter().all(|(_, value)| value.is_empty());
    (is_list || value == EMPTY).then_some(list)
}

/// The block of a list without elements.
const EMPTY: [u8; 4] = [0; 4];

#[cfg(test)]
mod tests {
    use super::*;

    fn list(elements: &[&str]) -> Vec<u8> {
        let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        let mut block = number(elements.len()).to_vec();
        for element in elements {
            block.extend(number(element.len()).into_iter().chain(number(0)));
        }
        for element in elements {
            block.extend([element.as_bytes(), b"\0\0"].concat());
        }
        block
    }

    #[test]
    fn a_text_is_itself_and_a_byte_is_a_boolean() {
        assert!(any(b"gold", false, |text| text == b"gold"));
        assert!(any(&[1], false, |text| text == b"true"));
        assert!(any(&[0], false, |text| text == b"false"));
        assert!(!any(b"", false, |text| text == b"false"));
    }

    #[test]
    fn of_a_list_any_element_may_hold() {
        let value = list(&["staff", "tester"]);
        assert!(any(&value, false, |text| text == b"tester"));
        assert!(!any(&value, false, |text| text == b"admin"));
        assert!(!any(&list(&[]), false, |_| true));
        // Between the elements nothing is looked at.
        assert!(!any(&value, false, |text| text.len() > 6 || text.is_empty()));
        // Cut or with something behind it, it is no list.
        assert!(!any(value.get(..value.len() - 1).unwrap(), false, |text| text == b"staff"));
        assert!(!any(&[value.as_slice(), b"x"].concat(), false, |text| text == b"staff"));
    }

    #[test]
    fn a_number_is_shown_as_one_where_text_is_asked_for() {
        for (value, is_number, told) in [
            (&1_f64.to_le_bytes()[..], false, "the number 1"),
            (&1_f64.to_le_bytes(), true, "1"),
            (b"8 bytes!", false, "8 bytes!"),
            (&[1], false, "true"),
            (&list(&["staff", "tester"]), false, "staff, tester"),
        ] {
            assert_eq!(shown(value, is_number), told.as_bytes());
        }
    }

    #[test]
    fn an_id_that_is_a_number_is_its_digits() {
        assert_eq!(text(&12_345_f64.to_le_bytes()), b"12345");
        assert_eq!(text(b"8 bytes!"), b"8 bytes!");
        assert_eq!(text(b"u-1"), b"u-1");
    }

    #[test]
    fn eight_bytes_are_a_number_where_one_is_asked_for() {
        let value = 42.5_f64.to_le_bytes();
        assert!(any(&value, true, |text| text == b"42.500000000"));
        assert!(any(&1_796_112_000_123_f64.to_le_bytes(), true, |text| text == b"1796112000123"));
        assert!(any(&value, false, |text| text == value));
        assert!(any(b"42", true, |text| text == b"42"));
    }
}
