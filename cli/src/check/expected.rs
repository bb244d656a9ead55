//! Warnings that somebody means: a comment says so, `# graylane: expected` and why, at the end of the line that is warned of or above
//! it. They become notes, and a comment where nothing is warned of is warned of itself.

use std::collections::HashSet;
use std::ops::Range;

use granit_parser::{Event, Parser, Placement};
use graylane::error::{FieldError, Problem};

use super::{Finding, Report, Severity, sort};
use crate::position::{Position, lines};

/// How such a comment begins, after `#`.
const WORDS: &str = "graylane: expected";

/// A comment that expects warnings.
struct Expectation {
    /// Where it stands.
    position: Position,
    /// The line that is warned of, counted from 1; 0 where none comes.
    line: usize,
}

/// Settles what is expected in the text that the report is about.
pub(super) fn settle(text: &str, report: &mut Report) {
    if !text.contains(WORDS) {
        return;
    }
    let expectations = expectations(text);
    let expected: HashSet<usize> = expectations.iter().map(|expectation| expectation.line).collect();
    let mut met = HashSet::new();
    for Finding { severity, position, .. } in &mut report.findings {
        if *severity == Severity::Warning && expected.contains(&position.line) {
            *severity = Severity::Note;
            met.insert(position.line);
        }
    }
    // While there are mistakes, not everything is warned of.
    if report.count(Severity::Error) > 0 {
        return;
    }
    let in_vain = expectations.into_iter().filter(|expectation| !met.contains(&expectation.line));
    report.findings.extend(in_vain.map(|Expectation { position, .. }| {
        let error = FieldError {
            path: String::new(),
            problem: Problem::Warning,
            value: String::new(),
            allowed: "no warning stands here; take the comment away".to_owned(),
        };
        Finding { severity: Severity::Warning, error, position, through: None, meant: None }
    }));
    sort(&mut report.findings);
}

fn expectations(text: &str) -> Vec<Expectation> {
    let with_content = |(line, range): (usize, Range<usize>)| {
        let content = text.get(range).unwrap_or_default().trim_start();
        (!content.is_empty() && !content.starts_with('#')).then_some(line)
    };
    let lines: Vec<usize> = (1..).zip(lines(text)).filter_map(with_content).collect();
    let options = granit_parser::options! { max_buffered_comment_events: usize::MAX };
    let mut found = Vec::new();
    for event in Parser::new_from_str_with_options(text, options) {
        let Ok((event, span)) = event else { break };
        let Event::Comment(comment, placement) = event else { continue };
        let rest = comment.trim_start().strip_prefix(WORDS);
        if rest.is_none_or(|rest| rest.starts_with(|char: char| char.is_alphanumeric())) {
            continue;
        }
        let position = Position::of(&span);
        let below = || lines.get(lines.partition_point(|line| *line < position.line)).copied();
        let line = if placement == Placement::Right { Some(position.line) } else { below() };
        found.push(Expectation { line: line.unwrap_or_default(), position });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;
    use crate::document::Form;

    /// Two experiments of one salt, with something before and after the later one, and at the end.
    fn policy(above: &str, beside: &str, end: &str) -> String {
        let release = |name: &str, above: &str, beside: &str| {
            format!(
                "
- name: {name}
  match: {{hosts: [{name}.example.com]}}
  lanes: [{{name: A}}, {{name: B}}]
  ab:
{above}    salt: same{beside}
    groups: [{{lane: A, weight: 50}}, {{lane: B, weight: 50}}]
  respond: {{cache: private}}"
            )
        };
        format!("language: 1\nreleases:{}{}\n{end}", release("a", "", ""), release("b", above, beside))
    }

    /// Severities by their lines.
    fn found(text: &str) -> Vec<(usize, Severity)> {
        let findings = check(text, Form::Yaml).report.findings;
        findings.iter().map(|finding| (finding.position.line, finding.severity)).collect()
    }

    #[test]
    fn a_warning_that_a_comment_expects_is_a_note() {
        for (above, beside, line) in [
            ("", " # graylane: expected", 14),
            ("", " #graylane: expected, b goes with a", 14),
            ("    # graylane: expected: b goes with a\n", "", 15),
            ("# graylane: expected, since b goes\n    # with a\n\n", "", 17),
            (&"    # graylane: expected\n".repeat(500), "", 514),
        ] {
            let text = policy(above, beside, "");
            assert_eq!(found(&text), [(line, Severity::Note)], "{text}");
            assert!(check(&text, Form::Yaml).report.is_good(true));
        }
    }

    #[test]
    fn what_is_no_such_comment_expects_nothing() {
        for (above, end, line) in [
            ("    # graylane: expectedly\n", "", 15),
            ("    # a graylane: expected\n", "", 15),
            ("    # graylane expected\n", "", 15),
            ("", "  deny: ['# graylane: expected', \"x\n    # graylane: expected\"]\n", 14),
        ] {
            let text = policy(above, "", end);
            assert_eq!(found(&text), [(line, Severity::Warning)], "{text}");
        }
    }

    #[test]
    fn a_comment_that_expects_what_does_not_come_is_warned_of_unless_mistakes_keep_it_away() {
        let (one, end) = ("    # graylane: expected\n", "# graylane: expected\n");
        let text = policy(one, "", end);
        assert_eq!(found(&text), [(15, Severity::Note), (18, Severity::Warning)], "{text}");
        let wrong = text.replace("name: A}, {name: B}", "name: A}, {nam: B}");
        let found = found(&wrong);
        assert!(found.iter().all(|(_, severity)| *severity == Severity::Error), "{found:?}");
    }

    #[test]
    fn in_json_no_text_is_a_comment() {
        let text = r##"{"language": 1, "off": true, "releases": [], "identity": {"normalize": []}, "names": {"id": "# graylane: expected"}}"##;
        let report = check(text, Form::Json).report;
        assert!(report.findings.iter().all(|finding| finding.severity != Severity::Note), "{report:?}");
    }
}
