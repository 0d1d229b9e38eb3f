//! The messages that every contender reads and writes, and what becomes of a message once read.
//!
//! Two of the chat protocol's types, one that a server reads and one that it writes. The derives
//! are those of the peers whose decoded form can borrow its text from the input.

use serde::{Deserialize, Serialize};

/// A message over borrowed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message<'m> {
    SendMessage(SendMessage<'m>),
    Broadcast(Broadcast<'m>),
}

#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    bincode::Encode,
    bincode::BorrowDecode,
    bitcode::Encode,
    bitcode::Decode,
    minicbor::Encode,
    minicbor::Decode,
    wincode::SchemaRead,
    wincode::SchemaWrite,
)]
pub(crate) struct SendMessage<'m> {
    #[n(0)]
    pub(crate) room: &'m str,
    #[n(1)]
    pub(crate) content: &'m str,
}

#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    bincode::Encode,
    bincode::BorrowDecode,
    bitcode::Encode,
    bitcode::Decode,
    minicbor::Encode,
    minicbor::Decode,
    wincode::SchemaRead,
    wincode::SchemaWrite,
)]
pub(crate) struct Broadcast<'m> {
    #[n(0)]
    pub(crate) user_id: u32,
    #[n(1)]
    pub(crate) timestamp: u64,
    #[n(2)]
    pub(crate) username: &'m str,
    #[n(3)]
    pub(crate) room: &'m str,
    #[n(4)]
    pub(crate) content: &'m str,
}

/// The type byte of the envelope: which of the two a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    SendMessage = 0x03,
    Broadcast = 0x82,
}

impl Kind {
    #[inline]
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        match code {
            0x03 => Some(Self::SendMessage),
            0x82 => Some(Self::Broadcast),
            _ => None,
        }
    }
}

/// A consumer of messages. One method for each type, so that a parser need not pack its fields into
/// an enum only to have it taken apart again.
pub(crate) trait Sink {
    fn send_message(&mut self, message: SendMessage<'_>);
    fn broadcast(&mut self, message: Broadcast<'_>);
}

/// The consumer whose work is timed: a sum that needs every integer and every text's address and
/// length, so that no compiler can leave out one of them. The same for every contender.
#[derive(Debug, Default)]
pub(crate) struct Digest(pub(crate) u64);

impl Digest {
    #[inline]
    fn integer(&mut self, integer: u64) {
        self.0 = self.0.wrapping_add(integer);
    }

    #[inline]
    fn text(&mut self, text: &str) {
        self.integer(text.len() as u64);
        self.integer(text.as_bytes().last().copied().map_or(0, u64::from));
    }
}

impl Sink for Digest {
    #[inline]
    fn send_message(&mut self, message: SendMessage<'_>) {
        self.text(message.room);
        self.text(message.content);
    }

    #[inline]
    fn broadcast(&mut self, message: Broadcast<'_>) {
        self.integer(u64::from(message.user_id));
        self.integer(message.timestamp);
        self.text(message.username);
        self.text(message.room);
        self.text(message.content);
    }
}
