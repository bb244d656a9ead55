//! An explanation as people read it.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use graylane::policy::Trust;
use serde_json::Value;

use super::edits::{Edits, Header};
use super::{Asked, Explanation, Outcome, Release, Step, Test};
use crate::words::shown;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const OPEN: Style = AnsiColor::Yellow.on_default();

impl Explanation {
    /// The explanation as people read it. It is coloured; whoever prints it takes the colours out where they are not wanted.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to text cannot fail.
        let _ = writeln!(out, "{}", self.request.line());
        if !self.removed.is_empty() {
            let _ =
                writeln!(out, "{OPEN}not believed{OPEN:#}, and removed: {}", shown(&self.removed.join(", ")));
        }
        if let Some(why) = &self.ungoverned {
            let _ = writeln!(out, "\n{BOLD}ungoverned{BOLD:#}: {}; the request is left alone", shown(why));
        }
        if !self.identity.is_empty() {
            let id = match &self.id {
                None => "none".to_owned(),
                Some(id) if id.is_fresh => {
                    format!("{}, another one for each request without an id", shown(&id.value))
                }
                Some(id) => shown(&id.value),
            };
            let _ = writeln!(out, "\n{BOLD}gray id{BOLD:#}: {id}");
            write_steps(&self.identity, &mut out);
        }
        for release in &self.releases {
            release.write(&mut out);
        }
        for (side, edits) in [("upstream", &self.upstream), ("downstream", &self.downstream)] {
            if !edits.is_empty() {
                let _ = writeln!(out, "\n{BOLD}{side}{BOLD:#}");
                edits.write(&mut out);
            }
        }
        if !self.decision.is_empty() {
            let _ = writeln!(out, "\n{DIM}in logs{DIM:#}  {}", shown(&self.decision));
        }
        out
    }
}

impl Asked {
    fn line(&self) -> String {
        let Asked { method, host, path, from, trust, at } = self;
        let trust = match trust {
            Trust::Edge => "edge",
            Trust::Mesh => "mesh",
        };
        let from = from.as_ref().map_or_else(String::new, |from| format!(" from {from}"));
        format!("{BOLD}{}{BOLD:#}{from} at {at}, trust: {trust}", shown(&format!("{method} {host}{path}")))
    }
}

impl Release {
    fn write(&self, out: &mut String) {
        let _ = write!(out, "\n{BOLD}{}{BOLD:#} ({}): ", self.release, self.mode);
        let _ = match &self.lane {
            None => writeln!(out, "{OPEN}off{OPEN:#}; the request is left alone"),
            Some(lane) => {
                let by = match &self.rule {
                    Some(rule) => format!("{} {rule}", self.reason),
                    None => self.reason.to_owned(),
                };
                let outside = match self.outside {
                    Some(outside) => format!(", no part of the experiment ({outside})"),
                    None => String::new(),
                };
                let served = match &self.served {
                    Some(served) if served != lane => format!(", served by {OPEN}{served}{OPEN:#}"),
                    _ => String::new(),
                };
                writeln!(out, "{GOOD}{lane}{GOOD:#} by {by}{outside}{served}")
            }
        };
        write_steps(&self.steps, out);
    }
}

fn write_steps(steps: &[Step], out: &mut String) {
    let width = steps.iter().map(|step| step.step.len()).max().unwrap_or_default();
    for Step { step, outcome, what, tests } in steps {
        let (style, mark) = match outcome {
            Outcome::Passed => (DIM, ' '),
            Outcome::Taken => (GOOD, '>'),
        };
        let _ = writeln!(out, "{style}{mark}{style:#} {step:<width$}  {}", shown(what));
        for test in tests {
            let _ = writeln!(out, "  {:width$}    {}", "", test.text());
        }
    }
}

impl Test {
    fn text(&self) -> String {
        // What it is a part of is said above it.
        let subject = [".when.", ".audience."].iter().find_map(|part| Some(self.path.split_once(part)?.1));
        let subject = subject.unwrap_or(&self.path);
        let found = match &self.found {
            None => "not there".to_owned(),
            // A bucket is nothing that the request says.
            Some(found) if subject.ends_with("percent") => found.clone(),
            Some(found) => format!("{found:?}"),
        };
        let holds = if self.holds { "holds" } else { "does not hold" };
        format!("{} {}: {}, {holds}", shown(subject), shown(&demand(&self.demand)), shown(&found))
    }
}

/// What a test asks for, as it would be said: `semver ">=3.2, <4"`.
fn demand(demand: &Value) -> String {
    match demand {
        Value::Object(keys) => {
            let each = keys.iter().map(|(key, value)| match value.as_f64() {
                Some(number) => format!("{key} {number}"),
                None => format!("{key} {value}"),
            });
            each.collect::<Vec<_>>().join(", ")
        }
        other => format!("in {other}"),
    }
}

impl Edits {
    fn write(&self, out: &mut String) {
        for (mark, headers) in [('=', &self.set), ('+', &self.add)] {
            for Header { name, value } in headers {
                let _ = writeln!(out, "{DIM}{mark}{DIM:#} {}: {}", shown(name), shown(value));
            }
        }
        for name in &self.remove {
            let _ = writeln!(out, "{DIM}-{DIM:#} {}", shown(name));
        }
    }
}
