//! Versions and requirements on them, as Cargo writes and means them: `">=3.2, <4"`, `"^1.4"`, `"~2.1.3"`, `"1.2"` (which
//! is `^1.2`), `"1.*"`, `"*"`.
//!
//! A version with a pre-release holds only where one of the comparisons names a pre-release of the same three numbers, or
//! `>=2.0.0` would let 3.0.0-rc.1 in. Versions of requests are read leniently, as they come: a `v` before them, minor
//! and patch left out, and zeros before a number count as in `v2.3` = 2.3.0 and `2026.01` = 2026.1.0.
//!
//! Sources: Semantic Versioning 2.0.0; the Cargo Book, "Specifying Dependencies".

use std::cmp::Ordering;

use crate::arena::{Arena, Block, List, Text};
use crate::bytes::{split, split_once};
use crate::compare::{Comparison, comparisons};
use crate::number::whole;
use crate::record::record;

/// What a requirement must look like, for messages.
pub(crate) const EXPECTED: &str =
    "versions with ^, ~, =, <, <=, > or >= before them and commas between, like \">=3.2, <4\"; or \"*\"";

/// Major, minor and patch.
type Core = [u64; 3];

record! {
    /// A requirement: comparisons that must all hold.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Requirement {
        terms: List<Term>,
    }
}

/// A range of versions without a pre-release.
#[cfg(feature = "tools")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first one.
    from: Core,
    /// The first one behind it, if there is one.
    to: Option<Core>,
}

#[cfg(feature = "tools")]
impl Span {
    /// Whether every version of it is in `other`.
    pub(crate) fn is_within(self, other: Span) -> bool {
        let ends = other.to.is_none_or(|end| self.to.is_some_and(|to| to <= end));
        other.from <= self.from && ends
    }

    /// Whether a version is in both.
    pub(crate) fn meets(self, other: Span) -> bool {
        let to = self.to.into_iter().chain(other.to).min();
        to.is_none_or(|to| self.from.max(other.from) < to)
    }
}

record! {
    /// One comparison.
    #[derive(Debug, Clone, Copy)]
    struct Term {
        comparison: Comparison,
        /// So many numbers must be the same.
        same: u8,
        /// So many numbers are compared; where it is all of them, the pre-release too.
        given: u8,
        /// 0 where it is not given.
        core: Core,
        pre: Option<Text>,
    }
}

impl Requirement {
    /// Takes in comparisons that must all hold; `None` when the text is something else. They are kept in `arena`.
    pub(crate) fn compile(text: &str, arena: &mut Arena) -> Option<Requirement> {
        let mut terms = Vec::new();
        if !is_wildcard(text.trim_ascii().as_bytes()) {
            for (comparison, operand) in comparisons(text) {
                terms.push(Term::parse(comparison, operand, arena)?);
            }
        }
        Some(Requirement { terms: arena.list(terms) })
    }

    /// Whether it is certain that no version holds. Exact where no pre-release is named.
    pub(crate) fn is_empty(self, block: Block<'_>) -> bool {
        let names_pre = block.list(self.terms).any(|term| term.pre.is_some());
        let (mut from, mut to) = ([0; 3], None);
        for term in block.list(self.terms) {
            let Some(start) = term.start() else { return true };
            from = from.max(start);
            to = to.into_iter().chain(term.end(names_pre)).min();
        }
        to.is_some_and(|to| from >= to)
    }

    /// The versions for which it holds; `None` where it names a pre-release, so that more than their numbers count.
    #[cfg(feature = "tools")]
    pub(crate) fn span(self, block: Block<'_>) -> Option<Span> {
        let mut span = Span { from: [0; 3], to: None };
        for term in block.list(self.terms) {
            if term.pre.is_some() {
                return None;
            }
            span.from = span.from.max(term.start()?);
            span.to = span.to.into_iter().chain(term.end(false)).min();
        }
        Some(span)
    }

    /// Whether `text` is a version for which all comparisons hold.
    pub(crate) fn holds(self, block: Block<'_>, text: &[u8]) -> bool {
        let Some(version) = Version::parse(text) else { return false };
        let names_it = |term: Term| term.pre.is_some() && term.core == version.core;
        (version.pre.is_empty() || block.list(self.terms).any(names_it))
            && block.list(self.terms).all(|term| term.holds(block, &version))
    }
}

impl Term {
    fn parse(comparison: Option<Comparison>, operand: &str, arena: &mut Arena) -> Option<Self> {
        let (numbers, pre) = parts(operand.as_bytes())?;
        let (mut core, mut given, mut is_open) = ([0; 3], 0, false);
        let mut places = core.iter_mut();
        for part in split(numbers, b'.') {
            let place = places.next()?;
            is_open |= given > 0 && is_wildcard(part);
            if !is_open {
                *place = whole(part).filter(|_| part == b"0" || !part.starts_with(b"0"))?;
                given += 1;
            } else if !is_wildcard(part) {
                return None;
            }
        }
        // What follows the numbers belongs to all three.
        if given < 3 && numbers.len() < operand.len() {
            return None;
        }
        let comparison = comparison.unwrap_or(if is_open { Comparison::Equal } else { Comparison::Caret });
        let same = match (comparison, core) {
            (Comparison::Tilde, _) => given.min(2),
            (Comparison::Caret, [0, 0, _]) => given,
            (Comparison::Caret, [0, ..]) => 2,
            (Comparison::Caret, _) => 1,
            _ => 0,
        };
        let pre = std::str::from_utf8(pre).ok().filter(|pre| !pre.is_empty()).map(|pre| arena.keep(pre));
        Some(Term { comparison, same, given, core, pre })
    }

    fn holds(&self, block: Block<'_>, version: &Version<'_>) -> bool {
        let compare = |count: u8| {
            let count = usize::from(count);
            version.core.iter().take(count).cmp(self.core.iter().take(count))
        };
        let is_whole = self.given == 3;
        let mut order = compare(self.given);
        if is_whole && order.is_eq() {
            order = compare_pre(version.pre, self.pre.map_or(&[], |pre| block.text(pre)));
        }
        // 3.2.1-rc.1 is neither 3.2 nor after it.
        let is_equal = order.is_eq() && (is_whole || version.pre.is_empty());
        let holds = match self.comparison {
            Comparison::Equal => is_equal,
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_lt() || is_equal,
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual | Comparison::Tilde => order.is_gt() || is_equal,
            Comparison::Caret => order.is_ge(),
        };
        holds && compare(self.same).is_eq()
    }

    /// The first numbers for which it can hold, if there are any.
    fn start(&self) -> Option<Core> {
        match self.comparison {
            Comparison::Less | Comparison::LessOrEqual => Some([0; 3]),
            Comparison::Greater if self.pre.is_none() => self.after(self.given),
            _ => Some(self.core),
        }
    }

    /// The first numbers after all for which it can hold, if there are any.
    fn end(&self, names_pre: bool) -> Option<Core> {
        match self.comparison {
            Comparison::Greater | Comparison::GreaterOrEqual => None,
            // A pre-release of these very numbers is less.
            Comparison::Less if names_pre => self.after(self.given),
            Comparison::Less => Some(self.core),
            Comparison::LessOrEqual | Comparison::Equal => self.after(self.given),
            Comparison::Caret | Comparison::Tilde => self.after(self.same),
        }
    }

    /// The first numbers after all that begin with so many of these.
    fn after(&self, count: u8) -> Option<Core> {
        let mut core = self.core;
        for (place, number) in core.iter_mut().enumerate().rev() {
            if place < usize::from(count)
                && let Some(next) = number.checked_add(1)
            {
                *number = next;
                return Some(core);
            }
            *number = 0;
        }
        None
    }
}

/// A version as it came.
struct Version<'a> {
    core: Core,
    /// Empty for a release.
    pre: &'a [u8],
}

impl<'a> Version<'a> {
    /// A version of a request.
    fn parse(text: &'a [u8]) -> Option<Self> {
        let ([b'v' | b'V', text @ ..] | text) = text;
        let (numbers, pre) = parts(text)?;
        let mut core = [0; 3];
        let mut places = core.iter_mut();
        for part in split(numbers, b'.') {
            *places.next()? = whole(part)?;
        }
        Some(Version { core, pre })
    }
}

/// The numbers of a version, and its pre-release or nothing. Build metadata counts for nothing.
fn parts(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let are_identifiers = |text: &[u8]| split(text, b'.').all(is_identifier);
    let is_padded = |part: &[u8]| part.len() > 1 && part.starts_with(b"0") && is_number(part);
    let version = match split_once(text, b'+') {
        Some((version, build)) => are_identifiers(build).then_some(version)?,
        None => text,
    };
    let Some((numbers, pre)) = split_once(version, b'-') else { return Some((version, &[])) };
    (are_identifiers(pre) && !split(pre, b'.').any(is_padded)).then_some((numbers, pre))
}

fn is_identifier(part: &[u8]) -> bool {
    !part.is_empty() && part.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

fn is_number(part: &[u8]) -> bool {
    part.iter().all(u8::is_ascii_digit)
}

fn is_wildcard(part: &[u8]) -> bool {
    matches!(part, b"*" | b"x" | b"X")
}

/// The precedence of pre-releases: none is the highest; identifiers one by one, numbers before words.
fn compare_pre(one: &[u8], other: &[u8]) -> Ordering {
    // Numbers are not padded, so the longer one is the larger.
    let key = |part| if is_number(part) { (false, part.len(), part) } else { (true, 0, part) };
    let keys = |pre| split(pre, b'.').map(key);
    one.is_empty().cmp(&other.is_empty()).then_with(|| keys(one).cmp(keys(other)))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::test_runner::Config;

    use super::*;

    /// A requirement and the block that it stands in.
    struct Taken(Arena, Requirement);

    impl Taken {
        fn parse(text: &str) -> Option<Self> {
            let mut arena = Arena::default();
            // Others stand before it.
            Requirement::compile("=1.0.0-other", &mut arena)?;
            let requirement = Requirement::compile(text, &mut arena)?;
            Some(Taken(arena, requirement))
        }

        fn holds(&self, version: &[u8]) -> bool {
            self.1.holds(self.0.block(), version)
        }

        fn is_empty(&self) -> bool {
            self.1.is_empty(self.0.block())
        }
    }

    #[track_caller]
    fn check(requirement: &str, inside: &[&str], outside: &[&str]) {
        let taken = Taken::parse(requirement).unwrap();
        for text in inside {
            assert!(taken.holds(text.as_bytes()), "{text} in {requirement}");
        }
        for text in outside {
            assert!(!taken.holds(text.as_bytes()), "{text} not in {requirement}");
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
        check("^0.0.3", &["0.0.3"], &["0.0.2", "0.0.4"]);
        check("~2.1.3", &["2.1.3", "2.1.9"], &["2.1.2", "2.2.0"]);
        check("=2", &["2.0.0", "2.9.9"], &["1.9.9", "3.0.0"]);
        check("2.*", &["2.0.0", "2.9.9"], &["1.9.9", "3.0.0"]);
        check(">3.2", &["3.3.0"], &["3.2.9"]);
        check("*", &["0.0.0", "V7", "18446744073709551615"], &["7.0.0-rc.1"]);
    }

    #[test]
    fn a_pre_release_holds_only_where_its_own_version_is_asked_for() {
        check(
            ">=3.2.0-beta.2, <4",
            &["3.2.0-beta.2", "3.2.0-rc.1", "3.2.0", "3.5.0"],
            &["3.2.0-beta.1", "3.3.0-rc.1"],
        );
    }

    /// As odd as it is, it is what Cargo does.
    #[test]
    fn a_pre_release_is_within_a_caret_of_open_numbers_and_in_no_other_comparison_of_them() {
        check("^1.2, >=1.2.3-a", &["1.2.3-b"], &["1.2.4-b"]);
        for other in ["~1.2", "=1.2", ">=1.2", "<=1.2", "1.2.*"] {
            check(&format!("{other}, >=1.2.3-a"), &[], &["1.2.3-b"]);
        }
    }

    #[test]
    fn versions_of_requests_are_read_leniently() {
        check("=2.3.0", &["v2.3", "V2.3.0", "2.3", "2.03", "v2.3+build.01", "2.3.0+-"], &["vv2.3", "v 2.3"]);
        check("=2.0.0-rc.1", &["2.0.0-rc.1", "v2-rc.1+5"], &["2"]);
    }

    #[test]
    fn text_that_is_no_version_holds_nowhere() {
        for requirement in ["*", ">=0.0.0-0"] {
            check(
                requirement,
                &["1.0.0"],
                &[
                    "",
                    "v",
                    "1.",
                    ".1",
                    "1.2.3.4",
                    "1.2.x",
                    "latest",
                    "1.0.0-",
                    "1.0.0+",
                    "-1",
                    "+1",
                    "0.0.0-a..b",
                    "0.0.0-01",
                    "0.0.0-a_b",
                    "\u{e9}",
                    "18446744073709551616",
                ],
            );
        }
    }

    #[test]
    fn knows_when_nothing_is_in_it() {
        for text in [
            ">4, <3",
            ">1.2.3, <1.2.4",
            ">1.2, <1.3",
            "=1, =2",
            "<0",
            ">18446744073709551615",
            ">4.0.0-a, <3",
        ] {
            assert!(Taken::parse(text).unwrap().is_empty(), "{text}");
        }
        for text in ["*", ">=3, <=3", ">=1.2, <1.3", "<1.2.4, >1.2.3-a", ">1.2.4-a, <1.2.4"] {
            assert!(!Taken::parse(text).unwrap().is_empty(), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_requirement() {
        for text in [
            "", ">", "1.*.3", ">=3.2 <4", "=>1", "v1", "1 - 2", "^", "1.2-beta", "1,", "*, 1", ">*", "01",
            "1.2+b",
        ] {
            assert!(Taken::parse(text).is_none(), "{text}");
        }
    }

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![9 => 0..4_u64, 1 => Just(u64::MAX)]
    }

    fn full() -> impl Strategy<Value = String> {
        const PRE: [&str; 13] =
            ["", "", "", "", "-0", "-1", "-10", "-2", "-a", "-a.1", "-A", "-1a", "-9999999999999999999999"];
        (number(), number(), number(), select(&PRE[..]), select(&["", "", "+b", "+01.-"][..]))
            .prop_map(|(a, b, c, pre, build)| format!("{a}.{b}.{c}{pre}{build}"))
    }

    fn comparison() -> impl Strategy<Value = String> {
        let part =
            || prop_oneof![4 => number().prop_map(|number| number.to_string()), 1 => Just("*".to_owned())];
        let version = prop_oneof![
            2 => full(),
            1 => (number(), part(), part()).prop_map(|(a, b, c)| format!("{a}.{b}.{c}")),
            1 => (number(), part()).prop_map(|(a, b)| format!("{a}.{b}")),
            1 => number().prop_map(|a| a.to_string()),
        ];
        let sign = select(&["", "^", "~", "=", "<", "<=", ">", ">=", ">= "][..]);
        (sign, version).prop_map(|(sign, version)| format!("{sign}{version}"))
    }

    proptest! {
        #![proptest_config(Config { cases: 5_000, failure_persistence: None, ..Config::default() })]

        #[test]
        fn a_requirement_means_what_it_means_to_cargo(comparisons in vec(comparison(), 1..4), versions in vec(full(), 12)) {
            let text = comparisons.join(", ");
            let (ours, oracle) = (Taken::parse(&text), semver::VersionReq::parse(&text).ok());
            prop_assert_eq!(ours.is_some(), oracle.is_some(), "{}", text);
            let Some((ours, oracle)) = ours.zip(oracle) else { return Ok(()) };
            for version in versions {
                let expected = oracle.matches(&semver::Version::parse(&version).unwrap());
                prop_assert_eq!(ours.holds(version.as_bytes()), expected, "{} {}", text, version);
                prop_assert!(!(expected && ours.is_empty()), "{}", text);
            }
            // Whatever holds begins at a number that is written, or one after it.
            if !text.contains('-') && !text.contains("184467") {
                let some = (0..125).map(|at| semver::Version::new(at / 25, at / 5 % 5, at % 5));
                prop_assert_eq!(ours.is_empty(), !some.into_iter().any(|one| oracle.matches(&one)), "{}", text);
            }
        }

        #[cfg(feature = "tools")]
        #[test]
        fn spans_of_two_requirements_lie_as_their_versions_do(one in vec(comparison(), 1..3), other in vec(comparison(), 1..3)) {
            let (one, other) = (one.join(", "), other.join(", "));
            let span = |text: &str| Taken::parse(text).and_then(|taken| taken.1.span(taken.0.block()));
            let Some((own, others)) = span(&one).zip(span(&other)) else { return Ok(()) };
            // As above, and none of these holds of a pre-release.
            if one.contains("184467") || other.contains("184467") {
                return Ok(());
            }
            let taken = |text: &str| Taken::parse(text).unwrap();
            let (one, other) = (taken(&one), taken(&other));
            let versions = (0..125).map(|at| format!("{}.{}.{}", at / 25, at / 5 % 5, at % 5));
            let held: Vec<_> = versions.map(|version| (one.holds(version.as_bytes()), other.holds(version.as_bytes()))).collect();
            prop_assert_eq!(own.meets(others), held.contains(&(true, true)));
            prop_assert!(!own.is_within(others) || !held.contains(&(true, false)));
            let is_something = held.iter().any(|(one, _)| *one);
            prop_assert!(own.is_within(others) || !is_something || held.contains(&(true, false)));
        }

        #[test]
        fn any_text_is_a_requirement_where_cargo_reads_one(text in "[0-2.*x<>=~^, a+-]{0,9}", bytes in any::<Vec<u8>>()) {
            let ours = Taken::parse(&text);
            prop_assert_eq!(ours.is_some(), semver::VersionReq::parse(&text).is_ok(), "{:?}", text);
            if let (Some(ours), Ok(version)) = (Taken::parse(&format!("={text}")), semver::Version::parse(&text)) {
                prop_assert!(ours.holds(text.as_bytes()) && ours.holds(format!("v{version}").as_bytes()), "{}", text);
            }
            prop_assert!(!Taken::parse(">1, <1").unwrap().holds(&bytes));
        }
    }
}
