//! The limits on bytes queued, to the byte: the limit itself is allowed, one byte more is too much.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use cafewire_core::{ErrorCode, Message, MessagePayload, chat};
use cafewire_net::broker::{Broker, Now};
use cafewire_net::{CloseReason, Limits, ServerConfig};

use super::accounts::{Clock, ENOUGH_BYTES, FULL_AFTER, Rooms};
use crate::support::{PATIENCE, Peer, TestServer, chat as chat_frame, echo, parse, publish};

#[test]
fn an_outbox_to_the_byte() {
    const LIMIT: u64 = 140_000;
    for (target, is_kept) in [(LIMIT - 1, true), (LIMIT, true), (LIMIT + 1, false)] {
        let mut rooms = Rooms::new(|limits| {
            limits.outbox_bytes = usize::try_from(LIMIT).unwrap();
            limits.outbox_hard_bytes = limits.outbox_bytes;
        });
        rooms.queue_up_to(target);
        assert_eq!(rooms.sloth_is_member(), is_kept, "{target} bytes queued, {LIMIT} may be");
        while rooms.sloth_is_member() {
            rooms.add_shortest();
        }
        rooms.server.wait_for_closes(CloseReason::SlowConsumer, 1);
    }
}

/// A log that has no room for one more frame of the largest size drops its oldest quarter.
#[test]
fn a_rooms_log_to_the_byte() {
    const LIMIT: u64 = 50_000;
    let full = LIMIT - chat::MAX_FRAME_SIZE as u64;
    for (target, is_kept) in [(full - 1, true), (full, true), (full + 1, false)] {
        let mut rooms = Rooms::new(|limits| {
            limits.room_log_bytes = usize::try_from(LIMIT).unwrap();
            limits.full_room_time = Duration::from_millis(1);
            limits.outbox_bytes = 0;
        });
        rooms.add_bytes(target);
        assert!(rooms.sloth_is_member(), "{target} bytes in a log for {LIMIT}");
        rooms.add_shortest();
        assert_eq!(
            rooms.sloth_is_member(),
            is_kept,
            "a frame behind {target} bytes in a log for {LIMIT}"
        );
        rooms.server.wait_for_closes(CloseReason::SlowConsumer, u64::from(!is_kept));
    }
}

#[test]
fn queues_without_limits() {
    let mut rooms = Rooms::new(|limits| {
        limits.outbox_bytes = 0;
        limits.room_log_bytes = 0;
    });
    rooms.add_bytes(1_200_000); // either default is 1 MiB
    assert!(rooms.sloth_is_member());
}

const NOW: Now = Now { monotonic_ms: 1, unix_ms: 1 };

/// Twenty refusals for a peer whose socket takes none of them: they fit, or they do not.
#[test]
fn an_outbox_before_sign_in_to_the_byte() {
    const REFUSALS: usize = 20;
    let connect = chat_frame(&MessagePayload::Connect { username: "ada" });
    let after = |limit: usize| {
        let mut limits = Limits::default();
        limits.outbox_bytes_before_sign_in = limit;
        let mut broker = Broker::new(limits, Arc::default());
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let ada = broker.accept(address, NOW).unwrap();
        broker.handle_input(ada, &connect, NOW);
        let other = broker.accept(address, NOW).unwrap();
        broker.handle_input(other, &connect.repeat(REFUSALS), NOW);
        let queued = broker.poll_transmit(other).len();
        broker.handle_blocked(other, NOW);
        broker.invariants();
        (queued, broker.poll_transmit(other).len() == queued)
    };
    let (queued, _) = after(0);
    assert!(queued > chat::MAX_FRAME_SIZE, "the limit is never lower");
    for (limit, is_kept) in [(queued - 1, false), (queued, true), (queued + 1, true), (0, true)] {
        assert_eq!(after(limit), (queued, is_kept), "{queued} bytes queued, {limit} may be");
    }
    // A limit that nothing could work with is raised to one frame of the largest size.
    assert_eq!(after(1), (queued, false));
}

/// A peer that requests echoes and never reads them.
struct Asker {
    peer: Peer,
    clock: Clock,
    asked_bytes: u64,
    last_was_read: bool,
    sent_before: u64,
    server: TestServer,
}

impl Asker {
    fn new(read_pause_bytes: usize, outbox_bytes: usize) -> Self {
        let server = TestServer::with(|config| {
            config.limits.read_pause_bytes = read_pause_bytes;
            config.limits.outbox_bytes = outbox_bytes;
        });
        let mut clock = Clock::new(&server);
        let peer = Peer::connect_with_small_buffer(server.address());
        let sent_before = clock.metrics(&server).bytes_sent;
        let mut this =
            Self { peer, clock, asked_bytes: 0, last_was_read: false, sent_before, server };
        let deadline = Instant::now() + PATIENCE;
        let mut taken_last = Instant::now();
        while taken_last.elapsed() < FULL_AFTER {
            assert!(Instant::now() < deadline, "the system takes everything");
            let before = this.queued_bytes();
            let frame_bytes = if before < ENOUGH_BYTES { 5000 } else { 5 };
            if frame_bytes == 5 {
                std::thread::sleep(Duration::from_millis(5));
            }
            assert!(this.ask(frame_bytes));
            if this.queued_bytes() < before + frame_bytes as u64 {
                taken_last = Instant::now();
            }
        }
        this
    }

    /// Requests echoes until exactly this many bytes are queued.
    fn queue_up_to(&mut self, bytes: u64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "{bytes} bytes cannot be queued");
            match usize::try_from(bytes - self.queued_bytes()).unwrap() {
                0 => return,
                // No frame is that short: the system will take some more bytes.
                1..5 => {}
                missing @ 5..20_000 => assert!(self.ask(missing)),
                _ => assert!(self.ask(10_000)),
            }
        }
    }

    fn queued_bytes(&mut self) -> u64 {
        self.asked_bytes - (self.clock.metrics(&self.server).bytes_sent - self.sent_before)
    }

    /// Sends a frame of this size. Returns whether the server read it.
    fn ask(&mut self, frame_bytes: usize) -> bool {
        let received = self.clock.metrics(&self.server).bytes_received;
        self.peer
            .send(&echo(&Message::Echo(&vec![b'x'; frame_bytes - cafewire_core::HEADER_SIZE])));
        // A frame that came before the clock's would have been read before it, at least in part.
        let is_read = self.clock.metrics(&self.server).bytes_received > received;
        if is_read {
            self.asked_bytes += frame_bytes as u64;
            while self.clock.metrics(&self.server).bytes_received < received + frame_bytes as u64 {}
        }
        self.last_was_read = is_read;
        is_read
    }
}

#[test]
fn a_pause_of_reading_to_the_byte() {
    const LIMIT: u64 = 100_000;
    for (target, is_read) in [(LIMIT - 1, true), (LIMIT, true), (LIMIT + 1, false)] {
        let mut asker = Asker::new(usize::try_from(LIMIT).unwrap(), 0);
        // The loop repeats if the system takes bytes in between.
        while {
            asker.queue_up_to(target);
            asker.ask(5) && !is_read && asker.queued_bytes() != target + 5
        } {}
        assert_eq!(asker.last_was_read, is_read, "{target} bytes queued, a pause past {LIMIT}");
    }
}

#[test]
fn reading_without_a_pause() {
    let mut asker = Asker::new(0, 0);
    while asker.queued_bytes() < 1_200_000 {
        assert!(asker.ask(60_000));
    }
    assert!(asker.ask(5));
}

/// Asked for in one piece is more than an outbox of the least size holds. No other peer says
/// anything, so none is too slow.
#[test]
fn a_peer_that_requests_more_than_an_outbox_holds_is_slowed_down() {
    const REQUESTS: usize = 5000;
    let (release, held) = mpsc::channel::<()>();
    let server = TestServer::with_prepared(
        |config| {
            let limits = &mut config.limits;
            (limits.outbox_bytes, limits.read_bytes_per_tick, limits.frames_per_tick) = (1, 0, 0);
        },
        // The server stands still until it is released.
        |server| server.set_data_handler(Box::new(move |_, _| held.recv().unwrap())),
    );
    let mut speaking = server.member(&"x".repeat(32), "r");
    let mut refused = server.member("refused", "q");
    let mut both = server.member(&"z".repeat(32), "b");
    let refused_and_speaking = up_to_the_pause_and_beyond(&mut both);
    let mut holder = server.peer();
    holder.send_echo(&Message::Data(b"stand still"));
    server.wait_until("a server that stands still", |metrics| metrics.data_messages == 1);
    speaking.send(&publish("r", "y").repeat(REQUESTS));
    refused.send(&chat_frame(&MessagePayload::JoinRoom { room: "q" }).repeat(REQUESTS));
    both.send(&refused_and_speaking.bytes);
    release.send(()).unwrap();
    for _ in 0..REQUESTS {
        assert!(matches!(parse(&speaking.next_chat()), MessagePayload::MessageBroadcast { .. }));
        refused.expect_error(ErrorCode::AlreadyInRoom);
    }
    for _ in 0..refused_and_speaking.refusals {
        both.expect_error(ErrorCode::AlreadyInRoom);
    }
    for _ in 0..refused_and_speaking.broadcasts {
        assert!(matches!(parse(&both.next_chat()), MessagePayload::MessageBroadcast { .. }));
    }
}

struct Asked {
    bytes: Vec<u8>,
    refusals: usize,
    broadcasts: usize,
}

/// Requests that fill an outbox up to the pause of reading, and then make so many deliveries
/// pending that the smallest outbox would not hold both. Deliveries stay pending up to 64 KiB and
/// the part of the last frame beyond them.
fn up_to_the_pause_and_beyond(peer: &mut Peer) -> Asked {
    const PUT_OFF_BYTES: usize = 64 << 10;
    let refused = chat_frame(&MessagePayload::JoinRoom { room: "b" });
    peer.send(&refused);
    let refusal_bytes = peer.next_chat().len();
    peer.send(&publish("b", "y"));
    let bare_bytes = peer.next_chat().len() - 1;
    let beyond = |size: usize| (PUT_OFF_BYTES / size + 1) * size - PUT_OFF_BYTES;
    let content_bytes = (1..=40).max_by_key(|content| beyond(bare_bytes + content)).unwrap();
    let size = bare_bytes + content_bytes;
    let mut config = ServerConfig::default();
    config.limits.outbox_bytes = 1;
    let limits = config.effective_limits().limits;
    let (refusals, broadcasts) =
        (limits.read_pause_bytes / refusal_bytes, PUT_OFF_BYTES / size + 1);
    assert!(
        refusals * refusal_bytes + broadcasts * size > limits.outbox_bytes,
        "the outbox has room for both, so this test shows nothing"
    );
    let mut bytes = refused.repeat(refusals);
    bytes.extend(publish("b", &"y".repeat(content_bytes)).repeat(broadcasts));
    Asked { bytes, refusals, broadcasts }
}
