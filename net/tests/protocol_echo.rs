//! The echo family over real sockets: the answers, the division of bytes into segments, and a peer
//! that sends requests faster than it reads answers.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cafewire_core::{HEADER_SIZE, MAX_PAYLOAD_SIZE, Message};
use cafewire_net::CloseReason;
use cafewire_net::PeerAddress;

use support::{Random, TestServer, echo, wait_until};

#[test]
fn pings_and_echoes_of_every_size_come_back() {
    let server = TestServer::start();
    let mut peer = server.peer();
    let payload = Random(1).bytes(MAX_PAYLOAD_SIZE);
    for size in [0, 1, 2, 255, 256, 1024, 65_534, 65_535] {
        peer.send_echo(&Message::Ping(&payload[..size]));
        peer.expect_echo(&Message::Pong(&payload[..size]));
        peer.send_echo(&Message::Echo(&payload[..size]));
        peer.expect_echo(&Message::Echo(&payload[..size]));
    }
    peer.half_close();
    peer.expect_end();
    server.wait_until_empty();
    assert_eq!(server.metrics().messages_processed, 16);
    assert_eq!(server.metrics().bytes_received, server.metrics().bytes_sent);
    server.wait_for_closes(CloseReason::EndOfInput, 1);
}

#[test]
fn pongs_data_and_errors_are_accepted_and_not_answered() {
    let payloads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&payloads);
    let handler = move |from, payload: &[u8]| seen.lock().unwrap().push((from, payload.to_vec()));
    let server =
        TestServer::with_prepared(|_| {}, |server| server.set_data_handler(Box::new(handler)));
    let mut peer = server.peer();
    let largest = vec![b'x'; MAX_PAYLOAD_SIZE];
    for payload in [&b""[..], b"x", b"\xFF\xFE not UTF-8", &largest] {
        for message in [Message::Pong(payload), Message::Data(payload), Message::Error(payload)] {
            peer.send_echo(&message);
        }
    }
    // An answer to any of these frames would come before this one.
    peer.send_echo(&Message::Ping(b"the first answer"));
    peer.expect_echo(&Message::Pong(b"the first answer"));
    assert!(peer.has_nothing());
    let metrics = server.metrics();
    assert_eq!(
        (metrics.data_messages, metrics.error_messages, metrics.messages_processed),
        (4, 4, 13)
    );
    assert_eq!(metrics.parse_errors, 0);
    let from = PeerAddress::Ip(peer.socket.local_addr().unwrap());
    let expected =
        [&b""[..], b"x", b"\xFF\xFE not UTF-8", &largest].map(|payload| (from, payload.to_vec()));
    assert_eq!(*payloads.lock().unwrap(), expected);
}

#[test]
fn one_byte_per_segment_is_served() {
    // Without a sign-in time-out, no timer wakes the server once all is answered.
    let server =
        TestServer::with(|config| config.limits.sign_in_timeout = Duration::from_secs(3600));
    let mut peer = server.peer();
    let stream = [
        echo(&Message::Ping(b"")),
        echo(&Message::Data(b"no answer")),
        echo(&Message::Echo(&[7; 300])),
    ];
    let stream = stream.concat();
    for round in 0..3 {
        server.send_byte_by_byte(&mut peer, &stream, round * stream.len() as u64);
        peer.expect_echo(&Message::Pong(b""));
        peer.expect_echo(&Message::Echo(&[7; 300]));
    }
    server.wait_until("a connection that holds nothing between frames", |metrics| {
        metrics.buffer_bytes == 0
    });
}

#[test]
fn every_cut_of_two_frames_gives_both_answers() {
    let server = TestServer::start();
    let mut peer = server.peer();
    let stream = [echo(&Message::Ping(b"first")), echo(&Message::Echo(b"second"))].concat();
    for cut in 0..=stream.len() {
        let (first, second) = stream.split_at(cut);
        peer.send(first);
        peer.send(second);
        peer.expect_echo(&Message::Pong(b"first"));
        peer.expect_echo(&Message::Echo(b"second"));
    }
}

#[test]
fn a_thousand_frames_in_one_write_give_a_thousand_answers() {
    let server = TestServer::start();
    let mut peer = server.peer();
    let texts: Vec<String> = (0..1000).map(|number| format!("frame {number}")).collect();
    let burst: Vec<u8> =
        texts.iter().flat_map(|text| echo(&Message::echo(text.as_bytes()))).collect();
    peer.send(&burst);
    for text in &texts {
        peer.expect_echo(&Message::echo(text.as_bytes()));
    }
    // The burst's last frames are answered too when a half-close follows them at once.
    peer.send(&burst);
    peer.half_close();
    for text in &texts {
        peer.expect_echo(&Message::echo(text.as_bytes()));
    }
    peer.expect_end();
    assert_eq!(server.metrics().messages_processed, 2000);
}

#[test]
fn two_peers_at_once_get_their_own_answers() {
    let server = TestServer::start();
    let (mut ada, mut bob) = (server.peer(), server.peer());
    for round in 0..100u32 {
        let (for_ada, for_bob) = (format!("ada {round}"), format!("bob {round}"));
        ada.send_echo(&Message::echo(for_ada.as_bytes()));
        bob.send_echo(&Message::Ping(for_bob.as_bytes()));
        bob.expect_echo(&Message::Pong(for_bob.as_bytes()));
        ada.expect_echo(&Message::echo(for_ada.as_bytes()));
    }
    assert!(ada.has_nothing() && bob.has_nothing());
    assert_eq!(server.metrics().clients_connected, 2);
    // Half a frame of one peer does not delay the other.
    ada.send(&[0xCA, 0xFE, 0x03]);
    bob.send_echo(&Message::ping());
    bob.expect_echo(&Message::pong());
    ada.send(&[0x00, 0x01, b'!']);
    ada.expect_echo(&Message::Echo(b"!"));
}

#[test]
fn pipelined_mebibytes_come_back_in_order() {
    const TOTAL: usize = 64 << 20;
    let server = TestServer::start();
    let peer = server.peer();
    let mut reading = peer.socket.try_clone().unwrap();
    let stream = echo_frames_of_many_sizes(8 << 20);
    let rounds = TOTAL.div_ceil(stream.len());
    let expected = stream.clone();
    let reader = std::thread::spawn(move || {
        let mut chunk = vec![0; expected.len()];
        for round in 0..rounds {
            reading.read_exact(&mut chunk).unwrap();
            assert!(chunk == expected, "other bytes came back in round {round}");
        }
        reading.read(&mut chunk).unwrap()
    });
    let mut writing = &peer.socket;
    for _ in 0..rounds {
        writing.write_all(&stream).unwrap();
    }
    peer.socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(reader.join().unwrap(), 0, "the end, with no bytes before it");
    server.wait_until_empty();
    let all = (rounds * stream.len()) as u64;
    assert_eq!((server.metrics().bytes_received, server.metrics().bytes_sent), (all, all));
}

/// The server stops reading from a peer that does not read its answers, so that bytes pile up at
/// the peer and not in the server. Once the peer reads, it gets every answer.
#[test]
fn a_peer_that_does_not_read_is_paused_and_served_later() {
    let server = TestServer::start();
    let peer = server.peer();
    let mut neighbour = server.peer();
    let stream = echo_frames_of_many_sizes(1 << 20);
    let sent = write_until_blocked(&server, &peer.socket, &stream);

    let metrics = server.metrics();
    assert_eq!((metrics.clients_connected, metrics.closes(CloseReason::SlowConsumer)), (2, 0));
    assert!(metrics.bytes_received < sent as u64, "the server went on reading");
    neighbour.send_echo(&Message::Ping(b"still there?"));
    neighbour.expect_echo(&Message::Pong(b"still there?"));

    // A thread sends the rest of the round, since the write needs a reader on this side.
    peer.socket.set_nonblocking(false).unwrap();
    let rest = stream[sent % stream.len()..].to_vec();
    let mut writing = peer.socket.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        writing.write_all(&rest).unwrap();
        writing.shutdown(Shutdown::Write).unwrap();
    });
    let mut reading = &peer.socket;
    let mut chunk = vec![0; stream.len()];
    for round in 0..=sent / stream.len() {
        reading.read_exact(&mut chunk).unwrap();
        assert!(chunk == stream, "other bytes came back in round {round}");
    }
    assert_eq!(reading.read(&mut chunk).unwrap(), 0, "the end, with no bytes before it");
    writer.join().unwrap();
    server.wait_for_closes(CloseReason::EndOfInput, 1);
}

/// The queue of a paused peer is released when the peer resets.
#[test]
fn a_paused_peer_that_resets_leaves_nothing_behind() {
    let server = TestServer::start();
    let peer = server.peer();
    write_until_blocked(&server, &peer.socket, &echo_frames_of_many_sizes(1 << 20));
    peer.reset();
    server.wait_until_empty();
    server.wait_for_closes(CloseReason::ConnectionLost, 1);
}

/// Writes the stream over and over until neither the system nor the server takes any more. Returns
/// the number of bytes written. Checks the bound on the server's buffers all the while.
fn write_until_blocked(server: &TestServer, mut socket: &TcpStream, stream: &[u8]) -> usize {
    // The bytes that may be queued before reading stops, and the answers to one more read that
    // completes a large frame; both in storage that doubles as it grows.
    const BOUND_BYTES: u64 = 2 * ((256 << 10) + 2 * (64 << 10)) + (128 << 10);
    socket.set_nonblocking(true).unwrap();
    let mut sent = 0;
    let mut refused_in_a_row = 0;
    wait_until(|| {
        match socket.write(&stream[sent % stream.len()..]) {
            Ok(count) => (sent, refused_in_a_row) = (sent + count, 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => refused_in_a_row += 1,
            Err(error) => panic!("cut off after {sent} bytes: {error}"),
        }
        let buffer_bytes = server.metrics().buffer_bytes;
        assert!(buffer_bytes <= BOUND_BYTES, "{buffer_bytes} bytes in buffers");
        buffer_bytes > 256 << 10 && refused_in_a_row > 50
    })
    .expect("the server stops taking bytes");
    sent
}

/// Echo frames of 0 to 65,535 bytes, small ones most often; `total` bytes or a little more in all.
fn echo_frames_of_many_sizes(total: usize) -> Vec<u8> {
    let mut random = Random(total as u64);
    let payload = random.bytes(MAX_PAYLOAD_SIZE);
    let mut stream = Vec::with_capacity(total + HEADER_SIZE + MAX_PAYLOAD_SIZE);
    while stream.len() < total {
        let size = MAX_PAYLOAD_SIZE >> random.below(17);
        let start = random.below(MAX_PAYLOAD_SIZE - size + 1);
        stream.extend_from_slice(&echo(&Message::Echo(&payload[start..start + size])));
    }
    stream
}
