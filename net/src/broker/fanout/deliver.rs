//! From the batch to the outboxes: each reader gets one span of what was said in its rooms, however
//! often they took turns. Readers that are in the same rooms of the batch share one list.

use super::batch::Mark;
use super::lists::{ListId, Range};
use super::spans::Span;
use super::{Fanout, LogId, ReaderId};
use crate::buf::BufferPool;

impl Fanout {
    /// Delivers what was put off.
    pub(in crate::broker) fn deliver_pending(&mut self, pool: &mut BufferPool) {
        if self.batch.is_empty() {
            return;
        }
        if let &[log] = self.batch.logs() {
            self.deliver_log(log);
        } else {
            self.deliver_logs(pool);
        }
        for at in 0..self.batch.logs().len() {
            let id = self.batch.logs()[at];
            if let Some(log) = self.logs.get_mut(id) {
                log.settle(self.now_ms);
                log.drop_unread(pool, &mut self.spare_ends);
            }
        }
        self.batch.clear();
    }

    /// One room spoke: its subscribers get the range.
    fn deliver_log(&mut self, id: LogId) {
        let Some(log) = self.logs.get_mut(id) else { return };
        let (Some(first), Some(last)) =
            (self.batch.segments().first(), self.batch.segments().last())
        else {
            return;
        };
        let (start, end) = (first.start, last.end);
        let span = Range { log: id, start, end }.span();
        let (mut new, mut merged) = (0, 0);
        for &reader in &log.subscribers {
            if self.batch.has_early() && self.batch.first_segment(reader) > 0 {
                continue;
            }
            if let Some(queued) = self.readers.queue(reader, span) {
                new += usize::from(!queued.merged);
                merged += usize::from(queued.merged);
            }
        }
        log.add_ranges(start, end, new, merged);
        if self.batch.has_early() {
            self.deliver_log_to_early(id);
        }
    }

    /// The subscribers that have had a part of the batch already get the rest.
    fn deliver_log_to_early(&mut self, id: LogId) {
        let mut early = std::mem::take(&mut self.reached);
        let Self { batch, logs, .. } = self;
        let subscribers = logs.get(id).map_or(&[][..], |log| &log.subscribers);
        early.extend(subscribers.iter().filter(|&&reader| batch.first_segment(reader) > 0));
        for reader in early.drain(..) {
            self.queue_segments(reader, self.batch.first_segment(reader), u64::MAX);
        }
        self.reached = early;
    }

    /// Several rooms spoke by turns: each reader gets what was said in those it is in.
    fn deliver_logs(&mut self, pool: &mut BufferPool) {
        let mut reached = std::mem::take(&mut self.reached);
        for bit in 0..self.batch.logs().len() {
            let Some(log) = self.logs.get(self.batch.logs()[bit]) else { continue };
            for &reader in &log.subscribers {
                let mark = self.batch.mark(reader);
                if mark.mask == 0 {
                    reached.push(reader);
                }
                mark.mask |= 1 << bit;
            }
        }
        let mut last = (0, None);
        for reader in reached.drain(..) {
            let Mark { first_segment, mask, .. } = *self.batch.mark(reader);
            if first_segment > 0 || mask.is_power_of_two() {
                self.queue_segments(reader, first_segment as usize, mask);
                continue;
            }
            if last.0 != mask {
                last = (mask, self.list_of(mask));
            }
            if let Some(list) = last.1 {
                let span = Span::List { list, at: 0, len: self.lists.get(list).len() };
                if self.readers.queue(reader, span).is_some() {
                    self.lists.add_reader(list);
                }
            }
        }
        self.reached = reached;
        // Readers that are closing take nothing, and may have been the only ones of their mask.
        let mut made = std::mem::take(&mut self.lists_of_masks);
        for (_, list) in made.drain() {
            if let Some(list) = list.filter(|&list| self.lists.is_unread(list)) {
                self.drop_list(list, pool);
            }
        }
        self.lists_of_masks = made;
    }

    /// The list of what the logs of this mask said in the batch.
    fn list_of(&mut self, mask: u64) -> Option<ListId> {
        if let Some(&made) = self.lists_of_masks.get(&mask) {
            return made;
        }
        let Self { batch, logs, lists, .. } = self;
        let segments = batch.segments().iter().filter(|segment| {
            let touched_in = logs.get(segment.log).map(|log| log.touched_in);
            touched_in.is_some_and(|(_, bit)| mask & (1 << bit) != 0)
        });
        let made = lists.make(segments.copied());
        if let Some(list) = made {
            for range in lists.get(list).ranges() {
                if let Some(log) = logs.get_mut(range.log) {
                    log.add_ranges(range.start, range.end, 1, 0);
                }
            }
        }
        self.lists_of_masks.insert(mask, made);
        made
    }

    /// Queues the segments of these logs for one reader, from the given one on.
    fn queue_segments(&mut self, reader: ReaderId, first_segment: usize, mask: u64) {
        let Self { batch, logs, readers, .. } = self;
        let mut joined: Option<Range> = None;
        let segments = batch.segments().get(first_segment..).unwrap_or_default();
        for segment in segments.iter().map(Some).chain([None]) {
            if let Some(segment) = segment {
                let touched_in = logs.get(segment.log).map_or((0, 0), |log| log.touched_in);
                if mask & (1 << touched_in.1) == 0 {
                    continue;
                }
                if let Some(before) = &mut joined
                    && before.log == segment.log
                    && before.end == segment.start
                {
                    before.end = segment.end;
                    continue;
                }
            }
            if let Some(range) = std::mem::replace(&mut joined, segment.copied())
                && let Some(queued) = readers.queue(reader, range.span())
                && let Some(log) = logs.get_mut(range.log)
            {
                let (new, extended) = if queued.merged { (0, 1) } else { (1, 0) };
                log.add_ranges(range.start, range.end, new, extended);
            }
        }
    }

    /// Gives one reader what the logs it reads have said up to now, before all others get it: it is
    /// about to be answered, to join or to leave.
    pub(in crate::broker) fn deliver_to(
        &mut self,
        reader: ReaderId,
        reads: impl Iterator<Item = LogId>,
    ) {
        if self.batch.is_empty() {
            return;
        }
        let Self { batch, logs, .. } = self;
        let bits = reads.filter_map(|id| batch.bit_of(logs.get(id)?.touched_in));
        let mask = bits.fold(0_u64, |mask, bit| mask | 1 << bit);
        if mask != 0 {
            self.queue_segments(reader, self.batch.first_segment(reader), mask);
            self.batch.note_early(reader);
        }
    }

    /// Gives one reader that is about to subscribe to a log what it is owed up to now; of what the
    /// batch has from that log it gets nothing.
    pub(in crate::broker) fn start_late(
        &mut self,
        reader: ReaderId,
        reads: impl Iterator<Item = LogId>,
        log: LogId,
    ) {
        self.deliver_to(reader, reads);
        let has_spoken =
            self.logs.get(log).is_some_and(|log| self.batch.bit_of(log.touched_in).is_some());
        if has_spoken {
            self.batch.note_early(reader);
        }
    }
}

impl Range {
    const fn span(&self) -> Span {
        Span::Range { log: self.log, start: self.start, len: self.len() }
    }
}
