//! Written conditions -> tests that jump.

use super::builder::{Builder, Tests};
use super::check;
use super::split::{percent_of, percent_shown};
use crate::address::Network;
use crate::arena::{Arena, Kept, Text};
use crate::bucket;
use crate::condition::{self, Case, Jump, Operator, Set, Subject};
use crate::error::{At, OneOf, Problem, Quoted};
use crate::explain::Origin;
use crate::hash::Buckets;
use crate::limits;
use crate::number::{self, Range};
use crate::policy::{Condition, Map, PercentTest, RemainderTest, TextTest};
use crate::regex::{Program, RegexError};
use crate::version::{self, Requirement};

/// Compiles the condition that stands at `at`, and says with which test it begins.
pub(super) fn compile(written: Option<&Condition>, builder: &mut Builder, at: &mut At<'_>) -> Jump {
    let Some(written) = written else {
        at.error(Problem::Required, "", "a condition");
        return Jump::FAILS;
    };
    let Builder { arena, tests, .. } = builder;
    let before = (at.errors(), at.warnings());
    let tree = Compiler { arena }.condition(written, 1, at);
    let start = lay(&tree, Jump::HOLDS, Jump::FAILS, tests);
    match start {
        // The part of it that is known has been named already; of one with a mistake nothing is known.
        _ if (at.errors(), at.warnings()) != before => {}
        Jump::HOLDS => at.warning("this always holds"),
        Jump::FAILS => at.warning("this can never hold"),
        _ => {}
    }
    if tests.len() > limits::TESTS {
        let allowed = format_args!("at most {} tests in the conditions of a release", limits::TESTS);
        at.error(Problem::TooMany, tests.len(), allowed);
        tests.truncate(0);
    }
    start
}

/// A condition, checked, before its tests are laid.
enum Tree {
    Test(Subject, Operator, Origin),
    /// What is known without a request.
    Known(bool),
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Not(Box<Tree>),
}

impl Tree {
    /// A test; where it is written is said by [`Tree::written`].
    fn test(subject: Subject, operator: Operator) -> Self {
        Tree::Test(subject, operator, Origin::default())
    }

    /// The same, which is written at `at` and asks for `demand`.
    #[cfg(feature = "tools")]
    fn written(self, at: &At<'_>, demand: &impl serde::Serialize) -> Self {
        match self {
            Tree::Test(subject, operator, _) => {
                let demand = serde_json::to_string(demand).unwrap_or_default();
                Tree::Test(subject, operator, Origin { path: at.path(), demand })
            }
            other => other,
        }
    }

    /// Without tools nobody asks.
    #[cfg(not(feature = "tools"))]
    fn written<T>(self, _: &At<'_>, _: &T) -> Self {
        self
    }
}

/// Lays the tests of `tree`, the last one first, so that each knows where to go on; says where the first one stands. What
/// is known is folded: the tree begins at `then` or `otherwise` itself.
fn lay(tree: &Tree, then: Jump, otherwise: Jump, tests: &mut Tests) -> Jump {
    match tree {
        Tree::Test(subject, operator, origin) => {
            tests.push((*subject, *operator), origin.clone(), then, otherwise)
        }
        Tree::Known(true) => then,
        Tree::Known(false) => otherwise,
        Tree::Not(tree) => lay(tree, otherwise, then, tests),
        Tree::All(trees) | Tree::Any(trees) => {
            let before = tests.len();
            let is_all = matches!(tree, Tree::All(_));
            let (empty, ended) = if is_all { (then, otherwise) } else { (otherwise, then) };
            trees.iter().rev().fold(empty, |next, tree| {
                let start =
                    if is_all { lay(tree, next, otherwise, tests) } else { lay(tree, then, next, tests) };
                if start == ended {
                    tests.truncate(before);
                }
                start
            })
        }
    }
}

struct Compiler<'b> {
    arena: &'b mut Arena,
}

impl Compiler<'_> {
    fn condition(&mut self, written: &Condition, depth: usize, at: &mut At<'_>) -> Tree {
        let mut trees = Vec::new();
        if depth > limits::CONDITION_DEPTH {
            let allowed = format_args!("at most {} conditions inside one another", limits::CONDITION_DEPTH);
            at.error(Problem::TooMany, depth, allowed);
            return Tree::Known(false);
        }
        if *written == Condition::default() && !at.is_partly_unreadable() {
            at.error(Problem::Required, "", "at least one test");
        }
        // In the order in which they are documented, cheap ones and those that people write most first.
        self.named(&written.header, "header", header, &mut trees, at);
        self.named(&written.cookie, "cookie", cookie, &mut trees, at);
        self.named(&written.query, "query", query, &mut trees, at);
        self.named(&written.label, "label", label, &mut trees, at);
        self.named(&written.claim, "claim", claim, &mut trees, at);
        let single = [
            ("path", &written.path, Subject::Path),
            ("method", &written.method, Subject::Method),
            ("host", &written.host, Subject::Host),
            ("id", &written.id, Subject::Id),
        ];
        for (key, test, subject) in single {
            if let Some(test) = test {
                let at = &mut at.key(key);
                let tree = self.text(test, subject, at);
                trees.push(tree.written(at, test));
            }
        }
        if !written.source.is_empty() {
            let at = &mut at.key("source");
            let tree = self.source(&written.source, at);
            trees.push(tree.written(at, &written.source));
        }
        if let Some(test) = &written.percent {
            let at = &mut at.key("percent");
            let tree = self.percent(test, at);
            trees.push(tree.written(at, test));
        }
        let mut several = |key: &str, conditions: &[Condition]| -> Vec<Tree> {
            let mut at = at.key(key);
            let each = conditions.iter().enumerate();
            each.map(|(index, inner)| self.condition(inner, depth + 1, &mut at.index(index))).collect()
        };
        trees.extend(several("all", &written.all));
        if !written.any.is_empty() {
            trees.push(Tree::Any(several("any", &written.any)));
        }
        if let Some(inner) = &written.not {
            trees.push(Tree::Not(Box::new(self.condition(inner, depth + 1, &mut at.key("not")))));
        }
        Tree::All(trees)
    }

    /// Tests of what has a name.
    fn named(
        &mut self,
        written: &Map<TextTest>,
        key: &str,
        subject: fn(&mut Arena, &str, &mut At<'_>) -> Option<Subject>,
        trees: &mut Vec<Tree>,
        at: &mut At<'_>,
    ) {
        let at = &mut at.key(key);
        for (name, test) in written.iter() {
            let at = &mut at.key(name);
            let subject = subject(self.arena, name, at);
            // What has no good name may be there or not.
            let subject = subject.unwrap_or_else(|| Subject::Header(self.arena.keep("")));
            let tree = self.text(test, subject, at);
            trees.push(tree.written(at, test));
        }
    }

    fn source(&mut self, written: &[String], at: &mut At<'_>) -> Tree {
        let networks = networks(written, at);
        if networks.iter().any(Network::is_everything) {
            at.warning("this holds every address of its kind");
        }
        let networks = self.arena.list(networks);
        Tree::test(Subject::Source, Operator::Networks(networks))
    }

    fn percent(&mut self, written: &PercentTest, at: &mut At<'_>) -> Tree {
        let PercentTest { salt, from, to } = written;
        let errors = at.errors();
        match salt {
            Some(salt) => check::salt(salt, &mut at.key("salt")),
            None => {
                at.key("salt").error(
                    Problem::Required,
                    "",
                    "a text of your own, like the name and the month",
                );
            }
        }
        let mut number_of = |key: &str, percent: Option<f64>| {
            let number = percent_of(percent, Buckets::NATIVE, &mut at.key(key));
            number.and_then(|number| u16::try_from(number).ok())
        };
        let from = number_of("from", Some(*from)).unwrap_or_default();
        let to = number_of("to", *to).unwrap_or(bucket::COUNT);
        if from >= to {
            let shown = percent_shown(to.into(), Buckets::NATIVE);
            at.key("to").error(Problem::Invalid, shown, "must be more than `from`");
        }
        let salt = self.arena.keep(salt.as_deref().unwrap_or_default());
        if (from, to) == (0, bucket::COUNT) && at.errors() == errors {
            at.warning("this holds everybody who has a gray id");
        }
        Tree::test(Subject::Id, Operator::Percent(condition::Buckets { salt, from, to }))
    }

    fn text(&mut self, written: &TextTest, subject: Subject, at: &mut At<'_>) -> Tree {
        let TextTest { exact, prefix, suffix, contains, one_of, present, .. } = written;
        let TextTest { number, remainder, semver, regex, glob, ignore_case, .. } = written;
        let case = if *ignore_case { Case::Ignored } else { Case::Kept };
        let has_case =
            [exact, prefix, suffix, contains].iter().any(|text| text.is_some()) || one_of.is_some();
        if *ignore_case && !has_case {
            let allowed = "only with exact, prefix, suffix, contains or in; in a regex write (?i)";
            at.key("ignoreCase").error(Problem::Forbidden, "true", allowed);
        }
        let mut tests = Vec::new();
        if let Some(text) = exact {
            tests.push(self.operand(text, subject, Operator::Exact, case, &mut at.key("exact")));
        }
        for (key, text, operator) in [
            ("prefix", prefix, Operator::Prefix as fn(_, _) -> _),
            ("suffix", suffix, Operator::Suffix),
            ("contains", contains, Operator::Contains),
        ] {
            let Some(text) = text else { continue };
            let at = &mut at.key(key);
            if text.is_empty() {
                at.error(Problem::Invalid, Quoted(text), "every text holds it; use present");
            }
            if key == "contains" && text.len() > limits::CONTAINED {
                at.error(Problem::TooLong, Quoted(text), format_args!("at most {} bytes", limits::CONTAINED));
            }
            tests.push(self.operand(text, subject, operator, case, at));
        }
        if let Some(texts) = one_of {
            let at = &mut at.key("in");
            if texts.is_empty() {
                at.error(Problem::Invalid, "[]", "at least one text");
            }
            for (index, text) in texts.iter().enumerate() {
                in_its_case(text, subject, &mut at.index(index));
            }
            tests.push(Tree::test(subject, Operator::In(Set::keep(self.arena, texts, case), case)));
        }
        if let Some(wanted) = present {
            let operator = if *wanted { Operator::Present } else { Operator::Absent };
            let is_always_there = matches!(subject, Subject::Path | Subject::Method | Subject::Host);
            tests.push(if is_always_there { known(*wanted, at) } else { Tree::test(subject, operator) });
        }
        if let Some(text) = number {
            tests.push(self.range(text, None, &mut at.key("number"), |range| {
                Tree::test(subject, Operator::Number(range))
            }));
        }
        if let Some(written) = remainder {
            tests.push(self.remainder(written, subject, &mut at.key("mod")));
        }
        if let Some(text) = semver {
            tests.push(self.version(text, subject, &mut at.key("semver")));
        }
        if let Some(text) = regex {
            let compiled = Program::compile(text, self.arena);
            tests.push(self.pattern(text, compiled, subject, &mut at.key("regex")));
        }
        if let Some(text) = glob {
            let separator = match subject {
                Subject::Path => Some(b'/'),
                Subject::Host => Some(b'.'),
                _ => None,
            };
            let compiled = Program::compile_glob(text, separator, self.arena);
            tests.push(self.pattern(text, compiled, subject, &mut at.key("glob")));
        }
        if let (Some(tree), 0) = (tests.pop(), tests.len()) {
            return tree;
        }
        at.error(Problem::Invalid, "", format_args!("must be exactly one; {}", OneOf(&OPERATORS)));
        Tree::Known(false)
    }

    /// A test that compares with a text.
    fn operand(
        &mut self,
        text: &str,
        subject: Subject,
        operator: fn(Text, Case) -> Operator,
        case: Case,
        at: &mut At<'_>,
    ) -> Tree {
        in_its_case(text, subject, at);
        Tree::test(subject, operator(self.arena.keep(text), case))
    }

    fn remainder(&mut self, written: &RemainderTest, subject: Subject, at: &mut At<'_>) -> Tree {
        let RemainderTest { divisor, remainder } = written;
        match divisor {
            None => at.key("divisor").error(Problem::Required, "", "a whole number, 1 or more"),
            Some(0) => at.key("divisor").error(Problem::Invalid, 0, "1 or more"),
            Some(_) => {}
        }
        let divisor = divisor.unwrap_or(1);
        let Some(text) = remainder else {
            at.key("remainder").error(Problem::Required, "", "what must hold of the remainder: \"<5\"");
            return Tree::Known(false);
        };
        self.range(text, Some(divisor), &mut at.key("remainder"), |range| {
            Tree::test(subject, Operator::Remainder(divisor, range))
        })
    }

    /// A test of a number, or of what a division by `divisor` leaves.
    fn range(
        &mut self,
        text: &str,
        divisor: Option<u64>,
        at: &mut At<'_>,
        then: impl FnOnce(Kept<Range>) -> Tree,
    ) -> Tree {
        let possible = |range: Range| divisor.map_or(range, |divisor| range.of_remainders(divisor));
        match Range::parse(text) {
            Some(range) if possible(range).is_empty() => known(false, at),
            Some(range) => then(self.arena.record(range)),
            None => {
                at.error(Problem::Invalid, Quoted(text), number::EXPECTED);
                Tree::Known(false)
            }
        }
    }

    fn version(&mut self, text: &str, subject: Subject, at: &mut At<'_>) -> Tree {
        match Requirement::compile(text, self.arena) {
            Some(requirement) if requirement.is_empty(self.arena.block()) => known(false, at),
            Some(requirement) => Tree::test(subject, Operator::Version(requirement)),
            None => {
                at.error(Problem::Invalid, Quoted(text), version::EXPECTED);
                Tree::Known(false)
            }
        }
    }

    /// A test by an expression.
    fn pattern(
        &mut self,
        text: &str,
        compiled: Result<Program, RegexError>,
        subject: Subject,
        at: &mut At<'_>,
    ) -> Tree {
        match compiled {
            Ok(program) if program.never() => known(false, at),
            Ok(program) => {
                // A claim may be no text, or have line feeds.
                if program.always() && !matches!(subject, Subject::Claim(_)) {
                    at.warning("this holds of every text; present says so");
                }
                Tree::test(subject, Operator::Pattern(self.arena.record(program)))
            }
            Err(fault) => {
                at.error(Problem::Invalid, Quoted(text), fault);
                Tree::Known(false)
            }
        }
    }
}

/// A test whose answer is known without a request, which nobody means.
fn known(holds: bool, at: &mut At<'_>) -> Tree {
    at.warning(if holds { "this always holds" } else { "this can never hold" });
    Tree::Known(holds)
}

/// Networks of source addresses.
pub(super) fn networks(written: &[String], at: &mut At<'_>) -> Vec<Network> {
    let network = |(index, text): (usize, &String)| {
        let network = Network::parse(text);
        if network.is_none() {
            let allowed = "an address or a network: 10.0.0.0/8, 192.0.2.7, 2001:db8::/32";
            at.index(index).error(Problem::Invalid, Quoted(text), allowed);
        }
        network
    };
    written.iter().enumerate().filter_map(network).collect()
}

/// Hosts are compared in lower case.
fn in_its_case(text: &str, subject: Subject, at: &mut At<'_>) {
    if matches!(subject, Subject::Host) && text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        at.error(Problem::Invalid, Quoted(text), "hosts are compared in lower case; write it so");
    }
}

fn header(arena: &mut Arena, name: &str, at: &mut At<'_>) -> Option<Subject> {
    check::tested_header(name, at).map(|name| Subject::Header(arena.keep(&name)))
}

fn cookie(arena: &mut Arena, name: &str, at: &mut At<'_>) -> Option<Subject> {
    check::token(name, at).map(|name| Subject::Cookie(arena.keep(name)))
}

fn query(arena: &mut Arena, name: &str, at: &mut At<'_>) -> Option<Subject> {
    check::token(name, at).map(|name| Subject::Query(arena.keep(name)))
}

fn label(arena: &mut Arena, key: &str, at: &mut At<'_>) -> Option<Subject> {
    check::label_key(key, at).map(|key| Subject::Label(arena.keep(key)))
}

fn claim(arena: &mut Arena, name: &str, at: &mut At<'_>) -> Option<Subject> {
    check::claim(name, at).map(|name| Subject::Claim(arena.keep(name)))
}

/// The operators of a text test, for messages.
const OPERATORS: [&str; 11] =
    ["exact", "prefix", "suffix", "contains", "in", "present", "number", "mod", "semver", "regex", "glob"];
