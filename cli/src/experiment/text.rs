//! A report as people read it.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::statistics::Interval;
use super::summary::{Comparison, Experiment, Goal, Rate, Report};
use super::verdict::{ALONE, CROSSOVER};
use crate::chance::probability;
use crate::table::Table;
use crate::words::{counted, grouped, shown};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const OPEN: Style = AnsiColor::Yellow.on_default();

impl Report {
    /// The report as people read it. It is coloured; whoever prints it takes the colours out where they are not wanted.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to text cannot fail.
        let rows = &self.rows;
        let _ = writeln!(
            out,
            "{}: {}, {}",
            counted(rows.read, "row"),
            counted(rows.exposures, "exposure"),
            counted(rows.conversions, "conversion")
        );
        for note in &self.notes {
            let _ = writeln!(out, "{OPEN}note{OPEN:#}: {}", shown(note));
        }
        for experiment in &self.experiments {
            out.push('\n');
            experiment.write(self.alpha, &mut out);
        }
        self.write_left_out(&mut out);
        self.write_mismatches(&mut out);
        let _ = writeln!(out, "\n{DIM}{}{DIM:#}", self.methods());
        out
    }

    /// How the figures came about.
    pub(super) fn methods(&self) -> String {
        let confidence = percent(1.0 - self.alpha);
        format!(
            "Intervals of {confidence}: rates by Wilson, differences by Newcombe, lifts by Katz. p: two-sided z test, for one look. Always \
             valid: normal mixture,\nthe tightest at {}. Both p by Holm for several groups; nothing is corrected for several goals \
             or experiments.",
            counted(self.planned_users, "user")
        )
    }

    /// What is left out, and why.
    pub(super) fn left_out(&self) -> Vec<String> {
        let rows = &self.rows;
        let parts = [
            (self.not_exposed, "conversion", "of users of whom there is no exposure"),
            (self.forced_alone, "conversion", "of users whose group was forced"),
            (rows.not_asked_for, "row", "of other experiments or goals"),
            (rows.other, "row", "without an exposure or conversion"),
            (rows.malformed, "row", "that could not be read"),
        ];
        let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
        parts.map(|(count, what, why)| format!("{} {why}", counted(count, what))).collect()
    }

    fn write_left_out(&self, out: &mut String) {
        let parts = self.left_out();
        if !parts.is_empty() {
            let _ = writeln!(out, "\n{BOLD}left out{BOLD:#}: {}", parts.join(", "));
        }
        for row in &self.malformed {
            let _ = writeln!(out, "  {}:{}: {}", shown(&row.file), row.line, shown(&row.why));
        }
    }

    fn write_mismatches(&self, out: &mut String) {
        if !self.mismatches.is_empty() {
            let _ = writeln!(
                out,
                "\n{BOLD}contradictions{BOLD:#} about the group of a user, which count as exposed"
            );
        }
        for mismatch in &self.mismatches {
            let _ =
                writeln!(out, "  {OPEN}{}{OPEN:#}: {}", mismatch.kind.words(), counted(mismatch.rows, "row"));
            for example in &mismatch.examples {
                let _ = writeln!(out, "    {}", shown(example));
            }
        }
    }
}

/// A part of 1 in percent, without zeros at its end.
fn percent(part: f64) -> String {
    format!("{} %", (part * 1e6).round() / 1e4)
}

fn hundredths(percent: f64) -> String {
    format!("{percent:.2} %")
}

fn points(part: f64) -> String {
    format!("{:+.2}", part * 100.0)
}

fn between(interval: Interval) -> String {
    format!("{} to {}", points(interval.low), points(interval.high))
}

fn optional<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), text)
}

impl Experiment {
    fn write(&self, alpha: f64, out: &mut String) {
        let users: u64 = self.sample_ratio.groups.iter().map(|group| group.users).sum();
        let when = self.from.as_ref().zip(self.to.as_ref());
        let when = when.map_or_else(String::new, |(from, to)| format!(", {from} to {to}"));
        let name = shown(&self.name);
        let _ = writeln!(
            out,
            "{BOLD}{name}{BOLD:#}, revision {}: {}{when}",
            self.revision,
            counted(users, "user")
        );
        self.write_sizes(out);
        if !self.doubts.is_empty() {
            let _ = writeln!(out, "  {BAD}NOT TO BE BELIEVED{BAD:#}: {}", self.doubts.join(", and "));
        }
        if self.goals.is_empty() {
            let _ = writeln!(out, "  {OPEN}no conversions{OPEN:#}");
        }
        for goal in &self.goals {
            goal.write(&self.control, alpha, out);
        }
    }

    fn write_sizes(&self, out: &mut String) {
        let ratio = &self.sample_ratio;
        let mut table = Table::new(&["group", "users", "share", "expected"]);
        for group in &ratio.groups {
            table.add(vec![
                shown(&group.group),
                grouped(group.users),
                hundredths(group.percent),
                optional(group.expected_percent, hundredths),
            ]);
        }
        table.write("  ", out);
        for line in self.lines_of_trust() {
            let _ = writeln!(out, "  {line}");
        }
    }

    /// Whether the data can be trusted, and what of it counts.
    pub(super) fn lines_of_trust(&self) -> Vec<String> {
        let ratio = &self.sample_ratio;
        let by = shown(&ratio.expected_by);
        let told = ratio.judgement.told(["sample ratio as expected", "sample ratio NOT as expected"]);
        let told = told.unwrap_or_else(|| "sample ratio not judged".to_owned());
        let mut lines = vec![format!("{told} {DIM}({by}){DIM:#}")];
        let crossover = &self.crossover;
        if crossover.users > 0 {
            let (style, word) = if crossover.alarm { (BAD, "more than") } else { (OPEN, "alarm above") };
            let (users, part) = (counted(crossover.users, "user"), hundredths(crossover.percent));
            let limit = percent(CROSSOVER);
            lines.push(format!(
                "{style}left out{style:#} {users} seen in several groups: {part} ({word} {limit})"
            ));
        }
        lines.extend(self.line_of_forced());
        let counts = &self.conversions;
        let parts = [
            (counts.repeated, "further ones of their user"),
            (counts.before_exposure, "before the exposure"),
            (counts.crossover, "of users seen in several groups"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts = parts.map(|(count, why)| format!("{} {why}", grouped(*count)));
        let all = [format!("{} counted", counted(counts.counted, "conversion"))].into_iter().chain(parts);
        lines.push(all.collect::<Vec<_>>().join(", "));
        lines
    }

    fn line_of_forced(&self) -> Option<String> {
        let forced = self.forced.iter().map(|forced| {
            format!("{} into {} by {}", grouped(forced.users), shown(&forced.group), shown(&forced.reason))
        });
        let also = match self.also_forced {
            0 => String::new(),
            also => format!("; {} of them count all the same, as they were drawn", grouped(also)),
        };
        let forced = forced.collect::<Vec<_>>().join(", ");
        let line = format!("{OPEN}left out{OPEN:#} users whose group was forced: {forced}{also}");
        (!self.forced.is_empty()).then_some(line)
    }
}

impl Goal {
    fn write(&self, control: &str, alpha: f64, out: &mut String) {
        let _ = writeln!(out, "  {BOLD}{}{BOLD:#}", shown(&self.name));
        let mut table = Table::new(&Goal::rate_head(alpha).each_ref().map(String::as_str));
        for row in self.rate_rows(control) {
            table.add(row);
        }
        table.write("    ", out);
        if !self.comparisons.is_empty() {
            let mut table = Table::new(&Goal::comparison_head(alpha).each_ref().map(String::as_str));
            for comparison in &self.comparisons {
                table.add(comparison.cells());
            }
            table.write("    ", out);
        }
        for comparison in self.comparisons.iter().filter(|comparison| !comparison.says.is_empty()) {
            let style = if comparison.verdict.is_decided() { GOOD } else { OPEN };
            let _ = writeln!(out, "    {style}{}{style:#}", shown(&comparison.says));
        }
        if self.comparisons.is_empty() {
            let _ = writeln!(out, "    {OPEN}{ALONE}{OPEN:#}");
        }
    }

    pub(super) fn rate_head(alpha: f64) -> [String; 5] {
        ["group", "users", "converted", "rate", &percent(1.0 - alpha)].map(str::to_owned)
    }

    pub(super) fn rate_rows(&self, control: &str) -> Vec<Vec<String>> {
        let row = |rate: &Rate| {
            let group = shown(&rate.group);
            vec![
                if rate.group == control { format!("{group} (control)") } else { group },
                grouped(rate.users),
                grouped(rate.conversions),
                hundredths(rate.rate * 100.0),
                format!("{:.2} to {:.2} %", rate.interval.low * 100.0, rate.interval.high * 100.0),
            ]
        };
        self.rates.iter().map(row).collect()
    }

    pub(super) fn comparison_head(alpha: f64) -> [String; 8] {
        let confidence = percent(1.0 - alpha);
        let columns =
            ["against control", "pp", &confidence, "lift", &confidence, "p", "always valid pp", "p"];
        columns.map(str::to_owned)
    }
}

impl Comparison {
    pub(super) fn cells(&self) -> Vec<String> {
        vec![
            shown(&self.group),
            points(self.difference),
            between(self.interval),
            optional(self.lift, |lift| format!("{:+.1} %", lift * 100.0)),
            optional(self.lift_interval, |lift| {
                format!("{:+.1} to {:+.1} %", lift.low * 100.0, lift.high * 100.0)
            }),
            optional(self.p_holm, probability),
            optional(self.always_valid, |peeked| between(peeked.interval)),
            optional(self.always_valid, |peeked| probability(peeked.p_holm)),
        ]
    }
}
