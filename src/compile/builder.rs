//! Collects the records of a segment while its release is compiled.

use crate::condition::Test;
use crate::error::{At, OneOf, Problem, Quoted};
use crate::plan::{LaneId, LanePair, Span, Text, position};

/// Collects the records of a segment.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) text: Vec<u8>,
    pub(super) lane_names: Vec<String>,
    pub(super) labels: Vec<LanePair>,
    pub(super) fallbacks: Vec<LaneId>,
    pub(super) tests: Vec<Test>,
    pub(super) words: Vec<Text>,
}

impl Builder {
    /// Keeps a text.
    pub(super) fn text(&mut self, text: &str) -> Text {
        let start = position(self.text.len());
        self.text.extend_from_slice(text.as_bytes());
        Text { start, len: position(text.len()) }
    }

    /// Keeps a run of words.
    pub(super) fn words<'a>(&mut self, words: impl IntoIterator<Item = &'a str>) -> Span {
        let words: Vec<Text> = words.into_iter().map(|word| self.text(word)).collect();
        extend(&mut self.words, words)
    }

    /// Keeps a run of tests.
    pub(super) fn tests(&mut self, tests: Vec<Test>) -> Span {
        extend(&mut self.tests, tests)
    }

    /// Keeps a run of labels.
    pub(super) fn labels(&mut self, labels: Vec<LanePair>) -> Span {
        extend(&mut self.labels, labels)
    }

    /// Keeps a run of fallbacks.
    pub(super) fn fallbacks(&mut self, fallbacks: Vec<LaneId>) -> Span {
        extend(&mut self.fallbacks, fallbacks)
    }

    /// The lane of that name; `at` is where it is named.
    pub(super) fn lane(&self, name: Option<&String>, at: &mut At<'_>) -> Option<LaneId> {
        let Some(name) = name else {
            at.error(Problem::Required, "", OneOf(&self.lane_names));
            return None;
        };
        let found = self.lane_names.iter().position(|known| known == name);
        if found.is_none() {
            at.error(Problem::NotFound, Quoted(name), OneOf(&self.lane_names));
        }
        found.and_then(|position| u8::try_from(position).ok()).map(LaneId)
    }
}

/// Appends records and says where they stand.
fn extend<T>(list: &mut Vec<T>, items: Vec<T>) -> Span {
    let start = position(list.len());
    list.extend(items);
    Span { start, end: position(list.len()) }
}
