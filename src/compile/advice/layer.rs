//! Layers and holdouts of the policy that leave nothing, or that nothing is in.

use std::collections::HashSet;

use super::Good;
use super::share::is_all;
use crate::error::At;
use crate::policy::Policy;

/// Warns of the layers and the holdout of a policy; `at` is the policy.
pub(super) fn warn(policy: &Policy, good: &[Good<'_>], at: &mut At<'_>) {
    let used: HashSet<&str> =
        good.iter().filter_map(|release| release.written.ab.as_ref()?.layer.as_deref()).collect();
    let all_are_known = good.len() == policy.releases.len();
    for (index, layer) in policy.layers.iter().enumerate() {
        let mut layers = at.key("layers");
        let at = &mut layers.index(index);
        if is_all(layer.holdout) {
            at.key("holdout")
                .warning("everybody is held out: the split gives no experiment of the layer anybody");
        }
        let name = layer.name.as_deref().unwrap_or_default();
        if all_are_known && !name.is_empty() && !used.contains(name) {
            at.warning("no experiment is in this layer; name it in `ab.layer`, or remove it");
        }
    }
    let held_out = policy.holdout.as_ref().and_then(|holdout| holdout.percent);
    if held_out.is_some_and(is_all) {
        let at = &mut at.key("holdout");
        at.key("percent")
            .warning("everybody is held out: the split gives no experiment of the policy anybody");
    }
}
