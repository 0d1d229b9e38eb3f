//! Decides when to start which connection: a bounded number per second and at a time, and failed
//! ones again, each time after a longer pause. Pure: time is an argument.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;

use super::schedule::Due;

/// The most connections started and not ready: fewer than fit the backlog of any server.
const UNDER_WAY_MAX: usize = 128;

/// The pause before the second attempt. It doubles with each further one.
const FIRST_PAUSE_NS: u64 = 100_000_000;
const LONGEST_PAUSE_NS: u64 = 5_000_000_000;

/// How often the server's backlog is tried while it is full.
const ROOM_CHECK_NS: u64 = 10_000_000;

#[derive(Debug)]
pub(crate) struct Connector {
    pace: Due,
    fresh: Range<usize>,
    /// Failed connections, with the time of their next attempt.
    again: BinaryHeap<Reverse<(u64, usize)>>,
    /// Attempts that the server's backlog had no room for, with the time to try them again.
    without_room: VecDeque<(u64, Attempt)>,
    under_way: usize,
    /// The deadlines of attempts. The time-out is the same for all, so the first is the earliest.
    deadlines: VecDeque<(u64, Attempt)>,
    timeout_ns: u64,
    retries: u32,
}

/// One attempt to make one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) connection: usize,
    /// Counted from 0.
    pub(crate) number: u32,
}

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterFailure {
    TryAgain,
    GiveUp,
}

impl Connector {
    pub(crate) fn new(connections: usize, per_second: u64, timeout_ns: u64, retries: u32) -> Self {
        Self {
            pace: Due::new(per_second, None),
            fresh: 0..connections,
            again: BinaryHeap::new(),
            without_room: VecDeque::new(),
            under_way: 0,
            deadlines: VecDeque::new(),
            timeout_ns,
            retries,
        }
    }

    /// The next connection to start. The caller starts it now.
    pub(crate) fn next(&mut self, now_ns: u64) -> Option<usize> {
        if self.under_way >= UNDER_WAY_MAX {
            return None;
        }
        let is_again = self.again.peek().is_some_and(|&Reverse((at_ns, _))| at_ns <= now_ns);
        if !is_again && self.fresh.is_empty() {
            return None;
        }
        self.pace.take(now_ns)?;
        self.under_way += 1;
        if is_again {
            self.again.pop().map(|Reverse((_, connection))| connection)
        } else {
            self.fresh.next()
        }
    }

    /// Notes that an attempt was started, which sets its deadline.
    pub(crate) fn started(&mut self, attempt: Attempt, now_ns: u64) {
        self.deadlines.push_back((now_ns.saturating_add(self.timeout_ns), attempt));
    }

    /// The server's backlog has no room for an attempt. It stays under way, up to its deadline.
    pub(crate) fn wait_for_room(&mut self, attempt: Attempt, now_ns: u64) {
        self.without_room.push_back((now_ns.saturating_add(ROOM_CHECK_NS), attempt));
    }

    /// An attempt that waits for room, which the caller starts again now, unless it has ended.
    pub(crate) fn take_waiting(&mut self, now_ns: u64) -> Option<Attempt> {
        let &(at_ns, attempt) = self.without_room.front()?;
        if at_ns > now_ns {
            return None;
        }
        self.without_room.pop_front();
        Some(attempt)
    }

    pub(crate) const fn ready(&mut self) {
        self.under_way -= 1;
    }

    pub(crate) fn failed(&mut self, attempt: Attempt, now_ns: u64) -> AfterFailure {
        self.under_way -= 1;
        if attempt.number >= self.retries {
            return AfterFailure::GiveUp;
        }
        let pause_ns =
            FIRST_PAUSE_NS.checked_shl(attempt.number).unwrap_or(u64::MAX).min(LONGEST_PAUSE_NS);
        self.again.push(Reverse((now_ns.saturating_add(pause_ns), attempt.connection)));
        AfterFailure::TryAgain
    }

    /// An attempt whose deadline has passed. It may have become ready long ago.
    pub(crate) fn take_overdue(&mut self, now_ns: u64) -> Option<Attempt> {
        let &(deadline_ns, attempt) = self.deadlines.front()?;
        if deadline_ns > now_ns {
            return None;
        }
        self.deadlines.pop_front();
        Some(attempt)
    }

    /// Whether all connections are ready or given up.
    pub(crate) fn is_done(&self) -> bool {
        self.under_way == 0 && self.fresh.is_empty() && self.again.is_empty()
    }

    /// When to call [`next`](Self::next), [`take_waiting`](Self::take_waiting) or
    /// [`take_overdue`](Self::take_overdue) again.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        let start = if self.under_way >= UNDER_WAY_MAX {
            None
        } else if !self.fresh.is_empty() {
            self.pace.next_ns()
        } else {
            self.again
                .peek()
                .map(|&Reverse((at_ns, _))| at_ns.max(self.pace.next_ns().unwrap_or(0)))
        };
        let overdue = self.deadlines.front().map(|&(deadline_ns, _)| deadline_ns);
        let room = self.without_room.front().map(|&(at_ns, _)| at_ns);
        [start, overdue, room].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn started(connector: &mut Connector, now_ns: u64) -> Vec<usize> {
        std::iter::from_fn(|| connector.next(now_ns)).collect()
    }

    #[test]
    fn connections_are_started_at_their_pace() {
        let mut connector = Connector::new(4, 1000, MS, 0);
        assert_eq!(started(&mut connector, 0), [0]);
        assert_eq!(connector.next_ns(), Some(MS));
        assert_eq!(started(&mut connector, MS), [1]);
        assert_eq!(started(&mut connector, 10 * MS), [2, 3]);
        assert_eq!(connector.next_ns(), None);
        (0..4).for_each(|_| connector.ready());
        assert!(connector.is_done());
    }

    #[test]
    fn not_too_many_are_under_way_at_a_time() {
        let mut connector = Connector::new(1000, 1_000_000, MS, 0);
        assert_eq!(started(&mut connector, 1000 * MS).len(), UNDER_WAY_MAX);
        connector.ready();
        assert_eq!(started(&mut connector, 1000 * MS), [UNDER_WAY_MAX]);
        assert!(!connector.is_done());
    }

    #[test]
    fn a_failed_connection_is_tried_again_with_growing_pauses_and_then_given_up() {
        let mut connector = Connector::new(1, 1000, MS, 2);
        assert_eq!(started(&mut connector, 0), [0]);
        let attempt = |number| Attempt { connection: 0, number };
        assert_eq!(connector.failed(attempt(0), 5 * MS), AfterFailure::TryAgain);
        assert_eq!(connector.next_ns(), Some(105 * MS));
        assert_eq!(started(&mut connector, 104 * MS), [0; 0]);
        assert_eq!(started(&mut connector, 105 * MS), [0]);
        assert_eq!(connector.failed(attempt(1), 200 * MS), AfterFailure::TryAgain);
        assert_eq!(started(&mut connector, 399 * MS), [0; 0]);
        assert_eq!(started(&mut connector, 400 * MS), [0]);
        assert!(!connector.is_done());
        assert_eq!(connector.failed(attempt(2), 400 * MS), AfterFailure::GiveUp);
        assert!(connector.is_done());
    }

    #[test]
    fn a_full_backlog_is_tried_again_until_the_attempts_time_is_over() {
        let mut connector = Connector::new(1, 1000, 25 * MS, 0);
        assert_eq!(started(&mut connector, 0), [0]);
        let attempt = Attempt { connection: 0, number: 0 };
        connector.started(attempt, 0);
        for now_ns in [0, 10 * MS] {
            connector.wait_for_room(attempt, now_ns);
            assert_eq!(connector.next_ns(), Some(now_ns + 10 * MS));
            assert_eq!(connector.take_waiting(now_ns + 10 * MS - 1), None);
            assert_eq!(connector.take_waiting(now_ns + 10 * MS), Some(attempt));
            assert_eq!(connector.take_waiting(now_ns + 10 * MS), None);
        }
        connector.wait_for_room(attempt, 20 * MS);
        assert_eq!(connector.next_ns(), Some(25 * MS));
        assert_eq!(connector.take_overdue(25 * MS), Some(attempt));
        assert_eq!(connector.failed(attempt, 25 * MS), AfterFailure::GiveUp);
        assert!(connector.is_done());
    }

    #[test]
    fn each_attempt_has_its_time() {
        let mut connector = Connector::new(2, 1000, 7 * MS, 0);
        let attempts = [0, 1].map(|connection| Attempt { connection, number: 0 });
        for (attempt, at_ns) in attempts.into_iter().zip([0, MS]) {
            assert_eq!(connector.next(at_ns), Some(attempt.connection));
            connector.started(attempt, at_ns);
        }
        assert_eq!(connector.next_ns(), Some(7 * MS));
        assert_eq!(connector.take_overdue(7 * MS - 1), None);
        assert_eq!(connector.take_overdue(7 * MS), Some(attempts[0]));
        assert_eq!(connector.take_overdue(7 * MS), None);
        assert_eq!(connector.take_overdue(8 * MS), Some(attempts[1]));
    }
}
