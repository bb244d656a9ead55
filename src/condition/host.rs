//! `host`: the host that was asked for, without its port and without the dot that may stand at its end. Hosts have no
//! case: operands are in lower case, and so is what is compared with them.

use std::borrow::Cow;

use crate::facts::Facts;
use crate::index::split_port;

/// The host in lower case.
pub(super) fn find<'a>(facts: &Facts<'a>) -> Cow<'a, [u8]> {
    let (host, _) = split_port(facts.host());
    if host.iter().any(u8::is_ascii_uppercase) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}
