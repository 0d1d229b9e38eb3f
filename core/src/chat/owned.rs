//! The chat family's messages with text of their own. Converts; the rules are the borrowed view's.

use alloc::string::String;
use alloc::vec::Vec;

use super::{ErrorCode, MessagePayload, MessageType};
use crate::error::ProtocolError;
use crate::owned::encode_to_vec;

/// A chat message that owns its text: [`MessagePayload`], to be kept. The fields are the same, with
/// the same rules.
///
/// ```
/// use cafewire_core::chat::{MessagePayload, OwnedMessage};
/// let kept: OwnedMessage = MessagePayload::JoinRoom { room: "lobby" }.into_owned();
/// assert_eq!(kept, OwnedMessage::JoinRoom { room: "lobby".into() });
/// assert_eq!(kept.as_borrowed().encode_to_vec()?, b"\x01\x04\x00\x06\x05lobby\x68\x7F\x54\x27");
/// # Ok::<(), cafewire_core::ProtocolError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum OwnedMessage {
    /// See [`MessagePayload::Connect`].
    Connect {
        /// 1 to 32 bytes, no control characters.
        username: String,
    },
    /// See [`MessagePayload::Disconnect`].
    Disconnect,
    /// See [`MessagePayload::SendMessage`].
    SendMessage {
        /// 1 to 64 bytes, no control characters.
        room: String,
        /// 1 to 512 bytes.
        content: String,
    },
    /// See [`MessagePayload::JoinRoom`].
    JoinRoom {
        /// 1 to 64 bytes, no control characters.
        room: String,
    },
    /// See [`MessagePayload::LeaveRoom`].
    LeaveRoom {
        /// 1 to 64 bytes, no control characters.
        room: String,
    },
    /// See [`MessagePayload::ConnectAck`].
    ConnectAck {
        /// Yours until you disconnect.
        user_id: u32,
        /// What the server says of itself, 0 to 512 bytes.
        server_info: String,
    },
    /// See [`MessagePayload::MessageBroadcast`].
    MessageBroadcast {
        /// The speaker's.
        user_id: u32,
        /// When the server took it, in milliseconds since 1970-01-01 UTC.
        timestamp: u64,
        /// The speaker's, 1 to 32 bytes.
        username: String,
        /// Where, 1 to 64 bytes.
        room: String,
        /// What, 1 to 512 bytes.
        content: String,
    },
    /// See [`MessagePayload::UserJoined`].
    UserJoined {
        /// Who.
        user_id: u32,
        /// Under which name, 1 to 32 bytes.
        username: String,
        /// Where, 1 to 64 bytes.
        room: String,
    },
    /// See [`MessagePayload::UserLeft`].
    UserLeft {
        /// Who.
        user_id: u32,
        /// Under which name, 1 to 32 bytes.
        username: String,
        /// Where, 1 to 64 bytes.
        room: String,
    },
    /// See [`MessagePayload::Error`].
    Error {
        /// For programs.
        code: ErrorCode,
        /// For people, 0 to 512 bytes.
        message: String,
    },
}

impl OwnedMessage {
    /// The type byte's meaning.
    ///
    /// ```
    /// use cafewire_core::chat::{MessageType, OwnedMessage};
    /// assert_eq!(OwnedMessage::Disconnect.message_type(), MessageType::Disconnect);
    /// ```
    #[must_use]
    pub fn message_type(&self) -> MessageType {
        self.as_borrowed().message_type()
    }

    /// The same message, borrowing from this one: what is shown, validated, sized and encoded.
    ///
    /// ```
    /// use cafewire_core::chat::{MessagePayload, OwnedMessage};
    /// let kept = OwnedMessage::Connect { username: "ada".into() };
    /// assert_eq!(kept.as_borrowed(), MessagePayload::Connect { username: "ada" });
    /// ```
    #[must_use]
    pub fn as_borrowed(&self) -> MessagePayload<'_> {
        match *self {
            Self::Connect { ref username } => MessagePayload::Connect { username },
            Self::Disconnect => MessagePayload::Disconnect,
            Self::SendMessage { ref room, ref content } => {
                MessagePayload::SendMessage { room, content }
            }
            Self::JoinRoom { ref room } => MessagePayload::JoinRoom { room },
            Self::LeaveRoom { ref room } => MessagePayload::LeaveRoom { room },
            Self::ConnectAck { user_id, ref server_info } => {
                MessagePayload::ConnectAck { user_id, server_info }
            }
            Self::MessageBroadcast { user_id, timestamp, ref username, ref room, ref content } => {
                MessagePayload::MessageBroadcast { user_id, timestamp, username, room, content }
            }
            Self::UserJoined { user_id, ref username, ref room } => {
                MessagePayload::UserJoined { user_id, username, room }
            }
            Self::UserLeft { user_id, ref username, ref room } => {
                MessagePayload::UserLeft { user_id, username, room }
            }
            Self::Error { code, ref message } => MessagePayload::Error { code, message },
        }
    }
}

impl MessagePayload<'_> {
    /// The same message with text of its own.
    ///
    /// ```
    /// use cafewire_core::chat::{MessagePayload, OwnedMessage};
    /// let kept = MessagePayload::Connect { username: "ada" }.into_owned();
    /// assert_eq!(kept, OwnedMessage::Connect { username: "ada".into() });
    /// ```
    #[must_use]
    pub fn into_owned(self) -> OwnedMessage {
        match self {
            Self::Connect { username } => OwnedMessage::Connect { username: username.into() },
            Self::Disconnect => OwnedMessage::Disconnect,
            Self::SendMessage { room, content } => {
                OwnedMessage::SendMessage { room: room.into(), content: content.into() }
            }
            Self::JoinRoom { room } => OwnedMessage::JoinRoom { room: room.into() },
            Self::LeaveRoom { room } => OwnedMessage::LeaveRoom { room: room.into() },
            Self::ConnectAck { user_id, server_info } => {
                OwnedMessage::ConnectAck { user_id, server_info: server_info.into() }
            }
            Self::MessageBroadcast { user_id, timestamp, username, room, content } => {
                OwnedMessage::MessageBroadcast {
                    user_id,
                    timestamp,
                    username: username.into(),
                    room: room.into(),
                    content: content.into(),
                }
            }
            Self::UserJoined { user_id, username, room } => {
                OwnedMessage::UserJoined { user_id, username: username.into(), room: room.into() }
            }
            Self::UserLeft { user_id, username, room } => {
                OwnedMessage::UserLeft { user_id, username: username.into(), room: room.into() }
            }
            Self::Error { code, message } => OwnedMessage::Error { code, message: message.into() },
        }
    }

    /// The whole frame, checksum included, in a vector of its size.
    ///
    /// # Errors
    /// [`ProtocolError::InvalidField`]; nothing has been allocated then.
    ///
    /// ```
    /// use cafewire_core::MessagePayload;
    /// assert_eq!(
    ///     MessagePayload::Disconnect.encode_to_vec()?,
    ///     b"\x01\x02\x00\x00\x9A\x7C\x6C\x17",
    /// );
    /// # Ok::<(), cafewire_core::ProtocolError>(())
    /// ```
    pub fn encode_to_vec(&self) -> Result<Vec<u8>, ProtocolError> {
        self.validate()?;
        encode_to_vec(self.encoded_len(), |buffer| self.encode_into(buffer))
    }
}

impl From<MessagePayload<'_>> for OwnedMessage {
    fn from(message: MessagePayload<'_>) -> Self {
        message.into_owned()
    }
}

impl<'a> From<&'a OwnedMessage> for MessagePayload<'a> {
    fn from(message: &'a OwnedMessage) -> Self {
        message.as_borrowed()
    }
}
