//! What waits to be written to each connection, in the order it was queued. Owns no socket; room
//! bytes stay in the rooms' logs.
//!
//! An outbox is a queue of spans: *own* bytes (answers to this connection alone, in its own ring)
//! and *ranges* of room logs. A range that continues the one before it merges with it, so that a
//! whole tick's broadcasts leave in one write. A connection with nothing queued owns no outbox:
//! they stay in one table, and go from hand to hand.
//!
//! Invariants, checked by [`Outboxes::invariants`]: the spans' sizes add up to `queued_bytes`; the
//! own spans' add up to what the ring holds; no span is empty; nothing queued means no outbox; each
//! outbox belongs to one connection or to nobody; the storage of all spans adds up to
//! `spans_bytes`.

use cafewire_core::{chat, echo};
use slotmap::SecondaryMap;

use super::spans::{Span, Spans};
use super::{ConnectionId, RoomId};
use crate::buffers::{BufferPool, RingBuffer};
use crate::config::Limits;

/// Outboxes that keep room for some spans while nothing is queued in them.
const KEPT_OUTBOXES_MAX: usize = 65_536;

#[derive(Debug)]
struct Outbox {
    spans: Spans,
    own: RingBuffer,
    queued_bytes: usize,
    /// The tick in which it was taken from the pool: it has not been empty since.
    since_tick: u64,
    /// Bytes still to go of the frame that a short write cut; `None` where that cannot be told any
    /// more.
    frame_left: Option<usize>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            spans: Spans::default(),
            own: RingBuffer::default(),
            queued_bytes: 0,
            since_tick: 0,
            frame_left: Some(0),
        }
    }
}

impl Outbox {
    fn push(&mut self, span: Span, limit_bytes: usize) -> Queued {
        let held_bytes = self.spans.held_bytes();
        self.queued_bytes += span.len();
        let merged = self.spans.push(span);
        Queued {
            merged,
            grown_bytes: self.spans.held_bytes() - held_bytes,
            is_over: self.queued_bytes > limit_bytes,
        }
    }

    /// What giving it up is thought to give back.
    fn size_bytes(&self) -> usize {
        self.queued_bytes + self.spans.held_bytes()
    }
}

/// What queuing a span did.
#[derive(Clone, Copy)]
struct Queued {
    /// It became part of the last one.
    merged: bool,
    /// By how much the spans' storage has grown.
    grown_bytes: usize,
    /// More is queued than may be.
    is_over: bool,
}

/// An outbox in the table of all, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OutboxId(u32);

impl OutboxId {
    const NONE: Self = Self(u32::MAX);

    const fn place(self) -> usize {
        self.0 as usize
    }
}

/// Whether a connection takes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intake {
    Open,
    /// No more: it is closing.
    Sealed,
    /// No more: a room dropped what was queued for it, and it has not been told yet.
    Lagged,
}

#[derive(Debug)]
struct Entry {
    outbox: OutboxId,
    intake: Intake,
    /// It may have as much queued as anybody, not just as much as somebody whom nobody knows.
    signed_in: bool,
    dirty: bool,
    /// What was given up began in the middle of a frame, so nothing that follows could be
    /// understood.
    broken: bool,
}

impl Entry {
    const NEW: Self = Self {
        outbox: OutboxId::NONE,
        intake: Intake::Open,
        signed_in: false,
        dirty: false,
        broken: false,
    };
}

#[cfg(test)]
pub(super) const ENTRY_BYTES: usize = super::idle_cost::slot_bytes::<Entry>();

/// The outboxes of all connections.
#[derive(Debug, Default)]
pub(super) struct Outboxes {
    entries: SecondaryMap<ConnectionId, Entry>,
    all: Vec<Outbox>,
    /// Those of `all` in which nothing is queued.
    spare: Vec<OutboxId>,
    dirty: Vec<ConnectionId>,
    overflowed: Vec<ConnectionId>,
    /// Storage of spans that counts as a buffer.
    spans_bytes: usize,
    tick: u64,
    limit_bytes: usize,
    limit_bytes_before_sign_in: usize,
}

impl Outboxes {
    pub(super) fn with_places(places: usize) -> Self {
        Self {
            entries: SecondaryMap::with_capacity(places),
            all: Vec::with_capacity(places),
            ..Self::default()
        }
    }

    /// How much may be queued for one connection. Who is over it already is noticed with the next
    /// that is queued.
    pub(super) const fn set_limits(&mut self, limits: &Limits) {
        self.limit_bytes = limits.outbox_bytes;
        self.limit_bytes_before_sign_in = limits.outbox_bytes_before_sign_in;
    }

    pub(super) fn open(&mut self, id: ConnectionId) {
        self.entries.insert(id, Entry::NEW);
    }

    pub(super) fn sign_in(&mut self, id: ConnectionId) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.signed_in = true;
        }
    }

    pub(super) fn queued_bytes(&self, id: ConnectionId) -> usize {
        self.of(id).map_or(0, |outbox| outbox.queued_bytes)
    }

    /// What is queued for this connection, if anything is.
    fn of(&self, id: ConnectionId) -> Option<&Outbox> {
        self.all.get(self.entries.get(id)?.outbox.place())
    }

    /// Connections for which something is queued.
    fn busy(&self) -> impl Iterator<Item = (ConnectionId, &Outbox)> {
        self.entries
            .iter()
            .filter_map(|(id, entry)| Some((id, self.all.get(entry.outbox.place())?)))
    }

    /// Queues bytes for this connection alone: the pieces of one frame.
    pub(super) fn answer(&mut self, id: ConnectionId, pieces: &[&[u8]], pool: &mut BufferPool) {
        let Some((outbox, limit_bytes)) = self.touch(id) else { return };
        let len = pieces.iter().map(|piece| piece.len()).sum();
        for piece in pieces {
            outbox.own.extend(piece, pool);
        }
        let queued = outbox.push(Span::Own { len }, limit_bytes);
        self.note_queued(id, queued);
    }

    /// Queues a range of a room's log. True if that is a new reader of the log, false if the range
    /// merged with the one before it or the connection takes nothing any more.
    pub(super) fn deliver(&mut self, id: ConnectionId, room: RoomId, start: u64, end: u64) -> bool {
        let Some((outbox, limit_bytes)) = self.touch(id) else { return false };
        let queued = outbox.push(Span::Room { room, start, end }, limit_bytes);
        self.note_queued(id, queued);
        !queued.merged
    }

    fn note_queued(&mut self, id: ConnectionId, queued: Queued) {
        self.spans_bytes += queued.grown_bytes;
        if queued.is_over {
            self.overflowed.push(id);
        }
    }

    /// The outbox to queue into, made if need be, and how much it may hold; the connection is
    /// marked for the flush of this tick.
    fn touch(&mut self, id: ConnectionId) -> Option<(&mut Outbox, usize)> {
        let entry = self.entries.get_mut(id)?;
        if entry.intake != Intake::Open {
            return None;
        }
        if !entry.dirty {
            entry.dirty = true;
            self.dirty.push(id);
        }
        if entry.outbox == OutboxId::NONE {
            entry.outbox = match self.spare.pop() {
                Some(spare) => spare,
                None => {
                    let made = OutboxId(u32::try_from(self.all.len()).ok()?);
                    self.all.push(Outbox::default());
                    made
                }
            };
            self.all[entry.outbox.place()].since_tick = self.tick;
        }
        let limit_bytes =
            if entry.signed_in { self.limit_bytes } else { self.limit_bytes_before_sign_in };
        Some((self.all.get_mut(entry.outbox.place())?, limit_bytes))
    }

    /// Connections whose outbox went over its limit. One may come more than once.
    pub(super) fn next_overflowed(&mut self) -> Option<ConnectionId> {
        self.overflowed.pop()
    }

    /// Notes that a room's log left this reader behind: it gets nothing more but what is left of a
    /// half-sent frame and the reason, for what came next would follow a gap.
    pub(super) fn note_lagged(&mut self, id: ConnectionId) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.intake = Intake::Lagged;
            self.overflowed.push(id);
        }
    }

    /// Whether a room left this connection behind since it was asked last. If so it can be told
    /// now: the seal is off.
    pub(super) fn take_lagged(&mut self, id: ConnectionId) -> bool {
        let Some(entry) = self.entries.get_mut(id) else { return false };
        let is_lagged = entry.intake == Intake::Lagged;
        if is_lagged {
            entry.intake = Intake::Open;
        }
        is_lagged
    }

    pub(super) fn mark_dirty(&mut self, id: ConnectionId) {
        if let Some(entry) = self.entries.get_mut(id)
            && !entry.dirty
        {
            entry.dirty = true;
            self.dirty.push(id);
        }
    }

    /// The next connection to flush. Each comes once per tick.
    pub(super) fn next_dirty(&mut self) -> Option<ConnectionId> {
        while let Some(id) = self.dirty.pop() {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.dirty = false;
                return Some(id);
            }
        }
        None
    }

    /// The span to write next, and the own bytes at the front of the ring.
    pub(super) fn front(&self, id: ConnectionId) -> Option<(Span, &[u8])> {
        let outbox = self.of(id)?;
        let span = *outbox.spans.front()?;
        Some((span, outbox.own.front()))
    }

    /// What of the connection's own bytes follows its front in the ring: own spans are one after
    /// the other there.
    pub(super) fn behind_front(&self, id: ConnectionId) -> &[u8] {
        match self.of(id) {
            Some(outbox) if matches!(outbox.spans.front(), Some(Span::Own { .. })) => {
                outbox.own.behind_front()
            }
            _ => &[],
        }
    }

    /// Notes that `chunk` was offered and its first `count` bytes were taken. Gives the room whose
    /// range is done.
    pub(super) fn advance(
        &mut self,
        id: ConnectionId,
        count: usize,
        frame_left: Option<usize>,
        pool: &mut BufferPool,
    ) -> Option<RoomId> {
        let outbox = self.all.get_mut(self.entries.get(id)?.outbox.place())?;
        let span = outbox.spans.front_mut()?;
        assert!(count <= span.len(), "wrote {count} bytes of {}", span.len());
        outbox.frame_left = frame_left;
        outbox.queued_bytes -= count;
        let room = match span {
            Span::Own { len } => {
                *len -= count;
                outbox.own.consume(count, pool);
                None
            }
            Span::Room { room, start, .. } => {
                *start += count as u64;
                Some(*room)
            }
        };
        if span.len() > 0 {
            return None;
        }
        outbox.frame_left = Some(0);
        outbox.spans.pop_front();
        if outbox.spans.is_empty() {
            self.give_back(id);
        }
        room
    }

    pub(super) fn frame_left(&self, id: ConnectionId) -> Option<usize> {
        self.of(id).map_or(Some(0), |outbox| outbox.frame_left)
    }

    /// Between the work and the flush: what is queued from now on belongs to the next tick.
    pub(super) const fn end_tick(&mut self) {
        self.tick += 1;
    }

    /// The largest among those that an earlier tick's flush did not rid of everything, those that
    /// are closing included.
    pub(super) fn largest_leftover(&self) -> Option<ConnectionId> {
        self.busy()
            .filter(|(_, outbox)| outbox.since_tick < self.tick)
            .max_by_key(|(_, outbox)| outbox.size_bytes())
            .map(|(id, _)| id)
    }

    /// Whether something of a room's log is queued for this connection.
    pub(super) fn reads_rooms(&self, id: ConnectionId) -> bool {
        self.of(id).is_some_and(|outbox| outbox.spans.iter().any(|span| span.room().is_some()))
    }

    /// Bytes of storage that the connections' own answers hold.
    pub(super) fn held_bytes(&self) -> usize {
        self.all.iter().map(|outbox| outbox.own.capacity()).sum()
    }

    /// Bytes of storage that long queues of spans hold.
    pub(super) const fn spans_bytes(&self) -> usize {
        self.spans_bytes
    }

    /// The connections for which something of a room's log before this position is still queued,
    /// those that have left the room included. Looks at every connection: this is for the rare
    /// moment when a log must drop bytes.
    pub(super) fn readers_before(&self, room: RoomId, position: u64) -> Vec<ConnectionId> {
        let is_behind = |span: &Span| matches!(*span, Span::Room { room: same, start, .. } if same == room && start < position);
        self.busy()
            .filter(|(_, outbox)| outbox.spans.iter().any(is_behind))
            .map(|(id, _)| id)
            .collect()
    }

    /// Gives up everything queued but the rest of a frame that is half sent, which is kept as own
    /// bytes, so that an Error frame can still follow it. False if that rest is not to be had:
    /// nothing stays then, and nothing may follow. The rooms whose ranges were given up are added
    /// to `released`.
    pub(super) fn cut<'l>(
        &mut self,
        id: ConnectionId,
        pool: &mut BufferPool,
        bytes: impl FnOnce(RoomId, u64, u64) -> Option<&'l [u8]>,
        released: &mut Vec<RoomId>,
    ) -> bool {
        let Some(entry) = self.entries.get_mut(id) else { return false };
        let Some(outbox) = self.all.get_mut(entry.outbox.place()) else { return !entry.broken };
        released.extend(outbox.spans.iter().filter_map(|span| span.room()));
        let kept = match (outbox.frame_left, outbox.spans.front()) {
            (None, _) => None,
            (Some(0), _) => {
                outbox.own.clear(pool);
                Some(0)
            }
            (Some(left), Some(Span::Own { .. })) => {
                outbox.own.truncate(left, pool);
                Some(left)
            }
            (Some(left), Some(&Span::Room { room, start, .. })) => {
                // The canary of the simulation (see Cargo.toml): the receiver finds one byte of the
                // frame missing.
                let left = if cfg!(feature = "broken-on-purpose-for-the-simulation") {
                    left - 1
                } else {
                    left
                };
                outbox.own.clear(pool);
                bytes(room, start, start + left as u64).map(|rest| {
                    outbox.own.extend(rest, pool);
                    left
                })
            }
            (Some(_), None) => Some(0),
        };
        if kept.is_none() {
            outbox.own.clear(pool);
            entry.broken = true;
        }
        self.spans_bytes -= outbox.spans.clear();
        outbox.queued_bytes = kept.unwrap_or(0);
        if outbox.queued_bytes > 0 {
            outbox.spans.push(Span::Own { len: outbox.queued_bytes });
        } else {
            self.give_back(id);
        }
        kept.is_some()
    }

    /// From now on nothing more is queued for this connection.
    pub(super) fn seal(&mut self, id: ConnectionId) {
        if let Some(entry) = self.entries.get_mut(id)
            && entry.intake == Intake::Open
        {
            entry.intake = Intake::Sealed;
        }
    }

    /// Forgets the connection and all that is queued for it.
    pub(super) fn remove(
        &mut self,
        id: ConnectionId,
        pool: &mut BufferPool,
        mut released: impl FnMut(RoomId),
    ) {
        if let Some(outbox) =
            self.entries.get(id).and_then(|entry| self.all.get_mut(entry.outbox.place()))
        {
            outbox.spans.iter().filter_map(|span| span.room()).for_each(&mut released);
            self.spans_bytes -= outbox.spans.clear();
            outbox.own.clear(pool);
            outbox.queued_bytes = 0;
        }
        self.give_back(id);
        self.entries.remove(id);
    }

    /// Nothing is queued for this connection any more: what it had an outbox for is done.
    fn give_back(&mut self, id: ConnectionId) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        let spare = std::mem::replace(&mut entry.outbox, OutboxId::NONE);
        let Some(outbox) = self.all.get_mut(spare.place()) else { return };
        outbox.frame_left = Some(0);
        self.spans_bytes -= outbox.spans.clear();
        if self.spare.len() >= KEPT_OUTBOXES_MAX {
            outbox.spans = Spans::default();
        }
        self.spare.push(spare);
    }

    /// Checks what the module's head promises; calls `range` for each range of a room's log that is
    /// queued.
    pub(super) fn invariants(&self, mut range: impl FnMut(ConnectionId, RoomId, u64, u64)) {
        let mut used = 0;
        for (id, entry) in &self.entries {
            let Some(outbox) = self.all.get(entry.outbox.place()) else { continue };
            used += 1;
            assert!(!outbox.spans.is_empty(), "an outbox with nothing in it");
            let mut own_bytes = 0;
            for span in outbox.spans.iter() {
                assert!(span.len() > 0, "an empty span");
                match *span {
                    Span::Own { len } => own_bytes += len,
                    Span::Room { room, start, end } => range(id, room, start, end),
                }
            }
            assert_eq!(own_bytes, outbox.own.len(), "own bytes miscounted");
            let queued_bytes: usize = outbox.spans.iter().map(|span| span.len()).sum();
            assert_eq!(outbox.queued_bytes, queued_bytes, "queued bytes miscounted");
        }
        assert_eq!(used + self.spare.len(), self.all.len(), "an outbox of two, or of nobody");
        let spans_bytes: usize = self.all.iter().map(|outbox| outbox.spans.held_bytes()).sum();
        assert_eq!(self.spans_bytes, spans_bytes, "storage of spans miscounted");
        for outbox in self.spare.iter().map(|spare| &self.all[spare.place()]) {
            assert!(
                outbox.spans.is_empty() && outbox.spans.held_bytes() + outbox.own.capacity() == 0,
                "a spare outbox holds something"
            );
        }
    }
}

/// How many bytes of the frame that the first `count` of `chunk` end in are still to be written.
/// `before` is that number before this write. A header may lie across the end of the chunk, and go
/// on in what is `behind` it. `None` if there is no such frame.
pub(super) fn frame_left_after(
    before: usize,
    chunk: &[u8],
    behind: &[u8],
    count: usize,
) -> Option<usize> {
    let byte = |at: usize| chunk.get(at).or_else(|| behind.get(at - chunk.len())).copied();
    let mut frame_end = before;
    while frame_end < count {
        frame_end += frame_size(|at| byte(frame_end + at))?;
    }
    Some(frame_end - count)
}

/// The size of a frame that we encoded, from its header.
fn frame_size(byte: impl Fn(usize) -> Option<u8>) -> Option<usize> {
    let length = |at: usize| Some(usize::from(u16::from_be_bytes([byte(at)?, byte(at + 1)?])));
    if byte(0)? == echo::MAGIC_BYTES[0] {
        Some(echo::HEADER_SIZE + length(3)?)
    } else {
        Some(chat::HEADER_SIZE + length(2)? + chat::CHECKSUM_SIZE)
    }
}
