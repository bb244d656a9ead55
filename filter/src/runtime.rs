//! What the requests of a plugin share.

use std::rc::Rc;

use crate::metrics::RequestMetrics;
use crate::shadow::Shadow;
use crate::telemetry::{Since, Telemetry};
use crate::watched::Watched;
use graylane::plan::Plan;
use graylane::policy::Trust;

/// The configuration in force. It never changes but for the plan of a watch, and that between requests: each is decided in
/// one go. A new configuration makes a new one, and requests under way end with the one that they began with.
pub(crate) struct Runtime {
    pub(crate) trust: Trust,
    pub(crate) access_log: bool,
    /// As configured; with a watch, what is in force until that has one.
    pub(crate) plan: Plan,
    pub(crate) watched: Option<Rc<Watched>>,
    pub(crate) metrics: RequestMetrics,
    /// In a module that tells how requests end.
    pub(crate) telemetry: Option<Telemetry>,
    /// In such a module, where a next policy is decided by too.
    pub(crate) shadow: Option<Shadow>,
}

impl Runtime {
    /// Hands the plan that is in force to whoever decides by it, and since when which of its releases is what it is.
    pub(crate) fn with_plan<T>(&self, decide: impl FnOnce(&Plan, Since<'_>) -> T) -> T {
        match &self.watched {
            None => decide(&self.plan, Since::Configured),
            Some(watched) => watched.with_plan(|reader| match reader {
                Some(reader) => decide(reader.plan(), Since::TakenOver(reader)),
                None => decide(&self.plan, Since::Configured),
            }),
        }
    }
}
