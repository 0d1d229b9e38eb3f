//! The names of things, and the time: what all parts of the broker speak of. Imports none of them.

use std::fmt;

use slotmap::{Key, new_key_type};

new_key_type! {
    /// Names a connection for as long as it lives. A later connection in the same slot has another
    /// id.
    ///
    /// ```
    /// use std::net::SocketAddr;
    /// # let (mut broker, id, now) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/broker.rs"));
    /// assert_eq!(id.to_string(), "1v1"); // as the log writes it
    /// broker.handle_reset(id, now);
    /// assert_eq!(broker.poll_closed(), Some(id));
    /// let later = broker.accept("192.0.2.2:4711".parse::<SocketAddr>()?, now);
    /// assert_ne!(later, Some(id)); // although the place is the same
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub struct ConnectionId;

    /// Names a reader of logs: what has a queue of bytes to take. Each connection is one.
    pub(super) struct ReaderId;

    /// Names the log of a room in one wire form.
    pub(super) struct LogId;

    /// Names a room for as long as it has members, and while it lingers.
    pub(super) struct RoomId;
}

/// A version of the chat family, as what is said in a room is written for it: each that a room's
/// members speak has a log of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireForm {
    V1,
    V2,
}

impl From<ConnectionId> for ReaderId {
    fn from(id: ConnectionId) -> Self {
        id.data().into()
    }
}

impl From<ReaderId> for ConnectionId {
    fn from(id: ReaderId) -> Self {
        id.data().into()
    }
}

impl fmt::Display for ConnectionId {
    /// The slot and its generation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.data(), f)
    }
}

/// The time, as the driver tells it.
///
/// ```
/// use std::time::{Instant, SystemTime, UNIX_EPOCH};
/// use cafewire_net::broker::Now;
/// let started = Instant::now();
/// let now = Now {
///     monotonic_ms: u64::try_from(started.elapsed().as_millis())?,
///     unix_ms: u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?,
/// };
/// assert!(now.unix_ms > 1_700_000_000_000); // it is later than November 2023
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since some moment; never goes back. All time-outs count on this.
    pub monotonic_ms: u64,
    /// Milliseconds since 1970-01-01 UTC; goes where the system's clock goes. Broadcasts are
    /// stamped with this.
    pub unix_ms: u64,
}
