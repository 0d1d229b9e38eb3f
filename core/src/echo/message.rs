//! The echo family's messages: what a type and its payload mean.

use core::fmt;

use super::ZeroCopyMessage;
use crate::error::ProtocolError;

/// The type byte of an echo frame.
///
/// ```
/// use cafewire_core::echo::MessageType;
/// assert_eq!(MessageType::Data as u8, 0x04);
/// assert_eq!(MessageType::Data.to_string(), "Data");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum MessageType {
    /// "Are you there?" A server answers [`Pong`](Self::Pong) with the same payload.
    Ping = 0x01,
    /// The answer to a Ping. It is not answered.
    Pong = 0x02,
    /// A server answers with the same type and payload.
    Echo = 0x03,
    /// A server counts it and does not answer.
    Data = 0x04,
    /// What went wrong. From a server: UTF-8 text, then the connection closes.
    Error = 0xFF,
}

impl MessageType {
    /// Every type, in the order of their codes.
    ///
    /// ```
    /// use cafewire_core::echo::MessageType;
    /// assert_eq!(MessageType::ALL.map(|known| known as u8), [0x01, 0x02, 0x03, 0x04, 0xFF]);
    /// ```
    pub const ALL: [Self; 5] = [Self::Ping, Self::Pong, Self::Echo, Self::Data, Self::Error];

    /// The type with this code, if there is one.
    ///
    /// ```
    /// use cafewire_core::echo::MessageType;
    /// assert_eq!(MessageType::from_wire(0x02), Some(MessageType::Pong));
    /// assert_eq!(MessageType::from_wire(0x05), None);
    /// ```
    #[must_use]
    #[inline]
    pub const fn from_wire(code: u8) -> Option<Self> {
        match code {
            0x01 => Some(Self::Ping),
            0x02 => Some(Self::Pong),
            0x03 => Some(Self::Echo),
            0x04 => Some(Self::Data),
            0xFF => Some(Self::Error),
            _ => None,
        }
    }

    /// The type's name, as the specification spells it.
    ///
    /// ```
    /// assert_eq!(cafewire_core::echo::MessageType::Ping.name(), "Ping");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ping => "Ping",
            Self::Pong => "Pong",
            Self::Echo => "Echo",
            Self::Data => "Data",
            Self::Error => "Error",
        }
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A typed echo message over borrowed bytes.
///
/// ```
/// use cafewire_core::echo::Message;
/// let mut buffer = [0; 16];
/// assert_eq!(Message::ping().encode_into(&mut buffer)?, [0xCA, 0xFE, 0x01, 0x00, 0x00]);
/// assert_eq!(Message::error("no").encode_into(&mut buffer)?, *b"\xCA\xFE\xFF\x00\x02no");
/// # Ok::<(), cafewire_core::ProtocolError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)] // The tag is the type's code.
pub enum Message<'a> {
    /// See [`MessageType::Ping`].
    Ping(&'a [u8]) = MessageType::Ping as u8,
    /// See [`MessageType::Pong`].
    Pong(&'a [u8]) = MessageType::Pong as u8,
    /// See [`MessageType::Echo`].
    Echo(&'a [u8]) = MessageType::Echo as u8,
    /// See [`MessageType::Data`].
    Data(&'a [u8]) = MessageType::Data as u8,
    /// See [`MessageType::Error`]. Bytes rather than `str`: a client may send anything.
    Error(&'a [u8]) = MessageType::Error as u8,
}

impl<'a> Message<'a> {
    /// A Ping without payload. One with a payload is [`Message::Ping`].
    ///
    /// ```
    /// # use cafewire_core::echo::Message;
    /// assert_eq!(Message::ping(), Message::Ping(b""));
    /// ```
    #[must_use]
    pub const fn ping() -> Message<'static> {
        Message::Ping(&[])
    }

    /// A Pong without payload. One with a payload is [`Message::Pong`].
    ///
    /// ```
    /// # use cafewire_core::echo::Message;
    /// assert_eq!(Message::pong().encode_into(&mut [0; 8])?, [0xCA, 0xFE, 0x02, 0x00, 0x00]);
    /// # Ok::<(), cafewire_core::ProtocolError>(())
    /// ```
    #[must_use]
    pub const fn pong() -> Message<'static> {
        Message::Pong(&[])
    }

    /// An Echo: the server sends it back.
    ///
    /// ```
    /// # use cafewire_core::echo::Message;
    /// assert_eq!(Message::echo(b"hi").encode_into(&mut [0; 8])?, b"\xCA\xFE\x03\x00\x02hi");
    /// # Ok::<(), cafewire_core::ProtocolError>(())
    /// ```
    #[must_use]
    pub const fn echo(payload: &'a [u8]) -> Self {
        Self::Echo(payload)
    }

    /// Data: the server takes it and says nothing.
    ///
    /// ```
    /// # use cafewire_core::echo::Message;
    /// assert_eq!(Message::data(b"hi").encode_into(&mut [0; 8])?, b"\xCA\xFE\x04\x00\x02hi");
    /// # Ok::<(), cafewire_core::ProtocolError>(())
    /// ```
    #[must_use]
    pub const fn data(payload: &'a [u8]) -> Self {
        Self::Data(payload)
    }

    /// An Error with a sentence.
    ///
    /// ```
    /// # use cafewire_core::echo::Message;
    /// assert_eq!(Message::error("no"), Message::Error(b"no"));
    /// ```
    #[must_use]
    pub const fn error(message: &'a str) -> Self {
        Self::Error(message.as_bytes())
    }

    /// The frame view of this message.
    ///
    /// ```
    /// use cafewire_core::echo::{Message, MessageType, ZeroCopyMessage};
    /// let frame = ZeroCopyMessage { message_type: MessageType::Echo, payload: b"hi" };
    /// assert_eq!(Message::echo(b"hi").frame(), frame);
    /// ```
    #[must_use]
    #[inline]
    pub const fn frame(&self) -> ZeroCopyMessage<'a> {
        let (message_type, payload) = match *self {
            Self::Ping(payload) => (MessageType::Ping, payload),
            Self::Pong(payload) => (MessageType::Pong, payload),
            Self::Echo(payload) => (MessageType::Echo, payload),
            Self::Data(payload) => (MessageType::Data, payload),
            Self::Error(payload) => (MessageType::Error, payload),
        };
        ZeroCopyMessage { message_type, payload }
    }

    /// Bytes that the whole frame takes.
    ///
    /// ```
    /// assert_eq!(cafewire_core::echo::Message::ping().encoded_len(), 5);
    /// ```
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        self.frame().encoded_len()
    }

    /// Writes the frame to the start of `buffer` and returns what was written.
    ///
    /// # Errors
    /// [`ProtocolError::PayloadTooLong`], [`ProtocolError::BufferTooSmall`]; the buffer is
    /// untouched then.
    ///
    /// ```
    /// use cafewire_core::ProtocolError;
    /// use cafewire_core::echo::Message;
    /// assert_eq!(Message::Ping(b"hi").encode_into(&mut [0; 8])?, b"\xCA\xFE\x01\x00\x02hi");
    /// let error = Message::Ping(b"hi").encode_into(&mut [0; 4]).unwrap_err();
    /// assert_eq!(error, ProtocolError::BufferTooSmall { needed: 7, available: 4 });
    /// # Ok::<(), ProtocolError>(())
    /// ```
    #[inline]
    pub fn encode_into<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], ProtocolError> {
        self.frame().encode_into(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_code_and_no_other_code_a_type() {
        for code in 0..=u8::MAX {
            match MessageType::from_wire(code) {
                Some(message_type) => assert_eq!(message_type as u8, code),
                None => assert!(MessageType::ALL.iter().all(|&known| known as u8 != code)),
            }
        }
    }

    #[test]
    fn the_typed_view_and_the_frame_view_are_each_others_inverse() {
        for message_type in MessageType::ALL {
            let frame = ZeroCopyMessage { message_type, payload: b"x" };
            assert_eq!(frame.message().frame(), frame);
        }
    }
}
