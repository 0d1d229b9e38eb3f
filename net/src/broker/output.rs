//! What goes to peers: what was put off is done, and then each connection's bytes are handed out as
//! its transport takes them.

use super::hub::Cx;
use super::outbox;
use super::spans::Span;
use super::{Broker, ConnectionId, Now, Stage, is_signing_in};

impl Broker {
    /// Does what was put off within the tick, and closes those who fell too far behind. To be
    /// called before flushing.
    ///
    /// ```
    /// use cafewire_core::MessagePayload;
    /// # let (mut broker, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// for payload in [MessagePayload::Connect { username: "ada" }, MessagePayload::JoinRoom { room: "lobby" }] {
    ///     broker.handle_input(id, &payload.encode_to_vec()?, now);
    /// }
    /// let before = broker.poll_transmit(id).len();
    /// broker.consume(id, before, now); // ConnectAck
    /// assert!(broker.poll_transmit(id).is_empty());
    /// broker.deliver_pending(now); // what was said in rooms is dealt out once for the whole tick
    /// assert!(!broker.poll_transmit(id).is_empty()); // UserJoined
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn deliver_pending(&mut self, now: Now) {
        loop {
            self.hub.deliver_pending(&mut cx!(self));
            if let Some(id) = self.outboxes.next_overflowed() {
                self.close_slow(id, now);
            } else if self.held_bytes() <= self.limits.buffer_bytes || !self.reclaim(now) {
                break;
            }
        }
        self.outboxes.end_tick();
    }

    /// The next connection that has something to write, or has come to its end. Each comes once per
    /// tick.
    ///
    /// ```
    /// # let (mut broker, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_input(id, b"\xCA\xFE\x01\x00\x00\xCA\xFE\x01\x00\x00", now); // two Pings
    /// broker.deliver_pending(now);
    /// assert_eq!(broker.poll_dirty(), Some(id));
    /// assert_eq!(broker.poll_dirty(), None); // both Pongs go in one write
    /// assert_eq!(broker.poll_transmit(id).len(), 10);
    /// ```
    pub fn poll_dirty(&mut self) -> Option<ConnectionId> {
        while let Some(id) = self.outboxes.next_dirty() {
            if self.peers.get(id).is_some_and(|peer| peer.stage != Stage::Gone) {
                return Some(id);
            }
        }
        None
    }

    /// The bytes to write next, which need not be all there are: when they are
    /// [`consume`](Self::consume), there may be more. Empty: nothing is left, see
    /// [`handle_flushed`](Self::handle_flushed).
    #[must_use]
    pub fn poll_transmit(&self, id: ConnectionId) -> &[u8] {
        match self.outboxes.front(id) {
            None => &[],
            Some((Span::Own { len }, own)) => &own[..len.min(own.len())],
            Some((Span::Room { room, start, end }, _)) => {
                self.hub.bytes(room, start, end).unwrap_or_default()
            }
        }
    }

    /// The first `count` bytes of [`poll_transmit`](Self::poll_transmit) were taken by the
    /// transport. 0 changes nothing.
    ///
    /// # Panics
    /// If `count` is more than `poll_transmit` gave, it may.
    ///
    /// ```
    /// # let (mut broker, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_input(id, b"\xCA\xFE\x01\x00\x02hi", now);
    /// broker.consume(id, 5, now); // no more than that had room in the socket
    /// assert_eq!(broker.poll_transmit(id), b"hi");
    /// broker.consume(id, 2, now);
    /// assert!(broker.poll_transmit(id).is_empty());
    /// ```
    pub fn consume(&mut self, id: ConnectionId, count: usize, now: Now) {
        if count == 0 {
            return;
        }
        self.metrics.bytes_sent.add(count as u64);
        let frame_left = if self.outboxes.front(id).is_some_and(|(span, _)| span.len() == count) {
            Some(0)
        } else {
            let before = self.outboxes.frame_left(id);
            let behind = self.outboxes.behind_front(id);
            before.and_then(|before| {
                outbox::frame_left_after(before, self.poll_transmit(id), behind, count)
            })
        };
        if let Some(room) = self.outboxes.advance(id, count, frame_left, &mut self.pool) {
            self.hub.release_reader(room, &mut self.pool);
        }
        if let Some(peer) = self.peers.get_mut(id) {
            peer.note_activity(is_signing_in(id, peer, &self.hub), now);
        }
    }

    /// The transport took fewer bytes than [`poll_transmit`](Self::poll_transmit) had; the rest
    /// goes when it takes bytes again.
    ///
    /// ```
    /// # let (mut broker, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_input(id, b"\xCA\xFE\x01\x00\x02hi", now);
    /// broker.deliver_pending(now);
    /// assert_eq!(broker.poll_dirty(), Some(id));
    /// broker.consume(id, 5, now); // the socket is full, and two bytes are left
    /// broker.mark_dirty(id); // the poll says that there is room again
    /// assert_eq!(broker.poll_dirty(), Some(id));
    /// ```
    pub fn mark_dirty(&mut self, id: ConnectionId) {
        self.outboxes.mark_dirty(id);
    }
}
