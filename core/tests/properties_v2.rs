//! What holds for every message, every run of bytes and every line of chat version 2.

use std::num::NonZeroU32;

use cafewire_core::chat::v2::{
    Capabilities, Flags, FrameDecoder, Framing, Header, MessagePayload, MessageType, Resume, Terms,
    ZeroCopyMessage,
};
use cafewire_core::{Direction, ErrorCode, ParseError};
use proptest::prelude::*;

/// What messages are made of.
#[derive(Clone, Debug)]
struct Parts {
    numbers: (u64, u64, u64),
    ids: (u32, u32),
    short: u16,
    byte: u8,
    flag: bool,
    username: String,
    room: String,
    content: String,
    text: String,
    data: Vec<u8>,
    nonce: [u8; 16],
}

fn name(max: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 1..=max).prop_map(move |chars| {
        let mut name = String::new();
        for char in chars {
            if !char.is_control() && name.len() + char.len_utf8() <= max {
                name.push(char);
            }
        }
        if name.is_empty() { "x".to_owned() } else { name }
    })
}

fn parts() -> impl Strategy<Value = Parts> {
    let numbers = (any::<(u64, u64, u64)>(), any::<(u32, u32)>(), any::<u16>(), any::<u8>());
    let texts = (name(32), name(64), "(?s).{1,300}", "(?s).{0,100}");
    let rest = (any::<bool>(), prop::collection::vec(any::<u8>(), 0..=32), any::<[u8; 16]>());
    (numbers, texts, rest).prop_map(|((numbers, ids, short, byte), texts, (flag, data, nonce))| {
        let (username, room, content, text) = texts;
        Parts { numbers, ids, short, byte, flag, username, room, content, text, data, nonce }
    })
}

/// The parts as a message of this type.
fn message(parts: &Parts, message_type: MessageType) -> MessagePayload<'_> {
    let Parts { numbers: (sequence, previous, timestamp), ids: (user_id, members), .. } = *parts;
    let Parts { short, byte: part, flag, nonce, .. } = *parts;
    let (username, room) = (parts.username.as_str(), parts.room.as_str());
    let (content, text, data) = (parts.content.as_str(), parts.text.as_str(), &parts.data[..]);
    let text = if text.len() > 512 { "" } else { text };
    let capabilities = Capabilities::from_bits(short);
    match message_type {
        MessageType::Connect => {
            MessagePayload::Connect { capabilities, client_nonce: nonce, username }
        }
        MessageType::Disconnect => MessagePayload::Disconnect,
        MessageType::SendMessage => MessagePayload::SendMessage { room, content },
        MessageType::JoinRoom => MessagePayload::JoinRoom {
            resume: NonZeroU32::new(members).map(|epoch| Resume { epoch, after: sequence }),
            replay: short,
            room,
        },
        MessageType::LeaveRoom => MessagePayload::LeaveRoom { room },
        MessageType::Ping => MessagePayload::Ping { data },
        MessageType::ListRooms => {
            MessagePayload::ListRooms { count: short, after: if flag { room } else { "" } }
        }
        MessageType::ListMembers => MessagePayload::ListMembers {
            count: short,
            room,
            after: if flag { username } else { "" },
        },
        MessageType::DirectMessage => MessagePayload::DirectMessage { to: username, content },
        MessageType::Authenticate => MessagePayload::Authenticate,
        MessageType::History => MessagePayload::History { before: sequence, count: short, room },
        MessageType::ClientPong => MessagePayload::ClientPong { data },
        MessageType::ConnectAck => {
            MessagePayload::ConnectAck { user_id, capabilities, server_info: text }
        }
        MessageType::MessageBroadcast => MessagePayload::MessageBroadcast {
            sequence,
            previous,
            timestamp,
            user_id,
            origin: short,
            part,
            username,
            room,
            content,
        },
        MessageType::UserJoined => MessagePayload::UserJoined { user_id, members, username, room },
        MessageType::UserLeft => MessagePayload::UserLeft { user_id, members, username, room },
        MessageType::Joined => MessagePayload::Joined {
            epoch: user_id,
            sequence,
            replay_from: previous,
            members,
            presence: flag,
            room,
        },
        MessageType::Pong => MessagePayload::Pong { data },
        MessageType::RoomInfo => MessagePayload::RoomInfo { members, presence: flag, room },
        MessageType::MemberInfo => MessagePayload::MemberInfo { user_id, username, room },
        MessageType::DirectDelivery => {
            MessagePayload::DirectDelivery { timestamp, user_id, part, from: username, content }
        }
        MessageType::Challenge => MessagePayload::Challenge { capabilities, server_nonce: nonce },
        MessageType::ListEnd => MessagePayload::ListEnd { count: short, more: flag },
        MessageType::ServerPing => MessagePayload::ServerPing { data },
        MessageType::Ack => MessagePayload::Ack { timestamp },
        MessageType::Error => MessagePayload::Error {
            code: ErrorCode::from_wire(short),
            retry_after_ms: members,
            message: text,
        },
        other => panic!("{other} is new"),
    }
}

fn encoded(message: &MessagePayload<'_>, request: u16) -> Vec<u8> {
    let mut buffer = vec![0xA5; message.encoded_len()];
    message.encode_into(request, &mut buffer).expect("a valid message").to_vec()
}

/// An unsealed frame of any type; Authenticate has none.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    (parts(), any::<prop::sample::Index>(), any::<u16>())
        .prop_map(|(parts, index, request)| {
            let message_type = MessageType::ALL[index.index(MessageType::ALL.len())];
            encoded(&message(&parts, message_type), request)
        })
        .prop_filter("a seal is missing", |frame| frame[1] != MessageType::Authenticate as u8)
}

fn terms() -> impl Strategy<Value = Terms> {
    let granted = any::<u16>().prop_map(|bits| Terms::signed_in(Capabilities::from_bits(bits)));
    let (unknown, early) = (Just(Terms::UNKNOWN), Just(Terms::BEFORE_SIGN_IN));
    prop_oneof![unknown, early, Just(Terms::CHALLENGED), granted]
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::ToServer), Just(Direction::ToClient), Just(Direction::Either)]
}

proptest! {
    #[test]
    fn every_message_comes_back(parts in parts(), request in any::<u16>()) {
        for message_type in MessageType::ALL {
            let message = message(&parts, message_type);
            prop_assert_eq!(message.validate(), Ok(()));
            let frame = encoded(&message, request);
            if message_type == MessageType::Authenticate {
                continue;
            }
            let view = ZeroCopyMessage::parse_from_bytes(&frame, Terms::UNKNOWN).unwrap();
            prop_assert_eq!(view.header().request, request);
            prop_assert_eq!(view.parse_payload(), Ok(message));
        }
    }

    /// Behind the sixth byte it is exact how many are missing, whatever the pieces.
    #[test]
    fn a_frame_cut_anywhere_waits(frame in frame(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(frame.len());
        let needed = if cut < 6 { 8 - cut } else { frame.len() - cut };
        let framing = Framing::of(&frame[..cut], Direction::Either, Terms::UNKNOWN);
        prop_assert_eq!(framing, Framing::Incomplete { needed });
    }

    #[test]
    fn any_damaged_bit_is_found(frame in frame(), bit in any::<prop::sample::Index>()) {
        let mut damaged = frame;
        let bit = bit.index(8 * damaged.len());
        damaged[bit / 8] ^= 1 << (bit % 8);
        let framing = Framing::of(&damaged, Direction::Either, Terms::UNKNOWN);
        let is_refused = matches!(framing, Framing::Corrupt { .. });
        prop_assert!(is_refused);
    }

    /// What is accepted is what would be written: there is no second encoding of a message.
    #[test]
    fn what_is_read_is_written_alike(
        type_code in any::<u8>(),
        payload in prop::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..80),
        request in any::<u16>(),
        terms in terms(),
        direction in direction(),
    ) {
        let length = u16::try_from(payload.len()).unwrap() + 4;
        let header = Header { type_code, length, flags: Flags::NONE, request };
        let mut frame = [&header.to_bytes()[..], &payload].concat();
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        if let Framing::Frame { frame: view, consumed } = Framing::of(&frame, direction, terms)
            && let Ok(message) = view.parse_payload()
        {
            prop_assert_eq!(consumed, frame.len());
            prop_assert_eq!(encoded(&message, request), frame);
        }
    }

    /// Six bytes say all that a header says: what they are refused for, the whole frame is too.
    #[test]
    fn a_refusal_stands_whatever_follows(
        bytes in prop::collection::vec(any::<u8>(), 6..60),
        is_checked in any::<bool>(),
        terms in terms(),
        direction in direction(),
    ) {
        let mut bytes = bytes;
        bytes[0] = 2;
        if is_checked {
            let covered = [bytes[0], bytes[1], bytes[2], bytes[3], bytes[4]];
            bytes[5] = cafewire_core::chat::v2::check(covered);
        }
        let first = Framing::of(&bytes[..6], direction, terms);
        for end in 6..=bytes.len() {
            match (first, Framing::of(&bytes[..end], direction, terms)) {
                (Framing::Corrupt { error }, Framing::Corrupt { error: later }) => {
                    prop_assert_eq!(error, later);
                }
                (Framing::Corrupt { .. }, later) => prop_assert!(false, "{:?}", later),
                (Framing::Incomplete { needed }, Framing::Incomplete { needed: later }) => {
                    prop_assert_eq!(needed, later + end - 6);
                }
                _ => {}
            }
        }
    }

    /// A line of frames of which one is hit: all others are found.
    #[test]
    fn a_damaged_frame_takes_no_other_with_it(
        frames in prop::collection::vec(frame(), 2..6),
        hit in any::<prop::sample::Index>(),
        bits in prop::collection::vec(any::<prop::sample::Index>(), 1..=3),
    ) {
        let hit = hit.index(frames.len());
        let mut damaged = frames.clone();
        for bit in bits {
            let bit = bit.index(8 * damaged[hit].len());
            damaged[hit][bit / 8] ^= 1 << (bit % 8);
        }
        prop_assume!(damaged[hit] != frames[hit]);
        let line = damaged.concat();
        // A text may quote a frame, and so may chance: not what this is about.
        let starts = starts(&frames);
        let may_start = |at: usize| {
            matches!(Header::parse(&line[at..]), Ok(_) | Err(ParseError::Truncated { .. }))
        };
        let is_quoted = (0..line.len()).any(|at| !starts.contains(&at) && may_start(at));
        prop_assume!(!is_quoted);
        let others = (0..frames.len()).filter(|&at| at != hit);
        let expected: Vec<usize> = others.map(|at| starts[at]).collect();
        prop_assert_eq!(found(&line), expected);
    }
}

fn starts(frames: &[Vec<u8>]) -> Vec<usize> {
    let sizes = frames.iter().scan(0, |sum, frame| {
        *sum += frame.len();
        Some(*sum)
    });
    std::iter::once(0).chain(sizes).collect()
}

/// Where good frames are on a line that damages bytes and then ends.
fn found(line: &[u8]) -> Vec<usize> {
    let mut decoder = FrameDecoder::new(Direction::Either, Terms::UNKNOWN);
    let (mut rest, mut found) = (line, Vec::new());
    while !rest.is_empty() {
        let offset = line.len() - rest.len();
        let done = match decoder.next_frame(rest) {
            Framing::Frame { consumed, .. } => {
                found.push(offset);
                consumed
            }
            Framing::Corrupt { error } => decoder.skip(rest, &error),
            Framing::Incomplete { .. } => break,
        };
        rest = &rest[done..];
        assert_eq!(decoder.stream_offset(), (line.len() - rest.len()) as u64);
    }
    found
}
