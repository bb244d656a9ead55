//! Published bucketing values, held against the engine: does graylane put a user where another system does?
//!
//! A file of them is a JSON array of rows. A row names a system and the step that it tests (`kind`), has the
//! step's inputs, and the published answer under `expected`:
//!
//! ```json
//! [{"system": "unleash", "kind": "rollout", "input": "AB12A:122", "seed": 0, "modulus": 100, "offset": 1,
//!   "percentage": 50, "expected": true}]
//! ```
//!
//! Each row is evaluated from its own fields; what it leaves out is what its system does by itself. A row
//! whose system or kind nobody here knows, or that lacks a field, is unknown: it is never counted as passed.

mod choose;
mod expected;
mod hash;
mod list;
mod planout;
mod row;
mod step;
mod system;

use serde_json::{Value, json};

use row::Row;

/// What became of one row.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The engine's answer is the published one.
    Passed,
    /// It is another.
    Failed {
        /// The engine's answer, as it would stand under `expected`.
        got: Value,
    },
    /// The row could not be evaluated.
    Unknown {
        /// What is not known, or missing.
        reason: String,
    },
}

/// Evaluates one row.
pub fn judge(row: &Value) -> Verdict {
    let answer = row.as_object().ok_or_else(|| Unknown::new("a row must be an object")).and_then(|fields| {
        let row = Row::new(fields);
        let expected = fields.get("expected").ok_or_else(|| Unknown::missing("expected"))?;
        let answer = step::evaluate(row)?;
        answer.is_told(expected)?;
        Ok((answer, expected, row))
    });
    match answer {
        Err(Unknown(reason)) => Verdict::Unknown { reason },
        Ok((answer, expected, row)) if answer.is(expected, row) => Verdict::Passed,
        Ok((answer, ..)) => Verdict::Failed { got: answer.to_json() },
    }
}

/// What became of the rows of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// By system and kind, in the order in which they first stand in the file.
    pub counts: Vec<Count>,
    /// Every failure.
    pub failures: Vec<Failure>,
    /// What could not be evaluated, by reason.
    pub unknown: Vec<NotKnown>,
}

/// How many rows of a system and kind passed, and how many did not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Count {
    /// The system as the rows name it; empty where they do not.
    pub system: String,
    /// The kind as the rows name it; empty where they do not.
    pub kind: String,
    /// Rows whose published answer is the engine's.
    pub passed: usize,
    /// Rows whose published answer is another.
    pub failed: usize,
    /// Rows that could not be evaluated.
    pub unknown: usize,
}

/// A row whose published answer is not the engine's.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// Its position in the file, counted from 1.
    pub row: usize,
    /// Its system.
    pub system: String,
    /// Its kind.
    pub kind: String,
    /// What it puts in, for people: the text that is hashed where there is one.
    pub input: Value,
    /// The published answer.
    pub expected: Value,
    /// The engine's answer.
    pub got: Value,
}

/// Rows that could not be evaluated for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotKnown {
    /// Their system.
    pub system: String,
    /// Their kind.
    pub kind: String,
    /// What is not known, or missing.
    pub reason: String,
    /// The first of them, counted from 1.
    pub row: usize,
    /// How many there are.
    pub count: usize,
}

impl Report {
    /// Evaluates the rows of a file.
    pub fn of(rows: &[Value]) -> Self {
        let mut report = Report::default();
        for (index, row) in rows.iter().enumerate() {
            report.add(index + 1, row);
        }
        report
    }

    fn add(&mut self, number: usize, row: &Value) {
        let name = |key: &str| match row.get(key) {
            Some(Value::String(name)) => name.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let (system, kind, verdict) = (name("system"), name("kind"), judge(row));
        let count = self.count(&system, &kind);
        match verdict {
            Verdict::Passed => count.passed += 1,
            Verdict::Failed { got } => {
                count.failed += 1;
                let expected = row.get("expected").cloned().unwrap_or_default();
                self.failures.push(Failure {
                    row: number,
                    system,
                    kind,
                    input: input_of(row),
                    expected,
                    got,
                });
            }
            Verdict::Unknown { reason } => {
                count.unknown += 1;
                let same =
                    |one: &&mut NotKnown| (&one.system, &one.kind, &one.reason) == (&system, &kind, &reason);
                match self.unknown.iter_mut().find(same) {
                    Some(one) => one.count += 1,
                    None => self.unknown.push(NotKnown { system, kind, reason, row: number, count: 1 }),
                }
            }
        }
    }

    fn count(&mut self, system: &str, kind: &str) -> &mut Count {
        let known = self.counts.iter().position(|count| count.system == system && count.kind == kind);
        let index = known.unwrap_or_else(|| {
            self.counts.push(Count { system: system.to_owned(), kind: kind.to_owned(), ..Count::default() });
            self.counts.len() - 1
        });
        // What was found or pushed just now is there; the list is not empty.
        #[expect(clippy::indexing_slicing, reason = "the position was found or made in this list")]
        &mut self.counts[index]
    }

    /// Rows whose published answer is the engine's.
    pub fn passed(&self) -> usize {
        self.counts.iter().map(|count| count.passed).sum()
    }

    /// Rows whose published answer is another.
    pub fn failed(&self) -> usize {
        self.failures.len()
    }

    /// Rows that could not be evaluated.
    pub fn not_known(&self) -> usize {
        self.counts.iter().map(|count| count.unknown).sum()
    }

    /// The report for programs.
    pub fn to_json(&self) -> Value {
        let counts = self.counts.iter().map(|count| {
            json!({
                "system": count.system, "kind": count.kind,
                "passed": count.passed, "failed": count.failed, "unknown": count.unknown,
            })
        });
        let failures = self.failures.iter().map(|failure| {
            json!({
                "row": failure.row, "system": failure.system, "kind": failure.kind,
                "input": failure.input, "expected": failure.expected, "got": failure.got,
            })
        });
        let unknown = self.unknown.iter().map(|one| {
            json!({
                "system": one.system, "kind": one.kind, "reason": one.reason,
                "row": one.row, "count": one.count,
            })
        });
        json!({
            "passed": self.passed(), "failed": self.failed(), "unknown": self.not_known(),
            "counts": counts.collect::<Value>(),
            "failures": failures.collect::<Value>(),
            "reasons": unknown.collect::<Value>(),
        })
    }
}

/// What a row puts in: the text that is hashed, or else all that says neither who published it nor what comes
/// out.
fn input_of(row: &Value) -> Value {
    let text = ["input", "input_hex", "input_cbor_hex"].iter().find_map(|key| row.get(key));
    text.filter(|text| !text.is_null()).cloned().unwrap_or_else(|| {
        let mut fields = row.as_object().cloned().unwrap_or_default();
        fields.retain(|key, _| !matches!(key.as_str(), "system" | "kind" | "expected" | "src" | "note"));
        Value::Object(fields)
    })
}

/// Why a row cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unknown(String);

impl Unknown {
    fn new(reason: impl Into<String>) -> Self {
        Unknown(reason.into())
    }

    fn missing(field: &str) -> Self {
        Unknown(format!("no {field}"))
    }

    fn unreadable(field: &str, wanted: &str) -> Self {
        Unknown(format!("{field} must be {wanted}"))
    }
}

type Known<T> = Result<T, Unknown>;

#[cfg(test)]
mod tests;
