//! The text that is hashed.

use core::fmt;

/// How the hashed text is put together: `{id}` once, `{salt}` at most once, and literal text; `{{` and `}}`
/// are braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format<'a> {
    text: &'a str,
    is_salted: bool,
}

/// A format with its salt: what is hashed is `before`, the id, `after`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expanded {
    /// What stands before the id.
    pub before: String,
    /// What stands after the id.
    pub after: String,
}

/// Why a text is no format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatError {
    /// There is no `{id}`.
    NoId,
    /// `{id}` stands there twice.
    TwoIds,
    /// `{salt}` stands there twice.
    TwoSalts,
    /// A brace that belongs to none of `{id}`, `{salt}`, `{{` and `}}`.
    Brace,
}

impl fmt::Display for FormatError {
    /// What is allowed, as a phrase for [`FieldError`](crate::error::FieldError).
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            FormatError::NoId => "must have {id}",
            FormatError::TwoIds => "must have {id} only once",
            FormatError::TwoSalts => "must have {salt} at most once",
            FormatError::Brace => "allowed in braces: {id}, {salt}; a brace itself is written twice",
        })
    }
}

impl std::error::Error for FormatError {}

#[derive(Clone, Copy, PartialEq)]
enum Part<'a> {
    Literal(&'a str),
    Id,
    Salt,
    /// A brace that nothing explains.
    Brace,
}

impl<'a> Format<'a> {
    /// Reads a format.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: &'a str) -> Result<Self, FormatError> {
        let (mut ids, mut salts) = (0, 0);
        for part in parts(text) {
            match part {
                Part::Literal(_) => {}
                Part::Id => ids += 1,
                Part::Salt => salts += 1,
                Part::Brace => return Err(FormatError::Brace),
            }
        }
        match (ids, salts) {
            (0, _) => Err(FormatError::NoId),
            (1, 0 | 1) => Ok(Format { text, is_salted: salts == 1 }),
            (1, _) => Err(FormatError::TwoSalts),
            _ => Err(FormatError::TwoIds),
        }
    }

    /// The format as it was written.
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// Whether the salt is part of the text. Without it two splits of the same ids are the same split.
    pub fn is_salted(self) -> bool {
        self.is_salted
    }

    /// Whether the text is salt and id with nothing else.
    pub fn is_pair(self) -> bool {
        self.text == "{salt}{id}"
    }

    /// Puts the salt in its place.
    #[must_use]
    pub fn expand(self, salt: &str) -> Expanded {
        let mut expanded = Expanded::default();
        let mut before_id = true;
        for part in parts(self.text) {
            let text = match part {
                Part::Literal(text) => text,
                Part::Salt => salt,
                Part::Id | Part::Brace => {
                    before_id = false;
                    continue;
                }
            };
            if before_id { &mut expanded.before } else { &mut expanded.after }.push_str(text);
        }
        expanded
    }
}

/// The parts of a format, in order.
fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    const TOKENS: [(&str, Part<'_>); 4] =
        [("{{", Part::Literal("{")), ("}}", Part::Literal("}")), ("{id}", Part::Id), ("{salt}", Part::Salt)];
    let mut rest = text;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        for (token, part) in TOKENS {
            if let Some(after) = rest.strip_prefix(token) {
                rest = after;
                return Some(part);
            }
        }
        let end = rest.find(['{', '}']).unwrap_or(rest.len());
        match rest.split_at_checked(end) {
            Some((literal, after)) if end > 0 => {
                rest = after;
                Some(Part::Literal(literal))
            }
            _ => {
                rest = "";
                Some(Part::Brace)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(format: &str, salt: &str) -> (String, String) {
        let Expanded { before, after } = Format::parse(format).unwrap().expand(salt);
        (before, after)
    }

    #[test]
    fn the_salt_stands_where_it_was_written() {
        for (format, before, after) in [
            ("{salt}:{id}", "s:", ""),
            ("{id}{salt}", "", "s"),
            ("{id}", "", ""),
            ("a.{salt}.b.{id}.c", "a.s.b.", ".c"),
            ("{{{salt}}}{id}{{id}}", "{s}", "{id}"),
            ("é{id}€{salt}", "é", "€s"),
        ] {
            assert_eq!(expanded(format, "s"), (before.to_owned(), after.to_owned()), "{format}");
        }
        assert_eq!(expanded("{salt}/{id}", "{id}"), ("{id}/".to_owned(), String::new()), "salt is no format");
    }

    #[test]
    fn what_is_no_format_says_why() {
        for (format, error) in [
            ("", FormatError::NoId),
            ("{salt}", FormatError::NoId),
            ("{{id}}", FormatError::NoId),
            ("{id}{id}", FormatError::TwoIds),
            ("{salt}{id}{salt}", FormatError::TwoSalts),
            ("{user}:{id}", FormatError::Brace),
            ("{id", FormatError::Brace),
            ("{id}}", FormatError::Brace),
            ("{id}{", FormatError::Brace),
            ("{ID}", FormatError::Brace),
        ] {
            assert_eq!(Format::parse(format), Err(error), "{format:?}");
        }
    }

    #[test]
    fn a_format_knows_whether_it_is_salted() {
        assert!(Format::parse("{salt}:{id}").unwrap().is_salted());
        assert!(!Format::parse("salt:{id}").unwrap().is_salted());
    }
}
