//! Collects the records of a segment while its release is compiled.

use crate::arena::{Arena, LaneId, Span};
use crate::condition::Conditions;
use crate::error::{At, OneOf, Problem, Quoted};
use crate::plan::LanePair;

/// Collects the records of a segment.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) arena: Arena,
    /// The names of the lanes, for whatever names one.
    pub(super) lane_names: Vec<String>,
    pub(super) labels: Vec<LanePair>,
    pub(super) fallbacks: Vec<LaneId>,
    pub(super) conditions: Conditions,
}

impl Builder {
    /// Keeps a run of labels.
    pub(super) fn labels(&mut self, labels: Vec<LanePair>) -> Span {
        Span::append(&mut self.labels, labels)
    }

    /// Keeps a run of fallbacks.
    pub(super) fn fallbacks(&mut self, fallbacks: Vec<LaneId>) -> Span {
        Span::append(&mut self.fallbacks, fallbacks)
    }

    /// The lane of that name; `at` is where it is named.
    pub(super) fn lane(&self, name: Option<&str>, at: &mut At<'_>) -> Option<LaneId> {
        let Some(name) = name else {
            at.error(Problem::Required, "", OneOf(&self.lane_names));
            return None;
        };
        let found = self.lane_names.iter().position(|known| known == name);
        // Where there is no lane at all that is said already.
        if found.is_none() && !self.lane_names.is_empty() {
            at.error(Problem::NotFound, Quoted(name), OneOf(&self.lane_names));
        }
        found.and_then(|position| u8::try_from(position).ok()).map(LaneId)
    }
}
