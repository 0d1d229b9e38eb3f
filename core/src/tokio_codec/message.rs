//! Between bytes and messages.

use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use super::encode::{append_chat, append_echo};
use super::error::CodecError;
use super::frame::FrameCodec;
use crate::direction::Direction;
use crate::framing::FrameDecoder;
use crate::owned::OwnedMessage;
use crate::{chat, echo};

/// Bytes to typed messages ([`OwnedMessage`]) and back. Encodes borrowed and owned messages of both
/// families.
///
/// A message whose fields break a rule is an error too, and the codec itself goes on with the next.
/// `Framed` does so late (see the module): a program that answers a bad message and goes on, as the
/// specification has a server do, reads with [`FrameCodec`] and calls
/// [`OwnedFrame::message`](super::OwnedFrame::message).
///
/// As several types can be sent, `flush` and `close` of a `Framed` want one named, and any will do:
/// `SinkExt::<OwnedMessage>::flush(&mut framed)`.
///
/// ```
/// use bytes::BytesMut;
/// use cafewire_core::tokio_codec::MessageCodec;
/// use cafewire_core::{Direction, Message};
/// use tokio_util::codec::{Decoder as _, Encoder as _};
/// let mut codec = MessageCodec::new(Direction::Either);
/// let mut bytes = BytesMut::new();
/// codec.encode(Message::echo(b"hi"), &mut bytes)?;
/// assert_eq!(bytes, &b"\xCA\xFE\x03\x00\x02hi"[..]);
/// assert_eq!(codec.decode(&mut bytes)?, Some(Message::echo(b"hi").into()));
/// # Ok::<(), cafewire_core::tokio_codec::CodecError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MessageCodec {
    frames: FrameCodec,
}

impl MessageCodec {
    /// A codec for one connection. `direction` is that of the messages that are read.
    ///
    /// ```
    /// use cafewire_core::Direction;
    /// use cafewire_core::tokio_codec::MessageCodec;
    /// // the first byte will tell
    /// assert_eq!(MessageCodec::new(Direction::ToClient).reader().family(), None);
    /// ```
    #[must_use]
    pub const fn new(direction: Direction) -> Self {
        Self { frames: FrameCodec::new(direction) }
    }

    /// The rules that span the connection's frames: its family, how many bytes its frames took.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use cafewire_core::tokio_codec::MessageCodec;
    /// # use cafewire_core::{Direction, Family};
    /// # use tokio_util::codec::Decoder as _;
    /// let mut codec = MessageCodec::new(Direction::ToServer);
    /// assert!(codec.decode(&mut BytesMut::from(&b"\xCA\xFE\x01\x00\x00"[..]))?.is_some());
    /// assert_eq!(codec.reader().family(), Some(Family::Echo));
    /// # Ok::<(), cafewire_core::tokio_codec::CodecError>(())
    /// ```
    #[must_use]
    pub const fn reader(&self) -> &FrameDecoder {
        self.frames.reader()
    }
}

impl Decoder for MessageCodec {
    type Item = OwnedMessage;
    type Error = CodecError;

    fn decode(&mut self, received: &mut BytesMut) -> Result<Option<OwnedMessage>, CodecError> {
        let frame_start = self.frames.reader().stream_offset();
        let Some(frame) = self.frames.decode(received)? else {
            return Ok(None);
        };
        match frame.message() {
            Ok(message) => Ok(Some(message)),
            Err(error) => {
                Err(CodecError::Parse { error, stream_offset: frame_start + error.offset() as u64 })
            }
        }
    }

    fn decode_eof(&mut self, received: &mut BytesMut) -> Result<Option<OwnedMessage>, CodecError> {
        match self.decode(received)? {
            Some(message) => Ok(Some(message)),
            None => self.frames.ended(received.len()).map(|()| None),
        }
    }
}

impl Encoder<chat::MessagePayload<'_>> for MessageCodec {
    type Error = CodecError;

    fn encode(
        &mut self,
        message: chat::MessagePayload<'_>,
        out: &mut BytesMut,
    ) -> Result<(), CodecError> {
        append_chat(message, out)
    }
}

impl Encoder<echo::Message<'_>> for MessageCodec {
    type Error = CodecError;

    fn encode(&mut self, message: echo::Message<'_>, out: &mut BytesMut) -> Result<(), CodecError> {
        append_echo(message, out)
    }
}

impl Encoder<&OwnedMessage> for MessageCodec {
    type Error = CodecError;

    fn encode(&mut self, message: &OwnedMessage, out: &mut BytesMut) -> Result<(), CodecError> {
        match message {
            OwnedMessage::Echo(message) => self.encode(message.as_borrowed(), out),
            OwnedMessage::Chat(message) => self.encode(message.as_borrowed(), out),
        }
    }
}

impl Encoder<OwnedMessage> for MessageCodec {
    type Error = CodecError;

    fn encode(&mut self, message: OwnedMessage, out: &mut BytesMut) -> Result<(), CodecError> {
        self.encode(&message, out)
    }
}
