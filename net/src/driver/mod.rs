//! The tick of the server: one thread, one poll, sockets and a clock around a [`Broker`]. Decides
//! nothing about the protocol, and knows no system: the sockets are those of an [`Io`].
//!
//! A tick: wait for readiness; read, within bounds, the rest kept on a ready list; let the broker
//! do what is due; flush connections that have something to say, within bounds, in the order in
//! which they came to that; accept, within bounds; drop the sockets of those that are gone. Sockets
//! are dropped only at the end of the tick, and ids carry the slot's generation, so that a late
//! event never reaches a connection that took over a slot.

mod accept;
mod io;
pub(crate) mod system;
mod unflushed;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use slotmap::SecondaryMap;

use self::io::Input;
pub use self::io::{Accepted, Event, Io, Read, Socket, State};
use self::unflushed::Unflushed;
use crate::broker::{AfterFlush, Broker, ConnectionId, Now};
use crate::config::Limits;
use crate::metrics::{LimitReached, ServerMetrics};

/// A broker and the sockets of its connections.
pub struct Driver<I: Io> {
    pub(crate) io: I,
    pub(crate) broker: Broker,
    sockets: SecondaryMap<ConnectionId, I::Socket>,
    pub(crate) events: Vec<Event>,
    /// Connections that have something to read which no event will announce. With each, up to when
    /// peers had been heard when it came to the list.
    ready: Vec<(ConnectionId, u64)>,
    read_buffer: Box<[u8]>,
    /// When the last wait started: the poll has told what peers had sent by then.
    polled_ms: u64,
    /// All that peers had sent by then is read.
    heard_ms: u64,
    /// When the first of the full polls in a row started, and how many connections they told of.
    full_polls: Option<(u64, usize)>,
    /// Bytes that may still be written in this tick.
    write_left: usize,
    /// Connections that may be flushed in this tick, and that still may be.
    flushes: usize,
    flushes_left: usize,
    /// Something was read in this tick.
    has_read: bool,
    /// Bytes read since all that was marked was flushed.
    read_ahead: usize,
    /// What flushes were cut short of, while they are.
    unflushed: Option<Unflushed>,
    metrics: Arc<ServerMetrics>,
}

impl<I: Io> Driver<I> {
    /// A driver of this broker, whose connections all come from `io`.
    #[must_use]
    pub fn new(io: I, broker: Broker, metrics: Arc<ServerMetrics>) -> Self {
        Self {
            io,
            sockets: SecondaryMap::with_capacity(broker.places()),
            events: Vec::new(),
            ready: Vec::new(),
            read_buffer: read_buffer(broker.limits()),
            polled_ms: 0,
            heard_ms: 0,
            full_polls: None,
            write_left: 0,
            flushes: 0,
            flushes_left: 0,
            has_read: false,
            read_ahead: 0,
            unflushed: None,
            broker,
            metrics,
        }
    }

    /// What decides.
    pub const fn broker(&self) -> &Broker {
        &self.broker
    }

    /// What decides, for a reload of its limits or an orderly end.
    pub const fn broker_mut(&mut self) -> &mut Broker {
        &mut self.broker
    }

    /// The world around it.
    pub const fn io_mut(&mut self) -> &mut I {
        &mut self.io
    }

    /// Other limits are in force from now on.
    pub fn set_limits(&mut self, limits: Limits, now: Now) {
        self.broker.set_limits(limits, now);
        if self.read_buffer.len() != self.broker.limits().read_bytes_per_tick {
            self.read_buffer = read_buffer(self.broker.limits());
        }
        // Those that were not read from under the earlier limits may be now, and no event says so.
        // Since when is not known: no time is up before they are heard.
        for (id, socket) in &mut self.sockets {
            let state = socket.state_mut();
            if state.input != Input::Drained || self.broker.has_backlog(id) {
                list(&mut self.ready, state, id, 0);
            }
        }
    }

    /// Waits until something happens or is due: for at most `at_most`, and not at all while there
    /// is work.
    ///
    /// # Errors
    /// As [`Io::wait`].
    pub fn wait(&mut self, at_most: Option<Duration>) -> std::io::Result<()> {
        let now_ms = self.io.now().monotonic_ms;
        let is_busy = !self.ready.is_empty()
            || self.broker.has_work()
            || (0..self.io.listeners()).any(|listener| self.io.is_listener_ready(listener, now_ms));
        let timeout = if is_busy {
            Some(Duration::ZERO)
        } else {
            [self.broker.next_deadline_ms(), self.io.listener_deadline_ms()]
                .into_iter()
                .flatten()
                .map(|at_ms| Duration::from_millis(at_ms.saturating_sub(now_ms)))
                .chain(at_most)
                .min()
        };
        self.polled_ms = now_ms;
        self.events.clear();
        self.full_polls = self.io.wait(timeout, &mut self.events)?.map(|told| {
            let (since_ms, before) = self.full_polls.unwrap_or((now_ms, 0));
            (since_ms, before + told)
        });
        Ok(())
    }

    /// Up to when peers are heard, after a tick's reading: what they had sent by then is read.
    ///
    /// A poll that comes back full leaves others for the next; after as many as tell of all
    /// connections, each of them was told of that was ready when the first of these polls started.
    fn update_heard(&mut self, oldest_unread_ms: Option<u64>) {
        let told_ms = match self.full_polls {
            None => self.polled_ms,
            Some((since_ms, told)) if told > self.broker.len() => {
                self.full_polls = None;
                since_ms
            }
            Some(_) => self.heard_ms,
        };
        let unread_ms = oldest_unread_ms.unwrap_or(u64::MAX);
        let unflushed_ms = self.unflushed.map_or(u64::MAX, |unflushed| unflushed.heard_ms);
        self.heard_ms = told_ms.min(unread_ms).min(unflushed_ms);
    }

    /// The server goes down: see [`Broker::shut_down`]. Connections that still shake hands for TLS
    /// cannot be told, and are not waited for.
    pub fn shut_down(&mut self, drain_timeout: Duration, now: Now) {
        self.shut_down_over(Duration::ZERO, drain_timeout, now);
    }

    /// The same, with the closes spread over a time: see [`Broker::shut_down_over`].
    pub fn shut_down_over(&mut self, spread: Duration, drain_timeout: Duration, now: Now) {
        self.broker.shut_down_over(spread, drain_timeout, now);
        let Self { io, broker, sockets, .. } = self;
        for (id, socket) in sockets {
            if io.is_handshaking(socket) {
                broker.handle_reset(id, now);
            }
        }
    }

    /// Does what the last [`wait`](Self::wait) told, and what is due.
    pub fn tick(&mut self, now: Now) {
        self.sort_events(now);
        self.read(now);
        self.start_writing();
        // Not up to now: the process may have been stopped since the poll, and what peers sent
        // meanwhile, or could not be read for want of time, is still to be heard.
        self.broker.handle_timeout(self.heard_ms, now);
        self.broker.deliver_pending(now);
        self.flush(now);
        self.broker.end_tick(now);
        self.drop_closed();
        // Last, so that a peer that left and comes again finds its own place free.
        if self.accept(now) {
            // Refusals of connections over the limit go in this tick, if it has the time.
            self.flush(now);
            self.drop_closed();
        }
    }

    /// Puts what happened where the rest of the tick looks for it.
    fn sort_events(&mut self, now: Now) {
        for event in self.events.drain(..) {
            let (id, input) = match event {
                Event::Readable(id) => (id, Input::Waiting),
                Event::Ended(id) => (id, Input::Ending),
                Event::Writable(id) => {
                    self.broker.mark_dirty(id);
                    continue;
                }
            };
            if let Some(socket) = self.sockets.get_mut(id) {
                let state = socket.state_mut();
                state.input = state.input.max(input);
                list(&mut self.ready, state, id, self.heard_ms);
            }
        }
        while let Some(id) = self.broker.poll_resumed(now) {
            if let Some(socket) = self.sockets.get_mut(id) {
                list(&mut self.ready, socket.state_mut(), id, self.heard_ms);
            }
        }
    }

    fn read(&mut self, now: Now) {
        self.has_read = false;
        let mut handshakes_left = self.broker.limits().handshakes_per_tick;
        let listed = self.ready.len();
        let mut read = 0;
        while read < listed {
            let id = self.ready[read].0;
            // Those whose handshake is put off are heard as well: more than the server has time
            // for may run into their time-outs.
            self.ready[read].1 = self.polled_ms;
            if let Some(socket) = self.sockets.get_mut(id) {
                if self.io.is_handshaking(socket) {
                    if handshakes_left == 0 {
                        self.metrics.count_limit(LimitReached::HandshakesPerTick);
                        read += 1;
                        continue;
                    }
                    handshakes_left -= 1;
                }
                self.read_one(id, now);
            }
            read += 1;
            if self.broker.is_tick_spent() && read < listed {
                self.metrics.count_limit(LimitReached::DeliveriesPerTick);
                break;
            }
        }
        // Those that were not read come first next time; of the others only those that a bound cut
        // short stay.
        self.ready.rotate_left(read);
        let unread = listed - read;
        let Self { sockets, broker, ready, .. } = self;
        let mut place = 0;
        let mut oldest_unread_ms: Option<u64> = None;
        ready.retain(|&(id, unread_ms)| {
            place += 1;
            if place <= unread {
                oldest_unread_ms = Some(oldest_unread_ms.unwrap_or(u64::MAX).min(unread_ms));
            }
            sockets.get_mut(id).is_some_and(|socket| {
                let state = socket.state_mut();
                state.is_listed = place <= unread
                    || (state.input != Input::Drained || broker.has_backlog(id))
                        && broker.is_reading(id);
                state.is_listed
            })
        });
        self.update_heard(oldest_unread_ms);
    }

    /// What this tick may write, now that it has read.
    const fn start_writing(&mut self) {
        let limits = self.broker.limits();
        self.write_left = limits.write_bytes_per_tick;
        self.flushes = if self.read_ahead >= limits.read_bytes_per_tick {
            // With much to write, more of it would not make writes any longer.
            usize::MAX
        } else if self.has_read || self.unflushed.is_none() {
            limits.flushes_per_tick
        } else {
            // Looking for more was in vain: the next look comes later. What had no bound is not
            // doubled: then other limits have come to count.
            match self.flushes.checked_mul(2) {
                Some(doubled) => doubled,
                None => limits.flushes_per_tick,
            }
        };
        self.flushes_left = self.flushes;
    }

    fn read_one(&mut self, id: ConnectionId, now: Now) {
        if !self.broker.is_reading(id) {
            return;
        }
        if self.broker.resume(id, now) {
            // Frames that were read earlier, more than a tick does of one connection.
            self.read_ahead = self.read_ahead.saturating_add(self.read_buffer.len());
            return;
        }
        let Some(socket) = self.sockets.get_mut(id) else { return };
        if socket.state_mut().input == Input::Drained {
            return;
        }
        match self.io.read(socket, &mut self.read_buffer) {
            Read::Bytes { count, hit_limit, has_more } => {
                if hit_limit {
                    self.metrics.count_limit(LimitReached::ReadBytesPerTick);
                }
                self.has_read = true;
                self.read_ahead = self.read_ahead.saturating_add(count);
                self.broker.handle_input(id, &self.read_buffer[..count], now);
                if hit_limit || has_more {
                    self.broker.handle_more_waiting(id, now);
                }
                // A short read means drained, and the next byte makes a new edge (epoll(7), Q9);
                // but the end that came with these bytes has had its edge.
                let state = socket.state_mut();
                if state.input != Input::Ending {
                    let has_more = hit_limit || has_more;
                    state.input = if has_more { Input::Waiting } else { Input::Drained };
                }
            }
            Read::Eof => {
                socket.state_mut().input = Input::Drained;
                self.broker.handle_eof(id, now);
            }
            Read::Blocked { has_more: true } => {}
            Read::Blocked { has_more: false } => socket.state_mut().input = Input::Drained,
            Read::Failed(error) => {
                socket.state_mut().input = Input::Drained;
                self.broker.handle_failure(id, &error, now);
            }
            Read::TlsFailed(error) => {
                socket.state_mut().input = Input::Drained;
                self.broker.tls_failed(id, error, now);
            }
            Read::Origin { client, header_bytes } => {
                self.broker.handle_origin(id, client, header_bytes, now);
                // Once: there is one header. What came with it has had its edge.
                return self.read_one(id, now);
            }
            Read::BadOrigin(error) => {
                socket.state_mut().input = Input::Drained;
                self.broker.origin_failed(id, error, now);
            }
        }
        if self.io.wants_flush(socket) {
            self.broker.mark_dirty(id);
        }
    }

    /// Flushes the connections that are marked now, as far as the bounds on a tick allow. The rest
    /// stays marked.
    fn flush(&mut self, now: Now) {
        let mut marks = self.broker.dirty_len();
        let listed = marks;
        while marks > 0 {
            if self.write_left == 0 {
                self.metrics.count_limit(LimitReached::WriteBytesPerTick);
                return self.note_unflushed(listed - marks);
            }
            if self.flushes_left == 0 {
                // Not counted as work put off: under load most ticks end so, and nothing is late.
                self.metrics.flush_pauses.add(1);
                return self.note_unflushed(listed - marks);
            }
            let Some(id) = self.broker.poll_marked(&mut marks) else { break };
            self.flushes_left -= 1;
            self.flush_one(id, now);
            // What was queued for it may have been the reason not to read from it.
            if let Some(socket) = self.sockets.get_mut(id) {
                let state = socket.state_mut();
                let has_input = state.input != Input::Drained || self.broker.has_backlog(id);
                if has_input && self.broker.is_reading(id) {
                    list(&mut self.ready, state, id, self.heard_ms);
                }
            }
        }
        self.read_ahead = 0;
        self.unflushed = None;
    }

    /// A flush was cut short after so many marks.
    fn note_unflushed(&mut self, flushed: usize) {
        let now = Unflushed::new(self.broker.dirty_len(), self.polled_ms, self.heard_ms);
        self.unflushed =
            Some(self.unflushed.map_or(now, |earlier| earlier.followed_by(flushed, now)));
    }

    fn flush_one(&mut self, id: ConnectionId, now: Now) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        let limit = self.broker.limits().connection_write_bytes_per_tick;
        let mut left = limit.min(self.write_left);
        let is_blocked = loop {
            if !self.broker.has_transmit(id) {
                match self.io.flush(socket) {
                    Ok(is_done) => break !is_done,
                    Err(error) => return self.broker.handle_failure(id, &error, now),
                }
            }
            if left == 0 {
                // What is over goes in the next tick, behind the others that are marked.
                if self.write_left > 0 {
                    self.metrics.count_limit(LimitReached::ConnectionWriteBytesPerTick);
                }
                return self.broker.mark_dirty(id);
            }
            let transmit = self.broker.poll_transmit(id);
            let (offered, slices) = (transmit.len(), transmit.slices().len());
            match self.io.write(socket, transmit.slices()) {
                Ok(count) => {
                    self.metrics.gathered_writes.add(u64::from(slices > 1));
                    self.broker.consume(id, count, now);
                    left = left.saturating_sub(count);
                    self.write_left = self.write_left.saturating_sub(count);
                    if count < offered {
                        break true;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break true,
                Err(error) => return self.broker.handle_failure(id, &error, now),
            }
        };
        if is_blocked != socket.state_mut().awaits_writable {
            socket.state_mut().awaits_writable = is_blocked;
            if self.io.watch_writable(socket, id, is_blocked).is_err() {
                return self.broker.handle_reset(id, now);
            }
        }
        if is_blocked {
            self.broker.handle_blocked(id, now);
        } else if self.broker.handle_flushed(id, now) == AfterFlush::ShutDownSending {
            self.io.shut_down_sending(socket);
        }
    }

    fn drop_closed(&mut self) {
        while let Some(id) = self.broker.poll_closed() {
            if let Some(socket) = self.sockets.remove(id) {
                self.io.close(socket);
            }
        }
    }

    /// Checks what the driver and its broker promise, for tests and simulations to call after every
    /// tick.
    ///
    /// # Panics
    /// If a promise is broken.
    pub fn invariants(&mut self) {
        self.broker.invariants();
        assert_eq!(self.sockets.len(), self.broker.len(), "a socket without its connection");
        assert!(
            self.read_ahead < self.broker.limits().read_bytes_per_tick || self.write_left == 0,
            "{} bytes were read before all was written",
            self.read_ahead
        );
        for (id, socket) in &mut self.sockets {
            let state = socket.state_mut();
            assert_eq!(
                state.is_listed,
                self.ready.iter().any(|&(listed, _)| listed == id),
                "a note without its place"
            );
            let has_input = state.input != Input::Drained || self.broker.has_backlog(id);
            assert!(
                state.is_listed
                    || !has_input
                    || !self.broker.is_reading(id)
                    // It will be named among those that go on, or flushed.
                    || self.broker.has_work(),
                "something to read that is never read"
            );
        }
    }
}

/// All that is read from any connection is read into this one.
fn read_buffer(limits: &Limits) -> Box<[u8]> {
    vec![0; limits.read_bytes_per_tick].into_boxed_slice()
}

fn list(ready: &mut Vec<(ConnectionId, u64)>, state: &mut State, id: ConnectionId, heard_ms: u64) {
    if !state.is_listed {
        state.is_listed = true;
        ready.push((id, heard_ms));
    }
}
