//! What goes to peers: what was put off is done, and then each connection's bytes are handed out as its transport takes them.

use super::hub::Surroundings;
use super::outbox;
use super::spans::Span;
use super::{ConnectionId, Exchange, Now, Stage, is_signing_in};

impl Exchange {
    /// Does what was put off within the turn, and closes those who fell too far behind. To be called before flushing.
    ///
    /// ```
    /// use cafewire_core::MessagePayload;
    /// # let (mut exchange, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/exchange.rs"));
    /// for payload in [MessagePayload::Connect { username: "ada" }, MessagePayload::JoinRoom { room: "lobby" }] {
    ///     exchange.receive(id, &payload.encode_to_vec()?, now);
    /// }
    /// let before = exchange.front(id).len();
    /// exchange.written(id, before, now); // ConnectAck
    /// assert!(exchange.front(id).is_empty());
    /// exchange.settle(now); // what was said in rooms is dealt out once for the whole turn
    /// assert!(!exchange.front(id).is_empty()); // UserJoined
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn settle(&mut self, now: Now) {
        loop {
            self.hub.settle(&mut world!(self));
            if let Some(id) = self.outboxes.next_overflowed() {
                self.close_slow(id, now);
            } else if self.held_bytes() <= self.limits.buffer_bytes || !self.reclaim(now) {
                break;
            }
        }
        self.outboxes.end_turn();
    }

    /// The next connection that has something to write, or has come to its end. Each comes once per turn.
    ///
    /// ```
    /// # let (mut exchange, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/exchange.rs"));
    /// exchange.receive(id, b"\xCA\xFE\x01\x00\x00\xCA\xFE\x01\x00\x00", now); // two Pings
    /// exchange.settle(now);
    /// assert_eq!(exchange.next_dirty(), Some(id));
    /// assert_eq!(exchange.next_dirty(), None); // both Pongs go in one write
    /// assert_eq!(exchange.front(id).len(), 10);
    /// ```
    pub fn next_dirty(&mut self) -> Option<ConnectionId> {
        while let Some(id) = self.outboxes.next_dirty() {
            if self.peers.get(id).is_some_and(|peer| peer.stage != Stage::Gone) {
                return Some(id);
            }
        }
        None
    }

    /// The bytes to write next, which need not be all there are: when they are [`written`](Self::written), there may be
    /// more. Empty: nothing is left, see [`flushed`](Self::flushed).
    #[must_use]
    pub fn front(&self, id: ConnectionId) -> &[u8] {
        match self.outboxes.front(id) {
            None => &[],
            Some((Span::Own { len }, own)) => &own[..len.min(own.len())],
            Some((Span::Room { room, start, end }, _)) => self.hub.bytes(room, start, end).unwrap_or_default(),
        }
    }

    /// The first `count` bytes of [`front`](Self::front) were taken by the transport. 0 changes nothing.
    ///
    /// # Panics
    /// If `count` is more than `front` had, it may.
    ///
    /// ```
    /// # let (mut exchange, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/exchange.rs"));
    /// exchange.receive(id, b"\xCA\xFE\x01\x00\x02hi", now);
    /// exchange.written(id, 5, now); // no more than that had room in the socket
    /// assert_eq!(exchange.front(id), b"hi");
    /// exchange.written(id, 2, now);
    /// assert!(exchange.front(id).is_empty());
    /// ```
    pub fn written(&mut self, id: ConnectionId, count: usize, now: Now) {
        if count == 0 {
            return;
        }
        self.metrics.bytes_sent.add(count as u64);
        let frame_left = if self.outboxes.front(id).is_some_and(|(span, _)| span.len() == count) {
            Some(0)
        } else {
            let before = self.outboxes.frame_left(id);
            let behind = self.outboxes.behind_front(id);
            before.and_then(|before| outbox::frame_left_after(before, self.front(id), behind, count))
        };
        if let Some(room) = self.outboxes.advance(id, count, frame_left, &mut self.pool) {
            self.hub.release_reader(room, &mut self.pool);
        }
        if let Some(peer) = self.peers.get_mut(id) {
            peer.note_activity(is_signing_in(id, peer, &self.hub), now);
        }
    }

    /// The transport took fewer bytes than [`front`](Self::front) had; the rest goes when it takes bytes again.
    ///
    /// ```
    /// # let (mut exchange, id, now) = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/exchange.rs"));
    /// exchange.receive(id, b"\xCA\xFE\x01\x00\x02hi", now);
    /// exchange.settle(now);
    /// assert_eq!(exchange.next_dirty(), Some(id));
    /// exchange.written(id, 5, now); // the socket is full, and two bytes are left
    /// exchange.mark_dirty(id); // the poll says that there is room again
    /// assert_eq!(exchange.next_dirty(), Some(id));
    /// ```
    pub fn mark_dirty(&mut self, id: ConnectionId) {
        self.outboxes.mark_dirty(id);
    }
}
