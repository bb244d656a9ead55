//! The few values of a release that move while it runs.

use graylane::error::{At, OneOf, Path, PolicyErrors, Problem, Quoted};
use graylane::policy::{Ab, Candidate, Group, Map, Release};
use graylane::time::{self, Timestamp};
use graylane::written;

use crate::written::is_there;

written! {
    /// The few values of a release that move while it runs. What it does not say is as the release says it.
    pub struct Dial {
        /// The release. Required.
        release: Option<String> [required],
        /// The share of lanes in percent: of candidates of a canary, whose ramps it replaces, or of groups of an AB test. Where
        /// the weights of the groups add up to 100, the control group has what the others leave.
        percent: Map<f64>,
        /// The active lane of a blue-green release.
        active: Option<String>,
        /// Whether the release leaves the requests that it matches alone.
        off: Option<bool>,
        /// The moment at which ramps of a canary stand still, with its offset: `2026-12-01T09:00:00+01:00`.
        pause: Option<String>,
    }
}

const EVERYBODY: f64 = 100.0;

impl Dial {
    /// What can be seen without the release.
    pub(crate) fn check(&self, at: &mut At<'_>) {
        is_there(self.release.as_deref(), &mut at.key("release"));
        for (lane, percent) in self.percent.iter() {
            if !(0.0..=EVERYBODY).contains(percent) {
                at.key("percent").key(lane).error(Problem::Invalid, percent, "must be between 0 and 100");
            }
        }
        if let Some(text) = &self.pause
            && Timestamp::parse(text).is_none()
        {
            at.key("pause").error(Problem::Invalid, Quoted(text), time::EXPECTED);
        }
    }

    /// Changes a release before it is compiled.
    ///
    /// Compiling tells what is wrong with a share itself, that it is between two buckets or larger than the slots of its lane.
    ///
    /// # Errors
    /// What the release does not have, with paths from the dial. The release is as it was then.
    pub fn apply(&self, release: &mut Release) -> Result<(), PolicyErrors> {
        let mut errors = PolicyErrors::default();
        self.check_against(release, &mut At::new(Path::Root, &mut errors));
        errors.into_result(())?;
        if let Some(off) = self.off {
            release.off = off;
        }
        if let (Some(active), Some(blue_green)) = (&self.active, &mut release.blue_green) {
            blue_green.active = Some(active.clone());
        }
        if let Some(ab) = &mut release.ab {
            self.weigh(ab);
        }
        if let Some(canary) = &mut release.canary {
            for candidate in &mut canary.candidates {
                if let Some(percent) = self.percent_of(candidate.lane.as_deref()) {
                    (candidate.percent, candidate.ramp) = (Some(percent), None);
                }
            }
            if let Some(moment) = self.pause.as_deref().and_then(Timestamp::parse) {
                graylane::compile::pause(canary, moment);
            }
        }
        Ok(())
    }

    fn check_against(&self, release: &Release, at: &mut At<'_>) {
        self.check(at);
        if self.release != release.name {
            let allowed = Quoted(release.name.as_deref().unwrap_or_default());
            at.key("release").error(
                Problem::Invalid,
                Quoted(self.release.as_deref().unwrap_or_default()),
                allowed,
            );
        }
        if let Some(active) = &self.active {
            let at = &mut at.key("active");
            let lanes: Vec<&str> = release.lanes.iter().filter_map(|lane| lane.name.as_deref()).collect();
            if release.blue_green.is_none() {
                at.error(Problem::Forbidden, Quoted(active), "only a blue-green release has an active lane");
            } else if !lanes.contains(&active.as_str()) {
                at.error(Problem::NotFound, Quoted(active), OneOf(&lanes));
            }
        }
        if let Some(pause) = self.pause.as_ref().filter(|_| release.canary.is_none()) {
            at.key("pause").error(Problem::Forbidden, Quoted(pause), "only a canary has ramps");
        }
        let at = &mut at.key("percent");
        let lanes: Vec<&str> = match (&release.canary, &release.ab) {
            (Some(canary), _) => canary.candidates.iter().filter_map(lane_of_candidate).collect(),
            (None, Some(ab)) => ab.groups.iter().filter_map(lane_of_group).collect(),
            (None, None) if !self.percent.is_empty() => {
                at.error(Problem::Forbidden, "", "only lanes of a canary or of an AB test have shares");
                return;
            }
            (None, None) => return,
        };
        for (lane, _) in self.percent.iter().filter(|(lane, _)| !lanes.contains(lane)) {
            at.key(lane).error(Problem::NotFound, Quoted(lane), OneOf(&lanes));
        }
        if let Some(ab) = release.ab.as_ref().filter(|_| !self.percent.is_empty()) {
            let others = self.others(ab);
            if self.leaves_rest(ab) && others > EVERYBODY {
                at.error(
                    Problem::Invalid,
                    others,
                    "groups other than the control group add up to 100 at most",
                );
            }
        }
    }

    fn percent_of(&self, lane: Option<&str>) -> Option<f64> {
        let lane = lane?;
        self.percent.iter().find(|(name, _)| *name == lane).map(|(_, percent)| *percent)
    }

    /// Sets the weights of groups.
    fn weigh(&self, ab: &mut Ab) {
        if self.percent.is_empty() {
            return;
        }
        let (control, rest) = (control(ab).map(str::to_owned), self.leaves_rest(ab).then(|| self.others(ab)));
        for group in &mut ab.groups {
            if let Some(percent) = self.percent_of(group.lane.as_deref()) {
                group.weight = Some(percent);
            } else if group.lane == control
                && group.weight.is_some()
                && let Some(others) = rest
            {
                // Sums of decimals are not exact; shares are in steps of 0.01, or finer with more buckets.
                group.weight = Some(((EVERYBODY - others) * 1e6).round() / 1e6);
            }
        }
    }

    /// Whether the control group has what the others leave: it is not asked for, and weights add up to 100, if it has one.
    fn leaves_rest(&self, ab: &Ab) -> bool {
        let is_control = |group: &&Group| control(ab) == group.lane.as_deref();
        if self.percent_of(control(ab)).is_some() {
            return false;
        }
        let written: f64 = ab.groups.iter().filter_map(|group| group.weight).sum();
        let has_weight = ab.groups.iter().find(is_control).is_some_and(|group| group.weight.is_some());
        !has_weight || (written - EVERYBODY).abs() < 1e-6
    }

    /// The shares of all groups but the control group.
    fn others(&self, ab: &Ab) -> f64 {
        let others = ab.groups.iter().filter(|group| control(ab) != group.lane.as_deref());
        others.filter_map(|group| self.percent_of(group.lane.as_deref()).or(group.weight)).sum()
    }
}

fn lane_of_candidate(candidate: &Candidate) -> Option<&str> {
    candidate.lane.as_deref()
}

fn lane_of_group(group: &Group) -> Option<&str> {
    group.lane.as_deref()
}

/// The lane of the control group.
fn control(ab: &Ab) -> Option<&str> {
    ab.control.as_deref().or_else(|| ab.groups.first()?.lane.as_deref())
}
