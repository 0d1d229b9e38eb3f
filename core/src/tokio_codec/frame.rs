//! Between bytes and frames. What a frame is, `framing.rs` says.

use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::encode::append_frame;
use super::error::CodecError;
use crate::accumulator::{Accumulator, Found};
use crate::direction::Direction;
use crate::error::{ParseError, ParseResult};
use crate::frame_kind::FrameKind;
use crate::framing::{Frame, FrameDecoder};
use crate::owned::OwnedMessage;

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
    pub(super) const fn new(kind: FrameKind, bytes: Bytes) -> Self {
        Self { kind, bytes }
    }

    /// The view of the frame.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use cafewire_core::tokio_codec::FrameCodec;
    /// # use cafewire_core::{Direction, Frame, Message};
    /// # use tokio_util::codec::Decoder as _;
    /// let mut received = BytesMut::from(&b"\xCA\xFE\x01\x00\x00"[..]);
    /// let frame =
    ///     FrameCodec::new(Direction::ToServer).decode(&mut received)?.expect("a whole frame");
    /// assert_eq!(frame.as_frame(), Frame::Echo(Message::ping().frame()));
    /// # Ok::<(), cafewire_core::tokio_codec::CodecError>(())
    /// ```
    #[must_use]
    pub fn as_frame(&self) -> Frame<'_> {
        self.kind.view(&self.bytes)
    }

    /// The frame's message, for a receiver that answers a bad one and goes on.
    ///
    /// # Errors
    /// A rule that the message breaks. The frame is good all the same, and so are the next ones,
    /// unless [`ErrorCode::closes`](crate::ErrorCode::closes) says otherwise.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use cafewire_core::tokio_codec::FrameCodec;
    /// use cafewire_core::{Direction, Message};
    /// use tokio_util::codec::Decoder as _;
    /// // A Connect with a name of no bytes, and a Disconnect.
    /// let line = b"\x01\x01\x00\x01\x00\x5A\xE5\x88\x89\x01\x02\x00\x00\x9A\x7C\x6C\x17";
    /// let (mut received, mut codec) =
    ///     (BytesMut::from(&line[..]), FrameCodec::new(Direction::ToServer));
    /// let bad = codec.decode(&mut received)?.expect("a whole frame").message().unwrap_err();
    /// assert!(!bad.code().closes());
    /// assert!(codec.decode(&mut received)?.expect("a whole frame").message().is_ok());
    /// # Ok::<(), cafewire_core::tokio_codec::CodecError>(())
    /// ```
    pub fn message(&self) -> ParseResult<OwnedMessage> {
        OwnedMessage::try_from(self.as_frame())
    }

    /// The frame as it is on the wire, header and checksum included.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use cafewire_core::tokio_codec::FrameCodec;
    /// # use cafewire_core::{Direction, Frame, Message};
    /// # use tokio_util::codec::Decoder as _;
    /// let mut received = BytesMut::from(&b"\xCA\xFE\x01\x00\x00"[..]);
    /// let frame =
    ///     FrameCodec::new(Direction::ToServer).decode(&mut received)?.expect("a whole frame");
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
    /// let frame =
    ///     FrameCodec::new(Direction::ToServer).decode(&mut received)?.expect("a whole frame");
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
/// The first byte decides the connection's family, as with [`FrameDecoder`]. After bytes that are
/// no frame the stream cannot be read on: see the module for what comes out of it then.
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
    marks: Accumulator,
    /// Why the stream cannot be read on.
    corrupt: Option<ParseError>,
}

impl FrameCodec {
    /// A codec for one connection. `direction` is that of the frames that are read.
    ///
    /// ```
    /// use cafewire_core::Direction;
    /// use cafewire_core::tokio_codec::FrameCodec;
    /// // the first byte will tell
    /// assert_eq!(FrameCodec::new(Direction::ToServer).reader().family(), None);
    /// ```
    #[must_use]
    pub const fn new(direction: Direction) -> Self {
        Self { reader: FrameDecoder::new(direction), marks: Accumulator::new(), corrupt: None }
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
    pub(super) fn ended(&self, available: usize) -> Result<(), CodecError> {
        match available {
            0 => Ok(()),
            available => {
                let needed = self.marks.needed();
                Err(self.refused(ParseError::Truncated { needed, available }))
            }
        }
    }
}

impl Decoder for FrameCodec {
    type Item = OwnedFrame;
    type Error = CodecError;

    fn decode(&mut self, received: &mut BytesMut) -> Result<Option<OwnedFrame>, CodecError> {
        if let Some(error) = self.corrupt {
            received.clear();
            return Err(self.refused(error));
        }
        self.marks.set_pending(received.len());
        match self.marks.advance(received, usize::MAX, |bytes| self.reader.next_frame(bytes)) {
            Found::Frame(kind) => {
                self.marks.hand_out();
                let bytes = received.split_to(self.marks.detach()).freeze();
                Ok(Some(OwnedFrame::new(kind, bytes)))
            }
            // No frame is larger than a length of 16 bits can say.
            Found::Incomplete | Found::TooLarge { .. } => Ok(None),
            Found::Corrupt(error) => {
                self.corrupt = Some(error);
                received.clear();
                Err(self.refused(error))
            }
        }
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
        out.extend_from_slice(frame.as_bytes());
        Ok(())
    }
}

impl Encoder<Frame<'_>> for FrameCodec {
    type Error = CodecError;

    fn encode(&mut self, frame: Frame<'_>, out: &mut BytesMut) -> Result<(), CodecError> {
        append_frame(frame, out)
    }
}
