//! One row of a file: the few of its members or columns that count, borrowed from its line.

use std::borrow::Cow;
use std::fmt;

use anyhow::{Result, bail};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What may stand in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The id of the user.
    Id,
    /// The hash of the id, in its place.
    Hash,
    /// When.
    Time,
    /// The name of the goal.
    Event,
    /// The group that the client says it is in.
    AbGroup,
    /// What the client was told: `button;group=B;rev=1`.
    AbtestId,
    /// The text of exposures.
    Exposure,
    /// The experiment of an exposure.
    Experiment,
    /// Its group.
    Group,
    /// The revision of the experiment.
    Revision,
    /// Why the user has the group.
    Reason,
}

impl Field {
    /// Every field, with the names by which it goes where nobody says otherwise.
    const ALL: [(Field, &'static [&'static str]); 11] = [
        (Field::Id, &["id"]),
        (Field::Hash, &["hash"]),
        (Field::Time, &["time", "start_time"]),
        (Field::Event, &["event"]),
        (Field::AbGroup, &["ab_group"]),
        (Field::AbtestId, &["abtest_id"]),
        (Field::Exposure, &["exposure"]),
        (Field::Experiment, &["experiment"]),
        (Field::Group, &["group"]),
        (Field::Revision, &["revision"]),
        (Field::Reason, &["reason"]),
    ];

    fn position(self) -> usize {
        Field::ALL.iter().position(|(field, _)| *field == self).unwrap_or_default()
    }
}

/// By which names the fields go.
#[derive(Debug, Clone)]
pub struct Names(Vec<(Field, Vec<String>)>);

impl Default for Names {
    fn default() -> Self {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Names(Field::ALL.iter().map(|(field, names)| (*field, own(names))).collect())
    }
}

impl Names {
    /// Has a field go by another name.
    ///
    /// # Errors
    /// The field is none; which there are.
    pub fn rename(&mut self, field: &str, name: &str) -> Result<()> {
        let known = Field::ALL.iter().find(|(_, names)| names.first() == Some(&field));
        let Some((_, names)) = known.and_then(|(field, _)| self.0.iter_mut().find(|(own, _)| own == field))
        else {
            let all: Vec<&str> = Field::ALL.iter().filter_map(|(_, names)| names.first().copied()).collect();
            bail!(
                "--column {field}={name}: {field:?} is no column that is read; allowed: {}",
                all.join(", ")
            );
        };
        *names = vec![name.to_owned()];
        Ok(())
    }

    /// The field of a name.
    pub(super) fn field(&self, name: &str) -> Option<Field> {
        self.0.iter().find(|(_, names)| names.iter().any(|own| own == name)).map(|(field, _)| *field)
    }

    /// The name of a field, for messages.
    pub(super) fn name(&self, field: Field) -> &str {
        self.0
            .iter()
            .find(|(own, _)| *own == field)
            .and_then(|(_, names)| names.first())
            .map_or("", |name| name)
    }

    /// The fields that somebody has given another name.
    pub(super) fn renamed(&self) -> impl Iterator<Item = Field> {
        let is_own = |field: Field, names: &[String]| {
            Field::ALL.iter().any(|(own, all)| *own == field && all.iter().eq(names))
        };
        self.0.iter().filter(move |(field, names)| !is_own(*field, names)).map(|(field, _)| *field)
    }
}

/// What of a row counts.
#[derive(Debug, Default)]
pub(super) struct Row<'l>([Option<Cow<'l, str>>; Field::ALL.len()]);

impl<'l> Row<'l> {
    /// Reads a line of JSON, an object.
    pub(super) fn of_json(line: &'l [u8], names: &Names) -> Result<Self, String> {
        let mut reader = serde_json::Deserializer::from_slice(line);
        let row = RowSeed(names).deserialize(&mut reader).and_then(|row| reader.end().map(|()| row));
        // The line is known better by whoever has read it.
        row.map_err(|fault| fault.to_string().split(" at line ").next().unwrap_or_default().to_owned())
    }

    /// The value of a field. What is empty, or a dash as access logs write it, is none.
    pub(super) fn get(&self, field: Field) -> Option<&str> {
        let value = self.0.get(field.position())?.as_deref()?;
        (!value.is_empty() && value != "-").then_some(value)
    }

    /// Adds a value.
    pub(super) fn set(&mut self, field: Field, value: Cow<'l, str>) {
        if let Some(place) = self.0.get_mut(field.position()) {
            *place = Some(value);
        }
    }

    /// Whether there is no value of any field, not even an empty one.
    pub(super) fn has(&self, field: Field) -> bool {
        self.0.get(field.position()).is_some_and(Option::is_some)
    }
}

struct RowSeed<'n>(&'n Names);

impl<'l> DeserializeSeed<'l> for RowSeed<'_> {
    type Value = Row<'l>;

    fn deserialize<D: Deserializer<'l>>(self, reader: D) -> Result<Row<'l>, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'l> Visitor<'l> for RowSeed<'_> {
    type Value = Row<'l>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of JSON")
    }

    fn visit_map<A: MapAccess<'l>>(self, mut members: A) -> Result<Row<'l>, A::Error> {
        let mut row = Row::default();
        while let Some(field) = members.next_key_seed(FieldSeed(self.0))? {
            match field {
                None => drop(members.next_value::<IgnoredAny>()?),
                Some(field) => {
                    if let Some(value) = members.next_value_seed(ValueSeed)? {
                        row.set(field, value);
                    }
                }
            }
        }
        Ok(row)
    }
}

/// Reads the name of a member.
struct FieldSeed<'n>(&'n Names);

impl<'l> DeserializeSeed<'l> for FieldSeed<'_> {
    type Value = Option<Field>;

    fn deserialize<D: Deserializer<'l>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldSeed<'_> {
    type Value = Option<Field>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.field(name))
    }
}

/// Reads text, or what can be written as text; anything else is no value.
struct ValueSeed;

impl<'l> DeserializeSeed<'l> for ValueSeed {
    type Value = Option<Cow<'l, str>>;

    fn deserialize<D: Deserializer<'l>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'l> Visitor<'l> for ValueSeed {
    type Value = Option<Cow<'l, str>>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("text or a number")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'l str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_bool<E: de::Error>(self, _bool: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'l>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'l>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: &str) -> Result<Row<'_>, String> {
        Row::of_json(line.as_bytes(), &Names::default())
    }

    #[test]
    fn a_row_of_json_is_borrowed_where_it_can_be_and_has_what_counts() {
        let row = row(r#"{"a": [{"id": 2}], "id": "u\u0031", "time": 12, "event": "buy", "group": null, "exposure": "-"}"#)
            .unwrap();
        assert_eq!(row.get(Field::Id), Some("u1"));
        assert_eq!(row.get(Field::Time), Some("12"));
        assert_eq!((row.get(Field::Group), row.get(Field::Exposure)), (None, None));
        assert!(row.has(Field::Exposure) && !row.has(Field::Group));
        assert!(matches!(&row.0[Field::Event.position()], Some(Cow::Borrowed("buy"))));
    }

    #[test]
    fn what_is_no_object_is_a_fault() {
        for line in ["[1]", "{\"id\":", "{} {}", "\"id\"", "1"] {
            assert!(row(line).is_err(), "{line}");
        }
    }

    #[test]
    fn fields_go_by_the_names_that_they_are_given() {
        let mut names = Names::default();
        names.rename("id", "user_id").unwrap();
        assert_eq!((names.field("user_id"), names.field("id")), (Some(Field::Id), None));
        assert_eq!(names.field("start_time"), Some(Field::Time));
        assert_eq!(names.renamed().collect::<Vec<_>>(), [Field::Id]);
        let fault = names.rename("ids", "x").unwrap_err().to_string();
        assert!(
            fault.starts_with("--column ids=x: \"ids\" is no column that is read; allowed: id, hash, time"),
            "{fault}"
        );
    }
}
