//! Collects the records of a segment while its release is compiled.

use crate::arena::{Arena, LaneId, position};
use crate::condition::{Jump, Operator, Subject, Test};
use crate::error::{At, OneOf, Problem, Quoted};
use crate::explain::{Origin, Origins};
use crate::plan::Head;

/// Collects the records of a segment.
pub(super) struct Builder {
    pub(super) arena: Arena,
    /// The names of the lanes, for whatever names one.
    pub(super) lane_names: Vec<String>,
    pub(super) tests: Tests,
}

impl Default for Builder {
    fn default() -> Self {
        Builder { arena: Arena::beginning_with::<Head>(), lane_names: Vec::new(), tests: Tests::default() }
    }
}

/// The tests of all conditions of a release.
#[derive(Default)]
pub(super) struct Tests {
    tests: Vec<Test>,
    /// Where each test is written.
    origins: Vec<Origin>,
}

impl Tests {
    /// Adds a test and says where it stands. `then` and `otherwise` are answers or tests that were added before.
    pub(super) fn push(
        &mut self,
        (subject, operator): (Subject, Operator),
        origin: Origin,
        then: Jump,
        otherwise: Jump,
    ) -> Jump {
        let jump = Jump(position(self.tests.len()));
        self.tests.push(Test { subject, operator, then, otherwise });
        self.origins.push(origin);
        jump
    }

    /// The number of tests.
    pub(super) fn len(&self) -> usize {
        self.tests.len()
    }

    /// Takes back the tests that were added after there were `len`: nothing jumps to them any more.
    pub(super) fn truncate(&mut self, len: usize) {
        self.tests.truncate(len);
        self.origins.truncate(len);
    }

    /// The tests, and where each is written.
    pub(super) fn into_parts(self) -> (Vec<Test>, Origins) {
        (self.tests, self.origins.into())
    }
}

impl Builder {
    /// The lane of that name; `at` is where it is named.
    pub(super) fn lane(&self, name: Option<&str>, at: &mut At<'_>) -> Option<LaneId> {
        let Some(name) = name else {
            let named: Vec<_> = self.lane_names.iter().filter(|name| !name.is_empty()).collect();
            if named.is_empty() {
                at.error(Problem::Required, "", "a lane");
            } else {
                at.error(Problem::Required, "", OneOf(&named));
            }
            return None;
        };
        let found = self.lane_names.iter().position(|known| known == name);
        // Where there is no lane at all, or one whose name nobody could read, that is said already.
        let are_known = !self.lane_names.is_empty() && !self.lane_names.iter().any(String::is_empty);
        if found.is_none() && are_known {
            at.error(Problem::NotFound, Quoted(name), OneOf(&self.lane_names));
        }
        found.and_then(|position| u8::try_from(position).ok()).map(LaneId)
    }
}
