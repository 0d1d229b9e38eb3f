//! Readers that do not keep up: when a log has no room because of them, when one has too much
//! queued, and which one pins the most storage.
//!
//! A reader is judged only after its transport was offered what is queued and did not take it
//! (*blocked*): what was queued in this very tick is no sign of slowness.

use std::collections::HashSet;

use super::log::Chunk;
use super::outbox::Outbox;
use super::spans::Span;
use super::{Fanout, LogId, ReaderId};
use crate::buf::BufferPool;
use crate::config::Limits;

/// Whether a frame can be written into a log now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker) enum LogRoom {
    Ready,
    /// Not yet: readers of its oldest bytes are to be given the time to take them, until then at
    /// the longest. Without a time: until they were tried.
    Wait {
        until_ms: Option<u64>,
    },
    /// Not as long as [`lagging`](Fanout::lagging) readers need its oldest bytes.
    Lagging,
}

/// What is to be done with a reader that did not take all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker) enum Judgement {
    Keep,
    /// It has more queued than is good since now, and is to be tried again then.
    KeepUntil(u64),
    /// It is a slow consumer.
    Slow,
}

impl Fanout {
    /// Whether so many bytes more fit into the logs of one room now, beside what readers need.
    pub(in crate::broker) fn has_log_space(
        &self,
        ids: impl Iterator<Item = LogId> + Clone,
        size: usize,
        limits: &Limits,
    ) -> bool {
        let held = self.held_by(ids.clone());
        let kept: usize = ids.filter_map(|id| self.logs.get(id)).map(|log| log.kept()).sum();
        held - kept + size <= limits.room_log_bytes
    }

    /// Whether so many bytes can be written into the logs of one room, all together.
    pub(in crate::broker) fn log_room(
        &mut self,
        ids: impl Iterator<Item = LogId> + Clone,
        size: usize,
        limits: &Limits,
        pool: &mut BufferPool,
    ) -> LogRoom {
        // Almost always all that is there and the frame fit together.
        if self.held_by(ids.clone()) + size <= limits.room_log_bytes {
            return LogRoom::Ready;
        }
        if !self.has_log_space(ids.clone(), size, limits) {
            self.deliver_pending(pool);
        }
        if self.has_log_space(ids.clone(), size, limits) {
            self.make_log_space(ids, size, limits, pool);
            return LogRoom::Ready;
        }
        let Some((id, oldest)) = self.oldest_needed(ids) else { return LogRoom::Ready };
        let ((start, end), settled_ms) = (oldest.positions(), oldest.settled_ms());
        if self.readers_of(id, start, end).any(|(_, outbox)| !outbox.is_blocked) {
            return LogRoom::Wait { until_ms: None };
        }
        let until_ms = settled_ms.saturating_add(millis(limits.full_room_time));
        if until_ms > self.now_ms {
            LogRoom::Wait { until_ms: Some(until_ms) }
        } else {
            LogRoom::Lagging
        }
    }

    /// Of the logs of one room, the chunk that readers have been needing for the longest time.
    fn oldest_needed(&self, ids: impl Iterator<Item = LogId>) -> Option<(LogId, &Chunk)> {
        let chunks = ids.filter_map(|id| Some((id, self.logs.get(id)?.oldest()?)));
        chunks.min_by_key(|(_, chunk)| chunk.settled_ms())
    }

    /// The readers that need the oldest bytes of a room's logs.
    pub(in crate::broker) fn lagging(&self, ids: impl Iterator<Item = LogId>) -> Vec<ReaderId> {
        let Some((id, oldest)) = self.oldest_needed(ids) else { return Vec::new() };
        let (start, end) = oldest.positions();
        self.readers_of(id, start, end).map(|(reader, _)| reader).collect()
    }

    /// The readers for which something between two positions of a log is queued, those that have
    /// left the room included. Looks at every reader: this is for the rare moment when a log is
    /// full.
    fn readers_of(
        &self,
        id: LogId,
        start: u64,
        end: u64,
    ) -> impl Iterator<Item = (ReaderId, &Outbox)> {
        let touches = move |from: u64, to: u64| from < end && start < to;
        self.readers.busy().filter(move |(_, outbox)| {
            outbox.spans.iter().any(|span| match *span {
                Span::Own { .. } => false,
                Span::Range { log, start, len } => {
                    log == id && touches(start, start + u64::from(len))
                }
                Span::List { list, .. } => self
                    .lists
                    .get(list)
                    .ranges()
                    .iter()
                    .any(|range| range.log == id && touches(range.start, range.end)),
            })
        })
    }

    /// The transport took less than was offered.
    pub(in crate::broker) fn handle_blocked(
        &mut self,
        id: ReaderId,
        limits: &Limits,
        now_ms: u64,
    ) -> Judgement {
        if let Some(outbox) = self.readers.outbox_mut(id) {
            outbox.is_blocked = true;
        }
        self.judge(id, limits, now_ms)
    }

    /// The next reader to be judged because more was queued for it although it takes nothing.
    pub(in crate::broker) fn next_overgrown(&mut self) -> Option<ReaderId> {
        self.readers.next_overgrown()
    }

    /// Whether a reader that did not take all may go on.
    pub(in crate::broker) fn judge(
        &mut self,
        id: ReaderId,
        limits: &Limits,
        now_ms: u64,
    ) -> Judgement {
        let is_known = self.readers.is_known(id);
        let is_sealed = self.readers.is_sealed(id);
        let Some(outbox) = self.readers.outbox_mut(id) else { return Judgement::Keep };
        if is_sealed || !outbox.is_blocked {
            return Judgement::Keep;
        }
        let (soft, hard) = if is_known {
            (limits.outbox_bytes, limits.outbox_hard_bytes)
        } else {
            (limits.outbox_bytes_before_sign_in, limits.outbox_bytes_before_sign_in)
        };
        if outbox.queued_bytes > hard {
            return Judgement::Slow;
        }
        if outbox.queued_bytes <= soft {
            outbox.over_since_ms = None;
            return Judgement::Keep;
        }
        let is_new = outbox.over_since_ms.is_none();
        let since_ms = *outbox.over_since_ms.get_or_insert(now_ms);
        let until_ms = since_ms.saturating_add(millis(limits.slow_consumer_time));
        match (until_ms <= now_ms, is_new) {
            (true, _) => Judgement::Slow,
            (false, true) => Judgement::KeepUntil(until_ms),
            (false, false) => Judgement::Keep,
        }
    }

    /// Since when a reader has had more queued than is good in the long run, if it has.
    pub(in crate::broker) fn over_since_ms(&self, id: ReaderId) -> Option<u64> {
        self.readers.outbox(id).and_then(|outbox| outbox.over_since_ms)
    }

    /// Of the readers that were tried and did not take all, the one that pins the most storage:
    /// those that are closing included, and what they need of logs.
    pub(in crate::broker) fn largest_blocked(&self) -> Option<ReaderId> {
        let blocked = self.readers.busy().filter(|(_, outbox)| outbox.is_blocked);
        blocked.max_by_key(|(_, outbox)| self.pinned_bytes(outbox)).map(|(id, _)| id)
    }

    /// Bytes of storage that could be given back but for this outbox: its own, and all chunks of
    /// logs that it needs, whether or not others need them too.
    fn pinned_bytes(&self, outbox: &Outbox) -> usize {
        let mut chunks = HashSet::new();
        let mut pinned = outbox.own.capacity() + outbox.spans.held_bytes();
        let mut pin = |log: LogId, start: u64, end: u64| {
            let touched = self.logs.get(log).into_iter().flat_map(|log| log.pinned_by(start, end));
            touched
                .filter(|&(position, _)| chunks.insert((log, position)))
                .map(|(_, storage)| storage)
                .sum::<usize>()
        };
        for span in outbox.spans.iter() {
            pinned += match *span {
                Span::Own { .. } => 0,
                Span::Range { log, start, len } => pin(log, start, start + u64::from(len)),
                Span::List { list, .. } => {
                    let ranges = self.lists.get(list).ranges().iter();
                    ranges.map(|range| pin(range.log, range.start, range.end)).sum()
                }
            };
        }
        pinned
    }
}

/// A duration that can be added to any time without overflow.
fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
