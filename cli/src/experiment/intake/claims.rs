//! Who says in which group the user of a conversion is.

use super::{Fault, Intake};
use crate::experiment::assigner::Assigned;
use crate::experiment::exposure::{Told, Who};
use crate::experiment::mismatch::Kind;
use crate::experiment::record::{Claim, Claimant, NONE, Place};

impl Intake<'_> {
    /// Puts together who says in which groups the user of a conversion is, and holds the two against each other that the client
    /// reports.
    pub(super) fn claim(
        &mut self,
        group: Option<&str>,
        told: &[Told<'_>],
        who: &Who<'_>,
        place: Place,
    ) -> Result<(), Fault> {
        self.claims.clear();
        let groups = group
            .into_iter()
            .flat_map(|text| text.split(','))
            .map(str::trim)
            .filter(|group| !group.is_empty());
        for element in groups {
            let (experiment, group) = match element.split_once('=') {
                Some((experiment, group)) => (Some(experiment), group),
                None => (None, element),
            };
            let mut meant =
                told.iter().filter(|told| experiment.is_none_or(|experiment| told.experiment == experiment));
            if meant.clone().next().is_some() && !meant.any(|told| told.group == group) {
                let place = self.shown(place);
                self.mismatches.add(Kind::GroupAndId, || {
                    let told = told.iter().map(|told| format!("{};group={}", told.experiment, told.group));
                    format!(
                        "{place}: group {element} with the X-Abtest-Id {}",
                        told.collect::<Vec<_>>().join(", ")
                    )
                });
            }
            // A bare group is that of the only experiment that the client was told of.
            let only = told.first().filter(|_| told.len() == 1).map(|told| told.experiment);
            self.push(Claimant::Group, experiment.or(only), None, Some(group))?;
        }
        for Told { experiment, group, revision } in told {
            self.push(Claimant::Id, Some(experiment), Some(*revision), Some(group))?;
        }
        if let Who::Id(id) = who {
            self.claim_of_policy(id)?;
        }
        Ok(())
    }

    /// Adds where the policy puts the user in the experiments of the other claims.
    fn claim_of_policy(&mut self, id: &str) -> Result<(), Fault> {
        let Some(assigner) = &self.wanted.assigner else { return Ok(()) };
        let mut asked: Vec<u16> = self.claims.iter().map(|claim| claim.experiment).collect();
        // Which experiment a bare group is of is only known with the exposures of its user.
        if asked.contains(&NONE) {
            asked.extend(assigner.experiments().filter_map(|name| self.ledger.experiments.known(name)));
        }
        asked.sort_unstable();
        asked.dedup();
        let mut found = Vec::new();
        for experiment in asked {
            let name = self.ledger.experiments.name(experiment);
            if let (Some(planned), Some(assigned)) =
                (assigner.planned_revision(name), assigner.assigned(name, None, id))
            {
                found.push((name.to_owned(), planned, assigned));
            }
        }
        for (name, revision, assigned) in found {
            let group = match &assigned {
                Assigned::Group(group) => Some(group.as_str()),
                Assigned::Outside => None,
            };
            self.push(Claimant::Policy, Some(&name), Some(revision), group)?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        by: Claimant,
        experiment: Option<&str>,
        revision: Option<u32>,
        group: Option<&str>,
    ) -> Result<(), Fault> {
        let experiment = match experiment {
            Some(name) => self
                .ledger
                .experiments
                .number(name)
                .ok_or_else(|| "too many different experiments".to_owned())?,
            None => NONE,
        };
        let group = match group {
            Some(name) => {
                self.ledger.groups.number(name).ok_or_else(|| "too many different groups".to_owned())?
            }
            None => NONE,
        };
        self.claims.push(Claim { by, experiment, revision, group });
        Ok(())
    }
}
