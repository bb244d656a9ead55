//! Regular expression -> automaton: one pass, no tree.

use super::automaton::{Automaton, Fragment, in_line};
use super::set::Set;
use super::{Allowed, RegexError};
use crate::limits;

/// The automaton of an expression, and its whole as one fragment.
pub(super) fn parse(text: &str) -> Result<(Automaton, Fragment), RegexError> {
    let mut parser = Parser::new(text)?;
    parser.folded = text.starts_with(FOLD);
    parser.start = if parser.folded { FOLD.len() } else { 0 };
    parser.at = parser.start;
    let whole = parser.alternatives()?;
    match parser.peek() {
        None => Ok((parser.automaton, whole)),
        Some(_) => Err(fault(parser.at, CLOSING)),
    }
}

const FOLD: &str = "(?i)";

const CLOSING: &str = r"a ) only after a (, a literal one is written \)";
const UNCLOSED: &str = r"each ( needs its ), a literal one is written \(";
const GROUP: &str = "groups are ( ) and (?: ), and (?i) may stand at the start; there are no names, no flags and no looking around";
const START: &str =
    r"^ only at the start, a literal one is written \^; the whole text is matched in any case";
const END: &str = r"$ only at the end, a literal one is written \$; the whole text is matched in any case";
const REPEAT: &str =
    r"* + ? and { } only after what they repeat, literal ones are written with a \ before them";
const REPEAT_ONCE: &str = "one of * + ? and { } at a time; put (?: ) around what is repeated again";
const COUNT: &str = r"a count is {m}, {m,} or {m,n} with m <= n, a literal { is written \{";
const ESCAPE: &str =
    r"after \ one of d D w W s S n r t, x and two hex digits, or punctuation; no references, no \b";
const CLASS: &str = "each [ needs its ], with at least one byte between them";
const CLASS_BYTE: &str = r"single bytes, ranges and \d \w \s, literal [ and - are written \[ and \-";
const CLASS_ASCII: &str = "ASCII alone in a class; write (?:é|è) for other characters";
const RANGE: &str = "ranges have a byte at each end, the smaller first: [a-z]";

pub(super) fn fault(at: usize, allowed: &'static str) -> RegexError {
    RegexError { at, allowed: Allowed::Syntax(allowed) }
}

/// Reads a text from left to right.
pub(super) struct Parser<'a> {
    text: &'a [u8],
    /// Where the expression begins, after its flag.
    start: usize,
    pub(super) at: usize,
    folded: bool,
    depth: usize,
    pub(super) automaton: Automaton,
}

/// What an escape or a part of a class stands for.
pub(super) enum Item {
    Byte(u8),
    Set(Set<4>),
}

impl Item {
    pub(super) fn set(self) -> Set<4> {
        match self {
            Item::Byte(byte) => Set::of(&[(byte, byte)]),
            Item::Set(set) => set,
        }
    }
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, RegexError> {
        if text.len() > limits::EXPRESSION {
            return Err(RegexError { at: limits::EXPRESSION, allowed: Allowed::Length });
        }
        let automaton = Automaton::default();
        Ok(Parser { text: text.as_bytes(), start: 0, at: 0, folded: false, depth: 0, automaton })
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn alternatives(&mut self) -> Result<Fragment, RegexError> {
        let mut whole = self.sequence()?;
        while self.eat(b'|') {
            whole = Automaton::or(whole, self.sequence()?);
        }
        Ok(whole)
    }

    fn sequence(&mut self) -> Result<Fragment, RegexError> {
        let mut whole = self.automaton.empty();
        while self.peek().is_some_and(|byte| !matches!(byte, b'|' | b')')) {
            let next = self.repeated()?;
            whole = self.automaton.then(whole, next);
        }
        Ok(whole)
    }

    fn repeated(&mut self) -> Result<Fragment, RegexError> {
        let fragment = self.atom()?;
        let at = self.at;
        let (least, most) = match self.peek() {
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'?') => (0, Some(1)),
            Some(b'{') => self.count().ok_or(fault(at, COUNT))?,
            _ => return Ok(fragment),
        };
        self.at += 1;
        self.eat(b'?');
        if matches!(self.peek(), Some(b'*' | b'+' | b'?' | b'{')) {
            return Err(fault(self.at, REPEAT_ONCE));
        }
        self.repeat(fragment, least, most, at)
    }

    pub(super) fn repeat(
        &mut self,
        fragment: Fragment,
        least: usize,
        most: Option<usize>,
        at: usize,
    ) -> Result<Fragment, RegexError> {
        let repeated = self.automaton.repeat(fragment, least, most);
        repeated.map_err(|allowed| RegexError { at, allowed })
    }

    /// `{m,n}` up to its last byte.
    fn count(&mut self) -> Option<(usize, Option<usize>)> {
        self.at += 1;
        let least = self.number()?;
        let most = if self.eat(b',') { self.number() } else { Some(least) };
        (self.peek() == Some(b'}') && most.is_none_or(|most| least <= most)).then_some((least, most))
    }

    fn number(&mut self) -> Option<usize> {
        let mut number: Option<usize> = None;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            let digit = usize::from(digit - b'0');
            number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(digit));
            self.at += 1;
        }
        number
    }

    fn atom(&mut self) -> Result<Fragment, RegexError> {
        let at = self.at;
        let item = match self.next().unwrap_or_default() {
            b'(' => return self.group(),
            b'^' if at == self.start => return Ok(self.automaton.empty()),
            b'$' if self.at == self.text.len() => return Ok(self.automaton.empty()),
            b'^' => return Err(fault(at, START)),
            b'$' => return Err(fault(at, END)),
            b'*' | b'+' | b'?' | b'{' => return Err(fault(at, REPEAT)),
            b'.' => Item::Set(in_line()),
            b'[' => Item::Set(self.class()?),
            b'\\' => self.escape()?,
            byte => Item::Byte(byte),
        };
        let mut fragment = self.one_of(item, at)?;
        // The bytes of one character belong together: é+ repeats both.
        while let Some(byte @ 0x80..=0xbf) = self.peek() {
            self.at += 1;
            let next = self.one_of(Item::Byte(byte), at)?;
            fragment = self.automaton.then(fragment, next);
        }
        Ok(fragment)
    }

    pub(super) fn one_of(&mut self, item: Item, at: usize) -> Result<Fragment, RegexError> {
        let set = self.fold(item.set());
        self.automaton.one_of(set).map_err(|allowed| RegexError { at, allowed })
    }

    /// With the other case of every ASCII letter, where case does not count. A class is folded before it is negated, so
    /// folding it again changes nothing.
    fn fold(&self, set: Set<4>) -> Set<4> {
        let mut folded = set;
        if self.folded {
            for letter in b'a'..=b'z' {
                let (lower, upper) = (usize::from(letter), usize::from(letter.to_ascii_uppercase()));
                if set.contains(lower) || set.contains(upper) {
                    folded.insert(lower);
                    folded.insert(upper);
                }
            }
        }
        folded
    }

    fn group(&mut self) -> Result<Fragment, RegexError> {
        let at = self.at - 1;
        if self.depth == limits::GROUP_DEPTH {
            return Err(RegexError { at, allowed: Allowed::Depth });
        }
        if self.eat(b'?') && !self.eat(b':') {
            return Err(fault(at, GROUP));
        }
        self.depth += 1;
        let whole = self.alternatives()?;
        self.depth -= 1;
        if self.eat(b')') { Ok(whole) } else { Err(fault(at, UNCLOSED)) }
    }

    /// After a backslash.
    fn escape(&mut self) -> Result<Item, RegexError> {
        let at = self.at - 1;
        let digits = Set::of(&[(b'0', b'9')]);
        let word = digits | Set::of(&[(b'A', b'Z'), (b'a', b'z'), (b'_', b'_')]);
        let space = Set::of(&[(b'\t', b'\r'), (b' ', b' ')]);
        Ok(match self.next() {
            Some(b'd') => Item::Set(digits),
            Some(b'D') => Item::Set(!digits),
            Some(b'w') => Item::Set(word),
            Some(b'W') => Item::Set(!word),
            Some(b's') => Item::Set(space),
            Some(b'S') => Item::Set(!space),
            Some(b'n') => Item::Byte(b'\n'),
            Some(b'r') => Item::Byte(b'\r'),
            Some(b't') => Item::Byte(b'\t'),
            Some(b'x') => match (self.hex(), self.hex()) {
                (Some(high), Some(low)) => Item::Byte(high << 4 | low),
                _ => return Err(fault(at, ESCAPE)),
            },
            Some(byte) if byte.is_ascii_punctuation() || byte == b' ' => Item::Byte(byte),
            _ => return Err(fault(at, ESCAPE)),
        })
    }

    fn hex(&mut self) -> Option<u8> {
        let digit = char::from(self.next()?).to_digit(16)?;
        u8::try_from(digit).ok()
    }

    /// After `[`.
    fn class(&mut self) -> Result<Set<4>, RegexError> {
        let open = self.at - 1;
        let negated = self.eat(b'^');
        let start = self.at;
        let mut set = Set::EMPTY;
        while self.at == start || self.peek() != Some(b']') {
            // A dash is itself at either end, and between two bytes it makes a range.
            if self.at != start && self.peek() == Some(b'-') && self.second() != Some(b']') {
                return Err(fault(self.at, CLASS_BYTE));
            }
            let at = self.at;
            let low = self.class_item(open)?;
            let is_range = self.peek() == Some(b'-') && self.second().is_some_and(|byte| byte != b']');
            set = set
                | if is_range {
                    self.at += 1;
                    match (low, self.class_item(open)?) {
                        (Item::Byte(low), Item::Byte(high)) if low <= high => Set::of(&[(low, high)]),
                        _ => return Err(fault(at, RANGE)),
                    }
                } else {
                    low.set()
                };
        }
        self.at += 1;
        let set = self.fold(set);
        Ok(if negated { !set } else { set })
    }

    /// The byte after the next.
    fn second(&self) -> Option<u8> {
        self.text.get(self.at + 1).copied()
    }

    fn class_item(&mut self, open: usize) -> Result<Item, RegexError> {
        let at = self.at;
        match self.next() {
            None => Err(fault(open, CLASS)),
            Some(b'\\') => self.escape(),
            Some(b'[') => Err(fault(at, CLASS_BYTE)),
            Some(byte) if !byte.is_ascii() => Err(fault(at, CLASS_ASCII)),
            Some(byte) => Ok(Item::Byte(byte)),
        }
    }
}
