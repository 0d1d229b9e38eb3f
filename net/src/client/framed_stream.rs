//! One stream and its received bytes that are not yet consumed: whole frames in, whole frames out.
//! Knows where frames end, not what they mean.
//!
//! The receive buffer has a fixed size, enough for any frame of the families it takes:
//!
//! ```text
//! 0          start              end             inbound.len()
//! │ consumed │ not yet consumed │ free              │
//! ```
//!
//! `start ≤ end ≤ inbound.len()` always. Bytes are moved to the front only when a frame would not
//! fit behind `start`.

use std::fmt;
use std::io::IoSlice;
use std::ops::Range;
use std::time::Duration;

use cafewire_core::{Direction, Family, Frame, FrameDecoder, Framing, ParseError, chat, echo};

use super::deadline::Deadline;
use super::stream::{Stream, is_transient};
use super::{ClientConfig, ClientError};
use crate::address::Address;

/// More than the 630 bytes of the largest chat frame, so that a burst of small ones takes one read.
const CHAT_BUFFER_SIZE: usize = 8 * 1024;

/// The largest echo frame.
const ECHO_BUFFER_SIZE: usize = echo::HEADER_SIZE + echo::MAX_PAYLOAD_SIZE;

const _: () =
    assert!(CHAT_BUFFER_SIZE >= chat::MAX_FRAME_SIZE && ECHO_BUFFER_SIZE >= chat::MAX_FRAME_SIZE);

/// A frame, borrowed from the receive buffer until the next one is asked for.
pub(super) struct Received<'a> {
    pub(super) frame: Frame<'a>,
    /// Where the frame begins, in bytes from the first that the server sent.
    pub(super) stream_offset: u64,
}

pub(super) struct FramedStream {
    stream: Stream,
    family: Family,
    frames: FrameDecoder,
    inbound: Box<[u8]>,
    start: usize,
    end: usize,
    /// The time-out that the socket has now, so that a system call is made only when it changes.
    read_timeout_set: Option<Duration>,
    config: ClientConfig,
}

impl FramedStream {
    /// Connects to the first of the name's addresses that answers.
    pub(super) fn open(
        address: &Address,
        config: &ClientConfig,
        family: Family,
    ) -> Result<Self, ClientError> {
        let refused = |source| ClientError::Connect { address: address.clone(), source };
        let stream = Stream::connect(address, config).map_err(refused)?;
        let size = if family == Family::Echo { ECHO_BUFFER_SIZE } else { CHAT_BUFFER_SIZE };
        Ok(Self {
            stream,
            family,
            frames: FrameDecoder::new(Direction::ToClient),
            inbound: vec![0; size].into_boxed_slice(),
            start: 0,
            end: 0,
            read_timeout_set: None,
            config: config.clone(),
        })
    }

    pub(super) const fn stream(&self) -> &Stream {
        &self.stream
    }

    /// A deadline for one answer, from now.
    pub(super) fn read_deadline(&self) -> Deadline {
        Deadline::after(self.config.read_timeout)
    }

    /// Sends one frame, given in parts.
    pub(super) fn send(&self, parts: &mut [IoSlice<'_>]) -> Result<(), ClientError> {
        write_frame(&self.stream, parts, self.config.write_timeout)
    }

    /// The next frame. On a time-out its first bytes are kept for the next call.
    pub(super) fn receive(&mut self, deadline: &mut Deadline) -> Result<Received<'_>, ClientError> {
        let found = self.find(deadline)?;
        Ok(self.view(&found))
    }

    /// Receives the next frame, to be [viewed](Self::view).
    pub(super) fn find(&mut self, deadline: &mut Deadline) -> Result<FoundFrame, ClientError> {
        loop {
            match self.next_frame()? {
                Ok(found) => return Ok(found),
                Err(needed) => self.read_at_least(needed, deadline)?,
            }
        }
    }

    /// The frame found last.
    pub(super) fn view(&self, found: &FoundFrame) -> Received<'_> {
        let payload = &self.inbound[found.payload.clone()];
        let frame = match found.kind {
            FrameKind::Echo(message_type) => {
                Frame::Echo(echo::ZeroCopyMessage { message_type, payload })
            }
            FrameKind::Chat { version, message_type } => {
                Frame::Chat(chat::ZeroCopyMessage { version, message_type, payload })
            }
        };
        Received { frame, stream_offset: found.stream_offset }
    }

    /// Reads and drops everything up to the end of the stream.
    pub(super) fn drain(&mut self, deadline: &mut Deadline) -> Result<(), ClientError> {
        loop {
            (self.start, self.end) = (0, 0);
            if self.read_some(deadline)? == 0 {
                return Ok(());
            }
        }
    }

    /// Whether there is nothing to read: no byte here, none on the way, and no end of the stream.
    pub(super) fn is_idle(&mut self) -> bool {
        self.start == self.end && self.stream.is_idle()
    }

    /// Consumes the frame at `start` if it is whole; otherwise returns how many more bytes it needs
    /// at least.
    fn next_frame(&mut self) -> Result<Result<FoundFrame, usize>, ClientError> {
        let bytes = &self.inbound[self.start..self.end];
        let stream_offset = self.frames.stream_offset();
        // A chat client has no room for echo frames, and no use for them. An echo client takes chat
        // frames: a server that refuses a connection before its first byte cannot know the family,
        // and answers in chat.
        if let Some(&actual) = bytes.first()
            && self.family != Family::Echo
            && Family::from_first_byte(actual) == Some(Family::Echo)
        {
            let error = ParseError::FamilyChanged { offset: 0, established: self.family, actual };
            return Err(ClientError::Corrupt { error, stream_offset });
        }
        match self.frames.next_frame(bytes) {
            Framing::Frame { frame, consumed } => {
                let (kind, header_size, length) = match frame {
                    Frame::Echo(view) => {
                        (FrameKind::Echo(view.message_type), echo::HEADER_SIZE, view.payload.len())
                    }
                    Frame::Chat(view) => {
                        let kind = FrameKind::Chat {
                            version: view.version,
                            message_type: view.message_type,
                        };
                        (kind, chat::HEADER_SIZE, view.payload.len())
                    }
                };
                let payload = self.start + header_size..self.start + header_size + length;
                self.start += consumed;
                Ok(Ok(FoundFrame { kind, payload, stream_offset }))
            }
            Framing::Incomplete { needed } => Ok(Err(needed)),
            Framing::Corrupt { error } => Err(ClientError::Corrupt {
                error,
                stream_offset: self.frames.stream_offset_of(&error),
            }),
        }
    }

    /// Reads until `missing` more bytes of the frame at `start` have arrived. Parses none of them.
    fn read_at_least(
        &mut self,
        missing: usize,
        deadline: &mut Deadline,
    ) -> Result<(), ClientError> {
        if self.end + missing > self.inbound.len() || self.start == self.end {
            self.inbound.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let enough = self.end + missing;
        while self.end < enough {
            if self.read_some(deadline)? == 0 {
                return Err(self.end_of_stream(enough));
            }
        }
        Ok(())
    }

    /// One successful read into the free part, which is not empty. 0 is the end of the stream.
    fn read_some(&mut self, deadline: &mut Deadline) -> Result<usize, ClientError> {
        debug_assert!(self.end < self.inbound.len(), "no frame is larger than the buffer");
        loop {
            let wait = deadline.next_wait().ok_or(ClientError::TimedOut)?;
            if wait != self.read_timeout_set {
                self.stream.set_read_timeout(wait).map_err(ClientError::Io)?;
                self.read_timeout_set = wait;
            }
            match self.stream.read(&mut self.inbound[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    return Ok(count);
                }
                // The deadline, not the socket, says whether the time is up.
                Err(error) if is_transient(&error) => {}
                Err(error) => return Err(ClientError::Io(error)),
            }
        }
    }

    /// The stream ended where the buffer should have been filled up to `enough`.
    fn end_of_stream(&self, enough: usize) -> ClientError {
        let available = self.end - self.start;
        if available == 0 {
            return ClientError::Closed;
        }
        let error = ParseError::Truncated { needed: enough - self.start, available };
        ClientError::Corrupt { error, stream_offset: self.frames.stream_offset_of(&error) }
    }
}

impl fmt::Debug for FramedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FramedStream")
            .field("stream", &self.stream)
            .field("family", &self.family)
            .field("received_bytes", &self.frames.stream_offset())
            .field("unread_bytes", &(self.end - self.start))
            .finish_non_exhaustive()
    }
}

/// A frame just consumed, as places in the buffer, so that nothing is borrowed while more may have
/// to be read.
pub(super) struct FoundFrame {
    kind: FrameKind,
    payload: Range<usize>,
    stream_offset: u64,
}

enum FrameKind {
    Echo(echo::MessageType),
    Chat { version: u8, message_type: chat::MessageType },
}

/// Writes all of a frame. After a failure the rest of the frame is missing, so the sending side is
/// shut: a later frame would be taken for the rest of this one.
pub(super) fn write_frame(
    stream: &Stream,
    parts: &mut [IoSlice<'_>],
    timeout: Option<Duration>,
) -> Result<(), ClientError> {
    stream.write_all(parts, timeout).map_err(|error| {
        stream.shut_down_sending();
        ClientError::Io(error)
    })
}
