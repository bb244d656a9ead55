//! The hash functions.

use core::hash::Hasher;
use twox_hash::XxHash64;

use crate::bucket::murmur3_x86_32;
use crate::record::record;

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// `MurmurHash3_x86_32` of `SMHasher`: what most feature-flag systems use.
    Murmur3X86_32,
    /// xxHash of 64 bits: what Envoy hashes requests with.
    Xxh64,
    /// FNV-1a of 32 bits, as in RFC 9923. It has no seed.
    Fnv1a32,
    /// [`Fnv1a32`](Self::Fnv1a32) of the decimal digits of the `Fnv1a32` of the text: version 2 of
    /// `GrowthBook`.
    Fnv1a32Twice,
    /// FNV-1a of 64 bits. It has no seed.
    #[cfg(feature = "systems")]
    Fnv1a64,
    /// The first 4 bytes of MD5, big-endian. It has no seed.
    #[cfg(feature = "systems")]
    Md5Be32,
    /// The first 15 hexadecimal digits of SHA-1. It has no seed.
    #[cfg(feature = "systems")]
    Sha1Be60,
    /// The first 8 bytes of SHA-256, big-endian. It has no seed.
    #[cfg(feature = "systems")]
    Sha256Be64,
    /// `MurmurHash2` of `SMHasher`, of 32 bits; NGINX hashes with seed 0.
    #[cfg(feature = "systems")]
    Murmur2X32,
    /// `MurmurHash64A` of `SMHasher`, which libstdc++ hashes texts with under the seed 0xc70f6907.
    #[cfg(feature = "systems")]
    Murmur2X64,
    /// The first 64 bits of `MurmurHash3_x64_128` of `SMHasher`.
    #[cfg(feature = "systems")]
    Murmur3X64High,
}

// Only what a policy may name gets into a plan.
record!(enum Algorithm, else Algorithm::Murmur3X86_32; Murmur3X86_32, Xxh64, Fnv1a32, Fnv1a32Twice);

impl Algorithm {
    /// The algorithms that a policy may name, by name.
    pub const NAMES: [(&'static str, Algorithm); 4] = [
        ("murmur3_x86_32", Algorithm::Murmur3X86_32),
        ("xxh64", Algorithm::Xxh64),
        ("fnv1a_32", Algorithm::Fnv1a32),
        ("fnv1a_32_twice", Algorithm::Fnv1a32Twice),
    ];

    /// The hash of a text that comes in pieces; where it is cut does not matter.
    pub fn hash(self, seed: u32, pieces: &[&[u8]]) -> u64 {
        match self {
            Algorithm::Murmur3X86_32 => u64::from(murmur3_x86_32(pieces, seed)),
            Algorithm::Xxh64 => xxh64(u64::from(seed), pieces),
            Algorithm::Fnv1a32 => u64::from(fnv1a_32(pieces)),
            Algorithm::Fnv1a32Twice => u64::from(fnv1a_32_of_decimal(fnv1a_32(pieces))),
            #[cfg(feature = "systems")]
            other => super::systems::raw::hash(other, seed, pieces),
        }
    }

    /// How many bits a hash has. [`Reduction::MultiplyShift`](super::Reduction::MultiplyShift) needs 32.
    pub fn bits(self) -> u32 {
        match self {
            Algorithm::Murmur3X86_32 | Algorithm::Fnv1a32 | Algorithm::Fnv1a32Twice => 32,
            Algorithm::Xxh64 => 64,
            #[cfg(feature = "systems")]
            Algorithm::Md5Be32 | Algorithm::Murmur2X32 => 32,
            #[cfg(feature = "systems")]
            Algorithm::Sha1Be60 => 60,
            #[cfg(feature = "systems")]
            Algorithm::Fnv1a64
            | Algorithm::Sha256Be64
            | Algorithm::Murmur2X64
            | Algorithm::Murmur3X64High => 64,
        }
    }
}

/// xxHash of 64 bits, of a text that comes in pieces. Envoy chains several values: the hash of one is the
/// seed of the next.
pub fn xxh64(seed: u64, pieces: &[&[u8]]) -> u64 {
    let mut hasher = XxHash64::with_seed(seed);
    for piece in pieces {
        hasher.write(piece);
    }
    hasher.finish()
}

fn fnv1a_32(pieces: &[&[u8]]) -> u32 {
    pieces.iter().fold(FNV_BASIS, |hash, piece| fnv1a_32_step(hash, piece))
}

/// The offset basis and the prime of RFC 9923, section 5.
const FNV_BASIS: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

fn fnv1a_32_step(hash: u32, piece: &[u8]) -> u32 {
    piece.iter().fold(hash, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(FNV_PRIME))
}

/// FNV-1a of a number as people write it.
fn fnv1a_32_of_decimal(number: u32) -> u32 {
    let (mut digits, mut rest) = (arrayvec::ArrayVec::<u8, 10>::new(), number);
    loop {
        let digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        // The capacity is that of the longest number: what does not fit is not there.
        if digits.try_push(digit).is_err() || rest == 0 {
            break;
        }
    }
    digits.reverse();
    fnv1a_32_step(FNV_BASIS, &digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every algorithm that a policy may name, with the hash of a published text.
    #[test]
    fn hashes_as_published() {
        for (algorithm, text, hash) in [
            // mmh3: tests/test_mmh3.py
            (Algorithm::Murmur3X86_32, "foo", 4_138_058_784),
            // Envoy: test/common/common/hash_test.cc
            (Algorithm::Xxh64, "", 17_241_709_254_077_376_921),
            (Algorithm::Xxh64, "foo", 3_728_699_739_546_630_719),
            (Algorithm::Xxh64, "foo\nbar", 8_917_841_378_505_826_757),
            (Algorithm::Xxh64, "lyft", 4_400_747_396_090_729_504),
            // RFC 9923, appendix: test vectors
            (Algorithm::Fnv1a32, "", 0x811c_9dc5),
            (Algorithm::Fnv1a32, "a", 0xe40c_292c),
            (Algorithm::Fnv1a32, "foobar", 0xbf9c_f968),
            // go-feature-flag: modules/core/utils/hash_test.go
            (Algorithm::Fnv1a32, "flagNameUserKey", 3_946_001_934),
        ] {
            assert_eq!(algorithm.hash(0, &[text.as_bytes()]), hash, "{algorithm:?} of {text:?}");
        }
    }

    /// `GrowthBook`, cases.json (specVersion 0.7.1): version 2, seed `seed`, values `a` and `b`.
    #[test]
    fn hashes_twice_as_growthbook_does() {
        let ratio = |text: &str| Algorithm::Fnv1a32Twice.hash(0, &[text.as_bytes()]) % 10_000;
        assert_eq!((ratio("seeda"), ratio("seedb")), (505, 2_696));
        assert_eq!(ratio("89123klj8952klfjas09ujkasdf"), 1_240);
    }

    #[test]
    fn it_does_not_matter_where_a_text_is_cut() {
        let text: Vec<u8> = (0..70).collect();
        for (_, algorithm) in Algorithm::NAMES {
            let whole = algorithm.hash(7, &[&text]);
            for at in 0..=text.len() {
                let (start, end) = text.split_at(at);
                assert_eq!(algorithm.hash(7, &[start, &[], end]), whole, "{algorithm:?} cut at {at}");
            }
            assert_eq!(
                algorithm.hash(7, &text.chunks(1).collect::<Vec<_>>()),
                whole,
                "{algorithm:?} by bytes"
            );
        }
    }

    #[test]
    fn numbers_are_hashed_by_their_digits() {
        for number in [0, 7, 10, 909, u32::MAX] {
            let digits = number.to_string();
            assert_eq!(fnv1a_32_of_decimal(number), fnv1a_32(&[digits.as_bytes()]), "{number}");
        }
    }

    #[test]
    fn only_hashes_of_32_bits_are_below_2_to_the_32() {
        for (_, algorithm) in Algorithm::NAMES {
            let highest = (0..1000_u32).map(|text| algorithm.hash(0, &[&text.to_le_bytes()])).max().unwrap();
            assert_eq!(highest > u64::from(u32::MAX), algorithm.bits() > 32, "{algorithm:?}");
        }
    }
}
