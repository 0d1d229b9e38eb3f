//! The system's sockets and poll, as the driver wants them. Decides nothing about connections; what
//! the poll says of anything else it keeps for the loop around the driver.

use std::io::{self, ErrorKind, IoSlice};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::{Events, Interest, Poll, Token};
use slotmap::{Key, KeyData};
use tracing::warn;

use super::header;
use super::millis;
use super::sockets::{Streams, SystemSocket};
use crate::broker::{ConnectionId, Now};
use crate::config::Network;
use crate::driver::io::{Accepted, Event, Input, Io, Read, Socket as _};
use crate::http::AdminServer;
use crate::listen::{self, Listener, ReserveFd};
use crate::signals::{self, Signals};
use crate::socket_options::SocketOptions;

const EVENTS_PER_POLL: usize = 1024;

// A connection's token is its id, whose upper half, the generation, is never 0: small numbers are
// free for others.
pub(super) const WAKER: Token = Token(0);
pub(super) const SIGNALS: Token = Token(1);
const FIRST_LISTENER: usize = 2;
pub(crate) const FIRST_HTTP: usize = 1 << 20;
const _: () =
    assert!(FIRST_HTTP + AdminServer::TOKENS < 1 << 32, "an HTTP token must not be a connection's");
const _: () = assert!(usize::BITS >= 64, "a connection's id must fit a token");

/// What the loop itself was asked for since it looked last.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Another thread has something to say.
    pub(super) is_woken: bool,
    pub(super) signals: signals::Asked,
}

pub(crate) struct SystemIo {
    pub(super) poll: Poll,
    events: Events,
    pub(super) listeners: Vec<Listener>,
    signals: Option<Signals>,
    pub(super) http: Option<AdminServer>,
    streams: Streams,
    reserve_fd: ReserveFd,
    /// Of each connection that is accepted.
    pub(super) socket_options: SocketOptions,
    /// Where proxies may come from, to listeners for them.
    pub(super) proxy_from: Vec<Network>,
    started: Instant,
    /// When the last wait was over.
    pub(super) woken: Instant,
    pub(super) asked: Asked,
}

impl SystemIo {
    pub(super) fn new(listeners: Vec<Listener>, signals: Option<Signals>) -> io::Result<Self> {
        let started = Instant::now();
        let mut this = Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_PER_POLL),
            listeners,
            signals,
            http: None,
            streams: Streams::default(),
            reserve_fd: ReserveFd::new(),
            socket_options: SocketOptions::default(),
            proxy_from: Vec::new(),
            started,
            woken: started,
            asked: Asked::default(),
        };
        if let Some(signals) = &mut this.signals {
            signals.register(this.poll.registry(), SIGNALS)?;
        }
        for (index, listener) in this.listeners.iter_mut().enumerate() {
            listener.register(this.poll.registry(), Token(FIRST_LISTENER + index))?;
        }
        Ok(this)
    }

    pub(super) fn now_at(&self, at: Instant) -> Now {
        Now {
            monotonic_ms: millis(at.duration_since(self.started)),
            // A clock before 1970 is a clock that was never set.
            unix_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis),
        }
    }

    pub(super) fn stop_listening(&mut self) {
        for mut listener in self.listeners.drain(..) {
            if let Err(error) = listener.deregister(self.poll.registry()) {
                warn!(%error, "a listener could not be deregistered");
            }
        }
    }
}

impl Io for SystemIo {
    type Socket = SystemSocket;

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> io::Result<Option<usize>> {
        let polled = self.poll.poll(&mut self.events, timeout);
        self.woken = Instant::now();
        match polled {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(None),
            done => done?,
        }
        let mut told = 0;
        let mut has_signals = false;
        for event in &self.events {
            told += 1;
            match event.token() {
                WAKER => self.asked.is_woken = true,
                SIGNALS => has_signals = true,
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
                    if event.is_read_closed() || event.is_error() {
                        events.push(Event::Ended(id));
                    } else if event.is_readable() {
                        events.push(Event::Readable(id));
                    }
                    if event.is_writable() || event.is_write_closed() {
                        events.push(Event::Writable(id));
                    }
                }
            }
        }
        if has_signals && let Some(signals) = &mut self.signals {
            self.asked.signals = signals.take();
        }
        Ok((told == EVENTS_PER_POLL).then_some(EVENTS_PER_POLL))
    }

    fn now(&mut self) -> Now {
        self.now_at(Instant::now())
    }

    fn listeners(&self) -> usize {
        self.listeners.len()
    }

    fn is_listener_ready(&self, listener: usize, now_ms: u64) -> bool {
        self.listeners[listener].is_ready(now_ms)
    }

    fn listener_deadline_ms(&self) -> Option<u64> {
        self.listeners.iter().filter_map(Listener::resting_until_ms).min()
    }

    fn accept(&mut self, listener: usize, now_ms: u64) -> Accepted<SystemSocket> {
        let listener = &mut self.listeners[listener];
        match listener.accept(now_ms, &mut self.reserve_fd, self.socket_options) {
            listen::Accepted::Connection(transport, address) if !listener.expects_proxy() => {
                Accepted::Connection(self.streams.socket(transport), address)
            }
            listen::Accepted::Connection(transport, address) => match address.ip() {
                Some(ip) if !self.proxy_from.iter().any(|network| network.contains(ip)) => {
                    Accepted::Untrusted(address)
                }
                // Of a Unix-domain socket its file has said who may connect.
                _ => Accepted::Proxy(self.streams.socket_of_proxy(transport), address),
            },
            listen::Accepted::Rejected => Accepted::Rejected,
            listen::Accepted::None => Accepted::None,
        }
    }

    fn register(&mut self, socket: &mut SystemSocket, id: ConnectionId) -> io::Result<()> {
        let mut transport = self.streams.transport(socket);
        self.poll.registry().register(&mut transport, token(id), Interest::READABLE)
    }

    fn watch_writable(
        &mut self,
        socket: &mut SystemSocket,
        id: ConnectionId,
        is_wanted: bool,
    ) -> io::Result<()> {
        let mut interest = Interest::READABLE;
        if is_wanted {
            interest |= Interest::WRITABLE;
        }
        let mut transport = self.streams.transport(socket);
        self.poll.registry().reregister(&mut transport, token(id), interest)
    }

    fn is_handshaking(&mut self, socket: &mut SystemSocket) -> bool {
        self.streams.transport(socket).is_handshaking()
    }

    fn read(&mut self, socket: &mut SystemSocket, into: &mut [u8]) -> Read {
        if let Some(stream) = self.streams.awaiting_header(socket) {
            let is_ending = socket.state_mut().input == Input::Ending;
            let read = header::read(stream, is_ending, into);
            if matches!(read, Read::Origin { .. }) {
                self.streams.end_of_header(socket);
            }
            return read;
        }
        let mut transport = self.streams.transport(socket);
        let outcome = transport.read(into);
        let has_more = transport.has_buffered_input();
        match outcome {
            Ok(0) => Read::Eof,
            Ok(count) => Read::Bytes {
                count,
                hit_limit: count == into.len() || transport.hit_read_limit(),
                has_more,
            },
            // Sealed bytes without any in them, and perhaps more of the kind.
            Err(error) if error.kind() == ErrorKind::WouldBlock => Read::Blocked { has_more },
            // Only TLS says these of a read.
            Err(error)
                if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
            {
                Read::TlsFailed(error)
            }
            Err(error) => Read::Failed(error),
        }
    }

    fn write(&mut self, socket: &mut SystemSocket, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.streams.transport(socket).write_vectored(slices)
    }

    fn flush(&mut self, socket: &mut SystemSocket) -> io::Result<bool> {
        self.streams.transport(socket).flush()
    }

    fn wants_flush(&mut self, socket: &mut SystemSocket) -> bool {
        self.streams.transport(socket).wants_flush()
    }

    fn shut_down_sending(&mut self, socket: &mut SystemSocket) {
        // It fails only if the peer is gone already; then the next read says so.
        let _ = self.streams.transport(socket).shut_down_sending();
    }

    fn close(&mut self, socket: SystemSocket) {
        let mut transport = self.streams.remove(socket);
        transport.as_mut().close_notify();
        // Closing the socket takes it off the poll as well; a failure here changes nothing.
        let _ = self.poll.registry().deregister(&mut transport.as_mut());
    }
}

#[allow(clippy::cast_possible_truncation)] // usize holds 64 bits, asserted above
fn token(id: ConnectionId) -> Token {
    Token(id.data().as_ffi() as usize)
}
