//! When to look at a connection again. Times are milliseconds of the caller's clock.
//!
//! A connection has one entry as long as it is open. The entry is a promise to look, not the deadline itself: whoever
//! looks asks the connection for its present deadline and enters that. So a frame that puts a deadline off costs
//! nothing here.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::ConnectionId;

#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(u64, ConnectionId)>>,
}

#[cfg(test)]
pub(super) const TIMER_BYTES: usize = size_of::<Reverse<(u64, ConnectionId)>>();

impl Timers {
    pub(super) fn set(&mut self, at_ms: u64, id: ConnectionId) {
        self.heap.push(Reverse((at_ms, id)));
    }

    /// Forgets every entry: whoever calls this makes new ones.
    pub(super) fn clear(&mut self) {
        self.heap.clear();
    }

    /// When the earliest entry is due.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at_ms, _))| *at_ms)
    }

    /// Takes an entry that is due.
    pub(super) fn pop_due(&mut self, now_ms: u64) -> Option<ConnectionId> {
        if self.next_ms()? > now_ms {
            return None;
        }
        self.heap.pop().map(|Reverse((_, id))| id)
    }

    /// Drops the entries of connections that are gone, when they have become the greater part.
    pub(super) fn tidy(&mut self, live: usize, is_live: impl Fn(ConnectionId) -> bool) {
        if self.heap.len() > 2 * live + 1024 {
            self.heap.retain(|Reverse((_, id))| is_live(*id));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}
