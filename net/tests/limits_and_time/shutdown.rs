//! Shutdown: every peer gets its queued bytes and an Error frame, and no peer can delay the end for
//! longer than allowed.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::Duration;

use cafewire_core::{ErrorCode, Message, MessagePayload};
use cafewire_net::CloseReason;

use crate::support::{Peer, Received, TestServer, echo, parse, publish, wait_until};

const NEVER: Duration = Duration::from_secs(3600);

#[test]
fn every_peer_gets_its_queue_and_an_error_frame() {
    const MESSAGES: usize = 500;
    let mut server = TestServer::start();
    let mut silent = server.peer();
    let mut ada = server.member("ada", "tea");
    let mut bob = server.member("bob", "tea");
    ada.next_chat();
    let mut echoing = server.peer();
    ada.send(
        &(0..MESSAGES).flat_map(|number| publish("tea", &number.to_string())).collect::<Vec<u8>>(),
    );
    echoing.send(&echo(&Message::Ping(b"last")).repeat(MESSAGES));
    server.wait_until("all requests", |metrics| {
        metrics.messages_processed >= (2 * MESSAGES + 4) as u64
    });

    server.handle().shut_down();
    for member in [&mut ada, &mut bob] {
        for number in 0..MESSAGES {
            let frame = member.next_chat();
            let MessagePayload::MessageBroadcast { content, .. } = parse(&frame) else {
                panic!("{frame:?}")
            };
            assert_eq!(content, number.to_string());
        }
        let mut frame = member.next_chat();
        if matches!(parse(&frame), MessagePayload::UserLeft { .. }) {
            frame = member.next_chat(); // the member closed first is reported to the other
        }
        let told =
            matches!(parse(&frame), MessagePayload::Error { code: ErrorCode::ShuttingDown, .. });
        assert!(told, "{:?}", parse(&frame));
        member.expect_end();
    }
    for _ in 0..MESSAGES {
        echoing.expect_echo(&Message::Pong(b"last"));
    }
    echoing.expect_echo_error();
    echoing.expect_end();
    silent.expect_error(ErrorCode::ShuttingDown);
    silent.expect_end();
    drop((ada, bob, echoing, silent));
    server.wait_for_end();
    server.wait_for_closes(CloseReason::ShuttingDown, 4);
    assert_eq!(server.metrics().errors_sent(ErrorCode::ShuttingDown), 3);
    assert_eq!(
        TcpStream::connect(server.address()).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}

#[test]
fn an_idle_server_ends() {
    let mut server = TestServer::start();
    server.handle().shut_down();
    server.wait_for_end();
}

/// A peer that has read its last frame and stays connected is not waited for without end.
#[test]
fn a_peer_that_stays_is_dropped_after_the_close_time_out() {
    let mut server = TestServer::with(|config| {
        config.limits.close_timeout = Duration::from_millis(100);
        config.drain_timeout = NEVER;
    });
    let mut peer = server.user("ada");
    server.handle().shut_down();
    peer.expect_error(ErrorCode::ShuttingDown);
    peer.expect_end();
    server.wait_for_end();
}

/// A peer that sends requests without reading until neither side takes any more, so that bytes are
/// left to flush.
fn clogged(server: &TestServer) -> Peer {
    let peer = server.peer();
    let frames = echo(&Message::Echo(&[7; 60_000])).repeat(16);
    peer.socket.set_nonblocking(true).unwrap();
    let (mut sent, mut refused_in_a_row) = (0, 0);
    wait_until(|| {
        match (&peer.socket).write(&frames[sent % frames.len()..]) {
            Ok(count) => (sent, refused_in_a_row) = (sent + count, 0),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                refused_in_a_row += 1;
            }
        }
        refused_in_a_row > 50 && server.metrics().buffer_bytes > 256 << 10
    })
    .unwrap();
    peer.socket.set_nonblocking(false).unwrap();
    peer
}

#[test]
fn the_drain_timeout_ends_the_wait_for_a_peer_that_does_not_read() {
    let mut server = TestServer::with(|config| config.drain_timeout = Duration::from_millis(200));
    let _clogged = clogged(&server);
    let mut ada = server.user("ada");
    server.handle().shut_down();
    ada.expect_error(ErrorCode::ShuttingDown);
    server.wait_for_end();
}

#[test]
fn a_second_request_ends_the_server_at_once() {
    for drain_timeout in [NEVER, Duration::ZERO] {
        let mut server = TestServer::with(|config| {
            config.limits.close_timeout = NEVER;
            config.drain_timeout = drain_timeout;
        });
        let _clogged = clogged(&server);
        server.handle().shut_down();
        server.wait_for_closes(CloseReason::ShuttingDown, 1);
        // The listener closes in the tick in which the server would end without a drain time.
        wait_until(|| TcpStream::connect(server.address()).is_err()).expect("a port that is shut");
        assert!(!server.has_ended(), "it did not wait for its queues to be flushed");
        server.handle().shut_down();
        server.wait_for_end();
    }
}

/// While a server waits for slow peers, it drops received bytes and refuses new connections.
#[test]
fn a_draining_server_takes_no_more_work() {
    let mut server = TestServer::with(|config| {
        config.limits.close_timeout = NEVER;
        config.drain_timeout = NEVER;
    });
    let clogged = clogged(&server);
    let mut ada = server.member("ada", "tea");
    server.handle().shut_down();
    server.wait_for_closes(CloseReason::ShuttingDown, 2);
    ada.send(&publish("tea", "too late"));
    ada.expect_error(ErrorCode::ShuttingDown);
    ada.expect_end();
    assert_eq!(server.metrics().broadcasts, 0);
    assert_eq!(
        TcpStream::connect(server.address()).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    // The slow peer then reads to the last frame.
    let mut clogged = clogged;
    let mut answers = 0;
    loop {
        match clogged.next() {
            Received::Echo(cafewire_core::echo::MessageType::Echo, payload) => {
                assert!(payload == [7; 60_000]);
                answers += 1;
            }
            Received::Echo(cafewire_core::echo::MessageType::Error, _) => break,
            other => panic!("{other:?} where an answer was expected"),
        }
    }
    assert!(answers > 0);
    clogged.expect_end();
    drop((ada, clogged));
    server.wait_for_end();
}
