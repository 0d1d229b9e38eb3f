//! Every frame of `vectors/vectors.json`, through every entry point that reads bytes. The frames
//! were put together by a generator that shares no code with this crate (`vectors/generate.py`);
//! `vectors/README.md` explains a vector's members.

use cafewire_core::chat::{self, MessagePayload};
use cafewire_core::echo::{self, Message};
use cafewire_core::{
    Decoded, Direction, ErrorCode, Family, Field, FieldError, Frame, FrameDecoder, Framing,
    MessageType, ParseError,
};
use serde_json::Value;

static VECTORS: &str = include_str!("../vectors/vectors.json");

const ERROR_KINDS: [&str; 12] = [
    "Truncated",
    "BadMagic",
    "UnsupportedVersion",
    "FamilyChanged",
    "UnknownType",
    "WrongDirection",
    "LengthOutOfRange",
    "ChecksumMismatch",
    "FieldOverrun",
    "InvalidUtf8",
    "InvalidField",
    "TrailingBytes",
];

#[test]
fn bad_frames_outnumber_good_ones() {
    let vectors = vectors();
    let good = vectors.iter().filter(|vector| !vector["message"].is_null()).count();
    let bad = vectors.iter().filter(|vector| !vector["error"].is_null()).count();
    assert!(good >= 40, "only {good} good frames");
    assert!(bad >= 80, "only {bad} bad frames");
    assert_eq!(good + bad, vectors.len(), "each vector is good or bad, never both or neither");
    assert_eq!(
        VECTORS.lines().count(),
        vectors.len() + 2,
        "one vector a line, between the brackets"
    );
}

#[test]
fn every_type_has_good_frames_and_every_error_bad_ones() {
    let echo_types = echo::MessageType::ALL.map(|known| ("echo", known.name()));
    let chat_types = MessageType::ALL.map(|known| ("chat-v1", known.name()));
    for family_and_type in echo_types.into_iter().chain(chat_types) {
        let is_it = |vector: &Value| {
            (text(vector, "family"), text(&vector["message"], "type")) == family_and_type
        };
        assert!(good().any(|vector| is_it(&vector)), "{family_and_type:?}");
    }
    for kind in ERROR_KINDS {
        assert!(bad().any(|vector| text(&vector["error"], "kind") == kind), "{kind}");
    }
}

#[test]
fn good_frames_are_read_whole() {
    for vector in good() {
        let (name, bytes) = (text(&vector, "name"), bytes(&vector, "hex"));
        let frame = whole_frame(&vector, &bytes);
        let expected = Framing::Frame { frame, consumed: bytes.len() };
        assert_eq!(Framing::of(&bytes), expected, "{name}");
        for direction in directions_of(frame) {
            let mut reader = FrameDecoder::new(direction);
            assert_eq!(reader.next_frame(&bytes), expected, "{name}, {direction:?}");
            assert_eq!(reader.stream_offset(), bytes.len() as u64, "{name}, {direction:?}");
        }
    }
}

#[test]
fn good_frames_carry_their_messages_and_encode_to_the_same_bytes() {
    for vector in good() {
        let (name, bytes) = (text(&vector, "name"), bytes(&vector, "hex"));
        let mut buffer = vec![0xA5; bytes.len() + 1];
        match whole_frame(&vector, &bytes) {
            Frame::Echo(view) => {
                let payload = unfold(text(&vector["message"], "payload"));
                let message = echo_message(&vector["message"], &payload);
                assert_eq!(view.message(), message, "{name}");
                assert_eq!(message.encoded_len(), bytes.len(), "{name}");
                assert_eq!(message.encode_into(&mut buffer), Ok(&bytes[..]), "{name}");
                assert_eq!(view.encode_into(&mut buffer), Ok(&bytes[..]), "{name}");
            }
            Frame::Chat(view) => {
                let message = chat_message(&vector["message"]);
                assert_eq!(view.parse_payload(), Ok(message), "{name}");
                assert_eq!(message.encoded_len(), bytes.len(), "{name}");
                assert_eq!(message.encode_into(&mut buffer), Ok(&bytes[..]), "{name}");
                assert_eq!(view.encode_into(&mut buffer), Ok(&bytes[..]), "{name}");
                let valid = chat::ValidMessage::new(message).expect(name);
                assert_eq!(valid.encode_into(&mut buffer), Ok(&bytes[..]), "{name}");
            }
        }
        assert_eq!(buffer.last(), Some(&0xA5), "{name}: wrote past the frame");
    }
}

#[test]
fn a_good_frame_cut_anywhere_waits_for_the_rest() {
    for vector in good() {
        let (name, bytes) = (text(&vector, "name"), bytes(&vector, "hex"));
        // The largest ones are cut at both ends only: every cut of them would show nothing more.
        let cuts = (0..bytes.len()).filter(|&cut| cut < 700 || cut + 700 > bytes.len());
        for cut in cuts {
            let Framing::Incomplete { needed } = Framing::of(&bytes[..cut]) else {
                panic!("{name} cut after {cut}")
            };
            assert!((1..=bytes.len() - cut).contains(&needed), "{name} cut after {cut}: {needed}");
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
fn bad_frames_of_the_one_shot_stage() {
    for vector in bad_of_stage("one-shot") {
        let (name, bytes, error) = parts(&vector);
        assert_eq!(one_shot(&vector, &bytes), Err(error), "{name}");
        // Errors of the one-shot parsers alone are none in a stream.
        match (error, Framing::of(&bytes)) {
            (ParseError::Truncated { needed, available }, Framing::Incomplete { needed: more }) => {
                let first_byte_only = available == 0;
                assert_eq!(more, if first_byte_only { 1 } else { needed - available }, "{name}");
            }
            (ParseError::TrailingBytes { offset, extra }, Framing::Frame { consumed, .. }) => {
                assert_eq!((consumed, bytes.len() - consumed), (offset, extra), "{name}");
            }
            (_, framing) => panic!("{name}: {framing:?}"),
        }
    }
}

#[test]
fn bad_frames_of_the_framing_stage() {
    for vector in bad_of_stage("framing") {
        let (name, bytes, error) = parts(&vector);
        let refused = Framing::Corrupt { error };
        let direction = match text(&vector, "direction") {
            "either" => Direction::Either,
            "to-server" => Direction::ToServer,
            "to-client" => Direction::ToClient,
            other => panic!("{name}: {other} is no direction"),
        };
        let mut reader = FrameDecoder::new(direction);
        assert_eq!(reader.next_frame(&bytes), refused, "{name}");
        assert_eq!(
            (reader.stream_offset(), reader.stream_offset_of(&error)),
            (0, error.offset() as u64),
            "{name}"
        );
        if direction == Direction::Either {
            assert_eq!(Framing::of(&bytes), refused, "{name}");
            assert_eq!(one_shot(&vector, &bytes), Err(error), "{name}");
        } else {
            assert_ne!(Framing::of(&bytes), refused, "{name}: wrong in one direction only");
        }
    }
}

#[test]
fn bad_frames_of_the_connection_stage() {
    for vector in bad_of_stage("connection") {
        let (name, bad, error) = parts(&vector);
        let mut stream = bytes(&vector, "before");
        let before = stream.len();
        stream.extend(&bad);
        let mut reader = FrameDecoder::new(Direction::Either);
        assert_eq!(reader.next_frame(&stream).consumed(), before, "{name}");
        assert_eq!(reader.family(), Some(family(text(&vector, "family"))), "{name}");
        assert_eq!(reader.next_frame(&stream[before..]), Framing::Corrupt { error }, "{name}");
        assert_eq!(reader.stream_offset_of(&error), (before + error.offset()) as u64, "{name}");
    }
}

#[test]
fn one_step_says_what_framing_and_then_the_payload_say() {
    for vector in vectors() {
        let (name, bytes) = (text(&vector, "name"), bytes(&vector, "hex"));
        assert_eq!(Decoded::of(&bytes), in_one_step(Framing::of(&bytes)), "{name}");
        for direction in [Direction::Either, Direction::ToServer, Direction::ToClient] {
            let mut decoder = FrameDecoder::new(direction);
            let framing = decoder.clone().next_frame(&bytes);
            assert_eq!(decoder.next_message(&bytes), in_one_step(framing), "{name}, {direction:?}");
            assert_eq!(decoder.stream_offset(), framing.consumed() as u64, "{name}, {direction:?}");
        }
    }
}

fn in_one_step(framing: Framing<'_>) -> Decoded<'_> {
    match framing {
        Framing::Frame { frame: Frame::Echo(view), consumed } => {
            Decoded::Echo { message: view.message(), consumed }
        }
        Framing::Frame { frame: Frame::Chat(view), consumed } => match view.parse_payload() {
            Ok(message) => Decoded::Chat { message, consumed },
            Err(error) => Decoded::Refused { error, consumed },
        },
        Framing::Incomplete { needed } => Decoded::Incomplete { needed },
        Framing::Corrupt { error } => Decoded::Corrupt { error },
    }
}

#[test]
fn bad_frames_of_the_payload_stage() {
    for vector in bad_of_stage("payload") {
        let (name, bytes, error) = parts(&vector);
        let view = chat::ZeroCopyMessage::parse_from_bytes(&bytes).expect(name);
        assert_eq!(
            Framing::of(&bytes),
            Framing::Frame { frame: Frame::Chat(view), consumed: bytes.len() },
            "{name}"
        );
        assert_eq!(view.parse_payload(), Err(error), "{name}");
    }
}

// ---- What a vector says -------------------------------------------------------------------------

fn vectors() -> Vec<Value> {
    serde_json::from_str(VECTORS).expect("vectors.json is JSON")
}

fn good() -> impl Iterator<Item = Value> {
    vectors().into_iter().filter(|vector| !vector["message"].is_null())
}

fn bad() -> impl Iterator<Item = Value> {
    vectors().into_iter().filter(|vector| !vector["error"].is_null())
}

fn bad_of_stage(stage: &str) -> Vec<Value> {
    let found: Vec<Value> = bad().filter(|vector| text(vector, "stage") == stage).collect();
    assert!(!found.is_empty(), "no vectors of the {stage} stage");
    found
}

fn parts(vector: &Value) -> (&str, Vec<u8>, ParseError) {
    (text(vector, "name"), bytes(vector, "hex"), parse_error(&vector["error"]))
}

fn text<'v>(object: &'v Value, member: &str) -> &'v str {
    object[member]
        .as_str()
        .unwrap_or_else(|| panic!("{member} is missing or no string in {object}"))
}

fn number(object: &Value, member: &str) -> u64 {
    object[member]
        .as_u64()
        .unwrap_or_else(|| panic!("{member} is missing or no number in {object}"))
}

fn bytes(vector: &Value, member: &str) -> Vec<u8> {
    unfold(text(vector, member))
}

/// Hex in groups; `41*9` is nine times the byte 41.
fn unfold(hex: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for group in hex.split_whitespace() {
        let (digits, times) = group.split_once('*').unwrap_or((group, "1"));
        assert!(digits.len().is_multiple_of(2), "{group} has an odd number of digits");
        let once: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits"))
            .collect();
        bytes.extend(once.repeat(times.parse().expect("a count after the star")));
    }
    bytes
}

fn one_shot<'a>(vector: &Value, bytes: &'a [u8]) -> Result<Frame<'a>, ParseError> {
    match family(text(vector, "family")) {
        Family::Echo => echo::ZeroCopyMessage::parse_from_bytes(bytes).map(Frame::Echo),
        Family::ChatV1 => chat::ZeroCopyMessage::parse_from_bytes(bytes).map(Frame::Chat),
        other => panic!("vectors know nothing of {other}"),
    }
}

fn whole_frame<'a>(vector: &Value, bytes: &'a [u8]) -> Frame<'a> {
    one_shot(vector, bytes).unwrap_or_else(|error| panic!("{}: {error}", text(vector, "name")))
}

fn directions_of(frame: Frame<'_>) -> Vec<Direction> {
    let all = [Direction::Either, Direction::ToServer, Direction::ToClient];
    all.into_iter()
        .filter(|&direction| match frame {
            Frame::Echo(_) => true,
            Frame::Chat(view) => view.message_type.is_sent(direction),
        })
        .collect()
}

fn family(name: &str) -> Family {
    match name {
        "echo" => Family::Echo,
        "chat-v1" => Family::ChatV1,
        other => panic!("{other} is no family"),
    }
}

fn echo_message<'a>(message: &Value, payload: &'a [u8]) -> Message<'a> {
    match text(message, "type") {
        "Ping" => Message::Ping(payload),
        "Pong" => Message::Pong(payload),
        "Echo" => Message::Echo(payload),
        "Data" => Message::Data(payload),
        "Error" => Message::Error(payload),
        other => panic!("{other} is no type of the echo family"),
    }
}

fn chat_message(message: &Value) -> MessagePayload<'_> {
    let user_id = || u32::try_from(number(message, "user_id")).expect("a user_id has 32 bits");
    let (username, room) = (|| text(message, "username"), || text(message, "room"));
    match text(message, "type") {
        "Connect" => MessagePayload::Connect { username: username() },
        "Disconnect" => MessagePayload::Disconnect,
        "SendMessage" => {
            MessagePayload::SendMessage { room: room(), content: text(message, "content") }
        }
        "JoinRoom" => MessagePayload::JoinRoom { room: room() },
        "LeaveRoom" => MessagePayload::LeaveRoom { room: room() },
        "ConnectAck" => MessagePayload::ConnectAck {
            user_id: user_id(),
            server_info: text(message, "server_info"),
        },
        "MessageBroadcast" => MessagePayload::MessageBroadcast {
            user_id: user_id(),
            timestamp: text(message, "timestamp").parse().expect("a timestamp has 64 bits"),
            username: username(),
            room: room(),
            content: text(message, "content"),
        },
        "UserJoined" => {
            MessagePayload::UserJoined { user_id: user_id(), username: username(), room: room() }
        }
        "UserLeft" => {
            MessagePayload::UserLeft { user_id: user_id(), username: username(), room: room() }
        }
        "Error" => {
            let code = u16::try_from(number(message, "code")).expect("a code has 16 bits");
            MessagePayload::Error {
                code: ErrorCode::from_wire(code),
                message: text(message, "message"),
            }
        }
        other => panic!("{other} is no type of the chat family"),
    }
}

fn parse_error(error: &Value) -> ParseError {
    let size = |member| usize::try_from(number(error, member)).expect("a size");
    let byte = |member| u8::try_from(number(error, member)).expect("a byte");
    let short = |member| u16::try_from(number(error, member)).expect("a u16");
    let checksum = |member| u32::try_from(number(error, member)).expect("a u32");
    let offset = size("offset");
    match text(error, "kind") {
        "Truncated" => {
            ParseError::Truncated { needed: size("needed"), available: size("available") }
        }
        "BadMagic" => {
            ParseError::BadMagic { offset, expected: byte("expected"), actual: byte("actual") }
        }
        "UnsupportedVersion" => ParseError::UnsupportedVersion { offset, actual: byte("actual") },
        "FamilyChanged" => ParseError::FamilyChanged {
            offset,
            established: family(text(error, "established")),
            actual: byte("actual"),
        },
        "UnknownType" => ParseError::UnknownType { offset, actual: byte("actual") },
        "WrongDirection" => {
            ParseError::WrongDirection { offset, message_type: message_type(error) }
        }
        "LengthOutOfRange" => ParseError::LengthOutOfRange {
            offset,
            message_type: message_type(error),
            actual: short("actual"),
            min: short("min"),
            max: short("max"),
        },
        "ChecksumMismatch" => ParseError::ChecksumMismatch {
            offset,
            expected: checksum("expected"),
            actual: checksum("actual"),
        },
        "FieldOverrun" => ParseError::FieldOverrun {
            offset,
            field: field(error),
            needed: size("needed"),
            available: size("available"),
        },
        "InvalidUtf8" => ParseError::InvalidUtf8 { offset, field: field(error) },
        "InvalidField" => {
            let field = field(error);
            let error = match text(error, "rule") {
                "Length" => FieldError::Length {
                    field,
                    actual: size("actual"),
                    min: size("min"),
                    max: size("max"),
                },
                "ControlCharacter" => {
                    FieldError::ControlCharacter { field, position: size("position") }
                }
                other => panic!("{other} is no rule"),
            };
            ParseError::InvalidField { offset, error }
        }
        "TrailingBytes" => ParseError::TrailingBytes { offset, extra: size("extra") },
        other => panic!("{other} is no kind of error"),
    }
}

fn message_type(error: &Value) -> MessageType {
    let name = text(error, "message_type");
    MessageType::ALL.into_iter().find(|known| known.name() == name).expect(name)
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
