//! A regular expression that is looked for somewhere in a text (PCRE, as nginx has it) -> one for the whole text, as policies
//! have it.
//!
//! `^beta|rc$` holds of a text that begins with `beta` or ends with `rc`: each alternative gets `.*` at the ends where it has no
//! anchor. What lies between is left as it is; whether the policy language knows it is for the engine to say.

/// An alternative: its pieces from left to right.
type Sequence<'p> = Vec<Piece<'p>>;

/// A piece of an expression, with what repeats it.
#[derive(Debug, Clone, PartialEq)]
enum Piece<'p> {
    Start,
    End,
    /// What no anchor is in.
    Plain(&'p str),
    /// A group with an anchor in it, which nothing repeats.
    Group(Vec<Sequence<'p>>),
}

/// How many alternatives an expression may come to.
const ALTERNATIVES: usize = 64;

/// The expression that holds of a whole text where `pattern` is found somewhere in it.
///
/// # Errors
/// Why it cannot be said.
pub(super) fn anywhere(pattern: &str) -> Result<String, String> {
    if !pattern.is_ascii() {
        return Err("characters beyond ASCII, which nginx takes byte by byte".to_owned());
    }
    let (flag, pattern) = match pattern.strip_prefix("(?i)") {
        Some(rest) => ("(?i)", rest),
        None => ("", pattern),
    };
    let mut reader = Reader { text: pattern, at: 0, depth: 0 };
    let alternatives = reader.alternatives()?;
    if reader.at < pattern.len() {
        return Err("a ) without its (".to_owned());
    }
    let mut whole = Vec::new();
    for sequence in alternatives {
        padded(sequence, &mut whole)?;
    }
    Ok(format!("{flag}{}", whole.join("|")))
}

/// Whether an expression has alternatives that are in no group; what cannot be read may have some.
pub(crate) fn has_alternatives(pattern: &str) -> bool {
    let mut reader = Reader { text: pattern, at: 0, depth: 0 };
    reader.alternatives().map_or(true, |alternatives| alternatives.len() > 1)
}

/// Adds what an alternative comes to: its anchored groups taken apart, `.*` at each end without an anchor.
fn padded(mut sequence: Sequence<'_>, whole: &mut Vec<String>) -> Result<(), String> {
    if let Some((at, Piece::Group(alternatives))) = sequence
        .iter()
        .enumerate()
        .find_map(|(at, piece)| matches!(piece, Piece::Group(_)).then(|| (at, piece.clone())))
    {
        for alternative in alternatives {
            let mut spread: Sequence<'_> = sequence.iter().take(at).cloned().collect();
            spread.extend(alternative);
            spread.extend(sequence.iter().skip(at.saturating_add(1)).cloned());
            padded(spread, whole)?;
        }
        return Ok(());
    }
    let starts = sequence.iter().take_while(|piece| **piece == Piece::Start).count();
    sequence.drain(..starts);
    let ends = sequence.iter().rev().take_while(|piece| **piece == Piece::End).count();
    sequence.truncate(sequence.len().saturating_sub(ends));
    let (is_at_start, is_at_end) = (starts > 0, ends > 0);
    let mut text = String::from(if is_at_start { "" } else { ".*" });
    for piece in &sequence {
        match piece {
            Piece::Plain(plain) => text.push_str(plain),
            _ => return Err("a ^ that is not at the start, or a $ that is not at the end".to_owned()),
        }
    }
    text.push_str(if is_at_end { "" } else { ".*" });
    if whole.len() >= ALTERNATIVES {
        return Err("more than 64 alternatives".to_owned());
    }
    whole.push(text);
    Ok(())
}

/// Reads an expression from left to right.
struct Reader<'p> {
    text: &'p str,
    at: usize,
    depth: usize,
}

impl<'p> Reader<'p> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn since(&self, start: usize) -> &'p str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn alternatives(&mut self) -> Result<Vec<Sequence<'p>>, String> {
        let mut alternatives = vec![self.sequence()?];
        while self.peek() == Some(b'|') {
            self.skip();
            alternatives.push(self.sequence()?);
        }
        Ok(alternatives)
    }

    fn sequence(&mut self) -> Result<Sequence<'p>, String> {
        let mut sequence = Vec::new();
        while let Some(byte) = self.peek().filter(|byte| !matches!(byte, b'|' | b')')) {
            let start = self.at;
            let mut piece = match byte {
                b'^' | b'$' => {
                    self.skip();
                    if byte == b'^' { Piece::Start } else { Piece::End }
                }
                b'(' => self.group()?,
                b'[' => self.class()?,
                b'\\' => {
                    self.skip();
                    self.skip();
                    Piece::Plain(self.since(start))
                }
                _ => {
                    self.skip();
                    Piece::Plain(self.since(start))
                }
            };
            let before = self.at;
            self.repetition();
            if self.at > before {
                match piece {
                    Piece::Plain(_) => piece = Piece::Plain(self.since(start)),
                    _ => return Err("an anchor that is repeated".to_owned()),
                }
            }
            sequence.push(piece);
        }
        Ok(sequence)
    }

    /// What repeats the piece before it; whether that is in order, the engine says.
    fn repetition(&mut self) {
        loop {
            match self.peek() {
                Some(b'*' | b'+' | b'?') => self.skip(),
                Some(b'{') => {
                    let rest = self.text.get(self.at..).unwrap_or_default();
                    let Some(end) = rest.find('}') else { return };
                    self.at = self.at.saturating_add(end).saturating_add(1);
                }
                _ => return,
            }
        }
    }

    fn group(&mut self) -> Result<Piece<'p>, String> {
        let start = self.at;
        self.skip();
        if self.peek() == Some(b'?') {
            let kind = self.text.get(self.at.saturating_add(1)..).unwrap_or_default();
            if !kind.starts_with(':') {
                return Err(special_group(kind));
            }
            self.skip();
            self.skip();
        }
        self.depth = self.depth.saturating_add(1);
        if self.depth > 16 {
            return Err("more than 16 groups inside one another".to_owned());
        }
        let alternatives = self.alternatives()?;
        self.depth = self.depth.saturating_sub(1);
        if self.peek() != Some(b')') {
            return Err("a ( without its )".to_owned());
        }
        self.skip();
        let has_anchor = alternatives.iter().flatten().any(|piece| !matches!(piece, Piece::Plain(_)));
        Ok(if has_anchor { Piece::Group(alternatives) } else { Piece::Plain(self.since(start)) })
    }

    fn class(&mut self) -> Result<Piece<'p>, String> {
        let start = self.at;
        self.skip();
        if self.peek() == Some(b'^') {
            self.skip();
        }
        // A bracket that comes first is one of its bytes.
        if self.peek() == Some(b']') {
            self.skip();
        }
        loop {
            match self.peek() {
                None => return Err("a [ without its ]".to_owned()),
                Some(b']') => break,
                Some(b'\\') => self.skip(),
                Some(_) => {}
            }
            self.skip();
        }
        self.skip();
        Ok(Piece::Plain(self.since(start)))
    }
}

fn special_group(kind: &str) -> String {
    let what = match kind.as_bytes() {
        [b'=' | b'!', ..] | [b'<', b'=' | b'!', ..] => "looking around ((?= (?! (?<= (?<!)",
        [b'<' | b'P' | b'\'', ..] => "a group with a name",
        [b'>', ..] => "an atomic group ((?>)",
        _ => "a flag inside of it, or another group of PCRE",
    };
    what.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_anchor_is_looked_for_anywhere() {
        for (pattern, whole) in [
            ("beta", ".*beta.*"),
            ("^beta", "beta.*"),
            ("beta$", ".*beta"),
            ("^beta$", "beta"),
            ("", ".*.*"),
            ("^$", ""),
            ("^^a$$", "a"),
            ("(?i)^Beta", "(?i)Beta.*"),
            (r"\^beta\$", r".*\^beta\$.*"),
            ("[$^]x[]^]", ".*[$^]x[]^].*"),
            (r"[\]^]$", r".*[\]^]"),
            ("a{2,3}?b+", ".*a{2,3}?b+.*"),
        ] {
            assert_eq!(anywhere(pattern).as_deref(), Ok(whole), "{pattern}");
        }
    }

    #[test]
    fn each_alternative_has_its_own_ends() {
        for (pattern, whole) in [
            ("^beta|rc$", "beta.*|.*rc"),
            ("a|b", ".*a.*|.*b.*"),
            ("(a|b)", ".*(a|b).*"),
            ("^(a|b)$", "(a|b)"),
            ("(^|,)beta(,|$)", "beta,.*|beta|.*,beta,.*|.*,beta"),
            ("^(?:de|fr$)", "de.*|fr"),
            ("((^a)|b)c", "ac.*|.*bc.*"),
            ("^a||b", "a.*|.*.*|.*b.*"),
        ] {
            assert_eq!(anywhere(pattern).as_deref(), Ok(whole), "{pattern}");
        }
    }

    #[test]
    fn what_cannot_be_said_is_named() {
        for (pattern, why) in [
            ("(?=x)", "looking around"),
            ("a(?<!b)", "looking around"),
            ("(?<n>a)", "a group with a name"),
            ("(?>a)", "an atomic group"),
            ("a(?i)b", "a flag inside"),
            ("a^b", "a ^ that is not at the start"),
            ("(a|b$)c", "a $ that is not at the end"),
            ("^*a", "an anchor that is repeated"),
            ("(^a|b)+", "an anchor that is repeated"),
            ("a)", "a ) without its ("),
            ("(a", "a ( without its )"),
            ("[a", "a [ without its ]"),
            ("é", "beyond ASCII"),
        ] {
            let told = anywhere(pattern).unwrap_err();
            assert!(told.contains(why), "{pattern}: {told}");
        }
        assert!(anywhere(&"a|".repeat(70)).unwrap_err().contains("alternatives"));
        assert!(anywhere(&"(^|a)".repeat(40)).is_err(), "it ends");
    }
}
