//! A capture file (pcap or pcapng), packet by packet, into the conversations in it. Bounded memory,
//! whatever the file claims.

use std::collections::BTreeMap;
use std::io::Read;

use pcap_parser::pcapng::Block;
use pcap_parser::traits::{PcapNGPacketBlock as _, PcapReaderIterator};
use pcap_parser::{Linktype, PcapBlockOwned, PcapError, create_reader};

use super::conversations::{Conversations, Moment};
use super::packet::{NoSegment, segment};
use super::report::Report;
use crate::failure::Failure;

/// The buffer that packets are read in. Grows for a larger packet or block, up to the bound.
const BUFFER_BYTES: usize = 256 * 1024;
const MAX_BUFFER_BYTES: usize = 16 * 1024 * 1024;
/// An interface takes some bytes: a file may not name them without end.
const MAX_INTERFACES: usize = 65_536;

/// What a capture held beside frames, each a number of packets.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    /// All there were, and those of TCP that carry no data.
    pub(crate) packets: u64,
    pub(crate) without_data: u64,
    pub(crate) not_tcp: u64,
    pub(crate) fragments: u64,
    /// By link type.
    pub(crate) unknown_links: BTreeMap<i32, u64>,
    /// Why reading stopped before the end of the file.
    pub(crate) damage: Option<String>,
}

/// Where an interface's packets begin and how its clock counts.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: Linktype,
    units_per_second: Option<u64>,
    offset_seconds: i64,
}

struct Packet<'a> {
    link_type: Linktype,
    time_ns: Option<u64>,
    data: &'a [u8],
}

/// Reads all of it, and tells each frame as it becomes whole.
pub(crate) fn explain(
    input: impl Read + Send,
    conversations: &mut Conversations,
    report: &mut Report,
) -> Result<Leftovers, Failure> {
    let mut reader = create_reader(BUFFER_BYTES, input).map_err(|error| {
        Failure::Message(format!("this is no capture that can be read: {}", said(&error)))
    })?;
    let mut capacity = BUFFER_BYTES;
    let mut leftovers = Leftovers::default();
    let mut interfaces = Vec::new();
    let mut packet_number = 0;
    loop {
        match reader.next() {
            Ok((size, block)) => {
                if let Some(packet) = packet_of(&block, &mut interfaces) {
                    packet_number += 1;
                    let moment = Moment { packet: packet_number, time_ns: packet.time_ns };
                    match segment(packet.link_type, packet.data) {
                        Ok(segment) => {
                            leftovers.without_data += u64::from(segment.payload.is_empty());
                            conversations.segment(&segment, moment, report)?;
                        }
                        Err(reason) => leftovers.count(reason),
                    }
                }
                drop(block);
                reader.consume(size);
            }
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) => {
                if let Some(damage) = refill(reader.as_mut(), packet_number) {
                    leftovers.damage = Some(damage);
                    break;
                }
            }
            Err(PcapError::BufferTooSmall) if capacity < MAX_BUFFER_BYTES => {
                capacity *= 2;
                reader.grow(capacity);
                if let Some(damage) = refill(reader.as_mut(), packet_number) {
                    leftovers.damage = Some(damage);
                    break;
                }
            }
            Err(error) => {
                leftovers.damage = Some(format!("after packet {packet_number}: {}", said(&error)));
                break;
            }
        }
    }
    leftovers.packets = packet_number;
    conversations.finish(report)?;
    Ok(leftovers)
}

fn refill(reader: &mut dyn PcapReaderIterator, packet_number: u64) -> Option<String> {
    reader.refill().err().map(|error| format!("after packet {packet_number}: {}", said(&error)))
}

impl Leftovers {
    fn count(&mut self, reason: NoSegment) {
        match reason {
            NoSegment::NotTcp => self.not_tcp += 1,
            NoSegment::Fragment => self.fragments += 1,
            NoSegment::LinkType(link_type) => {
                *self.unknown_links.entry(link_type).or_default() += 1
            }
        }
    }

    /// A sentence for each thing that was passed over.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        for (link_type, count) in &self.unknown_links {
            sentences.push(format!(
                "{count} packets of link type {link_type}, which is not read here, were passed over"
            ));
        }
        if self.fragments > 0 {
            sentences.push(format!(
                "{} fragments of IP packets were passed over: they are not put together",
                self.fragments
            ));
        }
        if self.not_tcp > 0 {
            sentences.push(format!("{} packets are no TCP", self.not_tcp));
        }
        sentences
    }
}

/// The packet in a block, if it is one. Remembers the interfaces that blocks of a pcapng file
/// announce.
fn packet_of<'a>(
    block: &'a PcapBlockOwned<'_>,
    interfaces: &mut Vec<Interface>,
) -> Option<Packet<'a>> {
    match block {
        PcapBlockOwned::LegacyHeader(header) => {
            let units_per_second =
                if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
            interfaces.push(Interface {
                link_type: header.network,
                units_per_second: Some(units_per_second),
                offset_seconds: 0,
            });
            None
        }
        PcapBlockOwned::Legacy(packet) => {
            let interface = interfaces.first()?;
            let units_per_second = interface.units_per_second?;
            let units = u64::from(packet.ts_sec) * units_per_second + u64::from(packet.ts_usec);
            let data = packet.data.get(..packet.caplen as usize).unwrap_or(packet.data);
            Some(Packet { link_type: interface.link_type, time_ns: interface.time_ns(units), data })
        }
        PcapBlockOwned::NG(Block::SectionHeader(_)) => {
            interfaces.clear();
            None
        }
        PcapBlockOwned::NG(Block::InterfaceDescription(described)) => {
            if interfaces.len() < MAX_INTERFACES {
                interfaces.push(Interface {
                    link_type: described.linktype,
                    units_per_second: described.ts_resolution(),
                    offset_seconds: described.ts_offset(),
                });
            }
            None
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
            let interface = interfaces.get(packet.if_id as usize)?;
            let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
            let (link_type, time_ns) = (interface.link_type, interface.time_ns(units));
            Some(Packet { link_type, time_ns, data: packet.packet_data() })
        }
        PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
            let interface = interfaces.first()?;
            let data = packet.data.get(..packet.origlen as usize).unwrap_or(packet.data);
            Some(Packet { link_type: interface.link_type, time_ns: None, data })
        }
        PcapBlockOwned::NG(_) => None,
    }
}

impl Interface {
    fn time_ns(&self, units: u64) -> Option<u64> {
        let units_per_second = u128::from(self.units_per_second.filter(|&units| units > 0)?);
        let ns = u128::from(units) * 1_000_000_000 / units_per_second;
        let offset_ns = i128::from(self.offset_seconds) * 1_000_000_000;
        u64::try_from(i128::try_from(ns).ok()? + offset_ns).ok()
    }
}

fn said<I>(error: &PcapError<I>) -> &'static str {
    match error {
        PcapError::Eof => "it is empty",
        PcapError::BufferTooSmall => "the next block is larger than 16 MiB, or claims to be",
        PcapError::UnexpectedEof | PcapError::Incomplete(_) => {
            "the file ends in the middle of a block"
        }
        PcapError::ReadError => "it cannot be read",
        PcapError::HeaderNotRecognized => "it starts like neither pcap nor pcapng",
        PcapError::NomError(..) | PcapError::OwnedNomError(..) => "the next block is damaged",
    }
}
