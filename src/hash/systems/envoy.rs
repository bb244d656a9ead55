//! Envoy. Source: envoyproxy/envoy, `source/common/common/hash.{h,cc}`, `source/common/http/hash_policy.cc`.

use super::{raw, walk};
use crate::hash::xxh64;

/// The seed of libstdc++'s hash of texts, with which Envoy places hosts on a ring by murmur2.
pub const MURMUR2_SEED: u64 = 0xc70f_6907;

/// The hash of several values of a header: each with the hash of the one before as its seed. Envoy sorts them
/// first.
pub fn chained<'a>(values: impl IntoIterator<Item = &'a [u8]>, seed: u64) -> u64 {
    values.into_iter().fold(seed, |hash, value| xxh64(hash, &[value]))
}

/// The hash of several hash policies, in order.
pub fn combined(hashes: impl IntoIterator<Item = u64>) -> Option<u64> {
    hashes.into_iter().reduce(|hash, next| hash.rotate_left(1) ^ next)
}

/// The hash of a host's place on a ring, where the ring asks for murmur2.
pub fn murmur2(text: &[u8]) -> u64 {
    raw::murmur2_x64(text, MURMUR2_SEED)
}

/// `djb2CaseInsensitiveHash`: of ASCII letters as small ones. Envoy multiplies by 34 where djb2 does by 33.
pub fn djb2_case_insensitive(text: &[u8]) -> u64 {
    text.iter().fold(5_381, |hash: u64, byte| {
        hash.wrapping_mul(34).wrapping_add(u64::from(byte.to_ascii_lowercase()))
    })
}

/// The weighted cluster of a hash.
pub fn weighted_cluster(hash: u64, weights: &[u64]) -> Option<usize> {
    walk::stacked(hash.checked_rem(weights.iter().sum())?, weights.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `test/common/common/hash_test.cc`
    #[test]
    fn agrees_with_published_hashes() {
        assert_eq!(chained([&b"foo"[..], b"bar"], 0), 17_745_830_980_996_999_794);
        for (text, hash) in [
            ("foo", 9_631_199_822_919_835_226),
            ("bar", 11_474_628_671_133_349_555),
            ("foo\nbar", 16_306_510_975_912_980_159),
            ("lyft", 12_847_078_931_730_529_320),
            ("", 6_142_509_188_972_423_790),
        ] {
            assert_eq!(murmur2(text.as_bytes()), hash, "{text:?}");
        }
        assert_eq!(djb2_case_insensitive(b"foo\nBAR"), 282_790_909_350_396);
        assert_eq!(djb2_case_insensitive(b""), 5_381);
    }

    #[test]
    fn clusters_lie_end_to_end() {
        assert_eq!(
            [0, 29, 30, 99, 100].map(|hash| weighted_cluster(hash, &[30, 70])),
            [Some(0), Some(0), Some(1), Some(1), Some(0)]
        );
        assert_eq!(weighted_cluster(7, &[]), None);
        assert_eq!(combined([1, 2]), Some(0));
        assert_eq!(combined([]), None);
    }
}
