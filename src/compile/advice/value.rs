//! Tests that no request can pass, since what they ask for never stands in what they look at.

use super::condition::more;
use crate::error::At;
use crate::label;
use crate::policy::{Normalize, PathMatch, Release, TextTest};
use crate::regex::Program;

/// The bytes that a value is made of.
struct Spelling {
    /// Those at its start.
    first: fn(u8) -> bool,
    /// All of them.
    each: fn(u8) -> bool,
    /// Those at its end.
    last: fn(u8) -> bool,
    may_be_empty: bool,
    /// The same in words.
    said: &'static str,
}

impl Spelling {
    /// What can stand under a key of a condition; `None` where that may be anything.
    fn of(key: &str, ids: &Normalize) -> Option<Self> {
        let any = |_| true;
        let all = Spelling { first: any, each: any, last: any, may_be_empty: true, said: "" };
        Some(match key {
            "header" => Spelling {
                first: is_no_space,
                each: |byte| !matches!(byte, b'\0' | b'\r' | b'\n'),
                last: is_no_space,
                said: "a header's value is one line and has no space at its ends (RFC 9110, 5.5)",
                ..all
            },
            "cookie" => Spelling {
                first: is_no_space,
                each: |byte| !matches!(byte, b'\0' | b'\r' | b'\n' | b';'),
                last: is_no_space,
                said: "a cookie's value ends at a semicolon and has no space at its ends",
                ..all
            },
            "query" => Spelling {
                each: |byte| is_in_target(byte) && !matches!(byte, b'&' | b'#'),
                said: "a parameter is compared as it is sent: & ends it, and a space comes as %20 or +",
                ..all
            },
            "path" => Spelling {
                // The path of `OPTIONS *`.
                first: |byte| matches!(byte, b'/' | b'*'),
                each: |byte| is_in_target(byte) && !matches!(byte, b'?' | b'#'),
                said: "a path starts with / and ends before ? and #; it is compared as it is sent, a space as %20",
                ..all
            },
            "host" => Spelling {
                each: |byte| is_in_target(byte) && !matches!(byte, b'/' | b'?' | b'#' | b'A'..=b'Z'),
                last: |byte| byte != b'.',
                said: "a host is compared in lower case, without its port and without a dot at its end",
                ..all
            },
            "method" => Spelling {
                each: |byte| byte.is_ascii_graphic(),
                may_be_empty: false,
                said: "a method is a word like GET",
                ..all
            },
            "id" if ids.lower_case => Spelling {
                each: |byte| is_in_id(byte) && !byte.is_ascii_uppercase(),
                said: "an id is brought into lower case where it is read (identity.normalize), and has no control characters \
                       and no space at its ends",
                ..Spelling::of("id", &Normalize::default())?
            },
            "id" => Spelling {
                first: |byte| byte != b' ',
                each: is_in_id,
                last: |byte| byte != b' ',
                may_be_empty: false,
                said: "an id is not empty, and has no control characters and no space at its ends",
            },
            "label" => Spelling {
                each: |byte| label::is_value(&[byte]),
                may_be_empty: false,
                said: "a label's value is not empty, and made of letters, digits and -._~/:+@",
                ..all
            },
            _ => return None,
        })
    }

    /// Whether a text can be a part of a value: its start, its end, both, or something in between.
    fn has(&self, text: &str, starts: bool, ends: bool) -> bool {
        let holds = |byte: Option<u8>, of: fn(u8) -> bool| byte.is_none_or(of);
        text.bytes().all(self.each)
            && (!starts || holds(text.bytes().next(), self.first))
            && (!ends || holds(text.bytes().next_back(), self.last))
            && (self.may_be_empty || !text.is_empty())
    }
}

fn is_no_space(byte: u8) -> bool {
    !matches!(byte, b' ' | b'\t')
}

fn is_in_id(byte: u8) -> bool {
    !byte.is_ascii_control()
}

/// What a request target may hold (RFC 3986), and bytes that are not ASCII: some clients send these as they are.
fn is_in_target(byte: u8) -> bool {
    byte.is_ascii_graphic() || !byte.is_ascii()
}

/// Warns of a test under a key of a condition that nothing can pass, and of texts in its list that nothing is; `at` is the test.
pub(super) fn warn(key: &str, written: &TextTest, ids: &Normalize, at: &mut At<'_>) {
    let Some(spelling) = Spelling::of(key, ids) else { return };
    let can_be = |text: &str, starts, ends| {
        let lower = if written.ignore_case { Some(text.to_ascii_lowercase()) } else { None };
        let text = lower.as_deref().unwrap_or(text);
        // A port is never there; a colon is, in an IPv6 address.
        let is_with_port = key == "host" && text.contains(':') && !text.contains('[');
        !is_with_port && spelling.has(text, starts, ends)
    };
    let bytes = [spelling.first, spelling.each, spelling.last];
    let separator = match key {
        "path" => Some(b'/'),
        "host" => Some(b'.'),
        _ => None,
    };
    let is_numeric = written.number.is_some() || written.remainder.is_some() || written.semver.is_some();
    let TextTest { exact, prefix, suffix, contains, regex, glob, one_of, .. } = written;
    let of = |text: &Option<String>, can_be: &dyn Fn(&str) -> Option<bool>| {
        text.as_deref().and_then(can_be).unwrap_or(true)
    };
    let tests = [
        ("exact", of(exact, &|text| Some(can_be(text, true, true)))),
        ("prefix", of(prefix, &|text| Some(can_be(text, true, false)))),
        ("suffix", of(suffix, &|text| Some(can_be(text, false, true)))),
        ("contains", of(contains, &|text| Some(can_be(text, false, false)))),
        ("regex", of(regex, &|text| Program::can_match(text, bytes))),
        ("glob", of(glob, &|text| Program::can_match_glob(text, separator, bytes))),
    ];
    let said = spelling.said;
    for (key, _) in tests.iter().filter(|(_, can_hold)| !can_hold) {
        at.key(key).warning(format_args!("this can never hold: {said}"));
    }
    if key == "path" && is_numeric {
        at.warning(format_args!("this can never hold: {said}"));
    }
    if key == "path" && prefix.as_deref() == Some("/") {
        at.key("prefix")
            .warning("every path begins with it, but the * of OPTIONS; leave this out, or write more of it");
    }
    let listed = one_of.iter().flatten().enumerate();
    let mut never = listed.filter(|(_, text)| !can_be(text, true, true)).map(|(index, _)| index);
    if let Some(index) = never.next() {
        let more = more(never.count(), "do others of the list");
        at.key("in").index(index).warning(format_args!("nothing is ever this{more}: {said}"));
    }
}

/// Warns of paths of a release that no request has; `at` is the release.
pub(super) fn paths(release: &Release, at: &mut At<'_>) {
    let mut at = at.key("match");
    let at = &mut at.key("paths");
    for (index, path) in release.matches.iter().flat_map(|matches| &matches.paths).enumerate() {
        let (PathMatch::Exact(text) | PathMatch::Prefix(text)) = path;
        if !text.bytes().all(is_in_target) {
            at.index(index)
                .warning("no request has this path: it is compared as it is sent, a space as %20 (RFC 3986)");
        }
    }
}

/// Warns of ids in the lists of a release that nobody has; `at` is the release.
pub(super) fn lists(release: &Release, ids: &Normalize, at: &mut At<'_>) {
    let list = |listed: &[String], at: &mut At<'_>| {
        let has_case = |text: &String| text.bytes().any(|byte| byte.is_ascii_uppercase());
        let mut never = listed.iter().enumerate().filter(|(_, id)| ids.lower_case && has_case(id));
        if let Some((index, _)) = never.next() {
            let more = more(never.count(), "do others of the list");
            at.index(index).warning(format_args!(
                "nobody has this id{more}: ids are brought into lower case where they are read (identity.normalize)"
            ));
        }
    };
    list(&release.deny, &mut at.key("deny"));
    for (lane, listed) in release.allow.iter() {
        list(listed, &mut at.key("allow").key(lane));
    }
}
