//! One captured packet to the TCP segment in it. Pure; what a segment carries is others' business.

use std::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::Linktype;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment<'a> {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) sequence: u32,
    pub(crate) is_syn: bool,
    /// With ACK: the other end's bytes before this sequence number have arrived.
    pub(crate) acknowledges: Option<u32>,
    pub(crate) is_fin: bool,
    /// As much as was captured of it.
    pub(crate) payload: &'a [u8],
}

/// Why a packet holds no segment that could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSegment {
    /// The capture's link type is not one of those below.
    LinkType(i32),
    /// A part of an IP packet: they are not put together here.
    Fragment,
    /// Something else than TCP, or not readable as what it claims to be.
    NotTcp,
}

// https://www.tcpdump.org/linktypes.html
const NULL: i32 = 0;
const ETHERNET: i32 = 1;
/// Raw IP as some systems wrote it before it had a number of its own.
const RAW_BSD: i32 = 12;
const RAW_OPENBSD: i32 = 14;
const RAW: i32 = 101;
const LOOP: i32 = 108;
const LINUX_SLL: i32 = 113;
const IPV4: i32 = 228;
const IPV6: i32 = 229;
const LINUX_SLL2: i32 = 276;

/// The family that stands before a packet of link types NULL and LOOP.
const LOOPBACK_HEADER_SIZE: usize = 4;
/// Linux cooked capture: the protocol is at byte 14 of 16, in version 2 at byte 0 of 20.
const SLL_PROTOCOL: std::ops::Range<usize> = 14..16;
const SLL_HEADER_SIZE: usize = 16;
const SLL2_PROTOCOL: std::ops::Range<usize> = 0..2;
const SLL2_HEADER_SIZE: usize = 20;

pub(crate) fn segment(link_type: Linktype, packet: &[u8]) -> Result<Segment<'_>, NoSegment> {
    let sliced = match link_type.0 {
        ETHERNET => LaxSlicedPacket::from_ethernet(packet).ok(),
        NULL | LOOP => {
            packet.get(LOOPBACK_HEADER_SIZE..).and_then(|ip| LaxSlicedPacket::from_ip(ip).ok())
        }
        RAW | RAW_BSD | RAW_OPENBSD | IPV4 | IPV6 => LaxSlicedPacket::from_ip(packet).ok(),
        LINUX_SLL => cooked(packet, SLL_PROTOCOL, SLL_HEADER_SIZE),
        LINUX_SLL2 => cooked(packet, SLL2_PROTOCOL, SLL2_HEADER_SIZE),
        other => return Err(NoSegment::LinkType(other)),
    };
    let sliced = sliced.ok_or(NoSegment::NotTcp)?;
    let (source, destination): (IpAddr, IpAddr) = match &sliced.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        _ => return Err(NoSegment::NotTcp),
    };
    if sliced
        .net
        .as_ref()
        .and_then(LaxNetSlice::ip_payload_ref)
        .is_some_and(|payload| payload.fragmented)
    {
        return Err(NoSegment::Fragment);
    }
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { return Err(NoSegment::NotTcp) };
    Ok(Segment {
        source: SocketAddr::new(source, tcp.source_port()),
        destination: SocketAddr::new(destination, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        is_syn: tcp.syn(),
        acknowledges: tcp.ack().then(|| tcp.acknowledgment_number()),
        is_fin: tcp.fin(),
        payload: tcp.payload(),
    })
}

fn cooked(
    packet: &[u8],
    protocol: std::ops::Range<usize>,
    header_size: usize,
) -> Option<LaxSlicedPacket<'_>> {
    let protocol = u16::from_be_bytes(packet.get(protocol)?.try_into().ok()?);
    Some(LaxSlicedPacket::from_ether_type(EtherType(protocol), packet.get(header_size..)?))
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;

    use super::*;

    /// An IP packet with a segment in it.
    fn ip(is_v6: bool, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        if is_v6 {
            let builder =
                PacketBuilder::ipv6([1; 16], [2; 16], 64).tcp(40_000, 8080, 7, 1000).ack(9).fin();
            builder.write(&mut packet, payload).unwrap();
        } else {
            let builder = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
                .tcp(40_000, 8080, 7, 1000)
                .ack(9)
                .fin();
            builder.write(&mut packet, payload).unwrap();
        }
        packet
    }

    #[test]
    fn every_link_type_leads_to_the_same_segment() {
        for is_v6 in [false, true] {
            let ip = ip(is_v6, b"hello");
            let protocol: [u8; 2] = if is_v6 { [0x86, 0xDD] } else { [0x08, 0x00] };
            let ethernet = [&[0; 12][..], &protocol, &ip, &[0; 6]].concat(); // padded, as short frames are
            let vlan = [&[0; 12][..], &[0x81, 0x00, 0x00, 0x05], &protocol, &ip].concat();
            let sll = [&[0; 14][..], &protocol, &ip].concat();
            let sll2 = [&protocol[..], &[0; 18], &ip].concat();
            let loopback = [&[2, 0, 0, 0][..], &ip].concat();
            for (link_type, packet) in [
                (ETHERNET, &ethernet),
                (ETHERNET, &vlan),
                (LINUX_SLL, &sll),
                (LINUX_SLL2, &sll2),
                (NULL, &loopback),
                (LOOP, &loopback),
                (RAW, &ip),
                (RAW_BSD, &ip),
                (if is_v6 { IPV6 } else { IPV4 }, &ip),
            ] {
                let segment = segment(Linktype(link_type), packet)
                    .unwrap_or_else(|why| panic!("{link_type}: {why:?}"));
                assert_eq!((segment.payload, segment.sequence), (&b"hello"[..], 7), "{link_type}");
                assert_eq!(
                    (segment.source.port(), segment.destination.port()),
                    (40_000, 8080),
                    "{link_type}"
                );
                assert_eq!(segment.source.is_ipv6(), is_v6, "{link_type}");
                assert_eq!(
                    (segment.is_syn, segment.acknowledges, segment.is_fin),
                    (false, Some(9), true),
                    "{link_type}"
                );
            }
        }
    }

    #[test]
    fn what_holds_no_segment_says_why() {
        let mut udp = Vec::new();
        PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .udp(1, 2)
            .write(&mut udp, b"x")
            .unwrap();
        assert_eq!(segment(Linktype(RAW), &udp), Err(NoSegment::NotTcp));
        assert_eq!(segment(Linktype(147), &udp), Err(NoSegment::LinkType(147)));
        let mut fragment = ip(false, b"hello");
        fragment[6] = 0x20; // more fragments follow
        assert_eq!(segment(Linktype(RAW), &fragment), Err(NoSegment::Fragment));
    }

    #[test]
    fn any_cut_of_a_packet_is_read_as_far_as_it_goes() {
        let whole = ip(false, b"hello");
        for cut in 0..whole.len() {
            if let Ok(segment) = segment(Linktype(RAW), &whole[..cut]) {
                assert_eq!(segment.payload, &b"hello"[..cut - 40], "{cut}");
            }
            let _ = segment(Linktype(ETHERNET), &whole[..cut]);
            let _ = segment(Linktype(LINUX_SLL), &whole[..cut]);
        }
    }
}
