//! How connections end: the one door out, and the stages, time-outs and ends that lead to it or
//! follow it.

mod close_log;
mod drain;
mod keep_alive;
mod silence;
mod timers;

use std::fmt;
use std::io;

use cafewire_core::{ErrorCode, Family};
use tracing::{Level, debug, enabled, info};

pub(super) use self::close_log::CloseLog;
pub(super) use self::drain::Drain;
#[cfg(test)]
pub(super) use self::timers::TIMER_BYTES;
pub(super) use self::timers::Timers;
use super::dispatch::{ErrorText, queue_error};
use super::fanout::Judgement;
use super::ingress::Keep;
use super::{
    AfterFlush, Broker, ConnectionId, Now, Peer, Stage, cx, is_signing_in, is_v2, millis, span,
};
use crate::metrics::CloseReason;

/// Moments within one idle time at which silent members of rooms are looked at.
const CHECKS_PER_IDLE_TIME: u64 = 8;

const TOO_MUCH: &str = "the server holds too much for its peers, and most of all for you";
const NO_SIGN: &str = "no sign of the peer, or no room for what is sent to it, for too long";
const TOO_SLOW: &str = "you read more slowly than your rooms speak";

impl Broker {
    /// The peer shut its sending side: nothing more will come from it. It still gets what is queued
    /// for it.
    ///
    /// ```
    /// use cafewire_net::broker::AfterFlush;
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
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
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_input(id, b"\xCA\xFE\x01\x00\x02hi", now);
    /// broker.handle_reset(id, now); // a reset: the Pong has nowhere to go
    /// assert_eq!(broker.poll_closed(), Some(id));
    /// assert!(broker.is_empty());
    /// ```
    pub fn handle_reset(&mut self, id: ConnectionId, now: Now) {
        self.close(id, CloseReason::ConnectionLost, &ErrorText::new(""), now);
        self.set_gone(id);
    }

    /// The same, with what the system says of it. A time-out means that it has given the peer up:
    /// its machine gave no sign, or made no room for what is on the way to it, for too long.
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_failure(id, &ErrorKind::TimedOut.into(), now); // CloseReason::Unreachable
    /// assert_eq!(broker.poll_closed(), Some(id));
    /// ```
    pub fn handle_failure(&mut self, id: ConnectionId, error: &io::Error, now: Now) {
        use io::ErrorKind::{HostUnreachable, NetworkUnreachable, TimedOut};
        if matches!(error.kind(), HostUnreachable | NetworkUnreachable | TimedOut) {
            self.close(id, CloseReason::Unreachable, &ErrorText::new(NO_SIGN), now);
        }
        self.handle_reset(id, now);
    }

    /// TLS failed: no ingress came about, or it broke. Neither side can say anything any more.
    /// `detail` is for the log.
    ///
    /// ```
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
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
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
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

    /// Ends the connections whose time was up at `heard_ms`, up to when the driver has read what
    /// peers sent: later than that, silence proves nothing. The time that they get for their last
    /// words starts `now`. The driver calls it every tick, and has a tick by
    /// [`next_deadline_ms`](Self::next_deadline_ms).
    ///
    /// ```
    /// use cafewire_net::broker::Now;
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// let now = Now { monotonic_ms: 10_000, ..now };
    /// broker.handle_timeout(9_999, now);
    /// assert!(broker.poll_transmit(id).is_empty());
    /// broker.handle_timeout(10_000, now);
    /// // Error(IdleTimeout): it never signed in.
    /// assert_eq!(broker.poll_transmit(id).to_vec()[..2], [0x01, 0xFF]);
    /// ```
    pub fn handle_timeout(&mut self, heard_ms: u64, now: Now) {
        self.heard_ms = heard_ms;
        self.tell_of_end(now);
        self.log_more_closes(now.monotonic_ms);
        self.fanout.set_now(now.monotonic_ms);
        self.directory.drop_lingering(now.monotonic_ms, &mut cx!(self));
        while let Some(id) = self.timers.pop_due(heard_ms) {
            let Some(peer) = self.peers.get(id) else { continue };
            let mut deadline_ms = self.deadline_ms(id, peer, heard_ms);
            if peer.is_open()
                && let Some(since_ms) = self.fanout.over_since_ms(id.into())
            {
                let until_ms = since_ms.saturating_add(millis(self.limits.slow_consumer_time));
                if until_ms <= heard_ms {
                    // It is judged once its transport was tried in this tick.
                    self.fanout.mark_dirty(id.into());
                } else {
                    deadline_ms = deadline_ms.min(until_ms);
                }
            }
            if deadline_ms > heard_ms {
                let check_ms = if is_signing_in(id, peer, &self.directory) {
                    heard_ms + self.until_first_probe_ms()
                } else {
                    let check_ms = self.next_check_ms(heard_ms);
                    self.probe_if_silent(id, heard_ms).unwrap_or(check_ms)
                };
                self.timers.set(check_ms.min(deadline_ms), id);
                continue;
            }
            match peer.stage {
                Stage::Open if self.may_have_taken(id, peer) => {
                    // Judged once its transport was tried, in handle_blocked.
                    self.fanout.mark_dirty(id.into());
                    self.timers.set(self.next_check_ms(heard_ms), id);
                }
                Stage::Open => self.close_for_silence(id, now),
                Stage::Flushing { .. } | Stage::Lingering => {
                    self.cut_off += usize::from(self.fanout.queued_bytes(id.into()) > 0);
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
    fn next_check_ms(&self, heard_ms: u64) -> u64 {
        let idle_ms = millis(self.limits.idle_timeout);
        let latest_ms = heard_ms + idle_ms;
        latest_ms - latest_ms % (idle_ms / CHECKS_PER_IDLE_TIME).max(1)
    }

    /// When the connection is to end if nothing happens. A member of a room may be silent for ever:
    /// chat version 1 gives it nothing harmless to say, and listening is what it came for. Whether
    /// such a peer is still there is TCP's question (the listener turns keep-alive probes on), and
    /// that of the first broadcast that it does not take.
    fn deadline_ms(&self, id: ConnectionId, peer: &Peer, heard_ms: u64) -> u64 {
        match peer.stage {
            Stage::Open if is_signing_in(id, peer, &self.directory) => {
                peer.clock_ms + millis(self.limits.sign_in_timeout)
            }
            // In version 2 every client answers a Ping.
            Stage::Open if is_v2(peer) && !self.directory.is_waiting(id) => {
                peer.clock_ms + millis(self.limits.idle_timeout)
            }
            // Nor is one silent whose request has to wait.
            Stage::Open if self.directory.is_listening(id) || self.directory.is_waiting(id) => {
                heard_ms + millis(self.limits.idle_timeout)
            }
            Stage::Open => peer.clock_ms + millis(self.limits.idle_timeout),
            Stage::Flushing { .. } | Stage::Lingering => peer.clock_ms,
            Stage::Gone => 0,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next, in milliseconds of
    /// the monotonic clock. `None`: nothing is to be waited for but the peers.
    ///
    /// ```
    /// use std::time::Duration;
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// let wait_ms = broker.next_deadline_ms().map(|at_ms| at_ms - now.monotonic_ms);
    /// assert_eq!(wait_ms, Some(10_000)); // how long a poll may sleep: a sign-in is awaited
    /// ```
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let next_log_ms = self.close_log.next_ms();
        let (linger_ms, info_ms) = (self.directory.next_linger_ms(), self.directory.next_info_ms());
        let deadlines = [self.timers.next_ms(), self.waiting_until_ms, self.next_told_ms()];
        [next_log_ms, linger_ms, info_ms].into_iter().chain(deadlines).flatten().min()
    }

    /// The next connection whose socket is to be dropped. The driver asks until there is none. Its
    /// id names nothing any more. `None` ends the tick.
    ///
    /// ```
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_eof(id, now);
    /// assert_eq!(broker.poll_closed(), None); // not before it is flushed
    /// let _ = broker.handle_flushed(id, now);
    /// assert_eq!(broker.poll_closed(), Some(id)); // its socket is to be closed now
    /// ```
    pub fn poll_closed(&mut self) -> Option<ConnectionId> {
        let Some(id) = self.gone.pop() else {
            self.metrics.buffer_bytes.set(self.held_bytes());
            self.metrics.log_storage_bytes.set(self.pool.log_bytes());
            return None;
        };
        if let Some(mut peer) = self.peers.remove(id) {
            let Self { partial_frames, pool, .. } = self;
            peer.ingress.release(&mut Keep { partial_frames, pool });
            self.addresses.leave(&mut peer.address);
            self.refused -= usize::from(peer.refused);
        }
        self.token_buckets.remove(id);
        self.fanout.close_reader(id.into(), &mut self.pool);
        Some(id)
    }

    /// The transport took less of [`poll_transmit`](Self::poll_transmit) than it was offered. The
    /// rest goes when it takes bytes again, see [`mark_dirty`](Self::mark_dirty). A peer is judged
    /// here and nowhere else: what was queued and not yet offered is no sign of slowness.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cafewire_net::Limits;
    /// use cafewire_net::broker::Now;
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// let mut limits = Limits::default();
    /// limits.outbox_bytes = 140_000;
    /// broker.set_limits(limits, now);
    /// let mut echo = b"\xCA\xFE\x03\xC3\x50".to_vec(); // an Echo of 50,000 bytes
    /// echo.resize(50_005, 0);
    /// for _ in 0..3 {
    ///     broker.handle_input(id, &echo, now);
    ///     broker.resume(id, now);
    /// }
    /// broker.handle_blocked(id, now); // the transport takes nothing
    /// assert_eq!(broker.len(), 1); // for now that is no reason to close it
    /// let later = Now { monotonic_ms: 10_000, ..now };
    /// broker.handle_timeout(10_000, later);
    /// assert_eq!(broker.poll_dirty(), Some(id)); // it is tried once more
    /// broker.handle_blocked(id, later);
    /// let last_bytes = broker.poll_transmit(id).to_vec();
    /// assert!(last_bytes.starts_with(b"\xCA\xFE\xFF")); // Error: all else was given up
    /// ```
    pub fn handle_blocked(&mut self, id: ConnectionId, now: Now) {
        let judgement = self.fanout.handle_blocked(id.into(), &self.limits, now.monotonic_ms);
        self.act_on(judgement, id, now);
        self.judge_idle(id, now);
    }

    /// Judges those for which more was queued although they take nothing.
    pub(super) fn judge_overgrown(&mut self, now: Now) {
        while let Some(reader) = self.fanout.next_overgrown() {
            let judgement = self.fanout.judge(reader, &self.limits, now.monotonic_ms);
            self.act_on(judgement, reader.into(), now);
        }
    }

    fn act_on(&mut self, judgement: Judgement, id: ConnectionId, now: Now) {
        match judgement {
            Judgement::Keep => {}
            Judgement::KeepUntil(at_ms) => {
                self.metrics.slow_consumer_graces.add(1);
                self.timers.set(at_ms, id);
            }
            Judgement::Slow => self.close_slow(id, now),
        }
    }

    /// Bytes in all buffers together, which have a limit.
    pub(super) const fn held_bytes(&self) -> usize {
        self.pool.lent_bytes() + self.fanout.held_bytes()
    }

    /// Ends the connections with the most storage of those that do not take what is queued, until
    /// all buffers together hold no more than they may; then those that have sent the most that
    /// could not be done yet, a frame without its end, while that is half of what there may be.
    /// What is left then was not offered to its readers yet: it goes as the driver comes to write.
    pub(super) fn reclaim(&mut self, now: Now) {
        let is_over = |this: &Self| this.held_bytes() > this.limits.buffer_bytes;
        while is_over(self) && self.fanout.give_up_history(&mut self.pool) {}
        while self.held_bytes() > self.limits.buffer_bytes {
            let largest = self.fanout.largest_blocked().map(ConnectionId::from);
            let partial_bytes = self.partial_frames.lent_bytes();
            let is_much = partial_bytes > self.limits.buffer_bytes / 2;
            let partial = || if is_much { self.largest_partial_frame() } else { None };
            let Some(id) = largest.or_else(partial) else { return };
            let held_bytes = self.held_bytes();
            // What it has of a log is given back only with the last reader of that.
            let shares = self.fanout.reads_logs(id.into());
            let was_open = self.peers.get(id).is_some_and(|peer| peer.is_open());
            self.close(id, CloseReason::BufferBudget, &ErrorText::new(TOO_MUCH), now);
            // A connection that was closing already does not get the rest of its time. One that
            // holds as much with its Error frame as before goes without it, or all connections
            // would have to go for the sake of a byte.
            if !was_open || (self.held_bytes() >= held_bytes && !shares) {
                self.set_gone(id);
                self.fanout.drop_queue(id.into(), &mut self.pool);
            }
        }
    }

    fn largest_partial_frame(&self) -> Option<ConnectionId> {
        let peers = self.peers.iter().filter(|(_, peer)| peer.ingress.is_within_frame());
        peers
            .max_by_key(|(_, peer)| peer.ingress.held_bytes(&self.partial_frames))
            .map(|(id, _)| id)
    }

    /// The connection does not keep up. One that is closing already is told so too, since there
    /// will be a gap in what it reads: the reason that it was closed for stays the one that counts.
    pub(super) fn close_slow(&mut self, id: ConnectionId, now: Now) {
        if self.peers.get(id).is_some_and(Peer::is_open) {
            self.close(id, CloseReason::SlowConsumer, &ErrorText::new(TOO_SLOW), now);
        } else if self.fanout.give_up(id.into(), &mut self.pool) {
            let family = self.peers.get(id).and_then(|peer| peer.ingress.family());
            let code = ErrorCode::SlowConsumer;
            let text = ErrorText::new(TOO_SLOW);
            queue_error(id, family, code, &text, &self.directory, &mut cx!(self));
            self.fanout.mark_dirty(id.into());
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
        let Self { partial_frames, pool, .. } = self;
        peer.ingress.release(&mut Keep { partial_frames, pool });

        self.fanout.set_now(now.monotonic_ms);
        let mut cx = cx!(self);
        self.directory.remove(id, &mut cx);
        let gives_up = matches!(reason, CloseReason::SlowConsumer | CloseReason::BufferBudget);
        let can_follow = !gives_up || cx.fanout.give_up(id.into(), cx.pool);
        if let Some(code) = reason.error_code().filter(|_| can_follow) {
            queue_error(id, family, code, text, &self.directory, &mut cx);
        }
        self.fanout.seal(id.into());
        self.fanout.mark_dirty(id.into());
        self.timers.set(until_ms, id);
        self.open -= 1;
        self.metrics.clients_connected.set(self.open);
        self.metrics.count_close(reason);
        // The first three are what happens to every connection in the end.
        let is_usual = matches!(
            reason,
            CloseReason::Disconnected | CloseReason::EndOfInput | CloseReason::ConnectionLost
        );
        let has_line = !is_usual && self.close_log.has_line(reason, now.monotonic_ms);
        if has_line || enabled!(Level::DEBUG, reason) {
            let family = family.map_or("none", family_label);
            let detail = text.as_str();
            span(id, address).in_scope(|| match (has_line, is_usual) {
                (true, _) => info!(%reason, family, detail, "closed"),
                (false, true) => debug!(%reason, family, "closed"),
                (false, false) => debug!(%reason, family, detail, "closed"),
            });
        }
    }

    /// Logs how many closes had no line of their own, for reasons whose time for that has come.
    pub(super) fn log_more_closes(&mut self, now_ms: u64) {
        while let Some((reason, more)) = self.close_log.poll_more(now_ms) {
            info!(%reason, more, "closed, and not told one by one");
        }
    }

    /// Logs what would be logged later. The driver calls it at its end.
    ///
    /// ```
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_reset(id, now);
    /// broker.end_log(); // nothing is left out
    /// ```
    pub fn end_log(&mut self) {
        self.log_more_closes(u64::MAX);
    }

    pub(super) fn set_gone(&mut self, id: ConnectionId) {
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
pub(super) const fn family_label(family: Family) -> &'static str {
    match family {
        Family::Echo => "echo",
        Family::ChatV1 => "chat-v1",
        Family::ChatV2 => "chat-v2",
        _ => "other",
    }
}
