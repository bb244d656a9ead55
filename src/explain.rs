//! What an observer of a decision is told: each step in its order, what it looked at, and what came of it.
//!
//! There is one evaluator, and it is generic over its [`Observer`]. In Envoy that is [`Nobody`], for whom no note is ever
//! made, so being observable costs a request nothing; a tool listens with `Notes`. An explanation can therefore not
//! disagree with the decision: it is the same code.

#[cfg(feature = "tools")]
use std::cell::RefCell;
use std::net::IpAddr;
#[cfg(feature = "tools")]
use std::sync::Arc;

use crate::arena::LaneId;
use crate::condition::Jump;
use crate::gate::Outside;
use crate::policy::{Absent, IdSource};
pub use crate::sticky::Doubt;

/// Who is told of the steps of a decision.
pub trait Observer {
    /// A step was taken. `note` says which, and is made only for whoever wants it.
    fn note(&self, note: impl FnOnce() -> Note);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Observer for Nobody {
    fn note(&self, _: impl FnOnce() -> Note) {}
}

/// Keeps every note, in order.
#[cfg(feature = "tools")]
#[derive(Debug, Default)]
pub struct Notes(RefCell<Vec<Note>>);

#[cfg(feature = "tools")]
impl Observer for Notes {
    fn note(&self, note: impl FnOnce() -> Note) {
        self.0.borrow_mut().push(note());
    }
}

#[cfg(feature = "tools")]
impl Notes {
    /// The notes.
    pub fn into_vec(self) -> Vec<Note> {
        self.0.into_inner()
    }
}

/// One step of a decision. Lanes are those of the release that the last [`Note::Release`] began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A place was looked at where the gray id may stand.
    Source {
        /// The place.
        place: IdSource,
        /// What stands there.
        found: Option<Vec<u8>>,
        /// Whether it is the id.
        is_taken: bool,
    },
    /// A part of the place that the next [`Note::Source`] names is not there.
    Missing(IdSource),
    /// No place holds an id.
    NoId {
        /// What becomes of such a request.
        absent: Absent,
        /// Whether it gave the request an id.
        has_other: bool,
    },
    /// A release governs the request; what follows is about it. Its position in the policy.
    Release(u32),
    /// The release is off.
    Off {
        /// Whether `off` is written; otherwise it is not its time.
        is_written: bool,
    },
    /// The source of the policy has been silent for too long.
    Stale,
    /// An override was looked at.
    Override {
        /// A header, a header of pairs, or a cookie.
        place: IdSource,
        /// What it says.
        found: Option<Vec<u8>>,
        /// The lane that it names.
        lane: Option<LaneId>,
    },
    /// The traffic label was looked at.
    Label {
        /// The label, as far as it is believed; empty where none came along.
        text: Vec<u8>,
        /// The lane whose labels came along, if the release follows them.
        lane: Option<LaneId>,
    },
    /// A list of gray ids was looked at.
    List {
        /// The lane whose list it is; `None` for those who are denied.
        lane: Option<LaneId>,
        /// Whether the id is on it; `None` where the request has none.
        is_on: Option<bool>,
    },
    /// A condition was tested, as a part of the rule or audience that the next [`Note::Rule`] or [`Note::Audience`] names.
    Test(Test),
    /// A rule was looked at.
    Rule {
        /// Its position in the release.
        rule: u16,
        /// Whether it is its time.
        is_its_time: bool,
        /// Whether it holds.
        holds: bool,
    },
    /// The audience of the experiment was looked at.
    Audience {
        /// Whether the request belongs to it.
        holds: bool,
    },
    /// The release is an experiment, and the request has no id.
    Anonymous,
    /// A gate of the experiment was looked at.
    Gate {
        /// Why others are outside.
        outside: Outside,
        /// The bucket of the id.
        bucket: u32,
        /// How many there are.
        buckets: u32,
        /// The first one that is in.
        from: u32,
        /// The first one behind them that is not.
        to: u32,
    },
    /// The sticky cookie was looked at.
    Memory {
        /// The name of the cookie.
        cookie: String,
        /// What it says.
        found: Option<Vec<u8>>,
        /// The lane that it remembers, or why it is not believed.
        memory: Result<LaneId, Doubt>,
        /// Whether that lane is open.
        is_open: bool,
    },
    /// The split was asked.
    Split {
        /// The bucket of the id.
        bucket: u32,
        /// How many there are.
        buckets: u32,
        /// The buckets that lanes fill now; the others are the base lane's, or nobody's where the split has holes.
        parts: Vec<Part>,
        /// Whether buckets in no part are no part of the experiment.
        has_holes: bool,
    },
    /// The split was not asked, since the request has no id.
    NotSplit,
    /// A lane that might serve is marked unavailable.
    Unavailable {
        /// The lane.
        lane: LaneId,
    },
    /// The guard of a lane was asked.
    Guard {
        /// The lane.
        lane: LaneId,
        /// Whether it has tripped, and turns the request away.
        has_tripped: bool,
    },
}

/// A test of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// Where it is written, and what it asks for.
    pub origin: Origin,
    /// What was found.
    pub found: Found,
    /// Whether it holds.
    pub holds: bool,
}

/// Where a test is written and what it asks for. Only tools keep it; in the module it is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Its path in the policy: `releases[0].rules[1].when.header.x-app-version`.
    #[cfg(feature = "tools")]
    pub path: String,
    /// What it asks for, as JSON: `{"semver":">=3.2, <4"}`.
    #[cfg(feature = "tools")]
    pub demand: String,
}

/// The origins of all tests of a release, by their positions. Only tools keep them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins(#[cfg(feature = "tools")] Arc<[Origin]>);

impl From<Vec<Origin>> for Origins {
    #[cfg(feature = "tools")]
    fn from(origins: Vec<Origin>) -> Self {
        Origins(origins.into())
    }

    #[cfg(not(feature = "tools"))]
    fn from(_: Vec<Origin>) -> Self {
        Origins()
    }
}

impl Origins {
    /// The origin of the test at `at`.
    #[cfg(feature = "tools")]
    pub(crate) fn of(&self, at: Jump) -> Origin {
        self.0.get(at.0 as usize).cloned().unwrap_or_default()
    }

    /// Without tools nobody asks.
    #[cfg(not(feature = "tools"))]
    pub(crate) fn of(&self, _: Jump) -> Origin {
        let Origins() = self;
        Origin::default()
    }
}

/// What a test found in the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A text.
    Text(Vec<u8>),
    /// An address.
    Address(IpAddr),
    /// The bucket of the gray id, of 10,000.
    Bucket(u16),
}

/// Buckets that a lane fills: `from` is in, `to` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The lane.
    pub lane: LaneId,
    /// The first bucket.
    pub from: u32,
    /// The first one behind them.
    pub to: u32,
}
