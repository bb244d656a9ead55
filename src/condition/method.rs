//! `method`: the method of the request. Methods have case, and the usual ones are in capitals (RFC 9110, 9.1).

use crate::facts::Facts;
use crate::headers;

/// The method.
pub(super) fn find<'a>(facts: &Facts<'a>) -> Option<&'a [u8]> {
    facts.header(headers::METHOD)
}
