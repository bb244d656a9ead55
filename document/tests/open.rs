//! What is opened, and what is refused and why.
#![cfg(test)]

use ct_codecs::{Base64, Decoder};
use graylane::error::{Path, PolicyErrors};
use graylane_document::secret::Algorithm;
use graylane_document::{Content, Document, Keyring, Reason, Refusal, Secret, limits, open};
use serde_json::{Value, json};

fn keyring(signers: &Value) -> Keyring {
    let text = signers.to_string();
    let mut errors = PolicyErrors::default();
    let keyring = Keyring::read(&serde_json::from_str(&text).unwrap(), &Path::Root, &mut errors);
    assert!(errors.is_empty(), "{errors}");
    keyring
}

/// Two teams and a controller that may sign dials alone.
struct Keys {
    team_a: Secret,
    team_b: Secret,
    controller: Secret,
}

impl Keys {
    fn new() -> Self {
        let [team_a, team_b] = [0, 1].map(|_| Secret::generate(Algorithm::Ed25519).unwrap());
        Keys { team_a, team_b, controller: Secret::generate(Algorithm::HmacSha256).unwrap() }
    }

    fn keyring(&self) -> Keyring {
        let mut controller = serde_json::to_value(self.controller.signer()).unwrap();
        controller["signs"] = json!(["dial"]);
        keyring(&json!({"controller": controller, "team-a": self.team_a.signer()}))
    }
}

fn release(name: &str) -> Value {
    json!({
        "name": name, "match": {}, "lanes": [{"name": "stable"}, {"name": "v2"}],
        "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": 5}]},
    })
}

fn document(key: &str, content: &Value) -> Value {
    json!({"language": 1, "version": 7, key: content})
}

fn sealed(document: &Value, signers: &[(&Secret, &str)]) -> String {
    let mut envelope = graylane_document::Envelope::new(document.to_string().into_bytes());
    for (secret, id) in signers {
        secret.sign(&mut envelope, id).unwrap();
    }
    envelope.to_json()
}

#[track_caller]
fn refused(opened: Result<Document, Refusal>, reason: Reason) -> String {
    let refusal = opened.unwrap_err();
    assert_eq!(refusal.reason, reason, "{refusal}");
    assert!(!refusal.errors.is_empty());
    refusal.errors.to_string()
}

#[test]
fn each_kind_of_document_stands_below_its_key() {
    let settings = json!({"off": true, "identity": {"absent": "none"}});
    for (key, value) in [
        ("settings", document("settings", &settings)),
        ("releases/shop", document("release", &release("shop"))),
        ("releases/shop", document("removed", &json!("shop"))),
        ("dials/shop", document("dial", &json!({"release": "shop", "off": true}))),
    ] {
        let document = open(key, value.to_string().as_bytes(), None).unwrap();
        assert_eq!((document.key().to_string().as_str(), document.stamp.version), (key, 7));
        for other in ["settings", "releases/shop", "releases/pay", "dials/shop", "dials/pay"] {
            let opened = open(other, value.to_string().as_bytes(), None);
            if other == key {
                assert!(opened.is_ok());
            } else {
                refused(opened, Reason::Key);
            }
        }
        refused(open("elsewhere", value.to_string().as_bytes(), None), Reason::Key);
    }
}

#[test]
fn what_is_said_of_a_document_is_read() {
    let value = json!({
        "language": 1, "version": 9, "createdAt": "2026-11-26T12:00:00+01:00", "author": "ada", "note": "back", "returnsTo": 7,
        "removed": "shop",
    });
    let document = open("releases/shop", value.to_string().as_bytes(), None).unwrap();
    assert_eq!(document.created_at.unwrap().to_string(), "2026-11-26T11:00:00Z");
    assert_eq!((document.author.as_deref(), document.note.as_deref()), (Some("ada"), Some("back")));
    assert_eq!((document.returns_to, document.signer), (Some(7), None));
    assert_eq!(document.content, Content::Removed("shop".to_owned()));
}

#[test]
fn all_mistakes_are_told_at_once_with_their_paths() {
    let value = json!({
        "version": 3, "createdAt": "today", "returnsTo": 3, "colour": "blue",
        "dial": {"percent": {"v2": 101}, "pause": "now", "active": 5},
    });
    let told = refused(open("dials/shop", value.to_string().as_bytes(), None), Reason::Policy);
    for mistake in [
        "colour: Unknown field",
        "language: Required value: write 1",
        "createdAt: Invalid value: \"today\": a time with its offset",
        "returnsTo: Invalid value: 3: less than the version, which is 3",
        "dial.release: Required value",
        "dial.percent.v2: Invalid value: 101: must be between 0 and 100",
        "dial.pause: Invalid value: \"now\"",
        "dial.active: Wrong type: 5: must be text",
    ] {
        assert!(told.lines().any(|line| line.starts_with(mistake)), "{mistake} is not in:\n{told}");
    }
    assert_eq!(told.lines().count(), 8, "{told}");
}

#[test]
fn a_document_says_exactly_one_thing() {
    let both = json!({"language": 1, "removed": "shop", "release": release("shop")});
    for value in [json!({"language": 1}), both, json!({"language": 1, "release": null})] {
        let told = refused(open("releases/shop", value.to_string().as_bytes(), None), Reason::Policy);
        assert!(told.ends_with(": exactly one of settings, release, dial and removed"), "{told}");
    }
}

#[test]
fn settings_are_no_whole_policy() {
    let settings = json!({"language": 1, "version": 2, "releases": [], "off": true});
    let told = refused(
        open("settings", document("settings", &settings).to_string().as_bytes(), None),
        Reason::Policy,
    );
    let paths: Vec<&str> = told.lines().filter_map(|line| Some(line.split_once(": Forbidden")?.0)).collect();
    assert_eq!(paths, ["settings.language", "settings.version", "settings.releases"], "{told}");
}

#[test]
fn a_document_of_a_later_language_is_told_as_that_alone() {
    let value = json!({"language": 2, "release": {"quantum": true}});
    let told = refused(open("releases/shop", value.to_string().as_bytes(), None), Reason::Language);
    assert_eq!(told, "language: Unsupported value: 2: this engine speaks 1");
}

#[test]
fn one_good_signature_is_enough_and_says_who() {
    let keys = Keys::new();
    let keyring = keys.keyring();
    let value = document("release", &release("shop"));
    for signers in [
        &[(&keys.team_a, "team-a")][..],
        &[(&keys.team_b, "team-b"), (&keys.team_a, "team-a")],
        &[(&keys.controller, "controller"), (&keys.team_a, "team-a")],
        &[(&keys.team_b, "controller"), (&keys.team_b, ""), (&keys.team_a, "team-a")],
    ] {
        let opened = open("releases/shop", sealed(&value, signers).as_bytes(), Some(&keyring)).unwrap();
        assert_eq!(opened.signer.as_deref(), Some("team-a"));
    }
    let dial = document("dial", &json!({"release": "shop", "off": true}));
    let opened =
        open("dials/shop", sealed(&dial, &[(&keys.controller, "controller")]).as_bytes(), Some(&keyring));
    assert_eq!(opened.unwrap().signer.as_deref(), Some("controller"));
}

#[test]
fn what_is_not_signed_by_who_may_is_refused() {
    let keys = Keys::new();
    let keyring = keys.keyring();
    let value = document("release", &release("shop"));
    let open = |value: &str| open("releases/shop", value.as_bytes(), Some(&keyring));

    let told = refused(open(&value.to_string()), Reason::Signature);
    assert!(told.starts_with("Required value: it is not signed"), "{told}");

    let by_others = sealed(&value, &[(&keys.team_b, "team-b"), (&keys.team_b, "team-a")]);
    let told = refused(open(&by_others), Reason::Signature);
    assert_eq!(
        told,
        "signatures[0].keyid: Not found: \"team-b\": allowed: controller, team-a\n\
         signatures[1]: Invalid value: \"team-a\": a signature by this key of what stands here"
    );

    let by_controller = sealed(&value, &[(&keys.controller, "controller")]);
    let told = refused(open(&by_controller), Reason::Signer);
    assert!(told.ends_with("\"controller\": a key that may sign a document of this kind: release"), "{told}");
    // To remove a release is as much as to write one.
    let removal = sealed(&document("removed", &json!("shop")), &[(&keys.controller, "controller")]);
    refused(open(&removal), Reason::Signer);

    let nobody = keyring_of_nobody();
    let good = sealed(&value, &[(&keys.team_a, "team-a")]);
    refused(graylane_document::open("releases/shop", good.as_bytes(), Some(&nobody)), Reason::Signature);
}

fn keyring_of_nobody() -> Keyring {
    keyring(&json!({}))
}

#[test]
fn what_was_changed_after_it_was_signed_is_refused() {
    let keys = Keys::new();
    let keyring = keys.keyring();
    let good = sealed(&document("release", &release("shop")), &[(&keys.team_a, "team-a")]);
    let other = sealed(&document("release", &release("shop2")), &[(&keys.team_a, "team-a")]);
    let [mut envelope, other]: [Value; 2] = [&good, &other].map(|text| serde_json::from_str(text).unwrap());
    envelope["payload"] = other["payload"].clone();
    refused(open("releases/shop2", envelope.to_string().as_bytes(), Some(&keyring)), Reason::Signature);
    // A good signature for one key is none for another.
    refused(open("releases/shop2", good.as_bytes(), Some(&keyring)), Reason::Key);
}

#[test]
fn the_algorithm_follows_from_the_key_and_not_from_the_envelope() {
    // Whoever knows the public key has no secret by it.
    let keys = Keys::new();
    let public = serde_json::to_value(keys.team_a.signer()).unwrap()["ed25519"].as_str().unwrap().to_owned();
    let mut bytes = [0; 32];
    Base64::decode(&mut bytes, public, None).unwrap();
    let digits: String = bytes.map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(digits.len(), 64);
    let forged = Secret::read(&digits).unwrap();
    assert_eq!(forged.algorithm(), Algorithm::HmacSha256);
    let mut envelope = sealed(&document("release", &release("shop")), &[(&forged, "team-a")]);
    envelope.insert_str(1, "\"alg\": \"HS256\",");
    refused(open("releases/shop", envelope.as_bytes(), Some(&keys.keyring())), Reason::Signature);
}

#[test]
fn an_envelope_is_opened_without_a_keyring_and_says_no_signer() {
    let keys = Keys::new();
    let sealed = sealed(&document("release", &release("shop")), &[(&keys.team_b, "team-b")]);
    let document = open("releases/shop", sealed.as_bytes(), None).unwrap();
    assert_eq!(document.signer, None);
}

#[test]
fn what_an_envelope_lacks_is_told_and_what_is_unknown_in_it_is_ignored() {
    let keys = Keys::new();
    let good = sealed(&document("release", &release("shop")), &[(&keys.team_a, "team-a")]);
    let mut good: Value = serde_json::from_str(&good).unwrap();
    good["extension"] = json!({"kind": "x"});
    good["signatures"][0]["cert"] = json!("…");
    let keyring = keys.keyring();
    assert!(open("releases/shop", good.to_string().as_bytes(), Some(&keyring)).is_ok());
    for (at, value, expected) in [
        (
            "/payloadType",
            json!("application/json"),
            "payloadType: Unsupported value: \"application/json\": application/vnd.",
        ),
        ("/payload", json!("%"), "payload: Invalid value: must be base64"),
        ("/payload", json!(7), "payload: Invalid value: must be base64"),
        ("/signatures", json!([]), "signatures: Required value: at least one signature"),
        ("/signatures", json!("none"), "signatures: Wrong type: \"none\": must be a list"),
        ("/signatures/0", json!({}), "signatures[0].sig: Required value"),
        ("/signatures/0/sig", json!("*"), "signatures[0].sig: Invalid value: must be base64"),
        ("/signatures/0/keyid", json!(1), "signatures[0].keyid: Wrong type: 1: must be text"),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(at).unwrap() = value;
        let told =
            refused(open("releases/shop", bad.to_string().as_bytes(), Some(&keyring)), Reason::Envelope);
        assert!(told.starts_with(expected), "{told}");
    }
    let alone = json!({"payload": "e30="});
    let told = refused(open("releases/shop", alone.to_string().as_bytes(), None), Reason::Envelope);
    assert!(told.contains("payloadType: Required") && told.contains("signatures: Required"), "{told}");
    let twice = good.to_string().replacen('{', "{\"payload\":\"e30=\",", 1);
    let told = refused(open("releases/shop", twice.as_bytes(), Some(&keyring)), Reason::Envelope);
    assert!(told.starts_with("payload: Duplicate value"), "{told}");
}

#[test]
fn limits_hold_to_the_last_byte() {
    let keys = Keys::new();
    let text = document("removed", &json!("shop")).to_string();
    let padded = |len: usize| format!("{}{text}", " ".repeat(len - text.len()));
    assert!(open("releases/shop", padded(limits::VALUE).as_bytes(), None).is_ok());
    refused(open("releases/shop", padded(limits::VALUE + 1).as_bytes(), None), Reason::Oversize);

    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    refused(open("releases/shop", deep(127).as_bytes(), None), Reason::Policy);
    refused(open("releases/shop", deep(128).as_bytes(), None), Reason::Syntax);
    refused(open("releases/shop", deep(limits::VALUE / 2).as_bytes(), None), Reason::Syntax);

    let ids: Vec<String> = (0..8).map(|index| format!("k{index}")).collect();
    let signers: Vec<(&Secret, &str)> = ids.iter().map(|id| (&keys.team_b, id.as_str())).collect();
    let value = document("removed", &json!("shop"));
    let mut last = signers.clone();
    last[7] = (&keys.team_a, "team-a");
    assert!(open("releases/shop", sealed(&value, &last).as_bytes(), Some(&keys.keyring())).is_ok());
    let mut envelope: Value = serde_json::from_str(&sealed(&value, &last)).unwrap();
    let ninth = envelope["signatures"][0].clone();
    envelope["signatures"].as_array_mut().unwrap().push(ninth);
    let told = refused(open("releases/shop", envelope.to_string().as_bytes(), None), Reason::Envelope);
    assert_eq!(told, "signatures: Too many: 9: at most 8 signatures");
}

#[test]
fn an_old_document_is_refused_however_well_it_is_signed() {
    let keys = Keys::new();
    let keyring = keys.keyring();
    let opened = |version: u64, percent: u32| {
        let dial = json!({"release": "shop", "percent": {"v2": percent}});
        let value = json!({"language": 1, "version": version, "dial": dial});
        open("dials/shop", sealed(&value, &[(&keys.controller, "controller")]).as_bytes(), Some(&keyring))
            .unwrap()
    };
    let served = opened(7, 10).stamp;
    assert!(opened(7, 10).follows(Some(&served)).is_ok());
    assert!(opened(8, 5).follows(Some(&served)).is_ok());
    for (version, percent, told) in [
        (6, 10, "version: Invalid value: 6: more than 7, which is served; a rollback is a new version"),
        (0, 10, "version: Invalid value: 0: more than 7, which is served; a rollback is a new version"),
        (7, 11, "version: Duplicate value: 7: more than 7: another document of this version is served"),
    ] {
        let refusal = opened(version, percent).follows(Some(&served)).unwrap_err();
        assert_eq!((refusal.reason, refusal.errors.to_string().as_str()), (Reason::Version, told));
    }
}

#[test]
fn the_words_of_reasons_are_stable() {
    let words = Reason::ALL.map(Reason::as_str);
    assert_eq!(
        words,
        ["oversize", "syntax", "envelope", "signature", "signer", "language", "policy", "key", "version"]
    );
}
