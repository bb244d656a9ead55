//! Tests compared: whether one holds wherever another does, and whether the two exclude each other.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashSet;

use Operator::{
    Absent, Contains, Networks, Number, OneOf, Pattern, Percent, Prefix, Present, Remainder, Suffix, Unknown,
    Version,
};

use super::Steps;
use super::form::Test;
use crate::address::Network;
use crate::arena::Arena;
use crate::bucket::Bucket;
use crate::condition::Case;
use crate::number::{self, Range};
use crate::regex::Program;
use crate::version::{Requirement, Span};

/// What must hold of a text, or of what else a subject is.
pub(super) enum Operator<'p> {
    Present,
    Absent,
    OneOf(Texts<'p>),
    Prefix(Cow<'p, str>, Case),
    Suffix(Cow<'p, str>, Case),
    Contains(Cow<'p, str>, Case),
    Number(Range),
    Remainder(u64, Range),
    Version(&'p str),
    Pattern(Expression<'p>),
    Networks(Vec<Option<Network>>),
    Percent {
        salt: &'p str,
        from: u32,
        to: u32,
    },
    /// What could not be read: nothing is known of it.
    Unknown,
}

/// Texts of which one must be it; in lower case where case is ignored.
pub(super) struct Texts<'p> {
    pub(super) texts: HashSet<Cow<'p, str>>,
    pub(super) case: Case,
}

/// What must match a text.
pub(super) struct Expression<'p> {
    text: &'p str,
    kind: Kind,
    /// Compiled when it is first asked, since most are not.
    compiled: OnceCell<Option<(Arena, Program)>>,
}

/// The language of an expression.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Regex,
    /// A glob, with what its `*` does not go over.
    Glob(Option<u8>),
}

impl<'p> Expression<'p> {
    /// The expression that is written so.
    pub(super) fn new(text: &'p str, kind: Kind) -> Self {
        Expression { text, kind, compiled: OnceCell::new() }
    }

    fn matches(&self, text: &[u8], steps: &mut Steps) -> Option<bool> {
        let cost = if self.compiled.get().is_some() { MATCHED } else { COMPILED };
        steps.take(cost).then_some(())?;
        let compiled = self.compiled.get_or_init(|| {
            let mut arena = Arena::default();
            let program = match self.kind {
                Kind::Regex => Program::compile(self.text, &mut arena),
                Kind::Glob(separator) => Program::compile_glob(self.text, separator, &mut arena),
            };
            Some((arena, program.ok()?))
        });
        let (arena, program) = compiled.as_ref()?;
        Some(program.is_match(arena.block(), text))
    }
}

/// What compiling an expression costs, in steps; and matching by it, or reading a version.
const COMPILED: usize = 10_000;
const MATCHED: usize = 100;

impl Test<'_> {
    /// Whether it is certain that `other` holds wherever this does.
    pub(super) fn implies(&self, other: &Test<'_>, steps: &mut Steps) -> bool {
        if self.subject != other.subject || self.reads_otherwise(other) {
            return false;
        }
        match (&self.operator, &other.operator) {
            (Absent, Absent) => true,
            (Absent | Unknown, _) | (_, Absent | Unknown) => false,
            (_, Present) => true,
            (OneOf(texts), operator) => {
                steps.take(texts.texts.len())
                    && texts.texts.iter().all(|text| operator.holds_of_each(text, texts.case, steps))
            }
            (Prefix(text, case), Prefix(part, wanted)) => {
                text.get(..part.len()).is_some_and(|start| same(start, *case, part, *wanted))
            }
            (Suffix(text, case), Suffix(part, wanted)) => {
                let start = text.len().checked_sub(part.len());
                let end = start.and_then(|start| text.get(start..));
                end.is_some_and(|end| same(end, *case, part, *wanted))
            }
            (Prefix(text, case) | Suffix(text, case) | Contains(text, case), Contains(part, wanted)) => {
                steps.take(text.len()) && {
                    let mut parts = (0..text.len()).filter_map(|at| text.get(at..at + part.len()));
                    parts.any(|found| same(found, *case, part, *wanted))
                }
            }
            (Number(range), Number(other)) => range.is_within(*other),
            (Remainder(divisor, range), Remainder(other_divisor, other)) => {
                divisor == other_divisor && range.is_within(*other)
            }
            (Version(text), Version(other)) => {
                text == other || versions(text, other).is_some_and(|(one, other)| one.is_within(other))
            }
            (Pattern(expression), Pattern(other)) => {
                (expression.text, expression.kind) == (other.text, other.kind)
            }
            (Networks(networks), Networks(others)) => {
                let lies_in = |one: &Option<Network>, other: &Option<Network>| {
                    one.zip(*other).is_some_and(|(one, other)| one.is_within(other))
                };
                steps.take(networks.len().saturating_mul(others.len()))
                    && networks.iter().all(|one| others.iter().any(|other| lies_in(one, other)))
            }
            (Percent { salt, from, to }, Percent { salt: other, from: other_from, to: other_to }) => {
                salt == other && other_from <= from && to <= other_to
            }
            _ => false,
        }
    }

    /// Whether it is certain that `other` does not hold where this does.
    pub(super) fn excludes(&self, other: &Test<'_>, steps: &mut Steps) -> bool {
        if self.subject != other.subject {
            return false;
        }
        match (&self.operator, &other.operator) {
            (Absent, Absent) | (Unknown, _) | (_, Unknown) => false,
            (Absent, _) | (_, Absent) => true,
            // Of a list, one element may hold for the one and another for the other.
            _ if self.subject.key == "claim" => false,
            (OneOf(texts), operator) | (operator, OneOf(texts)) => {
                steps.take(texts.texts.len())
                    && texts.texts.iter().all(|text| operator.fails_of_each(text, texts.case, steps))
            }
            (Prefix(one, case), Prefix(other, other_case)) => {
                let len = one.len().min(other.len());
                let (one, other) = (one.as_bytes().get(..len), other.as_bytes().get(..len));
                one.zip(other).is_some_and(|(one, other)| !either(*case, *other_case).same(one, other))
            }
            (Suffix(one, case), Suffix(other, other_case)) => {
                let len = one.len().min(other.len());
                let end = |text: &'_ str| text.as_bytes().get(text.len() - len..).map(<[u8]>::to_vec);
                let ends = end(one).zip(end(other));
                ends.is_some_and(|(one, other)| !either(*case, *other_case).same(&one, &other))
            }
            (Number(range), Number(other)) => !range.meets(*other),
            (Version(text), Version(other)) => {
                versions(text, other).is_some_and(|(one, other)| !one.meets(other))
            }
            (Remainder(divisor, range), Remainder(other_divisor, other)) => {
                divisor == other_divisor && !range.meets(*other)
            }
            (Percent { salt, from, to }, Percent { salt: other, from: other_from, to: other_to }) => {
                salt == other && (to <= other_from || other_to <= from)
            }
            (Networks(networks), Networks(others)) => {
                let are_apart = |one: &Option<Network>, other: &Option<Network>| {
                    one.zip(*other).is_some_and(|(one, other)| !one.is_within(other) && !other.is_within(one))
                };
                steps.take(networks.len().saturating_mul(others.len()))
                    && networks.iter().all(|one| others.iter().all(|other| are_apart(one, other)))
            }
            _ => false,
        }
    }

    /// Whether the two read the same bytes in different ways: a claim is read as a number where one is asked for.
    fn reads_otherwise(&self, other: &Test<'_>) -> bool {
        let is_numeric = |test: &Test<'_>| matches!(test.operator, Number(_) | Remainder(..));
        let asks_for_nothing = matches!(other.operator, Present);
        self.subject.key == "claim" && !asks_for_nothing && is_numeric(self) != is_numeric(other)
    }
}

impl Operator<'_> {
    /// Whether it is certain to hold of a text, in each spelling where its case is ignored.
    fn holds_of_each(&self, text: &str, case: Case, steps: &mut Steps) -> bool {
        if is_one_spelling(text, case) || self.ignores_case() {
            self.holds(text, Case::Kept, steps) == Some(true)
        } else {
            false
        }
    }

    /// Whether it is certain not to hold of a text, in any spelling where its case is ignored.
    fn fails_of_each(&self, text: &str, case: Case, steps: &mut Steps) -> bool {
        let case = if is_one_spelling(text, case) { Case::Kept } else { Case::Ignored };
        self.holds(text, case, steps) == Some(false)
    }

    fn ignores_case(&self) -> bool {
        match self {
            OneOf(texts) => texts.case == Case::Ignored,
            Prefix(_, case) | Suffix(_, case) | Contains(_, case) => *case == Case::Ignored,
            _ => false,
        }
    }

    /// Whether it holds of a text, or of one of its spellings where `spellings` ignores case; `None` where that is not known.
    fn holds(&self, text: &str, spellings: Case, steps: &mut Steps) -> Option<bool> {
        let bytes = text.as_bytes();
        match self {
            OneOf(texts) => Some(match either(texts.case, spellings) {
                Case::Kept => texts.texts.contains(text),
                Case::Ignored if texts.case == Case::Ignored => {
                    texts.texts.contains(text.to_ascii_lowercase().as_str())
                }
                Case::Ignored => {
                    steps.take(texts.texts.len()).then_some(())?;
                    texts.texts.iter().any(|other| other.eq_ignore_ascii_case(text))
                }
            }),
            Prefix(part, case) => Some(either(*case, spellings).has_at(bytes, part.as_bytes(), 0)),
            Suffix(part, case) => {
                let at = text.len().checked_sub(part.len());
                Some(at.is_some_and(|at| either(*case, spellings).has_at(bytes, part.as_bytes(), at)))
            }
            Contains(part, case) => Some(either(*case, spellings).has(bytes, part.as_bytes())),
            _ if spellings == Case::Ignored => None,
            Number(range) => Some(range.holds(bytes)),
            Remainder(divisor, range) => {
                let remainder = number::whole(bytes).and_then(|number| number.checked_rem(*divisor));
                Some(remainder.is_some_and(|remainder| range.holds_whole(remainder)))
            }
            Version(written) => {
                steps.take(MATCHED).then_some(())?;
                let mut arena = Arena::default();
                let requirement = Requirement::compile(written, &mut arena)?;
                Some(requirement.holds(arena.block(), bytes))
            }
            Pattern(expression) => expression.matches(bytes, steps),
            Percent { salt, from, to } => {
                let bucket = u32::from(Bucket::of(salt.as_bytes(), bytes).get());
                Some((*from..*to).contains(&bucket))
            }
            Present | Absent | Networks(_) | Unknown => None,
        }
    }
}

/// The versions for which two requirements hold; `None` where one of them names a pre-release, and more than numbers count.
fn versions(one: &str, other: &str) -> Option<(Span, Span)> {
    let span = |text: &str| {
        let mut arena = Arena::default();
        Requirement::compile(text, &mut arena)?.span(arena.block())
    };
    span(one).zip(span(other))
}

/// Whether every text that is `text` under `case` is `part` under `wanted`.
fn same(text: &str, case: Case, part: &str, wanted: Case) -> bool {
    let counts_case = wanted == Case::Kept && !is_one_spelling(text, case);
    !counts_case && wanted.same(text.as_bytes(), part.as_bytes())
}

/// Whether `text` is the only text that is the same under `case`.
fn is_one_spelling(text: &str, case: Case) -> bool {
    case == Case::Kept || !text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Case is ignored if one of the two ignores it.
fn either(one: Case, other: Case) -> Case {
    if one == Case::Kept { other } else { one }
}
