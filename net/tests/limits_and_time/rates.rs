//! Peers that send more than allowed, and peers that make the server hold too much: dropped frames
//! are answered, persistent peers are closed, the largest first, and a neighbour notices nothing.

use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use cafewire_core::echo::MessageType;
use cafewire_core::{ErrorCode, Message, MessagePayload};
use cafewire_net::broker::{Broker, Now};
use cafewire_net::{CloseReason, Limits, ServerMetrics};

use crate::support::{PATIENCE, Peer, Received, TestServer, chat, echo, parse};

/// Five frames a second are allowed; a stall of the machine may let one or two more through, never
/// all of them.
#[test]
fn frames_over_the_rate_are_dropped_and_answered() {
    let server = TestServer::with(|config| config.limits.frames_per_second = 5);
    let mut peer = server.peer();
    peer.send(&echo(&Message::ping()).repeat(20));
    let (mut done, mut dropped) = (0, 0);
    for _ in 0..20 {
        match peer.next() {
            Received::Echo(MessageType::Pong, _) => done += 1,
            Received::Echo(..) => dropped += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(done >= 5 && dropped > 0, "{done} done, {dropped} dropped");
    let metrics = server.metrics();
    assert_eq!((metrics.rate_limited, metrics.clients_connected), (dropped, 1));

    let mut user = server.user("ada");
    user.send(&chat(&MessagePayload::LeaveRoom { room: "tea" }).repeat(20));
    let codes: Vec<ErrorCode> = std::iter::repeat_with(|| match parse(&user.next_chat()) {
        MessagePayload::Error { code, .. } => code,
        other => panic!("{other:?}"),
    })
    .take(20)
    .collect();
    assert!(
        codes.starts_with(&[ErrorCode::NotInRoom; 4]) && codes.contains(&ErrorCode::RateLimited),
        "{codes:?}"
    );
}

/// Or each SIGHUP would be a burst for all who are here.
#[test]
fn a_reload_that_leaves_a_rate_as_it_is_fills_no_bucket() {
    let mut limits = Limits::default();
    limits.frames_per_second = 5;
    let metrics = Arc::new(ServerMetrics::default());
    let mut broker = Broker::new(limits.clone(), Arc::clone(&metrics));
    let now = Now { monotonic_ms: 0, unix_ms: 0 };
    let peer: SocketAddr = "192.0.2.1:1024".parse().unwrap();
    let id = broker.accept(peer, now).unwrap();
    let dropped_of_ten = |broker: &mut Broker| {
        let before = metrics.rate_limited.get();
        broker.handle_input(id, &echo(&Message::ping()).repeat(10), now);
        metrics.rate_limited.get() - before
    };
    assert_eq!(dropped_of_ten(&mut broker), 5);
    limits.rooms = 7;
    broker.set_limits(limits.clone(), now);
    assert_eq!(dropped_of_ten(&mut broker), 10, "the rate is the same");
    limits.frames_per_second = 6;
    broker.set_limits(limits, now);
    assert_eq!(dropped_of_ten(&mut broker), 4, "another rate starts with its burst");
}

#[test]
fn a_peer_that_goes_on_over_the_rate_is_closed() {
    let server = TestServer::with(|config| config.limits.bytes_per_second = 100);
    let mut neighbour = server.peer();
    let mut flood = server.peer();
    flood.send(&echo(&Message::ping()).repeat(1000));
    server.wait_for_closes(CloseReason::RateLimited, 1);
    while !matches!(flood.next(), Received::End) {}
    neighbour.send_echo(&Message::ping());
    neighbour.expect_echo(&Message::pong());
}

#[test]
fn past_the_budget_of_all_buffers_peers_that_do_not_read_are_closed() {
    let server = TestServer::with(|config| config.limits.buffer_bytes = 1 << 20);
    let mut neighbour = server.peer();
    let request = echo(&Message::Echo(&[b'x'; 60_000]));
    let mut sloths: Vec<Peer> =
        (0..8).map(|_| Peer::connect_with_small_buffer(server.address())).collect();
    sloths.iter().for_each(|sloth| sloth.socket.set_nonblocking(true).unwrap());
    let deadline = Instant::now() + PATIENCE;
    let mut places = vec![0; sloths.len()];
    while server.metrics().closes(CloseReason::BufferBudget) == 0 {
        assert!(Instant::now() < deadline, "{:?}", server.metrics());
        for (sloth, place) in sloths.iter_mut().zip(&mut places) {
            match sloth.socket.write(&request[*place..]) {
                Ok(count) => *place = (*place + count) % request.len(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => {
                    let closed = server.metrics().closes(CloseReason::BufferBudget);
                    assert!(closed > 0, "{error} before a connection was closed");
                }
            }
        }
        neighbour.send_echo(&Message::ping());
        neighbour.expect_echo(&Message::pong());
    }
    server.wait_until("a kept budget", |metrics| metrics.buffer_bytes <= 1 << 20);
    neighbour.send_echo(&Message::ping());
    neighbour.expect_echo(&Message::pong());
}

/// As many frames as the limit are done at once, and the next one is dropped. All come in one
/// piece, so that no time passes in which the token bucket refills.
#[test]
fn frames_per_second_to_the_frame() {
    const LIMIT: usize = 20;
    for (limit, sent, refused) in
        [(LIMIT, LIMIT - 1, 0), (LIMIT, LIMIT, 0), (LIMIT, LIMIT + 1, 1), (0, 1000, 0)]
    {
        let server = TestServer::with(|config| config.limits.frames_per_second = limit as u64);
        assert_eq!(
            refused_of(&server, &echo(&Message::ping()).repeat(sent), sent),
            refused,
            "{sent} of {limit}"
        );
        assert_eq!(server.metrics().rate_limited, refused);
    }
}

#[test]
fn bytes_per_second_to_the_byte() {
    const FRAMES: usize = 10;
    let frames = echo(&Message::Ping(&[7; 95])).repeat(FRAMES);
    let sent = frames.len() as u64;
    for (limit, refused) in [(sent - 1, 1), (sent, 0), (sent + 1, 0), (0, 0)] {
        let server = TestServer::with(|config| config.limits.bytes_per_second = limit);
        assert_eq!(refused_of(&server, &frames, FRAMES), refused, "{sent} bytes of {limit}");
    }
}

/// Sends frames that each ask for an answer, and counts the refusals among the answers.
fn refused_of(server: &TestServer, frames: &[u8], count: usize) -> u64 {
    let mut peer = server.peer();
    peer.send(frames);
    let answers = (0..count).map(|_| match peer.next() {
        Received::Echo(MessageType::Pong, _) => 0,
        Received::Echo(MessageType::Error, _) => 1,
        other => panic!("{other:?}"),
    });
    answers.sum()
}
