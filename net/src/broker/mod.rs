//! The whole server but its sockets and its clock: a pure state machine that an event loop, a test
//! or a simulation drives. Bytes, ends and time go in; bytes to write and connections to close come
//! out.
//!
//! ```text
//! bytes ─▶ ingress: frames ─▶ dispatch ─▶ echo answers ───────────▶ fan-out: logs, queues ─▶ bytes
//!                                    └──▶ directory: users, rooms ─▶   ▲
//!                                              one close(reason) ──────┘
//! ```
//!
//! A driver's tick, in this order: [`handle_input`](Broker::handle_input),
//! [`handle_eof`](Broker::handle_eof) and [`handle_reset`](Broker::handle_reset) for what happened,
//! [`handle_more_waiting`](Broker::handle_more_waiting) where a read did not take all,
//! [`resume`](Broker::resume) for those that [`poll_resumed`](Broker::poll_resumed) names,
//! [`handle_timeout`](Broker::handle_timeout) for what did not happen, then
//! [`deliver_pending`](Broker::deliver_pending). For each connection that
//! [`poll_dirty`](Broker::poll_dirty) names, [`poll_transmit`](Broker::poll_transmit) is written
//! and what the transport took is [`consume`](Broker::consume)d, until nothing is left
//! ([`handle_flushed`](Broker::handle_flushed)) or the transport takes no more
//! ([`handle_blocked`](Broker::handle_blocked)). [`end_tick`](Broker::end_tick) ends the work, and
//! the sockets of those that [`poll_closed`](Broker::poll_closed) names are dropped. While
//! [`has_work`](Broker::has_work) says so, the next tick follows without waiting for anything.
//!
//! Every connection goes through these stages, in this order, some of them skipped:
//!
//! | stage | input | output |
//! |---|---|---|
//! | open | framed and done | queued, flushed every tick |
//! | flushing | dropped | what was queued before, then an Error frame if the reason has one |
//! | lingering | dropped, until its end or a time-out | our side is shut |
//! | gone | none | none |
//!
//! A whole tick, with a vector for a socket:
//!
//! ```
//! use std::{io::Write, net::SocketAddr, sync::Arc};
//! use cafewire_net::Limits;
//! use cafewire_net::broker::{AfterFlush, Broker, Now};
//! let mut broker = Broker::new(Limits::default(), Arc::default());
//! let now = Now { monotonic_ms: 0, unix_ms: 1_700_000_000_000 };
//! let id = broker.accept("192.0.2.1:4711".parse::<SocketAddr>()?, now).expect("there is a place");
//! let mut socket = Vec::new();
//!
//! broker.handle_input(id, b"\xCA\xFE\x01\x00\x02hi", now); // a Ping
//! broker.handle_timeout(now.monotonic_ms, now);
//! broker.deliver_pending(now);
//! while let Some(id) = broker.poll_dirty() {
//!     loop {
//!         let transmit = broker.poll_transmit(id);
//!         if transmit.is_empty() {
//!             break;
//!         }
//!         let count = socket.write_vectored(transmit.slices())?;
//!         broker.consume(id, count, now);
//!     }
//!     assert_eq!(broker.handle_flushed(id, now), AfterFlush::Keep);
//! }
//! broker.end_tick(now);
//! assert_eq!(broker.poll_closed(), None);
//! assert_eq!(socket, b"\xCA\xFE\x02\x00\x02hi"); // its Pong
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing here fails, whatever a peer sends. An id that names no connection any more changes
//! nothing.
//!
//! Lingering is for the peer: closing a socket with bytes unread resets it, and a reset
//! destroys what the peer has not read yet, the Error frame included (RFC 9293, 3.10.4 and RFC
//! 2525, 2.17).

mod accept;
mod directory;
mod dispatch;
mod fanout;
#[cfg(test)]
mod idle_cost_tests;
mod ids;
mod ingress;
mod lifecycle;
mod roster;
mod transmit;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cafewire_core::Family;
use slotmap::{SecondaryMap, SlotMap};
use tracing::info_span;

use self::directory::Directory;
use self::directory::addresses::{AddressId, Addresses};
use self::directory::connects::Connects;
use self::fanout::Fanout;
pub use self::fanout::Transmit;
pub use self::ids::{ConnectionId, Now};
use self::ingress::{Ingress, PartialFrames, TokenBucket};
use self::lifecycle::{CloseLog, Drain, Timers};
pub use self::roster::ConnectionEntry;
use crate::address::PeerAddress;
use crate::buf::BufferPool;
use crate::config::Limits;
use crate::metrics::ServerMetrics;

/// The fields that requests work with, borrowed apart from the rest.
macro_rules! cx {
    ($self:ident) => {
        $crate::broker::Cx {
            fanout: &mut $self.fanout,
            pool: &mut $self.pool,
            metrics: &$self.metrics,
            limits: &$self.limits,
            addresses: &mut $self.addresses,
            departures_left: &mut $self.departures_left,
        }
    };
}
use cx;

/// What requests work with.
struct Cx<'a> {
    fanout: &'a mut Fanout,
    pool: &'a mut BufferPool,
    metrics: &'a ServerMetrics,
    limits: &'a Limits,
    addresses: &'a mut Addresses,
    /// Departures that may still be told in this tick.
    departures_left: &'a mut usize,
}

/// What a driver is to do with a socket whose outbox has run empty: what [`Broker::handle_flushed`]
/// gives, which shows it.
///
/// ```
/// use std::io;
/// use std::net::{Shutdown, TcpStream};
/// use cafewire_net::broker::AfterFlush;
/// fn after_flush(what: AfterFlush, socket: &TcpStream) -> io::Result<()> {
///     match what {
///         AfterFlush::ShutDownSending => socket.shutdown(Shutdown::Write),
///         AfterFlush::Keep | AfterFlush::Gone => Ok(()),
///     }
/// }
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let socket = TcpStream::connect(listener.local_addr()?)?;
/// after_flush(AfterFlush::Keep, &socket)?;
/// after_flush(AfterFlush::ShutDownSending, &socket)?;
/// # Ok::<(), io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum AfterFlush {
    /// Nothing: the connection goes on.
    Keep,
    /// Shut the sending side, and go on reading until the peer ends.
    ShutDownSending,
    /// Nothing: the connection is gone, and [`Broker::poll_closed`] will name it.
    Gone,
}

/// Called with each Data frame of the echo family: who sent it, and its payload, 0 to 65,535 bytes.
/// Set by [`Broker::set_data_handler`], which shows one, and by
/// [`Server::set_data_handler`](crate::Server::set_data_handler).
pub type DataHandler = Box<dyn FnMut(PeerAddress, &[u8]) + Send>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Flushing { linger: bool },
    Lingering,
    Gone,
}

/// What every connection costs even when nothing happens, so it has nothing in it that most do
/// without, and nothing that leaves a hole.
struct Peer {
    ingress: Ingress,
    /// While it is open: when it came, and once it has signed in, when something last passed. While
    /// it closes: until when.
    clock_ms: u64,
    address: AddressId,
    port: u16,
    stage: Stage,
    /// It is one too many, and there only to be told.
    refused: bool,
}

impl Peer {
    const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }

    /// Something passed. Before sign-in that gives no peer more time.
    const fn note_activity(&mut self, is_signing_in: bool, now: Now) {
        if self.is_open() && !is_signing_in {
            self.clock_ms = now.monotonic_ms;
        }
    }
}

/// The state of all connections, users and rooms. The [module](self) says how it is driven.
pub struct Broker {
    peers: SlotMap<ConnectionId, Peer>,
    directory: Directory,
    fanout: Fanout,
    partial_frames: PartialFrames,
    pool: BufferPool,
    timers: Timers,
    gone: Vec<ConnectionId>,
    open: usize,
    /// Connections that are being told that they are too many. All others count against the limits
    /// until they are gone.
    refused: usize,
    /// Connections whose time was over before they had taken all, since the server goes down.
    cut_off: usize,
    /// Who is told of the end, and when, once the server goes down.
    drain: Option<Drain>,
    close_log: CloseLog,
    addresses: Addresses,
    connects: Connects,
    /// Empty while the limits leave the rate open.
    token_buckets: SecondaryMap<ConnectionId, TokenBucket>,
    data_handler: Option<DataHandler>,
    departures_left: usize,
    /// All that peers had sent by then was read before time-outs were looked at last.
    heard_ms: u64,
    /// When a room that is waited for is to be looked at again.
    waiting_until_ms: Option<u64>,
    limits: Limits,
    metrics: Arc<ServerMetrics>,
}

/// Connections for which the tables have places from the start, if the limit lets so many in:
/// tables that grow are copied, in the middle of a tick, and leave holes in the heap.
/// Places that were never used have no memory behind them.
const PREPARED_PLACES_MAX: usize = 1 << 16;

impl Broker {
    /// A broker without connections. It counts with `metrics`, which anybody may read.
    #[must_use]
    pub fn new(limits: Limits, metrics: Arc<ServerMetrics>) -> Self {
        let limits = limits.normalized();
        metrics.set_limits(&limits.clone().shown());
        let places = prepared_places(&limits);
        Self {
            peers: SlotMap::with_capacity_and_key(places),
            directory: Directory::with_places(places),
            fanout: Fanout::with_places(places, &limits),
            partial_frames: PartialFrames::default(),
            pool: BufferPool::default(),
            timers: Timers::with_places(places),
            gone: Vec::new(),
            open: 0,
            refused: 0,
            cut_off: 0,
            drain: None,
            close_log: CloseLog::new(),
            addresses: Addresses::new(limits.ipv6_prefix_length),
            connects: Connects::default(),
            token_buckets: SecondaryMap::new(),
            data_handler: None,
            departures_left: limits.departures_per_tick,
            heard_ms: 0,
            waiting_until_ms: None,
            limits,
            metrics,
        }
    }

    /// How many connections the tables are made for from the start.
    pub(crate) fn places(&self) -> usize {
        self.peers.capacity()
    }

    /// The limits in force, with nothing in them that would keep the protocol from working.
    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Has other limits count from now on, for those who are here as for those who come. Who is
    /// over a limit already is not closed for that; what is queued beyond one makes a slow consumer
    /// with the next that is queued.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cafewire_net::Limits;
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// let mut limits = Limits::default();
    /// limits.sign_in_timeout = Duration::from_secs(1);
    /// broker.set_limits(limits, now);
    /// broker.handle_timeout(1000, now);
    /// // An Error frame, though longer time-outs were in force when it came.
    /// assert!(!broker.poll_transmit(id).is_empty());
    /// ```
    pub fn set_limits(&mut self, limits: Limits, now: Now) {
        let before = std::mem::replace(&mut self.limits, limits.normalized());
        self.metrics.set_limits(&self.limits.clone().shown());
        // Each is looked at in this tick, and enters the deadline that it has now.
        self.timers.clear();
        for id in self.peers.keys() {
            self.timers.set(now.monotonic_ms, id);
            // What it has used up of a rate that stays is used up.
            let bucket = self.token_buckets.remove(id);
            if let Some(bucket) = TokenBucket::at_reload(bucket, &self.limits, now.monotonic_ms) {
                self.token_buckets.insert(id, bucket);
            }
        }
        self.fanout.set_limits(&self.limits);
        self.addresses.set_prefix_length(self.limits.ipv6_prefix_length);
        let counts_by = |limits: &Limits| (limits.connects_per_second, limits.ipv6_prefix_length);
        if counts_by(&before) != counts_by(&self.limits) {
            self.connects.clear();
        }
    }

    /// Has every Data frame passed to `tap`, from within [`handle_input`](Self::handle_input) and
    /// [`resume`](Self::resume).
    ///
    /// ```
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// let (sender, taken) = std::sync::mpsc::channel();
    /// broker.set_data_handler(Box::new(move |from, payload| {
    ///     drop(sender.send((from.to_string(), payload.to_vec())));
    /// }));
    /// broker.handle_input(id, b"\xCA\xFE\x04\x00\x02hi", now); // Data
    /// assert_eq!(taken.try_recv()?, ("192.0.2.1:4711".to_owned(), b"hi".to_vec()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_data_handler(&mut self, tap: DataHandler) {
        self.data_handler = Some(tap);
    }

    /// Connections in any stage.
    ///
    /// ```
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// assert_eq!(broker.len(), 1);
    /// broker.handle_reset(id, now);
    /// assert_eq!(broker.len(), 1); // it counts until its socket is dropped
    /// broker.poll_closed();
    /// assert!(broker.is_empty());
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether there are no connections, in any stage.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// Checks what this module and its parts promise, for tests and simulations to call after every
    /// step. It looks at every connection and every byte queued: nothing for a server.
    ///
    /// # Panics
    /// If a promise is broken.
    ///
    /// ```
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// broker.handle_input(id, b"\xCA\xFE\x01\x00\x02hi", now);
    /// broker.invariants();
    /// broker.handle_reset(id, now);
    /// broker.invariants();
    /// ```
    pub fn invariants(&self) {
        self.fanout.invariants(|reader| self.peers.contains_key(reader.into()));
        self.directory.invariants(|log| self.fanout.subscribers(log).to_vec());
        let mut open = 0;
        let mut counted = 0;
        let mut refused = 0;
        for (id, peer) in &self.peers {
            peer.ingress.invariants(&self.partial_frames);
            open += usize::from(peer.is_open());
            counted += usize::from(peer.address != AddressId::NONE);
            refused += usize::from(peer.refused);
            assert!(!peer.refused || peer.address == AddressId::NONE, "a refused one counts");
            assert!(
                peer.is_open() || !self.directory.is_signed_in(id),
                "a closed connection is still a user"
            );
            assert_eq!(peer.stage == Stage::Gone, self.gone.contains(&id));
        }
        assert_eq!(
            self.pool.lent_bytes(),
            self.partial_frames.lent_bytes() + self.fanout.lent_bytes(),
            "a buffer without an owner, or one that is counted twice"
        );
        assert_eq!(self.pool.log_bytes(), self.fanout.log_bytes(), "storage of logs miscounted");
        assert_eq!((open, refused), (self.open, self.refused));
        assert_eq!(counted, self.addresses.total(), "an address miscounted");
        self.addresses.invariants();
        self.connects.invariants();
        assert!(
            self.timers.len() >= self.peers.len().saturating_sub(self.gone.len()),
            "a connection that is never checked"
        );
        if self.peers.is_empty() && self.directory.next_linger_ms().is_none() {
            assert_eq!(self.held_bytes(), 0, "buffers held without a connection");
        }
    }
}

/// Whether the time for that still runs: an echo peer signs in with its first frame.
fn is_signing_in(id: ConnectionId, peer: &Peer, directory: &Directory) -> bool {
    match peer.ingress.family() {
        Some(Family::Echo) => !peer.ingress.has_framed(),
        _ => !directory.is_signed_in(id),
    }
}

/// Whether what is heard from it is all that counts as life: it can be asked.
const fn is_v2(peer: &Peer) -> bool {
    matches!(peer.ingress.family(), Some(Family::ChatV2))
}

/// How many connections the tables are made for. The limit may be as good as none.
fn prepared_places(limits: &Limits) -> usize {
    limits.connections.saturating_add(limits.refusals).min(PREPARED_PLACES_MAX)
}

/// A duration that can be added to any time without overflow: endless is some hundred million
/// years.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(u64::MAX / 4)
}

/// What everything that the log says of a connection is said within. Made when there is something
/// to say: kept, it would be the largest part of an idle connection.
fn span(id: ConnectionId, address: PeerAddress) -> tracing::Span {
    info_span!("connection", %id, peer = %address)
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("connections", &self.peers.len())
            .field("open", &self.open)
            .finish()
    }
}
