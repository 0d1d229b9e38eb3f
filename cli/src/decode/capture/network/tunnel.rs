//! The tunnels that are followed, from their header to the network packet in them. Pure. Those that
//! are not are named.

use etherparse::UdpHeaderSlice;

use super::super::link::{self, ETHER_IPV4, ETHER_IPV6, ETHER_MPLS, Network, TRANSPARENT_ETHERNET};
use super::super::unread::{self, Unread};
use super::{Found, GRE, Payload, UDP, of_network};

pub(super) const IPV4_IN_IP: u8 = 4;
pub(super) const IPV6_IN_IP: u8 = 41;
/// RFC 3378.
const ETHER_IN_IP: u8 = 97;
/// RFC 4023.
const MPLS_IN_IP: u8 = 137;
/// RFC 8986, 4.9.
const ETHERNET: u8 = 143;

/// RFC 7348's, and that of Linux before it had a number of its own.
const VXLAN_PORTS: [u16; 2] = [4789, 8472];
const VXLAN_GPE_PORT: u16 = 4790;
/// RFC 8086.
const GRE_PORT: u16 = 4754;
const GENEVE_PORT: u16 = 6081;
/// RFC 7510.
const MPLS_PORT: u16 = 6635;

/// GRE: a mirrored Ethernet frame follows, behind 8 bytes if packets are numbered.
const ERSPAN: u16 = 0x88BE;
/// The same behind 12 bytes, and 8 more if the lowest bit of these is set.
const ERSPAN_III: u16 = 0x22EB;
const ERSPAN_III_SIZE: usize = 12;
/// RFC 2637.
const PPP_IN_GRE: u16 = 0x880B;
/// RFC 8300.
const NSH: u16 = 0x894F;

/// What is in a tunnel that has a number among the IP protocols, if it is one that is followed.
pub(super) fn of_protocol<'a>(payload: &Payload<'a>) -> Option<Result<Found<'a>, Unread>> {
    let payload = *payload;
    Some(match payload.protocol {
        IPV4_IN_IP => of_type(payload, ETHER_IPV4),
        IPV6_IN_IP => of_type(payload, ETHER_IPV6),
        GRE => gre(payload),
        UDP => udp(payload),
        ETHER_IN_IP => payload.skip(2).and_then(|inner| of_type(inner, TRANSPARENT_ETHERNET)),
        MPLS_IN_IP => of_type(payload, ETHER_MPLS[0]),
        ETHERNET => of_type(payload, TRANSPARENT_ETHERNET),
        _ => return None,
    })
}

/// One tunnel deeper, as what this EtherType says.
fn of_type(payload: Payload<'_>, ether_type: u16) -> Result<Found<'_>, Unread> {
    let Payload { bytes, wire_size, depth, .. } = payload;
    match ether_type {
        NSH => nsh(payload),
        _ => of_network(link::untagged(Network { ether_type, bytes, wire_size })?, depth + 1),
    }
}

/// RFC 2784 and 2890: which optional words follow the type is in the flags.
fn gre(payload: Payload<'_>) -> Result<Found<'_>, Unread> {
    let header = payload.bytes.first_chunk::<4>().ok_or(Unread::Damaged)?;
    let [flags, version, ..] = *header;
    let ether_type = u16::from_be_bytes([header[2], header[3]]);
    if version & 7 != 0 || ether_type == PPP_IN_GRE {
        return Err(Unread::Tunnel("PPTP"));
    }
    let is_numbered = flags & 0x10 != 0;
    let words = [0x80, 0x20, 0x10].iter().filter(|&&flag| flags & flag != 0).count();
    let inner = payload.skip(4 + 4 * words)?;
    match ether_type {
        ERSPAN => of_type(inner.skip(if is_numbered { 8 } else { 0 })?, TRANSPARENT_ETHERNET),
        ERSPAN_III => {
            let header = inner.bytes.first_chunk::<ERSPAN_III_SIZE>().ok_or(Unread::Damaged)?;
            let more = if header[ERSPAN_III_SIZE - 1] & 1 == 1 { 8 } else { 0 };
            of_type(inner.skip(ERSPAN_III_SIZE + more)?, TRANSPARENT_ETHERNET)
        }
        other => of_type(inner, other),
    }
}

fn udp(payload: Payload<'_>) -> Result<Found<'_>, Unread> {
    let header = UdpHeaderSlice::from_slice(payload.bytes).map_err(|_| Unread::Damaged)?;
    let ports = [header.destination_port(), header.source_port()];
    let inner = payload.skip(8)?;
    match ports[0] {
        // RFC 7348: a flag says that there is a network's number.
        port if VXLAN_PORTS.contains(&port)
            && inner.bytes.first().is_some_and(|flags| flags & 0x08 != 0) =>
        {
            of_type(inner.skip(8)?, TRANSPARENT_ETHERNET)
        }
        VXLAN_GPE_PORT => vxlan_gpe(inner),
        GENEVE_PORT => geneve(inner),
        GRE_PORT => gre(inner),
        MPLS_PORT => of_type(inner, ETHER_MPLS[0]),
        _ => {
            let tunnel = ports.iter().find_map(|&port| unread::tunnel_of_port(port));
            Err(tunnel.unwrap_or(Unread::Protocol(UDP)))
        }
    }
}

/// <https://datatracker.ietf.org/doc/html/draft-ietf-nvo3-vxlan-gpe>: the flag P says that the
/// last byte of the first word is the protocol; without it, it is VXLAN.
fn vxlan_gpe(payload: Payload<'_>) -> Result<Found<'_>, Unread> {
    let [flags, _, _, protocol] = *payload.bytes.first_chunk().ok_or(Unread::Damaged)?;
    let inner = payload.skip(8)?;
    if flags & 0x04 == 0 { of_type(inner, TRANSPARENT_ETHERNET) } else { of_next(inner, protocol) }
}

/// The protocol numbers that VXLAN-GPE and NSH have in common.
fn of_next(payload: Payload<'_>, protocol: u8) -> Result<Found<'_>, Unread> {
    match protocol {
        1 => of_type(payload, ETHER_IPV4),
        2 => of_type(payload, ETHER_IPV6),
        3 => of_type(payload, TRANSPARENT_ETHERNET),
        4 => nsh(payload),
        5 => of_type(payload, ETHER_MPLS[0]),
        _ => Err(Unread::Tunnel("VXLAN-GPE or NSH with a protocol that is no IP")),
    }
}

/// RFC 8300, 2.2: the length in words is in the lower bits of the second byte.
fn nsh(payload: Payload<'_>) -> Result<Found<'_>, Unread> {
    let [_, words, _, protocol] = *payload.bytes.first_chunk().ok_or(Unread::Damaged)?;
    let size = 4 * usize::from(words & 0x3F);
    if size < 8 {
        return Err(Unread::Damaged);
    }
    // A header of its own in front of each other one: a tunnel, so that they have a bound.
    let inner = Payload { depth: payload.depth + 1, ..payload.skip(size)? };
    if inner.depth > super::MAX_TUNNELS {
        return Err(Unread::TooDeep);
    }
    of_next(inner, protocol)
}

/// RFC 8926: the length of the options in words, and an EtherType.
fn geneve(payload: Payload<'_>) -> Result<Found<'_>, Unread> {
    let [first, _, high, low] = *payload.bytes.first_chunk().ok_or(Unread::Damaged)?;
    if first >> 6 != 0 {
        return Err(Unread::Tunnel("Geneve"));
    }
    let inner = payload.skip(8 + 4 * usize::from(first & 0x3F))?;
    of_type(inner, u16::from_be_bytes([high, low]))
}
