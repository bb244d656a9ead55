//! What the hashed bytes are: the text itself, or an encoding of it.

use arrayvec::ArrayVec;

use super::{Algorithm, Format};
use crate::record::record;

/// What the hashed bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// The text itself.
    Raw,
    /// The text as one CBOR text item.
    CborText,
    /// A CBOR array of two text items: what stands before the id, then the id with what stands after it. It
    /// fits the format `{salt}{id}` alone, which makes it the pair of salt and id.
    CborPair,
}

record!(enum Encoding, else Encoding::Raw; Raw, CborText, CborPair);

/// The head of a CBOR array of two items: RFC 8949, section 3.1, major type 4.
const PAIR: &[u8] = &[0x82];

impl Encoding {
    /// All encodings, by the names that a policy gives them.
    pub const NAMES: [(&'static str, Encoding); 3] =
        [("raw", Encoding::Raw), ("cbor_text", Encoding::CborText), ("cbor_pair", Encoding::CborPair)];

    /// Whether a format has what this encoding needs.
    pub fn fits(self, format: Format<'_>) -> bool {
        self != Encoding::CborPair || format.is_pair()
    }

    /// The hash of a text, encoded.
    pub(super) fn hash(self, algorithm: Algorithm, seed: u32, before: &[u8], id: &[u8], after: &[u8]) -> u64 {
        match self {
            Encoding::Raw => algorithm.hash(seed, &[before, id, after]),
            Encoding::CborText => {
                let head = text_head(before.len() + id.len() + after.len());
                algorithm.hash(seed, &[&head, before, id, after])
            }
            Encoding::CborPair => {
                let (first, second) = (text_head(before.len()), text_head(id.len() + after.len()));
                algorithm.hash(seed, &[PAIR, &first, before, &second, id, after])
            }
        }
    }
}

/// The head of a CBOR text item of `len` bytes, the shortest there is, as deterministic encoding wants it:
/// RFC 8949, sections 3.1 (major type 3) and 4.2.1.
fn text_head(len: usize) -> ArrayVec<u8, 9> {
    const TEXT: u8 = 3 << 5;
    let len = (len as u64).to_be_bytes();
    let (additional, width) = match len {
        [0, 0, 0, 0, 0, 0, 0, len @ 0..24] => (len, 0),
        [0, 0, 0, 0, 0, 0, 0, _] => (24, 1),
        [0, 0, 0, 0, 0, 0, _, _] => (25, 2),
        [0, 0, 0, 0, _, _, _, _] => (26, 4),
        _ => (27, 8),
    };
    let mut head = ArrayVec::new();
    // One byte and eight more: always enough room.
    let _ = head.try_push(TEXT | additional);
    let _ = head.try_extend_from_slice(len.get(len.len() - width..).unwrap_or_default());
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The heads of RFC 8949, appendix A, at every length where the form changes.
    #[test]
    fn heads_are_the_shortest_there_are() {
        for (len, head) in [
            (0, &[0x60][..]),
            (4, &[0x64]),
            (23, &[0x77]),
            (24, &[0x78, 24]),
            (255, &[0x78, 0xff]),
            (256, &[0x79, 1, 0]),
            (0xffff, &[0x79, 0xff, 0xff]),
            (0x1_0000, &[0x7a, 0, 1, 0, 0]),
        ] {
            assert_eq!(text_head(len).as_slice(), head, "{len} bytes");
        }
    }

    #[test]
    fn encoded_text_is_hashed_with_its_head() {
        let hash = |encoding: Encoding| encoding.hash(Algorithm::Fnv1a32, 0, b"flag", b"user", b"!");
        let raw = |bytes: &[u8]| Algorithm::Fnv1a32.hash(0, &[bytes]);
        assert_eq!(hash(Encoding::Raw), raw(b"flaguser!"));
        assert_eq!(hash(Encoding::CborText), raw(b"\x69flaguser!"));
        assert_eq!(hash(Encoding::CborPair), raw(b"\x82\x64flag\x65user!"));
    }

    #[test]
    fn a_pair_is_salt_and_id_and_nothing_else() {
        let fits = |text| Encoding::CborPair.fits(Format::parse(text).unwrap());
        assert!(fits("{salt}{id}"));
        assert!(!fits("{salt}:{id}") && !fits("{id}{salt}") && !fits("{id}"));
        assert!(Encoding::CborText.fits(Format::parse("{id}").unwrap()));
    }
}
