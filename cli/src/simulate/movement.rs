//! Who moves from which lane to which lane between two policies, and whether shares explain it.

use serde::Serialize;

use crate::against::Revisions;
use crate::guarantee::{Change, Guarantee};

/// Users of a release, before and after a change of the policy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Movement {
    /// Whether the ramp guarantee holds.
    pub guarantee: Guarantee,
    /// The revision of the release. One that is raised says that a broken guarantee is meant.
    pub revision: Revisions,
    /// How many users are in another lane than before.
    pub moved: u64,
    /// How many users both policies deal, into a lane or out of the experiment: of them the guarantee speaks.
    pub split: u64,
    /// The lanes, those of the policy before first. `null` is no lane: no part of the experiment, or
    /// nothing governs the request, or the release is off.
    pub lanes: Vec<Option<String>>,
    /// For each of these lanes, its users before: what became of them.
    pub from: Vec<Row>,
    /// The moves of users whom both policies deal that their shares do not explain.
    pub unexplained: Vec<Unexplained>,
}

/// What became of the users of one lane.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The lane.
    pub lane: Option<String>,
    /// How many there were.
    pub users: u64,
    /// How many of them are in another lane now.
    pub moved: u64,
    /// For each lane, how many of them are there now.
    pub to: Vec<u64>,
}

/// A move that shares do not explain.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unexplained {
    /// The lane before; `null` is no part of the experiment.
    pub from: Option<String>,
    /// The lane now.
    pub to: Option<String>,
    /// How many users.
    pub users: u64,
}

/// Users who moved from one lane to another, or stayed.
pub(super) struct Move {
    /// The lane before; none where the user was no part of the experiment, or nothing governed the request, or it was off.
    pub(super) from: Option<String>,
    /// The lane now.
    pub(super) to: Option<String>,
    /// Whether both policies deal them: rules move whom they want.
    pub(super) is_dealt: bool,
    /// Whether it is a gate by which these came in or went out, and if so, whether it lets in more users or fewer.
    pub(super) by_gate: Option<bool>,
    pub(super) users: u64,
}

/// The lanes of one side of a comparison.
pub(super) struct Lanes<'n> {
    /// Their names, in the order in which they are written.
    pub(super) names: &'n [String],
    /// The base lane, where the release splits.
    pub(super) base: Option<String>,
    /// The shares that are dealt.
    pub(super) shares: Vec<(String, f64)>,
}

impl Lanes<'_> {
    /// The share of a lane; of none that whom the split leaves out.
    fn share(&self, lane: Option<&str>) -> f64 {
        match lane {
            Some(lane) => self.shares.iter().find(|(name, _)| name == lane).map_or(0.0, |(_, share)| *share),
            None => 1.0 - self.shares.iter().map(|(_, share)| share).sum::<f64>(),
        }
    }
}

/// Shares that differ by less are the same: the finest are parts of 10^9.
const SAME: f64 = 1e-10;

impl Movement {
    pub(super) fn of(
        moves: &[Move],
        before: &Lanes<'_>,
        now: &Lanes<'_>,
        is_split_anew: bool,
        revision: Revisions,
    ) -> Self {
        let mut lanes: Vec<Option<String>> = Vec::new();
        let named = before.names.iter().chain(now.names).cloned().map(Some);
        let some_nowhere = moves.iter().any(|one| one.from.is_none() || one.to.is_none());
        for lane in named.chain(some_nowhere.then_some(None)) {
            if !lanes.contains(&lane) {
                lanes.push(lane);
            }
        }
        let position = |lane: &Option<String>| lanes.iter().position(|known| known == lane);
        let mut all = Matrix::new(lanes.len());
        let [mut dealt, mut judged, mut unasked] = [(); 3].map(|()| Matrix::new(lanes.len()));
        for one in moves {
            if let (Some(from), Some(to)) = (position(&one.from), position(&one.to)) {
                all.add(from, to, one.users);
                if one.is_dealt {
                    dealt.add(from, to, one.users);
                    match one.by_gate {
                        None => judged.add(from, to, one.users),
                        // What shares are among those who are let in says nothing of who is.
                        Some(false) => unasked.add(from, to, one.users),
                        Some(true) => {}
                    }
                }
            }
        }
        let changes: Vec<Change> = lanes
            .iter()
            .map(|name| {
                let name = name.as_deref();
                let [was, is] = [before, now].map(|side| side.share(name));
                let is_base = name.is_none() || before.base.as_deref() == name || now.base.as_deref() == name;
                Change { is_base, shrank: was - is > SAME, grew: is - was > SAME }
            })
            .collect();
        let unexplained = judged.unexplained(&unasked, &lanes, &changes);
        let guarantee = match unexplained.is_empty() {
            true => Guarantee::Holds,
            false if is_split_anew => Guarantee::DealtAnew,
            false => Guarantee::Broken,
        };
        let row = |(from, lane): (usize, &Option<String>)| Row {
            lane: lane.clone(),
            users: all.before(from),
            moved: all.before(from).saturating_sub(all.get(from, from)),
            to: (0..lanes.len()).map(|to| all.get(from, to)).collect(),
        };
        let from = lanes.iter().enumerate().map(row).collect();
        Movement { guarantee, revision, moved: all.moved(), split: dealt.users(), from, unexplained, lanes }
    }
}

/// Users by their lane before and now.
struct Matrix {
    lanes: usize,
    counts: Vec<u64>,
}

impl Matrix {
    fn new(lanes: usize) -> Self {
        Matrix { lanes, counts: vec![0; lanes.saturating_mul(lanes)] }
    }

    fn at(&self, from: usize, to: usize) -> usize {
        from.saturating_mul(self.lanes).saturating_add(to)
    }

    fn add(&mut self, from: usize, to: usize, users: u64) {
        let at = self.at(from, to);
        if let Some(count) = self.counts.get_mut(at) {
            *count = count.saturating_add(users);
        }
    }

    fn get(&self, from: usize, to: usize) -> u64 {
        self.counts.get(self.at(from, to)).copied().unwrap_or_default()
    }

    fn before(&self, lane: usize) -> u64 {
        (0..self.lanes).map(|to| self.get(lane, to)).sum()
    }

    fn users(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn moved(&self) -> u64 {
        let stayed: u64 = (0..self.lanes).map(|lane| self.get(lane, lane)).sum();
        self.users().saturating_sub(stayed)
    }

    /// The moves that no change of a share explains, and those that nothing asks for.
    fn unexplained(
        &self,
        unasked: &Matrix,
        lanes: &[Option<String>],
        changes: &[Change],
    ) -> Vec<Unexplained> {
        let mut found = Vec::new();
        for (from, (name, change)) in lanes.iter().zip(changes).enumerate() {
            for (to, (other_name, other)) in lanes.iter().zip(changes).enumerate() {
                let judged = if change.explains_move_to(*other) { 0 } else { self.get(from, to) };
                let users = judged.saturating_add(unasked.get(from, to));
                if from != to && users > 0 {
                    found.push(Unexplained { from: name.clone(), to: other_name.clone(), users });
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The guarantee for users who are split among lanes `a`, the base lane, `b` and `c`: counts from lane to lane. And how many
    /// users move unexplained.
    fn guarantee(counts: [[u64; 3]; 3], shares: [[f64; 3]; 2]) -> (Guarantee, u64) {
        of(counts, shares, false)
    }

    fn of(counts: [[u64; 3]; 3], shares: [[f64; 3]; 2], is_split_anew: bool) -> (Guarantee, u64) {
        let names = ["a", "b", "c"].map(str::to_owned);
        let mut moves = Vec::new();
        for (from, row) in names.iter().zip(counts) {
            for (to, users) in names.iter().zip(row) {
                let (from, to) = (Some(from.clone()), Some(to.clone()));
                moves.push(Move { from, to, is_dealt: true, by_gate: None, users });
            }
        }
        let lanes = |side: usize| Lanes {
            names: &names,
            base: Some("a".to_owned()),
            shares: names.iter().cloned().zip(shares[side]).collect(),
        };
        let movement = Movement::of(&moves, &lanes(0), &lanes(1), is_split_anew, Revisions::default());
        (movement.guarantee, movement.unexplained.iter().map(|one| one.users).sum())
    }

    #[test]
    fn a_ramp_goes_through_the_base_lane() {
        // c gives to a what b takes from a.
        let ramp = [[900, 50, 0], [0, 0, 0], [50, 0, 0]];
        assert_eq!(guarantee(ramp, [[0.9, 0.0, 0.1], [0.9, 0.1, 0.0]]), (Guarantee::Holds, 0));
        // A lane takes over the slot of another.
        assert_eq!(
            guarantee([[900, 0, 0], [0, 0, 100], [0, 0, 0]], [[0.9, 0.1, 0.0], [0.9, 0.0, 0.1]]),
            (Guarantee::Holds, 0)
        );
    }

    #[test]
    fn nobody_leaves_a_lane_that_grew_or_kept_its_share() {
        // b keeps its share, loses users to c, which grew, and gets as many from a.
        let broken = [[800, 10, 90], [0, 90, 10], [0, 0, 0]];
        assert_eq!(guarantee(broken, [[0.9, 0.1, 0.0], [0.8, 0.1, 0.1]]), (Guarantee::Broken, 20));
        // It grew, and some users left it for the base lane all the same.
        let grown = [[0.91, 0.09, 0.0], [0.86, 0.14, 0.0]];
        assert_eq!(guarantee([[850, 60, 0], [10, 80, 0], [0, 0, 0]], grown), (Guarantee::Broken, 10));
    }

    #[test]
    fn users_who_move_against_their_shares_are_dealt_anew_by_another_hash_alone() {
        let anew = [[250, 255, 0], [245, 250, 0], [0, 0, 0]];
        let same = [[0.5, 0.5, 0.0]; 2];
        assert_eq!(of(anew, same, true), (Guarantee::DealtAnew, 500));
        assert_eq!(of(anew, same, false), (Guarantee::Broken, 500));
    }
}
