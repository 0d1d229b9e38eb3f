//! The link layer of a captured packet: from its first byte to the network packet in it. Pure.
//! Knows no IP but its version, and nothing of TCP.
//!
//! Link types are those of <https://www.tcpdump.org/linktypes.html>. A header that is cut, or says
//! what cannot be, is [`Unread::Damaged`]; it is never guessed at.

use super::unread::Unread;

/// A network packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network<'a> {
    pub(crate) ether_type: u16,
    pub(crate) bytes: &'a [u8],
    /// How many bytes there were on the wire, padding included; more than `bytes` holds if the
    /// capture cut the packet.
    pub(crate) wire_size: usize,
}

const NULL: i32 = 0;
pub(crate) const ETHERNET: i32 = 1;
const PPP: i32 = 9;
/// Raw IP as some systems wrote it before it had a number of its own.
const RAW_BSD: i32 = 12;
const RAW_OPENBSD: i32 = 14;
const PPP_HDLC: i32 = 50;
const PPP_ETHER: i32 = 51;
pub(crate) const RAW: i32 = 101;
const C_HDLC: i32 = 104;
const LOOP: i32 = 108;
const LINUX_SLL: i32 = 113;
const PPP_PPPD: i32 = 166;
const IPV4: i32 = 228;
const IPV6: i32 = 229;
const NFLOG: i32 = 239;
const PKTAP: i32 = 258;
const LINUX_SLL2: i32 = 276;

pub(crate) const ETHER_IPV4: u16 = 0x0800;
pub(crate) const ETHER_IPV6: u16 = 0x86DD;
pub(crate) const ETHER_MPLS: [u16; 2] = [0x8847, 0x8848];
const ETHER_PPPOE: u16 = 0x8864;
/// IEEE 802.1AE.
const ETHER_MACSEC: u16 = 0x88E5;
/// A whole Ethernet frame, in tunnels.
pub(crate) const TRANSPARENT_ETHERNET: u16 = 0x6558;
/// Tags that end with the type of what follows, and their sizes: IEEE 802.1Q, 802.1ad, the number
/// that was used before the latter; 802.1BR, what Cisco had before it and its MetaData; HSR.
const TAGS: [(u16, usize); 7] =
    [(0x8100, 4), (0x88A8, 4), (0x9100, 4), (0x893F, 8), (0x8926, 6), (0x8909, 8), (0x892F, 6)];
/// What is smaller in the place of a type is a length: IEEE 802.3.
const SMALLEST_ETHER_TYPE: u16 = 0x0600;

const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;

/// Labels and tags that may stand on each other.
const MAX_TAGS: usize = 8;

/// The attribute of an NFLOG message that holds the packet.
const NFULA_PAYLOAD: u16 = 9;
/// How far into a PKTAP packet whose header does not say its size an IP header is looked for: the
/// headers that macOS writes have 108 bytes or fewer, 14 of Ethernet come behind.
const PKTAP_SEARCH_BYTES: usize = 160;

impl<'a> Network<'a> {
    /// The packet behind the first `count` bytes.
    fn skip(self, count: usize) -> Result<Self, Unread> {
        let bytes = self.bytes.get(count..).ok_or(Unread::Damaged)?;
        Ok(Self { bytes, wire_size: self.wire_size.saturating_sub(count), ..self })
    }

    fn u16_at(self, at: usize) -> Result<u16, Unread> {
        let bytes = self.bytes.get(at..at + 2).ok_or(Unread::Damaged)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// The packet behind so many bytes, as that of this type.
    fn as_type(self, ether_type: u16, header_size: usize) -> Result<Self, Unread> {
        Ok(Self { ether_type, ..self.skip(header_size)? })
    }

    /// As that of the type that stands at a place in front of it.
    fn typed_at(self, at: usize, header_size: usize) -> Result<Self, Unread> {
        self.as_type(self.u16_at(at)?, header_size)
    }

    /// As IP of the version that it says.
    fn as_ip(self, header_size: usize) -> Result<Self, Unread> {
        let ip = self.skip(header_size)?;
        let ether_type = match ip.bytes.first().map(|first| first >> 4) {
            Some(4) => ETHER_IPV4,
            Some(6) => ETHER_IPV6,
            _ => return Err(Unread::Damaged),
        };
        Ok(Self { ether_type, ..ip })
    }
}

/// The network packet in a captured one, of which there were `wire_size` bytes.
pub(crate) fn network(
    link_type: i32,
    bytes: &[u8],
    wire_size: usize,
) -> Result<Network<'_>, Unread> {
    let packet = Network { ether_type: 0, bytes, wire_size: wire_size.max(bytes.len()) };
    let network = match link_type {
        ETHERNET => ethernet(packet),
        // The family that stands in front has another number on each system.
        NULL | LOOP => packet.as_ip(4),
        RAW | RAW_BSD | RAW_OPENBSD | IPV4 | IPV6 => packet.as_ip(0),
        LINUX_SLL => packet.typed_at(14, 16),
        LINUX_SLL2 => packet.typed_at(0, 20),
        C_HDLC => packet.typed_at(2, 4),
        PPP | PPP_HDLC => ppp(packet),
        PPP_ETHER => pppoe(packet),
        // The first byte is the direction.
        PPP_PPPD => ppp(packet.skip(1)?),
        NFLOG => nflog(packet),
        PKTAP => pktap(packet),
        other => Err(Unread::LinkType(other)),
    }?;
    untagged(network)
}

fn ethernet(packet: Network<'_>) -> Result<Network<'_>, Unread> {
    let network = packet.typed_at(12, 14)?;
    if network.ether_type >= SMALLEST_ETHER_TYPE {
        return Ok(network);
    }
    // RFC 1042: LLC and SNAP in front of the type.
    match network.bytes.get(..6) {
        Some([0xAA, 0xAA, 0x03, 0, 0, 0]) => network.typed_at(6, 8),
        _ => Err(Unread::EtherType(0)),
    }
}

/// Past VLAN tags and others, MPLS labels, PPPoE, and Ethernet in another frame.
pub(crate) fn untagged(mut network: Network<'_>) -> Result<Network<'_>, Unread> {
    for _ in 0..MAX_TAGS {
        if let Some((_, size)) = TAGS.iter().find(|(kind, _)| *kind == network.ether_type) {
            network = network.typed_at(size - 2, *size)?;
            continue;
        }
        network = match network.ether_type {
            kind if ETHER_MPLS.contains(&kind) => mpls(network)?,
            ETHER_PPPOE => pppoe(network)?,
            ETHER_MACSEC => macsec(network)?,
            TRANSPARENT_ETHERNET => ethernet(network)?,
            _ => return Ok(network),
        };
    }
    Err(Unread::Damaged)
}

/// RFC 3032: the lowest bit of the third byte is set on the last label. What follows it is not
/// said: IP, or something else that both ends of the path agreed upon.
fn mpls(network: Network<'_>) -> Result<Network<'_>, Unread> {
    let is_last = *network.bytes.get(2).ok_or(Unread::Damaged)? & 1 == 1;
    let inner = network.skip(4)?;
    match inner.bytes.first().map(|first| first >> 4) {
        _ if !is_last => Ok(inner),
        None | Some(4 | 6) => inner.as_ip(0),
        Some(_) => Err(Unread::Tunnel("MPLS with something else than IP in it")),
    }
}

/// IEEE 802.1AE, 9.3: a tag of 6 bytes, or 14 if the flag SC is set, then the type, unless all
/// that follows is encrypted or changed (the flags E and C).
fn macsec(network: Network<'_>) -> Result<Network<'_>, Unread> {
    let flags = *network.bytes.first().ok_or(Unread::Damaged)?;
    let size = if flags & 0x20 == 0 { 6 } else { 14 };
    if flags & 0x0C == 0 { network.typed_at(size, size + 2) } else { Err(Unread::Tunnel("MACsec")) }
}

/// RFC 2516: six bytes, then PPP without the framing of HDLC.
fn pppoe(packet: Network<'_>) -> Result<Network<'_>, Unread> {
    ppp(packet.skip(6)?)
}

/// RFC 1661 and 1662: address and control may be left out, and so may the first byte of a protocol
/// number if it is 0.
fn ppp(packet: Network<'_>) -> Result<Network<'_>, Unread> {
    let packet = if packet.bytes.starts_with(&[0xFF, 0x03]) { packet.skip(2)? } else { packet };
    let first = *packet.bytes.first().ok_or(Unread::Damaged)?;
    let (protocol, size) =
        if first & 1 == 1 { (u16::from(first), 1) } else { (packet.u16_at(0)?, 2) };
    match protocol {
        PPP_IPV4 => packet.as_type(ETHER_IPV4, size),
        PPP_IPV6 => packet.as_type(ETHER_IPV6, size),
        other => Err(Unread::Ppp(other)),
    }
}

/// A header of four bytes, then attributes, each its length, type and value, padded to four. Their
/// numbers are in the byte order of the host that captured, which nothing tells: the order is right
/// in which a payload is found.
fn nflog(packet: Network<'_>) -> Result<Network<'_>, Unread> {
    let attributes = packet.skip(4)?;
    let payload = nflog_payload(attributes, u16::from_le_bytes)
        .or_else(|| nflog_payload(attributes, u16::from_be_bytes));
    payload.ok_or(Unread::Damaged)?.as_ip(0)
}

fn nflog_payload(packet: Network<'_>, order: fn([u8; 2]) -> u16) -> Option<Network<'_>> {
    let mut rest = packet;
    loop {
        let header = rest.bytes.first_chunk::<4>()?;
        let size = usize::from(order([header[0], header[1]]));
        if size < 4 {
            return None;
        }
        if order([header[2], header[3]]) == NFULA_PAYLOAD {
            let payload = rest.skip(4).ok()?;
            let bytes = payload.bytes.get(..size - 4).unwrap_or(payload.bytes);
            return Some(Network { bytes, wire_size: size - 4, ..payload });
        }
        rest = rest.skip(size.next_multiple_of(4)).ok()?;
    }
}

/// The header of macOS: its size, what follows, and the link type of that, all little-endian.
fn pktap(packet: Network<'_>) -> Result<Network<'_>, Unread> {
    let u32_at = |at: usize| {
        let bytes = packet.bytes.get(at..at + 4)?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    let size = u32_at(0).and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
    let Some(link_type) = u32_at(8).filter(|_| size >= 12) else { return searched(packet) };
    let inner = packet.skip(size)?;
    match i32::try_from(link_type) {
        // A header in a header is nothing that macOS writes, and could go on without end.
        Ok(PKTAP) | Err(_) => Err(Unread::Damaged),
        Ok(link_type) => network(link_type, inner.bytes, inner.wire_size),
    }
}

/// Files exist whose headers say no size. There an IPv4 header is found by its checksum and by
/// the length that it says, which is right by chance once in 2³² places.
fn searched(packet: Network<'_>) -> Result<Network<'_>, Unread> {
    (0..packet.bytes.len().min(PKTAP_SEARCH_BYTES))
        .filter_map(|at| packet.as_ip(at).ok())
        .find(|ip| ip.ether_type == ETHER_IPV4 && is_ipv4_header(ip.bytes, ip.wire_size))
        .ok_or(Unread::Damaged)
}

fn is_ipv4_header(bytes: &[u8], wire_size: usize) -> bool {
    let Some(header) = bytes.get(..20) else { return false };
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let sum: u32 =
        header.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    header[0] == 0x45 && total == wire_size && (sum >> 16) + (sum & 0xFFFF) == 0xFFFF
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
