//! Limits on rooms and members: a join up to the limit succeeds, one above it gets LimitReached,
//! and succeeds again once there is room.

use cafewire_core::{ErrorCode, MessagePayload};

use crate::support::{Peer, TestServer, publish};

fn assert_refused_at_limit(peer: &mut Peer, room: &str) {
    peer.send_chat(&MessagePayload::JoinRoom { room });
    let text = peer.expect_error(ErrorCode::LimitReached);
    assert!(!text.is_empty());
}

fn leave(peer: &mut Peer, room: &str) {
    peer.send_chat(&MessagePayload::LeaveRoom { room });
    peer.next_chat();
}

#[test]
fn rooms_per_connection() {
    let server = TestServer::with(|config| config.limits.rooms_per_connection = 3);
    let mut ada = server.peer();
    let ada_id = ada.sign_in("ada");
    let mut bob = server.member("bob", "four");
    for room in ["one", "two", "three"] {
        ada.join(room);
    }
    assert_refused_at_limit(&mut ada, "four");
    assert_refused_at_limit(&mut ada, "five");
    // AlreadyInRoom takes precedence over the limit.
    ada.send_chat(&MessagePayload::JoinRoom { room: "two" });
    ada.expect_error(ErrorCode::AlreadyInRoom);
    assert_eq!(server.metrics().rooms, 4, "a refused join made a room");
    leave(&mut ada, "two");
    ada.join("four");
    bob.expect_chat(&MessagePayload::UserJoined { user_id: ada_id, username: "ada", room: "four" });
    assert!(bob.has_nothing(), "the room was notified of a refused join");
}

#[test]
fn rooms_in_all() {
    let server = TestServer::with(|config| config.limits.rooms = 2);
    let (mut ada, mut bob) = (server.member("ada", "one"), server.member("bob", "two"));
    assert_refused_at_limit(&mut ada, "three");
    // An existing room can be joined at the limit.
    ada.join("two");
    bob.next_chat();
    ada.send(&publish("two", "hello"));
    bob.next_chat();
    ada.next_chat();
    leave(&mut ada, "one");
    ada.join("three");
    assert_refused_at_limit(&mut bob, "four");
    assert_eq!(server.metrics().rooms, 2);
}

#[test]
fn members_per_room() {
    let server = TestServer::with(|config| config.limits.members_per_room = 2);
    let mut ada = server.member("ada", "tea");
    let bob = server.member("bob", "tea");
    ada.next_chat();
    let mut eve = server.user("eve");
    assert_refused_at_limit(&mut eve, "tea");
    eve.join("coffee");
    assert!(ada.has_nothing(), "the room was notified of a refused join");
    bob.reset();
    ada.next_chat();
    eve.join("tea");
    ada.next_chat();
}

/// 0 is no limit, and the largest number works like no limit.
#[test]
fn no_limits() {
    for unlimited in [0, usize::MAX] {
        let server = TestServer::with(|config| {
            let limits = &mut config.limits;
            for limit in [
                &mut limits.connections,
                &mut limits.connections_per_address,
                &mut limits.rooms_per_connection,
                &mut limits.rooms,
                &mut limits.members_per_room,
                &mut limits.outbox_bytes,
                &mut limits.outbox_bytes_before_sign_in,
                &mut limits.room_log_bytes,
                &mut limits.read_pause_bytes,
                &mut limits.buffer_bytes,
            ] {
                *limit = unlimited;
            }
        });
        let mut ada = server.user("ada");
        for number in 0..200 {
            ada.join(&format!("room {number}"));
        }
        assert_eq!(server.metrics().rooms, 200);
        ada.send(&publish("room 7", "hello"));
        ada.next_chat();
        ada.half_close();
        ada.expect_end();
        server.wait_until_empty();
    }
}
