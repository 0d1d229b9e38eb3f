//! What goes to peers: what was put off is done, and then each connection's bytes are handed out as
//! its transport takes them.

use super::{Broker, ConnectionId, Now, Stage, Transmit, cx, is_signing_in, is_v2};
use crate::broker::ids::ReaderId;

impl Broker {
    /// Does what was put off within the tick. To be called before flushing.
    ///
    /// ```
    /// use cafewire_core::MessagePayload;
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// let connect = MessagePayload::Connect { username: "ada" };
    /// let join = MessagePayload::JoinRoom { room: "lobby" };
    /// for payload in [connect, join] {
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
        self.fanout.set_now(now.monotonic_ms);
        self.directory.tell_departures(&mut cx!(self));
        self.directory.tell_infos(&mut cx!(self));
        self.fanout.deliver_pending(&mut self.pool);
    }

    /// The next connection that has something to write, or has come to its end, in the order in
    /// which they came to that.
    ///
    /// ```
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_input(id, b"\xCA\xFE\x01\x00\x00\xCA\xFE\x01\x00\x00", now); // two Pings
    /// broker.deliver_pending(now);
    /// assert_eq!(broker.poll_dirty(), Some(id));
    /// assert_eq!(broker.poll_dirty(), None); // both Pongs go in one write
    /// assert_eq!(broker.poll_transmit(id).len(), 10);
    /// ```
    pub fn poll_dirty(&mut self) -> Option<ConnectionId> {
        self.poll_marked(&mut { usize::MAX })
    }

    /// The same within so many marks, [`dirty_len`](Self::dirty_len) when a flush starts: those of
    /// connections that are gone count. So each connection has one turn, though it may be marked
    /// again in its turn.
    pub fn poll_marked(&mut self, marks: &mut usize) -> Option<ConnectionId> {
        while let Some(id) = self.fanout.next_dirty(marks).map(ConnectionId::from) {
            if self.peers.get(id).is_some_and(|peer| peer.stage != Stage::Gone) {
                return Some(id);
            }
        }
        None
    }

    /// The bytes to write next, in slices, which need not be all there are: when they are
    /// [`consume`](Self::consume)d, there may be more. Empty: nothing is left, see
    /// [`handle_flushed`](Self::handle_flushed).
    pub fn poll_transmit(&mut self, id: ConnectionId) -> Transmit<'_> {
        self.fanout.transmit(id.into())
    }

    /// Bytes that are queued for this connection: all that [`poll_transmit`](Self::poll_transmit)
    /// has still to give.
    ///
    /// ```
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_input(id, b"\xCA\xFE\x01\x00\x02hi", now);
    /// assert_eq!(broker.queued_bytes(id), 7); // its Pong
    /// ```
    #[must_use]
    pub fn queued_bytes(&self, id: ConnectionId) -> usize {
        self.fanout.queued_bytes(id.into())
    }

    /// The first `count` bytes of [`poll_transmit`](Self::poll_transmit) were taken by the
    /// transport. 0 changes nothing.
    ///
    /// # Panics
    /// If `count` is more than is queued.
    ///
    /// ```
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_input(id, b"\xCA\xFE\x01\x00\x02hi", now);
    /// broker.consume(id, 5, now); // the socket has space for no more
    /// assert_eq!(broker.poll_transmit(id).to_vec(), b"hi");
    /// broker.consume(id, 2, now);
    /// assert!(broker.poll_transmit(id).is_empty());
    /// ```
    pub fn consume(&mut self, id: ConnectionId, count: usize, now: Now) {
        if count == 0 {
            return;
        }
        self.metrics.bytes_sent.add(count as u64);
        self.fanout.consume(id.into(), count, &mut self.pool);
        if let Some(peer) = self.peers.get_mut(id).filter(|peer| !is_v2(peer)) {
            peer.note_activity(is_signing_in(id, peer, &self.directory), now);
        }
    }

    /// The transport may take bytes again, of which it took too few before.
    ///
    /// ```
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_input(id, b"\xCA\xFE\x01\x00\x02hi", now);
    /// broker.deliver_pending(now);
    /// assert_eq!(broker.poll_dirty(), Some(id));
    /// broker.consume(id, 5, now); // the socket is full, and two bytes are left
    /// broker.handle_blocked(id, now);
    /// broker.mark_dirty(id); // the poll says that there is room again
    /// assert_eq!(broker.poll_dirty(), Some(id));
    /// ```
    pub fn mark_dirty(&mut self, id: ConnectionId) {
        self.fanout.mark_dirty(id.into());
    }

    /// Ends the work of a tick, after flushing: closes those that hold the most of too much, and
    /// lets go on what waited for a room.
    pub fn end_tick(&mut self, now: Now) {
        self.fanout.set_now(now.monotonic_ms);
        self.judge_overgrown(now);
        let mut lagging: Vec<ReaderId> = Vec::new();
        self.waiting_until_ms = self.directory.check_waiting(&mut lagging, &mut cx!(self));
        for reader in lagging {
            self.close_slow(reader.into(), now);
        }
        self.reclaim(now);
        self.fanout.start_tick();
        self.departures_left = self.limits.departures_per_tick;
        self.metrics.bytes_copied.set(self.pool.copied_bytes());
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has something to write.
    #[must_use]
    pub fn has_transmit(&self, id: ConnectionId) -> bool {
        self.fanout.queued_bytes(id.into()) > 0
    }

    /// How many marks there are for [`poll_marked`](Self::poll_marked). Connections that are marked
    /// meanwhile come behind those.
    #[must_use]
    pub fn dirty_len(&self) -> usize {
        self.fanout.dirty_len()
    }

    /// Whether there is work that nothing new from outside is needed for. While there is, the
    /// driver's poll must not sleep.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.directory.has_departures()
            || self.directory.has_resumed()
            || self.directory.has_waiting(|logs| {
                self.fanout.has_log_space(logs.all(), logs.message_bytes_max(), &self.limits)
            })
            || self.fanout.dirty_len() > 0
            || self.fanout.pending_bytes() > 0
    }
}
