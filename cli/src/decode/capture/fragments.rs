//! Fragments of IP packets, put together. Pure. Knows nothing of what they carry.
//!
//! Everything has a bound: how many packets are under way, how many pieces of one, how many bytes
//! in all, and for how long. What cannot be put together is handed out as far as its first bytes
//! go, with its size as far as that is known, so that what is missing can be told as a gap. Pieces
//! that overlap with other bytes are counted; of IPv6 such a packet is dropped, as receivers do.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use super::network::Payload;
use crate::decode::report::Moment;

/// The length field of an IP packet has 16 bits.
const MAX_DATAGRAM_BYTES: usize = 65_535;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Packets that are put together at a time.
    datagrams: usize,
    /// Pieces of one.
    pieces: usize,
    /// Bytes of all of them.
    held_bytes: usize,
    /// RFC 8200, 4.5: a receiver waits for a minute from the first piece on.
    age_ns: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            datagrams: 256,
            // The smallest fragments that carry anything have 8 bytes.
            pieces: MAX_DATAGRAM_BYTES / 8 + 1,
            held_bytes: 16 * 1024 * 1024,
            age_ns: 60_000_000_000,
        }
    }
}

/// What tells the pieces of one packet from those of others: RFC 791 and RFC 8200, 4.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DatagramId {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    id: u32,
}

impl DatagramId {
    pub(crate) const fn of(payload: &Payload<'_>, id: u32) -> Self {
        let Payload { source, destination, protocol, .. } = *payload;
        Self { source, destination, protocol, id }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment<'a> {
    pub(crate) id: DatagramId,
    /// Where its payload stands in that of the whole.
    pub(crate) offset: usize,
    pub(crate) is_last: bool,
    pub(crate) payload: Payload<'a>,
}

impl PartialEq for Fragment<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.id, self.offset, self.is_last, self.payload.bytes)
            == (other.id, other.offset, other.is_last, other.payload.bytes)
    }
}

impl Eq for Fragment<'_> {}

/// What an IP packet carried that came in pieces.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    id: DatagramId,
    depth: usize,
    /// From the first byte on, as far as there are no holes.
    bytes: Vec<u8>,
    wire_size: usize,
    /// Whether every piece was there.
    pub(crate) is_whole: bool,
    /// The packet that completed it, or the last that came of it.
    pub(crate) moment: Moment,
}

impl Datagram {
    pub(crate) fn payload(&self) -> Payload<'_> {
        let DatagramId { source, destination, protocol, .. } = self.id;
        Payload {
            source,
            destination,
            protocol,
            bytes: &self.bytes,
            wire_size: self.wire_size,
            depth: self.depth,
        }
    }
}

#[derive(Debug)]
struct Partial {
    /// By place: the bytes, and how many there were on the wire.
    pieces: BTreeMap<usize, (Vec<u8>, usize)>,
    /// Where the furthest of them ends.
    pieces_end: usize,
    /// Pieces overlap and differ there.
    is_contradictory: bool,
    /// Once the last piece came.
    total_size: Option<usize>,
    depth: usize,
    first: Moment,
    last: Moment,
}

#[derive(Debug, Default)]
pub(crate) struct Fragments {
    bounds: Bounds,
    partial: BTreeMap<DatagramId, Partial>,
    held_bytes: usize,
    /// What was given up, to be handed out.
    given_up: VecDeque<Datagram>,
    /// Packets of which pieces overlapped with other bytes.
    pub(crate) contradictory: u64,
}

impl Fragments {
    #[cfg(test)]
    fn with(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Takes a piece, and answers the packet that it completes.
    pub(crate) fn push(&mut self, fragment: &Fragment<'_>, moment: Moment) -> Option<Datagram> {
        self.give_up_the_old(moment);
        let Fragment { id, offset, payload, .. } = *fragment;
        let end = offset + payload.wire_size;
        if end > MAX_DATAGRAM_BYTES {
            return None;
        }
        let partial = self.partial.entry(id).or_insert_with(|| Partial {
            pieces: BTreeMap::new(),
            pieces_end: 0,
            is_contradictory: false,
            total_size: None,
            depth: payload.depth,
            first: moment,
            last: moment,
        });
        partial.last = moment;
        if fragment.is_last {
            partial.total_size.get_or_insert(end);
        }
        if !partial.is_contradictory && partial.contradicts(offset, payload.bytes) {
            partial.is_contradictory = true;
            self.contradictory += 1;
        }
        if partial.is_dropped(id) {
            self.held_bytes -= partial.held_bytes();
            partial.pieces.clear();
            return None;
        }
        // What came first counts; a piece that comes twice is no more than it was.
        partial.pieces_end = partial.pieces_end.max(offset + payload.bytes.len());
        if !partial.pieces.contains_key(&offset) && partial.pieces.len() < self.bounds.pieces {
            partial.pieces.insert(offset, (payload.bytes.to_vec(), payload.wire_size));
            self.held_bytes += payload.bytes.len();
        }
        if partial.is_whole() {
            return self.take(id);
        }
        while self.partial.len() > self.bounds.datagrams || self.held_bytes > self.bounds.held_bytes
        {
            self.give_up_the_oldest();
        }
        None
    }

    /// Something that was given up, if there is any.
    pub(crate) fn pop_given_up(&mut self) -> Option<Datagram> {
        self.given_up.pop_front()
    }

    /// No more pieces will come.
    pub(crate) fn finish(&mut self) {
        while !self.partial.is_empty() {
            self.give_up_the_oldest();
        }
    }

    fn give_up_the_old(&mut self, now: Moment) {
        while let Some(oldest) = self.oldest()
            && let Some((then_ns, now_ns)) =
                self.partial.get(&oldest).and_then(|it| it.first.time_ns).zip(now.time_ns)
            && now_ns.saturating_sub(then_ns) > self.bounds.age_ns
        {
            self.give_up(oldest);
        }
    }

    fn give_up_the_oldest(&mut self) {
        if let Some(id) = self.oldest() {
            self.give_up(id);
        }
    }

    fn oldest(&self) -> Option<DatagramId> {
        self.partial.iter().min_by_key(|(_, partial)| partial.first.packet).map(|(id, _)| *id)
    }

    fn give_up(&mut self, id: DatagramId) {
        if self.partial.get(&id).is_some_and(|partial| partial.is_dropped(id)) {
            self.partial.remove(&id);
            return;
        }
        let datagram = self.take(id);
        self.given_up.extend(datagram);
    }

    fn take(&mut self, id: DatagramId) -> Option<Datagram> {
        let partial = self.partial.remove(&id)?;
        self.held_bytes -= partial.held_bytes();
        Some(partial.into_datagram(id))
    }
}

impl Partial {
    fn held_bytes(&self) -> usize {
        self.pieces.values().map(|(bytes, _)| bytes.len()).sum()
    }

    /// Whether other bytes than these stand at the same place already.
    fn contradicts(&self, offset: usize, bytes: &[u8]) -> bool {
        let end = offset + bytes.len();
        offset < self.pieces_end
            && self.pieces.range(..end).any(|(&place, (known, _))| {
                let (from, to) = (place.max(offset), end.min(place + known.len()));
                from < to && known[from - place..to - place] != bytes[from - offset..to - offset]
            })
    }

    /// RFC 5722: receivers of IPv6 drop a packet whose fragments overlap, and all that comes of it.
    const fn is_dropped(&self, id: DatagramId) -> bool {
        self.is_contradictory && id.source.is_ipv6()
    }

    fn is_whole(&self) -> bool {
        self.total_size.is_some_and(|total| self.reached().1 >= total)
    }

    /// How far the bytes go from the first one on, and how far the pieces do.
    fn reached(&self) -> (usize, usize) {
        let (mut bytes_end, mut wire_end) = (0, 0);
        for (&offset, (bytes, wire_size)) in &self.pieces {
            if offset > wire_end {
                break;
            }
            if offset <= bytes_end {
                bytes_end = bytes_end.max(offset + bytes.len());
            }
            wire_end = wire_end.max(offset + wire_size);
        }
        (bytes_end, wire_end)
    }

    fn into_datagram(self, id: DatagramId) -> Datagram {
        let (size, _) = self.reached();
        let is_whole = self.is_whole();
        let known_end = self.pieces.iter().map(|(offset, (_, wire_size))| offset + wire_size).max();
        let mut bytes = Vec::with_capacity(size);
        for (offset, (piece, _)) in &self.pieces {
            // What was there before counts: a later piece may not change it.
            if let Some(new) = bytes.len().checked_sub(*offset).and_then(|known| piece.get(known..))
            {
                bytes.extend_from_slice(new);
            }
        }
        bytes.truncate(size);
        let wire_size = self.total_size.or(known_end).unwrap_or(size);
        let (depth, moment) = (self.depth, self.last);
        Datagram { id, depth, bytes, wire_size, is_whole, moment }
    }
}

#[cfg(test)]
#[path = "fragments_tests.rs"]
mod tests;
