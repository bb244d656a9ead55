//! Bytes split at a mark, and compared. Headers, cookies, baggage and labels are walked for every request, so this is done a word
//! at a time and not a byte at a time.

/// The parts of `text` between the marks; at least one, perhaps empty.
pub(crate) fn split(text: &[u8], mark: u8) -> Split<'_> {
    Split { rest: Some(text), mark }
}

/// What stands before and after the first mark. Names stand before it, and they are short: a byte at a time is quickest.
pub(crate) fn split_once(text: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == mark)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// What stands before the first mark; all of it where there is none.
pub(crate) fn before(text: &[u8], mark: u8) -> &[u8] {
    find(text, mark).and_then(|at| text.get(..at)).unwrap_or(text)
}

/// Where the first mark stands. Most texts are parts of a header, and short: a search that has to be set up first costs more.
pub(crate) fn find(text: &[u8], mark: u8) -> Option<usize> {
    let marks = |word: &[u8; 8]| marks(u64::from_le_bytes(*word), mark);
    let Some(last) = text.last_chunk() else { return text.iter().position(|byte| *byte == mark) };
    for (at, word) in text.as_chunks().0.iter().enumerate() {
        if marks(word) != 0 {
            return Some(at * 8 + first(marks(word)));
        }
    }
    // The last word overlaps the one before it, which has none.
    (marks(last) != 0).then(|| text.len() - 8 + first(marks(last)))
}

/// The marks of a word: the highest bit of each, up to the first one. Behind it there may be more.
fn marks(word: u64, mark: u8) -> u64 {
    const EACH: u64 = u64::MAX / 255;
    let other = word ^ (EACH * u64::from(mark));
    other.wrapping_sub(EACH) & !other & EACH << 7
}

/// The first byte of which a bit is set.
fn first(bits: u64) -> usize {
    bits.trailing_zeros() as usize / 8
}

/// Whether two texts are the same. Most are names, and short: words that overlap cost less than a call of `memcmp`. As many places
/// ask, it would be a tenth of the engine if it stood in all of them.
#[inline(never)]
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    if let Some(end) = one.last_chunk::<8>() {
        let (words, others) = (one.as_chunks::<8>().0, other.as_chunks().0);
        return other.ends_with(end) && words.iter().zip(others).all(|(word, other)| word == other);
    }
    if let Some(end) = one.last_chunk::<4>() {
        return other.ends_with(end) && one.first_chunk::<4>() == other.first_chunk();
    }
    one.iter().eq(other)
}

/// The parts of a text, see [`split`].
#[derive(Debug, Clone)]
pub(crate) struct Split<'a> {
    rest: Option<&'a [u8]>,
    mark: u8,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let at = find(rest, self.mark);
        self.rest = at.and_then(|at| rest.get(at + 1..));
        at.map_or(Some(rest), |at| rest.get(..at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_if_every_byte_is() {
        let text: Vec<u8> = (0..40).collect();
        for len in 0..=text.len() {
            let text = text.get(..len).unwrap();
            assert!(same(text, text));
            assert!(!same(text, &[text, &[0]].concat()));
            for at in 0..len {
                let mut other = text.to_vec();
                other[at] ^= 0x80;
                assert!(!same(text, &other), "{len} bytes, another one at {at}");
            }
        }
    }

    #[test]
    fn a_mark_is_found_wherever_it_stands() {
        for mark in [0, b';', 0xff] {
            for len in 0..=40 {
                let mut text = vec![mark ^ 1; len];
                for (byte, other) in text.iter_mut().zip([1, 0x80, 0x7f, 0x81].into_iter().cycle()) {
                    *byte = mark ^ other;
                }
                assert_eq!(find(&text, mark), None);
                for at in (0..len).rev() {
                    text[at] = mark;
                    assert_eq!(find(&text, mark), Some(at), "{mark} in {len} bytes");
                }
            }
        }
    }

    #[test]
    fn splits_as_the_standard_library_does() {
        for text in ["", ";", "a", "a;b", ";a;;b;", "a;b;"] {
            let text = text.as_bytes();
            assert!(split(text, b';').eq(text.split(|byte| *byte == b';')), "{text:?}");
        }
        assert_eq!(before(b"a=b=c", b'='), b"a");
        assert_eq!(before(b"abc", b'='), b"abc");
        assert_eq!(split_once(b"a=b=c", b'='), Some((b"a".as_slice(), b"b=c".as_slice())));
    }
}
