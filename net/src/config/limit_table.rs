//! The limits of a server, in one table: what each is called, what kind of a number it is, its
//! default, the range that it is moved into, and what it bounds. The struct, its defaults, what
//! counts in the end, the program's options, variables, keys, help and manual are made of it. A new
//! limit is a row here, the code that heeds it and its test.

/// Hands the table to a macro, one row per limit:
///
/// ```text
/// /// What it bounds, and what happens at the limit.
/// ///
/// /// More that is worth knowing; not in the help of an option.
/// name: kind = default UNIT, in |earlier| FROM..=TO, "why it is moved into this range";
/// ```
///
/// | kind | field | 0 is | default |
/// |---|---|---|---|
/// | `count` | `usize` | no bound | a number |
/// | `bytes` | `usize` | no bound | `KiB`, `MiB` |
/// | `count_rate` | `u64`, per second | no bound | a number |
/// | `byte_rate` | `u64` of bytes per second | no bound | a number |
/// | `time` | `Duration` | no bound | `s` |
/// | `system_bytes` | `usize`, asked of the system | the system's choice | a number, `KiB` |
///
/// Only `count` and `bytes` have a range, and not all of them. It may depend on limits that stand
/// earlier in the table, as they count.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_limit {
    ($callback:ident) => {
        $callback! {
            /// Connections at a time, those that are closing included; one more gets
            /// Error(ServerFull). Lowered to what file descriptors and memory allow.
            connections: count = 65_536;
            /// Connections over a limit that are told so at a time; others are closed without a
            /// word. Lowered to an eighth of the file descriptors where those are few.
            refusals: count = 256;
            /// Connections from one IP address at a time, those that are closing included; one
            /// more gets Error(ServerFull).
            connections_per_address: count = 1024;
            /// Connections per second from one IP address, with a burst of as many; one more gets
            /// Error(ServerFull).
            ///
            /// Those that come through a Unix-domain socket are not counted. Of a proxy that tells
            /// its clients' addresses, these are. The 65,536 addresses that connected last are
            /// remembered; while each of so many has used up a part of its rate, others are not
            /// counted.
            connects_per_second: count_rate = 0;
            /// Bits of an IPv6 address, 1 to 128, that connections_per_address,
            /// connects_per_second and rooms_per_address go by: hosts that have as many in common
            /// count as one address.
            ///
            /// A line has a network of 64 bits at the least (RFC 6177), and so more addresses than
            /// any limit. IPv4 addresses count one by one.
            ipv6_prefix_length: count = 64,
                in |_| 1..=128, "an IPv6 address has 128 bits, of which one at least must count";
            /// Frames per second from one connection, with a burst of as many; what is over is
            /// dropped and answered with Error(RateLimited), and a connection that goes on and on
            /// is closed.
            frames_per_second: count_rate = 0;
            /// Bytes of frames per second from one connection; what is over is treated as with
            /// frames_per_second.
            bytes_per_second: byte_rate = 0;
            /// All buffers of connections and rooms together; past it connections with the most
            /// left unread are closed, until it holds again. Lowered to what fits, with the
            /// kernel's send buffers, into 3/4 of the memory that the process may have.
            ///
            /// What it takes to remember which connection is to have which part of a room's log
            /// counts too. The memory that a process may have is the least of the bounds of its
            /// cgroup, of those above it, and of RLIMIT_AS.
            buffer_bytes: bytes = 512 MiB;
            /// Size asked of the system for each connection's send buffer (SO_SNDBUF), of which
            /// Linux keeps twice as much; 0 leaves it to the system. Set where memory is bounded.
            ///
            /// Linux counts its own bookkeeping in, hence the doubling (socket(7)), takes no more
            /// than net.core.wmem_max, and no longer adapts a size that was asked for. Where memory
            /// is bounded and the system's choice (up to the last number of net.ipv4.tcp_wmem for
            /// each connection) does not fit beside buffer_bytes, a size that fits is asked for, 48
            /// KiB at the least; send buffers may have half of what there is in any case.
            ///
            /// Measured over loopback with 100 members, 512 bytes, 64 messages in flight: from 64
            /// KiB on throughput is that of the system's choice. With 32 KiB, which has no room for
            /// one segment, it is a tenth. But where 20 rooms speak as fast as they can, a member
            /// that reads it all was behind by outbox_hard_bytes within 0.2 s with 128 and 256 KiB.
            /// The system's choice takes what many rooms say in a tick: hence 0.
            send_buffer_bytes: system_bytes = 0;
            /// Time to the first complete frame, and to a chat peer's sign-in, from the accept on;
            /// then Error(IdleTimeout).
            sign_in_timeout: time = 10 s;
            /// Time in which nothing passes either way, then Error(IdleTimeout); members of rooms
            /// may be silent for longer.
            ///
            /// What passes is a whole frame that came, and any byte that the system took of what
            /// was queued: a peer that takes its answers slowly is not idle while some are left.
            /// What the system still holds of them does not count, since it does not tell. A
            /// member whose machine is gone is found within unreachable_timeout.
            idle_timeout: time = 300 s;
            /// Time after which a TCP peer whose machine gives no sign is taken for gone, whatever
            /// is on the way to it; also ends a live peer that makes no room for what is on the way
            /// in this time. 0 leaves it to the system.
            ///
            /// By keep-alive probes while nothing is on the way, and by TCP_USER_TIMEOUT (tcp(7),
            /// RFC 5482) while something is; systems without that go on sending it for their own
            /// time, a quarter of an hour on many. Counts in seconds, for connections that are
            /// accepted from then on.
            unreachable_timeout: time = 120 s;
            /// Time that a closed connection has to fetch its last bytes; then its socket is
            /// dropped.
            close_timeout: time = 2 s;
            /// Bytes queued for one connection; more than this, left after a try to write, for
            /// longer than slow_consumer_time makes it a slow consumer, which gets
            /// Error(SlowConsumer).
            outbox_bytes: bytes = 1 MiB,
                in |_| 2 * LARGEST_ANSWER.., "two of the largest answers must fit";
            /// Bytes queued for one connection that make it a slow consumer at once, if a try to
            /// write in the same tick leaves them.
            outbox_hard_bytes: bytes = 8 MiB,
                in |limits| limits.outbox_bytes.., "it cannot be less than outbox_bytes";
            /// Time that more than outbox_bytes may be queued for a connection; then it is a slow
            /// consumer.
            slow_consumer_time: time = 10 s;
            /// Bytes queued for a chat connection that has not signed in; more closes it.
            outbox_bytes_before_sign_in: bytes = 4 KiB,
                in |_| chat::MAX_FRAME_SIZE.., "the largest chat frame must fit";
            /// While more is queued for a connection, nothing is read from it.
            ///
            /// A peer that asks faster than it takes the answers is slowed down, not cut off.
            read_pause_bytes: bytes = 256 KiB,
                in |limits| ..=limits.outbox_bytes - LARGEST_ANSWER,
                "outbox_bytes must have room for the largest answer beyond it";
            /// Bytes of one room's log; when it is full the room waits for members that are behind,
            /// as long as full_room_time allows, and then they are slow consumers.
            room_log_bytes: bytes = 1 MiB,
                in |_| 16 * chat::MAX_FRAME_SIZE.., "16 of the largest chat frames must fit";
            /// Bytes of all rooms' logs together up to which they keep what their members have had,
            /// for members of version 2 that ask for what was said before; past it each room in
            /// turn gives up its oldest.
            ///
            /// It lies within buffer_bytes, and goes before any connection is closed for those. No
            /// room keeps more than room_log_bytes.
            history_bytes: bytes = 64 MiB;
            /// Messages that one answer has of what was said before, to a join or to a History, of
            /// the newest that were asked for; 256 KiB of them at the most.
            replay_max: count = 256,
                in |_| 1..=65_535, "an answer tells its length in 16 bits";
            /// Time that a room keeps what was said after its last member has gone, if members of
            /// version 2 were there; rooms that wait go first when there are as many as there may
            /// be.
            ///
            /// So a client that was alone, or went down with everybody, can go on where it was.
            room_linger: time = 60 s;
            /// Time that a room whose log is full waits for members that are behind, although they
            /// were written to; then they are slow consumers.
            ///
            /// Connections that speak there are not read from meanwhile, so that a member that
            /// reads is not cut off because others speak faster than it reads. A member that reads
            /// nothing holds its room up for this time, once.
            full_room_time: time = 1 s;
            /// Rooms that one connection may be in; a join to one more gets Error(LimitReached).
            rooms_per_connection: count = 64;
            /// Rooms that connections from one IP address made and that still exist; making one
            /// more gets Error(LimitReached).
            rooms_per_address: count = 8192;
            /// Rooms in all; making one more gets Error(LimitReached).
            rooms: count = 65_536;
            /// Members of one room; a join of one more gets Error(LimitReached).
            members_per_room: count = 65_536;
            /// Members of a room up to which all of them are told of joins and leaves; in a larger
            /// one only the member concerned is, until half as many are left.
            presence_members_max: count = 1024;
            /// Bytes read from one connection in a tick of the loop, 1KiB to 1MiB; the rest waits
            /// for the next.
            ///
            /// All that is read lies in one buffer of this size.
            read_bytes_per_tick: bytes = 64 KiB,
                in |_| 1 << 10..=1 << 20, "it is kept between 1 KiB and 1 MiB";
            /// Frames done for one connection in a tick; the rest waits for the next.
            frames_per_tick: count = 256;
            /// Connections accepted per address to listen on in a tick; the rest waits for the
            /// next.
            accepts_per_tick: count = 64;
            /// Steps of TLS handshakes in a tick; the rest waits for the next.
            ///
            /// A step is a read that may do the arithmetic of a handshake, a millisecond with some
            /// keys.
            handshakes_per_tick: count = 4;
            /// Deliveries in a tick in all, which are frames times members; the rest waits for the
            /// next, but one frame to one room is always delivered.
            deliveries_per_tick: count = 524_288;
            /// Deliveries in a tick of the frames of one connection; the rest waits for the next,
            /// but one frame is always delivered.
            connection_deliveries_per_tick: count = 262_144;
            /// Departures in a tick that members are told of; the rest is told in the next.
            ///
            /// A member that goes is removed at once; only the notices of it, UserLeft, are spread.
            departures_per_tick: count = 256;
            /// Connections that are written to in a tick; the rest waits for the next, which reads
            /// first: what came meanwhile goes out in the same writes. Twice as many where nothing
            /// came, and no bound where read_bytes_per_tick were read, in all, since all were
            /// written to.
            ///
            /// A write costs the same for one frame as for ten, so fewer and longer ones are what
            /// throughput is made of. The second bound keeps what is read from running ahead of
            /// what is written.
            flushes_per_tick: count = 16;
            /// Bytes written in a tick in all; the rest waits for the next.
            write_bytes_per_tick: bytes = 64 MiB;
            /// Bytes written to one connection in a tick; the rest waits for the next.
            connection_write_bytes_per_tick: bytes = 1 MiB;
            /// Connections to the HTTP port at a time, which count nowhere else; for one more the
            /// one that has been idle for the longest time is closed, or it gets status 503.
            http_connections: count = 64;
            /// Time that an HTTP peer has for each request, and to take each response; then it is
            /// cut off.
            http_timeout: time = 10 s;
        }
    };
}
