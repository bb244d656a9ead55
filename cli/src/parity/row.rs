//! The fields of a row, as what they mean. A field may be a number or its digits; a `null` is not there.

use serde_json::{Map, Value};

use super::{Known, Unknown};

/// The names of a field, the one of the row format first: files of other people call things as their system
/// does.
pub(super) type Names<'n> = &'n [&'n str];

/// The id that is bucketed.
pub(super) const ID: Names<'_> = &[
    "identifier",
    "bucketing_id",
    "subject",
    "user",
    "user_id",
    "userId",
    "user_key",
    "bucketing_key",
    "targeting_key",
    "context_key",
    "identity_key",
    "identity",
    "unit",
    "unit_id",
    "unitId",
    "id",
    "value",
    "key",
];

#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    fields: &'a Map<String, Value>,
}

impl<'a> Row<'a> {
    pub(super) fn new(fields: &'a Map<String, Value>) -> Self {
        Row { fields }
    }

    /// The first of the fields that is there.
    pub(super) fn get(self, names: Names<'_>) -> Option<&'a Value> {
        names.iter().find_map(|name| self.fields.get(*name).filter(|value| !value.is_null()))
    }

    /// Whether one of the fields is there as `null`, and none is there with a value.
    pub(super) fn is_null(self, names: Names<'_>) -> bool {
        self.get(names).is_none() && names.iter().any(|name| self.fields.contains_key(*name))
    }

    /// A text, or a whole number as people write it.
    pub(super) fn text(self, names: Names<'_>) -> Option<String> {
        self.get(names).and_then(text)
    }

    /// The texts of a list.
    pub(super) fn texts(self, names: Names<'_>) -> Option<Vec<String>> {
        self.get(names)?.as_array()?.iter().map(text).collect()
    }

    pub(super) fn list(self, names: Names<'_>) -> Option<&'a Vec<Value>> {
        self.get(names)?.as_array()
    }

    /// A number with or without a fraction.
    pub(super) fn number(self, names: Names<'_>) -> Known<Option<f64>> {
        self.read(names, "a number", number)
    }

    /// A whole number that is not negative.
    pub(super) fn whole(self, names: Names<'_>) -> Known<Option<u64>> {
        self.read(names, "a whole number", whole)
    }

    /// A count that fits into 32 bits.
    pub(super) fn count(self, names: Names<'_>) -> Known<Option<u32>> {
        self.read(names, "a whole number below 2^32", |value| whole(value)?.try_into().ok())
    }

    fn read<T>(self, names: Names<'_>, wanted: &str, read: impl Fn(&Value) -> Option<T>) -> Known<Option<T>> {
        let name = names.first().copied().unwrap_or_default();
        self.get(names).map(|value| read(value).ok_or_else(|| Unknown::unreadable(name, wanted))).transpose()
    }

    /// The seed of the hash. Negative ones stand for their 32 bits; a text that is no number is no seed of a
    /// hash.
    pub(super) fn seed(self) -> Option<u64> {
        let seed = self.get(&["seed"]).and_then(bits);
        seed.or_else(|| self.get(&["seed_i32"]).and_then(bits))
    }

    /// The bytes that are hashed, where the row has them as such.
    pub(super) fn input(self) -> Known<Option<Vec<u8>>> {
        if let Some(input) = self.get(&["input"]) {
            let text = text(input).ok_or_else(|| Unknown::unreadable("input", "a text"))?;
            return Ok(Some(text.into_bytes()));
        }
        self.read(&["input_hex"], "hexadecimal digits", bytes_of_hex)?.map_or_else(
            || self.read(&["input_cbor_hex"], "hexadecimal digits", bytes_of_hex),
            |hex| Ok(Some(hex)),
        )
    }

    /// Whether a field that says which of several things a row is about has one of these words in it.
    pub(super) fn mentions(self, words: &[&str]) -> bool {
        let told = [
            "system",
            "algo",
            "algorithm",
            "version",
            "generation",
            "hash_function",
            "reducer",
            "note",
            "src",
        ];
        told.iter().filter_map(|name| self.fields.get(*name)?.as_str()).any(|told| {
            let told = told.to_ascii_lowercase();
            told.split(|char: char| !char.is_ascii_alphanumeric()).any(|word| words.contains(&word))
        })
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
        _ => None,
    }
}

/// A number, or the digits of one.
pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// A whole number, or its digits; 5.0 is one.
pub(super) fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).or_else(|| {
        let number = value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..9e15).contains(number))?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be a whole number"
        )]
        Some(number as u64)
    })
}

/// A whole number by its bits: negative ones are those of 32 bits where they fit, else of 64.
pub(super) fn bits(value: &Value) -> Option<u64> {
    whole(value).or_else(|| {
        let signed = value.as_i64().or_else(|| value.as_str()?.parse().ok())?;
        Some(i32::try_from(signed).map_or(signed.cast_unsigned(), |short| u64::from(short.cast_unsigned())))
    })
}

fn bytes_of_hex(value: &Value) -> Option<Vec<u8>> {
    let (pairs, odd) = value.as_str()?.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| {
        let digits = std::str::from_utf8(pair).ok().filter(|digits| !digits.starts_with('+'))?;
        u8::from_str_radix(digits, 16).ok()
    };
    odd.is_empty().then(|| pairs.iter().map(byte).collect())?
}
