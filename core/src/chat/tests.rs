//! Every body on static bytes, both ways, and what is refused of it, in both shapes.

use super::layout::Layout;
use super::v1::{frame_or_error, message_or_error};
use super::{ErrorCode, Field, MAX_FRAME_SIZE, MessagePayload, MessageType, ValidMessage};
use super::{ZeroCopyMessage, fast};
use crate::decoded::Decoded;
use crate::direction::Direction;
use crate::error::{FieldError, ParseError, ParseResult, ProtocolError};

fn assert_both_ways(message: MessagePayload<'_>, bytes: &[u8]) {
    let view = ZeroCopyMessage::parse_from_bytes(bytes).unwrap();
    assert_eq!(view.parse_payload(), Ok(message));
    assert_eq!(view.message_type, message.message_type());
    assert_eq!(view.encoded_len(), bytes.len());

    let decoded = Decoded::Chat { message, consumed: bytes.len() };
    let any = Direction::Either;
    assert_eq!(message_or_error::<Decoded<'_>>(bytes, any), decoded, "the small shape");
    assert_eq!(fast::next_message::<Decoded<'_>>(bytes, any), decoded, "the fast shape");
    type Frame<'a> = ParseResult<ZeroCopyMessage<'a>>;
    let frame = Ok(view);
    assert_eq!(frame_or_error::<Frame<'_>>(bytes, any), frame, "the small shape");
    assert_eq!(fast::next_frame::<Frame<'_>>(bytes, any), frame, "the fast shape");

    assert_eq!(message.encoded_len(), bytes.len());
    let valid = ValidMessage::new(message).unwrap();
    assert_eq!(valid.encoded_len(), bytes.len());
    assert_encodes(bytes, |buffer| message.encode_into(buffer));
    assert_encodes(bytes, |buffer| valid.encode_into(buffer));
    assert_encodes(bytes, |buffer| message.write::<true>(buffer));
    assert_encodes(bytes, |buffer| fast::encode(&message, false, buffer));
    assert_encodes(bytes, |buffer| fast::encode(&message, true, buffer));
}

type Encoded<'b> = Result<&'b [u8], ProtocolError>;

fn assert_encodes(bytes: &[u8], encode: impl for<'b> Fn(&'b mut [u8]) -> Encoded<'b>) {
    let mut buffer = [0xA5; MAX_FRAME_SIZE];
    assert_eq!(encode(&mut buffer), Ok(bytes));
    assert!(buffer[bytes.len()..].iter().all(|&byte| byte == 0xA5), "wrote past the frame");

    let mut small = [0xA5; MAX_FRAME_SIZE];
    let available = bytes.len() - 1;
    let error = ProtocolError::BufferTooSmall { needed: bytes.len(), available };
    assert_eq!(encode(&mut small[..available]), Err(error));
    assert!(small.iter().all(|&byte| byte == 0xA5), "wrote before it refused");
}

fn assert_refused(message_type: MessageType, body: &[u8], error: ParseError) {
    let view = ZeroCopyMessage { version: 1, message_type, payload: body };
    assert_eq!(view.parse_payload(), Err(error));
    assert_eq!(MessagePayload::read(message_type, body), Err(error), "the small shape");
    assert_eq!(fast::payload(message_type, body), Err(error), "the fast shape");

    let mut buffer = [0; 2 * MAX_FRAME_SIZE];
    let (min, max) = message_type.length_range();
    if !(usize::from(min)..=usize::from(max)).contains(&body.len()) {
        return;
    }
    let frame = view.encode_into(&mut buffer).unwrap();
    let refused = Decoded::Refused { error, consumed: frame.len() };
    let any = Direction::Either;
    assert_eq!(message_or_error::<Decoded<'_>>(frame, any), refused, "the small shape");
    assert_eq!(fast::next_message::<Decoded<'_>>(frame, any), refused, "the fast shape");
}

#[test]
fn connect_both_ways() {
    assert_both_ways(
        MessagePayload::Connect { username: "ada" },
        &[0x01, 0x01, 0x00, 0x04, 0x03, b'a', b'd', b'a', 0x9A, 0xFB, 0x83, 0x17],
    );
}

#[test]
fn connect_of_impossible_lengths() {
    let field = Field::Username;
    assert_refused(
        MessageType::Connect,
        b"\x00",
        ParseError::InvalidField {
            offset: 4,
            error: FieldError::Length { field, actual: 0, min: 1, max: 32 },
        },
    );
    assert_refused(
        MessageType::Connect,
        b"\x04ada",
        ParseError::FieldOverrun { offset: 4, field, needed: 5, available: 4 },
    );
    assert_refused(
        MessageType::Connect,
        b"\x02ada",
        ParseError::TrailingBytes { offset: 7, extra: 1 },
    );
}

#[test]
fn disconnect_both_ways() {
    assert_both_ways(MessagePayload::Disconnect, &[0x01, 0x02, 0x00, 0x00, 0x9A, 0x7C, 0x6C, 0x17]);
}

#[test]
fn disconnect_of_impossible_lengths() {
    assert_refused(
        MessageType::Disconnect,
        b"x",
        ParseError::TrailingBytes { offset: 4, extra: 1 },
    );
}

#[test]
fn send_message_both_ways() {
    assert_both_ways(
        MessagePayload::SendMessage { room: "lobby", content: "hi" },
        &[
            0x01, 0x03, 0x00, 0x08, 0x05, b'l', b'o', b'b', b'b', b'y', b'h', b'i', 0x8F, 0xA9,
            0xAB, 0x4A,
        ],
    );
}

#[test]
fn send_message_of_impossible_lengths() {
    let empty = |field, max| FieldError::Length { field, actual: 0, min: 1, max };
    assert_refused(
        MessageType::SendMessage,
        b"\x00hi",
        ParseError::InvalidField { offset: 4, error: empty(Field::RoomName, 64) },
    );
    assert_refused(
        MessageType::SendMessage,
        b"\x05lobby",
        ParseError::InvalidField { offset: 10, error: empty(Field::Content, 512) },
    );
    let mut long = [b'x'; 2 + 513];
    long[0] = 1;
    let error = FieldError::Length { field: Field::Content, actual: 513, min: 1, max: 512 };
    assert_refused(MessageType::SendMessage, &long, ParseError::InvalidField { offset: 6, error });
}

#[test]
fn room_request_both_ways() {
    assert_both_ways(
        MessagePayload::JoinRoom { room: "lobby" },
        &[0x01, 0x04, 0x00, 0x06, 0x05, b'l', b'o', b'b', b'b', b'y', 0x68, 0x7F, 0x54, 0x27],
    );
    assert_both_ways(
        MessagePayload::LeaveRoom { room: "lobby" },
        &[0x01, 0x05, 0x00, 0x06, 0x05, b'l', b'o', b'b', b'b', b'y', 0x7F, 0x04, 0x40, 0x64],
    );
}

#[test]
fn room_request_of_impossible_lengths() {
    let field = Field::RoomName;
    for message_type in [MessageType::JoinRoom, MessageType::LeaveRoom] {
        let error = FieldError::Length { field, actual: 0, min: 1, max: 64 };
        assert_refused(message_type, b"\x00", ParseError::InvalidField { offset: 4, error });
        let overrun = ParseError::FieldOverrun { offset: 4, field, needed: 3, available: 2 };
        assert_refused(message_type, b"\x02a", overrun);
        assert_refused(message_type, b"\x01abc", ParseError::TrailingBytes { offset: 6, extra: 2 });
    }
}

#[test]
fn connect_ack_both_ways() {
    assert_both_ways(
        MessagePayload::ConnectAck { user_id: 7, server_info: "hi" },
        &[0x01, 0x81, 0x00, 0x06, 0x00, 0x00, 0x00, 0x07, b'h', b'i', 0x82, 0xB3, 0x0C, 0xA8],
    );
}

#[test]
fn connect_ack_of_impossible_lengths() {
    let field = Field::FixedPart;
    let overrun = ParseError::FieldOverrun { offset: 4, field, needed: 4, available: 3 };
    assert_refused(MessageType::ConnectAck, &[0, 0, 0], overrun);
    let error = FieldError::Length { field: Field::ServerInfo, actual: 513, min: 0, max: 512 };
    assert_refused(
        MessageType::ConnectAck,
        &[0; 517],
        ParseError::InvalidField { offset: 8, error },
    );
}

#[test]
fn broadcast_both_ways() {
    assert_both_ways(
        MessagePayload::MessageBroadcast {
            user_id: 7,
            timestamp: 1_700_000_000_000,
            username: "ada",
            room: "lobby",
            content: "hi",
        },
        &[
            0x01, 0x82, 0x00, 0x18, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x01, 0x8B, 0xCF, 0xE5,
            0x68, 0x00, 0x03, b'a', b'd', b'a', 0x05, b'l', b'o', b'b', b'b', b'y', b'h', b'i',
            0x7B, 0xA4, 0x1E, 0xC1,
        ],
    );
}

#[test]
fn broadcast_of_impossible_lengths() {
    let field = Field::FixedPart;
    let overrun = ParseError::FieldOverrun { offset: 4, field, needed: 12, available: 11 };
    assert_refused(MessageType::MessageBroadcast, &[0; 11], overrun);
    let mut body = [0; 15];
    body[12..].copy_from_slice(b"\x01a\x09");
    let field = Field::RoomName;
    let overrun = ParseError::FieldOverrun { offset: 18, field, needed: 10, available: 1 };
    assert_refused(MessageType::MessageBroadcast, &body, overrun);
}

#[test]
fn presence_both_ways() {
    assert_both_ways(
        MessagePayload::UserJoined { user_id: 7, username: "ada", room: "lobby" },
        &[
            0x01, 0x83, 0x00, 0x0E, 0x00, 0x00, 0x00, 0x07, 0x03, b'a', b'd', b'a', 0x05, b'l',
            b'o', b'b', b'b', b'y', 0x26, 0x53, 0x10, 0x9B,
        ],
    );
    assert_both_ways(
        MessagePayload::UserLeft { user_id: 7, username: "ada", room: "lobby" },
        &[
            0x01, 0x84, 0x00, 0x0E, 0x00, 0x00, 0x00, 0x07, 0x03, b'a', b'd', b'a', 0x05, b'l',
            b'o', b'b', b'b', b'y', 0x06, 0xC1, 0x6C, 0xD0,
        ],
    );
}

#[test]
fn presence_of_impossible_lengths() {
    for message_type in [MessageType::UserJoined, MessageType::UserLeft] {
        let field = Field::RoomName;
        let overrun = ParseError::FieldOverrun { offset: 10, field, needed: 1, available: 0 };
        assert_refused(message_type, b"\0\0\0\x07\x01a", overrun);
        let trailing = ParseError::TrailingBytes { offset: 12, extra: 1 };
        assert_refused(message_type, b"\0\0\0\x07\x01a\x01r!", trailing);
    }
}

#[test]
fn error_both_ways() {
    assert_both_ways(
        MessagePayload::Error { code: ErrorCode::UsernameTaken, message: "no" },
        &[0x01, 0xFF, 0x00, 0x04, 0x00, 0x0A, b'n', b'o', 0xE5, 0xDA, 0x8C, 0x31],
    );
}

#[test]
fn error_of_impossible_lengths() {
    let field = Field::FixedPart;
    let overrun = ParseError::FieldOverrun { offset: 4, field, needed: 2, available: 1 };
    assert_refused(MessageType::Error, &[0], overrun);
}

#[test]
fn errors_say_where_in_the_frame() {
    use std::string::ToString as _;

    let fields = |body: &'static [u8]| Layout::of(MessageType::UserLeft).read(body).unwrap_err();
    let error = fields(b"\0\0\0\x07\x02ab\x05cd");
    let room = Field::RoomName;
    let overrun = ParseError::FieldOverrun { offset: 11, field: room, needed: 6, available: 3 };
    assert_eq!(error, overrun);
    assert_eq!(error.to_string(), "room name at byte 11 needs 6 bytes, the body has 3 left");
    let error = fields(b"\0\0\0\x07\x02ab\x02c\xFF");
    assert_eq!(error, ParseError::InvalidUtf8 { offset: 13, field: room });
    let error = fields(b"\0\0\0\x07\x02ab\x01c!");
    assert_eq!(error, ParseError::TrailingBytes { offset: 13, extra: 1 });
}

#[test]
fn a_character_cut_by_the_end_of_a_name_is_refused() {
    // Valid UTF-8 as a whole, but not field by field.
    let error = ParseError::InvalidUtf8 { offset: 5, field: Field::RoomName };
    assert_refused(MessageType::SendMessage, b"\x01\xC3\xA9x", error);
    // A length that is a character's first byte.
    let field = Field::RoomName;
    let overrun = ParseError::FieldOverrun { offset: 4, field, needed: 0xC4, available: 4 };
    assert_refused(MessageType::SendMessage, b"\xC3\xA9xx", overrun);
}

#[test]
fn names_with_control_characters_are_refused_at_their_place() {
    let names = ["a\u{0}", "ab\u{1F}", "\u{7F}", "é\u{80}", "\u{9F}x"];
    for (name, position) in names.into_iter().zip([1, 2, 0, 2, 0]) {
        let error = FieldError::ControlCharacter { field: Field::Username, position };
        let mut body = [0; 16];
        body[0] = u8::try_from(name.len()).unwrap();
        body[1..=name.len()].copy_from_slice(name.as_bytes());
        let refused = ParseError::InvalidField { offset: 4, error };
        assert_refused(MessageType::Connect, &body[..=name.len()], refused);

        let message = MessagePayload::Connect { username: name };
        let refused = Err(ProtocolError::InvalidField(error));
        let mut buffer = [0xA5; 64];
        assert_eq!(message.write::<true>(&mut buffer), refused);
        assert_eq!(fast::encode(&message, false, &mut buffer), refused);
        assert_eq!(buffer, [0xA5; 64]);
    }
}
