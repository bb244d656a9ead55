//! The canary annotations of an Ingress, as the controller reads them (`internal/ingress/annotations/canary`): white space around a
//! value does not count, an empty value is none, and what is no number or no boolean is taken for none as well.

use graylane::error::{Problem, Quoted};

use super::Reader;
use crate::check::Severity;
use crate::manifests::{Object, error};

/// The path of an annotation in messages.
pub(super) fn path(prefix: &str, name: &str) -> String {
    format!("metadata.annotations.{}", Quoted(&format!("{prefix}/{name}")))
}

/// What an Ingress says of a canary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Canary {
    pub(super) header: String,
    pub(super) value: String,
    pub(super) pattern: String,
    pub(super) cookie: String,
    pub(super) weight: u64,
    /// 100, or more: less is taken for 100.
    pub(super) total: u64,
}

/// The annotations that only count together with `canary: "true"`.
const OF_CANARY: [&str; 6] = [
    "canary-weight",
    "canary-weight-total",
    "canary-by-header",
    "canary-by-header-value",
    "canary-by-header-pattern",
    "canary-by-cookie",
];

/// The canary of an Ingress, if it is one.
pub(super) fn canary(object: &Object, reader: &mut Reader<'_>) -> Option<Canary> {
    let is_canary = boolean(object, "canary", reader);
    if !is_canary {
        for name in OF_CANARY {
            if reader.annotation(object, name).is_some_and(|value| !value.is_empty() && value != "0") {
                let why = "it counts only together with canary: \"true\", and is left out";
                reader.tell(object, Severity::Warning, name, why);
            }
        }
        return None;
    }
    let text =
        |name: &str, reader: &Reader<'_>| reader.annotation(object, name).unwrap_or_default().to_owned();
    let canary = Canary {
        header: text("canary-by-header", reader),
        value: text("canary-by-header-value", reader),
        pattern: text("canary-by-header-pattern", reader),
        cookie: text("canary-by-cookie", reader),
        weight: number(object, "canary-weight", 0, reader),
        total: number(object, "canary-weight-total", 100, reader).max(100),
    };
    without_effect(object, &canary, reader);
    Some(canary)
}

/// Notes what is written and never asked.
fn without_effect(object: &Object, canary: &Canary, reader: &mut Reader<'_>) {
    let mut note = |name: &str, why: &str| reader.tell(object, Severity::Note, name, why);
    if canary.header.is_empty() {
        for (name, value) in
            [("canary-by-header-value", &canary.value), ("canary-by-header-pattern", &canary.pattern)]
        {
            if !value.is_empty() {
                note(name, "it counts only together with canary-by-header, there and so here");
            }
        }
    } else if !canary.value.is_empty() && !canary.pattern.is_empty() {
        note(
            "canary-by-header-pattern",
            "it does not count beside canary-by-header-value, there and so here",
        );
    }
    let written = reader.annotation(object, "canary-weight-total").and_then(|text| text.parse::<i64>().ok());
    if written.is_some_and(|total| total < 100) {
        reader.tell(
            object,
            Severity::Note,
            "canary-weight-total",
            "less than 100 counts as 100, there and so here",
        );
    }
}

/// As `strconv.ParseBool` has it.
pub(super) fn boolean(object: &Object, name: &str, reader: &mut Reader<'_>) -> bool {
    match reader.annotation(object, name).unwrap_or_default() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
        other => {
            let value = Quoted(other).to_string();
            let allowed = "\"true\" or \"false\"; ingress-nginx takes anything else for \"false\"";
            let path = path(reader.prefix, name);
            reader.manifests.found(object, Severity::Error, error(&path, Problem::Invalid, value, allowed));
            false
        }
    }
}

fn number(object: &Object, name: &str, otherwise: u64, reader: &mut Reader<'_>) -> u64 {
    let Some(text) = reader.annotation(object, name).filter(|text| !text.is_empty()) else {
        return otherwise;
    };
    if let Ok(number) = text.parse::<i64>() {
        return u64::try_from(number).unwrap_or(0);
    }
    let value = Quoted(text).to_string();
    let allowed = format!("must be a whole number; ingress-nginx takes anything else for {otherwise}");
    let path = path(reader.prefix, name);
    reader.manifests.found(object, Severity::Error, error(&path, Problem::Invalid, value, allowed));
    otherwise
}
