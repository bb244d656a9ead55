//! Networks that others hold, that are larger than they look, or that hold everybody.

use super::Steps;
use crate::address::Network;
use crate::error::At;
use crate::policy::Policy;

/// Warns of the list of networks under `key`; `at` is where the key is.
pub(super) fn warn(written: &[String], key: &str, steps: &mut Steps, at: &mut At<'_>) {
    let at = &mut at.key(key);
    let networks: Vec<Option<Network>> = written.iter().map(|text| Network::parse(text)).collect();
    for (index, (text, network)) in written.iter().zip(&networks).enumerate() {
        if let Some(network) = network.filter(|network| network.is_named_by_member(text)) {
            at.index(index).warning(format_args!(
                "what stands behind the prefix counts for nothing: this is {network}; write it so, or a single address"
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
pub(super) fn trusted(policy: &Policy, steps: &mut Steps, at: &mut At<'_>) {
    let key = "trustedSources";
    let written = &policy.trusted_sources;
    let is_everything = |text: &String| Network::parse(text).is_some_and(|network| network.is_everything());
    if !written.iter().any(is_everything) {
        return warn(written, key, steps, at);
    }
    for (index, _) in written.iter().enumerate().filter(|(_, text)| is_everything(text)) {
        at.key(key).index(index).warning(
            "every client is believed: whoever writes a label, an override or an id is taken at their word; write the networks \
             of those who may",
        );
    }
}
