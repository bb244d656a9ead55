//! Splits, gates and `percent` tests that draw users alike because they draw by one hash: what one experiment finds is then mixed
//! with what another does, and a part of all users is no fair sample of them.

mod percent;
mod place;

use std::collections::{HashMap, HashSet};

use super::{Good, more};
use crate::error::At;
use crate::gate::{Gate, Outside};
use crate::hash::{Algorithm, Buckets, Reduction, Scheme};
use crate::plan::{Head, Mode};
use crate::policy::Policy;
use crate::split::Hasher;

use place::Place;

/// Something that is drawn by a hash.
#[derive(Clone, Copy)]
struct Draw<'g, 'p> {
    release: &'g Good<'p>,
    scheme: Scheme,
    /// The seed as it is written, whether the hash has one or not.
    seed: u32,
    /// The gate, where it is none of the splits.
    gate: Option<Outside>,
}

/// Splits and gates that are drawn by one hash.
#[derive(Default)]
struct Alike<'g, 'p> {
    splits: Vec<Draw<'g, 'p>>,
    gates: Vec<Draw<'g, 'p>>,
}

/// What stands before and after the id in the text that is hashed.
type Text<'p> = (&'p [u8], &'p [u8]);

/// With how many splits before it a split is compared: one of them suffices.
const COMPARED: usize = 8;

/// Warns of what is drawn alike; `at` is the policy.
pub(super) fn warn(policy: &Policy, good: &[Good<'_>], at: &mut At<'_>) {
    let mut all: Vec<Alike<'_, '_>> = Vec::new();
    let mut by_hash: HashMap<(Text<'_>, Scheme), usize> = HashMap::new();
    let on = || good.iter().filter(|release| !release.segment.head().off);
    for (text, draw) in on().flat_map(draws) {
        let index = *by_hash.entry((text, draw.scheme)).or_insert_with(|| {
            all.push(Alike::default());
            all.len() - 1
        });
        if let Some(alike) = all.get_mut(index) {
            if draw.gate.is_some() { alike.gates.push(draw) } else { alike.splits.push(draw) }
        }
    }
    for alike in &all {
        splits_alike(&alike.splits, at);
        gates_alike(policy, &alike.gates, &alike.splits, at);
        parts_alike(policy, &alike.gates, at);
    }
    let native = kind(Scheme::NATIVE, Buckets::NATIVE);
    let drawn_by = |salt: &str| {
        let text = format!("{salt}:");
        all.get(*by_hash.get(&((text.as_bytes(), &[]), native))?)
    };
    let at = &mut at.key("releases");
    for release in on() {
        percent::warn(policy, release, &drawn_by, &mut at.index(release.position));
    }
}

/// What a release draws, each with its text. A gate that lets everybody in draws nobody.
fn draws<'g, 'p>(release: &'g Good<'p>) -> impl Iterator<Item = (Text<'p>, Draw<'g, 'p>)> {
    let (block, Head { split, gates, .. }) = (release.segment.block(), release.segment.head());
    let split = split.map(|split| (split.hasher, split.buckets, None));
    let gates = block.list(gates).filter(|gate| gate.to.saturating_sub(gate.from) < gate.buckets);
    let gates = gates.map(|gate| (gate.hasher, gate.buckets, Some(gate.outside)));
    split.into_iter().chain(gates).map(move |(hasher, buckets, gate)| {
        (
            text_of(release, &hasher),
            Draw { release, scheme: kind(hasher.scheme, buckets), seed: hasher.scheme.seed, gate },
        )
    })
}

fn text_of<'p>(release: &Good<'p>, hasher: &Hasher) -> Text<'p> {
    let block = release.segment.block();
    (block.text(hasher.before), block.text(hasher.after))
}

/// The scheme as far as it says who comes before whom: multiply-shift keeps the order of the hash, whatever the number of
/// buckets. FNV has no seed.
fn kind(scheme: Scheme, buckets: u32) -> Scheme {
    let buckets = match scheme.reduction {
        Reduction::MultiplyShift => Buckets::SumOfWeights,
        Reduction::Modulo => Buckets::Count(buckets),
    };
    let has_seed = !matches!(scheme.algorithm, Algorithm::Fnv1a32 | Algorithm::Fnv1a32Twice);
    Scheme { buckets, seed: if has_seed { scheme.seed } else { 0 }, ..scheme }
}

/// Whether there is a time at which two releases are on, neither of which is off.
fn are_on_together(one: &Good<'_>, other: &Good<'_>) -> bool {
    one.segment.head().during.meets(&other.segment.head().during)
}

/// Whether two experiments have nobody in common: they are of one layer, or have different parts of all users.
fn share_no_user(one: &Good<'_>, other: &Good<'_>) -> bool {
    let (own, others) = (one.segment.head(), other.segment.head());
    let parts_of = |release: &Good<'_>| -> Vec<Gate> {
        release.segment.block().list(release.segment.head().gates).collect()
    };
    let others_parts = parts_of(other);
    let is_apart = |gate: &Gate| {
        others_parts.iter().any(|part| {
            let is_same_hash = text_of(one, &gate.hasher) == text_of(other, &part.hasher)
                && gate.hasher.scheme == part.hasher.scheme
                && gate.buckets == part.buckets;
            is_same_hash && (gate.to <= part.from || part.to <= gate.from)
        })
    };
    own.layer.is_some() && own.layer == others.layer || parts_of(one).iter().any(is_apart)
}

/// Said once for all that are alike. Canaries that go hand in hand are a choice that people make.
fn splits_alike(splits: &[Draw<'_, '_>], at: &mut At<'_>) {
    let mix = |one: &Draw<'_, '_>, other: &Draw<'_, '_>| {
        let (own, others) = (one.release.segment.head(), other.release.segment.head());
        let is_experiment = own.mode == Mode::Ab || others.mode == Mode::Ab;
        is_experiment
            && are_on_together(one.release, other.release)
            && !share_no_user(one.release, other.release)
    };
    let later = splits.iter().enumerate().find_map(|(index, later)| {
        let mut before = splits.iter().take(index).take(COMPARED);
        Some((index, later, before.find(|before| mix(before, later))?))
    });
    let Some((index, later, before)) = later else { return };
    let after = splits.iter().skip(index + 1).filter(|after| mix(before, after)).count();
    let warning = format!(
        "{} splits the same users in the same way{}; write another salt, unless the same users are meant",
        before.release.shown(),
        more(after, "do releases after this one")
    );
    salt_of(later.release, at, &warning);
}

/// Warns where the salt of a release stands, or where it would.
fn salt_of(release: &Good<'_>, at: &mut At<'_>, warning: &str) {
    let written = release.written;
    let salts = [
        ("ab", written.ab.as_ref().map(|ab| &ab.salt)),
        ("canary", written.canary.as_ref().map(|canary| &canary.salt)),
    ];
    let at = &mut at.key("releases");
    let at = &mut at.index(release.position);
    for (mode, salt) in salts {
        let at = &mut at.key(mode);
        match salt {
            Some(Some(_)) => at.key("salt").warning(warning),
            Some(None) => at.warning(warning),
            None => {}
        }
    }
}

/// Who is in an experiment, drawn as the lanes of a release are: whoever is in is then mostly of one lane. Said once for each
/// kind of gate, since layers and the holdout of the policy are gates of many releases.
fn gates_alike(policy: &Policy, gates: &[Draw<'_, '_>], splits: &[Draw<'_, '_>], at: &mut At<'_>) {
    let mut told = HashSet::new();
    for gate in gates {
        let Some(place) = Place::of(gate).filter(|place| !told.contains(place)) else { continue };
        let own = of_release(splits, gate.release.position).first();
        let together = || {
            splits.iter().take(COMPARED).find(|split| {
                let is_shared = !matches!(place, Place::Own(_));
                are_on_together(gate.release, split.release)
                    && (is_shared || !share_no_user(gate.release, split.release))
            })
        };
        let Some(split) = own.or_else(together) else { continue };
        told.insert(place);
        place.warn(policy, gate.release.position, at, &dealt_alike(split.release));
    }
}

/// Those of the release of that position; releases come in their order.
fn of_release<'d, 'g, 'p>(draws: &'d [Draw<'g, 'p>], position: usize) -> &'d [Draw<'g, 'p>] {
    let start = draws.partition_point(|draw| draw.release.position < position);
    let end = draws.partition_point(|draw| draw.release.position <= position);
    draws.get(start..end).unwrap_or_default()
}

fn dealt_alike(release: &Good<'_>) -> String {
    let release = release.shown();
    format!(
        "{release} splits users by the same hash: who is drawn here and which of its lanes they get goes hand in hand; write another salt"
    )
}

/// That something is drawn as the gate of a place is.
fn hand_in_hand(place: Place, policy: &Policy) -> String {
    let place = place.shown(policy);
    format!(
        "{place} is drawn by the same hash: who is in and who is out goes hand in hand; write another salt"
    )
}

/// Parts of all users that are drawn alike. Experiments may share the salt of their traffic: so people keep them apart.
fn parts_alike(policy: &Policy, gates: &[Draw<'_, '_>], at: &mut At<'_>) {
    let placed = || gates.iter().filter_map(|gate| Some((Place::of(gate)?, gate.release.position)));
    let (mut seen, mut first) = (HashSet::new(), None);
    for (place, release) in placed().filter(|(place, _)| !matches!(place, Place::Own(_))) {
        if seen.insert(place) {
            match first {
                Some(first) => place.warn(policy, release, at, &hand_in_hand(first, policy)),
                None => first = Some(place),
            }
        }
    }
    for (place, release) in placed().filter(|(place, _)| matches!(place, Place::Own(_))) {
        // Of two that the experiment has itself, traffic is told of.
        let is_other = |other: Place| match other {
            Place::Own(_) => place == Place::Own("traffic") && other != place,
            Place::Holdout | Place::Layer(_) => true,
        };
        let mut others = of_release(gates, release).iter().filter_map(Place::of);
        if let Some(other) = others.find(|other| is_other(*other)) {
            place.warn(policy, release, at, &hand_in_hand(other, policy));
        }
    }
}
