//! Time to sign in, and time to be silent.

use std::time::{Duration, Instant};

use cafewire_core::{ErrorCode, Message, MessagePayload};
use cafewire_net::CloseReason;

use crate::support::{PATIENCE, Peer, TestServer, chat, echo, parse, say};

const SOON: Duration = Duration::from_millis(150);
const NEVER: Duration = Duration::from_secs(3600);

#[test]
fn who_does_not_sign_in_is_told_and_closed() {
    let server = TestServer::with(|config| config.limits.sign_in_timeout = SOON);
    let mut ada = server.member("ada", "tea");
    let connect = chat(&MessagePayload::Connect { username: "eve" });
    let taken = chat(&MessagePayload::Connect { username: "ada" });

    let mut silent = server.peer();
    let mut half_a_frame = server.peer();
    half_a_frame.send(&connect[..7]);
    let mut refused = server.peer();
    refused.send(&taken);
    refused.expect_error(ErrorCode::UsernameTaken);
    let mut half_an_echo = server.peer();
    half_an_echo.send(&echo(&Message::Ping(b"never whole"))[..9]);

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

/// However long somebody took to sign in, the time of silence counts from then on.
#[test]
fn silence_after_a_late_sign_in_is_noticed_too() {
    let server = TestServer::with(|config| {
        config.limits.sign_in_timeout = NEVER;
        config.limits.idle_timeout = SOON;
    });
    let (mut late_chat, mut late_echo) = (server.peer(), server.peer());
    // Somebody came after them and fell silent: by now they are here for longer than anybody may be silent.
    let mut clock = server.user("clock");
    clock.expect_error(ErrorCode::IdleTimeout);
    late_chat.sign_in("late");
    late_echo.send_echo(&Message::ping());
    late_echo.expect_echo(&Message::pong());
    late_chat.expect_error(ErrorCode::IdleTimeout);
    late_echo.expect_echo_error();
    server.wait_for_closes(CloseReason::IdleTimeout, 3);
}

/// Who is in a room may say nothing for as long as they like; once they have left the last one, no more.
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

/// One byte now and then is no frame: it keeps nobody, before sign-in or after it, in either family.
#[test]
fn single_bytes_do_not_keep_a_connection() {
    let server = TestServer::with(|config| {
        config.limits.sign_in_timeout = 2 * SOON;
        config.limits.idle_timeout = SOON;
    });
    let content = "x".repeat(512);
    let said = say("tea", &content);
    let data = echo(&Message::Data(&[0; 5000]));
    trickle(&mut server.peer(), &data).expect_echo_error();
    trickle(&mut server.user("ada"), &said).expect_error(ErrorCode::IdleTimeout);
    let mut echoing = server.peer();
    echoing.send_echo(&Message::ping());
    echoing.expect_echo(&Message::pong());
    trickle(&mut echoing, &data).expect_echo_error();
    // The largest Connect there is lasts for 40 bytes: little, but each of them comes late.
    let connect = chat(&MessagePayload::Connect { username: &"x".repeat(32) });
    trickle(&mut server.peer(), &connect).expect_error(ErrorCode::IdleTimeout);
    server.wait_for_closes(CloseReason::SignInTimeout, 2);
    server.wait_for_closes(CloseReason::IdleTimeout, 2);
}

/// Sends a frame byte by byte, and never its last one, until the server has something to say about it.
fn trickle<'p>(peer: &'p mut Peer, frame: &[u8]) -> &'p mut Peer {
    let deadline = Instant::now() + PATIENCE;
    let mut bytes = frame[..frame.len() - 1].chunks(1);
    while peer.has_nothing() {
        assert!(Instant::now() < deadline, "single bytes keep the connection");
        if let Some(byte) = bytes.next() {
            peer.send(byte);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    peer
}

/// 0 means never, and so do the largest times that can be said.
#[test]
fn times_without_end() {
    for never in [Duration::ZERO, Duration::MAX, Duration::from_millis(u64::MAX), Duration::from_secs(u64::MAX / 1000)]
    {
        let server = TestServer::with(|config| {
            config.limits.sign_in_timeout = never;
            config.limits.idle_timeout = never;
            config.limits.close_timeout = never;
            if !never.is_zero() {
                config.drain_timeout = never; // 0 is no time, there
            }
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
