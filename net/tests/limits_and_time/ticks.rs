//! The limits on the work of one connection, and of one kind, in a tick. The rest is done in later
//! ticks, which are counted: nothing is refused or lost.

use std::net::SocketAddr;
use std::sync::Arc;

use cafewire_core::{Message, MessagePayload};
use cafewire_net::broker::{Broker, Now};
use cafewire_net::{LimitReached, Limits, MetricsSnapshot, ServerMetrics};

use crate::support::{Peer, TestServer, chat, echo, publish};

const NOW: Now = Now { monotonic_ms: 0, unix_ms: 0 };

/// Exact to the frame, without sockets, whose reads may end anywhere.
#[test]
fn frames_over_the_limit_wait_for_the_next_tick() {
    const FRAMES: usize = 20;
    let batch = echo(&Message::Data(b"x")).repeat(FRAMES);
    for (limit, ticks) in [(1, 20), (FRAMES - 1, 2), (FRAMES, 1), (FRAMES + 1, 1), (0, 1)] {
        let metrics = Arc::new(ServerMetrics::default());
        let mut limits = Limits::default();
        limits.frames_per_tick = limit;
        let mut broker = Broker::new(limits, Arc::clone(&metrics));
        let id = broker.accept(SocketAddr::from(([127, 0, 0, 1], 1)), NOW).unwrap();
        broker.handle_input(id, &batch, NOW);
        let mut taken = 1;
        while broker.resume(id, NOW) {
            taken += 1;
        }
        let metrics = metrics.snapshot();
        assert_eq!((taken, metrics.data_messages), (ticks, FRAMES as u64), "at most {limit}");
        assert_eq!(metrics.limits_reached(LimitReached::FramesPerTick), ticks - 1);
    }
}

/// What is left of a read may be the start of a frame only. Then the peer's turn is not over: the
/// rest of it may wait in the socket for as long as the frames before did.
#[test]
fn the_start_of_a_frame_takes_no_turn() {
    let mut limits = Limits::default();
    limits.frames_per_tick = 1;
    let mut broker = Broker::new(limits, Arc::default());
    let id = broker.accept(SocketAddr::from(([127, 0, 0, 1], 1)), NOW).unwrap();
    let ping = echo(&Message::Ping(b"hello"));
    broker.handle_input(id, &[&ping[..], &ping, &ping[..7]].concat(), NOW);
    assert!(broker.resume(id, NOW), "the second");
    assert!(broker.has_backlog(id));
    assert!(!broker.resume(id, NOW), "no whole one is left");
    assert!(!broker.has_backlog(id));
    broker.handle_input(id, &ping[7..], NOW);
    assert_eq!(broker.poll_transmit(id).to_vec(), echo(&Message::Pong(b"hello")).repeat(3));
}

/// The messages of a room in a tick are delivered at the tick's end, and earlier once they exceed
/// 64 KiB.
#[test]
fn a_long_burst_is_delivered_before_the_tick_ends() {
    const BOUND_BYTES: usize = 64 << 10;
    const FRAME_BYTES: usize = 512;
    const FRAMES: usize = BOUND_BYTES / FRAME_BYTES;
    for over_bytes in [-1, 0, 1] {
        let metrics = Arc::new(ServerMetrics::default());
        let mut limits = Limits::default();
        limits.frames_per_tick = 0;
        let mut broker = Broker::new(limits, Arc::clone(&metrics));
        let id = broker.accept(SocketAddr::from(([127, 0, 0, 1], 1)), NOW).unwrap();
        broker.handle_input(id, &chat(&MessagePayload::Connect { username: "ada" }), NOW);
        broker.handle_input(id, &chat(&MessagePayload::JoinRoom { room: "tea" }), NOW);
        broker.deliver_pending(NOW);
        let queued = broker.poll_transmit(id).len();
        broker.consume(id, queued, NOW);
        let before = metrics.snapshot();
        let broadcast = MessagePayload::MessageBroadcast {
            user_id: 1,
            timestamp: 0,
            username: "ada",
            room: "tea",
            content: "x",
        };
        let content = "x".repeat(1 + FRAME_BYTES - chat(&broadcast).len());
        let mut last = format!("{content}x");
        last.truncate(content.len().checked_add_signed(over_bytes).unwrap());
        let burst = [publish("tea", &content).repeat(FRAMES - 1), publish("tea", &last)].concat();
        broker.handle_input(id, &burst, NOW);

        let after = metrics.snapshot();
        let said_bytes =
            usize::try_from(after.log_bytes_appended - before.log_bytes_appended).unwrap();
        assert_eq!(said_bytes, BOUND_BYTES.checked_add_signed(over_bytes).unwrap());
        assert_eq!(after.deliveries - before.deliveries, FRAMES as u64);
        let is_delivered = !broker.poll_transmit(id).is_empty();
        assert_eq!(is_delivered, over_bytes > 0, "{said_bytes} bytes in a tick");
        broker.deliver_pending(NOW);
        assert_eq!(broker.poll_transmit(id).len(), said_bytes, "after the tick");
    }
}

/// The metrics after `peers` connections that sent `sent` before the loop's first tick, so that
/// only the limit makes it take more than one tick.
fn after(
    change: impl FnOnce(&mut Limits),
    peers: usize,
    sent: &[u8],
    data_messages: u64,
) -> MetricsSnapshot {
    let mut connected = Vec::new();
    let server = TestServer::with_prepared(
        |config| change(&mut config.limits),
        |server| {
            let address = server.local_addresses()[0].resolve().unwrap()[0];
            for _ in 0..peers {
                let mut peer = Peer::connect(address);
                peer.send(sent);
                connected.push(peer);
            }
        },
    );
    server.wait_until("all peers accepted and all frames done", |metrics| {
        (metrics.clients_connected, metrics.data_messages) == (peers as u64, data_messages)
    })
}

#[test]
fn a_read_takes_no_more_than_its_limit() {
    let frame = echo(&Message::Data(&[7; 1000]));
    const FRAMES: usize = 200;
    let sent = frame.repeat(FRAMES);
    // A limit below 1 KiB counts as 1 KiB, and 0 is no limit.
    for (limit, least) in [(1, 1024), (1023, 1024), (1024, 1024), (1025, 1025), (0, 1 << 20)] {
        let metrics = after(|limits| limits.read_bytes_per_tick = limit, 1, &sent, FRAMES as u64);
        assert!(
            metrics.ticks >= sent.len().div_ceil(least) as u64,
            "{metrics:?}: ticks of at most {limit} bytes"
        );
        assert_eq!(metrics.limits_reached(LimitReached::ReadBytesPerTick) > 0, least < sent.len());
    }
}

/// The others are written to in the ticks after it, and miss nothing.
#[test]
fn a_tick_flushes_no_more_connections_than_its_limit() {
    const MEMBERS: usize = 5;
    for limit in [1, MEMBERS - 1, MEMBERS, MEMBERS + 1, 0] {
        let server = TestServer::with(|config| config.limits.flushes_per_tick = limit);
        let mut members: Vec<Peer> =
            (0..MEMBERS).map(|number| server.member(&format!("m{number}"), "tea")).collect();
        for (number, member) in members.iter_mut().enumerate() {
            for (later, user_id) in (0..MEMBERS).zip(1..).skip(number + 1) {
                let username = &format!("m{later}");
                member.expect_chat(&MessagePayload::UserJoined { user_id, username, room: "tea" });
            }
        }
        let before = server.metrics();
        members[0].send(&publish("tea", "hello"));
        for member in &mut members {
            member.expect_broadcast((1, "m0"), "tea", "hello");
        }
        let after = server.metrics();
        // Twice as many in each tick in which nothing is read.
        let (mut left, mut at_most, mut put_off) = (MEMBERS, limit, 0);
        while limit > 0 && left > at_most {
            (left, at_most, put_off) = (left - at_most, at_most * 2, put_off + 1);
        }
        assert_eq!(after.flush_pauses - before.flush_pauses, put_off, "limit {limit}");
    }
}

/// Input does not run ahead of output: once a tick's reading of one connection is read in all,
/// everything is flushed.
#[test]
fn much_input_is_flushed_whatever_the_limit() {
    const PEERS: usize = 8;
    let mut limits = Limits::default();
    (limits.flushes_per_tick, limits.read_bytes_per_tick) = (1, 1 << 10);
    let mut sent = echo(&Message::Ping(&[7; 1000])).repeat(4);
    sent.extend(echo(&Message::Data(b"the end")));
    let metrics = after(|all| *all = limits, PEERS, &sent, PEERS as u64);
    assert!(metrics.ticks >= 4, "{metrics:?}");
    assert_eq!(metrics.flush_pauses, 0);
}

#[test]
fn a_tick_accepts_no_more_than_its_limit() {
    const PEERS: usize = 20;
    for limit in [1, 4, 5, 6, 0] {
        let metrics = after(|limits| limits.accepts_per_tick = limit, PEERS, &[], 0);
        let least = if limit == 0 { 1 } else { PEERS.div_ceil(limit) };
        assert!(metrics.ticks >= least as u64, "{metrics:?}: ticks that accept at most {limit}");
        assert!(
            limit > 0 || metrics.ticks < PEERS as u64,
            "{metrics:?}: too many ticks without a limit"
        );
        let least_counted = PEERS.checked_div(limit).unwrap_or(0);
        let counted = metrics.limits_reached(LimitReached::AcceptsPerTick);
        assert!(
            counted >= least_counted as u64 && (limit > 0 || counted == 0),
            "{counted} times at {limit}"
        );
    }
}
