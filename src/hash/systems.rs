//! The decisions of other systems from hash to choice, so that tools can hold published values against them.
//!
//! Pure functions, one module a system, each with the source that it was read from. Choices are positions in
//! the list that was given; `None` is "no variation". Nothing here runs in the module.

pub mod amplitude;
pub mod devcycle;
pub mod envoy;
pub mod eppo;
pub mod featurehub;
pub mod flagd;
pub mod flagsmith;
pub mod go_feature_flag;
pub mod growthbook;
pub mod launchdarkly;
pub mod nginx;
pub mod optimizely;
pub mod planout;
pub mod raw;
pub mod split;
pub mod statsig;
pub mod unleash;
pub mod vwo;
pub mod walk;

use super::Algorithm;

/// murmur3 of a whole text.
fn murmur3(text: &[u8], seed: u32) -> u32 {
    crate::bucket::murmur3_x86_32(&[text], seed)
}

/// The first 15 hexadecimal digits of SHA-1 as a part of 1, which is reached.
#[expect(clippy::cast_precision_loss, reason = "the systems lose it too")]
fn sha1_ratio(text: &[u8]) -> f64 {
    Algorithm::Sha1Be60.hash(0, &[text]) as f64 / SHA1_MAX as f64
}

/// The largest number of 15 hexadecimal digits.
const SHA1_MAX: u64 = 0x0fff_ffff_ffff_ffff;
