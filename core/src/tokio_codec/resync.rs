//! Between a serial line's bytes and frames. What is noise and what is skipped, `resync.rs` of the
//! core says. Has no clock: the program says when the line is silent.

use bytes::{Buf as _, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::encode::{append_chat, append_echo, append_frame};
use super::error::CodecError;
use super::frame::OwnedFrame;
use crate::accumulator::Accumulator;
use crate::direction::Direction;
use crate::error::ParseError;
use crate::family::Family;
use crate::framing::Frame;
use crate::resync::{Resync, SMALLEST_BUFFER};
use crate::{chat, echo};

/// What came from a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineEvent {
    /// A whole frame, its envelope checked.
    Frame(OwnedFrame),
    /// Bytes that belong to no frame: why their first one starts none. Given once for a stretch of
    /// them; how many they were, [`ResyncCodec::skipped_bytes`] says.
    Noise(ParseError),
}

/// Bytes of a line that damages and loses some, such as a UART's through tokio-serial, to frames
/// ([`LineEvent`]), and frames and messages to bytes. Noise is an item, and the stream goes on.
///
/// What [`ProtocolParser`](crate::ProtocolParser) promises holds, and what it says of a line that
/// carries chat: use [`for_family`](Self::for_family) there.
///
/// **Silence.** A frame whose end was lost waits for bytes that do not come, and holds back the
/// frames behind it. When the line has been silent for longer than a sender pauses within a frame,
/// take what is left from the `Framed` and decode it to its end:
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// use std::time::Duration;
///
/// use cafewire_core::tokio_codec::{LineEvent, ResyncCodec};
/// use cafewire_core::{Direction, Family, ParseError, chat};
/// use futures_util::StreamExt as _;
/// use tokio::time::timeout;
/// use tokio_util::codec::{Decoder as _, Framed};
///
/// # struct Line(&'static [u8]);
/// # impl tokio::io::AsyncRead for Line {
/// #     fn poll_read(
/// #         mut self: std::pin::Pin<&mut Self>,
/// #         _: &mut std::task::Context<'_>,
/// #         buffer: &mut tokio::io::ReadBuf<'_>,
/// #     ) -> std::task::Poll<std::io::Result<()>> {
/// #         if self.0.is_empty() { return std::task::Poll::Pending; }
/// #         buffer.put_slice(std::mem::take(&mut self.0));
/// #         std::task::Poll::Ready(Ok(()))
/// #     }
/// # }
/// # // What is left of a Connect claims 32 bytes; the Disconnect behind it looks like its body.
/// # let port = Line(b"\x01\x01\x00\x20\x01\x02\x00\x00\x9A\x7C\x6C\x17");
/// // More than the longest frame takes, for the time runs from event to event: at 115,200 baud
/// // 630 bytes are 55 ms.
/// const SILENCE: Duration = Duration::from_millis(100);
/// let codec = ResyncCodec::for_family(Family::ChatV1, Direction::ToServer, chat::MAX_FRAME_SIZE);
/// let mut line = Framed::new(port, codec); // a `SerialStream` of tokio-serial
/// let mut events = Vec::new();
/// loop {
///     match timeout(SILENCE, line.next()).await {
///         Ok(Some(event)) => events.push(event?),
///         Ok(None) => break, // the port ended
///         Err(_elapsed) => {
///             let mut rest = line.read_buffer_mut().split();
///             while let Some(event) = line.codec_mut().decode_eof(&mut rest)? {
///                 events.push(event);
///             }
/// #           break;
///         }
///     }
/// }
/// let lost = LineEvent::Noise(ParseError::Truncated { needed: 40, available: 12 });
/// assert!(matches!(&events[..], [first, LineEvent::Frame(_)] if *first == lost));
/// # Ok::<(), cafewire_core::tokio_codec::CodecError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `next` is cancel-safe, so that the time-out loses no byte; it ends a wait of `SILENCE` for the
/// next *event*, so `SILENCE` has to be longer than the largest frame takes on the line.
#[derive(Clone, Debug)]
pub struct ResyncCodec {
    resync: Resync,
    marks: Accumulator,
    frame_size_max: usize,
}

impl ResyncCodec {
    /// A codec of both families, in both directions. Frames of more than `frame_size_max` bytes
    /// (at least 8) are noise, and searched.
    #[must_use]
    pub fn new(frame_size_max: usize) -> Self {
        Self::with(None, Direction::Either, frame_size_max)
    }

    /// A codec of one family, in one direction: everything else is noise. 630 bytes
    /// ([`chat::MAX_FRAME_SIZE`]) hold every chat frame.
    #[must_use]
    pub fn for_family(family: Family, direction: Direction, frame_size_max: usize) -> Self {
        Self::with(Some(family), direction, frame_size_max)
    }

    fn with(family: Option<Family>, direction: Direction, frame_size_max: usize) -> Self {
        Self {
            resync: Resync::new(family, direction),
            marks: Accumulator::new(),
            frame_size_max: frame_size_max.max(SMALLEST_BUFFER),
        }
    }

    /// Bytes that belonged to no frame, since the start.
    #[must_use]
    pub const fn skipped_bytes(&self) -> u64 {
        self.resync.skipped_bytes()
    }

    /// How often the codec lost its place in the stream: stretches of noise between good frames.
    #[must_use]
    pub const fn losses(&self) -> u64 {
        self.resync.losses()
    }

    /// The next event, if there is one. With `silent` no more bytes will come.
    fn next(&mut self, received: &mut BytesMut, silent: bool) -> Option<LineEvent> {
        self.marks.set_pending(received.len());
        let found = self.resync.next(&mut self.marks, received, self.frame_size_max, silent);
        let event = match found {
            Ok(Some(kind)) => {
                self.marks.hand_out();
                let place = self.marks.handed_out();
                let bytes = received.get(place).unwrap_or_default().len();
                received.advance(self.marks.detach() - bytes);
                return Some(LineEvent::Frame(OwnedFrame::new(
                    kind,
                    received.split_to(bytes).freeze(),
                )));
            }
            Ok(None) => None,
            Err(error) => Some(LineEvent::Noise(error)),
        };
        received.advance(self.marks.detach());
        event
    }
}

impl Decoder for ResyncCodec {
    type Item = LineEvent;
    type Error = CodecError;

    fn decode(&mut self, received: &mut BytesMut) -> Result<Option<LineEvent>, CodecError> {
        Ok(self.next(received, false))
    }

    /// The line ended or fell silent: what is not whole is noise. Nothing is left of `received`
    /// when this gives `None`.
    fn decode_eof(&mut self, received: &mut BytesMut) -> Result<Option<LineEvent>, CodecError> {
        Ok(self.next(received, true))
    }
}

impl Encoder<OwnedFrame> for ResyncCodec {
    type Error = CodecError;

    fn encode(&mut self, frame: OwnedFrame, out: &mut BytesMut) -> Result<(), CodecError> {
        out.extend_from_slice(frame.as_bytes());
        Ok(())
    }
}

impl Encoder<Frame<'_>> for ResyncCodec {
    type Error = CodecError;

    fn encode(&mut self, frame: Frame<'_>, out: &mut BytesMut) -> Result<(), CodecError> {
        append_frame(frame, out)
    }
}

impl Encoder<chat::MessagePayload<'_>> for ResyncCodec {
    type Error = CodecError;

    fn encode(
        &mut self,
        message: chat::MessagePayload<'_>,
        out: &mut BytesMut,
    ) -> Result<(), CodecError> {
        append_chat(message, out)
    }
}

impl Encoder<echo::Message<'_>> for ResyncCodec {
    type Error = CodecError;

    fn encode(&mut self, message: echo::Message<'_>, out: &mut BytesMut) -> Result<(), CodecError> {
        append_echo(message, out)
    }
}
