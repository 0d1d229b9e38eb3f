//! What one outbox has to write, as spans, in order. Knows where bytes lie, never the bytes
//! themselves.
//!
//! A peer that reads nothing while its rooms take turns to speak is owed a span for each frame,
//! which is more than many a frame has bytes. So the storage of a long queue counts as a buffer;
//! that of a short one, which every outbox may keep for its next burst, does not.

use std::collections::VecDeque;

use super::RoomId;

/// For how many spans an outbox keeps room while nothing is queued in it.
const KEPT_SPANS_MAX: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Own { len: usize },
    Room { room: RoomId, start: u64, end: u64 },
}

impl Span {
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Own { len } => len,
            #[allow(clippy::cast_possible_truncation)] // bounded by the room log's limit
            Self::Room { start, end, .. } => (end - start) as usize,
        }
    }

    pub(super) const fn room(&self) -> Option<RoomId> {
        match *self {
            Self::Own { .. } => None,
            Self::Room { room, .. } => Some(room),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Spans {
    queue: VecDeque<Span>,
}

impl Spans {
    /// Bytes of storage that count as a buffer.
    pub(super) fn held_bytes(&self) -> usize {
        let places = self.queue.capacity();
        if places > KEPT_SPANS_MAX { places * size_of::<Span>() } else { 0 }
    }

    /// Queues a span, as part of the last one if it continues that; true if so.
    pub(super) fn push(&mut self, span: Span) -> bool {
        match (self.queue.back_mut(), span) {
            (Some(Span::Own { len: before }), Span::Own { len }) => *before += len,
            (Some(Span::Room { room: same, end: before, .. }), Span::Room { room, start, end })
                if *same == room && *before == start =>
            {
                *before = end;
            }
            _ => {
                self.queue.push_back(span);
                return false;
            }
        }
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Span> {
        self.queue.iter()
    }

    pub(super) fn front(&self) -> Option<&Span> {
        self.queue.front()
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut Span> {
        self.queue.front_mut()
    }

    pub(super) fn pop_front(&mut self) {
        self.queue.pop_front();
    }

    /// Forgets all. Storage that counts is given back: so many bytes.
    pub(super) fn clear(&mut self) -> usize {
        let held_bytes = self.held_bytes();
        self.queue.clear();
        if held_bytes > 0 {
            self.queue = VecDeque::new();
        }
        held_bytes
    }
}
