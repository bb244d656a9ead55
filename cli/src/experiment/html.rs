//! A report as one page that needs nothing else: tables, verdicts and plots.

use std::fmt::Write;

use super::plot;
use super::summary::{Experiment, Goal, Report};
use super::verdict::ALONE;
use crate::words::{counted, grouped, shown};

const STYLE: &str = include_str!("page.css");

/// Text as it stands in a page.
pub(super) fn escaped(text: &str) -> String {
    let text = shown(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

impl Report {
    /// The report as a page. `made` is when it was made.
    pub fn page(&self, made: &str) -> String {
        let names: Vec<&str> = self.experiments.iter().map(|experiment| experiment.name.as_str()).collect();
        let mut title = escaped(&names.join(", "));
        title.truncate(title.char_indices().nth(80).map_or(title.len(), |(end, _)| end));
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title} – graylane report</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n"
        );
        let rows = &self.rows;
        // Writing to text cannot fail.
        let _ = writeln!(
            out,
            "<header><h1>Report of {}</h1><p>{} and {} in {}; made at {}</p></header>",
            counted(self.experiments.len() as u64, "experiment"),
            counted(rows.exposures, "exposure"),
            counted(rows.conversions, "conversion"),
            counted(rows.read, "row"),
            escaped(made)
        );
        for note in &self.notes {
            let _ = writeln!(out, "<p class=\"verdict open\">{}</p>", escaped(note));
        }
        let mut plots = 0;
        for experiment in &self.experiments {
            experiment.add_to_page(self.alpha, &mut plots, &mut out);
        }
        self.add_rest_to_page(&mut out);
        let _ = writeln!(
            out,
            "<footer>{}</footer>\n</main></body></html>",
            escaped(&self.methods().replace('\n', " "))
        );
        out
    }

    fn add_rest_to_page(&self, out: &mut String) {
        let left_out = self.left_out();
        if !left_out.is_empty() {
            let _ = writeln!(out, "<section><h2>Left out</h2><ul>");
            for part in left_out {
                let _ = writeln!(out, "<li>{}</li>", escaped(&part));
            }
            out.push_str("</ul>");
            add_examples(
                self.malformed.iter().map(|row| format!("{}:{}: {}", row.file, row.line, row.why)),
                out,
            );
            out.push_str("</section>\n");
        }
        if !self.mismatches.is_empty() {
            let _ = writeln!(
                out,
                "<section><h2>Contradictions about the group of a user</h2><p>They count as exposed.</p>"
            );
            for mismatch in &self.mismatches {
                let rows = counted(mismatch.rows, "row");
                let _ = writeln!(out, "<h3>{}: {rows}</h3>", escaped(mismatch.kind.words()));
                add_examples(mismatch.examples.iter().cloned(), out);
            }
            out.push_str("</section>\n");
        }
    }
}

fn add_examples(examples: impl Iterator<Item = String>, out: &mut String) {
    let lines: Vec<String> = examples.map(|example| escaped(&example)).collect();
    if !lines.is_empty() {
        let _ = writeln!(out, "<pre>{}</pre>", lines.join("\n"));
    }
}

/// A table of which the first column stands to the left.
fn add_table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>, out: &mut String) {
    out.push_str("<div class=\"wide\"><table><thead><tr>");
    for cell in head {
        let _ = write!(out, "<th>{}</th>", escaped(cell));
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            let _ = write!(out, "<td>{}</td>", escaped(&cell));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>\n");
}

impl Experiment {
    fn add_to_page(&self, alpha: f64, plots: &mut usize, out: &mut String) {
        let users: u64 = self.sample_ratio.groups.iter().map(|group| group.users).sum();
        let when = self.from.as_ref().zip(self.to.as_ref());
        let when = when.map_or_else(String::new, |(from, to)| format!(", {from} to {to}"));
        let _ = writeln!(
            out,
            "<section><h2>{} <small>revision {}</small></h2><p>{}{when}</p>",
            escaped(&self.name),
            self.revision,
            counted(users, "user")
        );
        if !self.doubts.is_empty() {
            let why = &self.doubts;
            let _ = writeln!(
                out,
                "<p class=\"verdict bad\">Not to be believed: {}</p>",
                escaped(&why.join(", and "))
            );
        }
        if self.goals.is_empty() {
            let _ = writeln!(out, "<p class=\"verdict open\">There are no conversions.</p>");
        }
        for goal in &self.goals {
            self.add_goal(goal, alpha, plots, out);
        }
        out.push_str("<h3>Whether it can be trusted</h3>\n");
        add_table(&["group", "users", "share", "expected"], self.size_rows(), out);
        out.push_str("<ul>");
        for line in self.lines_of_trust() {
            let line = anstream::adapter::strip_str(&line).to_string();
            let _ = writeln!(out, "<li>{}</li>", escaped(&line));
        }
        out.push_str("</ul></section>\n");
    }

    fn add_goal(&self, goal: &Goal, alpha: f64, plots: &mut usize, out: &mut String) {
        let _ = writeln!(out, "<h3>{}</h3>", escaped(&goal.name));
        for comparison in goal.comparisons.iter().filter(|comparison| !comparison.says.is_empty()) {
            let class = if comparison.verdict.is_decided() { "good" } else { "open" };
            let _ = writeln!(out, "<p class=\"verdict {class}\">{}</p>", escaped(&comparison.says));
        }
        if goal.comparisons.is_empty() {
            let _ = writeln!(out, "<p class=\"verdict open\">{ALONE}</p>");
        }
        let (rates, comparisons) = (Goal::rate_head(alpha), Goal::comparison_head(alpha));
        add_table(&rates.each_ref().map(String::as_str), goal.rate_rows(&self.control), out);
        out.push_str("<figure>");
        plot::rates(goal, &self.control, out);
        out.push_str("</figure>\n");
        if goal.comparisons.is_empty() {
            return;
        }
        let head = comparisons.each_ref().map(String::as_str);
        add_table(&head, goal.comparisons.iter().map(super::summary::Comparison::cells), out);
        for comparison in goal.comparisons.iter().filter(|comparison| comparison.series.len() > 1) {
            *plots += 1;
            let _ = write!(
                out,
                "<figure><figcaption>{} less {}, in points, and its always-valid interval</figcaption>",
                escaped(&comparison.group),
                escaped(&self.control)
            );
            plot::series(comparison, *plots, out);
            out.push_str("</figure>\n");
        }
    }

    fn size_rows(&self) -> Vec<Vec<String>> {
        let hundredths = |percent: f64| format!("{percent:.2} %");
        let row = |group: &super::summary::Share| {
            let expected = group.expected_percent.map_or_else(|| "-".to_owned(), hundredths);
            vec![group.group.clone(), grouped(group.users), hundredths(group.percent), expected]
        };
        self.sample_ratio.groups.iter().map(row).collect()
    }
}
