//! What a simulation found, in the forms that people and programs read.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use graylane::policy::{self, Trust};
use serde::Serialize;

use super::movement::Movement;
use super::question::Side;
use crate::chance::{Judgement, Verdict, float};
use crate::guarantee::Guarantee;
use crate::table::Table;
use crate::words::{counted, grouped, shown};

/// What a simulation found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether all is as expected, as far as there are users enough to say.
    pub good: bool,
    /// The policy.
    pub policy: File,
    /// The policy before it.
    pub against: Option<File>,
    /// The users.
    pub users: Users,
    /// The time of all decisions, RFC 3339 in UTC.
    pub at: String,
    /// Whom the listener believes.
    pub trust: Trust,
    /// What became of the users in each release.
    pub releases: Vec<Release>,
    /// Releases that were held against each other.
    pub independence: Vec<Pair>,
    /// Releases that the policy before did not have.
    pub only_now: Vec<String>,
    /// Releases that only the policy before had.
    pub only_before: Vec<String>,
}

/// A policy file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// Its name.
    pub file: String,
    /// The version that the policy says.
    pub version: u64,
}

impl File {
    pub(super) fn of(side: &Side) -> Self {
        File { file: side.name.clone(), version: side.policy.version }
    }
}

/// The users of a simulation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Users {
    /// How many were simulated.
    pub count: u64,
    /// The seed from which they were made up; `null` where they were given.
    pub seed: Option<u64>,
    /// Rows without an id, left out.
    pub empty: u64,
    /// Rows with an id that stood before, left out.
    pub duplicates: u64,
    /// Users left out because their id may not stand where the policy looks for it.
    pub unusable: u64,
    /// Where in the request the id stood.
    pub id_in: String,
}

/// What became of the users in a release.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Its name.
    pub name: String,
    /// `ab`, `canary` or `blueGreen`.
    pub mode: &'static str,
    /// Host and path of the requests.
    pub at: String,
    /// Host and path of the requests under the policy before, where it governed others.
    pub at_before: Option<String>,
    /// The users whom the split placed.
    pub split: u64,
    /// Whether the split is as the policy asks for.
    pub fit: Judgement,
    /// Its lanes.
    pub lanes: Vec<Lane>,
    /// Who moved since the policy before.
    pub movement: Option<Movement>,
}

/// What became of the users in a lane.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lane {
    /// Its name; `null` for no lane: nothing governs the request, or the release is off.
    pub lane: Option<String>,
    /// The share of the users who are split that it should have, in percent; `null` where the policy does not say.
    pub expected_percent: Option<f64>,
    /// The same as a part of 1.
    #[serde(skip)]
    pub share: Option<f64>,
    /// The users assigned to it.
    pub users: u64,
    /// These as a part of all users.
    pub percent: f64,
    /// The users whom the split placed here.
    pub split: u64,
    /// These as a part of all users whom the split placed.
    pub percent_of_split: f64,
    /// Users assigned to it whom another lane serves, since it is unavailable.
    pub served_elsewhere: u64,
    /// What placed them.
    pub by: Vec<By>,
}

impl Lane {
    pub(super) fn new(share: Option<f64>, lane: Option<String>) -> Self {
        Lane {
            lane,
            // Written in steps of 0.01, or as weights: what is beyond is what calculating left.
            expected_percent: share.map(|share| (share * 1e8).round() / 1e6),
            share,
            users: 0,
            percent: 0.0,
            split: 0,
            percent_of_split: 0.0,
            served_elsewhere: 0,
            by: Vec::new(),
        }
    }
}

/// Users who were placed by one thing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct By {
    /// The reason of the decision.
    pub reason: &'static str,
    /// The rule.
    pub rule: Option<String>,
    /// How many.
    pub users: u64,
}

/// Two releases that split the same users.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    /// Their names.
    pub releases: [String; 2],
    /// Whether which lane a user has in the one says nothing of the other.
    pub judgement: Judgement,
    /// The lanes of the first.
    pub rows: Vec<String>,
    /// The lanes of the second.
    pub columns: Vec<String>,
    /// For each lane of the first and each of the second, the users whom both splits placed there.
    pub users: Vec<Vec<u64>>,
}

/// A part in percent.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { float(part) * 100.0 / float(whole) }
}

/// The mode of a release as it is written.
pub(crate) fn mode_word(release: &policy::Release) -> &'static str {
    match release {
        policy::Release { ab: Some(_), .. } => "ab",
        policy::Release { canary: Some(_), .. } => "canary",
        _ => "blueGreen",
    }
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const OPEN: Style = AnsiColor::Yellow.on_default();

impl Report {
    pub(super) fn is_as_expected(&self) -> bool {
        let judged = self.releases.iter().map(|release| &release.fit);
        let judged = judged.chain(self.independence.iter().map(|pair| &pair.judgement));
        let mut moved = self.releases.iter().filter_map(|release| release.movement.as_ref());
        judged.into_iter().all(|judgement| judgement.verdict != Verdict::NotAsExpected)
            && moved.all(|movement| movement.guarantee == Guarantee::Holds || movement.is_meant())
    }

    /// The report as people read it. It is coloured; whoever prints it takes the colours out where they are not wanted.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to text cannot fail.
        let _ = writeln!(out, "{BOLD}{}{BOLD:#}: {}", called(&self.policy), self.users.text());
        for release in &self.releases {
            out.push('\n');
            release.write(&self.users, self.against.as_ref(), &mut out);
        }
        if !self.independence.is_empty() {
            let _ = writeln!(out, "\n{BOLD}whether one split says something of another{BOLD:#}");
        }
        for pair in &self.independence {
            pair.write(&mut out);
        }
        let one_sided = [(&self.only_now, Some(&self.policy)), (&self.only_before, self.against.as_ref())];
        for (names, file) in one_sided {
            if let Some(file) = file
                && !names.is_empty()
            {
                let _ = writeln!(out, "\n{OPEN}only in {}{OPEN:#}: {}", called(file), names.join(", "));
            }
        }
        out
    }
}

fn called(file: &File) -> String {
    format!("{} (version {})", shown(&file.file), file.version)
}

impl Users {
    fn text(&self) -> String {
        let mut parts = vec![match self.seed {
            Some(seed) => format!("{} made up from seed {seed}", counted(self.count, "user")),
            None => counted(self.count, "user"),
        }];
        let left_out = [
            (self.empty, "row", "without an id"),
            (self.duplicates, "row", "with an id that stood before"),
            (self.unusable, "user", "whose id may not stand there"),
        ];
        for (count, what, why) in left_out {
            if count > 0 {
                parts.push(format!("{OPEN}left out {} {why}{OPEN:#}", counted(count, what)));
            }
        }
        format!("{}, known by {}", parts.join(", "), self.id_in)
    }
}

impl Release {
    fn write(&self, users: &Users, against: Option<&File>, out: &mut String) {
        let _ = writeln!(out, "{BOLD}{}{BOLD:#}: {} at {}", self.name, self.mode, shown(&self.at));
        let some_split = self.split > 0 && self.split < users.count;
        let some_expected = self.lanes.iter().any(|lane| lane.expected_percent.is_some());
        let served_elsewhere = self.lanes.iter().any(|lane| lane.served_elsewhere > 0);
        let mut table = Table::new(&["lane"]);
        if some_expected {
            table.head(["expected"]);
        }
        table.head(["users", "share"]);
        if some_split {
            table.head(["split", "share of split"]);
        }
        if served_elsewhere {
            table.head(["served elsewhere"]);
        }
        table.head_left("by");
        for lane in &self.lanes {
            let mut row = vec![named(lane.lane.as_deref())];
            if some_expected {
                row.push(lane.expected_percent.map_or_else(String::new, |percent| format!("{percent} %")));
            }
            row.extend([grouped(lane.users), hundredths(lane.percent)]);
            if some_split {
                row.extend([grouped(lane.split), hundredths(lane.percent_of_split)]);
            }
            if served_elsewhere {
                row.push(grouped(lane.served_elsewhere));
            }
            row.push(lane.by());
            table.add(row);
        }
        table.write("  ", out);
        if let Some(told) = self.fit.told(["as expected", "NOT as expected"]) {
            let _ = writeln!(out, "  {told}");
        }
        if let (Some(movement), Some(against)) = (&self.movement, against) {
            movement.write(against, self.at_before.as_deref(), out);
        }
    }
}

impl Lane {
    fn by(&self) -> String {
        let what = |by: &By| match &by.rule {
            Some(rule) => format!("{} {rule}", by.reason),
            None => by.reason.to_owned(),
        };
        match self.by.as_slice() {
            [] => String::new(),
            [only] => what(only),
            several => {
                let each = several.iter().map(|by| format!("{} {}", what(by), grouped(by.users)));
                each.collect::<Vec<_>>().join(", ")
            }
        }
    }
}

impl Movement {
    /// Whether the release says that it means what moves.
    fn is_meant(&self) -> bool {
        self.revision.now > self.revision.before
    }

    fn write(&self, against: &File, at_before: Option<&str>, out: &mut String) {
        let elsewhere = at_before.map_or_else(String::new, |at| format!(", where it governed {}", shown(at)));
        let _ = writeln!(out, "  {DIM}moved since{DIM:#} {}{elsewhere}", called(against));
        let mut table = Table::new(&["from \\ to"]);
        table.head(self.lanes.iter().map(|lane| named(lane.as_deref())));
        table.head(["moved", "of all"]);
        for row in &self.from {
            let mut cells = vec![named(row.lane.as_deref())];
            cells.extend(row.to.iter().map(|users| grouped(*users)));
            cells.extend([grouped(row.moved), hundredths(percent(row.moved, row.users))]);
            table.add(cells);
        }
        table.write("    ", out);
        let users = self.from.iter().map(|row| row.users).fold(0, u64::saturating_add);
        let moved =
            format!("{} moved ({})", counted(self.moved, "user"), hundredths(percent(self.moved, users)));
        let (style, what) = match self.guarantee {
            Guarantee::Holds if self.moved == 0 => (GOOD, "nobody moved".to_owned()),
            Guarantee::Holds if self.split == 0 => (Style::new(), moved),
            Guarantee::Holds => (GOOD, format!("{moved}; the ramp guarantee holds")),
            Guarantee::Broken | Guarantee::DealtAnew if self.is_meant() => {
                let revision = self.revision.now;
                (
                    OPEN,
                    format!(
                        "{moved}; the ramp guarantee is broken, and revision {revision} says that it is meant"
                    ),
                )
            }
            Guarantee::Broken => (BAD, format!("{moved}; the ramp guarantee is BROKEN")),
            Guarantee::DealtAnew => {
                (BAD, format!("{moved}, since everybody is DEALT ANEW: another salt, hash or identity?"))
            }
        };
        let _ = writeln!(out, "    {style}{what}{style:#}");
        for one in &self.unexplained {
            let [from, to] = [&one.from, &one.to].map(|lane| named(lane.as_deref()));
            let _ = writeln!(
                out,
                "    {} moved from {from} to {to}, which no share asks for",
                counted(one.users, "user")
            );
        }
    }
}

impl Pair {
    fn write(&self, out: &mut String) {
        let [one, other] = &self.releases;
        let told = self.judgement.told(["independent", "NOT independent"]).unwrap_or_default();
        let _ = writeln!(out, "  {one}, {other}: {told}");
        if self.judgement.verdict != Verdict::NotAsExpected {
            return;
        }
        let mut table = Table::new(&[&format!("{one} \\ {other}")]);
        table.head(&self.columns);
        for (row, users) in self.rows.iter().zip(&self.users) {
            table.add([row.clone()].into_iter().chain(users.iter().map(|users| grouped(*users))).collect());
        }
        table.write("    ", out);
    }
}

fn named(lane: Option<&str>) -> String {
    lane.map_or_else(|| "(none)".to_owned(), str::to_owned)
}

fn hundredths(percent: f64) -> String {
    format!("{percent:.2} %")
}
