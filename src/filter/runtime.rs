//! What the requests of a plugin share.

use super::metrics::RequestMetrics;
use crate::plan::Plan;
use crate::policy::Trust;

/// The configuration in force. It never changes: a new configuration makes a new one, and requests under
/// way end with the one that they began with.
pub(super) struct Runtime {
    pub(super) trust: Trust,
    pub(super) access_log: bool,
    pub(super) plan: Plan,
    pub(super) metrics: RequestMetrics,
}
