//! The typed view of a payload of version 2: one variant per type. Which of a payload's fields is
//! which of its own stands in `message_fields`; what a payload is made of, the table says.

use core::num::NonZeroU32;

use super::frame::write_frame;
use super::layout::Layout;
use super::{Capabilities, HEADER_SIZE, MessageType, NONCE_SIZE};
use crate::chat::{CHECKSUM_SIZE, ErrorCode};
use crate::error::{ParseError, ParseResult, ProtocolError};

/// A chat message of version 2 over borrowed text.
///
/// From [`ZeroCopyMessage::parse_payload`](super::ZeroCopyMessage::parse_payload) it is valid;
/// built by hand it is checked by [`encode_into`](Self::encode_into), or by
/// [`validate`](Self::validate) before.
///
/// Names have 1 to 32 bytes (users) or 1 to 64 (rooms) and no control characters, contents 1 to
/// 4096 bytes, what a server adds of its own 0 to 512.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MessagePayload<'a> {
    /// Sign in. The answer is ConnectAck, Challenge or Error.
    Connect {
        /// What the client asks for.
        capabilities: Capabilities,
        /// Never used twice with one key.
        client_nonce: [u8; NONCE_SIZE],
        /// Unique among those signed in, compared byte by byte.
        username: &'a str,
    },
    /// Goodbye. The server closes once everything queued has been sent.
    Disconnect,
    /// Say something in a room that one is in. The receipt is one's own copy of the broadcast.
    SendMessage {
        /// Where.
        room: &'a str,
        /// What.
        content: &'a str,
    },
    /// Enter a room, which is made if need be. The acknowledgement is Joined.
    JoinRoom {
        /// From where one left it, if one was there before.
        resume: Option<Resume>,
        /// At most so many messages are wanted again.
        replay: u16,
        /// Which.
        room: &'a str,
    },
    /// Leave a room. The acknowledgement is one's own copy of UserLeft.
    LeaveRoom {
        /// Which.
        room: &'a str,
    },
    /// Are you there? The answer is Pong.
    Ping {
        /// What the answer is to hold, 0 to 32 bytes.
        data: &'a [u8],
    },
    /// Which rooms are there? The answer is a RoomInfo for each, in the byte order of their names,
    /// and ListEnd.
    ListRooms {
        /// At most so many; 0: as many as the server likes.
        count: u16,
        /// Those whose names come after this one; empty: from the start.
        after: &'a str,
    },
    /// Who is in a room that one is in? The answer is a MemberInfo for each, and ListEnd.
    ListMembers {
        /// At most so many; 0: as many as the server likes.
        count: u16,
        /// Which.
        room: &'a str,
        /// Those whose names come after this one; empty: from the start.
        after: &'a str,
    },
    /// Say something to one user. The answer is Ack.
    DirectMessage {
        /// To whose name.
        to: &'a str,
        /// What.
        content: &'a str,
    },
    /// The proof that one has one's name's key: the frame's seal. The answer is ConnectAck.
    Authenticate,
    /// What was said in a room that one is in? The answer is a MessageBroadcast for each message,
    /// and ListEnd.
    History {
        /// Those before this sequence; 0: from the newest.
        before: u64,
        /// At most so many; 0: as many as the server likes.
        count: u16,
        /// Which.
        room: &'a str,
    },
    /// The answer to [`ServerPing`](Self::ServerPing).
    ClientPong {
        /// What that held.
        data: &'a [u8],
    },
    /// You are signed in.
    ConnectAck {
        /// Yours until you disconnect.
        user_id: u32,
        /// What the server grants.
        capabilities: Capabilities,
        /// What the server says of itself.
        server_info: &'a str,
    },
    /// A user said something.
    MessageBroadcast {
        /// Its place among the room's messages, from 1 on, growing.
        sequence: u64,
        /// The sequence of the message before it; 0: none.
        previous: u64,
        /// When the server took it, in milliseconds since 1970-01-01 UTC.
        timestamp: u64,
        /// The speaker's.
        user_id: u32,
        /// The request of the speaker's SendMessage.
        origin: u16,
        /// 0 of a whole message; else which part it is, the highest bit set if more follow.
        part: u8,
        /// The speaker's.
        username: &'a str,
        /// Where.
        room: &'a str,
        /// What. May hold control characters: escape them before showing them on a terminal.
        content: &'a str,
    },
    /// A user entered a room.
    UserJoined {
        /// Who.
        user_id: u32,
        /// How many members the room has now.
        members: u32,
        /// Under which name.
        username: &'a str,
        /// Where.
        room: &'a str,
    },
    /// A user left a room, by will or by losing the connection.
    UserLeft {
        /// Who.
        user_id: u32,
        /// How many members the room has now.
        members: u32,
        /// Under which name.
        username: &'a str,
        /// Where.
        room: &'a str,
    },
    /// You are in the room.
    Joined {
        /// The life of the room's numbers; other than 0.
        epoch: u32,
        /// The last message before the live ones; 0: none.
        sequence: u64,
        /// After which message the replay goes on, without a gap.
        replay_from: u64,
        /// How many members the room has, you among them.
        members: u32,
        /// Whether joins and leaves are told.
        presence: bool,
        /// Which.
        room: &'a str,
    },
    /// The answer to [`Ping`](Self::Ping).
    Pong {
        /// What that held.
        data: &'a [u8],
    },
    /// A room, in a list or because its presence changed.
    RoomInfo {
        /// How many members it has.
        members: u32,
        /// Whether joins and leaves are told.
        presence: bool,
        /// Which.
        room: &'a str,
    },
    /// A member, in a list.
    MemberInfo {
        /// Who.
        user_id: u32,
        /// Under which name.
        username: &'a str,
        /// Where.
        room: &'a str,
    },
    /// A user said something to you alone.
    DirectDelivery {
        /// When the server took it, in milliseconds since 1970-01-01 UTC.
        timestamp: u64,
        /// The speaker's.
        user_id: u32,
        /// As of a MessageBroadcast.
        part: u8,
        /// The speaker's name.
        from: &'a str,
        /// What.
        content: &'a str,
    },
    /// Prove that you have your name's key.
    Challenge {
        /// What the server will grant.
        capabilities: Capabilities,
        /// Random, and never the same twice.
        server_nonce: [u8; NONCE_SIZE],
    },
    /// A list, a history or a replay ends.
    ListEnd {
        /// How many frames it had.
        count: u16,
        /// Whether there is more of it.
        more: bool,
    },
    /// Are you there? The answer is [`ClientPong`](Self::ClientPong).
    ServerPing {
        /// What the answer is to hold, 0 to 32 bytes.
        data: &'a [u8],
    },
    /// A direct message was queued for its addressee; whether it was read is not known.
    Ack {
        /// When the server took it, in milliseconds since 1970-01-01 UTC.
        timestamp: u64,
    },
    /// What was wrong with something the client did.
    Error {
        /// For programs.
        code: ErrorCode,
        /// When it makes sense to try again, in milliseconds; 0: not told.
        retry_after_ms: u32,
        /// For people.
        message: &'a str,
    },
}

/// Where one left a room, to be told what was said since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Resume {
    /// The epoch of the numbers: that of the Joined when one was there.
    pub epoch: NonZeroU32,
    /// The sequence of the last message that one has; 0: none.
    pub after: u64,
}

impl<'a> MessagePayload<'a> {
    /// Gives a payload its type: that of an uncompressed frame, or what a compressed one inflates
    /// to. Contents may be as long as without SMALL, beside which nothing is compressed.
    ///
    /// # Errors
    /// [`ParseError::LengthOutOfRangeV2`], [`ParseError::InvalidValue`],
    /// [`ParseError::FieldOverrun`], [`ParseError::InvalidUtf8`], [`ParseError::InvalidField`],
    /// [`ParseError::TrailingBytes`]. Offsets count from the start of a frame with this payload.
    ///
    /// ```
    /// use cafewire_core::chat::v2::{MessagePayload, MessageType};
    /// let message = MessagePayload::parse(MessageType::ListEnd, &[0, 2, 1])?;
    /// assert_eq!(message, MessagePayload::ListEnd { count: 2, more: true });
    /// # Ok::<(), cafewire_core::ParseError>(())
    /// ```
    pub fn parse(message_type: MessageType, payload: &'a [u8]) -> ParseResult<Self> {
        let actual = u16::try_from(payload.len()).unwrap_or(u16::MAX);
        let (min, max) = message_type.payload_range();
        if actual < min || actual > max {
            let offset = HEADER_SIZE;
            return Err(ParseError::LengthOutOfRangeV2 { offset, message_type, actual, min, max });
        }
        Self::read(message_type, payload, false)
    }

    /// Of a payload whose length is within its type's bounds.
    pub(super) fn read(
        message_type: MessageType,
        payload: &'a [u8],
        is_small: bool,
    ) -> ParseResult<Self> {
        let parts = Layout::of(message_type).read(payload, is_small)?;
        Ok(if message_type as u8 & 0x80 == 0 {
            Self::from_client(message_type, parts)
        } else {
            Self::from_server(message_type, parts)
        })
    }

    /// The type byte's meaning.
    #[must_use]
    pub const fn message_type(&self) -> MessageType {
        match self {
            Self::Connect { .. } => MessageType::Connect,
            Self::Disconnect => MessageType::Disconnect,
            Self::SendMessage { .. } => MessageType::SendMessage,
            Self::JoinRoom { .. } => MessageType::JoinRoom,
            Self::LeaveRoom { .. } => MessageType::LeaveRoom,
            Self::Ping { .. } => MessageType::Ping,
            Self::ListRooms { .. } => MessageType::ListRooms,
            Self::ListMembers { .. } => MessageType::ListMembers,
            Self::DirectMessage { .. } => MessageType::DirectMessage,
            Self::Authenticate => MessageType::Authenticate,
            Self::History { .. } => MessageType::History,
            Self::ClientPong { .. } => MessageType::ClientPong,
            Self::ConnectAck { .. } => MessageType::ConnectAck,
            Self::MessageBroadcast { .. } => MessageType::MessageBroadcast,
            Self::UserJoined { .. } => MessageType::UserJoined,
            Self::UserLeft { .. } => MessageType::UserLeft,
            Self::Joined { .. } => MessageType::Joined,
            Self::Pong { .. } => MessageType::Pong,
            Self::RoomInfo { .. } => MessageType::RoomInfo,
            Self::MemberInfo { .. } => MessageType::MemberInfo,
            Self::DirectDelivery { .. } => MessageType::DirectDelivery,
            Self::Challenge { .. } => MessageType::Challenge,
            Self::ListEnd { .. } => MessageType::ListEnd,
            Self::ServerPing { .. } => MessageType::ServerPing,
            Self::Ack { .. } => MessageType::Ack,
            Self::Error { .. } => MessageType::Error,
        }
    }

    /// Holds every field to its rules.
    ///
    /// # Errors
    /// The first rule broken, in the order of the fields: [`ProtocolError::InvalidField`], or
    /// [`ProtocolError::PayloadTooLong`] of a Ping's data.
    pub fn validate(&self) -> Result<(), ProtocolError> {
        Layout::of(self.message_type()).measure(&self.fields()).map(|_| ())
    }

    /// Bytes that the whole frame takes, unsealed and uncompressed.
    ///
    /// ```
    /// assert_eq!(cafewire_core::chat::v2::MessagePayload::Ping { data: b"" }.encoded_len(), 12);
    /// ```
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        HEADER_SIZE + Layout::of(self.message_type()).encoded_len(&self.fields()) + CHECKSUM_SIZE
    }

    /// Writes the whole frame, unsealed and uncompressed, checksum included, to the start of
    /// `buffer` and returns what was written. The same message and request always give the same
    /// bytes. An Authenticate is no frame before it is sealed.
    ///
    /// # Errors
    /// [`ProtocolError::InvalidField`], [`ProtocolError::PayloadTooLong`],
    /// [`ProtocolError::BufferTooSmall`]; the buffer is untouched then.
    ///
    /// ```
    /// use cafewire_core::chat::v2::MessagePayload;
    /// let leave = MessagePayload::LeaveRoom { room: "lobby" };
    /// assert_eq!(
    ///     leave.encode_into(3, &mut [0; 32])?,
    ///     b"\x02\x05\x00\x0A\x00\x08\x00\x03\x05lobby\x1F\x6E\xDD\x21",
    /// );
    /// # Ok::<(), cafewire_core::ProtocolError>(())
    /// ```
    pub fn encode_into<'b>(
        &self,
        request: u16,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], ProtocolError> {
        let (message_type, fields) = (self.message_type(), self.fields());
        let layout = Layout::of(message_type);
        let size = layout.measure(&fields)?;
        write_frame(buffer, message_type, request, size, |payload| layout.write(&fields, payload))
    }
}
