//! From a row's text to hash, bucket or ratio.

use graylane::hash::systems::{devcycle, envoy, flagsmith, growthbook, launchdarkly, raw, split, vwo};
use graylane::hash::{Algorithm, Expanded, Format, Reduction, xxh64};
use serde_json::Value;

use super::row::{ID, Names, Row};
use super::system::{Bucketing, Function, Reduced, System};
use super::{Known, Unknown};

/// What stands in place of the salt, by system.
const SALT: Names<'_> = &[
    "salt",
    "group_id",
    "groupId",
    "parent_id",
    "experiment_id",
    "flag_key",
    "flagKey",
    "flag",
    "feature_id",
    "featureId",
    "feature",
];

/// The text that is hashed: the row's own, or put together as the system does. `None` where there is nobody
/// to hash.
pub(super) fn text(row: Row<'_>, system: System) -> Known<Option<Vec<u8>>> {
    if let Some(input) = row.input()? {
        return Ok(Some(input));
    }
    if row.is_null(&["input"]) || row.is_null(&["identifier"]) {
        return Ok(None);
    }
    put_together(row, system).map(|text| Some(text.into_bytes()))
}

/// The text that is hashed, of a row that has somebody to hash.
pub(super) fn some_text(row: Row<'_>, system: System) -> Known<Vec<u8>> {
    text(row, system)?.ok_or_else(|| Unknown::new("nobody to hash"))
}

fn put_together(row: Row<'_>, system: System) -> Known<String> {
    let field = |names: Names<'_>, name| row.text(names).ok_or_else(|| Unknown::missing(name));
    let id = || field(ID, "input");
    let salt = || field(SALT, "input, and no salt to make it of");
    match system {
        System::LaunchDarkly => match row.seed() {
            Some(seed) => Ok(format!("{seed}.{}", id()?)),
            None => Ok(format!(
                "{}.{}.{}",
                field(&["flag_key", "flagKey", "flag", "hash_key", "key"], "input")?,
                field(&["salt"], "input, and no salt to make it of")?,
                id()?
            )),
        },
        System::Statsig => match (row.text(&["config_salt"]), row.text(&["rule_salt", "rule_id"])) {
            (Some(config), Some(rule)) => Ok(format!("{config}.{rule}.{}", id()?)),
            _ => Ok(format!("{}.{}", salt()?, id()?)),
        },
        System::Flagsmith => match row.texts(&["object_ids", "ids"]) {
            Some(ids) => Ok(ids.join(",")),
            None => {
                Ok(format!("{},{}", field(&["feature_key", "segment_key", "object_key"], "input")?, id()?))
            }
        },
        System::PlanOut => {
            let unit = row.texts(&["unit", "units"]).map_or_else(id, |units| Ok(units.join(".")))?;
            let salt = row.text(&["full_salt"]).map_or_else(
                || {
                    let experiment = field(&["experiment_salt", "experiment"], "input")?;
                    Ok(format!(
                        "{experiment}.{}",
                        field(&["param_salt", "parameter", "param", "salt"], "input")?
                    ))
                },
                Ok,
            )?;
            Ok(format!("{salt}.{unit}"))
        }
        System::Vwo => {
            let parts = [row.text(&["campaign_id", "salt"]), row.text(&["account_id"]), Some(id()?)];
            Ok(parts.into_iter().flatten().collect::<Vec<_>>().join("_"))
        }
        System::DevCycle => id(),
        System::Hash(_) | System::Nginx | System::GrowthBook => field(&["text", "value", "key"], "input"),
        _ => {
            let format = system.preset().and_then(|preset| Format::parse(preset.format).ok());
            let format = format.ok_or_else(|| Unknown::missing("input"))?;
            let salt = if format.is_salted() { salt()? } else { String::new() };
            let Expanded { before, after } = format.expand(&salt);
            Ok(format!("{before}{}{after}", id()?))
        }
    }
}

/// The hash of a row's text; of a row without one, the hash that it begins with.
pub(super) fn hash_or_given(row: Row<'_>, system: System) -> Known<u64> {
    match (row.input(), row.get(&["hash"]).and_then(super::row::bits)) {
        (Ok(None), Some(given)) if row.get(ID).is_none() => Ok(given),
        _ => hash(row, system).map(|(hash, _)| hash),
    }
}

/// The hash of a row, and all digits of it where the function has more.
pub(super) fn hash(row: Row<'_>, system: System) -> Known<(u64, Option<String>)> {
    let function = system.function(row);
    if let Some(values) = row.texts(&["inputs", "input", "chain", "values"]) {
        return match function {
            Function::Of(Algorithm::Xxh64) => Ok((
                envoy::chained(values.iter().map(String::as_bytes), row.seed().unwrap_or_default()),
                None,
            )),
            _ => Err(Unknown::new("only xxh64 chains several inputs")),
        };
    }
    hash_of(row, system, &some_text(row, system)?)
}

fn hash_of(row: Row<'_>, system: System, text: &[u8]) -> Known<(u64, Option<String>)> {
    let seed_64 = row.seed();
    let seed = || {
        let fits =
            |seed: u64| u32::try_from(seed).map_err(|_| Unknown::unreadable("seed", "a number of 32 bits"));
        seed_64.map_or_else(|| default_seed(row, system), fits)
    };
    let digits = |digest: &[u8]| {
        let nibbles = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        nibbles.map(|nibble| char::from_digit(u32::from(nibble), 16)).collect::<Option<String>>()
    };
    Ok(match system.function(row) {
        Function::Java => {
            let text = std::str::from_utf8(text).map_err(|_| Unknown::unreadable("input", "a text"))?;
            (u64::from(split::legacy_hash(text, seed()?.cast_signed()).cast_unsigned()), None)
        }
        Function::Djb2 => (envoy::djb2_case_insensitive(text), None),
        // These two have seeds of 64 bits.
        Function::Of(Algorithm::Xxh64) => (xxh64(seed_64.unwrap_or_default(), &[text]), None),
        Function::Of(Algorithm::Murmur2X64) => {
            let default = if system == System::Envoy { envoy::MURMUR2_SEED } else { 0 };
            (raw::murmur2_x64(text, seed_64.unwrap_or(default)), None)
        }
        Function::Of(algorithm) => {
            let digest = match algorithm {
                Algorithm::Md5Be32 => digits(&raw::md5(text)),
                Algorithm::Sha1Be60 => digits(&raw::sha1(text)),
                Algorithm::Sha256Be64 => digits(&raw::sha256(text)),
                _ => None,
            };
            let is_seeded = matches!(
                algorithm,
                Algorithm::Murmur3X86_32 | Algorithm::Murmur2X32 | Algorithm::Murmur3X64High
            );
            (algorithm.hash(if is_seeded { seed()? } else { 0 }, &[text]), digest)
        }
    })
}

/// The seed of a system whose rows do not say; Split's is the flag's own.
fn default_seed(row: Row<'_>, system: System) -> Known<u32> {
    if system.needs_seed(row) {
        return Err(Unknown::missing("seed"));
    }
    Ok(system.preset().map_or(0, |preset| preset.scheme.seed))
}

/// The bucket of a row, counted from what the row or the system counts from, and that beginning.
pub(super) fn bucket(row: Row<'_>, system: System, kind: &str) -> Known<Bucket> {
    let (hash, _) = hash(row, system)?;
    reduce(row, system, kind, hash)
}

/// A bucket, and what buckets are counted from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    pub(super) number: u64,
    pub(super) offset: u64,
}

impl Bucket {
    /// The bucket counted from 0.
    pub(super) fn counted_from_0(self) -> Known<u64> {
        self.number.checked_sub(self.offset).ok_or_else(|| Unknown::new("the bucket is below the first one"))
    }
}

/// Reduces a hash as the row says, or else the system.
pub(super) fn reduce(row: Row<'_>, system: System, kind: &str, hash: u64) -> Known<Bucket> {
    let Reduced { reduction, buckets, offset } = reduced(row, system, kind)?;
    let number = match system {
        System::Split(Bucketing::Legacy | Bucketing::Murmur3Signed) => {
            if (reduction, buckets, offset) != (Reduction::Modulo, 100, 1) {
                return Err(Unknown::new("signed buckets are 1 to 100"));
            }
            let hash = u32::try_from(hash).map_err(|_| Unknown::new("the hash has more than 32 bits"))?;
            split::signed_bucket(hash.cast_signed())
        }
        System::Vwo if reduction == Reduction::MultiplyShift && offset == 1 => {
            let hash = u32::try_from(hash).map_err(|_| Unknown::new("the hash has more than 32 bits"))?;
            let percent = row.number(&["percent_traffic", "percentTraffic"])?;
            let stretched = percent.filter(|_| buckets == vwo::VARIATIONS).map(vwo::multiplier);
            vwo::bucket(hash, buckets, row.number(&["multiplier"])?.or(stretched).unwrap_or(1.0))
        }
        _ => {
            if reduction == Reduction::MultiplyShift && hash > u64::from(u32::MAX) {
                return Err(Unknown::new("multiply-shift is for hashes of 32 bits"));
            }
            // A count of 0 is an answer for one system alone.
            if buckets == 0 && system != System::GoFeatureFlag {
                return Err(Unknown::unreadable("modulus", "more than 0"));
            }
            let number = u64::from(reduction.reduce(hash, buckets)).checked_add(offset);
            number
                .ok_or_else(|| Unknown::unreadable("offset", "a number that leaves room for the buckets"))?
        }
    };
    Ok(Bucket { number, offset })
}

fn reduced(row: Row<'_>, system: System, kind: &str) -> Known<Reduced> {
    let own = system.reduced(kind);
    let offset = match row.whole(&["offset"])? {
        Some(offset) => offset,
        None if kind == "normalized" => 1,
        None => system.offset(),
    };
    let modulus = row.count(&["modulus", "total_shards", "totalShards", "normalizer", "max_percentage"])?;
    if let Some(buckets) = modulus {
        return Ok(Reduced { reduction: Reduction::Modulo, buckets, offset });
    }
    if let Some(buckets) = row.count(&["buckets", "max_value"])? {
        // A system that only ever takes the remainder does so with whatever count.
        let reduction = own.map_or(Reduction::MultiplyShift, |own| own.reduction);
        return Ok(Reduced { reduction, buckets, offset });
    }
    own.map(|own| Reduced { offset, ..own }).ok_or_else(|| Unknown::missing("modulus or buckets"))
}

/// The part of 1 (of 100 for Flagsmith) that a row has.
pub(super) fn ratio(row: Row<'_>, system: System) -> Known<f64> {
    match system {
        System::LaunchDarkly => launchdarkly_ratio(row).map(f64::from),
        System::Flagsmith => {
            let text = String::from_utf8(some_text(row, system)?);
            text.map(|text| flagsmith::percentage(&text)).map_err(|_| Unknown::unreadable("input", "a text"))
        }
        System::GrowthBook => {
            growthbook_ratio(row)?.ok_or_else(|| Unknown::new("there is no such version of the hash"))
        }
        System::DevCycle => {
            let target =
                row.text(&["target_id", "target", "salt"]).ok_or_else(|| Unknown::missing("target_id"))?;
            Ok(devcycle::ratio(&some_text(row, system)?, target.as_bytes()))
        }
        System::PlanOut => {
            let text = some_text(row, system)?;
            Ok(graylane::hash::systems::planout::random_float(&text, 0.0, 1.0))
        }
        _ => Err(Unknown::new("the system has no ratios")),
    }
}

/// The ratio of `LaunchDarkly` in its own precision. What is neither text nor a whole number has 0.
pub(super) fn launchdarkly_ratio(row: Row<'_>) -> Known<f32> {
    let is_bucketable = |value: &Value| value.is_string() || value.is_u64() || value.is_i64();
    let value = row.get(&["context_value", "value"]).filter(|_| row.get(&["input"]).is_none());
    if value.is_some_and(|value| !is_bucketable(value)) || row.is_null(&["input"]) {
        return Ok(0.0);
    }
    some_text(row, System::LaunchDarkly).map(|text| launchdarkly::ratio(&text))
}

/// The ratio of a `GrowthBook` value under a seed; `None` for a version that does not exist.
pub(super) fn growthbook_ratio(row: Row<'_>) -> Known<Option<f64>> {
    let version = match row.get(&["version", "hash_version"]) {
        Some(Value::String(text)) => text.trim_start_matches('v').parse().ok(),
        Some(number) => number.as_u64(),
        None => Some(1),
    };
    let version = version.ok_or_else(|| Unknown::unreadable("version", "a number"))?;
    let (seed, value) = match (row.text(&["seed"]), row.text(ID)) {
        (Some(seed), Some(value)) => (seed.into_bytes(), value.into_bytes()),
        // The whole text by itself: either order is the same.
        _ => (Vec::new(), some_text(row, System::GrowthBook)?),
    };
    Ok(growthbook::ratio(&seed, &value, version))
}
