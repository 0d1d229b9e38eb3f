//! What the driver needs of the world: readiness, sockets, a clock. The system's in a server, a
//! simulated one in tests. Decides nothing.

use std::io::{self, IoSlice};
use std::time::Duration;

use crate::address::PeerAddress;
use crate::broker::{ConnectionId, Now};

/// Sockets, a poll that watches them, and the time.
///
/// The poll is edge-triggered, as epoll(7) with `EPOLLET` is: an event comes once when something
/// becomes possible, and again only after it was tried and found impossible.
pub trait Io {
    /// One connection's socket, with what the driver notes of it.
    type Socket: Socket;

    /// Waits until something happens, for at most `timeout`; `None` is without a bound. Adds what
    /// happened to `events`. If there may be more to tell than fits one wait: how many connections
    /// one wait tells of.
    ///
    /// # Errors
    /// What keeps the poll from working at all. An interrupted wait ends early and is no error.
    fn wait(
        &mut self,
        timeout: Option<Duration>,
        events: &mut Vec<Event>,
    ) -> io::Result<Option<usize>>;

    /// The time now.
    fn now(&mut self) -> Now;

    /// How many listeners there are.
    fn listeners(&self) -> usize;

    /// Whether a listener may have a connection for [`accept`](Self::accept).
    fn is_listener_ready(&self, listener: usize, now_ms: u64) -> bool;

    /// When a listener that rests is ready again, in milliseconds of the monotonic clock.
    fn listener_deadline_ms(&self) -> Option<u64>;

    /// Takes the next connection of a listener.
    fn accept(&mut self, listener: usize, now_ms: u64) -> Accepted<Self::Socket>;

    /// Watches a new connection for bytes to read.
    ///
    /// # Errors
    /// It cannot be watched.
    fn register(&mut self, socket: &mut Self::Socket, id: ConnectionId) -> io::Result<()>;

    /// Watches a connection for room to write, too, or no longer.
    ///
    /// # Errors
    /// It cannot be watched.
    fn watch_writable(
        &mut self,
        socket: &mut Self::Socket,
        id: ConnectionId,
        is_wanted: bool,
    ) -> io::Result<()>;

    /// Whether the next read may do the costly arithmetic of a handshake.
    fn is_handshaking(&mut self, socket: &mut Self::Socket) -> bool;

    /// Reads what is there, as far as it fits.
    fn read(&mut self, socket: &mut Self::Socket, into: &mut [u8]) -> Read;

    /// Writes what the system takes.
    ///
    /// # Errors
    /// `WouldBlock` if it takes nothing now; anything else ends the connection.
    fn write(&mut self, socket: &mut Self::Socket, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Passes on what [`write`](Self::write) took and the system has not yet; true when nothing of
    /// that is left.
    ///
    /// # Errors
    /// The connection is at its end.
    fn flush(&mut self, socket: &mut Self::Socket) -> io::Result<bool>;

    /// Whether a read has left something to [`flush`](Self::flush).
    fn wants_flush(&mut self, socket: &mut Self::Socket) -> bool;

    /// Says that nothing follows. What the peer still says can be read.
    fn shut_down_sending(&mut self, socket: &mut Self::Socket);

    /// Closes a connection, whatever is left in it.
    fn close(&mut self, socket: Self::Socket);
}

/// What happened to a connection. A late event of one that is gone names no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// There may be bytes to read.
    Readable(ConnectionId),
    /// The peer's side has ended or failed: what is still to be read comes before that.
    Ended(ConnectionId),
    /// There may be room to write.
    Writable(ConnectionId),
}

/// A socket, with what the driver notes of it.
pub trait Socket {
    /// What the driver notes.
    fn state_mut(&mut self) -> &mut State;
}

/// What the driver notes of a connection's socket. Three bytes: with the kind of the socket they
/// fill a word.
#[derive(Debug, Default)]
pub struct State {
    pub(super) input: Input,
    /// It is on the ready list.
    pub(super) is_listed: bool,
    /// The poll watches for room to write.
    pub(super) awaits_writable: bool,
}

/// What is to be read, by what the poll said and what was read since. The later outweighs the
/// earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Input {
    /// Nothing until the poll says otherwise.
    #[default]
    Drained,
    /// The system may have bytes for us.
    Waiting,
    /// The peer's side has ended, whatever is still to be read before that. No further edge will
    /// say so.
    Ending,
}

/// How a read ended.
#[derive(Debug)]
pub enum Read {
    /// So many bytes came, at least one.
    Bytes {
        /// How many.
        count: usize,
        /// As many as one read may take: there may be more.
        hit_limit: bool,
        /// There is more to read that the poll will not announce.
        has_more: bool,
    },
    /// The peer has ended its side.
    Eof,
    /// Nothing is there now.
    Blocked {
        /// There is more to read that the poll will not announce.
        has_more: bool,
    },
    /// The transport failed, and why.
    Failed(io::Error),
    /// TLS failed, and why.
    TlsFailed(io::Error),
    /// A proxy has told whose connection this is. What follows is still to be read.
    Origin {
        /// The client; `None` if the connection is the proxy's own, or the proxy does not know.
        client: Option<PeerAddress>,
        /// The bytes that told it.
        header_bytes: usize,
    },
    /// What came first from a proxy tells nothing, and why.
    BadOrigin(io::Error),
}

/// What a listener had.
#[derive(Debug)]
pub enum Accepted<S> {
    /// A connection, and where it comes from.
    Connection(S, PeerAddress),
    /// A connection of a proxy, of which [`Read::Origin`] comes first.
    Proxy(S, PeerAddress),
    /// One that was closed at once, since it is no proxy's and came where proxies connect.
    Untrusted(PeerAddress),
    /// One that was closed at once, since the system had no descriptor for it.
    Rejected,
    /// None now.
    None,
}
