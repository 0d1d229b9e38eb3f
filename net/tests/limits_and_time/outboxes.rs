//! The limits on bytes queued for a peer that does not read: in a busy room, before sign-in, and
//! after leaving.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cafewire_core::{ErrorCode, Message, MessagePayload};
use cafewire_net::broker::{Broker, Now};
use cafewire_net::{CloseReason, Limits};

use crate::support::{Peer, Received, TestServer, chat, echo, parse, publish};

/// Time enough for a test to read the last frames of a closed connection.
const LONG: Duration = Duration::from_secs(60);

/// A message of the largest size that holds its number.
fn numbered(number: usize) -> String {
    format!("{number:0>512}")
}

fn number_of(frame: &[u8]) -> Option<usize> {
    match parse(frame) {
        MessagePayload::MessageBroadcast { content, .. } => Some(content.parse().unwrap()),
        _ => None,
    }
}

/// A room with ada, who sends, bob, who reads, and the sloth, who never reads.
struct Room {
    ada: Peer,
    bob: Peer,
    sloth: Peer,
    said: usize,
    // The server is the last field so that it is dropped after the peers: a server that shuts down
    // waits for its peers.
    server: TestServer,
}

impl Room {
    fn with(change: fn(&mut Limits)) -> Self {
        let server = TestServer::with(|config| {
            config.limits.close_timeout = LONG;
            change(&mut config.limits);
        });
        let mut sloth = Peer::connect_with_small_buffer(server.address());
        sloth.sign_in("sloth");
        sloth.join("tea");
        let mut ada = server.member("ada", "tea");
        let bob = server.member("bob", "tea");
        ada.next_chat();
        // The sloth reads the joins of the two others.
        sloth.next_chat();
        sloth.next_chat();
        Self { ada, bob, sloth, said: 0, server }
    }

    /// Sends one more message and checks that ada and bob receive it. Returns another frame that
    /// came before it.
    fn say_one(&mut self) -> Option<Vec<u8>> {
        self.ada.send(&publish("tea", &numbered(self.said)));
        let mut other = None;
        for listener in [&mut self.ada, &mut self.bob] {
            let mut frame = listener.next_chat();
            if number_of(&frame).is_none() {
                other = Some(frame);
                frame = listener.next_chat();
            }
            assert_eq!(number_of(&frame), Some(self.said), "a message was lost or came twice");
        }
        self.said += 1;
        other
    }

    /// Reads all that the sloth was sent: returns the number of messages, which have no gap, and
    /// the frames behind them.
    fn drain_sloth(&mut self) -> (usize, Vec<Received>) {
        let (mut messages, mut behind) = (0, Vec::new());
        loop {
            match self.sloth.next() {
                Received::End => return (messages, behind),
                Received::Chat(frame) if behind.is_empty() && number_of(&frame).is_some() => {
                    assert_eq!(number_of(&frame), Some(messages), "a gap in what came");
                    messages += 1;
                }
                other => behind.push(other),
            }
        }
    }
}

fn assert_slow_consumer_is_told(change: fn(&mut Limits)) {
    // Far more than systems buffer for a socket whose peer does not read.
    const MESSAGES_MAX: usize = 100_000;
    let mut room = Room::with(change);
    let left = loop {
        assert!(room.said < MESSAGES_MAX, "the sloth is never too slow");
        if let Some(other) = room.say_one() {
            break other;
        }
    };
    assert!(
        matches!(parse(&left), MessagePayload::UserLeft { username: "sloth", room: "tea", .. }),
        "{left:?}"
    );
    room.server.wait_for_closes(CloseReason::SlowConsumer, 1);
    let metrics = room.server.metrics();
    assert_eq!((metrics.users, metrics.errors_sent(ErrorCode::SlowConsumer)), (2, 1));
    for _ in 0..100 {
        assert_eq!(room.say_one(), None);
    }

    let (messages, behind) = room.drain_sloth();
    assert!(messages < room.said);
    let [Received::Chat(error)] = &behind[..] else {
        panic!("{} frames came behind the messages", behind.len())
    };
    let told = matches!(parse(error), MessagePayload::Error { code: ErrorCode::SlowConsumer, .. });
    assert!(told, "{:?} behind the messages", parse(error));
    drop(room.sloth);
    room.server.wait_until("a room without unread frames", |metrics| metrics.buffer_bytes == 0);
}

#[test]
fn a_member_whose_outbox_is_full() {
    assert_slow_consumer_is_told(|limits| {
        (limits.outbox_bytes, limits.outbox_hard_bytes) = (200 << 10, 200 << 10);
    });
}

#[test]
fn a_member_that_lags_behind_the_rooms_log() {
    assert_slow_consumer_is_told(|limits| {
        limits.room_log_bytes = 100 << 10;
        limits.full_room_time = Duration::from_millis(1);
    });
}

#[test]
fn a_slow_member_with_the_default_limits() {
    assert_slow_consumer_is_told(|_| {});
}

/// A member that leaves a room gets the messages sent before, or Error(SlowConsumer): never half a
/// frame and silence.
#[test]
fn what_was_said_before_a_slow_member_left_is_not_lost_unsaid() {
    let mut room = Room::with(|limits| {
        limits.room_log_bytes = 100 << 10;
        limits.full_room_time = Duration::from_millis(1);
    });
    while room.server.metrics().buffer_bytes < 32 << 10 {
        assert_eq!(room.say_one(), None, "too slow before it could leave");
    }
    let said_before = room.said;
    room.sloth.send_chat(&MessagePayload::LeaveRoom { room: "tea" });
    for listener in [&mut room.ada, &mut room.bob] {
        assert!(matches!(
            parse(&listener.next_chat()),
            MessagePayload::UserLeft { username: "sloth", .. }
        ));
    }
    // The room's log drops frames that the sloth has not read yet.
    for _ in 0..400 {
        assert_eq!(room.say_one(), None);
    }
    room.sloth.half_close();
    let (messages, behind) = room.drain_sloth();
    let [Received::Chat(last)] = &behind[..] else {
        panic!("{} frames came behind the messages", behind.len())
    };
    match parse(last) {
        MessagePayload::UserLeft { username: "sloth", .. } => assert_eq!(messages, said_before),
        MessagePayload::Error { code: ErrorCode::SlowConsumer, .. } => {
            room.server.wait_for_closes(CloseReason::SlowConsumer, 1);
        }
        other => panic!("{other:?} behind the messages"),
    }
}

/// The last write may stop at any byte, also where a header lies across the end of the ring with
/// the answers, which has 1 KiB here: the cut frame is sent whole, and the reason follows.
#[test]
fn the_error_frame_of_a_slow_echo_peer_follows_a_whole_frame() {
    let now = Now { monotonic_ms: 0, unix_ms: 0 };
    let ping = |payload_bytes: usize| echo(&Message::Ping(&vec![7; payload_bytes]));
    for taken in 0..=98 {
        let mut limits = Limits::default();
        (limits.outbox_bytes, limits.outbox_hard_bytes) = (1, 1);
        let mut broker = Broker::new(limits, Arc::default());
        let id = broker.accept(SocketAddr::from(([127, 0, 0, 1], 1)), now).unwrap();
        broker.handle_input(id, &ping(995), now);
        broker.consume(id, 600, now);
        // The second frame's header begins two bytes before the ring's end.
        for payload_bytes in [17, 95, 17] {
            broker.handle_input(id, &ping(payload_bytes), now);
        }
        assert_eq!(broker.poll_transmit(id).len(), 544);
        broker.consume(id, 424, now);
        broker.consume(id, taken, now);
        // Two of these frames exceed any limit. A driver would not have read the second one yet.
        (0..2).for_each(|_| broker.handle_input(id, &ping(65_535), now));
        broker.deliver_pending(now);
        broker.handle_blocked(id, now);
        broker.invariants();

        let mut rest = Vec::new();
        while !broker.poll_transmit(id).is_empty() {
            let bytes = broker.poll_transmit(id).to_vec();
            broker.consume(id, bytes.len(), now);
            rest.extend(bytes);
        }
        let error = echo(&Message::Error(b""));
        assert!(rest.len() > 98 - taken, "closed without an Error frame behind {taken} bytes");
        assert_eq!(rest[98 - taken..][..3], error[..3], "behind {taken} bytes");
    }
}

/// However many answers lie in one piece: what a write is offered is bounded, so that what a tick
/// writes is.
#[test]
fn a_write_is_offered_a_part_of_many_answers() {
    let now = Now { monotonic_ms: 0, unix_ms: 0 };
    let mut limits = Limits::default();
    limits.read_pause_bytes = 0;
    let mut broker = Broker::new(limits, Arc::default());
    let id = broker.accept(SocketAddr::from(([127, 0, 0, 1], 1)), now).unwrap();
    let answers: Vec<u8> = (0..16)
        .flat_map(|number| {
            let payload = [number; 65_535];
            broker.handle_input(id, &echo(&Message::Ping(&payload)), now);
            echo(&Message::Pong(&payload))
        })
        .collect();
    let mut written = Vec::new();
    while !broker.poll_transmit(id).is_empty() {
        let bytes = broker.poll_transmit(id).to_vec();
        assert!(bytes.len() <= 256 << 10, "{} bytes in one write", bytes.len());
        broker.consume(id, bytes.len(), now);
        written.extend(bytes);
    }
    assert!(written == answers, "{} bytes of {}", written.len(), answers.len());
}

/// One turn in each flush, whatever became of others that were marked before it: what is over of
/// its part of a tick waits for the next.
#[test]
fn a_connection_that_is_gone_leaves_its_turn_to_no_other() {
    let now = Now { monotonic_ms: 0, unix_ms: 0 };
    let mut broker = Broker::new(Limits::default(), Arc::default());
    let [gone, other] =
        [1, 2].map(|host| broker.accept(SocketAddr::from(([127, 0, 0, host], 1)), now).unwrap());
    for id in [gone, other] {
        broker.handle_input(id, &echo(&Message::Ping(b"")), now);
    }
    broker.handle_reset(gone, now);
    assert_eq!(broker.poll_closed(), Some(gone));
    let mut marks = broker.dirty_len();
    assert_eq!(broker.poll_marked(&mut marks), Some(other));
    broker.mark_dirty(other); // it had its part, and there is more
    assert_eq!(broker.poll_marked(&mut marks), None);
    assert_eq!(broker.poll_dirty(), Some(other));
}

#[test]
fn queued_refusals_before_sign_in_are_bounded() {
    let server = TestServer::start();
    let _ada = server.user("ada");
    let refused = chat(&MessagePayload::Connect { username: "ada" });
    let mut patient = server.peer();
    patient.send(&refused.repeat(2000));
    for _ in 0..2000 {
        patient.expect_error(ErrorCode::UsernameTaken);
    }
    assert_eq!(patient.sign_in("patient"), 2);

    // A peer that does not take its refusals has 4 KiB of them at most behind what the system took.
    let mut deaf = Peer::connect_with_small_buffer(server.address());
    while server.metrics().closes(CloseReason::SlowConsumer) == 0 {
        if deaf.try_send(&refused.repeat(1000)).is_err() {
            break;
        }
    }
    server.wait_for_closes(CloseReason::SlowConsumer, 1);
    assert_eq!(server.metrics().users, 2);
}
