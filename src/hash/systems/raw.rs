//! Hash functions that no policy may name.

use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::Sha256;

use crate::hash::Algorithm;

/// The whole MD5 of a text.
pub fn md5(text: &[u8]) -> [u8; 16] {
    Md5::digest(text).into()
}

/// The whole SHA-1 of a text.
pub fn sha1(text: &[u8]) -> [u8; 20] {
    Sha1::digest(text).into()
}

/// The whole SHA-256 of a text.
pub fn sha256(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// `MurmurHash2` of `SMHasher`: 32 bits.
pub fn murmur2_x32(text: &[u8], seed: u32) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let (blocks, tail) = text.as_chunks::<4>();
    #[expect(clippy::cast_possible_truncation, reason = "the function takes the length as 32 bits")]
    let mut hash = seed ^ text.len() as u32;
    for block in blocks {
        let mut k = u32::from_le_bytes(*block).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        let last = tail.iter().rev().fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        hash = (hash ^ last).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(M);
    hash ^ hash >> 15
}

/// `MurmurHash64A` of `SMHasher`.
pub fn murmur2_x64(text: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let (blocks, tail) = text.as_chunks::<8>();
    let mut hash = seed ^ (text.len() as u64).wrapping_mul(M);
    for block in blocks {
        let mut k = u64::from_le_bytes(*block).wrapping_mul(M);
        k ^= k >> 47;
        hash = (hash ^ k.wrapping_mul(M)).wrapping_mul(M);
    }
    if !tail.is_empty() {
        let last = tail.iter().rev().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        hash = (hash ^ last).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(M);
    hash ^ hash >> 47
}

/// FNV-1a of RFC 9923, 64 bits.
pub fn fnv1a_64(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// `String.hashCode` of Java: over UTF-16 units.
pub fn java(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// The first 64 bits of `MurmurHash3_x64_128` of `SMHasher`.
pub fn murmur3_x64_high(mut text: &[u8], seed: u32) -> u64 {
    // Reading from memory does not fail. The low half of the number is the first half of the digest.
    #[expect(clippy::cast_possible_truncation, reason = "the half that is meant")]
    murmur3::murmur3_x64_128(&mut text, seed).map_or(0, |hash| hash as u64)
}

/// The hashes of [`Algorithm`] that only tools have.
pub(in crate::hash) fn hash(algorithm: Algorithm, seed: u32, pieces: &[&[u8]]) -> u64 {
    let text = &pieces.concat();
    let first_8 = |digest: &[u8]| digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    match algorithm {
        Algorithm::Fnv1a64 => fnv1a_64(text),
        Algorithm::Md5Be32 => first_8(&md5(text)) >> 32,
        Algorithm::Sha1Be60 => first_8(&sha1(text)) >> 4,
        Algorithm::Sha256Be64 => first_8(&sha256(text)),
        Algorithm::Murmur2X32 => u64::from(murmur2_x32(text, seed)),
        Algorithm::Murmur2X64 => murmur2_x64(text, u64::from(seed)),
        Algorithm::Murmur3X64High => murmur3_x64_high(text, seed),
        in_every_build => in_every_build.hash(seed, pieces),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check that `SMHasher` runs on each hash function (`VerificationTest` in `KeysetTest.cpp`), with
    /// the values of its table in `main.cpp`.
    #[test]
    fn pass_the_verification_of_smhasher() {
        for (algorithm, published) in [
            (Algorithm::Murmur3X86_32, 0xb0f5_7ee3),
            (Algorithm::Murmur2X32, 0x2786_4c1e),
            (Algorithm::Murmur2X64, 0x1f0d_3804),
            (Algorithm::Xxh64, 0x024b_7cf4),
        ] {
            let keys: Vec<u8> = (0..=255).collect();
            let bytes = |hash: u64| hash.to_le_bytes().into_iter().take(algorithm.bits() as usize / 8);
            let hash_of = |len: u16| algorithm.hash(256 - u32::from(len), &[&keys[..usize::from(len)]]);
            let hashes: Vec<u8> = (0..256).flat_map(|len| bytes(hash_of(len))).collect();
            assert_eq!(algorithm.hash(0, &[&hashes]) & 0xffff_ffff, published, "{algorithm:?}");
        }
    }

    /// RFC 9923 (FNV), RFC 1321 (MD5), RFC 3174 (SHA-1), FIPS 180 (SHA-256): the digests of `abc` and the
    /// like.
    #[test]
    fn hash_as_published() {
        assert_eq!(fnv1a_64(b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(Algorithm::Md5Be32.hash(0, &[b"a", b"bc"]), 0x9001_5098);
        assert_eq!(Algorithm::Sha1Be60.hash(0, &[b"ab", b"c"]), 0x0a99_93e3_6470_6816);
        assert_eq!(Algorithm::Sha256Be64.hash(0, &[b"abc"]), 0xba78_16bf_8f01_cfea);
        // String.hashCode, as the Java language specification defines it for constants.
        assert_eq!(java("hello"), 99_162_322);
        // splitio/javascript-commons, murmur3.spec.ts: "MURMUR3 128 higher 64 bits"
        assert_eq!(murmur3_x64_high(b"key1", 0), 1_573_573_083_296_714_675);
        assert_eq!(murmur3_x64_high(b"key6", 0), 15_982_449_564_394_506_332);
    }
}
