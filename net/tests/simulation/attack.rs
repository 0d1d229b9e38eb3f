//! Bytes that no well-meaning client sends, and what the server must answer.

use cafewire_core::{ErrorCode, Message, MessagePayload};

use crate::random::Random;

/// What must come of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// This Error, and the connection goes on.
    Refused(ErrorCode),
    /// This Error, and the end.
    Closed(ErrorCode),
    /// Whatever fits: an Error and the end, or nothing as long as the bytes may yet become a frame.
    Any,
}

/// One attack on a chat connection that is signed in.
pub(crate) fn chat_attack(random: &mut Random) -> (Vec<u8>, Answer) {
    let mut frame =
        encoded(&MessagePayload::SendMessage { room: "lobby", content: "as good as gold" });
    match random.below(14) {
        0 => {
            let place = 4 + random.below(frame.len() - 4);
            frame[place] ^= 1 << random.below(8);
            (frame, Answer::Closed(ErrorCode::ChecksumMismatch))
        }
        1 => {
            frame[0] = random.pick(&[0x00, 0x02, 0x7F, 0xCA, 0xFF]);
            let is_echo = frame[0] == 0xCA;
            let code =
                if is_echo { ErrorCode::MalformedFrame } else { ErrorCode::UnsupportedVersion };
            (frame, Answer::Closed(code))
        }
        2 => (
            sealed(random.pick(&[0x00, 0x06, 0x40, 0x80, 0xFE]), &[]),
            Answer::Closed(ErrorCode::UnknownType),
        ),
        3 => {
            let joined =
                MessagePayload::UserJoined { user_id: 1, username: "user-1", room: "lobby" };
            (encoded(&joined), Answer::Closed(ErrorCode::UnexpectedMessage))
        }
        4 => (
            vec![0x01, random.pick(&[1, 2, 3, 4, 5]), 0xFF, 0xFF],
            Answer::Closed(ErrorCode::MalformedFrame),
        ),
        5 => (
            vec![0x01, random.pick(&[1, 3, 4, 5]), 0x00, 0x00],
            Answer::Closed(ErrorCode::MalformedFrame),
        ),
        6 => (sealed(0x04, b"\x03a\x07b"), Answer::Refused(ErrorCode::InvalidRoomName)),
        7 => (sealed(0x05, b"\x02\xC3\x28"), Answer::Refused(ErrorCode::InvalidRoomName)),
        8 => (sealed(0x03, b"\x05lobby\xFF"), Answer::Refused(ErrorCode::InvalidContent)),
        9 => (sealed(0x05, b"\x05lobby!"), Answer::Closed(ErrorCode::MalformedFrame)),
        10 => (sealed(0x05, b"\x09lobby"), Answer::Closed(ErrorCode::MalformedFrame)),
        // The start of a frame, and then silence.
        11 => (frame[..1 + random.below(frame.len() - 1)].to_vec(), Answer::Any),
        12 => {
            let count = 1 + random.size(64);
            (random.bytes(count), Answer::Any)
        }
        _ => {
            let count = 1 + random.size(10_000);
            (random.bytes(count), Answer::Any)
        }
    }
}

/// Bytes of an echo peer that end its connection, or leave it waiting.
pub(crate) fn echo_attack(random: &mut Random) -> Vec<u8> {
    let mut frame = vec![0; 64];
    let len = Message::Echo(b"as good as gold").encode_into(&mut frame).unwrap().len();
    frame.truncate(len);
    match random.below(5) {
        0 => frame[1] = 0xFF,
        1 => frame[2] = 0x77,
        2 => frame[0] = 0x01,
        3 => frame.truncate(1 + random.below(len - 1)),
        // A length without its payload.
        _ => frame = vec![0xCA, 0xFE, 0x03, 0xFF, 0xFF, 0x00],
    }
    frame
}

pub(crate) fn encoded(message: &MessagePayload<'_>) -> Vec<u8> {
    message.encode_into(&mut [0; 1024]).unwrap().to_vec()
}

/// A chat frame with a good checksum around any type and body.
fn sealed(message_type: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x01, message_type, 0, u8::try_from(body.len()).unwrap()];
    frame.extend_from_slice(body);
    // CRC-32/ISO-HDLC bit by bit, as the specification writes it down.
    let crc = !frame.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    });
    frame.extend_from_slice(&crc.to_be_bytes());
    frame
}
