//! What never stands in a request: tests that ask for it, and ids and paths that are made of it.

use std::ops::RangeInclusive;

use super::form::separator;
use crate::error::At;
use crate::policy::{Absent, IdSource, Normalize, PathMatch, Policy, Release, TextTest};
use crate::regex::Program;
use crate::{headers, label, limits};

/// The bytes that a value is made of.
struct Spelling {
    /// Those at its start.
    first: fn(u8) -> bool,
    /// All of them.
    each: fn(u8) -> bool,
    /// Those at its end.
    last: fn(u8) -> bool,
    /// How many there are, at least and at most.
    len: RangeInclusive<usize>,
}

/// How values under a key of a condition are spelled.
struct Spellings {
    /// In one of these ways.
    ways: Vec<Spelling>,
    /// What is claimed of a test that asks for another.
    never: &'static str,
    /// The spellings in words.
    said: &'static str,
}

impl Spellings {
    /// The spellings of what stands under a key of a condition; `None` where that may be anything.
    fn of(key: &str, ids: &Normalize) -> Option<Self> {
        let any = |_| true;
        let all = || Spelling { first: any, each: any, last: any, len: 0..=usize::MAX };
        let one = |way, said| Some(Spellings { ways: vec![way], never: "this can never hold", said });
        match key {
            // Over HTTP/2, Envoy hands on spaces at its ends.
            "header" => one(Spelling { each: is_in_line, ..all() }, "a header's value is one line"),
            "cookie" => one(
                Spelling {
                    first: is_no_space,
                    each: |byte| is_in_line(byte) && byte != b';',
                    last: is_no_space,
                    ..all()
                },
                "a cookie's value ends at a semicolon and has no space at its ends",
            ),
            "query" => one(
                Spelling { each: |byte| is_in_target(byte) && !matches!(byte, b'&' | b'#'), ..all() },
                "a parameter is compared as it is sent: & ends it, and a space comes as %20 or +",
            ),
            "path" => one(
                Spelling {
                    first: |byte| byte == b'/',
                    each: |byte| is_in_target(byte) && !matches!(byte, b'?' | b'#'),
                    ..all()
                },
                "a path starts with / and ends before ? and #; it is compared as it is sent, a space as %20",
            ),
            "host" => {
                let is_in_name =
                    |byte| is_in_target(byte) && !matches!(byte, b'/' | b'?' | b'#' | b':' | b'A'..=b'Z');
                let name = Spelling { each: is_in_name, last: |byte| byte != b'.', ..all() };
                // In brackets, as it stands in a URL.
                let address = Spelling {
                    first: |byte| byte == b'[',
                    each: |byte| matches!(byte, b'[' | b':' | b'.' | b']' | b'0'..=b'9' | b'a'..=b'f'),
                    last: |byte| byte == b']',
                    ..all()
                };
                Some(Spellings {
                    ways: vec![name, address],
                    never: "this can never hold of a well-formed host",
                    said: "it is compared in lower case, without its port and without a dot at its end",
                })
            }
            "method" => one(
                Spelling { each: |byte| byte.is_ascii_graphic(), len: 1..=usize::MAX, ..all() },
                "a method is a word like GET",
            ),
            "id" => {
                let id =
                    Spelling { first: is_no_space, each: is_in_id, last: is_no_space, len: 1..=limits::ID };
                if !ids.lower_case {
                    return one(
                        id,
                        "an id has 1 to 256 bytes, no control characters and no space at its ends",
                    );
                }
                let each = |byte: u8| is_in_id(byte) && !byte.is_ascii_uppercase();
                Some(Spellings {
                    ways: vec![Spelling { each, ..id }],
                    never: "this holds of no id that is read here",
                    said: "ids are in lower case (identity.normalize), but for one that a believed hop before hands over",
                })
            }
            "label" => one(
                Spelling { each: |byte| label::is_value(&[byte]), len: 1..=limits::LABEL_VALUE, ..all() },
                "a label's value has 1 to 256 letters, digits and -._~/:+@",
            ),
            _ => None,
        }
    }

    /// Whether a text can be a part of a value: its start, its end, both, or something in between.
    fn have(&self, text: &str, starts: bool, ends: bool) -> bool {
        let holds = |byte: Option<u8>, of: fn(u8) -> bool| byte.is_none_or(of);
        self.ways.iter().any(|way| {
            text.bytes().all(way.each)
                && (!starts || holds(text.bytes().next(), way.first))
                && (!ends || holds(text.bytes().next_back(), way.last))
                && text.len() <= *way.len.end()
                && (!starts || !ends || way.len.contains(&text.len()))
        })
    }

    /// Whether `can_match` is true of one of the spellings: of bytes at the start, of all of them, and at the end.
    fn match_some(&self, can_match: impl Fn([fn(u8) -> bool; 3]) -> Option<bool>) -> bool {
        self.ways.iter().any(|way| can_match([way.first, way.each, way.last]).unwrap_or(true))
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

/// Warns of a test under a key of a condition, and of a name where the key has names, that nothing can pass, and of texts in its list
/// that nothing is; `at` is the test. Says whether the test as a whole was found to hold always or never.
pub(super) fn warn(key: &str, name: &str, written: &TextTest, policy: &Policy, at: &mut At<'_>) -> bool {
    if let Some(holds) = is_settled(key, name, written, policy) {
        let holds_or_not = if holds { "always holds" } else { "can never hold" };
        match key {
            "header" => at.warning(format_args!(
                "this {holds_or_not}: {name} is removed from every request before it is looked at"
            )),
            "id" => at.key("present").warning(format_args!(
                "this {holds_or_not}: whoever brings no id is given one first (identity.absent: issue)"
            )),
            _ => at.warning("this holds of every request that has a path: each begins with /"),
        }
        return true;
    }
    let Some(spellings) = Spellings::of(key, &policy.identity.normalize) else { return false };
    let can_be = |text: &str, starts: bool, ends: bool| {
        let lower = if written.ignore_case { Some(text.to_ascii_lowercase()) } else { None };
        spellings.have(lower.as_deref().unwrap_or(text), starts, ends)
    };
    let TextTest { exact, prefix, suffix, contains, regex, glob, one_of, .. } = written;
    let TextTest { number, remainder, semver, .. } = written;
    let operand =
        |text: &Option<String>, starts, ends| text.as_ref().is_none_or(|text| can_be(text, starts, ends));
    let is_path = key == "path";
    let Spellings { never, said, .. } = spellings;
    let mut is_settled = false;
    for (operator, can_hold) in [
        ("exact", operand(exact, true, true)),
        ("prefix", operand(prefix, true, false)),
        ("suffix", operand(suffix, false, true)),
        ("contains", operand(contains, false, false)),
        (
            "regex",
            regex.as_ref().is_none_or(|text| spellings.match_some(|bytes| Program::can_match(text, bytes))),
        ),
        (
            "glob",
            glob.as_ref().is_none_or(|text| {
                spellings.match_some(|bytes| Program::can_match_glob(text, separator(key), bytes))
            }),
        ),
        ("number", !is_path || number.is_none()),
        ("mod", !is_path || remainder.is_none()),
        ("semver", !is_path || semver.is_none()),
    ] {
        if !can_hold {
            is_settled = true;
            at.key(operator).warning(format_args!("{never}: {said}"));
        }
    }
    let listed = one_of.as_deref().and_then(|texts| first_never(texts, |text| can_be(text, true, true)));
    if let Some((index, more)) = listed {
        at.key("in").index(index).warning(format_args!("{never}{more}: {said}"));
    }
    is_settled
}

/// Whether what is looked at says by itself that a test always or never holds.
fn is_settled(key: &str, name: &str, written: &TextTest, policy: &Policy) -> Option<bool> {
    let is_absent = written.present == Some(false);
    let names = &policy.names;
    let own =
        [(&names.lane, headers::LANE), (&names.cluster, headers::CLUSTER), (&names.slot, headers::SLOT)];
    let is_removed = |(name_of, default): (&Option<String>, &str)| {
        name_of.as_deref().unwrap_or(default).eq_ignore_ascii_case(name)
    };
    let is_slash = |text: &Option<String>| text.as_deref() == Some("/");
    match key {
        "header" if own.into_iter().any(is_removed) => Some(is_absent),
        "id" if policy.identity.absent.unwrap_or(Absent::Issue) == Absent::Issue => written.present,
        "path" if is_slash(&written.prefix) || is_slash(&written.contains) => Some(true),
        _ => None,
    }
}

/// Warns of sources of ids that are hardly ever asked; `at` is the policy.
pub(super) fn sources(policy: &Policy, at: &mut At<'_>) {
    let sources = &policy.identity.sources;
    let first = sources.iter().position(|source| *source == IdSource::SourceAddress);
    if let Some(first) = first.filter(|first| first + 1 < sources.len()) {
        at.key("identity").key("sources").index(first + 1).warning(format_args!(
            "asked only where a request has no address, as on a Unix socket: sources[{first}] is before it; write that last"
        ));
    }
}

/// Warns of ids in the lists of a release, and of its paths, that no request has; `at` is the release.
pub(super) fn places(release: &Release, ids: &Normalize, at: &mut At<'_>) {
    let (Some(path), Some(id)) = (Spellings::of("path", ids), Spellings::of("id", ids)) else { return };
    let paths = release.matches.iter().flat_map(|matches| &matches.paths);
    let texts = paths.map(|(PathMatch::Exact(text) | PathMatch::Prefix(text))| text);
    for (index, _) in texts.enumerate().filter(|(_, text)| !path.have(text, true, false)) {
        let said = path.said;
        at.key("match")
            .key("paths")
            .index(index)
            .warning(format_args!("no request has a path like this: {said}"));
    }
    let list = |listed: &[String], at: &mut At<'_>| {
        if let Some((index, more)) = first_never(listed, |listed| id.have(listed, true, true)) {
            let said = id.said;
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
