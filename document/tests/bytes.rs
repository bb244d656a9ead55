//! No bytes make anything panic.
#![cfg(test)]

use std::sync::LazyLock;

use graylane::error::{Path, PolicyErrors};
use graylane::policy::Release;
use graylane_document::secret::Algorithm;
use graylane_document::{Content, Envelope, Keyring, Reason, Secret, open};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::Config;
use serde_json::{Value, json};

static SECRETS: LazyLock<[Secret; 2]> = LazyLock::new(|| {
    [Algorithm::Ed25519, Algorithm::HmacSha256].map(|algorithm| Secret::generate(algorithm).unwrap())
});

fn keyring() -> Keyring {
    let text = json!({"e": SECRETS[0].signer(), "h": SECRETS[1].signer()}).to_string();
    Keyring::read(&serde_json::from_str(&text).unwrap(), &Path::Root, &mut PolicyErrors::default())
}

fn release() -> Value {
    let ramp = json!({"steps": [{"at": "2026-12-01T00:00:00Z", "percent": 5}]});
    json!({
        "name": "shop", "match": {"hosts": ["a.example.com"]}, "lanes": [{"name": "a"}, {"name": "b"}],
        "canary": {"stable": "a", "candidates": [{"lane": "b", "ramp": ramp}]},
    })
}

/// Good values, which the tests break.
fn good() -> Vec<String> {
    let head = |key: &str, content: Value| {
        json!({"language": 1, "version": 7, "createdAt": "2026-11-26T12:00:00Z", "author": "a", "note": "n", "returnsTo": 5, key: content})
            .to_string()
    };
    let bare = [
        head("release", release()),
        head(
            "dial",
            json!({"release": "shop", "percent": {"b": 10}, "off": true, "pause": "2026-11-26T12:00:00Z", "active": "b"}),
        ),
        head("settings", json!({"off": true, "identity": {"absent": "issue"}})),
        head("removed", json!("shop")),
    ];
    let sealed = bare.iter().map(|text| {
        let mut envelope = SECRETS[0].seal(text.clone().into_bytes(), "e").unwrap();
        SECRETS[1].sign(&mut envelope, "h").unwrap();
        envelope.to_json()
    });
    sealed.chain(bare.iter().cloned()).collect()
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        select(&["settings", "releases/shop", "dials/shop", ""][..]).prop_map(str::to_owned),
        any::<String>()
    ]
}

fn opened_by_all(key: &str, value: &[u8]) {
    for keyring in [None, Some(&keyring()), Some(&Keyring::default())] {
        match open(key, value, keyring) {
            Ok(document) => {
                assert_eq!(document.key().to_string(), key);
                if let Content::Dial(dial) = document.content {
                    let text = release().to_string();
                    let mut release: Release = graylane::read::read(
                        &serde_json::from_str(&text).unwrap(),
                        &Path::Root,
                        &mut PolicyErrors::default(),
                    );
                    let _ = dial.apply(&mut release);
                }
            }
            Err(refusal) => assert!(!refusal.errors.is_empty()),
        }
    }
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_bytes_are_opened_or_refused(key in any_key(), value: Vec<u8>) {
        opened_by_all(&key, &value);
    }

    #[test]
    fn any_change_of_a_good_value_is_opened_or_refused(
        key in any_key(),
        which: Index,
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..8),
        cut: Option<Index>,
    ) {
        let mut value = which.get(&good()).clone().into_bytes();
        for (at, byte) in changes {
            *at.get_mut(&mut value) = byte;
        }
        if let Some(cut) = cut {
            value.truncate(cut.index(value.len()));
        }
        opened_by_all(&key, &value);
    }

    /// A bit of what is signed, or of the signature, is enough.
    #[test]
    fn no_change_of_what_is_signed_stays_unseen(in_payload: bool, at: Index, bit in 0..8_u32, by in 0..2_usize) {
        let text = json!({"language": 1, "version": 7, "removed": "shop"}).to_string();
        let envelope = SECRETS[by].seal(text.clone().into_bytes(), ["e", "h"][by]).unwrap();
        let mut payload = envelope.payload().to_vec();
        let mut signature = envelope.signatures()[0].clone();
        let bytes = if in_payload { &mut payload } else { &mut signature.bytes };
        *at.get_mut(bytes) ^= 1 << bit;
        let mut changed = Envelope::new(payload);
        changed.add(signature).unwrap();
        let refusal = open("releases/shop", changed.to_json().as_bytes(), Some(&keyring())).unwrap_err();
        prop_assert_eq!(refusal.reason, Reason::Signature);
    }

    #[test]
    fn any_configuration_of_keys_is_read_or_refused_and_shows_no_secret(
        id in "[a-z]{0,4}|[0-9a-f]{32,40}",
        field in "ed25519|hmacSha256|signs|[0-9a-f]{32,40}",
        value in any_value(),
    ) {
        let text = json!({id: {field: value}}).to_string();
        let mut errors = PolicyErrors::default();
        let keyring = Keyring::read(&serde_json::from_str(&text).unwrap(), &Path::Root.key("signers"), &mut errors);
        prop_assert!(errors.is_empty() != keyring.is_empty(), "{}", errors);
        let told = format!("{errors}{keyring:?}");
        prop_assert!(!has_secret(&told), "{}", told);
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[0-9a-f]{32,40}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "[0-9a-f]{32,40}".prop_map(|text| json!([text])),
        "[0-9a-f]{32,40}".prop_map(|text| json!({text: 1})),
    ]
}

fn has_secret(text: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    text.as_bytes().windows(32).any(|window| window.iter().all(is_digit))
}
