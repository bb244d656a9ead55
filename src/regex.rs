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

use crate::arena::{Arena, Block, List, Text};
use crate::bytes::find;
use crate::limits;
use crate::record::record;
use automaton::{Automaton, Fragment};
use set::Set;

record! {
    /// One compiled expression: where it stands in the block in which it was compiled, and what is known of it. With another block it
    /// matches or not, and nothing worse.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Program {
        /// Sets of [`width`] words each: first, last, chain, loops, branches, one for each class of bytes, one for each
        /// position (its follow).
        sets: List<u64>,
        /// 256 bytes: the class of each byte.
        map: Text,
        positions: u16,
        classes: u16,
        /// Whether it matches the empty text.
        nullable: bool,
        /// A byte without which no text matches: it is looked for first, a word at a time.
        needs: Option<u8>,
        never: bool,
        always: bool,
    }
}

impl Program {
    /// Compiles a regular expression; its lists are kept in `arena`.
    ///
    /// # Errors
    /// The first byte that is not understood and what is allowed there, or the limit that is passed.
    pub(crate) fn compile(text: &str, arena: &mut Arena) -> Result<Self, RegexError> {
        let (automaton, whole) = expression::parse(text)?;
        Ok(Program::keep(&automaton, whole, arena))
    }

    /// Compiles a glob: `*` is any run of bytes without the separator, `**` any run, `?` one byte but the separator,
    /// `\` takes the next byte as it is, and all else stands for itself. Without a separator, `*` and `**` are the same.
    ///
    /// # Errors
    /// A `\` at the end, or the limit that is passed.
    pub(crate) fn compile_glob(
        text: &str,
        separator: Option<u8>,
        arena: &mut Arena,
    ) -> Result<Self, RegexError> {
        let (automaton, whole) = glob::parse(text, separator)?;
        Ok(Program::keep(&automaton, whole, arena))
    }

    /// Whether a regular expression can match a text that has one of `first` at its start, one of `last` at its end, and
    /// none but `each`; the empty text is one of them. `None` for what is no expression.
    #[cfg(feature = "tools")]
    pub(crate) fn can_match(text: &str, bytes: [fn(u8) -> bool; 3]) -> Option<bool> {
        let (automaton, whole) = expression::parse(text).ok()?;
        Some(automaton.can_match(whole, bytes.map(Set::where_it_holds)))
    }

    /// The same of a glob.
    #[cfg(feature = "tools")]
    pub(crate) fn can_match_glob(
        text: &str,
        separator: Option<u8>,
        bytes: [fn(u8) -> bool; 3],
    ) -> Option<bool> {
        let (automaton, whole) = glob::parse(text, separator).ok()?;
        Some(automaton.can_match(whole, bytes.map(Set::where_it_holds)))
    }

    fn keep(automaton: &Automaton, whole: Fragment, arena: &mut Arena) -> Self {
        let (map, classes) = automaton.classes();
        let follow = automaton.follow();
        let shape = automaton.shape();
        let reached = automaton.reached(whole.first, shape.possible);
        // At most 256 of each.
        let positions = u16::try_from(follow.len()).unwrap_or_default();
        let class_count = u16::try_from(classes.len()).unwrap_or_default();
        let known = [whole.first, whole.last, shape.chain, shape.loops, shape.branches];
        let sets = known.into_iter().chain(classes).chain(follow);
        let width = width(positions);
        Program {
            sets: arena.list(sets.flat_map(|set| set.0.into_iter().take(width))),
            map: arena.keep(map),
            positions,
            classes: class_count,
            nullable: whole.nullable,
            needs: whole.needs,
            never: !whole.nullable && (reached & whole.last).is_empty(),
            always: whole.nullable && !(whole.first & whole.last & shape.everything).is_empty(),
        }
    }

    /// Whether no text can match: `[^\x00-\xff]`. Exact.
    pub(crate) fn never(self) -> bool {
        self.never
    }

    /// Whether every text without a line feed matches: `.*`. Where it is `false`, that may still be so.
    pub(crate) fn always(self) -> bool {
        self.always
    }

    /// Whether the expression matches the whole of `text`. At most a few operations for each byte and each position
    /// that is reached; no allocation.
    pub(crate) fn is_match(self, block: Block<'_>, text: &[u8]) -> bool {
        let Some((first, rest)) = text.split_first() else { return self.nullable };
        if self.needs.is_some_and(|byte| find(text, byte).is_none()) {
            return false;
        }
        let walked = match width(self.positions) {
            1 => self.walk::<1>(block, *first, rest),
            _ => self.walk::<4>(block, *first, rest),
        };
        walked.unwrap_or(false)
    }

    /// `None` where nothing is reached any more.
    fn walk<const W: usize>(self, block: Block<'_>, byte: u8, rest: &[u8]) -> Option<bool> {
        let sets = block.from(self.sets).as_chunks::<8>().0.as_chunks::<W>().0;
        let map = block.text(self.map).first_chunk::<256>()?;
        let (known, sets) = sets.split_first_chunk()?;
        let [first, last, chain, loops, branches] = known.each_ref().map(Set::of_bytes);
        let (classes, follow) = sets.split_at_checked(usize::from(self.classes))?;
        let takes = |byte: u8| {
            let class = *map.get(usize::from(byte))?;
            classes.get(usize::from(class)).map(Set::of_bytes)
        };
        // Most texts end otherwise than a path or a name of the expression, and this tells at once.
        if (last & takes(*rest.last().unwrap_or(&byte))?).is_empty() {
            return None;
        }
        let (mut from, mut next) = (Set::EMPTY, Set::EMPTY);
        let mut reached = first & takes(byte)?;
        for byte in rest {
            if reached.is_empty() {
                return None;
            }
            // A repeated class reaches itself again and again, and the same comes after it.
            if reached != from {
                from = reached;
                // Most positions are followed by the next one, by themselves, or by both: one shift for all of them.
                next = (reached & chain).successors() | (reached & loops);
                for (start, mut word) in (0..).step_by(64).zip((reached & branches).0) {
                    while word != 0 {
                        next = next | Set::of_bytes(follow.get(start + word.trailing_zeros() as usize)?);
                        word &= word - 1;
                    }
                }
            }
            reached = next & takes(*byte)?;
        }
        Some(!(reached & last).is_empty())
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
