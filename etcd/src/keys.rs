//! Which keys are meant.

/// One key, or a range of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    pub(crate) key: Vec<u8>,
    /// The first key that is not meant; empty for one key.
    pub(crate) end: Vec<u8>,
}

impl Keys {
    /// This key alone.
    pub fn one(key: impl Into<Vec<u8>>) -> Self {
        Self { key: key.into(), end: Vec::new() }
    }

    /// Every key that begins with `prefix`; every key that there is, where it is empty.
    pub fn under(prefix: impl Into<Vec<u8>>) -> Self {
        let mut key = prefix.into();
        let mut end = key.clone();
        // The prefix with one added to its last byte, as in a sum: 255 carries over.
        while let Some(last) = end.pop() {
            if let Some(next) = last.checked_add(1) {
                end.push(next);
                return Self { key, end };
            }
        }
        // etcd's way to say "up to the last one".
        if key.is_empty() {
            key.push(0);
        }
        Self { key, end: vec![0] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_key_of_its_length() {
        for (prefix, key, end) in [
            (&b"/a/"[..], &b"/a/"[..], &b"/a0"[..]),
            (b"a\xff\xff", b"a\xff\xff", b"b"),
            (b"\xff", b"\xff", b"\0"),
            (b"", b"\0", b"\0"),
        ] {
            assert_eq!(Keys::under(prefix), Keys { key: key.to_vec(), end: end.to_vec() });
        }
    }
}
