//! Which of two documents below one key is the newer one.

/// The version of a document, and what tells two of one version apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The version; 0 for none.
    pub version: u64,
    /// The SHA-256 of the document's bytes, of which this much is kept.
    pub(crate) digest: [u8; 16],
}

impl Stamp {
    pub(crate) fn new(version: u64, document: &[u8]) -> Self {
        let digest = hmac_sha256::Hash::hash(document);
        Stamp { version, digest: *digest.first_chunk().unwrap_or(&[0; 16]) }
    }

    /// Whether a document with this stamp may take the place of what was last served below its key: its version is higher,
    /// or it is the same document. Without versions, the last one wins; once there was a version, one without is too old.
    ///
    /// A process keeps the last stamp of a key for as long as it lives, also when the key is deleted: then an old document,
    /// however well it is signed, cannot be brought back.
    pub fn may_follow(&self, served: Option<&Stamp>) -> bool {
        let Some(served) = served else { return true };
        self.version > served.version || self == served || self.version == 0 && served.version == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_only_grow() {
        let [none, other, seven, again, seven_otherwise, eight] =
            [(0, "a"), (0, "b"), (7, "a"), (7, "a"), (7, "b"), (8, "a")]
                .map(|(version, text)| Stamp::new(version, text.as_bytes()));
        for (stamp, served, expected) in [
            (none, None, true),
            (seven, None, true),
            (other, Some(none), true),
            (seven, Some(none), true),
            (again, Some(seven), true),
            (eight, Some(seven), true),
            (seven_otherwise, Some(seven), false),
            (seven, Some(eight), false),
            (none, Some(seven), false),
        ] {
            assert_eq!(stamp.may_follow(served.as_ref()), expected, "{stamp:?} after {served:?}");
        }
    }
}
