//! Reads a [`Node`] into a written type and reports every mistake of form at once.
//!
//! An ordinary deserializer stops at the first mistake. This one records it with its path and goes on with a
//! neutral value (`false`, `0`, an empty text, list or map, the first variant), so that one run finds them all.
//! That needs one habit of the types it reads: every struct carries `#[serde(default)]`, and what is required is
//! an `Option` that [`compile`](mod@crate::compile) asks for. The derived field and variant lists are what
//! "allowed" in the messages comes from, so they cannot go stale.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use crate::error::{OneOf, Path, PolicyErrors, Problem, Quoted};
use crate::node::Node;

/// Reads `node`, which stands at `path`. Mistakes of form go to `errors`; the value returned is then only good
/// for finding further mistakes.
pub(crate) fn read<'de, T: Deserialize<'de> + Default>(
    node: &Node<'de>,
    path: &Path<'_>,
    errors: &mut PolicyErrors,
) -> T {
    let found = RefCell::new(std::mem::take(errors));
    let result = T::deserialize(Reader { node: Some(node), path, errors: &found });
    *errors = found.into_inner();
    errors.end_of_reading();
    result.unwrap_or_else(|fault| {
        errors.add(path, Problem::Invalid, "", fault.0);
        T::default()
    })
}

/// A value to be read. `node` is `None` for the neutral value that stands in for a mistake.
#[derive(Clone, Copy)]
struct Reader<'a, 'de> {
    node: Option<&'a Node<'de>>,
    path: &'a Path<'a>,
    errors: &'a RefCell<PolicyErrors>,
}

/// A refusal by a written type itself. None of ours refuses; it is reported rather than lost if one ever does.
#[derive(Debug)]
struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault(message.to_string())
    }
}

impl Reader<'_, '_> {
    fn wrong(&self, problem: Problem, allowed: impl fmt::Display) {
        if let Some(node) = self.node {
            self.errors.borrow_mut().add(self.path, problem, node, allowed);
        }
    }

    fn unsigned(&self, max: u64) -> u64 {
        match self.node {
            Some(Node::Unsigned(value)) if *value <= max => return *value,
            Some(Node::Unsigned(_) | Node::Negative(_)) => {
                self.wrong(Problem::Invalid, format_args!("must be a whole number between 0 and {max}"));
            }
            _ => self.wrong(Problem::Type, "must be a whole number"),
        }
        0
    }
}

macro_rules! unsigned {
    ($($method:ident $visit:ident $type:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.$visit(<$type>::try_from(self.unsigned(u64::from(<$type>::MAX))).unwrap_or_default())
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_, 'de> {
    type Error = Fault;

    unsigned! {
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    // Written types have no signed, narrow or byte-like fields: what arrives here is read as what it is.
    forward_to_deserialize_any! { i8 i16 i32 i64 i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node {
            None | Some(Node::Null) => visitor.visit_unit(),
            Some(Node::Bool(value)) => visitor.visit_bool(*value),
            Some(Node::Unsigned(value)) => visitor.visit_u64(*value),
            Some(Node::Negative(value)) => visitor.visit_i64(*value),
            Some(Node::Float(value)) => visitor.visit_f64(*value),
            Some(Node::Text(value)) => visitor.visit_str(value),
            Some(Node::List(_)) => self.deserialize_seq(visitor),
            Some(Node::Map(_)) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let value = if let Some(Node::Bool(value)) = self.node { *value } else { false };
        if !matches!(self.node, Some(Node::Bool(_))) {
            self.wrong(Problem::Type, "must be true or false");
        }
        visitor.visit_bool(value)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        #[expect(clippy::cast_precision_loss, reason = "a percentage beyond 2^53 is out of range either way")]
        let value = match self.node {
            Some(Node::Float(value)) => *value,
            Some(Node::Unsigned(value)) => *value as f64,
            Some(Node::Negative(value)) => *value as f64,
            _ => {
                self.wrong(Problem::Type, "must be a number");
                0.0
            }
        };
        visitor.visit_f64(value)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if let Some(Node::Text(value)) = self.node {
            return visitor.visit_str(value);
        }
        self.wrong(Problem::Type, "must be text");
        visitor.visit_str("")
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node {
            None | Some(Node::Null) => visitor.visit_none(),
            Some(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let elements = if let Some(Node::List(list)) = self.node {
            list.as_slice()
        } else {
            self.wrong(Problem::Type, "must be a list");
            &[]
        };
        visitor.visit_seq(Elements { reader: self, rest: elements.iter().enumerate() })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(Fields { reader: self, rest: self.fields(), seen: 0, allowed: None, value: None })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        allowed: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_map(Fields {
            reader: self,
            rest: self.fields(),
            seen: 0,
            allowed: Some(allowed),
            value: None,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(self.variant(variants))
    }
}

impl<'a, 'de> Reader<'a, 'de> {
    fn fields(&self) -> &'a [(std::borrow::Cow<'de, str>, Node<'de>)] {
        if let Some(Node::Map(map)) = self.node {
            return map.as_slice();
        }
        self.wrong(Problem::Type, "must be a map");
        &[]
    }

    /// The variant that the value names: a bare word, or a map with the variant as its only key.
    fn variant(self, variants: &'static [&'static str]) -> Variant<'a, 'de> {
        let (name, content) = match self.node {
            Some(Node::Text(word)) => (Some(word.as_ref()), None),
            Some(Node::Map(map)) => match map.as_slice() {
                [(key, value)] => (Some(key.as_ref()), Some(value)),
                _ => (None, None),
            },
            _ => (None, None),
        };
        let known = name.and_then(|name| variants.iter().copied().find(|known| *known == name));
        match (known, name) {
            (Some(_), _) => {}
            (None, Some(name)) => {
                let mut errors = self.errors.borrow_mut();
                errors.add(self.path, Problem::Unsupported, Quoted(name), OneOf(variants));
            }
            (None, None) => {
                self.wrong(Problem::Type, format_args!("must be exactly one; {}", OneOf(variants)));
            }
        }
        let content = if known.is_some() { content } else { None };
        Variant { name: known.or(variants.first().copied()).unwrap_or(""), reader: self, content }
    }
}

struct Elements<'a, 'de> {
    reader: Reader<'a, 'de>,
    rest: std::iter::Enumerate<std::slice::Iter<'a, Node<'de>>>,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some((index, node)) = self.rest.next() else { return Ok(None) };
        let path = self.reader.path.index(index);
        seed.deserialize(Reader { node: Some(node), path: &path, errors: self.reader.errors }).map(Some)
    }
}

struct Fields<'a, 'de> {
    reader: Reader<'a, 'de>,
    rest: &'a [(std::borrow::Cow<'de, str>, Node<'de>)],
    /// How many fields have been passed, to look back for a key that is written twice.
    seen: usize,
    /// The keys that the type has; `None` for a map whose keys are free.
    allowed: Option<&'static [&'static str]>,
    value: Option<(&'a str, &'a Node<'de>)>,
}

impl<'a, 'de> Fields<'a, 'de> {
    /// The next key that the type knows and that was not there before; the others are reported and passed over.
    fn next_known(&mut self) -> Option<(&'a str, &'a Node<'de>)> {
        loop {
            let (key, node) = self.rest.get(self.seen)?;
            let before = self.rest.get(..self.seen).unwrap_or_default();
            self.seen += 1;
            let mut errors = self.reader.errors.borrow_mut();
            if let Some(allowed) = self.allowed
                && !allowed.contains(&key.as_ref())
            {
                errors.add(&self.reader.path.key(key), Problem::UnknownField, "", OneOf(allowed));
            } else if before.iter().any(|(other, _)| other == key) {
                errors.add(&self.reader.path.key(key), Problem::Duplicate, Quoted(key), "write the key once");
            } else {
                return Some((key, node));
            }
        }
    }
}

impl<'de> MapAccess<'de> for Fields<'_, 'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.value = self.next_known();
        match self.value {
            Some((key, _)) => seed.deserialize(StrDeserializer::new(key)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, node) = self.value.take().map_or(("", None), |(key, node)| (key, Some(node)));
        let path = self.reader.path.key(key);
        seed.deserialize(Reader { node, path: &path, errors: self.reader.errors })
    }
}

struct Variant<'a, 'de> {
    name: &'static str,
    reader: Reader<'a, 'de>,
    content: Option<&'a Node<'de>>,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let value = seed.deserialize(StrDeserializer::<Fault>::new(self.name))?;
        Ok((value, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        if self.content.is_some() {
            self.reader.wrong(Problem::Type, format_args!("must be the word alone: {}", self.name));
        }
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        if matches!(self.reader.node, Some(Node::Text(word)) if word == self.name) {
            self.reader.wrong(Problem::Type, format_args!("must be a map: {}: …", self.name));
        }
        let path = self.reader.path.key(self.name);
        seed.deserialize(Reader { node: self.content, path: &path, errors: self.reader.errors })
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Fault> {
        Err(Fault("a written type has no tuple variant".to_owned()))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        allowed: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let path = self.reader.path.key(self.name);
        let reader = Reader { node: self.content, path: &path, errors: self.reader.errors };
        reader.deserialize_struct("", allowed, visitor)
    }
}
