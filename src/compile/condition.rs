//! Written conditions -> tests.

use std::collections::BTreeMap;

use super::check;
use super::release::Builder;
use crate::condition::{Operator, Subject, Test};
use crate::error::{OneOf, Path, PolicyErrors, Problem, Quoted};
use crate::plan::Span;
use crate::policy::{Condition, TextTest};

/// The operators of a test, for messages.
const OPERATORS: [&str; 4] = ["exact", "prefix", "in", "present"];

/// The tests of a condition that stands at `path`.
pub(super) fn compile(
    written: Option<&Condition>,
    builder: &mut Builder,
    path: &Path<'_>,
    errors: &mut PolicyErrors,
) -> Span {
    let Some(condition) = written else {
        errors.add(path, Problem::Required, "", "a condition");
        return Span::default();
    };
    let Condition { header, cookie, query, label, path: tested_path } = condition;
    let mut tests = Vec::new();
    let mut group = |key: &str, written: &BTreeMap<String, TextTest>, kind: Kind| {
        let path = path.key(key);
        for (name, test) in written {
            let path = path.key(name);
            let subject = kind.subject(name, builder, &path, errors);
            let operator = operator(test, builder, &path, errors);
            tests.extend(subject.zip(operator).map(|(subject, operator)| Test { subject, operator }));
        }
    };
    group("header", header, Kind::Header);
    group("cookie", cookie, Kind::Cookie);
    group("query", query, Kind::Query);
    group("label", label, Kind::Label);
    if let Some(test) = tested_path {
        let operator = operator(test, builder, &path.key("path"), errors);
        tests.extend(operator.map(|operator| Test { subject: Subject::Path, operator }));
    }
    if *condition == Condition::default() {
        let kinds = ["header", "cookie", "query", "label", "path"];
        errors.add(path, Problem::Required, "", format_args!("at least one test; {}", OneOf(&kinds)));
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
    fn subject(
        self,
        name: &str,
        builder: &mut Builder,
        path: &Path<'_>,
        errors: &mut PolicyErrors,
    ) -> Option<Subject> {
        match self {
            Kind::Header => {
                check::tested_header(name, path, errors).map(|name| Subject::Header(builder.text(&name)))
            }
            Kind::Cookie => check::token(name, path, errors).map(|name| Subject::Cookie(builder.text(name))),
            Kind::Query => check::token(name, path, errors).map(|name| Subject::Query(builder.text(name))),
            Kind::Label => check::label_key(name, path, errors).map(|key| Subject::Label(builder.text(key))),
        }
    }
}

fn operator(
    written: &TextTest,
    builder: &mut Builder,
    path: &Path<'_>,
    errors: &mut PolicyErrors,
) -> Option<Operator> {
    match written {
        TextTest { exact: Some(text), prefix: None, one_of: None, present: None } => {
            Some(Operator::Exact(builder.text(text)))
        }
        TextTest { exact: None, prefix: Some(text), one_of: None, present: None } => {
            if text.is_empty() {
                errors.add(
                    &path.key("prefix"),
                    Problem::Invalid,
                    Quoted(text),
                    "every text starts so; use present",
                );
            }
            Some(Operator::Prefix(builder.text(text)))
        }
        TextTest { exact: None, prefix: None, one_of: Some(words), present: None } => {
            if words.is_empty() {
                errors.add(&path.key("in"), Problem::Invalid, "[]", "at least one text");
            }
            let mut sorted: Vec<&str> = words.iter().map(String::as_str).collect();
            sorted.sort_unstable();
            Some(Operator::In(builder.words(sorted)))
        }
        TextTest { exact: None, prefix: None, one_of: None, present: Some(wanted) } => {
            Some(if *wanted { Operator::Present } else { Operator::Absent })
        }
        _ => {
            errors.add(
                path,
                Problem::Invalid,
                "",
                format_args!("must be exactly one; {}", OneOf(&OPERATORS)),
            );
            None
        }
    }
}
