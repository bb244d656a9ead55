//! What the requests of a plugin share.

use crate::metrics::RequestMetrics;
use graylane::plan::Plan;
use graylane::policy::Trust;

/// The configuration in force. It never changes: a new configuration makes a new one, and requests under
/// way end with the one that they began with.
pub(crate) struct Runtime {
    pub(crate) trust: Trust,
    pub(crate) access_log: bool,
    pub(crate) plan: Plan,
    pub(crate) metrics: RequestMetrics,
}
