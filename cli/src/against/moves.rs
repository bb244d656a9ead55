//! Which part of all users moves between which lanes of a release, and whether shares ask for it.

use graylane::deal::Part;
use graylane::plan::Segment;
use graylane::time::Timestamp;

use super::gates::{Gates, are_split_alike, bit};
use super::overlay::{Asked, Crowd, Stand, Stands, overlay};
use super::places::{Places, Side};
use super::proof::{Proof, is_by_structure};
use crate::guarantee::{self, Guarantee};

/// Where all users of a release are, before and now.
#[derive(Debug)]
pub(super) struct Moves {
    /// The places: lanes, and none for whoever is no part of the experiment.
    pub(super) places: Vec<Option<String>>,
    /// For each place before and each place now, the part of all users.
    cells: Vec<Vec<f64>>,
    /// The moves that no share asks for: from place to place, and the part of all users.
    pub(super) unexplained: Vec<(usize, usize, f64)>,
    pub(super) guarantee: Guarantee,
    /// For when that was proved.
    pub(super) proof: Proof,
    /// Whether one of them splits.
    pub(super) splits: bool,
    /// Whether one of them has gates.
    pub(super) is_gated: bool,
}

impl Moves {
    /// The part of all users who were in the one place and are in the other.
    pub(super) fn cell(&self, from: usize, to: usize) -> f64 {
        self.cells.get(from).and_then(|row| row.get(to)).copied().unwrap_or_default()
    }

    /// The part of all users who were in a place.
    pub(super) fn before(&self, place: usize) -> f64 {
        (0..self.places.len()).map(|to| self.cell(place, to)).sum()
    }

    /// The part of all users who were in a place and are in another.
    pub(super) fn leaving(&self, place: usize) -> f64 {
        (0..self.places.len()).filter(|to| *to != place).map(|to| self.cell(place, to)).sum()
    }

    /// The lanes, and no lane where somebody was or is in none.
    pub(super) fn shown(&self) -> Vec<usize> {
        let has_users = |place: usize| (0..self.places.len()).any(|from| self.cell(from, place) > 0.0);
        let is_lane = |place: usize| self.places.get(place).is_some_and(Option::is_some);
        let is_shown = |place: &usize| is_lane(*place) || has_users(*place) || self.before(*place) > 0.0;
        (0..self.places.len()).filter(is_shown).collect()
    }
}

/// Calculates the moves between two forms of a release, if the change is made `at` a time; `same_ids` says whether both know
/// users by the same ids.
pub(super) fn moves(before: &Segment, now: &Segment, same_ids: bool, at: Timestamp) -> Moves {
    let sides = [before, now].map(|segment| Side::of(segment, at));
    let [was, is] = &sides;
    let places = Places::of([was, is]);
    let crowd = crowd(was, is, &places, same_ids);
    let changes = places.changes(was, is);
    let gates = Gates::compare(was, is, same_ids);
    let Sum { cells, unexplained } =
        Sum::of(&crowd, &places, |stands| is_explained(stands, &gates, &changes));
    let is_in_line = are_split_alike(was, is, same_ids);
    let guarantee = if unexplained.is_empty() {
        Guarantee::Holds
    } else if is_in_line {
        Guarantee::Broken
    } else {
        Guarantee::DealtAnew
    };
    let is_settled = before.is_settled(at) && now.is_settled(at);
    let is_lasting = is_settled || is_in_line && is_by_structure(was, is, &places);
    let proof = if is_lasting { Proof::FromThenOn } else { Proof::ThenAlone };
    let splits = was.split.is_some() || is.split.is_some();
    let is_gated = !was.gates.is_empty() || !is.gates.is_empty();
    Moves { places: places.names, cells, unexplained, guarantee, proof, splits, is_gated }
}

/// Users by their place before and now.
struct Sum {
    cells: Vec<Vec<f64>>,
    unexplained: Vec<(usize, usize, f64)>,
}

impl Sum {
    fn of(crowd: &Crowd, places: &Places, is_explained: impl Fn(Stands) -> bool) -> Self {
        let outside = places.outside();
        let place = |stand: Stand| stand.place.filter(|_| stand.outside == 0).unwrap_or(outside);
        let mut cells = vec![vec![0.0; places.names.len()]; places.names.len()];
        let mut unexplained: Vec<(usize, usize, f64)> = Vec::new();
        for (stands, share) in crowd {
            let (from, to) = (place(stands.before), place(stands.now));
            if let Some(cell) = cells.get_mut(from).and_then(|row| row.get_mut(to)) {
                *cell += share;
            }
            if from == to || is_explained(*stands) {
                continue;
            }
            match unexplained.iter_mut().find(|(known, other, _)| (*known, *other) == (from, to)) {
                Some((.., sum)) => *sum += share,
                None => unexplained.push((from, to, *share)),
            }
        }
        Sum { cells, unexplained }
    }
}

/// Whether shares, or the sizes of gates, ask for a move.
fn is_explained(Stands { before, now }: Stands, gates: &Gates, changes: &[guarantee::Change]) -> bool {
    if before.outside != 0 {
        // Whoever comes in passes every gate that was in the way.
        return now.outside == 0 && before.outside & !gates.widened == 0;
    }
    if now.outside != 0 {
        return now.outside & gates.narrowed != 0;
    }
    let change = |stand: Stand| stand.place.and_then(|place| changes.get(place)).copied().unwrap_or_default();
    change(before).explains_move_to(change(now))
}

/// All users, by where they stand.
fn crowd(before: &Side<'_>, now: &Side<'_>, places: &Places, same_ids: bool) -> Crowd {
    let before_only = |before| Stands { before, now: Stand::default() };
    let now_only = |now| Stands { before: Stand::default(), now };
    let mut asked = deals(before, places, 0, &before_only);
    asked.extend(deals(now, places, u8::from(!same_ids), &now_only));
    // Who splits nobody has everybody in one lane.
    let start = |side: &Side<'_>| {
        let base = places.place(side, Some(side.segment.base()));
        Stand { outside: 0, place: side.split.is_none().then_some(base) }
    };
    overlay(&asked, Stands { before: start(before), now: start(now) })
}

/// The deals of one side, and where each of their parts puts a user.
fn deals<'d>(
    side: &'d Side<'_>,
    places: &Places,
    era: u8,
    on_its_side: &dyn Fn(Stand) -> Stands,
) -> Vec<Asked<'d>> {
    let gates = side.gates.iter().enumerate().map(|(gate, (_, deal))| {
        let outside = |part: &Part| if part.lane.is_some() { 0 } else { bit(gate) };
        let stand = |part| on_its_side(Stand { outside: outside(part), place: None });
        Asked { deal, era, stands: deal.parts.iter().map(stand).collect() }
    });
    let split = side.split.iter().map(|deal| {
        let place = |part: &Part| places.place(side, part.lane);
        let stand = |part| on_its_side(Stand { outside: 0, place: Some(place(part)) });
        Asked { deal, era, stands: deal.parts.iter().map(stand).collect() }
    });
    gates.chain(split).collect()
}
