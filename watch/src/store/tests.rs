use graylane::policy::Map;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::etcd::Change;

fn empty() -> Store {
    Store::new(false, Map::default()).unwrap()
}

fn release(name: &str, host: &str, lane: &str) -> Value {
    json!({
        "name": name, "match": {"hosts": [host]}, "lanes": [{"name": "stable"}, {"name": lane}],
        "canary": {"stable": "stable", "candidates": [{"lane": lane, "percent": 10}]},
    })
}

fn document(version: u64, kind: &str, what: Value) -> Vec<u8> {
    let mut document = json!({"language": 1, "version": version});
    document[kind] = what;
    document.to_string().into_bytes()
}

fn put(key: &str, value: impl Into<Vec<u8>>) -> Opened {
    Opened::of(Change { key: key.to_owned(), value: Some(value.into()) }, None)
}

fn gone(key: &str) -> Opened {
    Opened { key: key.to_owned(), document: None }
}

/// Release `name` on a host of its own name.
fn one(name: &str, version: u64) -> Opened {
    put(&format!("releases/{name}"), document(version, "release", release(name, name, "v2")))
}

fn dial(name: &str, version: u64, lane: &str) -> Opened {
    let dial = json!({"release": name, "percent": {lane: 20}});
    put(&format!("dials/{name}"), document(version, "dial", dial))
}

fn reasons(faults: &[Fault]) -> Vec<(&str, &str)> {
    faults.iter().map(|fault| (fault.key.as_str(), fault.reason.as_str())).collect()
}

fn in_force(store: &Store) -> Vec<&str> {
    store.live.names().collect()
}

#[test]
fn what_waited_is_gone_with_its_key() {
    let second = || put("releases/second", document(1, "release", release("second", "shop", "v2")));
    for is_signed in [false, true] {
        for listed in [false, true] {
            let mut store = Store::new(is_signed, Map::default()).unwrap();
            assert_eq!(reasons(&store.list(vec![one("shop", 1)], false)), []);
            let faults = store.change(vec![second()]);
            assert_eq!(reasons(&faults), [("releases/second", "conflict")]);
            let faults = if listed {
                store.list(vec![one("shop", 1)], false)
            } else {
                store.change(vec![gone("releases/second")])
            };
            assert_eq!((reasons(&faults), store.faulty()), (vec![], 0));
            // The place is free, and nobody is there who wants it.
            let removed = document(2, "removed", "shop".into());
            store.change(vec![put("releases/shop", removed)]);
            assert_eq!(in_force(&store), Vec::<&str>::new());
        }
    }
}

#[test]
fn a_list_of_another_history_takes_nothing_away_and_neither_do_the_lists_after_it() {
    let mut store = empty();
    store.list(vec![one("shop", 2), one("pay", 1), one("none", 0), dial("shop", 3, "v2")], false);
    let other = || put("releases/none", document(0, "release", release("none", "else", "v2")));
    let faults = store.list(vec![one("shop", 1), other()], true);
    let expected = [
        ("releases/none", "history"),
        ("dials/shop", "history"),
        ("releases/pay", "history"),
        ("releases/shop", "version"),
    ];
    let mut told = reasons(&faults);
    told.sort_unstable();
    let mut wanted = expected.to_vec();
    wanted.sort_unstable();
    assert_eq!(told, wanted);
    for _ in 0..2 {
        assert_eq!(
            reasons(&store.list(vec![one("shop", 1), other()], false)),
            [("releases/shop", "version")]
        );
        assert_eq!((in_force(&store), store.faulty()), (vec!["none", "pay", "shop"], 4));
        assert_eq!(store.live.plan().len(), 3);
    }
    // What somebody puts after that is meant.
    assert_eq!(reasons(&store.change(vec![other(), one("shop", 3), one("pay", 1)])), []);
    assert_eq!(store.faulty(), 1, "the dial");
    assert_eq!(reasons(&store.list(vec![other(), one("shop", 3)], false)), []);
    assert_eq!(in_force(&store), ["none", "shop"], "pay was put and is gone since");
}

#[test]
fn what_was_deleted_does_not_come_back_from_a_backup() {
    let mut store = empty();
    store.list(vec![one("shop", 1), one("pay", 1)], false);
    store.change(vec![gone("releases/pay")]);
    for is_another_history in [true, false, false] {
        store.list(vec![one("shop", 1), one("pay", 1)], is_another_history);
        assert_eq!((in_force(&store), store.faulty()), (vec!["shop"], 1));
    }
    assert_eq!(reasons(&store.change(vec![one("pay", 1)])), []);
    assert_eq!((in_force(&store), store.faulty()), (vec!["pay", "shop"], 0));
}

#[test]
fn an_empty_list_takes_nothing_away_nor_does_the_first_that_is_not_empty() {
    let mut store = empty();
    let settings = || put("settings", document(1, "settings", json!({"off": true})));
    store.list(vec![one("shop", 1), one("pay", 1), settings()], false);
    assert_eq!(reasons(&store.list(vec![], false)), [("", "empty")]);
    assert_eq!((in_force(&store), store.faulty()), (vec!["pay", "shop"], 3));
    store.list(vec![one("shop", 2)], false);
    assert_eq!((in_force(&store), store.faulty()), (vec!["pay", "shop"], 2));
    assert!(String::from_utf8_lossy(&store.document).contains("off"));
    store.change(vec![gone("releases/pay")]);
    assert_eq!(in_force(&store), ["shop"], "that one is meant");
    assert_eq!(reasons(&empty().list(vec![], false)), [], "where nothing was, nothing is missed");
}

#[test]
fn a_dial_waits_for_a_release_that_it_fits_and_holds_up_nothing_meanwhile() {
    let mut store = empty();
    let with =
        |version, lane| put("releases/shop", document(version, "release", release("shop", "shop", lane)));
    assert_eq!(reasons(&store.change(vec![dial("shop", 1, "v2")])), [], "without a release it waits");
    store.change(vec![with(1, "v2")]);
    assert_eq!(store.faulty(), 0);
    assert_eq!(reasons(&store.change(vec![with(2, "v3")])), [("dials/shop", "policy")]);
    let settings = put("settings", document(1, "settings", json!({"off": true})));
    assert_eq!(reasons(&store.change(vec![settings])), []);
    assert_eq!(store.faulty(), 1);
    assert_eq!(reasons(&store.change(vec![with(3, "v2")])), []);
    assert_eq!(store.faulty(), 0, "it fits again");
}

#[test]
fn settings_that_a_release_does_not_fit_are_in_force_once_it_does() {
    let layers = |version, name| {
        let layers = json!({"layers": [{"name": name, "salt": "s"}]});
        put("settings", document(version, "settings", layers))
    };
    let within = |version, layer: &str| {
        let mut release = release("shop", "shop", "v2");
        release.as_object_mut().unwrap().remove("canary");
        release["ab"] = json!({
            "layer": layer, "salt": "shop",
            "groups": [{"lane": "stable", "weight": 50}, {"lane": "v2", "weight": 50}],
        });
        put("releases/shop", document(version, "release", release))
    };
    let mut store = empty();
    let faults = store.change(vec![layers(1, "one"), within(1, "one")]);
    assert_eq!(reasons(&faults), [], "{faults:?}");
    assert_eq!(reasons(&store.change(vec![layers(2, "two")])), [("settings", "policy")]);
    assert_eq!((in_force(&store), store.faulty()), (vec!["shop"], 1));
    // It fits neither of them by itself, and the settings that wait.
    store.change(vec![one("shop", 2)]);
    assert_eq!((in_force(&store), store.faulty()), (vec!["shop"], 0));
    assert_eq!(reasons(&store.change(vec![within(3, "two")])), []);
}

#[test]
fn one_refusal_is_told_once_however_often_it_is_tried() {
    let mut store = empty();
    store.change(vec![one("shop", 1)]);
    let second = put("releases/second", document(1, "release", release("second", "shop", "v2")));
    assert_eq!(reasons(&store.change(vec![second])), [("releases/second", "conflict")]);
    for version in 2..5 {
        assert_eq!(reasons(&store.change(vec![one("shop", version), one("pay", version)])), []);
    }
    assert_eq!((in_force(&store), store.faulty()), (vec!["pay", "shop"], 1));
}

/// Something that may stand below a key: good, nearly good, or nothing like it.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let name = prop::sample::select(vec!["shop", "pay"]);
    let good = (0..4_u64, name, prop::sample::select(vec!["shop", "pay", "tea"]), 0..4_u8).prop_map(
        |(version, name, host, kind)| match kind {
            0 => document(version, "dial", json!({"release": name, "percent": {"v2": version * 40}})),
            1 => document(version, "settings", json!({"off": version > 1})),
            2 => document(version, "removed", name.into()),
            _ => document(version, "release", release(name, host, "v2")),
        },
    );
    let cut = (good.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut bytes, at, byte)| {
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes
    });
    prop_oneof![4 => good, 2 => cut, 1 => prop::collection::vec(any::<u8>(), 0..64)]
}

fn changes() -> impl Strategy<Value = Vec<Opened>> {
    let keys = vec!["settings", "releases/shop", "releases/pay", "dials/shop", "dials/pay", "dials/", "x"];
    let change = (prop::sample::select(keys), prop::option::weighted(0.8, value()))
        .prop_map(|(key, value)| value.map_or_else(|| gone(key), |value| put(key, value)));
    prop::collection::vec(change, 0..6)
}

proptest! {
    /// No bytes make it panic, no version goes back, and what it says of itself adds up.
    #[test]
    fn no_version_goes_back_whatever_comes(steps in prop::collection::vec((changes(), 0..4_u8), 0..8)) {
        let mut store = empty();
        let mut served = BTreeMap::new();
        for (changes, kind) in steps {
            let found = changes.iter().filter(|change| change.document.is_some()).cloned();
            match kind {
                0 => store.list(found.collect(), false),
                1 => store.list(found.collect(), true),
                _ => store.change(changes),
            };
            for (key, place) in store.places() {
                let now = place.served().map_or(0, |stamp| stamp.version);
                let before = served.insert(key.clone(), now).unwrap_or_default();
                prop_assert!(now >= before, "{key}: {now} after {before}");
            }
            let faulty = store.places().filter(|(_, place)| place.fault().is_some()).count();
            prop_assert_eq!(store.faulty(), faulty + store.strange.len());
            let good = store.releases.iter().filter(|(_, slot)| slot.good().is_some());
            let good: Vec<_> = good.map(|(name, _)| name.as_str()).collect();
            prop_assert_eq!(good, in_force(&store));
        }
    }
}
