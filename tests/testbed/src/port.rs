//! Ports for servers that cannot be asked which one they got, or that come back on the same one.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

/// Below what Linux gives to those who ask for any port: while a server is down, nobody gets its port by chance.
const FIRST: u32 = 12_000;
const COUNT: u32 = 20_000;

/// Ports on loopback that are free now, and that nobody else of this process gets.
pub(crate) fn free<const N: usize>() -> Result<[u16; N]> {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let mut found = [0; N];
    for place in &mut found {
        let mut tries = 0..COUNT;
        *place = loop {
            if tries.next().is_none() {
                bail!("no port is free between {FIRST} and {}", FIRST + COUNT);
            }
            // Each process begins elsewhere; those beside each other are far enough apart.
            let step =
                TAKEN.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id().wrapping_mul(97));
            let port = u16::try_from(FIRST + step % COUNT)?;
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                break port;
            }
        };
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_and_only_while_it_is_free() {
        let [first, second] = free().unwrap();
        assert_ne!(first, second);
        let _taken: Vec<_> =
            (second + 1..second + 50).map(|port| TcpListener::bind(("127.0.0.1", port))).collect();
        let [third] = free().unwrap();
        assert!(!(first..second + 50).contains(&third), "{first} {second} {third}");
    }
}
