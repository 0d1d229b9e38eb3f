//! Codecs for tokio-util's `Framed`: [`FrameCodec`] between bytes and frames, [`MessageCodec`]
//! between bytes and messages. No rules of their own: what a frame is, `framing.rs` says.
//!
//! Both are bounded: a frame is at most 65,540 bytes, chat frames at most 630, and the buffer grows
//! with the bytes that arrive, never with what a header claims. Bytes that were looked at are not
//! looked at again before the frame is whole.
//!
//! ```
//! use bytes::BytesMut;
//! use cafewire_core::tokio_codec::MessageCodec;
//! use cafewire_core::{Direction, MessagePayload, OwnedMessage};
//! use tokio_util::codec::{Decoder, Encoder};
//!
//! // With a socket: `let mut framed = tokio_util::codec::Framed::new(socket, MessageCodec::new(Direction::ToClient));`
//! let mut codec = MessageCodec::new(Direction::ToServer);
//! let mut bytes = BytesMut::new();
//! codec.encode(MessagePayload::Connect { username: "ada" }, &mut bytes)?;
//! let received = codec.decode(&mut bytes)?;
//! assert_eq!(received, Some(OwnedMessage::from(MessagePayload::Connect { username: "ada" })));
//! # Ok::<(), cafewire_core::tokio_codec::CodecError>(())
//! ```

use core::fmt;
use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use crate::direction::Direction;
use crate::error::{ParseError, ProtocolError};
use crate::frame_kind::FrameKind;
use crate::framing::{Frame, FrameDecoder, Framing};
use crate::owned::OwnedMessage;
use crate::{chat, echo};

/// A whole frame with its bytes, its envelope checked. Cloning it copies no byte.
///
/// ```
/// use bytes::BytesMut;
/// use cafewire_core::tokio_codec::FrameCodec;
/// use cafewire_core::{Direction, Frame, Message};
/// use tokio_util::codec::Decoder as _;
/// let mut received = BytesMut::from(&b"\xCA\xFE\x03\x00\x02hi"[..]);
/// let frame = FrameCodec::new(Direction::ToServer).decode(&mut received)?.expect("a whole frame");
/// assert_eq!(frame.as_frame(), Frame::Echo(Message::echo(b"hi").frame()));
/// assert_eq!(frame.as_bytes(), b"\xCA\xFE\x03\x00\x02hi");
/// # Ok::<(), cafewire_core::tokio_codec::CodecError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedFrame {
    kind: FrameKind,
    bytes: Bytes,
}

impl OwnedFrame {
    /// The view of the frame.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use cafewire_core::tokio_codec::FrameCodec;
    /// # use cafewire_core::{Direction, Frame, Message};
    /// # use tokio_util::codec::Decoder as _;
    /// let mut received = BytesMut::from(&b"\xCA\xFE\x01\x00\x00"[..]);
    /// let frame = FrameCodec::new(Direction::ToServer).decode(&mut received)?.expect("a whole frame");
    /// assert_eq!(frame.as_frame(), Frame::Echo(Message::ping().frame()));
    /// # Ok::<(), cafewire_core::tokio_codec::CodecError>(())
    /// ```
    #[must_use]
    pub fn as_frame(&self) -> Frame<'_> {
        self.kind.view(&self.bytes)
    }

    /// The frame as it is on the wire, header and checksum included.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use cafewire_core::tokio_codec::FrameCodec;
    /// # use cafewire_core::{Direction, Frame, Message};
    /// # use tokio_util::codec::Decoder as _;
    /// let mut received = BytesMut::from(&b"\xCA\xFE\x01\x00\x00"[..]);
    /// let frame = FrameCodec::new(Direction::ToServer).decode(&mut received)?.expect("a whole frame");
    /// assert_eq!(frame.as_bytes(), [0xCA, 0xFE, 0x01, 0x00, 0x00]);
    /// # Ok::<(), cafewire_core::tokio_codec::CodecError>(())
    /// ```
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The frame as it is on the wire, without copying it.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use cafewire_core::tokio_codec::FrameCodec;
    /// # use cafewire_core::{Direction, Frame, Message};
    /// # use tokio_util::codec::Decoder as _;
    /// let mut received = BytesMut::from(&b"\xCA\xFE\x01\x00\x00"[..]);
    /// let frame = FrameCodec::new(Direction::ToServer).decode(&mut received)?.expect("a whole frame");
    /// assert_eq!(frame.into_bytes(), &b"\xCA\xFE\x01\x00\x00"[..]);
    /// # Ok::<(), cafewire_core::tokio_codec::CodecError>(())
    /// ```
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

/// Bytes to whole frames ([`OwnedFrame`]) and back: for proxies, and for servers that answer a bad
/// message and go on.
///
/// The first byte decides the connection's family, as with [`FrameDecoder`]. After an error the
/// stream cannot be read on; `Framed` ends it.
///
/// ```
/// use bytes::BytesMut;
/// use cafewire_core::Direction;
/// use cafewire_core::tokio_codec::FrameCodec;
/// use tokio_util::codec::{Decoder as _, Encoder as _};
/// // A proxy: whole frames out of one stream and into another.
/// let mut codec = FrameCodec::new(Direction::ToServer);
/// let mut received = BytesMut::from(&b"\xCA\xFE\x01\x00\x00\xCA\xFE"[..]);
/// let mut passed_on = BytesMut::new();
/// while let Some(frame) = codec.decode(&mut received)? {
///     codec.encode(frame, &mut passed_on)?;
/// }
/// assert_eq!((&passed_on[..], &received[..]), (&b"\xCA\xFE\x01\x00\x00"[..], &b"\xCA\xFE"[..]));
/// # Ok::<(), cafewire_core::tokio_codec::CodecError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FrameCodec {
    reader: FrameDecoder,
    /// No answer is possible before the buffer holds this many bytes.
    needed: usize,
}

impl FrameCodec {
    /// A codec for one connection. `direction` is that of the frames that are read.
    ///
    /// ```
    /// use cafewire_core::Direction;
    /// use cafewire_core::tokio_codec::FrameCodec;
    /// assert_eq!(FrameCodec::new(Direction::ToServer).reader().family(), None); // the first byte will tell
    /// ```
    #[must_use]
    pub const fn new(direction: Direction) -> Self {
        Self { reader: FrameDecoder::new(direction), needed: 1 }
    }

    /// The rules that span the connection's frames: its family, how many bytes its frames took.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use cafewire_core::tokio_codec::FrameCodec;
    /// # use cafewire_core::{Direction, Frame, Message};
    /// # use tokio_util::codec::Decoder as _;
    /// let mut codec = FrameCodec::new(Direction::ToServer);
    /// assert!(codec.decode(&mut BytesMut::from(&b"\xCA\xFE\x01\x00\x00"[..]))?.is_some());
    /// assert_eq!(codec.reader().stream_offset(), 5);
    /// # Ok::<(), cafewire_core::tokio_codec::CodecError>(())
    /// ```
    #[must_use]
    pub const fn reader(&self) -> &FrameDecoder {
        &self.reader
    }

    fn refused(&self, error: ParseError) -> CodecError {
        CodecError::Parse { error, stream_offset: self.reader.stream_offset_of(&error) }
    }

    /// What `decode` has left when the stream ended.
    fn ended(&self, available: usize) -> Result<(), CodecError> {
        match available {
            0 => Ok(()),
            available => {
                Err(self.refused(ParseError::Truncated { needed: self.needed, available }))
            }
        }
    }
}

impl Decoder for FrameCodec {
    type Item = OwnedFrame;
    type Error = CodecError;

    fn decode(&mut self, received: &mut BytesMut) -> Result<Option<OwnedFrame>, CodecError> {
        while received.len() >= self.needed {
            match self.reader.next_frame(received) {
                Framing::Frame { frame, consumed } => {
                    self.needed = 1;
                    let kind = FrameKind::of(&frame);
                    return Ok(Some(OwnedFrame {
                        kind,
                        bytes: received.split_to(consumed).freeze(),
                    }));
                }
                Framing::Incomplete { needed } => self.needed = received.len() + needed,
                Framing::Corrupt { error } => return Err(self.refused(error)),
            }
        }
        Ok(None)
    }

    fn decode_eof(&mut self, received: &mut BytesMut) -> Result<Option<OwnedFrame>, CodecError> {
        match self.decode(received)? {
            Some(frame) => Ok(Some(frame)),
            None => self.ended(received.len()).map(|()| None),
        }
    }
}

impl Encoder<OwnedFrame> for FrameCodec {
    type Error = CodecError;

    fn encode(&mut self, frame: OwnedFrame, out: &mut BytesMut) -> Result<(), CodecError> {
        out.extend_from_slice(&frame.bytes);
        Ok(())
    }
}

impl Encoder<Frame<'_>> for FrameCodec {
    type Error = CodecError;

    fn encode(&mut self, frame: Frame<'_>, out: &mut BytesMut) -> Result<(), CodecError> {
        match frame {
            Frame::Echo(view) => append(out, view.encoded_len(), |space| view.encode_into(space)),
            Frame::Chat(view) => append(out, view.encoded_len(), |space| view.encode_into(space)),
        }
    }
}

/// Bytes to typed messages ([`OwnedMessage`]) and back. Encodes borrowed and owned messages of both
/// families.
///
/// A message whose fields break a rule is an error, and `Framed` ends the stream at it. A
/// program that wants to answer and go on, as the specification has a server do, reads with
/// [`FrameCodec`] and calls [`parse_payload`](chat::ZeroCopyMessage::parse_payload).
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
    /// assert_eq!(MessageCodec::new(Direction::ToClient).reader().family(), None); // the first byte will tell
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
        &self.frames.reader
    }
}

impl Decoder for MessageCodec {
    type Item = OwnedMessage;
    type Error = CodecError;

    fn decode(&mut self, received: &mut BytesMut) -> Result<Option<OwnedMessage>, CodecError> {
        let frame_start = self.frames.reader.stream_offset();
        let Some(frame) = self.frames.decode(received)? else {
            return Ok(None);
        };
        match OwnedMessage::try_from(frame.as_frame()) {
            Ok(message) => Ok(Some(message)),
            Err(error) => {
                Err(CodecError::Parse { error, stream_offset: frame_start + error.offset() as u64 })
            }
        }
    }

    fn decode_eof(&mut self, received: &mut BytesMut) -> Result<Option<OwnedMessage>, CodecError> {
        match self.decode(received)? {
            Some(message) => Ok(Some(message)),
            None => self.frames.ended(received.remaining()).map(|()| None),
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
        message.validate().map_err(ProtocolError::from)?;
        append(out, message.encoded_len(), |space| message.encode_into(space))
    }
}

impl Encoder<echo::Message<'_>> for MessageCodec {
    type Error = CodecError;

    fn encode(&mut self, message: echo::Message<'_>, out: &mut BytesMut) -> Result<(), CodecError> {
        message.frame().header()?;
        append(out, message.encoded_len(), |space| message.encode_into(space))
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

/// Appends a frame of `size` bytes. On failure `out` is as it was.
fn append(
    out: &mut BytesMut,
    size: usize,
    encode: impl FnOnce(&mut [u8]) -> Result<&[u8], ProtocolError>,
) -> Result<(), CodecError> {
    let before = out.len();
    out.resize(before + size, 0);
    let encoded = encode(out.get_mut(before..).unwrap_or_default()).map(<[u8]>::len);
    if let Err(error) = encoded {
        out.truncate(before);
        return Err(error.into());
    }
    Ok(())
}

/// Why a codec refused bytes or a message.
///
/// ```
/// use bytes::BytesMut;
/// use cafewire_core::tokio_codec::{CodecError, MessageCodec};
/// use cafewire_core::{Direction, ErrorCode};
/// use tokio_util::codec::Decoder as _;
/// let mut received = BytesMut::from(&b"GET / HTTP/1.1"[..]);
/// let error = MessageCodec::new(Direction::ToServer).decode(&mut received).unwrap_err();
/// let CodecError::Parse { error, stream_offset: 0 } = error else { panic!() };
/// assert_eq!(error.code(), ErrorCode::UnsupportedVersion);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum CodecError {
    /// The connection failed.
    Io(io::Error),
    /// The bytes are no frame or no message, or end within one ([`ParseError::Truncated`]). What a
    /// chat peer is answered with: [`ParseError::code`].
    Parse {
        /// What is wrong, and where in the frame.
        error: ParseError,
        /// Where that is, in bytes from the connection's first.
        stream_offset: u64,
    },
    /// The message cannot become bytes. Nothing was written.
    Protocol(ProtocolError),
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::Parse { error, stream_offset } => {
                write!(f, "at byte {stream_offset} of the stream: {error}")
            }
            Self::Protocol(error) => write!(f, "the message cannot be sent: {error}"),
        }
    }
}

impl core::error::Error for CodecError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Parse { error, .. } => Some(error),
            Self::Protocol(error) => Some(error),
        }
    }
}

/// What tokio-util asks of every codec's error.
impl From<io::Error> for CodecError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ProtocolError> for CodecError {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}
