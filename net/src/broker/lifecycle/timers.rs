//! When to look at a connection again. Times are milliseconds of the caller's clock.
//!
//! A connection has one entry as long as it is open. The entry is a promise to look, not the
//! deadline itself: the caller that checks asks the connection for its present deadline and enters
//! that. So a frame that puts a deadline off costs nothing here, and an entry may come too early.
//!
//! Every connection has one, so they are small: 32 bits of milliseconds from a base that follows
//! the clock. What lies farther ahead is looked at when it is as far as these reach.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::broker::ids::ConnectionId;

/// The base follows the clock when it is this far behind, 24 days: half of what an entry can tell.
const BASE_LAG_MS: u64 = 1 << 31;

#[derive(Debug, Default)]
pub(in crate::broker) struct Timers {
    /// Milliseconds from the base, and which connection to check.
    heap: BinaryHeap<Reverse<(u32, ConnectionId)>>,
    base_ms: u64,
}

#[cfg(test)]
pub(in crate::broker) const TIMER_BYTES: usize = size_of::<Reverse<(u32, ConnectionId)>>();

impl Timers {
    pub(in crate::broker) fn with_places(places: usize) -> Self {
        Self { heap: BinaryHeap::with_capacity(places), base_ms: 0 }
    }

    /// Has [`pop_due`](Self::pop_due) give this connection at that time, or earlier if that is
    /// weeks ahead.
    pub(in crate::broker) fn set(&mut self, at_ms: u64, id: ConnectionId) {
        let from_base = u32::try_from(at_ms.saturating_sub(self.base_ms)).unwrap_or(u32::MAX);
        self.heap.push(Reverse((from_base, id)));
    }

    /// Forgets every entry: the caller makes new ones.
    pub(in crate::broker) fn clear(&mut self) {
        self.heap.clear();
    }

    /// When the earliest entry is due.
    pub(in crate::broker) fn next_ms(&self) -> Option<u64> {
        self.heap
            .peek()
            .map(|Reverse((from_base, _))| self.base_ms.saturating_add(u64::from(*from_base)))
    }

    /// Takes an entry that is due.
    pub(in crate::broker) fn pop_due(&mut self, now_ms: u64) -> Option<ConnectionId> {
        self.follow(now_ms);
        if self.next_ms()? > now_ms {
            return None;
        }
        self.heap.pop().map(|Reverse((_, id))| id)
    }

    /// Moves the base when the clock has left it far behind. What was due stays due.
    fn follow(&mut self, now_ms: u64) {
        let lag_ms = now_ms.saturating_sub(self.base_ms);
        if lag_ms >= BASE_LAG_MS {
            let moved = u32::try_from(lag_ms).unwrap_or(u32::MAX);
            let mut entries = std::mem::take(&mut self.heap).into_vec();
            for Reverse((from_base, _)) in &mut entries {
                *from_base = from_base.saturating_sub(moved);
            }
            self.heap = entries.into();
            self.base_ms = now_ms;
        }
    }

    /// Drops the entries of connections that are gone, when they have become the greater part.
    pub(in crate::broker) fn tidy(&mut self, live: usize, is_live: impl Fn(ConnectionId) -> bool) {
        if self.heap.len() > 2 * live + 1024 {
            self.heap.retain(|Reverse((_, id))| is_live(*id));
        }
    }

    pub(in crate::broker) fn len(&self) -> usize {
        self.heap.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::SlotMap;

    const DAY_MS: u64 = 24 * 60 * 60 * 1000;

    /// A check that comes too early enters the deadline once more, as the broker does.
    fn looked_at(timers: &mut Timers, deadline_ms: u64, now_ms: u64) -> bool {
        while let Some(id) = timers.pop_due(now_ms) {
            if deadline_ms <= now_ms {
                return true;
            }
            timers.set(deadline_ms, id);
        }
        false
    }

    #[test]
    fn an_entry_is_due_at_its_time_however_far_ahead_it_was_and_wherever_the_clock_began() {
        let id = SlotMap::with_key().insert(());
        for start_ms in [0, 1, DAY_MS, 1 << 40, u64::MAX / 2] {
            for ahead_ms in
                [0, 1, 1000, 23 * DAY_MS, 25 * DAY_MS, 49 * DAY_MS, 50 * DAY_MS, 400 * DAY_MS]
            {
                for step_ms in [ahead_ms.max(1), DAY_MS, 40 * DAY_MS, 60 * DAY_MS] {
                    let mut timers = Timers::default();
                    let deadline_ms = start_ms + ahead_ms;
                    timers.set(deadline_ms, id);
                    let mut now_ms = start_ms;
                    while now_ms < deadline_ms {
                        assert!(
                            !looked_at(&mut timers, deadline_ms, now_ms),
                            "{start_ms} {ahead_ms} {step_ms}"
                        );
                        assert_eq!(timers.len(), 1);
                        assert!(timers.next_ms().unwrap() > now_ms);
                        assert!(
                            timers.next_ms().unwrap() <= deadline_ms,
                            "no check would come in time"
                        );
                        now_ms = (now_ms + step_ms).min(deadline_ms);
                    }
                    assert!(
                        looked_at(&mut timers, deadline_ms, now_ms),
                        "{start_ms} {ahead_ms} {step_ms}"
                    );
                    assert_eq!(timers.len(), 0);
                }
            }
        }
    }

    #[test]
    fn the_earliest_comes_first_and_the_order_outlives_a_moved_base() {
        let mut ids = SlotMap::with_key();
        let ids: Vec<ConnectionId> = (0..100).map(|_| ids.insert(())).collect();
        let mut timers = Timers::default();
        for (number, &id) in (0_u64..).zip(&ids) {
            timers.set(number * 37 % 100 * DAY_MS / 4, id);
        }
        let mut seen = Vec::new();
        for quarter in 0..=100 {
            while let Some(id) = timers.pop_due(quarter * DAY_MS / 4) {
                seen.push(ids.iter().position(|&other| other == id).unwrap() * 37 % 100);
            }
        }
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
    }
}
