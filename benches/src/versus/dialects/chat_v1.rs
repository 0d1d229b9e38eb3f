//! cafewire's chat family, version 1, as `core/PROTOCOL.md` has it: members sign in and join, the
//! publisher is a member of all rooms, and its own copy of a message is its receipt.
//!
//! Frames are found by their headers alone. Checksums are not looked at: they are the parser's
//! benches' matter, and every content is compared with what was sent.

use std::ops::Range;

use cafewire_core::MessagePayload;

use super::{Arrival, Dialect, Role};
use crate::versus::fault::Fault;
use crate::versus::plan::room_name;

const VERSION: u8 = 0x01;
const CONNECT_ACK: u8 = 0x81;
const MESSAGE_BROADCAST: u8 = 0x82;
const USER_JOINED: u8 = 0x83;
const ERROR: u8 = 0xFF;

const HEADER_BYTES: usize = 4;
const CHECKSUM_BYTES: usize = 4;
/// `user_id: u32` and `timestamp: u64`, which stand before a broadcast's names.
const BROADCAST_FIXED_BYTES: usize = 12;
/// No frame of version 1 is longer (PROTOCOL.md, "Envelope"); room for one to be encoded.
const FRAME_BYTES_MAX: usize = 1024;

/// The dialect, for rooms of known names.
#[derive(Debug)]
pub struct ChatV1 {
    rooms: Vec<String>,
}

impl ChatV1 {
    /// For so many rooms.
    #[must_use]
    pub fn new(rooms: usize) -> Self {
        Self { rooms: (0..rooms).map(room_name).collect() }
    }
}

/// The user id, once the server has told it.
#[derive(Debug, Default)]
pub struct Session {
    user_id: Option<[u8; 4]>,
}

impl Dialect for ChatV1 {
    type Session = Session;

    fn open(&self, role: Role, rooms: Range<usize>, out: &mut Vec<u8>) -> Result<usize, Fault> {
        let username = match role {
            Role::Publisher => "publisher".to_owned(),
            Role::Member(number) => format!("member-{number}"),
        };
        append(&MessagePayload::Connect { username: &username }, out)?;
        for room in &self.rooms[rooms.clone()] {
            append(&MessagePayload::JoinRoom { room }, out)?;
        }
        Ok(1 + rooms.len())
    }

    fn publish(&self, room: usize, content: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let content =
            str::from_utf8(content).map_err(|_| unexpected("a content that is not UTF-8"))?;
        append(&MessagePayload::SendMessage { room: &self.rooms[room], content }, out)
    }

    #[inline]
    fn scan(
        &self,
        session: &mut Session,
        bytes: &[u8],
        mut arrival: impl FnMut(Arrival<'_>) -> Result<(), Fault>,
    ) -> Result<usize, Fault> {
        let mut consumed = 0;
        while let Some(&[version, kind, high, low]) = bytes[consumed..].first_chunk() {
            if version != VERSION {
                return Err(unexpected("no frame of chat version 1"));
            }
            let body_bytes = usize::from(u16::from_be_bytes([high, low]));
            let end = consumed + HEADER_BYTES + body_bytes + CHECKSUM_BYTES;
            if end > bytes.len() {
                break;
            }
            let body = &bytes[consumed + HEADER_BYTES..end - CHECKSUM_BYTES];
            if kind == MESSAGE_BROADCAST {
                let content =
                    content_of(body).ok_or_else(|| unexpected("a broadcast cut short"))?;
                arrival(Arrival::Message(content))?;
            } else {
                arrival(other(session, kind, body)?)?;
            }
            consumed = end;
        }
        Ok(consumed)
    }
}

/// What stands behind a broadcast's two names.
#[inline]
fn content_of(body: &[u8]) -> Option<&[u8]> {
    let room_at = BROADCAST_FIXED_BYTES + 1 + usize::from(*body.get(BROADCAST_FIXED_BYTES)?);
    let content_at = room_at + 1 + usize::from(*body.get(room_at)?);
    body.get(content_at..)
}

/// Everything but broadcasts: what belongs to signing in and joining, and faults.
#[cold]
fn other<'a>(session: &mut Session, kind: u8, body: &[u8]) -> Result<Arrival<'a>, Fault> {
    match kind {
        CONNECT_ACK => {
            session.user_id = body.first_chunk().copied();
            Ok(Arrival::Answer)
        }
        // The joiner's own copy is the answer; the others are told as well.
        USER_JOINED if session.user_id.is_some_and(|user_id| body.starts_with(&user_id)) => {
            Ok(Arrival::Answer)
        }
        USER_JOINED => Ok(Arrival::Notice),
        ERROR => {
            let text = String::from_utf8_lossy(body.get(2..).unwrap_or_default());
            Err(Fault::Unexpected(format!("the server said: {text}")))
        }
        _ => Err(Fault::Unexpected(format!("a frame of type {kind:#04x}"))),
    }
}

fn append(payload: &MessagePayload<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut frame = [0; FRAME_BYTES_MAX];
    let frame = payload.encode_into(&mut frame).map_err(|error| unexpected(&error.to_string()))?;
    out.extend_from_slice(frame);
    Ok(())
}

fn unexpected(what: &str) -> Fault {
    Fault::Unexpected(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Seen, assert_cut_anywhere, scan_in_pieces};
    use super::*;

    /// A frame from the specification's layout alone; the dialect does not look at checksums.
    fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[VERSION, kind], &length[..], body, &[0; CHECKSUM_BYTES]].concat()
    }

    fn broadcast(content: &[u8]) -> Vec<u8> {
        let fixed = [0; BROADCAST_FIXED_BYTES];
        frame(MESSAGE_BROADCAST, &[&fixed[..], b"\x09publisher\x06room-0", content].concat())
    }

    #[test]
    fn a_stream_means_the_same_wherever_it_is_cut() {
        let stream = [
            frame(CONNECT_ACK, b"\0\0\0\x07cafewire"),
            frame(USER_JOINED, b"\0\0\0\x07\x08member-0\x06room-0"),
            broadcast(b"first"),
            frame(USER_JOINED, b"\0\0\0\x08\x08member-1\x06room-0"),
            broadcast(b"second"),
            broadcast(b""),
        ]
        .concat();
        let message = |content: &[u8]| Seen::Message(content.to_vec());
        let expected = [
            Seen::Answer,
            Seen::Answer,
            message(b"first"),
            Seen::Notice,
            message(b"second"),
            message(b""),
        ];
        assert_cut_anywhere(&ChatV1::new(1), &stream, &expected);
    }

    #[test]
    fn what_does_not_belong_here_is_a_fault() {
        let error = frame(ERROR, b"\0\x10too slow");
        for (stream, text) in [
            (error, "the server said: too slow"),
            (frame(0x84, b""), "a frame of type 0x84"),
            (b"HTTP".to_vec(), "no frame of chat version 1"),
            (frame(MESSAGE_BROADCAST, &[9; 13]), "a broadcast cut short"),
        ] {
            let fault = scan_in_pieces(&ChatV1::new(1), &stream, 0, stream.len()).unwrap_err();
            assert_eq!(fault.to_string(), text);
        }
    }

    #[test]
    fn a_member_signs_in_and_joins_its_rooms() {
        let mut out = Vec::new();
        let answers = ChatV1::new(8).open(Role::Member(3), 2..4, &mut out).unwrap();
        assert_eq!(answers, 3);
        assert_eq!(&out[..13], b"\x01\x01\0\x09\x08member-3");
        assert_eq!(&out[17..28], b"\x01\x04\0\x07\x06room-2");
        assert_eq!(&out[32..43], b"\x01\x04\0\x07\x06room-3");
        assert_eq!(out.len(), 47);
    }
}
