//! The written mode of a release -> base lane, salt and slots.

use super::builder::Builder;
use super::check;
use super::split::{Percent, Share, percent, slots};
use crate::arena::LaneId;
use crate::bucket;
use crate::error::{At, OneOf, Problem, Quoted};
use crate::plan::Mode;
use crate::policy::{Ab, BlueGreen, Canary, Release};
use crate::split::Slot;

/// What the mode of a release comes down to.
pub(super) struct CompiledMode {
    pub(super) kind: Mode,
    pub(super) routes: bool,
    pub(super) base: LaneId,
    pub(super) salt: Option<String>,
    pub(super) slots: Vec<Slot>,
}

/// The one mode of the release of that name.
pub(super) fn mode(release: &Release, name: &str, builder: &Builder, at: &mut At<'_>) -> CompiledMode {
    match (&release.ab, &release.canary, &release.blue_green) {
        (Some(ab), None, None) => ab_mode(ab, builder, &mut at.key("ab")),
        (None, Some(canary), None) => canary_mode(canary, name, builder, &mut at.key("canary")),
        (None, None, Some(blue_green)) => blue_green_mode(blue_green, builder, &mut at.key("blueGreen")),
        (None, None, None) => {
            at.error(Problem::Required, "", "one mode: ab, canary or blueGreen");
            no_mode()
        }
        _ => {
            at.error(Problem::Forbidden, "", "a release has one mode: ab, canary or blueGreen");
            no_mode()
        }
    }
}

/// Stands in for a mode that could not be read; the plan is thrown away.
fn no_mode() -> CompiledMode {
    CompiledMode { kind: Mode::BlueGreen, routes: true, base: LaneId(0), salt: None, slots: Vec::new() }
}

fn canary_mode(canary: &Canary, name: &str, builder: &Builder, at: &mut At<'_>) -> CompiledMode {
    let stable = builder.lane(canary.stable.as_ref(), &mut at.key("stable"));
    if canary.candidates.is_empty() {
        at.key("candidates").error(Problem::Required, "", "at least one lane with a percentage");
    }
    let mut taken: Vec<LaneId> = stable.into_iter().collect();
    let mut shares = Vec::with_capacity(canary.candidates.len());
    for (index, candidate) in canary.candidates.iter().enumerate() {
        let mut candidates = at.key("candidates");
        let at = &mut candidates.index(index);
        let lane = own_lane(candidate.lane.as_ref(), &mut taken, builder, &mut at.key("lane"));
        let lane = lane.unwrap_or_default();
        shares.push(Share { lane, percent: candidate.percent, slot: candidate.slot.as_ref(), index });
    }
    let slots = slots(&shares, "percent", &mut at.key("candidates"));
    let salt = canary.salt.as_deref().unwrap_or(name);
    if canary.salt.is_some() {
        check::salt(salt, &mut at.key("salt"));
    }
    CompiledMode {
        kind: Mode::Canary,
        routes: true,
        base: stable.unwrap_or_default(),
        salt: Some(salt.to_owned()),
        slots,
    }
}

fn ab_mode(ab: &Ab, builder: &Builder, at: &mut At<'_>) -> CompiledMode {
    if ab.groups.len() < 2 {
        at.key("groups").error(Problem::Required, "", "at least two groups");
    }
    let control = match &ab.control {
        Some(name) => {
            let named = ab.groups.iter().position(|group| group.lane.as_ref() == Some(name));
            if named.is_none() {
                let lanes: Vec<&str> = ab.groups.iter().filter_map(|group| group.lane.as_deref()).collect();
                at.key("control").error(Problem::NotFound, Quoted(name), OneOf(&lanes));
            }
            named.unwrap_or(0)
        }
        None => 0,
    };
    let mut taken = Vec::with_capacity(ab.groups.len());
    let mut base = LaneId::default();
    let mut shares = Vec::with_capacity(ab.groups.len());
    for (index, group) in ab.groups.iter().enumerate() {
        let mut groups = at.key("groups");
        let at = &mut groups.index(index);
        let lane =
            own_lane(group.lane.as_ref(), &mut taken, builder, &mut at.key("lane")).unwrap_or_default();
        if index == control {
            base = lane;
            if group.slot.is_some() {
                let allowed = "the control group has what the others leave; give slots to the others";
                at.key("slot").error(Problem::Forbidden, "", allowed);
            }
        } else {
            shares.push(Share { lane, percent: group.weight, slot: group.slot.as_ref(), index });
        }
    }
    let slots = slots(&shares, "weight", &mut at.key("groups"));
    weights_add_up(ab, control, &slots, &mut at.key("groups"));
    let salt = ab.salt.clone();
    match &salt {
        Some(salt) => check::salt(salt, &mut at.key("salt")),
        None => {
            at.key("salt").error(Problem::Required, "", "a text of your own, like the name and the month");
        }
    }
    CompiledMode { kind: Mode::Ab, routes: ab.route.unwrap_or(true), base, salt, slots }
}

/// The control group has what the others leave; if it says a weight, it must be that.
fn weights_add_up(ab: &Ab, control: usize, slots: &[Slot], at: &mut At<'_>) {
    let Some(written) = ab.groups.get(control).and_then(|group| group.weight) else { return };
    let at = &mut at.index(control);
    let at = &mut at.key("weight");
    let Some(weight) = percent(Some(written), at) else { return };
    let others: u32 = slots.iter().map(|slot| u32::from(slot.fill)).sum();
    let rest = u32::from(bucket::COUNT).saturating_sub(others);
    if slots.len() + 1 == ab.groups.len() && u32::from(weight) != rest {
        let rest = u16::try_from(rest).unwrap_or_default();
        let allowed = format_args!("weights must add up to 100; the others leave {}", Percent(rest));
        at.error(Problem::Invalid, Percent(weight), allowed);
    }
}

fn blue_green_mode(blue_green: &BlueGreen, builder: &Builder, at: &mut At<'_>) -> CompiledMode {
    let active = builder.lane(blue_green.active.as_ref(), &mut at.key("active"));
    if !matches!(builder.lane_names.len(), 0 | 2) {
        let allowed = "blue-green has exactly two lanes";
        at.error(Problem::Invalid, format_args!("{} lanes", builder.lane_names.len()), allowed);
    }
    CompiledMode {
        kind: Mode::BlueGreen,
        routes: true,
        base: active.unwrap_or_default(),
        salt: None,
        slots: Vec::new(),
    }
}

/// A lane that nothing else of the mode has yet.
fn own_lane(
    name: Option<&String>,
    taken: &mut Vec<LaneId>,
    builder: &Builder,
    at: &mut At<'_>,
) -> Option<LaneId> {
    let lane = builder.lane(name, at)?;
    if taken.contains(&lane) {
        at.error(Problem::Duplicate, Quoted(name.map_or("", String::as_str)), "each lane once");
    }
    taken.push(lane);
    Some(lane)
}
