//! Connect: the user id, and the names that are accepted and refused.

use cafewire_core::{ErrorCode, MessagePayload};

use crate::support::{CLIENT_TYPES, TestServer, chat, name, parse, publish, sealed};

#[test]
fn an_ack_carries_a_unique_user_id() {
    let server = TestServer::start();
    let mut peers: Vec<_> = (0..10).map(|_| server.peer()).collect();
    let mut ids: Vec<u32> = peers
        .iter_mut()
        .enumerate()
        .map(|(index, peer)| peer.sign_in(&format!("user {index}")))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 10, "two users share an id");
    assert_eq!(server.metrics().users, 10);
    let mut peer = server.peer();
    peer.send_chat(&MessagePayload::Connect { username: "curious" });
    let frame = peer.next_chat();
    let MessagePayload::ConnectAck { server_info, .. } = parse(&frame) else { panic!("{frame:?}") };
    assert!(server_info.starts_with("cafewire/"), "{server_info:?}");
}

#[test]
fn names_of_every_size_and_script_sign_in() {
    let server = TestServer::start();
    for username in [
        "x",
        &"x".repeat(32),
        &"é".repeat(16),
        "a b",
        "名前",
        "🦀🦀🦀🦀🦀🦀🦀🦀",
        "Ada",
        "ada",
        "a da",
    ] {
        let mut peer = server.peer();
        peer.sign_in(username);
        peer.send_chat(&MessagePayload::JoinRoom { room: "r" });
        let frame = peer.next_chat();
        let MessagePayload::UserJoined { username: joined, .. } = parse(&frame) else {
            panic!("{username}")
        };
        assert_eq!(joined, username);
        peer.send_chat(&MessagePayload::Disconnect);
        peer.expect_end();
    }
}

/// The wire allows these, and this server does not: they look like other names.
#[test]
fn names_that_cannot_be_told_apart_are_refused_and_the_connection_stays_open() {
    let server = TestServer::start();
    let mut peer = server.peer();
    for username in ["ada ", " ada", "  ", "ada\u{FE00}", "ada\u{200B}", "\u{2800}"] {
        peer.send_chat(&MessagePayload::Connect { username });
        peer.expect_error(ErrorCode::InvalidUsername);
    }
    peer.sign_in("ada");
    for room in ["tea ", "t\u{AD}ea"] {
        peer.send_chat(&MessagePayload::JoinRoom { room });
        peer.expect_error(ErrorCode::InvalidRoomName);
    }
    peer.join("tea");
}

#[test]
fn a_refused_name_leaves_the_connection_open_for_another() {
    let server = TestServer::start();
    let _ada = server.user("ada");
    let mut peer = server.peer();
    let too_long = name(&[b'x'; 32]);
    let refused = [
        (name(b""), ErrorCode::InvalidUsername),
        (name(b"\xFF"), ErrorCode::InvalidUsername),
        (name(b"new\nline"), ErrorCode::InvalidUsername),
        (name("next line \u{85}".as_bytes()), ErrorCode::InvalidUsername),
        (name(b"ada"), ErrorCode::UsernameTaken),
    ];
    for (body, code) in refused {
        peer.send(&sealed(0x01, &body));
        let text = peer.expect_error(code);
        assert!(!text.is_empty());
    }
    assert_eq!(server.metrics().users, 1);
    peer.send(&sealed(0x01, &too_long));
    assert!(matches!(parse(&peer.next_chat()), MessagePayload::ConnectAck { .. }));
    assert_eq!(server.metrics().users, 2);
}

#[test]
fn a_second_connect_changes_nothing() {
    let server = TestServer::start();
    let mut ada = server.member("ada", "tea");
    for username in ["ada", "another name"] {
        ada.send_chat(&MessagePayload::Connect { username });
        ada.expect_error(ErrorCode::AlreadyConnected);
    }
    ada.send(&publish("tea", "hello"));
    let frame = ada.next_chat();
    assert!(
        matches!(parse(&frame), MessagePayload::MessageBroadcast { username: "ada", .. }),
        "{frame:?}"
    );
    // The refused name is still free.
    server.user("another name");
}

#[test]
fn only_connect_is_accepted_before_sign_in() {
    let server = TestServer::start();
    for message_type in CLIENT_TYPES.into_iter().filter(|&message_type| message_type != 0x01) {
        let body = match message_type {
            0x02 => Vec::new(),
            0x03 => [name(b"tea"), b"hello".to_vec()].concat(),
            _ => name(b"tea"),
        };
        let mut peer = server.peer();
        peer.send(&sealed(message_type, &body));
        peer.expect_error(ErrorCode::NotConnected);
        peer.expect_end();
    }
    server.wait_until_empty();
    assert_eq!(server.metrics().errors_sent(ErrorCode::NotConnected), 4);
}

#[test]
fn requests_behind_a_refused_connect_end_the_connection() {
    let server = TestServer::start();
    let _ada = server.user("ada");
    let mut peer = server.peer();
    let requests =
        [MessagePayload::Connect { username: "ada" }, MessagePayload::JoinRoom { room: "tea" }];
    peer.send(&requests.iter().flat_map(chat).collect::<Vec<u8>>());
    peer.expect_error(ErrorCode::UsernameTaken);
    peer.expect_error(ErrorCode::NotConnected);
    peer.expect_end();
    assert_eq!(server.metrics().rooms, 0);
}
