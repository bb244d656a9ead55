//! Rows in the forms in which files of published values have them, or may have them.

use serde_json::{Value, json};

use super::{Report, Verdict, judge};

/// Rows whose published answers hold; the values are those of the systems' own tests, as the modules of
/// `graylane::hash::systems` name them.
fn rows() -> Vec<Value> {
    let split = json!({"system": "split", "kind": "hash+bucket", "input": "aUfEsdPN1twuEjff9Sl", "seed": 467_569_525});
    let legacy = json!({"kind": "hash+bucket", "input": "88qS3P7", "seed": 467_569_525, "expected": 100});
    let chris =
        json!({"system": "vwo", "kind": "bucket", "input": "Chris", "seed": 1, "buckets": 100, "offset": 1});
    let traffic = json!({"system": "vwo", "kind": "traffic_allocation", "seed": 1, "traffic_allocation": 50});
    let vwo = json!({"system": "vwo", "kind": "variant", "seed": 1, "weights": [["Control", 40], ["Variation-1", 60]]});
    let to_variation = json!({"system": "vwo", "kind": "bucket_to_variation"});
    let featurehub = json!({"system": "featurehub", "kind": "bucket", "expected": 212_628});
    let launchdarkly = json!({"system": "launchdarkly", "kind": "bucket_ratio"});
    let user_b = json!({"system": "launchdarkly", "kind": "variant", "input": "hashKey.saltyA.userKeyB", "expected": 2});
    let flagsmith = json!({"system": "flagsmith", "kind": "multivariate"});
    let planout =
        json!({"system": "planout", "kind": "uniform_choice", "choices": ["a", "b"], "expected": "b"});
    let product = json!({"system": "planout", "kind": "product_of_uniform_choices", "expected": 320});
    let (sizes, goals) =
        (("foo.group_size.123454", [1, 10]), ("foo.ratings_per_user_goal.123454", [8, 16, 32, 64]));
    let go = json!({"system": "go-feature-flag", "kind": "bucket", "modulus": 100_000, "expected": 70_272});
    let envoy = json!({"system": "envoy", "kind": "hash"});
    let check = json!({"kind": "smhasher_verification"});
    [
        (&split, json!({"hash": 2_488_980_051_u32, "modulus": 100, "offset": 1, "expected": 52})),
        (&split, json!({"hash": 2_488_980_051_u32, "expected": 52})),
        (&split, json!({"expected": {"hash": 2_488_980_051_u32, "bucket": 52}})),
        (&split, json!({"hash": -1_805_987_245, "expected": 46})),
        (&legacy, json!({"system": "split", "algo": "legacy", "hash": 3_818_239_597_u32})),
        (&legacy, json!({"system": "split", "hash_function": "java31", "hash": -476_727_699})),
        (&legacy, json!({"system": "split-legacy", "seed_i32": 467_569_525, "hash": -476_727_699})),
        (&json!({"system": "vwo"}), json!({"kind": "hash", "input": "Robert", "seed": 1, "expected": 1_150_261_924})),
        (&chris, json!({"expected": 93})),
        (&chris, json!({"system": "vwo-fme", "expected": 93})),
        (&chris, json!({"input": "Sarah", "buckets": 10_000, "percent_traffic": 50, "expected": 326})),
        (&chris, json!({"multiplier": 0.5, "expected": 46})),
        (&traffic, json!({"input": "Bob", "buckets": 100, "offset": 1, "expected": true})),
        (&traffic, json!({"input": "Lucian", "expected": false})),
        (&vwo, json!({"input": "Sarah", "percent_traffic": 50, "expected": "Control"})),
        (&vwo, json!({"input": "Varun", "multiplier": 2, "buckets": 10_000, "expected": "Variation-1"})),
        (&vwo, json!({"input": "Lucian", "percent_traffic": 50, "expected": null})),
        (&to_variation, json!({"bucket": 10_001, "weights": [["Control", 50], ["Variation-1", 50]], "expected": null})),
        (&to_variation, json!({"bucket": 5_000, "ranges": [["Control", 1, 5_000], ["V", 5_001, 10_000]], "expected": "Control"})),
        (&featurehub, json!({"input": "fredabcde", "seed": 0, "buckets": 1_000_000})),
        (&featurehub, json!({"user_key": "fred", "feature_id": "abcde"})),
        (&launchdarkly, json!({"input": "hashKey.saltyA.userKeyA", "expected": 0.421_575_87, "tolerance": 1e-7})),
        (&launchdarkly, json!({"key": "hashKey", "salt": "saltyA", "value": "userKeyA", "seed": 61, "expected": 0.098_012_07})),
        (&launchdarkly, json!({"flag_key": "hashKey", "salt": "saltyA", "value": 33_333, "expected": 0.547_714_23})),
        (&launchdarkly, json!({"flag_key": "hashKey", "salt": "saltyA", "value": 33.5, "expected": 0})),
        (&user_b, json!({"weights": [[0, 10_000], [1, 20_000], [2, 70_000]]})),
        (&user_b, json!({"weights": [10_000, 20_000, 70_000]})),
        (&flagsmith, json!({"input": "78986,32103705", "weights": [["bar", 30], ["baz", 30]], "expected": null})),
        (
            &flagsmith,
            json!({
                "object_ids": ["78986", 32_103_705], "control": "foo", "expected": "foo",
                "weights": [{"value": "baz", "weight": 30, "priority": 2}, {"value": "bar", "weight": 30, "priority": 1}],
            }),
        ),
        (&flagsmith, json!({"input": "78986,32103705", "weights": [["bar", 30]], "expected": "control"})),
        (&planout, json!({"input": "test_salt.foo.4"})),
        (&planout, json!({"experiment_salt": "test_salt", "param_salt": "foo", "unit": 4})),
        (&planout, json!({"kind": "bernoulli_trial", "input": "foo.specific_goal.123454", "p": 0.8, "expected": 1})),
        (&product, json!({"inputs": [sizes.0, goals.0], "choices": [sizes.1, goals.1]})),
        (&product, json!({"factors": [[sizes.0, sizes.1], [goals.0, goals.1]]})),
        (&product, json!({"factors": [{"input": sizes.0, "choices": sizes.1}, {"input": goals.0, "choices": goals.1}]})),
        (
            &product,
            json!({
                "experiment_salt": "foo", "unit": "123454",
                "factors": [["group_size", sizes.1], ["ratings_per_user_goal", goals.1]],
            }),
        ),
        (&go, json!({"input": "my-flage56f628e-9817-498f-ae38-4961e9c2bb21"})),
        (&go, json!({"flag": "my-flag", "bucketing_key": "e56f628e-9817-498f-ae38-4961e9c2bb21"})),
        (&go, json!({"input": "", "modulus": 0, "expected": 0})),
        (&go, json!({"kind": "hash", "input": "flagNameUserKey", "expected": 3_946_001_934_u32})),
        (&envoy, json!({"input": "foo", "expected": "3728699739546630719"})),
        (&envoy, json!({"input": ["foo", "bar"], "seed": 0, "expected": "17745830980996999794"})),
        (&envoy, json!({"input": "bar", "seed": "3728699739546630719", "expected": "17745830980996999794"})),
        (&envoy, json!({"input": "foo", "algorithm": "murmurhash2", "expected": "9631199822919835226"})),
        (&envoy, json!({"system": "murmur2_64", "input": "foo", "seed": 3_339_675_911_u32, "expected": "9631199822919835226"})),
        (&envoy, json!({"system": "djb2", "input": "foo", "expected": 211_616_621})),
        (&envoy, json!({"system": "md5", "input": "abc", "expected": "900150983cd24fb0d6963f7d28e17f72"})),
        (&envoy, json!({"system": "sha1", "input": "abc", "expected": "a9993e364706816"})),
        (&envoy, json!({"system": "sha256", "input_hex": "616263", "expected": "13436514500253700074"})),
        (&envoy, json!({"system": "fnv1a_32", "input": "foobar", "expected": "0xbf9cf968"})),
        (&envoy, json!({"system": "murmur3_x64_128", "input": "key1", "expected": "1573573083296714675"})),
        (&check, json!({"system": "murmur2", "expected": 0x2786_4c1e})),
        (&check, json!({"system": "xxh64", "expected": 0x024b_7cf4})),
        (&json!({"system": "statsig"}), json!({"kind": "user_bucket", "input": "abc", "modulus": 1_000, "expected": 74})),
        (&json!({"system": "eppo"}), json!({"kind": "shard", "input": "alice", "modulus": 10_000, "expected": 3_170})),
        (&json!({"system": "unleash"}), json!({"kind": "rollout", "input": null, "percentage": 100, "expected": false})),
    ]
    .into_iter()
    .map(|(common, own)| {
        let mut fields = common.as_object().unwrap().clone();
        fields.extend(own.as_object().unwrap().clone());
        Value::Object(fields)
    })
    .collect()
}

fn with(row: &Value, field: &str, value: Value) -> Value {
    let mut row = row.clone();
    row[field] = value;
    row
}

fn reason(row: &Value) -> String {
    match judge(row) {
        Verdict::Unknown { reason } => reason,
        other => panic!("{row} is {other:?}"),
    }
}

#[test]
fn a_row_is_evaluated_from_the_fields_that_it_has() {
    for row in rows() {
        assert_eq!(judge(&row), Verdict::Passed, "{row}");
    }
}

#[test]
fn any_other_answer_is_a_failure() {
    // A row whose answer is hash and bucket at once has no other answer of another form.
    // Nor has a control value without a name.
    let has_others = |row: &Value| {
        !row["expected"].is_object() && (row["kind"] != "multivariate" || row["control"] == "foo")
    };
    for row in rows().into_iter().filter(has_others) {
        for other in [json!("somebody else"), json!(9_999_999), json!(-3), json!([]), json!({})] {
            let verdict = judge(&with(&row, "expected", other.clone()));
            let is_gate = row["expected"].is_boolean() || row["kind"] == "bernoulli_trial";
            // In a gate any number but 0 is a yes.
            let is_said_otherwise = is_gate && other.is_number();
            assert!(
                is_said_otherwise || matches!(verdict, Verdict::Failed { .. }),
                "{row} for {other}: {verdict:?}"
            );
        }
    }
}

#[test]
fn a_wrong_hash_is_a_failure_even_where_the_bucket_is_right() {
    let row = rows().remove(0);
    assert_eq!(judge(&row), Verdict::Passed);
    let got = json!({"bucket": 52, "hash": 2_488_980_051_u32});
    assert_eq!(judge(&with(&row, "hash", json!(2_488_980_151_u32))), Verdict::Failed { got });
}

#[test]
fn a_row_that_lacks_something_is_unknown_and_says_what() {
    let row = |fields: Value| {
        let mut row = json!({"system": "unleash", "kind": "normalized", "input": "gr1:123", "expected": 73});
        row.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        row
    };
    assert_eq!(judge(&row(json!({}))), Verdict::Passed, "Unleash's own seed and modulus");
    for (fields, why) in [
        (json!({"system": "kong"}), "the system is not known"),
        (json!({"system": null}), "no system"),
        (json!({"kind": "dance"}), "the kind is not known"),
        (json!({"kind": null}), "no kind"),
        (json!({"input": {}}), "input must be a text"),
        (json!({"seed": 1_u64 << 32}), "seed must be a number of 32 bits"),
        (json!({"modulus": "many"}), "modulus must be a whole number below 2^32"),
        (json!({"modulus": 0}), "modulus must be more than 0"),
        (json!({"system": "split", "kind": "bucket"}), "no seed"),
        (json!({"system": "murmur3", "kind": "bucket"}), "no modulus or buckets"),
        (
            json!({"system": "xxh64", "kind": "bucket", "buckets": 100}),
            "multiply-shift is for hashes of 32 bits",
        ),
        (
            json!({"system": "murmur3", "kind": "bucket", "modulus": 100, "offset": u64::MAX}),
            "offset must be a number that leaves room for the buckets",
        ),
        (json!({"kind": "hash+bucket"}), "no hash"),
        (json!({"kind": "rollout"}), "no percentage"),
        (json!({"kind": "variant"}), "no weights"),
        (json!({"kind": "variant", "weights": {"a": 1}}), "weights without an order"),
        (json!({"system": "flagd", "kind": "variant", "weights": [["a", 1]]}), "no version"),
        (json!({"system": "eppo", "kind": "rac_assignment"}), "no percent_exposure"),
        (json!({"system": "eppo", "kind": "ufc_split"}), "no subject"),
        (json!({"system": "optimizely", "kind": "bucket_to_variation"}), "no bucket"),
        (json!({"system": "growthbook", "kind": "bucket_ranges"}), "no variations"),
        (json!({"system": "planout", "kind": "uniform_choice"}), "no choices"),
        (json!({"system": "planout", "kind": "product_of_uniform_choices"}), "no inputs and their choices"),
        (json!({"kind": "uniform_choice", "choices": [1]}), "only PlanOut has such choices"),
        (
            json!({"kind": "smhasher_verification", "system": "md5"}),
            "the check of SMHasher is for hashes with a seed of 32 or 64 bits",
        ),
    ] {
        assert_eq!(reason(&row(fields)), why);
    }
    assert_eq!(
        reason(&json!({"system": "unleash", "kind": "normalized", "input": "gr1:123"})),
        "no expected"
    );
    assert_eq!(
        reason(&json!({"system": "unleash", "kind": "normalized", "expected": 1})),
        "no input, and no salt to make it of"
    );
    assert_eq!(
        reason(&json!({"system": "unleash", "kind": "normalized", "input": null, "expected": 1})),
        "nobody to hash"
    );
    assert_eq!(reason(&json!("row")), "a row must be an object");
    let planout_js = json!({"system": "planout-js", "kind": "uniform_choice", "input": "x", "choices": [1], "expected": 1});
    assert_eq!(reason(&planout_js), "the system is not known");
}

#[test]
fn a_control_value_without_a_name_is_told_from_a_variation_alone() {
    let row = json!({
        "system": "flagsmith", "kind": "multivariate", "input": "78986,32103705", "weights": [["bar", 30], ["baz", 30]],
    });
    let judged = |expected| judge(&with(&row, "expected", expected));
    assert_eq!(judged(json!(null)), Verdict::Passed);
    assert_eq!(judged(json!("bar")), Verdict::Failed { got: json!("control") });
    let reason = "no variation is reached, and the row has no name for that".to_owned();
    assert_eq!(judged(json!("foo")), Verdict::Unknown { reason });
}

#[test]
fn lists_of_equal_weights_may_be_told_in_words() {
    let row = json!({
        "system": "optimizely", "kind": "allocation", "input": "x", "expected": "b2", "buckets": 1,
        "weights": "3 variants b1..b3, weight 4 each",
    });
    assert_eq!(judge(&with(&row, "expected", json!("b1"))), Verdict::Passed);
    assert_eq!(judge(&row), Verdict::Failed { got: json!("b1") });
    let reason = reason(&with(&row, "weights", json!("3 variants b1..b4, weight 4 each")));
    assert_eq!(reason, "weights must be a list of names and weights");
}

#[test]
fn a_report_counts_by_system_and_kind_and_lists_what_did_not_pass() {
    let good = json!({"system": "eppo", "kind": "shard", "input": "alice", "expected": 3_170});
    let rows = [
        good.clone(),
        with(&good, "expected", json!(1)),
        with(&good, "kind", json!("dance")),
        with(&good, "kind", json!("dance")),
        json!(7),
    ];
    let report = Report::of(&rows);
    assert_eq!((report.passed(), report.failed(), report.not_known()), (1, 1, 3));
    let counts: Vec<_> =
        report.counts.iter().map(|count| (count.kind.as_str(), count.passed, count.failed)).collect();
    assert_eq!(counts, [("shard", 1, 1), ("dance", 0, 0), ("", 0, 0)]);
    assert_eq!(report.failures.len(), 1);
    assert_eq!((report.failures[0].row, &report.failures[0].got), (2, &json!(3_170)));
    assert_eq!(report.failures[0].input, "alice");
    let unknown: Vec<_> =
        report.unknown.iter().map(|one| (one.row, one.count, one.reason.as_str())).collect();
    assert_eq!(unknown, [(3, 2, "the kind is not known"), (5, 1, "a row must be an object")]);
    let json = report.to_json();
    assert_eq!(json.pointer("/failures/0/expected"), Some(&json!(1)));
    assert_eq!(json.pointer("/reasons/0/count"), Some(&json!(2)));
}
