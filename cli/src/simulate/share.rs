//! The shares that a policy asks for.

use graylane::policy::{Ab, Canary, Release};

/// The share of each lane among the users whom the release splits: its name, and a part of 1. `None` where the policy does
/// not say, like for a release that does not split.
pub(super) fn shares(release: &Release) -> Option<Vec<(&str, f64)>> {
    match release {
        Release { canary: Some(canary), .. } => of_canary(canary),
        Release { ab: Some(ab), .. } => of_ab(ab),
        _ => None,
    }
}

/// The lane of whoever the split gives to nobody else; none where all groups have slots, and the others are no part of it.
pub(super) fn base(release: &Release) -> Option<&str> {
    match release {
        Release { canary: Some(canary), .. } => canary.stable.as_deref(),
        Release { ab: Some(ab), .. } => {
            let has_slots = |lane: &str| {
                ab.groups.iter().any(|group| group.lane.as_deref() == Some(lane) && !group.slots.is_empty())
            };
            control(ab).filter(|lane| !has_slots(lane))
        }
        _ => None,
    }
}

fn of_canary(canary: &Canary) -> Option<Vec<(&str, f64)>> {
    let candidates =
        canary.candidates.iter().map(|candidate| Some((candidate.lane.as_deref()?, candidate.percent?)));
    with_rest(canary.stable.as_deref()?, candidates.collect::<Option<_>>()?)
}

fn of_ab(ab: &Ab) -> Option<Vec<(&str, f64)>> {
    let control = control(ab)?;
    let (mut weights, mut own) = (Vec::new(), None);
    for group in &ab.groups {
        match (group.lane.as_deref()?, group.weight) {
            (lane, weight) if lane == control => own = weight,
            (lane, weight) => weights.push((lane, weight?)),
        }
    }
    let Some(own) = own else { return with_rest(control, weights) };
    weights.push((control, own));
    parts(weights)
}

/// The lane of the control group.
fn control(ab: &Ab) -> Option<&str> {
    let first = || ab.groups.first().and_then(|group| group.lane.as_deref());
    ab.control.as_deref().or_else(first)
}

/// Percentages of the others, and what is left.
fn with_rest<'r>(base: &'r str, mut others: Vec<(&'r str, f64)>) -> Option<Vec<(&'r str, f64)>> {
    let rest = 100.0 - others.iter().map(|(_, percent)| percent).sum::<f64>();
    // 99.7 and three times 0.1 are not quite 100.
    others.push((base, if rest.abs() < 1e-9 { 0.0 } else { rest }));
    parts(others)
}

/// Weights as parts of 1.
fn parts(weights: Vec<(&str, f64)>) -> Option<Vec<(&str, f64)>> {
    let whole: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let is_good = whole > 0.0 && weights.iter().all(|(_, weight)| *weight >= 0.0);
    is_good.then(|| weights.into_iter().map(|(lane, weight)| (lane, weight / whole)).collect())
}

#[cfg(test)]
mod tests {
    use graylane::policy::{Candidate, Group};

    use super::*;

    fn canary(percents: &[(&str, f64)]) -> Release {
        let candidate = |(lane, percent): &(&str, f64)| Candidate {
            lane: Some((*lane).to_owned()),
            percent: Some(*percent),
            ..Candidate::default()
        };
        let candidates = percents.iter().map(candidate).collect();
        let canary = Canary { stable: Some("stable".to_owned()), candidates, ..Canary::default() };
        Release { canary: Some(canary), ..Release::default() }
    }

    fn ab(weights: &[(&str, Option<f64>)], control: Option<&str>) -> Release {
        let group = |(lane, weight): &(&str, Option<f64>)| Group {
            lane: Some((*lane).to_owned()),
            weight: *weight,
            ..Group::default()
        };
        let groups = weights.iter().map(group).collect();
        Release {
            ab: Some(Ab { groups, control: control.map(str::to_owned), ..Ab::default() }),
            ..Release::default()
        }
    }

    #[test]
    fn the_base_lane_has_what_the_others_leave() {
        assert_eq!(shares(&canary(&[("v2", 5.0)])), Some(vec![("v2", 0.05), ("stable", 0.95)]));
        let full = canary(&[("v2", 0.1), ("v3", 0.1), ("v4", 0.1), ("v5", 99.7)]);
        assert_eq!(shares(&full).and_then(|shares| shares.last().copied()), Some(("stable", 0.0)));
        let groups = [("A", None), ("B", Some(20.0))];
        assert_eq!(shares(&ab(&groups, None)), Some(vec![("B", 0.2), ("A", 0.8)]));
        assert_eq!(base(&ab(&groups, None)), Some("A"));
    }

    #[test]
    fn a_control_group_may_say_its_weight() {
        let groups = [("A", Some(20.0)), ("B", Some(80.0))];
        let release = ab(&groups, Some("B"));
        assert_eq!((shares(&release), base(&release)), (Some(vec![("A", 0.2), ("B", 0.8)]), Some("B")));
    }

    #[test]
    fn what_is_not_written_is_not_known() {
        assert_eq!(shares(&ab(&[("A", None), ("B", None)], None)), None);
        assert_eq!((shares(&Release::default()), base(&Release::default())), (None, None));
    }
}
