//! Rooms: the recipients of each frame, the order, and exactly one answer to each request.

use cafewire_core::chat::{MAX_CONTENT_SIZE, MAX_ROOM_NAME_SIZE, MAX_USERNAME_SIZE};
use cafewire_core::{ErrorCode, MessagePayload};

use crate::support::{Peer, TestServer, chat, parse, publish};

#[test]
fn members_receive_joins_messages_and_leaves() {
    let server = TestServer::start();
    let (mut ada, mut bob) = (server.peer(), server.peer());
    let (ada_id, bob_id) = (ada.sign_in("ada"), bob.sign_in("bob"));
    let (ada_joins, bob_joins) = (
        MessagePayload::UserJoined { user_id: ada_id, username: "ada", room: "tea" },
        MessagePayload::UserJoined { user_id: bob_id, username: "bob", room: "tea" },
    );
    ada.send_chat(&MessagePayload::JoinRoom { room: "tea" });
    ada.expect_chat(&ada_joins);
    bob.send_chat(&MessagePayload::JoinRoom { room: "tea" });
    bob.expect_chat(&bob_joins);
    ada.expect_chat(&bob_joins);

    ada.send(&publish("tea", "hello"));
    ada.expect_broadcast((ada_id, "ada"), "tea", "hello");
    bob.expect_broadcast((ada_id, "ada"), "tea", "hello");

    let bob_leaves = MessagePayload::UserLeft { user_id: bob_id, username: "bob", room: "tea" };
    bob.send_chat(&MessagePayload::LeaveRoom { room: "tea" });
    bob.expect_chat(&bob_leaves);
    ada.expect_chat(&bob_leaves);

    // Messages from now on do not reach bob.
    ada.send(&publish("tea", "alone"));
    ada.expect_broadcast((ada_id, "ada"), "tea", "alone");
    bob.send(&publish("tea", "let me in"));
    bob.expect_error(ErrorCode::NotInRoom);
    assert!(ada.has_nothing() && bob.has_nothing());
    let metrics = server.metrics();
    assert_eq!((metrics.rooms, metrics.users, metrics.broadcasts), (1, 2, 2));
}

#[test]
fn a_room_without_members_is_gone_and_can_be_made_again() {
    let server = TestServer::start();
    let mut ada = server.peer();
    let ada_id = ada.sign_in("ada");
    for _ in 0..3 {
        ada.join("tea");
        assert_eq!(server.metrics().rooms, 1);
        ada.send_chat(&MessagePayload::LeaveRoom { room: "tea" });
        ada.expect_chat(&MessagePayload::UserLeft {
            user_id: ada_id,
            username: "ada",
            room: "tea",
        });
        server.wait_until("no rooms", |metrics| metrics.rooms == 0);
    }
}

#[test]
fn only_members_of_a_room_receive_its_messages() {
    let server = TestServer::start();
    let mut ada = server.peer();
    let ada_id = ada.sign_in("ada");
    ada.join("tea");
    ada.join("coffee");
    let mut bob = server.member("bob", "coffee");
    let bob_joins = ada.next_chat();
    assert!(matches!(
        parse(&bob_joins),
        MessagePayload::UserJoined { username: "bob", room: "coffee", .. }
    ));

    ada.send(
        &[publish("tea", "for me"), publish("coffee", "for both"), publish("tea", "for me again")]
            .concat(),
    );
    ada.expect_broadcast((ada_id, "ada"), "tea", "for me");
    ada.expect_broadcast((ada_id, "ada"), "coffee", "for both");
    ada.expect_broadcast((ada_id, "ada"), "tea", "for me again");
    bob.expect_broadcast((ada_id, "ada"), "coffee", "for both");

    // Ada leaves: bob is notified once, for the room they shared.
    ada.send_chat(&MessagePayload::Disconnect);
    ada.expect_end();
    bob.expect_chat(&MessagePayload::UserLeft { user_id: ada_id, username: "ada", room: "coffee" });
    server.wait_until("one room", |metrics| metrics.rooms == 1);
    assert!(bob.has_nothing());
}

#[test]
fn the_largest_names_and_texts_arrive_whole() {
    let server = TestServer::start();
    let username = "é".repeat(MAX_USERNAME_SIZE / 2);
    let room = "ö".repeat(MAX_ROOM_NAME_SIZE / 2);
    let content = format!("\u{7}\n\0{}", "x".repeat(MAX_CONTENT_SIZE - 3));
    let (mut ada, mut bob) = (server.peer(), server.member("b", &room));
    let ada_id = ada.sign_in(&username);
    ada.join(&room);
    bob.expect_chat(&MessagePayload::UserJoined {
        user_id: ada_id,
        username: &username,
        room: &room,
    });
    for content in [&content[..], "x"] {
        ada.send(&publish(&room, content));
        ada.expect_broadcast((ada_id, &username), &room, content);
        bob.expect_broadcast((ada_id, &username), &room, content);
    }
}

#[test]
fn every_request_of_a_pipeline_has_its_answer_in_its_place() {
    let server = TestServer::start();
    let mut peer = server.peer();
    let requests = [
        MessagePayload::Connect { username: "ada" },
        MessagePayload::SendMessage { room: "tea", content: "too soon" },
        MessagePayload::JoinRoom { room: "tea" },
        MessagePayload::SendMessage { room: "tea", content: "one" },
        MessagePayload::JoinRoom { room: "tea" },
        MessagePayload::JoinRoom { room: "coffee" },
        MessagePayload::SendMessage { room: "coffee", content: "two" },
        MessagePayload::SendMessage { room: "tea", content: "three" },
        MessagePayload::Connect { username: "eve" },
        MessagePayload::LeaveRoom { room: "tea" },
        MessagePayload::SendMessage { room: "tea", content: "too late" },
        MessagePayload::LeaveRoom { room: "tea" },
        MessagePayload::SendMessage { room: "coffee", content: "four" },
        MessagePayload::Disconnect,
        MessagePayload::SendMessage { room: "coffee", content: "after Disconnect" },
    ];
    peer.send(&requests.iter().flat_map(chat).collect::<Vec<u8>>());
    let MessagePayload::ConnectAck { user_id, .. } = parse(&peer.next_chat()) else {
        panic!("no ack")
    };
    let me = (user_id, "ada");
    peer.expect_error(ErrorCode::NotInRoom);
    peer.expect_chat(&MessagePayload::UserJoined { user_id, username: "ada", room: "tea" });
    peer.expect_broadcast(me, "tea", "one");
    peer.expect_error(ErrorCode::AlreadyInRoom);
    peer.expect_chat(&MessagePayload::UserJoined { user_id, username: "ada", room: "coffee" });
    peer.expect_broadcast(me, "coffee", "two");
    peer.expect_broadcast(me, "tea", "three");
    peer.expect_error(ErrorCode::AlreadyConnected);
    peer.expect_chat(&MessagePayload::UserLeft { user_id, username: "ada", room: "tea" });
    peer.expect_error(ErrorCode::NotInRoom);
    peer.expect_error(ErrorCode::NotInRoom);
    peer.expect_broadcast(me, "coffee", "four");
    peer.expect_end();
    drop(peer);
    server.wait_until_empty();
    assert_eq!(server.metrics().broadcasts, 4);
}

/// Five members send at once to two rooms; all of them receive the same sequence of frames.
#[test]
fn all_members_see_one_order() {
    const MESSAGES: usize = 100;
    let server = TestServer::start();
    let names = ["ada", "bob", "cyd", "dan", "eve"];
    let mut members: Vec<Peer> = Vec::new();
    for name in names {
        let mut newcomer = server.user(name);
        for room in ["tea", "coffee"] {
            newcomer.join(room);
            for member in &mut members {
                member.next_chat();
            }
        }
        members.push(newcomer);
    }
    let mut writers: Vec<_> =
        members.iter().map(|member| member.socket.try_clone().unwrap()).collect();
    let speakers: Vec<_> = writers
        .drain(..)
        .zip(names)
        .map(|(mut socket, name)| {
            std::thread::spawn(move || {
                for number in 0..MESSAGES {
                    let room = ["tea", "coffee"][number % 2];
                    std::io::Write::write_all(
                        &mut socket,
                        &publish(room, &format!("{name} {number}")),
                    )
                    .unwrap();
                }
            })
        })
        .collect();
    let take_all = |member: &mut Peer| -> Vec<Vec<u8>> {
        (0..MESSAGES * names.len()).map(|_| member.next_chat()).collect()
    };
    let order = take_all(&mut members[0]);
    for (member, name) in members[1..].iter_mut().zip(&names[1..]) {
        assert!(take_all(member) == order, "{name} saw another order than ada");
    }
    for name in names {
        let said: Vec<String> = order.iter().filter_map(|frame| content_of(frame, name)).collect();
        let expected: Vec<String> =
            (0..MESSAGES).map(|number| format!("{name} {number}")).collect();
        assert_eq!(said, expected);
    }
    speakers.into_iter().for_each(|speaker| speaker.join().unwrap());
    assert_eq!(server.metrics().broadcasts, (MESSAGES * names.len()) as u64);
}

fn content_of(frame: &[u8], speaker: &str) -> Option<String> {
    match parse(frame) {
        MessagePayload::MessageBroadcast { username, content, .. } => {
            (username == speaker).then(|| content.to_owned())
        }
        other => panic!("{other:?} where a broadcast was expected"),
    }
}
