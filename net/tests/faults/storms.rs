//! Reconnect storms: the same names reconnect at once, hundreds of times, from several threads,
//! after every kind of end. A name has one bearer at a time and is free when the bearer has gone,
//! and no user is left behind.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use cafewire_core::{ErrorCode, MessagePayload};

use super::Neighbourhood;
use crate::support::{PATIENCE, Peer, TestServer, parse, publish};

const THREADS: usize = 4;
const RECONNECTS_PER_THREAD: usize = 500;
const ROOM: &str = "storm";

/// Signs in under a name that may still be taken, by a connection that is on its way out or by
/// another thread's.
fn sign_in_when_free(server: &TestServer, name: &str) -> Peer {
    let deadline = Instant::now() + PATIENCE;
    let mut peer = server.peer();
    loop {
        peer.send_chat(&MessagePayload::Connect { username: name });
        match parse(&peer.next_chat()) {
            MessagePayload::ConnectAck { .. } => return peer,
            MessagePayload::Error { code: ErrorCode::UsernameTaken, .. } => {
                assert!(Instant::now() < deadline, "the name {name:?} stays taken");
                thread::yield_now();
            }
            other => panic!("{other:?} where an answer to Connect was expected"),
        }
    }
}

fn leave(mut peer: Peer, way: usize) {
    match way % 4 {
        0 => peer.reset(),
        1 => peer.send_chat(&MessagePayload::Disconnect),
        2 => peer.half_close(),
        _ => {} // closed, with bytes unread
    }
}

fn send_message(peer: &mut Peer, text: &str) {
    peer.send_chat(&MessagePayload::JoinRoom { room: ROOM });
    peer.send(&publish(ROOM, text));
}

/// Each thread has a name of its own.
#[test]
fn names_that_reconnect_at_once_sign_in() {
    let mut place = Neighbourhood::with(|_| {});
    let server = &place.server;
    place.neighbour.notices_nothing_of(|| {
        thread::scope(|scope| {
            for number in 0..THREADS {
                scope.spawn(move || {
                    let name = format!("swift {number}");
                    for reconnect in 0..RECONNECTS_PER_THREAD {
                        let mut peer = sign_in_when_free(server, &name);
                        send_message(&mut peer, "back again");
                        leave(peer, reconnect + number);
                    }
                });
            }
        });
    });
    place.wait_until_quiet();
    for number in 0..THREADS {
        place.server.user(&format!("swift {number}"));
    }
    assert_eq!(place.server.metrics().parse_errors, 0);
}

/// All threads sign in under the same name.
#[test]
fn a_name_that_many_want_has_one_bearer_at_a_time() {
    const BEARERS: u64 = 500;
    // The next bearer is not chosen in order, so one thread may wait for long.
    let mut place = Neighbourhood::with(|config| config.limits.sign_in_timeout = 2 * PATIENCE);
    let server = &place.server;
    let (is_borne, bearers) = (AtomicBool::new(false), AtomicU64::new(0));
    place.neighbour.notices_nothing_of(|| {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    while bearers.load(Ordering::Acquire) < BEARERS {
                        let mut peer = sign_in_when_free(server, "ada");
                        assert!(!is_borne.swap(true, Ordering::AcqRel), "two bear one name");
                        send_message(&mut peer, "hello");
                        let count = bearers.fetch_add(1, Ordering::AcqRel);
                        is_borne.store(false, Ordering::Release);
                        leave(peer, usize::try_from(count).unwrap());
                    }
                });
            }
        });
    });
    place.wait_until_quiet();
    place.server.user("ada");
}
