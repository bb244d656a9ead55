//! What caches are told -> the headers that a decision reads.

use super::Context;
use super::builder::Builder;
use crate::error::{At, Problem, Quoted};
use crate::headers;
use crate::plan::{self, Proof, Sticky};
use crate::policy::{Absent, Cache, Condition, Follow, Release};
use crate::settings::{Settings, Source};

/// What caches are told of the responses of a release; `at` is its `respond`.
pub(super) fn cache(
    release: &Release,
    context: &Context<'_>,
    sticky: Option<&Sticky>,
    builder: &mut Builder,
    at: &mut At<'_>,
) -> Option<plan::Cache> {
    match release.respond.cache {
        Some(Cache::Private) => return Some(plan::Cache::Private),
        Some(Cache::None) => return None,
        Some(Cache::Vary) | None => {}
    }
    // Only tools listen to warnings.
    if release.respond.cache.is_none() && !cfg!(feature = "tools") {
        return None;
    }
    let mut reads = Reads::default();
    let settings = context.settings;
    reads.release(release, settings, sticky);
    if release.respond.cache.is_none() {
        // What comes along with a chain is no matter of a cache before it.
        if reads.headers.is_empty() && reads.beyond_headers.is_none() {
            return None;
        }
        context.uncached.set(context.uncached.get() + 1);
        return None;
    }
    if let Some(what) = reads.beyond_headers {
        let allowed = format_args!("private; the decision reads {what}, which no header tells a cache");
        at.key("cache").error(Problem::Invalid, Quoted("vary"), allowed);
    }
    if release.follow.unwrap_or_default() != Follow::None {
        reads.label(settings);
    }
    let headers = reads.headers.join(", ");
    Some(plan::Cache::Vary(builder.arena.keep(&headers)))
}

/// What of a request a decision reads.
#[derive(Default)]
struct Reads {
    /// Names of request headers.
    headers: Vec<String>,
    /// Something that is no header.
    beyond_headers: Option<&'static str>,
}

impl Reads {
    fn header(&mut self, name: &str) {
        let name = name.to_ascii_lowercase();
        if !self.headers.contains(&name) {
            self.headers.push(name);
        }
    }

    fn release(&mut self, release: &Release, settings: &Settings, sticky: Option<&Sticky>) {
        let is_split = release.ab.is_some() || release.canary.is_some();
        // A guard has few gray ids try a lane that was given up.
        let is_guarded = release.guard.is_some();
        // The code of a cookie is over the id.
        let is_proven = sticky.is_some_and(|sticky| sticky.proof != Proof::None);
        if is_split || is_guarded || is_proven || !release.deny.is_empty() || !release.allow.is_empty() {
            self.id(settings);
        }
        release.overrides.headers.iter().chain(&release.overrides.rules).for_each(|name| self.header(name));
        if !release.overrides.cookies.is_empty() || sticky.is_some() {
            self.header(headers::COOKIE);
        }
        let preview = release.blue_green.as_ref().and_then(|mode| mode.preview.as_ref());
        let audience = release.ab.as_ref().and_then(|ab| ab.audience.as_ref());
        let rules = release.rules.iter().filter_map(|rule| rule.when.as_ref());
        let conditions = rules.chain(preview.and_then(|preview| preview.when.as_ref())).chain(audience);
        conditions.for_each(|condition| self.condition(condition, settings));
    }

    fn id(&mut self, settings: &Settings) {
        self.header(&settings.names.id);
        settings.sources.iter().for_each(|source| self.source(source));
        if settings.absent == Absent::RequestId {
            self.header(headers::REQUEST_ID);
        }
    }

    fn label(&mut self, settings: &Settings) {
        self.header(&settings.names.label);
        self.header(headers::BAGGAGE);
    }

    fn source(&mut self, source: &Source) {
        match source {
            Source::Header(name) => self.header(name),
            Source::Cookie(_) => self.header(headers::COOKIE),
            Source::Claim(_) => self.header("authorization"),
            Source::Address => self.beyond_headers = Some("the source address"),
            Source::Composite(parts) => parts.iter().for_each(|part| self.source(part)),
            // A part of what caches tell apart anyway.
            Source::Query(_) => {}
        }
    }

    fn condition(&mut self, condition: &Condition, settings: &Settings) {
        condition.header.iter().for_each(|(name, _)| self.header(name));
        if !condition.cookie.is_empty() {
            self.header(headers::COOKIE);
        }
        if !condition.claim.is_empty() {
            self.header("authorization");
        }
        if condition.id.is_some() || condition.percent.is_some() {
            self.id(settings);
        }
        if !condition.label.is_empty() {
            self.label(settings);
        }
        if !condition.source.is_empty() {
            self.beyond_headers = Some("the source address");
        }
        let inner = condition.all.iter().chain(&condition.any).chain(condition.not.as_deref());
        inner.for_each(|inner| self.condition(inner, settings));
    }
}
