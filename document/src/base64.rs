//! Bytes as base64.

use ct_codecs::{Base64, Base64NoPadding, Base64UrlSafeNoPadding, Decoder, Encoder};

/// The bytes of a text in either alphabet, with its padding or without; `None` when it is something else.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    if digits.len() < text.len() && !text.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = vec![0; digits.len() / 4 * 3 + 3];
    let is_url_safe = digits.contains(['-', '_']);
    let read = if is_url_safe { Base64UrlSafeNoPadding::decode } else { Base64NoPadding::decode };
    let len = read(&mut bytes, digits, None).ok()?.len();
    bytes.truncate(len);
    Some(bytes)
}

/// So many bytes.
pub(crate) fn decode_array<const LEN: usize>(text: &str) -> Option<[u8; LEN]> {
    decode(text)?.try_into().ok()
}

/// In the standard alphabet, padded.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = vec![0; bytes.len().div_ceil(3) * 4];
    let text = Base64::encode(&mut text, bytes).unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    use super::*;

    #[test]
    fn either_alphabet_is_read_with_its_padding_or_without() {
        for text in ["+/+/Pg==", "+/+/Pg", "-_-_Pg==", "-_-_Pg"] {
            assert_eq!(decode(text).unwrap(), [0xfb, 0xff, 0xbf, 0x3e], "{text}");
        }
        assert!(decode("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in ["A", "=", "QQ===", "Q Q=", "QUI\n", "+_AA", "QR==", "é", "QQ=A"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

        #[test]
        fn bytes_come_back(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn any_text_is_base64_or_is_not(text: String) {
            decode(&text);
        }
    }
}
