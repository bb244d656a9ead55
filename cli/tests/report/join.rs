//! Who counts, and what.

use graylane_cli::experiment::IdKey;
use serde_json::{Value, json};

use crate::ground::{Ground, conversions, counts, exposures, two_groups};

const KEY: &str = "00112233445566778899aabbccddeeff";

fn report(exposed: &str, converted: &str) -> Value {
    Ground::new().with("e", exposed).with("c", converted).report(&[])
}

fn group(name: &str, users: u64, conversions: u64) -> (String, u64, u64) {
    (name.to_owned(), users, conversions)
}

#[test]
fn a_user_and_a_goal_count_once() {
    let exposed = exposures([("A", 1, 5), ("A", 1, 9), ("B", 2, 5), ("B", 3, 5)]);
    let converted = conversions([(1, 6), (1, 7), (2, 8), (4, 9)]);
    let report = report(&exposed, &converted);
    let experiment = &report["experiments"][0];
    assert_eq!(counts(experiment), [group("A", 1, 1), group("B", 2, 1)]);
    assert_eq!(experiment["repeatedExposures"], 1);
    assert_eq!(
        experiment["conversions"],
        json!({"counted": 2, "repeated": 1, "beforeExposure": 0, "crossover": 0})
    );
    assert_eq!(report["notExposed"], 1);
}

#[test]
fn what_is_before_the_exposure_does_not_count_wherever_the_rows_stand() {
    // The exposure that stands later is the first in time.
    let exposed = exposures([("A", 1, 50), ("A", 1, 20), ("B", 2, 20)]);
    let converted = conversions([(2, 30), (1, 30), (2, 10), (1, 19), (1, 20)]);
    let report = report(&exposed, &converted);
    let experiment = &report["experiments"][0];
    assert_eq!(counts(experiment), [group("A", 1, 1), group("B", 1, 1)]);
    assert_eq!(
        experiment["conversions"],
        json!({"counted": 2, "repeated": 1, "beforeExposure": 2, "crossover": 0})
    );
}

#[test]
fn without_times_nothing_is_before() {
    let exposed = "experiment,group,id\nbutton,A,1\nbutton,B,2\n";
    let report = report(exposed, "id,time\n1,5\n2,\n");
    assert_eq!(counts(&report["experiments"][0]), [group("A", 1, 1), group("B", 1, 1)]);
    assert_eq!(report["experiments"][0]["goals"][0]["name"], "conversion");
    assert_eq!(report["experiments"][0]["goals"][0]["comparisons"][0]["series"], json!([]));
}

#[test]
fn whoever_was_seen_in_two_groups_is_left_out_and_too_many_are_an_alarm() {
    for (crossovers, is_good) in [(10, true), (11, false)] {
        let users = (0..500).map(|user| ("A", user, 1)).chain((500..1000).map(|user| ("B", user, 1)));
        let exposed = exposures(users.chain((0..crossovers).map(|user| ("B", user, 2))));
        let ground = Ground::new().with("e", exposed).with("c", conversions([(0, 9), (20, 9)]));
        let ran = ground.run(&["--exposures", "e", "--conversions", "c", "-o", "json"]);
        let report = ran.report();
        let experiment = &report["experiments"][0];
        assert_eq!(counts(experiment), [group("A", 500 - crossovers as u64, 1), group("B", 500, 0)]);
        assert_eq!(experiment["crossover"]["users"], crossovers);
        assert_eq!(experiment["conversions"]["crossover"], 1);
        assert_eq!(
            (ran.code, experiment["crossover"]["alarm"].as_bool()),
            (Some(i32::from(!is_good)), Some(!is_good))
        );
        assert_eq!(experiment["doubts"].as_array().map(Vec::len), Some(usize::from(!is_good)));
        let verdict = experiment["goals"][0]["verdict"].as_str().expect("text");
        assert_eq!(
            verdict.starts_with("NOT TO BE BELIEVED: 1.10 % of the users were seen in several"),
            !is_good,
            "{verdict}"
        );
    }
}

#[test]
fn groups_of_the_wrong_size_are_an_alarm() {
    let (exposed, converted) = two_groups([(5_000, 500), (5_400, 540)]);
    let ground = Ground::new().with("e", exposed).with("c", converted);
    let ran = ground.run(&["--exposures", "e", "--conversions", "c", "--shares", "A=50,B=50"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("sample ratio NOT as expected (p < 0.001): chi-square 15.38"), "{}", ran.out);
    assert!(
        ran.out.contains("NOT TO BE BELIEVED: the groups are not as large as they should be\n"),
        "{}",
        ran.out
    );
    let ran = ground.run(&["--exposures", "e", "--conversions", "c", "--shares", "A=48,B=52"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.out.contains("sample ratio as expected") && ran.out.contains("(--shares)"), "{}", ran.out);
}

#[test]
fn whose_group_was_forced_is_told_apart() {
    let rows = "experiment,group,reason,id\nbutton,A,split,1\nbutton,B,override,2\nbutton,B,override,2\nbutton,B,rule,1\nbutton,B,sticky,3\n";
    let report = report(rows, "id\n1\n2\n3\n");
    let experiment = &report["experiments"][0];
    assert_eq!(counts(experiment), [group("A", 1, 1), group("B", 1, 1)]);
    assert_eq!(
        experiment["forced"],
        json!([{"reason": "override", "group": "B", "users": 1}, {"reason": "rule", "group": "B", "users": 1}])
    );
    assert_eq!((&experiment["alsoForced"], &report["forcedAlone"]), (&json!(1), &json!(1)));
}

#[test]
fn revisions_are_apart_and_a_conversion_counts_in_the_one_that_was_seen_last() {
    let rows = "experiment,group,revision,id,time\nbutton,A,1,1,10\nbutton,B,2,1,20\nbutton,B,1,2,10\nbutton,A,2,2,20\nbutton,A,1,3,10\n";
    let converted = "id,time,abtest_id\n1,15,\n1,25,\n2,25,button;group=B;rev=1\n3,30,\n";
    let report = report(rows, converted);
    assert_eq!(counts(&report["experiments"][0]), [group("A", 2, 2), group("B", 1, 1)]);
    assert_eq!(counts(&report["experiments"][1]), [group("A", 1, 0), group("B", 1, 1)]);
}

#[test]
fn hashed_ids_join_those_that_are_hashed_with_the_same_key() {
    let key = IdKey::read(KEY).expect("a key");
    let hash = |id: &str| key.hash(id);
    let log = format!(
        "x \"button;group=A;rev=1;reason=split;hash={}\"\nx \"button;group=B;rev=1;reason=split;hash={}\"\n",
        hash("1"),
        hash("2")
    );
    let converted = format!("id,hash\n1,\n,{}\n", hash("2").to_uppercase());
    let ground = Ground::new().with("e", log).with("c", converted).with("key", format!("{KEY}\n"));
    let joined = ground.report(&["--key", "key"]);
    assert_eq!(counts(&joined["experiments"][0]), [group("A", 1, 1), group("B", 1, 1)]);
    assert_eq!((&joined["rows"]["hashed"], &joined["notes"]), (&json!(2), &json!([])));
    let without = ground.report(&[]);
    assert_eq!(without["notExposed"], 1);
    let note = without["notes"][0].as_str().expect("text");
    assert!(note.contains("--key FILE joins them"), "{note}");
}

const POLICY: &str = "
language: 1
version: 1
releases:
- name: button
  revision: 2
  match: {hosts: [shop.example.com]}
  lanes: [{name: A}, {name: B}]
  ab: {salt: s, control: B, groups: [{lane: A, weight: 50}, {lane: B, weight: 50}]}
";

#[test]
fn what_clients_say_is_held_against_the_exposure_and_the_policy() {
    let rows: Vec<String> = (0..100).map(|id| format!("button,A,2,split,u{id}\n")).collect();
    let exposed = format!("experiment,group,revision,reason,id\n{}", rows.concat());
    let converted = "id,ab_group,abtest_id\n\
        u0,A,button;group=A;rev=2\n\
        u1,B,button;group=A;rev=2\n\
        u2,B,button;group=B;rev=2\n\
        u3,B,\n\
        u4,button=B,\n\
        u5,A,\"button;group=A;rev=2, colour;group=red;rev=1\"\n\
        u6,,button;group=B;rev=1\n";
    let ground = Ground::new().with("e", exposed).with("c", converted).with("policy.yaml", POLICY);
    let rows = |report: &Value, kind: &str| {
        let all = report["mismatches"].as_array().expect("mismatches");
        all.iter().find(|one| one["kind"] == kind).map_or(0, |one| one["rows"].as_u64().expect("a number"))
    };
    let plain = ground.report(&[]);
    let kinds = ["groupAndId", "groupAndExposure", "idAndExposure", "exposureAndPolicy", "groupAndPolicy"];
    assert_eq!(kinds.map(|kind| rows(&plain, kind)), [1, 4, 1, 0, 0], "{:#}", plain["mismatches"]);
    let example = "c:3: group B with the X-Abtest-Id button;group=A";
    assert_eq!(plain["mismatches"][0]["examples"], json!([example]));
    let against = ground.report(&["--policy", "policy.yaml"]);
    let wrong = rows(&against, "exposureAndPolicy");
    // About half of them the policy has in B.
    assert!((30..70).contains(&wrong), "{wrong}");
    assert!(
        rows(&against, "groupAndPolicy") + rows(&against, "idAndPolicy") > 0,
        "{:#}",
        against["mismatches"]
    );
    assert_eq!(against["experiments"][0]["control"], "B");
    assert_eq!(against["experiments"][0]["sampleRatio"]["expectedBy"], "policy.yaml");
    assert_eq!(against["good"], false, "nobody is in B");
}

#[test]
fn where_nobody_says_the_shares_they_are_not_judged() {
    let (exposed, converted) = two_groups([(900, 90), (100, 10)]);
    let ground = Ground::new().with("e", exposed).with("c", converted);
    let ran = ground.run(&["--exposures", "e", "--conversions", "c"]);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    let told = "sample ratio not judged (--policy or --shares says what to expect)";
    assert!(ran.out.contains(told), "{}", ran.out);
    let ran = ground.run(&["--exposures", "e", "--conversions", "c", "--shares", "A=50,B=50"]);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
}

#[test]
fn shares_are_not_expected_of_a_revision_that_the_policy_does_not_have() {
    let (exposed, converted) = two_groups([(100, 10), (300, 10)]);
    let ground = Ground::new().with("e", exposed).with("c", converted).with("policy.yaml", POLICY);
    let report = ground.report(&["--policy", "policy.yaml"]);
    let ratio = &report["experiments"][0]["sampleRatio"];
    assert_eq!((&ratio["judgement"]["verdict"], &report["good"]), (&json!("unknown"), &json!(true)));
    assert_eq!(ratio["expectedBy"], "policy.yaml knows revision 2 alone");
    assert_eq!(report["mismatches"], json!([]));
}

#[test]
fn a_policy_that_deals_the_users_contradicts_nobody() {
    let simulated = r#"{"id": "u%ID%", "exposure": "button;group=%G%;rev=2;reason=split;id=u%ID%"}"#;
    // What the engine says of these users, by the report itself: first all in A, then each where it belongs.
    let ground = |groups: &dyn Fn(usize) -> &'static str| {
        let row = |id: usize| simulated.replace("%ID%", &id.to_string()).replace("%G%", groups(id)) + "\n";
        let converted =
            (0..200).map(|id| format!("{{\"id\": \"u{id}\", \"ab_group\": \"{}\"}}\n", groups(id)));
        Ground::new()
            .with("e", (0..200).map(row).collect::<String>())
            .with("c", converted.collect::<String>())
            .with("policy.yaml", POLICY)
    };
    let plan = graylane_cli::document::parse(POLICY, graylane_cli::document::Form::Yaml).expect("YAML");
    let plan = graylane::compile_node(&plan).expect("a policy");
    let group = |id: usize| {
        let id = format!("u{id}");
        let headers =
            [(":authority", "shop.example.com"), (":path", "/"), (":method", "GET"), ("x-gray-id", &id)];
        let given = graylane::given::Given::from(headers.into_iter().collect::<graylane::request::Headers>());
        let decision = graylane::decide(&plan, graylane::policy::Trust::Edge, &given);
        let lane = decision.entries[0].assigned.expect("a lane");
        if plan.release(0).expect("a release").lane_name(lane) == b"A" { "A" } else { "B" }
    };
    let report = ground(&group).report(&["--policy", "policy.yaml"]);
    assert_eq!((&report["mismatches"], &report["good"]), (&json!([]), &json!(true)));
    let swapped = |id: usize| if group(id) == "A" { "B" } else { "A" };
    let report = ground(&swapped).report(&["--policy", "policy.yaml"]);
    let counts: Vec<_> = report["mismatches"]
        .as_array()
        .expect("mismatches")
        .iter()
        .map(|one| (&one["kind"], &one["rows"]))
        .collect();
    assert_eq!(counts, [(&json!("exposureAndPolicy"), &json!(200)), (&json!("groupAndPolicy"), &json!(200))]);
}

#[test]
fn what_waits_in_a_file_is_reported_as_what_waits_in_memory() {
    let (exposed, converted) = two_groups([(20_000, 2_000), (20_000, 2_400)]);
    let ground = Ground::new().with("e", exposed).with("c", converted);
    let [mut held, mut spilled] = ["256", "0"].map(|memory| ground.report(&["--memory", memory]));
    let bytes = spilled["spilledBytes"].take().as_u64().expect("a number");
    assert!(bytes > 1_000_000, "{bytes}");
    assert_eq!(held["spilledBytes"].take(), 0);
    assert_eq!(held, spilled);
}
