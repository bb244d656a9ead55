//! One block of bytes for all records and texts of a segment. They refer to each other by position, never by
//! pointer, and to lanes by number.
//!
//! One block because of what a request costs: a release that was not asked for a while is not in the cache, and a line that
//! follows another one comes with it, while each pointer is a wait of its own. And because a worker takes bytes over
//! from whoever compiled them.

#![expect(clippy::inline_always, reason = "as in `record`")]

use std::fmt;
use std::hint::black_box;
use std::marker::PhantomData;

use crate::record::{Record, record};
use crate::settings::Cookie;

record! {
    /// A text of a block.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    pub(crate) struct Text {
        start: u32,
        len: u32,
    }
}

impl Text {
    /// No text at all, which even the empty one is not.
    pub(crate) const NONE: Text = Text { start: u32::MAX, len: 0 };
}

/// Records of a block, one after the other.
pub(crate) struct List<T> {
    /// The first byte.
    start: u32,
    /// How many records.
    len: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> List<T> {
    const fn new(start: u32, len: u32) -> Self {
        List { start, len, of: PhantomData }
    }

    /// How many records there are.
    pub(crate) fn len(self) -> usize {
        self.len as usize
    }
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<T> {}

impl<T> Default for List<T> {
    fn default() -> Self {
        List::new(0, 0)
    }
}

impl<T> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.start, self.len) == (other.start, other.len)
    }
}

impl<T> Eq for List<T> {}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "List({}, {})", self.start, self.len)
    }
}

impl<T> Record for List<T> {
    const SIZE: usize = 8;

    #[inline(always)]
    fn put(self, bytes: &mut [u8]) {
        Text { start: self.start, len: self.len }.put(bytes);
    }

    #[inline(always)]
    fn get(bytes: &[u8]) -> Self {
        let Text { start, len } = Text::get(bytes);
        List::new(start, len)
    }
}

/// One record of a block.
pub(crate) struct Kept<T>(List<T>);

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Kept<T> {}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Kept({})", self.0.start)
    }
}

impl<T> Record for Kept<T> {
    const SIZE: usize = 4;

    #[inline(always)]
    fn put(self, bytes: &mut [u8]) {
        self.0.start.put(bytes);
    }

    #[inline(always)]
    fn get(bytes: &[u8]) -> Self {
        Kept(List::new(u32::get(bytes), 1))
    }
}

/// A lane of a release, by its position in the release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct LaneId(pub(crate) u8);

impl LaneId {
    /// The position.
    pub fn position(self) -> usize {
        self.0.into()
    }
}

record!(LaneId(u8));

/// A block while it is written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arena {
    bytes: Vec<u8>,
}

impl Arena {
    /// A block that begins with room for one record, which is written when all else is there.
    pub(crate) fn beginning_with<T: Record>() -> Self {
        Arena { bytes: vec![0; T::SIZE] }
    }

    /// The block, with the record that it begins with.
    pub(crate) fn finish<T: Record>(mut self, first: T) -> Vec<u8> {
        first.put(&mut self.bytes);
        self.bytes
    }

    /// The block as it is so far.
    pub(crate) fn block(&self) -> Block<'_> {
        Block(&self.bytes)
    }

    /// Keeps a text.
    pub(crate) fn keep(&mut self, text: impl AsRef<[u8]>) -> Text {
        let text = text.as_ref();
        let start = position(self.bytes.len());
        self.bytes.extend_from_slice(text);
        Text { start, len: position(text.len()) }
    }

    /// So many bytes more.
    fn room(&mut self, size: usize) -> &mut [u8] {
        let start = self.bytes.len();
        self.bytes.resize(start + size, 0);
        self.bytes.get_mut(start..).unwrap_or_default()
    }

    /// Keeps records, one after the other.
    pub(crate) fn list<T: Record>(&mut self, records: impl IntoIterator<Item = T>) -> List<T> {
        let start = position(self.bytes.len());
        let mut len = 0;
        for record in records {
            record.put(self.room(T::SIZE));
            len += 1;
        }
        List::new(start, len)
    }

    /// Keeps a record.
    pub(crate) fn record<T: Record>(&mut self, record: T) -> Kept<T> {
        Kept(self.list([record]))
    }

    /// Keeps a list of texts.
    pub(crate) fn words<'w>(&mut self, words: impl IntoIterator<Item = &'w str>) -> List<Text> {
        let words: Vec<Text> = words.into_iter().map(|word| self.keep(word)).collect();
        self.list(words)
    }

    /// Keeps a cookie.
    pub(crate) fn cookie(&mut self, cookie: &Cookie) -> Cookie<Text> {
        Cookie { name: self.keep(&*cookie.name), attributes: self.keep(&*cookie.attributes) }
    }
}

/// Bytes that a cache keeps together.
const LINE: usize = 64;
/// As many lines of a block are brought together.
const TOUCHED: usize = 16;

/// A block. What it is asked for and does not hold is empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block<'b>(pub(crate) &'b [u8]);

impl<'b> Block<'b> {
    /// The record that the block begins with.
    #[inline(always)]
    pub(crate) fn first<T: Record>(self) -> T {
        T::get(self.0.get(..T::SIZE).unwrap_or_default())
    }

    /// Has its first lines brought into the cache together. Asked for one by one, each would be a wait of its own.
    #[inline]
    pub(crate) fn touch(self) {
        let lines = self.0.chunks(LINE).take(TOUCHED);
        black_box(lines.filter_map(|line| line.first()).fold(0, |all, byte| all | byte));
    }

    /// The bytes of a text.
    pub(crate) fn text(self, text: Text) -> &'b [u8] {
        let start = text.start as usize;
        self.0.get(start..start.wrapping_add(text.len as usize)).unwrap_or_default()
    }

    /// The bytes from the first one of a list on.
    pub(crate) fn from<T>(self, list: List<T>) -> &'b [u8] {
        self.0.get(list.start as usize..).unwrap_or_default()
    }

    /// The records of a list, in order.
    #[inline]
    pub(crate) fn list<T: Record>(self, list: List<T>) -> Records<'b, T> {
        let start = list.start as usize;
        let end = start.wrapping_add(list.len().wrapping_mul(T::SIZE));
        let bytes = self.0.get(start..end).unwrap_or_default();
        Records { bytes, of: PhantomData }
    }

    /// The record of a list at a position.
    #[inline]
    pub(crate) fn at<T: Record>(self, list: List<T>, position: usize) -> Option<T> {
        self.coded(list, position).map(Coded::get)
    }

    /// The record of a list at a position, as it is kept.
    #[inline]
    pub(crate) fn coded<T: Record>(self, list: List<T>, position: usize) -> Option<Coded<'b, T>> {
        if position >= list.len() {
            return None;
        }
        let start = (list.start as usize).wrapping_add(position.wrapping_mul(T::SIZE));
        let bytes = self.0.get(start..start.wrapping_add(T::SIZE))?;
        Some(Coded { bytes, of: PhantomData })
    }

    /// One record.
    #[inline]
    pub(crate) fn record<T: Record>(self, kept: Kept<T>) -> Option<T> {
        self.at(kept.0, 0)
    }

    /// The texts of a list.
    pub(crate) fn words(self, words: List<Text>) -> impl Iterator<Item = &'b [u8]> + Clone {
        self.list(words).map(move |word| self.text(word))
    }

    /// A cookie.
    pub(crate) fn cookie(self, cookie: Cookie<Text>) -> Cookie<&'b [u8]> {
        Cookie { name: self.text(cookie.name), attributes: self.text(cookie.attributes) }
    }
}

/// A record as it is kept, for whoever reads one of its fields here and another there.
#[derive(Debug)]
pub(crate) struct Coded<'b, T> {
    bytes: &'b [u8],
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Coded<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Coded<'_, T> {}

impl<T: Record> Coded<'_, T> {
    /// The record. Of what is not used nothing is read.
    #[inline(always)]
    pub(crate) fn get(self) -> T {
        T::get(self.bytes)
    }
}

/// The records of a list, read one by one.
#[derive(Debug)]
pub(crate) struct Records<'b, T> {
    bytes: &'b [u8],
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Records<'_, T> {
    fn clone(&self) -> Self {
        Records { bytes: self.bytes, of: PhantomData }
    }
}

impl<'b, T: Record> Records<'b, T> {
    /// The records as they are kept.
    pub(crate) fn coded(mut self) -> impl Iterator<Item = Coded<'b, T>> {
        std::iter::from_fn(move || self.next_coded())
    }

    #[inline]
    fn next_coded(&mut self) -> Option<Coded<'b, T>> {
        let (bytes, rest) = self.bytes.split_at_checked(T::SIZE)?;
        self.bytes = rest;
        Some(Coded { bytes, of: PhantomData })
    }
}

impl<T: Record> Iterator for Records<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.next_coded().map(Coded::get)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.bytes.len() / T::SIZE;
        (len, Some(len))
    }
}

impl<T: Record> ExactSizeIterator for Records<'_, T> {}

/// A length or position as records keep it. A policy ends long before 4 GiB.
pub(crate) fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
