//! Bytes as hexadecimal digits.

/// Two digits for each byte, in lower case.
pub(crate) fn hex(bytes: &[u8]) -> Vec<u8> {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// So many bytes from their digits, of either case; `None` when it is something else.
pub(crate) fn unhex<const LEN: usize>(digits: &[u8]) -> Option<[u8; LEN]> {
    let mut bytes = [0; LEN];
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != LEN || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = byte_of_hex(pair)?;
    }
    Some(bytes)
}

/// The byte that two digits are.
pub(crate) fn byte_of_hex(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |byte, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some(byte << 4 | u8::try_from(value).ok()?)
    })
}
