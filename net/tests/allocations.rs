//! A broadcast to a thousand members allocates nothing and is encoded once, once the server has warmed up. Counted by a
//! global allocator, so this test has a program of its own.

#![allow(unsafe_code, clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;

use cafewire_core::MessagePayload;
use cafewire_net::exchange::{ConnectionId, Exchange, Now};
use cafewire_net::{Limits, ServerMetrics};

struct CountingAllocator;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more, and is not the one that is measured.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call is passed on to the system's allocator as it came; counting touches no memory of the caller's.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller promises what `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` or `realloc` above, so from `System`, with this layout.
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

const MEMBERS: usize = 1000;
const NOW: Now = Now { monotonic_ms: 5, unix_ms: 1_700_000_000_000 };

fn encoded(message: &MessagePayload<'_>) -> Vec<u8> {
    message.encode_into(&mut [0; 1024]).unwrap().to_vec()
}

/// A turn in which `bytes` come from one member, and every socket takes all it is offered. Gives the bytes written.
fn turn(exchange: &mut Exchange, from: ConnectionId, bytes: &[u8]) -> usize {
    let mut written = 0;
    exchange.receive(from, bytes, NOW);
    exchange.settle(NOW);
    while let Some(id) = exchange.next_dirty() {
        loop {
            let offered = exchange.front(id).len();
            if offered == 0 {
                break;
            }
            exchange.written(id, offered, NOW);
            written += offered;
        }
    }
    assert_eq!(exchange.next_gone(), None);
    written
}

#[test]
fn a_broadcast_to_a_thousand_allocates_nothing_and_is_encoded_once() {
    let metrics = Arc::new(ServerMetrics::default());
    let mut limits = Limits::default();
    limits.connections_per_address = 0;
    let mut exchange = Exchange::new(limits, Arc::clone(&metrics));
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let mut speaker = None;
    for number in 0..MEMBERS {
        let id = exchange.admit(address, NOW).unwrap();
        turn(&mut exchange, id, &encoded(&MessagePayload::Connect { username: &format!("user-{number}") }));
        turn(&mut exchange, id, &encoded(&MessagePayload::JoinRoom { room: "lobby" }));
        speaker = Some(id);
    }
    let speaker = speaker.unwrap();
    let message = encoded(&MessagePayload::SendMessage { room: "lobby", content: "to everybody" });
    let burst = message.repeat(64);
    turn(&mut exchange, speaker, &message);
    turn(&mut exchange, speaker, &burst);

    let (before, counted) = (ALLOCATIONS.get(), metrics.snapshot());
    let written = turn(&mut exchange, speaker, &message);
    let in_bursts = turn(&mut exchange, speaker, &burst);
    let (after, now) = (ALLOCATIONS.get(), metrics.snapshot());

    assert_eq!(after - before, 0, "allocations for 65 messages to {MEMBERS} members");
    let frame = now.log_bytes_appended - counted.log_bytes_appended;
    assert_eq!(
        written + in_bursts,
        MEMBERS * usize::try_from(frame).unwrap(),
        "each member gets what was encoded once"
    );
    assert_eq!(now.deliveries - counted.deliveries, 2 * MEMBERS as u64, "one delivery per member and burst");
    assert_eq!(in_bursts, 64 * written);
    assert_eq!(now.buffer_bytes, 0, "between the turns nobody holds a buffer");
    exchange.invariants();
}
