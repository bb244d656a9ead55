//! Lists of names with weights, ends or ranges, in the forms in which rows have them.

use serde_json::{Value, json};

use super::row::{Names, Row, number, whole};
use super::{Known, Unknown};

/// A name with what it has.
pub(super) type Entry<T> = (Value, T);

/// From the first to below the second.
type Ranges = Vec<(u64, u64)>;

/// What a name is called in an entry that is a map.
const NAME: Names<'_> =
    &["name", "variation", "variant", "treatment", "cluster", "entity", "value", "key", "id"];
const WEIGHT: Names<'_> = &["weight", "percentage", "percent", "size", "percentage_allocation", "traffic"];

/// Names and weights, in order: `[["a", 1], …]`, `[{"name": "a", "weight": 1}, …]`, `[1, …]` beside a list of
/// names, `{"a": 1}` where order does not matter, or `25 variants bucket1..bucket25, weight 4 each`.
pub(super) fn weights(row: Row<'_>, in_any_order: bool) -> Known<Vec<Entry<f64>>> {
    const FIELDS: Names<'_> =
        &["weights", "partitions", "percentages", "distribution", "variants", "variations"];
    let written = row.get(FIELDS).ok_or_else(|| Unknown::missing("weights"))?;
    let unreadable = || Unknown::unreadable("weights", "a list of names and weights");
    match written {
        Value::Array(entries) if entries.iter().any(|entry| entry.get("priority").is_some()) => {
            let mut sorted = entries.clone();
            sorted.sort_by_key(|entry| entry.get("priority").and_then(whole).unwrap_or(u64::MAX));
            sorted.iter().map(weight).collect::<Option<_>>().ok_or_else(unreadable)
        }
        Value::Array(entries) if entries.iter().all(|entry| number(entry).is_some()) => {
            let weights: Option<Vec<f64>> = entries.iter().map(number).collect();
            Ok(names(row)
                .into_iter()
                .chain((entries.len()..).map(|index| json!(index)))
                .zip(weights.unwrap_or_default())
                .collect())
        }
        Value::Array(entries) => entries.iter().map(weight).collect::<Option<_>>().ok_or_else(unreadable),
        Value::Object(_) if !in_any_order => Err(Unknown::new("weights without an order")),
        Value::Object(entries) => {
            let entry = |(name, weight): (&String, &Value)| Some((json!(name), number(weight)?));
            entries.iter().map(entry).collect::<Option<_>>().ok_or_else(unreadable)
        }
        Value::String(text) => described(text).ok_or_else(unreadable),
        _ => Err(unreadable()),
    }
}

/// The names beside a list of mere weights, else their positions.
fn names(row: Row<'_>) -> Vec<Value> {
    let weights = row.list(&["weights"]).map_or(0, Vec::len);
    let names =
        row.list(&["choices", "variations", "variants", "names"]).filter(|names| names.len() == weights);
    names.cloned().unwrap_or_else(|| (0..weights).map(|index| json!(index)).collect())
}

fn weight(entry: &Value) -> Option<Entry<f64>> {
    match entry {
        Value::Array(pair) => {
            let [name, weight] = pair.as_slice() else { return None };
            Some((name.clone(), number(weight)?))
        }
        Value::Object(fields) => {
            let field = |names: Names<'_>| names.iter().find_map(|name| fields.get(*name));
            Some((field(NAME)?.clone(), number(field(WEIGHT)?)?))
        }
        _ => None,
    }
}

/// `25 variants bucket1..bucket25, weight 4 each`: at most 10,000, which is more than anybody has.
fn described(text: &str) -> Option<Vec<Entry<f64>>> {
    let (count, rest) = text.split_once(" variants ")?;
    let (names, weight) = rest.strip_suffix(" each")?.split_once(", weight ")?;
    let (first, last) = names.split_once("..")?;
    let (count, weight): (u32, f64) = (count.parse().ok()?, weight.parse().ok()?);
    let prefix = first.strip_suffix('1').filter(|_| count <= 10_000)?;
    (last == format!("{prefix}{count}"))
        .then(|| (1..=count).map(|index| (json!(format!("{prefix}{index}")), weight)).collect())
}

/// Weights that are whole numbers; flagd takes negative ones for 0.
pub(super) fn whole_weights(entries: Vec<Entry<f64>>) -> Known<(Vec<Value>, Vec<u64>)> {
    let entry = |(name, weight): Entry<f64>| Some((name, whole(&json!(weight.max(0.0)))?));
    let entries = entries.into_iter().map(entry).collect::<Option<Vec<_>>>();
    entries
        .map(|entries| entries.into_iter().unzip())
        .ok_or_else(|| Unknown::unreadable("weights", "whole numbers"))
}

/// Entities and the exclusive ends of their ranges, in order: `[["a", 5000], …]`, or maps as in a datafile.
pub(super) fn ends(row: Row<'_>) -> Option<Vec<Entry<u64>>> {
    let entry = |entry: &Value| match entry {
        Value::Array(pair) => {
            let [name, end] = pair.as_slice() else { return None };
            Some((name.clone(), whole(end)?))
        }
        Value::Object(fields) => {
            let name = fields.get("entity_id").or_else(|| fields.get("entityId"))?;
            Some((name.clone(), whole(fields.get("end_of_range").or_else(|| fields.get("endOfRange"))?)?))
        }
        _ => None,
    };
    row.list(&["end_of_range", "traffic_allocation", "trafficAllocation"])?.iter().map(entry).collect()
}

/// Names and ranges: `[["a", 0, 5000], …]`, `[["a", [0, 5000]], …]`, or the same with a list of ranges.
pub(super) fn named_ranges(row: Row<'_>) -> Option<Vec<Entry<Ranges>>> {
    let entry = |entry: &Value| match entry.as_array()?.as_slice() {
        [name, start, end] if end.is_number() => Some((name.clone(), vec![(whole(start)?, whole(end)?)])),
        [name, list] => Some((name.clone(), range(list).map(|range| vec![range]).or_else(|| ranges(list))?)),
        _ => None,
    };
    row.list(&["ranges", "bucket_ranges"])?.iter().map(entry).collect()
}

/// `[[0, 5000], …]`
pub(super) fn ranges(list: &Value) -> Option<Ranges> {
    list.as_array()?.iter().map(range).collect()
}

fn range(value: &Value) -> Option<(u64, u64)> {
    match value {
        Value::Array(pair) => {
            let [start, end] = pair.as_slice() else { return None };
            Some((whole(start)?, whole(end)?))
        }
        Value::Object(fields) => Some((whole(fields.get("start")?)?, whole(fields.get("end")?)?)),
        _ => None,
    }
}

/// `[[0, 0.5], …]`
pub(super) fn real_ranges(row: Row<'_>) -> Option<Vec<(f64, f64)>> {
    let range = |value: &Value| {
        let [start, end] = value.as_array()?.as_slice() else { return None };
        Some((number(start)?, number(end)?))
    };
    row.list(&["ranges"])?.iter().map(range).collect()
}
