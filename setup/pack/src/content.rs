//! Looks for texts that must not be in a module.

/// A forbidden text that is there after all.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The text.
    pub(crate) text: String,
    /// It and what stands around it, so that its origin can be told.
    pub(crate) around: String,
}

/// How much is shown to each side of a hit.
const MARGIN: usize = 40;

/// The first place of each of the `texts` that `bytes` holds.
pub(crate) fn find(bytes: &[u8], texts: &[String]) -> Vec<Hit> {
    texts
        .iter()
        .filter_map(|text| {
            let at = bytes.windows(text.len()).position(|window| window == text.as_bytes())?;
            let to = bytes.len().min(at + text.len() + MARGIN);
            let around = bytes.get(at.saturating_sub(MARGIN)..to).unwrap_or_default();
            let around = String::from_utf8_lossy(around).replace(|c: char| c.is_control(), ".");
            Some(Hit { text: text.clone(), around })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_at_either_end_and_between_bytes_that_are_no_text_is_found() {
        for bytes in [&b"leak"[..], b"\xff\0leak", b"leak\xff", b"\xffleak\0"] {
            assert_eq!(find(bytes, &["leak".into()]).len(), 1, "{bytes:?}");
        }
        assert_eq!(find(b"lea\0k", &["leak".into()]), []);
        assert_eq!(find(b"", &["leak".into()]), []);
    }

    #[test]
    fn a_hit_shows_where_it_comes_from() {
        let hits = find(b"\0/home/ann/.cargo/serde/src/lib.rs\0", &["/home/".into()]);
        assert!(hits.iter().all(|hit| hit.around == "./home/ann/.cargo/serde/src/lib.rs."), "{hits:?}");
        assert_eq!(hits.len(), 1);
    }
}
