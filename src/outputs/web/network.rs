//! Counts addresses of one host as one.

use std::net::{IpAddr, Ipv6Addr};

/// Key under which a client is limited: its address, or for global IPv6 its /64, in which one host has every address
/// it likes. Local addresses count one by one, because their /64 is the whole network, where one misbehaving host
/// must not shut out the others.
pub(super) fn host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !(v6.is_unicast_link_local() || v6.is_unique_local()) => {
            let mut segments = v6.segments();
            segments[4..].fill(0);
            Ipv6Addr::from(segments).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_customer_are_one_host_and_those_of_a_local_network_are_many() {
        let same = |one: &str, other: &str| host(one.parse().unwrap()) == host(other.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::2:3:4:5"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(!same("fe80::1", "fe80::2") && !same("fd00::1", "fd00::2"));
        assert!(!same("192.0.2.1", "192.0.2.2") && !same("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
    }
}
