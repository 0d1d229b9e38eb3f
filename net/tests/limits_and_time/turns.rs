//! What one connection, or one kind of work, may have of a turn of the loop. The rest is done in later turns, and those are
//! counted: nothing is refused, nothing is lost.

use std::net::SocketAddr;
use std::sync::Arc;

use cafewire_core::Message;
use cafewire_net::exchange::{Exchange, Now};
use cafewire_net::{LimitReached, Limits, MetricsSnapshot, ServerMetrics};

use crate::support::{Peer, TestServer, echo};

const NOW: Now = Now { monotonic_ms: 0, unix_ms: 0 };

/// To the frame, without sockets, whose reads may cut anywhere.
#[test]
fn frames_over_the_limit_wait_for_the_next_turn() {
    const FRAMES: usize = 20;
    let batch = echo(&Message::Data(b"x")).repeat(FRAMES);
    for (limit, turns) in [(1, 20), (FRAMES - 1, 2), (FRAMES, 1), (FRAMES + 1, 1), (0, 1)] {
        let metrics = Arc::new(ServerMetrics::default());
        let mut limits = Limits::default();
        limits.frames_per_turn = limit;
        let mut exchange = Exchange::new(limits, Arc::clone(&metrics));
        let id = exchange.admit(SocketAddr::from(([127, 0, 0, 1], 1)), NOW).unwrap();
        exchange.receive(id, &batch, NOW);
        let mut taken = 1;
        while exchange.resume(id, NOW) {
            taken += 1;
        }
        let metrics = metrics.snapshot();
        assert_eq!((taken, metrics.data_messages), (turns, FRAMES as u64), "at most {limit}");
        assert_eq!(metrics.limits_reached(LimitReached::FramesPerTurn), turns - 1);
    }
}

/// Sockets that are there before the loop begins to turn, so that nothing but the limit makes it take more turns than one.
fn after(change: impl FnOnce(&mut Limits), peers: usize, sent: &[u8], data_messages: u64) -> MetricsSnapshot {
    let mut connected = Vec::new();
    let server = TestServer::with_tap(
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
    server.wait_until("everybody is here and all of it done", |metrics| {
        (metrics.clients_connected, metrics.data_messages) == (peers as u64, data_messages)
    })
}

#[test]
fn a_read_takes_no_more_than_it_may() {
    let frame = echo(&Message::Data(&[7; 1000]));
    const FRAMES: usize = 200;
    let sent = frame.repeat(FRAMES);
    // Less than 1 KiB is 1 KiB, and 0 is as much as can be.
    for (limit, least) in [(1, 1024), (1023, 1024), (1024, 1024), (1025, 1025), (0, 1 << 20)] {
        let metrics = after(|limits| limits.read_bytes_per_turn = limit, 1, &sent, FRAMES as u64);
        assert!(metrics.turns >= sent.len().div_ceil(least) as u64, "{metrics:?}: turns of at most {limit} bytes");
        assert_eq!(metrics.limits_reached(LimitReached::ReadBytesPerTurn) > 0, least < sent.len());
    }
}

#[test]
fn no_more_are_accepted_than_may_be() {
    const PEERS: usize = 20;
    for limit in [1, 4, 5, 6, 0] {
        let metrics = after(|limits| limits.accepts_per_turn = limit, PEERS, &[], 0);
        let least = if limit == 0 { 1 } else { PEERS.div_ceil(limit) };
        assert!(metrics.turns >= least as u64, "{metrics:?}: turns that accept at most {limit}");
        assert!(limit > 0 || metrics.turns < PEERS as u64, "{metrics:?}: turns for what can be done in one");
        let least_counted = PEERS.checked_div(limit).unwrap_or(0);
        let counted = metrics.limits_reached(LimitReached::AcceptsPerTurn);
        assert!(counted >= least_counted as u64 && (limit > 0 || counted == 0), "{counted} times at {limit}");
    }
}
