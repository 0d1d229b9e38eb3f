//! The ways to leave: each sends UserLeft to the other members, once for each room, and frees the
//! name.

use cafewire_core::{ErrorCode, MessagePayload};
use cafewire_net::CloseReason;

use crate::support::{Peer, TestServer, chat, parse, publish};

type WayToLeave = fn(Peer);

const WAYS: [(&str, WayToLeave, CloseReason); 5] = [
    ("Disconnect", disconnect, CloseReason::Disconnected),
    ("a half-close", half_close, CloseReason::EndOfInput),
    ("a half-close within a frame", half_close_within_a_frame, CloseReason::CutFrame),
    ("a reset", Peer::reset, CloseReason::ConnectionLost),
    ("an error that closes", break_the_protocol, CloseReason::UnknownType),
];

fn disconnect(mut peer: Peer) {
    peer.send_chat(&MessagePayload::Disconnect);
    peer.expect_end();
}

fn half_close(mut peer: Peer) {
    peer.half_close();
    peer.expect_end();
}

fn half_close_within_a_frame(mut peer: Peer) {
    peer.send(&publish("one", "never finished")[..9]);
    peer.half_close();
    peer.expect_error(ErrorCode::MalformedFrame);
    peer.expect_end();
}

fn break_the_protocol(mut peer: Peer) {
    peer.send(&[0x01, 0x7F]);
    peer.expect_error(ErrorCode::UnknownType);
    peer.expect_end();
}

#[test]
fn every_way_to_leave_notifies_every_room() {
    let server = TestServer::start();
    let mut watcher = server.member("watcher", "one");
    watcher.join("two");
    for (way, leave, reason) in WAYS {
        let before = server.metrics().closes(reason);
        let mut leaver = server.peer();
        let user_id = leaver.sign_in("leaver");
        for room in ["one", "two", "alone"] {
            leaver.join(room);
        }
        let joined = |room| MessagePayload::UserJoined { user_id, username: "leaver", room };
        watcher.expect_chat(&joined("one"));
        watcher.expect_chat(&joined("two"));
        leave(leaver);
        let mut left: Vec<String> =
            (0..2).map(|_| room_left(&watcher.next_chat(), user_id)).collect();
        left.sort_unstable();
        assert_eq!(left, ["one", "two"], "after {way}");
        server
            .wait_until("the remaining rooms", |metrics| (metrics.rooms, metrics.users) == (2, 1));
        server.wait_for_closes(reason, before + 1);
    }
    assert!(watcher.has_nothing());
}

fn room_left(frame: &[u8], by: u32) -> String {
    match parse(frame) {
        MessagePayload::UserLeft { user_id, username: "leaver", room } if user_id == by => {
            room.to_owned()
        }
        other => panic!("{other:?} where UserLeft was expected"),
    }
}

#[test]
fn a_name_is_free_once_the_others_were_notified() {
    let server = TestServer::start();
    let mut watcher = server.member("watcher", "tea");
    for (way, leave, _) in WAYS {
        let mut leaver = server.member("leaver", "tea");
        watcher.next_chat();
        let mut rival = server.peer();
        rival.send_chat(&MessagePayload::Connect { username: "leaver" });
        rival.expect_error(ErrorCode::UsernameTaken);
        leaver.send(&publish("tea", "mine"));
        watcher.next_chat();
        leaver.next_chat();
        leave(leaver);
        assert!(
            matches!(
                parse(&watcher.next_chat()),
                MessagePayload::UserLeft { username: "leaver", .. }
            ),
            "{way}"
        );
        rival.sign_in("leaver");
        rival.send_chat(&MessagePayload::Disconnect);
        rival.expect_end();
    }
}

/// Messages sent before a member leaves still reach it, unless it leaves by a reset.
#[test]
fn a_leaver_gets_every_earlier_message() {
    const MESSAGES: usize = 500;
    let server = TestServer::start();
    let mut speaker = server.member("speaker", "tea");
    for last_frame in [chat(&MessagePayload::Disconnect), Vec::new()] {
        let mut leaver = server.member("leaver", "tea");
        speaker.next_chat();
        let burst: Vec<u8> =
            (0..MESSAGES).flat_map(|number| publish("tea", &number.to_string())).collect();
        speaker.send(&burst);
        // Once the speaker has its last copy, all messages are queued for the leaver, which has
        // read none.
        (0..MESSAGES).for_each(|_| drop(speaker.next_chat()));
        leaver.send(&last_frame);
        leaver.half_close();
        for number in 0..MESSAGES {
            let frame = leaver.next_chat();
            let MessagePayload::MessageBroadcast { content, .. } = parse(&frame) else {
                panic!("{frame:?}")
            };
            assert_eq!(content, number.to_string());
        }
        leaver.expect_end();
        assert!(matches!(parse(&speaker.next_chat()), MessagePayload::UserLeft { .. }));
    }
}

/// A client that sends all requests at once and half-closes is served to the end.
#[test]
fn requests_before_a_half_close_are_all_done() {
    let server = TestServer::start();
    let mut watcher = server.member("watcher", "tea");
    let mut peer = server.peer();
    let requests = [
        MessagePayload::Connect { username: "hasty" },
        MessagePayload::JoinRoom { room: "tea" },
        MessagePayload::SendMessage { room: "tea", content: "said and gone" },
    ];
    peer.send(&requests.iter().flat_map(chat).collect::<Vec<u8>>());
    peer.half_close();
    let MessagePayload::ConnectAck { user_id, .. } = parse(&peer.next_chat()) else {
        panic!("no ack")
    };
    let joined = MessagePayload::UserJoined { user_id, username: "hasty", room: "tea" };
    for listener in [&mut peer, &mut watcher] {
        listener.expect_chat(&joined);
        listener.expect_broadcast((user_id, "hasty"), "tea", "said and gone");
    }
    peer.expect_end();
    watcher.expect_chat(&MessagePayload::UserLeft { user_id, username: "hasty", room: "tea" });
}
