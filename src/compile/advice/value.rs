//! What never stands in a request: tests that ask for it, and ids and paths that are made of it.

use super::form::separator;
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
    /// What is claimed of a test that asks for another.
    never: &'static str,
    /// The spelling in words.
    said: &'static str,
}

impl Spelling {
    /// What can stand under a key of a condition; `None` where that may be anything.
    fn of(key: &str, ids: &Normalize) -> Option<Self> {
        let any = |_| true;
        let all = Spelling {
            first: any,
            each: any,
            last: any,
            may_be_empty: true,
            never: "this can never hold",
            said: "",
        };
        Some(match key {
            // Over HTTP/2, Envoy hands on spaces at its ends.
            "header" => Spelling { each: is_in_line, said: "a header's value is one line", ..all },
            "cookie" => Spelling {
                first: is_no_space,
                each: |byte| is_in_line(byte) && byte != b';',
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
                first: |byte| byte == b'/',
                each: |byte| is_in_target(byte) && !matches!(byte, b'?' | b'#'),
                said: "a path starts with / and ends before ? and #; it is compared as it is sent, a space as %20",
                ..all
            },
            "host" => Spelling {
                each: |byte| is_in_target(byte) && !matches!(byte, b'/' | b'?' | b'#' | b'A'..=b'Z'),
                last: |byte| byte != b'.',
                never: "this can never hold of a well-formed host",
                said: "it is compared in lower case, without its port and without a dot at its end",
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
                never: "this holds of no id that is read here",
                said: "ids are in lower case (identity.normalize), but for one that a believed hop before hands over",
                ..Spelling::of("id", &Normalize::default())?
            },
            "id" => Spelling {
                first: is_no_space,
                each: is_in_id,
                last: is_no_space,
                may_be_empty: false,
                said: "an id is not empty, and has no control characters and no space at its ends",
                ..all
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

fn is_in_line(byte: u8) -> bool {
    !matches!(byte, b'\0' | b'\r' | b'\n')
}

fn is_in_id(byte: u8) -> bool {
    !byte.is_ascii_control()
}

/// What Envoy lets into a path; some clients send bytes that are not ASCII as they are.
fn is_in_target(byte: u8) -> bool {
    byte.is_ascii_graphic() || !byte.is_ascii()
}

/// The first of these that nothing is, by its position, and how many more there are.
fn first_never(texts: &[String], can_be: impl Fn(&str) -> bool) -> Option<(usize, String)> {
    let mut never = texts.iter().enumerate().filter(|(_, text)| !can_be(text)).map(|(index, _)| index);
    let first = never.next()?;
    let more = never.count();
    Some((first, if more == 0 { String::new() } else { format!(" (others of the list as well: {more})") }))
}

/// Warns of a test under a key of a condition that nothing can pass, and of texts in its list that nothing is; `at` is the test.
pub(super) fn warn(key: &str, written: &TextTest, ids: &Normalize, at: &mut At<'_>) {
    let Some(spelling) = Spelling::of(key, ids) else { return };
    let can_be = |text: &str, starts: bool, ends: bool| {
        let lower = if written.ignore_case { Some(text.to_ascii_lowercase()) } else { None };
        let text = lower.as_deref().unwrap_or(text);
        // A port is never there; a colon is, in an IPv6 address.
        let is_with_port = key == "host"
            && text.contains(':')
            && (starts && !text.starts_with('[') || ends && !text.ends_with(']'));
        !is_with_port && spelling.has(text, starts, ends)
    };
    let bytes = [spelling.first, spelling.each, spelling.last];
    let TextTest { exact, prefix, suffix, contains, regex, glob, one_of, .. } = written;
    let TextTest { number, remainder, semver, .. } = written;
    let operand =
        |text: &Option<String>, starts, ends| text.as_ref().is_none_or(|text| can_be(text, starts, ends));
    let program = |text: &Option<String>, can_match: &dyn Fn(&str) -> Option<bool>| {
        text.as_deref().and_then(can_match).unwrap_or(true)
    };
    let is_path = key == "path";
    let Spelling { never, said, .. } = spelling;
    for (operator, can_hold) in [
        ("exact", operand(exact, true, true)),
        ("prefix", operand(prefix, true, false)),
        ("suffix", operand(suffix, false, true)),
        ("contains", operand(contains, false, false)),
        ("regex", program(regex, &|text| Program::can_match(text, bytes))),
        ("glob", program(glob, &|text| Program::can_match_glob(text, separator(key), bytes))),
        ("number", !is_path || number.is_none()),
        ("mod", !is_path || remainder.is_none()),
        ("semver", !is_path || semver.is_none()),
    ] {
        if !can_hold {
            at.key(operator).warning(format_args!("{never}: {said}"));
        }
    }
    if is_path && prefix.as_deref() == Some("/") {
        at.key("prefix").warning("this always holds: every path begins with it");
    }
    let listed = one_of.as_deref().and_then(|texts| first_never(texts, |text| can_be(text, true, true)));
    if let Some((index, more)) = listed {
        at.key("in").index(index).warning(format_args!("{never}{more}: {said}"));
    }
}

/// Warns of ids in the lists of a release, and of its paths, that no request has; `at` is the release.
pub(super) fn places(release: &Release, ids: &Normalize, at: &mut At<'_>) {
    let paths = release.matches.iter().flat_map(|matches| &matches.paths);
    let texts = paths.map(|(PathMatch::Exact(text) | PathMatch::Prefix(text))| text);
    for (index, text) in texts.enumerate() {
        if let Some(path) = Spelling::of("path", ids).filter(|path| !path.has(text, true, false)) {
            let said = path.said;
            at.key("match")
                .key("paths")
                .index(index)
                .warning(format_args!("no request has a path like this: {said}"));
        }
    }
    let Some(spelling) = Spelling::of("id", ids) else { return };
    let list = |listed: &[String], at: &mut At<'_>| {
        if let Some((index, more)) = first_never(listed, |id| spelling.has(id, true, true)) {
            let said = spelling.said;
            at.index(index).warning(format_args!(
                "no id that is read here is this{more}: {said}; list it in lower case too"
            ));
        }
    };
    list(&release.deny, &mut at.key("deny"));
    for (lane, listed) in release.allow.iter() {
        list(listed, &mut at.key("allow").key(lane));
    }
}
