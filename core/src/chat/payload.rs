//! The typed view of a chat body: one variant per type, and what holds for all of them. Layouts are the other files'.

use super::envelope::{CHECKSUM_SIZE, HEADER_SIZE, PROTOCOL_VERSION, begin, seal};
use super::field::{NAME_PREFIX_SIZE, validate_length, validate_name};
use super::{
    ErrorCode, MessageType, broadcast, connect, connect_ack, disconnect, error, presence, room_request, send_message,
};
use crate::error::{Field, FieldError, ParseResult, ProtocolError};
use crate::writer::Writer;

/// A chat message over borrowed text.
///
/// From [`ZeroCopyMessage::parse_payload`](super::ZeroCopyMessage::parse_payload) it is valid; built by hand it is
/// checked by [`encode_into`](Self::encode_into), or by [`validate`](Self::validate) before.
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
        /// 1 to 32 bytes, no control characters; unique among those signed in, compared byte by byte.
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
    /// Somebody said something.
    MessageBroadcast {
        /// The speaker's.
        user_id: u32,
        /// When the server took it, in milliseconds since 1970-01-01 UTC.
        timestamp: u64,
        /// The speaker's, 1 to 32 bytes.
        username: &'a str,
        /// Where, 1 to 64 bytes.
        room: &'a str,
        /// What, 1 to 512 bytes. May hold control characters: escape them before showing them on a terminal.
        content: &'a str,
    },
    /// Somebody entered a room.
    UserJoined {
        /// Who.
        user_id: u32,
        /// Under which name, 1 to 32 bytes.
        username: &'a str,
        /// Where, 1 to 64 bytes.
        room: &'a str,
    },
    /// Somebody left a room, by will or by losing the connection.
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
        match message_type {
            MessageType::Connect => connect::parse(body),
            MessageType::Disconnect => disconnect::parse(body),
            MessageType::SendMessage => send_message::parse(body),
            MessageType::JoinRoom => Ok(Self::JoinRoom { room: room_request::parse(body)? }),
            MessageType::LeaveRoom => Ok(Self::LeaveRoom { room: room_request::parse(body)? }),
            MessageType::ConnectAck => connect_ack::parse(body),
            MessageType::MessageBroadcast => broadcast::parse(body),
            MessageType::UserJoined => {
                let (user_id, username, room) = presence::parse(body)?;
                Ok(Self::UserJoined { user_id, username, room })
            }
            MessageType::UserLeft => {
                let (user_id, username, room) = presence::parse(body)?;
                Ok(Self::UserLeft { user_id, username, room })
            }
            MessageType::Error => error::parse(body),
        }
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
        match *self {
            Self::Disconnect => Ok(()),
            Self::Connect { username } => validate_name(username, Field::Username),
            Self::SendMessage { room, content } => {
                validate_name(room, Field::RoomName)?;
                validate_length(content, Field::Content)
            }
            Self::JoinRoom { room } | Self::LeaveRoom { room } => validate_name(room, Field::RoomName),
            Self::ConnectAck { server_info, .. } => validate_length(server_info, Field::ServerInfo),
            Self::MessageBroadcast { username, room, content, .. } => {
                validate_name(username, Field::Username)?;
                validate_name(room, Field::RoomName)?;
                validate_length(content, Field::Content)
            }
            Self::UserJoined { username, room, .. } | Self::UserLeft { username, room, .. } => {
                validate_name(username, Field::Username)?;
                validate_name(room, Field::RoomName)
            }
            Self::Error { message, .. } => validate_length(message, Field::ErrorMessage),
        }
    }

    /// Bytes that the whole frame takes, envelope included.
    ///
    /// ```
    /// assert_eq!(cafewire_core::MessagePayload::Connect { username: "ada" }.serialized_size(), 12);
    /// ```
    #[must_use]
    #[inline]
    pub const fn serialized_size(&self) -> usize {
        HEADER_SIZE + self.body_size() + CHECKSUM_SIZE
    }

    const fn body_size(&self) -> usize {
        const fn name(name: &str) -> usize {
            NAME_PREFIX_SIZE + name.len()
        }
        match *self {
            Self::Disconnect => 0,
            Self::Connect { username } => name(username),
            Self::SendMessage { room, content } => name(room) + content.len(),
            Self::JoinRoom { room } | Self::LeaveRoom { room } => name(room),
            Self::ConnectAck { server_info, .. } => connect_ack::FIXED_SIZE + server_info.len(),
            Self::MessageBroadcast { username, room, content, .. } => {
                broadcast::FIXED_SIZE + name(username) + name(room) + content.len()
            }
            Self::UserJoined { username, room, .. } | Self::UserLeft { username, room, .. } => {
                presence::FIXED_SIZE + name(username) + name(room)
            }
            Self::Error { message, .. } => error::FIXED_SIZE + message.len(),
        }
    }

    /// Writes the whole frame, checksum included, to the start of `buffer` and returns what was written. The same
    /// message always gives the same bytes.
    ///
    /// # Errors
    /// [`ProtocolError::InvalidField`], [`ProtocolError::BufferTooSmall`]; the buffer is untouched then.
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
        self.validate()?;
        let mut writer = begin(buffer, PROTOCOL_VERSION, self.message_type(), self.body_size())?;
        self.write_body(&mut writer);
        Ok(seal(writer))
    }

    #[inline]
    fn write_body(&self, writer: &mut Writer<'_>) {
        match *self {
            Self::Disconnect => {}
            Self::Connect { username } => connect::write(writer, username),
            Self::SendMessage { room, content } => send_message::write(writer, room, content),
            Self::JoinRoom { room } | Self::LeaveRoom { room } => room_request::write(writer, room),
            Self::ConnectAck { user_id, server_info } => connect_ack::write(writer, user_id, server_info),
            Self::MessageBroadcast { user_id, timestamp, username, room, content } => {
                broadcast::write(writer, user_id, timestamp, username, room, content);
            }
            Self::UserJoined { user_id, username, room } | Self::UserLeft { user_id, username, room } => {
                presence::write(writer, user_id, username, room);
            }
            Self::Error { code, message } => error::write(writer, code, message),
        }
    }
}
