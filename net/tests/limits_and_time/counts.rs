//! The limits on counts: as many as the limit are accepted, one more is refused, and there is room
//! for one again when one has gone. 0 is no limit.

use cafewire_core::{ErrorCode, Message, MessagePayload};
use cafewire_net::{LimitReached, Limits};

use crate::support::{Peer, Received, TestServer, chat, parse, publish};

/// A limited resource: its limit, how to add one, and how to remove one.
struct Countable {
    what: &'static str,
    limit: fn(&mut Limits) -> &mut usize,
    /// The counter of refusals that close no connection.
    counted: Option<LimitReached>,
    add: fn(&TestServer, &mut Vec<Peer>, usize) -> bool,
    remove: fn(&TestServer, &mut Vec<Peer>, usize),
}

const COUNTABLES: [Countable; 5] = [
    Countable {
        what: "connections",
        limit: |limits| &mut limits.connections,
        counted: None,
        add: add_connection,
        remove: remove_connection,
    },
    Countable {
        what: "connections per address",
        limit: |limits| &mut limits.connections_per_address,
        counted: None,
        add: add_connection,
        remove: remove_connection,
    },
    Countable {
        what: "rooms per connection",
        limit: |limits| &mut limits.rooms_per_connection,
        counted: Some(LimitReached::RoomsPerConnection),
        add: add_room,
        remove: remove_room,
    },
    Countable {
        what: "rooms",
        limit: |limits| &mut limits.rooms,
        counted: Some(LimitReached::Rooms),
        add: add_room,
        remove: remove_room,
    },
    Countable {
        what: "members per room",
        limit: |limits| &mut limits.members_per_room,
        counted: Some(LimitReached::MembersPerRoom),
        add: add_member,
        remove: remove_member,
    },
];

/// A server with this limit alone; the other limits on counts are off.
fn server_with(countable: &Countable, limit: usize) -> TestServer {
    TestServer::with(|config| {
        let limits = &mut config.limits;
        (limits.connections, limits.connections_per_address) = (0, 0);
        (limits.rooms_per_connection, limits.rooms, limits.members_per_room) = (0, 0, 0);
        *(countable.limit)(limits) = limit;
    })
}

#[test]
fn as_many_as_the_limit_and_not_one_more() {
    for countable in &COUNTABLES {
        for limit in [1, 4, 5, 6] {
            let server = server_with(countable, limit);
            let mut peers = Vec::new();
            let mut taken = 0;
            for _ in 0..limit + 3 {
                taken += usize::from((countable.add)(&server, &mut peers, taken));
            }
            assert_eq!(taken, limit, "{}", countable.what);
            let metrics = server.metrics();
            for &limit in
                LimitReached::ALL.iter().filter(|limit| !limit.label().ends_with("_per_tick"))
            {
                let refused = if countable.counted == Some(limit) { 3 } else { 0 };
                assert_eq!(metrics.limits_reached(limit), refused, "{}", countable.what);
            }
            (countable.remove)(&server, &mut peers, taken - 1);
            assert!(
                (countable.add)(&server, &mut peers, taken - 1),
                "no room after one has gone: {}",
                countable.what
            );
            assert!(
                !(countable.add)(&server, &mut peers, taken),
                "room for two: {}",
                countable.what
            );
            drop(peers);
            server.wait_until_empty();
        }
    }
}

/// A member that leaves rooms and does not read its UserLeft frames keeps the rooms' logs, but the
/// rooms no longer count.
#[test]
fn a_left_room_with_unread_frames_does_not_count() {
    const ROOMS: usize = 3;
    let server = TestServer::with(|config| config.limits.rooms = ROOMS);
    let mut deaf = Peer::connect_with_small_buffer(server.address());
    deaf.sign_in("deaf");
    deaf.join("noise");
    let noise = publish("noise", &"x".repeat(512)).repeat(64);
    let mut said = 0;
    // Once bytes are left after a tick, the socket is full and stays full.
    while server.metrics().buffer_bytes == 0 {
        deaf.send(&noise);
        said += 64;
        server.wait_until("all broadcasts", |metrics| metrics.broadcasts == said);
    }
    let messages = server.metrics().messages_processed;
    let mut come_and_go = chat(&MessagePayload::LeaveRoom { room: "noise" });
    for room in ["a", "b", "c", "d"] {
        come_and_go.extend(chat(&MessagePayload::JoinRoom { room }));
        come_and_go.extend(chat(&MessagePayload::LeaveRoom { room }));
    }
    deaf.send(&come_and_go);
    server.wait_until("all its requests", |metrics| metrics.messages_processed == messages + 9);
    assert_eq!(
        (server.metrics().rooms, server.metrics().limits_reached(LimitReached::Rooms)),
        (0, 0)
    );
    assert!(
        server.metrics().buffer_bytes > 0,
        "the peer received everything, so this test shows nothing"
    );

    // New rooms can be joined, and rooms whose logs the peer still holds.
    let mut ada = server.user("ada");
    for room in ["new", "noise", "c"] {
        ada.join(room);
    }
    ada.send_chat(&MessagePayload::JoinRoom { room: "d" });
    ada.expect_error(ErrorCode::LimitReached);
    assert_eq!(server.metrics().rooms, ROOMS as u64);
    drop((deaf, ada));
    server.wait_until_empty();
}

/// More than the default allows, except where that would need more descriptors than a process may
/// have.
#[test]
fn no_limit_at_all() {
    const MANY: usize = 80;
    assert!(MANY > Limits::default().rooms_per_connection);
    for countable in &COUNTABLES {
        let server = server_with(countable, 0);
        let mut peers = Vec::new();
        for number in 0..MANY {
            assert!(
                (countable.add)(&server, &mut peers, number),
                "{} of {}",
                number + 1,
                countable.what
            );
        }
    }
}

fn add_connection(server: &TestServer, peers: &mut Vec<Peer>, _: usize) -> bool {
    let mut peer = server.peer();
    peer.send_echo(&Message::ping());
    match peer.next() {
        Received::Echo(..) => {
            peers.push(peer);
            true
        }
        Received::Chat(frame) => {
            assert!(
                matches!(parse(&frame), MessagePayload::Error { code: ErrorCode::ServerFull, .. }),
                "{frame:?}"
            );
            peer.expect_end();
            false
        }
        Received::End => panic!("closed without an Error frame"),
    }
}

fn remove_connection(server: &TestServer, peers: &mut Vec<Peer>, left: usize) {
    peers.pop();
    server.wait_until("one connection less", |metrics| metrics.clients_connected == left as u64);
}

fn add_room(server: &TestServer, peers: &mut Vec<Peer>, number: usize) -> bool {
    if peers.is_empty() {
        peers.push(server.user("ada"));
    }
    joins(&mut peers[0], &format!("room {number}"))
}

#[allow(clippy::ptr_arg)] // the table has one type for all of these
fn remove_room(_: &TestServer, peers: &mut Vec<Peer>, number: usize) {
    peers[0].send_chat(&MessagePayload::LeaveRoom { room: &format!("room {number}") });
    assert!(matches!(parse(&peers[0].next_chat()), MessagePayload::UserLeft { .. }));
}

fn add_member(server: &TestServer, peers: &mut Vec<Peer>, number: usize) -> bool {
    let mut peer = server.user(&format!("member {number}"));
    let joined = joins(&mut peer, "tea");
    if joined {
        peers.push(peer);
    } else {
        let users = server.metrics().users;
        drop(peer);
        server.wait_until("the refused user's end", |metrics| metrics.users < users);
    }
    joined
}

fn remove_member(server: &TestServer, peers: &mut Vec<Peer>, left: usize) {
    peers.pop();
    server.wait_until("one member less", |metrics| metrics.users == left as u64);
}

fn joins(peer: &mut Peer, room: &str) -> bool {
    peer.send_chat(&MessagePayload::JoinRoom { room });
    match parse(&peer.next_chat()) {
        MessagePayload::UserJoined { .. } => true,
        MessagePayload::Error { code: ErrorCode::LimitReached, .. } => false,
        other => panic!("{other:?}"),
    }
}
