//! Frames of version 2 as wholes: which headers are let in, in which order a receiver looks, and
//! that a refused message leaves the buffer alone. The vectors hold what single frames are.

use core::num::NonZeroU32;
use std::vec::Vec;

use super::*;
use crate::direction::Direction;
use crate::error::{FieldError, ParseError, ProtocolError};
use crate::{ErrorCode, Field};

const SIGNED: Terms = Terms::signed_in(Capabilities::SIGN);
const COMPRESSED: Terms = Terms::signed_in(Capabilities::COMPRESS);
const SMALL: Terms = Terms::signed_in(Capabilities::SMALL);

/// One message of each type, in the order of their codes.
fn messages() -> Vec<MessagePayload<'static>> {
    let (username, room, content) = ("Zoë", "日本", "naïve – 🦀");
    let (user_id, members, timestamp, part) = (7, 3, 1_700_000_000_000, 0x81);
    let resume = NonZeroU32::new(9).map(|epoch| Resume { epoch, after: 41 });
    let messages = [
        MessagePayload::Connect {
            capabilities: Capabilities::SIGN,
            client_nonce: *b"0123456789abcdef",
            username,
        },
        MessagePayload::Disconnect,
        MessagePayload::SendMessage { room, content },
        MessagePayload::JoinRoom { resume, replay: 50, room },
        MessagePayload::LeaveRoom { room },
        MessagePayload::Ping { data: b"\xFF\0" },
        MessagePayload::ListRooms { count: 10, after: "" },
        MessagePayload::ListMembers { count: 10, room, after: username },
        MessagePayload::DirectMessage { to: username, content },
        MessagePayload::Authenticate,
        MessagePayload::History { before: 40, count: 5, room },
        MessagePayload::ClientPong { data: b"" },
        MessagePayload::ConnectAck {
            user_id,
            capabilities: Capabilities::SMALL,
            server_info: content,
        },
        MessagePayload::MessageBroadcast {
            sequence: 42,
            previous: 41,
            timestamp,
            user_id,
            origin: 513,
            part,
            username,
            room,
            content,
        },
        MessagePayload::UserJoined { user_id, members, username, room },
        MessagePayload::UserLeft { user_id, members, username, room },
        MessagePayload::Joined {
            epoch: 9,
            sequence: 42,
            replay_from: 41,
            members,
            presence: true,
            room,
        },
        MessagePayload::Pong { data: b"\xFF\0" },
        MessagePayload::RoomInfo { members, presence: false, room },
        MessagePayload::MemberInfo { user_id, username, room },
        MessagePayload::DirectDelivery { timestamp, user_id, part, from: username, content },
        MessagePayload::Challenge { capabilities: Capabilities::SIGN, server_nonce: [0x20; 16] },
        MessagePayload::ListEnd { count: 2, more: true },
        MessagePayload::ServerPing { data: b"?" },
        MessagePayload::Ack { timestamp },
        MessagePayload::Error {
            code: ErrorCode::RateLimited,
            retry_after_ms: 250,
            message: content,
        },
    ];
    let types: Vec<_> = messages.iter().map(MessagePayload::message_type).collect();
    assert_eq!(types, MessageType::ALL, "one of every type");
    messages.into()
}

#[test]
fn the_sizes_that_the_specification_names() {
    assert_eq!(MAX_CLIENT_FRAME_SIZE, 4_197);
    assert_eq!(MAX_FRAME_SIZE, 4_261);
    assert_eq!(MAX_SMALL_FRAME_SIZE, 677);
    assert_eq!(MAX_SIGN_IN_FRAME_SIZE, 63);
}

#[test]
fn what_is_written_is_read_again() {
    for message in messages() {
        let mut buffer = [0xA5; 256];
        let frame = message.encode_into(0x1234, &mut buffer).unwrap();
        assert_eq!(frame.len(), message.encoded_len());
        if message == MessagePayload::Authenticate {
            continue; // No frame before it is sealed.
        }
        let view = ZeroCopyMessage::parse_from_bytes(frame, Terms::UNKNOWN).unwrap();
        assert_eq!((view.header().request, view.seal()), (0x1234, None));
        assert_eq!(view.message_type(), message.message_type());
        assert_eq!(view.parse_payload(), Ok(message));
        assert_eq!(MessagePayload::parse(view.message_type(), view.payload()), Ok(message));
        let len = frame.len();
        assert!(buffer[len..].iter().all(|&byte| byte == 0xA5), "{message:?}");
    }
}

#[test]
fn what_cannot_be_written_leaves_the_buffer_alone() {
    let mut buffer = [0xA5; 5000];
    for message in messages() {
        let needed = message.encoded_len();
        let error = message.encode_into(1, &mut buffer[..needed - 1]).unwrap_err();
        assert_eq!(error, ProtocolError::BufferTooSmall { needed, available: needed - 1 });
    }
    let long = &*"x".repeat(4097);
    for (message, field) in [
        (MessagePayload::SendMessage { room: "", content: "c" }, Field::RoomName),
        (MessagePayload::SendMessage { room: "r", content: long }, Field::Content),
        (MessagePayload::DirectMessage { to: "a\n", content: "c" }, Field::Username),
        (MessagePayload::ListRooms { count: 0, after: &long[..65] }, Field::RoomName),
        (MessagePayload::ListMembers { count: 0, room: "r", after: "\0" }, Field::Username),
    ] {
        let Err(ProtocolError::InvalidField(error)) = message.encode_into(1, &mut buffer) else {
            panic!("{message:?}")
        };
        assert_eq!(error.field(), field);
    }
    let long = MessagePayload::Ping { data: &[0; 33] };
    let error = ProtocolError::PayloadTooLong { actual: 33, max: 32 };
    assert_eq!(long.encode_into(1, &mut buffer), Err(error));
    assert_eq!(long.validate(), Err(error));
    assert_eq!(buffer, [0xA5; 5000]);
}

#[test]
fn a_header_alone_says_whether_its_frame_may_come() {
    let terms = [Terms::UNKNOWN, Terms::BEFORE_SIGN_IN, Terms::CHALLENGED, SIGNED, SMALL];
    for (terms, direction) in terms
        .into_iter()
        .chain([COMPRESSED])
        .flat_map(|terms| [(terms, Direction::ToServer), (terms, Direction::ToClient)])
    {
        for type_code in 0..=u8::MAX {
            for flags in (0..=7).map(Flags::from_bits) {
                for length in (0..=130).chain(640..700).chain(4090..4300).chain([u16::MAX]) {
                    let header = Header { type_code, length, flags, request: 0 };
                    let bytes = header.to_bytes();
                    let framing = Framing::of(&bytes[..6], direction, terms);
                    let needed = header.frame_size() - 6;
                    let expected = may_come(header, direction, terms);
                    assert_eq!(framing == Framing::Incomplete { needed }, expected, "{header:?}");
                    assert_eq!(matches!(framing, Framing::Corrupt { .. }), !expected);
                }
            }
        }
    }
}

/// The rules once more, from the specification's words.
fn may_come(header: Header, direction: Direction, terms: Terms) -> bool {
    let Header { type_code, length, flags, .. } = header;
    let Some(message_type) = MessageType::from_wire(type_code) else { return false };
    if !message_type.is_sent(direction) {
        return false;
    }
    let is_early = terms == Terms::BEFORE_SIGN_IN || terms == Terms::CHALLENGED;
    if is_early && direction == Direction::ToServer && ![0x01, 0x06, 0x0A].contains(&type_code) {
        return false;
    }
    let (is_compressed, is_sealed) = (flags.bits() & 1 != 0, flags.bits() & 2 != 0);
    let may_compress = terms == Terms::UNKNOWN || terms == COMPRESSED;
    let may_seal = [Terms::UNKNOWN, Terms::CHALLENGED, SIGNED].contains(&terms);
    if flags.bits() > 3
        || (is_compressed && (!may_compress || [0x01, 0x0A, 0x81, 0x8A].contains(&type_code)))
        || (is_sealed && !may_seal)
        || (!is_sealed && (terms == SIGNED || type_code == 0x0A))
    {
        return false;
    }
    let Some(size) = length.checked_sub(if is_sealed { 28 } else { 4 }) else { return false };
    let (min, mut max) = message_type.payload_range();
    if terms == SMALL && [0x82, 0x89].contains(&type_code) {
        max -= 4096 - 512;
    }
    if is_compressed { 3 <= size && size < max } else { (min..=max).contains(&size) }
}

/// What is wrong first with a ClientPong of 40 bytes of data, which has every fault of a header:
/// each step takes one away.
#[test]
fn the_first_fault_in_the_order_of_checks_is_told() {
    let wrong = |header: [u8; 8], direction, terms| match Framing::of(&header, direction, terms) {
        Framing::Corrupt { error } => error.code(),
        other => panic!("{other:?}"),
    };
    let of = |type_code, flags, length| {
        Header { type_code, flags: Flags::from_bits(flags), length, request: 0 }.to_bytes()
    };
    let (to_server, before) = (Direction::ToServer, Terms::BEFORE_SIGN_IN);
    let mut damaged = of(0x7F, 0x80, 44);
    damaged[5] ^= 1;
    let mut version = damaged;
    version[0] = 3;
    assert_eq!(wrong(version, to_server, before), ErrorCode::UnsupportedVersion);
    assert_eq!(wrong(damaged, to_server, before), ErrorCode::MalformedFrame);
    assert_eq!(wrong(of(0x7F, 0x80, 44), to_server, before), ErrorCode::UnknownType);
    let wrong_way = wrong(of(0x0C, 0x80, 44), Direction::ToClient, before);
    assert_eq!(wrong_way, ErrorCode::UnexpectedMessage);
    assert_eq!(wrong(of(0x0C, 0x80, 44), to_server, before), ErrorCode::NotConnected);
    let flags = wrong(of(0x0C, 0x80, 44), to_server, Terms::UNKNOWN);
    assert_eq!(flags, ErrorCode::UnsupportedFlags);
    assert_eq!(wrong(of(0x0C, 0, 44), to_server, Terms::UNKNOWN), ErrorCode::MalformedFrame);
}

#[test]
fn the_worked_frames_of_a_sign_in() {
    let nonce = core::array::from_fn::<u8, 16, _>(|index| 0x10 + u8::try_from(index).unwrap());
    let capabilities = Capabilities::SIGN;
    let connect = MessagePayload::Connect { capabilities, client_nonce: nonce, username: "ada" };
    let mut expected = b"\x02\x01\x00\x1A\x00\x07\x00\x01\x00\x02".to_vec();
    expected.extend(nonce);
    expected.extend(b"\x03ada\xE5\xA5\xFB\xCA");
    assert_eq!(connect.encode_into(1, &mut [0; 64]).unwrap(), expected);

    let nonce = nonce.map(|byte| byte + 0x10);
    let challenge = MessagePayload::Challenge { capabilities, server_nonce: nonce };
    let mut expected = b"\x02\x8A\x00\x16\x00\x40\x00\x01\x00\x02".to_vec();
    expected.extend(nonce);
    expected.extend(b"\xE6\xC1\x4E\x5F");
    assert_eq!(challenge.encode_into(1, &mut [0; 64]).unwrap(), expected);

    let mut ack = b"\x02\x81\x00\x2A\x02\xC1\x00\x02\0\0\0\x07\0\x02cafewire".to_vec();
    ack.extend(b"\0\0\0\0\0\0\0\0\xB4\xB3\xA0\xB1\x7B\x1E\x77\xC3\x40\x84\x4B\xEF\x5A\x63\x21\x15");
    ack.extend(b"\xD2\x0A\x7F\xC9");
    let view = ZeroCopyMessage::parse_from_bytes(&ack, Terms::CHALLENGED).unwrap();
    let seal = view.seal().unwrap();
    assert_eq!((seal.signed, seal.counter, seal.tag[15]), (&ack[..30], 0, 0x15));
    let message = MessagePayload::ConnectAck { user_id: 7, capabilities, server_info: "cafewire" };
    assert_eq!(view.parse_payload(), Ok(message));
}

#[test]
fn a_compressed_payload_is_handed_on_and_not_read() {
    let header = Header { type_code: 0x03, length: 9, flags: Flags::COMPRESSED, request: 5 };
    let mut frame = header.to_bytes().to_vec();
    frame.extend(b"\x00\x20abc");
    frame.extend(crate::chat::checksum(&frame).to_be_bytes());
    let view = ZeroCopyMessage::parse_from_bytes(&frame, COMPRESSED).unwrap();
    assert_eq!((view.payload(), view.header()), (&b"\x00\x20abc"[..], header));
    let error = view.parse_payload().unwrap_err();
    assert_eq!((error.code(), error.offset()), (ErrorCode::UnsupportedFlags, 4));
}

#[test]
fn a_payload_by_itself_is_held_to_its_types_bounds() {
    for message_type in MessageType::ALL {
        let (min, max) = message_type.payload_range();
        for actual in [min.checked_sub(1), max.checked_add(1)].into_iter().flatten() {
            let error =
                ParseError::LengthOutOfRangeV2 { offset: 8, message_type, actual, min, max };
            let payload = std::vec![0; actual.into()];
            assert_eq!(MessagePayload::parse(message_type, &payload), Err(error));
        }
    }
}

#[test]
fn small_is_held_to_by_each_content_and_not_by_the_frame_alone() {
    let (username, room, content) = ("u", "r", &*"c".repeat(513));
    let message = MessagePayload::MessageBroadcast {
        sequence: 1,
        previous: 0,
        timestamp: 0,
        user_id: 1,
        origin: 0,
        part: 0,
        username,
        room,
        content,
    };
    let mut buffer = [0; 700];
    let frame = message.encode_into(0, &mut buffer).unwrap();
    let view = ZeroCopyMessage::parse_from_bytes(frame, Terms::UNKNOWN).unwrap();
    assert_eq!(view.parse_payload(), Ok(message));
    let view = ZeroCopyMessage::parse_from_bytes(frame, SMALL).unwrap();
    let error = FieldError::Length { field: Field::Content, actual: 513, min: 1, max: 512 };
    assert_eq!(view.parse_payload(), Err(ParseError::InvalidField { offset: 43, error }));
}

#[test]
fn a_connections_offsets_go_on() {
    let mut buffer = [0; 64];
    let frame = MessagePayload::Ping { data: b"" }.encode_into(1, &mut buffer).unwrap();
    let mut decoder = FrameDecoder::new(Direction::ToServer, Terms::BEFORE_SIGN_IN);
    assert_eq!(decoder.next_frame(frame).consumed(), 12);
    let mut decoder =
        FrameDecoder::resume(Direction::ToServer, decoder.terms(), decoder.stream_offset());
    let Framing::Corrupt { error } = decoder.next_frame(b"\x01") else { panic!() };
    assert_eq!(
        (error.code(), decoder.stream_offset_of(&error)),
        (ErrorCode::UnsupportedVersion, 12)
    );
}
