//! What the fan-out promises, checked across its parts: nothing for a server, everything for tests
//! and the simulation.

use std::collections::HashMap;

use super::lists::ListId;
use super::spans::Span;
use super::{Fanout, LogId, ReaderId};

impl Fanout {
    /// Checks that logs, lists, queues and the batch agree.
    ///
    /// # Panics
    /// If a promise is broken.
    pub(in crate::broker) fn invariants(&self, has_connection: impl Fn(ReaderId) -> bool) {
        self.readers.invariants();
        self.batch.invariants();
        let mut ranges: HashMap<LogId, Vec<(u64, u64)>> = HashMap::new();
        let mut list_readers: HashMap<u32, u32> = HashMap::new();
        for (reader, outbox) in self.readers.busy() {
            assert!(has_connection(reader), "an outbox without its connection");
            for span in outbox.spans.iter() {
                match *span {
                    Span::Own { .. } => {}
                    Span::Range { log, start, len } => {
                        let end = start + u64::from(len);
                        self.assert_there(log, start, end);
                        ranges.entry(log).or_default().push((start, end));
                    }
                    Span::List { list: ListId(number), at, len } => {
                        let list = self.lists.get(ListId(number));
                        assert_eq!(at + len, list.len(), "a list of another length");
                        *list_readers.entry(number).or_default() += 1;
                    }
                }
            }
        }
        for &number in list_readers.keys() {
            for range in self.lists.get(ListId(number)).ranges() {
                self.assert_there(range.log, range.start, range.end);
                ranges.entry(range.log).or_default().push((range.start, range.end));
            }
        }
        self.lists.invariants(|ListId(number)| list_readers.get(&number).copied().unwrap_or(0));
        for (id, log) in &self.logs {
            let ranges = ranges.get(&id).map_or(&[][..], |ranges| ranges);
            log.invariants(|start, end| {
                ranges.iter().filter(|&&(from, to)| from < end && start < to).count()
            });
            assert!(log.has_room || !log.is_empty(), "a log without a room or readers stays");
            assert!(log.has_room || log.subscribers.is_empty(), "a log without a room has members");
        }
    }

    fn assert_there(&self, log: LogId, start: u64, end: u64) {
        let pieces = self.logs.get(log).map(|log| log.pieces(start, end));
        let len: usize = pieces.into_iter().flatten().map(<[u8]>::len).sum();
        assert_eq!(len as u64, end - start, "a lost range");
    }

    /// Bytes of storage from the pool that logs and queues hold.
    pub(in crate::broker) fn lent_bytes(&self) -> usize {
        self.log_bytes() + self.readers.own_bytes()
    }

    /// The same of the logs alone.
    pub(in crate::broker) fn log_bytes(&self) -> usize {
        self.logs.values().map(|log| log.storage()).sum()
    }
}
