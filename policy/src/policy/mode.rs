//! The three modes: what moves traffic.

use super::{Condition, Cookie};
use crate::written;

written! {
    /// The AB mode: groups with weights.
    pub struct Ab {
        /// Decides who is in which group, together with the gray id; a new salt deals everybody anew. One that another release has
        /// deals the same users alike in both, and mixes what the two find. Required, unless the text that is hashed has no salt.
        salt: Option<String>,
        /// The layer of the experiment, by name: the splits of experiments of one layer never share a user. Overrides, labels,
        /// lists and rules come before, and give a user a group of each. Default: none.
        layer: Option<String>,
        /// The part of all users (of the layer, where there is one) that the experiment may take; default: all of them. It is
        /// drawn by another hash than the groups.
        traffic: Option<Traffic>,
        /// The part of all users, in percent, that stays out of this experiment; default 0. See `holdout` of a layer and of the
        /// policy for several experiments at once.
        holdout: f64,
        /// Who may be in the experiment; default: everybody.
        audience: Option<Condition>,
        /// The groups. Weights are percentages of everybody in the experiment and add up to 100.
        groups: Vec<Group>,
        /// The lane of everybody who is in no other group; default: the first group's.
        control: Option<String>,
        /// `false` only names the group and leaves the lane to another release. Default `true`.
        route: Option<bool>,
        /// Tells the client its group in a cookie.
        cookie: Option<Cookie>,
        /// How users become buckets; default: graylane's own way.
        hash: Option<Hash>,
    }
}

written! {
    /// A part of all users, in percent: `from` is in, `to` is not.
    pub struct Traffic {
        /// Where it starts, 0 to 100 in steps of 0.01; default 0.
        from: f64,
        /// Where it ends. Required.
        to: Option<f64> [required],
        /// How users become buckets; default: graylane's own way, with seed 1 where there is no layer. In a layer it is
        /// the layer that says so.
        hash: Option<Hash>,
        /// The salt; default: that of the experiment. In a layer it is the layer's.
        salt: Option<String>,
    }
}

written! {
    /// How users become buckets, where another system has to agree: the text that is hashed, the hash, and how it is reduced.
    /// A preset says it all; each value may be written differently.
    pub struct Hash {
        /// Another system by name; default `native`.
        preset: Option<Preset>,
        /// The hash function; default: what the preset says.
        algorithm: Option<Algorithm>,
        /// The seed, -2147483648 to 4294967295; a negative one is taken as its 32 bits. Default: what the preset says.
        seed: Option<i64>,
        /// The text that is hashed: `{id}` once, `{salt}` at most once, braces doubled: `{salt}:{id}`. Default: what the preset
        /// says.
        format: Option<String>,
        /// What of the text is hashed; default: what the preset says.
        encoding: Option<Encoding>,
        /// How a hash becomes a bucket; default: what the preset says.
        reduce: Option<Reduce>,
        /// The number of buckets, 1 to 2147483647; shares must come out as whole numbers of them. Lanes that are stacked have
        /// as many as their weights add up to, unless it is said here or by the preset.
        buckets: Option<u32>,
        /// How buckets belong to lanes. Default `slots`, or what the preset says.
        layout: Option<Layout>,
    }
}

written! {
    /// Another system by name: all that is needed to put a user where it does.
    #[derive(Copy, Eq)]
    pub enum Preset {
        /// Graylane's own: murmur3 of `{salt}:{id}`, 10,000 buckets.
        Native = "native",
        /// Unleash, gradual rollout; the salt is its `groupId`, by default the name of the flag.
        UnleashRollout = "unleash-rollout",
        /// Unleash, variants, as since October 2023; the salt as for the rollout. Write the weights as Unleash has them: whole numbers,
        /// as a rule 1000 together.
        UnleashVariant = "unleash-variant",
        /// Optimizely, from a user to a variation; the salt is the id of the experiment. Write the ranges of the datafile as `slots`.
        Optimizely = "optimizely",
        /// Optimizely, which experiment of a group that exclude each other; the salt is the id of the group.
        OptimizelyGroup = "optimizely-group",
        /// flagd core 0.15 and later; the salt is the key of the flag.
        FlagdV2 = "flagd-v2",
        /// flagd since it hashes CBOR (December 2025), for texts; the salt is the key of the flag.
        FlagdV3 = "flagd-v3",
        /// Split, algorithm 2, without a salt; `seed` is that of the flag.
        Split = "split",
        /// VWO with a bucketing seed; the salt is the id of the campaign. Write percentages as it rounds them: up, to 0.01.
        Vwo = "vwo",
        /// `FeatureHub`; the salt is the id of the feature. The first lane has one bucket of 1,000,000 more, as there.
        Featurehub = "featurehub",
        /// `GrowthBook`, hash version 1; the salt is the seed of the experiment, by default its key. Write its ranges as `slots`.
        GrowthbookV1 = "growthbook-v1",
        /// `GrowthBook`, hash version 2; salt and slots as for version 1.
        GrowthbookV2 = "growthbook-v2",
        /// Envoy's weighted clusters with `use_hash_policy` on one header, without a salt.
        EnvoyWeighted = "envoy-weighted",
    }
    refused {
        "flagd-v1" = "SDKs of flagd before core 0.15 disagree on divisor, sign and precision: there is no one flagd-v1",
    }
}

written! {
    /// A hash function.
    #[derive(Copy, Eq)]
    pub enum Algorithm {
        /// murmur3 of 32 bits: what most feature-flag systems use.
        Murmur3X86_32 = "murmur3_x86_32",
        /// xxHash of 64 bits: what Envoy hashes requests with.
        Xxh64 = "xxh64",
        /// FNV-1a of 32 bits, which has no seed.
        Fnv1a32 = "fnv1a_32",
        /// FNV-1a of the decimal digits of the FNV-1a, as `GrowthBook` has it.
        Fnv1a32Twice = "fnv1a_32_twice",
    }
}

written! {
    /// What of a text is hashed.
    #[derive(Copy, Eq)]
    pub enum Encoding {
        /// Its bytes as they are.
        Raw = "raw",
        /// The text as one CBOR text item.
        CborText = "cbor_text",
        /// A CBOR array of two text items, salt and id. The format must be `{salt}{id}`.
        CborPair = "cbor_pair",
    }
}

written! {
    /// How a hash becomes a bucket.
    #[derive(Copy, Eq)]
    pub enum Reduce {
        /// `hash * buckets >> 32`, of hashes of 32 bits: a finer number of buckets moves nobody.
        MultiplyShift = "multiply_shift",
        /// The remainder: another number of buckets deals everybody anew.
        Modulo = "modulo",
    }
}

written! {
    /// How buckets belong to lanes.
    #[derive(Copy, Eq)]
    pub enum Layout {
        /// Each lane has a part of its own and fills it from the start: growing one moves nobody between others.
        Slots = "slots",
        /// End to end in the order of the list, as wide as their weights: growing one moves users of those after it.
        Stacked = "stacked",
    }
}

written! {
    /// A group of an AB test.
    pub struct Group {
        /// The lane of the group. Required.
        lane: Option<String> [required],
        /// Its share of everybody in percent, in steps of 0.01; where lanes are stacked, a whole number, of as many as all add up to.
        /// Required, except for the control group.
        weight: Option<f64>,
        /// The parts of the bucket space that the group may fill, one after the other; default: equal parts. See
        /// docs/architecture.md, "Slots".
        slots: Vec<Slot>,
    }
}

written! {
    /// The canary mode: one stable lane, one or more candidates with a percentage.
    pub struct Canary {
        /// The lane of everybody else. Required.
        stable: Option<String> [required],
        /// The lanes on trial.
        candidates: Vec<Candidate>,
        /// Decides who goes first, together with the gray id; default: the name of the release. Canaries of one salt let the same
        /// users go first in all of them.
        salt: Option<String>,
        /// How users become buckets; default: graylane's own way.
        hash: Option<Hash>,
    }
}

written! {
    /// A lane on trial.
    pub struct Candidate {
        /// The lane. Required.
        lane: Option<String> [required],
        /// Its share of everybody in percent, in steps of 0.01. Required, unless `ramp` says it.
        percent: Option<f64>,
        /// Its share as it changes by itself. All proxies agree on it without talking: it follows from policy and clock.
        ramp: Option<Ramp>,
        /// The parts of the bucket space that the candidate may fill, one after the other; default: equal parts.
        slots: Vec<Slot>,
    }
}

written! {
    /// A share that changes by itself, by points in time in their order. Nobody is in before the first one; the last one stays.
    pub enum Ramp {
        /// Each point's percentage holds until the next one.
        Steps(Vec<Point>) = "steps",
        /// The percentage grows, or shrinks, evenly from one point to the next.
        Linear(Vec<Point>) = "linear",
    }
}

written! {
    /// A share at a point in time.
    pub struct Point {
        /// The time with its offset: `2026-12-01T09:00:00+01:00`. Required.
        at: Option<String> [required],
        /// The share in percent, in steps of 0.01. Required.
        percent: Option<f64> [required],
    }
}

written! {
    /// A part of the bucket space, in percent: `from` is in, `to` is not.
    pub struct Slot {
        /// Where it starts, 0 to 100 in steps of 0.01. Required.
        from: Option<f64> [required],
        /// Where it ends, 0 to 100 in steps of 0.01. Required.
        to: Option<f64> [required],
    }
}

written! {
    /// The blue-green mode: two lanes, one active.
    pub struct BlueGreen {
        /// The lane of everybody. Required.
        active: Option<String> [required],
        /// Who sees the idle lane before the switch.
        preview: Option<Preview>,
        /// How long users whom a sticky cookie remembers in the idle lane stay there after the switch. Needs `sticky`.
        drain: Option<Drain>,
    }
}

written! {
    /// How long the idle lane keeps the users that it has.
    pub struct Drain {
        /// The deadline, with its offset: `2026-12-01T09:00:00+01:00`. Required.
        until: Option<String> [required],
    }
}

written! {
    /// Who sees the idle lane before the switch.
    pub struct Preview {
        /// The condition. Required.
        when: Option<Condition> [required],
    }
}
