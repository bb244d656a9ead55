//! The traffic label: `env=gray;tenant=shop-001;version=v2.3`. Parse, look up, merge, write.
//!
//! Semicolons between pairs, one equals sign inside. Spaces around a pair and empty pairs are passed over. A key
//! is letters, digits and `-._~/`; a value the same and `:+@`. A pair that is malformed or repeats a key is
//! dropped and counted, and the rest kept. A label with nothing left is written as `default`.

use std::borrow::Cow;

use arrayvec::ArrayVec;

use crate::bytes::split;
use crate::limits;

/// What a label with nothing left is written as.
pub const DEFAULT: &[u8] = b"default";

/// A label that came along with a request. It keeps the text and remembers where the pairs stand in it.
#[derive(Debug, Clone, Default)]
pub struct Label<'a> {
    text: Cow<'a, [u8]>,
    pairs: ArrayVec<Pair, { limits::LABEL_PAIRS }>,
    dropped: u32,
}

/// Where one pair stands in the text: the key is `start..equals`, the value `equals + 1..end`.
#[derive(Debug, Clone, Copy)]
struct Pair {
    start: u16,
    equals: u16,
    end: u16,
}

impl<'a> Label<'a> {
    /// The label of a request with which none came along.
    pub(crate) const NONE: Label<'static> =
        Label { text: Cow::Borrowed(&[]), pairs: ArrayVec::new_const(), dropped: 0 };

    /// Parses any bytes; it cannot fail.
    pub fn parse(text: impl Into<Cow<'a, [u8]>>) -> Self {
        let text = text.into();
        let mut label = Label { text, ..Label::default() };
        if label.text.len() > limits::LABEL {
            label.dropped = 1;
            label.text = Cow::Borrowed(&[]);
        } else if label.text.as_ref() != DEFAULT {
            label.find_pairs();
        }
        label
    }

    fn find_pairs(&mut self) {
        let mut start = 0;
        for part in split(&self.text, b';') {
            let skipped = part.len() - part.trim_ascii_start().len();
            let pair = part.trim_ascii();
            if !pair.is_empty() {
                match equals_of(pair).and_then(|equals| Pair::new(start + skipped, equals, pair.len())) {
                    Some(found) if !self.has_key(found) && !self.pairs.is_full() => self.pairs.push(found),
                    _ => self.dropped += 1,
                }
            }
            start += part.len() + 1;
        }
    }

    fn has_key(&self, pair: Pair) -> bool {
        let key = self.key(pair);
        self.pairs.iter().any(|other| self.key(*other) == key)
    }

    fn key(&self, pair: Pair) -> &[u8] {
        self.text.get(usize::from(pair.start)..usize::from(pair.equals)).unwrap_or_default()
    }

    fn value(&self, pair: Pair) -> &[u8] {
        self.text.get(usize::from(pair.equals) + 1..usize::from(pair.end)).unwrap_or_default()
    }

    /// The value under `key`.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.pairs.iter().find(|pair| self.key(**pair) == key).map(|pair| self.value(*pair))
    }

    /// The pairs, in the order in which they came.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|pair| (self.key(*pair), self.value(*pair)))
    }

    /// Whether it holds no pair.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// How many pairs were dropped.
    pub fn dropped(&self) -> u32 {
        self.dropped
    }

    /// The label as it came.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The label as text with `set` merged in: a pair of `set` takes the place of one with the same key, new ones
    /// follow, the first of each key. What would go beyond the limits, and so be dropped by the next reader, is left out here, the pairs of
    /// others first, then the last of `set`.
    pub fn merge<'s>(&self, set: &(impl Iterator<Item = (&'s [u8], &'s [u8])> + Clone)) -> Vec<u8> {
        let size = |key: &[u8], value: &[u8]| key.len() + value.len() + 2;
        let (mut pairs, mut bytes) = (limits::LABEL_PAIRS, limits::LABEL);
        let mut has_room = |size: usize| {
            let (Some(pairs_left), Some(bytes_left)) = (pairs.checked_sub(1), bytes.checked_sub(size)) else {
                return false;
            };
            (pairs, bytes) = (pairs_left, bytes_left);
            true
        };
        let mut ours: ArrayVec<(&[u8], &[u8]), { limits::LABEL_PAIRS }> = ArrayVec::new();
        for (key, value) in set.clone() {
            if !ours.iter().any(|(known, _)| *known == key) && has_room(size(key, value)) {
                let _ = ours.try_push((key, value));
            }
        }
        let mut out = Vec::with_capacity(self.text.len() + 64);
        for (key, value) in self.pairs() {
            if let Some((_, value)) = ours.iter().find(|(name, _)| *name == key) {
                push(&mut out, key, value);
            } else if has_room(size(key, value)) {
                push(&mut out, key, value);
            }
        }
        for (key, value) in ours.iter().filter(|(key, _)| self.get(key).is_none()) {
            push(&mut out, key, value);
        }
        if out.is_empty() { DEFAULT.to_vec() } else { out }
    }
}

impl Pair {
    /// A pair that starts at `start`, with its equals sign and its end counted from there.
    fn new(start: usize, equals: usize, len: usize) -> Option<Self> {
        let at = |offset: usize| u16::try_from(start + offset).ok();
        Some(Pair { start: at(0)?, equals: at(equals)?, end: at(len)? })
    }
}

fn push(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    if !out.is_empty() {
        out.push(b';');
    }
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
}

/// Where the equals sign of a well-formed pair stands.
fn equals_of(pair: &[u8]) -> Option<usize> {
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (pair.get(..equals)?, pair.get(equals + 1..)?);
    (is_key(key) && is_value(value)).then_some(equals)
}

/// Whether `key` can stand as a key in a label.
pub fn is_key(key: &[u8]) -> bool {
    (1..=limits::LABEL_KEY).contains(&key.len()) && key.iter().all(|byte| is_key_byte(*byte))
}

/// Whether `value` can stand as a value in a label.
pub fn is_value(value: &[u8]) -> bool {
    (1..=limits::LABEL_VALUE).contains(&value.len())
        && value.iter().all(|byte| is_key_byte(*byte) || matches!(byte, b':' | b'+' | b'@'))
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs<'l>(label: &'l Label<'_>) -> Vec<(&'l str, &'l str)> {
        let text = |bytes: &'l [u8]| std::str::from_utf8(bytes).unwrap();
        label.pairs().map(|(key, value)| (text(key), text(value))).collect()
    }

    #[test]
    fn reads_pairs_in_order() {
        let label = Label::parse(b"env=gray;tenant=shop-001;version=v2.3".as_slice());
        assert_eq!(pairs(&label), [("env", "gray"), ("tenant", "shop-001"), ("version", "v2.3")]);
        assert_eq!(label.dropped(), 0);
        assert_eq!(label.get(b"tenant"), Some(b"shop-001".as_slice()));
        assert_eq!(label.get(b"ten"), None);
    }

    #[test]
    fn passes_over_spaces_and_empty_pairs() {
        let label = Label::parse(b" ; env=gray ;; version=v2 ;".as_slice());
        assert_eq!(pairs(&label), [("env", "gray"), ("version", "v2")]);
        assert_eq!(label.dropped(), 0);
    }

    #[test]
    fn drops_and_counts_malformed_pairs_and_keeps_the_rest() {
        let label = Label::parse(b"env;=x;a=;a=b=c;ok=1;k y=1;\xff=1;v=\xff;ok=2;last=2".as_slice());
        assert_eq!(pairs(&label), [("ok", "1"), ("last", "2")]);
        assert_eq!(label.dropped(), 8);
    }

    #[test]
    fn drops_pairs_beyond_the_limit() {
        let pairs: Vec<String> = (0..40).map(|index| format!("k{index}=v")).collect();
        let text = pairs.join(";");
        let label = Label::parse(text.as_bytes());
        assert_eq!(label.pairs().count(), limits::LABEL_PAIRS);
        assert_eq!(label.dropped(), 8);
    }

    #[test]
    fn what_is_merged_can_be_read_whole_by_the_next_hop() {
        let full: Vec<String> = (0..limits::LABEL_PAIRS).map(|index| format!("k{index}=v")).collect();
        let long: Vec<String> = (0..16).map(|index| format!("k{index}={}", "v".repeat(250))).collect();
        for text in [full.join(";"), long.join(";")] {
            let label = Label::parse(text.as_bytes());
            assert_eq!(label.dropped(), 0);
            let merged =
                label.merge(&[(b"version".as_slice(), b"v2".as_slice()), (b"k1", b"other")].into_iter());
            let read = Label::parse(merged.as_slice());
            assert_eq!(read.dropped(), 0, "{text}");
            assert_eq!(read.get(b"version"), Some(b"v2".as_slice()));
            assert_eq!(read.get(b"k1"), Some(b"other".as_slice()));
        }
    }

    #[test]
    fn drops_a_label_that_is_too_long_whole() {
        let text = format!("env=gray;{}", "x".repeat(limits::LABEL));
        let label = Label::parse(text.as_bytes());
        assert!(label.is_empty());
        assert_eq!(label.dropped(), 1);
        assert_eq!(label.merge(&std::iter::empty()), DEFAULT);
    }

    #[test]
    fn the_word_default_is_an_empty_label_and_no_mistake() {
        let label = Label::parse(DEFAULT);
        assert!(label.is_empty());
        assert_eq!(label.dropped(), 0);
    }

    #[test]
    fn merging_replaces_in_place_and_appends_what_is_new() {
        let label = Label::parse(b"env=gray;version=v1".as_slice());
        let set = [(b"version".as_slice(), b"v2".as_slice()), (b"region", b"sh")];
        assert_eq!(label.merge(&set.into_iter()), b"env=gray;version=v2;region=sh");
        assert_eq!(Label::default().merge(&set.into_iter()), b"version=v2;region=sh");
        assert_eq!(Label::parse(b"bad".as_slice()).merge(&std::iter::empty()), DEFAULT);
    }
}
