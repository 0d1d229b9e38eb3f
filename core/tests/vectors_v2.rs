//! Every frame of `vectors/vectors-v2.json`, through every entry point that reads or writes chat
//! version 2. The frames were put together by a generator that shares no code with this crate
//! (`vectors/generate_v2.py`); `vectors/README.md` explains a vector's members.

use std::num::NonZeroU32;

use cafewire_core::chat::v2::{
    Capabilities, Flags, FrameDecoder, Framing, Header, MessagePayload, MessageType, Resume, Terms,
    ZeroCopyMessage,
};
use cafewire_core::{Direction, ErrorCode, Field, FieldError, ParseError};
use serde_json::Value;

static VECTORS: &str = include_str!("../vectors/vectors-v2.json");

const ERROR_KINDS: [&str; 14] = [
    "Truncated",
    "UnsupportedVersion",
    "CheckMismatch",
    "UnknownType",
    "WrongDirectionV2",
    "NotSignedIn",
    "UnsupportedFlags",
    "LengthOutOfRangeV2",
    "ChecksumMismatch",
    "FieldOverrun",
    "InvalidUtf8",
    "InvalidField",
    "InvalidValue",
    "TrailingBytes",
];

#[test]
fn there_are_enough_of_each_kind() {
    let (good, bad) = (good().len(), bad().len());
    assert!(good >= 60 && bad >= 200, "{good} good frames, {bad} bad ones");
    assert_eq!(good + bad, vectors().len(), "each vector is good or bad");
    assert_eq!(VECTORS.lines().count(), good + bad + 2, "one vector a line, between the brackets");
}

#[test]
fn every_type_has_good_frames_and_every_error_bad_ones() {
    for known in MessageType::ALL {
        let of_type = |vector: &Value| text(&vector["message"], "type") == known.name();
        assert!(good().iter().filter(|vector| of_type(vector)).count() >= 2, "{known}");
    }
    for kind in ERROR_KINDS {
        assert!(bad().iter().any(|vector| text(&vector["error"], "kind") == kind), "{kind}");
    }
}

#[test]
fn good_frames_are_read_whole() {
    for vector in good() {
        let (name, bytes, terms) = (text(&vector, "name"), bytes(&vector, "hex"), terms(&vector));
        let view = ZeroCopyMessage::parse_from_bytes(&bytes, terms).expect(name);
        let message = message(&vector["message"]);
        let message = message.as_payload();
        assert_eq!(view.message_type(), message.message_type(), "{name}");
        let header = view.header();
        assert_eq!(u64::from(header.request), number(&vector, "request"), "{name}");
        assert_eq!(u64::from(header.flags.bits()), number(&vector, "flags"), "{name}");
        assert_eq!(Header::parse(&bytes), Ok(header), "{name}");
        assert_eq!(header.to_bytes(), bytes[..8], "{name}");
        assert_eq!(header.payload_size(), Some(view.payload().len()), "{name}");
        assert_eq!(view.parse_payload(), Ok(message), "{name}");
        assert_eq!(MessagePayload::parse(view.message_type(), view.payload()), Ok(message));
        let expected = Framing::Frame { frame: view, consumed: bytes.len() };
        for direction in [Direction::Either, Direction::ToServer, Direction::ToClient] {
            if view.message_type().is_sent(direction) {
                let mut decoder = FrameDecoder::new(direction, terms);
                assert_eq!(decoder.next_frame(&bytes), expected, "{name}, {direction:?}");
                assert_eq!(decoder.stream_offset(), bytes.len() as u64, "{name}");
            }
        }
    }
}

#[test]
fn seals_are_handed_on_as_they_stand() {
    let mut sealed = 0;
    for vector in good() {
        let (name, bytes) = (text(&vector, "name"), bytes(&vector, "hex"));
        let view = ZeroCopyMessage::parse_from_bytes(&bytes, terms(&vector)).expect(name);
        let Some(seal) = view.seal() else {
            assert!(vector["seal"].is_null(), "{name}");
            continue;
        };
        sealed += 1;
        assert_eq!(seal.counter.to_string(), text(&vector["seal"], "counter"), "{name}");
        assert_eq!(seal.tag[..], unfold(text(&vector["seal"], "tag")), "{name}");
        assert_eq!(seal.signed, &bytes[..bytes.len() - 20], "{name}");
    }
    assert!(sealed >= 26, "only {sealed} sealed frames");
}

#[test]
fn good_frames_are_written_to_the_same_bytes() {
    for vector in good() {
        let (name, bytes) = (text(&vector, "name"), bytes(&vector, "hex"));
        let owned = message(&vector["message"]);
        let message = owned.as_payload();
        assert_eq!(message.validate(), Ok(()), "{name}");
        let request = u16::try_from(number(&vector, "request")).expect(name);
        let mut buffer = vec![0xA5; message.encoded_len() + 1];
        let written = message.encode_into(request, &mut buffer).expect(name);
        let payload = 8..written.len() - 4;
        assert_eq!(written[payload.clone()], bytes[payload], "{name}");
        if vector["seal"].is_null() {
            assert_eq!(written, bytes, "{name}");
        }
        assert_eq!(buffer.last(), Some(&0xA5), "{name}: wrote past the frame");
    }
}

#[test]
fn a_good_frame_cut_anywhere_waits_for_the_rest() {
    for vector in good() {
        let (name, bytes, terms) = (text(&vector, "name"), bytes(&vector, "hex"), terms(&vector));
        let cuts = (0..bytes.len()).filter(|&cut| cut < 200 || cut + 200 > bytes.len());
        for cut in cuts {
            let framing = Framing::of(&bytes[..cut], Direction::Either, terms);
            let needed = if cut < 6 { 8 - cut } else { bytes.len() - cut };
            assert_eq!(framing, Framing::Incomplete { needed }, "{name} cut after {cut}");
        }
    }
}

#[test]
fn any_damaged_bit_is_found() {
    for vector in good() {
        let (name, mut bytes, terms) =
            (text(&vector, "name"), bytes(&vector, "hex"), terms(&vector));
        for bit in (0..8 * bytes.len()).filter(|bit| bit % 97 == 0 || *bit < 64) {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let framing = Framing::of(&bytes, Direction::Either, terms);
            assert!(matches!(framing, Framing::Corrupt { .. }), "{name}, bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn every_error_says_its_offset_and_its_code() {
    for vector in bad() {
        let (name, error) = (text(&vector, "name"), parse_error(&vector["error"]));
        assert_eq!(error.offset() as u64, number(&vector["error"], "offset"), "{name}");
        assert_eq!(u64::from(error.code().to_wire()), number(&vector["error"], "code"), "{name}");
    }
}

#[test]
fn bad_frames_are_refused_at_their_stage() {
    for vector in bad() {
        let (name, bytes, terms) = (text(&vector, "name"), bytes(&vector, "hex"), terms(&vector));
        let error = parse_error(&vector["error"]);
        let direction = match text(&vector, "direction") {
            "either" => Direction::Either,
            "to-server" => Direction::ToServer,
            "to-client" => Direction::ToClient,
            other => panic!("{name}: {other} is no direction"),
        };
        let framing = Framing::of(&bytes, direction, terms);
        let one_shot = ZeroCopyMessage::parse_from_bytes(&bytes, terms);
        match text(&vector, "stage") {
            "framing" => {
                assert_eq!(framing, Framing::Corrupt { error }, "{name}");
                if direction == Direction::Either {
                    assert_eq!(one_shot, Err(error), "{name}");
                }
                // Nothing but the version is judged before the sixth byte.
                for cut in 1..bytes.len().min(6) {
                    let early = Framing::of(&bytes[..cut], direction, terms);
                    match error {
                        ParseError::UnsupportedVersion { .. } => assert_eq!(early, framing),
                        _ => assert_eq!(early, Framing::Incomplete { needed: 8 - cut }, "{name}"),
                    }
                }
            }
            "payload" => {
                let view = one_shot.expect(name);
                assert_eq!(view.parse_payload(), Err(error), "{name}");
                assert_eq!(framing, Framing::Frame { frame: view, consumed: bytes.len() });
            }
            "one-shot" => assert_eq!(one_shot, Err(error), "{name}"),
            other => panic!("{name}: {other} is no stage"),
        }
    }
}

// ---- What a vector says -------------------------------------------------------------------------

fn vectors() -> Vec<Value> {
    serde_json::from_str(VECTORS).expect("vectors-v2.json is JSON")
}

fn good() -> Vec<Value> {
    vectors().into_iter().filter(|vector| !vector["message"].is_null()).collect()
}

fn bad() -> Vec<Value> {
    vectors().into_iter().filter(|vector| !vector["error"].is_null()).collect()
}

fn text<'v>(object: &'v Value, member: &str) -> &'v str {
    object[member].as_str().unwrap_or_else(|| panic!("{member} is no string in {object}"))
}

fn number(object: &Value, member: &str) -> u64 {
    object[member].as_u64().unwrap_or_else(|| panic!("{member} is no number in {object}"))
}

fn bytes(vector: &Value, member: &str) -> Vec<u8> {
    unfold(text(vector, member))
}

/// Hex in groups; `41*9` is nine times the byte 41.
fn unfold(hex: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for group in hex.split_whitespace() {
        let (digits, times) = group.split_once('*').unwrap_or((group, "1"));
        let once: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits"))
            .collect();
        bytes.extend(once.repeat(times.parse().expect("a count after the star")));
    }
    bytes
}

fn terms(vector: &Value) -> Terms {
    let terms = &vector["terms"];
    match text(terms, "at") {
        "unknown" => Terms::UNKNOWN,
        "before-sign-in" => Terms::BEFORE_SIGN_IN,
        "challenged" => Terms::CHALLENGED,
        "signed-in" => Terms::signed_in(capabilities(terms, "granted")),
        other => panic!("{other} is no place in a session"),
    }
}

fn capabilities(object: &Value, member: &str) -> Capabilities {
    Capabilities::from_bits(u16::try_from(number(object, member)).expect("16 bits"))
}

/// A vector's message, with the bytes that it has in hex.
struct Owned<'v> {
    message: &'v Value,
    data: Vec<u8>,
}

fn message(message: &Value) -> Owned<'_> {
    Owned { message, data: unfold(message["data"].as_str().unwrap_or_default()) }
}

impl Owned<'_> {
    fn as_payload(&self) -> MessagePayload<'_> {
        let name = text(self.message, "type");
        let known = MessageType::ALL.into_iter().find(|known| known.name() == name).expect(name);
        if (known as u8) < 0x80 { self.of_client(known) } else { self.of_server(known) }
    }

    fn of_client(&self, known: MessageType) -> MessagePayload<'_> {
        let (room, content) = (|| self.text("room"), || self.text("content"));
        match known {
            MessageType::Connect => MessagePayload::Connect {
                capabilities: capabilities(self.message, "capabilities"),
                client_nonce: self.nonce("client_nonce"),
                username: self.text("username"),
            },
            MessageType::Disconnect => MessagePayload::Disconnect,
            MessageType::SendMessage => {
                MessagePayload::SendMessage { room: room(), content: content() }
            }
            MessageType::JoinRoom => MessagePayload::JoinRoom {
                resume: NonZeroU32::new(self.u32("epoch"))
                    .map(|epoch| Resume { epoch, after: self.u64("after") }),
                replay: self.u16("replay"),
                room: room(),
            },
            MessageType::LeaveRoom => MessagePayload::LeaveRoom { room: room() },
            MessageType::Ping => MessagePayload::Ping { data: &self.data },
            MessageType::ListRooms => {
                MessagePayload::ListRooms { count: self.u16("count"), after: self.text("after") }
            }
            MessageType::ListMembers => MessagePayload::ListMembers {
                count: self.u16("count"),
                room: room(),
                after: self.text("after"),
            },
            MessageType::DirectMessage => {
                MessagePayload::DirectMessage { to: self.text("to"), content: content() }
            }
            MessageType::Authenticate => MessagePayload::Authenticate,
            MessageType::History => MessagePayload::History {
                before: self.u64("before"),
                count: self.u16("count"),
                room: room(),
            },
            MessageType::ClientPong => MessagePayload::ClientPong { data: &self.data },
            other => panic!("{other} is no client's"),
        }
    }

    fn of_server(&self, known: MessageType) -> MessagePayload<'_> {
        let (username, room) = (|| self.text("username"), || self.text("room"));
        let (user_id, members) = (|| self.u32("user_id"), || self.u32("members"));
        match known {
            MessageType::ConnectAck => MessagePayload::ConnectAck {
                user_id: user_id(),
                capabilities: capabilities(self.message, "capabilities"),
                server_info: self.text("server_info"),
            },
            MessageType::MessageBroadcast => MessagePayload::MessageBroadcast {
                sequence: self.u64("sequence"),
                previous: self.u64("previous"),
                timestamp: self.u64("timestamp"),
                user_id: user_id(),
                origin: self.u16("origin"),
                part: self.u8("part"),
                username: username(),
                room: room(),
                content: self.text("content"),
            },
            MessageType::UserJoined | MessageType::UserLeft => {
                let (user_id, members) = (user_id(), members());
                let (username, room) = (username(), room());
                if known == MessageType::UserJoined {
                    MessagePayload::UserJoined { user_id, members, username, room }
                } else {
                    MessagePayload::UserLeft { user_id, members, username, room }
                }
            }
            MessageType::Joined => MessagePayload::Joined {
                epoch: self.u32("epoch"),
                sequence: self.u64("sequence"),
                replay_from: self.u64("replay_from"),
                members: members(),
                presence: self.u8("presence") == 1,
                room: room(),
            },
            MessageType::Pong => MessagePayload::Pong { data: &self.data },
            MessageType::RoomInfo => MessagePayload::RoomInfo {
                members: members(),
                presence: self.u8("presence") == 1,
                room: room(),
            },
            MessageType::MemberInfo => MessagePayload::MemberInfo {
                user_id: user_id(),
                username: username(),
                room: room(),
            },
            MessageType::DirectDelivery => MessagePayload::DirectDelivery {
                timestamp: self.u64("timestamp"),
                user_id: user_id(),
                part: self.u8("part"),
                from: self.text("from"),
                content: self.text("content"),
            },
            MessageType::Challenge => MessagePayload::Challenge {
                capabilities: capabilities(self.message, "capabilities"),
                server_nonce: self.nonce("server_nonce"),
            },
            MessageType::ListEnd => {
                MessagePayload::ListEnd { count: self.u16("count"), more: self.u8("more") == 1 }
            }
            MessageType::ServerPing => MessagePayload::ServerPing { data: &self.data },
            MessageType::Ack => MessagePayload::Ack { timestamp: self.u64("timestamp") },
            MessageType::Error => MessagePayload::Error {
                code: ErrorCode::from_wire(self.u16("code")),
                retry_after_ms: self.u32("retry_after_ms"),
                message: self.text("message"),
            },
            other => panic!("{other} is no server's"),
        }
    }

    fn text(&self, member: &str) -> &str {
        text(self.message, member)
    }

    fn u8(&self, member: &str) -> u8 {
        number(self.message, member).try_into().expect("8 bits")
    }

    fn u16(&self, member: &str) -> u16 {
        number(self.message, member).try_into().expect("16 bits")
    }

    fn u32(&self, member: &str) -> u32 {
        number(self.message, member).try_into().expect("32 bits")
    }

    fn u64(&self, member: &str) -> u64 {
        self.text(member).parse().expect("64 bits, as a string")
    }

    fn nonce(&self, member: &str) -> [u8; 16] {
        unfold(self.text(member)).try_into().expect("16 bytes")
    }
}

fn parse_error(error: &Value) -> ParseError {
    let size = |member| usize::try_from(number(error, member)).expect("a size");
    let byte = |member| u8::try_from(number(error, member)).expect("a byte");
    let short = |member| u16::try_from(number(error, member)).expect("a u16");
    let long = |member| u32::try_from(number(error, member)).expect("a u32");
    let flags = |member| Flags::from_bits(byte(member));
    let message_type = || {
        let name = text(error, "message_type");
        MessageType::ALL.into_iter().find(|known| known.name() == name).expect(name)
    };
    let offset = size("offset");
    match text(error, "kind") {
        "Truncated" => {
            ParseError::Truncated { needed: size("needed"), available: size("available") }
        }
        "UnsupportedVersion" => ParseError::UnsupportedVersion { offset, actual: byte("actual") },
        "CheckMismatch" => {
            ParseError::CheckMismatch { offset, expected: byte("expected"), actual: byte("actual") }
        }
        "UnknownType" => ParseError::UnknownType { offset, actual: byte("actual") },
        "WrongDirectionV2" => ParseError::WrongDirectionV2 { offset, message_type: message_type() },
        "NotSignedIn" => ParseError::NotSignedIn { offset, message_type: message_type() },
        "UnsupportedFlags" => ParseError::UnsupportedFlags {
            offset,
            message_type: message_type(),
            actual: flags("actual"),
            required: flags("required"),
            allowed: flags("allowed"),
        },
        "LengthOutOfRangeV2" => ParseError::LengthOutOfRangeV2 {
            offset,
            message_type: message_type(),
            actual: short("actual"),
            min: short("min"),
            max: short("max"),
        },
        "ChecksumMismatch" => ParseError::ChecksumMismatch {
            offset,
            expected: long("expected"),
            actual: long("actual"),
        },
        "FieldOverrun" => ParseError::FieldOverrun {
            offset,
            field: field(error),
            needed: size("needed"),
            available: size("available"),
        },
        "InvalidUtf8" => ParseError::InvalidUtf8 { offset, field: field(error) },
        "InvalidField" => ParseError::InvalidField { offset, error: field_error(error) },
        "InvalidValue" => ParseError::InvalidValue { offset },
        "TrailingBytes" => ParseError::TrailingBytes { offset, extra: size("extra") },
        other => panic!("{other} is no kind of error"),
    }
}

fn field_error(error: &Value) -> FieldError {
    let size = |member| usize::try_from(number(error, member)).expect("a size");
    let field = field(error);
    match text(error, "rule") {
        "Length" => {
            FieldError::Length { field, actual: size("actual"), min: size("min"), max: size("max") }
        }
        "ControlCharacter" => FieldError::ControlCharacter { field, position: size("position") },
        other => panic!("{other} is no rule"),
    }
}

fn field(error: &Value) -> Field {
    match text(error, "field") {
        "Username" => Field::Username,
        "RoomName" => Field::RoomName,
        "Content" => Field::Content,
        "ServerInfo" => Field::ServerInfo,
        "ErrorMessage" => Field::ErrorMessage,
        other => panic!("{other} is no field"),
    }
}
