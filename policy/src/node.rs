//! A document as a tree, before anything is known of its meaning.
//!
//! Both JSON (in the module) and YAML (in the tools) become a [`Node`], so that one reader checks both. Unlike
//! most trees it keeps a key that is written twice: that is a mistake to report, not one to swallow.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::{Decimal, Quoted};

/// A value of a document. Text borrows from the source where it can.
#[derive(Debug, Clone, PartialEq)]
pub enum Node<'a> {
    /// Nothing: `null`, or an empty value in YAML.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that is not negative.
    Unsigned(u64),
    /// A negative whole number.
    Negative(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Node<'a>>),
    /// Keys and values in the order in which they are written, a key that stands twice included.
    Map(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl<'a> Node<'a> {
    /// What stands under a key of a map.
    pub fn member(&self, key: &str) -> Option<&Node<'a>> {
        let Node::Map(map) = self else { return None };
        map.iter().find(|(other, _)| other == key).map(|(_, member)| member)
    }

    /// What stands under a key of a map, to be changed.
    pub fn member_mut(&mut self, key: &str) -> Option<&mut Node<'a>> {
        let Node::Map(map) = self else { return None };
        map.iter_mut().find(|(other, _)| other == key).map(|(_, member)| member)
    }

    /// The value as JSON, behind what stands in `out`. Fractions have six digits at most.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Node::List(list) => {
                out.push(b'[');
                for (at, node) in list.iter().enumerate() {
                    out.extend_from_slice(if at > 0 { b"," } else { b"" });
                    node.write_json(out);
                }
                out.push(b']');
            }
            Node::Map(map) => {
                out.push(b'{');
                for (at, (key, node)) in map.iter().enumerate() {
                    out.extend_from_slice(if at > 0 { b"," } else { b"" });
                    // Writing into memory does not fail.
                    let _ = write!(out, "{}:", Quoted(key));
                    node.write_json(out);
                }
                out.push(b'}');
            }
            scalar => {
                let _ = write!(out, "{scalar}");
            }
        }
    }
}

impl fmt::Display for Node<'_> {
    /// The value in the short form of an error message: scalars whole, lists and maps by their kind.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Null => out.write_str("null"),
            Node::Bool(value) => write!(out, "{value}"),
            Node::Unsigned(value) => write!(out, "{value}"),
            Node::Negative(value) => write!(out, "{value}"),
            Node::Float(value) => write!(out, "{}", Decimal(*value)),
            Node::Text(value) => write!(out, "{}", Quoted(value)),
            Node::List(_) => out.write_str("a list"),
            Node::Map(_) => out.write_str("a map"),
        }
    }
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Node::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Node::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(value).map_or(Node::Negative(value), Node::Unsigned))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Node::Float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Node::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Node::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Self::Value, E> {
        Ok(Node::Text(Cow::Owned(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = access.next_element()? {
            list.push(node);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut map = Vec::new();
        while let Some(Key(key)) = access.next_key()? {
            map.push((key, access.next_value()?));
        }
        Ok(Node::Map(map))
    }
}

/// A key of a map, borrowed where the source allows it.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Owned(value.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_key_that_is_written_twice() {
        let node: Node<'_> = serde_json::from_str(r#"{"a":1,"a":-2}"#).unwrap();
        assert_eq!(node, Node::Map(vec![("a".into(), Node::Unsigned(1)), ("a".into(), Node::Negative(-2))]));
    }

    #[test]
    fn borrows_text_that_needs_no_unescaping() {
        let node: Node<'_> = serde_json::from_str(r#"["plain","esc\"aped"]"#).unwrap();
        let Node::List(list) = node else { panic!("a list was written") };
        assert!(matches!(list[0], Node::Text(Cow::Borrowed("plain"))));
        assert!(matches!(&list[1], Node::Text(Cow::Owned(text)) if text == "esc\"aped"));
    }
}
