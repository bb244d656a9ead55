//! The bucketing hash against published values.
//!
//! The values are those of `SMHasher` and of other implementations' own test suites, and of Unleash and
//! Optimizely, whose SDKs hash as graylane does. They are read where they lie, beside the repository; a run
//! without them says so. Whether each of them holds, `cli/tests/vectors.rs` says; here is what the engine
//! promises beyond that.
#![cfg(test)]

use std::io::Write;
use std::path::Path;

use graylane::bucket::{Bucket, COUNT, murmur3_x86_32};
use graylane::hash::{Algorithm, Expanded, Format, Preset, Scheme};
use serde::Deserialize;

/// One published value.
#[derive(Debug, Deserialize)]
struct Row {
    kind: String,
    input: Option<String>,
    input_hex: Option<String>,
    seed: Option<u32>,
    modulus: Option<u32>,
    buckets: Option<u32>,
    #[serde(default)]
    offset: u32,
    group_id: Option<String>,
    identifier: Option<String>,
    bucketing_id: Option<String>,
    parent_id: Option<String>,
    expected: serde_json::Value,
}

impl Row {
    /// The bytes that are hashed.
    fn bytes(&self) -> Vec<u8> {
        let text = self.input.as_ref().map(|text| text.as_bytes().to_vec());
        text.or_else(|| self.input_hex.as_deref().map(bytes_of_hex)).expect("bytes to hash")
    }
}

fn bytes_of_hex(digits: &str) -> Vec<u8> {
    let (pairs, odd) = digits.as_bytes().as_chunks::<2>();
    assert!(odd.is_empty(), "{digits}");
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(|pair| byte(pair).expect("hex digits")).collect()
}

/// The rows of a published file that `wanted` picks, `at_least` so many; none, said aloud, where the file is
/// not there.
fn published(name: &str, at_least: usize, wanted: impl Fn(&Row) -> bool) -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors").join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let rows: Vec<Row> = serde_json::from_str(&text).expect("published values are JSON");
            let rows: Vec<Row> = rows.into_iter().filter(wanted).collect();
            assert!(rows.len() >= at_least, "{name} has {} of these rows", rows.len());
            rows
        }
        Err(fault) => {
            // Past the test harness, which keeps what a passing test prints to itself.
            writeln!(std::io::stderr(), "NOT CHECKED: no published values in {}: {fault}", path.display())
                .expect("stderr takes a line");
            Vec::new()
        }
    }
}

#[test]
fn it_does_not_matter_where_a_text_is_cut() {
    for row in published("murmur3_x86_32.json", 100, |row| row.kind == "hash") {
        let (bytes, seed) = (row.bytes(), row.seed.expect("a seed"));
        let hash = u32::try_from(row.expected.as_u64().expect("a hash")).expect("32 bits");
        for at in 0..=bytes.len() {
            let (start, end) = bytes.split_at(at);
            assert_eq!(murmur3_x86_32(&[start, end], seed), hash, "cut at {at}: {row:?}");
            let pieces = Algorithm::Murmur3X86_32.hash(seed, &[start, &[], end]);
            assert_eq!(pieces, u64::from(hash), "pieces at {at}: {row:?}");
        }
    }
}

/// Five published texts hash to 0, 1, 2^31 - 1, 2^31 and 2^32 - 1 under seed 0.
#[test]
fn the_ends_and_the_middle_of_the_hash_space_are_the_ends_and_the_middle_of_the_buckets() {
    let hashes = [
        (0, 0),
        (1, 0),
        ((1 << 31) - 1, COUNT / 2 - 1),
        (1 << 31, COUNT / 2),
        (u64::from(u32::MAX), COUNT - 1),
    ];
    let bucket_of = |row: &Row| {
        let hash = row.expected.as_u64().filter(|_| row.kind == "hash" && row.seed == Some(0))?;
        hashes.iter().find(|(published, _)| *published == hash).map(|(_, bucket)| *bucket)
    };
    for row in published("murmur3_x86_32.json", hashes.len(), |row| bucket_of(row).is_some()) {
        let bucket = Scheme::NATIVE.bucket(b"", &row.bytes(), b"", u32::from(COUNT));
        assert_eq!(Some(bucket), bucket_of(&row).map(u32::from), "{row:?}");
        assert_eq!(
            Some(Bucket::of_hash(murmur3_x86_32(&[row.bytes().as_slice()], 0)).get()),
            bucket_of(&row)
        );
    }
}

/// Salt and id are hashed with a colon between them, whichever of the two holds what.
#[test]
fn a_bucket_is_that_of_the_published_text() {
    for row in published("unleash.json", 2, |row| row.kind == "normalized" && row.seed == Some(0)) {
        let (salt, id) = row.input.as_deref().and_then(|text| text.split_once(':')).expect("salt:id");
        let hash = murmur3_x86_32(&[row.bytes().as_slice()], 0);
        assert_eq!(Bucket::of(salt.as_bytes(), id.as_bytes()), Bucket::of_hash(hash));
        assert_eq!(Some(u64::from(hash % 100 + 1)), row.expected.as_u64());
    }
}

/// The text of a preset, put together of salt and id.
fn text(preset: &Preset, salt: &str, id: &str) -> String {
    let Expanded { before, after } = Format::parse(preset.format).expect("a format").expand(salt);
    format!("{before}{id}{after}")
}

#[test]
fn the_presets_of_unleash_make_the_published_texts_and_seeds() {
    let of_somebody = |row: &Row| row.group_id.is_some() && row.identifier.is_some();
    for row in published("unleash.json", 37, of_somebody) {
        let name = if row.kind == "rollout" { "unleash-rollout" } else { "unleash-variant" };
        let preset = Preset::named(name).expect("a preset");
        let (salt, id) = (row.group_id.as_deref(), row.identifier.as_deref());
        assert_eq!(Some(text(preset, salt.expect("a salt"), id.expect("an id"))), row.input);
        assert_eq!(Some(preset.scheme.seed), row.seed, "{row:?}");
        let total = row.modulus.expect("a modulus");
        assert_eq!(preset.scheme.buckets.total(total), total, "{row:?}");
    }
}

#[test]
fn the_preset_of_optimizely_makes_the_published_buckets() {
    let preset = Preset::named("optimizely").expect("a preset");
    for row in published("optimizely.json", 5, |row| row.kind == "bucket") {
        let (salt, id) =
            (row.parent_id.as_deref().expect("a salt"), row.bucketing_id.as_deref().expect("an id"));
        assert_eq!(Some(text(preset, salt, id)), row.input);
        let total = preset.scheme.buckets.total(0);
        assert_eq!(Some(total), row.buckets);
        let bucket = preset.scheme.bucket(b"", id.as_bytes(), salt.as_bytes(), total) + row.offset;
        assert_eq!(Some(u64::from(bucket)), row.expected.as_u64(), "{row:?}");
    }
}
