//! A document as it is written.

use graylane::compile::LANGUAGE;
use graylane::error::{At, Problem, Quoted};
use graylane::node::Node;
use graylane::policy::{Policy, Release};
use graylane::time::{self, Timestamp};
use graylane::written;

use crate::Content;
use crate::dial::Dial;

written! {
    /// A document: who wrote it when, its version, and exactly one of `settings`, `release`, `dial` and `removed`.
    pub struct Payload {
        /// The language level of this document. Required; this engine speaks level 1.
        language: Option<u32> [required],
        /// The version, which grows with every change; a document never takes the place of one with a higher version. Without
        /// it the last one wins.
        version: u64,
        /// When it was made, with its offset: `2026-12-01T09:00:00+01:00`.
        created_at: Option<String> as "createdAt",
        /// Who made it.
        author: Option<String>,
        /// What for.
        note: Option<String>,
        /// A rollback: the version whose content this one has again.
        returns_to: Option<u64> as "returnsTo",
        /// What a policy says for all its releases: a policy without `language`, `version` and `releases`.
        settings: Option<Box<Policy>>,
        /// A release.
        release: Option<Box<Release>>,
        /// The few values of a release that move while it runs.
        dial: Option<Dial>,
        /// The name of a release that is gone.
        removed: Option<String>,
    }
}

/// What stands in a payload, in its order.
const CONTENTS: &str = "exactly one of settings, release, dial and removed";

impl Payload {
    /// What it says. What is wrong with it is recorded; then it is `None`, or good for nothing.
    pub(crate) fn content(&mut self, node: &Node<'_>, at: &mut At<'_>) -> Option<Content> {
        self.check_head(at);
        let settings = self.settings.take().map(|mut settings| {
            no_policy(node, &mut at.key("settings"));
            settings.language = Some(LANGUAGE);
            Content::Settings(settings)
        });
        let release = self.release.take().map(|release| {
            let at = &mut at.key("release");
            is_there(release.name.as_deref(), &mut at.key("name"));
            Content::Release(release)
        });
        let dial = self.dial.take().map(|dial| {
            dial.check(&mut at.key("dial"));
            Content::Dial(dial)
        });
        let removed = self.removed.take().map(|name| {
            is_there(Some(&name), &mut at.key("removed"));
            Content::Removed(name)
        });
        let mut contents = [settings, release, dial, removed].into_iter().flatten();
        let content = contents.next();
        if content.is_none() {
            at.error(Problem::Required, "", CONTENTS);
        } else if contents.next().is_some() {
            at.error(Problem::Forbidden, "", CONTENTS);
        }
        content
    }

    /// When it was made.
    pub(crate) fn created_at(&self) -> Option<Timestamp> {
        Timestamp::parse(self.created_at.as_deref()?)
    }

    fn check_head(&self, at: &mut At<'_>) {
        let language = &mut at.key("language");
        match self.language {
            Some(LANGUAGE) => {}
            Some(level) => {
                language.error(Problem::Unsupported, level, format_args!("this engine speaks {LANGUAGE}"));
            }
            None => language.error(Problem::Required, "", format_args!("write {LANGUAGE}")),
        }
        if let Some(text) = &self.created_at
            && Timestamp::parse(text).is_none()
        {
            at.key("createdAt").error(Problem::Invalid, Quoted(text), time::EXPECTED);
        }
        if let Some(before) = self.returns_to
            && before >= self.version
        {
            let allowed = format_args!("less than the version, which is {}", self.version);
            at.key("returnsTo").error(Problem::Invalid, before, allowed);
        }
    }
}

/// A name that has to be written.
pub(crate) fn is_there(name: Option<&str>, at: &mut At<'_>) {
    if name.is_none_or(str::is_empty) {
        at.error(Problem::Required, "", "the name of a release");
    }
}

/// Settings are no whole policy.
fn no_policy(document: &Node<'_>, at: &mut At<'_>) {
    let member = |node: &Node<'_>, key: &str| match node {
        Node::Map(map) => map.iter().any(|(other, _)| other == key),
        _ => false,
    };
    let Node::Map(map) = document else { return };
    let Some((_, settings)) = map.iter().find(|(key, _)| key == "settings") else { return };
    for (key, allowed) in [
        ("language", "the document says it"),
        ("version", "the document says it"),
        ("releases", "each release is a document of its own: releases/NAME"),
    ] {
        if member(settings, key) {
            at.key(key).error(Problem::Forbidden, "", allowed);
        }
    }
}
