//! `source`: the address that the request came from, as the listener knows it (behind a proxy that it believes: what
//! that one says, see `use_remote_address` of Envoy).

use crate::address::Network;
use crate::facts::Facts;

/// Whether the address is known and lies in one of the networks.
pub(super) fn holds(facts: &Facts<'_>, mut networks: impl Iterator<Item = Network>) -> bool {
    facts.source_address().is_some_and(|address| networks.any(|network| network.contains(address)))
}
