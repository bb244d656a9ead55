//! What the policy says of experiments, and in which group the engine puts a user.

use anyhow::Result;
use graylane::decision::{Outside, Reason};

use crate::share;
use crate::simulate::question::{Asked, places};
use crate::simulate::{Side, Template};

/// Where the split of a policy puts a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Assigned {
    /// In this group.
    Group(String),
    /// In none: the hash of a gate leaves the user out.
    Outside,
}

/// A policy that is asked for the groups of users.
#[derive(Debug)]
pub(super) struct Assigner<'p> {
    side: &'p Side,
    template: &'p Template,
    asked: Asked<'p>,
    releases: Vec<Release>,
}

#[derive(Debug)]
struct Release {
    name: String,
    revision: u32,
    position: u32,
}

/// What a policy says of an experiment.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) revision: u32,
    /// The control group.
    pub(super) control: String,
    /// The share of each group among all whom the split deals.
    pub(super) shares: Vec<(String, f64)>,
}

impl<'p> Assigner<'p> {
    pub(super) fn new(side: &'p Side, template: &'p Template) -> Result<Self> {
        let mut asked = Asked::new(side, template)?;
        let mut releases = Vec::new();
        for (position, written) in (0..).zip(&side.policy.releases) {
            let segment = side.plan.release(position);
            let (Some(segment), Some(name)) = (segment, &written.name) else { continue };
            if asked.ask(releases.len(), position, places(written.matches.as_ref(), template)) {
                releases.push(Release { name: name.clone(), revision: segment.revision(), position });
            }
        }
        asked.tells_users_apart()?;
        Ok(Assigner { side, template, asked, releases })
    }

    /// The name of the policy.
    pub(super) fn name(&self) -> &str {
        &self.side.name
    }

    /// What the policy says of an experiment.
    pub(super) fn planned(&self, experiment: &str) -> Option<Planned> {
        let releases = &self.side.policy.releases;
        let position = releases.iter().position(|release| release.name.as_deref() == Some(experiment))?;
        let segment = self.side.plan.release(u32::try_from(position).ok()?)?;
        let shares = share::shares(segment, self.template.now)?;
        let whole: f64 = shares.iter().map(|(_, share)| share).sum();
        let base = segment.lane_name(segment.base());
        Some(Planned {
            revision: segment.revision(),
            control: String::from_utf8_lossy(base).into_owned(),
            shares: shares.into_iter().map(|(name, share)| (name, share / whole)).collect(),
        })
    }

    /// The experiments of the policy.
    pub(super) fn experiments(&self) -> impl Iterator<Item = &str> {
        self.releases.iter().map(|release| release.name.as_str())
    }

    /// The revision of an experiment in the policy.
    pub(super) fn planned_revision(&self, experiment: &str) -> Option<u32> {
        self.releases.iter().find(|release| release.name == experiment).map(|release| release.revision)
    }

    /// Where the split of this revision puts a user; `None` where something else decides, or it is another revision.
    pub(super) fn assigned(&self, experiment: &str, revision: Option<u32>, id: &str) -> Option<Assigned> {
        let is_asked = |release: &Release| {
            release.name == experiment && revision.is_none_or(|asked| asked == release.revision)
        };
        let index = self.releases.iter().position(is_asked)?;
        let release = self.releases.get(index)?;
        let question = self.asked.questions.iter().find(|question| question.has(index))?;
        let given = self.asked.given(&question.host, &question.path, id);
        let decision = self.asked.decide(&given, id)?;
        let entry = decision.entries.iter().find(|entry| entry.release == release.position)?;
        match entry.outside {
            Some(Outside::Audience) => None,
            Some(_) => Some(Assigned::Outside),
            None if entry.reason == Reason::Split => {
                let segment = self.side.plan.release(release.position)?;
                let name = segment.lane_name(entry.assigned?);
                Some(Assigned::Group(String::from_utf8_lossy(name).into_owned()))
            }
            None => None,
        }
    }
}
