//! Other systems by name: scheme and format, so that the mesh puts a user where their SDK does.
//!
//! Sources: Unleash/client-specification, optimizely/python-sdk, open-feature/flagd (core 0.15) and
//! flagd-testbed 3.9, splitio/javascript-commons, wingify/vwo-python-sdk, featurehub-io/featurehub,
//! growthbook/growthbook-python (spec 0.7.1), Envoy's `WeightedCluster.use_hash_policy`. Where a system
//! counts buckets from 1, `in when bucket <= n` is the same as `in when bucket < n` from 0: everything here
//! counts from 0.

use super::Buckets::{Count, SumOfWeights};
use super::Reduction::{Modulo, MultiplyShift};
use super::{Algorithm, Buckets, Encoding, Reduction, Scheme};

/// How another system turns users into buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// The name in a policy.
    pub name: &'static str,
    /// The scheme; each of its values may be written differently.
    pub scheme: Scheme,
    /// The text that is hashed, for [`Format::parse`](super::Format::parse).
    pub format: &'static str,
    /// What the other system calls that which stands in place of `{salt}`; empty where there is none.
    pub salt: &'static str,
    /// Whether the other system keeps a seed with each flag, which has to be copied; the scheme's 0 is no
    /// guess.
    pub needs_seed: bool,
    /// How the other system lays its buckets out.
    pub layout: Layout,
}

/// How buckets belong to lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Each lane has a fixed slot, or several, and fills it from its start.
    Slots,
    /// The lanes lie end to end in the order in which they are listed, each as wide as its integer weight.
    Stacked,
}

/// murmur3 of the text itself.
const fn murmur3(seed: u32, reduction: Reduction, buckets: Buckets) -> Scheme {
    Scheme { algorithm: Algorithm::Murmur3X86_32, seed, encoding: Encoding::Raw, reduction, buckets }
}

/// Another algorithm, of the text itself, by modulo.
const fn modulo(algorithm: Algorithm, buckets: Buckets) -> Scheme {
    Scheme { algorithm, seed: 0, encoding: Encoding::Raw, reduction: Modulo, buckets }
}

impl Preset {
    /// Graylane's own: [`bucket`](crate::bucket).
    pub const NATIVE: Preset = Preset {
        name: "native",
        scheme: Scheme::NATIVE,
        format: "{salt}:{id}",
        salt: "salt",
        needs_seed: false,
        layout: Layout::Slots,
    };

    /// Unleash, gradual rollout: percentage p is the slot 0 to p. Independent of the variant by its seed.
    pub const UNLEASH_ROLLOUT: Preset = Preset {
        name: "unleash-rollout",
        scheme: murmur3(0, Modulo, Count(100)),
        salt: "groupId, by default the name of the flag",
        ..Preset::NATIVE
    };

    /// Unleash, variants: weights (normally adding up to 1000) end to end. The seed is that of October 2023
    /// and later.
    pub const UNLEASH_VARIANT: Preset = Preset {
        name: "unleash-variant",
        scheme: murmur3(86_028_157, Modulo, SumOfWeights),
        salt: "groupId of the strategy, or the name of the flag",
        layout: Layout::Stacked,
        ..Preset::NATIVE
    };

    /// Optimizely, the step from a user to a variation: ranges as the datafile has them, each from the end of
    /// the one before to its own `endOfRange`; one without an entity is a hole.
    pub const OPTIMIZELY: Preset = Preset {
        name: "optimizely",
        scheme: murmur3(1, MultiplyShift, Count(10_000)),
        format: "{id}{salt}",
        salt: "id of the experiment",
        ..Preset::NATIVE
    };

    /// Optimizely, the step before it in a group of experiments that exclude each other: which one the user
    /// is in.
    pub const OPTIMIZELY_GROUP: Preset =
        Preset { name: "optimizely-group", salt: "id of the group", ..Preset::OPTIMIZELY };

    /// flagd core 0.15 and later: weights end to end. The text is flag key and targeting key, or, with an
    /// expression of its own, whatever that gives: then the format says the same.
    pub const FLAGD_V2: Preset = Preset {
        name: "flagd-v2",
        scheme: murmur3(0, MultiplyShift, SumOfWeights),
        format: "{salt}{id}",
        salt: "key of the flag",
        layout: Layout::Stacked,
        ..Preset::NATIVE
    };

    /// flagd after its decision of December 2025 to hash CBOR: of flag key and targeting key as a pair, or,
    /// with the encoding `cbor_text`, of the text of an expression. Only text is settled; numbers are not.
    pub const FLAGD_V3: Preset = Preset {
        name: "flagd-v3",
        scheme: Scheme { encoding: Encoding::CborPair, ..Preset::FLAGD_V2.scheme },
        ..Preset::FLAGD_V2
    };

    /// Split, algorithm 2: percentages end to end. Its traffic allocation is a gate before it: the same with
    /// the seed `trafficAllocationSeed` and the slot 0 to `trafficAllocation`.
    pub const SPLIT: Preset = Preset {
        name: "split",
        scheme: murmur3(0, Modulo, Count(100)),
        format: "{id}",
        salt: "",
        needs_seed: true,
        layout: Layout::Stacked,
    };

    /// VWO: weights end to end, each `ceil(weight * 100)` of the buckets. Campaigns without a bucketing seed
    /// hash the user id alone (format `{id}`), the newest put the account between campaign and user (a salt
    /// of `campaign_account`). Older SDKs stretch buckets by `100 / percentTraffic`, which no scheme does.
    /// Its traffic gate has 100 buckets.
    pub const VWO: Preset = Preset {
        name: "vwo",
        scheme: murmur3(1, MultiplyShift, Count(10_000)),
        format: "{salt}_{id}",
        salt: "id of the campaign",
        layout: Layout::Stacked,
        ..Preset::NATIVE
    };

    /// `FeatureHub`: percentages, in millionths, end to end. It compares with `<=`: the last bucket of the
    /// first lane is one more than its percentage says, `[0, p + 1)`, and every later lane is shifted by that
    /// one.
    pub const FEATUREHUB: Preset = Preset {
        name: "featurehub",
        scheme: murmur3(0, MultiplyShift, Count(1_000_000)),
        format: "{id}{salt}",
        salt: "id of the feature",
        layout: Layout::Stacked,
        ..Preset::NATIVE
    };

    /// `GrowthBook`, hash version 1: variation i has the slot that starts at the weights before it, and fills
    /// of it what its coverage says.
    pub const GROWTHBOOK_V1: Preset = Preset {
        name: "growthbook-v1",
        scheme: modulo(Algorithm::Fnv1a32, Count(1_000)),
        format: "{id}{salt}",
        salt: "seed of the experiment, by default its key",
        ..Preset::NATIVE
    };

    /// `GrowthBook`, hash version 2: slots as in version 1, ten times as fine.
    pub const GROWTHBOOK_V2: Preset = Preset {
        name: "growthbook-v2",
        scheme: modulo(Algorithm::Fnv1a32Twice, Count(10_000)),
        format: "{salt}{id}",
        ..Preset::GROWTHBOOK_V1
    };

    /// Envoy's own weighted clusters with `use_hash_policy` on one header: weights end to end. There is no
    /// salt: all such splits of the same header are the same split.
    pub const ENVOY_WEIGHTED: Preset = Preset {
        name: "envoy-weighted",
        scheme: modulo(Algorithm::Xxh64, SumOfWeights),
        format: "{id}",
        salt: "",
        needs_seed: false,
        layout: Layout::Stacked,
    };

    /// All presets that a policy may name.
    pub const ALL: &[Preset] = &[
        Preset::NATIVE,
        Preset::UNLEASH_ROLLOUT,
        Preset::UNLEASH_VARIANT,
        Preset::OPTIMIZELY,
        Preset::OPTIMIZELY_GROUP,
        Preset::FLAGD_V2,
        Preset::FLAGD_V3,
        Preset::SPLIT,
        Preset::VWO,
        Preset::FEATUREHUB,
        Preset::GROWTHBOOK_V1,
        Preset::GROWTHBOOK_V2,
        Preset::ENVOY_WEIGHTED,
    ];

    /// The preset of a name.
    pub fn named(name: &str) -> Option<&'static Preset> {
        Preset::ALL.iter().find(|preset| preset.name == name)
    }
}

/// Systems that fit a scheme but that the module does not speak: it has not their hash.
#[cfg(feature = "systems")]
impl Preset {
    /// Eppo, a shard: ranges as the configuration has them; the traffic shard is a gate before the split
    /// shard.
    pub const EPPO: Preset = Preset {
        name: "eppo",
        scheme: modulo(Algorithm::Md5Be32, Count(10_000)),
        format: "{salt}-{id}",
        salt: "salt of the shard",
        ..Preset::NATIVE
    };

    /// Statsig, the pass percentage of a rule, in steps of 0.01: the slot 0 to it.
    pub const STATSIG: Preset = Preset {
        name: "statsig",
        scheme: modulo(Algorithm::Sha256Be64, Count(10_000)),
        format: "{salt}.{id}",
        salt: "salt of the configuration, a dot, salt of the rule or its id",
        ..Preset::NATIVE
    };

    /// Statsig, layers and experiments: lists of segments.
    pub const STATSIG_LAYER: Preset = Preset {
        name: "statsig-layer",
        scheme: modulo(Algorithm::Sha256Be64, Count(1_000)),
        salt: "salt of the layer",
        ..Preset::STATSIG
    };

    /// Amplitude, the gate; its split is the hash divided by 100.
    pub const AMPLITUDE: Preset = Preset {
        name: "amplitude",
        scheme: murmur3(0, Modulo, Count(100)),
        format: "{salt}/{id}",
        salt: "salt",
        ..Preset::NATIVE
    };

    /// go-feature-flag with percentages that add up to 100: thousandths end to end, the names of the
    /// variations in reverse alphabetical order.
    pub const GO_FEATURE_FLAG: Preset = Preset {
        name: "go-feature-flag",
        scheme: modulo(Algorithm::Fnv1a32, Count(100_000)),
        format: "{salt}{id}",
        salt: "key of the flag",
        layout: Layout::Stacked,
        ..Preset::NATIVE
    };

    /// The presets that tools know besides [`Preset::ALL`].
    pub const FOREIGN: &[Preset] =
        &[Preset::EPPO, Preset::STATSIG, Preset::STATSIG_LAYER, Preset::AMPLITUDE, Preset::GO_FEATURE_FLAG];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{Expanded, Format};

    /// The bucket of an id, as a policy with nothing but the preset, salt and seed would have it.
    fn bucket(preset: &Preset, seed: Option<u32>, salt: &str, id: &str, sum_of_weights: u32) -> u32 {
        let Expanded { before, after } = Format::parse(preset.format).unwrap().expand(salt);
        let scheme = Scheme { seed: seed.unwrap_or(preset.scheme.seed), ..preset.scheme };
        let total = scheme.buckets.total(sum_of_weights);
        scheme.bucket(before.as_bytes(), id.as_bytes(), after.as_bytes(), total)
    }

    #[test]
    fn agrees_with_values_that_the_systems_publish() {
        for (preset, salt, id, sum, published) in [
            // Unleash: client-specification and client-node, client-go; they count from 1.
            (&Preset::UNLEASH_ROLLOUT, "gr1", "123", 0, 73 - 1),
            (&Preset::UNLEASH_ROLLOUT, "groupX", "999", 0, 25 - 1),
            (&Preset::UNLEASH_VARIANT, "gr1", "123", 100, 96 - 1),
            (&Preset::UNLEASH_VARIANT, "groupX", "999", 100, 60 - 1),
            // Optimizely: python-sdk, tests/test_bucketing.py
            (&Preset::OPTIMIZELY, "1886780721", "ppid1", 0, 5_254),
            (&Preset::OPTIMIZELY_GROUP, "1886780722", "ppid2", 0, 2_434),
            // VWO: Go SDK, TestGetBucketValueForUser; it counts from 1, and hashes the id alone.
            (&Preset { format: "{id}", ..Preset::VWO }, "", "Liza", 0, 3_379 - 1),
            (&Preset { format: "{id}", ..Preset::VWO }, "", "Gimmy", 0, 9_572 - 1),
            // FeatureHub: javascript-sdk, percentage checks
            (&Preset::FEATUREHUB, "abcde", "fred", 0, 212_628),
            (&Preset::FEATUREHUB, "172765e02-2-1-1-2-2-1", "zappo-food", 0, 931_882),
            // GrowthBook: cases.json
            (&Preset::GROWTHBOOK_V1, "b", "a", 0, 946),
            (&Preset::GROWTHBOOK_V2, "foo", "ab", 0, 2_575),
            // Envoy: hash_test.cc, reduced to 100
            (&Preset::ENVOY_WEIGHTED, "", "foo", 100, (3_728_699_739_546_630_719_u64 % 100) as u32),
        ] {
            assert_eq!(bucket(preset, None, salt, id, sum), published, "{} {salt} {id}", preset.name);
        }
    }

    /// Split: murmur3-sample-data-v2.csv of splitio/java-client; it counts from 1.
    #[test]
    fn agrees_with_split_given_its_seed() {
        for (id, published) in [("aUfEsdPN1twuEjff9Sl", 52), ("EPxM1cYQnL4AuqD", 79), ("cMQGLKXz", 48)] {
            assert_eq!(bucket(&Preset::SPLIT, Some(467_569_525), "", id, 0) + 1, published, "{id}");
        }
    }

    /// flagd-testbed, gherkin/targeting.feature: four cards of weight 25, and heads and tails of weight 1.
    #[test]
    fn agrees_with_flagd_on_cards_and_coins() {
        let text = Scheme { encoding: Encoding::CborText, ..Preset::FLAGD_V3.scheme };
        let v3_text = Preset { scheme: text, ..Preset::FLAGD_V3 };
        for (preset, jack, queen) in [(&Preset::FLAGD_V2, 2, 3), (&v3_text, 1, 1)] {
            assert_eq!(bucket(preset, None, "fractional-flag", "jack", 100) / 25, jack);
            assert_eq!(bucket(preset, None, "fractional-flag", "queen", 100) / 25, queen);
        }
        for (user, side) in [("jon@company.com", 1), ("jane@company.com", 1), ("user-1", 0)] {
            assert_eq!(bucket(&Preset::FLAGD_V3, None, "fractional-flag-shorthand", user, 2), side, "{user}");
        }
    }

    #[test]
    fn names_are_unique_and_formats_are_formats() {
        for (index, preset) in Preset::ALL.iter().enumerate() {
            let named = Preset::named(preset.name).unwrap();
            assert_eq!(named, preset, "the first of its name is another at {index}");
            let format = Format::parse(preset.format).unwrap();
            assert_eq!(format.is_salted(), !preset.salt.is_empty(), "{}", preset.name);
            assert!(preset.scheme.encoding.fits(format), "{}", preset.name);
            let is_32 = preset.scheme.algorithm.bits() == 32;
            assert!(is_32 || preset.scheme.reduction == Modulo, "{}", preset.name);
        }
    }
}
