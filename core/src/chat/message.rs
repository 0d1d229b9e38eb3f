//! The typed view of a chat body: one variant per type, and which of a body's fields is which of its
//! own. What a body is made of, the table says.

use zerocopy::FromBytes;
use zerocopy::byteorder::big_endian::{U16, U32, U64};

use super::body::{Fields, Integers};
use super::fast;
use super::layout::TEXTS;
use super::names::{Content, RoomName, Username};
use super::v1::{CHECKSUM_SIZE, HEADER_SIZE, PROTOCOL_VERSION, write_frame};
use super::{ErrorCode, IS_SMALL, MessageType};
use crate::error::{FieldError, ParseResult, ProtocolError};

/// A chat message over borrowed text.
///
/// From [`ZeroCopyMessage::parse_payload`](super::ZeroCopyMessage::parse_payload) it is valid;
/// built by hand it is checked by [`encode_into`](Self::encode_into), or by
/// [`validate`](Self::validate) before.
///
/// ```
/// use cafewire_core::{FieldError, MessagePayload, ProtocolError};
/// let nameless = MessagePayload::Connect { username: "" };
/// assert!(matches!(nameless.validate(), Err(FieldError::Length { actual: 0, min: 1, max: 32, .. })));
/// assert!(matches!(nameless.encode_into(&mut [0; 64]), Err(ProtocolError::InvalidField(_))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MessagePayload<'a> {
    /// Sign in. The answer is ConnectAck or Error.
    Connect {
        /// 1 to 32 bytes, no control characters; unique among those signed in, compared byte by
        /// byte.
        username: &'a str,
    },
    /// Goodbye. The server closes once everything queued has been sent.
    Disconnect,
    /// Say something in a room that one is in. The receipt is one's own copy of the broadcast.
    SendMessage {
        /// 1 to 64 bytes, no control characters.
        room: &'a str,
        /// 1 to 512 bytes.
        content: &'a str,
    },
    /// Enter a room, which is made if need be. The acknowledgement is one's own copy of UserJoined.
    JoinRoom {
        /// 1 to 64 bytes, no control characters.
        room: &'a str,
    },
    /// Leave a room. The acknowledgement is one's own copy of UserLeft.
    LeaveRoom {
        /// 1 to 64 bytes, no control characters.
        room: &'a str,
    },
    /// You are signed in.
    ConnectAck {
        /// Yours until you disconnect.
        user_id: u32,
        /// What the server says of itself, 0 to 512 bytes.
        server_info: &'a str,
    },
    /// A user said something.
    MessageBroadcast {
        /// The speaker's.
        user_id: u32,
        /// When the server took it, in milliseconds since 1970-01-01 UTC.
        timestamp: u64,
        /// The speaker's, 1 to 32 bytes.
        username: &'a str,
        /// Where, 1 to 64 bytes.
        room: &'a str,
        /// What, 1 to 512 bytes. May hold control characters: escape them before showing them on a
        /// terminal.
        content: &'a str,
    },
    /// A user entered a room.
    UserJoined {
        /// Who.
        user_id: u32,
        /// Under which name, 1 to 32 bytes.
        username: &'a str,
        /// Where, 1 to 64 bytes.
        room: &'a str,
    },
    /// A user left a room, by will or by losing the connection.
    UserLeft {
        /// Who.
        user_id: u32,
        /// Under which name, 1 to 32 bytes.
        username: &'a str,
        /// Where, 1 to 64 bytes.
        room: &'a str,
    },
    /// What was wrong with something the client did.
    Error {
        /// For programs.
        code: ErrorCode,
        /// For people, 0 to 512 bytes.
        message: &'a str,
    },
}

impl<'a> MessagePayload<'a> {
    #[inline]
    pub(super) fn parse(message_type: MessageType, body: &'a [u8]) -> ParseResult<Self> {
        if IS_SMALL { Self::read(message_type, body) } else { fast::payload(message_type, body) }
    }

    /// By the loop over the layout.
    #[inline]
    pub(super) fn read(message_type: MessageType, body: &'a [u8]) -> ParseResult<Self> {
        let (integers, texts) = message_type.layout().read(body)?;
        Self::of_fields(message_type, integers, texts, Ok)
    }

    /// Of a body's fields, in its layout's order: what `found` makes of it.
    #[inline(always)]
    pub(super) fn of_fields<R>(
        message_type: MessageType,
        integers: &[u8],
        [first, second, third]: [&'a str; TEXTS],
        found: impl Fn(Self) -> R,
    ) -> R {
        // Types without a user ID are given 0, and have no place for it.
        let user_id = U32::read_from_prefix(integers).map_or(0, |(user_id, _)| user_id.get());
        found(match message_type {
            MessageType::Connect => Self::Connect { username: first },
            MessageType::Disconnect => Self::Disconnect,
            MessageType::SendMessage => Self::SendMessage { room: first, content: second },
            MessageType::JoinRoom => Self::JoinRoom { room: first },
            MessageType::LeaveRoom => Self::LeaveRoom { room: first },
            MessageType::ConnectAck => Self::ConnectAck { user_id, server_info: first },
            MessageType::MessageBroadcast => {
                let timestamp =
                    U64::read_from_suffix(integers).map_or(0, |(_, timestamp)| timestamp.get());
                let (username, room, content) = (first, second, third);
                Self::MessageBroadcast { user_id, timestamp, username, room, content }
            }
            MessageType::UserJoined => Self::UserJoined { user_id, username: first, room: second },
            MessageType::UserLeft => Self::UserLeft { user_id, username: first, room: second },
            MessageType::Error => {
                let code = U16::read_from_prefix(integers).map_or(0, |(code, _)| code.get());
                // Returned apart: a code is two half-words, and would have the other types' words
                // moved in halves too.
                return found(Self::Error { code: ErrorCode::from_wire(code), message: first });
            }
        })
    }

    /// The way back from [`of_fields`](Self::of_fields).
    #[inline(always)]
    pub(super) const fn fields(&self) -> Fields<'a> {
        let (first, timestamp, texts) = match *self {
            Self::Disconnect => (0, 0, ["", "", ""]),
            Self::Connect { username } => (0, 0, [username, "", ""]),
            Self::SendMessage { room, content } => (0, 0, [room, content, ""]),
            Self::JoinRoom { room } | Self::LeaveRoom { room } => (0, 0, [room, "", ""]),
            Self::ConnectAck { user_id, server_info } => (user_id, 0, [server_info, "", ""]),
            Self::MessageBroadcast { user_id, timestamp, username, room, content } => {
                (user_id, timestamp, [username, room, content])
            }
            Self::UserJoined { user_id, username, room }
            | Self::UserLeft { user_id, username, room } => (user_id, 0, [username, room, ""]),
            // Two bytes, the first two.
            Self::Error { code, message } => ((code.to_wire() as u32) << 16, 0, [message, "", ""]),
        };
        Fields {
            integers: Integers { first: U32::new(first), timestamp: U64::new(timestamp) },
            texts,
        }
    }

    /// As [`fields`](Self::fields), one copy for all: a microcontroller has too few registers for
    /// this and what is done with them.
    #[inline(never)]
    const fn shared_fields(&self) -> Fields<'a> {
        self.fields()
    }

    /// The type byte's meaning.
    ///
    /// ```
    /// use cafewire_core::{MessagePayload, MessageType};
    /// assert_eq!(MessagePayload::LeaveRoom { room: "lobby" }.message_type(), MessageType::LeaveRoom);
    /// ```
    #[must_use]
    pub const fn message_type(&self) -> MessageType {
        match self {
            Self::Connect { .. } => MessageType::Connect,
            Self::Disconnect => MessageType::Disconnect,
            Self::SendMessage { .. } => MessageType::SendMessage,
            Self::JoinRoom { .. } => MessageType::JoinRoom,
            Self::LeaveRoom { .. } => MessageType::LeaveRoom,
            Self::ConnectAck { .. } => MessageType::ConnectAck,
            Self::MessageBroadcast { .. } => MessageType::MessageBroadcast,
            Self::UserJoined { .. } => MessageType::UserJoined,
            Self::UserLeft { .. } => MessageType::UserLeft,
            Self::Error { .. } => MessageType::Error,
        }
    }

    /// Holds every field to its rules.
    ///
    /// # Errors
    /// The first rule broken, in the order of the fields.
    ///
    /// ```
    /// use cafewire_core::{Field, FieldError, MessagePayload};
    /// let error = MessagePayload::JoinRoom { room: "a\nb" }.validate().unwrap_err();
    /// assert_eq!(error, FieldError::ControlCharacter { field: Field::RoomName, position: 1 });
    /// ```
    #[inline]
    pub fn validate(&self) -> Result<(), FieldError> {
        self.message_type().layout().measure::<true>(&self.shared_fields()).map(|_| ())
    }

    /// Bytes that the whole frame takes, envelope included.
    ///
    /// ```
    /// assert_eq!(cafewire_core::MessagePayload::Connect { username: "ada" }.encoded_len(), 12);
    /// ```
    #[must_use]
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        HEADER_SIZE
            + self.message_type().layout().encoded_len(&self.shared_fields())
            + CHECKSUM_SIZE
    }

    /// Writes the whole frame, checksum included, to the start of `buffer` and returns what was
    /// written. The same message always gives the same bytes.
    ///
    /// # Errors
    /// [`ProtocolError::InvalidField`], [`ProtocolError::BufferTooSmall`]; the buffer is untouched
    /// then.
    ///
    /// ```
    /// use cafewire_core::{MessagePayload, ProtocolError};
    /// let hello = MessagePayload::SendMessage { room: "lobby", content: "olá" };
    /// assert_eq!(hello.encode_into(&mut [0; 64])?, b"\x01\x03\x00\x0A\x05lobbyol\xC3\xA1\x88\x3D\x14\xD9");
    /// let error = hello.encode_into(&mut [0; 16]).unwrap_err();
    /// assert_eq!(error, ProtocolError::BufferTooSmall { needed: 18, available: 16 });
    /// # Ok::<(), ProtocolError>(())
    /// ```
    #[inline]
    pub fn encode_into<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], ProtocolError> {
        if IS_SMALL { self.write::<true>(buffer) } else { fast::encode(self, false, buffer) }
    }

    /// By the loop over the layout. `CHECK`: after every field was held to its rules.
    #[inline]
    pub(super) fn write<'b, const CHECK: bool>(
        &self,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], ProtocolError> {
        let (message_type, fields) = (self.message_type(), self.shared_fields());
        let layout = message_type.layout();
        let length = layout.measure::<CHECK>(&fields)?;
        write_frame(buffer, PROTOCOL_VERSION, message_type, length, |body| {
            layout.write(&fields, body)
        })
    }
}

/// A message that is known to keep every rule: made of checked parts, or checked once. It is
/// encoded without being looked at again.
///
/// ```
/// use cafewire_core::chat::{Content, RoomName, Username, ValidMessage};
/// // What a server holds, checked when it came:
/// let (ada, lobby) = (Username::new("ada")?, RoomName::new("lobby")?);
/// let hi = Content::new("hi")?;
/// let broadcast = ValidMessage::message_broadcast(7, 1_700_000_000_000, ada, lobby, hi);
/// assert_eq!(broadcast.encode_into(&mut [0; 64])?.len(), broadcast.encoded_len());
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ValidMessage<'a>(MessagePayload<'a>);

impl<'a> ValidMessage<'a> {
    /// Holds every field to its rules.
    ///
    /// # Errors
    /// The first rule broken, in the order of the fields.
    #[inline]
    pub fn new(message: MessagePayload<'a>) -> Result<Self, FieldError> {
        message.validate()?;
        Ok(Self(message))
    }

    /// [`MessagePayload::MessageBroadcast`] of checked parts.
    #[must_use]
    #[inline]
    pub const fn message_broadcast(
        user_id: u32,
        timestamp: u64,
        username: Username<&'a str>,
        room: RoomName<&'a str>,
        content: Content<&'a str>,
    ) -> Self {
        Self(MessagePayload::MessageBroadcast {
            user_id,
            timestamp,
            username: username.get(),
            room: room.get(),
            content: content.get(),
        })
    }

    /// [`MessagePayload::UserJoined`] of checked parts.
    #[must_use]
    #[inline]
    pub const fn user_joined(
        user_id: u32,
        username: Username<&'a str>,
        room: RoomName<&'a str>,
    ) -> Self {
        let (username, room) = (username.get(), room.get());
        Self(MessagePayload::UserJoined { user_id, username, room })
    }

    /// [`MessagePayload::UserLeft`] of checked parts.
    #[must_use]
    #[inline]
    pub const fn user_left(
        user_id: u32,
        username: Username<&'a str>,
        room: RoomName<&'a str>,
    ) -> Self {
        let (username, room) = (username.get(), room.get());
        Self(MessagePayload::UserLeft { user_id, username, room })
    }

    /// The message.
    #[must_use]
    #[inline]
    pub const fn payload(&self) -> MessagePayload<'a> {
        self.0
    }

    /// Bytes that the whole frame takes.
    #[must_use]
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }

    /// Writes the whole frame, checksum included, to the start of `buffer` and returns what was
    /// written.
    ///
    /// # Errors
    /// [`ProtocolError::BufferTooSmall`]; the buffer is untouched then.
    #[inline]
    pub fn encode_into<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], ProtocolError> {
        if IS_SMALL { self.0.write::<false>(buffer) } else { fast::encode(&self.0, true, buffer) }
    }
}
