//! The wall clock is set back and forth while connections are open. Time-outs count on the
//! monotonic clock alone, so no connection is closed; messages are stamped with the wall clock's
//! time. No sockets are used: time is an argument of the broker, so the machine's clock stays as it
//! is.

use std::net::SocketAddr;
use std::sync::Arc;

use cafewire_core::{Direction, Frame, FrameDecoder, Framing, MessagePayload};
use cafewire_net::broker::{AfterFlush, Broker, ConnectionId, Now};
use cafewire_net::{CloseReason, Limits, ServerMetrics};

use crate::support::{chat, parse, publish};

const HOUR_MS: u64 = 3_600_000;
const TODAY_MS: u64 = 1_700_000_000_000;

/// The wall clock set back by an hour, a day, to the start of time; ahead by a year, to its end;
/// and right again.
const WALL_CLOCK_MS: [u64; 8] = [
    TODAY_MS,
    TODAY_MS - HOUR_MS,
    TODAY_MS - 24 * HOUR_MS,
    0,
    TODAY_MS + 8766 * HOUR_MS,
    u64::MAX,
    1,
    TODAY_MS,
];

struct World {
    broker: Broker,
    metrics: Arc<ServerMetrics>,
    now: Now,
}

impl World {
    /// A tick in which these bytes come from a connection. Returns the frames written to it.
    fn tick(&mut self, from: ConnectionId, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut written = Vec::new();
        self.broker.handle_input(from, bytes, self.now);
        self.broker.handle_timeout(self.now.monotonic_ms, self.now);
        self.broker.deliver_pending(self.now);
        while let Some(id) = self.broker.poll_dirty() {
            while !self.broker.poll_transmit(id).is_empty() {
                let bytes = self.broker.poll_transmit(id).to_vec();
                if id == from {
                    written.extend_from_slice(&bytes);
                }
                self.broker.consume(id, bytes.len(), self.now);
            }
            assert_ne!(self.broker.handle_flushed(id, self.now), AfterFlush::Gone);
        }
        self.broker.end_tick(self.now);
        assert_eq!(self.broker.poll_closed(), None);
        self.broker.invariants();
        frames(&written)
    }
}

fn frames(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = FrameDecoder::new(Direction::ToClient);
    let mut frames = Vec::new();
    while let Framing::Frame { frame: Frame::Chat(_), consumed } = reader.next_frame(bytes) {
        frames.push(bytes[..consumed].to_vec());
        bytes = &bytes[consumed..];
    }
    assert!(bytes.is_empty());
    frames
}

#[test]
fn a_wall_clock_that_is_set_closes_no_connection_and_stamps_its_time() {
    let metrics = Arc::new(ServerMetrics::default());
    let limits = Limits::default();
    let idle_ms = u64::try_from(limits.idle_timeout.as_millis()).unwrap();
    let broker = Broker::new(limits, Arc::clone(&metrics));
    let now = Now { monotonic_ms: 0, unix_ms: TODAY_MS };
    let mut world = World { broker, metrics, now };
    let address = SocketAddr::from(([127, 0, 0, 1], 4711));
    let member = world.broker.accept(address, now).unwrap();
    world.tick(member, &chat(&MessagePayload::Connect { username: "ada" }));
    world.tick(member, &chat(&MessagePayload::JoinRoom { room: "tea" }));
    // This connection is in no room, so it may be idle for `idle_timeout` only.
    let idler = world.broker.accept(address, now).unwrap();
    world.tick(idler, &chat(&MessagePayload::Connect { username: "bob" }));

    for unix_ms in WALL_CLOCK_MS {
        world.now = Now { monotonic_ms: world.now.monotonic_ms + 1000, unix_ms };
        let frames = world.tick(member, &publish("tea", "what time is it?"));
        let [frame] = &frames[..] else { panic!("{} frames", frames.len()) };
        let MessagePayload::MessageBroadcast { timestamp, .. } = parse(frame) else {
            panic!("{frame:x?}")
        };
        assert_eq!(timestamp, unix_ms);
        assert_eq!(
            world.metrics.snapshot().clients_connected,
            2,
            "a connection was closed with the clock at {unix_ms}"
        );
    }

    // The idle time ends by the monotonic clock, whatever the wall clock shows.
    world.now = Now { monotonic_ms: idle_ms - 1, unix_ms: u64::MAX };
    world.tick(member, &[]);
    assert_eq!(world.metrics.snapshot().clients_connected, 2);
    world.now = Now { monotonic_ms: idle_ms, unix_ms: 0 };
    world.tick(member, &[]);
    let snapshot = world.metrics.snapshot();
    assert_eq!((snapshot.clients_connected, snapshot.closes(CloseReason::IdleTimeout)), (1, 1));
}
