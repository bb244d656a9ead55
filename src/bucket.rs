//! Salt and gray id -> bucket: a frozen contract.
//!
//! `murmur3_x86_32` with seed 0 of the bytes `{salt}:{id}`, reduced to [`COUNT`] buckets by multiply-shift:
//! `bucket = (hash * 10000) >> 32` in 64 bits. Whoever knows salt and id can compute the same bucket in any
//! language. Multiply-shift keeps the order of the hash, so a finer bucket count would move nobody.
//!
//! Source of the hash: `MurmurHash3_x86_32` of `SMHasher`. Bytes are hashed as they are: no trimming, no case
//! folding, no decoding.

use crate::arena::position;

/// The number of buckets: one for each 0.01 %.
pub const COUNT: u16 = 10_000;

/// A position in the split of a release: 0 to [`COUNT`] - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket(u16);

impl Bucket {
    /// The bucket of `id` under `salt`.
    pub fn of(salt: &[u8], id: &[u8]) -> Self {
        Self::of_hash(murmur3_x86_32(&[salt, b":", id], 0))
    }

    /// The bucket that a hash falls into.
    pub fn of_hash(hash: u32) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "hash < 2^32, so what is left is below COUNT")]
        Bucket(((u64::from(hash) * u64::from(COUNT)) >> 32) as u16)
    }

    /// The position as a number.
    pub fn get(self) -> u16 {
        self.0
    }
}

/// The hash of a text that comes in pieces; where it is cut does not matter. Of our own since every request is hashed, and pieces are
/// short: through the reader of a crate it takes a third more instructions.
pub fn murmur3_x86_32(pieces: &[&[u8]], seed: u32) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "of what is held, the first word")]
    let scramble =
        |held: u64| (held as u32).wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (mut hash, mut len) = (seed, 0_u32);
    // Bytes that are not hashed yet, the first one lowest: less than a word of them between two pieces.
    let (mut held, mut bits) = (0_u64, 0);
    for piece in pieces {
        len = len.wrapping_add(position(piece.len()));
        let (words, rest) = piece.as_chunks();
        for word in words {
            held |= u64::from(u32::from_le_bytes(*word)) << bits;
            hash = mixed(hash, scramble(held));
            held >>= u32::BITS;
        }
        for byte in rest {
            held |= u64::from(*byte) << bits;
            bits += u8::BITS;
        }
        if bits >= u32::BITS {
            hash = mixed(hash, scramble(held));
            (held, bits) = (held >> u32::BITS, bits - u32::BITS);
        }
    }
    hash ^= scramble(held) ^ len;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

fn mixed(hash: u32, word: u32) -> u32 {
    (hash ^ word).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    use super::*;

    #[test]
    fn hashes_salt_colon_id() {
        // Published by Unleash (client-specification) for the text `gr1:123`: hash mod 100 + 1 = 73.
        let hash = murmur3_x86_32(&[b"gr1:123"], 0);
        assert_eq!(hash % 100 + 1, 73);
        assert_eq!(Bucket::of(b"gr1", b"123"), Bucket::of_hash(hash));
    }

    proptest! {
        #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

        #[test]
        fn pieces_hash_as_the_whole_does_elsewhere(pieces in vec(vec(any::<u8>(), 0..20), 0..6), seed: u32) {
            let hash = murmur3::murmur3_32(&mut pieces.concat().as_slice(), seed).unwrap();
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(murmur3_x86_32(&pieces, seed), hash);
        }
    }

    #[test]
    fn spreads_the_hash_space_in_order_from_first_to_last_bucket() {
        assert_eq!(Bucket::of_hash(0).get(), 0);
        assert_eq!(Bucket::of_hash(u32::MAX / 2).get(), 4_999);
        assert_eq!(Bucket::of_hash(u32::MAX / 2 + 1).get(), 5_000);
        assert_eq!(Bucket::of_hash(u32::MAX).get(), COUNT - 1);
    }
}
