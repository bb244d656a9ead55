//! How long to wait before the next try.

use std::time::Duration;

/// Twice as long after each failure.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
    last: Duration,
}

impl Backoff {
    /// As long as `first` after the first failure, and never longer than `most`.
    pub(super) fn new(first: Duration, most: Duration) -> Self {
        Backoff { first, most, last: Duration::ZERO }
    }

    /// How long to wait after one more failure.
    pub(super) fn failed(&mut self) -> Duration {
        self.last = self.most.min(self.first.max(self.last * 2));
        self.last
    }

    /// It went well.
    pub(super) fn reset(&mut self) {
        self.last = Duration::ZERO;
    }
}
