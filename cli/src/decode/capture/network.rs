//! A network packet to the TCP segment in it, through tunnels. Pure. Puts no fragments together;
//! what a segment carries is for others.
//!
//! Two sizes go with all bytes: what the capture holds and what was on the wire. What the second
//! has more was cut by the capture (`tcpdump -s`), and is not the sender's doing.

mod tunnel;

use std::net::{IpAddr, SocketAddr};

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, TcpHeaderSlice};

use super::fragments::{DatagramId, Fragment};
use super::link::{self, ETHER_IPV4, ETHER_IPV6, Network};
use super::unread::{self, Unread};

/// How many tunnels in each other are followed.
pub(crate) const MAX_TUNNELS: usize = 4;
/// IPv6 extension headers in a row that are passed.
const MAX_EXTENSIONS: usize = 16;

const TCP: u8 = 6;
const UDP: u8 = 17;
const GRE: u8 = 47;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

/// A segment's smallest header: its ports, numbers and flags. Options may have been cut.
const TCP_FIXED_SIZE: usize = 20;
/// Its size in words of four bytes, in the upper half of the byte that says it.
const WITHOUT_OPTIONS: u8 = 5 << 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment<'a> {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) sequence: u32,
    pub(crate) is_syn: bool,
    /// With ACK, as all have but the first of a connection.
    pub(crate) is_answer: bool,
    /// With ACK: the other end's bytes before this sequence number have arrived. Not if it is 0,
    /// which tools leave there that make packets up.
    pub(crate) acknowledges: Option<u32>,
    pub(crate) is_fin: bool,
    pub(crate) is_reset: bool,
    /// As much as was captured of it.
    pub(crate) payload: &'a [u8],
    /// How long it was on the wire.
    pub(crate) wire_payload_size: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    Segment(Segment<'a>),
    Fragment(Fragment<'a>),
}

/// What an IP packet carries, which may be another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload<'a> {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: u8,
    pub(crate) bytes: &'a [u8],
    pub(crate) wire_size: usize,
    /// How many tunnels it is in.
    pub(crate) depth: usize,
}

/// The segment or fragment in a captured packet, of which there were `wire_size` bytes.
pub(crate) fn read(link_type: i32, bytes: &[u8], wire_size: usize) -> Result<Found<'_>, Unread> {
    of_network(link::network(link_type, bytes, wire_size)?, 0)
}

/// The addresses in the outermost IP header, the lower one first.
pub(crate) fn addresses(link_type: i32, bytes: &[u8], wire_size: usize) -> Option<[IpAddr; 2]> {
    let network = link::network(link_type, bytes, wire_size).ok()?;
    let [one, other]: [IpAddr; 2] = match network.ether_type {
        ETHER_IPV4 => {
            let header = Ipv4HeaderSlice::from_slice(network.bytes).ok()?;
            [header.source_addr().into(), header.destination_addr().into()]
        }
        ETHER_IPV6 => {
            let header = Ipv6HeaderSlice::from_slice(network.bytes).ok()?;
            [header.source_addr().into(), header.destination_addr().into()]
        }
        _ => return None,
    };
    Some([one.min(other), one.max(other)])
}

fn of_network(network: Network<'_>, depth: usize) -> Result<Found<'_>, Unread> {
    match network.ether_type {
        _ if depth > MAX_TUNNELS => Err(Unread::TooDeep),
        ETHER_IPV4 => ipv4(network, depth),
        ETHER_IPV6 => ipv6(network, depth),
        other => Err(unread::tunnel_of_ether_type(other).unwrap_or(Unread::EtherType(other))),
    }
}

fn ipv4(network: Network<'_>, depth: usize) -> Result<Found<'_>, Unread> {
    let header = Ipv4HeaderSlice::from_slice(network.bytes).map_err(|_| Unread::Damaged)?;
    let header_size = header.slice().len();
    // 0 where the network card cuts what it sends into packets itself (TSO).
    let total_size = match usize::from(header.total_len()) {
        0 => network.wire_size,
        size => size,
    };
    let wire_size = total_size.checked_sub(header_size).ok_or(Unread::Damaged)?;
    let payload = Payload {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        protocol: header.protocol().0,
        bytes: cut(network.bytes.get(header_size..), wire_size)?,
        wire_size,
        depth,
    };
    if header.is_fragmenting_payload() {
        let id = DatagramId::of(&payload, u32::from(header.identification()));
        let offset = usize::from(header.fragments_offset().value()) * 8;
        return Ok(Found::Fragment(Fragment {
            id,
            offset,
            is_last: !header.more_fragments(),
            payload,
        }));
    }
    of_payload(&payload)
}

fn ipv6(network: Network<'_>, depth: usize) -> Result<Found<'_>, Unread> {
    let header = Ipv6HeaderSlice::from_slice(network.bytes).map_err(|_| Unread::Damaged)?;
    let header_size = header.slice().len();
    let wire_size = match usize::from(header.payload_length()) {
        0 => network.wire_size.saturating_sub(header_size),
        size => size,
    };
    let mut payload = Payload {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        protocol: header.next_header().0,
        bytes: cut(network.bytes.get(header_size..), wire_size)?,
        wire_size,
        depth,
    };
    for _ in 0..MAX_EXTENSIONS {
        let extension = payload.bytes.first_chunk::<8>().copied();
        let size = match (payload.protocol, extension) {
            (HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS, Some(extension)) => {
                8 + 8 * usize::from(extension[1])
            }
            // RFC 4302: its length is in units of four bytes, without the first two.
            (AUTHENTICATION, Some(extension)) => 8 + 4 * usize::from(extension[1]),
            (FRAGMENT, Some(_)) => 8,
            (HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | AUTHENTICATION | FRAGMENT, None) => {
                return Err(Unread::Damaged);
            }
            _ => return of_payload(&payload),
        };
        let [next, _, high, low, id @ ..] = extension.ok_or(Unread::Damaged)?;
        let is_fragment = payload.protocol == FRAGMENT;
        payload = Payload { protocol: next, ..payload.skip(size)? };
        let place = u16::from_be_bytes([high, low]);
        // A whole packet may have this header too: RFC 6946.
        if is_fragment && place & 0xFFF9 != 0 {
            let id = DatagramId::of(&payload, u32::from_be_bytes(id));
            let (offset, is_last) = (usize::from(place & 0xFFF8), place & 1 == 0);
            return Ok(Found::Fragment(Fragment { id, offset, is_last, payload }));
        }
    }
    Err(Unread::Damaged)
}

/// What was captured of so many bytes: what stands behind them is padding, or a checksum.
fn cut(bytes: Option<&[u8]>, wire_size: usize) -> Result<&[u8], Unread> {
    let bytes = bytes.ok_or(Unread::Damaged)?;
    Ok(bytes.get(..wire_size).unwrap_or(bytes))
}

impl<'a> Payload<'a> {
    fn skip(self, count: usize) -> Result<Self, Unread> {
        let bytes = self.bytes.get(count..).ok_or(Unread::Damaged)?;
        Ok(Self { bytes, wire_size: self.wire_size.saturating_sub(count), ..self })
    }
}

/// What an IP packet carries: a segment, or what is in the tunnel.
pub(crate) fn of_payload<'a>(payload: &Payload<'a>) -> Result<Found<'a>, Unread> {
    match payload.protocol {
        TCP => segment(payload).map(Found::Segment),
        AUTHENTICATION => {
            let [next, size, ..] = *payload.bytes else { return Err(Unread::Damaged) };
            let behind = payload.skip(8 + 4 * usize::from(size))?;
            if next == AUTHENTICATION {
                return Err(Unread::Damaged);
            }
            of_payload(&Payload { protocol: next, depth: payload.depth + 1, ..behind })
        }
        other => tunnel::of_protocol(payload).unwrap_or_else(|| {
            Err(unread::tunnel_of_protocol(other).unwrap_or(Unread::Protocol(other)))
        }),
    }
}

fn segment<'a>(payload: &Payload<'a>) -> Result<Segment<'a>, Unread> {
    let Payload { bytes, wire_size, .. } = *payload;
    let mut fixed = [0; TCP_FIXED_SIZE];
    fixed.copy_from_slice(bytes.get(..TCP_FIXED_SIZE).ok_or(Unread::Damaged)?);
    let header_size = 4 * usize::from(fixed[12] >> 4);
    if header_size < TCP_FIXED_SIZE || header_size > wire_size {
        return Err(Unread::Damaged);
    }
    // Options say nothing here: a header whose options were cut is read as one without.
    fixed[12] = WITHOUT_OPTIONS;
    let tcp = TcpHeaderSlice::from_slice(&fixed).map_err(|_| Unread::Damaged)?;
    Ok(Segment {
        source: SocketAddr::new(payload.source, tcp.source_port()),
        destination: SocketAddr::new(payload.destination, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        is_syn: tcp.syn(),
        acknowledges: Some(tcp.acknowledgment_number()).filter(|&number| tcp.ack() && number > 0),
        is_answer: tcp.ack(),
        is_fin: tcp.fin(),
        is_reset: tcp.rst(),
        payload: bytes.get(header_size..).unwrap_or_default(),
        wire_payload_size: wire_size - header_size,
    })
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
