//! Target `session`: connections to the real broker (ingress, dispatch, room logs, outboxes) with a
//! network and a clock that the fuzzer controls. After every step the broker checks its own
//! invariants; `audience.rs` reads the bytes sent to each peer.

mod audience;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arbitrary::Unstructured;
use cafewire_core::chat::v2;
use cafewire_core::{Message, MessagePayload};
use cafewire_net::broker::{AfterFlush, Broker, ConnectionId, Now};
use cafewire_net::{CloseReason, Limits, ServerMetrics};

use self::audience::Audience;
use crate::input;

const PEERS_MAX: usize = 6;
const STEPS_MAX: usize = 250;
const NAMES: [&str; 4] = ["ada", "bo", "naïve", "the one with a name of 32 bytes."];

/// The input is one byte of options, then steps.
///
/// | options | meaning |
/// |---|---|
/// | 0 | peers read only the bytes that a step tells them to |
/// | 1 | few connections, rooms and members are allowed |
/// | 2 | little is done in a tick, and presence is told in rooms of two at most |
///
/// A step is `peer << 4 | kind`, and then
///
/// | kind | bytes | what happens |
/// |---|---|---|
/// | 0 | | a peer connects |
/// | 1 | count, then so many | it sends these bytes |
/// | 2 | count, then so many | it sends these bytes, checksums put right |
/// | 3..=9 | argument | it sends Connect, JoinRoom, LeaveRoom, SendMessage, Disconnect, an echo |
/// | 10 | argument | it takes so many bytes of what is queued for it, or that many times 256 |
/// | 11 | | it sends no more |
/// | 12 | | the connection breaks |
/// | 13 | argument | time passes: up to 128 ms, or so many seconds |
/// | 14 | argument | with 0x5D, the server goes down |
/// | 15 | | nothing: a tick |
///
/// Every other peer speaks version 2 of chat, and asks for lists and the like in place of echoes.
pub(crate) fn check(data: &[u8]) -> arbitrary::Result<()> {
    let mut data = Unstructured::new(data);
    let mut network = Network::new(data.arbitrary()?);
    network.connect();
    for _ in 0..STEPS_MAX {
        if data.is_empty() {
            break;
        }
        let step = Step::read(&mut data)?;
        network.tick(|network| network.take(&step));
    }
    network.leave();
    Ok(())
}

struct Step<'a> {
    peer: usize,
    kind: u8,
    argument: u8,
    bytes: &'a [u8],
}

impl<'a> Step<'a> {
    fn read(data: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let head: u8 = data.arbitrary()?;
        let kind = head & 0x0F;
        let argument = match kind {
            0 | 11 | 12 | 15 => 0,
            _ => data.arbitrary()?,
        };
        let bytes = match kind {
            1 | 2 => data.bytes(usize::from(argument).min(data.len()))?,
            _ => &[],
        };
        Ok(Self { peer: usize::from(head >> 4), kind, argument, bytes })
    }
}

struct Peer {
    id: ConnectionId,
    speaks_v2: bool,
    /// The number of its last request.
    request: u16,
    /// Bytes that it reads before a step makes it read more.
    appetite: usize,
    audience: Audience,
}

struct Network {
    broker: Broker,
    metrics: Arc<ServerMetrics>,
    peers: Vec<Peer>,
    now: Now,
    /// Initial appetite of a peer.
    appetite: usize,
    going_down: bool,
    connects: usize,
}

impl Network {
    fn new(options: u8) -> Self {
        let metrics = Arc::new(ServerMetrics::default());
        let mut limits = Limits::default();
        // The broker raises these to the protocol's minimum and no further, so that they are
        // reached.
        limits.outbox_bytes = 0;
        limits.outbox_bytes_before_sign_in = 0;
        limits.read_pause_bytes = 8 << 10;
        limits.room_log_bytes = 0;
        if options & 2 != 0 {
            (
                limits.connections,
                limits.rooms,
                limits.rooms_per_connection,
                limits.members_per_room,
            ) = (4, 3, 2, 2);
        }
        if options & 4 != 0 {
            (limits.deliveries_per_tick, limits.departures_per_tick) = (3, 1);
            limits.presence_members_max = 2;
            limits.full_room_time = Duration::from_millis(5);
        }
        Self {
            broker: Broker::new(limits, Arc::clone(&metrics)),
            metrics,
            peers: Vec::new(),
            now: Now { monotonic_ms: 0, unix_ms: 1_700_000_000_000 },
            appetite: if options & 1 != 0 { 0 } else { usize::MAX },
            going_down: false,
            connects: 0,
        }
    }

    fn take(&mut self, step: &Step<'_>) {
        let Step { kind, argument, .. } = *step;
        if kind == 0 {
            return self.connect();
        }
        let Some(count) = self.peers.len().checked_sub(1) else { return };
        let index = step.peer.min(count);
        match kind {
            1 => self.send(index, step.bytes),
            2 => {
                let mut bytes = step.bytes.to_vec();
                input::fix_checksums(&mut bytes);
                self.send(index, &bytes);
            }
            3..=9 => self.say(index, kind, usize::from(argument)),
            10 => {
                let bytes = usize::from(argument >> 1) << if argument & 1 == 0 { 0 } else { 8 };
                let peer = &mut self.peers[index];
                peer.appetite = peer.appetite.saturating_add(bytes);
                self.broker.mark_dirty(peer.id);
            }
            11 => self.broker.handle_eof(self.peers[index].id, self.now),
            12 => self.broker.handle_reset(self.peers[index].id, self.now),
            13 => {
                self.now.monotonic_ms +=
                    u64::from(argument >> 1) * if argument & 1 == 0 { 1 } else { 1000 }
            }
            14 if argument == 0x5D && !self.going_down => {
                self.going_down = true;
                self.broker.shut_down(Duration::from_secs(5), self.now);
            }
            _ => {}
        }
    }

    fn connect(&mut self) {
        if self.peers.len() == PEERS_MAX || self.going_down {
            return;
        }
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        if let Some(id) = self.broker.accept(address, self.now) {
            self.connects += 1;
            self.peers.push(Peer {
                id,
                speaks_v2: self.connects.is_multiple_of(2),
                request: 0,
                appetite: self.appetite,
                audience: Audience::default(),
            });
        }
    }

    /// Bytes arrive, unless the broker does not accept any yet: then they stay with the peer.
    fn send(&mut self, index: usize, bytes: &[u8]) {
        let id = self.peers[index].id;
        self.resume(id);
        if self.broker.is_reading(id) {
            self.broker.handle_input(id, bytes, self.now);
            self.resume(id);
        }
    }

    /// Frames that came earlier are done, as far as the broker accepts them.
    fn resume(&mut self, id: ConnectionId) {
        while self.broker.is_reading(id) && self.broker.resume(id, self.now) {}
    }

    fn say(&mut self, index: usize, kind: u8, argument: usize) {
        if self.peers[index].speaks_v2 {
            return self.say_v2(index, kind, argument);
        }
        let name = NAMES[argument % NAMES.len()];
        let content = "·".repeat(1 + argument % 256);
        let mut buffer = [0; 1024];
        let message = match kind {
            3 => MessagePayload::Connect { username: name },
            4 => MessagePayload::JoinRoom { room: name },
            5 => MessagePayload::LeaveRoom { room: name },
            6 | 7 => MessagePayload::SendMessage { room: name, content: &content },
            8 => MessagePayload::Disconnect,
            _ => {
                let echo = Message::echo(&content.as_bytes()[..argument]);
                let frame = echo.encode_into(&mut buffer).expect("an echo frame");
                return (0..1 + argument / 16).for_each(|_| self.send(index, frame));
            }
        };
        let frame = message.encode_into(&mut buffer).expect("a valid message");
        let times = if kind == 7 { 1 + argument / 16 } else { 1 };
        (0..times).for_each(|_| self.send(index, frame));
    }

    fn say_v2(&mut self, index: usize, kind: u8, argument: usize) {
        let (name, other) = (NAMES[argument % NAMES.len()], NAMES[argument / 4 % NAMES.len()]);
        let content = "·".repeat(1 + argument % 256 * 7);
        let count = (argument / 4 % 8) as u16;
        let message = match kind {
            3 => v2::MessagePayload::Connect {
                capabilities: v2::Capabilities::from_bits((argument / 4) as u16 & 0x3F),
                client_nonce: [7; 16],
                username: name,
            },
            4 => v2::MessagePayload::JoinRoom { resume: None, replay: count, room: name },
            5 => v2::MessagePayload::LeaveRoom { room: name },
            6 | 7 => v2::MessagePayload::SendMessage { room: name, content: &content },
            8 if argument >= 0xF0 => v2::MessagePayload::Disconnect,
            8 => v2::MessagePayload::DirectMessage { to: name, content: &content },
            _ => match argument >> 6 {
                0 => v2::MessagePayload::ListRooms { count, after: "" },
                1 => v2::MessagePayload::ListMembers { count, room: name, after: other },
                2 => v2::MessagePayload::History { before: u64::from(count), count, room: name },
                _ => v2::MessagePayload::Ping { data: b"?" },
            },
        };
        let times = if kind == 7 { 1 + argument / 16 } else { 1 };
        for _ in 0..times {
            let peer = &mut self.peers[index];
            peer.request = peer.request % u16::MAX + 1;
            let mut buffer = [0; v2::MAX_FRAME_SIZE];
            let frame = message.encode_into(peer.request, &mut buffer).expect("a valid message");
            self.send(index, frame);
        }
    }

    /// One tick of the event loop, with this event in it.
    fn tick(&mut self, happens: impl FnOnce(&mut Self)) {
        self.now.monotonic_ms += 1;
        while let Some(id) = self.broker.poll_resumed(self.now) {
            self.resume(id);
        }
        happens(self);
        self.broker.invariants();
        self.broker.handle_timeout(self.now.monotonic_ms, self.now);
        self.broker.deliver_pending(self.now);
        self.broker.invariants();
        while let Some(id) = self.broker.poll_dirty() {
            let index = self
                .peers
                .iter()
                .position(|peer| peer.id == id)
                .expect("only connections are dirty");
            self.flush(index);
            self.broker.invariants();
        }
        self.broker.end_tick(self.now);
        self.broker.invariants();
        while let Some(id) = self.broker.poll_closed() {
            self.peers.retain(|peer| peer.id != id);
            self.broker.invariants();
        }
        assert_eq!(self.peers.len(), self.broker.len());
    }

    fn flush(&mut self, index: usize) {
        let peer = &mut self.peers[index];
        loop {
            let chunk = self.broker.poll_transmit(peer.id).to_vec();
            if chunk.is_empty() {
                if self.broker.handle_flushed(peer.id, self.now) == AfterFlush::ShutDownSending {
                    let no_peer_was_cut_off =
                        self.metrics.snapshot().closes(CloseReason::SlowConsumer) == 0;
                    peer.audience.hears_the_end(no_peer_was_cut_off);
                }
                return;
            }
            let count = chunk.len().min(peer.appetite);
            if count == 0 {
                self.broker.handle_blocked(peer.id, self.now);
                return;
            }
            peer.audience.hear(&chunk[..count]);
            peer.appetite -= count;
            // The canary reports a byte more than was written, when not all were.
            let too_many = usize::from(cfg!(feature = "canary-session") && count < chunk.len());
            self.broker.consume(peer.id, count + too_many, self.now);
        }
    }

    /// All peers leave, and no state of them stays.
    fn leave(mut self) {
        self.tick(|network| {
            network.peers.iter().for_each(|peer| network.broker.handle_reset(peer.id, network.now));
        });
        assert!(self.broker.is_empty());
        // Rooms in which version 2 was spoken linger.
        self.now.monotonic_ms += 60_000;
        self.tick(|_| ());
        let left = self.metrics.snapshot();
        assert_eq!(
            (left.users, left.rooms, left.clients_connected, left.buffer_bytes),
            (0, 0, 0, 0)
        );
    }
}
