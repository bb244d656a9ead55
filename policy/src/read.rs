//! Reads a [`Node`] into a written type and reports every mistake of form at once.
//!
//! An ordinary deserializer stops at the first mistake. This one records it with its path and goes on with a
//! neutral value (`false`, `0`, an empty text, list or map, the first variant), so that one run finds them all.
//! What is required is therefore an `Option` that whoever compiles asks for.
//!
//! Why not serde: its derived code is several kilobytes a type, once for each deserializer, and a module has
//! 400,000 bytes. The types are declared by [`written!`](crate::written), which knows their keys for reading, for printing and for the
//! schema, so the three cannot drift apart.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::Deref;

use crate::error::{At, OneOf, Path, PolicyErrors, Problem, Quoted};
use crate::node::Node;
use crate::seen::Seen;

/// A type of the policy language.
pub trait Written: Default {
    /// Reads `node`. A mistake is recorded at its place, and a neutral value stands in for what could not be read.
    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self;
}

/// Reads `node`, which stands at `path`. Mistakes of form go to `errors`; the value returned is then only good
/// for finding further mistakes.
pub fn read<T: Written>(node: &Node<'_>, path: &Path<'_>, errors: &mut PolicyErrors) -> T {
    let value = T::read(node, &mut At::new(*path, errors));
    errors.end_of_reading();
    value
}

/// Declares a type of the policy language, or of another file that tools read: a struct with its keys, or an enum with its words.
/// In a crate with the cargo feature `schema` it has a JSON Schema.
///
/// ```text
/// written! {
///     /// What it is.
///     pub struct Cookie {
///         /// A key is the name of its field,
///         path: Option<String>,
///         /// unless it says another; and it may be required.
///         max_age: Option<u32> as "maxAge" [required],
///     }
/// }
/// written! {
///     /// Exactly one of these; the first stands in for what cannot be read.
///     pub enum PathMatch { /// …
///         Exact(String) = "exact", /// …
///         Any = "any" }
///     // A word that people look for in vain, with the reason.
///     refused { "regex" = "…", }
/// }
/// ```
#[macro_export]
macro_rules! written {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])* $field:ident: $type:ty $(as $key:literal)? $([$required:ident])?, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(default, deny_unknown_fields, transform = $crate::read::schema::of_struct))]
        pub struct $name {
            $(
                $(#[doc = $doc])*
                $(#[serde(rename = $key)])?
                #[serde(skip_serializing_if = "graylane::read::is_neutral")]
                #[cfg_attr(feature = "schema", schemars(skip_serializing_if = "graylane::read::schema::never"))]
                $(#[cfg_attr(feature = "schema", schemars(extend("required" = stringify!($required))))])?
                pub $field: $type,
            )*
        }

        impl $crate::read::Written for $name {
            fn read(node: &$crate::node::Node<'_>, at: &mut $crate::error::At<'_>) -> Self {
                const KEYS: &[&str] = &[$( $crate::written!(@key $field $($key)?) ),*];
                let mut value = Self::default();
                $crate::read::fields(node, at, Some(KEYS), &mut |key, node, at| match key {
                    $( $crate::written!(@key $field $($key)?) => value.$field = $crate::read::Written::read(node, at), )*
                    _ => {}
                });
                value
            }
        }
    };
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $(#[$first_meta:meta])* $first:ident $(($first_type:ty))? = $first_word:literal
            $(, $(#[$variant_meta:meta])* $variant:ident $(($type:ty))? = $word:literal)* $(,)?
        }
        $(refused { $($other:literal = $why:literal,)* })?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum $name {
            $(#[$first_meta])* #[serde(rename = $first_word)] $first $(($first_type))?,
            $( $(#[$variant_meta])* #[serde(rename = $word)] $variant $(($type))?, )*
        }

        impl Default for $name {
            fn default() -> Self {
                $name::$first $((<$first_type>::default()))?
            }
        }

        impl $crate::read::Written for $name {
            fn read(node: &$crate::node::Node<'_>, at: &mut $crate::error::At<'_>) -> Self {
                const WORDS: &[&str] = &[$first_word $(, $word)*];
                $( if $crate::read::is_refused(node, at, &[$(($other, $why)),*]) { return Self::default(); } )?
                let (word, content) = $crate::read::variant(node, at, WORDS);
                match word {
                    Some($first_word) => $crate::written!(@read $name::$first, $first_word, content, at $(, $first_type)?),
                    $( Some($word) => $crate::written!(@read $name::$variant, $word, content, at $(, $type)?), )*
                    _ => Self::default(),
                }
            }
        }
    };
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    (@read $variant:path, $word:literal, $content:ident, $at:ident) => {{
        $crate::read::bare($content, $at, $word);
        $variant
    }};
    (@read $variant:path, $word:literal, $content:ident, $at:ident, $type:ty) => {
        $variant($crate::read::content($content, $at, $word))
    };
}

/// Whether a value says nothing that its absence would not say.
pub fn is_neutral<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Among so many keys one is looked for from the first on.
const FEW: usize = 16;

/// Reads a map with these keys; `None` for a map whose keys are free. A key that the type does not have or that stands
/// twice is reported and passed over.
pub fn fields(
    node: &Node<'_>,
    at: &mut At<'_>,
    allowed: Option<&[&str]>,
    read: &mut dyn FnMut(&str, &Node<'_>, &mut At<'_>),
) {
    let Node::Map(map) = node else {
        at.error(Problem::Type, node, "must be a map");
        return;
    };
    // A map may be as large as whoever writes it likes.
    let mut seen = (map.len() > FEW).then(Seen::default);
    for (index, (key, node)) in map.iter().enumerate() {
        let at = &mut at.key(key);
        let mut stands_before = || match &mut seen {
            Some(seen) => seen.before(key, index).is_some(),
            None => map.iter().take(index).any(|(other, _)| other == key),
        };
        if let Some(allowed) = allowed
            && !allowed.contains(&key.as_ref())
        {
            at.error(Problem::UnknownField, "", OneOf(allowed));
        } else if stands_before() {
            at.error(Problem::Duplicate, Quoted(key), "write the key once");
        } else {
            read(key, node, at);
        }
    }
}

/// The variant that the value names, a bare word or a map with the variant as its only key; and what stands under it.
pub fn variant<'n>(
    node: &'n Node<'_>,
    at: &mut At<'_>,
    words: &'static [&'static str],
) -> (Option<&'static str>, Option<&'n Node<'n>>) {
    let (name, content) = match node {
        Node::Text(word) => (Some(word), None),
        Node::Map(map) => match map.as_slice() {
            [(key, value)] => (Some(key), Some(value)),
            _ => (None, None),
        },
        _ => (None, None),
    };
    let Some(name) = name else {
        at.error(Problem::Type, node, format_args!("must be exactly one; {}", OneOf(words)));
        return (None, None);
    };
    let known = words.iter().copied().find(|known| known == name);
    if known.is_none() {
        at.error(Problem::Unsupported, Quoted(name), OneOf(words));
    }
    (known, content)
}

/// Whether the value is a word that is refused for a reason, which is told then.
pub fn is_refused(node: &Node<'_>, at: &mut At<'_>, refused: &[(&str, &str)]) -> bool {
    let Node::Text(word) = node else { return false };
    let Some((_, why)) = refused.iter().find(|(refused, _)| refused == word) else { return false };
    at.error(Problem::Unsupported, Quoted(word), why);
    true
}

/// A variant that is a word alone.
pub fn bare(content: Option<&Node<'_>>, at: &mut At<'_>, word: &str) {
    if let Some(node) = content {
        at.error(Problem::Type, node, format_args!("must be the word alone: {word}"));
    }
}

/// What stands under a variant.
pub fn content<T: Written>(content: Option<&Node<'_>>, at: &mut At<'_>, word: &str) -> T {
    if let Some(node) = content {
        return T::read(node, &mut at.key(word));
    }
    at.error(Problem::Type, Quoted(word), format_args!("must be a map: {word}: …"));
    T::default()
}

/// Records that a value is of the wrong type, and goes on with a neutral one.
fn wrong<T: Default>(node: &Node<'_>, at: &mut At<'_>, allowed: impl Display) -> T {
    at.error(Problem::Type, node, allowed);
    T::default()
}

impl Written for bool {
    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self {
        if let Node::Bool(value) = node { *value } else { wrong(node, at, "must be true or false") }
    }
}

impl Written for String {
    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self {
        if let Node::Text(value) = node { Cow::to_string(value) } else { wrong(node, at, "must be text") }
    }
}

impl Written for f64 {
    #[expect(clippy::cast_precision_loss, reason = "a percentage beyond 2^53 is out of range either way")]
    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self {
        match node {
            Node::Float(value) => *value,
            Node::Unsigned(value) => *value as f64,
            Node::Negative(value) => *value as f64,
            _ => wrong(node, at, "must be a number"),
        }
    }
}

impl Written for u64 {
    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self {
        whole(node, at, u64::MAX)
    }
}

impl Written for u32 {
    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self {
        u32::try_from(whole(node, at, u64::from(u32::MAX))).unwrap_or_default()
    }
}

impl Written for i64 {
    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self {
        match node {
            Node::Unsigned(value) if i64::try_from(*value).is_ok() => {
                i64::try_from(*value).unwrap_or_default()
            }
            Node::Negative(value) => *value,
            _ => wrong(node, at, "must be a whole number"),
        }
    }
}

fn whole(node: &Node<'_>, at: &mut At<'_>, max: u64) -> u64 {
    match node {
        Node::Unsigned(value) if *value <= max => return *value,
        Node::Unsigned(_) | Node::Negative(_) => {
            at.error(Problem::Invalid, node, format_args!("must be a whole number between 0 and {max}"));
        }
        Node::Float(_) => {
            at.error(Problem::Type, node, "must be a whole number, without a point or an exponent");
        }
        _ => at.error(Problem::Type, node, "must be a whole number"),
    }
    0
}

impl<T: Written> Written for Option<T> {
    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self {
        (*node != Node::Null).then(|| T::read(node, at))
    }
}

impl<T: Written> Written for Box<T> {
    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self {
        Box::new(T::read(node, at))
    }
}

impl<T: Written> Written for Vec<T> {
    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self {
        let Node::List(list) = node else { return wrong(node, at, "must be a list") };
        list.iter().enumerate().map(|(index, node)| T::read(node, &mut at.index(index))).collect()
    }
}

/// A map with free keys, in the order in which they are written.
#[derive(Debug, Clone, PartialEq)]
pub struct Map<T>(Vec<(String, T)>);

impl<T> Map<T> {
    /// Keys and values, in the order in which they are written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> + Clone {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<T> Default for Map<T> {
    fn default() -> Self {
        Map(Vec::new())
    }
}

impl<T> FromIterator<(String, T)> for Map<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(pairs: I) -> Self {
        Map(pairs.into_iter().collect())
    }
}

impl<T: serde::Serialize> serde::Serialize for Map<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<T: Written> Written for Map<T> {
    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self {
        let mut map = Map::default();
        fields(node, at, None, &mut |key, node, at| map.0.push((key.to_owned(), T::read(node, at))));
        map
    }
}

/// A list that says nothing where it is not written, and that holds something where it is.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct OneOrMore<T>(Vec<T>);

impl<T> Default for OneOrMore<T> {
    fn default() -> Self {
        OneOrMore(Vec::new())
    }
}

impl<T> Deref for OneOrMore<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'l, T> IntoIterator for &'l OneOrMore<T> {
    type Item = &'l T;
    type IntoIter = core::slice::Iter<'l, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Written> Written for OneOrMore<T> {
    fn read(node: &Node<'_>, at: &mut At<'_>) -> Self {
        if matches!(node, Node::List(list) if list.is_empty()) {
            at.error(Problem::Invalid, "[]", "at least one element");
        }
        OneOrMore(Vec::read(node, at))
    }
}

/// What the schema of a written type needs beside its derived parts.
#[cfg(feature = "schema")]
pub mod schema {
    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use serde_json::Value;

    use super::{Map, OneOrMore};

    /// Every default is told, also one that is not written out.
    pub fn never<T>(_: &T) -> bool {
        false
    }

    /// Finishes the schema of a struct. What is marked as required may be neither null nor an empty list, which the
    /// reader takes for its absence; everything else has a default.
    pub fn of_struct(schema: &mut Schema) {
        let mut required = Vec::new();
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            for (key, property) in properties {
                let Value::Object(property) = property else { continue };
                let default = property.remove("default").filter(|default| !default.is_null());
                // An empty list that may not be written is no default to write.
                let default = default.filter(|_| !property.contains_key("minItems"));
                if property.remove("required").is_some() {
                    required.push(Value::from(key.as_str()));
                    without_null(property);
                    if default.as_ref().is_some_and(Value::is_array) {
                        property.insert("minItems".to_owned(), 1.into());
                    }
                } else if let Some(default) = default {
                    property.insert("default".to_owned(), default);
                }
            }
        }
        if !required.is_empty() {
            schema.insert("required".to_owned(), Value::Array(required));
        }
    }

    /// Takes `null` out of what is allowed.
    fn without_null(property: &mut serde_json::Map<String, Value>) {
        if let Some(Value::Array(types)) = property.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [kind] = types.as_slice() {
                let kind = kind.clone();
                property.insert("type".to_owned(), kind);
            }
        }
        if let Some(Value::Array(mut any)) = property.remove("anyOf") {
            any.retain(|one| one.get("type").is_none_or(|kind| kind != "null"));
            match any.as_mut_slice() {
                [Value::Object(only)] => property.append(only),
                _ => drop(property.insert("anyOf".to_owned(), Value::Array(any))),
            }
        }
    }

    impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            format!("OneOrMore{}", T::schema_name()).into()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            json_schema!({"type": "array", "items": generator.subschema_for::<T>(), "minItems": 1})
        }
    }

    impl<T: JsonSchema> JsonSchema for Map<T> {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            format!("MapOf{}", T::schema_name()).into()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            json_schema!({"type": "object", "additionalProperties": generator.subschema_for::<T>()})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each looked for among all before it, these would take minutes.
    #[test]
    fn a_map_of_very_many_keys_is_read_at_once_and_a_key_that_stands_twice_is_found() {
        const MANY: usize = 300_000;
        let key = |number: usize| (format!("key-{number}").into(), Node::Bool(true));
        let map = Node::Map((0..MANY).map(key).chain([key(7), key(MANY - 1)]).collect());
        let mut errors = PolicyErrors::default();
        let written: Map<bool> = read(&map, &Path::Root, &mut errors);
        assert_eq!(written.len(), MANY);
        let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(paths, ["key-7".to_owned(), format!("key-{}", MANY - 1)]);
    }
}
