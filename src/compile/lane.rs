//! Written lanes -> lanes with their labels and fallbacks.

use super::builder::Builder;
use super::check;
use crate::arena::{LaneId, List};
use crate::error::{At, Problem, Quoted};
use crate::limits;
use crate::plan::{Lane, LanePair};
use crate::policy::{self, Follow};

/// The lanes of the release of that name.
pub(super) fn lanes(
    written: &[policy::Lane],
    release: &str,
    builder: &mut Builder,
    at: &mut At<'_>,
) -> Vec<Lane> {
    if written.is_empty() {
        at.error(Problem::Required, "", "at least one lane");
    }
    builder.lane_names = written.iter().map(|lane| lane.name.clone().unwrap_or_default()).collect();
    if written.len() > limits::LANES {
        at.error(Problem::TooMany, written.len(), format_args!("at most {} lanes", limits::LANES));
        return Vec::new();
    }
    written.iter().enumerate().map(|(index, lane)| compile_lane(index, lane, release, builder, at)).collect()
}

/// Where a label or rules pick the lane, no two lanes may answer to the same: nobody could stay in the second.
pub(super) fn told_apart(release: &policy::Release, at: &mut At<'_>) {
    if release.follow == Some(Follow::None) && release.overrides.rules.is_none() {
        return;
    }
    let written = &release.lanes;
    let answers: Vec<Vec<(&str, &str)>> = written.iter().map(answers_to).collect();
    for (index, own) in answers.iter().enumerate() {
        let name = |at: usize| written.get(at).and_then(|lane| lane.name.as_ref());
        let same = |other: &&Vec<(&str, &str)>| {
            other.len() == own.len() && other.iter().all(|pair| own.contains(pair))
        };
        let first = answers.iter().take(index).position(|other| same(&other));
        // Lanes of one name are reported as that.
        if let Some(first) = first.filter(|first| name(*first) != name(index)) {
            let own: Vec<String> = own.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let allowed = format_args!(
                "lanes[{first}] answers to this label already; give each labels of its own, or follow: none"
            );
            at.index(index).error(Problem::Duplicate, own.join(";"), allowed);
        }
    }
}

/// The pairs that a lane answers to: its labels, or its name as its version.
fn answers_to(lane: &policy::Lane) -> Vec<(&str, &str)> {
    if lane.labels.is_empty() {
        return vec![(VERSION, lane.name.as_deref().unwrap_or_default())];
    }
    lane.labels.iter().map(|(key, value)| (key, value.as_str())).collect()
}

/// The key under which a lane without labels answers to its name.
const VERSION: &str = "version";

fn compile_lane(
    index: usize,
    lane: &policy::Lane,
    release: &str,
    builder: &mut Builder,
    at: &mut At<'_>,
) -> Lane {
    let at = &mut at.index(index);
    let name = check::name(lane.name.as_ref(), &mut at.key("name")).unwrap_or_default();
    let mut before = builder.lane_names.iter().take(index);
    if let Some(first) = before.position(|known| known == name).filter(|_| !name.is_empty()) {
        let allowed = format_args!("lanes[{first}] has this name already");
        at.key("name").error(Problem::Duplicate, Quoted(name), allowed);
    }
    if let Some(cluster) = &lane.cluster
        && (cluster.is_empty() || cluster.len() > 253 || !cluster.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        at.key("cluster").error(Problem::Invalid, Quoted(cluster), "1 to 253 visible characters");
    }
    let labels = labels(lane, release, builder, &mut at.key("labels"));
    let fallbacks = fallbacks(lane, index, builder, &mut at.key("fallback"));
    Lane {
        name: builder.arena.keep(name),
        cluster: builder.arena.keep(lane.cluster.as_deref().unwrap_or_default()),
        weighted_slot: lane.weighted_slot,
        labels,
        unavailable: lane.unavailable,
        fallbacks,
    }
}

fn labels(lane: &policy::Lane, release: &str, builder: &mut Builder, at: &mut At<'_>) -> List<LanePair> {
    for (key, value) in lane.labels.iter() {
        let at = &mut at.key(key);
        let own_len = release.len() + 1 + key.len();
        if check::label_key(key, at).is_some() && own_len > limits::LABEL_KEY {
            let allowed =
                format_args!("with the release's name before it at most {} bytes", limits::LABEL_KEY);
            at.error(Problem::TooLong, Quoted(key), allowed);
        }
        check::label_value(value, at);
    }
    if lane.labels.len() > limits::LANE_LABELS {
        at.error(Problem::TooMany, lane.labels.len(), format_args!("at most {} labels", limits::LANE_LABELS));
    }
    let implied = lane.labels.is_empty();
    let pairs = answers_to(lane).into_iter().map(|(key, value)| LanePair {
        key: builder.arena.keep(key),
        own_key: builder.arena.keep(format!("{release}.{key}")),
        value: builder.arena.keep(value),
        implied,
    });
    let pairs: Vec<LanePair> = pairs.collect();
    builder.arena.list(pairs)
}

fn fallbacks(lane: &policy::Lane, index: usize, builder: &mut Builder, at: &mut At<'_>) -> List<LaneId> {
    let mut found = Vec::with_capacity(lane.fallback.len());
    for (position, name) in lane.fallback.iter().enumerate() {
        let at = &mut at.index(position);
        let Some(fallback) = builder.lane(Some(name), at) else { continue };
        if usize::from(fallback.0) == index {
            at.error(Problem::Invalid, Quoted(name), "another lane than this one");
        }
        if found.contains(&fallback) {
            at.error(Problem::Duplicate, Quoted(name), "name a lane once");
        }
        found.push(fallback);
    }
    builder.arena.list(found)
}
