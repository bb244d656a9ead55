//! Makes a report of what was counted.

use std::collections::BTreeSet;

use graylane::decision::Reason;

use super::intake::Intake;
use super::moment;
use super::statistics::{Arm, always_valid, detectable, holm, lift, newcombe, wilson, z_test};
use super::summary::{
    Comparison, Crossover, Experiment, Forced, Goal, Peeked, Point, Rate, Report, SampleRatio, Share,
};
use super::tally::{Clock, GroupTally, POINTS, Tally, VariantTally};
use super::verdict::{self, Verdict};
use crate::chance::{self, Judgement, float};

/// How a report is made.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Intervals have a confidence of `1 - alpha`.
    pub alpha: f64,
    /// The number of users at which always-valid intervals are the tightest.
    pub planned: u64,
    /// The control group, where it is said.
    pub control: Option<String>,
    /// The weights of groups, where they are said.
    pub shares: Vec<(String, f64)>,
}

/// Makes the report.
pub(super) fn report(intake: &Intake<'_>, tally: Tally, clock: Clock, asked: &Asked) -> Report {
    let mut experiments: Vec<Experiment> = tally
        .variants
        .iter()
        .filter(|(_, counts)| !counts.groups.is_empty() || !counts.forced.is_empty())
        .map(|(variant, counts)| Summary { intake, clock, asked, variant: *variant, counts }.experiment())
        .collect();
    experiments.sort_by(|one, other| (&one.name, one.revision).cmp(&(&other.name, other.revision)));
    Report {
        good: experiments.iter().all(|experiment| experiment.doubts.is_empty()),
        alpha: asked.alpha,
        planned_users: asked.planned,
        rows: intake.rows,
        spilled_bytes: intake.store.spilled(),
        malformed: intake.malformed.clone(),
        not_exposed: tally.not_exposed,
        forced_alone: tally.forced_alone,
        notes: notes(intake, asked, &tally),
        mismatches: tally.mismatches.all(),
        experiments,
    }
}

fn notes(intake: &Intake<'_>, asked: &Asked, tally: &Tally) -> Vec<String> {
    let mut notes = Vec::new();
    if intake.rows.hashed > 0 && intake.has_plain_conversions && intake.wanted.key.is_none() {
        notes.push(
            "exposures have hashed ids and conversions have plain ones: --key FILE joins them".to_owned(),
        );
    }
    if intake.rows.hashed > 0 && intake.wanted.assigner.is_some() {
        notes.push("hashed ids are not held against the policy, which takes the ids themselves".to_owned());
    }
    let groups: BTreeSet<&str> = tally
        .variants
        .values()
        .flat_map(|counts| counts.groups.keys().map(|group| intake.ledger.groups.name(*group)))
        .collect();
    if let Some(control) = asked.control.as_deref().filter(|control| !groups.contains(control)) {
        notes.push(format!("no experiment has the group {control:?} of --control"));
    }
    notes
}

/// An experiment whose counts are summed up.
struct Summary<'s> {
    intake: &'s Intake<'s>,
    clock: Clock,
    asked: &'s Asked,
    variant: u16,
    counts: &'s VariantTally,
}

impl Summary<'_> {
    fn experiment(&self) -> Experiment {
        let (experiment, revision) = self.intake.ledger.of_variant(self.variant);
        let name = self.intake.ledger.experiments.name(experiment).to_owned();
        let planned = self.intake.wanted.assigner.as_ref().and_then(|assigner| assigner.planned(&name));
        let mut groups: BTreeSet<String> =
            self.counts.groups.keys().map(|group| self.group(*group)).collect();
        let shares = self.shares(planned.as_ref(), revision);
        groups.extend(shares.1.iter().filter(|(_, share)| *share > 0.0).map(|(group, _)| group.clone()));
        let said = self.asked.control.as_ref().filter(|control| groups.contains(*control));
        let by_policy =
            planned.as_ref().map(|planned| &planned.control).filter(|control| groups.contains(*control));
        let control = said.or(by_policy).or(groups.first()).cloned().unwrap_or_default();
        // The control comes first, the others by their names.
        let others = groups.iter().filter(|group| **group != control).cloned();
        let order: Vec<String> =
            groups.contains(&control).then(|| control.clone()).into_iter().chain(others).collect();
        let sample_ratio = self.sample_ratio(&order, shares);
        let crossover = self.crossover();
        let doubts = verdict::doubts(&sample_ratio, &crossover);
        let goals: BTreeSet<(&str, u16)> = self
            .counts
            .groups
            .values()
            .flat_map(|group| group.goals.keys())
            .map(|goal| (self.intake.ledger.goals.name(*goal), *goal))
            .collect();
        let goals = goals.into_iter().map(|(name, goal)| self.goal(name, goal, &order, &doubts)).collect();
        Experiment {
            name,
            revision,
            from: self.counts.span.map(|(first, _)| moment::shown(first)),
            to: self.counts.span.map(|(_, last)| moment::shown(last)),
            control,
            doubts,
            sample_ratio,
            crossover,
            forced: self.forced(),
            also_forced: self.counts.also_forced,
            repeated_exposures: self.counts.repeated_exposures,
            conversions: self.counts.conversions,
            goals,
        }
    }

    fn group(&self, number: u16) -> String {
        self.intake.ledger.groups.name(number).to_owned()
    }

    fn tally(&self, group: &str) -> Option<&GroupTally> {
        self.counts.groups.get(&self.intake.ledger.groups.known(group)?)
    }

    /// Who says what to expect of each group, and what; nothing where nobody can say.
    fn shares(
        &self,
        planned: Option<&super::assigner::Planned>,
        revision: u32,
    ) -> (String, Vec<(String, f64)>) {
        let policy =
            self.intake.wanted.assigner.as_ref().map(super::assigner::Assigner::name).unwrap_or_default();
        match planned {
            _ if !self.asked.shares.is_empty() => ("--shares".to_owned(), self.asked.shares.clone()),
            Some(planned) if planned.revision == revision => (policy.to_owned(), planned.shares.clone()),
            Some(planned) => (format!("{policy} knows revision {} alone", planned.revision), Vec::new()),
            None if policy.is_empty() => ("--policy or --shares says what to expect".to_owned(), Vec::new()),
            None => (format!("{policy} has no such experiment; --shares says what to expect"), Vec::new()),
        }
    }

    fn sample_ratio(
        &self,
        order: &[String],
        (expected_by, shares): (String, Vec<(String, f64)>),
    ) -> SampleRatio {
        let whole: f64 = shares.iter().map(|(_, share)| share).sum();
        let expected = |group: &String| {
            let share = shares.iter().find(|(name, _)| name == group).map_or(0.0, |(_, share)| *share);
            (!shares.is_empty() && whole > 0.0).then(|| share / whole)
        };
        let exposed = |group: &String| self.tally(group).map_or(0, |tally| tally.exposed);
        let all: u64 = order.iter().map(exposed).sum();
        let groups = order.iter().map(|group| Share {
            group: group.clone(),
            users: exposed(group),
            percent: if all == 0 { 0.0 } else { float(exposed(group)) * 100.0 / float(all) },
            expected_percent: expected(group).map(|share| share * 100.0),
        });
        let cells: Option<Vec<(f64, u64)>> =
            order.iter().map(|group| Some((expected(group)?, exposed(group)))).collect();
        let judgement = cells.map_or(Judgement::UNKNOWN, |cells| chance::fit(&cells));
        SampleRatio { judgement, expected_by, groups: groups.collect() }
    }

    fn crossover(&self) -> Crossover {
        let users = self.counts.crossover;
        let all: u64 = self.counts.groups.values().map(|group| group.exposed).sum();
        let part = if all == 0 { 0.0 } else { float(users) / float(all) };
        let alarm = part > verdict::CROSSOVER && users >= verdict::CROSSOVERS;
        Crossover { users, percent: part * 100.0, alarm }
    }

    fn forced(&self) -> Vec<Forced> {
        let reason =
            |number: u8| Reason::ALL.get(usize::from(number)).map_or("other", |reason| reason.as_str());
        let forced = self.counts.forced.iter().map(|((number, group), users)| Forced {
            reason: reason(*number).to_owned(),
            group: self.group(*group),
            users: *users,
        });
        forced.collect()
    }

    fn goal(&self, name: &str, goal: u16, order: &[String], doubts: &[String]) -> Goal {
        let arm = |group: &String| {
            let tally = self.tally(group);
            let conversions =
                tally.and_then(|tally| tally.goals.get(&goal)).map_or(0, |goal| goal.conversions);
            Arm { users: tally.map_or(0, |tally| tally.users), conversions }
        };
        let rates = order.iter().map(|group| {
            let arm = arm(group);
            let interval = wilson(arm, self.asked.alpha);
            Rate {
                group: group.clone(),
                users: arm.users,
                conversions: arm.conversions,
                rate: arm.rate(),
                interval,
            }
        });
        let mut comparisons = Vec::new();
        if let Some((control, others)) = order.split_first() {
            let series = |group: &String| self.series(control, group, goal);
            comparisons = others
                .iter()
                .map(|group| self.compare(group, arm(control), arm(group), series(group)))
                .collect();
        }
        correct(&mut comparisons);
        let control = order.first().map_or("", |control| control);
        for comparison in &mut comparisons {
            comparison.verdict = Verdict::of(comparison, self.asked.alpha);
            if doubts.is_empty() {
                comparison.says = verdict::words(comparison, control);
            }
        }
        let verdict = if !doubts.is_empty() {
            format!("NOT TO BE BELIEVED: {}", doubts.join(", and "))
        } else if comparisons.is_empty() {
            verdict::ALONE.to_owned()
        } else {
            comparisons.iter().map(|comparison| comparison.says.as_str()).collect::<Vec<_>>().join("; ")
        };
        Goal { name: name.to_owned(), rates: rates.collect(), comparisons, verdict }
    }

    fn compare(&self, group: &str, control: Arm, arm: Arm, series: Vec<Point>) -> Comparison {
        let Asked { alpha, planned, .. } = *self.asked;
        let lift = lift(control, arm, alpha);
        let peeked = always_valid(control, arm, alpha, planned);
        Comparison {
            group: group.to_owned(),
            verdict: Verdict::TooFew,
            says: String::new(),
            difference: arm.rate() - control.rate(),
            interval: newcombe(control, arm, alpha),
            lift: lift.map(|(lift, _)| lift),
            lift_interval: lift.map(|(_, interval)| interval),
            p: z_test(control, arm),
            p_holm: None,
            always_valid: peeked.map(|peeked| Peeked {
                p: peeked.p,
                p_holm: peeked.p,
                interval: peeked.difference,
            }),
            detectable_lift: detectable(control, arm.users, alpha),
            series,
        }
    }

    /// How the difference came about.
    fn series(&self, control: &str, group: &str, goal: u16) -> Vec<Point> {
        if self.counts.span.is_none() {
            return Vec::new();
        }
        let Some((control, group)) = self.tally(control).zip(self.tally(group)) else { return Vec::new() };
        let mut points = Vec::new();
        let mut arms = [Arm { users: 0, conversions: 0 }; 2];
        for point in 0..POINTS {
            for (arm, tally) in arms.iter_mut().zip([control, group]) {
                arm.users += tally.at.get(point).copied().unwrap_or_default();
                let conversions = tally.goals.get(&goal).and_then(|goal| goal.at.get(point).copied());
                arm.conversions += conversions.unwrap_or_default();
            }
            let [base, own] = arms;
            if base.users == 0 || own.users == 0 {
                continue;
            }
            let peeked = always_valid(base, own, self.asked.alpha, self.asked.planned);
            points.push(Point {
                at: moment::shown(self.clock.end(point)),
                difference: own.rate() - base.rate(),
                interval: peeked.map(|peeked| peeked.difference),
            });
        }
        points
    }
}

/// Corrects p-values for as many groups as there are.
fn correct(comparisons: &mut [Comparison]) {
    let adjusted = |family: Vec<Option<f64>>| {
        let whole = holm(&family.iter().map(|p| p.unwrap_or(1.0)).collect::<Vec<_>>());
        family.into_iter().zip(whole).map(|(p, adjusted)| p.map(|_| adjusted)).collect::<Vec<_>>()
    };
    let once = adjusted(comparisons.iter().map(|one| one.p).collect());
    let peeked = adjusted(comparisons.iter().map(|one| one.always_valid.map(|peeked| peeked.p)).collect());
    for ((comparison, once), peeked_p) in comparisons.iter_mut().zip(once).zip(peeked) {
        comparison.p_holm = once;
        if let (Some(peeked), Some(p)) = (&mut comparison.always_valid, peeked_p) {
            peeked.p_holm = p;
        }
    }
}
