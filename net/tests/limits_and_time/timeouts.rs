//! The sign-in time-out and the idle time-out.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use cafewire_core::{ErrorCode, Message, MessagePayload};
use cafewire_net::broker::{Broker, Now};
use cafewire_net::{CloseReason, Limits, ServerConfig, ServerMetrics};
use rustix::process::{Resource, getrlimit};

use crate::support::{Peer, TestServer, chat, echo, parse, publish, wait_until};

const SOON: Duration = Duration::from_millis(150);
const NEVER: Duration = Duration::from_secs(3600);

/// The largest Connect has 40 bytes, which at this pace takes longer than any time-out here.
const BETWEEN_BYTES: Duration = Duration::from_millis(10);

#[test]
fn a_peer_that_does_not_sign_in_is_closed_with_an_error() {
    let server = TestServer::with(|config| config.limits.sign_in_timeout = NEVER);
    let mut ada = server.member("ada", "tea");
    let connect = chat(&MessagePayload::Connect { username: "eve" });
    let taken = chat(&MessagePayload::Connect { username: "ada" });

    let mut silent = server.peer();
    let bytes_before = server.metrics().bytes_received;
    let mut half_a_frame = server.peer();
    half_a_frame.send(&connect[..7]);
    let mut refused = server.peer();
    refused.send(&taken);
    refused.expect_error(ErrorCode::UsernameTaken);
    let mut half_an_echo = server.peer();
    half_an_echo.send(&echo(&Message::Ping(b"never whole"))[..9]);
    let bytes = bytes_before + (7 + taken.len() + 9) as u64;
    server.wait_until("all bytes sent", |metrics| metrics.bytes_received == bytes);

    server.change_limits(|limits| limits.sign_in_timeout = SOON);
    for peer in [&mut silent, &mut half_a_frame, &mut refused] {
        let text = peer.expect_error(ErrorCode::IdleTimeout);
        assert!(!text.is_empty());
        peer.expect_end();
    }
    half_an_echo.expect_echo_error();
    half_an_echo.expect_end();
    server.wait_for_closes(CloseReason::SignInTimeout, 4);
    assert_eq!(server.metrics().errors_sent(ErrorCode::IdleTimeout), 3);

    // The time-out does not apply to users who have signed in.
    ada.send(&publish("tea", "hello"));
    assert!(matches!(parse(&ada.next_chat()), MessagePayload::MessageBroadcast { .. }));
    assert_eq!(server.metrics().clients_connected, 1);
}

#[test]
fn a_silent_peer_is_closed_with_an_error() {
    let server = TestServer::with(|config| config.limits.idle_timeout = SOON);
    let mut ada = server.user("ada");
    ada.expect_error(ErrorCode::IdleTimeout);
    ada.expect_end();
    let mut echoing = server.peer();
    echoing.send_echo(&Message::ping());
    echoing.expect_echo(&Message::pong());
    echoing.expect_echo_error();
    echoing.expect_end();
    server.wait_for_closes(CloseReason::IdleTimeout, 2);
    server.wait_until_empty();
}

/// After a standstill more peers have sent frames than the server reads in one tick: none of them
/// times out before its frame is read.
#[test]
fn frames_that_came_in_time_are_read_before_time_outs_apply() {
    /// More peers than three ticks read from.
    const CROWD: usize = 3500;
    const OTHER_DESCRIPTORS: usize = 1000;
    let (release, held) = mpsc::channel::<()>();
    let mut hurried = Limits::default();
    (hurried.connections_per_address, hurried.sign_in_timeout) = (0, Duration::from_millis(1));
    let server = TestServer::with_prepared(
        |config| {
            (config.limits.connections_per_address, config.limits.sign_in_timeout) = (0, NEVER);
        },
        |server| {
            server.set_data_handler(Box::new(move |_, _| held.recv().unwrap()));
            server.on_reload(Box::new(move || {
                let mut config = ServerConfig::default();
                config.limits = hurried.clone();
                Ok(config)
            }));
        },
    );
    // Both ends are in this process, and the server has raised the soft limit.
    let descriptors = getrlimit(Resource::Nofile)
        .current
        .map_or(usize::MAX, |limit| usize::try_from(limit).unwrap());
    let crowd = CROWD.min(descriptors.saturating_sub(OTHER_DESCRIPTORS) / 2);
    let mut peers: Vec<Peer> = (0..crowd).map(|_| server.peer()).collect();
    server.wait_until("all to be accepted", |metrics| metrics.clients_connected == crowd as u64);
    let mut holder = server.peer();
    holder.send_echo(&Message::Data(b"stand still"));
    server.wait_until("a server that stands still", |metrics| metrics.data_messages == 1);
    // The reload is the server's first event, so that the time is over for all peers whose frame is
    // not read in that tick.
    server.handle().reload();
    for (number, peer) in peers.iter_mut().enumerate() {
        peer.send_chat(&MessagePayload::Connect { username: &number.to_string() });
    }
    release.send(()).unwrap();
    for peer in &mut peers {
        assert!(matches!(parse(&peer.next_chat()), MessagePayload::ConnectAck { .. }));
    }
    // A silent peer still times out.
    server.peer().expect_error(ErrorCode::IdleTimeout);
}

/// The idle time counts from the sign-in, however late it came.
#[test]
fn silence_after_a_late_sign_in_times_out_too() {
    let server = TestServer::with(|config| {
        config.limits.sign_in_timeout = NEVER;
        config.limits.idle_timeout = SOON;
    });
    let (mut late_chat, mut late_echo) = (server.peer(), server.peer());
    // A user who connected after them has timed out: so by now both peers have been connected for
    // longer than the idle time-out.
    let mut clock = server.user("clock");
    clock.expect_error(ErrorCode::IdleTimeout);
    late_chat.sign_in("late");
    late_echo.send_echo(&Message::ping());
    late_echo.expect_echo(&Message::pong());
    late_chat.expect_error(ErrorCode::IdleTimeout);
    late_echo.expect_echo_error();
    server.wait_for_closes(CloseReason::IdleTimeout, 3);
}

/// A member of a room may be silent without limit, until it has left the last room.
#[test]
fn members_of_a_room_may_be_silent() {
    let server = TestServer::with(|config| config.limits.idle_timeout = SOON);
    let mut ada = server.peer();
    // Both frames are sent in one piece: between them ada would be idle.
    let join = MessagePayload::JoinRoom { room: "tea" };
    ada.send(&[chat(&MessagePayload::Connect { username: "ada" }), chat(&join)].concat());
    assert!(matches!(parse(&ada.next_chat()), MessagePayload::ConnectAck { .. }));
    assert!(matches!(parse(&ada.next_chat()), MessagePayload::UserJoined { .. }));
    for _ in 0..4 {
        // A user who connected later has timed out, as ada would have outside a room.
        let mut clock = server.user("clock");
        clock.expect_error(ErrorCode::IdleTimeout);
        clock.expect_end();
    }
    assert!(ada.has_nothing());
    ada.send_chat(&MessagePayload::LeaveRoom { room: "tea" });
    assert!(matches!(parse(&ada.next_chat()), MessagePayload::UserLeft { .. }));
    ada.expect_error(ErrorCode::IdleTimeout);
    ada.expect_end();
}

/// Systems tell of room when much of it is free. A peer that needs longer than the idle time to
/// make so much reads all the same: it is judged by what a try to write finds.
#[test]
fn a_peer_that_takes_its_answers_slowly_is_not_idle() {
    const IDLE_MS: u64 = 60_000;
    let mut limits = Limits::default();
    limits.idle_timeout = Duration::from_millis(IDLE_MS);
    let metrics = Arc::new(ServerMetrics::default());
    let mut broker = Broker::new(limits, Arc::clone(&metrics));
    let at = |monotonic_ms| Now { monotonic_ms, unix_ms: 0 };
    let peer: SocketAddr = "192.0.2.1:1024".parse().unwrap();
    let id = broker.accept(peer, at(0)).unwrap();
    broker.handle_input(id, &echo(&Message::Echo(&[7; 50_000])), at(0));
    broker.deliver_pending(at(0));
    assert_eq!(broker.poll_dirty(), Some(id));
    broker.handle_blocked(id, at(0));
    let mut now_ms = 0;
    for takes in [1, 1, 700, 1, 0] {
        let end_ms = now_ms + IDLE_MS;
        // What the poll would wake the loop for, up to the end of the idle time.
        while now_ms < end_ms {
            now_ms = broker.next_deadline_ms().expect("a time to look at it").min(end_ms);
            broker.handle_timeout(now_ms, at(now_ms));
            assert_eq!(broker.poll_dirty().is_some(), now_ms == end_ms, "offered too early");
        }
        assert_eq!(metrics.snapshot().closes(CloseReason::IdleTimeout), 0);
        broker.consume(id, takes, at(now_ms));
        broker.handle_blocked(id, at(now_ms));
        broker.invariants();
    }
    assert_eq!(metrics.snapshot().closes(CloseReason::IdleTimeout), 1, "it took nothing at last");
}

/// TCP gives it up, and that is told by a reason of its own: it may have lived.
#[test]
#[cfg(target_os = "linux")] // which has TCP_USER_TIMEOUT
fn a_peer_that_makes_no_room_for_too_long_is_unreachable() {
    let server = TestServer::with(|config| {
        config.limits.unreachable_timeout = Duration::from_secs(2);
        config.limits.idle_timeout = NEVER;
        config.limits.send_buffer_bytes = 64 << 10;
    });
    let mut peer = Peer::connect_with_small_buffer(server.address());
    // More than fits on the way, and nothing is read.
    let _ = peer.try_send(&echo(&Message::Echo(&[7; 60_000])).repeat(5));
    server.wait_for_closes(CloseReason::Unreachable, 1);
    server.wait_until_empty();
    assert_eq!(server.metrics().closes(CloseReason::ConnectionLost), 0);
}

/// Single bytes are no frame: they extend no time-out, before sign-in or after it, in either
/// family.
#[test]
fn single_bytes_do_not_extend_a_connection() {
    let server = TestServer::with(|config| {
        (config.limits.sign_in_timeout, config.limits.idle_timeout) = (NEVER, NEVER);
    });
    let mut echoing = server.peer();
    echoing.send_echo(&Message::ping());
    echoing.expect_echo(&Message::pong());
    let data = echo(&Message::Data(&[0; 5000]));
    let connect = chat(&MessagePayload::Connect { username: &"x".repeat(32) });
    let said = publish("tea", &"x".repeat(512));
    let mut trickles = [
        (server.peer(), &connect),
        (server.user("ada"), &said),
        (server.peer(), &data),
        (echoing, &data),
    ]
    .map(|(peer, frame)| Trickle { peer, left: frame[..frame.len() - 1].iter() });

    // The peers are in the middle of a frame when the time starts to count.
    let bytes = server.metrics().bytes_received + trickles.len() as u64;
    trickles.iter_mut().for_each(Trickle::send_one);
    server.wait_until("first bytes", |metrics| metrics.bytes_received == bytes);
    server.change_limits(|limits| (limits.sign_in_timeout, limits.idle_timeout) = (2 * SOON, SOON));
    wait_until(|| {
        std::thread::sleep(BETWEEN_BYTES);
        let untold =
            trickles.iter_mut().filter_map(|trickle| trickle.peer.has_nothing().then_some(trickle));
        untold.map(Trickle::send_one).count() == 0
    })
    .expect("all peers time out in spite of single bytes");
    let [chat, ada, data, echoing] = &mut trickles;
    chat.peer.expect_error(ErrorCode::IdleTimeout);
    ada.peer.expect_error(ErrorCode::IdleTimeout);
    data.peer.expect_echo_error();
    echoing.peer.expect_echo_error();
    server.wait_for_closes(CloseReason::SignInTimeout, 2);
    server.wait_for_closes(CloseReason::IdleTimeout, 2);
}

/// A peer and the rest of a frame that it never completes.
struct Trickle<'a> {
    peer: Peer,
    left: std::slice::Iter<'a, u8>,
}

impl Trickle<'_> {
    fn send_one(&mut self) {
        if let Some(byte) = self.left.next() {
            // The server may have closed the connection just now.
            let _ = self.peer.socket.write(&[*byte]);
        }
    }
}

/// 0 means never, and so do the largest durations.
#[test]
fn times_without_end() {
    for never in [
        Duration::ZERO,
        Duration::MAX,
        Duration::from_millis(u64::MAX),
        Duration::from_secs(u64::MAX / 1000),
    ] {
        let server = TestServer::with(|config| {
            config.limits.sign_in_timeout = never;
            config.limits.idle_timeout = never;
            config.limits.close_timeout = never;
            config.drain_timeout = never;
        });
        let mut echoing = server.peer();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(20) {
            // The server's clock must be past 0 when ada connects.
            echoing.send_echo(&Message::ping());
            echoing.expect_echo(&Message::pong());
        }
        let mut ada = server.member("ada", "tea");
        ada.send_chat(&MessagePayload::Disconnect);
        ada.expect_end();
        drop(ada);
        server.wait_for_closes(CloseReason::Disconnected, 1);
        assert_eq!(server.metrics().clients_connected, 1);
    }
}

/// A peer whose machine is gone sends nothing more, so the system must probe it a minute after its
/// last segment. The column `tr` of proc_pid_net(5) is 2 while the time to the next probe counts.
#[test]
#[cfg(target_os = "linux")]
fn the_system_probes_a_silent_peer() {
    const HUNDREDTHS_MAX: u64 = 60 * 100;
    let server = TestServer::start();
    let peer = server.user("ada");
    let ports = [server.address(), peer.socket.local_addr().unwrap()]
        .map(|end| format!(":{:04X}", end.port()));
    let timer = || {
        let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
        table.lines().find_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let is_servers_end = columns[1].ends_with(&ports[0]) && columns[2].ends_with(&ports[1]);
            is_servers_end.then(|| columns[5].to_owned())
        })
    };
    // Until the answer is acknowledged, the timer is that of its retransmission.
    wait_until(|| timer().is_some_and(|timer| timer.starts_with("02:")))
        .expect("a timer for the next probe");
    let left = u64::from_str_radix(&timer().unwrap()[3..], 16).unwrap();
    assert!(left <= HUNDREDTHS_MAX, "the next probe is in {left} hundredths of a second");
}
