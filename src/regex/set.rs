//! Sets of small numbers as bits: of bytes, and of positions.

use std::ops::{BitAnd, BitOr, Not};

/// A set of numbers below `64 * W`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Set<const W: usize>(pub(super) [u64; W]);

impl<const W: usize> Set<W> {
    pub(super) const EMPTY: Self = Set([0; W]);

    /// The set whose words are these, little-endian.
    #[inline]
    pub(super) fn of_bytes(words: &[[u8; 8]; W]) -> Self {
        Set(words.map(u64::from_le_bytes))
    }

    pub(super) fn insert(&mut self, number: usize) {
        self.put(number, true);
    }

    /// Inserts a number or not. One beyond the set's size is passed over.
    pub(super) fn put(&mut self, number: usize, is_in: bool) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= u64::from(is_in) << (number % 64);
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Each number's successor; that of the largest is dropped.
    #[inline]
    pub(super) fn successors(mut self) -> Self {
        let mut carry = 0;
        for word in &mut self.0 {
            let top = *word >> 63;
            *word = *word << 1 | carry;
            carry = top;
        }
        self
    }

    /// The numbers, in order.
    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        (0..64 * W).filter(move |number| self.contains(*number))
    }
}

impl Set<4> {
    /// The numbers of all `ranges`, both ends included.
    pub(super) fn of(ranges: &[(u8, u8)]) -> Self {
        let mut set = Set::EMPTY;
        for (from, to) in ranges {
            for number in *from..=*to {
                set.insert(usize::from(number));
            }
        }
        set
    }

    /// The bytes of which `holds` is true.
    #[cfg(feature = "tools")]
    pub(super) fn where_it_holds(holds: fn(u8) -> bool) -> Self {
        let mut set = Set::EMPTY;
        for byte in 0..=u8::MAX {
            set.put(usize::from(byte), holds(byte));
        }
        set
    }
}

impl<const W: usize> BitAnd for Set<W> {
    type Output = Self;

    #[inline]
    fn bitand(mut self, other: Self) -> Self {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word &= *other;
        }
        self
    }
}

impl<const W: usize> BitOr for Set<W> {
    type Output = Self;

    #[inline]
    fn bitor(mut self, other: Self) -> Self {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word |= *other;
        }
        self
    }
}

impl<const W: usize> Not for Set<W> {
    type Output = Self;

    fn not(mut self) -> Self {
        for word in &mut self.0 {
            *word = !*word;
        }
        self
    }
}
