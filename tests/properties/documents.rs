//! Documents: any JSON is judged, and each mistake is at a place that is there, or names what is missing.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::cases;

fn good() -> Value {
    json!({"trust": "edge", "policy": {
    "language": 1, "version": 7, "off": false, "stale": {"after": 300, "then": "keep"}, "trustedSources": ["10.0.0.0/8"],
    "names": {"lane": "x-lane", "id": "x-user"},
    "identity": {"sources": [{"header": "x-user"}, {"cookie": "uid"}], "cookie": {"name": "uid", "sameSite": "lax", "maxAge": 60}},
    "releases": [
        {"name": "shop", "revision": 2, "match": {"hosts": ["shop.example.com", "*.shop:8443"], "paths": [{"prefix": "/a"}, {"exact": "/b"}]},
         "lanes": [{"name": "stable", "cluster": "s", "weightedSlot": 0}, {"name": "v2", "labels": {"version": "v2"}, "unavailable": true, "fallback": ["stable"]}],
         "canary": {"stable": "stable", "salt": "x", "candidates": [{"lane": "v2", "percent": 5.01, "slots": [{"from": 0, "to": 50}]}]},
         "overrides": {"headers": ["x-canary"], "rules": "x-gray-rules", "cookies": ["ab_group"]}, "follow": "own",
         "rules": [{"name": "t", "when": {"header": {"x-a": {"exact": "1"}}, "path": {"prefix": "/a"}, "label": {"env": {"in": ["x"]}}}, "lane": "v2"}],
         "respond": {"lane": true}},
        {"name": "button", "match": {}, "lanes": [{"name": "A"}, {"name": "B"}],
         "ab": {"salt": "b", "control": "A", "groups": [{"lane": "A", "weight": 60}, {"lane": "B", "weight": 40}], "route": false, "cookie": {}}},
        {"name": "pay", "match": {"hosts": ["pay"]}, "lanes": [{"name": "blue"}, {"name": "green"}],
         "blueGreen": {"active": "blue", "preview": {"when": {"query": {"p": {"present": true}}}}}}
    ]}})
}

const WORDS: [&str; 26] = [
    "trust",
    "policy",
    "language",
    "releases",
    "name",
    "match",
    "hosts",
    "lanes",
    "canary",
    "ab",
    "blueGreen",
    "salt",
    "percent",
    "slots",
    "edge",
    "stable",
    "v2",
    "x-gray-lane",
    "host",
    "",
    "a.b",
    "a b",
    "a\nb",
    "\"",
    "*",
    "none",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![6 => proptest::sample::select(WORDS.to_vec()).prop_map(str::to_owned), 1 => ".{0,6}", 1 => "[a-z]{60,140}"]
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop_oneof![Just(0_i64), Just(-1), Just(1), any::<i64>()].prop_map(Value::from),
        prop_oneof![Just(0.5), Just(100.0), Just(33.335), any::<f64>()].prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(word(), inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// A change at some place of a document.
#[derive(Clone, Debug)]
enum Change {
    Replace(Value),
    Insert(String, Value),
    Remove(Index),
    Repeat,
}

fn change() -> impl Strategy<Value = (Index, Change)> {
    let change = prop_oneof![
        tree().prop_map(Change::Replace),
        (word(), tree()).prop_map(|(key, value)| Change::Insert(key, value)),
        any::<Index>().prop_map(Change::Remove),
        Just(Change::Repeat),
    ];
    (any::<Index>(), change)
}

/// Every value of a document, outer ones first, by pointer.
fn places(value: &Value, here: &str, out: &mut Vec<String>) {
    out.push(here.to_owned());
    match value {
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, item)| places(item, &format!("{here}/{index}"), out));
        }
        Value::Object(map) => map.iter().for_each(|(key, item)| {
            places(item, &format!("{here}/{}", key.replace('~', "~0").replace('/', "~1")), out);
        }),
        _ => {}
    }
}

fn apply(document: &mut Value, at: Index, change: &Change) {
    let mut all = Vec::new();
    places(document, "", &mut all);
    let Some(place) = document.pointer_mut(all[at.index(all.len())].as_str()) else { return };
    match (change, place) {
        (Change::Replace(value), place) => *place = value.clone(),
        (Change::Insert(key, value), Value::Object(map)) => {
            map.insert(key.clone(), value.clone());
        }
        (Change::Insert(_, value), Value::Array(list)) => list.push(value.clone()),
        (Change::Remove(which), Value::Object(map)) if !map.is_empty() => {
            let keys: Vec<String> = map.keys().cloned().collect();
            map.remove(which.get(&keys));
        }
        (Change::Remove(which), Value::Array(list)) if !list.is_empty() => {
            list.remove(which.index(list.len()));
        }
        (Change::Repeat, Value::Array(list)) => list.extend(list.clone()),
        _ => {}
    }
}

/// The steps of a path: keys, and positions in lists.
fn steps(path: &str) -> Vec<Value> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if let Some(index) = rest.strip_prefix('[') {
            let (digits, tail) = index.split_once(']').expect("a bracket closes");
            steps.push(Value::from(digits.parse::<u64>().expect("a position")));
            rest = tail;
        } else if rest.starts_with('"') {
            let mut read = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            steps.push(Value::from(read.next().expect("a key").expect("a quoted key")));
            rest = rest.split_at(read.byte_offset()).1;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (key, tail) = rest.split_at(end);
            steps.push(Value::from(key));
            rest = tail;
        }
    }
    steps
}

fn step<'v>(value: &'v Value, step: &Value) -> Option<&'v Value> {
    match step {
        Value::String(key) => value.get(key),
        index => value.get(usize::try_from(index.as_u64()?).ok()?),
    }
}

/// Judges a document; a panic, a mistake at no place and a mistake of several lines are failures.
fn judge(document: &Value) -> Result<usize, TestCaseError> {
    let Err(errors) = graylane::load(document.to_string().as_bytes()).plan else { return Ok(0) };
    prop_assert!(!errors.is_empty());
    for error in &errors {
        let line = error.to_string();
        prop_assert!(!line.contains(char::is_control), "{line:?}");
        // Of what is required whole branches may be missing, of the rest the last key at most.
        let steps = steps(&error.path);
        let known = if line.contains(": Required value") { 0 } else { steps.len().saturating_sub(1) };
        let mut value = Some(document);
        for (position, each) in steps.iter().enumerate() {
            value = value.and_then(|value| step(value, each));
            prop_assert!(value.is_some() || position >= known, "{line} is no place: step {position}");
        }
    }
    Ok(errors.len())
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn any_json_is_judged(document in tree()) {
        judge(&document)?;
    }

    #[test]
    fn a_policy_with_any_mistakes_is_judged(changes in proptest::collection::vec(change(), 1..8)) {
        let mut document = good();
        for (at, change) in &changes {
            apply(&mut document, *at, change);
        }
        judge(&document)?;
    }

    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _judged = graylane::load(&bytes);
    }
}

#[test]
fn the_policy_without_mistakes_is_accepted() {
    let loaded = graylane::load(good().to_string().as_bytes());
    assert!(loaded.plan.is_ok(), "{}", loaded.plan.unwrap_err());
}
