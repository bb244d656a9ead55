//! One step of a decision in words, and how the gray id was found.

use graylane::explain::Note;
use graylane::given::Given;
use graylane::headers;
use graylane::policy::{Absent, IdSource};
use graylane::trust::Admission;
use serde::Serialize;
use serde_json::Value;

use super::lossy;

/// A step of a decision.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The step, by the word of its reason (`override`, `rule`, `split`), or what else was looked at (`id`, `layer`, `fallback`).
    pub step: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// What was looked at, and what was found.
    pub what: String,
    /// The tests of a rule or an audience that were made, in their order: those behind the deciding one are not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<Test>,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It decided nothing.
    Passed,
    /// It decided.
    Taken,
}

/// A test of a condition.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Test {
    /// Where in the policy it is written.
    pub path: String,
    /// What it asks for, as it is written there.
    pub demand: Value,
    /// What was found in the request; `null` where there was nothing.
    pub found: Option<String>,
    /// Whether it holds.
    pub holds: bool,
}

/// The request, and what of it was believed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'s> {
    pub(super) given: &'s Given,
    pub(super) admission: &'s Admission<'s>,
}

impl Source<'_> {
    /// What was claimed and not believed.
    pub(super) fn removed(self) -> Vec<String> {
        let Admission { removed, cookies, baggage, .. } = self.admission;
        let headers = removed.iter().map(|name| format!("header {name}"));
        let cookies = cookies.is_some().then(|| "cookies that override".to_owned());
        let baggage = baggage.is_some().then(|| format!("{} in the baggage", headers::LABEL_MEMBER));
        headers.chain(cookies).chain(baggage).collect()
    }

    /// Why something that was not found is not there.
    pub(super) fn absence(self, place: &IdSource) -> &'static str {
        if let IdSource::Header(name) = place {
            let mut sent = self.given.headers.all(name);
            match (sent.next(), sent.next(), self.admission.removed.iter().any(|removed| removed == name)) {
                (None, ..) | (.., true) => {}
                (_, Some(_), _) => return "there more than once, which is no identity",
                (_, None, _) => return "there, and empty",
            }
        }
        let is_removed = match place {
            IdSource::Header(name) => self.admission.removed.iter().any(|removed| removed == name),
            IdSource::Cookie(name) => {
                let sent = lossy(self.given.headers.all(headers::COOKIE).collect::<Vec<_>>().join(&b';'));
                let named = sent.split(';').filter_map(|pair| pair.trim().split_once('='));
                self.admission.cookies.is_some() && named.into_iter().any(|(known, _)| known == name)
            }
            _ => false,
        };
        if is_removed { "not believed: a client may not say it here" } else { "not there" }
    }
}

pub(super) fn passed(step: &'static str, what: impl Into<String>) -> Step {
    Step { step, outcome: Outcome::Passed, what: what.into(), tests: Vec::new() }
}

pub(super) fn step(step: &'static str, is_taken: bool, what: impl Into<String>) -> Step {
    let outcome = if is_taken { Outcome::Taken } else { Outcome::Passed };
    Step { outcome, ..passed(step, what) }
}

/// How the gray id was found.
pub(super) fn identity(notes: &[Note], source: Source<'_>) -> Vec<Step> {
    let mut missing = None;
    let told = |note: &Note| match note {
        Note::Missing(part) => {
            missing.get_or_insert_with(|| part.clone());
            None
        }
        Note::Source { place, found, is_taken } => {
            let what = match (found, missing.take()) {
                (None, Some(part)) => {
                    format!("{}: {}: {}", place_of(place), place_of(&part), source.absence(&part))
                }
                (None, None) => format!("{}: {}", place_of(place), source.absence(place)),
                (Some(id), _) if *is_taken => format!("{}: {}", place_of(place), quoted(id)),
                (Some(id), _) => format!("{}: {} can be no id", place_of(place), quoted(id)),
            };
            Some(step("id", *is_taken, what))
        }
        Note::NoId { absent, has_other } => Some(step("id", true, no_id(*absent, *has_other))),
        _ => None,
    };
    notes.iter().filter_map(told).collect()
}

fn no_id(absent: Absent, has_other: bool) -> &'static str {
    match (absent, has_other) {
        (Absent::Issue, true) => "nothing holds an id: a fresh one is drawn",
        (Absent::Issue, false) => "nothing holds an id, and none can be drawn",
        (Absent::RequestId, true) => "nothing holds an id: the request's own serves (x-request-id)",
        (Absent::RequestId, false) => {
            "nothing holds an id, and the request has none of its own (x-request-id)"
        }
        (Absent::None, _) => "nothing holds an id, and the policy draws none",
    }
}

pub(super) fn place_of(place: &IdSource) -> String {
    match place {
        IdSource::Header(name) => format!("header {name}"),
        IdSource::Query(name) => format!("query parameter {name}"),
        IdSource::Cookie(name) => format!("cookie {name}"),
        IdSource::Claim(name) => format!("claim {name}"),
        IdSource::SourceAddress => "the source address".to_owned(),
        IdSource::Composite(parts) => {
            let parts: Vec<String> = parts.iter().map(place_of).collect();
            format!("the hash of {}", parts.join(" and "))
        }
    }
}

/// A text from a request, so that its ends can be seen.
pub(super) fn quoted(text: &[u8]) -> String {
    format!("\"{}\"", text.escape_ascii())
}
