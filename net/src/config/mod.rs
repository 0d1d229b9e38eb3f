//! What a server may be told: where to listen and how much of everything it allows.

mod effective;

use std::net::SocketAddr;
use std::time::Duration;

use cafewire_core::{HEADER_SIZE, MAX_PAYLOAD_SIZE, chat};

pub use effective::Adjustment;

use crate::address::Address;
use crate::tls::ServerTls;

/// A server's configuration. The defaults are safe on a small machine.
///
/// ```
/// use std::time::Duration;
/// use cafewire_net::ServerConfig;
/// let mut config = ServerConfig::default();
/// assert_eq!(config.listen[0].to_string(), "tcp://127.0.0.1:8080");
/// config.listen = vec!["0.0.0.0:8080".parse()?, "unix:///run/cafewire.sock".parse()?];
/// config.http = vec!["127.0.0.1:9100".parse()?];
/// config.limits.idle_timeout = Duration::from_secs(60);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Where to listen; each gives one listener, on the first address that its name resolves to.
    /// Default `tcp://127.0.0.1:8080`.
    pub listen: Vec<Address>,
    /// The certificate, its key and, for mutual TLS, who signs clients' certificates. `tls://`
    /// addresses need it. Default none.
    pub tls: Option<ServerTls>,
    /// Where to answer HTTP, for metrics, health and the status page. Who reaches it sees them:
    /// there is no sign-in. Default nowhere.
    pub http: Vec<SocketAddr>,
    /// Whether to take over the listening sockets that a service manager opened for this process
    /// (systemd's socket activation). If there are any, `listen` is not looked at. One named `tls`
    /// speaks TLS. Default `false`.
    pub inherit_sockets: bool,
    /// Whether SIGINT and SIGTERM end the server in order and SIGHUP reloads its configuration.
    /// Default `false`: a library leaves signals alone.
    pub handle_signals: bool,
    /// How long a server that goes down waits for its queues to be flushed; 0 is no bound. Default
    /// 10 s.
    pub drain_timeout: Duration,
    /// The bounds on everything that peers can make grow.
    pub limits: Limits,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: vec![Address::default()],
            tls: None,
            http: Vec::new(),
            inherit_sockets: false,
            handle_signals: false,
            drain_timeout: Duration::from_secs(10),
            limits: Limits::default(),
        }
    }
}

impl ServerConfig {
    /// As it counts: 0 is no bound, as in the limits.
    pub(crate) const fn effective_drain_timeout(&self) -> Duration {
        if self.drain_timeout.is_zero() { Duration::MAX } else { self.drain_timeout }
    }
}

/// The bounds on everything that peers can make grow. Everywhere 0 means no bound. Times count in
/// whole milliseconds.
///
/// A server takes every value, and moves what would keep the protocol from working: it lets at
/// least 131,080 bytes queue for a connection (twice the largest answer), in both bounds, 630 before sign-in (the
/// largest chat frame), and a room's log hold 10,080; and it stops reading from a peer at the
/// latest when another largest answer would no longer fit. [`ServerConfig::effective_limits`] tells
/// what counts then.
///
/// ```
/// use cafewire_core::ErrorCode;
/// use cafewire_net::{ChatClient, ClientError, ServerConfig};
/// let mut config = ServerConfig::default();
/// config.limits.rooms_per_connection = 1;
/// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
/// # let (address, _, _server) = serve(Some(config));
/// let mut client = ChatClient::connect(&address, "ada")?;
/// client.join("lobby")?;
/// let error = client.join("den").unwrap_err();
/// assert!(matches!(error, ClientError::Refused { code: ErrorCode::LimitReached, .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at a time, those that are closing included. One more gets Error(ServerFull).
    /// Lowered to what the process's limit on file descriptors allows. Default 65,536.
    pub connections: usize,
    /// Connections from one IP address at a time, those that are closing included. One more gets
    /// Error(ServerFull). Default 1,024.
    pub connections_per_address: usize,
    /// Frames that one connection may send per second, with a burst of as many. What is over is
    /// dropped and answered with Error(RateLimited); who goes on and on is closed. Default 0.
    pub frames_per_second: u64,
    /// The same for bytes of frames. Default 0.
    pub bytes_per_second: u64,
    /// Bytes in all buffers of connections and rooms together, with what it takes to remember who
    /// is to have which part of a room's. Past it those with the most left unread are closed, until
    /// it is kept again. Default 512 MiB.
    pub buffer_bytes: usize,
    /// Time to the first complete frame, and to a chat peer's sign-in, from the accept on. Default
    /// 10 s.
    pub sign_in_timeout: Duration,
    /// Time without a frame from the peer and without a byte taken by it. Members of rooms may be
    /// silent for longer; a member whose machine is gone is found by TCP's keep-alive probes,
    /// within two minutes; with bytes on the way to it, by TCP's retransmissions, which go on for
    /// longer (tcp(7), tcp_retries2). Default 300 s.
    pub idle_timeout: Duration,
    /// Time that a closed connection may take to fetch its last bytes. Default 2 s.
    pub close_timeout: Duration,
    /// Bytes queued for one connection. More than this for longer than `slow_consumer_time`, after
    /// a try to write, makes it a slow consumer. Default 1 MiB.
    pub outbox_bytes: usize,
    /// Bytes queued for one connection. More makes it a slow consumer at once, after a try to
    /// write. Default 8 MiB.
    pub outbox_hard_bytes: usize,
    /// How long more than `outbox_bytes` may be queued. Default 10 s.
    pub slow_consumer_time: Duration,
    /// How long a room whose log is full waits for members that do not take its oldest bytes.
    /// Default 1 s.
    pub full_room_time: Duration,
    /// Members of a room above which joins and leaves are told only to the member concerned.
    /// Default 1,024.
    pub presence_members_max: usize,
    /// Rooms that connections of one address made and that still exist. Default 8,192.
    pub rooms_per_address: usize,
    /// Deliveries in a tick. Default 524,288.
    pub deliveries_per_tick: usize,
    /// Deliveries in a tick that one connection causes. Default 262,144.
    pub connection_deliveries_per_tick: usize,
    /// Bytes written in a tick. Default 64 MiB.
    pub write_bytes_per_tick: usize,
    /// Bytes written in a tick to one connection. Default 1 MiB.
    pub connection_write_bytes_per_tick: usize,
    /// Departures told in a tick. Default 256.
    pub departures_per_tick: usize,
    /// Bytes queued for a chat connection that has not signed in. Default 4 KiB.
    pub outbox_bytes_before_sign_in: usize,
    /// While more bytes than this are queued for a connection, nothing is read from it: a peer that
    /// asks faster than it takes the answers is slowed down, not cut off. Default 256 KiB.
    pub read_pause_bytes: usize,
    /// Bytes of one room's log. The oldest go; members that still needed them are slow consumers.
    /// Default 1 MiB.
    pub room_log_bytes: usize,
    /// Rooms one connection may be in. Default 64.
    pub rooms_per_connection: usize,
    /// Rooms in all. Default 65,536.
    pub rooms: usize,
    /// Members of one room. Default 65,536.
    pub members_per_room: usize,
    /// Bytes read from one connection in a tick of the loop, before others have theirs; between 1
    /// KiB and 1 MiB, whatever is asked for. All that is read lies in one buffer of this size.
    /// Default 64 KiB.
    pub read_bytes_per_tick: usize,
    /// Frames done for one connection in a tick; what else it sent waits for the next. Default 256.
    pub frames_per_tick: usize,
    /// Connections accepted per listener in a tick. Default 64.
    pub accepts_per_tick: usize,
    /// Reads in a tick that may do the arithmetic of a TLS handshake, a millisecond with some keys.
    /// Default 4.
    pub handshakes_per_tick: usize,
    /// Connections to the HTTP port at a time, which count nowhere else. One more gets status 503.
    /// Default 64.
    pub http_connections: usize,
    /// Time that an HTTP peer has for each request, and to take each response. Default 10 s.
    pub http_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 65_536,
            connections_per_address: 1024,
            frames_per_second: 0,
            bytes_per_second: 0,
            buffer_bytes: 512 << 20,
            sign_in_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(300),
            close_timeout: Duration::from_secs(2),
            outbox_bytes: 1 << 20,
            outbox_hard_bytes: 8 << 20,
            slow_consumer_time: Duration::from_secs(10),
            full_room_time: Duration::from_secs(1),
            presence_members_max: 1024,
            rooms_per_address: 8192,
            deliveries_per_tick: 1 << 19,
            connection_deliveries_per_tick: 1 << 18,
            write_bytes_per_tick: 64 << 20,
            connection_write_bytes_per_tick: 1 << 20,
            departures_per_tick: 256,
            outbox_bytes_before_sign_in: 4 << 10,
            read_pause_bytes: 256 << 10,
            room_log_bytes: 1 << 20,
            rooms_per_connection: 64,
            rooms: 65_536,
            members_per_room: 65_536,
            read_bytes_per_tick: 64 << 10,
            frames_per_tick: 256,
            accepts_per_tick: 64,
            handshakes_per_tick: 4,
            http_connections: 64,
            http_timeout: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// What the broker works with: 0 means no bound, and what would keep the protocol from working
    /// is raised: an outbox holds the largest answer, a room's log several frames.
    #[must_use]
    pub(crate) fn normalized(mut self) -> Self {
        for count in [
            &mut self.connections,
            &mut self.connections_per_address,
            &mut self.buffer_bytes,
            &mut self.outbox_bytes,
            &mut self.outbox_hard_bytes,
            &mut self.presence_members_max,
            &mut self.rooms_per_address,
            &mut self.deliveries_per_tick,
            &mut self.connection_deliveries_per_tick,
            &mut self.write_bytes_per_tick,
            &mut self.connection_write_bytes_per_tick,
            &mut self.departures_per_tick,
            &mut self.outbox_bytes_before_sign_in,
            &mut self.read_pause_bytes,
            &mut self.room_log_bytes,
            &mut self.rooms_per_connection,
            &mut self.rooms,
            &mut self.members_per_room,
            &mut self.read_bytes_per_tick,
            &mut self.frames_per_tick,
            &mut self.accepts_per_tick,
            &mut self.handshakes_per_tick,
            &mut self.http_connections,
        ] {
            if *count == 0 {
                *count = usize::MAX;
            }
        }
        for timeout in [
            &mut self.sign_in_timeout,
            &mut self.idle_timeout,
            &mut self.close_timeout,
            &mut self.slow_consumer_time,
            &mut self.full_room_time,
            &mut self.http_timeout,
        ] {
            if timeout.is_zero() {
                *timeout = Duration::MAX;
            }
        }
        let largest_answer = HEADER_SIZE + MAX_PAYLOAD_SIZE;
        self.outbox_bytes = self.outbox_bytes.max(2 * largest_answer);
        self.outbox_hard_bytes = self.outbox_hard_bytes.max(2 * largest_answer);
        let outbox_bytes = self.outbox_bytes.min(self.outbox_hard_bytes);
        self.read_pause_bytes = self.read_pause_bytes.min(outbox_bytes - largest_answer);
        self.outbox_bytes_before_sign_in =
            self.outbox_bytes_before_sign_in.max(chat::MAX_FRAME_SIZE);
        self.room_log_bytes = self.room_log_bytes.max(16 * chat::MAX_FRAME_SIZE);
        self.read_bytes_per_tick = self.read_bytes_per_tick.clamp(1 << 10, 1 << 20);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_no_bound() {
        let zero = Limits {
            connections: 0,
            connections_per_address: 0,
            frames_per_second: 0,
            bytes_per_second: 0,
            buffer_bytes: 0,
            sign_in_timeout: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            close_timeout: Duration::ZERO,
            outbox_bytes: 0,
            outbox_hard_bytes: 0,
            slow_consumer_time: Duration::ZERO,
            full_room_time: Duration::ZERO,
            presence_members_max: 0,
            rooms_per_address: 0,
            deliveries_per_tick: 0,
            connection_deliveries_per_tick: 0,
            write_bytes_per_tick: 0,
            connection_write_bytes_per_tick: 0,
            departures_per_tick: 0,
            outbox_bytes_before_sign_in: 0,
            read_pause_bytes: 0,
            room_log_bytes: 0,
            rooms_per_connection: 0,
            rooms: 0,
            members_per_room: 0,
            read_bytes_per_tick: 0,
            frames_per_tick: 0,
            accepts_per_tick: 0,
            handshakes_per_tick: 0,
            http_connections: 0,
            http_timeout: Duration::ZERO,
        };
        let workable = zero.normalized();
        assert_eq!(workable.connections, usize::MAX);
        assert_eq!(workable.room_log_bytes, usize::MAX);
        assert_eq!((workable.frames_per_tick, workable.accepts_per_tick), (usize::MAX, usize::MAX));
        assert_eq!(
            (workable.handshakes_per_tick, workable.read_bytes_per_tick),
            (usize::MAX, 1 << 20)
        );
        assert!(workable.read_pause_bytes > 1 << 40 && workable.idle_timeout == Duration::MAX);
        assert_eq!(workable.slow_consumer_time, Duration::MAX);
        assert_eq!(workable.full_room_time, Duration::MAX);
    }

    #[test]
    fn what_cannot_work_is_raised_and_the_rest_kept() {
        let small = Limits {
            outbox_bytes: 1,
            room_log_bytes: 1,
            read_pause_bytes: usize::MAX,
            ..Limits::default()
        };
        let workable = small.normalized();
        assert!(workable.outbox_bytes >= 65_540 && workable.room_log_bytes >= 630);
        assert!(workable.read_pause_bytes + 65_540 <= workable.outbox_bytes);
        let small = Limits { outbox_hard_bytes: 1, ..Limits::default() }.normalized();
        assert!(small.outbox_hard_bytes >= 2 * 65_540, "two of the largest answers fit");
        assert!(small.read_pause_bytes + 65_540 <= small.outbox_hard_bytes);
        for (asked, read_bytes_per_tick) in [
            (1, 1 << 10),
            (1023, 1 << 10),
            (1024, 1024),
            (1025, 1025),
            ((1 << 20) - 1, (1 << 20) - 1),
            ((1 << 20) + 1, 1 << 20),
        ] {
            let limits = Limits { read_bytes_per_tick: asked, ..Limits::default() };
            assert_eq!(limits.normalized(), Limits { read_bytes_per_tick, ..Limits::default() });
        }
        assert_eq!(Limits::default().normalized(), Limits::default());
    }
}
