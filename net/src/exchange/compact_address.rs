//! A peer's address in 18 bytes where [`PeerAddress`] takes 32: it stands in every connection, and is looked at only when
//! one comes, is closed or is written about.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::address::PeerAddress;

/// Where a link-local address has nothing but zeros (RFC 4291, 2.5.6), its interface is kept.
const SCOPE: std::ops::Range<usize> = 4..8;

/// IPv4 as IPv6-mapped; a local peer as the address and port that no peer has, all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CompactAddress {
    ip: [u8; 16],
    port: u16,
}

impl From<PeerAddress> for CompactAddress {
    fn from(address: PeerAddress) -> Self {
        match address {
            PeerAddress::Local => Self { ip: [0; 16], port: 0 },
            PeerAddress::Ip(SocketAddr::V4(v4)) => Self { ip: v4.ip().to_ipv6_mapped().octets(), port: v4.port() },
            PeerAddress::Ip(SocketAddr::V6(v6)) => {
                let mut ip = v6.ip().octets();
                if v6.ip().is_unicast_link_local() {
                    ip[SCOPE].copy_from_slice(&v6.scope_id().to_be_bytes());
                }
                Self { ip, port: v6.port() }
            }
        }
    }
}

impl From<CompactAddress> for PeerAddress {
    fn from(CompactAddress { mut ip, port }: CompactAddress) -> Self {
        if (ip, port) == ([0; 16], 0) {
            return Self::Local;
        }
        let address = Ipv6Addr::from(ip);
        if let Some(v4) = address.to_ipv4_mapped() {
            return Self::Ip(SocketAddr::from((v4, port)));
        }
        let mut scope = [0; 4];
        if address.is_unicast_link_local() {
            scope.copy_from_slice(&ip[SCOPE]);
            ip[SCOPE].fill(0);
        }
        Self::Ip(SocketAddrV6::new(ip.into(), port, 0, u32::from_be_bytes(scope)).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_went_in() {
        for text in
            ["127.0.0.1:1", "255.255.255.255:65535", "[::1]:1", "[2001:db8::ff00:42:8329]:443", "[fe80::1%7]:22"]
        {
            let address = PeerAddress::from(text.parse::<SocketAddr>().unwrap());
            let compact = CompactAddress::from(address);
            assert_eq!(PeerAddress::from(compact).to_string(), text);
            assert_eq!(PeerAddress::from(compact), address);
        }
        assert_eq!(PeerAddress::from(CompactAddress::from(PeerAddress::Local)), PeerAddress::Local);
        assert_eq!(size_of::<CompactAddress>(), 18);
    }

    /// It is the same peer: IPv4 that came through an IPv6 socket.
    #[test]
    fn a_mapped_address_comes_back_as_ipv4() {
        let mapped = PeerAddress::from("[::ffff:192.0.2.1]:9".parse::<SocketAddr>().unwrap());
        assert_eq!(PeerAddress::from(CompactAddress::from(mapped)).to_string(), "192.0.2.1:9");
    }
}
