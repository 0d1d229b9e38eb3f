//! Framing of version 2: where a frame ends in a stream of bytes. Does no I/O and keeps no bytes.

use super::frame::open;
use super::{Header, PROTOCOL_VERSION, Terms, ZeroCopyMessage};
use crate::chat::CHECKSUM_SIZE;
use crate::direction::Direction;
use crate::error::{ParseError, ParseResult};

/// What stands at the start of a stream of version 2. As [`Framing`](crate::Framing), but for the
/// frame: what the session has agreed on is an argument.
///
/// ```
/// use cafewire_core::Direction;
/// use cafewire_core::chat::v2::{Framing, Terms};
/// let start = b"\x02\x01\x00\x1A\x00";
/// let framing = Framing::of(start, Direction::ToServer, Terms::BEFORE_SIGN_IN);
/// assert_eq!(framing, Framing::Incomplete { needed: 3 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum Framing<'a> {
    /// A whole frame, its checksum good. Its seal was not looked at.
    Frame {
        /// The view, borrowed from the input.
        frame: ZeroCopyMessage<'a>,
        /// Bytes that it took; the next frame starts there.
        consumed: usize,
    },
    /// All is well so far, and the frame goes on. Nothing was consumed.
    Incomplete {
        /// No frame can be whole before this many more bytes (1 or more) have come; exact once six
        /// bytes are there.
        needed: usize,
    },
    /// No frame can start here. Nothing was consumed.
    Corrupt {
        /// What is wrong, and where.
        error: ParseError,
    },
}

impl<'a> Framing<'a> {
    /// Looks at the start of `bytes`.
    #[inline]
    pub fn of(bytes: &'a [u8], direction: Direction, terms: Terms) -> Self {
        Self::from_result(open(bytes, direction, terms))
    }

    #[inline]
    fn from_result(result: ParseResult<ZeroCopyMessage<'a>>) -> Self {
        match result {
            Ok(frame) => Self::Frame { frame, consumed: frame.encoded_len() },
            Err(ParseError::Truncated { needed, available }) => {
                Self::Incomplete { needed: needed - available }
            }
            Err(error) => Self::Corrupt { error },
        }
    }

    /// Bytes consumed: the frame's, or none.
    #[must_use]
    #[inline]
    pub const fn consumed(&self) -> usize {
        match *self {
            Self::Frame { consumed, .. } => consumed,
            Self::Incomplete { .. } | Self::Corrupt { .. } => 0,
        }
    }
}

/// The rules that span the frames of one connection of version 2, as
/// [`FrameDecoder`](crate::FrameDecoder) has those of the other families: its terms, which change
/// while it signs in, and where an error is, counted from the connection's first byte. Keeps no
/// bytes.
///
/// Which version a connection speaks, its first byte tells:
/// [`Family::from_first_byte`](crate::Family::from_first_byte). A server that does not know a
/// client's version refuses with an Error of version 1, in place of a first frame of version 2.
///
/// ```
/// use cafewire_core::Direction;
/// use cafewire_core::chat::v2::{Capabilities, FrameDecoder, Framing, MessagePayload, Terms};
/// let mut decoder = FrameDecoder::new(Direction::ToServer, Terms::BEFORE_SIGN_IN);
/// let mut buffer = [0; 64];
/// let ping = MessagePayload::Ping { data: b"?" }.encode_into(1, &mut buffer)?;
/// assert_eq!(decoder.next_frame(ping).consumed(), ping.len());
/// let mut buffer = [0; 64];
/// let list = MessagePayload::ListRooms { count: 0, after: "" }.encode_into(2, &mut buffer)?;
/// let Framing::Corrupt { error } = decoder.next_frame(list) else { panic!() };
/// assert_eq!(decoder.stream_offset_of(&error), 14);
/// decoder.set_terms(Terms::signed_in(Capabilities::NONE));
/// assert_eq!(decoder.next_frame(list).consumed(), list.len());
/// # Ok::<(), cafewire_core::ProtocolError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameDecoder {
    direction: Direction,
    terms: Terms,
    consumed: u64,
}

impl FrameDecoder {
    /// At the first byte of a connection.
    #[must_use]
    pub const fn new(direction: Direction, terms: Terms) -> Self {
        Self::resume(direction, terms, 0)
    }

    /// Where another one, of the same connection, stopped after so many bytes of whole frames. For
    /// a server that wants to keep little of each of very many connections.
    #[must_use]
    pub const fn resume(direction: Direction, terms: Terms, stream_offset: u64) -> Self {
        Self { direction, terms, consumed: stream_offset }
    }

    /// What the session has agreed on.
    #[must_use]
    pub const fn terms(&self) -> Terms {
        self.terms
    }

    /// The session has agreed on something: the next frame is held to it.
    pub const fn set_terms(&mut self, terms: Terms) {
        self.terms = terms;
    }

    /// Bytes of whole frames so far.
    #[must_use]
    pub const fn stream_offset(&self) -> u64 {
        self.consumed
    }

    /// Where an error that [`next_frame`](Self::next_frame) just gave is, in bytes from the
    /// connection's first.
    #[must_use]
    pub const fn stream_offset_of(&self, error: &ParseError) -> u64 {
        self.consumed + error.offset() as u64
    }

    /// Looks at the start of `bytes`, the bytes after those consumed so far.
    #[inline]
    pub fn next_frame<'a>(&mut self, bytes: &'a [u8]) -> Framing<'a> {
        let framing = Framing::of(bytes, self.direction, self.terms);
        self.consumed += framing.consumed() as u64;
        framing
    }

    /// Passes over what [`next_frame`](Self::next_frame) just refused of `bytes`, and says how many
    /// of them that is: 1 or more. For a line that damages bytes and cannot be closed; a connection
    /// is closed instead.
    ///
    /// A frame whose header is right and whose checksum is not is passed over whole: its text may
    /// hold what looks like a frame. Behind a header that is not right the next byte is sought that
    /// may start one, by its version and its check. So a frame that is hit is lost, and no other,
    /// but for what the text of a frame with a damaged header can hold: on such a line frames are
    /// sealed.
    ///
    /// ```
    /// use cafewire_core::Direction;
    /// use cafewire_core::chat::v2::{FrameDecoder, Framing, Terms};
    /// // A Ping whose length was damaged, then a good one.
    /// let ping = b"\x02\x06\x00\x05\x00\xF1\x00\x04?\xB2\x8D\x3D\xE7";
    /// let mut line = [&ping[..], ping].concat();
    /// line[2] ^= 0x08;
    /// let mut decoder = FrameDecoder::new(Direction::ToServer, Terms::BEFORE_SIGN_IN);
    /// let Framing::Corrupt { error } = decoder.next_frame(&line) else { panic!() };
    /// assert_eq!(decoder.skip(&line, &error), 13);
    /// assert_eq!(decoder.next_frame(&line[13..]).consumed(), 13);
    /// ```
    pub fn skip(&mut self, bytes: &[u8], error: &ParseError) -> usize {
        let skipped = match *error {
            ParseError::ChecksumMismatch { offset, .. } => bytes.len().min(offset + CHECKSUM_SIZE),
            _ => next_start(bytes),
        };
        self.consumed += skipped as u64;
        skipped
    }
}

/// Where behind the first byte the next one is that may start a frame; at the end, if none does.
fn next_start(bytes: &[u8]) -> usize {
    let mut start = 1;
    while let Some(rest) = bytes.get(start..) {
        let may_start = rest.first() == Some(&PROTOCOL_VERSION)
            && !matches!(Header::parse(rest), Err(ParseError::CheckMismatch { .. }));
        if may_start || rest.is_empty() {
            break;
        }
        start += 1;
    }
    start.min(bytes.len())
}
