//! Glob -> automaton.

use super::RegexError;
use super::automaton::{Automaton, Fragment};
use super::expression::{Item, Parser, fault};
use super::set::Set;

const ESCAPE: &str = r"after \ the character that it takes as it is; a literal \ is written \\";

/// The automaton of a glob, and its whole as one fragment.
pub(super) fn parse(text: &str, separator: Option<u8>) -> Result<(Automaton, Fragment), RegexError> {
    let any = !Set::EMPTY;
    let but_separator = separator.map_or(any, |byte| !Item::Byte(byte).set());
    let mut parser = Parser::new(text)?;
    let mut whole = parser.automaton.empty();
    loop {
        let at = parser.at;
        let Some(byte) = parser.next() else { return Ok((parser.automaton, whole)) };
        let is_run = byte == b'*';
        let item = match byte {
            b'*' if parser.eat(b'*') => Item::Set(any),
            b'*' | b'?' => Item::Set(but_separator),
            b'\\' => Item::Byte(parser.next().ok_or(fault(at, ESCAPE))?),
            byte => Item::Byte(byte),
        };
        let mut next = parser.one_of(item, at)?;
        if is_run {
            next = parser.repeat(next, 0, None, at)?;
        }
        whole = parser.automaton.then(whole, next);
    }
}
