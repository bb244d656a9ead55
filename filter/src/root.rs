//! The life of a plugin: its configuration, and what becomes of a bad one.
//!
//! A bad policy never replaces a good one: the update is refused, Envoy keeps the plugin that it has. A *first*
//! policy that is bad must not be refused, because Envoy would exit at start, or answer 500 to everything; the
//! plugin then runs without a policy, traffic keeps to its default routes, and log and metric say so.
//!
//! Envoy configures a fresh clone of the VM before it configures the real ones, so within a VM every policy looks
//! like the first. A gauge of the whole process, by the plugin's name, tells them apart.
//!
//! Envoy also remembers what its clone once accepted and does not ask again. A bad first policy that comes back
//! after a good one therefore reaches the real VMs unasked; these know the good one and keep it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use crate::http::Http;
use crate::metrics::{PolicyMetrics, RequestMetrics};
use crate::runtime::Runtime;
use crate::shadow::Shadow;
use crate::telemetry::{Telemetry, lanes_counted};
use crate::watched::Watched;
use graylane::bucket::murmur3_x86_32;
use graylane::compile::size_advice;
use graylane::error::PolicyErrors;
use graylane::handover;
use graylane::policy;
use graylane_host::{self as host, Level};

/// The root context of a plugin.
#[derive(Default)]
pub(crate) struct Root<const TELEMETRY: bool> {
    runtime: Option<Rc<Runtime>>,
}

impl<const TELEMETRY: bool> Context for Root<TELEMETRY> {}

impl<const TELEMETRY: bool> RootContext for Root<TELEMETRY> {
    fn on_configure(&mut self, size: usize) -> bool {
        let began = Instant::now();
        let plugin = host::plugin_name();
        let metrics = PolicyMetrics::define(&plugin);
        if let Some(advice) = size_advice(size) {
            host::log(Level::Warn, &format!("graylane {plugin}: {advice}"));
        }
        let configuration = host::plugin_configuration(size);
        let loaded = handover::load(&plugin, &configuration, host::shared, host::share);
        let (trust, access_log) = (loaded.trust, loaded.access_log);
        let watched = loaded.watch.as_deref().map(Watched::named);
        let telemetry = TELEMETRY.then(|| Telemetry::new(loaded.metrics));
        let asks_for_more = loaded.shadow.is_some() || loaded.metrics != policy::Metrics::default();
        let (next, most) = (loaded.shadow.filter(|_| TELEMETRY), lanes_counted(loaded.metrics));
        let runtime = |plan| {
            let shadow = if TELEMETRY { next.map(|next| Shadow::new(next, &plan, most)) } else { None };
            let metrics = RequestMetrics::define();
            Runtime { trust, access_log, plan, watched, metrics, telemetry, shadow }
        };
        let is_accepted = match loaded.plan {
            Ok(plan) => {
                if !TELEMETRY && (plan.asks_for_telemetry() || asks_for_more) {
                    let line = format!(
                        "graylane {plugin}: this module counts and guards no lane, tells no exposures and decides by no shadow, as \
                         the configuration asks for: graylane-telemetry.wasm does"
                    );
                    host::log(Level::Warn, &line);
                }
                self.accept(&plugin, runtime(plan), loaded.is_taken_over, metrics);
                true
            }
            Err(errors) => {
                self.reject(&plugin, runtime(loaded.bare), &errors, mark_of(&configuration), metrics)
            }
        };
        metrics.configured(began.elapsed());
        is_accepted
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http::<TELEMETRY>::new(self.runtime.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

thread_local! {
    /// What is in force, by plugin and trust, for as long as the VM lives.
    static IN_FORCE: RefCell<Vec<(String, Rc<Runtime>)>> = RefCell::default();
}

impl<const TELEMETRY: bool> Root<TELEMETRY> {
    fn accept(&mut self, plugin: &str, runtime: Runtime, is_taken_over: bool, metrics: PolicyMetrics) {
        let (version, releases) = (runtime.plan.version(), runtime.plan.len());
        // Who configures plugins owns the order, or a reverted manifest would split old proxies from new ones.
        let before = metrics.version();
        if version < before {
            let line = format!("graylane {plugin}: policy version {version} comes after {before}");
            host::log(Level::Warn, &line);
        }
        metrics.accept(version);
        let from = if is_taken_over { ", taken over" } else { "" };
        let what = format!("policy version {version} in force, {releases} releases{from}");
        host::log(Level::Info, &format!("graylane {plugin}: {what}"));
        if TELEMETRY {
            runtime.with_plan(|plan, since| {
                if let Some(telemetry) = &runtime.telemetry {
                    telemetry.follow(plan, since);
                }
            });
        }
        let runtime = Rc::new(runtime);
        IN_FORCE.with_borrow_mut(|all| {
            all.retain(|(name, before)| name != plugin || before.trust != runtime.trust);
            all.push((plugin.to_owned(), Rc::clone(&runtime)));
        });
        self.runtime = Some(runtime);
    }

    /// What becomes of a bad configuration: `false` refuses it. `bare` is what is left of it without its releases,
    /// `mark` tells it from others.
    fn reject(
        &mut self,
        plugin: &str,
        bare: Runtime,
        errors: &PolicyErrors,
        mark: u32,
        metrics: PolicyMetrics,
    ) -> bool {
        let is_it = |(name, runtime): &&(String, Rc<Runtime>)| name == plugin && runtime.trust == bare.trust;
        let in_force =
            IN_FORCE.with_borrow(|all| all.iter().find(is_it).map(|(_, runtime)| Rc::clone(runtime)));
        if let Some(runtime) = in_force {
            metrics.keep(mark);
            let what = "bad policy came back unasked, the one before stays in force";
            report(Level::Critical, plugin, what, errors);
            self.runtime = Some(runtime);
            true
        } else if metrics.has_accepted() && !metrics.has_tolerated(mark) {
            metrics.refuse();
            report(Level::Error, plugin, "policy refused, the one before stays in force", errors);
            false
        } else {
            metrics.miss(mark);
            let what = "first policy refused, NO POLICY IN FORCE, traffic keeps to its default routes";
            report(Level::Critical, plugin, what, errors);
            self.runtime = Some(Rc::new(bare));
            true
        }
    }
}

/// A number that tells one configuration from another; never 0.
fn mark_of(configuration: &[u8]) -> u32 {
    murmur3_x86_32(&[configuration], 0) | 1
}

/// As many mistakes are logged, each on a line of its own.
const LOGGED: usize = 1000;

/// Logs what was refused and why.
fn report(level: Level, plugin: &str, what: &str, errors: &PolicyErrors) {
    let count = errors.len();
    host::log(level, &format!("graylane {plugin}: {what}: {count} mistakes"));
    for error in errors.iter().take(LOGGED) {
        host::log(level, &format!("graylane {plugin}: {error}"));
    }
    if count > LOGGED {
        host::log(level, &format!("graylane {plugin}: and {} more mistakes", count - LOGGED));
    }
}
