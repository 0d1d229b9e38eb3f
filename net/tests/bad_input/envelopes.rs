//! Faults of known kinds: magic, version, type, checksum, fields, family, direction; and peers of
//! other protocols.

use cafewire_core::{ErrorCode, Message, MessagePayload};
use cafewire_net::CloseReason;

use super::neighbours::Neighbours;
use super::refusal::{Answer, BadInput, assert_refused};
use crate::support::{CLIENT_TYPES, SERVER_TYPES, TestServer, chat, echo, name, publish, sealed};

const ECHO_TYPES: [u8; 5] = [0x01, 0x02, 0x03, 0x04, 0xFF];

/// A fault in an envelope, behind good bytes that get this many answers.
fn fault(
    what: &str,
    good: (&[u8], usize),
    bytes: &[u8],
    answer: Answer,
    offset_in_frame: usize,
) -> BadInput {
    BadInput {
        what: what.to_owned(),
        bytes: [good.0, bytes].concat(),
        answer,
        stream_offset: Some(good.0.len() + offset_in_frame),
        answers_before: good.1,
    }
}

fn assert_all_refused(all: &[BadInput]) {
    let server = TestServer::start();
    let mut neighbours = Neighbours::beside(&server);
    for bad in all {
        assert_refused(&server, &mut neighbours, bad);
    }
    neighbours.leave(&server);
}

#[test]
fn a_first_byte_of_no_family() {
    let all: Vec<_> = (0..=u8::MAX)
        .filter(|byte| ![0x01, 0x02, 0xCA].contains(byte))
        .map(|byte| {
            let answer = Answer::Chat(ErrorCode::UnsupportedVersion);
            fault(&format!("first byte {byte:#04x}"), (&[], 0), &[byte], answer, 0)
        })
        .collect();
    assert_all_refused(&all);
}

#[test]
fn peers_of_other_protocols() {
    let tls = [&b"\x16\x03\x01\x00\xF4\x01\x00\x00\xF0\x03\x03"[..], &[0x5A; 238]].concat();
    let greetings: [(&str, &[u8]); 3] = [
        (
            "an HTTP request",
            b"GET /health HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n",
        ),
        ("a TLS ClientHello", &tls),
        ("an SSH banner", b"SSH-2.0-OpenSSH_9.6\r\n"),
    ];
    let refused = |(what, bytes): (&str, &[u8])| {
        fault(what, (&[], 0), bytes, Answer::Chat(ErrorCode::UnsupportedVersion), 0)
    };
    assert_all_refused(&greetings.map(refused));
}

#[test]
fn a_wrong_magic_or_type_of_echo() {
    let good = echo(&Message::Ping(b"good"));
    let data = echo(&Message::Data(&[9; 200]));
    let mut all = Vec::new();
    for good in [(&[][..], 0), (&good[..], 1), (&data[..], 0)] {
        for byte in [0x00, 0x01, 0xCA, 0xFD, 0xFF] {
            let what = format!("second magic byte {byte:#04x} after {} bytes", good.0.len());
            all.push(fault(&what, good, &[0xCA, byte], Answer::Echo(ErrorCode::MalformedFrame), 1));
        }
        for byte in (0..=u8::MAX).filter(|byte| !ECHO_TYPES.contains(byte)).step_by(7) {
            let what = format!("echo type {byte:#04x} after {} bytes", good.0.len());
            let bytes = [0xCA, 0xFE, byte, 0x00, 0x01, b'x'];
            all.push(fault(&what, good, &bytes, Answer::Echo(ErrorCode::UnknownType), 2));
        }
    }
    // Once a connection is the echo family's, the first byte of a later frame is a magic byte.
    for byte in [0x00, 0x02, 0xCB, b'G'] {
        let what = format!("first magic byte {byte:#04x}");
        all.push(fault(
            &what,
            (&good, 1),
            &[byte, 0xFE],
            Answer::Echo(ErrorCode::MalformedFrame),
            0,
        ));
    }
    assert_all_refused(&all);
}

#[test]
fn an_unknown_or_unexpected_type_of_chat() {
    let connect = chat(&MessagePayload::Connect { username: "eve" });
    let mut all = Vec::new();
    for good in [(&[][..], 0), (&connect[..], 1)] {
        for byte in 0..=u8::MAX {
            let code = match byte {
                byte if CLIENT_TYPES.contains(&byte) => continue,
                byte if SERVER_TYPES.contains(&byte) => ErrorCode::UnexpectedMessage,
                _ => ErrorCode::UnknownType,
            };
            let what = format!("chat type {byte:#04x} after {} bytes", good.0.len());
            all.push(fault(&what, good, &[0x01, byte], Answer::Chat(code), 1));
        }
    }
    assert_all_refused(&all);
}

#[test]
fn whole_frames_that_only_servers_send() {
    let frames = [
        MessagePayload::ConnectAck { user_id: 1, server_info: "I am the server" },
        MessagePayload::MessageBroadcast {
            user_id: 1,
            timestamp: 2,
            username: "ada",
            room: "tea",
            content: "forged",
        },
        MessagePayload::UserJoined { user_id: 1, username: "ada", room: "tea" },
        MessagePayload::UserLeft { user_id: 1, username: "ada", room: "tea" },
        MessagePayload::Error { code: ErrorCode::ShuttingDown, message: "boo" },
    ];
    let connect = chat(&MessagePayload::Connect { username: "eve" });
    let answer = Answer::Chat(ErrorCode::UnexpectedMessage);
    let all: Vec<_> = frames
        .iter()
        .map(|frame| fault(&format!("{frame:?}"), (&connect, 1), &chat(frame), answer, 1))
        .collect();
    assert_all_refused(&all);
}

#[test]
fn two_families_on_one_connection() {
    let connect = chat(&MessagePayload::Connect { username: "eve" });
    let ping = echo(&Message::Ping(b"hello"));
    assert_all_refused(&[
        fault("echo after chat", (&connect, 1), &ping, Answer::Chat(ErrorCode::MalformedFrame), 0),
        fault("chat after echo", (&ping, 1), &connect, Answer::Echo(ErrorCode::MalformedFrame), 0),
        fault(
            "version 2 after version 1",
            (&connect, 1),
            &[0x02],
            Answer::Chat(ErrorCode::UnsupportedVersion),
            0,
        ),
    ]);
}

#[test]
fn a_bit_that_was_flipped_on_the_way() {
    let connect = chat(&MessagePayload::Connect { username: "eve" });
    let frame = chat(&MessagePayload::JoinRoom { room: "tea" });
    let answer = Answer::Chat(ErrorCode::ChecksumMismatch);
    let checksum_at = frame.len() - 4;
    let all: Vec<_> = (4 * 8..frame.len() * 8)
        .map(|bit| {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fault(&format!("bit {bit} flipped"), (&connect, 1), &damaged, answer, checksum_at)
        })
        .collect();
    assert_all_refused(&all);
}

#[test]
fn fields_that_do_not_fit_the_body() {
    let connect = chat(&MessagePayload::Connect { username: "eve" });
    let bodies: [(&str, u8, Vec<u8>); 6] = [
        ("a username that runs over the body", 0x01, vec![5, b'e', b'v', b'e']),
        ("a room name that runs over the body", 0x04, vec![255, b't', b'e', b'a']),
        ("a room name that runs over SendMessage", 0x03, vec![9, b't', b'e', b'a']),
        ("a byte after the username", 0x01, [name(b"eve"), vec![0]].concat()),
        ("a byte after JoinRoom's room", 0x04, [name(b"tea"), b"!".to_vec()].concat()),
        ("bytes after LeaveRoom's room", 0x05, [name(b"tea"), vec![0; 20]].concat()),
    ];
    let all = bodies.map(|(what, message_type, body)| BadInput {
        what: what.to_owned(),
        bytes: [&connect[..], &sealed(message_type, &body)].concat(),
        answer: Answer::Chat(ErrorCode::MalformedFrame),
        stream_offset: None,
        answers_before: 1,
    });
    assert_all_refused(&all);
}

/// Such a connection goes on, so this test is apart from those whose connection ends.
#[test]
fn text_that_is_not_utf8() {
    let server = TestServer::start();
    let mut neighbours = Neighbours::beside(&server);
    let mut peer = server.member("eve", "attic");
    let sequences: [&[u8]; 7] = [
        b"\xFF",
        b"\x80",
        b"\xC3",
        b"\xC0\x80",
        b"\xED\xA0\x80",
        b"\xF4\x90\x80\x80",
        b"ok\xE2\x82",
    ];
    for bytes in sequences {
        let refused = [
            (sealed(0x01, &name(bytes)), ErrorCode::InvalidUsername),
            (sealed(0x03, &[name(bytes), b"hello".to_vec()].concat()), ErrorCode::InvalidRoomName),
            (sealed(0x03, &[&name(b"attic"), bytes].concat()), ErrorCode::InvalidContent),
            (sealed(0x04, &name(bytes)), ErrorCode::InvalidRoomName),
            (sealed(0x05, &name(bytes)), ErrorCode::InvalidRoomName),
        ];
        for (frame, code) in refused {
            neighbours.send();
            let before = server.metrics();
            peer.send(&frame);
            peer.expect_error(code);
            assert_eq!(server.metrics().parse_errors, before.parse_errors + 1);
            assert_eq!(server.metrics().errors_sent(code), before.errors_sent(code) + 1);
            neighbours.receive();
        }
    }
    peer.send_chat(&MessagePayload::Disconnect);
    peer.expect_end();
    neighbours.leave(&server);
}

/// A frame cut at any byte by the end of the stream: the peer, which may still read, gets an Error
/// frame.
#[test]
fn a_frame_cut_anywhere_by_the_end_of_the_stream() {
    let server = TestServer::start();
    let mut neighbours = Neighbours::beside(&server);
    let connect = chat(&MessagePayload::Connect { username: "eve" });
    let ping = echo(&Message::Ping(b"hello"));
    let said = publish("tea", "cut");
    let streams: [(&[u8], &[u8], usize); 4] =
        [(&[], &connect, 0), (&connect, &said, 1), (&[], &ping, 0), (&ping, &ping, 1)];
    let mut cuts = 0;
    for (before, cut_frame, answers) in streams {
        for cut in 1..cut_frame.len() {
            neighbours.send();
            let mut peer = server.peer();
            peer.send(&[before, &cut_frame[..cut]].concat());
            peer.half_close();
            (0..answers).for_each(|_| drop(peer.next()));
            let text = if cut_frame == ping {
                peer.expect_echo_error()
            } else {
                peer.expect_error(ErrorCode::MalformedFrame)
            };
            assert!(!text.is_empty(), "cut after {cut} bytes and refused without a sentence");
            peer.expect_end();
            neighbours.receive();
            cuts += 1;
            server.wait_for_closes(CloseReason::CutFrame, cuts);
            assert_eq!(server.metrics().parse_errors, cuts);
        }
    }
    neighbours.leave(&server);
}

/// A reset of a member in a room, with a half-sent frame and unread answers.
#[test]
fn a_reset_in_the_middle_of_a_frame() {
    let server = TestServer::start();
    let mut neighbours = Neighbours::beside(&server);
    let frame = publish("attic", "never finished");
    for cut in 1..frame.len() {
        neighbours.send();
        let mut peer = server.member("eve", "attic");
        peer.send(&[&publish("attic", "unread")[..], &frame[..cut]].concat());
        peer.reset();
        neighbours.receive();
        server.wait_for_closes(CloseReason::ConnectionLost, cut as u64);
        server
            .wait_until("the neighbours alone", |metrics| (metrics.users, metrics.rooms) == (2, 1));
    }
    neighbours.leave(&server);
}
