//! Keys below a prefix.

/// A key without the prefix; `None` where it has another. One that is no text is shown in a way that no key is written.
pub(super) fn below(key: &[u8], prefix: &str) -> Option<String> {
    let key = key.strip_prefix(prefix.as_bytes())?;
    Some(match std::str::from_utf8(key) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("{}/ (no UTF-8)", key.escape_ascii()),
    })
}

/// The first key after all those with the prefix; a single zero byte where there is none.
pub(super) fn range_end(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![0]
}
