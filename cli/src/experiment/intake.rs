//! Takes rows in: exposures and conversions as records, and what is wrong with them.

mod claims;

use std::borrow::Cow;

use anyhow::Result;
use graylane::decision::Reason;
use serde::Serialize;

use super::assigner::{Assigned, Assigner};
use super::exposure::{self, Who};
use super::ledger::Ledger;
use super::mismatch::{Kind, Mismatches};
use super::moment;
use super::otlp::Record;
use super::record::{Claim, Converted, Exposed, Place};
use super::row::{Field, Names, Row};
use super::secret::IdKey;
use super::store::Store;

/// For what a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Roles {
    pub(super) exposures: bool,
    pub(super) conversions: bool,
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rows {
    /// Rows of all files.
    pub read: u64,
    /// Exposures in them.
    pub exposures: u64,
    /// Conversions in them, of the goals that are asked for.
    pub conversions: u64,
    /// Rows that are neither.
    pub other: u64,
    /// Exposures of other experiments and conversions to other goals than those that are asked for.
    pub not_asked_for: u64,
    /// Rows that could not be read.
    pub malformed: u64,
    /// Exposures of users who are known by a hash: the policy cannot say in which group they are.
    pub hashed: u64,
}

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Malformed {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong.
    pub why: String,
}

/// So many rows that could not be read are shown.
const SHOWN: usize = 10;
/// The goal of conversions that name none.
const GOAL: &str = "conversion";
/// The revision of exposures that name none.
const REVISION: u32 = 1;

/// What is asked of the rows.
#[derive(Debug, Default)]
pub(super) struct Wanted<'p> {
    pub(super) names: Names,
    pub(super) key: Option<IdKey>,
    pub(super) experiment: Option<String>,
    pub(super) goal: Option<String>,
    pub(super) assigner: Option<Assigner<'p>>,
}

/// All that was taken in.
#[derive(Debug)]
pub(super) struct Intake<'p> {
    pub(super) wanted: Wanted<'p>,
    pub(super) ledger: Ledger,
    pub(super) store: Store,
    pub(super) rows: Rows,
    pub(super) malformed: Vec<Malformed>,
    pub(super) mismatches: Mismatches,
    /// The names of the files.
    pub(super) files: Vec<String>,
    /// From the first to the last time.
    pub(super) span: Option<(i64, i64)>,
    /// Fields that some row has.
    pub(super) found: Vec<Field>,
    /// Whether conversions are known by their ids.
    pub(super) has_plain_conversions: bool,
    buffer: Vec<u8>,
    claims: Vec<Claim>,
}

/// Why a row is not taken.
#[derive(Debug)]
enum Fault {
    /// The row is not as it should be.
    Row(String),
    /// Nothing can be taken any more.
    Whole(anyhow::Error),
}

impl From<anyhow::Error> for Fault {
    fn from(fault: anyhow::Error) -> Self {
        Fault::Whole(fault)
    }
}

impl From<String> for Fault {
    fn from(fault: String) -> Self {
        Fault::Row(fault)
    }
}

/// An exposure as it is read.
struct Given<'r> {
    experiment: &'r str,
    group: &'r str,
    revision: u32,
    reason: &'r str,
    who: Who<'r>,
    time: Option<i64>,
}

impl<'p> Intake<'p> {
    pub(super) fn new(wanted: Wanted<'p>, memory: usize) -> Self {
        Intake {
            wanted,
            ledger: Ledger::default(),
            store: Store::new(memory),
            rows: Rows::default(),
            malformed: Vec::new(),
            mismatches: Mismatches::default(),
            files: Vec::new(),
            span: None,
            found: Vec::new(),
            has_plain_conversions: false,
            buffer: Vec::new(),
            claims: Vec::new(),
        }
    }

    /// Notes a row that could not be read.
    pub(super) fn add_malformed(&mut self, place: Place, why: String) {
        self.rows.malformed += 1;
        if self.malformed.len() < SHOWN {
            let file = self.file(place);
            self.malformed.push(Malformed { file, line: place.line, why });
        }
    }

    fn file(&self, place: Place) -> String {
        self.files.get(usize::from(place.file)).cloned().unwrap_or_default()
    }

    /// Takes a line of a text log.
    pub(super) fn text(&mut self, line: &[u8], place: Place) -> Result<()> {
        self.rows.read += 1;
        let time = self.time_of_log(line);
        let taken = self.exposures(line, time, place);
        self.settle(taken, place)
    }

    /// Takes a record of a log by OTLP.
    pub(super) fn record(&mut self, record: &Record<'_>, place: Place) -> Result<()> {
        self.rows.read += 1;
        let taken = self.exposures(record.text().as_bytes(), record.time(), place);
        self.settle(taken, place)
    }

    /// Takes a row.
    pub(super) fn row(&mut self, row: &Row<'_>, roles: Roles, place: Place) -> Result<()> {
        self.rows.read += 1;
        let taken = self.take(row, roles, place);
        self.settle(taken, place)
    }

    fn settle(&mut self, taken: Result<bool, Fault>, place: Place) -> Result<()> {
        match taken {
            Ok(true) => {}
            Ok(false) => self.rows.other += 1,
            Err(Fault::Row(why)) => self.add_malformed(place, why),
            Err(Fault::Whole(fault)) => return Err(fault),
        }
        Ok(())
    }

    /// Takes what is in a row; whether there is anything.
    fn take(&mut self, row: &Row<'_>, roles: Roles, place: Place) -> Result<bool, Fault> {
        for field in self.wanted.names.renamed() {
            if row.has(field) && !self.found.contains(&field) {
                self.found.push(field);
            }
        }
        let (is_event, is_flat) = (row.get(Field::Event).is_some(), row.get(Field::Experiment).is_some());
        let mut taken = false;
        if roles.exposures && !is_event {
            if let Some(text) = row.get(Field::Exposure) {
                let time = self.time(row)?;
                taken = self.exposures(text.as_bytes(), time, place)?;
                if !taken {
                    return Err(Fault::Row(format!(
                        "exposure {text:?} has not the form NAME;group=G;rev=N;reason=R;id=ID"
                    )));
                }
            } else if is_flat {
                self.flat(row, place)?;
                taken = true;
            }
        }
        let has_who = row.get(Field::Id).is_some() || row.get(Field::Hash).is_some();
        let is_conversion = is_event || has_who && !is_flat && !row.has(Field::Exposure);
        if roles.conversions && is_conversion {
            self.conversion(row, place)?;
            taken = true;
        }
        Ok(taken)
    }

    fn exposures(&mut self, text: &[u8], time: Option<i64>, place: Place) -> Result<bool, Fault> {
        let mut all = Ok(false);
        exposure::find(text, |found| {
            let taken = found.map_err(Fault::Row).and_then(|one| {
                let exposure::Exposure { experiment, group, revision, reason, who } = one;
                self.expose(Given { experiment, group, revision, reason, who, time }, place)
            });
            match (&mut all, taken) {
                (Ok(any), Ok(())) => *any = true,
                (Ok(_), Err(fault)) => all = Err(fault),
                (Err(_), _) => {}
            }
        });
        all
    }

    fn flat(&mut self, row: &Row<'_>, place: Place) -> Result<(), Fault> {
        let names = &self.wanted.names;
        let needed =
            |field: Field| row.get(field).ok_or_else(|| format!("there is no {}", names.name(field)));
        let (experiment, group) = (needed(Field::Experiment)?, needed(Field::Group)?);
        let revision = match row.get(Field::Revision) {
            Some(text) => {
                text.parse().map_err(|_| format!("{} is no number: {text:?}", names.name(Field::Revision)))?
            }
            None => REVISION,
        };
        let reason = row.get(Field::Reason).unwrap_or(Reason::Split.as_str());
        let (who, time) = (self.who(row)?, self.time(row)?);
        self.expose(Given { experiment, group, revision, reason, who, time }, place)
    }

    fn expose(&mut self, given: Given<'_>, place: Place) -> Result<(), Fault> {
        let Given { experiment, group, revision, reason, who, time } = given;
        if self.wanted.experiment.as_ref().is_some_and(|wanted| wanted != experiment) {
            self.rows.not_asked_for += 1;
            return Ok(());
        }
        let key = self.wanted.key_of(&who)?;
        let too_many = |what: &str| Fault::Row(format!("too many different {what}"));
        let variant = self.ledger.variant(experiment, revision).ok_or_else(|| too_many("experiments"))?;
        let number = self.ledger.groups.number(group).ok_or_else(|| too_many("groups"))?;
        let position = Reason::ALL.iter().position(|known| known.as_str() == reason);
        let reason_number = u8::try_from(position.unwrap_or(Reason::ALL.len())).unwrap_or(u8::MAX);
        self.rows.exposures += 1;
        self.see(time);
        match &who {
            Who::Hash(_) => self.rows.hashed += 1,
            Who::Id(id) if reason == Reason::Split.as_str() => {
                self.recompute(experiment, revision, group, id, place);
            }
            Who::Id(_) => {}
        }
        Exposed { variant, group: number, reason: reason_number, time }.write(&mut self.buffer);
        self.store.add(key, &self.buffer)?;
        Ok(())
    }

    /// Holds the group of an exposure against that of the policy.
    fn recompute(&mut self, experiment: &str, revision: u32, group: &str, id: &str, place: Place) {
        let Some(assigner) = &self.wanted.assigner else { return };
        let Some(own) = assigner.assigned(experiment, Some(revision), id) else { return };
        if own != Assigned::Group(group.to_owned()) {
            let policy = match &own {
                Assigned::Group(group) => format!("group {group}"),
                Assigned::Outside => "no group".to_owned(),
            };
            let place = self.shown(place);
            self.mismatches.add(Kind::ExposureAndPolicy, || {
                format!("{place}: {id} was exposed to group {group} of {experiment}, to the policy it is in {policy}")
            });
        }
    }

    /// A place as people read it.
    pub(super) fn shown(&self, place: Place) -> String {
        format!("{}:{}", self.file(place), place.line)
    }

    fn conversion(&mut self, row: &Row<'_>, place: Place) -> Result<(), Fault> {
        let event = row.get(Field::Event).unwrap_or(GOAL);
        let (who, time) = (self.who(row)?, self.time(row)?);
        let key = self.wanted.key_of(&who)?;
        let told = match row.get(Field::AbtestId) {
            Some(text) => exposure::told(text).collect::<Option<Vec<_>>>().ok_or_else(|| {
                let name = self.wanted.names.name(Field::AbtestId);
                format!("{name} has not the form NAME;group=G;rev=N: {text:?}")
            })?,
            None => Vec::new(),
        };
        if self.wanted.goal.as_ref().is_some_and(|wanted| wanted != event) {
            self.rows.not_asked_for += 1;
            return Ok(());
        }
        let goal = self
            .ledger
            .goals
            .number(event)
            .ok_or_else(|| "too many different events; name one by --goal".to_owned())?;
        self.rows.conversions += 1;
        self.has_plain_conversions |= matches!(who, Who::Id(_));
        self.see(time);
        self.claim(row.get(Field::AbGroup), &told, &who, place)?;
        Converted::write(goal, time, place, &self.claims, &mut self.buffer);
        self.store.add(key, &self.buffer)?;
        Ok(())
    }

    fn who<'r>(&self, row: &'r Row<'_>) -> Result<Who<'r>, String> {
        let names = &self.wanted.names;
        match (row.get(Field::Id), row.get(Field::Hash)) {
            (Some(id), _) => Ok(Who::Id(Cow::Borrowed(id))),
            (None, Some(hash)) => Ok(Who::Hash(Cow::Borrowed(hash))),
            (None, None) => {
                Err(format!("there is neither {} nor {}", names.name(Field::Id), names.name(Field::Hash)))
            }
        }
    }

    fn time(&self, row: &Row<'_>) -> Result<Option<i64>, String> {
        let Some(text) = row.get(Field::Time) else { return Ok(None) };
        let name = self.wanted.names.name(Field::Time);
        moment::parse(text)
            .map(Some)
            .ok_or_else(|| format!("{name} is no time: {text:?}: {}", moment::EXPECTED))
    }

    /// The time of a line of a log: in brackets at its beginning, as Envoy writes it, or by itself, as Kubernetes does; of an object of JSON, which
    /// may stand between others, its member.
    fn time_of_log(&self, line: &[u8]) -> Option<i64> {
        if line.starts_with(b"{") {
            return self.time(&Row::of_json(line, &self.wanted.names).ok()?).ok()?;
        }
        let (rest, end) = match line.strip_prefix(b"[") {
            Some(rest) => (rest, b']'),
            None if moment::is_dated(line) => (line, b' '),
            None => return None,
        };
        let length = rest.iter().take(40).position(|byte| *byte == end)?;
        moment::parse(std::str::from_utf8(rest.get(..length)?).ok()?)
    }

    fn see(&mut self, time: Option<i64>) {
        if let Some(time) = time {
            let (first, last) = self.span.unwrap_or((time, time));
            self.span = Some((first.min(time), last.max(time)));
        }
    }
}

impl Wanted<'_> {
    fn key_of(&self, who: &Who<'_>) -> Result<u128, String> {
        match who {
            Who::Id(id) => Ok(IdKey::of_id(self.key.as_ref(), id.as_bytes())),
            Who::Hash(digits) => IdKey::of_digits(digits)
                .ok_or_else(|| format!("{digits:?} is no hash of an id: 32 hexadecimal digits")),
        }
    }
}
