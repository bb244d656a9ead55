//! What is wrong with a policy: every mistake at once, each with its path, the value and what is allowed.
//!
//! The wording follows Kubernetes' field errors (`path: Invalid value: "x": must be …`), which the people
//! who write policies already read. This module knows nothing of policies; it may be used by any of them.

use core::{fmt, mem};
use std::collections::BinaryHeap;

/// Where in a document a value stands: `releases[1].rules[0].when`.
///
/// A chain of borrowed steps, so that walking a document without mistakes allocates nothing; it becomes
/// text only when an error is recorded.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    /// The document itself.
    Root,
    /// A key of a map.
    Key(&'a Path<'a>, &'a str),
    /// An element of a list, counted from 0.
    Index(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    /// The path of the value under `key`.
    #[must_use]
    pub fn key(&'a self, key: &'a str) -> Self {
        Path::Key(self, key)
    }

    /// The path of the element at `index`.
    #[must_use]
    pub fn index(&'a self, index: usize) -> Self {
        Path::Index(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Key(Path::Root, key) => write_key(out, key),
            Path::Key(parent, key) => {
                write!(out, "{parent}.")?;
                write_key(out, key)
            }
            Path::Index(parent, index) => write!(out, "{parent}[{index}]"),
        }
    }
}

/// A key that holds a dot or a bracket is quoted, so that a path can be read back.
fn write_key(out: &mut fmt::Formatter<'_>, key: &str) -> fmt::Result {
    let is_special = |char: char| char.is_control() || matches!(char, '.' | '[' | ']' | ' ' | '"');
    if key.is_empty() || key.contains(is_special) {
        write!(out, "{}", Quoted(key))
    } else {
        out.write_str(key)
    }
}

/// The kind of a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The text is not a document at all: a syntax error.
    Syntax,
    /// A value that must be there is not.
    Required,
    /// The value is of the right kind, but not allowed.
    Invalid,
    /// The value is of the wrong type.
    Type,
    /// A key that the policy language does not have.
    UnknownField,
    /// A word that is none of the allowed ones.
    Unsupported,
    /// The same thing twice.
    Duplicate,
    /// A name that nothing bears.
    NotFound,
    /// The value is allowed, but not here.
    Forbidden,
    /// More than the stated limit.
    TooMany,
    /// Longer than the stated limit.
    TooLong,
    /// Nothing is wrong, but hardly meant.
    Warning,
}

impl Problem {
    /// The problem in the words that Kubernetes uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Problem::Syntax => "Syntax error",
            Problem::Required => "Required value",
            Problem::Invalid => "Invalid value",
            Problem::Type => "Wrong type",
            Problem::UnknownField => "Unknown field",
            Problem::Unsupported => "Unsupported value",
            Problem::Duplicate => "Duplicate value",
            Problem::NotFound => "Not found",
            Problem::Forbidden => "Forbidden",
            Problem::TooMany => "Too many",
            Problem::TooLong => "Too long",
            Problem::Warning => "Warning",
        }
    }
}

/// One mistake in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where: `releases[1].canary.stable`; empty for the document itself.
    pub path: String,
    /// What kind of mistake.
    pub problem: Problem,
    /// The offending value as it would be written in JSON; empty where there is none.
    pub value: String,
    /// What is allowed there, as a phrase: `must be between 0 and 100`.
    pub allowed: String,
}

impl FieldError {
    /// The words that are allowed, where they can be listed: what [`OneOf`] wrote.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let words = self.allowed.split_once("allowed: ").map(|(_, words)| words.split(", "));
        words.into_iter().flatten().filter(|word| *word != MORE)
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(out, "{}: ", self.path)?;
        }
        out.write_str(self.problem.as_str())?;
        if !self.value.is_empty() {
            write!(out, ": {}", self.value)?;
        }
        if !self.allowed.is_empty() {
            write!(out, ": {}", self.allowed)?;
        }
        Ok(())
    }
}

/// Every mistake of a document, in the order in which they were found. Never empty once returned as an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyErrors {
    errors: Vec<FieldError>,
    warnings: Vec<FieldError>,
    /// Where a neutral value stands for one that could not be read, or nothing for a key that is not known, in order.
    unreadable: Vec<String>,
}

/// A place in a document, and where mistakes found there are recorded.
#[derive(Debug)]
pub struct At<'a> {
    path: Path<'a>,
    errors: &'a mut PolicyErrors,
}

impl<'a> At<'a> {
    /// The place at `path`.
    pub fn new(path: Path<'a>, errors: &'a mut PolicyErrors) -> Self {
        At { path, errors }
    }

    /// The place of the value under `key`.
    pub fn key<'s>(&'s mut self, key: &'s str) -> At<'s> {
        At { path: self.path.key(key), errors: self.errors }
    }

    /// The place of the element at `index`.
    pub fn index(&mut self, index: usize) -> At<'_> {
        At { path: self.path.index(index), errors: self.errors }
    }

    /// The path of the place.
    #[cfg(feature = "tools")]
    pub fn path(&self) -> String {
        self.path.to_string()
    }

    /// Whether a neutral value stands here for one that could not be read.
    pub fn is_unreadable(&self) -> bool {
        !self.errors.unreadable.is_empty() && self.errors.lies_in_unreadable(&self.path.to_string())
    }

    /// Records a mistake at this place, as [`PolicyErrors::add`] does.
    pub fn error(&mut self, problem: Problem, value: impl fmt::Display, allowed: impl fmt::Display) {
        self.errors.record(&self.path, problem, &value, &allowed);
    }

    /// Which elements of the list at this place have a mistake in them.
    #[cfg(feature = "tools")]
    pub fn faulty(&self) -> std::collections::BTreeSet<usize> {
        let list = format!("{}[", self.path);
        let element = |error: &FieldError| error.path.strip_prefix(&list)?.split(']').next()?.parse().ok();
        self.errors.iter().filter_map(element).collect()
    }

    /// How many mistakes there are so far.
    pub fn errors(&self) -> usize {
        self.errors.len()
    }

    /// How many warnings there are so far.
    pub fn warnings(&self) -> usize {
        self.errors.warnings.len()
    }

    /// Whether a neutral value stands here, or in some part of what is written here, for one that could not be read.
    pub fn is_partly_unreadable(&self) -> bool {
        if self.errors.unreadable.is_empty() {
            return false;
        }
        let path = self.path.to_string();
        let is_part = |known: &String| {
            known.strip_prefix(&*path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.errors.lies_in_unreadable(&path) || self.errors.unreadable.iter().any(is_part)
    }

    /// Records what is allowed but hardly meant, unless it is not known what is written. Only tools listen.
    pub fn warning(&mut self, message: impl fmt::Display) {
        if cfg!(feature = "tools") && !self.is_partly_unreadable() {
            let (path, allowed) = (self.path.to_string(), on_one_line(&message));
            let warning = FieldError { path, problem: Problem::Warning, value: String::new(), allowed };
            self.errors.warnings.push(warning);
        }
    }
}

/// How many hexadecimal digits a secret has at least.
const SECRET_DIGITS: usize = 32;

/// How much of an offending value is shown, in bytes; the rest is cut.
const SHOWN: usize = 80;

impl PolicyErrors {
    /// Records one mistake. `value` is shown as given, cut when it is long.
    ///
    /// What could not be read is reported as that alone, not as missing or wrong on top.
    pub fn add(
        &mut self,
        path: &Path<'_>,
        problem: Problem,
        value: impl fmt::Display,
        allowed: impl fmt::Display,
    ) {
        self.record(path, problem, &value, &allowed);
    }

    /// One function for all kinds of values and messages: hundreds of places report.
    #[inline(never)]
    fn record(
        &mut self,
        path: &Path<'_>,
        problem: Problem,
        value: &dyn fmt::Display,
        allowed: &dyn fmt::Display,
    ) {
        let path = path.to_string();
        if self.lies_in_unreadable(&path) {
            return;
        }
        let mut value = on_one_line(value);
        if value.len() > SHOWN {
            let cut = (0..=SHOWN).rev().find(|at| value.is_char_boundary(*at)).unwrap_or(0);
            value.truncate(cut);
            value.push('…');
        }
        self.errors.push(FieldError { path, problem, value, allowed: on_one_line(allowed) });
    }

    /// The document has been read: neutral values stand where it could not be.
    pub fn end_of_reading(&mut self) {
        let unread = |error: &&FieldError| {
            matches!(
                error.problem,
                Problem::Type | Problem::Unsupported | Problem::Invalid | Problem::UnknownField
            )
        };
        self.unreadable.extend(self.errors.iter().filter(unread).map(|error| error.path.clone()));
        // A heap sorts in a tenth of the code that a slice is sorted by, and few documents have a mistake.
        self.unreadable = BinaryHeap::from(mem::take(&mut self.unreadable)).into_sorted_vec();
    }

    /// Takes the values out of the mistakes at and under a key of the document, or under all of them: nobody wants a secret
    /// in a log.
    pub fn conceal(&mut self, key: &str) {
        for error in self.errors.iter_mut().filter(|error| error.path.starts_with(key)) {
            error.value.clear();
        }
    }

    /// Shows those keys of the map at `map` that may be secrets by their positions.
    pub fn conceal_keys<'k>(&mut self, map: &Path<'_>, keys: impl Iterator<Item = &'k str>) {
        for (index, key) in keys.enumerate().filter(|(_, key)| may_be_secret(key)) {
            let path = map.key(key).to_string();
            for error in self.errors.iter_mut().filter(|error| error.path == path) {
                error.path = map.index(index).to_string();
                error.value.clear();
            }
        }
    }

    /// Whether the value at `path`, or one that it is a part of, could not be read.
    fn lies_in_unreadable(&self, path: &str) -> bool {
        let parts = path.match_indices(['.', '[']).filter_map(|(end, _)| path.get(..end));
        let is_unreadable =
            |part: &str| self.unreadable.binary_search_by(|known| (**known).cmp(part)).is_ok();
        !self.unreadable.is_empty() && ["", path].into_iter().chain(parts).any(is_unreadable)
    }

    /// `Ok(value)` when nothing was recorded, else all of it.
    ///
    /// # Errors
    /// Every mistake recorded so far.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.errors.is_empty() { Ok(value) } else { Err(self) }
    }

    /// The same mistakes, each with `place` before its path: what the paths are in.
    #[must_use]
    pub fn below(mut self, place: &str) -> Self {
        for error in &mut self.errors {
            error.path =
                if error.path.is_empty() { place.to_owned() } else { format!("{place}: {}", error.path) };
        }
        self
    }

    /// Takes over the mistakes of others.
    pub fn append(&mut self, others: impl IntoIterator<Item = PolicyErrors>) {
        self.errors.extend(others.into_iter().flat_map(|other| other.errors));
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// The number of mistakes.
    pub fn len(&self) -> usize {
        self.errors.len()
    }

    /// What is allowed but hardly meant, in the order in which it was found; only collected with the feature `tools`.
    pub fn warnings(&self) -> &[FieldError] {
        &self.warnings
    }

    /// The mistakes, in the order in which they were found.
    pub fn iter(&self) -> core::slice::Iter<'_, FieldError> {
        self.errors.iter()
    }
}

/// Whether a text may be the secret of a key that stands where its id should: it has the digits of one.
pub fn may_be_secret(text: &str) -> bool {
    text.bytes().filter(u8::is_ascii_hexdigit).count() >= SECRET_DIGITS
}

/// The id of a key as messages show it: by its position where it may be a secret.
pub fn shown_id(index: usize, id: &str) -> String {
    if may_be_secret(id) { format!("keys[{index}]") } else { id.to_owned() }
}

/// One mistake is one line, whatever it quotes.
fn on_one_line(text: &dyn fmt::Display) -> String {
    text.to_string().replace(char::is_control, "\u{fffd}")
}

impl<'a> IntoIterator for &'a PolicyErrors {
    type Item = &'a FieldError;
    type IntoIter = core::slice::Iter<'a, FieldError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for PolicyErrors {
    /// One mistake a line.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}

/// Text as it would stand in JSON, for the value of an error.
#[derive(Debug)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("\"")?;
        for char in self.0.chars() {
            match char {
                '"' | '\\' => write!(out, "\\{char}")?,
                '\n' => out.write_str("\\n")?,
                control if control.is_control() => write!(out, "\\u{:04x}", u32::from(control))?,
                char => write!(out, "{char}")?,
            }
        }
        out.write_str("\"")
    }
}

/// A number with a fraction, for the value of an error: six digits after the point at most. The standard library's way of
/// writing such numbers is a tenth of the module's size.
#[derive(Debug)]
pub struct Decimal(pub f64);

impl fmt::Display for Decimal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNIT: u64 = 1_000_000;
        let size = self.0.abs();
        if size.is_nan() || size > 1e12 {
            return out.write_str("a number beyond 10^12");
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be within 0..=10^12"
        )]
        let millionths = (size * 1e6).round() as u64;
        let sign = if self.0 < 0.0 && millionths > 0 { "-" } else { "" };
        write!(out, "{sign}{}", millionths / UNIT)?;
        let fraction = format!("{:06}", millionths % UNIT);
        match fraction.trim_end_matches('0') {
            "" => Ok(()),
            digits => write!(out, ".{digits}"),
        }
    }
}

/// As many words are listed: as often as a name is wrong, the list is there.
const LISTED: usize = 100;

/// In place of further words.
const MORE: &str = "…";

/// Words as a list for an error: `allowed: a, b, c`, and of very many the first.
#[derive(Debug)]
pub struct OneOf<'a, T>(pub &'a [T]);

impl<T: AsRef<str>> fmt::Display for OneOf<'_, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_empty() { "there is none" } else { "allowed: " })?;
        for (index, word) in self.0.iter().enumerate() {
            if index == LISTED {
                return write!(out, ", {MORE}");
            }
            if index > 0 {
                out.write_str(", ")?;
            }
            out.write_str(word.as_ref())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_that_are_allowed_can_be_had_one_by_one() {
        let words = |allowed: &dyn fmt::Display| {
            let (path, value, allowed) = (String::new(), String::new(), allowed.to_string());
            let error = FieldError { path, problem: Problem::Unsupported, value, allowed };
            error.words().collect::<Vec<_>>().join("|")
        };
        assert_eq!(words(&OneOf(&["chain", "own", "none"])), "chain|own|none");
        assert_eq!(words(&format_args!("must be exactly one; {}", OneOf(&["edge", "mesh"]))), "edge|mesh");
        assert_eq!(words(&"must be text"), "");
        let many: Vec<String> = (0..5_000).map(|number| format!("layer{number}")).collect();
        assert_eq!(words(&OneOf(&many)).split('|').collect::<Vec<_>>(), many[..LISTED]);
        assert!(OneOf(&many).to_string().ends_with("layer99, …"));
    }

    #[test]
    fn numbers_are_shown_as_they_were_written() {
        for (number, shown) in
            [(0.001, "0.001"), (-0.01, "-0.01"), (100.01, "100.01"), (5.0, "5"), (-1e-9, "0")]
        {
            assert_eq!(Decimal(number).to_string(), shown);
        }
        assert_eq!(Decimal(1e300).to_string(), "a number beyond 10^12");
        assert_eq!(Decimal(f64::NAN).to_string(), "a number beyond 10^12");
    }
}
