//! What the requests of a plugin share.

use std::rc::Rc;

use crate::metrics::RequestMetrics;
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
}

impl Runtime {
    /// Hands the plan that is in force to whoever decides by it.
    pub(crate) fn with_plan<T>(&self, decide: impl FnOnce(&Plan) -> T) -> T {
        match &self.watched {
            None => decide(&self.plan),
            Some(watched) => watched.with_plan(|plan| decide(plan.unwrap_or(&self.plan))),
        }
    }
}
