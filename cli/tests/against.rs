//! `graylane check --against` as people call it.
#![cfg(test)]

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

struct Ran {
    code: Option<i32>,
    out: String,
    told: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("it writes text");
        Ran { code: output.status.code(), out: text(output.stdout), told: text(output.stderr) }
    }
}

fn graylane(arguments: &[&str], input: &str) -> Ran {
    let mut program = Command::new(env!("CARGO_BIN_EXE_graylane"));
    // Colours are for the output alone to decide, not for the terminal that runs the tests.
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        program.env_remove(variable);
    }
    program.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = program.spawn().expect("it starts");
    // One that refuses its arguments does not read.
    let _ = running.stdin.take().expect("it has an input").write_all(input.as_bytes());
    running.wait_with_output().expect("it ends").into()
}

/// Files that are there as long as this is.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Files(tempfile::tempdir().expect("a folder"))
    }

    fn add(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).expect("it is written");
        Path::to_str(&path).expect("a path").to_owned()
    }
}

/// Checks a policy against one before it, with these options.
fn check(old: &str, new: &str, options: &[&str]) -> Ran {
    let files = Files::new();
    let old = files.add("old.yaml", old);
    let arguments = [&["check", "-", "--against", &old], options].concat();
    let mut ran = graylane(&arguments, new);
    assert_eq!(ran.told, "");
    ran.out = ran.out.replace(&old, "old.yaml");
    ran
}

/// The report of such a check as data.
fn report(old: &str, new: &str, options: &[&str]) -> Value {
    let ran = check(old, new, &[&["-o", "json"], options].concat());
    let report: Value = serde_json::from_str(&ran.out).expect("JSON");
    let is_bad = report["summary"]["errors"] != 0;
    assert_eq!(ran.code, Some(i32::from(is_bad)), "{}", ran.out);
    report
}

/// One version of a policy of one release.
fn policy(version: u64, release: &Value) -> String {
    let mut release = release.clone();
    for (key, default) in [
        ("name", json!("user-svc")),
        ("match", json!({"hosts": ["user-svc.example.com"]})),
        ("lanes", json!([{"name": "stable"}, {"name": "v2"}, {"name": "v3"}])),
        ("respond", json!({"cache": "private"})),
        // So that each lane can be reached, whatever the candidates are.
        ("overrides", json!({"headers": ["x-canary"]})),
    ] {
        if release[key].is_null() {
            release[key] = default;
        }
    }
    json!({"language": 1, "version": version, "releases": [release]}).to_string()
}

fn canary(candidates: &Value) -> Value {
    json!({"canary": {"stable": "stable", "candidates": candidates}})
}

fn ab(mode: &Value) -> Value {
    json!({"lanes": [{"name": "A"}, {"name": "B"}, {"name": "C"}], "ab": mode})
}

/// What became of a release, from the one to the other form.
fn change(old: &Value, new: &Value) -> Value {
    report(&policy(1, old), &policy(2, new), &[])["changes"]["releases"][0].clone()
}

/// Which part of all users moves from lane to lane; 0 where nobody does.
fn moved(release: &Value, from: &str, to: &str) -> f64 {
    let lane = |name: &str| if name == "outside" { Value::Null } else { json!(name) };
    let row = release["from"].as_array().expect("rows").iter().find(|row| row["lane"] == lane(from));
    let column = release["lanes"].as_array().expect("lanes").iter().position(|known| *known == lane(to));
    let cell = row.zip(column).and_then(|(row, column)| row["toPercent"][column].as_f64());
    cell.unwrap_or_else(|| panic!("{from} to {to} in {release:#}"))
}

fn judged(release: &Value) -> (&str, f64) {
    let part = release["movedPercent"].as_f64().expect("a number");
    (release["guarantee"].as_str().expect("a word"), part)
}

#[test]
fn the_table_says_who_moves_and_the_last_line_what_is_found() {
    let [old, new] = [5, 20].map(|percent| canary(&json!([{"lane": "v2", "percent": percent}])));
    let ran = check(&policy(1, &old), &policy(2, &new), &["--at", "2026-12-01T09:00:00+01:00"]);
    let expected = "\
<stdin> (version 2) in place of old.yaml (version 1), at 2026-12-01T08:00:00Z

user-svc: revision 1
  from \\ to  stable    v2   v3  before  moved
  stable       80 %  15 %  0 %    95 %   15 %
  v2            0 %   5 %  0 %     5 %    0 %
  v3            0 %   0 %  0 %     0 %    0 %
  now          80 %  20 %  0 %
  15 % of all users move; the ramp guarantee holds from then on

<stdin>: good, 1 release
";
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), expected));
}

#[test]
fn growing_and_shrinking_moves_users_between_the_lane_and_the_base_lane() {
    let at = |v2, v3| canary(&json!([{"lane": "v2", "percent": v2}, {"lane": "v3", "percent": v3}]));
    let up = change(&at(5, 10), &at(20, 10));
    assert_eq!((judged(&up), moved(&up, "stable", "v2")), (("holds", 15.0), 15.0));
    let down = change(&at(20, 10), &at(0, 10));
    assert_eq!((judged(&down), moved(&down, "v2", "stable")), (("holds", 20.0), 20.0));
    let across = change(&at(20, 10), &at(15, 12));
    assert_eq!(judged(&across), ("holds", 7.0));
    assert_eq!((moved(&across, "v2", "stable"), moved(&across, "stable", "v3")), (5.0, 2.0));
}

#[test]
fn candidates_in_another_order_are_refused_at_the_release() {
    let [v2, v3] = [json!({"lane": "v2", "percent": 5}), json!({"lane": "v3", "percent": 10})];
    let (old, new) = (canary(&json!([v2, v3])), canary(&json!([v3, v2])));
    let report = report(&policy(1, &old), &policy(2, &new), &[]);
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["findings"][0]["path"], "releases[0].revision");
    assert_eq!(
        report["findings"][0]["message"],
        "releases[0].revision: Required value: raise it to 2 if this is meant: 20 % of all users move though no share asks for it \
         (5 % from stable to v3, 5 % from v2 to v3, 5 % from v3 to stable, and 1 more)"
    );
    assert_eq!(judged(&report["changes"]["releases"][0]), ("broken", 20.0));
}

#[test]
fn removing_a_candidate_breaks_the_others_unless_they_have_slots() {
    let [mut v2, mut v3] = [json!({"lane": "v2", "percent": 5}), json!({"lane": "v3", "percent": 10})];
    let without = |v2: &Value, v3: &Value| change(&canary(&json!([v2, v3])), &canary(&json!([v3])));
    let broken = without(&v2, &v3);
    // Its slot is the first half no longer, but all of it.
    assert_eq!(
        (judged(&broken).0, moved(&broken, "v2", "v3"), moved(&broken, "v3", "stable")),
        ("broken", 5.0, 10.0)
    );
    v2["slots"] = json!([{"from": 0, "to": 50}]);
    v3["slots"] = json!([{"from": 50, "to": 100}]);
    let kept = without(&v2, &v3);
    assert_eq!(
        (judged(&kept), moved(&kept, "v2", "stable"), &kept["proved"]),
        (("holds", 5.0), 5.0, &json!("fromThenOn"))
    );
}

#[test]
fn slots_may_grow_behind_and_not_move() {
    let at = |slots: Value| canary(&json!([{"lane": "v2", "percent": 10, "slots": slots}]));
    let old = at(json!([{"from": 0, "to": 10}]));
    assert_eq!(judged(&change(&old, &at(json!([{"from": 0, "to": 20}])))), ("holds", 0.0));
    assert_eq!(
        judged(&change(&old, &at(json!([{"from": 0, "to": 4}, {"from": 50, "to": 60}])))),
        ("broken", 12.0)
    );
    assert_eq!(judged(&change(&old, &at(json!([{"from": 5, "to": 15}])))), ("broken", 10.0));
}

#[test]
fn another_salt_or_hash_deals_everybody_anew() {
    let at = |more: Value| {
        let mut canary = canary(&json!([{"lane": "v2", "percent": 50}]));
        canary["canary"].as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        canary
    };
    let old = at(json!({}));
    for other in [
        json!({"salt": "other"}),
        json!({"hash": {"preset": "unleash-rollout"}}),
        json!({"hash": {"seed": 7}}),
        json!({"hash": {"format": "{id}{salt}"}}),
    ] {
        let change = change(&old, &at(other));
        assert_eq!((judged(&change), moved(&change, "v2", "v2")), (("dealtAnew", 50.0), 25.0));
    }
    // The name is the salt that is not written, and a finer count moves nobody.
    assert_eq!(judged(&change(&old, &at(json!({"salt": "user-svc"})))), ("holds", 0.0));
    assert_eq!(judged(&change(&old, &at(json!({"hash": {"buckets": 1_000_000}})))), ("holds", 0.0));
    // Nobody is dealt anew who was not dealt.
    let none = canary(&json!([{"lane": "v2", "percent": 0}]));
    let mut salted = canary(&json!([{"lane": "v2", "percent": 5}]));
    salted["canary"]["salt"] = json!("other");
    assert_eq!(judged(&change(&none, &salted)), ("holds", 5.0));
}

#[test]
fn other_ids_deal_everybody_anew_and_one_more_source_behind_does_not() {
    let release = canary(&json!([{"lane": "v2", "percent": 50}]));
    let with = |sources: Value, version: u64| {
        let mut policy: Value = serde_json::from_str(&policy(version, &release)).expect("JSON");
        policy["identity"] = json!({"sources": sources});
        policy.to_string()
    };
    let old = with(json!([{"header": "x-user"}]), 1);
    let behind = report(&old, &with(json!([{"header": "x-user"}, {"cookie": "user"}]), 2), &[]);
    assert_eq!(
        (&behind["changes"]["sameIds"], &behind["changes"]["uncounted"]),
        (&json!(true), &json!(["identity"]))
    );
    let before = report(&old, &with(json!([{"cookie": "user"}, {"header": "x-user"}]), 2), &[]);
    assert_eq!(before["changes"]["sameIds"], false);
    assert_eq!(judged(&before["changes"]["releases"][0]), ("dealtAnew", 50.0));
    assert_eq!(before["findings"][0]["path"], "releases[0].revision");
}

#[test]
fn an_experiment_takes_more_users_and_leaves_some_out_as_its_gates_say() {
    let at = |more: Value| {
        let mut mode = json!({"salt": "s", "groups": [{"lane": "A"}, {"lane": "B", "weight": 50}]});
        mode.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        ab(&mode)
    };
    let held = change(&at(json!({"holdout": 5})), &at(json!({"holdout": 15})));
    assert_eq!(
        (judged(&held), moved(&held, "A", "outside"), moved(&held, "B", "outside")),
        (("holds", 10.0), 5.0, 5.0)
    );
    let free = change(&at(json!({"holdout": 5})), &at(json!({})));
    assert_eq!((judged(&free), moved(&free, "outside", "A")), (("holds", 5.0), 2.5));
    let traffic = |from: u32, to: u32| at(json!({"traffic": {"from": from, "to": to}}));
    assert_eq!(judged(&change(&traffic(0, 10), &traffic(0, 30))), ("holds", 20.0));
    let both = change(
        &at(json!({"holdout": 10, "traffic": {"to": 50}})),
        &at(json!({"holdout": 0, "traffic": {"to": 50}})),
    );
    assert_eq!((judged(&both), moved(&both, "outside", "B")), (("holds", 5.0), 2.5));
    // Another part, or another draw of the same part, was not asked for.
    let other = change(&traffic(0, 10), &traffic(10, 20));
    assert_eq!((judged(&other), moved(&other, "A", "outside")), (("broken", 20.0), 5.0));
    let salted = at(json!({"traffic": {"from": 0, "to": 10, "salt": "other"}}));
    assert_eq!(judged(&change(&traffic(0, 10), &salted)), ("broken", 18.0));
}

#[test]
fn a_part_of_a_layer_that_moves_breaks_the_experiment() {
    let at = |version: u64, from: u32, to: u32, salt: &str| {
        let mode = json!({"salt": "s", "layer": "checkout", "traffic": {"from": from, "to": to},
            "groups": [{"lane": "A"}, {"lane": "B", "weight": 50}]});
        let mut policy: Value = serde_json::from_str(&policy(version, &ab(&mode))).expect("JSON");
        policy["layers"] = json!([{"name": "checkout", "salt": salt}]);
        policy.to_string()
    };
    let old = at(1, 0, 40, "layer");
    let change = |new: &str| report(&old, new, &[])["changes"]["releases"][0].clone();
    assert_eq!(judged(&change(&at(2, 0, 60, "layer"))), ("holds", 20.0));
    assert_eq!(judged(&change(&at(2, 10, 60, "layer"))), ("broken", 30.0));
    // The release is written as it was: the layer is not.
    assert_eq!(judged(&change(&at(2, 0, 40, "other"))), ("broken", 48.0));
}

#[test]
fn weights_move_users_of_the_control_alone_and_another_control_moves_all() {
    let at = |b: u32, c: u32, control: &str| {
        let rest = json!({"lane": "A", "weight": 100 - b - c});
        ab(
            &json!({"salt": "s", "control": control, "groups": [rest, {"lane": "B", "weight": b}, {"lane": "C", "weight": c}]}),
        )
    };
    let shifted = change(&at(20, 30, "A"), &at(30, 10, "A"));
    assert_eq!(
        (judged(&shifted), moved(&shifted, "C", "A"), moved(&shifted, "A", "B")),
        (("holds", 30.0), 20.0, 10.0)
    );
    let turned = change(&at(30, 40, "A"), &at(30, 40, "B"));
    assert_eq!(judged(&turned).0, "broken");
}

#[test]
fn stacked_weights_move_users_of_the_lanes_behind() {
    let at = |weights: [u32; 3]| {
        let groups: Vec<Value> = ["A", "B", "C"]
            .iter()
            .zip(weights)
            .map(|(lane, weight)| json!({"lane": lane, "weight": weight}))
            .collect();
        ab(&json!({"salt": "s", "groups": groups, "hash": {"layout": "stacked"}}))
    };
    let behind = change(&at([50, 30, 20]), &at([60, 30, 10]));
    // B moves by 10 of its 30, though its weight is what it was.
    assert_eq!(
        (judged(&behind), moved(&behind, "B", "A"), moved(&behind, "C", "B")),
        (("broken", 20.0), 10.0, 10.0)
    );
    let last = change(&at([50, 30, 20]), &at([50, 20, 30]));
    assert_eq!(
        (judged(&last), moved(&last, "B", "C"), &last["proved"]),
        (("holds", 10.0), 10.0, &json!("fromThenOn"))
    );
}

/// A ramp of v2 to 40 % on the day after 2026-12-01, with its slot from `from` on.
fn ramp(from: u32, last: u32) -> Value {
    let points = json!([{"at": "2026-12-01T00:00:00Z", "percent": 0}, {"at": "2026-12-02T00:00:00Z", "percent": last}]);
    canary(&json!([{"lane": "v2", "ramp": {"linear": points}, "slots": [{"from": from, "to": 50}]}]))
}

#[test]
fn a_ramp_is_compared_at_the_time_of_the_rollout() {
    let at = |old: &Value, new: &Value, time: &str| {
        report(&policy(1, old), &policy(2, new), &["--at", time])["changes"]["releases"][0].clone()
    };
    // Half of the day: 20 % against 10 %, which is a shrink that was asked for.
    let noon = at(&ramp(0, 40), &ramp(0, 20), "2026-12-01T12:00:00Z");
    assert_eq!(
        (judged(&noon), moved(&noon, "v2", "stable"), &noon["proved"]),
        (("holds", 10.0), 10.0, &json!("fromThenOn"))
    );
    let before = at(&ramp(0, 40), &ramp(0, 20), "2026-11-30T00:00:00Z");
    assert_eq!((judged(&before), &before["proved"]), (("holds", 0.0), &json!("fromThenOn")));
}

#[test]
fn slots_that_change_while_a_ramp_goes_on_are_judged_for_one_time_alone() {
    let (old, new) = (policy(1, &ramp(0, 40)), policy(2, &ramp(10, 40)));
    let early = check(&old, &new, &["--at", "2026-11-30T00:00:00Z"]);
    assert_eq!(early.code, Some(0));
    assert!(
        early.out.contains("\n  nobody moves\n  proved for 2026-11-30T00:00:00Z alone: "),
        "{}",
        early.out
    );
    let noon = report(&old, &new, &["--at", "2026-12-01T12:00:00Z"]);
    assert_eq!(judged(&noon["changes"]["releases"][0]), ("broken", 20.0));
    // When the ramp is over nothing changes any more.
    let late = report(&policy(1, &ramp(0, 0)), &policy(2, &ramp(10, 0)), &["--at", "2026-12-03T00:00:00Z"]);
    assert_eq!(late["changes"]["releases"][0]["proved"], "fromThenOn");
}

#[test]
fn a_switch_of_the_active_lane_moves_everybody_and_is_asked_for() {
    let at = |active: &str| json!({"lanes": [{"name": "blue"}, {"name": "green"}], "blueGreen": {"active": active}});
    let ran = check(&policy(1, &at("blue")), &policy(2, &at("green")), &[]);
    assert!(ran.out.contains("\n  100 % of all users move, as the active lane says\n"), "{}", ran.out);
    assert_eq!(ran.code, Some(0));
}

#[test]
fn cookies_keep_nobody_in_an_idle_lane_that_is_not_drained() {
    let at = |active: &str, drain: Value| {
        let mode = json!({"active": active, "drain": drain});
        json!({"lanes": [{"name": "blue"}, {"name": "green"}], "blueGreen": mode, "sticky": {}})
    };
    let before = at("blue", Value::Null);
    let drained = |until: &str| at("green", json!({"until": until}));
    for (now, stays) in [
        (at("green", Value::Null), false),
        (drained("2999-01-01T00:00:00Z"), true),
        (drained("2020-01-01T00:00:00Z"), false),
    ] {
        let told = check(&policy(1, &before), &policy(2, &now), &[]).out;
        assert!(told.contains("\n  100 % of all users move"), "{told}");
        assert_eq!(told.contains("whoever has a sticky cookie stays"), stays, "{told}");
        assert!(!told.contains("count no longer"), "{told}");
    }
}

#[test]
fn another_mode_or_name_moves_users_by_the_names_of_lanes() {
    let canary = |lane: &str, percent: u32| json!({"lanes": [{"name": "blue"}, {"name": lane}], "canary": {"stable": "blue", "candidates": [{"lane": lane, "percent": percent}]}});
    let switched = json!({"lanes": [{"name": "blue"}, {"name": "green"}], "blueGreen": {"active": "green"}});
    let done = change(&canary("green", 30), &switched);
    assert_eq!((judged(&done), moved(&done, "blue", "green")), (("holds", 70.0), 70.0));
    let renamed = change(&canary("green", 30), &canary("emerald", 30));
    assert_eq!((judged(&renamed), moved(&renamed, "green", "emerald")), (("holds", 30.0), 30.0));
}

#[test]
fn a_raised_revision_says_that_it_is_meant() {
    let at = |salt: &str, revision: Value| {
        let mut release = canary(&json!([{"lane": "v2", "percent": 5}]));
        release["canary"]["salt"] = json!(salt);
        release["revision"] = revision;
        release
    };
    let checked = |old: &Value, new: &Value| check(&policy(1, old), &policy(2, new), &[]);
    let refused = checked(&at("a", json!(2)), &at("b", json!(2)));
    assert_eq!(refused.code, Some(1));
    let told = "error: releases[0].revision: Invalid value: 2: raise it to 3 if this is meant: everybody is dealt anew: 9.5 % of all users \
                move though no share asks for it (4.75 % from stable to v2, 4.75 % from v2 to stable)\n";
    assert!(refused.out.contains(told), "{}", refused.out);
    let meant = checked(&at("a", json!(2)), &at("b", json!(3)));
    let told = "\nuser-svc: revision 2 to 3\n";
    assert!(
        meant.out.contains(told) && meant.out.contains(", and revision 3 says that it is meant\n"),
        "{}",
        meant.out
    );
    assert_eq!(meant.code, Some(0));
    for (now, told) in [
        (json!(1), "releases[0].revision: Invalid value: 1: must not go down; before, it was 2"),
        (Value::Null, "releases[0].revision: Required value: must not go down; before, it was 2"),
    ] {
        let down = checked(&at("a", json!(2)), &at("a", now));
        assert!(down.code == Some(1) && down.out.contains(told), "{}", down.out);
    }
}

#[test]
fn a_version_that_does_not_grow_is_a_warning_where_something_changed() {
    let [old, new] = [5, 20].map(|percent| canary(&json!([{"lane": "v2", "percent": percent}])));
    let told = "warning: version: it should grow with every change: in old.yaml it is 7\n";
    for version in [7, 6] {
        let ran = check(&policy(7, &old), &policy(version, &new), &[]);
        assert!(ran.code == Some(0) && ran.out.contains(told), "{}", ran.out);
        assert_eq!(check(&policy(7, &old), &policy(version, &new), &["--strict"]).code, Some(1));
    }
    let same = check(&policy(7, &old), &policy(7, &old), &["--strict", "--at", "2026-12-01T00:00:00Z"]);
    let told = "<stdin> (version 7) in place of old.yaml (version 7), at 2026-12-01T00:00:00Z\nnobody moves\n\n<stdin>: good, 1 release\n";
    assert_eq!((same.code, same.out.as_str()), (Some(0), told));
}

#[test]
fn a_release_that_is_off_leaves_its_requests_alone_and_forgets_nobody() {
    let at = |off: bool, salt: &str| {
        let mut release = canary(&json!([{"lane": "v2", "percent": 5}]));
        release["canary"]["salt"] = json!(salt);
        release["off"] = json!(off);
        release
    };
    let between = |old: &Value, new: &Value| report(&policy(1, old), &policy(2, new), &[]);
    let state = |report: &Value| report["changes"]["releases"][0]["state"].clone();
    let off = between(&at(false, "a"), &at(true, "a"));
    assert_eq!((state(&off), &off["findings"]), (json!("switchedOff"), &json!([])));
    let on = between(&at(true, "a"), &at(false, "b"));
    assert_eq!((state(&on), &on["findings"][0]["severity"]), (json!("switchedOn"), &json!("warning")));
    assert_eq!(between(&at(false, "a"), &at(true, "b"))["findings"][0]["severity"], "error");
    let told = check(&policy(1, &at(false, "a")), &policy(2, &at(true, "a")), &[]);
    assert!(
        told.out.contains("\n  it is switched off; its requests are left alone\n  nobody moves\n"),
        "{}",
        told.out
    );
}

#[test]
fn a_policy_that_is_switched_off_says_so_once() {
    let release = canary(&json!([{"lane": "v2", "percent": 5}]));
    let mut off: Value = serde_json::from_str(&policy(2, &release)).expect("JSON");
    off["off"] = json!(true);
    let told = check(&policy(1, &release), &off.to_string(), &["--at", "2026-12-01T00:00:00Z"]);
    let line = "\nthe whole policy is switched off; its requests are left alone; what moves is calculated as if it was on\n\n";
    assert!(told.code == Some(0) && told.out.contains(line), "{}", told.out);
}

#[test]
fn what_is_said_for_all_releases_changes_those_that_it_moves() {
    let canary = canary(&json!([{"lane": "v2", "percent": 5}]));
    let mut old: Value = serde_json::from_str(&policy(1, &canary)).expect("JSON");
    let mode = json!({"salt": "s", "groups": [{"lane": "A"}, {"lane": "B", "weight": 50}]});
    let mut test: Value = serde_json::from_str(&policy(1, &ab(&mode))).expect("JSON");
    let test = &mut test["releases"][0];
    test["name"] = json!("button");
    test["match"] = json!({"hosts": ["shop.example.com"]});
    old["releases"].as_array_mut().expect("a list").push(test.clone());
    let mut new = old.clone();
    new["version"] = json!(2);
    new["holdout"] = json!({"percent": 4, "salt": "2026"});
    let changes = report(&old.to_string(), &new.to_string(), &[])["changes"].clone();
    assert_eq!((&changes["unchanged"], changes["releases"].as_array().map(Vec::len)), (&json!(1), Some(1)));
    let held = &changes["releases"][0];
    assert_eq!(
        (&held["name"], judged(held), moved(held, "A", "outside")),
        (&json!("button"), ("holds", 4.0), 2.0)
    );
}

#[test]
fn what_only_requests_tell_is_named_and_not_counted() {
    let mut old = canary(&json!([{"lane": "v2", "percent": 5}]));
    old["sticky"] = json!({});
    let mut new = canary(&json!([{"lane": "v2", "percent": 10}]));
    new["sticky"] = json!({});
    new["rules"] =
        json!([{"name": "testers", "when": {"header": {"x-tester": {"exact": "yes"}}}, "lane": "v3"}]);
    new["deny"] = json!(["me"]);
    let ran = check(&policy(1, &old), &policy(2, &new), &[]);
    assert!(
        ran.out.contains(
            "\n  also changed: deny, rules; whom that moves no policy tells; graylane simulate --against "
        ),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("\n  whoever has a sticky cookie stays, as long as the lane is open\n"),
        "{}",
        ran.out
    );
    let mut raised = new.clone();
    raised["revision"] = json!(2);
    assert_eq!(
        (&change(&old, &new)["sticky"], &change(&old, &raised)["sticky"]),
        (&json!(true), &json!(false))
    );
}

#[test]
fn a_release_that_is_renamed_is_compared_with_what_it_was() {
    let named = |name: &str, host: &str, salt: Value| {
        let mut release = canary(&json!([{"lane": "v2", "percent": 50}]));
        release["name"] = json!(name);
        release["match"] = json!({"hosts": [host]});
        release["canary"]["salt"] = salt;
        release
    };
    // Its name is its salt.
    let old = named("shop", "shop.example.com", Value::Null);
    let new = named("store", "Shop.example.com", Value::Null);
    let report = report(&policy(1, &old), &policy(2, &new), &[]);
    let changes = &report["changes"];
    assert_eq!((&changes["added"], &changes["removed"]), (&json!([]), &json!([])));
    let release = &changes["releases"][0];
    assert_eq!((judged(release), &release["nameBefore"]), (("dealtAnew", 50.0), &json!("shop")));
    assert_eq!(report["findings"][0]["path"], "releases[0].revision");
    let salted = check(
        &policy(1, &old),
        &policy(2, &named("store", "shop.example.com", json!("shop"))),
        &["--at", "2026-12-01T00:00:00Z"],
    );
    let told = "\nstore: revision 1, in place of shop\n  no share moves anybody\n  also changed: name; ";
    assert!(salted.code == Some(0) && salted.out.contains(told), "{}", salted.out);
    // One at another host is another one.
    let other = check(&policy(1, &old), &policy(2, &named("store", "b.example.com", Value::Null)), &[]);
    assert!(other.code == Some(0) && other.out.contains("\nadded: store\nremoved: shop\n"), "{}", other.out);
}

#[test]
fn a_name_that_two_releases_took_over_is_not_guessed() {
    let named = |names: &[&str], version: u64| {
        let release = |name: &&str| {
            let one = canary(&json!([{"lane": "v2", "percent": 50}]));
            let mut one: Value = serde_json::from_str(&policy(1, &one)).expect("JSON");
            let mut one = one["releases"][0].take();
            one["name"] = json!(name);
            let own = json!({"prefix": format!("/{name}")});
            // The one has the paths of both.
            one["match"]["paths"] =
                if *name == "all" { json!([{"prefix": "/a"}, {"prefix": "/b"}]) } else { json!([own]) };
            one
        };
        let releases: Vec<Value> = names.iter().map(release).collect();
        json!({"language": 1, "version": version, "releases": releases}).to_string()
    };
    let report = report(&named(&["all"], 1), &named(&["a", "b"], 2), &[]);
    assert_eq!(
        (&report["changes"]["added"], &report["changes"]["removed"]),
        (&json!(["a", "b"]), &json!(["all"]))
    );
}

#[test]
fn where_requests_are_sent_is_named_and_not_counted() {
    let mode = json!({"salt": "s", "groups": [{"lane": "A"}, {"lane": "B", "weight": 50}]});
    let mut old = ab(&mode);
    let mut new = old.clone();
    new["ab"]["route"] = json!(false);
    assert_eq!(change(&old, &new)["uncounted"], json!(["route"]));
    // As it is by default.
    new["ab"]["route"] = json!(true);
    assert_eq!(change(&old, &new)["uncounted"], json!([]));
    old["lanes"][1] = json!({"name": "B", "cluster": "b", "weightedSlot": 1});
    new["lanes"][1] = json!({"name": "B", "cluster": "c", "weightedSlot": 2, "unavailable": true});
    let told = check(&policy(1, &old), &policy(2, &new), &[]);
    let lanes = "\n  no share moves anybody\n  also changed: cluster, weightedSlot, unavailable; everybody of these lanes may be served \
                 elsewhere\n";
    assert!(told.code == Some(0) && told.out.contains(lanes), "{}", told.out);
    let mut guarded = old.clone();
    guarded["guard"] = json!({"errorPercent": 5});
    assert_eq!(change(&old, &guarded)["uncounted"], json!(["guard"]));
}

#[test]
fn nobody_is_not_said_where_something_was_not_counted() {
    let release = canary(&json!([{"lane": "v2", "percent": 5}]));
    let mut new: Value = serde_json::from_str(&policy(2, &release)).expect("JSON");
    new["trustedSources"] = json!(["10.0.0.0/8"]);
    let told = check(&policy(1, &release), &new.to_string(), &[]);
    assert!(told.out.contains("\nno share moves anybody\n"), "{}", told.out);
    let mut ruled = release.clone();
    ruled["deny"] = json!(["me"]);
    let told = check(&policy(1, &release), &policy(2, &ruled), &[]);
    assert!(told.out.contains("\n  no share moves anybody\n  also changed: deny; "), "{}", told.out);
}

#[test]
fn sticky_cookies_that_count_no_longer_are_told() {
    let at = |sticky: Value, revision: u32, percent: u32, salt: &str| {
        let mut release = canary(&json!([{"lane": "v2", "percent": percent}]));
        release["canary"]["salt"] = json!(salt);
        release["sticky"] = sticky;
        release["revision"] = json!(revision);
        release
    };
    let forgets = |old: &Value, new: &Value| {
        let change = change(old, new);
        (change["sticky"].clone(), change["forgets"].clone())
    };
    let same = at(json!({}), 1, 5, "s");
    let raised = at(json!({}), 2, 5, "s");
    assert_eq!(forgets(&same, &raised), (json!(false), json!(true)));
    let told = check(&policy(1, &same), &policy(2, &raised), &[]);
    let line = "\n  no share moves anybody\n  sticky cookies of before count no longer: whomever one kept elsewhere is where the shares \
                say\n";
    assert!(told.out.contains(line), "{}", told.out);
    let any = json!({"revisions": "any"});
    assert_eq!(
        forgets(&at(any.clone(), 1, 5, "s"), &at(any.clone(), 2, 5, "s")),
        (json!(true), json!(false))
    );
    let name = json!({"cookie": {"name": "gray_user-svc"}});
    assert_eq!(forgets(&same, &at(name, 1, 6, "s")), (json!(true), json!(false)));
    for other in [json!({"cookie": {"name": "other"}}), json!({"key": "k1"}), Value::Null] {
        assert_eq!(forgets(&same, &at(other, 1, 5, "s")), (json!(false), json!(true)));
    }
    // The advice says what it costs.
    for (sticky, dropped) in [(json!({}), true), (any, false)] {
        let refused =
            check(&policy(1, &at(sticky.clone(), 1, 5, "a")), &policy(2, &at(sticky, 1, 5, "b")), &[]);
        let advice = "raise it to 2 if this is meant, which drops its sticky cookies as well: everybody";
        assert!(refused.code == Some(1) && refused.out.contains(advice) == dropped, "{}", refused.out);
    }
}

#[test]
fn cookies_with_a_key_count_for_the_ids_that_they_were_made_for() {
    let with = |version: u64, sticky: Value, source: Value| {
        let mut release = canary(&json!([{"lane": "v2", "percent": 5}]));
        release["sticky"] = sticky;
        let mut policy: Value = serde_json::from_str(&policy(version, &release)).expect("JSON");
        policy["identity"] = json!({"sources": [source]});
        policy.to_string()
    };
    for (sticky, counts) in [(json!({}), true), (json!({"key": "k1"}), false)] {
        let old = with(1, sticky.clone(), json!({"header": "x-user"}));
        let new = with(2, sticky, json!({"cookie": "user"}));
        assert_eq!(report(&old, &new, &[])["changes"]["releases"][0]["sticky"], counts);
    }
}

#[test]
fn cookies_keep_those_alone_whom_the_experiment_takes() {
    let at = |to: u32| {
        let mut release = ab(
            &json!({"salt": "s", "traffic": {"to": to}, "groups": [{"lane": "A"}, {"lane": "B", "weight": 50}]}),
        );
        release["sticky"] = json!({});
        release
    };
    let told = check(&policy(1, &at(50)), &policy(2, &at(10)), &[]);
    let line = "\n  whoever has a sticky cookie stays, as long as the lane is open and the experiment takes the user\n";
    assert!(told.out.contains(line), "{}", told.out);
}

#[test]
fn releases_that_come_and_go_are_told_and_those_that_stay_are_not() {
    let named = |names: &[&str], version: u64| {
        let release = |name: &&str| {
            let one: Value =
                serde_json::from_str(&policy(1, &canary(&json!([{"lane": "v2", "percent": 5}]))))
                    .expect("JSON");
            let mut one = one["releases"][0].clone();
            one["name"] = json!(name);
            one["match"] = json!({"hosts": [format!("{name}.example.com")]});
            one["canary"]["salt"] = json!(name);
            one
        };
        let releases: Vec<Value> = names.iter().map(release).collect();
        json!({"language": 1, "version": version, "releases": releases}).to_string()
    };
    let report = report(&named(&["a", "b"], 1), &named(&["b", "c"], 2), &[]);
    let changes = &report["changes"];
    assert_eq!(
        (&changes["added"], &changes["removed"], &changes["unchanged"]),
        (&json!(["c"]), &json!(["a"]), &json!(1))
    );
    assert_eq!(changes["releases"], json!([]));
    let told = check(&named(&["a", "b"], 1), &named(&["b", "c"], 2), &[]);
    assert!(told.out.contains("Z\nadded: c\nremoved: a\n"), "{}", told.out);
}

#[test]
fn a_mistake_in_the_policy_before_ends_the_comparison() {
    let good = policy(2, &canary(&json!([{"lane": "v2", "percent": 5}])));
    let bad = policy(1, &canary(&json!([{"lane": "v4", "percent": 5}])));
    let ran = check(&bad, &good, &[]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.starts_with("old.yaml:1:") && ran.out.contains("\nold.yaml: 1 error"), "{}", ran.out);
    assert!(ran.out.ends_with("\n<stdin>: good, 1 release\n"), "{}", ran.out);
    let report = report(&bad, &good, &[]);
    assert_eq!((report.get("changes"), &report["summary"]["files"]), (None, &json!(2)));
    // What is wrong with the new one is told as well.
    let both = check(&bad, &bad, &["-o", "github"]);
    assert_eq!(both.out.lines().filter(|line| line.starts_with("::error ")).count(), 2, "{}", both.out);
}

#[test]
fn a_refusal_is_an_annotation_of_the_new_file() {
    let files = Files::new();
    let old = files.add("old.yaml", &policy(1, &canary(&json!([{"lane": "v2", "percent": 5}]))));
    let mut salted = canary(&json!([{"lane": "v2", "percent": 5}]));
    salted["canary"]["salt"] = json!("other");
    let new = files.add("new.yaml", &policy(2, &salted));
    let ran = graylane(&["check", "-o", "github", &new, "--against", &old], "");
    let start = format!("::error file={new},line=1,col=");
    assert!(
        ran.code == Some(1) && ran.out.starts_with(&start) && ran.out.lines().count() == 1,
        "{}",
        ran.out
    );
}

#[test]
fn one_file_is_compared_and_only_one_is_standard_input() {
    for (arguments, told) in [
        (&["check", "-", "--against", "-"][..], "graylane: standard input can only be one of the files\n"),
        (&["check", "a.yaml", "b.yaml", "--against", "c.yaml"], "graylane: --against compares one FILE\n"),
    ] {
        let ran = graylane(arguments, "");
        assert_eq!((ran.code, ran.told.as_str(), ran.out.as_str()), (Some(2), told, ""));
    }
    let ran = graylane(
        &["check", "-", "--against", "nowhere.yaml"],
        &policy(1, &canary(&json!([{"lane": "v2", "percent": 5}]))),
    );
    assert!(ran.code == Some(2) && ran.told.contains("cannot read nowhere.yaml"), "{}", ran.told);
    assert_eq!(graylane(&["check", "-", "--at", "2026-12-01T00:00:00Z"], "").code, Some(2));
    let wrong = graylane(&["check", "-", "--against", "a", "--at", "noon"], "");
    assert!(wrong.told.contains("2026-12-01T09:00:00+01:00"), "{}", wrong.told);
}

#[test]
fn users_who_are_sampled_move_as_it_is_calculated() {
    let at =
        |v2: f64, v3: f64| canary(&json!([{"lane": "v2", "percent": v2}, {"lane": "v3", "percent": v3}]));
    let turned = canary(&json!([{"lane": "v3", "percent": 10}, {"lane": "v2", "percent": 5}]));
    let mut salted = at(5.0, 10.0);
    salted["canary"]["salt"] = json!("other");
    for (old, new) in [(at(5.0, 10.0), at(12.5, 2.0)), (at(5.0, 10.0), turned), (at(5.0, 10.0), salted)] {
        let files = Files::new();
        let old = files.add("old.yaml", &policy(1, &old));
        let new = files.add("new.yaml", &policy(2, &new));
        let told = |command: &str| -> Value {
            let ran = graylane(&[command, &new, "--against", &old, "-o", "json"], "");
            serde_json::from_str(&ran.out).expect("JSON")
        };
        let (calculated, sampled) = (told("check"), told("simulate"));
        let calculated = &calculated["changes"]["releases"][0];
        let movement = &sampled["releases"][0]["movement"];
        assert_eq!(calculated["guarantee"] == "holds", movement["guarantee"] == "holds");
        let users = sampled["users"]["count"].as_f64().expect("a count");
        for (row, from) in movement["from"].as_array().expect("rows").iter().zip(["stable", "v2", "v3"]) {
            for (count, to) in row["to"].as_array().expect("counts").iter().zip(["stable", "v2", "v3"]) {
                let part = moved(calculated, from, to) / 100.0;
                let deviation = (users * part * (1.0 - part)).sqrt();
                let off = (count.as_f64().expect("a count") - users * part).abs();
                assert!(off <= 5.0 * deviation, "{from} to {to}: {count}, expected {}", users * part);
            }
        }
    }
}

#[test]
fn ten_thousand_releases_are_compared_and_only_what_moves_is_told() {
    let policy = |version: u64, percent: f64| {
        let mut text = format!("language: 1\nversion: {version}\nreleases:\n");
        for index in 0..10_000 {
            let percent = if index == 5_000 { percent } else { 5.0 };
            let _ = writeln!(
                text,
                "- {{name: r{index}, match: {{hosts: [r{index}.example.com]}}, lanes: [{{name: stable}}, {{name: v2}}], respond: {{cache: private}}, \
                 canary: {{stable: stable, candidates: [{{lane: v2, percent: {percent}}}]}}}}"
            );
        }
        text
    };
    let ran = check(&policy(1, 5.0), &policy(2, 6.0), &[]);
    assert!(ran.code == Some(0) && ran.out.contains("\nr5000: revision 1\n"), "{}", ran.out);
    assert!(ran.out.contains("\n  1 % of all users move; ") && ran.out.lines().count() < 12, "{}", ran.out);
}
