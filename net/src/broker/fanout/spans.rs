//! What one queue has to write, as spans, in order. Knows where bytes lie, never the bytes
//! themselves.
//!
//! The storage of a long queue counts as a buffer: a reader that takes nothing while its rooms
//! speak by turns is owed spans that hold more bytes than many a frame. That of a short one, which
//! every outbox may keep for its next burst, does not count.

use std::collections::VecDeque;

use super::lists::ListId;
use crate::broker::ids::LogId;

/// For how many spans an outbox keeps storage while nothing is queued in it.
const KEPT_SPANS_MAX: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// Bytes of this queue alone, in its ring.
    Own { len: u32 },
    /// A range of a log.
    Range { start: u64, log: LogId, len: u32 },
    /// What is left of a list of ranges, from so many bytes on.
    List { list: ListId, at: u32, len: u32 },
}

impl Span {
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Own { len } | Self::Range { len, .. } | Self::List { len, .. } => len as usize,
        }
    }

    fn len_mut(&mut self) -> &mut u32 {
        match self {
            Self::Own { len } | Self::Range { len, .. } | Self::List { len, .. } => len,
        }
    }

    /// Whether `next` goes on where this span ends, so that both can be one.
    fn continues_with(&self, next: &Self) -> bool {
        match (self, next) {
            (Self::Own { .. }, Self::Own { .. }) => true,
            (
                Self::Range { start, log, len },
                Self::Range { start: next_start, log: next_log, .. },
            ) => log == next_log && start + u64::from(*len) == *next_start,
            _ => false,
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
        if let Some(last) = self.queue.back_mut()
            && last.continues_with(&span)
            && let (Some(sum), last_len) =
                (u32::try_from(last.len() + span.len()).ok(), last.len_mut())
        {
            *last_len = sum;
            return true;
        }
        self.queue.push_back(span);
        false
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Span> {
        self.queue.iter()
    }

    /// The span, if there is but one.
    pub(super) fn only(&self) -> Option<&Span> {
        if self.queue.len() == 1 { self.queue.front() } else { None }
    }

    pub(super) fn front(&self) -> Option<&Span> {
        self.queue.front()
    }

    /// Replaces the first span by what is left of it; by nothing if nothing is.
    pub(super) fn set_front(&mut self, left: Span) {
        if left.len() == 0 {
            self.queue.pop_front();
        } else if let Some(front) = self.queue.front_mut() {
            *front = left;
        }
    }

    /// Removes all spans, and gives storage that counts back: so many bytes.
    pub(super) fn clear(&mut self) -> usize {
        let held_bytes = self.held_bytes();
        self.queue.clear();
        if held_bytes > 0 {
            self.queue = VecDeque::new();
        }
        held_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::SlotMap;

    #[test]
    fn spans_merge_where_one_goes_on_with_the_other() {
        let mut logs = SlotMap::<LogId, ()>::with_key();
        let (one, two) = (logs.insert(()), logs.insert(()));
        let range = |log, start, len| Span::Range { log, start, len };
        let mut spans = Spans::default();
        for (span, merges) in [
            (range(one, 0, 5), false),
            (range(one, 5, 1), true),
            (range(one, 7, 1), false),
            (range(two, 8, 1), false),
            (Span::Own { len: 2 }, false),
            (Span::Own { len: 3 }, true),
            (Span::List { list: ListId(0), at: 0, len: 1 }, false),
            (Span::List { list: ListId(0), at: 1, len: 1 }, false),
        ] {
            assert_eq!(spans.push(span), merges, "{span:?}");
        }
        assert_eq!(spans.front(), Some(&range(one, 0, 6)));
        spans.set_front(range(one, 4, 2));
        assert_eq!(spans.front(), Some(&range(one, 4, 2)));
        spans.set_front(range(one, 6, 0));
        assert_eq!(spans.front(), Some(&range(one, 7, 1)));
        assert_eq!(size_of::<Span>(), 24);
    }

    #[test]
    fn a_span_never_outgrows_its_length() {
        let log = SlotMap::<LogId, ()>::with_key().insert(());
        let mut spans = Spans::default();
        let half = 1 << 31;
        assert!(!spans.push(Span::Range { log, start: 0, len: half }));
        assert!(!spans.push(Span::Range { log, start: u64::from(half), len: half }));
    }
}
