//! How connections end: the one door out, and the stages, time-outs and ends that lead to it or
//! follow it.

use std::fmt;
use std::time::Duration;

use cafewire_core::{ErrorCode, Family};
use tracing::{debug, info};

use super::answers::queue_error;
use super::error_text::ErrorText;
use super::hub::Cx;
use super::{AfterFlush, Broker, ConnectionId, Now, Peer, Stage, is_signing_in, millis, span};
use crate::metrics::CloseReason;

/// Moments within one idle time at which silent members of rooms are looked at.
const CHECKS_PER_IDLE_TIME: u64 = 8;

const TOO_MUCH: &str = "the server holds too much for its peers, and most of all for you";
const TOO_SLOW: &str = "you read more slowly than your rooms speak";

impl Broker {
    /// The peer shut its sending side: nothing more will come from it. It still gets what is queued
    /// for it.
    ///
    /// ```
    /// use cafewire_net::broker::AfterFlush;
    /// # let (mut broker, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_input(id, b"\xCA\xFE\x01\x00\x02hi", now); // the last that it asks
    /// broker.handle_eof(id, now);
    /// assert_eq!(broker.poll_transmit(id).len(), 7); // it is answered
    /// broker.consume(id, 7, now);
    /// assert_eq!(broker.handle_flushed(id, now), AfterFlush::Gone);
    /// ```
    pub fn handle_eof(&mut self, id: ConnectionId, now: Now) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        match peer.stage {
            Stage::Open => {
                let reason = if peer.ingress.is_within_frame() {
                    self.metrics.parse_errors.add(1);
                    CloseReason::CutFrame
                } else {
                    CloseReason::EndOfInput
                };
                let text = ErrorText::new("the stream ended within a frame");
                self.close(id, reason, &text, now);
                // With the peer's side shut there is nothing to linger for.
                if let Some(Peer { stage: Stage::Flushing { linger }, .. }) = self.peers.get_mut(id)
                {
                    *linger = false;
                }
            }
            Stage::Flushing { ref mut linger } => *linger = false,
            Stage::Lingering => self.set_gone(id),
            Stage::Gone => {}
        }
    }

    /// The transport failed: neither side can say anything any more.
    ///
    /// ```
    /// # let (mut broker, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_input(id, b"\xCA\xFE\x01\x00\x02hi", now);
    /// broker.handle_reset(id, now); // a reset: the Pong has nowhere to go
    /// assert_eq!(broker.poll_closed(), Some(id));
    /// assert!(broker.is_empty());
    /// ```
    pub fn handle_reset(&mut self, id: ConnectionId, now: Now) {
        self.close(id, CloseReason::ConnectionLost, &ErrorText::new(""), now);
        self.set_gone(id);
    }

    /// TLS failed: no ingress came about, or it broke. Neither side can say anything any more.
    /// `detail` is for the log.
    ///
    /// ```
    /// # let (mut broker, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.tls_failed(id, "the peer ended the handshake", now);
    /// assert!(broker.poll_transmit(id).is_empty()); // there is no ingress to tell it in
    /// assert_eq!(broker.poll_closed(), Some(id));
    /// ```
    pub fn tls_failed(&mut self, id: ConnectionId, detail: impl fmt::Display, now: Now) {
        self.close(id, CloseReason::TlsFailed, &ErrorText::new(detail), now);
        self.set_gone(id);
    }

    /// Everything queued for the connection was written. The driver calls it when
    /// [`poll_transmit`](Self::poll_transmit) is empty.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cafewire_net::broker::AfterFlush;
    /// # let (mut broker, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// assert_eq!(broker.handle_flushed(id, now), AfterFlush::Keep);
    /// broker.shut_down(Duration::from_secs(10), now);
    /// let len = broker.poll_transmit(id).len(); // Error(ShuttingDown)
    /// broker.consume(id, len, now);
    /// assert_eq!(broker.handle_flushed(id, now), AfterFlush::ShutDownSending);
    /// broker.handle_eof(id, now); // the peer has read it, and ends too
    /// assert_eq!(broker.poll_closed(), Some(id));
    /// ```
    pub fn handle_flushed(&mut self, id: ConnectionId, now: Now) -> AfterFlush {
        let Some(peer) = self.peers.get_mut(id) else { return AfterFlush::Gone };
        match peer.stage {
            Stage::Open | Stage::Lingering => AfterFlush::Keep,
            Stage::Flushing { linger: true } => {
                let until_ms = now.monotonic_ms + millis(self.limits.close_timeout);
                peer.stage = Stage::Lingering;
                peer.clock_ms = until_ms;
                self.timers.set(until_ms, id);
                AfterFlush::ShutDownSending
            }
            Stage::Flushing { linger: false } | Stage::Gone => {
                self.set_gone(id);
                AfterFlush::Gone
            }
        }
    }

    /// Ends the connections whose time is up. The driver calls it every tick, and has a tick by
    /// [`next_deadline_ms`](Self::next_deadline_ms).
    ///
    /// ```
    /// use cafewire_net::broker::Now;
    /// # let (mut broker, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_timeout(Now { monotonic_ms: 9_999, ..now });
    /// assert!(broker.poll_transmit(id).is_empty());
    /// broker.handle_timeout(Now { monotonic_ms: 10_000, ..now });
    /// assert_eq!(broker.poll_transmit(id)[..2], [0x01, 0xFF]); // Error(IdleTimeout): it never signed in
    /// ```
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(id) = self.timers.pop_due(now.monotonic_ms) {
            let Some(peer) = self.peers.get(id) else { continue };
            let deadline_ms = self.deadline_ms(id, peer, now);
            if deadline_ms > now.monotonic_ms {
                self.timers.set(deadline_ms.min(self.next_check_ms(now)), id);
                continue;
            }
            match peer.stage {
                Stage::Open => self.close_for_silence(id, now),
                Stage::Flushing { .. } | Stage::Lingering => {
                    self.cut_off += usize::from(self.outboxes.queued_bytes(id) > 0);
                    self.set_gone(id);
                }
                Stage::Gone => {}
            }
        }
        let peers = &self.peers;
        self.timers.tidy(peers.len(), |id| peers.contains_key(id));
    }

    /// When to look again at a connection whose time is not up. Once signed in it has the idle
    /// time, which may be the shorter one: by then. The times of all who listen fall together on a
    /// few moments of each idle time, so that many who say nothing do not wake the loop one by one.
    fn next_check_ms(&self, now: Now) -> u64 {
        let idle_ms = millis(self.limits.idle_timeout);
        let latest_ms = now.monotonic_ms + idle_ms;
        latest_ms - latest_ms % (idle_ms / CHECKS_PER_IDLE_TIME).max(1)
    }

    /// When the connection is to end if nothing happens. A member of a room may be silent for ever:
    /// chat version 1 gives it nothing harmless to say, and listening is what it came for. Whether
    /// such a peer is still there is TCP's question (the listener turns keep-alive probes on), and
    /// that of the first broadcast that it does not take.
    fn deadline_ms(&self, id: ConnectionId, peer: &Peer, now: Now) -> u64 {
        match peer.stage {
            Stage::Open if is_signing_in(id, peer, &self.hub) => {
                peer.clock_ms + millis(self.limits.sign_in_timeout)
            }
            Stage::Open if self.hub.is_listening(id) => {
                now.monotonic_ms + millis(self.limits.idle_timeout)
            }
            Stage::Open => peer.clock_ms + millis(self.limits.idle_timeout),
            Stage::Flushing { .. } | Stage::Lingering => peer.clock_ms,
            Stage::Gone => 0,
        }
    }

    fn close_for_silence(&mut self, id: ConnectionId, now: Now) {
        if self.peers.get(id).is_some_and(|peer| is_signing_in(id, peer, &self.hub)) {
            let text = ErrorText::new("no complete frame, or no sign-in, came in time");
            self.close(id, CloseReason::SignInTimeout, &text, now);
        } else {
            let text = ErrorText::new("nothing was heard from you for too long");
            self.close(id, CloseReason::IdleTimeout, &text, now);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next, in milliseconds of
    /// the monotonic clock. `None`: nothing is to be waited for but the peers.
    ///
    /// ```
    /// use std::time::Duration;
    /// # let (mut broker, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// let wait = broker.next_deadline_ms().map(|at_ms| Duration::from_millis(at_ms - now.monotonic_ms));
    /// assert_eq!(wait, Some(Duration::from_secs(10))); // how long a poll may sleep: someone is to sign in
    /// ```
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.timers.next_ms()
    }

    /// The server goes down: everybody is told, and closed once flushed or when `drain_timeout` is
    /// over, which counts in milliseconds. It is the driver's to admit nobody any more.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cafewire_net::broker::Now;
    /// # let (mut broker, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.shut_down(Duration::from_secs(30), now);
    /// assert_eq!(broker.poll_transmit(id)[..2], [0x01, 0xFF]); // Error(ShuttingDown)
    /// broker.handle_timeout(Now { monotonic_ms: 30_000, ..now }); // the peer did not take it
    /// assert_eq!(broker.poll_closed(), Some(id));
    /// ```
    pub fn shut_down(&mut self, drain_timeout: Duration, now: Now) {
        let close_timeout = std::mem::replace(&mut self.limits.close_timeout, drain_timeout);
        let text = ErrorText::new("the server is shutting down");
        let all: Vec<ConnectionId> = self.peers.keys().collect();
        for id in all {
            self.close(id, CloseReason::ShuttingDown, &text, now);
        }
        self.limits.close_timeout = close_timeout;
        self.cut_off = 0;
    }

    /// How many connections have not taken all that was queued for them when the server went down,
    /// and will not, if it ends now. Those that were lost meanwhile are not counted.
    ///
    /// ```
    /// use std::time::Duration;
    /// # let (mut broker, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.shut_down(Duration::from_secs(30), now);
    /// assert_eq!(broker.unserved(), 1); // Error(ShuttingDown) is still on its way
    /// let len = broker.poll_transmit(id).len();
    /// broker.consume(id, len, now);
    /// assert_eq!(broker.unserved(), 0);
    /// ```
    #[must_use]
    pub fn unserved(&self) -> usize {
        self.cut_off + self.peers.keys().filter(|&id| self.outboxes.queued_bytes(id) > 0).count()
    }

    /// The next connection whose socket is to be dropped. The driver asks until there is none. Its
    /// id names nothing any more. `None` ends the tick.
    ///
    /// ```
    /// # let (mut broker, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_eof(id, now);
    /// assert_eq!(broker.poll_closed(), None); // not before it is flushed
    /// let _ = broker.handle_flushed(id, now);
    /// assert_eq!(broker.poll_closed(), Some(id)); // its socket is to be closed now
    /// ```
    pub fn poll_closed(&mut self) -> Option<ConnectionId> {
        let Some(id) = self.gone.pop() else {
            self.metrics.buffer_bytes.set(self.held_bytes());
            self.metrics.bytes_copied.set(self.pool.copied_bytes());
            return None;
        };
        if let Some(mut peer) = self.peers.remove(id) {
            peer.ingress.release(&mut self.pool);
            self.addresses.leave(&mut peer.address);
            self.refused -= usize::from(peer.refused);
        }
        self.token_buckets.remove(id);
        self.drop_queue(id);
        Some(id)
    }

    /// Gives back all that is queued for a connection.
    fn drop_queue(&mut self, id: ConnectionId) {
        let mut released = Vec::new();
        self.outboxes.remove(id, &mut self.pool, |room| released.push(room));
        for room in released {
            self.hub.release_reader(room, &mut self.pool);
        }
    }

    /// Bytes in all buffers together, which have a limit.
    pub(super) const fn held_bytes(&self) -> usize {
        self.pool.lent_bytes() + self.outboxes.spans_bytes()
    }

    /// All buffers together hold too much: ends the connection with the most queued of those that
    /// do not take it, or else the one that has sent the most that could not be done yet: a frame
    /// without its end. False if there is neither.
    pub(super) fn reclaim(&mut self, now: Now) -> bool {
        let Some(id) = self.outboxes.largest_leftover().or_else(|| self.largest_kept()) else {
            return false;
        };
        let held_bytes = self.held_bytes();
        // What it has of a room's log is given back only with the log's last reader.
        let shares = self.outboxes.reads_rooms(id);
        let was_open = self.peers.get(id).is_some_and(|peer| peer.is_open());
        self.close(id, CloseReason::BufferBudget, &ErrorText::new(TOO_MUCH), now);
        // Who was closing already does not get the rest of its time. And who holds as much with its
        // Error frame as before goes without one, or everybody would have to go for the sake of a
        // byte.
        if !was_open || (self.held_bytes() >= held_bytes && !shares) {
            self.set_gone(id);
            self.drop_queue(id);
        }
        true
    }

    fn largest_kept(&self) -> Option<ConnectionId> {
        let keeping = self.peers.iter().filter(|(_, peer)| peer.ingress.is_within_frame());
        keeping.max_by_key(|(_, peer)| peer.ingress.held_bytes(&self.pool)).map(|(id, _)| id)
    }

    /// The connection's outbox went over its limit, or a room left it behind. One that is closing
    /// already, and so slowly that its room moved on, is told so too: the reason it was closed for
    /// stays the one that counts.
    pub(super) fn close_slow(&mut self, id: ConnectionId, now: Now) {
        self.close(id, CloseReason::SlowConsumer, &ErrorText::new(TOO_SLOW), now);
        let mut cx = cx!(self);
        if cx.outboxes.take_lagged(id) {
            if self.hub.give_up(id, &mut cx) {
                queue_error(id, None, ErrorCode::SlowConsumer, TOO_SLOW, &mut self.hub, &mut cx);
            }
            self.outboxes.seal(id);
        }
    }

    /// The one door out. Leaves the rooms, tells the peer, counts and logs the reason. Later
    /// reasons change nothing.
    pub(super) fn close(
        &mut self,
        id: ConnectionId,
        reason: CloseReason,
        text: &ErrorText,
        now: Now,
    ) {
        let Some(peer) = self.peers.get_mut(id).filter(|peer| peer.is_open()) else { return };
        let until_ms = now.monotonic_ms + millis(self.limits.close_timeout);
        peer.stage = Stage::Flushing { linger: true };
        peer.clock_ms = until_ms;
        let (address, family) =
            (self.addresses.get(peer.address, peer.port), peer.ingress.family());
        if peer.refused {
            self.addresses.leave(&mut peer.address);
        }
        peer.ingress.release(&mut self.pool);

        let mut cx = cx!(self);
        self.hub.remove(id, &mut cx);
        // Left behind by a room earlier in this tick: whatever else happened since, that is why the
        // stream has a gap.
        let (reason, text) = if cx.outboxes.take_lagged(id) {
            (CloseReason::SlowConsumer, &ErrorText::new(TOO_SLOW))
        } else {
            (reason, text)
        };
        let gives_up = matches!(reason, CloseReason::SlowConsumer | CloseReason::BufferBudget);
        let can_follow = !gives_up || self.hub.give_up(id, &mut cx);
        if let Some(code) = reason.error_code().filter(|_| can_follow) {
            queue_error(id, family, code, text.as_str(), &mut self.hub, &mut cx);
        }
        self.outboxes.seal(id);
        self.outboxes.mark_dirty(id);
        self.timers.set(until_ms, id);
        self.open -= 1;
        self.metrics.clients_connected.set(self.open);
        self.metrics.count_close(reason);
        let family = family.map_or("none", family_label);
        let detail = text.as_str();
        span(id, address).in_scope(|| match reason {
            // What happens to every connection in the end.
            CloseReason::Disconnected | CloseReason::EndOfInput | CloseReason::ConnectionLost => {
                debug!(%reason, family, "closed");
            }
            _ => info!(%reason, family, detail, "closed"),
        });
    }

    fn set_gone(&mut self, id: ConnectionId) {
        if let Some(peer) = self.peers.get_mut(id)
            && peer.stage != Stage::Gone
        {
            debug_assert!(!peer.is_open(), "gone without a reason");
            peer.stage = Stage::Gone;
            self.gone.push(id);
        }
    }
}

/// The family's name in the log.
const fn family_label(family: Family) -> &'static str {
    match family {
        Family::Echo => "echo",
        Family::ChatV1 => "chat_v1",
        _ => "other",
    }
}
