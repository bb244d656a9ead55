//! Written conditions -> tests.

use std::collections::BTreeSet;

use super::builder::Builder;
use super::check;
use crate::arena::Span;
use crate::condition::{Operator, Subject, Test};
use crate::error::{At, OneOf, Problem, Quoted};
use crate::policy::{Condition, Map, TextTest};

/// The operators of a test, for messages.
const OPERATORS: [&str; 4] = ["exact", "prefix", "in", "present"];

/// The tests of a condition that stands at `path`.
pub(super) fn compile(written: Option<&Condition>, builder: &mut Builder, at: &mut At<'_>) -> Span {
    let Some(condition) = written else {
        at.error(Problem::Required, "", "a condition");
        return Span::default();
    };
    let Condition { header, cookie, query, label, path: tested_path } = condition;
    let mut tests = Vec::new();
    let mut group = |key: &str, written: &Map<TextTest>, kind: Kind| {
        let at = &mut at.key(key);
        for (name, test) in written.iter() {
            let at = &mut at.key(name);
            let subject = kind.subject(name, builder, at);
            let operator = operator(test, builder, at);
            tests.extend(subject.zip(operator).map(|(subject, operator)| Test { subject, operator }));
        }
    };
    group("header", header, Kind::Header);
    group("cookie", cookie, Kind::Cookie);
    group("query", query, Kind::Query);
    group("label", label, Kind::Label);
    if let Some(test) = tested_path {
        let operator = operator(test, builder, &mut at.key("path"));
        tests.extend(operator.map(|operator| Test { subject: Subject::Path, operator }));
    }
    if *condition == Condition::default() {
        let kinds = ["header", "cookie", "query", "label", "path"];
        at.error(Problem::Required, "", format_args!("at least one test; {}", OneOf(&kinds)));
    }
    builder.tests(tests)
}

#[derive(Clone, Copy)]
enum Kind {
    Header,
    Cookie,
    Query,
    Label,
}

impl Kind {
    fn subject(self, name: &str, builder: &mut Builder, at: &mut At<'_>) -> Option<Subject> {
        match self {
            Kind::Header => {
                check::tested_header(name, at).map(|name| Subject::Header(builder.arena.keep(&name)))
            }
            Kind::Cookie => check::token(name, at).map(|name| Subject::Cookie(builder.arena.keep(name))),
            Kind::Query => check::token(name, at).map(|name| Subject::Query(builder.arena.keep(name))),
            Kind::Label => check::label_key(name, at).map(|key| Subject::Label(builder.arena.keep(key))),
        }
    }
}

fn operator(written: &TextTest, builder: &mut Builder, at: &mut At<'_>) -> Option<Operator> {
    match written {
        TextTest { exact: Some(text), prefix: None, one_of: None, present: None } => {
            Some(Operator::Exact(builder.arena.keep(text)))
        }
        TextTest { exact: None, prefix: Some(text), one_of: None, present: None } => {
            if text.is_empty() {
                at.key("prefix").error(Problem::Invalid, Quoted(text), "every text starts so; use present");
            }
            Some(Operator::Prefix(builder.arena.keep(text)))
        }
        TextTest { exact: None, prefix: None, one_of: Some(words), present: None } => {
            if words.is_empty() {
                at.key("in").error(Problem::Invalid, "[]", "at least one text");
            }
            let mut sorted = BTreeSet::new();
            for word in words {
                sorted.insert(word.as_str());
            }
            Some(Operator::In(builder.arena.keep_words(sorted)))
        }
        TextTest { exact: None, prefix: None, one_of: None, present: Some(wanted) } => {
            Some(if *wanted { Operator::Present } else { Operator::Absent })
        }
        _ => {
            at.error(Problem::Invalid, "", format_args!("must be exactly one; {}", OneOf(&OPERATORS)));
            None
        }
    }
}
