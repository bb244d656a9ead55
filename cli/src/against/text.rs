//! What became of a policy, as people read it.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::report::{Changes, File, Release, Row, State, percent_told};
use super::{Guarantee, Proof};
use crate::table::Table;
use crate::words::shown;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const OPEN: Style = AnsiColor::Yellow.on_default();

/// So many names of a list are told; all of them stand in the report.
const TOLD: usize = 10;

impl Changes {
    /// The changes as people read them. They are coloured; whoever prints them takes the colours out where they are not wanted.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to text cannot fail.
        let _ = writeln!(
            out,
            "{BOLD}{}{BOLD:#} in place of {}, at {}",
            called(&self.policy),
            called(&self.against),
            self.at
        );
        out + &self.body()
    }

    /// The changes without the line that says of what.
    pub fn body(&self) -> String {
        let mut out = String::new();
        if let Some(state) = told(self.state) {
            let _ = writeln!(
                out,
                "{OPEN}the whole policy {state}{OPEN:#}; what moves is calculated as if it was on"
            );
        }
        if !self.same_ids {
            let _ = writeln!(out, "{BAD}users are known by other ids: everybody is dealt anew{BAD:#}");
        }
        if !self.uncounted.is_empty() {
            let _ = writeln!(out, "{OPEN}also changed{OPEN:#}: {}; {UNCOUNTED}", self.uncounted.join(", "));
        }
        for release in self.releases.iter().filter(|release| !release.is_quiet(self.state)) {
            release.write(self, &mut out);
        }
        let quiet =
            self.releases.iter().filter(|release| release.is_quiet(self.state)).map(|release| &*release.name);
        let lists = [
            (
                if self.uncounted.is_empty() {
                    "changed, and nobody moves"
                } else {
                    "changed, and no share moves anybody"
                },
                quiet.collect(),
            ),
            ("added", self.added.iter().map(|name| &**name).collect()),
            ("removed", self.removed.iter().map(|name| &**name).collect()),
        ];
        for (what, names) in lists {
            let names: Vec<&str> = names;
            if !names.is_empty() {
                let _ = writeln!(out, "{DIM}{what}{DIM:#}: {}", listed(&names));
            }
        }
        if self.state == State::On
            && self.releases.is_empty()
            && self.added.is_empty()
            && self.removed.is_empty()
        {
            let nobody = if self.uncounted.is_empty() { "nobody moves" } else { NO_SHARE };
            let _ = writeln!(out, "{GOOD}{nobody}{GOOD:#}");
        }
        out.push('\n');
        out
    }
}

/// Where users are counted whom no policy tells.
const UNCOUNTED: &str =
    "whom that moves no policy tells; graylane simulate --against counts users that you name";
/// Whom keys of lanes move: no user needs to be named to see that.
const ELSEWHERE: &str = "everybody of these lanes may be served elsewhere";
/// Keys of lanes that say where its requests are sent.
const OF_LANES: [&str; 5] = ["cluster", "weightedSlot", "unavailable", "fallback", "guard"];
/// Said where some may be moved all the same.
const NO_SHARE: &str = "no share moves anybody";

impl Release {
    fn write(&self, around: &Changes, out: &mut String) {
        let _ = write!(out, "\n{BOLD}{}{BOLD:#}: revision {}", self.name, self.revision.before);
        if self.revision.before != self.revision.now {
            let _ = write!(out, " to {}", self.revision.now);
        }
        if let Some(name) = &self.name_before {
            let _ = write!(out, ", in place of {name}");
        }
        out.push('\n');
        if let Some(state) = told(self.state).filter(|_| self.state != around.state) {
            let as_if = if self.moves() { ". Among its lanes, as if it was on all the time:" } else { "" };
            let _ = writeln!(out, "  {OPEN}it {state}{OPEN:#}{as_if}");
        }
        if self.moves() {
            self.table().write("  ", out);
        }
        self.verdict(around, out);
        self.write_uncounted(out);
    }

    /// What moves users besides their buckets, or keeps them.
    fn write_uncounted(&self, out: &mut String) {
        if self.moves() && self.sticky {
            let gates = if self.is_gated { " and the experiment takes the user" } else { "" };
            let _ = writeln!(out, "  whoever has a sticky cookie stays, as long as the lane is open{gates}");
        }
        if self.forgets {
            let _ = writeln!(
                out,
                "  {OPEN}sticky cookies of before count no longer{OPEN:#}: whomever one kept elsewhere is where the shares say"
            );
        }
        let (of_lanes, others): (Vec<&str>, Vec<&str>) =
            self.uncounted.iter().partition(|key| OF_LANES.contains(key));
        for (keys, what) in [(others, UNCOUNTED), (of_lanes, ELSEWHERE)] {
            if !keys.is_empty() {
                let _ = writeln!(out, "  {OPEN}also changed{OPEN:#}: {}; {what}", keys.join(", "));
            }
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&["from \\ to"]);
        table.head(self.lanes.iter().map(|lane| named(lane.as_deref())));
        table.head(["before", "moved"]);
        for Row { lane, percent, moved_percent, to_percent } in &self.from {
            let numbers =
                to_percent.iter().chain([percent, moved_percent]).map(|percent| format!("{percent} %"));
            table.add([named(lane.as_deref())].into_iter().chain(numbers).collect());
        }
        let now = (0..self.lanes.len()).map(|to| {
            let column = self.from.iter().filter_map(|row| row.to_percent.get(to));
            // What adding leaves behind the sixth digit is none.
            format!("{} %", (column.sum::<f64>() * 1e6).round() / 1e6)
        });
        table.add(["now".to_owned()].into_iter().chain(now).collect());
        table
    }

    fn verdict(&self, around: &Changes, out: &mut String) {
        let counts_all = around.uncounted.is_empty() && self.counts_all();
        let moved = format!("{} of all users move", percent_told(self.moved_percent));
        let is_meant = self.revision.now > self.revision.before;
        let meant = format!("revision {} says that it is meant", self.revision.now);
        let (style, verdict) = match (self.guarantee, self.proved) {
            (Guarantee::Holds, _) if !self.moves() && counts_all => (GOOD, "nobody moves".to_owned()),
            (Guarantee::Holds, _) if !self.moves() => (GOOD, NO_SHARE.to_owned()),
            (Guarantee::Holds, _) if !self.splits => (GOOD, format!("{moved}, as the active lane says")),
            (Guarantee::Holds, Proof::FromThenOn) => {
                (GOOD, format!("{moved}; the ramp guarantee holds from then on"))
            }
            (Guarantee::Holds, Proof::ThenAlone) => (GOOD, format!("{moved}; the ramp guarantee holds")),
            (Guarantee::Broken, _) if is_meant => {
                (OPEN, format!("{moved}; the ramp guarantee is broken, and {meant}"))
            }
            (Guarantee::Broken, _) => (BAD, format!("{moved}; the ramp guarantee is BROKEN")),
            (Guarantee::DealtAnew, _) if is_meant => {
                (OPEN, format!("{moved}, since everybody is dealt anew, and {meant}"))
            }
            (Guarantee::DealtAnew, _) => (BAD, format!("{moved}, since everybody is DEALT ANEW")),
        };
        let _ = writeln!(out, "  {style}{verdict}{style:#}");
        // Dealt anew, users move from everywhere to everywhere: the table says how many.
        let told = self.unexplained.iter().filter(|_| self.guarantee == Guarantee::Broken);
        for one in told {
            let (share, from, to) =
                (percent_told(one.percent), named(one.from.as_deref()), named(one.to.as_deref()));
            let _ = writeln!(out, "  {share} move from {from} to {to}, which no share asks for");
        }
        if self.guarantee == Guarantee::Holds && self.proved == Proof::ThenAlone {
            let _ = writeln!(
                out,
                "  {OPEN}proved for {} alone{OPEN:#}: a ramp goes on, and slots are others; say another time of the rollout by --at",
                around.at
            );
        }
    }
}

/// Whether a release, or a policy, is on, where there is something to say of that.
fn told(state: State) -> Option<&'static str> {
    match state {
        State::On => None,
        State::SwitchedOn => Some("is switched on; before, its requests were left alone"),
        State::SwitchedOff => Some("is switched off; its requests are left alone"),
        State::StillOff => Some("is off, as before; its requests are left alone"),
    }
}

fn named(lane: Option<&str>) -> String {
    lane.map_or_else(|| "(outside)".to_owned(), str::to_owned)
}

fn called(file: &File) -> String {
    format!("{} (version {})", shown(&file.file), file.version)
}

fn listed(names: &[&str]) -> String {
    let told: Vec<&str> = names.iter().copied().take(TOLD).collect();
    match names.len().saturating_sub(TOLD) {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}
