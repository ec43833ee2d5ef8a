//! Whom a limit counts: not an address, but whoever has it.

use std::net::{IpAddr, Ipv6Addr};

/// What one household or machine has: an address of IPv4, or a /64 of IPv6.
#[must_use]
pub fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        IpAddr::V4(ip) => ip.into(),
    }
}
