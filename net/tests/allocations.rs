//! A broadcast to a thousand members allocates nothing, and its bytes are copied once: encoded into
//! the room's log, and written to every socket from there. A global allocator counts, so this test
//! is a program of its own.

#![allow(unsafe_code, clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;

use cafewire_core::{Message, MessagePayload};
use cafewire_net::broker::{Broker, ConnectionId, Now};
use cafewire_net::{Limits, ServerMetrics};

struct CountingAllocator;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter left, and is not the measured one.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call is passed on to the system's allocator as it came; counting touches no memory
// of the caller's.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller promises what `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` or `realloc` above, so from `System`, with this
        // layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: as for `dealloc`; the caller promises a size that is not 0 and does not overflow.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const NOW: Now = Now { monotonic_ms: 5, unix_ms: 1_700_000_000_000 };

fn encoded(message: &MessagePayload<'_>) -> Vec<u8> {
    message.encode_into(&mut [0; 1024]).unwrap().to_vec()
}

/// A tick in which `bytes` come from one member, and every socket takes all bytes offered. Returns
/// the number of writes and of bytes written.
fn tick(broker: &mut Broker, from: ConnectionId, bytes: &[u8]) -> (usize, usize) {
    let (mut writes, mut written) = (0, 0);
    broker.handle_input(from, bytes, NOW);
    broker.deliver_pending(NOW);
    while let Some(id) = broker.poll_dirty() {
        loop {
            let offered = broker.poll_transmit(id).len();
            if offered == 0 {
                break;
            }
            broker.consume(id, offered, NOW);
            writes += 1;
            written += offered;
        }
    }
    broker.end_tick(NOW);
    assert_eq!(broker.poll_closed(), None);
    (writes, written)
}

/// The cost of broadcasting messages to all members of a room, once the server has warmed up.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    allocations: u64,
    encoded_bytes: u64,
    copied_bytes: u64,
    writes: usize,
    written_bytes: usize,
    deliveries: u64,
}

fn cost_of(messages: usize, members: usize) -> Cost {
    let metrics = Arc::new(ServerMetrics::default());
    let mut limits = Limits::default();
    limits.connections_per_address = 0;
    let mut broker = Broker::new(limits, Arc::clone(&metrics));
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let mut speaker = None;
    for number in 0..members {
        let id = broker.accept(address, NOW).unwrap();
        // All names have the same length.
        tick(
            &mut broker,
            id,
            &encoded(&MessagePayload::Connect { username: &format!("user-{number:04}") }),
        );
        tick(&mut broker, id, &encoded(&MessagePayload::JoinRoom { room: "lobby" }));
        speaker = Some(id);
    }
    let message =
        encoded(&MessagePayload::SendMessage { room: "lobby", content: "to all members" })
            .repeat(messages);
    tick(&mut broker, speaker.unwrap(), &message);

    let (allocations, before) = (ALLOCATIONS.get(), metrics.snapshot());
    let (writes, written_bytes) = tick(&mut broker, speaker.unwrap(), &message);
    let allocations = ALLOCATIONS.get() - allocations;
    let after = metrics.snapshot();
    assert_eq!(after.buffer_bytes, 0, "no buffer is held between ticks");
    broker.invariants();
    Cost {
        allocations,
        encoded_bytes: after.log_bytes_appended - before.log_bytes_appended,
        copied_bytes: after.bytes_copied - before.bytes_copied,
        writes,
        written_bytes,
        deliveries: after.deliveries - before.deliveries,
    }
}

#[test]
fn a_broadcast_allocates_nothing_and_is_copied_once_for_any_number_of_members() {
    let broadcast = MessagePayload::MessageBroadcast {
        user_id: 1,
        timestamp: 0,
        username: "user-0000",
        room: "lobby",
        content: "to all members",
    };
    let frame_bytes = broadcast.encoded_len();
    for members in [1, 2, 100, 1000] {
        let expected = Cost {
            allocations: 0,
            encoded_bytes: frame_bytes as u64,
            copied_bytes: frame_bytes as u64,
            writes: members,
            written_bytes: members * frame_bytes,
            deliveries: members as u64,
        };
        assert_eq!(cost_of(1, members), expected, "one message to {members}");
    }
}

/// A burst is appended message by message, and the log's storage doubles on the way. That is the
/// only other copy; it is smaller than the burst and does not depend on the number of members.
#[test]
fn a_burst_is_copied_less_than_twice_for_any_number_of_members() {
    const MESSAGES: usize = 64;
    let alone = cost_of(MESSAGES, 1);
    assert_eq!((alone.allocations, alone.deliveries), (0, MESSAGES as u64));
    assert!(alone.copied_bytes < 2 * alone.encoded_bytes, "{alone:?}");
    let crowd = cost_of(MESSAGES, 1000);
    assert_eq!((crowd.allocations, crowd.deliveries), (0, 1000 * MESSAGES as u64));
    assert_eq!(
        (alone.writes, crowd.writes),
        (1, 1000),
        "a burst leaves one contiguous piece for a member"
    );
    assert_eq!(
        (crowd.encoded_bytes, crowd.copied_bytes),
        (alone.encoded_bytes, alone.copied_bytes)
    );
    assert_eq!(crowd.written_bytes, 1000 * alone.written_bytes);
}

/// An answer goes through the connection's own buffer, and is counted there.
#[test]
fn an_answer_is_copied_once() {
    let metrics = Arc::new(ServerMetrics::default());
    let mut broker = Broker::new(Limits::default(), Arc::clone(&metrics));
    let id = broker.accept(SocketAddr::from(([127, 0, 0, 1], 1)), NOW).unwrap();
    let mut frame = [0; 1005];
    let frame = Message::Echo(&[7; 1000]).encode_into(&mut frame).unwrap();
    assert_eq!(tick(&mut broker, id, frame), (1, frame.len()));
    assert_eq!(metrics.snapshot().bytes_copied, frame.len() as u64);
}
