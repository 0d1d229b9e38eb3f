//! Refusals: those after which the connection goes on, and those that end it.

use cafewire_core::{ErrorCode, MessagePayload};

use crate::support::{Peer, SERVER_TYPES, TestServer, name, publish, reason_of, sealed};

/// Checks that the connection goes on: the member of "tea" can still send, and receives its own
/// message.
fn assert_goes_on(ada: &mut Peer, ada_id: u32) {
    ada.send(&publish("tea", "I am still here"));
    ada.expect_broadcast((ada_id, "ada"), "tea", "I am still here");
}

#[test]
fn field_and_state_refusals_leave_the_connection_open() {
    let server = TestServer::start();
    let mut ada = server.peer();
    let ada_id = ada.sign_in("ada");
    ada.join("tea");
    let speak = |room: &[u8], content: &[u8]| sealed(0x03, &[&name(room), content].concat());
    let join = |room: &[u8]| sealed(0x04, &name(room));
    let leave = |room: &[u8]| sealed(0x05, &name(room));
    let refused = [
        (sealed(0x01, &name(b"")), ErrorCode::InvalidUsername),
        (sealed(0x01, &name(b"\xC0\xAF")), ErrorCode::InvalidUsername),
        (sealed(0x01, &name(b"tab\t")), ErrorCode::InvalidUsername),
        (join(b""), ErrorCode::InvalidRoomName),
        (leave(b""), ErrorCode::InvalidRoomName),
        (join(b"\x80"), ErrorCode::InvalidRoomName),
        (join(b"bell\x07"), ErrorCode::InvalidRoomName),
        (leave(b"delete\x7F"), ErrorCode::InvalidRoomName),
        (speak(b"", b"hello"), ErrorCode::InvalidRoomName),
        (speak(&[b'x'; 65], b"hello"), ErrorCode::InvalidRoomName),
        (speak(b"tea", b""), ErrorCode::InvalidContent),
        (speak(b"tea", b"\xED\xA0\x80"), ErrorCode::InvalidContent),
        (speak(b"tea", &[b'x'; 513]), ErrorCode::InvalidContent),
        (sealed(0x01, &name(b"ada")), ErrorCode::AlreadyConnected),
        (speak(b"coffee", b"hello"), ErrorCode::NotInRoom),
        (leave(b"coffee"), ErrorCode::NotInRoom),
        (leave(b"Tea"), ErrorCode::NotInRoom),
        (join(b"tea"), ErrorCode::AlreadyInRoom),
    ];
    for (frame, code) in &refused {
        ada.send(frame);
        let text = ada.expect_error(*code);
        assert!(!text.is_empty(), "{code} without a sentence");
        assert_goes_on(&mut ada, ada_id);
    }
    let metrics = server.metrics();
    for (_, code) in &refused {
        let count = refused.iter().filter(|(_, other)| other == code).count() as u64;
        assert_eq!(metrics.errors_sent(*code), count, "{code}");
    }
    assert_eq!(metrics.clients_connected, 1);
    assert_eq!(metrics.rooms, 1, "a refused join made a room");
}

#[test]
fn a_fault_in_the_stream_is_refused_and_ends_the_connection() {
    let server = TestServer::start();
    let mut watcher = server.member("watcher", "tea");
    let mut damaged = publish("tea", "hello");
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let mut refused = vec![
        (sealed(0x05, &[3, b't', b'e']), ErrorCode::MalformedFrame), // the name runs over the body
        (sealed(0x04, b"\x03tea!"), ErrorCode::MalformedFrame),      // a byte left over
        // A length that Disconnect cannot have.
        (vec![0x01, 0x02, 0x00, 0x01], ErrorCode::MalformedFrame),
        (vec![0xCA], ErrorCode::MalformedFrame), // the other family
        (vec![0x02], ErrorCode::UnsupportedVersion),
        (vec![0x01, 0x06], ErrorCode::UnknownType),
        (vec![0x01, 0x00], ErrorCode::UnknownType),
        (damaged, ErrorCode::ChecksumMismatch),
    ];
    refused.extend(
        SERVER_TYPES.map(|message_type| (vec![0x01, message_type], ErrorCode::UnexpectedMessage)),
    );
    for (bytes, code) in &refused {
        let before = server.metrics();
        let mut ada = server.peer();
        let ada_id = ada.sign_in("ada");
        ada.join("tea");
        watcher.expect_chat(&MessagePayload::UserJoined {
            user_id: ada_id,
            username: "ada",
            room: "tea",
        });
        // The message before the fault is delivered, the one behind it is not.
        ada.send(&[&publish("tea", "before")[..], bytes, &publish("tea", "behind")].concat());
        ada.expect_broadcast((ada_id, "ada"), "tea", "before");
        let text = ada.expect_error(*code);
        assert!(!text.is_empty(), "{code} without a sentence");
        ada.expect_end();
        watcher.expect_broadcast((ada_id, "ada"), "tea", "before");
        watcher.expect_chat(&MessagePayload::UserLeft {
            user_id: ada_id,
            username: "ada",
            room: "tea",
        });
        let after = server.metrics();
        let reason = reason_of(*code);
        assert_eq!(after.closes(reason), before.closes(reason) + 1, "{reason}");
        assert_eq!(after.errors_sent(*code), before.errors_sent(*code) + 1, "{code}");
    }
    assert!(watcher.has_nothing());
}
