//! Amplitude Experiment. Source: amplitude/experiment-node-server, local evaluation. No numbers are
//! published.

use super::murmur3;

/// The gate of a text `salt/value`: 0 to 99.
pub fn gate(text: &[u8]) -> u64 {
    u64::from(murmur3(text, 0) % 100)
}

/// The other digits of the same hash, which variants are laid over.
pub fn spread(text: &[u8]) -> u64 {
    u64::from(murmur3(text, 0) / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gate_and_spread_are_the_whole_hash() {
        let text = b"salt/user";
        assert_eq!(spread(text) * 100 + gate(text), u64::from(murmur3(text, 0)));
    }
}
