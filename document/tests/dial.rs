//! What a dial changes of a release.
#![cfg(test)]

use graylane::error::{Path, PolicyErrors};
use graylane::policy::{Policy, Ramp, Release};
use graylane_document::{Content, Dial, open};
use serde_json::{Value, json};

fn read<T: graylane::read::Written>(value: &Value) -> T {
    let text = value.to_string();
    let mut errors = PolicyErrors::default();
    let read = graylane::read::read(&serde_json::from_str(&text).unwrap(), &Path::Root, &mut errors);
    assert!(errors.is_empty(), "{errors}");
    read
}

fn release(mode: &str, written: &Value) -> Release {
    read(
        &json!({"name": "shop", "match": {}, "lanes": [{"name": "a"}, {"name": "b"}, {"name": "c"}], mode: written}),
    )
}

fn canary() -> Release {
    let ramp = json!({"linear": [
        {"at": "2026-12-01T00:00:00Z", "percent": 0}, {"at": "2026-12-01T10:00:00Z", "percent": 50}]});
    release(
        "canary",
        &json!({"stable": "a", "candidates": [{"lane": "b", "ramp": ramp}, {"lane": "c", "percent": 5}]}),
    )
}

fn ab(weights: [Option<f64>; 3]) -> Release {
    let groups: Vec<Value> = ["a", "b", "c"]
        .iter()
        .zip(weights)
        .map(|(lane, weight)| json!({"lane": lane, "weight": weight}))
        .collect();
    release("ab", &json!({"salt": "s", "groups": groups}))
}

fn dial(written: &Value) -> Dial {
    let mut written = written.clone();
    written["release"] = json!("shop");
    let document = json!({"language": 1, "dial": written}).to_string();
    match open("dials/shop", document.as_bytes(), None).unwrap().content {
        Content::Dial(dial) => dial,
        other => panic!("{other:?}"),
    }
}

fn applied(written: &Value, release: &Release) -> Release {
    let mut release = release.clone();
    dial(written).apply(&mut release).unwrap();
    let policy = Policy { language: Some(1), releases: vec![release.clone()], ..Policy::default() };
    graylane::compile(&policy).unwrap();
    release
}

fn weights(release: &Release) -> Vec<Option<f64>> {
    release.ab.as_ref().unwrap().groups.iter().map(|group| group.weight).collect()
}

#[test]
fn a_share_of_a_canary_takes_the_place_of_its_ramp() {
    let release = applied(&json!({"percent": {"b": 12.5}}), &canary());
    let candidates = &release.canary.unwrap().candidates;
    assert_eq!((candidates[0].percent, candidates[0].ramp.as_ref()), (Some(12.5), None));
    assert_eq!(candidates[1].percent, Some(5.0));
}

#[test]
fn a_pause_keeps_the_share_of_its_moment() {
    let release = applied(&json!({"pause": "2026-12-01T07:00:00+02:00"}), &canary());
    let candidates = &release.canary.unwrap().candidates;
    let Some(Ramp::Linear(points)) = &candidates[0].ramp else { panic!("{candidates:?}") };
    assert_eq!((points[1].at.as_deref(), points[1].percent), (Some("2026-12-01T05:00:00Z"), Some(25.0)));
    assert_eq!(points.len(), 2);

    let before = applied(&json!({"pause": "2026-11-01T00:00:00Z"}), &canary());
    let candidates = &before.canary.unwrap().candidates;
    assert_eq!((candidates[0].percent, candidates[0].ramp.as_ref()), (Some(0.0), None));
}

#[test]
fn the_control_group_has_what_the_others_leave() {
    for (before, percent, after) in [
        ([Some(50.0), Some(30.0), Some(20.0)], json!({"b": 10}), [Some(70.0), Some(10.0), Some(20.0)]),
        ([None, Some(30.0), Some(20.0)], json!({"b": 10}), [None, Some(10.0), Some(20.0)]),
        ([Some(33.34), Some(33.33), Some(33.33)], json!({"c": 33.3}), [Some(33.37), Some(33.33), Some(33.3)]),
        (
            [Some(50.0), Some(30.0), Some(20.0)],
            json!({"a": 60, "b": 20}),
            [Some(60.0), Some(20.0), Some(20.0)],
        ),
    ] {
        assert_eq!(weights(&applied(&json!({"percent": percent}), &ab(before))), after);
    }
    let mut release = ab([Some(50.0), Some(30.0), Some(20.0)]);
    let errors = dial(&json!({"percent": {"b": 90}})).apply(&mut release).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "percent: Invalid value: 110: groups other than the control group add up to 100 at most"
    );
}

#[test]
fn weights_that_are_no_percentages_stay_what_they_are() {
    let groups =
        json!([{"lane": "a", "weight": 700}, {"lane": "b", "weight": 200}, {"lane": "c", "weight": 100}]);
    let release = release("ab", &json!({"groups": groups, "salt": "s", "hash": {"layout": "stacked"}}));
    assert_eq!(
        weights(&applied(&json!({"percent": {"c": 50}}), &release)),
        [Some(700.0), Some(200.0), Some(50.0)]
    );
}

#[test]
fn the_active_lane_and_off_are_as_the_dial_says() {
    let lanes = json!([{"name": "blue"}, {"name": "green"}]);
    let release: Release =
        read(&json!({"name": "shop", "match": {}, "lanes": lanes, "blueGreen": {"active": "blue"}}));
    let switched = applied(&json!({"active": "green", "off": true}), &release);
    assert_eq!((switched.off, switched.blue_green.unwrap().active.as_deref()), (true, Some("green")));
    let off = Release { off: true, ..release.clone() };
    assert!(!applied(&json!({"off": false}), &off).off);
    assert!(applied(&json!({}), &off).off);
}

#[test]
fn what_the_release_does_not_have_is_told_at_once_and_changes_nothing() {
    let mut release = canary();
    let wrong = dial(&json!({"percent": {"a": 5, "b": 5, "z": 5}, "active": "a", "off": true}));
    let errors = Dial { release: Some("pay".to_owned()), ..wrong }.apply(&mut release).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "release: Invalid value: \"pay\": \"shop\"\n\
         active: Forbidden: \"a\": only a blue-green release has an active lane\n\
         percent.a: Not found: \"a\": allowed: b, c\n\
         percent.z: Not found: \"z\": allowed: b, c"
    );
    assert_eq!(release, canary());

    let lanes = json!([{"name": "blue"}, {"name": "green"}]);
    let mut release: Release =
        read(&json!({"name": "shop", "lanes": lanes, "blueGreen": {"active": "blue"}}));
    let wrong = dial(&json!({"percent": {"blue": 5}, "active": "red", "pause": "2026-12-01T00:00:00Z"}));
    assert_eq!(
        wrong.apply(&mut release).unwrap_err().to_string(),
        "active: Not found: \"red\": allowed: blue, green\n\
         pause: Forbidden: \"2026-12-01T00:00:00Z\": only a canary has ramps\n\
         percent: Forbidden: only lanes of a canary or of an AB test have shares"
    );
}
