//! Reading frames from a port that loses no byte. Owns the port and the place in the caller's
//! buffer; what a frame is, `framing.rs` says. Does not search for frames: `resync_reader.rs` does.

use core::fmt;

use crate::accumulator::{Accumulator, Found};
use crate::direction::Direction;
use crate::error::ParseError;
use crate::frame_kind::FrameKind;
use crate::framing::{Frame, FrameDecoder};

/// Reads frames from a port, through a buffer of the caller's that must hold the largest frame to
/// come: 630 bytes ([`chat::MAX_FRAME_SIZE`](crate::chat::MAX_FRAME_SIZE)) for any chat frame.
///
/// For ports that neither lose nor damage bytes, such as a socket, a pipe or USB. A UART does both,
/// and many drivers lose bytes without an error: there this reader ends at the first byte that is
/// missing, and [`ResyncReader`](super::ResyncReader) goes on.
///
/// It reads as much as the port has and the buffer takes, so bytes of the next frames may already
/// be in the buffer: keep the receiver as long as the connection.
///
/// **`Ok(0)` of the port** is the end of a socket or a file, and none of USB: a CDC port gives it
/// for every packet of no bytes. The reader then says what it says at an end: `None` between two
/// frames, [`ParseError::Truncated`] within one. Nothing is lost by either. The next call reads the
/// port again, and goes on with what is there: on a port without an end, call again.
#[cfg_attr(
    feature = "embedded-io",
    doc = r#"
```
use cafewire_core::io::FrameReader;
use cafewire_core::{Direction, Frame, Message};

let port: &[u8] = b"\xCA\xFE\x01\x00\x00\xCA\xFE\x03\x00\x02hi"; // a slice is a port, too
let mut buffer = [0; 64];
let mut receiver = FrameReader::new(port, &mut buffer, Direction::ToServer);

let mut messages = 0;
while let Some(frame) = receiver.receive()? {
    let Frame::Echo(view) = frame else { panic!() };
    assert_eq!(view.message(), [Message::ping(), Message::echo(b"hi")][messages]);
    messages += 1;
}
assert_eq!(messages, 2);
# Ok::<(), Box<dyn core::error::Error>>(())
```"#
)]
#[derive(Debug)]
pub struct FrameReader<'b, R> {
    port: R,
    inbox: Inbox<'b>,
}

impl<'b, R> FrameReader<'b, R> {
    /// A receiver at the first byte of a connection.
    ///
    /// ```
    /// use cafewire_core::io::FrameReader;
    /// use cafewire_core::{Direction, chat};
    /// let mut buffer = [0; chat::MAX_FRAME_SIZE];
    /// let receiver = FrameReader::new(&b""[..], &mut buffer, Direction::ToClient);
    /// assert!(receiver.pending().is_empty());
    /// ```
    #[must_use]
    pub const fn new(port: R, buffer: &'b mut [u8], direction: Direction) -> Self {
        let inbox =
            Inbox { reader: FrameDecoder::new(direction), buffer, marks: Accumulator::new() };
        Self { port, inbox }
    }

    /// The rules that span the connection's frames: its family, how many bytes its frames took.
    #[cfg_attr(
        feature = "embedded-io",
        doc = r#"
```
use cafewire_core::io::FrameReader;
use cafewire_core::{Direction, Family};
# let mut buffer = [0; 64];
let mut receiver = FrameReader::new(&b"\xCA\xFE\x01\x00\x00"[..], &mut buffer, Direction::ToServer);
assert!(receiver.receive()?.is_some());
assert_eq!(receiver.reader().family(), Some(Family::Echo));
assert_eq!(receiver.reader().stream_offset(), 5);
# Ok::<(), Box<dyn core::error::Error>>(())
```"#
    )]
    #[must_use]
    pub const fn reader(&self) -> &FrameDecoder {
        &self.inbox.reader
    }

    /// Bytes that were read and not handed out as frames.
    #[cfg_attr(
        feature = "embedded-io",
        doc = r#"
```
use cafewire_core::Direction;
use cafewire_core::io::FrameReader;
# let mut buffer = [0; 64];
let port = &b"\xCA\xFE\x01\x00\x00\xCA\xFE"[..]; // a Ping, and the start of the next frame
let mut receiver = FrameReader::new(port, &mut buffer, Direction::ToServer);
assert!(receiver.receive()?.is_some());
assert_eq!(receiver.pending(), [0xCA, 0xFE]);
# Ok::<(), Box<dyn core::error::Error>>(())
```"#
    )]
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.inbox.pending()
    }

    /// Gives the port back. What is [`pending`](Self::pending) stays in the caller's buffer.
    ///
    /// ```
    /// use cafewire_core::Direction;
    /// use cafewire_core::io::FrameReader;
    /// # let mut buffer = [0; 64];
    /// let receiver = FrameReader::new(&b"not read yet"[..], &mut buffer, Direction::ToServer);
    /// assert_eq!(receiver.into_inner(), b"not read yet");
    /// ```
    #[must_use]
    pub fn into_inner(self) -> R {
        self.port
    }
}

#[cfg(feature = "embedded-io")]
impl<R: ::embedded_io::Read> FrameReader<'_, R> {
    /// The next frame, waiting for it as long as the port does; `None` when the port ended between
    /// two frames.
    ///
    /// # Errors
    /// See [`ReadError`]. A port's error leaves everything in its place: call again to go on. So
    /// does [`ParseError::Truncated`], the end of the port within a frame: calling again reads the
    /// port again. The others are final: calling again gives the same, and reads nothing.
    ///
    /// ```
    /// use cafewire_core::io::FrameReader;
    /// use cafewire_core::{Direction, Frame, MessagePayload};
    /// # let mut buffer = [0; 64];
    /// let port = &b"\x01\x04\x00\x06\x05lobby\x68\x7F\x54\x27"[..];
    /// let mut receiver = FrameReader::new(port, &mut buffer, Direction::ToServer);
    /// let Some(Frame::Chat(view)) = receiver.receive()? else { panic!() };
    /// assert_eq!(view.parse_payload()?, MessagePayload::JoinRoom { room: "lobby" });
    /// assert_eq!(receiver.receive()?, None); // the port ended
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn receive(&mut self) -> Result<Option<Frame<'_>>, ReadError<R::Error>> {
        let found = loop {
            if let Some(found) = self.inbox.find()? {
                break found;
            }
            let count = self.port.read(self.inbox.space()).map_err(ReadError::Io)?;
            if count == 0 {
                return self.inbox.ended().map(|()| None);
            }
            self.inbox.filled(count);
        };
        Ok(Some(self.inbox.view(found)))
    }
}

#[cfg(feature = "embedded-io-async")]
impl<R: ::embedded_io_async::Read> FrameReader<'_, R> {
    /// The next frame; `None` when the port ended between two frames.
    ///
    /// Cancel-safe if the port's `read` is: a future that is dropped has lost no byte.
    ///
    /// # Errors
    /// See [`ReadError`]. A port's error leaves everything in its place: call again to go on. So
    /// does [`ParseError::Truncated`], the end of the port within a frame: calling again reads the
    /// port again. The others are final: calling again gives the same, and reads nothing.
    ///
    /// ```
    /// # fn ready<F: Future>(future: F) -> F::Output {
    /// #     let mut context = core::task::Context::from_waker(core::task::Waker::noop());
    /// #     match core::pin::pin!(future).poll(&mut context) {
    /// #         core::task::Poll::Ready(output) => output,
    /// #         core::task::Poll::Pending => unreachable!("a slice never waits"),
    /// #     }
    /// # }
    /// # ready(async {
    /// use cafewire_core::io::FrameReader;
    /// use cafewire_core::{Direction, Frame, Message};
    /// # let mut buffer = [0; 64];
    /// let port = &b"\xCA\xFE\x03\x00\x02hi"[..];
    /// let mut receiver = FrameReader::new(port, &mut buffer, Direction::ToServer);
    /// let Some(Frame::Echo(view)) = receiver.receive_async().await? else { panic!() };
    /// assert_eq!(view.message(), Message::echo(b"hi"));
    /// assert_eq!(receiver.receive_async().await?, None); // the port ended
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub async fn receive_async(&mut self) -> Result<Option<Frame<'_>>, ReadError<R::Error>> {
        let found = loop {
            if let Some(found) = self.inbox.find()? {
                break found;
            }
            let count = self.port.read(self.inbox.space()).await.map_err(ReadError::Io)?;
            if count == 0 {
                return self.inbox.ended().map(|()| None);
            }
            self.inbox.filled(count);
        };
        Ok(Some(self.inbox.view(found)))
    }
}

/// The caller's buffer, and what of it is read.
#[derive(Debug)]
struct Inbox<'b> {
    reader: FrameDecoder,
    buffer: &'b mut [u8],
    marks: Accumulator,
}

impl Inbox<'_> {
    fn pending(&self) -> &[u8] {
        self.marks.pending(self.buffer)
    }

    /// The frame that is next, if it is whole. It counts as handed out.
    fn find<E>(&mut self) -> Result<Option<FrameKind>, ReadError<E>> {
        let available = self.buffer.len();
        match self.marks.advance(self.buffer, available, |bytes| self.reader.next_frame(bytes)) {
            Found::Frame(kind) => {
                self.marks.hand_out();
                Ok(Some(kind))
            }
            Found::Incomplete => Ok(None),
            Found::TooLarge { needed } => Err(ReadError::FrameTooLarge { needed, available }),
            Found::Corrupt(error) => Err(self.refused(error)),
        }
    }

    fn view(&self, kind: FrameKind) -> Frame<'_> {
        kind.view(self.buffer.get(self.marks.handed_out()).unwrap_or_default())
    }

    /// Where to read to; never empty after [`find`](Self::find) found nothing.
    fn space(&mut self) -> &mut [u8] {
        self.marks.space(self.buffer)
    }

    fn filled(&mut self, count: usize) {
        self.marks.receive(count, self.buffer.len());
    }

    /// The port has no more: fine between two frames.
    fn ended<E>(&self) -> Result<(), ReadError<E>> {
        match self.marks.pending_len() {
            0 => Ok(()),
            available => {
                let needed = self.marks.needed();
                Err(self.refused(ParseError::Truncated { needed, available }))
            }
        }
    }

    fn refused<E>(&self, error: ParseError) -> ReadError<E> {
        ReadError::Parse { error, stream_offset: self.reader.stream_offset_of(&error) }
    }
}

/// Why there is no next frame.
#[cfg_attr(
    feature = "embedded-io",
    doc = r#"
```
use cafewire_core::Direction;
use cafewire_core::io::{FrameReader, ReadError};
let mut buffer = [0; 64];
let port = &b"\xCA\xFE\x04\x01\x00"[..]; // Data of 256 bytes is coming
let mut receiver = FrameReader::new(port, &mut buffer, Direction::ToServer);
assert_eq!(receiver.receive(), Err(ReadError::FrameTooLarge { needed: 261, available: 64 }));
```"#
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ReadError<E> {
    /// The port failed. Nothing that was read is lost.
    Io(E),
    /// The bytes are no frame, or end within one ([`ParseError::Truncated`]). What a chat peer is
    /// answered with: [`ParseError::code`].
    Parse {
        /// What is wrong, and where in the frame.
        error: ParseError,
        /// Where that is, in bytes from the connection's first.
        stream_offset: u64,
    },
    /// The frame that is coming, good so far, is larger than the buffer.
    FrameTooLarge {
        /// Bytes the frame needs, as far as is known.
        needed: usize,
        /// Bytes the buffer has.
        available: usize,
    },
}

impl<E: fmt::Display> fmt::Display for ReadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the port failed: {error}"),
            Self::Parse { error, stream_offset } => {
                write!(f, "at byte {stream_offset} of the stream: {error}")
            }
            Self::FrameTooLarge { needed, available } => {
                write!(
                    f,
                    "the frame needs {needed} bytes or more, the receive buffer has {available}"
                )
            }
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for ReadError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Parse { error, .. } => Some(error),
            Self::FrameTooLarge { .. } => None,
        }
    }
}
