//! `path`: the path without its query and fragment, as written: nothing is decoded, no slashes are merged. Case counts.

use crate::facts::Facts;

/// The path; it is always there.
pub(super) fn find<'a>(facts: &Facts<'a>) -> &'a [u8] {
    facts.path()
}
