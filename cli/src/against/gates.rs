//! Which gates of an experiment were meant to let in more users, or fewer.

use graylane::deal::{Deal, Outside};
use graylane::plan::Segment;
use graylane::time::Timestamp;

use super::overlay::are_in_line;
use super::places::{Share, Side, is_less};

/// The gates by which users may come in or go out: a bit for each.
#[derive(Debug, Default)]
pub(super) struct Gates {
    /// Of the gates before, those that let in more now, or are gone.
    pub(super) widened: u32,
    /// Of the gates now, those that let in more before, or were not there.
    pub(super) narrowed: u32,
}

impl Gates {
    /// Compares each gate with the one that it was; `same_ids` says whether both sides know users by the same ids.
    pub(super) fn compare(before: &Side<'_>, now: &Side<'_>, same_ids: bool) -> Self {
        let pairs = pairs(before, now);
        let turned: Vec<(usize, usize)> = pairs.iter().map(|(was, is)| (*is, *was)).collect();
        Gates {
            widened: narrower(before, now, &pairs, same_ids),
            narrowed: narrower(now, before, &turned, same_ids),
        }
    }
}

/// The gates by which users may come in or go out, for whoever counts users: of these only the kind of a gate is known.
#[derive(Debug)]
pub(crate) struct GateChanges {
    /// Whether those who come in are split by another hash than before, or by other ids.
    pub(crate) is_split_anew: bool,
    widened: Vec<Outside>,
    narrowed: Vec<Outside>,
}

impl GateChanges {
    pub(crate) fn of(before: &Segment, now: &Segment, same_ids: bool, at: Timestamp) -> Self {
        let [before, now] = [before, now].map(|segment| Side::of(segment, at));
        let gates = Gates::compare(&before, &now, same_ids);
        let kinds = |side: &Side<'_>, bits: u32| {
            let is_meant = |(gate, _): &(usize, &(Outside, Deal<'_>))| bits & bit(*gate) != 0;
            side.gates.iter().enumerate().filter(is_meant).map(|(_, (kind, _))| *kind).collect()
        };
        GateChanges {
            is_split_anew: !are_split_alike(&before, &now, same_ids),
            widened: kinds(&before, gates.widened),
            narrowed: kinds(&now, gates.narrowed),
        }
    }

    /// Whether whom a gate of this kind kept out before may come in.
    pub(crate) fn lets_in_more(&self, kind: Outside) -> bool {
        self.widened.contains(&kind)
    }

    /// Whether a gate of this kind may keep out whom it let in before.
    pub(crate) fn lets_in_fewer(&self, kind: Outside) -> bool {
        self.narrowed.contains(&kind)
    }
}

/// Whether both sides split users by one hash, as far as both split; `same_ids` says whether both know users by the same ids.
pub(super) fn are_split_alike(before: &Side<'_>, now: &Side<'_>, same_ids: bool) -> bool {
    match (&before.split, &now.split) {
        (Some(one), Some(other)) => same_ids && are_in_line(one, other),
        _ => true,
    }
}

/// The bit of a gate.
pub(super) fn bit(gate: usize) -> u32 {
    u32::try_from(gate).ok().and_then(|gate| 1_u32.checked_shl(gate)).unwrap_or_default()
}

/// The gates that are the same ones: by one hash, or else of one kind.
fn pairs(before: &Side<'_>, now: &Side<'_>) -> Vec<(usize, usize)> {
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for by_hash in [true, false] {
        for (was, (kind, deal)) in before.gates.iter().enumerate() {
            for (is, (other_kind, other)) in now.gates.iter().enumerate() {
                let is_free = pairs.iter().all(|(one, two)| *one != was && *two != is);
                let is_same = is_holdout(*kind) == is_holdout(*other_kind);
                if is_free && is_same && (!by_hash || are_in_line(deal, other)) {
                    pairs.push((was, is));
                }
            }
        }
    }
    pairs
}

/// The others say which part of all users the experiment takes: in a layer, or by itself.
fn is_holdout(kind: Outside) -> bool {
    kind == Outside::Holdout
}

/// The gates of one side that let in fewer users than the same gate of the other, or of which the other has none.
///
/// One that draws by another hash than the other draws other users, however many: nobody meant those whom it brings in or leaves
/// out. Unless the other lets in everybody.
fn narrower(own: &Side<'_>, others: &Side<'_>, pairs: &[(usize, usize)], same_ids: bool) -> u32 {
    let mut found = 0;
    for (gate, (_, deal)) in own.gates.iter().enumerate() {
        let pair = pairs.iter().find(|(known, _)| *known == gate);
        let is_meant = match pair.and_then(|(_, other)| others.gates.get(*other)) {
            None => true,
            Some((_, other)) => {
                let is_same_draw = same_ids && are_in_line(deal, other);
                is_less(inside(deal), inside(other)) && (is_same_draw || is_everybody(inside(other)))
            }
        };
        if is_meant {
            found |= bit(gate);
        }
    }
    found
}

/// The part of all users whom a gate lets in.
fn inside(gate: &Deal<'_>) -> Share {
    let parts = gate.parts.iter().filter(|part| part.lane.is_some());
    (parts.map(|part| u64::from(part.end - part.start)).sum(), gate.buckets.into())
}

fn is_everybody((count, all): Share) -> bool {
    count == all
}
