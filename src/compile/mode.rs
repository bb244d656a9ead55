//! The written mode of a release -> base lane, split and gates.

use super::builder::Builder;
use super::gate::gates;
use super::hash::{hash, is_salted};
use super::schedule::timestamp;
use super::split::{Asked, percent_of, percent_shown, split};
use super::{Context, check, condition};
use crate::arena::{Block, LaneId};
use crate::condition::Jump;
use crate::error::{At, OneOf, Problem, Quoted};
use crate::gate::Gate;
use crate::plan::Mode;
use crate::policy::{Ab, BlueGreen, Canary, Layout, Release};
use crate::split::{Share, Split};
use crate::time::Timestamp;

/// What the mode of a release comes down to.
pub(super) struct CompiledMode {
    pub(super) kind: Mode,
    pub(super) routes: bool,
    pub(super) base: LaneId,
    pub(super) split: Option<Split>,
    pub(super) gates: Vec<Gate>,
    /// The layer, by its position in the policy.
    pub(super) layer: Option<u32>,
    pub(super) audience: Option<Jump>,
    pub(super) drain: Option<Timestamp>,
}

impl CompiledMode {
    fn new(kind: Mode, base: LaneId) -> Self {
        let (split, gates, layer, audience, drain) = (None, Vec::new(), None, None, None);
        CompiledMode { kind, routes: true, base, split, gates, layer, audience, drain }
    }
}

/// The one mode of the release of that name.
pub(super) fn mode(
    release: &Release,
    name: &str,
    context: &Context<'_>,
    builder: &mut Builder,
    at: &mut At<'_>,
) -> CompiledMode {
    match (&release.ab, &release.canary, &release.blue_green) {
        (Some(ab), None, None) => ab_mode(ab, context, builder, &mut at.key("ab")),
        (None, Some(canary), None) => canary_mode(canary, name, builder, &mut at.key("canary")),
        (None, None, Some(blue_green)) => {
            blue_green_mode(release, blue_green, builder, &mut at.key("blueGreen"))
        }
        (None, None, None) => {
            at.error(Problem::Required, "", "one mode: ab, canary or blueGreen");
            CompiledMode::new(Mode::BlueGreen, LaneId(0))
        }
        (ab, canary, blue_green) => {
            at.error(Problem::Forbidden, "", "a release has one mode: ab, canary or blueGreen");
            // Their own mistakes are told all the same.
            if let Some(ab) = ab {
                ab_mode(ab, context, builder, &mut at.key("ab"));
            }
            if let Some(canary) = canary {
                canary_mode(canary, name, builder, &mut at.key("canary"));
            }
            if let Some(blue_green) = blue_green {
                blue_green_mode(release, blue_green, builder, &mut at.key("blueGreen"));
            }
            CompiledMode::new(Mode::BlueGreen, LaneId(0))
        }
    }
}

fn canary_mode(canary: &Canary, name: &str, builder: &mut Builder, at: &mut At<'_>) -> CompiledMode {
    let stable = builder.lane(canary.stable.as_deref(), &mut at.key("stable"));
    if canary.candidates.is_empty() {
        at.key("candidates").error(Problem::Required, "", "at least one lane with a percentage");
    }
    let mut taken: Vec<LaneId> = stable.into_iter().collect();
    let mut asked = Vec::with_capacity(canary.candidates.len());
    for (index, candidate) in canary.candidates.iter().enumerate() {
        let mut candidates = at.key("candidates");
        let at = &mut candidates.index(index);
        let lane = own_lane(candidate.lane.as_deref(), &mut taken, builder, &mut at.key("lane"));
        asked.push(Asked {
            lane: lane.unwrap_or_default(),
            percent: candidate.percent,
            ramp: candidate.ramp.as_ref(),
            slots: &candidate.slots,
            index,
            is_base: false,
        });
    }
    if let Some(salt) = &canary.salt {
        check::salt(salt, &mut at.key("salt"));
    }
    // Without a place for it in the text the default is not missed.
    let salt = canary.salt.as_deref().or(is_salted(canary.hash.as_ref()).then_some(name));
    let hash = hash(canary.hash.as_ref(), 0, salt, &mut builder.arena, at);
    let split = split(&asked, &hash, "percent", &mut builder.arena, &mut at.key("candidates"));
    CompiledMode { split: Some(split), ..CompiledMode::new(Mode::Canary, stable.unwrap_or_default()) }
}

fn ab_mode(ab: &Ab, context: &Context<'_>, builder: &mut Builder, at: &mut At<'_>) -> CompiledMode {
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
    let mut asked = Vec::with_capacity(ab.groups.len());
    for (index, group) in ab.groups.iter().enumerate() {
        let mut groups = at.key("groups");
        let at = &mut groups.index(index);
        let lane =
            own_lane(group.lane.as_deref(), &mut taken, builder, &mut at.key("lane")).unwrap_or_default();
        let is_base = index == control;
        asked.push(Asked { lane, percent: group.weight, ramp: None, slots: &group.slots, index, is_base });
    }
    let base = asked.get(control).map(|asked| asked.lane).unwrap_or_default();
    match &ab.salt {
        Some(salt) => check::salt(salt, &mut at.key("salt")),
        None if is_salted(ab.hash.as_ref()) => {
            at.key("salt").error(Problem::Required, "", "a text of your own, like the name and the month");
        }
        None => {}
    }
    let hash = hash(ab.hash.as_ref(), 0, ab.salt.as_deref(), &mut builder.arena, at);
    let layout = hash.layout;
    let split = split(&asked, &hash, "weight", &mut builder.arena, &mut at.key("groups"));
    if layout == Layout::Slots {
        weights_add_up(ab, control, &split, builder.arena.block(), &mut at.key("groups"));
    }
    let (gates, layer) = gates(ab, context, builder, at);
    let audience = ab
        .audience
        .as_ref()
        .map(|audience| condition::compile(Some(audience), builder, &mut at.key("audience")));
    CompiledMode {
        routes: ab.route.unwrap_or(true),
        split: Some(split),
        gates,
        layer,
        audience,
        ..CompiledMode::new(Mode::Ab, base)
    }
}

/// The control group has what the others leave; if it says a weight, it must be that.
fn weights_add_up(ab: &Ab, control: usize, split: &Split, block: Block<'_>, at: &mut At<'_>) {
    let Some(group) = ab.groups.get(control).filter(|group| group.slots.is_empty()) else { return };
    let Some(written) = group.weight else { return };
    let at = &mut at.index(control);
    let at = &mut at.key("weight");
    let Some(weight) = percent_of(Some(written), split.buckets, at) else { return };
    // Slots of one lane share its weight.
    let firsts = block.list(split.slots).filter(|slot| slot.offset == 0);
    let weights = firsts.map(|slot| if let Share::Fixed(fill) = slot.share { fill } else { 0 });
    let lanes = weights.clone().count();
    let rest = split.buckets.saturating_sub(weights.sum());
    if lanes + 1 == ab.groups.len() && weight != rest {
        let rest = percent_shown(rest, split.buckets);
        let allowed = format_args!("weights must add up to 100; the others leave {rest}");
        at.error(Problem::Invalid, percent_shown(weight, split.buckets), allowed);
    }
}

fn blue_green_mode(
    release: &Release,
    blue_green: &BlueGreen,
    builder: &Builder,
    at: &mut At<'_>,
) -> CompiledMode {
    let active = builder.lane(blue_green.active.as_deref(), &mut at.key("active"));
    if !matches!(builder.lane_names.len(), 0 | 2) {
        let allowed = "blue-green has exactly two lanes";
        at.error(Problem::Invalid, format_args!("{} lanes", builder.lane_names.len()), allowed);
    }
    let drain = blue_green.drain.as_ref().and_then(|drain| {
        let at = &mut at.key("drain");
        if release.sticky.is_none() {
            let allowed = "only with `sticky`, which remembers who was there before the switch";
            at.error(Problem::Forbidden, "", allowed);
        }
        timestamp(drain.until.as_ref(), &mut at.key("until"))
    });
    CompiledMode { drain, ..CompiledMode::new(Mode::BlueGreen, active.unwrap_or_default()) }
}

/// A lane that nothing else of the mode has yet.
fn own_lane(
    name: Option<&str>,
    taken: &mut Vec<LaneId>,
    builder: &Builder,
    at: &mut At<'_>,
) -> Option<LaneId> {
    let lane = builder.lane(name, at)?;
    if taken.contains(&lane) {
        at.error(Problem::Duplicate, Quoted(name.unwrap_or_default()), "each lane once");
    }
    taken.push(lane);
    Some(lane)
}
