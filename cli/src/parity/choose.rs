//! From a row to the choice that a system makes.

use graylane::hash::systems::{
    envoy, eppo, featurehub, flagd, flagsmith, go_feature_flag, growthbook, launchdarkly, nginx, optimizely,
    planout, split, unleash, vwo, walk,
};
use graylane::hash::{Encoding, Expanded, Format, Preset, Scheme};
use serde_json::{Value, json};

use super::expected::Answer;
use super::hash::{self, some_text, text};
use super::list::{self, whole_weights};
use super::row::{Row, number};
use super::system::System;
use super::{Known, Unknown};

/// A choice by its name; `None` is no variation.
pub(super) type Choice = Option<Value>;

/// The entry at a position.
pub(super) fn chosen(names: Vec<Value>, index: Option<usize>) -> Choice {
    names.into_iter().nth(index?)
}

/// The choice of a row.
pub(super) fn choose(row: Row<'_>, system: System) -> Known<Answer> {
    let choice = match system {
        System::GrowthBook => growthbook_experiment(row)?,
        System::Flagd if row.get(&["value"]).is_some() => flagd_variant(row)?,
        // A user without a usable value is in the first bucket.
        System::LaunchDarkly => {
            let (names, weights) = real_weights(row)?;
            let index =
                launchdarkly::variation(hash::launchdarkly_ratio(row)?, weights.into_iter().map(single));
            chosen(names, index)
        }
        // Nobody else chooses without anybody.
        _ if text(row, system)?.is_none() => None,
        System::Flagd => flagd_variant(row)?,
        System::Flagsmith => return flagsmith_variant(row),
        System::PlanOut => {
            let (names, weights) = real_weights(row)?;
            chosen(names, planout::weighted_choice(&some_text(row, system)?, &weights))
        }
        System::GoFeatureFlag => go_feature_flag_variation(row)?,
        System::Vwo if list::ends(row).is_none() => vwo_variation(row)?,
        System::Split(_) => split_treatment(row, system)?,
        _ => laid_out(row, system)?,
    };
    Ok(Answer::Choice(choice))
}

/// The choice of a row that begins with the bucket, counted as its system counts.
pub(super) fn of_bucket(row: Row<'_>, system: System) -> Known<Choice> {
    let bucket = row.whole(&["bucket"])?.ok_or_else(|| Unknown::missing("bucket"))?;
    if list::ends(row).is_none() {
        if system == System::Vwo {
            let (names, ranges) = vwo_ranges(row)?;
            return Ok(chosen(names, vwo::variation(bucket, &ranges)));
        }
        if let System::Split(_) = system {
            let (names, sizes) = whole_weights(list::weights(row, false)?)?;
            return Ok(chosen(names, split::treatment(bucket, sizes)).or_else(|| Some(json!("control"))));
        }
    }
    let offset = row.whole(&["offset"])?.unwrap_or_else(|| system.offset());
    let Some(bucket) = bucket.checked_sub(offset) else { return Ok(None) };
    in_ends_or_ranges(row, bucket).map_or_else(
        || {
            let (names, weights) = whole_weights(list::weights(row, false)?)?;
            Ok(chosen(names, walk::stacked(bucket, weights)))
        },
        Ok,
    )
}

/// The choice of a bucket, counted from 0, where the row has ends or ranges.
fn in_ends_or_ranges(row: Row<'_>, bucket: u64) -> Option<Choice> {
    if let Some(ends) = list::ends(row) {
        let (names, ends): (Vec<Value>, Vec<u64>) = ends.into_iter().unzip();
        return Some(chosen(names, optimizely::range(bucket, ends)));
    }
    let ranges = list::named_ranges(row)?;
    let owns = |ranges: &[(u64, u64)]| walk::within(bucket, ranges.iter().copied()).is_some();
    Some(ranges.into_iter().find(|(_, ranges)| owns(ranges)).map(|(name, _)| name))
}

/// The choice of a system that lays whole numbers end to end, or in ranges.
fn laid_out(row: Row<'_>, system: System) -> Known<Choice> {
    if list::ends(row).is_some() || list::named_ranges(row).is_some() {
        let bucket = hash::bucket(row, system, "bucket")?.counted_from_0()?;
        return Ok(in_ends_or_ranges(row, bucket).flatten());
    }
    let (names, weights) = whole_weights(list::weights(row, false)?)?;
    let index = match system {
        System::Unleash => {
            let normalizer = row.whole(&["modulus", "normalizer"])?;
            let normalizer = normalizer.unwrap_or_else(|| weights.iter().sum());
            let seed = row.seed().and_then(|seed| seed.try_into().ok());
            let seed = seed.unwrap_or(Preset::UNLEASH_VARIANT.scheme.seed);
            let number = unleash::normalized(&some_text(row, system)?, seed, normalizer);
            number.and_then(|number| unleash::variant(number, weights))
        }
        System::Envoy => envoy::weighted_cluster(hash::hash(row, system)?.0, &weights),
        System::Nginx => nginx::part(nginx::hash(&some_text(row, system)?), weights),
        System::FeatureHub => {
            let bucket = hash::bucket(row, system, "bucket")?.counted_from_0()?;
            let mut base = 0_u64;
            weights.iter().position(|weight| {
                let is_in = featurehub::is_in_strategy(bucket, base, *weight);
                base = base.saturating_add(*weight);
                is_in
            })
        }
        System::Optimizely | System::Eppo | System::Statsig | System::Amplitude => {
            walk::stacked(hash::bucket(row, system, "bucket")?.counted_from_0()?, weights)
        }
        _ => return Err(Unknown::new("how the system chooses is not known")),
    };
    Ok(chosen(names, index))
}

fn flagd_variant(row: Row<'_>) -> Known<Choice> {
    let told = row.text(&["version"]).or_else(|| row.text(&["system"])).unwrap_or_default();
    let version = told
        .chars()
        .last()
        .and_then(|digit| digit.to_digit(10))
        .ok_or_else(|| Unknown::missing("version"))?;
    let (names, weights) = whole_weights(list::weights(row, false)?)?;
    let hash = match version {
        1 | 2 => hash::hash(row, System::Flagd)?.0,
        3 => flagd_v3_hash(row)?,
        _ => return Err(Unknown::new("there is no such version of flagd")),
    };
    let hash = u32::try_from(hash).map_err(|_| Unknown::new("the hash has more than 32 bits"))?;
    let variant = if version == 1 { flagd::variant_v1 } else { flagd::variant_v2 };
    Ok(chosen(names, variant(hash, &weights)))
}

/// flagd v3 hashes CBOR: ours for texts and pairs of texts, the row's own bytes for what we do not encode.
fn flagd_v3_hash(row: Row<'_>) -> Known<u64> {
    let is_text = row.text(&["type"]).is_none_or(|kind| kind.eq_ignore_ascii_case("string"));
    let preset = Preset::FLAGD_V3;
    let seed = row.seed().and_then(|seed| seed.try_into().ok()).unwrap_or(preset.scheme.seed);
    let scheme = Scheme { seed, ..preset.scheme };
    match row.get(&["value"]) {
        Some(Value::String(text)) if is_text => {
            let scheme = Scheme { encoding: Encoding::CborText, ..scheme };
            Ok(scheme.hash(b"", text.as_bytes(), b""))
        }
        Some(Value::Array(pair)) if is_text => {
            let [Value::String(salt), Value::String(id)] = pair.as_slice() else {
                return Err(Unknown::unreadable("value", "a text, or a pair of texts"));
            };
            let format = Format::parse(preset.format).map_err(|error| Unknown::new(error.to_string()))?;
            let Expanded { before, after } = format.expand(salt);
            Ok(scheme.hash(before.as_bytes(), id.as_bytes(), after.as_bytes()))
        }
        _ => {
            let encoded = row.input()?.ok_or_else(|| Unknown::missing("input_cbor_hex"))?;
            Ok(Scheme { encoding: Encoding::Raw, ..scheme }.hash(b"", &encoded, b""))
        }
    }
}

fn flagsmith_variant(row: Row<'_>) -> Known<Answer> {
    const CONTROL: super::row::Names<'_> = &["control", "control_value", "default", "default_value", "value"];
    let (names, weights) = real_weights(row)?;
    let index = flagsmith::variant(hash::ratio(row, System::Flagsmith)?, weights);
    Ok(match index {
        Some(_) => Answer::Choice(chosen(names, index)),
        None => row
            .get(CONTROL)
            .map_or(Answer::Control { others: names }, |name| Answer::Choice(Some(name.clone()))),
    })
}

fn growthbook_experiment(row: Row<'_>) -> Known<Choice> {
    let names = row.list(&["variations"]).ok_or_else(|| Unknown::missing("variations"))?.clone();
    let (coverage, weights) = coverage_and_weights(row)?;
    let Some(number) = hash::growthbook_ratio(row)? else { return Ok(None) };
    let ranges = match list::real_ranges(row) {
        Some(ranges) => ranges,
        None => growthbook::ranges(names.len(), coverage, weights.as_deref()),
    };
    Ok(chosen(names, growthbook::variation(number, &ranges)))
}

/// Coverage, by default all, and weights, by default equal ones.
pub(super) fn coverage_and_weights(row: Row<'_>) -> Known<(f64, Option<Vec<f64>>)> {
    let weights = row.list(&["weights"]).map(|weights| {
        let weights: Option<Vec<f64>> = weights.iter().map(number).collect();
        weights.ok_or_else(|| Unknown::unreadable("weights", "numbers"))
    });
    Ok((row.number(&["coverage"])?.unwrap_or(1.0), weights.transpose()?))
}

fn go_feature_flag_variation(row: Row<'_>) -> Known<Choice> {
    let entries = list::weights(row, true)?;
    let named = |(name, weight): &(Value, f64)| Some((name.as_str()?.to_owned(), *weight));
    let named: Option<Vec<(String, f64)>> = entries.iter().map(named).collect();
    let named = named.ok_or_else(|| Unknown::unreadable("weights", "a list of names and weights"))?;
    let borrowed: Vec<(&str, f64)> = named.iter().map(|(name, weight)| (name.as_str(), *weight)).collect();
    let text = some_text(row, System::GoFeatureFlag)?;
    Ok(go_feature_flag::variation(&text, &borrowed).map(|name| json!(name)))
}

fn vwo_variation(row: Row<'_>) -> Known<Choice> {
    let hash = vwo::hash(&some_text(row, System::Vwo)?);
    let percent = row.number(&["percent_traffic", "percentTraffic", "traffic_allocation"])?;
    if percent.is_some_and(|percent| !vwo::is_in_campaign(vwo::bucket(hash, vwo::TRAFFIC, 1.0), percent)) {
        return Ok(None);
    }
    // Older SDKs stretch the buckets by traffic. A row that says how many buckets there are is not about
    // them.
    let stretched = percent.filter(|_| row.get(&["buckets", "max_value"]).is_none()).map(vwo::multiplier);
    let multiplier = row.number(&["multiplier"])?.or(stretched).unwrap_or(1.0);
    let buckets = row.count(&["buckets", "max_value"])?.unwrap_or(vwo::VARIATIONS);
    let bucket = vwo::bucket(hash, buckets, multiplier);
    let (names, ranges) = vwo_ranges(row)?;
    Ok(chosen(names, vwo::variation(bucket, &ranges)))
}

/// The ranges of VWO as they are written, or of weights in percent, or in buckets where they are more than
/// percentages.
fn vwo_ranges(row: Row<'_>) -> Known<(Vec<Value>, Vec<vwo::Range>)> {
    if let Some(ranges) = list::named_ranges(row) {
        return Ok(ranges.into_iter().map(|(name, ranges)| (name, ranges.first().copied())).unzip());
    }
    let (names, mut weights) = real_weights(row)?;
    if weights.iter().sum::<f64>() > 101.0 {
        for weight in &mut weights {
            *weight /= 100.0;
        }
    }
    Ok((names, vwo::ranges(&weights)))
}

fn split_treatment(row: Row<'_>, system: System) -> Known<Choice> {
    let (names, sizes) = whole_weights(list::weights(row, false)?)?;
    let allocation =
        row.whole(&["traffic_allocation", "trafficAllocation"])?.filter(|percent| *percent < 100);
    if let Some(allocation) = allocation {
        let seed = row.get(&["traffic_allocation_seed", "trafficAllocationSeed"]).and_then(super::row::bits);
        let seed = seed
            .and_then(|seed| u32::try_from(seed).ok())
            .ok_or_else(|| Unknown::missing("traffic_allocation_seed"))?;
        if split::bucket(&some_text(row, system)?, seed) > allocation {
            return Ok(row.get(&["default_treatment", "defaultTreatment", "default"]).cloned());
        }
    }
    let bucket = hash::bucket(row, system, "bucket")?.number;
    Ok(chosen(names, split::treatment(bucket, sizes)).or_else(|| Some(json!("control"))))
}

/// Eppo's older format: exposed, and then a range of another hash.
pub(super) fn rac_assignment(row: Row<'_>) -> Known<Choice> {
    let total = row.whole(&["total_shards", "totalShards"])?.unwrap_or(10_000);
    let exposure = row.number(&["percent_exposure", "percentExposure"])?;
    let exposure = exposure.ok_or_else(|| Unknown::missing("percent_exposure"))?;
    let ranges = list::named_ranges(row).ok_or_else(|| Unknown::missing("ranges"))?;
    let shard = |step: &str| {
        let text = row
            .text(&[&format!("{step}_input")])
            .or_else(|| Some(format!("{step}-{}-{}", row.text(&["subject"])?, row.text(&["experiment"])?)));
        let text = text.ok_or_else(|| Unknown::missing(&format!("{step}_input")))?;
        eppo::shard(text.as_bytes(), total).ok_or_else(|| Unknown::unreadable("total_shards", "more than 0"))
    };
    if !eppo::is_exposed(shard("exposure")?, exposure, total) {
        return Ok(None);
    }
    let assignment = shard("assignment")?;
    let owns = |ranges: &[(u64, u64)]| walk::within(assignment, ranges.iter().copied()).is_some();
    Ok(ranges.into_iter().find(|(_, ranges)| owns(ranges)).map(|(name, _)| name))
}

/// Eppo's format: the first split all of whose shards match. `[["a", [["salt", [[0, 5000]]]]], …]`
pub(super) fn ufc_split(row: Row<'_>) -> Known<Choice> {
    let subject = row.text(&["subject"]).ok_or_else(|| Unknown::missing("subject"))?;
    let total = row.whole(&["total_shards", "totalShards"])?.unwrap_or(10_000);
    let format = row.text(&["input_format"]).unwrap_or_else(|| "{salt}-{subject}".to_owned());
    let format = format.replace("{subject}", "{id}");
    let format = Format::parse(&format).map_err(|error| Unknown::new(format!("input_format {error}")))?;
    let shard = |shard: &Value| {
        let [salt, ranges] = shard.as_array()?.as_slice() else { return None };
        let Expanded { before, after } = format.expand(salt.as_str()?);
        Some(eppo::Shard { text: format!("{before}{subject}{after}"), ranges: list::ranges(ranges)? })
    };
    let split = |split: &Value| {
        let [name, shards] = split.as_array()?.as_slice() else { return None };
        Some((name.clone(), shards.as_array()?.iter().map(shard).collect::<Option<Vec<_>>>()?))
    };
    let splits = row.list(&["splits"]).ok_or_else(|| Unknown::missing("splits"))?;
    let splits = splits.iter().map(split).collect::<Option<Vec<_>>>();
    let splits = splits.ok_or_else(|| Unknown::unreadable("splits", "a list of names and shards"))?;
    let (names, shards): (Vec<Value>, Vec<Vec<eppo::Shard>>) = splits.into_iter().unzip();
    Ok(chosen(names, eppo::split(shards.iter().map(Vec::as_slice), total)))
}

fn real_weights(row: Row<'_>) -> Known<(Vec<Value>, Vec<f64>)> {
    Ok(list::weights(row, false)?.into_iter().unzip())
}

#[expect(clippy::cast_possible_truncation, reason = "LaunchDarkly computes in single precision")]
fn single(weight: f64) -> f32 {
    weight as f32
}
