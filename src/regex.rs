//! Regular expressions and globs over bytes, matched in linear time as a bit-parallel Glushkov automaton.
//!
//! An expression is compiled once, when a policy is taken in, into runs of two flat lists; matching allocates nothing
//! and goes through the text once. Why not a crate: `docs/decisions/0007-regex.md`.
//!
//! An expression must match the **whole** text. What it may hold:
//!
//! | | |
//! |---|---|
//! | `a`, `é` | itself; what is not ASCII stands for the bytes of its UTF-8 |
//! | `.` | any byte but a line feed |
//! | `\.` `\\` `\n` `\r` `\t` `\x1f` | punctuation or a space as it is, line feed, carriage return, tab, a byte in hex |
//! | `\d` `\w` `\s` `\D` `\W` `\S` | `[0-9]`, `[0-9A-Za-z_]`, `[\t\n\x0b\x0c\r ]`, any byte but these |
//! | `[a-z_\d]` `[^/]` | one byte of a class, or any byte but these |
//! | `ab`, `a\|b`, `(a)`, `(?:a)` | one after the other, one or the other, a group |
//! | `*` `+` `?` `{2}` `{2,}` `{2,5}` | repeats what stands before; the lazy forms (`*?`) mean the same |
//! | `(?i)` at the start | ASCII letters in either case |
//! | `^` at the start, `$` at the end | nothing |
//!
//! The automaton has one *position* for each byte or class of the expression, counts written out. *First* are the
//! positions that can take the first byte of a text, *last* those at which it can end, and *follow* of a position are
//! those that can take the byte after it (V. M. Glushkov, "The abstract theory of automata", 1961). All positions reached
//! by a text are one set of bits, so a byte costs a few operations on words, whatever the expression repeats
//! (G. Navarro and M. Raffinot, "Flexible Pattern Matching in Strings", 2002, chapter 5).

mod automaton;
mod expression;
mod glob;
mod set;

use std::fmt;

use memchr::memchr;

use crate::arena::position;
use crate::limits;
use automaton::{Automaton, Fragment};
use set::Set;

/// One compiled expression: where it stands in the [`Programs`] that compiled it, and what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Program {
    /// First of its words. In sets of [`width`] words each: first, last, chain, loops, branches, one for each class
    /// of bytes, one for each position (its follow).
    words: u32,
    /// First of its 256 bytes: the class of each byte.
    bytes: u32,
    positions: u16,
    classes: u16,
    /// Whether it matches the empty text.
    nullable: bool,
    /// A byte without which no text matches: it is looked for first, many bytes at a time.
    needs: Option<u8>,
    never: bool,
    always: bool,
}

impl Program {
    /// Whether no text can match: `[^\x00-\xff]`. Exact.
    pub(crate) fn never(self) -> bool {
        self.never
    }

    /// Whether every text without a line feed matches: `.*`. Where it is `false`, that may still be so.
    pub(crate) fn always(self) -> bool {
        self.always
    }
}

/// Compiled expressions, in flat lists. A [`Program`] means something only to the list that compiled it; with another
/// it matches or not, and nothing worse.
#[derive(Debug, Clone, Default)]
pub(crate) struct Programs {
    words: Vec<u64>,
    bytes: Vec<u8>,
}

impl Programs {
    /// Compiles a regular expression.
    ///
    /// # Errors
    /// The first byte that is not understood and what is allowed there, or the limit that is passed.
    pub(crate) fn compile(&mut self, text: &str) -> Result<Program, RegexError> {
        let (automaton, whole) = expression::parse(text)?;
        Ok(self.keep(&automaton, whole))
    }

    /// Compiles a glob: `*` is any run of bytes without the separator, `**` any run, `?` one byte but the separator,
    /// `\` takes the next byte as it is, and all else stands for itself. Without a separator, `*` and `**` are the same.
    ///
    /// # Errors
    /// A `\` at the end, or the limit that is passed.
    pub(crate) fn compile_glob(&mut self, text: &str, separator: Option<u8>) -> Result<Program, RegexError> {
        let (automaton, whole) = glob::parse(text, separator)?;
        Ok(self.keep(&automaton, whole))
    }

    fn keep(&mut self, automaton: &Automaton, whole: Fragment) -> Program {
        let (map, classes) = automaton.classes();
        let follow = automaton.follow();
        let shape = automaton.shape();
        let reached = automaton.reached(whole.first, shape.possible);
        let program = Program {
            words: position(self.words.len()),
            bytes: position(self.bytes.len()),
            // At most 256 of each.
            positions: u16::try_from(follow.len()).unwrap_or_default(),
            classes: u16::try_from(classes.len()).unwrap_or_default(),
            nullable: whole.nullable,
            needs: whole.needs,
            never: !whole.nullable && (reached & whole.last).is_empty(),
            always: whole.nullable && !(whole.first & whole.last & shape.everything).is_empty(),
        };
        let width = width(program.positions);
        let mut sets = vec![whole.first, whole.last, shape.chain, shape.loops, shape.branches];
        sets.extend(classes);
        sets.extend(follow);
        for set in sets {
            self.words.extend(set.0.iter().take(width));
        }
        self.bytes.extend_from_slice(&map);
        program
    }

    /// Whether the expression matches the whole of `text`. At most a few operations for each byte and each position
    /// that is reached; no allocation.
    pub(crate) fn is_match(&self, program: Program, text: &[u8]) -> bool {
        let Some((first, rest)) = text.split_first() else { return program.nullable };
        if program.needs.is_some_and(|byte| memchr(byte, text).is_none()) {
            return false;
        }
        let walked = match width(program.positions) {
            1 => self.walk::<1>(program, *first, rest),
            _ => self.walk::<4>(program, *first, rest),
        };
        walked.unwrap_or(false)
    }

    /// `None` where nothing is reached any more.
    fn walk<const W: usize>(&self, program: Program, byte: u8, rest: &[u8]) -> Option<bool> {
        let words = self.words.get(program.words as usize..)?.as_chunks::<W>().0;
        let map = self.bytes.get(program.bytes as usize..)?.first_chunk::<256>()?;
        let ([first, last, chain, loops, branches], sets) = words.split_first_chunk()?;
        let (classes, follow) = sets.split_at_checked(usize::from(program.classes))?;
        let takes = |byte: u8| {
            let class = *map.get(usize::from(byte))?;
            classes.get(usize::from(class)).copied().map(Set)
        };
        let (mut from, mut next) = (Set::EMPTY, Set::EMPTY);
        let mut reached = Set(*first) & takes(byte)?;
        for byte in rest {
            if reached.is_empty() {
                return None;
            }
            // A repeated class reaches itself again and again, and the same comes after it.
            if reached != from {
                from = reached;
                // Most positions are followed by the next one, by themselves, or by both: one shift for all of them.
                next = (reached & Set(*chain)).successors() | (reached & Set(*loops));
                for (start, mut word) in (0..).step_by(64).zip((reached & Set(*branches)).0) {
                    while word != 0 {
                        next = next | Set(*follow.get(start + word.trailing_zeros() as usize)?);
                        word &= word - 1;
                    }
                }
            }
            reached = next & takes(*byte)?;
        }
        Some(!(reached & Set(*last)).is_empty())
    }
}

/// Words of each set of an expression with so many positions.
fn width(positions: u16) -> usize {
    if positions > 64 { 4 } else { 1 }
}

/// What is wrong with an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RegexError {
    /// The byte of the expression at which it shows, counted from 0.
    pub(crate) at: usize,
    /// What is allowed there.
    pub(crate) allowed: Allowed,
}

/// What is allowed in an expression where something else was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// As this phrase says.
    Syntax(&'static str),
    /// Fewer bytes.
    Length,
    /// Fewer positions.
    Positions,
    /// Fewer groups within groups.
    Depth,
}

impl fmt::Display for RegexError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, what) = match self.allowed {
            Allowed::Syntax(phrase) => return write!(out, "at byte {}: {phrase}", self.at),
            Allowed::Length => (limits::EXPRESSION, "bytes are allowed"),
            Allowed::Positions => {
                (limits::POSITIONS, "characters and classes are allowed, repeated ones counted out")
            }
            Allowed::Depth => (limits::GROUP_DEPTH, "groups within each other are allowed"),
        };
        write!(out, "at byte {}: at most {count} {what}", self.at)
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
