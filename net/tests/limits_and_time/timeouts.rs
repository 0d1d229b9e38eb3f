//! Time to sign in, and time to be silent.

use std::io::Write as _;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use cafewire_core::{ErrorCode, Message, MessagePayload};
use cafewire_net::{CloseReason, Limits, ServerConfig};
use rustix::process::{Resource, getrlimit};

use crate::support::{Peer, TestServer, chat, echo, parse, say, wait_until};

const SOON: Duration = Duration::from_millis(150);
const NEVER: Duration = Duration::from_secs(3600);

/// The largest Connect there is lasts for 40 bytes: longer than anybody has here.
const BETWEEN_BYTES: Duration = Duration::from_millis(10);

#[test]
fn who_does_not_sign_in_is_told_and_closed() {
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
    server.wait_until("all that they say", |metrics| metrics.bytes_received == bytes);

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

    // Those who signed in are not meant.
    ada.send(&say("tea", "hello"));
    assert!(matches!(parse(&ada.next_chat()), MessagePayload::MessageBroadcast { .. }));
    assert_eq!(server.metrics().clients_connected, 1);
}

#[test]
fn who_falls_silent_is_told_and_closed() {
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

/// The server stood still, and finds more who spoke meanwhile than it hears of in one tick:
/// nobody's time is over before they were heard.
#[test]
fn who_spoke_in_time_is_heard_however_many_there_are() {
    /// More than three ticks hear of.
    const CROWD: usize = 3500;
    const OTHER_DESCRIPTORS: usize = 1000;
    let (release, held) = mpsc::channel::<()>();
    let mut hurried = Limits::default();
    (hurried.connections_per_address, hurried.sign_in_timeout) = (0, Duration::from_millis(1));
    let server = TestServer::with_tap(
        |config| {
            (config.limits.connections_per_address, config.limits.sign_in_timeout) = (0, NEVER)
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
    // Both ends are here, and the server has raised the soft limit.
    let descriptors = getrlimit(Resource::Nofile)
        .current
        .map_or(usize::MAX, |limit| usize::try_from(limit).unwrap());
    let crowd = CROWD.min(descriptors.saturating_sub(OTHER_DESCRIPTORS) / 2);
    let mut peers: Vec<Peer> = (0..crowd).map(|_| server.peer()).collect();
    server.wait_until("all to be accepted", |metrics| metrics.clients_connected == crowd as u64);
    let mut holder = server.peer();
    holder.send_echo(&Message::Data(b"stand still"));
    server.wait_until("a server that stands still", |metrics| metrics.data_messages == 1);
    // The first that it hears of, so that the time is over for all whom it has not heard in that
    // turn.
    server.handle().reload();
    for (number, peer) in peers.iter_mut().enumerate() {
        peer.send_chat(&MessagePayload::Connect { username: &number.to_string() });
    }
    release.send(()).unwrap();
    for peer in &mut peers {
        assert!(matches!(parse(&peer.next_chat()), MessagePayload::ConnectAck { .. }));
    }
    // Those who say nothing are not spared.
    server.peer().expect_error(ErrorCode::IdleTimeout);
}

/// However long somebody took to sign in, the time of silence counts from then on.
#[test]
fn silence_after_a_late_sign_in_is_noticed_too() {
    let server = TestServer::with(|config| {
        config.limits.sign_in_timeout = NEVER;
        config.limits.idle_timeout = SOON;
    });
    let (mut late_chat, mut late_echo) = (server.peer(), server.peer());
    // Somebody came after them and fell silent: by now they are here for longer than anybody may be
    // silent.
    let mut clock = server.user("clock");
    clock.expect_error(ErrorCode::IdleTimeout);
    late_chat.sign_in("late");
    late_echo.send_echo(&Message::ping());
    late_echo.expect_echo(&Message::pong());
    late_chat.expect_error(ErrorCode::IdleTimeout);
    late_echo.expect_echo_error();
    server.wait_for_closes(CloseReason::IdleTimeout, 3);
}

/// Who is in a room may say nothing for as long as they like; once they have left the last one, no
/// more.
#[test]
fn listeners_may_be_silent() {
    let server = TestServer::with(|config| config.limits.idle_timeout = SOON);
    let mut ada = server.peer();
    // In one piece: between the two she is idle.
    let join = MessagePayload::JoinRoom { room: "tea" };
    ada.send(&[chat(&MessagePayload::Connect { username: "ada" }), chat(&join)].concat());
    assert!(matches!(parse(&ada.next_chat()), MessagePayload::ConnectAck { .. }));
    assert!(matches!(parse(&ada.next_chat()), MessagePayload::UserJoined { .. }));
    for _ in 0..4 {
        // Somebody who came later has been silent for too long: so has ada, were she not listening.
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

/// One byte now and then is no frame: it keeps nobody, before sign-in or after it, in either
/// family.
#[test]
fn single_bytes_do_not_keep_a_connection() {
    let server = TestServer::with(|config| {
        (config.limits.sign_in_timeout, config.limits.idle_timeout) = (NEVER, NEVER)
    });
    let mut echoing = server.peer();
    echoing.send_echo(&Message::ping());
    echoing.expect_echo(&Message::pong());
    let data = echo(&Message::Data(&[0; 5000]));
    let connect = chat(&MessagePayload::Connect { username: &"x".repeat(32) });
    let said = say("tea", &"x".repeat(512));
    let mut trickles = [
        (server.peer(), &connect),
        (server.user("ada"), &said),
        (server.peer(), &data),
        (echoing, &data),
    ]
    .map(|(peer, frame)| Trickle { peer, left: frame[..frame.len() - 1].iter() });

    // They are in the middle of it when the time begins to count.
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
    .expect("single bytes keep the connection");
    let [chat, ada, data, echoing] = &mut trickles;
    chat.peer.expect_error(ErrorCode::IdleTimeout);
    ada.peer.expect_error(ErrorCode::IdleTimeout);
    data.peer.expect_echo_error();
    echoing.peer.expect_echo_error();
    server.wait_for_closes(CloseReason::SignInTimeout, 2);
    server.wait_for_closes(CloseReason::IdleTimeout, 2);
}

/// A peer, and what it has yet to send of a frame that never becomes whole.
struct Trickle<'a> {
    peer: Peer,
    left: std::slice::Iter<'a, u8>,
}

impl Trickle<'_> {
    fn send_one(&mut self) {
        if let Some(byte) = self.left.next() {
            // It may have been closed this very moment.
            let _ = self.peer.socket.write(&[*byte]);
        }
    }
}

/// 0 means never, and so do the largest times that can be said.
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
            // The server's clock is to show more than 0 by the time ada comes.
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

/// Of a peer whose machine is gone nobody hears again: the system is to ask, a minute after the
/// last word. The column `tr` of proc_pid_net(5) is 2 while it counts the time to the next probe.
#[test]
#[cfg(target_os = "linux")]
fn the_system_asks_whether_a_silent_peer_is_still_there() {
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
    // As long as an answer is not acknowledged, the system counts the time for that.
    wait_until(|| timer().is_some_and(|timer| timer.starts_with("02:")))
        .expect("a timer for the next probe");
    let left = u64::from_str_radix(&timer().unwrap()[3..], 16).unwrap();
    assert!(left <= HUNDREDTHS_MAX, "it asks in {left} hundredths of a second");
}
