//! The traffic label: reading never fails, and what is written is read again.

use graylane::label::{DEFAULT, Label};
use proptest::prelude::*;

use crate::cases;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn pairs(label: &Label<'_>) -> Pairs {
    label.pairs().map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

/// Bytes that often are a label, or nearly one.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => "[a-c]{1,2}=[a-z0-9.]{1,3}".prop_map(String::into_bytes),
        3 => "[ ;=]{1,3}".prop_map(String::into_bytes),
        1 => "[a-z]{120,130}=[a-z]{250,260}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ];
    let pieces = proptest::collection::vec(piece, 0..60);
    let label = pieces.prop_map(|pieces| pieces.join(b";".as_slice()));
    prop_oneof![8 => label, 1 => Just(DEFAULT.to_vec()), 1 => proptest::collection::vec(any::<u8>(), 0..6000)]
}

/// Labels that lanes may have.
fn of_lanes() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::vec(("[a-d]{1,2}", "[a-z0-9.]{1,5}"), 0..6)
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn any_bytes_are_read_and_what_is_written_of_them_is_read_the_same(text in texts()) {
        let label = Label::parse(text.as_slice());
        let written = label.merge(&std::iter::empty());
        let again = Label::parse(written.as_slice());
        prop_assert_eq!(pairs(&again), pairs(&label));
        prop_assert_eq!(again.dropped(), 0);
        let mut keys: Vec<_> = pairs(&label).into_iter().map(|(key, _)| key).collect();
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len(), label.pairs().count(), "a key stands once");
    }

    /// Whatever came along and whatever the lanes write, the next hop reads all that is written, ours first.
    #[test]
    fn the_next_hop_reads_all_that_is_merged(text in texts(), ours in of_lanes()) {
        let label = Label::parse(text.as_slice());
        let written = label.merge(&ours.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes())));
        let again = Label::parse(written.as_slice());
        prop_assert_eq!(again.dropped(), 0, "{}", written.escape_ascii());
        for (position, (key, value)) in ours.iter().enumerate() {
            let first = ours.iter().position(|(other, _)| other == key) == Some(position);
            prop_assert!(!first || again.get(key.as_bytes()) == Some(value.as_bytes()), "{key} is ours");
        }
        for (key, value) in again.pairs() {
            let is_ours = ours.iter().any(|(other, _)| other.as_bytes() == key);
            prop_assert!(is_ours || label.get(key) == Some(value), "{} came along", key.escape_ascii());
        }
    }
}

/// What many releases write together may be more than a label holds: what does not fit is left out, the last ones first.
#[test]
fn lanes_that_write_more_than_a_label_holds_lose_the_last_pairs_alone() {
    let value = "v".repeat(250);
    let ours: Vec<_> = (0..64).map(|number| format!("{}.{number:02}", "k".repeat(120))).collect();
    let ours = ours.iter().map(|key| (key.as_bytes(), value.as_bytes()));
    let written = Label::parse(b"default".as_slice()).merge(&ours);
    let again = Label::parse(written.as_slice());
    assert_eq!(again.dropped(), 0, "{}", written.escape_ascii());
    let kept = again.pairs().count();
    assert!(kept >= 10 && again.pairs().eq(ours.take(kept)), "the first {kept}");
}
