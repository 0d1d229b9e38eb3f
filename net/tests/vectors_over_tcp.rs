//! Every frame of the shared vectors (`core/vectors/vectors.json`) is sent byte by byte to a server
//! of its own: the good ones are answered, the bad ones refused with the code that the vector
//! names.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod support;

use cafewire_core::{ErrorCode, MessagePayload};
use cafewire_net::CloseReason;
use serde_json::Value;

use support::{Peer, Received, TestServer, parse};

static VECTORS: &str = include_str!("../../core/vectors/vectors.json");

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_default()
}

fn vectors() -> Vec<Value> {
    serde_json::from_str(VECTORS).unwrap()
}

/// The bytes of a text of hexadecimal digits in groups; `*N` behind a group repeats it N times.
fn bytes(folded: &str) -> Vec<u8> {
    let mut all = Vec::new();
    for group in folded.split_whitespace() {
        let (digits, times) = group.split_once('*').unwrap_or((group, "1"));
        let once: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect();
        all.extend(once.repeat(times.parse().unwrap()));
    }
    all
}

/// A server for one vector, and a connection with the number of bytes sent on it.
struct Trial {
    // The peer is the first field so that it is dropped before the server: a server that shuts down
    // waits for its peers.
    peer: Peer,
    server: TestServer,
    sent: u64,
}

impl Trial {
    fn new() -> Self {
        let server = TestServer::start();
        let peer = server.peer();
        Self { peer, server, sent: 0 }
    }

    /// Sends byte by byte; of bytes longer than any chat frame only the first and last ones.
    fn send(&mut self, bytes: &[u8]) {
        const SINGLE_BYTES_MAX: usize = 700;
        let ends = SINGLE_BYTES_MAX / 2;
        let (head, rest) =
            bytes.split_at(if bytes.len() > SINGLE_BYTES_MAX { ends } else { bytes.len() });
        let (middle, tail) = rest.split_at(rest.len().saturating_sub(ends));
        self.send_singly(head);
        self.peer.send(middle);
        self.sent += middle.len() as u64;
        self.send_singly(tail);
    }

    fn send_singly(&mut self, bytes: &[u8]) {
        self.server.send_byte_by_byte(&mut self.peer, bytes, self.sent);
        self.sent += bytes.len() as u64;
    }

    fn sign_in(&mut self, username: &str) {
        self.peer.sign_in(username);
        self.sent = self.server.metrics().bytes_received;
    }

    fn join(&mut self, room: &str) {
        self.peer.join(room);
        self.sent = self.server.metrics().bytes_received;
    }

    /// Expects the Error of the vector's code and family, then the end if the code closes.
    fn expect_refusal(mut self, vector: &Value, reason: Option<CloseReason>) {
        let name = text(vector, "name");
        let code =
            ErrorCode::from_wire(u16::try_from(vector["error"]["code"].as_u64().unwrap()).unwrap());
        let sentence = match self.peer.next() {
            Received::Echo(cafewire_core::echo::MessageType::Error, sentence)
                if text(vector, "family") == "echo" =>
            {
                String::from_utf8(sentence).unwrap()
            }
            Received::Chat(frame) if text(vector, "family") != "echo" => match parse(&frame) {
                MessagePayload::Error { code: actual, message } if actual == code => {
                    message.to_owned()
                }
                other => panic!("{name}: {other:?} instead of Error {code}"),
            },
            other => panic!("{name}: {other:?} instead of Error {code}"),
        };
        assert!(!sentence.is_empty(), "{name}: refused without a sentence");
        if code.closes() {
            assert_eq!(self.peer.next(), Received::End, "{name}");
            let reason = reason.unwrap_or_else(|| support::reason_of(code));
            self.server.wait_for_closes(reason, 1);
        } else {
            self.assert_goes_on(name);
        }
    }

    fn assert_goes_on(mut self, name: &str) {
        self.peer.send_chat(&MessagePayload::LeaveRoom { room: "nowhere" });
        let frame = self.peer.next_chat();
        let is_in_order =
            matches!(parse(&frame), MessagePayload::Error { code: ErrorCode::NotInRoom, .. });
        assert!(is_in_order, "{name}: the connection does not go on: {:?}", parse(&frame));
    }
}

#[test]
fn good_echo_frames() {
    let echo = |vector: &Value| text(vector, "family") == "echo" && vector["error"].is_null();
    for vector in vectors().into_iter().filter(echo) {
        let (name, message) = (text(&vector, "name"), &vector["message"]);
        let mut trial = Trial::new();
        trial.send(&bytes(text(&vector, "hex")));
        trial.peer.half_close();
        let payload = bytes(text(message, "payload"));
        let answer = match text(message, "type") {
            "Ping" => Some(Received::Echo(cafewire_core::echo::MessageType::Pong, payload)),
            "Echo" => Some(Received::Echo(cafewire_core::echo::MessageType::Echo, payload)),
            _ => None,
        };
        if let Some(answer) = answer {
            assert!(trial.peer.next() == answer, "{name}: another answer");
        }
        assert_eq!(trial.peer.next(), Received::End, "{name}");
        trial.server.wait_for_closes(CloseReason::EndOfInput, 1);
        let metrics = trial.server.metrics();
        assert_eq!((metrics.messages_processed, metrics.parse_errors), (1, 0), "{name}");
        assert_eq!(metrics.data_messages, u64::from(text(message, "type") == "Data"), "{name}");
        assert_eq!(metrics.error_messages, u64::from(text(message, "type") == "Error"), "{name}");
    }
}

#[test]
fn good_chat_frames() {
    let chat = |vector: &Value| text(vector, "family") == "chat-v1" && vector["error"].is_null();
    for vector in vectors().into_iter().filter(chat) {
        let (name, message) = (text(&vector, "name"), &vector["message"]);
        let message_type = text(message, "type");
        let mut trial = Trial::new();
        if message_type != "Connect" {
            trial.sign_in("vector");
        }
        if matches!(message_type, "SendMessage" | "LeaveRoom") {
            trial.join(text(message, "room"));
        }
        trial.send(&bytes(text(&vector, "hex")));
        let (room, content) = (text(message, "room"), text(message, "content"));
        let answer = trial.peer.next();
        let Received::Chat(frame) = &answer else {
            assert_eq!((message_type, answer), ("Disconnect", Received::End), "{name}");
            trial.server.wait_for_closes(CloseReason::Disconnected, 1);
            continue;
        };
        let refused = vector["server_refuses"].as_str();
        let is_answer = match (message_type, parse(frame)) {
            (_, MessagePayload::Error { code, .. }) if refused.is_some() => {
                refused == Some(&*format!("{code:?}"))
            }
            ("Connect", MessagePayload::ConnectAck { .. }) => refused.is_none(),
            (
                "SendMessage",
                MessagePayload::MessageBroadcast {
                    room: r, content: c, username: "vector", ..
                },
            ) => (r, c) == (room, content),
            ("JoinRoom", MessagePayload::UserJoined { room: r, username: "vector", .. })
            | ("LeaveRoom", MessagePayload::UserLeft { room: r, username: "vector", .. }) => {
                r == room
            }
            (_, MessagePayload::Error { code: ErrorCode::UnexpectedMessage, .. }) => {
                // A well-formed frame of a type that only servers send.
                assert_eq!(trial.peer.next(), Received::End, "{name}");
                trial.server.wait_for_closes(CloseReason::UnexpectedMessage, 1);
                assert!(!matches!(
                    message_type,
                    "Connect" | "SendMessage" | "JoinRoom" | "LeaveRoom" | "Disconnect"
                ));
                continue;
            }
            _ => false,
        };
        assert!(is_answer, "{name}: {:?}", parse(frame));
        if refused.is_some() {
            trial.sign_in("another name");
        }
        trial.assert_goes_on(name);
    }
}

fn is_for_a_server(vector: &Value) -> bool {
    text(vector, "direction") != "to-client"
}

#[test]
fn bad_envelopes() {
    for vector in vectors()
        .iter()
        .filter(|vector| text(vector, "stage") == "framing" && is_for_a_server(vector))
        // What begins with 02 is refused by those who speak version 1 alone.
        .filter(|vector| !text(vector, "hex").starts_with("02"))
    {
        let mut trial = Trial::new();
        trial.send(&bytes(text(vector, "hex")));
        // A frame of a type that only servers send is refused for its type, before any later fault.
        if is_server_type(&bytes(text(vector, "hex")))
            && text(&vector["error"], "kind") != "UnsupportedVersion"
        {
            trial.peer.expect_error(ErrorCode::UnexpectedMessage);
            trial.peer.expect_end();
            trial.server.wait_for_closes(CloseReason::UnexpectedMessage, 1);
            continue;
        }
        trial.expect_refusal(vector, None);
    }
}

fn is_server_type(frame: &[u8]) -> bool {
    frame.first() == Some(&1)
        && frame.get(1).is_some_and(|byte| support::SERVER_TYPES.contains(byte))
}

/// The user signs in first: before that the server checks the fields of Connect alone.
#[test]
fn bad_payloads() {
    for vector in vectors()
        .iter()
        .filter(|vector| text(vector, "stage") == "payload" && is_for_a_server(vector))
    {
        let frame = bytes(text(vector, "hex"));
        let mut trial = Trial::new();
        trial.sign_in("vector");
        trial.send(&frame);
        if is_server_type(&frame) {
            trial.peer.expect_error(ErrorCode::UnexpectedMessage);
            trial.peer.expect_end();
            trial.server.wait_for_closes(CloseReason::UnexpectedMessage, 1);
        } else {
            trial.expect_refusal(vector, None);
        }
    }
}

#[test]
fn frames_that_are_wrong_behind_another() {
    for vector in vectors()
        .iter()
        .filter(|vector| text(vector, "stage") == "connection" && is_for_a_server(vector))
    {
        let mut trial = Trial::new();
        if text(vector, "family") == "echo" {
            trial.send(&bytes(text(vector, "before")));
            assert!(matches!(trial.peer.next(), Received::Echo(..)), "{}", text(vector, "name"));
        } else {
            // The vectors' first frame is a Disconnect, after which a server reads nothing, so a
            // Connect takes its place.
            trial.sign_in("vector");
        }
        trial.send(&bytes(text(vector, "hex")));
        trial.expect_refusal(vector, None);
    }
}

#[test]
fn frames_that_are_cut() {
    let is_cut =
        |vector: &&Value| text(&vector["error"], "kind") == "Truncated" && is_for_a_server(vector);
    for vector in vectors().iter().filter(is_cut) {
        let frame = bytes(text(vector, "hex"));
        let mut trial = Trial::new();
        trial.send(&frame);
        trial.peer.half_close();
        if frame.is_empty() {
            assert_eq!(trial.peer.next(), Received::End, "{}", text(vector, "name"));
            trial.server.wait_for_closes(CloseReason::EndOfInput, 1);
        } else if is_server_type(&frame) {
            trial.peer.expect_error(ErrorCode::UnexpectedMessage);
            trial.peer.expect_end();
        } else {
            trial.expect_refusal(vector, Some(CloseReason::CutFrame));
        }
    }
}

/// Bytes behind a whole frame are the start of the next one.
#[test]
fn frames_with_bytes_behind_them() {
    let is_longer = |vector: &&Value| {
        text(vector, "stage") == "one-shot" && text(&vector["error"], "kind") != "Truncated"
    };
    for vector in vectors().iter().filter(is_longer) {
        let (name, stream) = (text(vector, "name"), bytes(text(vector, "hex")));
        let frame_size = usize::try_from(vector["error"]["offset"].as_u64().unwrap()).unwrap();
        let mut trial = Trial::new();
        if text(vector, "family") == "echo" {
            trial.send(&stream);
            trial.peer.half_close();
            let whole_frames = stream.len() / frame_size;
            for _ in 0..whole_frames {
                assert!(matches!(trial.peer.next(), Received::Echo(..)), "{name}");
            }
            if stream.len() % frame_size > 0 {
                trial.peer.expect_echo_error();
            }
        } else {
            trial.sign_in("vector");
            trial.send(&stream);
            assert_eq!(stream[..frame_size], support::chat(&MessagePayload::Disconnect), "{name}");
        }
        assert_eq!(trial.peer.next(), Received::End, "{name}");
    }
}

/// No vector is left out by the filters above.
#[test]
fn every_vector_has_its_test() {
    for vector in vectors() {
        let stage = text(&vector, "stage");
        let known = !vector["message"].is_null()
            || ["framing", "payload", "connection", "one-shot"].contains(&stage);
        assert!(
            known && ["echo", "chat-v1"].contains(&text(&vector, "family")),
            "{}",
            text(&vector, "name")
        );
    }
}
