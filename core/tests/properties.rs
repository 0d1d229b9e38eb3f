//! Properties of all messages and all bytes, not only of chosen examples.

use cafewire_core::chat::{
    self, MAX_CONTENT_SIZE, MAX_FRAME_SIZE, MAX_ROOM_NAME_SIZE, MAX_TEXT_SIZE, MAX_USERNAME_SIZE,
};
use cafewire_core::{
    Decoded, Direction, ErrorCode, Frame, FrameDecoder, Framing, Message, MessagePayload,
    MessageType, ParseError, ProtocolError, echo,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const FILLER: u8 = 0xA5;
const DIRECTIONS: [Direction; 3] = [Direction::ToServer, Direction::ToClient, Direction::Either];

proptest! {
    #[test]
    fn a_chat_message_survives_the_wire(owned in chat_message()) {
        let message = owned.borrow();
        let mut buffer = [FILLER; MAX_FRAME_SIZE + 1];
        let frame = message.encode_into(&mut buffer).unwrap();
        prop_assert_eq!(frame.len(), message.encoded_len());
        let view = chat::ZeroCopyMessage::parse_from_bytes(frame).unwrap();
        prop_assert_eq!(view.message_type, owned.message_type);
        prop_assert_eq!(view.encoded_len(), frame.len());
        prop_assert_eq!(view.parse_payload(), Ok(message));
        prop_assert_eq!(Decoded::of(frame), Decoded::Chat { message, consumed: frame.len() });
        let valid = chat::ValidMessage::new(message).unwrap();
        let mut unchecked = [FILLER; MAX_FRAME_SIZE];
        prop_assert_eq!(valid.encode_into(&mut unchecked), Ok(frame));

        let mut again = [FILLER; MAX_FRAME_SIZE];
        prop_assert_eq!(view.encode_into(&mut again), Ok(frame), "encodings are canonical");
        let written = frame.len();
        prop_assert!(buffer[written..].iter().all(|&byte| byte == FILLER), "wrote past the frame");
    }

    #[test]
    fn an_echo_message_survives_the_wire((message_type, payload) in echo_message(2000)) {
        let message = echo::ZeroCopyMessage { message_type, payload: &payload }.message();
        let mut buffer = vec![FILLER; message.encoded_len() + 1];
        let frame = message.encode_into(&mut buffer).unwrap();
        prop_assert_eq!(frame.len(), message.encoded_len());
        let view = echo::ZeroCopyMessage::parse_from_bytes(frame).unwrap();
        prop_assert_eq!((view.message_type, view.payload), (message_type, &payload[..]));
        prop_assert_eq!(view.message(), message);
        prop_assert_eq!(buffer.last(), Some(&FILLER), "wrote past the frame");
    }

    #[test]
    fn a_buffer_too_small_is_told_the_size_and_left_alone(
        owned in chat_message(),
        (message_type, payload) in echo_message(300),
        at in any::<Index>(),
    ) {
        let message = owned.borrow();
        let (needed, available) = (message.encoded_len(), at.index(message.encoded_len()));
        let mut buffer = vec![FILLER; available];
        let refused = ProtocolError::BufferTooSmall { needed, available };
        prop_assert_eq!(message.encode_into(&mut buffer), Err(refused));
        prop_assert!(buffer.iter().all(|&byte| byte == FILLER));

        let message = echo::ZeroCopyMessage { message_type, payload: &payload };
        let (needed, available) = (message.encoded_len(), at.index(message.encoded_len()));
        let mut buffer = vec![FILLER; available];
        let refused = ProtocolError::BufferTooSmall { needed, available };
        prop_assert_eq!(message.encode_into(&mut buffer), Err(refused));
        prop_assert!(buffer.iter().all(|&byte| byte == FILLER));
    }

    #[test]
    fn what_breaks_a_rule_is_not_encoded(
        owned in chat_message(),
        control in select(CONTROL_CHARACTERS),
        at in any::<Index>(),
    ) {
        let mut nameless = owned.clone();
        nameless.username.clear();
        nameless.room.clear();
        nameless.content.clear();
        let mut shouting = owned.clone();
        for name in [&mut shouting.username, &mut shouting.room] {
            *name = name.chars().take(2).collect();
            let places: Vec<usize> =
                name.char_indices().map(|(place, _)| place).chain([name.len()]).collect();
            name.insert(places[at.index(places.len())], control);
        }
        let mut endless = owned.clone();
        endless.username = "u".repeat(MAX_USERNAME_SIZE + 1);
        endless.room = "r".repeat(MAX_ROOM_NAME_SIZE + 1);
        endless.content = "c".repeat(MAX_CONTENT_SIZE + 1);
        endless.server_text = "t".repeat(MAX_TEXT_SIZE + 1);
        let message_type = owned.message_type;
        for (broken, breaks_a_rule) in [
            (nameless, has_name(message_type)),
            (shouting, has_name(message_type)),
            (endless, message_type != MessageType::Disconnect),
        ] {
            let message = broken.borrow();
            prop_assert_eq!(message.validate().is_err(), breaks_a_rule);
            if let Err(error) = message.validate() {
                let mut buffer = [FILLER; 2 * MAX_FRAME_SIZE];
                let encoded = message.encode_into(&mut buffer);
                prop_assert_eq!(encoded, Err(ProtocolError::InvalidField(error)));
                prop_assert!(buffer.iter().all(|&byte| byte == FILLER));
            }
        }
    }

    #[test]
    fn any_chunking_gives_the_same_frames(
        messages in prop_oneof![vec(chat_frame(), 1..8), vec(echo_frame(), 1..8)],
        tail in any::<Index>(),
        garbage in prop_oneof![Just(vec![]), vec(any::<u8>(), 1..40)],
        chunk_sizes in vec(1_usize..200, 1..40),
    ) {
        // The last frame is cut short or followed by garbage, so that some bytes are left.
        let mut stream = messages.concat();
        if garbage.is_empty() {
            stream.truncate(stream.len() - tail.index(messages[messages.len() - 1].len()));
        }
        let whole_bytes = stream.len();
        stream.extend(&garbage);

        let in_one_go = read_stream(&stream, &[stream.len()]);
        let consumed = in_one_go.frames.concat().len();
        prop_assert_eq!(consumed + in_one_go.left, stream.len(), "consumed and left are the input");
        if garbage.is_empty() {
            let whole = messages.len() - usize::from(whole_bytes < messages.concat().len());
            prop_assert_eq!(&in_one_go.frames[..], &messages[..whole]);
            prop_assert_eq!(in_one_go.refused, None);
        } else {
            prop_assert!(in_one_go.frames.starts_with(&messages));
        }
        prop_assert_eq!(&read_stream(&stream, &chunk_sizes), &in_one_go);
        prop_assert_eq!(&read_stream(&stream, &[1]), &in_one_go);
    }

    #[test]
    fn every_flipped_bit_of_a_chat_frame_is_noticed(frame in chat_frame()) {
        prop_assert!(chat::ZeroCopyMessage::parse_from_bytes(&frame).is_ok());
        for bit in 0..frame.len() * 8 {
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 0x80 >> (bit % 8);
            let answer = chat::ZeroCopyMessage::parse_from_bytes(&flipped);
            prop_assert!(answer.is_err(), "bit {}: {:?}", bit, answer);
            // In a stream a flip in the length may make the frame claim bytes of the next one; it
            // never gives a frame.
            let mut decoder = FrameDecoder::new(Direction::Either);
            for framing in [Framing::of(&flipped), decoder.next_frame(&flipped)] {
                let is_frame = matches!(framing, Framing::Frame { .. });
                prop_assert!(!is_frame, "bit {}: {:?}", bit, framing);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused_but_never_panic(bytes in vec(any::<u8>(), 0..900)) {
        read_every_way(&bytes)?;
    }

    #[test]
    fn frames_that_went_bad_are_read_or_refused_but_never_panic(
        frame in prop_oneof![chat_frame(), echo_frame()],
        changes in vec((any::<Index>(), any::<u8>()), 0..4),
        (insert_at, inserted) in (any::<Index>(), vec(any::<u8>(), 0..8)),
        cut in any::<Index>(),
        reseal in any::<bool>(),
    ) {
        let mut bytes = frame;
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let at = insert_at.index(bytes.len());
        bytes.splice(at..at, inserted);
        bytes.truncate(cut.index(bytes.len() * 2)); // half of the time nothing is cut
        if reseal && let Some(end) = bytes.len().checked_sub(chat::CHECKSUM_SIZE) {
            // A right checksum, so that the bodies are read.
            let sum = crc32(&bytes[..end]);
            bytes[end..].copy_from_slice(&sum.to_be_bytes());
        }
        read_every_way(&bytes)?;
    }

    #[test]
    fn arbitrary_bodies_are_read_or_refused_but_never_panic(
        message_type in select(&MessageType::ALL),
        body in vec(prop_oneof![any::<u8>(), 0_u8..10, Just(b'a')], 0..700),
    ) {
        let view = chat::ZeroCopyMessage { version: 1, message_type, payload: &body };
        if let Ok(message) = view.parse_payload() {
            prop_assert_eq!(message.validate(), Ok(()), "what is read is valid");
            let mut buffer = [0; MAX_FRAME_SIZE];
            let frame = message.encode_into(&mut buffer).unwrap();
            let body_range = chat::HEADER_SIZE..frame.len() - chat::CHECKSUM_SIZE;
            prop_assert_eq!(&frame[body_range], &body[..]);
        }
    }
}

/// Through every entry point, each checked for what it promises of its result.
fn read_every_way(bytes: &[u8]) -> Result<(), TestCaseError> {
    let offset_is_inside = |error: ParseError| error.offset() <= bytes.len();
    if let Err(error) = echo::ZeroCopyMessage::parse_from_bytes(bytes) {
        prop_assert!(offset_is_inside(error), "{error:?}");
        prop_assert!(!error.to_string().is_empty());
    }
    match chat::ZeroCopyMessage::parse_from_bytes(bytes) {
        Err(error) => prop_assert!(offset_is_inside(error), "{error:?}"),
        Ok(view) => {
            prop_assert_eq!(view.encoded_len(), bytes.len());
            if let Err(error) = view.parse_payload() {
                prop_assert!(offset_is_inside(error), "{error:?}");
                prop_assert!(error.offset() >= chat::HEADER_SIZE);
            }
        }
    }
    let mut framings = vec![Framing::of(bytes)];
    framings.extend(DIRECTIONS.map(|direction| FrameDecoder::new(direction).next_frame(bytes)));
    // Also in a connection whose family is settled already.
    for first in
        [&[0xCA, 0xFE, 0x01, 0x00, 0x00][..], &[0x01, 0x02, 0x00, 0x00, 0x9A, 0x7C, 0x6C, 0x17]]
    {
        let mut reader = FrameDecoder::new(Direction::ToServer);
        prop_assert_eq!(reader.next_frame(first).consumed(), first.len());
        framings.push(reader.next_frame(bytes));
    }
    prop_assert_eq!(Decoded::of(bytes), in_one_step(Framing::of(bytes)));
    for direction in DIRECTIONS {
        let decoded = FrameDecoder::new(direction).next_message(bytes);
        prop_assert_eq!(decoded, in_one_step(FrameDecoder::new(direction).next_frame(bytes)));
    }
    for framing in framings {
        match framing {
            Framing::Frame { consumed, .. } => prop_assert!((1..=bytes.len()).contains(&consumed)),
            Framing::Incomplete { needed } => prop_assert!(needed >= 1),
            Framing::Corrupt { error } => prop_assert!(error.offset() < bytes.len(), "{error:?}"),
        }
    }
    Ok(())
}

/// What framing and then reading the payload give, as decoding in one step should say it.
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

/// Result of reading a stream: its frames, the number of bytes left after them, and why no more
/// were read.
#[derive(Debug, PartialEq)]
struct StreamRead {
    frames: Vec<Vec<u8>>,
    left: usize,
    refused: Option<ParseError>,
}

/// Reads a stream that arrives in chunks of these sizes, cyclically. It waits for the bytes that
/// [`Framing::Incomplete`] needs, as a server would.
fn read_stream(stream: &[u8], chunk_sizes: &[usize]) -> StreamRead {
    let mut reader = FrameDecoder::new(Direction::Either);
    let (mut frames, mut refused) = (Vec::new(), None);
    let (mut start, mut end, mut awaited) = (0, 0, 1);
    let mut sizes = chunk_sizes.iter().cycle();
    while end < stream.len() && refused.is_none() {
        end = (end + sizes.next().expect("at least one size")).min(stream.len());
        while end - start >= awaited && refused.is_none() {
            match reader.next_frame(&stream[start..end]) {
                Framing::Frame { frame, consumed } => {
                    frames.push(encoded(frame));
                    start += consumed;
                    awaited = 1;
                }
                Framing::Incomplete { needed } => awaited = end - start + needed,
                Framing::Corrupt { error } => refused = Some(error),
            }
        }
    }
    // At the end it asks once more: in fewer bytes than are needed one may be wrong already.
    if let (None, Framing::Corrupt { error }) = (refused, reader.next_frame(&stream[start..end])) {
        refused = Some(error);
    }
    assert_eq!(reader.stream_offset(), start as u64);
    StreamRead { frames, left: stream.len() - start, refused }
}

fn encoded(frame: Frame<'_>) -> Vec<u8> {
    let mut buffer = vec![0; chat::MAX_MESSAGE_SIZE];
    match frame {
        Frame::Echo(view) => view.encode_into(&mut buffer),
        Frame::Chat(view) => view.encode_into(&mut buffer),
    }
    .expect("a frame that was read can be written")
    .to_vec()
}

/// Bit by bit, so that the frames made here do not depend on the checksum code under test.
fn crc32(bytes: &[u8]) -> u32 {
    let shifted = |sum: u32| if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, &byte| (0..8).fold(sum ^ u32::from(byte), |sum, _| shifted(sum)))
}

// ---- Messages of every kind ---------------------------------------------------------------------

const CONTROL_CHARACTERS: &[char] = &['\0', '\n', '\u{1F}', '\u{7F}', '\u{80}', '\u{9F}'];

/// The fields of a chat message, whichever its type uses.
#[derive(Clone, Debug)]
struct ChatMessage {
    message_type: MessageType,
    user_id: u32,
    timestamp: u64,
    code: u16,
    username: String,
    room: String,
    content: String,
    server_text: String,
}

impl ChatMessage {
    fn borrow(&self) -> MessagePayload<'_> {
        let Self {
            message_type,
            user_id,
            timestamp,
            code,
            ref username,
            ref room,
            ref content,
            ref server_text,
        } = *self;
        match message_type {
            MessageType::Connect => MessagePayload::Connect { username },
            MessageType::Disconnect => MessagePayload::Disconnect,
            MessageType::SendMessage => MessagePayload::SendMessage { room, content },
            MessageType::JoinRoom => MessagePayload::JoinRoom { room },
            MessageType::LeaveRoom => MessagePayload::LeaveRoom { room },
            MessageType::ConnectAck => {
                MessagePayload::ConnectAck { user_id, server_info: server_text }
            }
            MessageType::MessageBroadcast => {
                MessagePayload::MessageBroadcast { user_id, timestamp, username, room, content }
            }
            MessageType::UserJoined => MessagePayload::UserJoined { user_id, username, room },
            MessageType::UserLeft => MessagePayload::UserLeft { user_id, username, room },
            MessageType::Error => {
                MessagePayload::Error { code: ErrorCode::from_wire(code), message: server_text }
            }
            other => panic!("{other} has no message here: add it"),
        }
    }
}

fn has_name(message_type: MessageType) -> bool {
    !matches!(message_type, MessageType::Disconnect | MessageType::ConnectAck | MessageType::Error)
}

fn chat_message() -> impl Strategy<Value = ChatMessage> {
    (
        select(&MessageType::ALL),
        any::<u32>(),
        any::<u64>(),
        prop_oneof![0_u16..30, any::<u16>()],
        name(MAX_USERNAME_SIZE),
        name(MAX_ROOM_NAME_SIZE),
        text(1, MAX_CONTENT_SIZE),
        text(0, MAX_TEXT_SIZE),
    )
        .prop_map(
            |(message_type, user_id, timestamp, code, username, room, content, server_text)| {
                ChatMessage {
                    message_type,
                    user_id,
                    timestamp,
                    code,
                    username,
                    room,
                    content,
                    server_text,
                }
            },
        )
}

fn chat_frame() -> impl Strategy<Value = Vec<u8>> {
    chat_message().prop_map(|owned| {
        let mut buffer = [0; MAX_FRAME_SIZE];
        owned.borrow().encode_into(&mut buffer).expect("a valid message").to_vec()
    })
}

fn echo_message(max_payload_bytes: usize) -> impl Strategy<Value = (echo::MessageType, Vec<u8>)> {
    (select(&echo::MessageType::ALL), vec(any::<u8>(), 0..max_payload_bytes))
}

fn echo_frame() -> impl Strategy<Value = Vec<u8>> {
    echo_message(400).prop_map(|(message_type, payload)| {
        let mut buffer = vec![0; echo::HEADER_SIZE + payload.len()];
        let message: Message<'_> =
            echo::ZeroCopyMessage { message_type, payload: &payload }.message();
        message.encode_into(&mut buffer).expect("a buffer of the right size").to_vec()
    })
}

/// 1 to `max_bytes` bytes without control characters.
fn name(max_bytes: usize) -> impl Strategy<Value = String> {
    let character = any_character().prop_map(|found| if found.is_control() { '·' } else { found });
    characters(character, 1, max_bytes)
}

fn text(min_bytes: usize, max_bytes: usize) -> impl Strategy<Value = String> {
    characters(any_character(), min_bytes, max_bytes)
}

fn any_character() -> impl Strategy<Value = char> {
    prop_oneof![4 => (b' '..=b'~').prop_map(char::from), 1 => any::<char>()]
}

/// As many of the characters as fit into `max_bytes`, often all that do.
fn characters(
    character: impl Strategy<Value = char>,
    min: usize,
    max_bytes: usize,
) -> impl Strategy<Value = String> {
    vec(character, min..=max_bytes).prop_map(move |found| {
        let mut text = String::new();
        for character in found {
            if text.len() + character.len_utf8() <= max_bytes {
                text.push(character);
            }
        }
        text
    })
}
