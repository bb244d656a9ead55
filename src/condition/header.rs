//! `header`: the first value of a request header. Its name has no case; its value is compared as it is.

use crate::facts::Facts;

/// The value, if the header is there and believed.
pub(super) fn find<'f>(facts: &'f Facts<'_>, name: &[u8]) -> Option<&'f [u8]> {
    facts.header_left(name)
}
