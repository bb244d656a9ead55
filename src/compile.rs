//! Policy -> Plan: the only place that sees both. It checks everything and reports every mistake at once.
//!
//! A mistake does not stop it: the part at fault is left out, the rest is still checked, and the plan is thrown
//! away at the end. What it returns without errors cannot fail any more.

#[cfg(feature = "tools")]
mod advice;
mod builder;
mod cache;
mod check;
mod condition;
mod gate;
mod guard;
mod hash;
mod keys;
mod lane;
mod link;
pub mod live;
mod load;
mod matching;
mod mode;
mod pause;
mod release;
mod schedule;
mod settings;
mod split;
mod sticky;

#[cfg(feature = "tools")]
pub use keys::check_keys;
pub(crate) use load::load_frame;
pub use load::{Loaded, load, size_advice};
pub use pause::pause;
pub(crate) use settings::taken_over;

use std::cell::Cell;

use crate::error::{At, Path, PolicyErrors, Problem, Quoted};
use crate::node::Node;
use crate::plan::{Plan, Segment};
use crate::policy::{self, Holdout, Layer, Policy};
use crate::read::read;
use crate::settings::{Key, Settings};
use graylane_policy::seen::Seen;

/// The language level that this engine speaks.
pub const LANGUAGE: u32 = 1;

/// Compiles a policy.
///
/// # Errors
/// Every mistake in it, with paths from the policy's root.
pub fn compile(policy: &Policy) -> Result<Plan, PolicyErrors> {
    let mut errors = PolicyErrors::default();
    let plan = compile_at(policy, None, &mut At::new(Path::Root, &mut errors));
    errors.into_result(plan)
}

/// Reads and compiles a policy from a document tree.
///
/// # Errors
/// Every mistake of form and of meaning in it, with paths from the policy's root.
pub fn compile_node(node: &Node<'_>) -> Result<Plan, PolicyErrors> {
    let mut errors = PolicyErrors::default();
    let policy: Policy = read(node, &Path::Root, &mut errors);
    let plan = compile_at(&policy, None, &mut At::new(Path::Root, &mut errors));
    errors.into_result(plan)
}

/// Reads and compiles a policy, and says what is allowed but hardly meant as well.
#[cfg(feature = "tools")]
pub fn check_node(node: &Node<'_>) -> (Policy, Plan, PolicyErrors) {
    let mut errors = PolicyErrors::default();
    let policy: Policy = read(node, &Path::Root, &mut errors);
    let plan = compile_at(&policy, None, &mut At::new(Path::Root, &mut errors));
    (policy, plan, errors)
}

/// What a release is compiled with, besides itself.
struct Context<'p> {
    settings: &'p Settings,
    layers: &'p [Layer],
    holdout: Option<&'p Holdout>,
    /// How many releases tell caches nothing though they should.
    uncached: Cell<usize>,
}

fn compile_at(policy: &Policy, keys: Option<Box<[Key]>>, at: &mut At<'_>) -> Plan {
    language(policy, at);
    let settings = settings::compile(policy, keys, at);
    let context = Context {
        settings: &settings,
        layers: &policy.layers,
        holdout: policy.holdout.as_ref(),
        uncached: Cell::new(0),
    };
    gate::layers(&context, at);
    let list = &mut at.key("releases");
    let segments = releases(&policy.releases, &context, list);
    let plan = link::link(settings, segments, list);
    #[cfg(feature = "tools")]
    advice::advise(policy, &plan, at);
    plan
}

fn language(policy: &Policy, at: &mut At<'_>) {
    let at = &mut at.key("language");
    match policy.language {
        Some(LANGUAGE) => {}
        Some(level) => {
            at.error(Problem::Unsupported, level, format_args!("this engine speaks {LANGUAGE}"));
        }
        None => at.error(Problem::Required, "", format_args!("write {LANGUAGE}")),
    }
}

fn releases(written: &[policy::Release], context: &Context<'_>, at: &mut At<'_>) -> Vec<Segment> {
    let mut segments = Vec::with_capacity(written.len());
    let mut seen = Seen::default();
    let mut first_uncached = None;
    for (position, release) in written.iter().enumerate() {
        let at = &mut at.index(position);
        if let Some(name) = &release.name
            && let Some(first) = seen.before(name, position)
        {
            let allowed = format_args!("releases[{first}] has this name already");
            at.key("name").error(Problem::Duplicate, Quoted(name), allowed);
        }
        let before = context.uncached.get();
        segments.push(release::compile(release, context, at));
        if context.uncached.get() > before && before == 0 {
            first_uncached = Some(position);
        }
    }
    // Said once: a policy has it everywhere or nowhere.
    if let Some(first) = first_uncached {
        at.index(first).key("respond").key("cache").warning(format_args!(
            "a shared cache may hand the page of one lane to users of another; write private, vary or none \
             (releases that say nothing: {})",
            context.uncached.get()
        ));
    }
    segments
}
