//! A listening socket, and what to do when the system has no descriptor left for another connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::address::Address;
use crate::descriptors::SpareDescriptor;
use crate::transport::Transport;

/// Connections that the system may hold ready for us; it lowers this to its own bound (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// How long accepting rests after the system said that it has no descriptor (or no memory) left.
const ACCEPT_REST_MS: u64 = 100;

#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    local_address: SocketAddr,
    /// The system may have connections for us.
    ready: bool,
    resting_until_ms: Option<u64>,
}

impl Listener {
    /// Listens on the first of the address's resolutions that can be listened on.
    pub(crate) fn bind(address: &Address) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
        let mut last_error = None;
        for resolved in address.resolve().map_err(named)? {
            match bind_to(resolved) {
                Ok(listener) => return Ok(listener),
                Err(error) => last_error = Some(error),
            }
        }
        Err(named(last_error.unwrap_or_else(|| io::ErrorKind::NotFound.into())))
    }

    pub(crate) const fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)
    }

    pub(crate) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut self.socket)
    }

    pub(crate) const fn set_ready(&mut self) {
        self.ready = true;
    }

    /// Whether `accept` is worth calling now.
    pub(crate) fn is_ready(&self, now_ms: u64) -> bool {
        self.ready && self.resting_until_ms.is_none_or(|until_ms| until_ms <= now_ms)
    }

    /// When accepting goes on, if it rests.
    pub(crate) const fn resting_until_ms(&self) -> Option<u64> {
        self.resting_until_ms
    }

    /// The next connection.
    pub(crate) fn accept(&mut self, now_ms: u64, spare: &mut SpareDescriptor) -> Accepted {
        self.resting_until_ms = None;
        loop {
            match self.socket.accept() {
                Ok((stream, address)) => {
                    // Without no-delay a small answer waits for the acknowledgement of the one before (RFC 896); without
                    // keep-alive a silent peer whose machine is gone is never missed. A connection that refuses an option
                    // works all the same.
                    let _ = stream.set_nodelay(true);
                    let _ = SockRef::from(&stream).set_tcp_keepalive(&keep_alive());
                    return Accepted::Connection(Transport::Tcp(stream), address);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.ready = false;
                    return Accepted::None;
                }
                // The peer went away while it waited in the backlog: the next one, please (accept(2)).
                Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {
                }
                // Said before it is known whether anybody waits at all.
                Err(error) if is_out_of_descriptors(&error) && spare.is_there() => {
                    let turned_away = spare.lend(|| self.socket.accept().is_ok());
                    self.ready = turned_away;
                    return if turned_away { Accepted::TurnedAway } else { Accepted::None };
                }
                // Out of memory, say. The edge is used up and the backlog still full: come back later rather than spin
                // or wait for an edge that may not come.
                Err(error) => {
                    tracing::warn!(listener = %self.local_address, %error, "accepting rests");
                    self.resting_until_ms = Some(now_ms + ACCEPT_REST_MS);
                    return Accepted::None;
                }
            }
        }
    }
}

/// What came of accepting.
#[derive(Debug)]
pub(crate) enum Accepted {
    Connection(Transport, SocketAddr),
    /// The process has no descriptor left; one connection was taken from the backlog and closed.
    TurnedAway,
    /// There is none for now.
    None,
}

/// A peer that answers no probe for two minutes is taken for dead: its connection fails with a time-out.
fn keep_alive() -> TcpKeepalive {
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15)).with_retries(4)
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

fn bind_to(address: SocketAddr) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A server that restarts must not wait for the last one's connections to time out.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let socket = TcpListener::from_std(socket.into());
    let local_address = socket.local_addr()?;
    Ok(Listener { socket, local_address, ready: true, resting_until_ms: None })
}
