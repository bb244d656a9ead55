//! `header`: the first value of a request header. Its name has no case; its value is compared as it is.

use crate::facts::Facts;

/// The value, if the header is there and believed.
pub(super) fn find<'a>(facts: &Facts<'a>, name: &[u8]) -> Option<&'a [u8]> {
    facts.header(name)
}
