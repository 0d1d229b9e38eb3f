//! Lengths that a type cannot have are refused from the header alone; for lengths that it can have,
//! the server waits for the body.

use std::net::SocketAddr;

use cafewire_core::{ErrorCode, MessageType};
use cafewire_net::CloseReason;

use super::neighbours::Neighbours;
use crate::support::{CLIENT_TYPES, Peer, SERVER_TYPES, TestServer};

/// The connections open at a time.
const BATCH: usize = 64;

/// Every length at least once, with the types in turn; and with every type all lengths up to a
/// little over the largest body, and those around the powers of two. (The tests of the core, which
/// need no connection, try all lengths with all types.)
fn headers() -> Vec<(u8, u16)> {
    let mut headers: Vec<(u8, u16)> = (0..=u16::MAX)
        .map(|length| (CLIENT_TYPES[usize::from(length) % CLIENT_TYPES.len()], length))
        .collect();
    for message_type in CLIENT_TYPES {
        let near_powers =
            (10..16).map(|power| 1u16 << power).flat_map(|power| [power - 1, power, power + 1]);
        let lengths = (0..=700).chain(near_powers).chain([u16::MAX - 1, u16::MAX]);
        headers.extend(lengths.map(|length| (message_type, length)));
    }
    headers
}

fn is_allowed(message_type: u8, length: u16) -> bool {
    let (min, max) = MessageType::from_wire(message_type).unwrap().length_range();
    (min..=max).contains(&length)
}

#[test]
fn every_length_of_a_chat_header() {
    let server = TestServer::start();
    let mut neighbours = Neighbours::beside(&server);
    let headers = headers();
    let (allowed, refused): (Vec<_>, Vec<_>) =
        headers.into_iter().partition(|&(message_type, length)| is_allowed(message_type, length));
    for batch in refused.chunks(BATCH) {
        neighbours.send();
        refuse_batch(server.address(), batch);
        neighbours.receive();
    }
    server.wait_for_closes(CloseReason::MalformedFrame, refused.len() as u64);
    for batch in allowed.chunks(BATCH) {
        neighbours.send();
        await_body_batch(server.address(), batch);
        neighbours.receive();
    }
    server.wait_for_closes(CloseReason::CutFrame, allowed.len() as u64);
    let metrics = server.metrics();
    assert_eq!(
        metrics.errors_sent(ErrorCode::MalformedFrame),
        (refused.len() + allowed.len()) as u64
    );
    assert_eq!(metrics.closes(CloseReason::MalformedFrame), refused.len() as u64);
    neighbours.leave(&server);
}

fn open_batch(address: SocketAddr, batch: &[(u8, u16)]) -> Vec<Peer> {
    let open = |&(message_type, length): &(u8, u16)| {
        let [high, low] = length.to_be_bytes();
        let mut peer = Peer::connect(address);
        peer.send(&[0x01, message_type, high, low]);
        peer
    };
    batch.iter().map(open).collect()
}

fn refuse_batch(address: SocketAddr, batch: &[(u8, u16)]) {
    for (mut peer, (message_type, length)) in open_batch(address, batch).into_iter().zip(batch) {
        let text = peer.expect_error(ErrorCode::MalformedFrame);
        assert!(
            text.contains("stream offset 2:"),
            "type {message_type}, length {length}: {text:?}"
        );
        assert!(
            text.contains(&length.to_string()),
            "type {message_type}, length {length}: {text:?}"
        );
        peer.expect_end();
        // Connections that end in order leave their ports in TIME_WAIT, and there are too many for
        // that.
        peer.reset();
    }
}

fn await_body_batch(address: SocketAddr, batch: &[(u8, u16)]) {
    for mut peer in open_batch(address, batch) {
        assert!(peer.has_nothing(), "refused before its body came");
        peer.half_close();
        peer.expect_error(ErrorCode::MalformedFrame);
        peer.expect_end();
    }
}

/// A server's type is refused with any length, and before its length has come.
#[test]
fn lengths_of_types_that_only_servers_send() {
    let server = TestServer::start();
    let mut neighbours = Neighbours::beside(&server);
    let lengths = [0u16, 1, 2, 3, 4, 6, 14, 102, 103, 514, 515, 516, 622, 623, 0xFF00, 0xFFFF];
    for message_type in SERVER_TYPES {
        neighbours.send();
        for mut peer in open_batch(server.address(), &lengths.map(|length| (message_type, length)))
        {
            let text = peer.expect_error(ErrorCode::UnexpectedMessage);
            assert!(text.contains("stream offset 1:"), "{text:?}");
            peer.expect_end();
        }
        neighbours.receive();
    }
    server.wait_for_closes(
        CloseReason::UnexpectedMessage,
        (lengths.len() * SERVER_TYPES.len()) as u64,
    );
    neighbours.leave(&server);
}

/// No length is too large for the echo family, so the server waits for every body, and allocates no
/// memory for the claimed length.
#[test]
fn the_body_of_every_echo_header_is_waited_for() {
    let server = TestServer::start();
    let mut neighbours = Neighbours::beside(&server);
    let lengths: Vec<u16> =
        (0..16).flat_map(|power| [(1 << power) - 1, 1 << power]).chain([u16::MAX]).collect();
    let mut waiting: Vec<Peer> = lengths
        .iter()
        .filter(|&&length| length > 0)
        .map(|length| {
            let [high, low] = length.to_be_bytes();
            let mut peer = server.peer();
            peer.send(&[0xCA, 0xFE, 0x04, high, low]);
            peer
        })
        .collect();
    neighbours.send();
    neighbours.receive();
    server.wait_until("all headers", |metrics| metrics.buffer_bytes >= waiting.len() as u64);
    let buffer_bytes = server.metrics().buffer_bytes;
    assert!(
        buffer_bytes <= 2048 * waiting.len() as u64,
        "{buffer_bytes} bytes for {} headers",
        waiting.len()
    );
    for peer in &mut waiting {
        assert!(peer.has_nothing());
        peer.half_close();
        peer.expect_echo_error();
        peer.expect_end();
    }
    server.wait_for_closes(CloseReason::CutFrame, waiting.len() as u64);
    neighbours.leave(&server);
}
