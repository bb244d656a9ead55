//! `label`: the value under a key of the traffic label that came along. Not there unless the label is believed.

use crate::facts::Facts;

/// The value, if the label has the key.
pub(super) fn find<'f>(facts: &'f Facts<'_>, key: &[u8]) -> Option<&'f [u8]> {
    facts.label().get(key)
}
