//! What was said in rooms and not delivered yet, in the order in which it was said.
//!
//! Delivery waits for the end of the tick, or until a batch is full, so that a burst costs each
//! reader one span, whatever rooms it came from. A reader that is answered, joins or leaves in
//! between is given what it is owed up to then (it is *early*); for all others nothing changes.
//!
//! Invariants, checked by [`Batch::invariants`]: segments are not empty; the logs of the batch are
//! those of its segments; they are no more than fit a mask.

use slotmap::Key;

use super::lists::Range;
use crate::broker::ids::{LogId, ReaderId};

/// A batch with more than this is delivered before it goes on, so that what is put off stays small
/// beside the limits.
pub(super) const BATCH_BYTES_MAX: usize = 64 << 10;

/// Logs in a batch: as many as a mask has bits.
pub(super) const BATCH_LOGS_MAX: usize = 64;

/// Segments in a batch.
pub(super) const BATCH_SEGMENTS_MAX: usize = 1024;

/// What a reader is owed of the batch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    batch: u64,
    /// It has had the segments before this one.
    pub(super) first_segment: u32,
    /// The logs of the batch that it reads, a bit for each.
    pub(super) mask: u64,
}

#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Ranges of logs in the order in which they were said. No two in a row are of one log, unless
    /// a reader was early between them.
    segments: Vec<Range>,
    logs: Vec<LogId>,
    bytes: usize,
    /// Tells it from the batches before. 0 is none.
    number: u64,
    /// The next frame does not belong to the last segment.
    is_last_closed: bool,
    early: u32,
    /// By the slot of the reader.
    marks: Vec<Mark>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes > BATCH_BYTES_MAX || self.segments.len() >= BATCH_SEGMENTS_MAX
    }

    /// Bytes that are still to be queued for those who read the logs of the batch.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn logs(&self) -> &[LogId] {
        &self.logs
    }

    pub(super) fn segments(&self) -> &[Range] {
        &self.segments
    }

    /// Whether a reader was given a part of the batch before the others.
    pub(super) const fn has_early(&self) -> bool {
        self.early > 0
    }

    /// The place of a log among those of this batch, if it has spoken.
    pub(super) fn bit_of(&self, touched_in: (u64, u8)) -> Option<u8> {
        (touched_in.0 == self.number && !self.segments.is_empty()).then_some(touched_in.1)
    }

    /// Notes a frame. `touched_in` is the log's, and kept up to date. The batch must have room: see
    /// [`has_room_for`](Self::has_room_for).
    pub(super) fn note(&mut self, log: LogId, start: u64, end: u64, touched_in: &mut (u64, u8)) {
        if self.segments.is_empty() {
            self.number += 1;
        }
        if self.bit_of(*touched_in).is_none() {
            #[allow(clippy::cast_possible_truncation)] // 64 at most
            let bit = self.logs.len() as u8;
            *touched_in = (self.number, bit);
            self.logs.push(log);
        }
        #[allow(clippy::cast_possible_truncation)] // a frame
        let len = (end - start) as usize;
        self.bytes += len;
        match self.segments.last_mut() {
            Some(last) if last.log == log && !self.is_last_closed => last.end = end,
            _ => self.segments.push(Range { log, start, end }),
        }
        self.is_last_closed = false;
    }

    /// Whether a frame of this log can be noted.
    pub(super) fn has_room_for(&self, touched_in: (u64, u8)) -> bool {
        self.logs.len() < BATCH_LOGS_MAX || self.bit_of(touched_in).is_some()
    }

    /// What the reader is owed of this batch so far.
    pub(super) fn mark(&mut self, reader: ReaderId) -> &mut Mark {
        let slot = slot_of(reader);
        if slot >= self.marks.len() {
            self.marks.resize(slot + 1, Mark::default());
        }
        let mark = &mut self.marks[slot];
        if mark.batch != self.number {
            *mark = Mark { batch: self.number, first_segment: 0, mask: 0 };
        }
        mark
    }

    /// The reader has been given everything up to now.
    pub(super) fn note_early(&mut self, reader: ReaderId) {
        #[allow(clippy::cast_possible_truncation)] // bounded above
        let segments = self.segments.len() as u32;
        self.mark(reader).first_segment = segments;
        self.is_last_closed = true;
        self.early += 1;
    }

    /// The first segment that the reader has not had.
    pub(super) fn first_segment(&self, reader: ReaderId) -> usize {
        let mark = self.marks.get(slot_of(reader));
        mark.filter(|mark| mark.batch == self.number).map_or(0, |mark| mark.first_segment as usize)
    }

    /// Everything is delivered.
    pub(super) fn clear(&mut self) {
        self.segments.clear();
        self.logs.clear();
        self.bytes = 0;
        self.early = 0;
        self.is_last_closed = false;
        // Marks of this batch mean nothing for the next, which has another number.
    }

    pub(super) fn invariants(&self) {
        assert!(self.logs.len() <= BATCH_LOGS_MAX);
        assert!(self.segments.iter().all(|segment| segment.start < segment.end));
        assert!(self.segments.iter().all(|segment| self.logs.contains(&segment.log)));
        let bytes: u64 = self.segments.iter().map(|segment| segment.end - segment.start).sum();
        assert_eq!(bytes, self.bytes as u64, "bytes of the batch miscounted");
    }
}

/// Slots are numbered from 1 on, so that a table of them is as long as there are readers.
#[allow(clippy::cast_possible_truncation)] // the lower half is the slot
fn slot_of(reader: ReaderId) -> usize {
    reader.data().as_ffi() as u32 as usize
}
