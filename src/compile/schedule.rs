//! Written times -> windows and points.

use crate::error::{At, Problem, Quoted};
use crate::policy::During;
use crate::time::{self, Timestamp};
use crate::window::Window;

/// A required point in time.
pub(super) fn timestamp(written: Option<&String>, at: &mut At<'_>) -> Option<Timestamp> {
    let Some(text) = written else {
        at.error(Problem::Required, "", time::EXPECTED);
        return None;
    };
    let timestamp = Timestamp::parse(text);
    if timestamp.is_none() {
        at.error(Problem::Invalid, Quoted(text), time::EXPECTED);
    }
    timestamp
}

/// The window of a `during` that stands at `at`.
pub(super) fn window(written: Option<&During>, at: &mut At<'_>) -> Window {
    let Some(During { from, until }) = written else { return Window::ALWAYS };
    if from.is_none() && until.is_none() {
        at.error(Problem::Required, "", "from, until or both");
    }
    let from_time = from.as_ref().and_then(|_| timestamp(from.as_ref(), &mut at.key("from")));
    let until_time = until.as_ref().and_then(|_| timestamp(until.as_ref(), &mut at.key("until")));
    if let (Some(from), Some(until)) = (from_time, until_time)
        && from >= until
    {
        at.key("until").error(Problem::Invalid, until, "must be after `from`");
    }
    Window { from: from_time, until: until_time }
}
