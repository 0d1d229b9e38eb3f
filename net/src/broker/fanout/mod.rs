//! Who gets what, in which order: the one owner of logs and of those who read them. Knows readers
//! and bytes; neither what is said in frames nor who says it.
//!
//! ```text
//! publish ─▶ log, and a note in the batch ──deliver──▶ spans in outboxes ──gather──▶ Transmit
//! answer ──────────────────────────────────────────▶ own bytes in one outbox
//! ```
//!
//! A frame for a room is written once, into the room's log. Delivery is put off: see [`batch`].
//! What each reader sees, across rooms and its own answers, is the order in which things were done.

mod batch;
mod check;
mod deliver;
mod history;
mod lists;
mod log;
mod outbox;
mod pressure;
mod readers;
mod spans;
mod transmit;

use std::collections::{BTreeSet, HashMap};

use slotmap::SlotMap;

use self::batch::Batch;
use self::lists::{ListId, Lists};
use self::log::{Log, SpareEnds};
use self::outbox::Rest;
pub(super) use self::pressure::{Judgement, LogRoom};
#[cfg(test)]
pub(super) use self::readers::ENTRY_BYTES;
use self::readers::Readers;
use self::spans::Span;
use self::transmit::Scratch;
pub use self::transmit::Transmit;
use super::ids::{LogId, ReaderId};
use crate::buf::BufferPool;
use crate::config::Limits;

#[derive(Debug, Default)]
pub(super) struct Fanout {
    logs: SlotMap<LogId, Log>,
    readers: Readers,
    lists: Lists,
    batch: Batch,
    scratch: Scratch,
    spare_ends: SpareEnds,
    /// Frames published since the tick started, each as often as it has readers.
    deliveries: usize,
    /// Masks of the batch that is being delivered, with the list for each.
    lists_of_masks: HashMap<u64, Option<ListId>>,
    /// Readers of the batch that is being delivered.
    reached: Vec<ReaderId>,
    /// Logs that may keep what was said, and the one that gave up something last.
    keeping: BTreeSet<LogId>,
    last_to_give_up: LogId,
    chunk_max: usize,
    history_bytes: usize,
    now_ms: u64,
}

impl Fanout {
    pub(super) fn with_places(places: usize, limits: &Limits) -> Self {
        let mut fanout = Self { readers: Readers::with_places(places), ..Self::default() };
        fanout.set_limits(limits);
        fanout
    }

    /// Other limits are in force for what comes from now on.
    pub(super) fn set_limits(&mut self, limits: &Limits) {
        self.chunk_max = log::chunk_max(limits.room_log_bytes);
        self.history_bytes = limits.history_bytes;
        self.readers.set_bounds(limits.outbox_bytes, limits.outbox_bytes_before_sign_in);
    }

    /// The time counts for what is delivered, so whatever may have something delivered sets it.
    pub(super) const fn set_now(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    pub(super) const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// A tick starts.
    pub(super) const fn start_tick(&mut self) {
        self.deliveries = 0;
    }

    /// Deliveries since the tick started: frames, each as often as it has readers.
    pub(super) const fn deliveries(&self) -> usize {
        self.deliveries
    }

    /// So many frames for one reader alone are as much work as so many deliveries.
    pub(super) const fn add_deliveries(&mut self, frames: usize) {
        self.deliveries += frames;
    }

    // ---- Logs ----------------------------------------------------------------------------------

    /// A log for a room; one that may keep frames for those who ask later, or not.
    pub(super) fn open_log(&mut self, may_keep: bool) -> LogId {
        let id = self.logs.insert(Log::of_room());
        if may_keep {
            self.keeping.insert(id);
        }
        id
    }

    /// The room behind a log is gone. The log goes with its last range.
    pub(super) fn close_log(&mut self, id: LogId, pool: &mut BufferPool) {
        if let Some(log) = self.logs.get_mut(id) {
            debug_assert!(log.subscribers.is_empty(), "a room that is gone has members");
            log.lose_room();
            self.keeping.remove(&id);
        }
        if self.batch.logs().contains(&id) {
            // What it said last has no reader, but stands in the batch.
            self.deliver_pending(pool);
        }
        self.drop_log_if_unused(id, pool);
    }

    /// Every new frame of the log is for this reader too. Gives its place among the subscribers.
    pub(super) fn subscribe(&mut self, id: LogId, reader: ReaderId) -> u32 {
        let Some(log) = self.logs.get_mut(id) else { return 0 };
        let place = u32::try_from(log.subscribers.len()).unwrap_or(u32::MAX);
        log.subscribers.push(reader);
        place
    }

    /// Takes a subscriber off; the last one takes its place, and is returned if it moved.
    pub(super) fn unsubscribe(&mut self, id: LogId, place: u32) -> Option<ReaderId> {
        let log = self.logs.get_mut(id)?;
        log.subscribers.swap_remove(place as usize);
        log.subscribers.get(place as usize).copied()
    }

    pub(super) fn subscribers(&self, id: LogId) -> &[ReaderId] {
        self.logs.get(id).map_or(&[], |log| &log.subscribers)
    }

    /// Writes a frame of `size` bytes into a log; every subscriber is to get it, and it is kept for
    /// others or not.
    pub(super) fn publish(
        &mut self,
        id: LogId,
        (size, is_kept): (usize, bool),
        pool: &mut BufferPool,
        write: impl FnOnce(&mut [u8]),
    ) {
        let Some(log) = self.logs.get(id) else { return };
        if !self.batch.has_room_for(log.touched_in) {
            self.deliver_pending(pool);
        }
        let Some(log) = self.logs.get_mut(id) else { return };
        let start = log.head();
        log.append((size, is_kept), self.chunk_max, pool, &mut self.spare_ends, write);
        self.batch.note(id, start, log.head(), &mut log.touched_in);
        self.deliveries += log.subscribers.len();
        if self.batch.is_full() {
            self.deliver_pending(pool);
        }
        if !self.keeping.is_empty() {
            self.bound_history(pool);
        }
    }

    fn drop_log_if_unused(&mut self, id: LogId, pool: &mut BufferPool) {
        if let Some(log) = self.logs.get_mut(id)
            && !log.has_room
        {
            log.drop_unread(pool, &mut self.spare_ends);
            if log.is_empty() {
                self.logs.remove(id);
            }
        }
    }

    // ---- Readers -------------------------------------------------------------------------------

    pub(super) fn open_reader(&mut self, id: ReaderId) {
        self.readers.insert(id);
    }

    /// Queues a frame for this reader alone, in pieces, behind everything that was said before it
    /// in the logs it reads.
    pub(super) fn answer(
        &mut self,
        id: ReaderId,
        reads: impl Iterator<Item = LogId>,
        pieces: &[&[u8]],
        pool: &mut BufferPool,
    ) {
        self.deliver_to(id, reads);
        self.readers.queue_own(id, pieces, pool);
    }

    pub(super) fn queued_bytes(&self, id: ReaderId) -> usize {
        self.readers.outbox(id).map_or(0, |outbox| outbox.queued_bytes)
    }

    /// Bytes that are still to be queued for those who read what was said last.
    pub(super) const fn pending_bytes(&self) -> usize {
        self.batch.bytes()
    }

    /// The reader has said something of its family.
    pub(super) fn set_known(&mut self, id: ReaderId) {
        if let Some(entry) = self.readers.entry_mut(id) {
            entry.is_known = true;
        }
    }

    pub(super) fn mark_dirty(&mut self, id: ReaderId) {
        self.readers.mark_dirty(id);
    }

    pub(super) fn next_dirty(&mut self, marks: &mut usize) -> Option<ReaderId> {
        self.readers.next_dirty(marks)
    }

    pub(super) fn dirty_len(&self) -> usize {
        self.readers.dirty_len()
    }

    /// From now on nothing more is queued for this reader.
    pub(super) fn seal(&mut self, id: ReaderId) {
        self.readers.seal(id);
    }

    /// The bytes to write next.
    pub(super) fn transmit(&mut self, id: ReaderId) -> Transmit<'_> {
        let Self { readers, logs, lists, scratch, .. } = self;
        match readers.outbox(id) {
            Some(outbox) => transmit::gather(outbox, logs, lists, scratch),
            None => Transmit::empty(),
        }
    }

    /// The first `count` bytes of what is queued were written.
    ///
    /// # Panics
    /// If there are not so many.
    pub(super) fn consume(&mut self, id: ReaderId, mut count: usize, pool: &mut BufferPool) {
        let soft_bytes = self.readers.soft_bytes();
        while count > 0 {
            let outbox = self.readers.outbox_mut(id).expect("bytes were taken that are queued");
            let span = *outbox.spans.front().expect("bytes were taken that are queued");
            let taken = count.min(span.len());
            outbox.queued_bytes -= taken;
            if let Span::Own { .. } = span {
                outbox.consume_own(taken, pool);
            }
            outbox.spans.set_front(shortened(span, taken));
            if outbox.queued_bytes <= soft_bytes {
                outbox.over_since_ms = None;
            }
            self.note_shortened(span, taken, pool);
            count -= taken;
        }
        self.readers.give_back_if_empty(id, pool);
    }

    /// The first bytes of a span left an outbox: what it referred to may be free.
    fn note_shortened(&mut self, span: Span, taken: usize, pool: &mut BufferPool) {
        match span {
            Span::Own { .. } => {}
            Span::Range { log, start, len } => {
                let (moved, end) = (start + taken as u64, start + u64::from(len));
                self.shorten_range(log, start, moved, end, pool);
            }
            Span::List { list, .. } if taken == span.len() => self.release_list(list, pool),
            Span::List { .. } => {}
        }
    }

    fn shorten_range(
        &mut self,
        id: LogId,
        start: u64,
        moved: u64,
        end: u64,
        pool: &mut BufferPool,
    ) {
        if let Some(log) = self.logs.get_mut(id) {
            log.shorten_range(start, moved, end, pool, &mut self.spare_ends);
            if !log.has_room && log.is_empty() {
                self.logs.remove(id);
            }
        }
    }

    fn release_list(&mut self, id: ListId, pool: &mut BufferPool) {
        if self.lists.remove_reader(id) {
            self.drop_list(id, pool);
        }
    }

    fn drop_list(&mut self, id: ListId, pool: &mut BufferPool) {
        for at in 0..self.lists.get(id).ranges().len() {
            let lists::Range { log, start, end } = self.lists.get(id).ranges()[at];
            self.shorten_range(log, start, end, end, pool);
        }
        self.lists.drop(id);
    }

    /// Gives up everything queued but the rest of a frame that is half sent, which is kept as own
    /// bytes, so that an Error frame can still follow it. False if that rest is not to be had:
    /// nothing stays then, and nothing may follow.
    pub(super) fn give_up(&mut self, id: ReaderId, pool: &mut BufferPool) -> bool {
        let Some(outbox) = self.readers.outbox(id) else {
            return self.readers.entry_mut(id).is_some_and(|entry| !entry.is_broken);
        };
        let (rest, is_own) = match outbox.spans.front() {
            Some(Span::Own { .. }) => (Some((outbox.own_frame_left(), None)), true),
            Some(span) => (self.rest_of_frame(span), false),
            None => (Some((0, None)), true),
        };
        // A frame is 64 KiB at most, and this is rare.
        let bytes = match rest {
            Some((left, Some((log, start)))) if left > 0 => {
                let mut bytes = Vec::with_capacity(left);
                let log = self.logs.get(log);
                let end = start + left as u64;
                log.iter().flat_map(|log| log.pieces(start, end)).for_each(|piece| {
                    bytes.extend_from_slice(piece);
                });
                bytes
            }
            _ => Vec::new(),
        };
        let is_whole = rest.is_some_and(|(left, _)| is_own || left == bytes.len());
        // The canary of the simulation (see Cargo.toml): the receiver finds one byte of the frame
        // missing.
        let lost = usize::from(cfg!(cafewire_canary) && !is_own && !bytes.is_empty());
        let mut released = Vec::new();
        self.readers.take_spans(id, |span| released.push(*span));
        for span in released {
            self.note_shortened(span, span.len(), pool);
        }
        if let Some(outbox) = self.readers.outbox_mut(id) {
            let rest = match rest {
                Some((left, _)) if is_own => Rest::Own(left),
                _ if is_whole => Rest::Elsewhere(&bytes[lost..]),
                _ => Rest::Own(0),
            };
            outbox.keep_only(rest, pool);
        }
        self.readers.give_back_if_empty(id, pool);
        if !is_whole && let Some(entry) = self.readers.entry_mut(id) {
            entry.is_broken = true;
        }
        is_whole
    }

    /// Bytes left of the frame that was cut by a short write, and where they lie: 0 if a frame
    /// starts here. `None` if that is not known.
    fn rest_of_frame(&self, span: &Span) -> Option<(usize, Option<(LogId, u64)>)> {
        let (log, position) = match *span {
            Span::Own { .. } => return None,
            Span::Range { log, start, .. } => (log, start),
            Span::List { list, at, .. } => {
                let mut skipped = u64::from(at);
                let range = self.lists.get(list).ranges().iter().find(|range| {
                    let is_within = skipped < range.end - range.start;
                    skipped -= if is_within { 0 } else { range.end - range.start };
                    is_within
                })?;
                (range.log, range.start + skipped)
            }
        };
        let left = self.logs.get(log)?.frame_left(position)?;
        Some((left, Some((log, position))))
    }

    /// Removes a reader and all that is queued for it.
    pub(super) fn close_reader(&mut self, id: ReaderId, pool: &mut BufferPool) {
        self.drop_queue(id, pool);
        self.readers.remove(id);
    }

    /// Gives up all that is queued for a reader.
    pub(super) fn drop_queue(&mut self, id: ReaderId, pool: &mut BufferPool) {
        let mut released = Vec::new();
        self.readers.take_spans(id, |span| released.push(*span));
        for span in released {
            self.note_shortened(span, span.len(), pool);
        }
        if let Some(outbox) = self.readers.outbox_mut(id) {
            outbox.keep_only(Rest::Own(0), pool);
        }
        self.readers.give_back_if_empty(id, pool);
    }

    /// Whether something of a log is queued for this reader.
    pub(super) fn reads_logs(&self, id: ReaderId) -> bool {
        self.readers
            .outbox(id)
            .is_some_and(|outbox| outbox.spans.iter().any(|span| !matches!(span, Span::Own { .. })))
    }

    /// Bytes of storage beside the pool's: long queues of spans, and lists.
    pub(super) const fn held_bytes(&self) -> usize {
        self.readers.spans_bytes() + self.lists.held_bytes()
    }
}

/// What is left of a span when its first bytes are taken.
#[allow(clippy::cast_possible_truncation)] // no more than the span's length
const fn shortened(span: Span, taken: usize) -> Span {
    match span {
        Span::Own { len } => Span::Own { len: len - taken as u32 },
        Span::Range { log, start, len } => {
            Span::Range { log, start: start + taken as u64, len: len - taken as u32 }
        }
        Span::List { list, at, len } => {
            Span::List { list, at: at + taken as u32, len: len - taken as u32 }
        }
    }
}
