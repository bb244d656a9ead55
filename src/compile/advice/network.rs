//! Networks that others hold, that are larger than they look, or that hold everybody.

use super::Steps;
use crate::address::Network;
use crate::error::At;
use crate::limits;
use crate::policy::Policy;

/// Warns of the list of networks under `key`; `at` is where the key is.
pub(super) fn warn(written: &[String], key: &str, steps: &mut Steps, at: &mut At<'_>) {
    let at = &mut at.key(key);
    let networks: Vec<Option<Network>> = written.iter().map(|text| Network::parse(text)).collect();
    for (index, (text, network)) in written.iter().zip(&networks).enumerate() {
        if let Some(network) = network.filter(|network| network.is_written_with_host_bits(text)) {
            at.index(index).warning(format_args!(
                "only its first bits count, as many as it says: this is {network}; write that, or a single address"
            ));
        }
    }
    if !steps.take(written.len().saturating_mul(written.len())) {
        return;
    }
    for (index, network) in networks.iter().enumerate() {
        let holds_it = |(other, around): &(usize, &Option<Network>)| {
            let both = network.zip(**around).filter(|_| *other != index);
            // Of two that are the same the first stays.
            both.is_some_and(|(one, around)| one.is_within(around) && (one != around || *other < index))
        };
        if let Some((other, _)) = networks.iter().enumerate().find(holds_it) {
            at.index(index)
                .warning(format_args!("adds nothing: {key}[{other}] holds these addresses; remove it"));
        }
    }
}

/// Warns of the addresses whose claims count; `at` is the policy.
pub(super) fn trusted(policy: &Policy, at: &mut At<'_>) {
    let key = "trustedSources";
    let written = &policy.trusted_sources;
    let everybody = |text: &String| {
        let network = Network::parse(text).filter(Network::is_everything)?;
        Some(if network.is_v4() {
            "every client with an IPv4 address"
        } else {
            "every client with an IPv6 address"
        })
    };
    let mut is_told = false;
    for (index, text) in written.iter().enumerate() {
        let Some(everybody) = everybody(text) else { continue };
        is_told = true;
        at.key(key).index(index).warning(format_args!(
            "{everybody} is believed: whoever writes a label, an override or a group is taken at their word; write the \
             networks of those who may"
        ));
    }
    if !is_told {
        warn(written, key, &mut Steps(limits::COMPARISONS), at);
    }
}
