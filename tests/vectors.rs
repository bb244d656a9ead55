//! The bucketing hash against published values.
//!
//! The values are those of `SMHasher` and of other implementations' own test suites, and of Unleash and Optimizely,
//! whose SDKs hash as graylane does. They are read where they lie, beside the repository; a run without them says so.
#![cfg(test)]

use std::io::{Read, Write};
use std::path::Path;

use graylane::bucket::{Bucket, COUNT, murmur3_x86_32};
use serde::Deserialize;

/// One published value. Rows of other steps than hash and reduction are passed over.
#[derive(Debug, Deserialize)]
struct Row {
    kind: String,
    input: Option<String>,
    input_hex: Option<String>,
    seed: Option<u32>,
    modulus: Option<u32>,
    buckets: Option<u16>,
    #[serde(default)]
    offset: u32,
    expected: serde_json::Value,
}

impl Row {
    /// The bytes that are hashed.
    fn bytes(&self) -> Option<Vec<u8>> {
        let text = self.input.as_ref().map(|text| text.as_bytes().to_vec());
        text.or_else(|| self.input_hex.as_deref().map(bytes_of_hex))
    }

    /// The hash of the row's bytes, whole and in two pieces at every point: it must not matter.
    fn hash(&self) -> u32 {
        let (bytes, seed) = (self.bytes().expect("bytes to hash"), self.seed.expect("a seed"));
        let whole = murmur3_x86_32(bytes.as_slice(), seed);
        for at in 0..=bytes.len() {
            let (start, end) = bytes.split_at(at);
            assert_eq!(murmur3_x86_32(start.chain(end), seed), whole, "cut at {at}: {self:?}");
        }
        whole
    }
}

fn bytes_of_hex(digits: &str) -> Vec<u8> {
    let (pairs, odd) = digits.as_bytes().as_chunks::<2>();
    assert!(odd.is_empty(), "{digits}");
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(|pair| byte(pair).expect("hex digits")).collect()
}

/// The rows of a published file; `None`, said aloud, where it is not there.
fn published(name: &str) -> Option<Vec<Row>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors").join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).expect("published values are JSON")),
        Err(fault) => {
            // Past the test harness, which keeps what a passing test prints to itself.
            writeln!(std::io::stderr(), "NOT CHECKED: no published values in {}: {fault}", path.display())
                .expect("stderr takes a line");
            None
        }
    }
}

/// Holds `ran` against the expected number of every row of `kind`, and sees to it that there are `at_least` rows.
fn check(name: &str, kind: &str, at_least: usize, ran: impl Fn(&Row) -> u32) {
    let Some(rows) = published(name) else { return };
    let rows: Vec<&Row> = rows.iter().filter(|row| row.kind == kind).collect();
    assert!(rows.len() >= at_least, "{name} has {} rows of kind {kind}", rows.len());
    for row in rows {
        assert_eq!(Some(u64::from(ran(row))), row.expected.as_u64(), "{row:?}");
    }
}

#[test]
fn hashes_as_the_reference_implementation_does() {
    check("murmur3_x86_32.json", "hash", 100, Row::hash);
}

/// The reference's own check over 256 keys and seeds, as its `VerificationTest` does it.
#[test]
fn passes_the_verification_of_smhasher() {
    check("murmur3_x86_32.json", "smhasher_verification", 1, |_| {
        let keys: Vec<u8> = (0..=255).collect();
        let hash_of = |length: u16| murmur3_x86_32(&keys[..usize::from(length)], u32::from(256 - length));
        let hashes: Vec<u8> = (0..256).flat_map(|length| hash_of(length).to_le_bytes()).collect();
        murmur3_x86_32(hashes.as_slice(), 0)
    });
}

#[test]
fn normalizes_as_unleash_does() {
    check("unleash.json", "normalized", 4, |row| row.hash() % row.modulus.expect("a modulus") + row.offset);
}

#[test]
fn reduces_to_the_buckets_of_optimizely() {
    check("optimizely.json", "bucket", 5, |row| {
        assert_eq!(row.buckets, Some(COUNT));
        u32::from(Bucket::of_hash(row.hash()).get()) + row.offset
    });
}

/// Salt and id are hashed with a colon between them, whichever of the two holds what.
#[test]
fn a_bucket_is_that_of_the_published_text() {
    let Some(rows) = published("unleash.json") else { return };
    let mut checked = 0;
    for row in rows.iter().filter(|row| row.kind == "normalized" && row.seed == Some(0)) {
        let (salt, id) = row.input.as_deref().and_then(|text| text.split_once(':')).expect("salt:id");
        assert_eq!(Bucket::of(salt.as_bytes(), id.as_bytes()), Bucket::of_hash(row.hash()));
        checked += 1;
    }
    assert!(checked >= 2, "{checked} rows");
}
