//! Joins conversions to exposures, user by user, and counts.

use anyhow::Result;
use graylane::decision::Reason;

use super::intake::Intake;
use super::mismatch::Kind;
use super::record::{Claim, Claimant, Converted, Exposed, NONE, Record};
use super::tally::{Clock, Tally, count_at};

/// A user in an experiment.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The first exposure.
    first: Exposed,
    experiment: u16,
    revision: u32,
    is_crossover: bool,
    /// Whether the split gave the group, and no memory of it.
    is_split: bool,
    exposures: u64,
}

/// Joins what was taken in.
pub(super) struct Join<'i> {
    intake: &'i Intake<'i>,
    clock: Clock,
    tally: Tally,
    /// Of the user at hand.
    seen: Vec<Seen>,
    forced: Vec<Exposed>,
    /// Experiment in its revision and goal, for which the user has counted.
    reached: Vec<(u16, u16)>,
}

impl<'i> Join<'i> {
    /// Counts.
    pub(super) fn run(intake: &'i Intake<'i>, clock: Clock) -> Result<Tally> {
        let tally = Tally { mismatches: intake.mismatches.clone(), ..Tally::default() };
        let mut join =
            Join { intake, clock, tally, seen: Vec::new(), forced: Vec::new(), reached: Vec::new() };
        intake.store.join(|records| {
            let mut conversions = Vec::new();
            join.seen.clear();
            join.forced.clear();
            join.reached.clear();
            for record in records.iter().filter_map(|bytes| Record::read(bytes)) {
                match record {
                    Record::Exposed(exposed) => join.see(exposed),
                    Record::Converted(converted) => conversions.push(converted),
                }
            }
            join.count_user();
            // Stable: without times, in the order of the rows.
            conversions.sort_by_key(|converted| converted.time);
            for converted in &conversions {
                join.count_conversion(converted);
            }
        })?;
        Ok(join.tally)
    }

    fn see(&mut self, exposed: Exposed) {
        let is = |reason: Reason| Reason::ALL.get(usize::from(exposed.reason)) == Some(&reason);
        if !is(Reason::Split) && !is(Reason::Sticky) {
            self.forced.push(exposed);
            return;
        }
        let (experiment, revision) = self.intake.ledger.of_variant(exposed.variant);
        let is_split = is(Reason::Split);
        let known = self.seen.iter_mut().find(|seen| seen.first.variant == exposed.variant);
        let Some(seen) = known else {
            let is_crossover = false;
            self.seen.push(Seen {
                first: exposed,
                experiment,
                revision,
                is_crossover,
                is_split,
                exposures: 1,
            });
            return;
        };
        seen.is_crossover |= seen.first.group != exposed.group;
        seen.exposures += 1;
        if matches!((exposed.time, seen.first.time), (Some(one), Some(other)) if one < other) {
            (seen.first, seen.is_split) = (exposed, is_split);
        }
    }

    /// Counts the exposures of the user.
    fn count_user(&mut self) {
        for seen in &self.seen {
            let tally = self.tally.variants.entry(seen.first.variant).or_default();
            tally.repeated_exposures += seen.exposures - 1;
            if let Some(time) = seen.first.time {
                let (first, last) = tally.span.unwrap_or((time, time));
                tally.span = Some((first.min(time), last.max(time)));
            }
            let group = tally.groups.entry(seen.first.group).or_default();
            group.exposed += 1;
            if seen.is_crossover {
                tally.crossover += 1;
            } else {
                group.users += 1;
                count_at(&mut group.at, self.clock.point(seen.first.time));
            }
        }
        self.forced.sort_by_key(|forced| (forced.variant, forced.reason, forced.group));
        self.forced.dedup_by_key(|forced| (forced.variant, forced.reason, forced.group));
        for variant in self.forced.chunk_by(|one, other| one.variant == other.variant) {
            let Some(number) = variant.first().map(|forced| forced.variant) else { continue };
            let tally = self.tally.variants.entry(number).or_default();
            tally.also_forced += u64::from(self.seen.iter().any(|seen| seen.first.variant == number));
            for forced in variant {
                *tally.forced.entry((forced.reason, forced.group)).or_default() += 1;
            }
        }
    }

    /// Counts a conversion in each experiment of its user: in the revision that the client was told, else in the latest one that
    /// the user had seen.
    fn count_conversion(&mut self, converted: &Converted<'_>) {
        if self.seen.is_empty() {
            let count = if self.forced.is_empty() {
                &mut self.tally.not_exposed
            } else {
                &mut self.tally.forced_alone
            };
            *count += 1;
            return;
        }
        let mut experiments: Vec<u16> = self.seen.iter().map(|seen| seen.experiment).collect();
        experiments.sort_unstable();
        experiments.dedup();
        for experiment in &experiments {
            let Some(seen) = self.of(converted, *experiment) else { continue };
            self.hold(converted, &seen, experiments.len() == 1);
            self.count(converted, &seen);
        }
    }

    /// Where a conversion counts in an experiment.
    fn of(&self, converted: &Converted<'_>, experiment: u16) -> Option<Seen> {
        let own = self.seen.iter().filter(|seen| seen.experiment == experiment);
        let told =
            converted.claims().find(|claim| claim.by == Claimant::Id && claim.experiment == experiment);
        let told = told.and_then(|claim| claim.revision);
        let named = told.and_then(|told| own.clone().find(|seen| seen.revision == told));
        let is_before = |seen: &&Seen| !is_before(converted, seen);
        let latest = |seen: &&Seen| (seen.first.time, seen.revision);
        named
            .or_else(|| own.clone().filter(is_before).max_by_key(latest))
            .or_else(|| own.max_by_key(latest))
            .copied()
    }

    fn count(&mut self, converted: &Converted<'_>, seen: &Seen) {
        let tally = self.tally.variants.entry(seen.first.variant).or_default();
        let counts = &mut tally.conversions;
        let mark = (seen.first.variant, converted.goal);
        if seen.is_crossover {
            counts.crossover += 1;
        } else if is_before(converted, seen) {
            counts.before_exposure += 1;
        } else if self.reached.contains(&mark) {
            counts.repeated += 1;
        } else {
            counts.counted += 1;
            self.reached.push(mark);
            let goal =
                tally.groups.entry(seen.first.group).or_default().goals.entry(converted.goal).or_default();
            goal.conversions += 1;
            count_at(&mut goal.at, self.clock.point(converted.time.max(seen.first.time)));
        }
    }

    /// Holds what is said of the user's group against the exposure, and the policy.
    fn hold(&mut self, converted: &Converted<'_>, seen: &Seen, is_only: bool) {
        if seen.is_crossover {
            return;
        }
        let is_own = |claim: &Claim| {
            claim.experiment == seen.experiment
                || claim.experiment == NONE && claim.by == Claimant::Group && is_only
        };
        let policy = converted.claims().find(|claim| {
            claim.by == Claimant::Policy
                && is_own(claim)
                && claim.revision == Some(seen.revision)
                && seen.is_split
        });
        for claim in converted.claims().filter(is_own) {
            let kinds = match claim.by {
                Claimant::Group => [Kind::GroupAndExposure, Kind::GroupAndPolicy],
                // Of another revision it may well be another one.
                Claimant::Id if claim.revision != Some(seen.revision) => continue,
                Claimant::Id => [Kind::IdAndExposure, Kind::IdAndPolicy],
                Claimant::Policy => continue,
            };
            if claim.group != seen.first.group {
                self.note(kinds.first(), converted, seen, claim, "exposed to", seen.first.group);
            }
            if let Some(policy) = policy.filter(|policy| policy.group != claim.group) {
                self.note(kinds.last(), converted, seen, claim, "to the policy in", policy.group);
            }
        }
    }

    fn note(
        &mut self,
        kind: Option<&Kind>,
        converted: &Converted<'_>,
        seen: &Seen,
        claim: Claim,
        other: &str,
        others: u16,
    ) {
        let (Some(kind), ledger) = (kind, &self.intake.ledger) else { return };
        self.tally.mismatches.add(*kind, || {
            let place = self.intake.shown(converted.place);
            let (experiment, own) =
                (ledger.experiments.name(seen.experiment), ledger.groups.name(claim.group));
            let others = if others == NONE { "none" } else { ledger.groups.name(others) };
            format!("{place}: group {own} of {experiment}, {other} {others}")
        });
    }
}

fn is_before(converted: &Converted<'_>, seen: &Seen) -> bool {
    matches!((converted.time, seen.first.time), (Some(time), Some(exposed)) if time < exposed)
}
