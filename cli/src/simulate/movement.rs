//! Who moves from which lane to which lane between two policies, and whether shares explain it.

use serde::Serialize;

use super::chance::float;
use crate::guarantee::{Change, Guarantee};

/// Users of a release, before and after a change of the policy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Movement {
    /// Whether the ramp guarantee holds.
    pub guarantee: Guarantee,
    /// How many users are in another lane than before.
    pub moved: u64,
    /// How many users both policies split: of them the guarantee speaks.
    pub split: u64,
    /// The lanes, those of the policy before first. `null` is no lane: nothing governs the request, or the release is off.
    pub lanes: Vec<Option<String>>,
    /// For each of these lanes, its users before: what became of them.
    pub from: Vec<Row>,
    /// The moves of users whom both policies split that their shares do not explain.
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
    /// The lane before.
    pub from: String,
    /// The lane now.
    pub to: String,
    /// How many users.
    pub users: u64,
}

/// Users who moved from one lane to another, or stayed.
pub(super) struct Move {
    /// The lane before; none where nothing governed the request, or what governed it was off.
    pub(super) from: Option<String>,
    /// The lane now.
    pub(super) to: Option<String>,
    /// Whether both policies split them: rules move whom they want.
    pub(super) is_split: bool,
    pub(super) users: u64,
}

/// The lanes of one side of a comparison.
pub(super) struct Lanes<'n> {
    /// Their names, in the order in which they are written.
    pub(super) names: &'n [String],
    /// The base lane, where the release splits.
    pub(super) base: Option<&'n str>,
    /// The shares that are written, if they are.
    pub(super) shares: Option<Vec<(&'n str, f64)>>,
}

impl Lanes<'_> {
    /// The share of a lane, as far as shares are written; a lane that the split does not name has none.
    fn share(&self, lane: &str) -> Option<f64> {
        let shares = self.shares.as_ref()?;
        Some(shares.iter().find(|(name, _)| *name == lane).map_or(0.0, |(_, share)| *share))
    }
}

/// Shares that differ by less are the same: the finest are parts of 10^9.
const SAME: f64 = 1e-10;
/// From this part of what everybody dealt anew would be, it is called so: what is less has other causes as well.
const ANEW: f64 = 0.9;

impl Movement {
    pub(super) fn of(moves: &[Move], before: &Lanes<'_>, now: &Lanes<'_>) -> Self {
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
        let mut split = Matrix::new(lanes.len());
        for one in moves {
            if let (Some(from), Some(to)) = (position(&one.from), position(&one.to)) {
                all.add(from, to, one.users);
                if one.is_split {
                    split.add(from, to, one.users);
                }
            }
        }
        let changes: Vec<Named<'_>> = lanes
            .iter()
            .enumerate()
            .filter_map(|(lane, name)| {
                let name = name.as_deref()?;
                let (shrank, grew) = match (before.share(name), now.share(name)) {
                    (Some(before), Some(now)) => (before - now > SAME, now - before > SAME),
                    _ => (split.now(lane) < split.before(lane), split.now(lane) > split.before(lane)),
                };
                let is_base = before.base == Some(name) || now.base == Some(name);
                Some(Named { lane, name, change: Change { is_base, shrank, grew } })
            })
            .collect();
        let unexplained = split.unexplained(&changes);
        let guarantee = match unexplained.is_empty() {
            true => Guarantee::Holds,
            false if float(split.moved()) >= ANEW * split.moved_if_dealt_anew() => Guarantee::DealtAnew,
            false => Guarantee::Broken,
        };
        let row = |(from, lane): (usize, &Option<String>)| Row {
            lane: lane.clone(),
            users: all.before(from),
            moved: all.before(from).saturating_sub(all.get(from, from)),
            to: (0..lanes.len()).map(|to| all.get(from, to)).collect(),
        };
        let from = lanes.iter().enumerate().map(row).collect();
        Movement { guarantee, moved: all.moved(), split: split.users(), from, unexplained, lanes }
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

    fn now(&self, lane: usize) -> u64 {
        (0..self.lanes).map(|from| self.get(from, lane)).sum()
    }

    fn users(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn moved(&self) -> u64 {
        let stayed: u64 = (0..self.lanes).map(|lane| self.get(lane, lane)).sum();
        self.users().saturating_sub(stayed)
    }

    /// How many would move, on average, if the lane before said nothing of the lane now.
    fn moved_if_dealt_anew(&self) -> f64 {
        let users = float(self.users());
        let stay = |lane| float(self.before(lane)) * float(self.now(lane)) / users;
        users - (0..self.lanes).map(stay).sum::<f64>()
    }

    /// The moves that no change of a share explains. Where shares are not written, the counts tell: with slots, those of the
    /// same users grow and shrink exactly as shares do; dealt anew, some users move against them.
    fn unexplained(&self, changes: &[Named<'_>]) -> Vec<Unexplained> {
        let mut found = Vec::new();
        for from in changes {
            for to in changes.iter().filter(|to| to.lane != from.lane) {
                let users = self.get(from.lane, to.lane);
                if users > 0 && !from.change.explains_move_to(to.change) {
                    found.push(Unexplained { from: from.name.to_owned(), to: to.name.to_owned(), users });
                }
            }
        }
        found
    }
}

/// What became of the share of a lane.
struct Named<'n> {
    lane: usize,
    name: &'n str,
    change: Change,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The guarantee for users who are split among lanes `a`, the base lane, `b` and `c`: counts from lane to lane. And how many
    /// users move unexplained.
    fn guarantee(counts: [[u64; 3]; 3], shares: Option<[[f64; 3]; 2]>) -> (Guarantee, u64) {
        let names = ["a", "b", "c"].map(str::to_owned);
        let mut moves = Vec::new();
        for (from, row) in names.iter().zip(counts) {
            for (to, users) in names.iter().zip(row) {
                moves.push(Move { from: Some(from.clone()), to: Some(to.clone()), is_split: true, users });
            }
        }
        let lanes = |side: usize| Lanes {
            names: &names,
            base: Some("a"),
            shares: shares.map(|shares| names.iter().map(String::as_str).zip(shares[side]).collect()),
        };
        let movement = Movement::of(&moves, &lanes(0), &lanes(1));
        (movement.guarantee, movement.unexplained.iter().map(|one| one.users).sum())
    }

    #[test]
    fn a_ramp_goes_through_the_base_lane() {
        // c gives to a what b takes from a.
        let ramp = [[900, 50, 0], [0, 0, 0], [50, 0, 0]];
        assert_eq!(guarantee(ramp, None), (Guarantee::Holds, 0));
        assert_eq!(guarantee(ramp, Some([[0.9, 0.0, 0.1], [0.9, 0.1, 0.0]])), (Guarantee::Holds, 0));
        // A lane takes over the slot of another.
        assert_eq!(guarantee([[900, 0, 0], [0, 0, 100], [0, 0, 0]], None), (Guarantee::Holds, 0));
    }

    #[test]
    fn nobody_leaves_a_lane_that_grew_or_kept_its_share() {
        // b keeps its share, loses users to c, which grew, and gets as many from a.
        let broken = [[800, 10, 90], [0, 90, 10], [0, 0, 0]];
        assert_eq!(guarantee(broken, None), (Guarantee::Broken, 20));
        assert_eq!(guarantee(broken, Some([[0.9, 0.1, 0.0], [0.8, 0.1, 0.1]])), (Guarantee::Broken, 20));
        // It grew, and some users left it for the base lane all the same.
        assert_eq!(guarantee([[850, 60, 0], [10, 80, 0], [0, 0, 0]], None), (Guarantee::Broken, 10));
    }

    #[test]
    fn users_who_are_dealt_anew_move_against_their_shares() {
        let anew = [[250, 255, 0], [245, 250, 0], [0, 0, 0]];
        let same = Some([[0.5, 0.5, 0.0]; 2]);
        assert_eq!(guarantee(anew, same), (Guarantee::DealtAnew, 500));
        // Who only knows the counts sees one lane shrink by chance.
        assert_eq!(guarantee(anew, None), (Guarantee::DealtAnew, 245));
    }
}
