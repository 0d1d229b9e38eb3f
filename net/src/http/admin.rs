//! The sockets of the HTTP server: its listeners and their connections, owned by the event loop,
//! which calls their tick. Knows nothing of requests and responses.
//!
//! HTTP peers cannot starve the others: a tick accepts, reads and writes a bounded number of bytes
//! and makes one response.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use tracing::{debug, warn};

use super::connection::{AfterWrite, HttpConnection, READ_MAX_BYTES};
use super::pages::Pages;
use super::response::{Response, Status};
use crate::address::PeerAddress;
use crate::broker::Broker;
use crate::config::Limits;
use crate::metrics::ServerMetrics;
use crate::transport::uninterrupted;

/// Connections accepted per tick.
const ACCEPT_BUDGET: usize = 8;

/// Connections served per tick. A tick reads at most one head from each.
const SERVE_BUDGET: usize = 8;

/// Responses made per tick.
const RESPONSE_BUDGET: usize = 1;

/// How long accepting pauses after it failed, for lack of descriptors for example.
const ACCEPT_REST_MS: u64 = 100;

/// The most connections, so that tokens stay in their range.
const CONNECTIONS_MAX: usize = 1 << 16;

/// The most listeners, for the same reason.
const LISTENERS_MAX: usize = 1 << 16;

struct AdminListener {
    socket: TcpListener,
    local_address: SocketAddr,
    ready: bool,
}

struct Slot {
    stream: TcpStream,
    connection: HttpConnection,
    /// The peer is on this machine.
    is_local: bool,
    readable: bool,
    writable: bool,
    /// The peer's side has ended, though bytes before the end may be unread. No further edge will
    /// announce them.
    ended: bool,
    queued: bool,
}

pub(crate) struct AdminServer {
    registry: Registry,
    first_token: usize,
    listeners: Vec<AdminListener>,
    resting_until_ms: Option<u64>,
    /// The pause is logged once, until a connection is accepted again.
    has_warned: bool,
    /// A connection's token is its index here. Sockets are dropped after all events of a tick are
    /// sorted, so that a late event cannot reach a connection that took over an index.
    slots: Vec<Option<Slot>>,
    open: usize,
    queue: VecDeque<usize>,
    /// A lower bound on the connections' deadlines.
    deadline_ms: Option<u64>,
    read_buffer: Box<[u8]>,
    limits: Limits,
    pages: Pages,
    metrics: Arc<ServerMetrics>,
}

impl AdminServer {
    /// The number of tokens that the HTTP server uses.
    pub(crate) const TOKENS: usize = LISTENERS_MAX + CONNECTIONS_MAX;

    /// A server on these listening sockets, with [`TOKENS`](Self::TOKENS) tokens from `first_token`
    /// on.
    pub(crate) fn new(
        sockets: Vec<std::net::TcpListener>,
        limits: Limits,
        metrics: Arc<ServerMetrics>,
        registry: &Registry,
        first_token: usize,
    ) -> io::Result<Self> {
        let mut listeners = Vec::new();
        for (index, socket) in sockets.into_iter().take(LISTENERS_MAX).enumerate() {
            socket.set_nonblocking(true)?;
            let mut socket = TcpListener::from_std(socket);
            registry.register(&mut socket, Token(first_token + index), Interest::READABLE)?;
            let local_address = socket.local_addr()?;
            listeners.push(AdminListener { socket, local_address, ready: true });
        }
        // A clock before 1970 was never set, and counts as 1970.
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            registry: registry.try_clone()?,
            first_token,
            listeners,
            resting_until_ms: None,
            has_warned: false,
            slots: Vec::new(),
            open: 0,
            queue: VecDeque::new(),
            deadline_ms: None,
            read_buffer: vec![0; READ_MAX_BYTES].into_boxed_slice(),
            limits,
            pages: Pages::new(Arc::clone(&metrics), started.as_secs_f64()),
            metrics,
        })
    }

    /// Applies other limits to connections from now on.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The addresses of the listeners, with the real ports.
    pub(crate) fn local_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.listeners.iter().map(|listener| listener.local_address)
    }

    /// Whether this token is one of the HTTP server's.
    pub(crate) const fn owns(&self, token: Token) -> bool {
        token.0 >= self.first_token && token.0 < self.first_token + Self::TOKENS
    }

    /// Records an event of one of the HTTP server's tokens.
    pub(crate) fn set_ready(&mut self, event: &Event) {
        let index = event.token().0 - self.first_token;
        if index < LISTENERS_MAX {
            if let Some(listener) = self.listeners.get_mut(index) {
                listener.ready = true;
            }
            return;
        }
        let Some(Some(slot)) = self.slots.get_mut(index - LISTENERS_MAX) else { return };
        slot.ended |= event.is_read_closed() || event.is_error();
        slot.readable |= event.is_readable() || slot.ended;
        slot.writable |= event.is_writable() || event.is_write_closed();
        enqueue(&mut self.queue, slot, index - LISTENERS_MAX);
    }

    /// Whether a tick has work to do now.
    pub(crate) fn is_busy(&self, now_ms: u64) -> bool {
        !self.queue.is_empty() || self.may_accept(now_ms)
    }

    /// When a tick next has work to do, if no event comes before.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        let resting =
            self.resting_until_ms.filter(|_| self.listeners.iter().any(|listener| listener.ready));
        self.deadline_ms.into_iter().chain(resting).min()
    }

    /// Does a bounded part of the work. `broker` is what the pages tell of.
    pub(crate) fn tick(&mut self, now_ms: u64, broker: &Broker) {
        if self.may_accept(now_ms) {
            self.accept(now_ms);
        }
        let mut responses_left = RESPONSE_BUDGET;
        for _ in 0..self.queue.len().min(SERVE_BUDGET) {
            let Some(index) = self.queue.pop_front() else { break };
            self.serve(index, &mut responses_left, now_ms, broker);
        }
        if self.deadline_ms.is_some_and(|deadline_ms| deadline_ms <= now_ms) {
            self.handle_timeouts(now_ms);
        }
    }

    fn may_accept(&self, now_ms: u64) -> bool {
        self.resting_until_ms.is_none_or(|until_ms| until_ms <= now_ms)
            && self.listeners.iter().any(|listener| listener.ready)
    }

    fn accept(&mut self, now_ms: u64) {
        self.resting_until_ms = None;
        let mut budget = ACCEPT_BUDGET;
        for index in 0..self.listeners.len() {
            while budget > 0 && self.listeners[index].ready {
                budget -= 1;
                match self.listeners[index].socket.accept() {
                    Ok((stream, address)) => {
                        self.has_warned = false;
                        self.add(stream, address.into(), now_ms);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.listeners[index].ready = false;
                    }
                    // The peer went away while it waited in the backlog (accept(2)).
                    Err(error)
                        if matches!(
                            error.kind(),
                            io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                        ) => {}
                    // The edge is used up and the backlog still full: a pause avoids a busy loop.
                    Err(error) => {
                        self.resting_until_ms = Some(now_ms + ACCEPT_REST_MS);
                        // A warning with each attempt would say no more.
                        if !self.has_warned {
                            self.has_warned = true;
                            warn!(%error, "accepting on the HTTP port is paused and will resume");
                        }
                        return;
                    }
                }
            }
        }
    }

    fn add(&mut self, mut stream: TcpStream, address: PeerAddress, now_ms: u64) {
        if self.open >= self.limits.http_connections.min(CONNECTIONS_MAX) && !self.close_idle() {
            self.metrics.http_connections_refused.add(1);
            let mut refusal = String::new();
            Response::refusal(Status::ServiceUnavailable).write(true, false, &mut refusal);
            // An empty socket takes the whole refusal at once. Its arrival is not waited for.
            let _ = stream.write(refusal.as_bytes());
            return;
        }
        // A small response must not wait for the acknowledgement of the one before (RFC 896).
        let _ = stream.set_nodelay(true);
        let index = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        let token = Token(self.first_token + LISTENERS_MAX + index);
        if let Err(error) =
            self.registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)
        {
            warn!(%error, peer = %address, "a connection to the HTTP port cannot be watched");
            return;
        }
        debug!(peer = %address, "accepted on the HTTP port");
        let connection = HttpConnection::new(self.limits.http_timeout, now_ms);
        self.deadline_ms = earlier(self.deadline_ms, connection.deadline_ms());
        let slot = Slot {
            stream,
            connection,
            is_local: address.ip().is_some_and(|ip| ip.is_loopback()),
            readable: false,
            writable: false,
            ended: false,
            queued: false,
        };
        if index == self.slots.len() {
            self.slots.push(Some(slot));
        } else {
            self.slots[index] = Some(slot);
        }
        self.open += 1;
        self.metrics.http_connections.set(self.open);
    }

    /// Closes the connection that has been idle for the longest time, so that sockets that ask
    /// nothing do not keep out those that do. False if none is idle.
    fn close_idle(&mut self) -> bool {
        let idle = self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let slot = slot.as_ref().filter(|slot| slot.connection.is_idle() && !slot.readable)?;
            Some((slot.connection.deadline_ms(), index))
        });
        let Some((_, index)) = idle.min() else { return false };
        self.close(index);
        true
    }

    fn serve(&mut self, index: usize, responses_left: &mut usize, now_ms: u64, broker: &Broker) {
        let Some(Some(slot)) = self.slots.get_mut(index) else { return };
        slot.queued = false;
        if slot.read(&mut self.read_buffer).is_err() {
            slot.connection.finish();
        }
        if *responses_left > 0
            && slot.connection.answer(now_ms, |request, into| {
                self.pages.respond(request, slot.is_local, broker, into);
            })
        {
            *responses_left -= 1;
            self.metrics.http_responses.add(1);
        }
        if slot.write(now_ms).is_err() {
            slot.connection.finish();
        }
        if slot.connection.is_finished() {
            return self.close(index);
        }
        self.deadline_ms = earlier(self.deadline_ms, slot.connection.deadline_ms());
        if slot.has_work() {
            enqueue(&mut self.queue, slot, index);
        }
    }

    fn handle_timeouts(&mut self, now_ms: u64) {
        self.deadline_ms = None;
        for index in 0..self.slots.len() {
            let Some(slot) = &mut self.slots[index] else { continue };
            slot.connection.handle_timeout(now_ms);
            if slot.connection.is_finished() {
                self.close(index);
                continue;
            }
            self.deadline_ms = earlier(self.deadline_ms, slot.connection.deadline_ms());
            if slot.has_work() {
                enqueue(&mut self.queue, slot, index);
            }
        }
    }

    fn close(&mut self, index: usize) {
        if let Some(mut slot) = self.slots[index].take() {
            // Closing the socket takes it off the poll as well; a failure here changes nothing.
            let _ = self.registry.deregister(&mut slot.stream);
            self.open -= 1;
            self.metrics.http_connections.set(self.open);
        }
        if self.open == 0 {
            self.deadline_ms = None;
        }
        // An index left in the queue finds an empty slot, or the next connection, which has no work
        // yet.
    }
}

impl Slot {
    /// Reads once, as many bytes as are wanted and have arrived.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let wanted_bytes = self.connection.wanted_bytes().min(buffer.len());
        if !self.readable || wanted_bytes == 0 {
            return Ok(());
        }
        match uninterrupted(|| self.stream.read(&mut buffer[..wanted_bytes])) {
            Ok(0) => {
                self.readable = false;
                self.connection.handle_eof();
            }
            Ok(count) => {
                // A short read means drained, and the next byte makes a new edge (epoll(7), Q9);
                // but the end that came with these bytes has had its edge.
                self.readable = self.ended || count == wanted_bytes;
                self.connection.handle_input(&buffer[..count]);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Writes what the system takes.
    fn write(&mut self, now_ms: u64) -> io::Result<()> {
        while self.writable && !self.connection.unwritten().is_empty() {
            match uninterrupted(|| self.stream.write(self.connection.unwritten())) {
                Ok(count) => {
                    if self.connection.consume(count, now_ms) == AfterWrite::ShutDownSending {
                        self.stream.shutdown(std::net::Shutdown::Write)?;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the connection has work that needs no further event.
    fn has_work(&self) -> bool {
        self.connection.has_unseen_input()
            || (self.readable && self.connection.wanted_bytes() > 0)
            || (self.writable && !self.connection.unwritten().is_empty())
    }
}

fn enqueue(queue: &mut VecDeque<usize>, slot: &mut Slot, index: usize) {
    if !slot.queued {
        slot.queued = true;
        queue.push_back(index);
    }
}

fn earlier(one_ms: Option<u64>, other_ms: u64) -> Option<u64> {
    Some(one_ms.map_or(other_ms, |one_ms| one_ms.min(other_ms)))
}

#[cfg(test)]
#[path = "admin_tests.rs"]
mod tests;
