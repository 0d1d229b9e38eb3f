//! What comes from peers: bytes to frames, frames to whoever answers them, within what one
//! connection may have of a tick.

use std::ops::ControlFlow;

use cafewire_core::Frame;

use super::answers::{Ending, answer_chat, answer_echo, refuse_rate};
use super::error_text::ErrorText;
use super::hub::Cx;
use super::ingress::{Halt, Received};
use super::token_bucket::Verdict;
use super::{Broker, ConnectionId, Now, Peer, Stage, is_signing_in};
use crate::config::Limits;
use crate::metrics::CloseReason;
use crate::metrics::LimitReached;

impl Broker {
    /// Bytes came from the peer: as many as the driver likes to read at once, cut anywhere.
    ///
    /// ```
    /// # let (mut broker, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// let (head, tail) = b"\xCA\xFE\x01\x00\x02hi".split_at(3); // a Ping, cut where the transport cut it
    /// broker.handle_input(id, head, now);
    /// assert!(broker.poll_transmit(id).is_empty());
    /// broker.handle_input(id, tail, now);
    /// assert_eq!(broker.poll_transmit(id), b"\xCA\xFE\x02\x00\x02hi"); // its Pong
    /// ```
    pub fn handle_input(&mut self, id: ConnectionId, bytes: &[u8], now: Now) {
        self.metrics.bytes_received.add(bytes.len() as u64);
        self.work_on(id, bytes, now);
    }

    /// Goes on with frames that came earlier, if [`handle_input`](Self::handle_input) left some for
    /// the next tick: it does so after as many as one connection may ask for in one tick. False:
    /// there are none, the peer can be read from.
    ///
    /// ```
    /// use cafewire_net::Limits;
    /// # let (mut broker, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// let mut limits = Limits::default();
    /// limits.frames_per_tick = 1;
    /// broker.set_limits(limits, now);
    /// broker.handle_input(id, b"\xCA\xFE\x01\x00\x00\xCA\xFE\x01\x00\x00", now); // two Pings
    /// assert!(broker.has_backlog(id));
    /// assert!(broker.resume(id, now)); // the second one's turn
    /// assert!(!broker.resume(id, now)); // from now on the socket may be read again
    /// ```
    pub fn resume(&mut self, id: ConnectionId, now: Now) -> bool {
        let has_backlog = self.has_backlog(id);
        if has_backlog {
            self.work_on(id, &[], now);
        }
        has_backlog
    }

    /// Whether there are whole frames that wait for [`resume`](Self::resume), which shows it. If
    /// so, and while the peer [`is read from`](Self::is_reading), the driver's poll must not sleep:
    /// nothing new need come from the peer.
    #[must_use]
    pub fn has_backlog(&self, id: ConnectionId) -> bool {
        self.peers.get(id).is_some_and(|peer| peer.ingress.has_backlog(&self.pool))
    }

    fn work_on(&mut self, id: ConnectionId, bytes: &[u8], now: Now) {
        let Self {
            peers,
            hub,
            outboxes,
            pool,
            limits,
            metrics,
            addresses,
            token_buckets,
            data_handler,
            ..
        } = self;
        let Some(peer) = peers.get_mut(id).filter(|peer| peer.is_open()) else { return };
        let mut ending = None;
        let Peer { ingress, address, port, .. } = peer;
        let mut token_bucket = token_buckets.get_mut(id);
        let mut frames = 0;
        let received = ingress.receive(bytes, limits.frames_per_tick, pool, |frame, pool| {
            frames += 1;
            let mut cx = Cx { outboxes, pool, metrics, limits };
            if let Some(token_bucket) = &mut token_bucket {
                match token_bucket.take(frame.encoded_len(), now.monotonic_ms) {
                    Verdict::Allowed => {}
                    verdict => {
                        ending =
                            refuse_rate(id, &frame, verdict == Verdict::Persistent, hub, &mut cx);
                        return go_on(ending.is_some(), outboxes.queued_bytes(id), limits);
                    }
                }
            }
            let mut put_off_bytes = 0;
            ending = match frame {
                Frame::Echo(view) => {
                    answer_echo(id, view, &mut cx, |payload| {
                        if let Some(tap) = data_handler {
                            tap(addresses.get(*address, *port), payload);
                        }
                    });
                    None
                }
                Frame::Chat(view) => {
                    let ending = answer_chat(id, view, hub, now.unix_ms, &mut cx);
                    put_off_bytes = hub.unsettled_bytes();
                    ending
                }
            };
            go_on(ending.is_some(), outboxes.queued_bytes(id) + put_off_bytes, limits)
        });
        metrics.messages_processed.add(frames);
        let did_all_it_may =
            usize::try_from(frames).is_ok_and(|frames| frames >= limits.frames_per_tick);
        if ending.is_none() && did_all_it_may && ingress.has_backlog(pool) {
            metrics.count_limit(LimitReached::FramesPerTick);
        }
        if frames > 0 {
            peer.note_activity(is_signing_in(id, peer, hub), now);
        }
        if let Received::Corrupt { error, stream_offset } = received {
            metrics.parse_errors.add(1);
            let reason = CloseReason::from_error_code(error.code());
            let text = ErrorText::new(format_args!("stream offset {stream_offset}: {error}"));
            ending = Some(Ending { reason, text });
        }
        if let Some(Ending { reason, text }) = ending {
            self.close(id, reason, &text, now);
        }
    }

    /// Whether the peer's bytes are wanted now. A peer that does not take its answers is not read
    /// from until it does.
    ///
    /// ```
    /// use cafewire_net::Limits;
    /// # let (mut broker, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// let mut limits = Limits::default();
    /// limits.read_pause_bytes = 5;
    /// broker.set_limits(limits, now);
    /// broker.handle_input(id, b"\xCA\xFE\x01\x00\x02hi", now);
    /// assert!(!broker.is_reading(id)); // a Pong of 7 bytes is queued
    /// broker.consume(id, 7, now);
    /// assert!(broker.is_reading(id));
    /// ```
    #[must_use]
    pub fn is_reading(&self, id: ConnectionId) -> bool {
        self.peers.get(id).is_some_and(|peer| match peer.stage {
            Stage::Open => self.outboxes.queued_bytes(id) <= self.limits.read_pause_bytes,
            Stage::Flushing { .. } | Stage::Lingering => true,
            Stage::Gone => false,
        })
    }
}

/// Whether the next frame of a connection may be done, for which so much is queued. Not only
/// between reads: one read can bring requests for far more than an outbox holds.
const fn go_on(is_ending: bool, queued_bytes: usize, limits: &Limits) -> ControlFlow<Halt> {
    if is_ending {
        ControlFlow::Break(Halt::ForGood)
    } else if queued_bytes > limits.read_pause_bytes {
        ControlFlow::Break(Halt::ForNow)
    } else {
        ControlFlow::Continue(())
    }
}
