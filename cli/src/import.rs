//! What other systems are told of a gray release -> a policy with the same meaning, and a note on every difference.
//!
//! Each system has its reader, which knows its rules; what all write is a [`Draft`].

pub mod draft;
pub(crate) mod expression;
mod facts;
pub mod ingress_nginx;
pub mod istio;
mod names;

use std::collections::BTreeSet;

use graylane::compile::compile_node;
use graylane::headers;
use serde_json::{Map, Value, json};

pub use draft::Draft;

use crate::check::{self, Severity};
use crate::document::Form;
use crate::format::format;
use crate::manifests::Manifests;

/// What came of manifests.
#[derive(Debug)]
pub struct Imported {
    /// The manifests, with all that was found in them.
    pub manifests: Manifests,
    /// The policy; none where the manifests have mistakes.
    pub policy: Option<Draft>,
}

impl Imported {
    /// Whether all was said: nothing was left out, and all holds for clients at an edge.
    pub fn is_whole(&self) -> bool {
        self.manifests.count(Severity::Warning) == 0
    }
}

/// The text of a policy, checked.
///
/// # Errors
/// What the engine says against it, which would be a fault of this program.
pub fn written(draft: &Draft) -> Result<String, String> {
    let text = format(&draft.text(), Form::Yaml).map_err(|fault| fault.message)?;
    let report = check::check(&text, Form::Yaml).report;
    let told: Vec<String> = report.findings.iter().map(|finding| format!("{}\n", finding.error)).collect();
    if report.is_good(false) { Ok(text) } else { Err(told.concat()) }
}

/// Whether the policy language knows an expression.
///
/// # Errors
/// What it has against it.
pub fn known_expression(text: &str) -> Result<(), String> {
    let policy = json!({
        "language": 1,
        "releases": [{
            "name": "a",
            "match": {},
            "lanes": [{"name": "a"}, {"name": "b"}],
            "blueGreen": {"active": "a", "preview": {"when": {"path": {"regex": text}}}},
        }],
    });
    let text = policy.to_string();
    let node = serde_json::from_str(&text).map_err(|fault| fault.to_string())?;
    match compile_node(&node) {
        Ok(_) => Ok(()),
        Err(errors) => Err(errors.iter().map(|error| error.allowed.clone()).collect::<Vec<_>>().join("; ")),
    }
}

/// What is told where a release asks for headers that an edge listener removes from what clients send. Where everybody is trusted
/// with them, requests go where they went; else these rules hold for no client, and that is a warning.
fn claims_told(release: &draft::Release, system: &str, trusts_anybody: bool) -> Option<(Severity, String)> {
    let claims = claims_of(std::slice::from_ref(release))?;
    let removed = format!(
        "an edge listener removes {claims} from what clients send, unless the policy trusts their addresses"
    );
    Some(if trusts_anybody {
        let so = "so do traffic labels, by which each client can choose its lane. Narrow trustedSources to your testers' networks, or let them send another header";
        let what = format!(
            "{removed}; this one trusts every address, so that such a header counts from anybody as in {system}, and {so}"
        );
        (Severity::Note, what)
    } else {
        let instead = "Name your testers' networks in trustedSources, or let them send another header; --trust-anybody believes every client, its traffic labels too";
        let what = format!(
            "{removed}; this one trusts nobody, so that its rules never see them. In {system} such a header counts from anybody. {instead}"
        );
        (Severity::Warning, what)
    })
}

/// The headers that releases ask for and that an edge listener removes from what clients send, in words; none where there is none.
fn claims_of(releases: &[draft::Release]) -> Option<String> {
    let rules = releases.iter().flat_map(|release| &release.rules);
    let headers = rules.filter_map(|rule| names_of_headers(&rule.when)).flatten();
    let claims: BTreeSet<String> = headers.filter(|name| is_claim(name)).collect();
    (!claims.is_empty()).then(|| claims.into_iter().collect::<Vec<_>>().join(", "))
}

/// Whether an edge listener removes a header from what clients send.
pub(crate) fn is_claim(name: &str) -> bool {
    headers::OVERRIDES.contains(&name) || [headers::LABEL, headers::GROUP, headers::DEBUG].contains(&name)
}

/// The headers that a condition asks for.
fn names_of_headers(when: &Value) -> Option<Vec<String>> {
    let map = when.as_object()?;
    let own = map.get("header").and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned();
    let inner = ["all", "any"].into_iter().filter_map(|key| map.get(key)?.as_array()).flatten();
    let inner = inner.chain(map.get("not")).filter_map(names_of_headers).flatten();
    Some(own.chain(inner).collect())
}

/// A number of hundredths of a percent as a policy writes it: 12.5.
pub fn percent(hundredths: u64) -> String {
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    match (rest / 10, rest % 10) {
        (0, 0) => whole.to_string(),
        (tenths, 0) => format!("{whole}.{tenths}"),
        (tenths, rest) => format!("{whole}.{tenths}{rest}"),
    }
}

/// A share of a total in hundredths of a percent, and whether that is what it is exactly. What is not nothing stays more than
/// nothing.
pub fn share(part: u64, total: u64) -> (u64, bool) {
    let scaled = u128::from(part).saturating_mul(10_000);
    let total = u128::from(total.max(1));
    let hundredths = scaled.saturating_add(total / 2) / total;
    let least = u128::from(part > 0);
    let hundredths = hundredths.clamp(least, 10_000);
    (u64::try_from(hundredths).unwrap_or(10_000), hundredths.saturating_mul(total) == scaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_go_in_steps_of_a_hundredth_of_a_percent() {
        for (part, total, expected) in [
            (5, 100, (500, true)),
            (1, 3, (3333, false)),
            (1, 1_000_000, (1, false)),
            (0, 7, (0, true)),
            (200, 100, (10_000, false)),
            (125, 1000, (1250, true)),
        ] {
            assert_eq!(share(part, total), expected, "{part} of {total}");
        }
        let shown: Vec<String> = [0, 1, 10, 500, 1250, 3333, 10_000].into_iter().map(percent).collect();
        assert_eq!(shown, ["0", "0.01", "0.1", "5", "12.5", "33.33", "100"]);
    }

    #[test]
    fn an_expression_that_the_language_has_not_is_refused_with_what_it_has() {
        assert_eq!(known_expression("beta-[0-9]+.*"), Ok(()));
        assert!(known_expression(r"(a)\1").unwrap_err().contains("no references"));
    }
}
