//! Regular expressions and globs, in linear time and as flat records.
//!
//! An expression becomes a Glushkov automaton: one position for each character that the expression writes, and for
//! each position the set of those that may follow. Sets are bits, so a step is a few words, whatever the text:
//! there is no backtracking, no state is built while matching, and nothing is allocated. What is kept of an
//! expression is a run of words and of bytes, which can be written down and taken over like the rest of a plan.
//!
//! The whole text must match, as in Envoy's `safe_regex`. Bytes are matched: `.` is any byte but a line feed.
//!
//! Source: V. M. Glushkov, "The abstract theory of automata" (1961); G. Navarro, M. Raffinot, "Compact DFA
//! Representation for Fast Regular Expression Search" (2001) for the bits.

mod parse;

use std::fmt;

use parse::Parser;

use crate::arena::position;

/// Positions that an expression may have once its counts are written out.
pub(crate) const POSITIONS: usize = 256;
/// Bytes that an expression may have.
pub(crate) const LENGTH: usize = 1024;

/// Words of the largest set of positions.
const WORDS: usize = POSITIONS / 64;
/// A set of positions, or of the 256 bytes.
type Bits = [u64; WORDS];
const NONE: Bits = [0; WORDS];

/// What is wrong with an expression, and where: the byte at which it was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RegexError {
    at: usize,
    what: &'static str,
}

impl fmt::Display for RegexError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "at byte {}: {}", self.at, self.what)
    }
}

/// The automata of all expressions of a release.
#[derive(Debug, Clone, Default)]
pub(crate) struct Programs {
    words: Vec<u64>,
    bytes: Vec<u8>,
}

/// One automaton: where its records stand. Sets are `width` words each: those that start, those that may end, what follows
/// each position, and which positions each class of bytes can be at. The class of each byte stands in `bytes`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    words: u32,
    bytes: u32,
    positions: u16,
    width: u8,
    /// Whether the empty text matches.
    matches_empty: bool,
}

impl Programs {
    /// Takes in a regular expression.
    ///
    /// # Errors
    /// What in the expression is not allowed.
    pub(crate) fn compile(&mut self, text: &str) -> Result<Program, RegexError> {
        Ok(self.keep(&Parser::regex(text)?))
    }

    /// Takes in a glob: `*` is any run of bytes without `separator`, `**` any run, `?` one byte that is not `separator`,
    /// and a backslash takes the meaning from what follows.
    ///
    /// # Errors
    /// What in the glob is not allowed.
    pub(crate) fn compile_glob(&mut self, text: &str, separator: Option<u8>) -> Result<Program, RegexError> {
        Ok(self.keep(&Parser::glob(text, separator)?))
    }

    fn keep(&mut self, automaton: &Automaton) -> Program {
        let positions = automaton.positions.len();
        let width = positions.div_ceil(64).max(1);
        let program = Program {
            words: position(self.words.len()),
            bytes: position(self.bytes.len()),
            // At most 256 and 4.
            positions: u16::try_from(positions).unwrap_or_default(),
            width: u8::try_from(width).unwrap_or_default(),
            matches_empty: automaton.whole.matches_empty,
        };
        let mut keep = |bits: &Bits| self.words.extend(bits.iter().take(width));
        keep(&automaton.whole.first);
        keep(&automaton.whole.last);
        for position in &automaton.positions {
            keep(&position.follow);
        }
        // Bytes that no expression tells apart share a class.
        let mut classes: Vec<Bits> = Vec::new();
        for byte in 0..=u8::MAX {
            let mut at = NONE;
            for (index, position) in automaton.positions.iter().enumerate() {
                if has(&position.accepts, byte.into()) {
                    insert(&mut at, index);
                }
            }
            let class = classes.iter().position(|known| *known == at).unwrap_or_else(|| {
                classes.push(at);
                classes.len() - 1
            });
            // At most as many as there are bytes.
            self.bytes.push(u8::try_from(class).unwrap_or_default());
        }
        for class in classes {
            self.words.extend(class.into_iter().take(width));
        }
        program
    }

    /// Whether the whole of `text` matches.
    pub(crate) fn is_match(&self, program: Program, text: &[u8]) -> bool {
        let width = usize::from(program.width);
        let words = self.words.get(program.words as usize..).unwrap_or_default();
        let classes_of_bytes = self.bytes.get(program.bytes as usize..).unwrap_or_default();
        let set = |index: usize| words.get(index * width..(index + 1) * width).unwrap_or_default();
        let at_byte = |byte: u8| {
            let class = classes_of_bytes.get(usize::from(byte)).copied().unwrap_or_default();
            set(2 + usize::from(program.positions) + usize::from(class))
        };
        let Some((first, rest)) = text.split_first() else { return program.matches_empty };
        let mut now = NONE;
        meet(&mut now, set(0), at_byte(*first));
        for byte in rest {
            let mut next = NONE;
            for (index, word) in now.iter().take(width).enumerate() {
                let mut left = *word;
                while left != 0 {
                    let position = index * 64 + left.trailing_zeros() as usize;
                    left &= left - 1;
                    next.iter_mut().zip(set(2 + position)).for_each(|(word, follow)| *word |= follow);
                }
            }
            now = NONE;
            meet(&mut now, &next, at_byte(*byte));
            if now == NONE {
                return false;
            }
        }
        now.iter().zip(set(1)).any(|(now, last)| now & last != 0)
    }
}

/// What is in both sets.
fn meet(into: &mut Bits, one: &[u64], other: &[u64]) {
    for (word, (one, other)) in into.iter_mut().zip(one.iter().zip(other)) {
        *word = one & other;
    }
}

fn insert(bits: &mut Bits, index: usize) {
    if let Some(word) = bits.get_mut(index / 64) {
        *word |= 1 << (index % 64);
    }
}

fn has(bits: &Bits, index: usize) -> bool {
    bits.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 != 0)
}

/// An expression as it is built up.
#[derive(Default)]
struct Automaton {
    positions: Vec<Position>,
    whole: Part,
}

/// A character that the expression writes.
struct Position {
    /// The bytes that it may be.
    accepts: Bits,
    /// The positions that may come next.
    follow: Bits,
}

/// A part of an expression: where it may start and end.
#[derive(Clone, Copy, Default)]
struct Part {
    first: Bits,
    last: Bits,
    matches_empty: bool,
}

impl Part {
    /// What the empty text matches.
    const EMPTY: Part = Part { first: NONE, last: NONE, matches_empty: true };

    /// Either of two.
    fn or(self, other: Part) -> Part {
        Part {
            first: union(&self.first, &other.first),
            last: union(&self.last, &other.last),
            matches_empty: self.matches_empty || other.matches_empty,
        }
    }
}

fn union(one: &Bits, other: &Bits) -> Bits {
    std::array::from_fn(|word| one.get(word).unwrap_or(&0) | other.get(word).unwrap_or(&0))
}

impl Automaton {
    /// One character; `None` when there are too many.
    fn push(&mut self, accepts: Bits) -> Option<Part> {
        let index = self.positions.len();
        if index == POSITIONS {
            return None;
        }
        self.positions.push(Position { accepts, follow: NONE });
        let mut only = NONE;
        insert(&mut only, index);
        Some(Part { first: only, last: only, matches_empty: false })
    }

    /// One part and then the other.
    fn then(&mut self, one: Part, other: Part) -> Part {
        self.follow(&one.last, &other.first);
        Part {
            first: if one.matches_empty { union(&one.first, &other.first) } else { one.first },
            last: if other.matches_empty { union(&one.last, &other.last) } else { other.last },
            matches_empty: one.matches_empty && other.matches_empty,
        }
    }

    /// A part once or more often.
    fn again(&mut self, part: Part) -> Part {
        self.follow(&part.last, &part.first);
        part
    }

    fn follow(&mut self, before: &Bits, after: &Bits) {
        for (index, position) in self.positions.iter_mut().enumerate() {
            if has(before, index) {
                position.follow = union(&position.follow, after);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    use super::*;

    fn is_match(expression: &str, text: &str) -> bool {
        let mut programs = Programs::default();
        let program = programs.compile(expression).unwrap_or_else(|fault| panic!("{expression}: {fault}"));
        programs.is_match(program, text.as_bytes())
    }

    #[track_caller]
    fn check(expression: &str, inside: &[&str], outside: &[&str]) {
        assert!(inside.iter().all(|text| is_match(expression, text)), "{expression}");
        assert!(!outside.iter().any(|text| is_match(expression, text)), "{expression}");
    }

    #[test]
    fn matches_the_whole_text() {
        check("beta-[0-9]+", &["beta-1", "beta-123"], &["beta-", "xbeta-1", "beta-1x", ""]);
        check("^a$", &["a"], &["", "aa"]);
        check("", &[""], &["a"]);
    }

    #[test]
    fn knows_alternatives_repetitions_and_groups() {
        check("a|bc|", &["a", "bc", ""], &["b", "abc"]);
        check("(a|b)*c", &["c", "abbac"], &["ab", "cc"]);
        check("(?:ab)+?", &["ab", "abab"], &["", "aba"]);
        check("a{2}", &["aa"], &["a", "aaa"]);
        check("(ab?){2,}", &["aa", "abab", "aaaa"], &["a", "ab", ""]);
        check("a{0,2}b", &["b", "ab", "aab"], &["aaab"]);
        check("(a*)*", &["", "aaa"], &["b"]);
    }

    #[test]
    fn knows_classes_and_escapes() {
        check(r"\d\w\s\D", &["1a x", "9_\tZ"], &["aa x", "1- x", "1axx"]);
        check("[a-cx-]", &["a", "c", "x", "-"], &["d", "w"]);
        check("[^a-c]", &["d", "\n"], &["a", ""]);
        check("[]a]", &["]", "a"], &["b"]);
        check(r"[\d.]\.", &["1.", ".."], &["1x"]);
        check(".", &["a", " "], &["\n", ""]);
        check(r"\x41\n", &["A\n"], &["a\n"]);
        check("(?i)Beta", &["bETA"], &["bet"]);
        check("é+", &["é", "éé"], &["e"]);
    }

    #[test]
    fn takes_no_time_to_speak_of_for_what_others_backtrack_on() {
        let text = "a".repeat(10_000);
        assert!(!is_match("(a|aa)+b", &text));
        assert!(is_match("(a*)*", &text));
    }

    #[test]
    fn globs_stop_at_the_separator() {
        let is_match = |glob: &str, separator: Option<u8>, text: &str| {
            let mut programs = Programs::default();
            let program = programs.compile_glob(glob, separator).unwrap();
            programs.is_match(program, text.as_bytes())
        };
        assert!(is_match("/shop/*/cart", Some(b'/'), "/shop/a.b/cart"));
        assert!(!is_match("/shop/*/cart", Some(b'/'), "/shop/a/b/cart"));
        assert!(is_match("/shop/**/cart", Some(b'/'), "/shop/a/b/cart"));
        assert!(is_match("*iPhone*", None, "Mozilla/5.0 (iPhone; x)"));
        assert!(is_match("v?.(+)", None, "v2.(+)"));
        assert!(!is_match("a?b", Some(b'/'), "a/b"));
        assert!(is_match(r"\*", None, "*") && !is_match(r"\*", None, "a"));
    }

    #[test]
    fn says_where_an_expression_is_wrong() {
        for (expression, at) in [
            ("(a", 2),
            ("a)", 1),
            ("*a", 0),
            ("a**", 2),
            ("[a", 2),
            ("[b-a]", 3),
            (r"\b", 1),
            (r"\1", 1),
            ("a^b", 1),
            ("a$b", 1),
            ("(?=a)", 1),
            ("(?P<x>a)", 1),
            ("a{3,2}", 5),
            ("a{999}", 2),
            ("(a{50}){50}", 2),
            ("[é]", 1),
            (r"a\", 2),
            (r"[^\x00-\xff]", 11),
            ("(((((){255}){255}){255}){255}){255}", 4),
        ] {
            let fault = Programs::default().compile(expression).unwrap_err();
            assert_eq!(fault.at, at, "{expression}: {fault}");
        }
    }

    /// Expressions of a few characters, in every form.
    fn expressions() -> impl Strategy<Value = String> {
        let atoms = prop::sample::select(vec![
            "a", "b", "ab", ".", "[ab]", "[^a]", r"\d", r"\W", "é", r"\.", "[a-c1]", "", r"[\s1]",
        ]);
        let count = prop::sample::select(vec!["*", "+", "?", "*?", "{2}", "{1,}", "{0,2}", "{0}"]);
        atoms.prop_map(str::to_owned).prop_recursive(4, 24, 3, move |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(one, other)| one + &other),
                (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one}|{other}")),
                (inner.clone(), count.clone()).prop_map(|(one, count)| format!("(?:{one}){count}")),
                inner.prop_map(|one| format!("({one})")),
            ]
        })
    }

    proptest! {
        #![proptest_config(Config { cases: 3_000, failure_persistence: None, ..Config::default() })]

        #[test]
        fn matches_as_the_regex_crate_does(
            expression in expressions(),
            ignores_case in any::<bool>(),
            texts in prop::collection::vec("[abAc1é. ]{0,8}", 1..12),
        ) {
            let written = if ignores_case { format!("(?i){expression}") } else { expression.clone() };
            let mut programs = Programs::default();
            // Other expressions stand before it.
            programs.compile("[a-z]*x").unwrap();
            if let Ok(program) = programs.compile(&written) {
                let flags = if ignores_case { "i-u" } else { "-u" };
                let oracle = regex::bytes::Regex::new(&format!(r"(?{flags})\A(?:{expression})\z")).unwrap();
                for text in texts {
                    prop_assert_eq!(programs.is_match(program, text.as_bytes()), oracle.is_match(text.as_bytes()), "{}", text);
                }
            }
        }

        #[test]
        fn any_text_is_an_expression_or_is_not(expression in r"[ab(){}\[\]|*+?^$\\x0-9,:i.é-]{0,20}", text in any::<Vec<u8>>()) {
            let mut programs = Programs::default();
            if let Ok(program) = programs.compile(&expression) {
                programs.is_match(program, &text);
                let oracle = regex::bytes::Regex::new(&format!(r"(?-u)\A(?:{expression})\z"));
                // What it refuses and we take: a class like `[]a]` or `[[]`, or `{` after an escape, written plainly.
                if let Ok(oracle) = oracle {
                    prop_assert_eq!(programs.is_match(program, b"ab"), oracle.is_match(b"ab"));
                }
            }
            if let Ok(program) = programs.compile_glob(&expression, Some(b':')) {
                programs.is_match(program, &text);
            }
        }
    }
}
