//! The W3C `baggage` header, as far as the traffic label rides in it: one member, `traffic-label`.
//!
//! Format: <https://www.w3.org/TR/baggage/>: members between commas, properties after a semicolon, values
//! percent-encoded. Members of others are kept byte for byte.

use std::borrow::Cow;

use crate::bytes::{before, split, split_once};
use crate::headers;
use crate::hex::byte_of_hex;
use crate::limits;
use crate::request::Headers;

/// The value of our member, decoded; `None` when the baggage has none.
pub(crate) fn label(request: &Headers) -> Option<Cow<'_, [u8]>> {
    members(request).find(|member| is_ours(member)).map(|member| {
        let (_, value) = split_once(member, b'=').unwrap_or_default();
        decode(before(value, b';').trim_ascii())
    })
}

/// The baggage without our member: `None` when it had none, an empty text when nothing else was in it.
pub(crate) fn without_label(request: &Headers) -> Option<Vec<u8>> {
    let is_there = request.all(headers::BAGGAGE).any(|line| split(line, b',').any(is_ours));
    is_there.then(|| others(request))
}

/// The baggage with our member set to `label`.
pub(crate) fn with_label(request: &Headers, label: &[u8]) -> Vec<u8> {
    let mut out = others(request);
    if !out.is_empty() {
        out.push(b',');
    }
    out.extend_from_slice(headers::LABEL_MEMBER.as_bytes());
    out.push(b'=');
    encode(label, &mut out);
    out
}

/// How long a label may be that is percent-encoded, in bytes.
const ENCODED: usize = 3 * limits::LABEL;

fn members(request: &Headers) -> impl Iterator<Item = &[u8]> {
    request.all(headers::BAGGAGE).flat_map(|line| split(line, b',')).map(<[u8]>::trim_ascii)
}

/// Whether a member is ours, also for a reader that decodes keys and trims them of whatever is a space or a control character to it,
/// as OpenTelemetry's do: what passes here in another spelling would come back in ours.
fn is_ours(member: &[u8]) -> bool {
    // However it is spelt, it begins so.
    let first = member.iter().copied().find(|byte| !is_around(*byte));
    matches!(first, Some(b't' | b'%')) && has_our_key(member)
}

/// Whether the key of a member is ours, decoded and trimmed. Seldom asked: inlined it would take registers from all that ask what comes
/// before.
#[inline(never)]
fn has_our_key(member: &[u8]) -> bool {
    let key = before(before(member, b';'), b'=');
    // Nobody but who hides ours writes one that is too long to be decoded.
    if key.len() > ENCODED && key.contains(&b'%') {
        return true;
    }
    let key = decode(key);
    let is_part = |byte: &u8| !is_around(*byte);
    let first = key.iter().position(is_part).unwrap_or_default();
    let end = key.iter().rposition(is_part).map_or(first, |last| last + 1);
    key.get(first..end) == Some(headers::LABEL_MEMBER.as_bytes())
}

/// Whether a reader may take a byte beside a key for none of it. A plus is a space to those who decode forms.
fn is_around(byte: u8) -> bool {
    !byte.is_ascii_graphic() || byte == b'+'
}

fn others(request: &Headers) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    for member in members(request).filter(|member| !member.is_empty() && !is_ours(member)) {
        if !out.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(member);
    }
    out
}

/// Percent-decodes; a broken escape stays as it stands. What is longer than any label may be is not decoded.
fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    if value.len() > ENCODED || !value.contains(&b'%') {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail.get(..2).filter(|_| *first == b'%').and_then(byte_of_hex);
        out.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    Cow::Owned(out)
}

/// Percent-encodes what a baggage value may not hold. Of a label's bytes that is the semicolon alone.
fn encode(label: &[u8], out: &mut Vec<u8>) {
    for byte in label {
        match byte {
            0x21..=0x7e if !matches!(byte, b'"' | b'%' | b',' | b';' | b'\\') => out.push(*byte),
            _ => {
                out.push(b'%');
                for digit in [byte >> 4, byte & 15] {
                    out.push(if digit < 10 { b'0' + digit } else { b'A' + digit - 10 });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baggage(lines: &[&str]) -> Headers {
        lines.iter().map(|line| ("baggage", *line)).collect()
    }

    #[test]
    fn finds_and_decodes_our_member_among_others() {
        let request =
            baggage(&["userId=alice;p=1", " traffic-label = env%3Dgray%3Bversion=v2 ;x, other=%41"]);
        assert_eq!(label(&request).as_deref(), Some(b"env=gray;version=v2".as_slice()));
        assert_eq!(label(&baggage(&["not-traffic-label=1"])), None);
    }

    #[test]
    fn keeps_members_of_others_byte_for_byte() {
        let request = baggage(&["userId=al%20ice;p=1,traffic-label=x", "other=1"]);
        assert_eq!(without_label(&request).as_deref(), Some(b"userId=al%20ice;p=1,other=1".as_slice()));
        assert_eq!(with_label(&request, b"a=1;b=2"), b"userId=al%20ice;p=1,other=1,traffic-label=a=1%3Bb=2");
    }

    #[test]
    fn knows_our_member_in_every_spelling_that_a_reader_may_decode() {
        for spelling in [
            "traffic%2Dlabel=x",
            "%74raffic-label=x",
            "traffic-label+=x",
            "+traffic-label%20 =x",
            "traffic-label",
            "%C2%A0traffic-label=x",
            "%E2%80%83traffic-label=x",
            "%0Btraffic-label=x",
            "traffic-label%1F=x",
            "traffic-label%0A+=x",
        ] {
            assert_eq!(
                without_label(&baggage(&["a=1", spelling])).as_deref(),
                Some(b"a=1".as_slice()),
                "{spelling}"
            );
        }
        for spelling in [
            b"\xa0traffic-label=x".as_slice(),
            b"\xc2\x85traffic-label\xe3\x80\x80=x",
            b"\x0btraffic-label=x",
        ] {
            let request: Headers = [("baggage", spelling)].into_iter().collect();
            assert_eq!(
                without_label(&request).as_deref(),
                Some(b"".as_slice()),
                "{}",
                spelling.escape_ascii()
            );
        }
        for padding in [1, ENCODED / 3 - 8, ENCODED / 3, ENCODED] {
            let padded = format!("%74raffic-label{}=x", "%20".repeat(padding));
            assert_eq!(
                without_label(&baggage(&["a=1", &padded])).as_deref(),
                Some(b"a=1".as_slice()),
                "{padding}"
            );
        }
        for other in ["traffic-labels=x", "my+traffic-label=x", "traffic%252Dlabel=x", "Traffic-Label=x"] {
            assert_eq!(without_label(&baggage(&["a=1", other])), None, "{other}");
        }
    }

    #[test]
    fn without_our_member_there_is_nothing_to_remove() {
        assert_eq!(without_label(&baggage(&["userId=alice"])), None);
        assert_eq!(without_label(&baggage(&["traffic-label=x"])), Some(Vec::new()));
    }

    #[test]
    fn leaves_broken_escapes_as_they_stand() {
        assert_eq!(decode(b"%4"), b"%4".as_slice());
        assert_eq!(decode(b"%zz%41%"), b"%zzA%".as_slice());
        assert_eq!(decode(b"%"), b"%".as_slice());
    }
}
