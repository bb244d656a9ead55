//! What a policy does not say of the cluster that it runs in, and what is rendered for a mesh needs to know: which service a
//! release is about, and by which labels its lanes are told apart.
//!
//! Written facts are read as a policy is: every mistake at once, each with its place. Then they are held against the
//! policy, and what comes out is a [`Mesh`]: services with lanes, nothing missing.

mod held;
mod mesh;
mod name;
pub mod written;

use graylane::error::{At, Path, PolicyErrors, Problem};
use graylane::plan::Plan;
use graylane::policy::Policy;

use crate::check::{self, Report};
use crate::document::Form;

pub use mesh::{Gateway, Lane, Mesh, Module, Service};

/// What is needed of facts beyond what they always say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for on its own")]
pub struct Needs {
    /// The pods of the gateway are found by their labels.
    pub gateway_labels: bool,
    /// Each lane is a Service, which selects among all pods of a namespace.
    pub selectors: bool,
    /// Something is rendered for a gateway.
    pub gateway: bool,
    /// The policy stands in what is rendered, with the secrets that it names.
    pub keys: bool,
    /// Proxies load the module as a file of their own.
    pub module_file: bool,
}

/// Reads facts and holds them against a policy.
///
/// # Errors
/// All that is wrong with them.
pub fn check(text: &str, form: Form, policy: &Policy, plan: &Plan, needs: Needs) -> Result<Mesh, Report> {
    hold(text, form, |facts, errors| held::mesh(&facts, Some((policy, plan)), needs, errors))
}

/// Reads facts of which nothing is needed but where the plugin is loaded, and which releases it needs there. Releases come and go
/// meanwhile, so they are held against none; services have no lanes then.
///
/// # Errors
/// All that is wrong with them.
pub fn check_plugins(text: &str, form: Form, needs: Needs) -> Result<Mesh, Report> {
    hold(text, form, |facts, errors| {
        let mut at = At::new(Path::Root, errors);
        if facts.module.is_none() && !at.key("module").is_unreadable() {
            at.key("module").error(
                Problem::Required,
                "",
                "where the module is: without it there is no plugin",
            );
        }
        held::mesh(&facts, None, needs, errors)
    })
}

/// Reads facts of which nothing is needed but the Services behind lanes, and holds them against a policy.
///
/// # Errors
/// All that is wrong with them.
pub fn check_services(
    text: &str,
    form: Form,
    policy: &Policy,
    plan: &Plan,
) -> Result<written::Facts, Report> {
    hold(text, form, |facts, errors| {
        held::services(&facts, policy, plan, errors);
        facts
    })
}

/// Reads facts, and holds them against what the caller knows.
fn hold<T>(
    text: &str,
    form: Form,
    against: impl FnOnce(written::Facts, &mut PolicyErrors) -> T,
) -> Result<T, Report> {
    check::hold(text, form, "the facts", against)
}
