//! The limit on all buffers together. The account is exact: the lent bytes follow from the work
//! done, and one byte over the limit closes one connection and no other.

use std::net::SocketAddr;
use std::sync::Arc;

use cafewire_core::{Message, MessagePayload};
use cafewire_net::broker::{Broker, ConnectionId, Now};
use cafewire_net::{CloseReason, Limits, ServerMetrics};

use super::accounts::Clock;
use crate::support::{Peer, Received, TestServer, chat, echo, publish};

/// The size of the buffer for this many bytes: powers of two from 1 KiB on.
fn buffer_for(bytes: usize) -> u64 {
    bytes.next_power_of_two().max(1024) as u64
}

/// Sends the first bytes of the largest echo frame.
fn start_frame(server: &TestServer, bytes: usize) -> Peer {
    let mut peer = server.peer();
    peer.send(&echo(&Message::Echo(&[7; 65_535]))[..bytes]);
    peer
}

/// Peers that have each sent the start of a frame, once the server has read it.
fn peers_with_partial_frames(server: &TestServer, sizes: &[usize]) -> Vec<Peer> {
    let received = server.metrics().bytes_received;
    let peers = sizes.iter().map(|&bytes| start_frame(server, bytes)).collect();
    let sent: usize = sizes.iter().sum();
    server.wait_until("all bytes sent", |metrics| metrics.bytes_received == received + sent as u64);
    peers
}

#[test]
fn partial_frames_hold_their_buffers() {
    const SIZES: [usize; 8] = [1, 1023, 1024, 1025, 2048, 2049, 65_536, 65_539];
    let server = TestServer::start();
    let mut clock = Clock::new(&server);
    let mut peers = peers_with_partial_frames(&server, &SIZES);
    let mut held: u64 = SIZES.iter().map(|&bytes| buffer_for(bytes)).sum();
    assert_eq!(clock.metrics(&server).buffer_bytes, held);
    // One after another is completed and answered, and its buffer is returned; the last connection
    // is reset.
    let frame = echo(&Message::Echo(&[7; 65_535]));
    for (&bytes, peer) in SIZES.iter().zip(&mut peers).take(SIZES.len() - 1) {
        peer.send(&frame[bytes..]);
        peer.expect_echo(&Message::Echo(&[7; 65_535]));
        held -= buffer_for(bytes);
        assert_eq!(clock.metrics(&server).buffer_bytes, held);
    }
    peers.pop().unwrap().reset();
    server.wait_until("no buffer held", |metrics| metrics.buffer_bytes == 0);
}

#[test]
fn one_byte_over_the_budget_closes_the_largest() {
    const SIZES: [usize; 4] = [10, 3000, 40_000, 2000];
    let held: u64 = SIZES.iter().map(|&bytes| buffer_for(bytes)).sum();
    for (limit, closed) in [(held - 1, 1), (held, 0), (held + 1, 0), (0, 0)] {
        let server =
            TestServer::with(|config| config.limits.buffer_bytes = usize::try_from(limit).unwrap());
        let mut clock = Clock::new(&server);
        let mut peers = peers_with_partial_frames(&server, &SIZES);
        let metrics = clock.metrics(&server);
        assert_eq!(
            metrics.closes(CloseReason::BufferBudget),
            closed,
            "{held} bytes held, {limit} may be"
        );
        assert_eq!(metrics.clients_connected, 5 - closed);
        if closed > 0 {
            assert!(
                matches!(peers[2].next(), Received::Echo(..)),
                "the largest gets an Error frame"
            );
            peers[2].expect_end();
            assert_eq!(clock.metrics(&server).buffer_bytes, held - buffer_for(SIZES[2]));
        } else {
            assert_eq!(metrics.buffer_bytes, held);
        }
    }
}

/// An Error frame would hold as many bytes as the close releases, so none is sent; and only one
/// connection is closed.
#[test]
fn one_byte_over_the_budget_of_the_smallest_closes_one() {
    const PEERS: usize = 12;
    let server = TestServer::with(|config| config.limits.buffer_bytes = 12 * 1024 - 1);
    let mut clock = Clock::new(&server);
    let peers = peers_with_partial_frames(&server, &[10; PEERS]);
    let metrics = clock.metrics(&server);
    assert_eq!(
        (metrics.closes(CloseReason::BufferBudget), metrics.clients_connected),
        (1, PEERS as u64)
    );
    assert_eq!(metrics.buffer_bytes, (PEERS as u64 - 1) * 1024);
    drop((peers, clock));
    server.wait_until_empty();
}

const NOW: Now = Now { monotonic_ms: 1, unix_ms: 1 };

/// A tick in which no socket takes anything.
fn tick(broker: &mut Broker, id: ConnectionId, bytes: &[u8]) {
    broker.handle_input(id, bytes, NOW);
    broker.deliver_pending(NOW);
    while let Some(id) = broker.poll_dirty() {
        broker.handle_blocked(id, NOW);
    }
    broker.end_tick(NOW);
    assert_eq!(broker.poll_closed(), None);
    broker.invariants();
}

/// All holders of buffers at once, without sockets that could take bytes: input, answers and a
/// room's log.
#[test]
fn all_buffers_add_up() {
    let metrics = Arc::new(ServerMetrics::default());
    let mut broker = Broker::new(Limits::default(), Arc::clone(&metrics));
    let accept =
        |broker: &mut Broker| broker.accept(SocketAddr::from(([127, 0, 0, 1], 1)), NOW).unwrap();
    let (ada, bob, echoing) = (accept(&mut broker), accept(&mut broker), accept(&mut broker));
    let (mut answers, mut log_bytes) = (0, 0);
    for (id, username) in [(ada, "ada"), (bob, "bob")] {
        tick(&mut broker, id, &chat(&MessagePayload::Connect { username }));
        tick(&mut broker, id, &chat(&MessagePayload::JoinRoom { room: "tea" }));
        answers += buffer_for(1); // ConnectAck
        log_bytes += MessagePayload::UserJoined { user_id: 1, username, room: "tea" }.encoded_len();
    }
    assert_eq!(metrics.buffer_bytes.get(), answers + buffer_for(log_bytes));
    for number in 0..100 {
        let content = "x".repeat(1 + 5 * number);
        tick(&mut broker, ada, &publish("tea", &content));
        log_bytes += MessagePayload::MessageBroadcast {
            user_id: 1,
            timestamp: 1,
            username: "ada",
            room: "tea",
            content: &content,
        }
        .encoded_len();
        assert_eq!(
            metrics.buffer_bytes.get(),
            answers + buffer_for(log_bytes),
            "{log_bytes} bytes in the log"
        );
    }
    assert_eq!(metrics.log_bytes_appended.get(), log_bytes as u64);
    let log = buffer_for(log_bytes);
    tick(&mut broker, echoing, &echo(&Message::Echo(&[7; 9000])));
    tick(&mut broker, echoing, &echo(&Message::Echo(&[7; 5000]))[..3000]);
    assert_eq!(metrics.buffer_bytes.get(), answers + log + buffer_for(9005) + buffer_for(3000));
    // The log stays as long as one of its two readers does.
    for (gone, held) in [
        (bob, buffer_for(1) + log + buffer_for(9005) + buffer_for(3000)),
        (echoing, buffer_for(1) + log),
    ] {
        broker.handle_reset(gone, NOW);
        broker.deliver_pending(NOW);
        broker.end_tick(NOW);
        while broker.poll_closed().is_some() {}
        broker.invariants();
        // Bob's leave is one frame more in the log.
        assert_eq!(metrics.buffer_bytes.get(), held);
    }
}

/// A user who is signed in, in these rooms, with nothing left to be written.
fn member(broker: &mut Broker, username: &str, rooms: &[&str]) -> ConnectionId {
    let id = broker.accept(SocketAddr::from(([127, 0, 0, 1], 1)), NOW).unwrap();
    tick(broker, id, &chat(&MessagePayload::Connect { username }));
    for room in rooms {
        tick(broker, id, &chat(&MessagePayload::JoinRoom { room }));
    }
    take_all(broker, id);
    id
}

fn take_all(broker: &mut Broker, id: ConnectionId) {
    while !broker.poll_transmit(id).is_empty() {
        let offered = broker.poll_transmit(id).len();
        broker.consume(id, offered, NOW);
    }
}

/// Two rooms that take turns leave a member that reads nothing a span for each frame. The spans
/// take more memory than the frames, which the logs hold once for all members, so they count.
#[test]
fn the_storage_of_spans_counts() {
    const SPAN_BYTES: u64 = 24;
    const NOT_COUNTED: usize = 16;
    const FRAMES: usize = 100;
    let frame_bytes = MessagePayload::MessageBroadcast {
        user_id: 1,
        timestamp: 1,
        username: "ada",
        room: "tea",
        content: "x",
    }
    .encoded_len();
    let spans = |count: usize| {
        if count > NOT_COUNTED { SPAN_BYTES * count.next_power_of_two() as u64 } else { 0 }
    };
    let logs = |frames: usize| {
        let (tea, pie) = (frames.div_ceil(2), frames / 2);
        buffer_for(tea * frame_bytes) + if pie > 0 { buffer_for(pie * frame_bytes) } else { 0 }
    };
    let held = |frames: usize| spans(frames) + logs(frames);

    // One byte over the limit closes the member that does not read.
    for limit in [0, held(64), held(65) - 1, held(65), held(FRAMES) - 1, held(FRAMES)] {
        let goes_at = (1..=FRAMES).find(|&frames| limit > 0 && held(frames) > limit);
        let metrics = Arc::new(ServerMetrics::default());
        let mut limits = Limits::default();
        limits.buffer_bytes = usize::try_from(limit).unwrap();
        let mut broker = Broker::new(limits, Arc::clone(&metrics));
        let ada = member(&mut broker, "ada", &["tea", "pie"]);
        let deaf = member(&mut broker, "deaf", &["tea", "pie"]);
        take_all(&mut broker, ada);
        tick(&mut broker, ada, &[]);
        assert_eq!(metrics.buffer_bytes.get(), 0);
        for frames in 1..=FRAMES {
            tick(&mut broker, ada, &publish(["tea", "pie"][(frames - 1) % 2], "x"));
            take_all(&mut broker, ada);
            tick(&mut broker, ada, &[]);
            if goes_at == Some(frames) {
                assert_eq!(
                    metrics.snapshot().closes(CloseReason::BufferBudget),
                    1,
                    "{frames} frames, {limit} bytes"
                );
                take_all(&mut broker, ada);
                take_all(&mut broker, deaf);
                tick(&mut broker, ada, &[]);
                assert_eq!(metrics.buffer_bytes.get(), 0, "all buffers are returned");
                break;
            }
            assert_eq!(metrics.buffer_bytes.get(), held(frames), "{frames} frames, {limit} bytes");
        }
        assert_eq!(
            metrics.snapshot().closes(CloseReason::BufferBudget),
            u64::from(goes_at.is_some())
        );
    }
}
