//! The steps that rows test, by their kind.

use graylane::hash::Algorithm;
use graylane::hash::systems::{
    amplitude, devcycle, eppo, featurehub, flagsmith, growthbook, planout, split, statsig, unleash, vwo,
};
use serde_json::{Value, json};

use super::choose;
use super::expected::{Answer, DOUBLE, SINGLE};
use super::hash::{self, text};
use super::planout as trials;
use super::row::{Row, bits, number, whole};
use super::system::{Function, System};
use super::{Known, Unknown, list};

/// What the engine answers to a row.
pub(super) fn evaluate(row: Row<'_>) -> Known<Answer> {
    let system = System::of(row)?;
    let kind = row.text(&["kind"]).ok_or_else(|| Unknown::missing("kind"))?;
    match kind.replace('-', "_").replace(' ', "").as_str() {
        "hash" => hash_alone(row, system),
        "smhasher_verification" => verification(row, system),
        kind @ ("normalized" | "bucket" | "hash+bucket" | "hash_and_bucket" | "shard" | "user_bucket") => {
            bucket(row, system, kind)
        }
        "bucket_ratio" => part(row, system),
        kind @ ("rollout" | "traffic_allocation" | "pass_percentage" | "exposure") => gate(row, system, kind),
        "variant" | "variation" | "allocation" | "experiment" | "multivariate" | "treatment"
        | "weighted_cluster" => choose::choose(row, system),
        "bucket_to_variation" => choose::of_bucket(row, system).map(Answer::Choice),
        "rac_assignment" => choose::rac_assignment(row).map(Answer::Choice),
        "ufc_split" => choose::ufc_split(row).map(Answer::Choice),
        "bucket_ranges" => bucket_ranges(row),
        "choose_variation" => choose_variation(row),
        "namespace" => namespace(row),
        "uniform_choice" => trials::uniform_choice(row, system),
        "weighted_choice" => trials::weighted_choice(row, system),
        "bernoulli_trial" => trials::bernoulli_trial(row, system),
        "product_of_uniform_choices" => trials::product_of_uniform_choices(row, system),
        "random_integer" => trials::random_integer(row, system),
        "random_float" => trials::random_float(row, system),
        _ => Err(Unknown::new("the kind is not known")),
    }
}

fn hash_alone(row: Row<'_>, system: System) -> Known<Answer> {
    let has_ratio = matches!(system, System::LaunchDarkly | System::Flagsmith | System::DevCycle);
    let is_fraction = || row.get(&["expected"]).is_some_and(Value::is_f64);
    if system == System::GrowthBook {
        let ratio = hash::growthbook_ratio(row)?;
        return Ok(ratio.map_or(Answer::Choice(None), |number| Answer::Real { number, precision: DOUBLE }));
    }
    if has_ratio && is_fraction() {
        return ratio(row, system);
    }
    hash::hash(row, system).map(|(number, digits)| Answer::Hash { number, digits })
}

/// The check that `SMHasher` runs: the hash, with seed 0, of the little-endian hashes of 256 keys, each of
/// which is one byte longer than the last and has a seed that is one less. The first 32 bits count.
fn verification(row: Row<'_>, system: System) -> Known<Answer> {
    const SEEDED: [Algorithm; 4] =
        [Algorithm::Murmur3X86_32, Algorithm::Xxh64, Algorithm::Murmur2X32, Algorithm::Murmur2X64];
    let algorithm = match system.function(row) {
        Function::Of(algorithm) if SEEDED.contains(&algorithm) => algorithm,
        _ => return Err(Unknown::new("the check of SMHasher is for hashes with a seed of 32 or 64 bits")),
    };
    let key: Vec<u8> = (0..=u8::MAX).collect();
    let width = algorithm.bits() as usize / 8;
    let hashes: Vec<u8> = (0..=u8::MAX)
        .flat_map(|len| {
            let (key, _) = key.split_at_checked(usize::from(len)).unwrap_or_default();
            algorithm.hash(256 - u32::from(len), &[key]).to_le_bytes().into_iter().take(width)
        })
        .collect();
    Ok(Answer::Hash { number: algorithm.hash(0, &[&hashes]) & u64::from(u32::MAX), digits: None })
}

/// A reduced hash; the hash itself is held against the row's `hash` where that is a number.
fn bucket(row: Row<'_>, system: System, kind: &str) -> Known<Answer> {
    if system == System::Flagsmith || system == System::LaunchDarkly {
        return ratio(row, system);
    }
    let hash = hash::hash_or_given(row, system)?;
    let bucket = hash::reduce(row, system, kind, hash)?;
    let is_told = row.get(&["hash"]).is_some_and(|told| bits(told).is_some());
    let is_pair = row.get(&["expected"]).is_some_and(|expected| expected.is_object() || expected.is_array());
    if kind.starts_with("hash") && !is_told && !is_pair {
        return Err(Unknown::missing("hash"));
    }
    Ok(Answer::Bucket { number: bucket.number, hash: (is_told || is_pair).then_some(hash) })
}

/// A part of 1.
fn part(row: Row<'_>, system: System) -> Known<Answer> {
    match ratio(row, system)? {
        Answer::Real { number, precision } if system == System::Flagsmith => {
            Ok(Answer::Real { number: number / 100.0, precision })
        }
        ratio => Ok(ratio),
    }
}

/// What the system has in place of a bucket: a part of 1, for Flagsmith a percentage.
fn ratio(row: Row<'_>, system: System) -> Known<Answer> {
    let precision = if system == System::LaunchDarkly { SINGLE } else { DOUBLE };
    hash::ratio(row, system).map(|number| Answer::Real { number, precision })
}

/// The percentage, or whatever a gate is open to, by the names that systems give it.
const OPEN_TO: super::row::Names<'_> = &[
    "percentage",
    "traffic_allocation",
    "percent_traffic",
    "percentTraffic",
    "pass_percentage",
    "passPercentage",
    "percent",
    "percent_exposure",
    "coverage",
    "rollout",
    "allocation",
];

fn gate(row: Row<'_>, system: System, kind: &str) -> Known<Answer> {
    let open_to = row.number(OPEN_TO)?.ok_or_else(|| Unknown::missing("percentage"))?;
    // With nobody to hash nobody is in.
    if text(row, system)?.is_none() {
        return Ok(Answer::Gate(false));
    }
    let whole = || whole(&json!(open_to)).ok_or_else(|| Unknown::unreadable("percentage", "a whole number"));
    let is_in = match system {
        System::GrowthBook => growthbook::is_covered(hash::ratio(row, system)?, open_to),
        System::Flagsmith => flagsmith::is_in_segment(hash::ratio(row, system)?, open_to),
        System::DevCycle => devcycle::is_rolled_out(hash::ratio(row, system)?, open_to),
        System::PlanOut => planout::bernoulli_trial(&hash::some_text(row, system)?, open_to),
        System::Amplitude => {
            #[expect(clippy::cast_precision_loss, reason = "below 100")]
            let gate = amplitude::gate(&hash::some_text(row, system)?) as f64;
            gate < open_to
        }
        System::Statsig => {
            // A pass percentage is of 10,000, whatever layers have.
            statsig::passes(hash::bucket(row, system, kind)?.counted_from_0()?, open_to)
        }
        System::Eppo => {
            let total = row.whole(&["total_shards", "totalShards"])?.unwrap_or(10_000);
            eppo::is_exposed(hash::bucket(row, system, kind)?.counted_from_0()?, open_to, total)
        }
        System::FeatureHub => {
            let base = row.whole(&["base", "base_percentage"])?.unwrap_or_default();
            featurehub::is_in_strategy(hash::bucket(row, system, kind)?.counted_from_0()?, base, whole()?)
        }
        System::Vwo => vwo::is_in_campaign(hash::bucket(row, system, kind)?.number, open_to),
        System::Unleash => unleash::is_rolled_out(hash::bucket(row, system, kind)?.number, whole()?),
        System::Split(_) => match row.get(&["traffic_allocation_seed"]).and_then(bits) {
            Some(seed) => {
                let seed =
                    u32::try_from(seed).map_err(|_| Unknown::unreadable("seed", "a number of 32 bits"))?;
                split::bucket(&hash::some_text(row, system)?, seed) <= whole()?
            }
            None => hash::bucket(row, system, kind)?.number <= whole()?,
        },
        System::Hash(_) => hash::bucket(row, system, kind)?.counted_from_0()? < whole()?,
        System::Envoy
        | System::Flagd
        | System::GoFeatureFlag
        | System::LaunchDarkly
        | System::Nginx
        | System::Optimizely => return Err(Unknown::new("the system has no such gate")),
    };
    Ok(Answer::Gate(is_in))
}

fn bucket_ranges(row: Row<'_>) -> Known<Answer> {
    let variations = match row.get(&["variations", "num_variations"]) {
        Some(Value::Array(list)) => list.len() as u64,
        Some(number) => {
            whole(number).ok_or_else(|| Unknown::unreadable("variations", "a number or a list"))?
        }
        None => return Err(Unknown::missing("variations")),
    };
    // More than anybody has; a list of so many is made below.
    let variations = usize::try_from(variations).ok().filter(|count| *count <= 10_000);
    let variations = variations.ok_or_else(|| Unknown::unreadable("variations", "at most 10000"))?;
    let (coverage, weights) = choose::coverage_and_weights(row)?;
    Ok(Answer::Ranges(growthbook::ranges(variations, coverage, weights.as_deref())))
}

fn choose_variation(row: Row<'_>) -> Known<Answer> {
    let number = row.number(&["n", "number", "bucket"])?.ok_or_else(|| Unknown::missing("n"))?;
    let ranges = list::real_ranges(row).ok_or_else(|| Unknown::missing("ranges"))?;
    let index = growthbook::variation(number, &ranges).and_then(|index| i64::try_from(index).ok());
    Ok(Answer::Whole(index.unwrap_or(-1)))
}

fn namespace(row: Row<'_>) -> Known<Answer> {
    let user = row.text(super::row::ID).ok_or_else(|| Unknown::missing("user"))?;
    let namespace = row.list(&["namespace"]).ok_or_else(|| Unknown::missing("namespace"))?;
    let parts = match namespace.as_slice() {
        [Value::String(name), start, end] => Some(name).zip(number(start).zip(number(end))),
        _ => None,
    };
    let parts = parts.ok_or_else(|| Unknown::unreadable("namespace", "a name, a start and an end"))?;
    let (name, (start, end)) = parts;
    Ok(Answer::Gate(growthbook::is_in_namespace(user.as_bytes(), name.as_bytes(), start, end)))
}
