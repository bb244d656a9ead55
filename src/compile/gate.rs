//! Holdouts, layer and traffic of an experiment -> its gates.

use super::builder::Builder;
use super::hash::{CompiledHash, hash, is_salted};
use super::split::{percent_of, percent_shown};
use super::{Context, check};
use crate::error::{At, OneOf, Path, PolicyErrors, Problem, Quoted};
use crate::gate::{Gate, Outside};
use crate::hash::Buckets;
use crate::policy::{Ab, Holdout, Layer, Traffic};

/// The seeds by which an experiment draws traffic and holdout from its own salt: others than that of the split, which is 0.
const TRAFFIC_SEED: u32 = 1;
pub(super) const HOLDOUT_SEED: u32 = 2;

/// The gates of an experiment, and its layer by its position in the policy.
pub(super) fn gates(
    ab: &Ab,
    context: &Context<'_>,
    builder: &mut Builder,
    at: &mut At<'_>,
) -> (Vec<Gate>, Option<u32>) {
    let mut gates = Vec::new();
    let salt = ab.salt.as_deref();
    if let Some(Holdout { percent: Some(percent), salt: Some(salt) }) = context.holdout {
        gates.extend(unless_held_out(
            *percent,
            0,
            Some(salt),
            builder,
            &mut quiet(&mut PolicyErrors::default()),
        ));
    }
    if ab.holdout != 0.0 {
        if salt.is_none() {
            at.key("salt").error(Problem::Required, "", "the holdout is drawn by it");
        }
        gates.extend(unless_held_out(ab.holdout, HOLDOUT_SEED, salt, builder, &mut at.key("holdout")));
    }
    let layer = ab.layer.as_ref().and_then(|name| {
        let found = context.layers.iter().position(|layer| layer.name.as_ref() == Some(name));
        if found.is_none() {
            let names: Vec<&str> = context.layers.iter().filter_map(|layer| layer.name.as_deref()).collect();
            at.key("layer").error(Problem::NotFound, Quoted(name), OneOf(&names));
        }
        found
    });
    if let Some(layer) = layer.and_then(|position| context.layers.get(position)) {
        gates.extend(in_layer(layer, ab.traffic.as_ref(), builder, &mut at.key("traffic")));
    } else if let Some(traffic) = &ab.traffic {
        gates.extend(in_traffic(traffic, salt, builder, &mut at.key("traffic")));
    }
    (gates, layer.and_then(|position| u32::try_from(position).ok()))
}

/// Checks what the policy says of layers and of the holdout of all of them.
pub(super) fn layers(context: &Context<'_>, at: &mut At<'_>) {
    for (index, layer) in context.layers.iter().enumerate() {
        let mut layers = at.key("layers");
        let at = &mut layers.index(index);
        let name = check::name(layer.name.as_ref(), &mut at.key("name"));
        let before = context.layers.iter().take(index).position(|other| other.name.as_deref() == name);
        if let Some(first) = before.filter(|_| name.is_some()) {
            let allowed = format_args!("layers[{first}] has this name already");
            at.key("name").error(Problem::Duplicate, Quoted(name.unwrap_or_default()), allowed);
        }
        if let Some(salt) = &layer.salt {
            check::salt(salt, &mut at.key("salt"));
        }
        let hash = layer_hash(layer, &mut Builder::default(), at);
        percent_of(Some(layer.holdout), hash.buckets.total(1), &mut at.key("holdout"));
    }
    if let Some(holdout) = context.holdout {
        let at = &mut at.key("holdout");
        percent_of(holdout.percent, Buckets::NATIVE, &mut at.key("percent"));
        match &holdout.salt {
            Some(salt) => check::salt(salt, &mut at.key("salt")),
            None => {
                at.key("salt").error(Problem::Required, "", "a text of your own, like the name and the year");
            }
        }
    }
}

/// A place whose mistakes are reported elsewhere.
fn quiet(errors: &mut PolicyErrors) -> At<'_> {
    At::new(Path::Root, errors)
}

/// Everybody but the last ones.
fn unless_held_out(
    percent: f64,
    seed: u32,
    salt: Option<&str>,
    builder: &mut Builder,
    at: &mut At<'_>,
) -> Option<Gate> {
    let held_out = percent_of(Some(percent), Buckets::NATIVE, at)?;
    let CompiledHash { hasher, .. } = hash(None, seed, salt, &mut builder.arena, at);
    let to = Buckets::NATIVE - held_out;
    Some(Gate { hasher, buckets: Buckets::NATIVE, from: 0, to, outside: Outside::Holdout })
}

fn layer_hash(layer: &Layer, builder: &mut Builder, at: &mut At<'_>) -> CompiledHash {
    let salt = layer.salt.as_deref().or(layer.name.as_deref());
    let salt = salt.filter(|_| layer.salt.is_some() || is_salted(layer.hash.as_ref()));
    hash(layer.hash.as_ref(), 0, salt, &mut builder.arena, at)
}

/// The part of a layer; without `traffic` all of it that is not held out.
fn in_layer(
    layer: &Layer,
    traffic: Option<&Traffic>,
    builder: &mut Builder,
    at: &mut At<'_>,
) -> Option<Gate> {
    let mut errors = PolicyErrors::default();
    let CompiledHash { hasher, buckets, .. } = layer_hash(layer, builder, &mut quiet(&mut errors));
    let buckets = buckets.total(1);
    let free = buckets - percent_of(Some(layer.holdout), buckets, &mut quiet(&mut errors))?;
    let Some(traffic) = traffic else {
        return Some(Gate { hasher, buckets, from: 0, to: free, outside: Outside::Layer });
    };
    for (key, is_written) in [("hash", traffic.hash.is_some()), ("salt", traffic.salt.is_some())] {
        if is_written {
            at.key(key).error(Problem::Forbidden, "", "in a layer it is the layer that says so");
        }
    }
    let (from, to) = range(traffic, buckets, at)?;
    if to > free {
        let allowed =
            format_args!("at most {}; the rest of the layer is held out", percent_shown(free, buckets));
        at.key("to").error(Problem::Invalid, percent_shown(to, buckets), allowed);
    }
    Some(Gate { hasher, buckets, from, to, outside: Outside::Layer })
}

fn in_traffic(traffic: &Traffic, salt: Option<&str>, builder: &mut Builder, at: &mut At<'_>) -> Option<Gate> {
    if let Some(salt) = &traffic.salt {
        check::salt(salt, &mut at.key("salt"));
    }
    let salt = traffic.salt.as_deref().or(salt.filter(|_| is_salted(traffic.hash.as_ref())));
    let CompiledHash { hasher, buckets, .. } =
        hash(traffic.hash.as_ref(), TRAFFIC_SEED, salt, &mut builder.arena, at);
    let Buckets::Count(buckets) = buckets else {
        at.key("hash").key("buckets").error(Problem::Required, "", "a number; traffic is a part of it");
        return None;
    };
    let (from, to) = range(traffic, buckets, at)?;
    Some(Gate { hasher, buckets, from, to, outside: Outside::Traffic })
}

fn range(traffic: &Traffic, buckets: u32, at: &mut At<'_>) -> Option<(u32, u32)> {
    let from = percent_of(Some(traffic.from), buckets, &mut at.key("from"));
    let to = percent_of(traffic.to, buckets, &mut at.key("to"));
    let (from, to) = (from?, to?);
    if from > to {
        at.key("to").error(Problem::Invalid, percent_shown(to, buckets), "must not be less than `from`");
    }
    Some((from, to))
}
