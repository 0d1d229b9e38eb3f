//! Chat frames in the style of most programs: a message that owns its strings, a frame in a vector
//! of its own. No slower than that requires: it checks what cafewire-core checks, in the same
//! order, with the same crc32fast, sizes its vectors at once and validates UTF-8 in place before it
//! copies.

use cafewire_core::{ErrorCode, MessagePayload};

/// Reason for a refusal. A string would be more common, and slower; the benches parse good frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Shorter than its length says.
    Truncated,
    /// Not version 1, or no type of it.
    UnknownKind,
    /// A length that the type does not allow, a field that overruns, or bytes left over.
    Length,
    /// The checksum does not match.
    Checksum,
    /// A field that is not UTF-8.
    Utf8,
    /// A name with control characters, or a field of a length that is not allowed.
    Field,
}

/// A chat message that owns its text. The fields are those of [`MessagePayload`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum OwnedMessage {
    Connect {
        username: String,
    },
    Disconnect,
    SendMessage {
        room: String,
        content: String,
    },
    JoinRoom {
        room: String,
    },
    LeaveRoom {
        room: String,
    },
    ConnectAck {
        user_id: u32,
        server_info: String,
    },
    MessageBroadcast {
        user_id: u32,
        timestamp: u64,
        username: String,
        room: String,
        content: String,
    },
    UserJoined {
        user_id: u32,
        username: String,
        room: String,
    },
    UserLeft {
        user_id: u32,
        username: String,
        room: String,
    },
    Error {
        code: u16,
        message: String,
    },
}

impl OwnedMessage {
    /// The same message over borrowed text.
    #[must_use]
    pub fn as_borrowed(&self) -> MessagePayload<'_> {
        match self {
            Self::Connect { username } => MessagePayload::Connect { username },
            Self::Disconnect => MessagePayload::Disconnect,
            Self::SendMessage { room, content } => MessagePayload::SendMessage { room, content },
            Self::JoinRoom { room } => MessagePayload::JoinRoom { room },
            Self::LeaveRoom { room } => MessagePayload::LeaveRoom { room },
            &Self::ConnectAck { user_id, ref server_info } => {
                MessagePayload::ConnectAck { user_id, server_info }
            }
            &Self::MessageBroadcast { user_id, timestamp, ref username, ref room, ref content } => {
                MessagePayload::MessageBroadcast { user_id, timestamp, username, room, content }
            }
            &Self::UserJoined { user_id, ref username, ref room } => {
                MessagePayload::UserJoined { user_id, username, room }
            }
            &Self::UserLeft { user_id, ref username, ref room } => {
                MessagePayload::UserLeft { user_id, username, room }
            }
            &Self::Error { code, ref message } => {
                MessagePayload::Error { code: ErrorCode::from_wire(code), message }
            }
        }
    }

    /// The frame at the start of `bytes`, and how many of them it takes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), Refused> {
        let &[version, kind, high, low, ..] = bytes else { return Err(Refused::Truncated) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (min, max) = length_range(version, kind).ok_or(Refused::UnknownKind)?;
        if length < min || length > max {
            return Err(Refused::Length);
        }
        let (summed, rest) = bytes.split_at_checked(4 + length).ok_or(Refused::Truncated)?;
        let (checksum, _) = rest.split_first_chunk::<4>().ok_or(Refused::Truncated)?;
        if crc32fast::hash(summed) != u32::from_be_bytes(*checksum) {
            return Err(Refused::Checksum);
        }
        let message = parse_body(kind, Body(&summed[4..]))?;
        Ok((message, 4 + length + 4))
    }

    /// The whole frame, in a vector of its own.
    ///
    /// # Errors
    /// A field that may not be sent.
    pub fn encode(&self) -> Result<Vec<u8>, Refused> {
        let mut frame = Vec::with_capacity(self.as_borrowed().encoded_len());
        frame.extend_from_slice(&[1, self.as_borrowed().message_type() as u8, 0, 0]);
        match self {
            Self::Disconnect => {}
            Self::Connect { username } => put_name(&mut frame, username, 32)?,
            Self::SendMessage { room, content } => {
                put_name(&mut frame, room, 64)?;
                put_text(&mut frame, content, 1)?;
            }
            Self::JoinRoom { room } | Self::LeaveRoom { room } => put_name(&mut frame, room, 64)?,
            Self::ConnectAck { user_id, server_info } => {
                frame.extend_from_slice(&user_id.to_be_bytes());
                put_text(&mut frame, server_info, 0)?;
            }
            Self::MessageBroadcast { user_id, timestamp, username, room, content } => {
                frame.extend_from_slice(&user_id.to_be_bytes());
                frame.extend_from_slice(&timestamp.to_be_bytes());
                put_name(&mut frame, username, 32)?;
                put_name(&mut frame, room, 64)?;
                put_text(&mut frame, content, 1)?;
            }
            Self::UserJoined { user_id, username, room }
            | Self::UserLeft { user_id, username, room } => {
                frame.extend_from_slice(&user_id.to_be_bytes());
                put_name(&mut frame, username, 32)?;
                put_name(&mut frame, room, 64)?;
            }
            Self::Error { code, message } => {
                frame.extend_from_slice(&code.to_be_bytes());
                put_text(&mut frame, message, 0)?;
            }
        }
        let length = u16::try_from(frame.len() - 4).map_err(|_| Refused::Length)?;
        frame[2..4].copy_from_slice(&length.to_be_bytes());
        let checksum = crc32fast::hash(&frame);
        frame.extend_from_slice(&checksum.to_be_bytes());
        Ok(frame)
    }
}

fn length_range(version: u8, kind: u8) -> Option<(usize, usize)> {
    match (version, kind) {
        (1, 0x01) => Some((1, 33)),
        (1, 0x02) => Some((0, 0)),
        (1, 0x03) => Some((1, 577)),
        (1, 0x04 | 0x05) => Some((1, 65)),
        (1, 0x81) => Some((4, 516)),
        (1, 0x82) => Some((14, 622)),
        (1, 0x83 | 0x84) => Some((6, 102)),
        (1, 0xFF) => Some((2, 514)),
        _ => None,
    }
}

fn parse_body(kind: u8, mut body: Body<'_>) -> Result<OwnedMessage, Refused> {
    let message = match kind {
        0x01 => OwnedMessage::Connect { username: body.name(32)? },
        0x02 => OwnedMessage::Disconnect,
        0x03 => OwnedMessage::SendMessage { room: body.name(64)?, content: body.text(1)? },
        0x04 => OwnedMessage::JoinRoom { room: body.name(64)? },
        0x05 => OwnedMessage::LeaveRoom { room: body.name(64)? },
        0x81 => OwnedMessage::ConnectAck {
            user_id: u32::from_be_bytes(body.array()?),
            server_info: body.text(0)?,
        },
        0x82 => OwnedMessage::MessageBroadcast {
            user_id: u32::from_be_bytes(body.array()?),
            timestamp: u64::from_be_bytes(body.array()?),
            username: body.name(32)?,
            room: body.name(64)?,
            content: body.text(1)?,
        },
        0x83 => OwnedMessage::UserJoined {
            user_id: u32::from_be_bytes(body.array()?),
            username: body.name(32)?,
            room: body.name(64)?,
        },
        0x84 => OwnedMessage::UserLeft {
            user_id: u32::from_be_bytes(body.array()?),
            username: body.name(32)?,
            room: body.name(64)?,
        },
        0xFF => {
            OwnedMessage::Error { code: u16::from_be_bytes(body.array()?), message: body.text(0)? }
        }
        _ => return Err(Refused::UnknownKind),
    };
    if body.0.is_empty() { Ok(message) } else { Err(Refused::Length) }
}

struct Body<'a>(&'a [u8]);

impl Body<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refused> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Refused::Length)?;
        self.0 = rest;
        Ok(*array)
    }

    fn name(&mut self, max: usize) -> Result<String, Refused> {
        let [len_bytes] = self.array()?;
        let (name, rest) =
            self.0.split_at_checked(usize::from(len_bytes)).ok_or(Refused::Length)?;
        let name = str::from_utf8(name).map_err(|_| Refused::Utf8)?;
        check_name(name, max)?;
        self.0 = rest;
        Ok(name.to_owned())
    }

    fn text(&mut self, min: usize) -> Result<String, Refused> {
        let text = str::from_utf8(self.0).map_err(|_| Refused::Utf8)?;
        check_length(text, min, 512)?;
        self.0 = &[];
        Ok(text.to_owned())
    }
}

fn put_name(frame: &mut Vec<u8>, name: &str, max: usize) -> Result<(), Refused> {
    check_name(name, max)?;
    frame.push(u8::try_from(name.len()).map_err(|_| Refused::Field)?);
    frame.extend_from_slice(name.as_bytes());
    Ok(())
}

fn put_text(frame: &mut Vec<u8>, text: &str, min: usize) -> Result<(), Refused> {
    check_length(text, min, 512)?;
    frame.extend_from_slice(text.as_bytes());
    Ok(())
}

fn check_name(name: &str, max: usize) -> Result<(), Refused> {
    check_length(name, 1, max)?;
    if name.chars().any(char::is_control) { Err(Refused::Field) } else { Ok(()) }
}

fn check_length(text: &str, min: usize, max: usize) -> Result<(), Refused> {
    if text.len() < min || text.len() > max { Err(Refused::Field) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload;

    #[test]
    fn it_reads_and_writes_what_cafewire_core_does() {
        let mut messages = workload::of_every_type();
        messages.extend(workload::stream(7, 20, 64 * 1024));
        for message in messages {
            let mut buffer = [0; cafewire_core::chat::MAX_FRAME_SIZE];
            let frame = message.as_borrowed().encode_into(&mut buffer).unwrap();
            assert_eq!(message.encode().unwrap(), frame);
            assert_eq!(OwnedMessage::parse(frame), Ok((message, frame.len())));
        }
    }

    #[test]
    fn it_refuses_what_cafewire_core_refuses() {
        let sealed = |summed: &[u8]| [summed, &crc32fast::hash(summed).to_be_bytes()].concat();
        let refused = |bytes: &[u8]| OwnedMessage::parse(bytes).unwrap_err();
        assert_eq!(refused(&[1, 2, 0]), Refused::Truncated);
        assert_eq!(refused(&[1, 2, 0, 0, 0, 0, 0]), Refused::Truncated);
        assert_eq!(refused(&sealed(&[2, 2, 0, 0])), Refused::UnknownKind);
        assert_eq!(refused(&sealed(&[1, 2, 0, 1, 0])), Refused::Length);
        assert_eq!(refused(&sealed(b"\x01\x04\x00\x03\x01ab")), Refused::Length);
        assert_eq!(refused(&sealed(b"\x01\x04\x00\x03\x03ab")), Refused::Length);
        assert_eq!(refused(&sealed(b"\x01\x04\x00\x02\x01\xFF")), Refused::Utf8);
        assert_eq!(refused(&sealed(b"\x01\x04\x00\x02\x01\x1F")), Refused::Field);
        assert_eq!(refused(&sealed(b"\x01\x04\x00\x03\x02\xC2\x80")), Refused::Field);
        assert_eq!(refused(&[1, 2, 0, 0, 0, 0, 0, 0]), Refused::Checksum);
    }
}
