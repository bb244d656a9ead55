//! Ranges of versions, as Cargo writes them: `">=3.2, <4"`, `"^1.4"`, `"~2.1.3"`, `"1.2"` (which is `^1.2`), `"*"`.
//!
//! Comparisons must all hold, so a requirement is one range. Versions of requests are read leniently, as they come: a `v`
//! before them, and minor and patch left out, count as in `v2.3` = 2.3.0. A pre-release (`4.0.0-beta`) is before its
//! release, and holds only where the end of the range is a pre-release of the same version, or `<4` would let it in.
//!
//! Sources: Semantic Versioning 2.0.0, section 11; the Cargo Book, "Specifying Dependencies".

use std::cmp::Ordering;

use arrayvec::ArrayVec;

use crate::bytes::{split, split_once};
use crate::compare::{Comparison, comparisons};

/// What a requirement must look like, for messages.
pub(crate) const EXPECTED: &str =
    "versions with ^, ~, =, <, <=, > or >= before them and commas between, like \">=3.2, <4\"; or \"*\"";

/// Bytes of the pre-release that an end of a range may have.
const PRE: usize = 32;

/// Major, minor and patch.
type Core = [u64; 3];

/// A range of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirement {
    from: End,
    to: Option<End>,
}

/// An end of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
struct End {
    core: Core,
    /// Empty for a release.
    pre: ArrayVec<u8, PRE>,
    is_in: bool,
}

/// A version as it came.
struct Version<'a> {
    core: Core,
    pre: &'a [u8],
}

impl Requirement {
    /// Reads comparisons that must all hold; `None` when the text is something else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut requirement = Requirement { from: End::before([0; 3]), to: None };
        requirement.from.is_in = true;
        if text.trim_ascii() == "*" {
            return Some(requirement);
        }
        for (comparison, operand) in comparisons(text) {
            let (from, to) = ends(comparison, operand)?;
            if let Some(from) = from.filter(|from| from.cmp(&requirement.from, true) == Ordering::Greater) {
                requirement.from = from;
            }
            let is_lower =
                |to: &End| requirement.to.as_ref().is_none_or(|end| to.cmp(end, false) == Ordering::Less);
            if let Some(to) = to.filter(is_lower) {
                requirement.to = Some(to);
            }
        }
        Some(requirement)
    }

    /// Whether no version is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.to.as_ref().is_some_and(|to| match compare(&self.from.core, &self.from.pre, &to.core, &to.pre) {
            Ordering::Less => false,
            Ordering::Equal => !(self.from.is_in && to.is_in),
            Ordering::Greater => true,
        })
    }

    /// Whether `text` is a version in the range.
    pub(crate) fn holds(&self, text: &[u8]) -> bool {
        let Some(version) = Version::parse(text) else { return false };
        let is_pre_of = |end: &End| !end.pre.is_empty() && end.core == version.core;
        let is_allowed =
            version.pre.is_empty() || is_pre_of(&self.from) || self.to.as_ref().is_some_and(is_pre_of);
        let is_after = match version.cmp(&self.from) {
            Ordering::Equal => self.from.is_in,
            order => order == Ordering::Greater,
        };
        let is_before = self.to.as_ref().is_none_or(|to| match version.cmp(to) {
            Ordering::Equal => to.is_in,
            order => order == Ordering::Less,
        });
        is_allowed && is_after && is_before
    }
}

impl End {
    /// Everything before the first version with this core, its pre-releases too: `0` is before every pre-release that
    /// counts.
    fn before(core: Core) -> Self {
        End { core, pre: ArrayVec::new(), is_in: false }
    }

    /// The order of two ends of one side: which one leaves less.
    fn cmp(&self, other: &End, is_start: bool) -> Ordering {
        let order = compare(&self.core, &self.pre, &other.core, &other.pre);
        order.then_with(|| if is_start { other.is_in.cmp(&self.is_in) } else { self.is_in.cmp(&other.is_in) })
    }
}

/// Where the range of one comparison starts and ends.
fn ends(comparison: Option<Comparison>, operand: &str) -> Option<(Option<End>, Option<End>)> {
    let (sign, operand) = match comparison {
        Some(_) => ("", operand),
        None => match operand.as_bytes().first()? {
            b'^' => ("^", operand.get(1..)?.trim_ascii()),
            b'~' => ("~", operand.get(1..)?.trim_ascii()),
            _ => ("^", operand),
        },
    };
    let (version, given) = partial(operand.as_bytes())?;
    let core = version.core;
    let pre: ArrayVec<u8, PRE> = version.pre.try_into().ok()?;
    let end = |is_in| End { core, pre: pre.clone(), is_in };
    // The first version that is not one of those that the operand leaves open: after 3.2 comes 3.3.0.
    let next = |parts: usize| {
        let mut next = core;
        *next.get_mut(parts.checked_sub(1)?)? += 1;
        next.iter_mut().skip(parts).for_each(|number| *number = 0);
        Some(End::before(next))
    };
    let is_whole = given == 3;
    Some(match (comparison, sign) {
        (Some(Comparison::Equal), _) if is_whole => (Some(end(true)), Some(end(true))),
        (Some(Comparison::Equal), _) | (None, "~") if !is_whole => (Some(end(true)), next(given)),
        (Some(Comparison::Less), _) => (None, Some(end(false))),
        (Some(Comparison::LessOrEqual), _) if is_whole => (None, Some(end(true))),
        (Some(Comparison::LessOrEqual), _) => (None, next(given)),
        (Some(Comparison::Greater), _) if is_whole => (Some(end(false)), None),
        (Some(Comparison::Greater), _) => (next(given).map(|next| End { is_in: true, ..next }), None),
        (Some(_), _) => (Some(end(true)), None),
        (None, "~") => (Some(end(true)), next(2)),
        // ^: up to the next change of the first number that is not 0.
        (None, _) => {
            let first = core.iter().take(given).position(|number| *number != 0);
            (Some(end(true)), next(first.map_or(given, |at| at + 1)))
        }
    })
}

impl<'a> Version<'a> {
    /// A version of a request.
    fn parse(text: &'a [u8]) -> Option<Self> {
        let text = match text {
            [b'v' | b'V', rest @ ..] => rest,
            text => text,
        };
        partial(text).map(|(version, _)| version)
    }

    fn cmp(&self, end: &End) -> Ordering {
        compare(&self.core, self.pre, &end.core, &end.pre)
    }
}

/// A version of which minor and patch may be left out, and how many numbers were given. Build metadata counts for nothing.
fn partial(text: &[u8]) -> Option<(Version<'_>, usize)> {
    let text =
        split_once(text, b'+').map_or(Some(text), |(text, build)| are_identifiers(build).then_some(text))?;
    let (numbers, pre) = match split_once(text, b'-') {
        Some((numbers, pre)) => (numbers, Some(pre)),
        None => (text, None),
    };
    let mut core = [0; 3];
    let mut given = 0;
    for part in split(numbers, b'.') {
        *core.get_mut(given)? = number(part)?;
        given += 1;
    }
    match pre {
        None => Some((Version { core, pre: &[] }, given)),
        Some(pre) if given == 3 && are_identifiers(pre) => Some((Version { core, pre }, given)),
        Some(_) => None,
    }
}

/// A number without a zero before it.
fn number(digits: &[u8]) -> Option<u64> {
    let good = (1..=18).contains(&digits.len()) && (digits.len() == 1 || digits.first() != Some(&b'0'));
    good.then(|| crate::number::whole(digits))?
}

fn are_identifiers(text: &[u8]) -> bool {
    let is_one = |part: &[u8]| {
        !part.is_empty() && part.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    };
    split(text, b'.').all(is_one)
}

/// The precedence of Semantic Versioning: the core; a pre-release before its release; identifiers one by one, numbers before words.
fn compare(core: &Core, pre: &[u8], other_core: &Core, other_pre: &[u8]) -> Ordering {
    core.cmp(other_core).then_with(|| match (pre.is_empty(), other_pre.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => compare_pre(pre, other_pre),
    })
}

fn compare_pre(one: &[u8], other: &[u8]) -> Ordering {
    let (mut one, mut other) = (split(one, b'.'), split(other, b'.'));
    loop {
        let order = match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) => {
                let is_number = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
                match (is_number(one), is_number(other)) {
                    (true, true) => one.len().cmp(&other.len()).then_with(|| one.cmp(other)),
                    (true, false) => Ordering::Less,
                    (false, true) => Ordering::Greater,
                    (false, false) => one.cmp(other),
                }
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    use super::*;

    #[track_caller]
    fn check(requirement: &str, inside: &[&str], outside: &[&str]) {
        let requirement = Requirement::parse(requirement).unwrap();
        for text in inside {
            assert!(requirement.holds(text.as_bytes()), "{text} in {requirement:?}");
        }
        for text in outside {
            assert!(!requirement.holds(text.as_bytes()), "{text} not in {requirement:?}");
        }
    }

    #[test]
    fn holds_versions_in_a_range() {
        check(
            ">=3.2, <4",
            &["3.2.0", "3.2", "v3.9.9", "3.10.0+build"],
            &["3.1.9", "4.0.0", "4", "3", "4.0.0-beta"],
        );
        check("^1.4", &["1.4.0", "1.99"], &["1.3.9", "2.0.0"]);
        check("^0.3.1", &["0.3.1", "0.3.9"], &["0.3.0", "0.4.0"]);
        check("~2.1.3", &["2.1.3", "2.1.9"], &["2.1.2", "2.2.0"]);
        check("=2", &["2.0.0", "2.9.9"], &["1.9.9", "3.0.0"]);
        check(">3.2", &["3.3.0"], &["3.2.9"]);
        check("*", &["0.0.0", "V7"], &["7.0.0-rc.1"]);
    }

    #[test]
    fn a_pre_release_holds_only_where_its_own_version_is_asked_for() {
        check(
            ">=3.2.0-beta.2, <4",
            &["3.2.0-beta.2", "3.2.0-rc.1", "3.2.0", "3.5.0"],
            &["3.2.0-beta.1", "3.3.0-rc.1"],
        );
    }

    #[test]
    fn text_that_is_no_version_holds_nowhere() {
        check(
            "*",
            &["1.0.0"],
            &["", "v", "1.", "1.2.3.4", "01.2", "1.2.x", "1.2-beta", "latest", "1.0.0-", "-1", "\u{e9}"],
        );
    }

    #[test]
    fn knows_when_nothing_is_in_it() {
        assert!(Requirement::parse(">4, <3").unwrap().is_empty());
        assert!(!Requirement::parse(">=3, <=3").unwrap().is_empty());
    }

    #[test]
    fn refuses_what_is_no_requirement() {
        for text in ["", ">", "1.2.x", ">=3.2 <4", "=>1", "v1", "1 - 2", "^", "1.2-beta"] {
            assert_eq!(Requirement::parse(text), None, "{text}");
        }
    }

    fn identifiers() -> impl Strategy<Value = String> {
        prop::sample::select(vec!["", "", "-1", "-2", "-a", "-a.1", "-10", "-a-b"]).prop_map(str::to_owned)
    }

    fn full() -> impl Strategy<Value = String> {
        (0..4_u8, 0..4_u8, 0..4_u8, identifiers()).prop_map(|(a, b, c, pre)| format!("{a}.{b}.{c}{pre}"))
    }

    fn comparison() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            full(),
            (0..4_u8, 0..4_u8).prop_map(|(a, b)| format!("{a}.{b}")),
            (0..4_u8).prop_map(|a| a.to_string()),
        ];
        let sign = prop::sample::select(vec!["", "^", "~", "=", "<", "<=", ">", ">=", ">= "]);
        (sign, part).prop_map(|(sign, part)| format!("{sign}{part}"))
    }

    proptest! {
        #![proptest_config(Config { cases: 5_000, failure_persistence: None, ..Config::default() })]

        #[test]
        fn one_comparison_means_what_it_means_to_cargo(requirement in comparison(), version in full()) {
            let oracle = semver::VersionReq::parse(&requirement).unwrap();
            let expected = oracle.matches(&semver::Version::parse(&version).unwrap());
            let ours = Requirement::parse(&requirement).unwrap();
            prop_assert_eq!(ours.holds(version.as_bytes()), expected);
        }

        #[test]
        fn several_hold_of_a_release_where_each_does(
            requirements in prop::collection::vec(comparison(), 1..4),
            core in (0..4_u8, 0..4_u8, 0..4_u8),
        ) {
            let version = format!("{}.{}.{}", core.0, core.1, core.2);
            let text = requirements.join(", ");
            let oracle = semver::VersionReq::parse(&text).unwrap();
            let expected = oracle.matches(&semver::Version::parse(&version).unwrap());
            let ours = Requirement::parse(&text).unwrap();
            prop_assert_eq!(ours.holds(version.as_bytes()), expected, "{:?}", ours);
            prop_assert!(!(expected && ours.is_empty()));
        }

        #[test]
        fn any_bytes_are_a_version_or_are_not(bytes in any::<Vec<u8>>(), text in "[v0-9.<>=~^, +a-]{0,12}") {
            let _read = Requirement::parse(&text);
            prop_assert!(!Requirement::parse(">1, <1").unwrap().holds(&bytes));
        }
    }
}
