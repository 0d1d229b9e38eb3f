//! The blocks of a capture file, pcap or pcapng, to packets with their link type, time and size.
//! Pure. Reads what `pcap-parser` leaves open: clocks that count in powers of two, offsets in
//! either byte order, padding of Simple Packet Blocks, and the obsolete Packet Block.

use pcap_parser::pcapng::Block;
use pcap_parser::{
    EnhancedPacketBlock, InterfaceDescriptionBlock, LegacyPcapBlock, OptionCode, PcapBlockOwned,
    PcapHeader, SimplePacketBlock, UnknownBlock,
};

use super::unread::Unread;

/// An interface takes some bytes: a file may not name them without end.
const MAX_INTERFACES: usize = 65_536;
/// The block that was there before the Enhanced Packet Block.
const OBSOLETE_PACKET_BLOCK: u32 = 2;
/// What of a pcap file's link type is the link type: above stands the length of the checksum that
/// frames end with. IP says itself where a packet ends, so that nothing need be cut off.
const LINK_TYPE_BITS: i32 = 0xFFFF;
const NS_PER_SECOND: i128 = 1_000_000_000;
/// What an interface's clock counts if nothing is said: microseconds.
const DEFAULT_RESOLUTION: u8 = 6;

/// A packet as it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    pub(crate) link_type: i32,
    pub(crate) time_ns: Option<u64>,
    pub(crate) bytes: &'a [u8],
    /// How many bytes there were, captured or not.
    pub(crate) wire_size: usize,
}

/// Where an interface's packets begin and how its clock counts.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: i32,
    clock: Clock,
    /// What of a packet is captured at most; 0 for all of it.
    snap_size: u32,
}

#[derive(Clone, Copy, Debug)]
struct Clock {
    units_per_second: Option<u128>,
    offset_seconds: i64,
}

impl Clock {
    /// By the option `if_tsresol`: a power of ten, or of two if the highest bit is set.
    fn of(resolution: u8, offset_seconds: i64) -> Self {
        let power = u32::from(resolution & 0x7F);
        let base: u128 = if resolution & 0x80 == 0 { 10 } else { 2 };
        Self { units_per_second: base.checked_pow(power), offset_seconds }
    }

    fn time_ns(self, units: u64) -> Option<u64> {
        let units_per_second = i128::try_from(self.units_per_second?).ok()?;
        let ns = i128::from(units).checked_mul(NS_PER_SECOND)? / units_per_second;
        u64::try_from(ns + i128::from(self.offset_seconds) * NS_PER_SECOND).ok()
    }
}

/// Goes through the blocks and remembers the interfaces that they describe.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    interfaces: Vec<Interface>,
    is_big_endian: bool,
}

impl Blocks {
    /// The packet in a block, if it is one.
    pub(crate) fn packet<'a>(
        &mut self,
        block: &'a PcapBlockOwned<'_>,
    ) -> Option<Result<Packet<'a>, Unread>> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => self.header(header),
            PcapBlockOwned::NG(Block::SectionHeader(section)) => {
                self.interfaces.clear();
                self.is_big_endian = section.big_endian();
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(described)) => self.interface(described),
            PcapBlockOwned::Legacy(packet) => return Some(self.legacy(packet)),
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                return Some(self.enhanced(packet));
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => return Some(self.simple(packet)),
            PcapBlockOwned::NG(Block::Unknown(block)) => return self.obsolete(block),
            PcapBlockOwned::NG(_) => {}
        }
        None
    }

    fn header(&mut self, header: &PcapHeader) {
        let resolution = if header.is_nanosecond_precision() { 9 } else { DEFAULT_RESOLUTION };
        self.interfaces.push(Interface {
            link_type: header.network.0 & LINK_TYPE_BITS,
            clock: Clock::of(resolution, 0),
            snap_size: 0,
        });
    }

    fn interface(&mut self, described: &InterfaceDescriptionBlock<'_>) {
        if self.interfaces.len() >= MAX_INTERFACES {
            return;
        }
        let value = |wanted| {
            let found = described.options.iter().find(|option| option.code == wanted);
            found.map(|option| option.value.as_ref())
        };
        let offset = value(OptionCode::IfTsoffset).and_then(|value| value.first_chunk::<8>());
        let offset_seconds = offset.map_or(0, |&offset| {
            if self.is_big_endian { i64::from_be_bytes(offset) } else { i64::from_le_bytes(offset) }
        });
        let resolution = value(OptionCode::IfTsresol).and_then(|value| value.first());
        self.interfaces.push(Interface {
            link_type: described.linktype.0,
            clock: Clock::of(resolution.copied().unwrap_or(DEFAULT_RESOLUTION), offset_seconds),
            snap_size: described.snaplen,
        });
    }

    fn of_interface(&self, number: u32) -> Result<&Interface, Unread> {
        let number = usize::try_from(number).map_err(|_| Unread::NoInterface)?;
        self.interfaces.get(number).ok_or(Unread::NoInterface)
    }

    fn legacy<'a>(&self, packet: &LegacyPcapBlock<'a>) -> Result<Packet<'a>, Unread> {
        let interface = self.of_interface(0)?;
        let units_per_second = interface.clock.units_per_second.unwrap_or_default();
        let units = u128::from(packet.ts_sec) * units_per_second + u128::from(packet.ts_usec);
        let units = u64::try_from(units).map_err(|_| Unread::Damaged)?;
        Ok(interface.packet(Some(units), packet.data, packet.caplen, packet.origlen))
    }

    fn enhanced<'a>(&self, packet: &EnhancedPacketBlock<'a>) -> Result<Packet<'a>, Unread> {
        let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
        let interface = self.of_interface(packet.if_id)?;
        Ok(interface.packet(Some(units), packet.data, packet.caplen, packet.origlen))
    }

    /// It says neither its interface, which is the first, nor its time, nor how much was captured.
    fn simple<'a>(&self, packet: &SimplePacketBlock<'a>) -> Result<Packet<'a>, Unread> {
        let interface = self.of_interface(0)?;
        let captured = match interface.snap_size {
            0 => packet.origlen,
            snap_size => packet.origlen.min(snap_size),
        };
        Ok(interface.packet(None, packet.data, captured, packet.origlen))
    }

    /// <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html>, appendix A.
    fn obsolete<'a>(&self, block: &UnknownBlock<'a>) -> Option<Result<Packet<'a>, Unread>> {
        let kind =
            if self.is_big_endian { block.block_type.swap_bytes() } else { block.block_type };
        if kind != OBSOLETE_PACKET_BLOCK {
            return None;
        }
        let u32_at = |at: usize| {
            let bytes: [u8; 4] = block.data.get(at..at + 4)?.try_into().ok()?;
            Some(if self.is_big_endian {
                u32::from_be_bytes(bytes)
            } else {
                u32::from_le_bytes(bytes)
            })
        };
        let fields = [0, 4, 8, 12, 16].map(u32_at);
        let [Some(interface), Some(high), Some(low), Some(captured), Some(wire)] = fields else {
            return Some(Err(Unread::Damaged));
        };
        // The interface has 16 bits; the others count drops.
        let number = if self.is_big_endian { interface >> 16 } else { interface & 0xFFFF };
        let units = u64::from(high) << 32 | u64::from(low);
        let bytes = block.data.get(20..).unwrap_or_default();
        Some(self.of_interface(number).map(|it| it.packet(Some(units), bytes, captured, wire)))
    }
}

impl Interface {
    fn packet<'a>(
        &self,
        units: Option<u64>,
        bytes: &'a [u8],
        captured: u32,
        wire_size: u32,
    ) -> Packet<'a> {
        let [captured, wire_size] =
            [captured, wire_size].map(|size| usize::try_from(size).unwrap_or(usize::MAX));
        Packet {
            link_type: self.link_type,
            time_ns: units.and_then(|units| self.clock.time_ns(units)),
            bytes: bytes.get(..captured).unwrap_or(bytes),
            wire_size: wire_size.max(captured),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `tshark -T fields -e frame.time_epoch` shows them.
    #[test]
    fn clocks_count_in_powers_of_ten_and_of_two() {
        for (resolution, offset, units, time_ns) in [
            (6, 0, 1_700_000_000_250_000, Some(1_700_000_000_250_000_000)),
            (9, 0, 1_700_000_000_000_000_001, Some(1_700_000_000_000_000_001)),
            (0, 0, 1_700_000_000, Some(1_700_000_000_000_000_000)),
            (0x80 | 20, 0, (1_700_000_000 << 20) + (1 << 19), Some(1_700_000_000_500_000_000)),
            (0x80 | 32, 0, (1_700_000_000 << 32) + 1, Some(1_700_000_000_000_000_000)),
            (0x80, 0, 5, Some(5_000_000_000)),
            (6, 3600, 1, Some(3_600_000_001_000)),
            (6, -1, 1_000_001, Some(1000)),
            (6, -2, 1_000_001, None),
            (12, 0, 1_999, Some(1)),
            (0x7F, 0, 1, None),
            (0xFF, 0, u64::MAX, None),
        ] {
            assert_eq!(Clock::of(resolution, offset).time_ns(units), time_ns, "{resolution:#x}");
        }
    }
}
