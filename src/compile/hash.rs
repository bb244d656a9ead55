//! Written hashes -> hashers.

use crate::arena::Arena;
use crate::error::{At, OneOf, Problem, Quoted};
use crate::hash::{Algorithm, Buckets, Encoding, Format, Preset, Reduction, Scheme};
use crate::policy::{Hash, Layout};
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
    let preset = preset(written, native, &mut at.key("hash"));
    let at = &mut at.key("hash");
    let mut scheme = preset.scheme;
    scheme.algorithm =
        word(written.algorithm.as_deref(), &Algorithm::NAMES, scheme.algorithm, &mut at.key("algorithm"));
    scheme.encoding =
        word(written.encoding.as_deref(), &Encoding::NAMES, scheme.encoding, &mut at.key("encoding"));
    scheme.reduction =
        word(written.reduce.as_deref(), &Reduction::NAMES, scheme.reduction, &mut at.key("reduce"));
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
            "the salt counts for nothing: the format has no {salt}, so every such split is the same one",
        );
    }
    let expanded = format.map(|format| format.expand(salt.unwrap_or_default())).unwrap_or_default();
    let (before, after) = (arena.keep(&expanded.before), arena.keep(&expanded.after));
    CompiledHash {
        hasher: Hasher { scheme, before, after },
        buckets: scheme.buckets,
        layout,
        extra: u32::from(preset.name == Preset::FEATUREHUB.name),
    }
}

/// Whether a salt must be written: whether the text that is hashed has one.
pub(super) fn is_salted(written: Option<&Hash>) -> bool {
    let format = written.and_then(|hash| {
        let preset = hash.preset.as_deref().and_then(Preset::named).map(|preset| preset.format);
        hash.format.as_deref().or(preset)
    });
    format.is_none_or(|format| Format::parse(format).is_ok_and(Format::is_salted))
}

fn preset(written: &Hash, native: Preset, at: &mut At<'_>) -> Preset {
    let Some(name) = &written.preset else { return native };
    let at = &mut at.key("preset");
    match Preset::named(name) {
        Some(preset) if preset.name == native.name => native,
        Some(preset) => *preset,
        None => {
            let names: Vec<&str> = Preset::ALL.iter().map(|preset| preset.name).collect();
            match Preset::refused(name) {
                Some(why) => at.error(Problem::NotFound, Quoted(name), why),
                None => at.error(Problem::NotFound, Quoted(name), OneOf(&names)),
            }
            native
        }
    }
}

/// The value that a word names.
fn word<T: Copy>(written: Option<&str>, names: &[(&str, T)], default: T, at: &mut At<'_>) -> T {
    let Some(word) = written else { return default };
    if let Some((_, value)) = names.iter().find(|(name, _)| *name == word) {
        return *value;
    }
    let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    at.error(Problem::NotFound, Quoted(word), OneOf(&names));
    default
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
