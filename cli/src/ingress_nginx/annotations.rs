//! Rules and share of a release -> the annotations of the canary.
//!
//! ingress-nginx asks for one header, then for one cookie, then throws dice. So of the rules those are taken, in their order, that are
//! about one header, and behind them about one cookie.

use graylane::error::{FieldError, Problem};
use graylane::headers;
use graylane::policy::{self, Condition, Release, Rule, TextTest};
use serde_json::{Map, Value};

use super::shape::Shape;
use super::{Options, pattern};
use crate::check::Severity;
use crate::import::ingress_nginx::{ALWAYS, NEVER};
use crate::import::is_claim;

/// The annotations by their names without the prefix.
type Annotations = Vec<(&'static str, String)>;

/// The annotations of the canary of a release.
pub(super) fn of(
    release: &Release,
    shape: &Shape,
    at: &str,
    options: &Options,
    told: &mut Vec<(Severity, FieldError)>,
) -> Map<String, Value> {
    let mut annotations: Annotations = vec![("canary", "true".to_owned())];
    if options.decided_before {
        annotations.extend(by_lane(shape));
        annotations.push(("canary-weight", "0".to_owned()));
    } else {
        let rules = by_rules(release, shape, at, told);
        let has_header = rules.iter().any(|(name, _)| *name == "canary-by-header");
        if !has_header {
            annotations.extend(by_lane(shape));
        }
        annotations.extend(rules);
        annotations.extend(weight(shape.share));
    }
    let full = |(name, value): (&str, String)| (format!("{}/{name}", options.prefix), Value::from(value));
    annotations.into_iter().map(full).collect()
}

/// The header that graylane sets where it stands before ingress-nginx.
fn by_lane(shape: &Shape) -> Annotations {
    vec![("canary-by-header", headers::LANE.to_owned()), ("canary-by-header-value", shape.candidate.clone())]
}

/// A weight of 100, or of as much as the share needs.
fn weight(share: u64) -> Annotations {
    let (weight, total) = match (share % 100, share % 10) {
        (0, _) => (share / 100, 100),
        (_, 0) => (share / 10, 1_000),
        _ => (share, 10_000),
    };
    let mut annotations = vec![("canary-weight", weight.to_string())];
    if total > 100 {
        annotations.push(("canary-weight-total", total.to_string()));
    }
    annotations
}

/// What a rule is about.
enum Asked<'r> {
    Header(&'r str, &'r TextTest),
    Cookie(&'r str, &'r TextTest),
}

/// Takes the rules that can be said; the others are told.
fn by_rules(
    release: &Release,
    shape: &Shape,
    at: &str,
    told: &mut Vec<(Severity, FieldError)>,
) -> Annotations {
    let mut annotations = Annotations::new();
    let mut rules = release.rules.iter().enumerate().peekable();
    while let Some((index, rule)) = rules.next() {
        let next = rules.peek().map(|(_, rule)| *rule);
        let made = match asked(rule) {
            Some(Asked::Header(name, test)) if annotations.is_empty() => {
                header(name, test, rule, next, shape)
            }
            Some(Asked::Cookie(name, test))
                if !annotations.iter().any(|(known, _)| *known == "canary-by-cookie") =>
            {
                cookie(name, test, rule, next, shape)
            }
            _ => None,
        };
        match made {
            Some((made, takes_next)) => {
                told.extend(made.iter().filter_map(|made| from_anybody(at, index, made)));
                annotations.extend(made);
                if takes_next {
                    rules.next();
                }
            }
            None => told.push((Severity::Warning, lost_rule(at, index, rule))),
        }
    }
    annotations
}

/// What is told of a header that an edge listener of graylane believes from trusted addresses alone.
fn from_anybody(
    at: &str,
    index: usize,
    (annotation, name): &(&str, String),
) -> Option<(Severity, FieldError)> {
    let is_claim = *annotation == "canary-by-header" && is_claim(&name.to_ascii_lowercase());
    is_claim.then(|| {
        let allowed = format!(
            "in ingress-nginx {name} counts from anybody; at an edge the policy believes it from its trustedSources alone"
        );
        let path = format!("{at}.rules[{index}]");
        (Severity::Note, FieldError { path, problem: Problem::Warning, value: String::new(), allowed })
    })
}

fn lost_rule(at: &str, index: usize, rule: &Rule) -> FieldError {
    let name = rule.name.as_deref().unwrap_or_default();
    let allowed = format!(
        "rule {name} is left out: ingress-nginx asks for one header with a value or a pattern, and then for one cookie with {ALWAYS} and {NEVER}"
    );
    FieldError {
        path: format!("{at}.rules[{index}]"),
        problem: Problem::Warning,
        value: String::new(),
        allowed,
    }
}

/// What a rule is about, where that is one header or one cookie, at any time.
fn asked(rule: &Rule) -> Option<Asked<'_>> {
    if rule.during.is_some() {
        return None;
    }
    let when = rule.when.as_ref()?;
    let Condition { header, cookie, .. } = when;
    let rest = Condition { header: policy::Map::default(), cookie: policy::Map::default(), ..when.clone() };
    let mut tests = header.iter().map(|(name, test)| Asked::Header(name, test));
    let mut tests = tests.by_ref().chain(cookie.iter().map(|(name, test)| Asked::Cookie(name, test)));
    match (tests.next(), tests.next(), rest == Condition::default()) {
        (Some(one), None, true) => Some(one),
        _ => None,
    }
}

fn exact(test: &TextTest) -> Option<&str> {
    test.exact.as_deref().filter(|_| !test.ignore_case)
}

/// Whether the next rule is about the same, and gives whoever says never the base lane.
fn is_never<'r>(
    next: Option<&'r Rule>,
    shape: &Shape,
    is_same: impl Fn(&Asked<'r>) -> Option<&'r TextTest>,
) -> bool {
    let Some(next) = next.filter(|next| next.lane.as_ref() == Some(&shape.base)) else { return false };
    asked(next).and_then(|asked| is_same(&asked)).and_then(exact) == Some(NEVER)
}

fn header(
    name: &str,
    test: &TextTest,
    rule: &Rule,
    next: Option<&Rule>,
    shape: &Shape,
) -> Option<(Annotations, bool)> {
    if rule.lane.as_ref() != Some(&shape.candidate) {
        return None;
    }
    let by = ("canary-by-header", name.to_owned());
    let never = is_never(next, shape, |asked| match asked {
        Asked::Header(other, test) if *other == name => Some(*test),
        _ => None,
    });
    if exact(test) == Some(ALWAYS) && never {
        return Some((vec![by], true));
    }
    let value = match exact(test) {
        // What is trimmed would not be the same.
        Some(value) if !value.is_empty() && value.trim() == value => {
            ("canary-by-header-value", value.to_owned())
        }
        _ => ("canary-by-header-pattern", pattern::of(test)?),
    };
    Some((vec![by, value], false))
}

fn cookie(
    name: &str,
    test: &TextTest,
    rule: &Rule,
    next: Option<&Rule>,
    shape: &Shape,
) -> Option<(Annotations, bool)> {
    let never = is_never(next, shape, |asked| match asked {
        Asked::Cookie(other, test) if *other == name => Some(*test),
        _ => None,
    });
    let is_always = rule.lane.as_ref() == Some(&shape.candidate) && exact(test) == Some(ALWAYS);
    (is_always && never).then(|| (vec![("canary-by-cookie", name.to_owned())], true))
}
