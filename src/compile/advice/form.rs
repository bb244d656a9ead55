//! A written condition as the requests for which it holds, so that two of them can be compared.

use std::borrow::Cow;
use std::collections::HashSet;

use super::text::{Expression, Kind, Operator, Texts};
use super::{Good, Steps};
use crate::address::Network;
use crate::arena::Arena;
use crate::condition::Case;
use crate::hash::Buckets;
use crate::number::Range;
use crate::pattern::{HostKind, PathKind};
use crate::policy::{Condition, Map, PercentTest, RemainderTest, TextTest};
use crate::split::buckets_of_percent;
use crate::version::Requirement;

/// A condition; what must not hold is carried down to its tests.
pub(super) enum Form<'p> {
    /// What is known without a request.
    Known(bool),
    /// The test holds.
    Holds(Test<'p>),
    /// The test does not hold.
    Fails(Test<'p>),
    All(Vec<Form<'p>>),
    Any(Vec<Form<'p>>),
}

/// One test.
pub(super) struct Test<'p> {
    pub(super) subject: Subject<'p>,
    pub(super) operator: Operator<'p>,
}

/// What of the request is looked at: the key in the condition, and the name under it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Subject<'p> {
    pub(super) key: &'static str,
    pub(super) name: Cow<'p, str>,
}

impl<'p> Subject<'p> {
    /// The subject of a name under `key`; header names have no case.
    pub(super) fn named(key: &'static str, name: &'p str) -> Self {
        let name = if key == "header" { name.to_ascii_lowercase().into() } else { name.into() };
        Subject { key, name }
    }
}

impl<'p> Form<'p> {
    /// The form of a condition.
    pub(super) fn of(written: &'p Condition) -> Self {
        Form::new(written, true)
    }

    /// The form of what holds where a condition does not.
    pub(super) fn of_opposite(written: &'p Condition) -> Self {
        Form::new(written, false)
    }

    /// The form of what a release matches: one of its hosts, and one of its paths.
    pub(super) fn of_places(release: &Good<'p>) -> Self {
        let (block, matches) = (release.segment.block(), release.segment.head().matches);
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        let form = |key, operator| Form::Holds(Test { subject: Subject::named(key, ""), operator });
        let one_of = |key, texts: Vec<&'p [u8]>| Form::one_of(key, "", texts.into_iter().map(text));
        let exact = matches.hosts(block).filter(|host| host.kind == HostKind::Exact).map(|host| host.host);
        let mut hosts = vec![one_of("host", exact.collect())];
        hosts.extend(matches.hosts(block).filter_map(|host| match host.kind {
            HostKind::Any => Some(Form::Known(true)),
            HostKind::Exact => None,
            HostKind::Suffix => {
                let suffix = format!(".{}", text(host.host));
                Some(form("host", Operator::Suffix(suffix.into(), Case::Kept)))
            }
        }));
        let mut paths = vec![one_of("path", matches.paths(block).map(|path| path.path).collect())];
        paths.extend(matches.paths(block).filter_map(|path| match path.kind {
            PathKind::Exact => None,
            PathKind::Prefix if path.path.is_empty() => Some(Form::Known(true)),
            PathKind::Prefix => {
                let below = format!("{}/", text(path.path));
                Some(form("path", Operator::Prefix(below.into(), Case::Kept)))
            }
        }));
        Form::All(vec![Form::Any(hosts), Form::Any(paths)])
    }

    /// The form of a list of which one must hold.
    pub(super) fn one_of(key: &'static str, name: &'p str, texts: impl Iterator<Item = &'p str>) -> Self {
        let texts = Texts { texts: texts.map(Cow::Borrowed).collect(), case: Case::Kept };
        Form::Holds(Test { subject: Subject::named(key, name), operator: Operator::OneOf(texts) })
    }

    /// `holds` says whether the condition must hold or must not.
    fn new(written: &'p Condition, holds: bool) -> Self {
        let mut forms = Vec::new();
        let named: [(_, &'p Map<TextTest>); 5] = [
            ("header", &written.header),
            ("cookie", &written.cookie),
            ("query", &written.query),
            ("label", &written.label),
            ("claim", &written.claim),
        ];
        for (key, tests) in named {
            forms.extend(tests.iter().map(|(name, test)| text(Subject::named(key, name), test, holds)));
        }
        let single = [
            ("path", &written.path),
            ("method", &written.method),
            ("host", &written.host),
            ("id", &written.id),
        ];
        for (key, test) in single {
            forms.extend(test.iter().map(|test| text(Subject::named(key, ""), test, holds)));
        }
        if !written.source.is_empty() {
            let networks = written.source.iter().map(|text| Network::parse(text)).collect();
            let operator = Operator::Networks(networks);
            forms.push(signed(Test { subject: Subject::named("source", ""), operator }, holds));
        }
        forms.extend(written.percent.as_ref().map(|test| percent(test, holds)));
        forms.extend(written.all.iter().map(|inner| Form::new(inner, holds)));
        if !written.any.is_empty() {
            let any = written.any.iter().map(|inner| Form::new(inner, holds)).collect();
            forms.push(if holds { Form::Any(any) } else { Form::All(any) });
        }
        forms.extend(written.not.as_ref().map(|inner| Form::new(inner, !holds)));
        if holds { Form::All(forms) } else { Form::Any(forms) }
    }

    /// Whether it is certain that `other` holds of every request for which this holds.
    pub(super) fn implies(&self, other: &Form<'_>, steps: &mut Steps) -> bool {
        if !steps.take(1) {
            return false;
        }
        match (self, other) {
            (Form::Known(false), _) | (_, Form::Known(true)) => true,
            (_, Form::All(others)) => others.iter().all(|other| self.implies(other, steps)),
            (Form::Any(forms), _) => forms.iter().all(|form| form.implies(other, steps)),
            (Form::All(forms), Form::Any(others)) => {
                others.iter().any(|other| self.implies(other, steps))
                    || forms.iter().any(|form| form.implies(other, steps))
            }
            (Form::All(forms), _) => forms.iter().any(|form| form.implies(other, steps)),
            (_, Form::Any(others)) => others.iter().any(|other| self.implies(other, steps)),
            (Form::Holds(test), Form::Holds(other)) => test.implies(other, steps),
            (Form::Holds(test), Form::Fails(other)) => test.excludes(other, steps),
            (Form::Fails(test), Form::Fails(other)) => other.implies(test, steps),
            (Form::Known(true) | Form::Fails(_), _) | (_, Form::Known(false)) => false,
        }
    }

    /// Whether it is certain that `other` holds of every request for which this does, and `given` too.
    pub(super) fn implies_given(&self, given: &Form<'_>, other: &Form<'_>, steps: &mut Steps) -> bool {
        match other {
            Form::All(others) => others.iter().all(|other| self.implies_given(given, other, steps)),
            Form::Any(others) if others.iter().any(|other| self.implies_given(given, other, steps)) => true,
            _ => self.implies(other, steps) || given.implies(other, steps),
        }
    }

    /// What is known of it without a request: `None` when it depends.
    pub(super) fn known(&self) -> Option<bool> {
        let settled = |forms: &[Form<'_>], end: bool| {
            let mut all = Some(!end);
            for form in forms {
                match form.known() {
                    Some(known) if known == end => return Some(end),
                    Some(_) => {}
                    None => all = None,
                }
            }
            all
        };
        match self {
            Form::Known(known) => Some(*known),
            Form::Holds(_) | Form::Fails(_) => None,
            Form::All(forms) => settled(forms, false),
            Form::Any(forms) => settled(forms, true),
        }
    }
}

fn signed(test: Test<'_>, holds: bool) -> Form<'_> {
    let Test { subject, operator } = test;
    match operator {
        // What is not absent is there, and the other way round.
        Operator::Present if !holds => Form::Holds(Test { subject, operator: Operator::Absent }),
        Operator::Absent if !holds => Form::Holds(Test { subject, operator: Operator::Present }),
        operator if holds => Form::Holds(Test { subject, operator }),
        operator => Form::Fails(Test { subject, operator }),
    }
}

fn text<'p>(subject: Subject<'p>, written: &'p TextTest, holds: bool) -> Form<'p> {
    if let Some(wanted) = written.present
        && matches!(subject.key, "path" | "method" | "host")
    {
        return Form::Known(wanted == holds);
    }
    let operator = operator(written, subject.key);
    // That nothing is in it has been said.
    let is_nothing = match &operator {
        Operator::Number(range) | Operator::Remainder(_, range) => range.is_empty(),
        Operator::Version(text) => {
            let mut arena = Arena::default();
            Requirement::compile(text, &mut arena).is_some_and(|versions| versions.is_empty(arena.block()))
        }
        _ => false,
    };
    if is_nothing {
        return Form::Known(!holds);
    }
    signed(Test { subject, operator }, holds)
}

fn operator<'p>(written: &'p TextTest, key: &str) -> Operator<'p> {
    let case = if written.ignore_case { Case::Ignored } else { Case::Kept };
    let folded = |text: &'p String| match case {
        Case::Kept => Cow::Borrowed(text.as_str()),
        Case::Ignored => Cow::Owned(text.to_ascii_lowercase()),
    };
    let range = |text: &String| Range::parse(text);
    match written {
        TextTest { exact: Some(text), .. } => {
            Operator::OneOf(Texts { texts: HashSet::from([folded(text)]), case })
        }
        TextTest { one_of: Some(texts), .. } => {
            Operator::OneOf(Texts { texts: texts.iter().map(folded).collect(), case })
        }
        TextTest { prefix: Some(text), .. } => Operator::Prefix(text.into(), case),
        TextTest { suffix: Some(text), .. } => Operator::Suffix(text.into(), case),
        TextTest { contains: Some(text), .. } => Operator::Contains(text.into(), case),
        TextTest { present: Some(true), .. } => Operator::Present,
        TextTest { present: Some(false), .. } => Operator::Absent,
        TextTest { number: Some(text), .. } => range(text).map_or(Operator::Unknown, Operator::Number),
        TextTest { remainder: Some(RemainderTest { divisor, remainder }), .. } => {
            let parts = divisor.zip(remainder.as_ref().and_then(range));
            parts.map_or(Operator::Unknown, |(divisor, range)| {
                Operator::Remainder(divisor, range.of_remainders(divisor))
            })
        }
        TextTest { semver: Some(text), .. } => Operator::Version(text),
        TextTest { regex: Some(text), .. } => Operator::Pattern(Expression::new(text, Kind::Regex)),
        TextTest { glob: Some(text), .. } => {
            Operator::Pattern(Expression::new(text, Kind::Glob(separator(key))))
        }
        _ => Operator::Unknown,
    }
}

/// What `*` of a glob does not go over.
pub(super) fn separator(key: &str) -> Option<u8> {
    match key {
        "path" => Some(b'/'),
        "host" => Some(b'.'),
        _ => None,
    }
}

fn percent(written: &PercentTest, holds: bool) -> Form<'_> {
    let buckets = |percent| buckets_of_percent(percent, Buckets::NATIVE);
    let range = buckets(written.from).zip(written.to.and_then(buckets));
    let operator = match (&written.salt, range) {
        (Some(salt), Some((from, to))) => Operator::Percent { salt, from, to },
        _ => Operator::Unknown,
    };
    signed(Test { subject: Subject::named("id", ""), operator }, holds)
}
