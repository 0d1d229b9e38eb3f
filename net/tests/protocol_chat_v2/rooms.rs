//! Rooms are shared by the versions: who is in one, and what is said there.

use cafewire_core::chat::v2::{MAX_CONTENT_SIZE, MessagePayload};
use cafewire_core::{ErrorCode, MessagePayload as PayloadV1};

use crate::support::peer_v2::{PeerV2, parse};
use crate::support::{Received, TestServer, parse as parse_v1, publish};

#[test]
fn both_versions_meet_in_one_room() {
    let server = TestServer::start();
    let mut old = server.peer();
    let old_id = old.sign_in("ada");
    old.join("tea");
    let mut new = PeerV2::user(server.address(), "bob");
    let joined = new.ask(&MessagePayload::JoinRoom { resume: None, replay: 0, room: "tea" });
    let frame = new.next_frame();
    let (request, MessagePayload::Joined { epoch, sequence, members, presence, .. }) =
        parse(&frame)
    else {
        panic!("{:?}", parse(&frame))
    };
    assert_eq!((request, sequence, members, presence), (joined, 0, 2, true));
    assert!(epoch > 0);
    let frame = old.next_chat();
    let PayloadV1::UserJoined { user_id: new_id, username: "bob", room: "tea" } = parse_v1(&frame)
    else {
        panic!("{:?}", parse_v1(&frame))
    };

    old.send(&publish("tea", "from the old"));
    old.expect_broadcast((old_id, "ada"), "tea", "from the old");
    assert_eq!(new.next_broadcast(), (0, 1, 0, "from the old".to_owned()));
    assert_eq!(new.say("tea", "from the new"), 2);
    old.expect_broadcast((new_id, "bob"), "tea", "from the new");

    let request = new.ask(&MessagePayload::LeaveRoom { room: "tea" });
    let left =
        MessagePayload::UserLeft { user_id: new_id, members: 1, username: "bob", room: "tea" };
    new.expect(request, &left);
    old.expect_chat(&PayloadV1::UserLeft { user_id: new_id, username: "bob", room: "tea" });
    new.refused(&MessagePayload::LeaveRoom { room: "tea" }, ErrorCode::NotInRoom);
    let says = MessagePayload::SendMessage { room: "tea", content: "let me in" };
    new.refused(&says, ErrorCode::NotInRoom);
}

#[test]
fn joins_and_leaves_are_told_with_how_many_there_are() {
    let server = TestServer::start();
    let mut ada = PeerV2::user(server.address(), "ada");
    ada.join("tea");
    let mut bob = server.peer();
    let bob_id = bob.sign_in("bob");
    bob.join("tea");
    let (user_id, username, room) = (bob_id, "bob", "tea");
    ada.expect(0, &MessagePayload::UserJoined { user_id, members: 2, username, room });
    let mut eve = PeerV2::user(server.address(), "eve");
    eve.join("tea");
    let frame = ada.next_frame();
    let (0, MessagePayload::UserJoined { members: 3, username: "eve", .. }) = parse(&frame) else {
        panic!("{:?}", parse(&frame))
    };
    drop(bob);
    ada.expect(0, &MessagePayload::UserLeft { user_id, members: 2, username, room });
    eve.expect(0, &MessagePayload::UserLeft { user_id, members: 2, username, room });
    eve.refused(
        &MessagePayload::JoinRoom { resume: None, replay: 0, room: "tea" },
        ErrorCode::AlreadyInRoom,
    );
}

#[test]
fn a_long_content_reaches_version_1_in_parts() {
    let server = TestServer::start();
    let mut old = server.member("ada", "tea");
    let mut new = PeerV2::user(server.address(), "bob");
    new.join("tea");
    let _ = old.next_chat();
    // Three bytes each, which do not go evenly into 512.
    let content = "\u{20AC}".repeat(MAX_CONTENT_SIZE / 3);
    assert_eq!(new.say("tea", &content), 1);
    let mut told = String::new();
    let mut timestamps = Vec::new();
    while told.len() < content.len() {
        let frame = old.next_chat();
        let PayloadV1::MessageBroadcast { timestamp, content: part, .. } = parse_v1(&frame) else {
            panic!("{:?}", parse_v1(&frame))
        };
        assert!(part.len() == 510 || told.len() + part.len() == content.len());
        told.push_str(part);
        timestamps.push(timestamp);
    }
    assert_eq!(told, content);
    assert_eq!(timestamps.len(), 9);
    timestamps.dedup();
    assert_eq!(timestamps.len(), 1);
    // It counts as one message.
    assert_eq!(server.metrics().broadcasts, 1);
    old.send(&publish("tea", "short"));
    assert!(matches!(old.next(), Received::Chat(_)));
    assert_eq!(new.next_broadcast(), (0, 2, 1, "short".to_owned()));
}

#[test]
fn a_receipt_names_the_request_and_whose_it_is() {
    let server = TestServer::start();
    let (mut ada, mut bob) =
        (PeerV2::user(server.address(), "ada"), PeerV2::user(server.address(), "bob"));
    ada.join("tea");
    bob.join("tea");
    let _ = ada.next_frame();
    ada.request = 0xFFFE;
    for content in ["one", "two"] {
        let said = ada.ask(&MessagePayload::SendMessage { room: "tea", content });
        for peer in [&mut ada, &mut bob] {
            let frame = peer.next_frame();
            let (0, MessagePayload::MessageBroadcast { origin, username: "ada", .. }) =
                parse(&frame)
            else {
                panic!("{:?}", parse(&frame))
            };
            assert_eq!(origin, said);
        }
        // The number after the largest is 1: 0 asks for nothing.
        ada.request = 0;
    }
}
