//! A time from one point to another.

use crate::record::record;
use crate::time::Timestamp;

record! {
    /// A time from one point to another: `from` is in, `until` is not.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Window {
        /// `None` for always.
        pub(crate) from: Option<Timestamp>,
        /// `None` for ever.
        pub(crate) until: Option<Timestamp>,
    }
}

impl Window {
    /// All of time.
    pub(crate) const ALWAYS: Window = Window { from: None, until: None };

    /// Whether it is open now. Nobody is asked for the time unless it matters.
    pub(crate) fn is_open(&self, now: impl Fn() -> Timestamp) -> bool {
        self.from.is_none_or(|from| from <= now()) && self.until.is_none_or(|until| now() < until)
    }

    /// Whether there is a time that is in both.
    pub(crate) fn meets(&self, other: &Window) -> bool {
        let ends_after = |one: &Window, other: &Window| match (one.until, other.from) {
            (Some(until), Some(from)) => from < until,
            _ => true,
        };
        ends_after(self, other) && ends_after(other, self)
    }
}
