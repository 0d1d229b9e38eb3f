//! What comes from peers: bytes to frames, frames to the part that answers them, within what one
//! connection may have of a tick.

use std::cell::Cell;
use std::ops::ControlFlow;

use super::chat_v2::answer_chat_v2;
use super::{Done, Ending, ErrorText, answer_chat_v1, answer_echo, refuse_rate};
use crate::broker::directory::requests::Asker;
use crate::broker::ingress::{Frame, Halt, Keep, Received, Verdict};
use crate::broker::{Broker, ConnectionId, Cx, Now, Stage, is_signing_in};
use crate::metrics::{CloseReason, LimitReached};

impl Broker {
    /// Bytes came from the peer: as many as the driver likes to read at once, cut anywhere.
    ///
    /// ```
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// let (head, tail) = b"\xCA\xFE\x01\x00\x02hi".split_at(3); // a Ping, cut
    /// broker.handle_input(id, head, now);
    /// assert!(broker.poll_transmit(id).is_empty());
    /// broker.handle_input(id, tail, now);
    /// assert_eq!(broker.poll_transmit(id).to_vec(), b"\xCA\xFE\x02\x00\x02hi"); // its Pong
    /// ```
    pub fn handle_input(&mut self, id: ConnectionId, bytes: &[u8], now: Now) {
        self.metrics.bytes_received.add(bytes.len() as u64);
        self.work_on(id, bytes, now);
    }

    /// Goes on with frames that came earlier, if [`handle_input`](Self::handle_input) left some for
    /// the next tick: it does so after as many as one connection may ask for in one tick. False:
    /// there were none, or not all of one: the peer can be read from in this tick.
    ///
    /// ```
    /// use cafewire_net::Limits;
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// let mut limits = Limits::default();
    /// limits.frames_per_tick = 1;
    /// broker.set_limits(limits, now);
    /// broker.handle_input(id, b"\xCA\xFE\x01\x00\x00\xCA\xFE\x01\x00\x00", now); // two Pings
    /// assert!(broker.has_backlog(id));
    /// assert!(broker.resume(id, now)); // the second one's turn
    /// assert!(!broker.resume(id, now)); // from now on the socket may be read again
    /// ```
    pub fn resume(&mut self, id: ConnectionId, now: Now) -> bool {
        // Where what was kept is only the start of a frame, the rest of it may have been here for
        // long: a peer whose bytes were not read is not silent.
        self.has_backlog(id) && (self.work_on(id, &[], now) > 0 || self.has_backlog(id))
    }

    /// More of the peer's bytes, or its end, wait in the transport after a read took all that it
    /// may. So the peer is not silent, though none of its frames may be whole. Before sign-in that
    /// gives it no more time.
    ///
    /// ```
    /// use cafewire_net::broker::Now;
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_input(id, b"\xCA\xFE\x03\xFF\xFF", now); // the header of a long Echo
    /// broker.handle_more_waiting(id, now);
    /// ```
    pub fn handle_more_waiting(&mut self, id: ConnectionId, now: Now) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.note_activity(is_signing_in(id, peer, &self.directory), now);
        }
    }

    /// Whether there are whole frames that wait for [`resume`](Self::resume), which shows it. If
    /// so, and while the peer [`is read from`](Self::is_reading), the driver's poll must not sleep:
    /// nothing new need come from the peer.
    #[must_use]
    pub fn has_backlog(&self, id: ConnectionId) -> bool {
        self.peers.get(id).is_some_and(|peer| peer.ingress.has_backlog(&self.partial_frames))
    }

    /// Returns how many frames were done.
    fn work_on(&mut self, id: ConnectionId, bytes: &[u8], now: Now) -> u64 {
        self.fanout.set_now(now.monotonic_ms);
        let Self { peers, directory, partial_frames, token_buckets, data_handler, .. } = self;
        let Some(peer) = peers.get_mut(id).filter(|peer| peer.is_open()) else { return 0 };
        let asker = Asker { id, address: peer.address, request: 0 };
        let terms = Cell::new(directory.terms_of(id));
        let (ingress, port) = (&mut peer.ingress, peer.port);
        let mut token_bucket = token_buckets.get_mut(id);
        let (mut ending, mut frames) = (None, 0);
        let limits = &self.limits;
        let deliveries_before = self.fanout.deliveries();
        let mut reached = None;
        let fanout = &mut self.fanout;
        let (addresses, metrics) = (&mut self.addresses, &self.metrics);
        let departures_left = &mut self.departures_left;
        let mut keep = Keep { partial_frames, pool: &mut self.pool };
        let frames_max = limits.frames_per_tick;
        let received = ingress.receive(bytes, frames_max, &mut keep, &terms, |frame, pool| {
            let mut cx = Cx { fanout, pool, metrics, limits, addresses, departures_left };
            let size = frame.encoded_len();
            let verdict = token_bucket
                .as_mut()
                .map_or(Verdict::Allowed, |bucket| bucket.take(size, now.monotonic_ms));
            let done = match (verdict, frame) {
                (Verdict::Allowed, Frame::Echo(view)) => {
                    answer_echo(id, view, &mut cx, |payload, addresses| {
                        if let Some(handle) = data_handler {
                            handle(addresses.get(asker.address, port), payload);
                        }
                    });
                    Done::Yes
                }
                (Verdict::Allowed, Frame::ChatV1(view)) => {
                    answer_chat_v1(asker, view, directory, now, &mut cx)
                }
                (Verdict::Allowed, Frame::ChatV2(view)) => {
                    let asker = Asker { request: view.header().request, ..asker };
                    answer_chat_v2(asker, view, &terms, directory, now, &mut cx)
                }
                (verdict, frame) => {
                    let is_persistent = verdict == Verdict::Persistent;
                    refuse_rate(id, &frame, is_persistent, directory, &mut cx)
                }
            };
            match done {
                Done::NotYet => {
                    if let Some(bucket) = &mut token_bucket {
                        bucket.give_back(size);
                    }
                    return ControlFlow::Break(Halt::NotYet);
                }
                Done::Ends(why) => ending = Some(why),
                Done::Yes => {}
            }
            frames += 1;
            if ending.is_some() {
                return ControlFlow::Break(Halt::ForGood);
            }
            let deliveries = fanout.deliveries();
            reached = if deliveries >= limits.deliveries_per_tick {
                Some(LimitReached::DeliveriesPerTick)
            } else if deliveries - deliveries_before >= limits.connection_deliveries_per_tick {
                Some(LimitReached::ConnectionDeliveriesPerTick)
            } else {
                None
            };
            // Not only between reads: one read can bring requests for far more than an outbox
            // holds.
            let queued_bytes = fanout.queued_bytes(id.into()) + fanout.pending_bytes();
            if reached.is_some() || queued_bytes > limits.read_pause_bytes {
                ControlFlow::Break(Halt::ForNow)
            } else {
                ControlFlow::Continue(())
            }
        });
        self.metrics.messages_processed.add(frames);
        if ending.is_none() && peer.ingress.has_backlog(&self.partial_frames) {
            let frames_limit = usize::try_from(frames).is_ok_and(|f| f >= limits.frames_per_tick);
            let reached = reached.or(frames_limit.then_some(LimitReached::FramesPerTick));
            reached.into_iter().for_each(|limit| self.metrics.count_limit(limit));
        }
        if frames > 0 {
            peer.note_activity(is_signing_in(id, peer, &self.directory), now);
        }
        if let Received::Corrupt { error, stream_offset } = received {
            self.metrics.parse_errors.add(1);
            let reason = CloseReason::from_error_code(error.code());
            let text = ErrorText::new(format_args!("stream offset {stream_offset}: {error}"));
            ending = Some(Ending { reason, text });
        }
        if let Some(Ending { reason, text }) = ending {
            self.close(id, reason, &text, now);
        }
        frames
    }

    /// Whether as much was done in this tick as there is time for: the driver leaves what other
    /// peers have sent for the next one.
    #[must_use]
    pub const fn is_tick_spent(&self) -> bool {
        self.fanout.deliveries() >= self.limits.deliveries_per_tick
    }

    /// The next connection whose request waited for something and can go on: the driver calls
    /// [`resume`](Self::resume) for it in this tick or a later one.
    ///
    /// It waited for the server, so its idle time starts again.
    pub fn poll_resumed(&mut self, now: Now) -> Option<ConnectionId> {
        let id = self.directory.next_resumed()?;
        self.handle_more_waiting(id, now);
        Some(id)
    }

    /// Whether the peer's bytes are wanted now. A peer that does not take its answers is not read
    /// from until it does.
    ///
    /// ```
    /// use cafewire_net::Limits;
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
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
            Stage::Open => {
                self.fanout.queued_bytes(id.into()) <= self.limits.read_pause_bytes
                    && !self.directory.is_waiting(id)
            }
            Stage::Flushing { .. } | Stage::Lingering => true,
            Stage::Gone => false,
        })
    }
}
