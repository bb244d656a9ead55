//! Where what is drawn by a hash is written.

use crate::compile::gate::HOLDOUT_SEED;
use crate::error::At;
use crate::gate::Outside;
use crate::policy::Policy;

use super::Draw;

/// Where a gate is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// In the holdout of the policy.
    Holdout,
    /// In a layer, by its position.
    Layer(usize),
    /// Under a key of the experiment.
    Own(&'static str),
}

impl Place {
    /// The place of a gate; `None` of a split.
    pub(super) fn of(draw: &Draw<'_, '_>) -> Option<Self> {
        let layer = draw.release.segment.head().layer.and_then(|layer| usize::try_from(layer).ok());
        Some(match (draw.gate?, layer) {
            // Both holdouts are drawn by the native hash; the seed of the experiment's own is another.
            (Outside::Holdout, _) if draw.seed == HOLDOUT_SEED => Place::Own("holdout"),
            (Outside::Holdout, _) => Place::Holdout,
            (Outside::Layer, Some(layer)) => Place::Layer(layer),
            _ => Place::Own("traffic"),
        })
    }

    /// The place as messages name it.
    pub(super) fn shown(self, policy: &Policy) -> String {
        match self {
            Place::Holdout => "the holdout of the policy".to_owned(),
            Place::Layer(layer) => {
                let name = policy.layers.get(layer).and_then(|layer| layer.name.as_deref());
                format!("layers[{layer}] ({})", name.unwrap_or_default())
            }
            Place::Own(key) => format!("ab.{key}"),
        }
    }

    /// Warns here, in a release of that position if it is in one; `at` is the policy.
    pub(super) fn warn(self, policy: &Policy, release: usize, at: &mut At<'_>, warning: &str) {
        match self {
            Place::Holdout => at.key("holdout").key("salt").warning(warning),
            Place::Layer(layer) => {
                let has_salt = policy.layers.get(layer).is_some_and(|layer| layer.salt.is_some());
                let mut layers = at.key("layers");
                let mut at = layers.index(layer);
                if has_salt { at.key("salt").warning(warning) } else { at.warning(warning) }
            }
            Place::Own(key) => at.key("releases").index(release).key("ab").key(key).warning(warning),
        }
    }
}
