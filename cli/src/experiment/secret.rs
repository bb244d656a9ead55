//! How a user is known while rows are joined, and the key under which ids are hashed where the policy asks for that.

use std::fmt;

use graylane::exposure::hashed;
use twox_hash::XxHash3_128;

/// The key under which ids are hashed.
pub struct IdKey(Vec<u8>);

/// Never the key itself.
impl fmt::Debug for IdKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("IdKey")
    }
}

impl IdKey {
    /// What a file of a key must hold, for messages.
    pub const EXPECTED: &str = "32 to 128 hexadecimal digits, an even number of them";

    /// Reads the text of a file. `None` when it is something else; see [`IdKey::EXPECTED`].
    pub fn read(text: &str) -> Option<Self> {
        let digits = text.trim().as_bytes();
        let (pairs, rest) = digits.as_chunks::<2>();
        let is_good = (32..=128).contains(&digits.len()) && rest.is_empty();
        is_good.then(|| pairs.iter().copied().map(byte).collect::<Option<_>>().map(IdKey))?
    }

    /// The hash of an id as the module writes it: the digits of the first 16 bytes of its HMAC-SHA256.
    pub fn hash(&self, id: &str) -> String {
        format!("{:032x}", IdKey::of_id(Some(self), id.as_bytes()))
    }

    /// How the user of an id is known: by the first 16 bytes of its HMAC-SHA256 under the key, or where there is none by a hash that
    /// is quicker.
    pub(super) fn of_id(key: Option<&IdKey>, id: &[u8]) -> u128 {
        let Some(IdKey(key)) = key else { return XxHash3_128::oneshot(id) };
        u128::from_be_bytes(hashed(key, id))
    }

    /// How the user of a hashed id is known.
    pub(super) fn of_digits(digits: &str) -> Option<u128> {
        (digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .then(|| u128::from_str_radix(digits, 16).ok())?
    }
}

fn byte(digits: [u8; 2]) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let [high, low] = digits.map(digit);
    u8::try_from(high? * 16 + low?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hashed_id_is_known_as_the_id_under_its_key() {
        // RFC 4231, test case 2: the key "Jefe" is too short for a file.
        let key = IdKey(b"Jefe".to_vec());
        let code = IdKey::of_id(Some(&key), b"what do ya want for nothing?");
        assert_eq!(IdKey::of_digits("5bdcc146bf60754e6a042426089575c7"), Some(code));
        assert_ne!(IdKey::of_id(None, b"what do ya want for nothing?"), code);
        for digits in ["", "00", "+bdcc146bf60754e6a042426089575c7", "5bdcc146bf60754e6a042426089575c7ff"] {
            assert_eq!(IdKey::of_digits(digits), None, "{digits}");
        }
    }

    #[test]
    fn a_key_is_hexadecimal_digits_and_never_shown() {
        let key = IdKey::read(" 00112233445566778899aaBBccddeeff\n").unwrap();
        assert_eq!((key.0.len(), format!("{key:?}")), (16, "IdKey".to_owned()));
        for text in ["", "0011", "00112233445566778899aabbccddeefg", "00112233445566778899aabbccddeeff0"] {
            assert!(IdKey::read(text).is_none(), "{text}");
        }
    }
}
