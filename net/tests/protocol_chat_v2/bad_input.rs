//! Every rule that the shared vectors break is refused over a socket as they say, beside a
//! neighbour that goes on.

use cafewire_core::ErrorCode;
use cafewire_core::chat::v2::{Capabilities, MessagePayload, MessageType};
use serde_json::Value;

use crate::support::TestServer;
use crate::support::peer_v2::{PeerV2, encoded};

static VECTORS: &str = include_str!("../../../core/vectors/vectors-v2.json");

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_default()
}

/// The bytes of a text of hexadecimal digits in groups; `*N` behind a group repeats it N times.
fn bytes(folded: &str) -> Vec<u8> {
    let mut all = Vec::new();
    for group in folded.split_whitespace() {
        let (digits, times) = group.split_once('*').unwrap_or((group, "1"));
        let digits: Vec<&[u8]> = digits.as_bytes().chunks(2).collect();
        let once: Vec<u8> = digits
            .iter()
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        all.extend(once.repeat(times.parse().unwrap()));
    }
    all
}

/// What a user who has signed in without signing and compression is answered, if it sends the
/// frame of a vector: what the vector says, unless that is about flags that are not agreed on here,
/// or the type is a server's.
fn expected(vector: &Value, frame: &[u8]) -> ErrorCode {
    let code =
        ErrorCode::from_wire(u16::try_from(vector["error"]["code"].as_u64().unwrap()).unwrap());
    let is_header_proved =
        text(&vector["error"], "kind") != "CheckMismatch" && code != ErrorCode::UnsupportedVersion;
    if [0x01, 0xCA].contains(&frame[0]) {
        // One of another family than the Connect before it.
        return ErrorCode::MalformedFrame;
    }
    let [type_code, flags] = [1, 4].map(|at| frame.get(at).copied().unwrap_or_default());
    match MessageType::from_wire(type_code) {
        _ if !is_header_proved => code,
        None => ErrorCode::UnknownType,
        Some(_) if type_code & 0x80 != 0 => ErrorCode::UnexpectedMessage,
        Some(MessageType::Authenticate) => ErrorCode::UnsupportedFlags,
        Some(_) if flags != 0 => ErrorCode::UnsupportedFlags,
        Some(_) => code,
    }
}

#[test]
fn what_the_vectors_break_is_refused_as_they_say() {
    let server = TestServer::start();
    let mut watcher = PeerV2::user(server.address(), "watcher");
    watcher.join("tea");
    let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    let bad = vectors.iter().filter(|vector| {
        let is_of_unknown_terms = text(&vector["terms"], "at") == "unknown";
        let stage = text(vector, "stage");
        is_of_unknown_terms
            && (stage == "framing" || stage == "payload")
            && text(vector, "direction") != "to-client"
    });
    let mut tried = 0;
    for vector in bad {
        let (name, frame) = (text(vector, "name"), bytes(text(vector, "hex")));
        let code = expected(vector, &frame);
        let mut peer = PeerV2::connect(server.address());
        peer.sign_in("mallory", Capabilities::NONE);
        // In two pieces, so that a header is met before its frame.
        let (head, tail) = frame.split_at(frame.len().min(7));
        peer.send_bytes(head);
        peer.send_bytes(tail);
        let answer = peer.next_frame();
        match crate::support::peer_v2::parse(&answer) {
            (_, MessagePayload::Error { code: actual, .. }) => assert_eq!(actual, code, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
        if code.closes() {
            peer.expect_end();
        } else {
            let request = peer.ask(&MessagePayload::Ping { data: b"" });
            peer.expect(request, &MessagePayload::Pong { data: b"" });
            peer.ask(&MessagePayload::Disconnect);
            peer.expect_end();
        }
        let (users, request) = (1, watcher.ask(&MessagePayload::Ping { data: b"" }));
        watcher.expect(request, &MessagePayload::Pong { data: b"" });
        server.wait_until("mallory gone", |metrics| metrics.users == users);
        tried += 1;
    }
    assert!(tried > 250, "{tried}");
}

#[test]
fn another_family_or_version_on_the_same_connection() {
    let server = TestServer::start();
    for (first, code) in [
        (0x01, ErrorCode::MalformedFrame),
        (0xCA, ErrorCode::MalformedFrame),
        (0x03, ErrorCode::UnsupportedVersion),
        (b'G', ErrorCode::UnsupportedVersion),
    ] {
        let mut peer = PeerV2::user(server.address(), "ada");
        peer.send_bytes(&[first]);
        peer.expect_error(0, code);
        peer.expect_end();
        server.wait_until("no user", |metrics| metrics.users == 0);
    }
}

/// A bad check is told with the byte that shows it, and before it nothing is.
#[test]
fn nothing_of_a_header_is_believed_before_its_check() {
    let server = TestServer::start();
    let mut peer = PeerV2::connect(server.address());
    let mut ping = encoded(1, &MessagePayload::Ping { data: b"" });
    // A length that no frame has, under the check of another.
    ping[2] = 0xFF;
    peer.send_bytes(&ping[..5]);
    let mut other = PeerV2::user(server.address(), "ada");
    let request = other.ask(&MessagePayload::Ping { data: b"" });
    other.expect(request, &MessagePayload::Pong { data: b"" });
    assert_eq!(server.metrics().parse_errors, 0);
    peer.send_bytes(&ping[5..6]);
    peer.expect_error(0, ErrorCode::MalformedFrame);
    peer.expect_end();
}
