//! For when the ramp guarantee is proved.
//!
//! Shares follow the clock, and nobody knows when a policy is rolled out. Where lanes keep their slots, it does not matter: a lane
//! fills its slots in one order, so of any two shares of it, whenever they are, the smaller part lies in the larger one, and what is
//! left is the base lane's.

use graylane::arena::LaneId;
use graylane::deal::{Deal, Room};
use serde::Serialize;

use super::places::{Places, Side};

/// For when something is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Proof {
    /// For the time of the check and all later ones.
    FromThenOn,
    /// For the time of the check; at another, shares are others.
    ThenAlone,
}

/// Room of a lane, in parts that both sides can be measured in.
type Run = (u64, u64);

/// Whether the guarantee holds whatever the shares are, and so at any time: what each lane may fill is where it was, or there is
/// more of it behind or less, and no lane gets room that was that of another.
pub(super) fn is_by_structure(before: &Side<'_>, now: &Side<'_>, places: &Places) -> bool {
    let (Some(old), Some(new)) = (&before.split, &now.split) else { return false };
    let rests = [before, now].map(|side| places.place(side, side.segment.rest()));
    if rests.iter().any(|rest| Some(rest) != rests.first()) {
        return false;
    }
    let was = rooms(before, new, places);
    let is = rooms(now, old, places);
    (0..places.names.len()).all(|place| {
        let of = |rooms: &[(usize, Run)]| -> Vec<Run> {
            joined(rooms.iter().filter(|(owner, _)| *owner == place).map(|(_, run)| *run))
        };
        is_start_of_other(&of(&was), &of(&is))
    }) && was
        .iter()
        .all(|(owner, run)| is.iter().all(|(other, room)| owner == other || !overlap(*run, *room)))
}

/// The rooms of all lanes but the base lane, which has what they leave; in parts so small that the other side has whole ones too.
fn rooms(side: &Side<'_>, other: &Deal<'_>, places: &Places) -> Vec<(usize, Run)> {
    let scale = |bucket: u32| u64::from(bucket) * u64::from(other.buckets);
    let is_own = |lane: LaneId| Some(lane) != side.segment.rest();
    let room = |room: &Room| (places.place(side, Some(room.lane)), (scale(room.start), scale(room.end)));
    let rooms = side.segment.rooms();
    rooms.iter().filter(|room| room.start < room.end && is_own(room.lane)).map(room).collect()
}

/// Runs that follow on each other as one.
fn joined(runs: impl Iterator<Item = Run>) -> Vec<Run> {
    let mut joined: Vec<Run> = Vec::new();
    for (start, end) in runs {
        match joined.last_mut().filter(|last| last.1 == start) {
            Some(last) => last.1 = end,
            None => joined.push((start, end)),
        }
    }
    joined
}

/// Whether one of two sequences of runs is where the other begins.
fn is_start_of_other(one: &[Run], other: &[Run]) -> bool {
    let (short, long) = if size(one) <= size(other) { (one, other) } else { (other, one) };
    let Some((last, whole)) = short.split_last() else { return true };
    let same = long.get(whole.len());
    long.starts_with(whole) && same.is_some_and(|run| run.0 == last.0 && last.1 <= run.1)
}

fn size(runs: &[Run]) -> u64 {
    runs.iter().map(|(start, end)| end - start).sum()
}

fn overlap(one: Run, other: Run) -> bool {
    one.0 < other.1 && other.0 < one.1
}
