//! The life of a plugin: its configuration, and what becomes of a bad one.
//!
//! A bad policy never replaces a good one: the update is refused, Envoy keeps the plugin that it has. A *first*
//! policy that is bad must not be refused, because Envoy would exit at start, or answer 500 to everything; the
//! plugin then runs without a policy, traffic keeps to its default routes, and log and metric say so.
//!
//! Envoy configures a fresh clone of the VM before it configures the real ones, so within a VM every policy looks
//! like the first. A gauge of the whole process, by the plugin's name, tells them apart.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::host::{self, Level};
use super::http::Http;
use super::metrics::{PolicyMetrics, RequestMetrics};
use crate::compile::load;
use crate::error::PolicyErrors;
use crate::plan::Plan;
use crate::policy::Trust;

/// What the requests of a plugin share. It never changes: a new configuration makes a new one, and requests under
/// way end with the one that they began with.
pub(super) struct Runtime {
    pub(super) trust: Trust,
    pub(super) plan: Plan,
    pub(super) metrics: RequestMetrics,
}

/// The root context of a plugin.
#[derive(Default)]
pub(super) struct Root {
    runtime: Option<Rc<Runtime>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let plugin = host::plugin_name();
        let metrics = PolicyMetrics::define(&plugin);
        let loaded = load(&host::plugin_configuration(size));
        let plan = match loaded.plan {
            Ok(plan) => {
                metrics.accept(plan.version());
                let (version, releases) = (plan.version(), plan.len());
                host::log(
                    Level::Info,
                    &format!("graylane {plugin}: policy version {version} in force, {releases} releases"),
                );
                plan
            }
            Err(errors) if metrics.has_accepted() => {
                metrics.refuse();
                report(Level::Error, &plugin, "policy refused, the one before stays in force", &errors);
                return false;
            }
            Err(errors) => {
                metrics.miss();
                let what = "first policy refused, NO POLICY IN FORCE, traffic keeps to its default routes";
                report(Level::Critical, &plugin, what, &errors);
                Plan::default()
            }
        };
        self.runtime =
            Some(Rc::new(Runtime { trust: loaded.trust, plan, metrics: RequestMetrics::define() }));
        true
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http::new(self.runtime.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// Logs what was refused and every reason, one a line.
fn report(level: Level, plugin: &str, what: &str, errors: &PolicyErrors) {
    host::log(level, &format!("graylane {plugin}: {what}: {} mistakes", errors.len()));
    for error in errors {
        host::log(level, &format!("graylane {plugin}: {error}"));
    }
}
