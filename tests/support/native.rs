//! The engine as the filter runs it, without a host.

use graylane::decision::{Decision, decide};
use graylane::effect::{Change, Edit, effects, private, summary};
use graylane::given::Given;
use graylane::headers::CACHE_CONTROL;
use graylane::identity::GrayId;
use graylane::plan::Plan;
use graylane::policy::Trust;

/// What the filter made of a request.
#[derive(Debug)]
pub(crate) struct Ran<'a> {
    pub(crate) decision: Decision<'a>,
    /// The decision as the access log has it.
    pub(crate) summary: String,
    /// All headers that go upstream.
    pub(crate) upstream: Vec<(String, Vec<u8>)>,
    response: Vec<Edit<'static>>,
    is_private: bool,
}

impl Ran<'_> {
    /// The headers of a response that comes with these.
    pub(crate) fn response(&self, headers: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
        let mut headers = applied(headers, &self.response);
        if self.is_private {
            let sent = headers.extract_if(.., |(name, _)| name == CACHE_CONTROL).map(|(_, value)| value);
            let sent: Vec<_> = sent.collect();
            headers.push((CACHE_CONTROL.to_owned(), private(sent.iter().map(Vec::as_slice))));
        }
        headers
    }

    /// The id that was drawn for a request that brought none.
    pub(crate) fn fresh_id(&self) -> Option<&str> {
        match &self.decision.id {
            Some(GrayId::Fresh(id)) => Some(std::str::from_utf8(id).expect("a UUID is text")),
            _ => None,
        }
    }
}

/// Runs one request through the engine and applies its effects.
pub(crate) fn run<'a>(plan: &'a Plan, trust: Trust, call: &'a Given) -> Ran<'a> {
    let decision = decide(plan, trust, call);
    let effects = effects(plan, &decision);
    let headers = call.headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec()));
    let upstream = applied(headers.collect(), &effects.request);
    let is_private = effects.is_private;
    let response = effects.response.into_iter().map(Edit::into_owned).collect();
    let summary = String::from_utf8(summary(plan, &decision)).expect("a summary is text");
    Ran { decision, summary, upstream, response, is_private }
}

/// Headers after the edits.
fn applied(mut headers: Vec<(String, Vec<u8>)>, edits: &[Edit<'_>]) -> Vec<(String, Vec<u8>)> {
    for Edit { name, change } in edits {
        if !matches!(change, Change::Append(_)) {
            headers.retain(|(other, _)| other != name);
        }
        if let Change::Set(value) | Change::Append(value) = change {
            headers.push((name.to_string(), value.to_vec()));
        }
    }
    headers
}
