//! Messages that own their text, for programs that keep them: in a queue, across threads, past the
//! read buffer. Converts to and from the borrowed views and has no rules of its own.

use alloc::vec::Vec;

use crate::error::{ParseError, ProtocolError};
use crate::framing::Frame;
use crate::{chat, echo};

/// A message of either family that owns its text.
///
/// ```
/// use cafewire_core::{Framing, OwnedMessage, chat, echo};
/// let Framing::Frame { frame, .. } = Framing::of(b"\xCA\xFE\x03\x00\x02hi") else { panic!() };
/// let message = OwnedMessage::try_from(frame)?;
/// assert_eq!(message, OwnedMessage::Echo(echo::OwnedMessage::echo(b"hi")));
/// assert_eq!(message.encode_to_vec()?, b"\xCA\xFE\x03\x00\x02hi");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum OwnedMessage {
    /// A message of the echo family.
    Echo(echo::OwnedMessage),
    /// A message of the chat family.
    Chat(chat::OwnedMessage),
}

impl OwnedMessage {
    /// Bytes that the whole frame takes.
    ///
    /// ```
    /// use cafewire_core::{MessagePayload, OwnedMessage};
    /// assert_eq!(OwnedMessage::from(MessagePayload::Disconnect).encoded_len(), 8);
    /// ```
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::Echo(message) => message.as_borrowed().encoded_len(),
            Self::Chat(message) => message.as_borrowed().encoded_len(),
        }
    }

    /// Writes the whole frame to the start of `buffer` and returns what was written.
    ///
    /// # Errors
    /// Those of [`chat::MessagePayload::encode_into`] and [`echo::Message::encode_into`]; the
    /// buffer is untouched then.
    ///
    /// ```
    /// use cafewire_core::{Message, OwnedMessage};
    /// let ping = OwnedMessage::from(Message::ping());
    /// assert_eq!(ping.encode_into(&mut [0; 16])?, [0xCA, 0xFE, 0x01, 0x00, 0x00]);
    /// # Ok::<(), cafewire_core::ProtocolError>(())
    /// ```
    pub fn encode_into<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], ProtocolError> {
        match self {
            Self::Echo(message) => message.as_borrowed().encode_into(buffer),
            Self::Chat(message) => message.as_borrowed().encode_into(buffer),
        }
    }

    /// The whole frame, in a vector of its size.
    ///
    /// # Errors
    /// As [`encode_into`](Self::encode_into), but that there is always room.
    ///
    /// ```
    /// use cafewire_core::{MessagePayload, OwnedMessage};
    /// let goodbye = OwnedMessage::from(MessagePayload::Disconnect);
    /// assert_eq!(goodbye.encode_to_vec()?, b"\x01\x02\x00\x00\x9A\x7C\x6C\x17");
    /// # Ok::<(), cafewire_core::ProtocolError>(())
    /// ```
    pub fn encode_to_vec(&self) -> Result<Vec<u8>, ProtocolError> {
        match self {
            Self::Echo(message) => message.as_borrowed().encode_to_vec(),
            Self::Chat(message) => message.as_borrowed().encode_to_vec(),
        }
    }
}

impl From<echo::OwnedMessage> for OwnedMessage {
    fn from(message: echo::OwnedMessage) -> Self {
        Self::Echo(message)
    }
}

impl From<chat::OwnedMessage> for OwnedMessage {
    fn from(message: chat::OwnedMessage) -> Self {
        Self::Chat(message)
    }
}

impl From<echo::Message<'_>> for OwnedMessage {
    fn from(message: echo::Message<'_>) -> Self {
        Self::Echo(message.into_owned())
    }
}

impl From<chat::MessagePayload<'_>> for OwnedMessage {
    fn from(message: chat::MessagePayload<'_>) -> Self {
        Self::Chat(message.into_owned())
    }
}

impl TryFrom<Frame<'_>> for OwnedMessage {
    /// As [`chat::ZeroCopyMessage::parse_payload`]; an echo frame is always a message.
    type Error = ParseError;

    fn try_from(frame: Frame<'_>) -> Result<Self, ParseError> {
        Ok(match frame {
            Frame::Echo(view) => view.message().into(),
            Frame::Chat(view) => view.parse_payload()?.into(),
        })
    }
}

/// A vector of `size` bytes, filled by `encode`. Call only with a size that the family's rules
/// allow.
pub(crate) fn encode_to_vec(
    size: usize,
    encode: impl FnOnce(&mut [u8]) -> Result<&[u8], ProtocolError>,
) -> Result<Vec<u8>, ProtocolError> {
    let mut frame = alloc::vec![0; size];
    encode(&mut frame)?;
    Ok(frame)
}
