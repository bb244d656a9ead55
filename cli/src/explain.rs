//! Why one request gets the lane it gets: the decision of the engine, told step by step.
//!
//! The engine decides while somebody listens ([`graylane::explain`]); nothing here decides anything. What a step looked at and
//! what came of it is put into words, beside the headers that the filter would write.

mod edits;
mod nobody;
mod step;
mod story;
mod text;

use graylane::decision::{Entry, Outside, observe};
use graylane::effect::{effects, summary};
use graylane::explain::{Note, Notes};
use graylane::given::Given;
use graylane::headers;
use graylane::identity::GrayId;
use graylane::plan::{Plan, Segment};
use graylane::policy::{Policy, Trust};
use serde::Serialize;

pub use edits::Edits;
pub use step::{Outcome, Step, Test};

use crate::simulate::mode_word;
use step::Source;
use story::Storyteller;

/// What is explained: a request under a policy.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// The policy as it is written.
    pub policy: &'q Policy,
    /// The policy as it decides; it was compiled for tools.
    pub plan: &'q Plan,
    /// Whom the listener believes.
    pub trust: Trust,
    /// The request.
    pub request: &'q Given,
}

/// Why a request gets the lane it gets.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The request.
    pub request: Asked,
    /// What the request claimed and was not believed: names of headers, cookies and the member of the baggage.
    pub removed: Vec<String>,
    /// The gray id; `null` where nothing that is on governs the request, or it has none.
    pub id: Option<Id>,
    /// How the id was found.
    pub identity: Vec<Step>,
    /// What each release that governs the request decided, the one that routes first.
    pub releases: Vec<Release>,
    /// Why no release governs the request.
    pub ungoverned: Option<String>,
    /// The decision as the access log and the debug header have it; empty where nothing governs the request.
    pub decision: String,
    /// What the filter does to the headers of the request.
    pub upstream: Edits,
    /// What the filter does to the headers of the response.
    pub downstream: Edits,
}

/// The request that is explained.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// The path with its query.
    pub path: String,
    /// The address of whoever sent it.
    pub from: Option<String>,
    /// Whom the listener believes.
    pub trust: Trust,
    /// The time of the decision, RFC 3339 in UTC.
    pub at: String,
}

/// A gray id.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Id {
    /// The id as it is hashed.
    pub value: String,
    /// Whether it was drawn for this request: the next one without an id gets another.
    pub is_fresh: bool,
}

/// What one release decided.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// The release.
    pub release: String,
    /// Its position in the policy.
    pub position: u32,
    /// Its mode as it is written.
    pub mode: &'static str,
    /// The lane that the request belongs to; none where the release is off.
    pub lane: Option<String>,
    /// The lane that serves it.
    pub served: Option<String>,
    /// Why: the word that logs and metrics have.
    pub reason: &'static str,
    /// The rule that held.
    pub rule: Option<String>,
    /// The bucket, where the split was asked.
    pub bucket: Option<u32>,
    /// Why the request is no part of the experiment.
    pub outside: Option<&'static str>,
    /// Each step that was tried, in its order; the last one that was taken placed the request.
    pub steps: Vec<Step>,
}

/// Explains one request.
pub fn explain(question: Question<'_>) -> Explanation {
    let Question { policy, plan, trust, request } = question;
    let notes = Notes::default();
    let decision = observe(plan, trust, request, &notes);
    let notes = notes.into_vec();
    let source = Source { given: request, admission: decision.facts.admission() };
    let begins = |note: &Note| matches!(note, Note::Release(_));
    let first = notes.iter().position(begins).unwrap_or(notes.len());
    let (identity, told) = notes.split_at_checked(first).unwrap_or((&notes, &[]));
    let told = told.chunk_by(|_, next| !begins(next)).filter_map(|notes| notes.split_first());
    let releases = decision.entries.iter().zip(told).filter_map(|(entry, (_, notes))| {
        let segment = plan.release(entry.release)?;
        let written = policy.releases.get(usize::try_from(entry.release).ok()?)?;
        let teller = Storyteller { written, segment, source };
        let steps = teller.steps(notes, entry);
        Some(Release { steps, mode: mode_word(written), ..release(segment, entry) })
    });
    let releases: Vec<Release> = releases.collect();
    let is_ungoverned = releases.is_empty();
    let effects = effects(plan, &decision);
    Explanation {
        removed: source.removed(),
        id: decision.id.as_ref().map(id),
        identity: step::identity(identity, source),
        ungoverned: is_ungoverned
            .then(|| nobody::why(policy, plan, request.headers.host(), request.headers.path())),
        decision: lossy(summary(plan, &decision)),
        upstream: Edits::of(&effects.request, false),
        downstream: Edits::of(&effects.response, effects.is_private),
        request: asked(request, trust),
        releases,
    }
}

fn asked(request: &Given, trust: Trust) -> Asked {
    let header = |name: &str| request.headers.get(name).map(lossy).unwrap_or_default();
    Asked {
        method: header(headers::METHOD),
        host: header(headers::AUTHORITY),
        path: header(headers::PATH),
        from: request.source_address.map(|address| address.to_string()),
        trust,
        at: request.now.to_string(),
    }
}

fn id(id: &GrayId<'_>) -> Id {
    Id { value: lossy(id.as_bytes()), is_fresh: matches!(id, GrayId::Fresh(_)) }
}

fn release(segment: &Segment, entry: &Entry) -> Release {
    let lane = |lane| lossy(segment.lane_name(lane));
    Release {
        release: lossy(segment.name()),
        position: entry.release,
        mode: "",
        lane: entry.assigned.map(lane),
        served: entry.served.map(lane),
        reason: entry.reason.as_str(),
        rule: entry.rule.map(|rule| lossy(segment.rule_name(rule))),
        bucket: entry.bucket,
        outside: entry.outside.map(Outside::as_str),
        steps: Vec::new(),
    }
}

/// Bytes as text, for people: what is no UTF-8 is replaced.
fn lossy(bytes: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(bytes.as_ref()).into_owned()
}
