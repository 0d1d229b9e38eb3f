//! Resets (SO_LINGER 0) at every stage of a connection's life: the server removes the peer,
//! notifies its rooms, releases what it held for it, and sends nothing about it to other peers.

use std::io::{ErrorKind, Write as _};
use std::time::Duration;

use cafewire_core::{ErrorCode, Message, MessagePayload};
use cafewire_net::CloseReason;

use super::{NEIGHBOUR_CONNECTIONS, Neighbourhood};
use crate::support::{Peer, TestServer, chat, echo, parse, publish, wait_until};

const TIMES: usize = 20;
const ROOM: &str = "watched";

/// Brings a new peer to a stage. The text is its name, if it needs one.
type BringTo = fn(&TestServer, &str) -> Peer;

/// The server has already closed the last one when the reset comes; the others are open.
const STAGES: [(&str, BringTo); 10] = [
    ("before any byte", |server, _| server.peer()),
    ("within a header", |server, _| sent(server, &[0x01])),
    ("within a body", |server, name| {
        sent(server, &chat(&MessagePayload::Connect { username: name })[..9])
    }),
    ("within a large echo", |server, _| {
        sent(server, &echo(&Message::Echo(&[7; 60_000]))[..30_000])
    }),
    ("refused, not signed in", refused),
    ("signed in", TestServer::user),
    ("in a room", |server, name| server.member(name, ROOM)),
    ("in rooms, within a message", |server, name| {
        let mut peer = server.member(name, ROOM);
        peer.join("another room");
        peer.send(&publish(ROOM, "never whole")[..20]);
        peer
    }),
    ("with a large outbox", with_a_large_outbox),
    ("while the server lingers", lingering),
];

fn sent(server: &TestServer, bytes: &[u8]) -> Peer {
    let mut peer = server.peer();
    let before = server.metrics().bytes_received;
    peer.send(bytes);
    // The neighbour's bytes count too, so this does not prove that these bytes have come; mostly
    // they have.
    server.wait_until("the bytes sent", |metrics| {
        metrics.bytes_received >= before + bytes.len() as u64
    });
    peer
}

fn refused(server: &TestServer, _: &str) -> Peer {
    let mut peer = server.peer();
    peer.send_chat(&MessagePayload::Connect { username: "witness" });
    peer.expect_error(ErrorCode::UsernameTaken);
    peer
}

/// A peer that sends requests without reading until neither side takes any more.
fn with_a_large_outbox(server: &TestServer, _: &str) -> Peer {
    let peer = Peer::connect_with_small_buffer(server.address());
    let requests = echo(&Message::Echo(&[7; 50_000]));
    peer.socket.set_nonblocking(true).unwrap();
    let mut sent = 0;
    wait_until(|| {
        match (&peer.socket).write(&requests[sent % requests.len()..]) {
            Ok(count) => sent += count,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        server.metrics().buffer_bytes > 128 << 10
    })
    .expect("the outbox fills");
    peer
}

/// A peer that sent an unsupported version, received the Error frame and the end, and does not
/// close.
fn lingering(server: &TestServer, _: &str) -> Peer {
    let mut peer = server.peer();
    peer.send(&[0x77]);
    peer.expect_error(ErrorCode::UnsupportedVersion);
    peer.expect_end();
    peer
}

#[test]
fn a_reset_at_any_stage_removes_one_peer_and_nothing_else() {
    let mut place =
        Neighbourhood::with(|config| config.limits.close_timeout = Duration::from_secs(3600));
    let server = &place.server;
    let mut witness = server.member("witness", ROOM);
    for (stage, bring_to) in STAGES {
        place.neighbour.notices_nothing_of(|| {
            for time in 0..TIMES {
                let name = format!("reset {time}");
                let accepted = server.metrics().connections_accepted;
                let peer = bring_to(server, &name);
                server.wait_until("the connection", |metrics| {
                    metrics.connections_accepted > accepted
                });
                peer.reset();
                server.wait_until(stage, |metrics| {
                    metrics.clients_connected == NEIGHBOUR_CONNECTIONS + 1
                });
            }
        });
        server.wait_until(stage, |metrics| metrics.buffer_bytes == 0);
    }
    place.server.wait_for_closes(CloseReason::ConnectionLost, (TIMES * (STAGES.len() - 1)) as u64);
    place.server.wait_for_closes(CloseReason::UnsupportedVersion, TIMES as u64);
    assert_saw_pairs(&mut witness, 2 * TIMES);
    drop(witness);
    place.wait_until_quiet();
}

/// Every join of the room is followed by a leave, and the witness saw nothing else.
fn assert_saw_pairs(witness: &mut Peer, pairs: usize) {
    for pair in 0..pairs {
        let name = format!("reset {}", pair % TIMES);
        let (joined, left) = (witness.next_chat(), witness.next_chat());
        let (joined, left) = (parse(&joined), parse(&left));
        assert!(matches!(joined, MessagePayload::UserJoined { username, .. } if username == name));
        assert!(matches!(left, MessagePayload::UserLeft { username, .. } if username == name));
    }
    witness.send_chat(&MessagePayload::LeaveRoom { room: ROOM });
    assert!(matches!(
        parse(&witness.next_chat()),
        MessagePayload::UserLeft { username: "witness", .. }
    ));
}
