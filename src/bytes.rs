//! Splitting bytes at a mark. Cookies, baggage and labels are walked for every request, so this is done a word at a
//! time and not a byte at a time.

use memchr::memchr;

/// The parts of `text` between the marks; at least one, perhaps empty.
pub(crate) fn split(text: &[u8], mark: u8) -> Split<'_> {
    Split { rest: Some(text), mark }
}

/// What stands before and after the first mark.
pub(crate) fn split_once(text: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr(mark, text)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// What stands before the first mark; all of it where there is none.
pub(crate) fn before(text: &[u8], mark: u8) -> &[u8] {
    memchr(mark, text).and_then(|at| text.get(..at)).unwrap_or(text)
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
        let (part, rest) =
            split_once(rest, self.mark).map_or((rest, None), |(part, rest)| (part, Some(rest)));
        self.rest = rest;
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
