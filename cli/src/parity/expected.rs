//! The engine's answer beside the published one.

use serde_json::{Value, json};

use super::row::{Row, bits, number, whole};
use super::{Known, Unknown};

/// What the engine answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// A hash, and all digits of it where the function has more than the number.
    Hash { number: u64, digits: Option<String> },
    /// A bucket, and the hash that it was made of where the row says what that is.
    Bucket { number: u64, hash: Option<u64> },
    /// A whole number.
    Whole(i64),
    /// A number with a fraction, to be met within the row's tolerance or else this part of it.
    Real { number: f64, precision: f64 },
    /// In or out.
    Gate(bool),
    /// A choice by its name; `None` is no variation.
    Choice(Option<Value>),
    /// The value that is there without a variation, which the row does not name; nor is it one of these.
    Control { others: Vec<Value> },
    /// Parts of 1.
    Ranges(Vec<(f64, f64)>),
}

/// What doubles lose in a few steps.
pub(super) const DOUBLE: f64 = 1e-9;
/// What single precision loses.
pub(super) const SINGLE: f64 = 1e-7;

impl Answer {
    /// Whether the published answer is this one.
    pub(super) fn is(&self, expected: &Value, row: Row<'_>) -> bool {
        match self {
            Answer::Hash { number, digits } => {
                is_hash(*number, expected)
                    || digits.as_ref().is_some_and(|digits| is_digest(digits, expected))
            }
            Answer::Bucket { number, hash: None } => bits(expected) == Some(*number),
            Answer::Bucket { number, hash: Some(hash) } => {
                let (told, bucket) = match expected {
                    Value::Object(fields) => (fields.get("hash"), fields.get("bucket")),
                    Value::Array(pair) => (pair.first(), pair.get(1)),
                    bucket => (row.get(&["hash"]), Some(bucket)),
                };
                told.is_some_and(|told| is_hash(*hash, told)) && bucket.and_then(bits) == Some(*number)
            }
            Answer::Whole(number) => expected.as_i64() == Some(*number),
            Answer::Real { number: real, precision } => {
                let tolerance = row.number(&["tolerance"]).ok().flatten();
                number(expected).is_some_and(|expected| is_near(*real, expected, *precision, tolerance))
            }
            // PlanOut's trials are 1 and 0.
            Answer::Gate(is_in) => expected.as_bool().or_else(|| Some(whole(expected)? != 0)) == Some(*is_in),
            Answer::Choice(None) => is_nothing(expected),
            Answer::Control { .. } => is_nothing(expected) || expected.as_str() == Some("control"),
            Answer::Choice(Some(name)) => is_same(name, expected),
            Answer::Ranges(ranges) => is_ranges(ranges, expected),
        }
    }

    /// Refuses a row that says too little to tell the published answer from this one.
    pub(super) fn is_told(&self, expected: &Value) -> Known<()> {
        let Answer::Control { others } = self else { return Ok(()) };
        let is_told = is_nothing(expected) || expected.as_str() == Some("control");
        if is_told || others.iter().any(|name| is_same(name, expected)) {
            return Ok(());
        }
        Err(Unknown::new("no variation is reached, and the row has no name for that"))
    }

    /// The answer as it would stand under `expected`.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Answer::Hash { number, digits: None } | Answer::Bucket { number, hash: None } => json!(number),
            Answer::Hash { number, digits: Some(digits) } => json!({"number": number, "digest": digits}),
            Answer::Bucket { number, hash: Some(hash) } => json!({"bucket": number, "hash": hash}),
            Answer::Whole(number) => json!(number),
            Answer::Real { number, .. } => json!(number),
            Answer::Gate(is_in) => json!(is_in),
            Answer::Choice(name) => name.clone().unwrap_or_default(),
            Answer::Control { .. } => json!("control"),
            Answer::Ranges(ranges) => json!(ranges),
        }
    }
}

/// No variation: `null`, or the empty name of a hole.
fn is_nothing(expected: &Value) -> bool {
    expected.is_null() || expected.as_str() == Some("")
}

/// A hash as a number, as its decimal digits, or as hexadecimal ones after `0x`; negative where it is taken
/// for signed.
fn is_hash(hash: u64, expected: &Value) -> bool {
    let of_hex = || u64::from_str_radix(expected.as_str()?.strip_prefix("0x")?, 16).ok();
    bits(expected).or_else(of_hex) == Some(hash)
}

/// A digest by all of its hexadecimal digits, or by so many of the first that it is no accident.
fn is_digest(digits: &str, expected: &Value) -> bool {
    let expected = expected.as_str().map(str::to_ascii_lowercase).unwrap_or_default();
    expected.len() >= 8 && digits.starts_with(&expected)
}

fn is_near(number: f64, expected: f64, precision: f64, tolerance: Option<f64>) -> bool {
    let tolerance = tolerance.unwrap_or(precision * expected.abs().max(precision));
    (number - expected).abs() <= tolerance
}

/// Names may be written as numbers, or as their digits.
fn is_same(name: &Value, expected: &Value) -> bool {
    let digits = |value: &Value| match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    };
    name == expected || digits(name).is_some_and(|name| digits(expected) == Some(name))
}

fn is_ranges(ranges: &[(f64, f64)], expected: &Value) -> bool {
    let Some(expected) = expected.as_array() else { return false };
    let is_range = |(range, expected): (&(f64, f64), &Value)| {
        let ends = expected.as_array().map(Vec::as_slice);
        let Some([start, end]) = ends else { return false };
        let is_end = |end: f64, expected: &Value| {
            number(expected).is_some_and(|expected| is_near(end, expected, DOUBLE, Some(DOUBLE)))
        };
        is_end(range.0, start) && is_end(range.1, end)
    };
    ranges.len() == expected.len() && ranges.iter().zip(expected).all(is_range)
}
