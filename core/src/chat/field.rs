//! The variable fields of chat messages, names and texts, as errors name them, and their bounds in
//! version 1. A leaf: knows neither messages nor errors.

use core::fmt;

/// The longest username, in bytes.
///
/// ```
/// use cafewire_core::{MessagePayload, chat};
/// let longest = "x".repeat(chat::MAX_USERNAME_SIZE);
/// assert!(MessagePayload::Connect { username: &longest }.validate().is_ok());
/// assert!(MessagePayload::Connect { username: &(longest + "x") }.validate().is_err());
/// ```
pub const MAX_USERNAME_SIZE: usize = 32;

/// The longest room name, in bytes.
///
/// ```
/// use cafewire_core::{Field, FieldError, MessagePayload, chat};
/// let room = "ü".repeat(chat::MAX_ROOM_NAME_SIZE / 2 + 1); // 33 characters, but 66 bytes
/// let why = FieldError::Length { field: Field::RoomName, actual: 66, min: 1, max: chat::MAX_ROOM_NAME_SIZE };
/// assert_eq!(MessagePayload::JoinRoom { room: &room }.validate(), Err(why));
/// ```
pub const MAX_ROOM_NAME_SIZE: usize = 64;

/// The longest content of a message, in bytes.
///
/// ```
/// use cafewire_core::{MessagePayload, chat};
/// let text = "€".repeat(200); // 600 bytes, too long for one message: cut it between two characters
/// let mut end = chat::MAX_CONTENT_SIZE;
/// while !text.is_char_boundary(end) {
///     end -= 1;
/// }
/// for content in [&text[..end], &text[end..]] {
///     MessagePayload::SendMessage { room: "lobby", content }.validate()?;
/// }
/// # Ok::<(), cafewire_core::FieldError>(())
/// ```
pub const MAX_CONTENT_SIZE: usize = 512;

/// The longest text that a server adds of its own (server info, error message), in bytes.
///
/// ```
/// use cafewire_core::{MessagePayload, chat};
/// const WELCOME: &str = "be kind; rooms are cleared at midnight";
/// const { assert!(WELCOME.len() <= chat::MAX_TEXT_SIZE) }; // too long? Told when it is compiled, not when it is sent
/// MessagePayload::ConnectAck { user_id: 7, server_info: WELCOME }.validate()?;
/// # Ok::<(), cafewire_core::FieldError>(())
/// ```
pub const MAX_TEXT_SIZE: usize = 512;

/// Bytes before a name's own: its length.
pub(super) const NAME_PREFIX_SIZE: usize = 1;

/// The variable fields of chat messages.
///
/// ```
/// use cafewire_core::Field;
/// assert_eq!(Field::RoomName.length_range(), (1, 64));
/// assert_eq!(Field::RoomName.to_string(), "room name");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Field {
    /// A user's name.
    Username,
    /// A room's name.
    RoomName,
    /// What a user says.
    Content,
    /// What a server says of itself in ConnectAck.
    ServerInfo,
    /// The sentence of an Error frame.
    ErrorMessage,
    /// The integers before the variable fields.
    FixedPart,
}

impl Field {
    /// Whether it is a name, with its length before it, or a text, which ends with its body.
    #[inline]
    pub(super) const fn is_name(self) -> bool {
        matches!(self, Self::Username | Self::RoomName)
    }

    /// Bytes before the field's own.
    #[inline]
    pub(super) const fn prefix_size(self) -> usize {
        if self.is_name() { NAME_PREFIX_SIZE } else { 0 }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Username => "username",
            Self::RoomName => "room name",
            Self::Content => "content",
            Self::ServerInfo => "server info",
            Self::ErrorMessage => "error message",
            Self::FixedPart => "fixed part",
        })
    }
}
