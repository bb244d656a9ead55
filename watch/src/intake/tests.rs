use graylane_document::Reason;
use graylane_document::secret::{Algorithm, Secret};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn change(key: &str, value: Option<&str>) -> Change {
    Change { key: key.to_owned(), value: value.map(|value| value.as_bytes().to_vec()) }
}

/// A good document of a dial.
fn dial(name: &str, version: u64) -> Change {
    let document = json!({"language": 1, "version": version, "dial": {"release": name}});
    change(&format!("dials/{name}"), Some(&document.to_string()))
}

fn signed(secret: &Secret, change: Change) -> Change {
    let value = secret.seal(change.value.unwrap(), "a").unwrap().to_json();
    Change { value: Some(value.into_bytes()), ..change }
}

fn keyring(secret: &Secret) -> Option<Keyring> {
    let config = json!({"etcd": {"cluster": "etcd"}, "signers": {"a": secret.signer()}});
    crate::config::Config::parse(config.to_string().as_bytes()).unwrap().1
}

/// Time for so many documents.
fn time_for(count: usize) -> impl FnMut() -> bool {
    let mut left = count;
    move || {
        let has_time = left > 0;
        left = left.saturating_sub(1);
        has_time
    }
}

fn told(step: Option<Step>) -> Option<(i64, usize)> {
    step.map(|step| (step.revision, step.documents.len()))
}

#[test]
fn what_came_is_handed_out_whole_and_in_its_order() {
    let mut intake = Intake::new(None);
    intake.list(7, (0..5).map(|number| dial(&format!("d{number}"), 1)).collect(), false);
    intake.change(8, vec![dial("d1", 2), change("dials/d2", None)]);
    intake.list(9, vec![], false);
    assert_eq!(told(intake.open(time_for(3))), None);
    let mut has_time = time_for(3);
    assert_eq!(told(intake.open(&mut has_time)), Some((7, 5)));
    assert_eq!(told(intake.open(&mut has_time)), None, "one of the two is open");
    let mut has_time = time_for(1);
    assert_eq!(told(intake.open(&mut has_time)), Some((8, 2)));
    assert_eq!(told(intake.open(&mut has_time)), Some((9, 0)), "an empty list takes no time");
    assert!(intake.is_empty());
}

#[test]
fn a_signature_is_verified_again_only_where_the_value_is_another_one() {
    let secret = Secret::generate(Algorithm::HmacSha256).unwrap();
    let mut intake = Intake::new(keyring(&secret));
    let good = signed(&secret, dial("shop", 1));
    let forged = signed(&Secret::generate(Algorithm::HmacSha256).unwrap(), dial("shop", 2));
    for (value, expected) in [
        (&good, Ok(1)),
        (&good, Ok(1)),
        (&forged, Err(Reason::Signature)),
        (&forged, Err(Reason::Signature)),
        (&dial("shop", 3), Err(Reason::Signature)),
        (&good, Ok(1)),
    ] {
        assert_eq!(opened(&mut intake, value), expected, "whatever was below the key before");
    }
    // It is believed as it was found before, and by nobody else.
    intake.known.get_mut("dials/shop").unwrap().sha256 = Hash::hash(forged.value.as_ref().unwrap());
    assert_eq!(opened(&mut intake, &forged), Ok(2));
    assert_eq!(opened(&mut intake, &good), Ok(1));
    assert_eq!(opened(&mut intake, &forged), Err(Reason::Signature));
}

/// The version of a value that is listed alone, or why it is refused.
fn opened(intake: &mut Intake, value: &Change) -> Result<u64, Reason> {
    intake.list(1, vec![value.clone()], false);
    let document = intake.open(|| true).unwrap().documents.remove(0).document.unwrap();
    document.map(|document| document.stamp.version).map_err(|refusal| refusal.reason)
}

#[test]
fn nothing_is_remembered_of_keys_that_are_gone() {
    let secret = Secret::generate(Algorithm::HmacSha256).unwrap();
    let mut intake = Intake::new(keyring(&secret));
    intake.list(1, ["a", "b", "c"].map(|name| signed(&secret, dial(name, 1))).to_vec(), false);
    intake.change(2, vec![change("dials/a", None)]);
    while intake.open(|| true).is_some() {}
    assert_eq!(intake.known.len(), 2);
    intake.list(3, vec![signed(&secret, dial("c", 1))], false);
    assert_eq!(intake.known.len(), 1);
}

#[test]
fn more_changes_than_may_wait_are_noticed_until_they_are_open() {
    let mut intake = Intake::new(None);
    let large = "x".repeat(CHANGES / 2);
    intake.list(1, vec![change("settings", Some(&large)), change("x", Some(&large))], false);
    assert!(intake.has_list() && !intake.is_overrun(), "a list is as large as it is");
    intake.change(2, vec![change("settings", Some(&large))]);
    assert!(!intake.is_overrun());
    intake.change(3, vec![change("settings", Some(&large))]);
    assert!(intake.is_overrun());
    while intake.open(|| true).is_some() {}
    assert!(!intake.is_overrun() && !intake.has_list());
}

proptest! {
    #[test]
    fn however_time_is_cut_the_same_comes_out(
        batches in prop::collection::vec(prop::collection::vec((0..4_u8, prop::option::of(0..3_u64)), 0..5), 0..6),
        slices in prop::collection::vec(0..4_usize, 0..20),
    ) {
        let mut intake = Intake::new(None);
        let mut expected = Vec::new();
        for (revision, batch) in (0..).zip(batches) {
            let changes: Vec<Change> = batch.into_iter().map(|(name, version)| match version {
                Some(version) => dial(&format!("d{name}"), version),
                None => change(&format!("dials/d{name}"), None),
            }).collect();
            expected.push((revision, changes.iter().map(|change| change.key.clone()).collect::<Vec<_>>()));
            intake.change(revision, changes);
        }
        let mut out = Vec::new();
        for slice in slices.into_iter().chain([usize::MAX]) {
            let mut has_time = time_for(slice);
            while let Some(step) = intake.open(&mut has_time) {
                prop_assert!(step.documents.iter().all(|opened| !matches!(opened.document, Some(Err(_)))));
                out.push((step.revision, step.documents.into_iter().map(|opened| opened.key).collect()));
            }
        }
        prop_assert_eq!(out, expected);
    }
}
