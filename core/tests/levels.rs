//! The parser and the encoder on every level of instructions that this processor has, in a process
//! of its own: a selection is the whole process's. What one level says, all say.
#![cfg(all(feature = "simd", feature = "std"))]

use cafewire_core::chat::{MAX_FRAME_SIZE, ValidMessage};
use cafewire_core::{Decoded, Direction, FrameDecoder, Framing, MessagePayload};
use cafewire_kernel::Level;
use proptest::prelude::*;
use serde_json::Value;

static VECTORS: &str = include_str!("../vectors/vectors.json");

/// The answers of all doors, as words.
fn answers(bytes: &[u8]) -> Vec<String> {
    let mut answers =
        vec![format!("{:?}", Framing::of(bytes)), format!("{:?}", Decoded::of(bytes))];
    for direction in [Direction::ToServer, Direction::ToClient] {
        let mut decoder = FrameDecoder::new(direction);
        answers.push(format!("{:?} {}", decoder.next_message(bytes), decoder.stream_offset()));
    }
    if let Framing::Frame { frame: cafewire_core::Frame::Chat(view), .. } = Framing::of(bytes) {
        answers.push(format!("{:?}", view.parse_payload()));
    }
    if let Decoded::Chat { message, .. } = Decoded::of(bytes) {
        answers.push(format!("{:x?}", message.encode_into(&mut [0; MAX_FRAME_SIZE])));
        let valid = ValidMessage::new(message)
            .map(|valid| format!("{:x?}", valid.encode_into(&mut [0; MAX_FRAME_SIZE])));
        answers.push(format!("{valid:?}"));
    }
    answers
}

#[track_caller]
fn assert_all_say_the_same(bytes: &[u8]) {
    let mut levels = Level::available();
    let first = levels.next().expect("the portable level is always there");
    first.select();
    let expected = answers(bytes);
    for level in levels {
        level.select();
        assert_eq!(Level::detect(), level);
        assert_eq!(answers(bytes), expected, "{} of {bytes:x?}", level.name());
    }
}

/// The bytes of groups of digits; `AB*3` is a group three times.
fn from_hex(groups: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for group in groups.split_whitespace() {
        let (digits, times) = group.split_once('*').unwrap_or((group, "1"));
        let pairs = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]);
        let group: Vec<u8> =
            pairs.map(|pair| u8::from_str_radix(pair, 16).expect("digits")).collect();
        bytes.extend(group.repeat(times.parse().expect("a number")));
    }
    bytes
}

/// One test, because two would select levels for each other.
#[test]
fn every_level_gives_the_same_answers() {
    let vectors: Vec<Value> = serde_json::from_str(VECTORS).expect("JSON");
    assert!(vectors.len() > 100);
    for vector in &vectors {
        let bytes = from_hex(vector["hex"].as_str().expect("a vector has bytes"));
        for end in 0..=bytes.len() {
            assert_all_say_the_same(&bytes[..end]);
        }
    }
    let text = || "[ -~]{0,40}|[ -~]{0,20}\\PC{0,20}[\u{0}-\u{FF}]?|\\PC{480,540}";
    let message = (any::<u32>(), any::<u64>(), text(), text(), text(), any::<u8>(), any::<usize>());
    proptest!(|((user_id, timestamp, username, room, content, flip, place) in message)| {
        let (username, room, content) = (&*username, &*room, &*content);
        for message in [
            MessagePayload::Connect { username },
            MessagePayload::SendMessage { room, content },
            MessagePayload::ConnectAck { user_id, server_info: content },
            MessagePayload::UserLeft { user_id, username, room },
            MessagePayload::MessageBroadcast { user_id, timestamp, username, room, content },
        ] {
            let mut results = Level::available().map(|level| {
                level.select();
                let mut buffer = [0xA5; MAX_FRAME_SIZE];
                let result = message.encode_into(&mut buffer).map(<[u8]>::len);
                (result, buffer)
            });
            let (result, mut buffer) = results.next().expect("the portable level");
            for other in results {
                prop_assert_eq!((result, buffer), other);
            }
            if let Ok(frame_bytes) = result {
                let frame = &mut buffer[..frame_bytes];
                assert_all_say_the_same(frame);
                frame[place % frame_bytes] ^= flip;
                assert_all_say_the_same(frame);
            }
        }
    });
}
