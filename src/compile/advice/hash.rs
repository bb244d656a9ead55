//! Splits that deal users alike because they draw by one hash: what one experiment finds is then mixed with what another
//! does.

use std::collections::{HashMap, HashSet};

use super::Good;
use super::condition::more;
use crate::compile::gate::HOLDOUT_SEED;
use crate::error::At;
use crate::gate::Outside;
use crate::hash::{Algorithm, Buckets, Reduction, Scheme};
use crate::plan::{Head, Mode};
use crate::policy::Policy;
use crate::split::Hasher;

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

/// What stands before and after the id in the text that is hashed.
type Text<'p> = (&'p [u8], &'p [u8]);

/// With how many splits before it a split is compared: one of them suffices.
const COMPARED: usize = 8;

/// Warns of splits and gates that are drawn alike; `at` is the policy.
pub(super) fn warn(policy: &Policy, good: &[Good<'_>], at: &mut At<'_>) {
    let mut groups: Vec<Vec<Draw<'_, '_>>> = Vec::new();
    let mut by_text: HashMap<Text<'_>, Vec<usize>> = HashMap::new();
    for (text, draw) in good.iter().filter(|release| !release.segment.head().off).flat_map(draws) {
        let alike = by_text.entry(text).or_default();
        let scheme_of =
            |group: &usize| groups.get(*group).and_then(|group| group.first()).map(|draw| draw.scheme);
        let group = alike.iter().copied().find(|group| scheme_of(group) == Some(draw.scheme));
        let group = group.unwrap_or_else(|| {
            alike.push(groups.len());
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups.get_mut(group).into_iter().for_each(|group| group.push(draw));
    }
    for group in &groups {
        let (gates, splits): (Vec<_>, Vec<_>) = group.iter().partition(|draw| draw.gate.is_some());
        splits_alike(&splits, at);
        gates_alike(policy, &gates, &splits, at);
    }
}

/// What a release draws, each with its text. A gate that lets everybody in draws nobody.
fn draws<'g, 'p>(release: &'g Good<'p>) -> impl Iterator<Item = (Text<'p>, Draw<'g, 'p>)> {
    let (block, Head { split, gates, .. }) = (release.segment.block(), release.segment.head());
    let split = split.map(|split| (split.hasher, split.buckets, None));
    let gates = block.list(gates).filter(|gate| gate.to.saturating_sub(gate.from) < gate.buckets);
    let gates = gates.map(|gate| (gate.hasher, gate.buckets, Some(gate.outside)));
    split.into_iter().chain(gates).map(move |(hasher, buckets, gate)| {
        let text = (block.text(hasher.before), block.text(hasher.after));
        (text, Draw { release, scheme: kind(&hasher, buckets), seed: hasher.scheme.seed, gate })
    })
}

/// The scheme as far as it says who comes before whom: multiply-shift keeps the order of the hash, whatever the number of
/// buckets. FNV has no seed.
fn kind(hasher: &Hasher, buckets: u32) -> Scheme {
    let buckets = match hasher.scheme.reduction {
        Reduction::MultiplyShift => Buckets::SumOfWeights,
        Reduction::Modulo => Buckets::Count(buckets),
    };
    let has_seed = !matches!(hasher.scheme.algorithm, Algorithm::Fnv1a32 | Algorithm::Fnv1a32Twice);
    Scheme { buckets, seed: if has_seed { hasher.scheme.seed } else { 0 }, ..hasher.scheme }
}

/// Whether there is a time at which two releases are on, neither of which is off.
fn are_on_together(one: &Draw<'_, '_>, other: &Draw<'_, '_>) -> bool {
    one.release.segment.head().during.meets(&other.release.segment.head().during)
}

/// Said once for all that are alike. Canaries that go hand in hand are a choice that people make.
fn splits_alike(splits: &[&Draw<'_, '_>], at: &mut At<'_>) {
    let mix = |one: &Draw<'_, '_>, other: &Draw<'_, '_>| {
        let (own, others) = (one.release.segment.head(), other.release.segment.head());
        let share_no_user = own.layer.is_some() && own.layer == others.layer;
        let is_experiment = own.mode == Mode::Ab || others.mode == Mode::Ab;
        is_experiment && !share_no_user && are_on_together(one, other)
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
fn gates_alike(policy: &Policy, gates: &[&Draw<'_, '_>], splits: &[&Draw<'_, '_>], at: &mut At<'_>) {
    let mut told = HashSet::new();
    for gate in gates {
        let release = gate.release;
        let layer = release.segment.head().layer.filter(|_| gate.gate == Some(Outside::Layer));
        // Both holdouts are drawn by the native hash; the seed of the experiment's own is another.
        let is_own = gate.gate == Some(Outside::Holdout) && gate.seed == HOLDOUT_SEED;
        if told.contains(&(gate.gate, is_own, layer)) {
            continue;
        }
        let own = splits.iter().find(|split| split.release.position == release.position);
        let together = || splits.iter().take(COMPARED).find(|split| are_on_together(gate, split));
        let Some(split) = own.or_else(together) else { continue };
        told.insert((gate.gate, is_own, layer));
        let warning = format!(
            "{} splits users by the same hash: whoever is drawn here is not spread over its lanes; write another salt",
            split.release.shown()
        );
        if let Some(layer) = layer.and_then(|layer| usize::try_from(layer).ok()) {
            let has_salt = policy.layers.get(layer).is_some_and(|layer| layer.salt.is_some());
            let mut layers = at.key("layers");
            let mut at = layers.index(layer);
            if has_salt { at.key("salt").warning(warning) } else { at.warning(warning) }
        } else if gate.gate == Some(Outside::Holdout) && !is_own {
            at.key("holdout").key("salt").warning(warning);
        } else {
            let key = if is_own { "holdout" } else { "traffic" };
            at.key("releases").index(release.position).key("ab").key(key).warning(warning);
        }
    }
}
