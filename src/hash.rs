//! Text -> bucket, with the knobs in which other systems differ from [`bucket`].
//!
//! ```text
//! format and salt        scheme
//! before ┐
//! id     ├─ encoding ──▶ bytes ── algorithm, seed ──▶ hash ── reduction, bucket count ──▶ bucket
//! after  ┘
//! ```
//!
//! Everything but the id is known when a policy is compiled: the [`Format`] is expanded with the salt into
//! the bytes before and after the id, and a [`Scheme`] is a handful of plain values. What is left for a
//! request allocates nothing and cannot fail. A [`Preset`] names scheme and format of another system.
//!
//! Bytes are hashed as they are: no trimming, no case folding, no decoding. Systems that hash something else
//! than the UTF-8 bytes of non-ASCII ids (older JavaScript SDKs take the low byte of each UTF-16 unit) are
//! not imitated.
//!
//! The cargo feature `systems` adds what only tools need: more algorithms, and in `systems` the decisions of
//! systems that no scheme describes.

mod algorithm;
mod encoding;
mod format;
mod preset;
#[cfg(feature = "systems")]
pub mod systems;

pub use algorithm::{Algorithm, xxh64};
pub use encoding::Encoding;
pub use format::{Expanded, Format, FormatError};
pub use preset::{Layout, Preset};

use crate::bucket;
use crate::record::record;

record! {
    /// How text becomes a bucket. Plain values, to be kept in a plan.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Scheme {
        /// The hash function.
        pub algorithm: Algorithm,
        /// The seed of the hash function; ignored by those that have none. A negative seed is written as its 32
        /// bits.
        pub seed: u32,
        /// What the hashed bytes are.
        pub encoding: Encoding,
        /// How a hash becomes a bucket.
        pub reduction: Reduction,
        /// The number of buckets.
        pub buckets: Buckets,
    }
}

impl Scheme {
    /// The scheme of [`bucket`]: what a release has that says nothing.
    pub const NATIVE: Scheme = Scheme {
        algorithm: Algorithm::Murmur3X86_32,
        seed: 0,
        encoding: Encoding::Raw,
        reduction: Reduction::MultiplyShift,
        buckets: Buckets::Count(Buckets::NATIVE),
    };

    /// The hash of an id; `before` and `after` are what [`Format::expand`] gives.
    pub fn hash(&self, before: &[u8], id: &[u8], after: &[u8]) -> u64 {
        self.encoding.hash(self.algorithm, self.seed, before, id, after)
    }

    /// The bucket of an id among `buckets`: 0 to `buckets` - 1, and 0 where there are none.
    ///
    /// `buckets` is the count of the scheme, or the sum of weights where the scheme says so
    /// ([`Buckets::total`]).
    pub fn bucket(&self, before: &[u8], id: &[u8], after: &[u8], buckets: u32) -> u32 {
        self.reduction.reduce(self.hash(before, id, after), buckets)
    }
}

/// The number of buckets of a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Buckets {
    /// A fixed number, 1 to [`Buckets::MAX`].
    Count(u32),
    /// As many as the weights of the split add up to.
    SumOfWeights,
}

record!(enum Buckets, else Buckets::SumOfWeights; Count(count: u32), SumOfWeights);

impl Buckets {
    /// The largest number of buckets: with 2^31 - 1, hash times count fits into 64 bits.
    pub const MAX: u32 = (1 << 31) - 1;
    /// The number of graylane's own: one bucket for each 0.01 %.
    pub const NATIVE: u32 = bucket::COUNT as u32;

    /// The number of buckets of a split whose weights add up to `sum_of_weights`.
    pub fn total(self, sum_of_weights: u32) -> u32 {
        match self {
            Buckets::Count(count) => count,
            Buckets::SumOfWeights => sum_of_weights,
        }
    }
}

/// How a hash becomes one of a number of buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// `(hash * buckets) >> 32`: keeps the order of the hash, so that a finer count moves nobody. For 32-bit
    /// hashes; of a longer one the low 32 bits count. Equal to `floor(hash / 2^32 * buckets)` in doubles for
    /// up to 2^21 buckets.
    MultiplyShift,
    /// `hash mod buckets`: another count deals everybody anew.
    Modulo,
}

record!(enum Reduction, else Reduction::Modulo; MultiplyShift, Modulo);

impl Reduction {
    /// All reductions, by the names that a policy gives them.
    pub const NAMES: [(&'static str, Reduction); 2] =
        [("multiply_shift", Reduction::MultiplyShift), ("modulo", Reduction::Modulo)];

    /// The bucket of a hash: 0 to `buckets` - 1, and 0 where there are none.
    pub fn reduce(self, hash: u64, buckets: u32) -> u32 {
        let count = u64::from(buckets);
        let bucket = match self {
            Reduction::MultiplyShift => ((hash & u64::from(u32::MAX)) * count) >> 32,
            Reduction::Modulo => hash.checked_rem(count).unwrap_or_default(),
        };
        #[expect(clippy::cast_possible_truncation, reason = "either way it is below the count, or 0")]
        (bucket as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::Bucket;

    #[test]
    fn the_native_scheme_is_the_bucket_of_the_contract() {
        let format = Format::parse(Preset::named("native").unwrap().format).unwrap();
        for (salt, id) in [("checkout", "user-1"), ("s", ""), ("", "x"), ("Preis-€", "ü")] {
            let Expanded { before, after } = format.expand(salt);
            let bucket = Scheme::NATIVE.bucket(
                before.as_bytes(),
                id.as_bytes(),
                after.as_bytes(),
                bucket::COUNT.into(),
            );
            assert_eq!(bucket, u32::from(Bucket::of(salt.as_bytes(), id.as_bytes()).get()), "{salt}:{id}");
        }
    }

    #[test]
    fn multiply_shift_keeps_the_order_and_stays_below_the_count() {
        let reduce = |hash: u64, buckets| Reduction::MultiplyShift.reduce(hash, buckets);
        let last = u64::from(u32::MAX);
        assert_eq!((reduce(0, 10_000), reduce(last, 10_000)), (0, 9_999));
        assert_eq!(reduce(last, Buckets::MAX), Buckets::MAX - 1);
        assert_eq!(reduce(last, 1), 0);
        // 2^31 is the first hash of the second half, whatever the count.
        for count in [2, 100, 10_000, 1_000_000] {
            assert_eq!((reduce((1 << 31) - 1, count), reduce(1 << 31, count)), (count / 2 - 1, count / 2));
        }
    }

    #[test]
    fn modulo_takes_hashes_of_64_bits_whole() {
        assert_eq!(Reduction::Modulo.reduce(u64::MAX, 10_000), 1_615);
        assert_eq!(Reduction::Modulo.reduce(u64::from(u32::MAX), 100), 95);
    }

    #[test]
    fn no_buckets_is_bucket_0_and_no_trap() {
        for (_, reduction) in Reduction::NAMES {
            assert_eq!(reduction.reduce(u64::MAX, 0), 0);
        }
    }
}
