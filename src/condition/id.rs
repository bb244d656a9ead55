//! `id`: the gray id, as it is hashed. Not there where a request has none and none is issued.

use super::Evidence;

/// The id.
pub(super) fn find<'e>(evidence: Evidence<'e, '_>) -> Option<&'e [u8]> {
    evidence.id
}
