//! The text of an expression -> its automaton.

use super::{Automaton, Bits, LENGTH, NONE, POSITIONS, Part, RegexError, insert, union};

/// Groups inside one another.
const DEPTH: usize = 16;
/// The largest count of a repetition.
const COUNT: usize = 255;

const TOO_LONG: &str = "an expression has at most 1024 bytes";
const TOO_MANY: &str = "an expression has at most 256 characters, counts written out";
const TOO_DEEP: &str = "at most 16 groups inside one another";
const NOT_CLOSED: &str = "the group is not closed";
const NOT_OPENED: &str = "no group is open; write \\) for the character";
const NOTHING_TO_REPEAT: &str = "nothing stands before it to repeat; write \\ before the character itself";
const NO_COUNT: &str = "a count is {m}, {m,} or {m,n}, at most 255, m before n; write \\{ for the character";
const NO_GROUP: &str =
    "groups are ( ) and (?: ); (?i) stands at the start alone; there is no look-around and no name";
const NO_ANCHOR: &str = "the whole text is matched anyway: ^ stands at the start and $ at the end alone; write \\ before the \
     character itself";
const NO_ESCAPE: &str = "escapes are \\d \\D \\w \\W \\s \\S \\n \\r \\t \\xHH and those of punctuation; there is no \\b and no reference";
const NO_CLASS: &str =
    "a class is like [a-z0-9_] or [^/]: ASCII characters and escapes, ranges from low to high, closed by ]";
const EMPTY_CLASS: &str = "no character is in this class";

/// Reads an expression from left to right.
pub(super) struct Parser<'t> {
    text: &'t [u8],
    at: usize,
    /// Where the expression ends: before a `$`.
    end: usize,
    depth: usize,
    /// Atoms read so far, those of counts each time: bounds what an expression of empty groups could ask for.
    atoms: usize,
    ignores_case: bool,
    automaton: Automaton,
}

type Parsed<T> = Result<T, RegexError>;

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Parsed<Self> {
        let text = text.as_bytes();
        let parser = Parser {
            text,
            at: 0,
            end: text.len(),
            depth: 0,
            atoms: 0,
            ignores_case: false,
            automaton: Automaton::default(),
        };
        if text.len() > LENGTH { Err(RegexError { at: LENGTH, what: TOO_LONG }) } else { Ok(parser) }
    }

    /// A regular expression.
    pub(super) fn regex(text: &'t str) -> Parsed<Automaton> {
        let mut parser = Parser::new(text)?;
        parser.ignores_case = parser.eat(b"(?i)");
        parser.eat(b"^");
        let before_end = parser.text.strip_suffix(b"$").unwrap_or_default();
        let is_escaped = before_end.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
        if parser.text.len() > parser.at && parser.text.ends_with(b"$") && !is_escaped {
            parser.end -= 1;
        }
        let whole = parser.alternatives()?;
        if parser.at < parser.end {
            return parser.fail(NOT_OPENED);
        }
        parser.automaton.whole = whole;
        Ok(parser.automaton)
    }

    /// A glob.
    pub(super) fn glob(text: &'t str, separator: Option<u8>) -> Parsed<Automaton> {
        let mut parser = Parser::new(text)?;
        let any = byte_range(0, u8::MAX);
        let mut in_segment = any;
        if let Some(separator) = separator {
            in_segment = without(&any, &byte_range(separator, separator));
        }
        let mut whole = Part::EMPTY;
        while let Some(byte) = parser.next() {
            let part = match byte {
                b'*' => {
                    let accepts = if parser.eat(b"*") { any } else { in_segment };
                    let one = parser.position(accepts)?;
                    parser.automaton.again(one).or(Part::EMPTY)
                }
                b'?' => parser.position(in_segment)?,
                b'\\' => match parser.next() {
                    Some(byte) => parser.position(byte_range(byte, byte))?,
                    None => return parser.fail("a character must follow the backslash"),
                },
                byte => parser.position(byte_range(byte, byte))?,
            };
            whole = parser.automaton.then(whole, part);
        }
        parser.automaton.whole = whole;
        Ok(parser.automaton)
    }

    fn alternatives(&mut self) -> Parsed<Part> {
        let mut whole = self.sequence()?;
        while self.eat(b"|") {
            let other = self.sequence()?;
            whole = whole.or(other);
        }
        Ok(whole)
    }

    fn sequence(&mut self) -> Parsed<Part> {
        let mut whole = Part::EMPTY;
        while let Some(byte) = self.peek().filter(|byte| !matches!(byte, b'|' | b')')) {
            if matches!(byte, b'*' | b'+' | b'?' | b'{') {
                return self.fail(NOTHING_TO_REPEAT);
            }
            let part = self.repeated()?;
            whole = self.automaton.then(whole, part);
        }
        Ok(whole)
    }

    /// An atom and how often it stands. A count is written out: the atom is read as often as it says.
    fn repeated(&mut self) -> Parsed<Part> {
        let start = self.at;
        let atom = self.atom()?;
        let after = self.at;
        let part = match self.peek() {
            Some(b'*') => self.automaton.again(atom).or(Part::EMPTY),
            Some(b'+') => self.automaton.again(atom),
            Some(b'?') => atom.or(Part::EMPTY),
            Some(b'{') => {
                let (least, most) = self.count()?;
                let end = self.at;
                let part = self.counted(atom, start, least, most)?;
                self.at = end - 1;
                part
            }
            _ => return Ok(atom),
        };
        self.at = self.at.max(after) + 1;
        // Lazy or not, the same texts match.
        self.eat(b"?");
        match self.peek() {
            Some(b'*' | b'+' | b'?' | b'{') => self.fail(NOTHING_TO_REPEAT),
            _ => Ok(part),
        }
    }

    fn counted(&mut self, atom: Part, start: usize, least: usize, most: Option<usize>) -> Parsed<Part> {
        let mut whole = Part::EMPTY;
        let copies = most.unwrap_or(least.max(1));
        for copy in 0..copies {
            let mut part = if copy == 0 {
                atom
            } else {
                self.at = start;
                self.atom()?
            };
            if copy + 1 == copies && most.is_none() {
                part = self.automaton.again(part);
            }
            if copy >= least {
                part = part.or(Part::EMPTY);
            }
            whole = self.automaton.then(whole, part);
        }
        Ok(whole)
    }

    /// `{m}`, `{m,}`, `{m,n}`.
    fn count(&mut self) -> Parsed<(usize, Option<usize>)> {
        self.at += 1;
        let Some(least) = self.number() else { return self.fail(NO_COUNT) };
        let most = if !self.eat(b",") {
            Some(least)
        } else if self.peek() == Some(b'}') {
            None
        } else {
            let Some(most) = self.number() else { return self.fail(NO_COUNT) };
            Some(most)
        };
        let is_good = least <= COUNT && most.is_none_or(|most| least <= most && most <= COUNT);
        if !is_good || self.peek() != Some(b'}') {
            return self.fail(NO_COUNT);
        }
        self.at += 1;
        Ok((least, most))
    }

    fn number(&mut self) -> Option<usize> {
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = std::str::from_utf8(self.rest().get(..digits)?).ok()?;
        let number = text.parse().ok().filter(|number| *number <= COUNT)?;
        self.at += digits;
        Some(number)
    }

    fn atom(&mut self) -> Parsed<Part> {
        let start = self.at;
        self.atoms += 1;
        if self.atoms > 8 * POSITIONS {
            return self.fail(TOO_MANY);
        }
        match self.next() {
            Some(b'(') => {
                if self.peek() == Some(b'?') && !self.eat(b"?:") {
                    return self.fail(NO_GROUP);
                }
                if self.depth == DEPTH {
                    return self.fail(TOO_DEEP);
                }
                self.depth += 1;
                let part = self.alternatives()?;
                self.depth -= 1;
                if self.eat(b")") { Ok(part) } else { self.fail(NOT_CLOSED) }
            }
            Some(b'[') => {
                let accepts = self.class()?;
                self.position(accepts)
            }
            Some(b'.') => self.position(without(&byte_range(0, u8::MAX), &byte_range(b'\n', b'\n'))),
            Some(b'\\') => {
                let accepts = self.escape()?;
                self.position(accepts)
            }
            Some(b'^' | b'$') => {
                self.at = start;
                self.fail(NO_ANCHOR)
            }
            // The bytes of one character of UTF-8 belong together.
            Some(byte) => {
                let mut whole = self.position(byte_range(byte, byte))?;
                while let Some(byte) = self.peek().filter(|byte| byte & 0xc0 == 0x80) {
                    self.at += 1;
                    let part = self.position(byte_range(byte, byte))?;
                    whole = self.automaton.then(whole, part);
                }
                Ok(whole)
            }
            None => Ok(Part::EMPTY),
        }
    }

    /// The rest of a class, after its bracket.
    fn class(&mut self) -> Parsed<Bits> {
        let is_inverted = self.eat(b"^");
        let mut accepts = NONE;
        let start = self.at;
        loop {
            let Some(byte) = self.peek() else { return self.fail(NO_CLASS) };
            if byte == b']' && self.at > start {
                break;
            }
            let (from, set) = self.element()?;
            accepts = union(&accepts, &set);
            let is_range = self.peek() == Some(b'-') && self.rest().get(1).is_some_and(|byte| *byte != b']');
            if is_range {
                self.at += 1;
                let at = self.at;
                let (to, _) = self.element()?;
                match (from, to) {
                    (Some(from), Some(to)) if from <= to => accepts = union(&accepts, &byte_range(from, to)),
                    _ => return Err(RegexError { at, what: NO_CLASS }),
                }
            }
        }
        if self.ignores_case {
            accepts = with_both_cases(&accepts);
        }
        if is_inverted {
            accepts = without(&byte_range(0, u8::MAX), &accepts);
        }
        if accepts == NONE {
            return self.fail(EMPTY_CLASS);
        }
        self.at += 1;
        Ok(accepts)
    }

    /// One element of a class: its byte where it is a single one, and its bytes.
    fn element(&mut self) -> Parsed<(Option<u8>, Bits)> {
        match self.peek() {
            Some(b'\\') => {
                self.at += 1;
                let set = self.escape()?;
                let mut bytes = (0..=u8::MAX).filter(|byte| super::has(&set, (*byte).into()));
                let first = bytes.next();
                Ok((first.filter(|_| bytes.next().is_none()), set))
            }
            Some(byte) if byte.is_ascii() => {
                self.at += 1;
                Ok((Some(byte), byte_range(byte, byte)))
            }
            _ => self.fail(NO_CLASS),
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Parsed<Bits> {
        let Some(byte) = self.peek() else { return self.fail(NO_ESCAPE) };
        let digits = byte_range(b'0', b'9');
        let words = [byte_range(b'a', b'z'), byte_range(b'A', b'Z'), byte_range(b'_', b'_')];
        let words = words.iter().fold(digits, |all, part| union(&all, part));
        let spaces = union(&byte_range(b'\t', b'\r'), &byte_range(b' ', b' '));
        let all = byte_range(0, u8::MAX);
        let one = |byte: u8| byte_range(byte, byte);
        let accepts = match byte {
            b'd' => digits,
            b'D' => without(&all, &digits),
            b'w' => words,
            b'W' => without(&all, &words),
            b's' => spaces,
            b'S' => without(&all, &spaces),
            b'n' => one(b'\n'),
            b'r' => one(b'\r'),
            b't' => one(b'\t'),
            b'x' => {
                let digits = self.rest().get(1..3).and_then(|digits| std::str::from_utf8(digits).ok());
                let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let Some(value) = value else { return self.fail(NO_ESCAPE) };
                self.at += 2;
                one(value)
            }
            byte if byte.is_ascii_punctuation() || byte == b' ' => one(byte),
            _ => return self.fail(NO_ESCAPE),
        };
        self.at += 1;
        Ok(accepts)
    }

    fn position(&mut self, accepts: Bits) -> Parsed<Part> {
        let accepts = if self.ignores_case { with_both_cases(&accepts) } else { accepts };
        match self.automaton.push(accepts) {
            Some(part) => Ok(part),
            None => self.fail(TOO_MANY),
        }
    }

    fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..self.end).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn eat(&mut self, text: &[u8]) -> bool {
        let is_there = self.rest().starts_with(text);
        if is_there {
            self.at += text.len();
        }
        is_there
    }

    fn fail<T>(&self, what: &'static str) -> Parsed<T> {
        Err(RegexError { at: self.at, what })
    }
}

fn byte_range(from: u8, to: u8) -> Bits {
    let mut bits = NONE;
    (from..=to).for_each(|byte| insert(&mut bits, byte.into()));
    bits
}

fn without(all: &Bits, some: &Bits) -> Bits {
    std::array::from_fn(|word| all.get(word).unwrap_or(&0) & !some.get(word).unwrap_or(&0))
}

fn with_both_cases(accepts: &Bits) -> Bits {
    let mut both = *accepts;
    for byte in (b'a'..=b'z').chain(b'A'..=b'Z').filter(|byte| super::has(accepts, (*byte).into())) {
        insert(&mut both, (byte ^ 0x20).into());
    }
    both
}
