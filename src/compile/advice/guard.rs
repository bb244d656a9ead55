//! Guards that keep nobody away, or that one request trips.

use super::Good;
use crate::error::At;

/// Warns of the guard of a release; `at` is the release.
pub(super) fn warn(release: &Good<'_>, at: &mut At<'_>) {
    let segment = release.segment;
    let Some(guard) = segment.block().list(segment.head().guard).next() else { return };
    let at = &mut at.key("guard");
    let has_labels = segment.lanes().any(|(_, lane)| segment.labels_of(&lane).any(|label| !label.implied));
    // Labels are those of the lane that serves, and may lead somewhere.
    if !segment.routes() && !has_labels {
        at.warning(
            "it keeps nobody away: this release does not route (ab.route: false), so all keep their groups and go where \
             another one sends them",
        );
    }
    for (key, share) in [("errorPercent", guard.errors), ("slowPercent", guard.slow)] {
        if share > 0 && guard.needed(share) == 1 {
            let least = guard.min_requests;
            at.key(key)
                .warning(format_args!("a single request of {least} is too much; write more `minRequests`"));
        }
    }
}
