//! Expressions and globs against other ways to match them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;
use regex::bytes::{Regex, RegexBuilder};

use super::{Allowed, Program};
use crate::arena::Arena;

/// The same expression in the engine that it is held against.
fn oracle(expression: &str) -> Regex {
    let (flag, expression) = expression.strip_prefix("(?i)").map_or(("", expression), |rest| ("i", rest));
    let anchored = format!(r"(?{flag}-u)\A(?:{expression})\z");
    let built = RegexBuilder::new(&anchored).size_limit(1 << 26).build();
    built.unwrap_or_else(|error| panic!("{anchored}: {error}"))
}

const ATOMS: [&str; 22] = [
    "a",
    "b",
    "A",
    "0",
    "_",
    "-",
    ".",
    r"\.",
    r"\n",
    r"\x61",
    r"\d",
    r"\D",
    r"\w",
    r"\W",
    r"\s",
    r"\S",
    "[ab]",
    "[^a]",
    "[a-zA]",
    r"[^\d_-]",
    r"[\W\x62]",
    r"[^\x00-\xff]",
];
const COUNTS: [&str; 12] =
    ["*", "+", "?", "{0}", "{2}", "{0,2}", "{1,3}", "{2,}", "{0,}", "{3}", "*?", "{1,2}?"];

fn expression() -> impl Strategy<Value = String> {
    let atom = select(&ATOMS[..]).prop_map(str::to_owned);
    let inner = atom.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            3 => vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            2 => vec(inner.clone(), 1..4).prop_map(|parts| format!("({})", parts.join("|"))),
            1 => inner.clone().prop_map(|part| format!("(|{part})")),
            3 => (inner, select(&COUNTS[..])).prop_map(|(part, count)| format!("(?:{part}){count}")),
        ]
    });
    (select(&["", "", "(?i)"][..]), any::<bool>(), inner).prop_map(|(flag, is_anchored, inner)| {
        if is_anchored { format!("{flag}^(?:{inner})$") } else { format!("{flag}{inner}") }
    })
}

/// Texts of at most so many of `bytes`.
fn texts(bytes: &'static [u8], length: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec(select(bytes), 0..=length), 24)
}

/// Whether a glob matches, tried in every way.
fn tried(glob: &[u8], separator: Option<u8>, text: &[u8]) -> bool {
    let is_in = |byte: &u8| Some(*byte) != separator;
    let after = |glob: &[u8], text: &[u8]| text.get(1..).is_some_and(|text| tried(glob, separator, text));
    match glob {
        [] => text.is_empty(),
        [b'*', b'*', rest @ ..] => tried(rest, separator, text) || after(glob, text),
        [b'*', rest @ ..] => {
            tried(rest, separator, text) || (text.first().is_some_and(is_in) && after(glob, text))
        }
        [b'?', rest @ ..] => text.first().is_some_and(is_in) && after(rest, text),
        [b'\\', byte, rest @ ..] | [byte, rest @ ..] => text.first() == Some(byte) && after(rest, text),
    }
}

proptest! {
    #![proptest_config(Config { cases: 4_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn an_expression_matches_what_another_engine_matches(
        expression in expression(),
        texts in texts(b"aabbAB01_-. \n\xc3", 8),
    ) {
        let mut arena = Arena::default();
        // Programs share a block: the next one must not change those before.
        let before = Program::compile("a+b", &mut arena).expect("a good expression");
        let program = match Program::compile(&expression, &mut arena) {
            Ok(program) => program,
            Err(error) => {
                prop_assert_eq!(error.allowed, Allowed::Positions, "{}", expression);
                return Ok(());
            }
        };
        let after = Program::compile("a+b", &mut arena).expect("a good expression");
        let (oracle, other) = (oracle(&expression), oracle("a+b"));
        for text in texts {
            let found = program.is_match(arena.block(), &text);
            prop_assert_eq!(found, oracle.is_match(&text), "{} {:?}", expression, text);
            prop_assert!(!(found && program.never()), "{}", expression);
            prop_assert!(found || !program.always() || text.contains(&b'\n'), "{}", expression);
            let others = [before, after].map(|other| other.is_match(arena.block(), &text));
            prop_assert_eq!(others, [other.is_match(&text); 2], "{} {:?}", expression, text);
        }
    }

    #[test]
    fn expressions_of_every_width_match_what_another_engine_matches(
        parts in vec((select(&ATOMS[..]), 0..40_usize, 0..3_usize), 1..7),
        texts in texts(b"aab0", 160),
    ) {
        let part = |(atom, least, more): &(&str, usize, usize)| format!("(?:{atom}|a){{{least},{}}}", least + more);
        let expression = parts.iter().map(part).collect::<Vec<_>>().concat();
        let mut arena = Arena::default();
        let Ok(program) = Program::compile(&expression, &mut arena) else { return Ok(()) };
        let oracle = oracle(&expression);
        let least = parts.iter().map(|(_, least, _)| least).sum();
        for text in texts.into_iter().chain([vec![b'a'; least], vec![b'a'; least + 1]]) {
            prop_assert_eq!(program.is_match(arena.block(), &text), oracle.is_match(&text), "{} {:?}", expression, text);
        }
    }

    #[test]
    fn a_glob_matches_what_trying_every_way_matches(
        parts in vec(select(&["*", "**", "?", r"\*", r"\\", "/", "a", "b", "é", "[", "."][..]), 0..8),
        separator in select(&[None, Some(b'/'), Some(b'.')][..]),
        texts in texts(b"aab//.*\\\n[\xc3\xa9", 8),
    ) {
        let glob = parts.concat();
        let mut arena = Arena::default();
        let program = Program::compile_glob(&glob, separator, &mut arena).expect("a good glob");
        for text in texts {
            let found = program.is_match(arena.block(), &text);
            prop_assert_eq!(found, tried(glob.as_bytes(), separator, &text), "{} {:?}", glob, text);
        }
    }

    /// Whatever is accepted means the same to the other engine, or the other engine refuses it.
    #[test]
    fn random_text_is_an_expression_or_an_error(
        text in prop_oneof!["[ab(|)?*+{},:0-3\\[\\]^$.\\\\-]{0,14}", any::<String>()],
        texts in prop_oneof![texts(b"ab0123", 4), vec(any::<Vec<u8>>(), 4)],
    ) {
        let mut arena = Arena::default();
        let compiled = Program::compile(&text, &mut arena);
        let glob = Program::compile_glob(&text, Some(b'/'), &mut arena);
        // In a class of the other engine, these take away or cut.
        let is_plain = !["--", "&&", "~~"].iter().any(|sign| text.contains(sign));
        let other = is_plain.then(|| Regex::new(&format!(r"(?-u)\A(?:{text})\z")).ok()).flatten();
        for subject in texts {
            if let Ok(program) = compiled {
                let found = program.is_match(arena.block(), &subject);
                let agrees = other.as_ref().is_none_or(|other| other.is_match(&subject) == found);
                prop_assert!(agrees, "{:?} {:?}", text, subject);
            }
            if let Ok(program) = glob {
                program.is_match(arena.block(), &subject);
            }
        }
        if let Err(error) = compiled {
            prop_assert!(error.at <= text.len(), "{:?} {}", text, error);
        }
    }
}
