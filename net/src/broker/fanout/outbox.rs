//! What waits to be written to one reader, in the order in which it was queued: its own bytes
//! (answers to it alone) in a ring, and ranges of logs, which stay there.
//!
//! Invariants, checked by [`Outbox::invariants`]: the spans add up to `queued_bytes`; the own spans
//! add up to what the ring holds, and so do the own frames; no span is empty.

use std::collections::VecDeque;

use super::spans::{Span, Spans};
use crate::buf::{BufferPool, RingBuffer};

/// For how many own frames an outbox keeps storage while nothing is queued in it.
const KEPT_FRAMES_MAX: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) spans: Spans,
    pub(super) own: RingBuffer,
    /// What is left of each frame in the ring.
    own_frames: VecDeque<u32>,
    /// The first of them was written in part.
    is_own_partial: bool,
    pub(super) queued_bytes: usize,
    /// Since when more is queued than the soft bound allows, after a try to write.
    pub(super) over_since_ms: Option<u64>,
    /// The transport took less than it was offered, and has not asked for more since.
    pub(super) is_blocked: bool,
    /// It grew beyond its bound while it was blocked, and is to be judged in this tick.
    pub(super) is_overgrown: bool,
}

/// What queuing a span did.
#[derive(Clone, Copy)]
pub(super) struct Queued {
    /// It became part of the last one.
    pub(super) merged: bool,
    /// By how much the spans' storage has grown.
    pub(super) grown_bytes: usize,
}

impl Outbox {
    pub(super) fn push(&mut self, span: Span) -> Queued {
        let held_bytes = self.spans.held_bytes();
        self.queued_bytes += span.len();
        let merged = self.spans.push(span);
        Queued { merged, grown_bytes: self.spans.held_bytes() - held_bytes }
    }

    /// Queues a frame of this reader's own, in pieces.
    #[allow(clippy::cast_possible_truncation)] // a frame is some 64 KiB at most
    pub(super) fn push_own(&mut self, pieces: &[&[u8]], pool: &mut BufferPool) -> Queued {
        let len = pieces.iter().map(|piece| piece.len()).sum::<usize>() as u32;
        for piece in pieces {
            self.own.extend(piece, pool);
        }
        self.own_frames.push_back(len);
        self.push(Span::Own { len })
    }

    /// The first bytes of the ring were written.
    pub(super) fn consume_own(&mut self, mut count: usize, pool: &mut BufferPool) {
        self.own.consume(count, pool);
        self.is_own_partial |= count > 0;
        while let Some(left) = self.own_frames.front_mut() {
            match count.checked_sub(*left as usize) {
                Some(rest) => {
                    count = rest;
                    self.own_frames.pop_front();
                    self.is_own_partial = rest > 0;
                }
                None => {
                    #[allow(clippy::cast_possible_truncation)] // less than what is left of a frame
                    (*left -= count as u32);
                    return;
                }
            }
        }
    }

    /// Bytes of the ring that belong to a frame of which a part was written: none if the ring
    /// starts with a whole frame.
    pub(super) fn own_frame_left(&self) -> usize {
        self.own_frames.front().filter(|_| self.is_own_partial).map_or(0, |&left| left as usize)
    }

    /// Replaces everything by the rest of a frame: by nothing, if that is empty.
    #[allow(clippy::cast_possible_truncation)] // a frame is some 64 KiB at most
    pub(super) fn keep_only(&mut self, rest: Rest<'_>, pool: &mut BufferPool) {
        match rest {
            Rest::Own(left) => self.own.truncate(left, pool),
            Rest::Elsewhere(bytes) => {
                self.own.clear(pool);
                self.own.extend(bytes, pool);
            }
        }
        self.own_frames.clear();
        self.is_own_partial = !self.own.is_empty();
        self.queued_bytes = self.own.len();
        self.over_since_ms = None;
        if !self.own.is_empty() {
            self.own_frames.push_back(self.own.len() as u32);
            self.spans.push(Span::Own { len: self.own.len() as u32 });
        }
    }

    /// Gives back all storage but a little for the next burst. Nothing is queued.
    pub(super) fn reset(&mut self, pool: &mut BufferPool, keeps_spans: bool) -> usize {
        let held_bytes = self.spans.clear();
        if !keeps_spans {
            self.spans = Spans::default();
        }
        self.own.clear(pool);
        self.own_frames.clear();
        if self.own_frames.capacity() > KEPT_FRAMES_MAX || !keeps_spans {
            self.own_frames = VecDeque::new();
        }
        self.is_own_partial = false;
        self.queued_bytes = 0;
        self.over_since_ms = None;
        self.is_blocked = false;
        self.is_overgrown = false;
        held_bytes
    }

    pub(super) fn invariants(&self) {
        let mut own_bytes = 0;
        for span in self.spans.iter() {
            assert!(span.len() > 0, "an empty span");
            if let Span::Own { len } = *span {
                own_bytes += len as usize;
            }
        }
        assert_eq!(own_bytes, self.own.len(), "own bytes miscounted");
        let frames: usize = self.own_frames.iter().map(|&left| left as usize).sum();
        assert_eq!(own_bytes, frames, "own frames miscounted");
        let queued_bytes: usize = self.spans.iter().map(|span| span.len()).sum();
        assert_eq!(self.queued_bytes, queued_bytes, "queued bytes miscounted");
    }
}

/// The rest of a frame of which a part was written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rest<'a> {
    /// The first bytes of the ring: so many.
    Own(usize),
    /// Bytes of a log.
    Elsewhere(&'a [u8]),
}
