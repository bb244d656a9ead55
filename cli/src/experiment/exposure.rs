//! Exposures as the module writes them into access logs, and the text of the header by which clients know their groups.
//!
//! ```text
//! button;group=B;rev=1;reason=split;id=user%2017, colour;group=red;served=blue;rev=2;reason=sticky;hash=00112233445566778899aabbccddeeff
//! ```

use std::borrow::Cow;

use memchr::memmem;

/// One exposure of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exposure<'t> {
    pub(super) experiment: &'t str,
    pub(super) group: &'t str,
    pub(super) revision: u32,
    pub(super) reason: &'t str,
    /// Who was exposed: an id, or the digits of a hash.
    pub(super) who: Who<'t>,
}

/// Who was exposed, or converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who<'t> {
    /// By the id itself.
    Id(Cow<'t, str>),
    /// By the hexadecimal digits of its hash.
    Hash(Cow<'t, str>),
}

/// What follows the name of an experiment.
const GROUP: &[u8] = b";group=";

/// Finds the exposures of a line. They are the whole of a field: of the line, or of what stands in quotes or brackets, since a part of one
/// may be what a client has sent, as a path. What has the form of one up to its reason and lacks the rest is a fault.
pub(super) fn find<'t>(line: &'t [u8], mut found: impl FnMut(Result<Exposure<'t>, String>)) {
    let mut left = line;
    while let Some(at) = memmem::find(left, GROUP) {
        let (head, tail) = left.split_at_checked(at).unwrap_or_default();
        let begin = head.iter().rposition(|byte| !is_of_field(*byte));
        let length = tail.iter().position(|byte| !is_of_field(*byte)).unwrap_or(tail.len());
        let ends = (begin.and_then(|at| head.get(at)), tail.get(length));
        let field = left.get(begin.map_or(0, |at| at + 1)..at + length);
        left = tail.get(length..).unwrap_or_default();
        if !matches!(ends, (None, None) | (Some(b'"'), Some(b'"')) | (Some(b'['), Some(b']'))) {
            continue;
        }
        let field = field.and_then(|field| std::str::from_utf8(field).ok()).unwrap_or_default();
        // Without a reason it is what a client was told.
        field.split(", ").filter(|entry| entry.contains(";reason=")).for_each(|entry| found(read(entry)));
    }
}

/// Whether a byte may stand in exposures: names, percent-encoded ids, and what is between them.
fn is_of_field(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~;=%, ".contains(&byte)
}

fn read(entry: &str) -> Result<Exposure<'_>, String> {
    let fault = |what: &str| format!("exposure {entry:?}: {what}");
    let mut parts = entry.split(';');
    let experiment =
        parts.next().filter(|name| !name.is_empty()).ok_or_else(|| fault("the name is missing"))?;
    let (mut group, mut revision, mut reason, mut who) = ("", None, "", None);
    for part in parts {
        match part.split_once('=').ok_or_else(|| fault("every part but the name is KEY=VALUE"))? {
            ("group", value) => group = value,
            ("rev", value) => revision = Some(value.parse().map_err(|_| fault("rev is no number"))?),
            ("reason", value) => reason = value,
            ("id", value) => {
                who = Some(Who::Id(decoded(value).ok_or_else(|| fault("id is not percent-encoded"))?));
            }
            ("hash", value) => who = Some(Who::Hash(Cow::Borrowed(value))),
            // The lane that served, and what may be written some day.
            _ => {}
        }
    }
    let who = who.ok_or_else(|| fault("neither id nor hash"))?;
    match (group.is_empty(), revision) {
        (false, Some(revision)) => Ok(Exposure { experiment, group, revision, reason, who }),
        (true, _) => Err(fault("the group is missing")),
        (_, None) => Err(fault("rev is missing")),
    }
}

/// The text behind a percent-encoding; `None` where it is none, or no UTF-8.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(byte) = rest.next() {
        if *byte == b'%' {
            let mut digit = || char::from(*rest.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(*byte);
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// What a client was told of one experiment: `button;group=B;rev=1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told<'t> {
    pub(super) experiment: &'t str,
    pub(super) group: &'t str,
    pub(super) revision: u32,
}

/// Reads the text of the header `x-abtest-id`, which may tell of several experiments. `None` where one of them has another form.
pub(super) fn told(text: &str) -> impl Iterator<Item = Option<Told<'_>>> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(|entry| {
        let mut parts = entry.split(';');
        let experiment = parts.next()?;
        let (mut group, mut revision) = (None, None);
        for part in parts {
            match part.split_once('=')? {
                ("group", value) => group = Some(value),
                ("rev", value) => revision = value.parse().ok(),
                _ => {}
            }
        }
        Some(Told { experiment, group: group?, revision: revision? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(line: &str) -> Vec<Result<Exposure<'_>, String>> {
        let mut all = Vec::new();
        find(line.as_bytes(), |found| all.push(found));
        all
    }

    #[test]
    fn exposures_are_known_by_their_form_in_a_field_of_their_own() {
        let one = |id: &str| {
            Ok(Exposure {
                experiment: "button",
                group: "B",
                revision: 1,
                reason: "split",
                who: Who::Id(Cow::Owned(id.to_owned())),
            })
        };
        for line in [
            "button;group=B;rev=1;reason=split;id=u%201",
            "[2026-11-25T23:49:10.123Z] \"GET / HTTP/1.1\" 200 - \"button;group=B;rev=1;reason=split;id=u%201\" 7",
            "x [button;group=B;served=A;rev=1;reason=split;id=u%201] y",
        ] {
            assert_eq!(all(line), [one("u 1")], "{line}");
        }
        let two =
            all("\"button;group=B;rev=1;reason=split;id=1, colour;group=red;rev=2;reason=sticky;hash=00ff\"");
        assert_eq!(two.len(), 2);
        assert_eq!(two[0], one("1"));
        assert_eq!(two[1].as_ref().unwrap().who, Who::Hash(Cow::Borrowed("00ff")));
    }

    #[test]
    fn what_is_a_part_of_a_field_may_be_of_a_client_and_is_no_exposure() {
        let one = "button;group=B;rev=1;reason=split;id=evil";
        for line in [
            format!("\"GET /?q={one} HTTP/1.1\" 200"),
            format!("\"GET / HTTP/1.1\" \"Browser ({one}) 1\""),
            format!("\"Browser {one}\" \"-\"").replace("Browser", "Browser/1"),
            format!("\"/{one}, {one}, x\""),
            format!("12 [{one}\""),
        ] {
            assert_eq!(all(&line), [], "{line}");
        }
    }

    #[test]
    fn what_a_client_was_told_is_no_exposure() {
        for line in ["\"button;group=B;rev=1\"", "-", "", ";group=", "x-abtest-id: button;group=B;rev=1"] {
            assert_eq!(all(line), [], "{line}");
        }
    }

    #[test]
    fn what_lacks_a_part_is_a_fault() {
        for (line, what) in [
            (";group=B;rev=1;reason=split;id=1", "the name is missing"),
            ("b;group=;rev=1;reason=split;id=1", "the group is missing"),
            ("b;group=B;reason=split;id=1", "rev is missing"),
            ("b;group=B;rev=x;reason=split;id=1", "rev is no number"),
            ("b;group=B;rev=1;reason=split", "neither id nor hash"),
            ("b;group=B;rev=1;reason=split;id=%f", "id is not percent-encoded"),
            ("b;group=B;rev=1;reason=split;id=%ff", "id is not percent-encoded"),
        ] {
            let faults = all(line);
            assert_eq!(faults.len(), 1, "{line}");
            assert!(faults[0].as_ref().unwrap_err().ends_with(what), "{faults:?}");
        }
    }

    #[test]
    fn a_client_may_be_told_of_several_experiments() {
        let button = Told { experiment: "button", group: "B", revision: 1 };
        let colour = Told { experiment: "colour", group: "red", revision: 12 };
        let all: Vec<_> = told("button;group=B;rev=1, colour;group=red;rev=12").collect();
        assert_eq!(all, [Some(button), Some(colour)]);
        assert_eq!(told("button").next(), Some(None));
        assert_eq!(told(" ").next(), None);
    }
}
