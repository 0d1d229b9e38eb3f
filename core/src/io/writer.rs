//! Writing frames to a port. Owns the port and the place in the caller's buffer; how a message is
//! encoded, it knows not.

use core::fmt;

use crate::chat::MessagePayload;
use crate::echo::Message;
use crate::error::ProtocolError;

/// Writes frames to a port, through a buffer of the caller's that must hold the largest frame to be
/// sent: 585 bytes ([`chat::MAX_CLIENT_FRAME_SIZE`](crate::chat::MAX_CLIENT_FRAME_SIZE)) for
/// whatever a chat client says.
///
/// Sending is two steps. To *queue* encodes into the buffer and does no I/O; to *write* gives the
/// port what is queued, one frame or several at once; to *flush* is to write, and then to flush the
/// port. A write that was cancelled or failed goes on with the next one, in the middle of a frame
/// if need be: no peer ever sees half a frame followed by another.
///
/// **Whether to flush** is the port's matter. Where it keeps bytes until then, nothing is sent
/// without; other ports wait until the last bit is on the line or until the peer has acknowledged
/// all of it, and some do nothing. Where the port sends by itself, as a UART does, writing is
/// enough.
///
/// **A port that is busy** and answers `Ok(0)`, which embedded-io forbids (`Tx` of stm32f4xx-hal
/// and stm32f1xx-hal do, of embedded-io 0.6), ends a write with [`WriteError::WriteZero`]. The rest
/// stays queued: write again when the port may have room, at once, after its interrupt, or later.
#[cfg_attr(
    feature = "embedded-io",
    doc = r#"
```
use cafewire_core::MessagePayload;
use cafewire_core::io::FrameWriter;

let mut sent = [0; 32];
let port: &mut [u8] = &mut sent; // a slice is a port, too
let mut buffer = [0; 64];
let mut sender = FrameWriter::new(port, &mut buffer);
sender.queue_chat(&MessagePayload::JoinRoom { room: "lobby" })?;
sender.flush()?;
assert_eq!(sent[..14], *b"\x01\x04\x00\x06\x05lobby\x68\x7F\x54\x27");
# Ok::<(), Box<dyn core::error::Error>>(())
```"#
)]
#[derive(Debug)]
pub struct FrameWriter<'b, W> {
    port: W,
    outbox: Outbox<'b>,
}

impl<'b, W> FrameWriter<'b, W> {
    /// A sender with nothing queued.
    ///
    /// ```
    /// use cafewire_core::chat::MAX_CLIENT_FRAME_SIZE;
    /// use cafewire_core::io::FrameWriter;
    /// # let mut sent = [0; 8];
    /// # let port = &mut sent[..];
    /// let mut buffer = [0; MAX_CLIENT_FRAME_SIZE];
    /// assert!(FrameWriter::new(port, &mut buffer).unsent().is_empty());
    /// ```
    #[must_use]
    pub const fn new(port: W, buffer: &'b mut [u8]) -> Self {
        Self { port, outbox: Outbox { buffer, start: 0, end: 0 } }
    }

    /// Queues a chat frame.
    ///
    /// # Errors
    /// [`ProtocolError::InvalidField`]; [`ProtocolError::BufferTooSmall`] if the buffer has no room
    /// for it behind what is queued already: flush, then queue again. Nothing is queued then.
    ///
    /// ```
    /// use cafewire_core::io::FrameWriter;
    /// use cafewire_core::{MessagePayload, ProtocolError};
    /// # let mut sent = [0; 16];
    /// # let port = &mut sent[..];
    /// let mut buffer = [0; 12];
    /// let mut sender = FrameWriter::new(port, &mut buffer);
    /// sender.queue_chat(&MessagePayload::Connect { username: "ada" })?;
    /// // no room before the next flush
    /// let error = sender.queue_chat(&MessagePayload::Disconnect).unwrap_err();
    /// assert_eq!(error, ProtocolError::BufferTooSmall { needed: 8, available: 0 });
    /// # Ok::<(), ProtocolError>(())
    /// ```
    pub fn queue_chat(&mut self, message: &MessagePayload<'_>) -> Result<(), ProtocolError> {
        self.outbox.queue(message.encoded_len(), |space| message.encode_into(space))
    }

    /// Queues an echo frame.
    ///
    /// # Errors
    /// [`ProtocolError::PayloadTooLong`]; [`ProtocolError::BufferTooSmall`] if the buffer has no
    /// room for it behind what is queued already: flush, then queue again. Nothing is queued then.
    ///
    /// ```
    /// use cafewire_core::Message;
    /// use cafewire_core::io::FrameWriter;
    /// # let mut sent = [0; 16];
    /// # let port = &mut sent[..];
    /// # let mut buffer = [0; 64];
    /// let mut sender = FrameWriter::new(port, &mut buffer);
    /// sender.queue_echo(&Message::echo(b"hi"))?;
    /// sender.queue_echo(&Message::ping())?;
    /// assert_eq!(sender.unsent(), b"\xCA\xFE\x03\x00\x02hi\xCA\xFE\x01\x00\x00");
    /// # Ok::<(), cafewire_core::ProtocolError>(())
    /// ```
    pub fn queue_echo(&mut self, message: &Message<'_>) -> Result<(), ProtocolError> {
        self.outbox.queue(message.encoded_len(), |space| message.encode_into(space))
    }

    /// Bytes that are queued and not yet written.
    ///
    /// ```
    /// use cafewire_core::Message;
    /// use cafewire_core::io::FrameWriter;
    /// # let mut sent = [0; 16];
    /// # let port = &mut sent[..];
    /// # let mut buffer = [0; 64];
    /// let mut sender = FrameWriter::new(port, &mut buffer);
    /// sender.queue_echo(&Message::ping())?;
    /// assert_eq!(sender.unsent(), [0xCA, 0xFE, 0x01, 0x00, 0x00]);
    /// # Ok::<(), cafewire_core::ProtocolError>(())
    /// ```
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        self.outbox.unsent()
    }

    /// Gives the port back. What is [`unsent`](Self::unsent) is not sent any more.
    ///
    /// ```
    /// use cafewire_core::io::FrameWriter;
    /// # let mut sent = [0; 16];
    /// # let port = &mut sent[..];
    /// # let mut buffer = [0; 64];
    /// let sender = FrameWriter::new(port, &mut buffer);
    /// assert_eq!(sender.into_inner().len(), 16); // a slice of 16 bytes, none of them written
    /// ```
    #[must_use]
    pub fn into_inner(self) -> W {
        self.port
    }
}

#[cfg(feature = "embedded-io")]
impl<W: ::embedded_io::Write> FrameWriter<'_, W> {
    /// Writes all that is queued, and flushes the port.
    ///
    /// # Errors
    /// See [`WriteError`]. What was not written stays queued.
    ///
    /// ```
    /// use cafewire_core::Message;
    /// use cafewire_core::io::FrameWriter;
    /// let mut sent = [0; 5];
    /// # let mut buffer = [0; 64];
    /// let mut sender = FrameWriter::new(&mut sent[..], &mut buffer);
    /// sender.queue_echo(&Message::ping())?;
    /// sender.flush()?;
    /// assert!(sender.unsent().is_empty());
    /// assert_eq!(sent, [0xCA, 0xFE, 0x01, 0x00, 0x00]);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn flush(&mut self) -> Result<(), WriteError<W::Error>> {
        self.write()?;
        self.port.flush().map_err(WriteError::Io)
    }

    /// Writes all that is queued. The port is not flushed.
    ///
    /// # Errors
    /// See [`WriteError`]. What was not written stays queued.
    ///
    /// ```
    /// use cafewire_core::Message;
    /// use cafewire_core::io::{FrameWriter, WriteError};
    /// # let (mut sent, mut buffer) = ([0; 5], [0; 64]);
    /// # let uart = &mut sent[..];
    /// let mut sender = FrameWriter::new(uart, &mut buffer);
    /// sender.queue_echo(&Message::ping())?;
    /// while let Err(error) = sender.write() {
    ///     match error {
    ///         WriteError::WriteZero => {} // busy: on a device, sleep until it may have room
    ///         error => return Err(error.into()),
    ///     }
    /// }
    /// assert!(sender.unsent().is_empty());
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn write(&mut self) -> Result<(), WriteError<W::Error>> {
        while !self.outbox.unsent().is_empty() {
            let count = self.port.write(self.outbox.unsent()).map_err(WriteError::Io)?;
            self.outbox.sent(count)?;
        }
        Ok(())
    }
}

#[cfg(feature = "embedded-io-async")]
impl<W: ::embedded_io_async::Write> FrameWriter<'_, W> {
    /// Writes all that is queued, and flushes the port.
    ///
    /// Cancel-safe if the port's `write` is: after a future was dropped, the next flush goes on
    /// with the first byte that was not written.
    ///
    /// # Errors
    /// See [`WriteError`]. What was not written stays queued.
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
    /// use cafewire_core::Message;
    /// use cafewire_core::io::FrameWriter;
    /// let mut sent = [0; 5];
    /// # let mut buffer = [0; 64];
    /// let mut sender = FrameWriter::new(&mut sent[..], &mut buffer);
    /// sender.queue_echo(&Message::ping())?;
    /// sender.flush_async().await?;
    /// assert_eq!(sent, [0xCA, 0xFE, 0x01, 0x00, 0x00]);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub async fn flush_async(&mut self) -> Result<(), WriteError<W::Error>> {
        self.write_async().await?;
        self.port.flush().await.map_err(WriteError::Io)
    }

    /// Writes all that is queued. The port is not flushed. Cancel-safe as
    /// [`flush_async`](Self::flush_async) is.
    ///
    /// # Errors
    /// See [`WriteError`]. What was not written stays queued.
    pub async fn write_async(&mut self) -> Result<(), WriteError<W::Error>> {
        while !self.outbox.unsent().is_empty() {
            let count = self.port.write(self.outbox.unsent()).await.map_err(WriteError::Io)?;
            self.outbox.sent(count)?;
        }
        Ok(())
    }
}

/// The caller's buffer: bytes written, then bytes queued (`start..end`), then free space.
#[derive(Debug)]
struct Outbox<'b> {
    buffer: &'b mut [u8],
    start: usize,
    end: usize,
}

impl Outbox<'_> {
    fn unsent(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn queue(
        &mut self,
        size: usize,
        encode: impl FnOnce(&mut [u8]) -> Result<&[u8], ProtocolError>,
    ) -> Result<(), ProtocolError> {
        if size > self.buffer.len() - self.end {
            self.compact();
        }
        let space = self.buffer.get_mut(self.end..).unwrap_or_default();
        self.end += encode(space)?.len();
        Ok(())
    }

    fn sent<E>(&mut self, count: usize) -> Result<(), WriteError<E>> {
        if count == 0 {
            return Err(WriteError::WriteZero);
        }
        // No port may claim more than the bytes it was given.
        self.start = self.start.saturating_add(count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        Ok(())
    }

    /// Moves what is queued to the front. A loop rather than `copy_within`, which can panic.
    fn compact(&mut self) {
        let unsent = self.end - self.start;
        for to in 0..unsent {
            if let Some(&byte) = self.buffer.get(self.start + to)
                && let Some(place) = self.buffer.get_mut(to)
            {
                *place = byte;
            }
        }
        (self.start, self.end) = (0, unsent);
    }
}

/// Why what is queued could not be written.
#[cfg_attr(
    feature = "embedded-io",
    doc = r#"
```
use cafewire_core::Message;
use cafewire_core::io::{FrameWriter, WriteError};
# let mut buffer = [0; 64];
let mut sent = [0; 3]; // a port that takes three bytes and no more
let mut sender = FrameWriter::new(&mut sent[..], &mut buffer);
sender.queue_echo(&Message::ping())?;
assert!(matches!(sender.flush(), Err(WriteError::Io(_))));
assert_eq!(sender.unsent(), [0x00, 0x00]); // what a later flush would begin with
# Ok::<(), cafewire_core::ProtocolError>(())
```"#
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WriteError<E> {
    /// The port failed.
    Io(E),
    /// The port took no byte and did not say why, which the contract of embedded-io forbids. Some
    /// HALs' ports answer so while they are busy: nothing is lost, write again.
    WriteZero,
}

impl<E: fmt::Display> fmt::Display for WriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the port failed: {error}"),
            Self::WriteZero => f.write_str("the port took no byte and did not say why"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for WriteError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::WriteZero => None,
        }
    }
}
