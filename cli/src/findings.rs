//! What was found, in the forms that people and programs read.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use graylane::error::{FieldError, Problem};
use serde::Serialize;
use unicode_width::UnicodeWidthChar;

use crate::against::Changes;
use crate::check::{Finding, Report, Severity};
use crate::position::Position;
use crate::words::{counted, shown};

const BOLD: Style = Style::new().bold();
const FRAME: Style = AnsiColor::Blue.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default();

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Error => AnsiColor::Red.on_default().bold(),
        Severity::Warning => AnsiColor::Yellow.on_default().bold(),
        Severity::Note => AnsiColor::Cyan.on_default().bold(),
    }
}

/// One file and what was found in it.
#[derive(Debug)]
pub struct File<'f> {
    /// How the file is called: its path.
    pub name: &'f str,
    /// What is written in it.
    pub text: &'f str,
    /// What was found.
    pub report: &'f Report,
}

impl File<'_> {
    /// The report as people read it: each finding with its line, and a line for the file. It is coloured; whoever prints
    /// it takes the colours out where they are not wanted.
    pub fn text(&self) -> String {
        let mut out = self.findings();
        let count = |severity: Severity| {
            let count = self.report.count(severity);
            (count > 0).then(|| {
                let style = style(severity);
                format!("{style}{}{style:#}", counted(count as u64, severity.as_str()))
            })
        };
        let counts: Vec<String> =
            [Severity::Error, Severity::Warning].into_iter().filter_map(count).collect();
        let releases = counted(self.report.releases as u64, "release");
        let verdict = match counts.join(", ") {
            none if none.is_empty() => format!("{GOOD}good{GOOD:#}, {releases}"),
            counts if self.report.is_good(false) => format!("{GOOD}good{GOOD:#}, {releases}, {counts}"),
            counts => counts,
        };
        // Writing to text cannot fail.
        let _ = writeln!(out, "{BOLD}{}{BOLD:#}: {verdict}", shown(self.name));
        out
    }

    /// Each finding with its line, and nothing else.
    pub fn findings(&self) -> String {
        let mut out = String::new();
        for finding in &self.report.findings {
            self.finding(finding, &mut out);
        }
        out
    }

    fn finding(&self, finding: &Finding, out: &mut String) {
        let Finding { severity, error, position, through, meant } = finding;
        let Position { line, column, .. } = position;
        let colour = style(*severity);
        let word = severity.as_str();
        let name = shown(self.name);
        let gutter = " ".repeat(line.to_string().len());
        let Excerpt { line: source, indent, width } = Excerpt::of(self.text, position);
        let carets = "^".repeat(width);
        let what = shown(&told(error));
        let _ = writeln!(out, "{BOLD}{name}:{line}:{column}{BOLD:#}: {colour}{word}{colour:#}: {what}");
        let _ = writeln!(out, "{gutter} {FRAME}|{FRAME:#}");
        let _ = writeln!(out, "{FRAME}{line} |{FRAME:#} {source}");
        let _ = writeln!(out, "{gutter} {FRAME}|{FRAME:#} {:indent$}{colour}{carets}{colour:#}", "");
        if let Some(line) = through {
            let _ = writeln!(out, "{gutter} {FRAME}={FRAME:#} note: by the alias in line {line}");
        }
        if let Some(word) = meant {
            let _ = writeln!(out, "{gutter} {FRAME}={FRAME:#} help: did you mean \"{}\"?", shown(word));
        }
        out.push('\n');
    }

    /// The report as annotations of a GitHub workflow, one a line. A file without a path, which standard input is, is not
    /// named.
    pub fn github(&self, path: Option<&str>) -> String {
        let mut out = String::new();
        for finding in &self.report.findings {
            let Finding { severity, error, position, .. } = finding;
            let Position { line, column, .. } = position;
            let file = path.map_or_else(String::new, |path| format!("file={},", property(path)));
            let (title, message) = (property(error.problem.as_str()), data(&told_with_hint(finding)));
            let level = match severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "notice",
            };
            let _ = writeln!(out, "::{level} {file}line={line},col={column},title={title}::{message}");
        }
        out
    }

    /// The findings as data.
    pub fn rows(&self) -> Vec<Row> {
        let row = |finding: &Finding| {
            let Finding { severity, error, position, meant, .. } = finding;
            Row {
                file: self.name.to_owned(),
                line: position.line,
                column: position.column,
                path: error.path.clone(),
                severity: *severity,
                problem: error.problem.as_str(),
                value: error.value.clone(),
                allowed: error.allowed.clone(),
                hint: meant.clone(),
                message: told(error),
            }
        };
        self.report.findings.iter().map(row).collect()
    }
}

/// Path and what is wrong, in one line. That a warning is one is said beside it.
fn told(error: &FieldError) -> String {
    match error.problem {
        Problem::Warning if error.path.is_empty() => error.allowed.clone(),
        Problem::Warning => format!("{}: {}", error.path, error.allowed),
        _ => error.to_string(),
    }
}

/// The same, and what may have been meant.
fn told_with_hint(finding: &Finding) -> String {
    let told = told(&finding.error);
    match &finding.meant {
        Some(word) => format!("{told} (did you mean \"{word}\"?)"),
        None => told,
    }
}

/// The message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// All findings of a run, for programs.
#[derive(Debug, Default, Serialize)]
pub struct Rows {
    /// What was found, file by file.
    pub findings: Vec<Row>,
    /// What it comes to.
    pub summary: Summary,
    /// What changed since the policy before, where one is named and both are good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

/// A finding, for programs.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The file; `-` is standard input.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The character of the line, counted from 1.
    pub column: usize,
    /// Where in the document; empty for the document itself.
    pub path: String,
    /// `error` or `warning`.
    pub severity: Severity,
    /// The kind of problem.
    pub problem: &'static str,
    /// The value at fault as it would stand in JSON; empty where there is none.
    pub value: String,
    /// What is allowed there.
    pub allowed: String,
    /// The word that may have been meant.
    pub hint: Option<String>,
    /// All of it in one line.
    pub message: String,
}

/// What a run comes to.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// The files that were read.
    pub files: usize,
    /// Those that are good.
    pub good: usize,
    /// The releases in them.
    pub releases: usize,
    /// The errors.
    pub errors: usize,
    /// The warnings.
    pub warnings: usize,
}

impl Rows {
    /// Adds what was found in a file.
    pub fn add(&mut self, file: &File<'_>, strict: bool) {
        let (report, summary) = (file.report, &mut self.summary);
        self.findings.extend(file.rows());
        summary.files = summary.files.saturating_add(1);
        summary.good = summary.good.saturating_add(usize::from(report.is_good(strict)));
        summary.releases = summary.releases.saturating_add(report.releases);
        summary.errors = summary.errors.saturating_add(report.count(Severity::Error));
        summary.warnings = summary.warnings.saturating_add(report.count(Severity::Warning));
    }
}

/// A line of a file with a piece of it marked, in columns of a terminal.
struct Excerpt {
    line: String,
    indent: usize,
    width: usize,
}

/// How many characters are shown before and from the piece that is marked: JSON may be one line of megabytes.
const BEFORE: usize = 60;
const AFTER: usize = 80;

impl Excerpt {
    fn of(text: &str, position: &Position) -> Self {
        let (before, after) = text.split_at_checked(position.bytes.start).unwrap_or((text, ""));
        let is_break = |char: &char| matches!(char, '\n' | '\r');
        let marked = position.bytes.len();
        let mut start: Vec<char> =
            before.chars().rev().take_while(|char| !is_break(char)).take(BEFORE).collect();
        start.reverse();
        let taken: usize = start.iter().map(|char| char.len_utf8()).sum();
        let is_cut = before
            .len()
            .checked_sub(taken)
            .and_then(|end| before.get(..end))
            .is_some_and(|rest| rest.chars().next_back().is_some_and(|char| !is_break(&char)));
        let mut excerpt = Excerpt { line: String::new(), indent: 0, width: 0 };
        if is_cut {
            excerpt.show('…');
        }
        for char in start {
            excerpt.show(char);
        }
        excerpt.indent = excerpt.width;
        excerpt.width = 0;
        let mut end = None;
        for (index, (offset, char)) in
            after.char_indices().take_while(|(_, char)| !is_break(char)).enumerate()
        {
            if offset >= marked.max(1) {
                end.get_or_insert(excerpt.width);
            }
            if index == AFTER {
                excerpt.show('…');
                break;
            }
            excerpt.show(char);
        }
        excerpt.width = end.unwrap_or(excerpt.width).max(1);
        excerpt
    }

    fn show(&mut self, char: char) {
        let char = match char {
            '\u{feff}' => return,
            '\t' => ' ',
            char => shown(char.encode_utf8(&mut [0; 4])).chars().next().unwrap_or(char),
        };
        self.line.push(char);
        self.width = self.width.saturating_add(char.width().unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, position: Position) -> Finding {
        let error = FieldError {
            path: "rules[0]".to_owned(),
            problem: Problem::Invalid,
            value: "5%".to_owned(),
            allowed: "a, b: c".to_owned(),
        };
        Finding { severity, error, position, through: None, meant: None }
    }

    fn text(text: &str, findings: Vec<Finding>) -> String {
        let report = Report { findings, releases: 1 };
        let file = File { name: "p.yaml", text, report: &report };
        anstream::adapter::strip_str(&file.text()).to_string()
    }

    #[test]
    fn a_warning_leaves_a_policy_good_unless_it_is_to_be_strict() {
        let position = Position::at("rules: x\n", 1, 8);
        let report = Report { findings: vec![finding(Severity::Warning, position)], releases: 1 };
        assert!(report.is_good(false) && !report.is_good(true));
        let file = File { name: "p.yaml", text: "rules: x\n", report: &report };
        let told = anstream::adapter::strip_str(&file.text()).to_string();
        assert!(told.starts_with("p.yaml:1:8: warning: rules[0]: Invalid value: 5%: a, b: c\n"), "{told}");
        assert!(told.ends_with("\np.yaml: good, 1 release, 1 warning\n"), "{told}");
        let mut rows = Rows::default();
        rows.add(&file, false);
        rows.add(&file, true);
        let Summary { files, good, releases, errors, warnings } = rows.summary;
        assert_eq!((files, good, releases, errors, warnings), (2, 1, 2, 0, 2));
    }

    #[test]
    fn an_annotation_escapes_what_would_end_a_part_of_it() {
        let report =
            Report { findings: vec![finding(Severity::Warning, Position::at("x", 1, 1))], releases: 0 };
        let file = File { name: "-", text: "x", report: &report };
        let rest = "line=1,col=1,title=Invalid value::rules[0]: Invalid value: 5%25: a, b: c\n";
        assert_eq!(file.github(None), format!("::warning {rest}"));
        assert_eq!(file.github(Some("a,b:c%\n.yaml")), format!("::warning file=a%2Cb%3Ac%25%0A.yaml,{rest}"));
    }

    #[test]
    fn carets_stand_below_what_is_marked_whatever_is_before_it() {
        for (line, column, length, carets) in [
            ("a: bad", 4, 3, "1 | a: bad\n  |    ^^^"),
            ("ä: bad", 4, 3, "1 | ä: bad\n  |    ^^^"),
            ("\t日本: bad", 6, 3, "1 |  日本: bad\n  |        ^^^"),
            ("日本", 1, 6, "1 | 日本\n  | ^^^^"),
            ("a:", 3, 0, "1 | a:\n  |   ^"),
            ("a: \u{1b}[31mx", 4, 6, "1 | a: \u{fffd}[31mx\n  |    ^^^^^^"),
        ] {
            let mut position = Position::at(line, 1, column);
            position.bytes.end += length;
            let told = text(line, vec![finding(Severity::Error, position)]);
            assert!(told.contains(carets), "{told}");
        }
    }

    #[test]
    fn a_line_of_megabytes_is_cut() {
        let line = format!("{}bad{}", "x".repeat(2_000_000), "y".repeat(2_000_000));
        let mut position = Position::at(&line, 1, 2_000_001);
        position.bytes.end += 3;
        let told = text(&line, vec![finding(Severity::Error, position)]);
        assert!(told.len() < 500, "{}", told.len());
        let indent = " ".repeat(BEFORE + 1);
        assert!(told.contains(&format!("\n  | {indent}^^^\n")), "{told}");
        assert!(told.contains("…xxx") && told.contains("yyy…"), "{told}");
    }
}
