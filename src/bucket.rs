//! Salt and gray id -> bucket: a frozen contract.
//!
//! `murmur3_x86_32` with seed 0 of the bytes `{salt}:{id}`, reduced to [`COUNT`] buckets by multiply-shift:
//! `bucket = (hash * 10000) >> 32` in 64 bits. Whoever knows salt and id can compute the same bucket in any
//! language. Multiply-shift keeps the order of the hash, so a finer bucket count would move nobody.
//!
//! Source of the hash: `MurmurHash3_x86_32` of `SMHasher`. Bytes are hashed as they are: no trimming, no case
//! folding, no decoding.

use std::io::Read;

/// The number of buckets: one for each 0.01 %.
pub const COUNT: u16 = 10_000;

/// A position in the split of a release: 0 to [`COUNT`] - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket(u16);

impl Bucket {
    /// The bucket of `id` under `salt`.
    pub fn of(salt: &[u8], id: &[u8]) -> Self {
        Self::of_hash(murmur3_x86_32(salt.chain(b":".as_slice()).chain(id), 0))
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

/// The hash of `text`, which may come in pieces (`salt.chain(id)`).
pub fn murmur3_x86_32(mut text: impl Read, seed: u32) -> u32 {
    // Reading from memory does not fail.
    murmur3::murmur3_32(&mut text, seed).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_salt_colon_id() {
        // Published by Unleash (client-specification) for the text `gr1:123`: hash mod 100 + 1 = 73.
        let hash = murmur3_x86_32(b"gr1:123".as_slice(), 0);
        assert_eq!(hash % 100 + 1, 73);
        assert_eq!(Bucket::of(b"gr1", b"123"), Bucket::of_hash(hash));
    }

    #[test]
    fn spreads_the_hash_space_in_order_from_first_to_last_bucket() {
        assert_eq!(Bucket::of_hash(0).get(), 0);
        assert_eq!(Bucket::of_hash(u32::MAX / 2).get(), 4_999);
        assert_eq!(Bucket::of_hash(u32::MAX / 2 + 1).get(), 5_000);
        assert_eq!(Bucket::of_hash(u32::MAX).get(), COUNT - 1);
    }
}
