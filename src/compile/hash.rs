//! Written hashes -> hashers.

use crate::arena::Arena;
use crate::error::{At, Problem, Quoted};
use crate::hash::{Algorithm, Buckets, Encoding, Format, Preset, Reduction, Scheme};
use crate::policy::{self, Hash, Layout};
use crate::split::Hasher;

/// A hash, checked, and how its buckets are laid out.
pub(super) struct CompiledHash {
    pub(super) hasher: Hasher,
    pub(super) buckets: Buckets,
    pub(super) layout: Layout,
    /// 1 where a share's last bucket is in, as `FeatureHub` counts.
    pub(super) extra: u32,
}

/// The hash that is written under the key `hash` of what stands at `at`; where none is, graylane's own with `seed`.
pub(super) fn hash(
    written: Option<&Hash>,
    seed: u32,
    salt: Option<&str>,
    arena: &mut Arena,
    at: &mut At<'_>,
) -> CompiledHash {
    let default = Hash::default();
    let written = written.unwrap_or(&default);
    let native = Preset { scheme: Scheme { seed, ..Scheme::NATIVE }, ..Preset::NATIVE };
    let preset = match written.preset {
        None | Some(policy::Preset::Native) => native,
        Some(written) => *preset(written),
    };
    let at = &mut at.key("hash");
    let mut scheme = preset.scheme;
    scheme.algorithm = written.algorithm.map_or(scheme.algorithm, algorithm);
    scheme.encoding = written.encoding.map_or(scheme.encoding, encoding);
    scheme.reduction = written.reduce.map_or(scheme.reduction, reduction);
    scheme.seed = seed_of(written, &preset, &mut at.key("seed"));
    let layout = written.layout.unwrap_or(match preset.layout {
        crate::hash::Layout::Slots => Layout::Slots,
        crate::hash::Layout::Stacked => Layout::Stacked,
    });
    scheme.buckets = match written.buckets {
        Some(count) => {
            if !(1..=Buckets::MAX).contains(&count) {
                at.key("buckets").error(Problem::Invalid, count, format_args!("1 to {}", Buckets::MAX));
            }
            Buckets::Count(count)
        }
        None if layout == Layout::Stacked && written.preset.is_none() => Buckets::SumOfWeights,
        None => scheme.buckets,
    };
    if scheme.buckets == Buckets::SumOfWeights && layout == Layout::Slots {
        at.key("buckets").error(Problem::Required, "", "a number; slots are parts of it");
    }
    if scheme.reduction == Reduction::MultiplyShift && scheme.algorithm.bits() != 32 {
        at.key("reduce").error(
            Problem::Invalid,
            Quoted("multiply_shift"),
            "modulo; this algorithm has 64 bits",
        );
    }
    let text = written.format.as_deref().unwrap_or(preset.format);
    let format = Format::parse(text);
    if let Err(fault) = format {
        at.key("format").error(Problem::Invalid, Quoted(text), fault);
    }
    if format.is_ok_and(|format| !scheme.encoding.fits(format)) {
        at.key("format").error(Problem::Invalid, Quoted(text), "{salt}{id}; cbor_pair encodes the two apart");
    }
    if format.is_ok_and(|format| !format.is_salted()) && salt.is_some() {
        at.warning(
            "the salt counts for nothing: the format has no {salt}, so every such split of one seed is the same one",
        );
    }
    let expanded = format.map(|format| format.expand(salt.unwrap_or_default())).unwrap_or_default();
    let (before, after) = (arena.keep(&expanded.before), arena.keep(&expanded.after));
    CompiledHash {
        hasher: Hasher { scheme, before, after },
        buckets: scheme.buckets,
        layout,
        extra: u32::from(written.preset == Some(policy::Preset::Featurehub)),
    }
}

/// Whether a salt must be written: whether the text that is hashed has one.
pub(super) fn is_salted(written: Option<&Hash>) -> bool {
    let format = written.and_then(|hash| {
        let preset = hash.preset.map(|written| preset(written).format);
        hash.format.as_deref().or(preset)
    });
    format.is_none_or(|format| Format::parse(format).is_ok_and(Format::is_salted))
}

/// The preset of a word.
fn preset(written: policy::Preset) -> &'static Preset {
    match written {
        policy::Preset::Native => &Preset::NATIVE,
        policy::Preset::UnleashRollout => &Preset::UNLEASH_ROLLOUT,
        policy::Preset::UnleashVariant => &Preset::UNLEASH_VARIANT,
        policy::Preset::Optimizely => &Preset::OPTIMIZELY,
        policy::Preset::OptimizelyGroup => &Preset::OPTIMIZELY_GROUP,
        policy::Preset::FlagdV2 => &Preset::FLAGD_V2,
        policy::Preset::FlagdV3 => &Preset::FLAGD_V3,
        policy::Preset::Split => &Preset::SPLIT,
        policy::Preset::Vwo => &Preset::VWO,
        policy::Preset::Featurehub => &Preset::FEATUREHUB,
        policy::Preset::GrowthbookV1 => &Preset::GROWTHBOOK_V1,
        policy::Preset::GrowthbookV2 => &Preset::GROWTHBOOK_V2,
        policy::Preset::EnvoyWeighted => &Preset::ENVOY_WEIGHTED,
    }
}

fn algorithm(written: policy::Algorithm) -> Algorithm {
    match written {
        policy::Algorithm::Murmur3X86_32 => Algorithm::Murmur3X86_32,
        policy::Algorithm::Xxh64 => Algorithm::Xxh64,
        policy::Algorithm::Fnv1a32 => Algorithm::Fnv1a32,
        policy::Algorithm::Fnv1a32Twice => Algorithm::Fnv1a32Twice,
    }
}

fn encoding(written: policy::Encoding) -> Encoding {
    match written {
        policy::Encoding::Raw => Encoding::Raw,
        policy::Encoding::CborText => Encoding::CborText,
        policy::Encoding::CborPair => Encoding::CborPair,
    }
}

fn reduction(written: policy::Reduce) -> Reduction {
    match written {
        policy::Reduce::MultiplyShift => Reduction::MultiplyShift,
        policy::Reduce::Modulo => Reduction::Modulo,
    }
}

fn seed_of(written: &Hash, preset: &Preset, at: &mut At<'_>) -> u32 {
    let Some(seed) = written.seed else {
        if preset.needs_seed {
            at.error(Problem::Required, "", "the seed of the flag, as the other system has it");
        }
        return preset.scheme.seed;
    };
    let bits = u32::try_from(seed).ok().or_else(|| i32::try_from(seed).ok().map(i32::cast_unsigned));
    bits.unwrap_or_else(|| {
        at.error(Problem::Invalid, seed, "-2147483648 to 4294967295");
        0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Path, PolicyErrors};
    use crate::node::Node;
    use crate::read::Written;

    /// The value of a word, as a policy is read.
    fn read<T: Written>(word: &str) -> Result<T, PolicyErrors> {
        let mut errors = PolicyErrors::default();
        let value = T::read(&Node::Text(word.into()), &mut At::new(Path::Root, &mut errors));
        errors.into_result(value)
    }

    #[test]
    fn each_word_means_what_bears_its_name() {
        for known in Preset::ALL {
            assert_eq!(preset(read(known.name).unwrap()), known);
        }
        for (name, known) in Algorithm::NAMES {
            assert_eq!(algorithm(read(name).unwrap()), known);
        }
        for (name, known) in Encoding::NAMES {
            assert_eq!(encoding(read(name).unwrap()), known);
        }
        for (name, known) in Reduction::NAMES {
            assert_eq!(reduction(read(name).unwrap()), known);
        }
    }

    #[test]
    fn there_is_no_flagd_v1_and_a_reason_for_it() {
        let refused = read::<policy::Preset>("flagd-v1").unwrap_err().to_string();
        assert!(refused.starts_with("Unsupported value: \"flagd-v1\": SDKs of flagd before "), "{refused}");
    }
}
