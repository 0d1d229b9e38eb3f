//! Frames of chat version 2 once more, as plain as possible, from the specification.

use super::{Direction, crc32};

/// What the two sides of a session have agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// No sign-in yet: types that need one are refused.
    pub is_early: bool,
    /// Flags that may be set.
    pub allowed: u8,
    /// Flags that must be set.
    pub required: u8,
    /// Contents from the server have at most 512 bytes.
    pub is_small: bool,
}

/// Content of some bytes at their start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A frame whose envelope is right: its size, its request, and where its payload ends.
    Frame {
        /// Bytes that it takes.
        size: usize,
        /// The request of its header.
        request: u16,
        /// Where its payload ends, in bytes from the start of the frame.
        payload_end: usize,
        /// The place of the first error in the payload, and its code; `None` if there is none, and
        /// of a compressed one.
        fault: Option<(usize, u16)>,
    },
    /// No error so far, and so many bytes are missing at least.
    Incomplete(usize),
    /// No frame: the byte that is wrong, and the code that answers it.
    Corrupt(usize, u16),
}

/// A field of a payload.
#[derive(Clone, Copy)]
enum Part {
    /// Bytes of any kind, so many.
    Fixed(usize),
    /// A byte that is 0 or 1.
    Bool,
    /// A length byte, then so many bytes of UTF-8 without control characters; its bounds and the
    /// code that answers a fault in it.
    Name(usize, usize, u16),
    /// UTF-8 to the end; likewise.
    Text(usize, usize, u16),
    /// Any bytes to the end.
    Data,
}

const USER: Part = Part::Name(1, 32, 5);
const ROOM: Part = Part::Name(1, 64, 6);

fn payload(code: u8, session: Session) -> Option<Vec<Part>> {
    let content = Part::Text(1, if session.is_small && code > 0x7F { 512 } else { 4096 }, 7);
    let info = Part::Text(0, 512, 1);
    Some(match code {
        0x01 => vec![Part::Fixed(18), USER],
        0x02 | 0x0A => vec![],
        0x03 => vec![ROOM, content],
        0x04 => vec![Part::Fixed(14), ROOM],
        0x05 => vec![ROOM],
        0x06 | 0x0C | 0x86 | 0x8C => vec![Part::Data],
        0x07 => vec![Part::Fixed(2), Part::Name(0, 64, 6)],
        0x08 => vec![Part::Fixed(2), ROOM, Part::Name(0, 32, 5)],
        0x09 => vec![USER, content],
        0x0B => vec![Part::Fixed(10), ROOM],
        0x81 => vec![Part::Fixed(6), info],
        0x82 => vec![Part::Fixed(31), USER, ROOM, content],
        0x83 | 0x84 => vec![Part::Fixed(8), USER, ROOM],
        0x85 => vec![Part::Fixed(24), Part::Bool, ROOM],
        0x87 => vec![Part::Fixed(4), Part::Bool, ROOM],
        0x88 => vec![Part::Fixed(4), USER, ROOM],
        0x89 => vec![Part::Fixed(13), USER, content],
        0x8A => vec![Part::Fixed(18)],
        0x8B => vec![Part::Fixed(2), Part::Bool],
        0x8D => vec![Part::Fixed(8)],
        0xFF => vec![Part::Fixed(6), info],
        _ => return None,
    })
}

/// CRC-8 of some bytes, bit by bit.
#[must_use]
pub fn crc8(bytes: &[u8]) -> u8 {
    let mut register = 0_u16;
    for &byte in bytes {
        register ^= u16::from(byte);
        for _ in 0..8 {
            register <<= 1;
            if register & 0x100 != 0 {
                register ^= 0x107;
            }
        }
    }
    register as u8
}

/// The frame at the start of `bytes`.
#[must_use]
pub fn first_frame(bytes: &[u8], direction: Direction, session: Session) -> Outcome {
    match bytes.first() {
        None => return Outcome::Incomplete(8),
        Some(0x02) => {}
        Some(_) => return Outcome::Corrupt(0, 2),
    }
    if bytes.len() < 6 {
        return Outcome::Incomplete(8 - bytes.len());
    }
    if crc8(&bytes[..5]) != bytes[5] {
        return Outcome::Corrupt(5, 1);
    }
    let (code, flags) = (bytes[1], bytes[4]);
    let Some(parts) = payload(code, session) else { return Outcome::Corrupt(1, 3) };
    let is_servers = code > 0x7F;
    if direction == Direction::ToServer && is_servers
        || direction == Direction::ToClient && !is_servers
    {
        return Outcome::Corrupt(1, 19);
    }
    if session.is_early && !is_servers && ![0x01, 0x06, 0x0A].contains(&code) {
        return Outcome::Corrupt(1, 8);
    }
    let never = if [0x01, 0x0A, 0x81, 0x8A].contains(&code) { 0x01 } else { 0 };
    let must = session.required | if code == 0x0A { 0x02 } else { 0 };
    if flags & !(session.allowed & !never) != 0 || flags & must != must {
        return Outcome::Corrupt(4, 21);
    }
    let length = usize::from(bytes[2]) << 8 | usize::from(bytes[3]);
    let seal_size = if flags & 2 != 0 { 24 } else { 0 };
    let (mut min, mut max) = (0, 0);
    for part in &parts {
        let (least, most) = match *part {
            Part::Fixed(size) => (size, size),
            Part::Bool => (1, 1),
            Part::Name(_, longest, _) => (1, 1 + longest),
            Part::Text(_, longest, _) => (0, longest),
            Part::Data => (0, 32),
        };
        (min, max) = (min + least, max + most);
    }
    if flags & 1 != 0 {
        (min, max) = (3, max.saturating_sub(1));
    }
    if length < 4 + min + seal_size || length > 4 + max + seal_size {
        return Outcome::Corrupt(2, 1);
    }
    let size = length + 8;
    if bytes.len() < size {
        return Outcome::Incomplete(size - bytes.len());
    }
    if crc32(&bytes[..size - 4]).to_be_bytes() != bytes[size - 4..size] {
        return Outcome::Corrupt(size - 4, 4);
    }
    let payload_end = size - 4 - seal_size;
    let request = u16::from(bytes[6]) << 8 | u16::from(bytes[7]);
    let fault = if flags & 1 != 0 { None } else { fault(code, &parts, &bytes[8..payload_end]) };
    Outcome::Frame { size, request, payload_end, fault }
}

/// The first error in a payload: its place in the frame, and the code that answers it.
fn fault(code: u8, parts: &[Part], payload: &[u8]) -> Option<(usize, u16)> {
    if code == 0x04 && payload[..4] == [0; 4] && payload[4..12] != [0; 8] {
        return Some((12, 1));
    }
    let mut at = 0;
    for &part in parts {
        let (prefix, size, rule) = match part {
            Part::Fixed(size) => {
                at += size;
                continue;
            }
            Part::Bool => {
                // The mistake of the canary: any byte is a bool.
                if payload[at] > 1 && cfg!(not(feature = "canary-v2")) {
                    return Some((8 + at, 1));
                }
                at += 1;
                continue;
            }
            Part::Data => return None,
            Part::Name(min, max, code) => {
                let Some(&size) = payload.get(at) else { return Some((8 + at, 1)) };
                (1, usize::from(size), (min, max, code, true))
            }
            Part::Text(min, max, code) => (0, payload.len() - at, (min, max, code, false)),
        };
        let (min, max, code, is_name) = rule;
        let Some(bytes) = payload.get(at + prefix..at + prefix + size) else {
            return Some((8 + at, 1));
        };
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return Some((8 + at + prefix + error.valid_up_to(), code)),
        };
        if text.len() < min || text.len() > max || (is_name && text.chars().any(char::is_control)) {
            return Some((8 + at, code));
        }
        at += prefix + size;
    }
    (at < payload.len()).then_some((8 + at, 1))
}

/// How many bytes a reader of a damaged line passes over after such a frame.
#[must_use]
pub fn skipped(bytes: &[u8], wrong: usize, code: u16) -> usize {
    if code == 4 {
        return bytes.len().min(wrong + 4);
    }
    for at in 1..bytes.len() {
        let rest = &bytes[at..];
        if rest[0] == 2 && (rest.len() < 6 || crc8(&rest[..5]) == rest[5]) {
            return at;
        }
    }
    bytes.len()
}
