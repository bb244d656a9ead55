//! What is allowed but hardly meant, where it takes a whole release or the whole policy to see it. For tools alone: the module
//! in Envoy has none of this.
//!
//! A warning claims something of every request, so it is given only where that is proven; where proving it would take too
//! long (see [`Steps`]) nothing is said. Releases with mistakes are left out: what they mean is not known yet.

mod condition;
mod cookie;
mod form;
mod guard;
mod hash;
mod lane;
mod layer;
mod nested;
mod network;
mod rule;
mod settled;
mod shadow;
mod share;
mod text;
mod value;

use std::collections::BTreeSet;

use crate::error::At;
use crate::limits;
use crate::plan::{Plan, Segment};
use crate::policy::{Condition, Policy, Release, Rule};

/// A release without mistakes, and what it came to.
#[derive(Clone, Copy)]
struct Good<'p> {
    /// Its position in the policy.
    position: usize,
    written: &'p Release,
    segment: &'p Segment,
}

impl<'p> Good<'p> {
    /// The release as messages name it.
    fn shown(&self) -> String {
        format!("releases[{}] ({})", self.position, self.written.name.as_deref().unwrap_or_default())
    }

    /// The condition of the preview, if the release has one.
    fn preview(&self) -> Option<&'p Condition> {
        self.written.blue_green.as_ref()?.preview.as_ref()?.when.as_ref()
    }

    /// Hands each condition of the release to `each`: with the rule that it is of, if it is of one, and where it stands; `at` is the
    /// release.
    fn conditions(
        &self,
        at: &mut At<'_>,
        each: &mut dyn FnMut(&'p Condition, Option<&'p Rule>, &mut At<'_>),
    ) {
        if let Some(preview) = self.preview() {
            each(preview, None, &mut at.key("blueGreen").key("preview").key("when"));
        }
        if let Some(audience) = self.written.ab.as_ref().and_then(|ab| ab.audience.as_ref()) {
            each(audience, None, &mut at.key("ab").key("audience"));
        }
        for (index, rule) in self.written.rules.iter().enumerate() {
            if let Some(when) = &rule.when {
                each(when, Some(rule), &mut at.key("rules").index(index).key("when"));
            }
        }
    }
}

/// How much is compared at most, so that no policy makes its check endless.
struct Steps(usize);

impl Steps {
    /// Takes so many steps; `false` when there are not as many left.
    fn take(&mut self, count: usize) -> bool {
        let left = self.0.checked_sub(count);
        self.0 = left.unwrap_or_default();
        left.is_some()
    }
}

/// Warns of what is hardly meant in a policy; `at` is where it stands.
pub(super) fn advise(policy: &Policy, plan: &Plan, at: &mut At<'_>) {
    if policy.off {
        at.key("off").warning("no release counts while this stands; remove it, and they do");
    }
    let faulty: BTreeSet<usize> = at.key("releases").faulty();
    let each = policy.releases.iter().zip(&plan.segments).enumerate();
    let good: Vec<Good<'_>> = each
        .filter(|(position, _)| !faulty.contains(position))
        .map(|(position, (written, segment))| Good { position, written, segment })
        .collect();
    network::trusted(policy, at);
    value::sources(policy, at);
    layer::warn(policy, &good, at);
    hash::warn(policy, &good, at);
    let at = &mut at.key("releases");
    for release in &good {
        let at = &mut at.index(release.position);
        rule::warn(release, policy, at);
        value::places(release.written, &policy.identity.normalize, at);
        lane::warn(release, at);
        share::warn(release, at);
        guard::warn(release, at);
    }
    let steps = &mut Steps(limits::COMPARISONS);
    let all_are_good = good.len() == policy.releases.len();
    nested::warn(&good, all_are_good, steps, at);
    cookie::warn(&good, at);
    // Where one is not, what the index finds is not certain.
    if all_are_good {
        shadow::warn(plan, &good, steps, at);
    }
}

/// How many more there are, as the end of a sentence.
fn more(count: usize, do_so: &str) -> String {
    if count == 0 { String::new() } else { format!(" (and so {do_so}: {count})") }
}
