//! Which rooms there are and who is in them, page by page.

use cafewire_core::ErrorCode;
use cafewire_core::chat::v2::MessagePayload;

use crate::support::TestServer;
use crate::support::peer_v2::{PeerV2, parse};

/// The answers to a list, and whether there is more.
fn listed(peer: &mut PeerV2, question: &MessagePayload<'_>) -> (Vec<String>, bool) {
    let request = peer.ask(question);
    let mut names = Vec::new();
    loop {
        let frame = peer.next_frame();
        let (answered, payload) = parse(&frame);
        assert_eq!(answered, request);
        match payload {
            MessagePayload::RoomInfo { room, members, presence } => {
                assert!(members > 0 && presence);
                names.push(room.to_owned());
            }
            MessagePayload::MemberInfo { username, room: "tea", .. } => {
                names.push(username.to_owned());
            }
            MessagePayload::ListEnd { count, more } => {
                assert_eq!(usize::from(count), names.len());
                return (names, more);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn rooms_come_in_the_byte_order_of_their_names() {
    let server = TestServer::start();
    let mut ada = PeerV2::user(server.address(), "ada");
    assert_eq!(
        listed(&mut ada, &MessagePayload::ListRooms { count: 0, after: "" }),
        (vec![], false)
    );
    for room in ["tea", "coffee", "Tea", "\u{E9}", "cocoa"] {
        ada.join(room);
    }
    let _old = server.member("bob", "milk");
    let page =
        |peer: &mut PeerV2, count, after| listed(peer, &MessagePayload::ListRooms { count, after });
    let all = ["Tea", "cocoa", "coffee", "milk", "tea", "\u{E9}"].map(str::to_owned).to_vec();
    assert_eq!(page(&mut ada, 0, ""), (all.clone(), false));
    assert_eq!(page(&mut ada, 6, ""), (all.clone(), false));
    assert_eq!(page(&mut ada, 2, ""), (all[..2].to_vec(), true));
    assert_eq!(page(&mut ada, 3, "cocoa"), (all[2..5].to_vec(), true));
    assert_eq!(page(&mut ada, 3, "d"), (all[3..].to_vec(), false));
    assert_eq!(page(&mut ada, 3, "\u{E9}"), (vec![], false));
}

#[test]
fn a_page_is_bounded_whatever_is_asked_for() {
    let server = TestServer::with(|config| config.limits.rooms_per_connection = 300);
    let mut ada = PeerV2::user(server.address(), "ada");
    let rooms: Vec<String> = (0..300).map(|number| format!("room-{number:03}")).collect();
    for room in &rooms {
        ada.join(room);
    }
    for count in [0, u16::MAX] {
        let question = MessagePayload::ListRooms { count, after: "" };
        assert_eq!(listed(&mut ada, &question), (rooms[..256].to_vec(), true));
    }
    let question = MessagePayload::ListRooms { count: 0, after: "room-255" };
    assert_eq!(listed(&mut ada, &question), (rooms[256..].to_vec(), false));
}

#[test]
fn members_of_both_versions_are_listed_to_members_alone() {
    let server = TestServer::start();
    let mut ada = PeerV2::user(server.address(), "ada");
    let question = |count, after| MessagePayload::ListMembers { count, room: "tea", after };
    ada.refused(&question(0, ""), ErrorCode::NoSuchRoom);
    let _old = server.member("zoe", "tea");
    ada.refused(&question(0, ""), ErrorCode::NotInRoom);
    ada.join("tea");
    let mut bob = PeerV2::user(server.address(), "bob");
    bob.join("tea");
    let _ = ada.next_frame();
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(listed(&mut ada, &question(0, "")), (names(&["ada", "bob", "zoe"]), false));
    assert_eq!(listed(&mut ada, &question(2, "")), (names(&["ada", "bob"]), true));
    assert_eq!(listed(&mut ada, &question(2, "bob")), (names(&["zoe"]), false));
    assert_eq!(listed(&mut ada, &question(9, "zoe")), (vec![], false));
}

#[test]
fn a_room_too_large_to_tell_of_its_members_does_not_list_them() {
    let server = TestServer::with(|config| config.limits.presence_members_max = 1);
    let mut ada = PeerV2::user(server.address(), "ada");
    ada.join("tea");
    let question = MessagePayload::ListMembers { count: 0, room: "tea", after: "" };
    assert_eq!(listed(&mut ada, &question).0, ["ada"]);
    let _old = server.member("bob", "tea");
    let frame = ada.next_frame();
    let room_info = MessagePayload::RoomInfo { members: 2, presence: false, room: "tea" };
    assert_eq!(parse(&frame), (0, room_info));
    ada.refused(&question, ErrorCode::LimitReached);
    let request = ada.ask(&MessagePayload::ListRooms { count: 0, after: "" });
    ada.expect(request, &room_info);
    ada.expect(request, &MessagePayload::ListEnd { count: 1, more: false });
}
