//! What of a release two Ingresses can say: a lane for everybody, one on trial, and its share.

use graylane::error::{FieldError, Problem, Quoted};
use graylane::policy::{BlueGreen, Canary, Group, Release};

use crate::manifests::error;

/// Two lanes of a release.
#[derive(Debug)]
pub(super) struct Shape {
    /// The lane of everybody else.
    pub(super) base: String,
    /// The lane on trial.
    pub(super) candidate: String,
    /// Its share in hundredths of a percent.
    pub(super) share: u64,
    /// Other lanes that have a share, and so do not.
    pub(super) others: Vec<String>,
}

impl Shape {
    /// The shape of the release at a place of the policy.
    pub(super) fn of(release: &Release, at: &str) -> Result<Self, Vec<FieldError>> {
        if release.off {
            let off = format!("{at}.off");
            return Err(vec![error(
                &off,
                Problem::Forbidden,
                "true",
                "a release that is off has no Ingresses",
            )]);
        }
        let shape = if let Some(canary) = &release.canary {
            of_canary(canary)
        } else if let Some(ab) = &release.ab {
            let control = ab.control.clone().or_else(|| ab.groups.first()?.lane.clone()).unwrap_or_default();
            of_groups(&ab.groups, control)
        } else {
            release.blue_green.as_ref().and_then(|mode| of_blue_green(mode, release))
        };
        shape.ok_or_else(|| {
            let name = Quoted(release.name.as_deref().unwrap_or_default()).to_string();
            vec![error(at, Problem::Invalid, name, "it has one lane; a canary needs a second one")]
        })
    }
}

fn of_canary(canary: &Canary) -> Option<Shape> {
    let (first, others) = canary.candidates.split_first()?;
    let others = others.iter().filter_map(|candidate| candidate.lane.clone()).collect();
    let share = first.percent.map(hundredths).unwrap_or_default();
    Some(Shape { base: canary.stable.clone()?, candidate: first.lane.clone()?, share, others })
}

fn of_groups(groups: &[Group], control: String) -> Option<Shape> {
    let mut others = groups.iter().filter(|group| group.lane.as_ref() != Some(&control));
    let first = others.next()?;
    let share = first.weight.map(hundredths).unwrap_or_default();
    let others = others.filter_map(|group| group.lane.clone()).collect();
    Some(Shape { base: control, candidate: first.lane.clone()?, share, others })
}

fn of_blue_green(mode: &BlueGreen, release: &Release) -> Option<Shape> {
    let base = mode.active.clone()?;
    let mut lanes = release.lanes.iter().filter_map(|lane| lane.name.clone()).filter(|lane| *lane != base);
    Some(Shape { candidate: lanes.next()?, base, share: 0, others: Vec::new() })
}

/// A percentage of a policy that was checked: 0 to 100 in steps of 0.01.
fn hundredths(percent: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 10,000, as was checked"
    )]
    let hundredths = (percent * 100.0).round().clamp(0.0, 10_000.0) as u64;
    hundredths
}
