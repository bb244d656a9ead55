//! What a policy does to a population: the engine decides for each user, and what comes out is held against what the policy
//! asks for, and against another policy.

mod crowd;
mod movement;
mod population;
pub(crate) mod question;
mod report;

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhow::{Result, bail};
use graylane::arena::LaneId;
use graylane::decision::Reason;
use graylane::plan::{Mode, Plan, Segment};
use graylane::policy;
use graylane::time::Timestamp;

pub use crate::chance::{ChiSquare, Judgement, LEAST, THRESHOLD, Verdict, fit, independence};
pub use crate::guarantee::Guarantee;
pub use movement::{Movement, Row, Unexplained};
pub use population::Population;
pub use question::{Side, Template};
pub use report::{By, File, Lane, Pair, Release, Report, Users};

pub(crate) use report::mode_word;

use crate::against::{GateChanges, Revisions};
use crate::share;
use crowd::{Counts, Crowd, Place, Stand, Tally};
use movement::Lanes;
use question::{Asked, places};

/// At most so many pairs of releases are held against each other.
const PAIRS: usize = 1000;

/// What is simulated.
#[derive(Debug)]
pub struct Simulation<'s> {
    /// The policy.
    pub policy: &'s Side,
    /// The policy before it: users move from there.
    pub against: Option<&'s Side>,
    /// The users.
    pub population: &'s Population,
    /// What of all requests is said beforehand.
    pub template: &'s Template,
    /// The releases by name; all of them where none is named.
    pub releases: &'s [String],
    /// Whether all releases that split are held against each other, and not only AB tests that govern the same requests.
    pub independence: bool,
}

/// A release that is simulated.
struct Item<'s> {
    /// Its position in the policy.
    position: u32,
    written: &'s policy::Release,
    /// The same in the policy before.
    before: Option<(u32, &'s policy::Release)>,
}

impl Simulation<'_> {
    /// Sends every user to every release. `watch` is called now and then, with how many users are done.
    ///
    /// # Errors
    /// A release that is not there, or for which no request could be made up; a policy that cannot tell users apart; users of whom
    /// none has a usable id.
    pub fn run(&self, watch: &mut dyn FnMut(u64)) -> Result<Report> {
        let mut items = self.named()?;
        let asked = self.ask(&mut items)?;
        let before = self.ask_before(&items, &asked)?;
        for asked in [Some(&asked), before.as_ref()].into_iter().flatten() {
            asked.tells_users_apart()?;
        }
        let pairs = self.pairs(&items, &asked)?;
        let crowd = Crowd { population: self.population, items: items.len(), asked, before, pairs };
        let tally = crowd.count(watch);
        if tally.users == 0 {
            let carrier = &crowd.asked.identity.carrier;
            bail!("no user of the population has an id that may stand in {carrier}");
        }
        Ok(self.report(&items, &crowd, tally))
    }

    /// The releases that were asked for.
    fn named(&self) -> Result<Vec<Item<'_>>> {
        let written = &self.policy.policy.releases;
        if written.is_empty() {
            bail!("{} has no releases", self.policy.name);
        }
        let unknown = |name: &&String| !written.iter().any(|release| release.name.as_ref() == Some(name));
        if let Some(name) = self.releases.iter().find(unknown) {
            let names: Vec<&str> = written.iter().filter_map(|release| release.name.as_deref()).collect();
            bail!("{} has no release {name:?}: {}", self.policy.name, names.join(", "));
        }
        let is_named = |release: &policy::Release| {
            self.releases.is_empty() || release.name.as_ref().is_some_and(|name| self.releases.contains(name))
        };
        let others = self.against.map(|side| &*side.policy.releases).unwrap_or_default();
        let item = |(position, release)| Item {
            position,
            written: release,
            before: (0..).zip(others).find(|(_, other)| other.name == release.name),
        };
        Ok((0..).zip(written).filter(|(_, release)| is_named(release)).map(item).collect())
    }

    /// Finds a request for each item.
    fn ask<'s>(&'s self, items: &mut Vec<Item<'s>>) -> Result<Asked<'s>> {
        let template = self.template;
        let is_reached = |asked: &mut Asked<'_>, index: usize, item: &Item<'_>| {
            asked.ask(index, item.position, places(item.written.matches.as_ref(), template))
        };
        // Of a place that is said, all releases are meant that govern it.
        if self.releases.is_empty() && (template.host.is_some() || template.path.is_some()) {
            let mut trial = Asked::new(self.policy, template)?;
            items.retain(|item| is_reached(&mut trial, 0, item));
            if items.is_empty() {
                bail!("no release of {} governs requests to this host and path", self.policy.name);
            }
        }
        let mut asked = Asked::new(self.policy, template)?;
        let mut unreached = Vec::new();
        for (index, item) in items.iter().enumerate() {
            if !is_reached(&mut asked, index, item) {
                unreached.push(item.name());
            }
        }
        if !unreached.is_empty() {
            bail!(
                "no request was found that {} governs: other releases match better, or --host and --path lead elsewhere; say a request \
                 by --host and --path, or name the other releases by --release",
                unreached.join(", ")
            );
        }
        Ok(asked)
    }

    /// Finds the same requests for the policy before; where the release governed others then, one of those.
    fn ask_before<'s>(&'s self, items: &[Item<'s>], now: &Asked<'s>) -> Result<Option<Asked<'s>>> {
        let Some(side) = self.against else { return Ok(None) };
        let mut asked = Asked::new(side, self.template)?;
        for question in &now.questions {
            for (index, _) in &question.items {
                let Some((position, written)) = items.get(*index).and_then(|item| item.before) else {
                    continue;
                };
                let same = [(Cow::Borrowed(&*question.host), Cow::Borrowed(&*question.path))];
                let own = places(written.matches.as_ref(), self.template);
                if !asked.ask(*index, position, same.into_iter().chain(own)) {
                    asked.ask_at(*index, position, &question.host, &question.path);
                }
            }
        }
        Ok(Some(asked))
    }

    /// The items that are held against each other.
    fn pairs(&self, items: &[Item<'_>], asked: &Asked<'_>) -> Result<Vec<(usize, usize)>> {
        let mode = |item: &Item<'_>| self.policy.plan.release(item.position).map(Segment::mode);
        let is_asked = |one: &Item<'_>, other: &Item<'_>| {
            if self.independence {
                return [one, other].iter().all(|item| mode(item) != Some(Mode::BlueGreen));
            }
            [one, other].iter().all(|item| mode(item) == Some(Mode::Ab))
                && asked.questions.iter().any(|question| {
                    [one, other].iter().all(|item| question.governing.contains(&item.position))
                })
        };
        let mut pairs = Vec::new();
        for (one, item) in items.iter().enumerate() {
            for (other, other_item) in items.iter().enumerate().skip(one.saturating_add(1)) {
                if is_asked(item, other_item) {
                    pairs.push((one, other));
                    if pairs.len() > PAIRS {
                        bail!(
                            "more than {PAIRS} pairs of releases to hold against each other; name some by --release"
                        );
                    }
                }
            }
        }
        Ok(pairs)
    }

    fn report(&self, items: &[Item<'_>], crowd: &Crowd<'_>, tally: Tally) -> Report {
        let Tally { users, unusable, places, moves, pairs } = tally;
        let mut releases = Vec::with_capacity(items.len());
        for (index, ((item, places), moves)) in items.iter().zip(places).zip(moves).enumerate() {
            let question = crowd.asked.questions.iter().find(|question| question.has(index));
            let movement = item.before.zip(self.against).and_then(|(was, before)| {
                let is = (item.position, item.written);
                movement((before, was), (self.policy, is), self.template.now, &moves)
            });
            let other = |question: &&question::Question| question.has(index);
            let at_before = crowd.before.as_ref().and_then(|asked| asked.questions.iter().find(other));
            let place = |question: &question::Question| format!("{}{}", question.host, question.path);
            let at = question.map(place).unwrap_or_default();
            releases.push(Release {
                at_before: at_before.map(place).filter(|before| *before != at),
                at,
                movement,
                ..release(item, &self.policy.plan, self.template.now, users, &places)
            });
        }
        let named = |pair: &(usize, usize)| {
            let [one, other] = [pair.0, pair.1].map(|index| items.get(index));
            Some((one?, other?))
        };
        let independence = crowd.pairs.iter().zip(pairs).filter_map(|(pair, counts)| {
            let (one, other) = named(pair)?;
            Some(held_together(&self.policy.plan, one, other, &counts))
        });
        let report = Report {
            good: true,
            policy: File::of(self.policy),
            against: self.against.map(File::of),
            users: Users {
                count: users,
                seed: self.population.seed(),
                empty: self.population.empty,
                duplicates: self.population.duplicates,
                unusable,
                id_in: crowd.asked.identity.carrier.to_string(),
            },
            at: self.template.now.to_string(),
            trust: self.template.trust,
            independence: independence.collect(),
            only_now: self.only_in(self.policy, self.against),
            only_before: self.against.map_or_else(Vec::new, |side| self.only_in(side, Some(self.policy))),
            releases,
        };
        Report { good: report.is_as_expected(), ..report }
    }

    /// The releases that another policy does not have.
    fn only_in(&self, side: &Side, other: Option<&Side>) -> Vec<String> {
        let Some(other) = other else { return Vec::new() };
        let names = side.policy.releases.iter().filter_map(|release| release.name.clone());
        let is_asked = |name: &String| self.releases.is_empty() || self.releases.contains(name);
        let is_there =
            |name: &String| other.policy.releases.iter().any(|release| release.name.as_ref() == Some(name));
        names.filter(|name| is_asked(name) && !is_there(name)).collect()
    }
}

impl Item<'_> {
    fn name(&self) -> &str {
        self.written.name.as_deref().unwrap_or_default()
    }
}

/// The names of the lanes of a release.
fn lane_names(written: &policy::Release) -> Vec<String> {
    written.lanes.iter().filter_map(|lane| lane.name.clone()).collect()
}

/// The name of a lane of the release at `position`.
fn lane_name(plan: &Plan, position: u32, lane: LaneId) -> String {
    let name = plan.release(position).map(|release| release.lane_name(lane)).unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

/// Where the users of a release are.
fn release(item: &Item<'_>, plan: &Plan, now: Timestamp, users: u64, places: &Counts<Place>) -> Release {
    let segment = plan.release(item.position);
    let shares = segment.and_then(|segment| share::shares(segment, now));
    // Of those whom it splits, whoever is in no slot is none.
    let whole: f64 = shares.iter().flatten().map(|(_, share)| share).sum();
    let expected = |lane: &str| {
        let share = shares.as_ref()?.iter().find(|(name, _)| name == lane).map(|(_, share)| *share);
        share.filter(|_| whole > 0.0).map(|share| share / whole)
    };
    let mut rows: Vec<Lane> =
        lane_names(item.written).into_iter().map(|name| Lane::new(expected(&name), Some(name))).collect();
    if places.keys().any(|place| place.lane.is_none()) {
        rows.push(Lane::new(None, None));
    }
    for row in &mut rows {
        let mut by: BTreeMap<(usize, Option<u16>), u64> = BTreeMap::new();
        for (place, count) in places {
            if place.lane.map(|lane| lane_name(plan, item.position, lane)) != row.lane {
                continue;
            }
            row.users = row.users.saturating_add(*count);
            if place.reason == Reason::Split {
                row.split = row.split.saturating_add(*count);
            }
            if place.served != place.lane {
                row.served_elsewhere = row.served_elsewhere.saturating_add(*count);
            }
            let order = Reason::ALL.iter().position(|reason| *reason == place.reason).unwrap_or_default();
            let sum = by.entry((order, place.rule)).or_default();
            *sum = sum.saturating_add(*count);
        }
        let rule_name = |rule: u16| {
            let name = segment.map(|segment| segment.rule_name(rule)).unwrap_or_default();
            String::from_utf8_lossy(name).into_owned()
        };
        let by = by.into_iter().map(|((order, rule), users)| By {
            reason: Reason::ALL.get(order).map_or("", |reason| reason.as_str()),
            rule: rule.map(rule_name),
            users,
        });
        row.by = by.collect();
    }
    let split = rows.iter().map(|row| row.split).fold(0, u64::saturating_add);
    for row in &mut rows {
        row.percent = report::percent(row.users, users);
        row.percent_of_split = report::percent(row.split, split);
    }
    let cells = shares.as_ref().map(|_| {
        let cell = |row: &Lane| (row.share.unwrap_or(0.0), row.split);
        rows.iter().filter(|row| row.lane.is_some()).map(cell).collect::<Vec<_>>()
    });
    Release {
        name: item.name().to_owned(),
        mode: mode_word(item.written),
        at: String::new(),
        at_before: None,
        split,
        fit: cells.map_or(Judgement::UNKNOWN, |cells| fit(&cells)),
        lanes: rows,
        movement: None,
    }
}

/// Who moved from where the release was before to where it is now.
fn movement(
    (before, was): (&Side, (u32, &policy::Release)),
    (side, is): (&Side, (u32, &policy::Release)),
    at: Timestamp,
    counts: &Counts<crowd::Move>,
) -> Option<Movement> {
    let [old, new] = [before.plan.release(was.0)?, side.plan.release(is.0)?];
    let gates = GateChanges::of(old, new, before.plan.knows_users_as(&side.plan), at);
    let lane = |stand, segment: &Segment| match stand {
        Stand::In(lane) => Some(String::from_utf8_lossy(segment.lane_name(lane)).into_owned()),
        Stand::Hole | Stand::Outside(_) | Stand::Nowhere => None,
    };
    let moves = counts.iter().map(|(one, users)| movement::Move {
        from: lane(one.from, old),
        to: lane(one.to, new),
        is_dealt: one.is_dealt,
        by_gate: match (one.from, one.to) {
            (Stand::Outside(kind), Stand::In(_) | Stand::Hole) => Some(gates.lets_in_more(kind)),
            (Stand::In(_) | Stand::Hole, Stand::Outside(kind)) => Some(gates.lets_in_fewer(kind)),
            _ => None,
        },
        users: *users,
    });
    let names = [was, is].map(|(_, written)| lane_names(written));
    let [names_before, names_now] = &names;
    let lanes = |names, segment| Lanes {
        names,
        base: share::base(segment, at),
        shares: share::shares(segment, at).unwrap_or_default(),
    };
    let revision = Revisions { before: old.revision(), now: new.revision() };
    let moves: Vec<movement::Move> = moves.collect();
    let [before, now] = [lanes(names_before, old), lanes(names_now, new)];
    Some(Movement::of(&moves, &before, &now, gates.is_split_anew, revision))
}

/// Two splits of the same users.
fn held_together(plan: &Plan, one: &Item<'_>, other: &Item<'_>, counts: &Counts<(LaneId, LaneId)>) -> Pair {
    let [rows, columns] = [one, other].map(|item| lane_names(item.written));
    let mut users = vec![vec![0_u64; columns.len()]; rows.len()];
    for ((lane, other_lane), count) in counts {
        let name = lane_name(plan, one.position, *lane);
        let other_name = lane_name(plan, other.position, *other_lane);
        let row = rows.iter().position(|known| *known == name).and_then(|row| users.get_mut(row));
        let column = columns.iter().position(|known| *known == other_name);
        if let Some(cell) = row.zip(column).and_then(|(row, column)| row.get_mut(column)) {
            *cell = cell.saturating_add(*count);
        }
    }
    Pair {
        releases: [one.name().to_owned(), other.name().to_owned()],
        rows,
        columns,
        judgement: independence(&users),
        users,
    }
}
