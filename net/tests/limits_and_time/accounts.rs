//! Exact accounts of a server for tests: when its work is done, and how many bytes it has queued
//! for a peer that does not read.

use std::time::{Duration, Instant};

use cafewire_core::{Message, MessagePayload};
use cafewire_net::{Limits, MetricsSnapshot};

use crate::support::{PATIENCE, Peer, TestServer, publish};

/// A peer that makes the server's progress visible: it sends Error frames of the echo family, which
/// have no answer and no other sender. Once one is counted, the ticks before it are over, and all
/// their work is counted as well.
pub(crate) struct Clock {
    peer: Peer,
    ticks: u64,
    /// The Error frames that other peers sent before.
    ticks_before: u64,
}

impl Clock {
    pub(crate) fn new(server: &TestServer) -> Self {
        let ticks_before = server.metrics().error_messages;
        let mut this = Self { peer: server.peer(), ticks: 0, ticks_before };
        this.metrics(server);
        this
    }

    /// The metrics once all work that was answered, or seen to be read, is done. The clock's own
    /// bytes are left out.
    pub(crate) fn metrics(&mut self, server: &TestServer) -> MetricsSnapshot {
        let tick = Message::Error(b"tick");
        self.peer.send_echo(&tick);
        self.ticks += 1;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut metrics = server.metrics();
            if metrics.error_messages == self.ticks_before + self.ticks {
                metrics.bytes_received -= self.ticks * tick.encoded_len() as u64;
                return metrics;
            }
            assert!(Instant::now() < deadline, "the server makes no progress: {metrics:#?}");
            std::thread::yield_now();
        }
    }
}

/// A socket counts as full when the system has taken no byte for this long: longer than it delays
/// an acknowledgement, and than it waits for its first probe of a closed window. Each of these
/// makes room for more bytes. Later probes seldom make room, and for few.
pub(crate) const FULL_AFTER: Duration = Duration::from_millis(300);

/// The queue's size above which fewer bytes are offered at a time.
pub(crate) const ENOUGH_BYTES: u64 = 10_000;

/// Ada sends and reads; the sloth is in the same two rooms and never reads again.
pub(crate) struct Rooms {
    ada: Peer,
    _sloth: Peer,
    clock: Clock,
    /// The bytes that ada received, and that the sloth is to receive, since `sent_before`.
    received_bytes: u64,
    owed_bytes: u64,
    sent_before: u64,
    // The server is the last field so that it is dropped after the peers: a server that shuts down
    // waits for its peers.
    pub(crate) server: TestServer,
}

pub(crate) const LONGEST: usize = 512;

/// The size of ada's shortest broadcast frame; [`Rooms::add_bytes`] checks it.
const SHORTEST_BROADCAST: u64 = 29;

impl Rooms {
    pub(crate) fn new(change: impl FnOnce(&mut Limits)) -> Self {
        let server = TestServer::with(|config| change(&mut config.limits));
        let mut clock = Clock::new(&server);
        let mut sloth = Peer::connect_with_small_buffer(server.address());
        sloth.sign_in("sloth");
        let mut ada = server.user("ada");
        for room in ["fill", "tea"] {
            sloth.join(room);
            ada.join(room);
            sloth.next_chat();
        }
        let sent_before = clock.metrics(&server).bytes_sent;
        let mut this = Self {
            ada,
            _sloth: sloth,
            clock,
            received_bytes: 0,
            owed_bytes: 0,
            sent_before,
            server,
        };
        this.fill();
        this
    }

    /// Sends a message `times` times, and waits until ada has received them: then the server has
    /// tried to send them to the sloth as well.
    fn broadcast(&mut self, room: &str, content: &str, times: usize) {
        self.ada.send(&publish(room, content).repeat(times));
        for _ in 0..times {
            let frame_bytes = self.ada.next_chat().len() as u64;
            self.received_bytes += frame_bytes;
            self.owed_bytes += frame_bytes;
        }
    }

    /// Sends to one of the rooms until the system takes nothing more for the sloth.
    fn fill(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let mut taken_last = Instant::now();
        while taken_last.elapsed() < FULL_AFTER {
            assert!(Instant::now() < deadline, "the system takes everything");
            let before = (self.queued_bytes(), self.owed_bytes);
            if before.0 < ENOUGH_BYTES {
                self.broadcast("fill", &"x".repeat(LONGEST), 10);
            } else {
                std::thread::sleep(Duration::from_millis(5));
                self.broadcast("fill", "x", 1);
            }
            if self.queued_bytes() < before.0 + self.owed_bytes - before.1 {
                taken_last = Instant::now();
            }
        }
    }

    /// The bytes queued for the sloth.
    pub(crate) fn queued_bytes(&mut self) -> u64 {
        let metrics = self.clock.metrics(&self.server);
        self.owed_bytes - (metrics.bytes_sent - self.sent_before - self.received_bytes)
    }

    /// Sends to the other room until exactly this many bytes are queued for the sloth, whatever the
    /// system still takes meanwhile; or until the sloth is closed.
    pub(crate) fn queue_up_to(&mut self, bytes: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.sloth_is_member() {
            match bytes - self.queued_bytes() {
                0 => return,
                // No message is that short: the system will take some more bytes.
                1..SHORTEST_BROADCAST => {
                    assert!(Instant::now() < deadline, "{bytes} bytes cannot be queued");
                }
                missing => self.add_bytes(missing),
            }
        }
    }

    /// Sends to the other room until exactly this many bytes are added.
    pub(crate) fn add_bytes(&mut self, mut bytes: u64) {
        let broadcast = MessagePayload::MessageBroadcast {
            user_id: 2,
            timestamp: 0,
            username: "ada",
            room: "tea",
            content: "x",
        };
        let (shortest, longest) = (broadcast.encoded_len(), broadcast.encoded_len() + LONGEST - 1);
        assert_eq!(shortest as u64, SHORTEST_BROADCAST);
        while bytes > 0 {
            let most = usize::try_from(bytes).unwrap().min(longest);
            let left = usize::try_from(bytes).unwrap() - most;
            let frame_bytes = if left > 0 && left < shortest { most - shortest } else { most };
            assert!(frame_bytes >= shortest, "{bytes} bytes are no message");
            let before = self.owed_bytes;
            self.broadcast("tea", &"x".repeat(frame_bytes - shortest + 1), 1);
            assert_eq!(self.owed_bytes - before, frame_bytes as u64);
            bytes -= frame_bytes as u64;
        }
    }

    /// Sends the shortest message.
    pub(crate) fn add_shortest(&mut self) {
        self.broadcast("tea", "x", 1);
    }

    /// Whether the sloth is still a member.
    pub(crate) fn sloth_is_member(&mut self) -> bool {
        self.clock.metrics(&self.server).users == 2
    }
}
