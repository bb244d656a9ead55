//! Networks of source addresses in CIDR notation.

#[cfg(feature = "tools")]
use std::fmt;
use std::net::IpAddr;

use crate::record::record;

record! {
    /// A network: an address and how many of its leading bits count. IPv4 is kept as its IPv6-mapped form.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Network {
        bits: u128,
        mask: u128,
    }
}

impl Network {
    /// Reads `10.0.0.0/8`, `::1/128` or a single address; `None` when it is neither.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse::<u32>().ok()?,
            Some(_) => return None,
            None => width,
        };
        let host_bits = width.checked_sub(length)?;
        let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
        Some(Network { bits: bits(address) & mask, mask })
    }

    /// Whether it is a whole address space.
    pub(crate) fn is_everything(&self) -> bool {
        self.mask == 0 || self.is_v4() && self.mask == V4
    }

    /// Whether it is one of IPv4.
    pub(crate) fn is_v4(&self) -> bool {
        is_v4(self.bits) && self.mask & V4 == V4
    }

    /// Whether every address of it lies in `other`. Two networks lie in one another, or share no address.
    #[cfg(feature = "tools")]
    pub(crate) fn is_within(self, other: Network) -> bool {
        self.is_v4() == other.is_v4()
            && self.mask & other.mask == other.mask
            && self.bits & other.mask == other.bits
    }

    /// Whether the text that it was read from has bits of an address behind its prefix, which count for nothing.
    #[cfg(feature = "tools")]
    pub(crate) fn is_written_with_host_bits(self, text: &str) -> bool {
        let address = text.split('/').next().and_then(|address| address.parse().ok());
        address.is_some_and(|address| bits(address) != self.bits)
    }

    /// Whether it holds `address`. None of IPv6 holds one of IPv4, whatever form that comes in.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let bits = bits(address);
        bits & self.mask == self.bits && is_v4(bits) == self.is_v4()
    }
}

/// As it is written: `10.0.0.0/8`.
#[cfg(feature = "tools")]
impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = IpAddr::from(self.bits.to_be_bytes()).to_canonical();
        let hidden = if self.is_v4() { 96 } else { 0 };
        write!(out, "{address}/{}", self.mask.leading_ones().saturating_sub(hidden))
    }
}

/// The bits in which addresses of IPv4 are alike.
const V4: u128 = u128::MAX << 32;

fn is_v4(bits: u128) -> bool {
    bits >> 32 == 0xffff
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => 0xffff << 32 | u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        Network::parse(network).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn holds_the_addresses_under_its_prefix() {
        assert!(contains("10.0.0.0/8", "10.255.1.2"));
        assert!(!contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("10.1.2.3", "10.1.2.3"));
        assert!(!contains("10.1.2.3", "10.1.2.4"));
        assert!(contains("0.0.0.0/0", "192.0.2.1"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!contains("2001:db8::/32", "2001:db9::1"));
        assert!(contains("::/0", "2001:db8::1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
        for network in ["::/0", "::/64", "::/80", "::ffff:0:0/95"] {
            assert!(!contains(network, "10.0.0.1") && !contains(network, "::ffff:10.0.0.1"), "{network}");
        }
        assert!(contains("::/64", "::1") && contains("::ffff:10.0.0.0/104", "10.0.0.1"));
    }

    #[test]
    fn only_a_whole_address_space_is_everything() {
        for (network, is_everything) in
            [("0.0.0.0/0", true), ("::/0", true), ("2001:db8::/96", false), ("10.0.0.0/8", false)]
        {
            assert_eq!(Network::parse(network).unwrap().is_everything(), is_everything, "{network}");
        }
    }

    #[cfg(feature = "tools")]
    #[test]
    fn is_written_without_what_counts_for_nothing() {
        for (text, written, has_bits) in [
            ("10.1.2.3/8", "10.0.0.0/8", true),
            ("10.0.0.0/8", "10.0.0.0/8", false),
            ("192.0.2.7", "192.0.2.7/32", false),
            ("192.0.2.7/0", "0.0.0.0/0", true),
            ("2001:db8::1/32", "2001:db8::/32", true),
            ("::/0", "::/0", false),
        ] {
            let network = Network::parse(text).unwrap();
            assert_eq!(
                (network.to_string(), network.is_written_with_host_bits(text)),
                (written.to_owned(), has_bits),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_what_is_no_network() {
        for text in
            ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "10.0.0.0/+8", "host", "10.0.0.0/8/8"]
        {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
