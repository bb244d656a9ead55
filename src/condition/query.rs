//! `query`: the first parameter of a name in the query, as written: nothing is percent-decoded. A parameter without an
//! equals sign is not there.

use crate::facts::Facts;

/// The value, if the parameter is there.
pub(super) fn find<'a>(facts: &Facts<'a>, name: &[u8]) -> Option<&'a [u8]> {
    facts.query(name)
}
