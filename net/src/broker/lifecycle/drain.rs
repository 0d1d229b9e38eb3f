//! The end of a server: every peer is told, at once or spread over a time, and has a time to take
//! what is queued for it.

use std::time::Duration;

use crate::broker::dispatch::ErrorText;
use crate::broker::{Broker, ConnectionId, Now, millis};
use crate::metrics::CloseReason;

/// Closes that are spread: those who were here when it started, in the order in which they are
/// told.
#[derive(Debug)]
pub(in crate::broker) struct Drain {
    peers: Vec<ConnectionId>,
    told: usize,
    started_ms: u64,
    spread_ms: u64,
    until_ms: u64,
}

impl Drain {
    /// How many are to be told by then.
    fn due(&self, now_ms: u64) -> usize {
        let elapsed_ms = now_ms.saturating_sub(self.started_ms);
        if elapsed_ms >= self.spread_ms {
            return self.peers.len();
        }
        let share = u128::from(elapsed_ms) * self.peers.len() as u128 / u128::from(self.spread_ms);
        // The first is told at once.
        usize::try_from(share).unwrap_or(usize::MAX).saturating_add(1).min(self.peers.len())
    }

    /// When the next is to be told.
    fn next_ms(&self) -> Option<u64> {
        if self.told >= self.peers.len() {
            return None;
        }
        let share = u128::from(self.spread_ms) * self.told as u128;
        let after_ms = share.div_ceil(self.peers.len() as u128);
        Some(self.started_ms.saturating_add(u64::try_from(after_ms).unwrap_or(u64::MAX)))
    }
}

impl Broker {
    /// The server goes down: every peer is told, and closed once flushed or when `drain_timeout` is
    /// over, which counts in milliseconds. The driver accepts no more connections.
    ///
    /// ```
    /// use std::time::Duration;
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.shut_down(Duration::from_secs(30), now);
    /// assert_eq!(broker.poll_transmit(id).to_vec()[..2], [0x01, 0xFF]); // Error(ShuttingDown)
    /// broker.handle_timeout(30_000, now); // the peer did not take it
    /// assert_eq!(broker.poll_closed(), Some(id));
    /// ```
    pub fn shut_down(&mut self, drain_timeout: Duration, now: Now) {
        self.shut_down_over(Duration::ZERO, drain_timeout, now);
    }

    /// The same, with the closes spread evenly over a time, so that not all peers connect elsewhere
    /// at once: those who were not told yet are served meanwhile. `drain_timeout` runs from now on,
    /// for all of them.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cafewire_net::broker::Now;
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// let other = broker.accept("192.0.2.2:1".parse::<std::net::SocketAddr>()?, now).unwrap();
    /// broker.shut_down_over(Duration::from_secs(5), Duration::from_secs(10), now);
    /// assert!(broker.poll_transmit(other).is_empty());
    /// assert_eq!(broker.next_deadline_ms(), Some(now.monotonic_ms + 2_500)); // when it is told
    /// broker.handle_timeout(2_500, Now { monotonic_ms: 2_500, ..now });
    /// assert!(!broker.poll_transmit(other).is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shut_down_over(&mut self, spread: Duration, drain_timeout: Duration, now: Now) {
        self.cut_off = 0;
        self.drain = Some(Drain {
            peers: self.peers.keys().collect(),
            told: 0,
            started_ms: now.monotonic_ms,
            spread_ms: millis(spread),
            until_ms: now.monotonic_ms.saturating_add(millis(drain_timeout)),
        });
        self.tell_of_end(now);
        self.cut_off = 0;
    }

    /// Tells those who are to be told by now.
    pub(super) fn tell_of_end(&mut self, now: Now) {
        let Some(drain) = &mut self.drain else { return };
        let due = drain.due(now.monotonic_ms).max(drain.told);
        let ids = drain.peers[drain.told..due].to_vec();
        drain.told = due;
        let left = Duration::from_millis(drain.until_ms.saturating_sub(now.monotonic_ms));
        // What they have until then to take the rest.
        let close_timeout = std::mem::replace(&mut self.limits.close_timeout, left);
        let text = ErrorText::new("the server is shutting down");
        for id in ids {
            self.close(id, CloseReason::ShuttingDown, &text, now);
        }
        self.limits.close_timeout = close_timeout;
    }

    /// When the next peer is to be told of the end.
    pub(super) fn next_told_ms(&self) -> Option<u64> {
        self.drain.as_ref().and_then(Drain::next_ms)
    }

    /// How many connections have not taken all that was queued for them when the server went down,
    /// and will not, if it ends now. Those that were lost meanwhile are not counted.
    ///
    /// ```
    /// use std::time::Duration;
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.shut_down(Duration::from_secs(30), now);
    /// assert_eq!(broker.unserved(), 1); // Error(ShuttingDown) is still on its way
    /// let len = broker.poll_transmit(id).len();
    /// broker.consume(id, len, now);
    /// assert_eq!(broker.unserved(), 0);
    /// ```
    #[must_use]
    pub fn unserved(&self) -> usize {
        self.cut_off
            + self.peers.keys().filter(|&id| self.fanout.queued_bytes(id.into()) > 0).count()
    }
}

#[cfg(test)]
mod tests {
    use slotmap::SlotMap;

    use super::*;

    fn drain(peers: usize, spread_ms: u64) -> Drain {
        let mut ids = SlotMap::with_key();
        let peers = (0..peers).map(|_| ids.insert(())).collect();
        Drain { peers, told: 0, started_ms: 1000, spread_ms, until_ms: u64::MAX }
    }

    #[test]
    fn all_are_told_evenly_each_once_and_none_too_late() {
        for (peers, spread_ms) in
            [(0, 0), (1, 0), (7, 0), (0, 5000), (1, 5000), (3, 10), (100, 7), (3000, 5000)]
        {
            let mut drain = drain(peers, spread_ms);
            let mut now_ms = 1000;
            let mut steps = 0;
            loop {
                let due = drain.due(now_ms);
                assert!(due > drain.told || peers == 0, "woken in vain: {peers} {spread_ms}");
                drain.told = due;
                let Some(next_ms) = drain.next_ms() else { break };
                assert!(next_ms > now_ms, "{peers} over {spread_ms}: {next_ms} after {now_ms}");
                (now_ms, steps) = (next_ms, steps + 1);
            }
            assert_eq!(drain.told, peers);
            assert!(now_ms <= 1000 + spread_ms && steps <= peers);
        }
        let drain = drain(1000, 5000);
        assert_eq!([1000, 1005, 3500, 5999].map(|at_ms| drain.due(at_ms)), [1, 2, 501, 1000]);
    }
}
