//! `cookie`: the first cookie of a name, over all `cookie` headers. Name and value are compared as they are, case and
//! quotes included.

use crate::facts::Facts;

/// The value, if the cookie is there and believed.
pub(super) fn find<'a>(facts: &Facts<'a>, name: &[u8]) -> Option<&'a [u8]> {
    facts.cookie(name)
}
