//! The thin outside: one thread, one poll, sockets and the clock around a [`Broker`]. Decides
//! nothing about the protocol.
//!
//! A tick: wait for readiness; read, within bounds, the rest kept on a ready list; let the broker
//! do what is due; flush each connection that has something to say, once; drop the sockets of those
//! that are gone; accept, within bounds. Sockets are dropped only at the end of the tick, and
//! tokens carry the slot's generation, so a late event never reaches a connection that took over a
//! slot.

mod connections;
mod control;
#[cfg(test)]
mod interest_tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use slotmap::{Key, KeyData};
use tracing::{info, warn};

use self::connections::{Connection, Connections, Input, State};
use crate::broker::{AfterFlush, Broker, ConnectionId, Now};
use crate::config::{Limits, ServerConfig};
use crate::control::{Control, Phase, Requests};
use crate::http::AdminServer;
use crate::listen::ReserveFd;
use crate::listen::{Accepted, Listener};
use crate::metrics::LimitReached;
use crate::metrics::ServerMetrics;

const EVENTS_PER_POLL: usize = 1024;

// A connection's token is its id, whose upper half, the generation, is never 0: small numbers are
// free for others.
const WAKER: Token = Token(0);
const SIGNALS: Token = Token(1);
const FIRST_LISTENER: usize = 2;
pub(crate) const FIRST_HTTP: usize = 1 << 20;
const _: () =
    assert!(FIRST_HTTP + AdminServer::TOKENS < 1 << 32, "an HTTP token must not be a connection's");
const _: () = assert!(usize::BITS >= 64, "a connection's id must fit a token");

/// What the loop itself was asked for within a tick.
#[derive(Default)]
struct Asked {
    /// How often.
    to_stop: usize,
    to_reload: bool,
}

pub(crate) struct Driver {
    poll: Poll,
    listeners: Vec<Listener>,
    signals: Option<Signals>,
    requests: Arc<Requests>,
    control: Control,
    broker: Broker,
    connections: Connections,
    ready: Vec<ConnectionId>,
    read_buffer: Box<[u8]>,
    started: Instant,
    /// What is in force. Its limits are with the broker.
    config: ServerConfig,
    drain_until_ms: Option<u64>,
    reserve_fd: ReserveFd,
    http: Option<AdminServer>,
    tick_started: Option<Instant>,
    /// When the last poll began: what peers had sent by then, it told.
    polled_ms: u64,
    /// Polls in a row that came back full.
    full_polls: usize,
    metrics: Arc<ServerMetrics>,
}

impl Driver {
    pub(crate) fn new(
        listeners: Vec<Listener>,
        broker: Broker,
        config: ServerConfig,
        metrics: Arc<ServerMetrics>,
    ) -> io::Result<(Self, mio::Waker, Arc<Requests>)> {
        let poll = Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKER)?;
        let requests = Arc::new(Requests::default());
        let signals = if config.handle_signals {
            let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
            poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
            Some(signals)
        } else {
            None
        };
        let mut this = Self {
            poll,
            listeners,
            signals,
            requests: Arc::clone(&requests),
            control: Control::default(),
            connections: Connections::with_places(broker.places()),
            ready: Vec::new(),
            read_buffer: read_buffer(broker.limits()),
            broker,
            started: Instant::now(),
            config,
            drain_until_ms: None,
            reserve_fd: ReserveFd::new(),
            http: None,
            tick_started: None,
            polled_ms: 0,
            full_polls: 0,
            metrics,
        };
        for (index, listener) in this.listeners.iter_mut().enumerate() {
            listener.register(this.poll.registry(), Token(FIRST_LISTENER + index))?;
        }
        Ok((this, waker, requests))
    }

    /// Opens the HTTP port, which is then served in each tick. Returns where it listens, with the
    /// real ports.
    pub(crate) fn open_http(
        &mut self,
        addresses: &[SocketAddr],
        limits: Limits,
    ) -> io::Result<Vec<SocketAddr>> {
        let metrics = Arc::clone(&self.metrics);
        let port = AdminServer::bind(addresses, limits, metrics, self.poll.registry(), FIRST_HTTP)?;
        Ok(self.http.insert(port).local_addresses().collect())
    }

    pub(crate) const fn exchange_mut(&mut self) -> &mut Broker {
        &mut self.broker
    }

    pub(crate) const fn control_mut(&mut self) -> &mut Control {
        &mut self.control
    }

    pub(crate) fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Turns until told to stop and everybody is served, or the time for that is over.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_POLL);
        self.control.enter(Phase::Ready);
        loop {
            self.wait(&mut events)?;
            let tick_started = Instant::now();
            self.tick_started = Some(tick_started);
            let now = self.now_at(tick_started);
            self.metrics.ticks.add(1);
            let asked = self.sort_events(&events);
            if asked.to_reload {
                self.reload(now);
            }
            if asked.to_stop > 0 && self.stop(asked.to_stop, now) {
                return Ok(());
            }
            let frames_before = self.metrics.messages_processed.get();
            let reading_from = Instant::now();
            self.read(now);
            if self.has_heard_everybody(&events) {
                // Not up to now: the process may have been stopped since, and what peers sent
                // meanwhile is still to be heard.
                self.broker.handle_timeout(Now { monotonic_ms: self.polled_ms, ..now });
            }
            self.broker.deliver_pending(now);
            self.flush(now);
            let frames = self.metrics.messages_processed.get() - frames_before;
            if frames > 0 {
                self.metrics.parse_to_flush_time.observe(reading_from.elapsed(), frames);
            }
            self.drop_gone();
            // Last, so that who left and comes again finds its own place free.
            self.accept(now);
            // Who is one too many is told at once.
            self.flush(now);
            self.drop_gone();
            if let Some(http) = &mut self.http {
                http.tick(now.monotonic_ms);
            }
            if self
                .drain_until_ms
                .is_some_and(|until_ms| self.broker.is_empty() || until_ms <= now.monotonic_ms)
            {
                match self.broker.unserved() {
                    0 => info!("stopped: every queue was flushed"),
                    connections => warn!(
                        connections,
                        "stopped: the drain timeout is over, and not everybody took all"
                    ),
                }
                return Ok(());
            }
        }
    }

    fn monotonic_ms(&self, at: Instant) -> u64 {
        millis(at.duration_since(self.started))
    }

    fn now_at(&self, at: Instant) -> Now {
        Now {
            monotonic_ms: self.monotonic_ms(at),
            // A clock before 1970 is a clock that nobody set.
            unix_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis),
        }
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let waiting_from = Instant::now();
        if let Some(tick_started) = self.tick_started.take() {
            self.metrics.tick_time.observe(waiting_from.duration_since(tick_started), 1);
        }
        let now_ms = self.monotonic_ms(waiting_from);
        let busy = !self.ready.is_empty()
            || self.listeners.iter().any(|listener| listener.is_ready(now_ms))
            || self.http.as_ref().is_some_and(|http| http.is_busy(now_ms));
        let timeout = if busy {
            Some(Duration::ZERO)
        } else {
            let resting = self.listeners.iter().filter_map(Listener::resting_until_ms).min();
            let http = self.http.as_ref().and_then(AdminServer::next_deadline_ms);
            [self.broker.next_deadline_ms(), resting, self.drain_until_ms, http]
                .into_iter()
                .flatten()
                .min()
                .map(|at_ms| Duration::from_millis(at_ms.saturating_sub(now_ms)))
        };
        self.polled_ms = now_ms;
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            done => done,
        }
    }

    /// Whether all who had something to say when their time was up have been heard. A poll that
    /// comes back full leaves others for the next; after as many as there are connections to fill,
    /// everybody had a turn.
    fn has_heard_everybody(&mut self, events: &Events) -> bool {
        self.full_polls =
            if events.iter().count() < events.capacity() { 0 } else { self.full_polls + 1 };
        if self.full_polls * events.capacity() > self.broker.len() {
            self.full_polls = 0;
        }
        self.full_polls == 0
    }

    /// Puts what happened where the rest of the tick looks for it. Returns what the loop itself was
    /// asked for.
    fn sort_events(&mut self, events: &Events) -> Asked {
        let mut asked = Asked::default();
        for event in events {
            match event.token() {
                WAKER => {
                    asked.to_stop += usize::from(self.requests.take_stop());
                    asked.to_reload |= self.requests.take_reload();
                }
                SIGNALS => {
                    for signal in self.signals.iter_mut().flat_map(Signals::pending) {
                        if signal == SIGHUP {
                            asked.to_reload = true;
                        } else {
                            asked.to_stop += 1;
                        }
                    }
                }
                Token(index) if index - FIRST_LISTENER < self.listeners.len() => {
                    self.listeners[index - FIRST_LISTENER].set_ready();
                }
                token if self.http.as_ref().is_some_and(|http| http.owns(token)) => {
                    if let Some(http) = &mut self.http {
                        http.set_ready(event);
                    }
                }
                Token(id) => {
                    let id = ConnectionId::from(KeyData::from_ffi(id as u64));
                    let Some(state) = self.connections.state_mut(id) else { continue };
                    let has_ended = event.is_read_closed() || event.is_error();
                    if has_ended || event.is_readable() {
                        state.input =
                            state.input.max(if has_ended { Input::Ending } else { Input::Waiting });
                        list(&mut self.ready, state, id);
                    }
                    if event.is_writable() || event.is_write_closed() {
                        self.broker.mark_dirty(id);
                    }
                }
            }
        }
        asked
    }

    fn accept(&mut self, now: Now) {
        let Limits { accepts_per_tick: budget, send_buffer_bytes, .. } = *self.broker.limits();
        for listener in &mut self.listeners {
            let mut left = budget;
            while listener.is_ready(now.monotonic_ms) {
                if left == 0 {
                    self.metrics.count_limit(LimitReached::AcceptsPerTick);
                    break;
                }
                left -= 1;
                let (mut transport, address) = match listener.accept(
                    now.monotonic_ms,
                    &mut self.reserve_fd,
                    send_buffer_bytes,
                ) {
                    Accepted::Connection(transport, address) => (transport, address),
                    Accepted::Rejected => {
                        self.metrics.connections_rejected.add(1);
                        continue;
                    }
                    Accepted::None => break,
                };
                let Some(id) = self.broker.accept(address, now) else { continue };
                let registered = self.poll.registry().register(
                    &mut transport.as_mut(),
                    token(id),
                    Interest::READABLE,
                );
                self.connections.insert(id, transport);
                if let Err(error) = registered {
                    warn!(%error, peer = %address, "a connection cannot be watched");
                    self.broker.handle_reset(id, now);
                }
            }
        }
    }

    fn read(&mut self, now: Now) {
        let mut handshakes_left = self.broker.limits().handshakes_per_tick;
        for index in 0..self.ready.len() {
            let id = self.ready[index];
            if let Some(Connection { transport, state }) = self.connections.get_mut(id) {
                state.listed = false;
                if transport.is_handshaking() {
                    if handshakes_left == 0 {
                        self.metrics.count_limit(LimitReached::HandshakesPerTick);
                        continue;
                    }
                    handshakes_left -= 1;
                }
                self.read_one(id, now);
            }
        }
        // Only those that a budget cut short stay.
        let connections = &mut self.connections;
        let broker = &self.broker;
        self.ready.retain(|&id| {
            connections.state_mut(id).is_some_and(|state| {
                state.listed = state.input != Input::Drained && broker.is_reading(id);
                state.listed
            })
        });
    }

    fn read_one(&mut self, id: ConnectionId, now: Now) {
        if !self.broker.is_reading(id) || self.broker.resume(id, now) {
            return;
        }
        let Some(Connection { mut transport, state }) = self.connections.get_mut(id) else {
            return;
        };
        let outcome = transport.read(&mut self.read_buffer);
        let took_all = transport.hit_read_limit()
            || matches!(outcome, Ok(count) if count == self.read_buffer.len());
        if took_all {
            self.metrics.count_limit(LimitReached::ReadBytesPerTick);
        }
        match outcome {
            Ok(0) => {
                state.input = Input::Drained;
                self.broker.handle_eof(id, now);
            }
            Ok(count) => {
                self.broker.handle_input(id, &self.read_buffer[..count], now);
                // A short read means drained, and the next byte makes a new edge (epoll(7), Q9);
                // but the end that came with these bytes has had its edge.
                let has_more =
                    took_all || transport.has_buffered_input() || self.broker.has_backlog(id);
                if state.input != Input::Ending {
                    state.input = if has_more { Input::Waiting } else { Input::Drained };
                }
            }
            // Sealed bytes without any in them, and perhaps more of the kind.
            Err(error)
                if error.kind() == io::ErrorKind::WouldBlock && transport.has_buffered_input() => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => state.input = Input::Drained,
            Err(error) => {
                state.input = Input::Drained;
                match error.kind() {
                    // Only TLS says these of a read.
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                        self.broker.tls_failed(id, error, now);
                    }
                    _ => self.broker.handle_reset(id, now),
                }
            }
        }
        if transport.wants_flush() {
            self.broker.mark_dirty(id);
        }
    }

    fn flush(&mut self, now: Now) {
        while let Some(id) = self.broker.poll_dirty() {
            self.flush_one(id, now);
            if let Some(state) = self.connections.state_mut(id)
                && state.input != Input::Drained
                && self.broker.is_reading(id)
            {
                list(&mut self.ready, state, id);
            }
        }
    }

    fn flush_one(&mut self, id: ConnectionId, now: Now) {
        let Some(Connection { mut transport, state }) = self.connections.get_mut(id) else {
            return;
        };
        let left_over = loop {
            let chunk = self.broker.poll_transmit(id);
            if chunk.is_empty() {
                match transport.flush() {
                    Ok(done) => break !done,
                    Err(_) => return self.broker.handle_reset(id, now),
                }
            }
            let offered = chunk.len();
            match transport.write(chunk) {
                Ok(count) => {
                    self.broker.consume(id, count, now);
                    if count < offered {
                        break true;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break true,
                Err(_) => return self.broker.handle_reset(id, now),
            }
        };
        if left_over != state.awaits_writable {
            state.awaits_writable = left_over;
            let interest = if left_over {
                Interest::READABLE | Interest::WRITABLE
            } else {
                Interest::READABLE
            };
            if self.poll.registry().reregister(&mut transport, token(id), interest).is_err() {
                return self.broker.handle_reset(id, now);
            }
        }
        if !left_over && self.broker.handle_flushed(id, now) == AfterFlush::ShutDownSending {
            // It fails only if the peer is gone already; then the next read says so.
            let _ = transport.shut_down_sending();
        }
    }

    fn drop_gone(&mut self) {
        while let Some(id) = self.broker.poll_closed() {
            if let Some(mut transport) = self.connections.remove(id) {
                transport.as_mut().close_notify();
                // Closing the socket takes it off the poll as well; a failure here changes nothing.
                let _ = self.poll.registry().deregister(&mut transport.as_mut());
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// All that is read from anybody is read into this one.
fn read_buffer(limits: &Limits) -> Box<[u8]> {
    vec![0; limits.read_bytes_per_tick].into_boxed_slice()
}

fn list(ready: &mut Vec<ConnectionId>, state: &mut State, id: ConnectionId) {
    if !state.listed {
        state.listed = true;
        ready.push(id);
    }
}

#[allow(clippy::cast_possible_truncation)] // usize holds 64 bits, asserted above
fn token(id: ConnectionId) -> Token {
    Token(id.data().as_ffi() as usize)
}
