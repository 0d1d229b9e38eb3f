//! Messages of errors: what is wrong, where, and what would be right.

use cafewire_core::chat::v2;
use cafewire_core::{
    ErrorCode, Family, Field, FieldError, Message, MessagePayload, MessageType, ParseError,
    ProtocolError,
};

#[test]
fn bytes_that_were_refused() {
    let (message_type, field) = (MessageType::Connect, Field::RoomName);
    for (error, sentence) in [
        (
            ParseError::Truncated { needed: 12, available: 7 },
            "frame cut short: 12 bytes needed, 7 there",
        ),
        (
            ParseError::BadMagic { offset: 1, expected: 0xFE, actual: 0x0F },
            "bad magic at byte 1: 0x0f where 0xfe belongs",
        ),
        (
            ParseError::UnsupportedVersion { offset: 0, actual: 2 },
            "byte 0 is 0x02: neither the echo magic 0xca nor chat version 0x01",
        ),
        (
            ParseError::FamilyChanged { offset: 0, established: Family::Echo, actual: 1 },
            "byte 0 is 0x01: this connection began as echo and stays so",
        ),
        (
            ParseError::FamilyChanged { offset: 0, established: Family::ChatV1, actual: 0xCA },
            "byte 0 is 0xca: this connection began as chat version 1 and stays so",
        ),
        (ParseError::UnknownType { offset: 1, actual: 6 }, "unknown message type 0x06 at byte 1"),
        (
            ParseError::WrongDirection { offset: 1, message_type },
            "Connect at byte 1 is sent only the other way",
        ),
        (
            ParseError::LengthOutOfRange { offset: 2, message_type, actual: 34, min: 1, max: 33 },
            "length 34 at byte 2: Connect takes 1 to 33 bytes",
        ),
        (
            ParseError::ChecksumMismatch { offset: 4, expected: 0x17, actual: 0x9A7C_6C00 },
            "checksum at byte 4 is 0x9a7c6c00, the frame's own is 0x00000017",
        ),
        (
            ParseError::CheckMismatch { offset: 5, expected: 0x07, actual: 0x70 },
            "check at byte 5 is 0x70, the header's own is 0x07",
        ),
        (
            ParseError::WrongDirectionV2 { offset: 1, message_type: v2::MessageType::Ack },
            "Ack at byte 1 is sent only the other way",
        ),
        (
            ParseError::NotSignedIn { offset: 1, message_type: v2::MessageType::History },
            "History at byte 1 before the sign-in",
        ),
        (
            ParseError::UnsupportedFlags {
                offset: 4,
                message_type: v2::MessageType::Ping,
                actual: v2::Flags::from_bits(0x81),
                required: v2::Flags::NONE,
                allowed: v2::Flags::ALL,
            },
            "flags 0x81 at byte 4: Ping must have none and may have COMPRESSED | SEALED here",
        ),
        (
            ParseError::LengthOutOfRangeV2 {
                offset: 2,
                message_type: v2::MessageType::Ping,
                actual: 37,
                min: 4,
                max: 36,
            },
            "length 37 at byte 2: Ping takes 4 to 36 bytes here",
        ),
        (
            ParseError::InvalidValue { offset: 10 },
            "the integer at byte 10 has a value without a meaning",
        ),
        (
            ParseError::FieldOverrun { offset: 4, field, needed: 6, available: 3 },
            "room name at byte 4 needs 6 bytes, the body has 3 left",
        ),
        (
            ParseError::FieldOverrun {
                offset: 4,
                field: Field::FixedPart,
                needed: 4,
                available: 3,
            },
            "fixed part at byte 4 needs 4 bytes, the body has 3 left",
        ),
        (
            ParseError::InvalidUtf8 { offset: 9, field: Field::Content },
            "content is not UTF-8 at byte 9",
        ),
        (
            ParseError::InvalidField {
                offset: 4,
                error: FieldError::ControlCharacter { field, position: 2 },
            },
            "room name holds a control character at its byte 2 (field at byte 4)",
        ),
        (ParseError::TrailingBytes { offset: 8, extra: 3 }, "3 bytes too many from byte 8 on"),
    ] {
        assert_eq!(error.to_string(), sentence);
    }
}

#[test]
fn messages_that_were_refused() {
    let refused = MessagePayload::Connect { username: "" }.encode_into(&mut [0; 64]).unwrap_err();
    assert_eq!(refused.to_string(), "username is 0 bytes long, 1 to 32 are allowed");
    let refused = MessagePayload::JoinRoom { room: "a\n" }.encode_into(&mut [0; 64]).unwrap_err();
    assert_eq!(refused.to_string(), "room name holds a control character at its byte 1");
    let refused = Message::ping().encode_into(&mut [0; 4]).unwrap_err();
    assert_eq!(refused.to_string(), "the frame needs 5 bytes, the buffer has 4");
    let refused = Message::Data(&[0; 65_536]).encode_into(&mut [0; 5]).unwrap_err();
    assert_eq!(refused.to_string(), "the payload has 65536 bytes, this frame takes at most 65535");
    let long = "x".repeat(513);
    for (message, sentence) in [
        (
            MessagePayload::SendMessage { room: "r", content: &long },
            "content is 513 bytes long, 1 to 512 are allowed",
        ),
        (
            MessagePayload::ConnectAck { user_id: 1, server_info: &long },
            "server info is 513 bytes long, 0 to 512 are allowed",
        ),
        (
            MessagePayload::Error { code: ErrorCode::Replay, message: &long },
            "error message is 513 bytes long, 0 to 512 are allowed",
        ),
    ] {
        let error = message.validate().unwrap_err();
        assert_eq!(error.to_string(), sentence);
        assert_eq!(ProtocolError::from(error).to_string(), sentence);
    }
}
