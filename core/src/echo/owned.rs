//! The echo family's messages with a payload of their own. Converts; the rules are the borrowed
//! view's.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Message, MessageType};
use crate::error::ProtocolError;
use crate::owned::encode_to_vec;

/// An echo message that owns its payload: [`Message`], to be kept.
///
/// ```
/// use cafewire_core::echo::{Message, OwnedMessage};
/// let kept: OwnedMessage = Message::echo(b"hi").into_owned();
/// assert_eq!(kept, OwnedMessage::echo(b"hi"));
/// assert_eq!(kept.as_borrowed(), Message::echo(b"hi"));
/// assert_eq!(OwnedMessage::error("no").as_borrowed().encode_to_vec()?, b"\xCA\xFE\xFF\x00\x02no");
/// # Ok::<(), cafewire_core::ProtocolError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum OwnedMessage {
    /// See [`MessageType::Ping`].
    Ping(Vec<u8>),
    /// See [`MessageType::Pong`].
    Pong(Vec<u8>),
    /// See [`MessageType::Echo`].
    Echo(Vec<u8>),
    /// See [`MessageType::Data`].
    Data(Vec<u8>),
    /// See [`MessageType::Error`]. Bytes rather than a `String`: a client may send anything.
    Error(Vec<u8>),
}

impl OwnedMessage {
    /// A Ping without payload. One with a payload is [`OwnedMessage::Ping`].
    ///
    /// ```
    /// # use cafewire_core::echo::OwnedMessage;
    /// assert_eq!(OwnedMessage::ping(), OwnedMessage::Ping(vec![]));
    /// ```
    #[must_use]
    pub const fn ping() -> Self {
        Self::Ping(Vec::new())
    }

    /// A Pong without payload. One with a payload is [`OwnedMessage::Pong`].
    ///
    /// ```
    /// # use cafewire_core::echo::OwnedMessage;
    /// assert_eq!(OwnedMessage::pong(), OwnedMessage::Pong(vec![]));
    /// ```
    #[must_use]
    pub const fn pong() -> Self {
        Self::Pong(Vec::new())
    }

    /// An Echo: the server sends it back.
    ///
    /// ```
    /// # use cafewire_core::echo::OwnedMessage;
    /// assert_eq!(OwnedMessage::echo(*b"hi"), OwnedMessage::Echo(vec![b'h', b'i']));
    /// ```
    #[must_use]
    pub fn echo(payload: impl Into<Vec<u8>>) -> Self {
        Self::Echo(payload.into())
    }

    /// Data: the server takes it and says nothing.
    ///
    /// ```
    /// # use cafewire_core::echo::OwnedMessage;
    /// let reading = vec![0x17; 3]; // a vector is moved in, not copied
    /// assert_eq!(OwnedMessage::data(reading), OwnedMessage::Data(vec![0x17; 3]));
    /// ```
    #[must_use]
    pub fn data(payload: impl Into<Vec<u8>>) -> Self {
        Self::Data(payload.into())
    }

    /// An Error with a sentence.
    ///
    /// ```
    /// # use cafewire_core::echo::OwnedMessage;
    /// assert_eq!(OwnedMessage::error("no"), OwnedMessage::Error(b"no".to_vec()));
    /// ```
    #[must_use]
    pub fn error(message: impl Into<String>) -> Self {
        Self::Error(message.into().into_bytes())
    }

    /// The type byte's meaning.
    ///
    /// ```
    /// use cafewire_core::echo::{MessageType, OwnedMessage};
    /// assert_eq!(OwnedMessage::ping().message_type(), MessageType::Ping);
    /// ```
    #[must_use]
    pub const fn message_type(&self) -> MessageType {
        match self {
            Self::Ping(_) => MessageType::Ping,
            Self::Pong(_) => MessageType::Pong,
            Self::Echo(_) => MessageType::Echo,
            Self::Data(_) => MessageType::Data,
            Self::Error(_) => MessageType::Error,
        }
    }

    /// The same message, borrowing from this one: what is shown, sized and encoded.
    ///
    /// ```
    /// use cafewire_core::echo::{Message, OwnedMessage};
    /// assert_eq!(OwnedMessage::data(*b"hi").as_borrowed(), Message::Data(b"hi"));
    /// ```
    #[must_use]
    pub fn as_borrowed(&self) -> Message<'_> {
        match self {
            Self::Ping(payload) => Message::Ping(payload),
            Self::Pong(payload) => Message::Pong(payload),
            Self::Echo(payload) => Message::Echo(payload),
            Self::Data(payload) => Message::Data(payload),
            Self::Error(payload) => Message::Error(payload),
        }
    }
}

impl Message<'_> {
    /// The same message with a payload of its own.
    ///
    /// ```
    /// use cafewire_core::echo::{Message, OwnedMessage};
    /// assert_eq!(Message::data(b"hi").into_owned(), OwnedMessage::data(*b"hi"));
    /// ```
    #[must_use]
    pub fn into_owned(self) -> OwnedMessage {
        match self {
            Self::Ping(payload) => OwnedMessage::Ping(payload.into()),
            Self::Pong(payload) => OwnedMessage::Pong(payload.into()),
            Self::Echo(payload) => OwnedMessage::Echo(payload.into()),
            Self::Data(payload) => OwnedMessage::Data(payload.into()),
            Self::Error(payload) => OwnedMessage::Error(payload.into()),
        }
    }

    /// The whole frame, in a vector of its size.
    ///
    /// # Errors
    /// [`ProtocolError::PayloadTooLong`]; nothing has been allocated then.
    ///
    /// ```
    /// use cafewire_core::echo::Message;
    /// assert_eq!(Message::data(b"hi").encode_to_vec()?, b"\xCA\xFE\x04\x00\x02hi");
    /// assert!(Message::data(&[0; 65_536]).encode_to_vec().is_err());
    /// # Ok::<(), cafewire_core::ProtocolError>(())
    /// ```
    pub fn encode_to_vec(&self) -> Result<Vec<u8>, ProtocolError> {
        self.frame().header()?;
        encode_to_vec(self.encoded_len(), |buffer| self.encode_into(buffer))
    }
}

impl From<Message<'_>> for OwnedMessage {
    fn from(message: Message<'_>) -> Self {
        message.into_owned()
    }
}

impl<'a> From<&'a OwnedMessage> for Message<'a> {
    fn from(message: &'a OwnedMessage) -> Self {
        message.as_borrowed()
    }
}
