//! Framing: where a frame ends in a stream of bytes. Does no I/O and keeps no bytes.
//!
//! Incomplete is not an error: [`Framing`] answers *frame*, *need at least n more bytes*, or
//! *corrupt*. Until a frame is whole only its header is looked at, and its checksum is computed
//! once, so that a stream costs O(bytes) in all, whatever the chunks it comes in: a caller that was
//! told `needed` need not ask again before they are there, and one that asks earlier pays for the
//! header alone.

use crate::decoded::Decoded;
use crate::direction::Direction;
use crate::error::{ParseError, ParseResult};
use crate::family::Family;
use crate::outcome::Outcome;
use crate::{chat, echo};

/// What stands at the start of a stream.
///
/// ```
/// use cafewire_core::{Framing, ParseError};
/// assert_eq!(Framing::of(&[0x01, 0x02]), Framing::Incomplete { needed: 2 });
/// let error = ParseError::UnsupportedVersion { offset: 0, actual: b'G' };
/// assert_eq!(Framing::of(b"GET /"), Framing::Corrupt { error });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum Framing<'a> {
    /// A whole frame, its checksum good.
    Frame {
        /// The view, borrowed from the input.
        frame: Frame<'a>,
        /// Bytes that it took; the next frame starts there.
        consumed: usize,
    },
    /// All is well so far, and the frame goes on. Nothing was consumed.
    Incomplete {
        /// No frame can be whole before this many more bytes (1 or more) have come; exact once the
        /// header is there. While the header is cut, a byte that is wrong is told as soon as it is
        /// there, if one asks.
        needed: usize,
    },
    /// No frame can start here. Nothing was consumed.
    Corrupt {
        /// What is wrong, and where.
        error: ParseError,
    },
}

impl<'a> Framing<'a> {
    /// Looks at the start of `bytes`, for a frame of either family.
    ///
    /// ```
    /// use cafewire_core::Framing;
    /// let stream = [0xCA, 0xFE, 0x01, 0x00, 0x00, 0xCA, 0xFE, 0x03, 0x00];
    /// let Framing::Frame { consumed, .. } = Framing::of(&stream) else { panic!() };
    /// assert_eq!(consumed, 5);
    /// assert_eq!(Framing::of(&stream[consumed..]), Framing::Incomplete { needed: 1 });
    /// ```
    #[inline]
    pub fn of(bytes: &'a [u8]) -> Self {
        match bytes.first() {
            None => Self::Incomplete { needed: 1 },
            Some(&first) if first == echo::MAGIC_BYTES[0] => echo::next_frame(bytes),
            Some(_) => chat::next_frame(bytes, Direction::Either),
        }
    }

    /// Bytes consumed: the frame's, or none.
    ///
    /// ```
    /// use cafewire_core::Framing;
    /// assert_eq!(Framing::of(b"\xCA\xFE\x01\x00\x00 and more").consumed(), 5);
    /// assert_eq!(Framing::of(b"\xCA\xFE\x01").consumed(), 0);
    /// ```
    #[must_use]
    pub const fn consumed(&self) -> usize {
        match *self {
            Self::Frame { consumed, .. } => consumed,
            Self::Incomplete { .. } | Self::Corrupt { .. } => 0,
        }
    }
}

impl<'a, V: Into<Frame<'a>>> Outcome<V> for Framing<'a> {
    #[inline(always)]
    fn found(view: V, consumed: usize) -> Self {
        Self::Frame { frame: view.into(), consumed }
    }

    #[inline(always)]
    fn incomplete(needed: usize, available: usize) -> Self {
        Self::Incomplete { needed: needed - available }
    }

    #[inline(always)]
    fn corrupt(error: ParseError) -> Self {
        Self::Corrupt { error }
    }

    #[inline(always)]
    fn refused(error: ParseError, _: usize) -> Self {
        Self::Corrupt { error }
    }
}

/// A frame of either family.
///
/// ```
/// use cafewire_core::{Frame, Framing, MessageType};
/// let Framing::Frame { frame, .. } =
///     Framing::of(b"\x01\x02\x00\x00\x9A\x7C\x6C\x17") else { panic!() };
/// match frame {
///     Frame::Chat(view) => assert_eq!(view.message_type, MessageType::Disconnect),
///     Frame::Echo(view) => unreachable!("{:?}", view.message()),
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Frame<'a> {
    /// `CA FE …`
    Echo(echo::ZeroCopyMessage<'a>),
    /// `01 …`
    Chat(chat::ZeroCopyMessage<'a>),
}

impl<'a> From<echo::ZeroCopyMessage<'a>> for Frame<'a> {
    #[inline(always)]
    fn from(view: echo::ZeroCopyMessage<'a>) -> Self {
        Self::Echo(view)
    }
}

impl<'a> From<chat::ZeroCopyMessage<'a>> for Frame<'a> {
    #[inline(always)]
    fn from(view: chat::ZeroCopyMessage<'a>) -> Self {
        Self::Chat(view)
    }
}

impl Frame<'_> {
    /// Bytes that the whole frame takes.
    ///
    /// ```
    /// use cafewire_core::{Frame, Message};
    /// assert_eq!(Frame::Echo(Message::echo(b"hi").frame()).encoded_len(), 7);
    /// ```
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        match self {
            Self::Echo(view) => view.encoded_len(),
            Self::Chat(view) => view.encoded_len(),
        }
    }
}

/// The rules that span the frames of one connection: its family is that of its first frame, its
/// types are those that travel its way, and an error's place is counted from the connection's first
/// byte.
///
/// It keeps no bytes: the caller passes the same unconsumed bytes again, with more behind them.
///
/// ```
/// use cafewire_core::{Direction, FrameDecoder, Framing, ParseError};
/// let mut reader = FrameDecoder::new(Direction::ToServer);
/// let stream = [0xCA, 0xFE, 0x01, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x9A, 0x7C, 0x6C, 0x17];
/// assert_eq!(reader.next_frame(&stream).consumed(), 5);
/// let Framing::Corrupt { error } = reader.next_frame(&stream[5..]) else { panic!() };
/// assert!(matches!(error, ParseError::FamilyChanged { .. }));
/// assert_eq!(reader.stream_offset_of(&error), 5);
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameDecoder {
    direction: Direction,
    family: Option<Family>,
    consumed: u64,
}

impl FrameDecoder {
    /// A reader at the first byte of a connection.
    ///
    /// ```
    /// use cafewire_core::{Direction, FrameDecoder};
    /// let reader = FrameDecoder::new(Direction::ToClient);
    /// assert_eq!((reader.family(), reader.stream_offset()), (None, 0));
    /// ```
    #[must_use]
    pub const fn new(direction: Direction) -> Self {
        Self::resume(direction, None, 0)
    }

    /// A reader that goes on where another one, of the same connection, stopped after so many bytes
    /// of whole frames. For a server with very many connections, all of the same direction, of
    /// which it wants to keep as little as can be.
    ///
    /// ```
    /// use cafewire_core::{Direction, FrameDecoder, Framing, ParseError};
    /// let mut reader = FrameDecoder::new(Direction::ToServer);
    /// assert_eq!(reader.next_frame(b"\xCA\xFE\x01\x00\x00").consumed(), 5);
    /// let mut resumed =
    ///     FrameDecoder::resume(Direction::ToServer, reader.family(), reader.stream_offset());
    /// let Framing::Corrupt { error } = resumed.next_frame(&[0x01]) else { panic!() };
    /// assert!(matches!(error, ParseError::FamilyChanged { .. }));
    /// assert_eq!(resumed.stream_offset_of(&error), 5);
    /// ```
    #[must_use]
    pub const fn resume(direction: Direction, family: Option<Family>, stream_offset: u64) -> Self {
        Self { direction, family, consumed: stream_offset }
    }

    /// The frames' direction.
    pub(crate) const fn direction(&self) -> Direction {
        self.direction
    }

    /// The family that the first byte told, once there was one.
    ///
    /// ```
    /// use cafewire_core::{Direction, Family, FrameDecoder, Framing};
    /// let mut reader = FrameDecoder::new(Direction::ToServer);
    /// assert_eq!(reader.next_frame(&[0x01]), Framing::Incomplete { needed: 3 });
    /// assert_eq!(reader.family(), Some(Family::ChatV1));
    /// ```
    #[must_use]
    pub const fn family(&self) -> Option<Family> {
        self.family
    }

    /// Bytes of whole frames so far: where in the connection the bytes passed next begin.
    ///
    /// ```
    /// use cafewire_core::{Direction, FrameDecoder};
    /// let mut reader = FrameDecoder::new(Direction::ToServer);
    /// assert_eq!(reader.next_frame(b"\xCA\xFE\x01\x00\x00").consumed(), 5);
    /// assert_eq!(reader.stream_offset(), 5);
    /// ```
    #[must_use]
    pub const fn stream_offset(&self) -> u64 {
        self.consumed
    }

    /// Where an error that [`next_frame`](Self::next_frame) just gave is, in bytes from the
    /// connection's first.
    ///
    /// ```
    /// use cafewire_core::{Direction, FrameDecoder, Framing};
    /// let mut reader = FrameDecoder::new(Direction::ToServer);
    /// let stream = b"\xCA\xFE\x01\x00\x00\xCA\xFE\x05"; // a Ping, then a type that does not exist
    /// let rest = &stream[reader.next_frame(stream).consumed()..];
    /// let Framing::Corrupt { error } = reader.next_frame(rest) else { panic!() };
    /// assert_eq!((error.offset(), reader.stream_offset_of(&error)), (2, 7));
    /// ```
    #[must_use]
    pub const fn stream_offset_of(&self, error: &ParseError) -> u64 {
        self.consumed + error.offset() as u64
    }

    /// Looks at the start of `bytes`, the bytes after those consumed so far.
    ///
    /// ```
    /// use cafewire_core::{Direction, FrameDecoder, Framing};
    /// let mut reader = FrameDecoder::new(Direction::ToServer);
    /// // a Ping, an Echo, and a start
    /// let mut rest = &b"\xCA\xFE\x01\x00\x00\xCA\xFE\x03\x00\x02hi\xCA"[..];
    /// let mut frames = 0;
    /// while let Framing::Frame { consumed, .. } = reader.next_frame(rest) {
    ///     (rest, frames) = (&rest[consumed..], frames + 1);
    /// }
    /// assert_eq!((frames, rest), (2, &[0xCA][..]));
    /// ```
    #[inline]
    pub fn next_frame<'a>(&mut self, bytes: &'a [u8]) -> Framing<'a> {
        let Some(&first) = bytes.first() else { return Framing::Incomplete { needed: 1 } };
        let framing: Framing<'a> = match self.family_of(first) {
            Ok(Family::Echo) => echo::next_frame(bytes),
            Ok(_) => chat::next_frame(bytes, self.direction),
            Err(error) => Framing::Corrupt { error },
        };
        self.consumed += framing.consumed() as u64;
        framing
    }

    /// As [`next_frame`](Self::next_frame), down to the message's fields, in one step: what is
    /// found is built once, and no byte is looked at twice.
    ///
    /// ```
    /// use cafewire_core::{Decoded, Direction, FrameDecoder, MessagePayload};
    /// let mut decoder = FrameDecoder::new(Direction::ToServer);
    /// let stream = b"\x01\x04\x00\x06\x05lobby\x68\x7F\x54\x27\x01";
    /// let decoded = decoder.next_message(stream);
    /// let room = "lobby";
    /// let message = MessagePayload::JoinRoom { room };
    /// assert_eq!(decoded, Decoded::Chat { message, consumed: 14 });
    /// assert_eq!(decoder.next_message(&stream[14..]), Decoded::Incomplete { needed: 3 });
    /// ```
    #[inline]
    pub fn next_message<'a>(&mut self, bytes: &'a [u8]) -> Decoded<'a> {
        let Some(&first) = bytes.first() else { return Decoded::Incomplete { needed: 1 } };
        let decoded: Decoded<'a> = match self.family_of(first) {
            Ok(Family::Echo) => echo::next_frame(bytes),
            Ok(_) => chat::next_message(bytes, self.direction),
            Err(error) => Decoded::Corrupt { error },
        };
        self.consumed += decoded.consumed() as u64;
        decoded
    }

    /// The family of the frame that comes, which is the connection's from now on; or why there is
    /// none.
    #[inline]
    fn family_of(&mut self, first: u8) -> ParseResult<Family> {
        let family = match (self.family, Family::without_session(first)) {
            (Some(established), Some(other)) if established != other => {
                return Err(ParseError::FamilyChanged { offset: 0, established, actual: first });
            }
            (Some(established), _) => established,
            (None, Some(new)) => new,
            (None, None) => {
                return Err(ParseError::UnsupportedVersion { offset: 0, actual: first });
            }
        };
        self.family = Some(family);
        Ok(family)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static PING: [u8; 5] = [0xCA, 0xFE, 0x01, 0x00, 0x00];
    static DISCONNECT: [u8; 8] = [0x01, 0x02, 0x00, 0x00, 0x9A, 0x7C, 0x6C, 0x17];

    #[test]
    fn nothing_is_not_an_error() {
        assert_eq!(Framing::of(&[]), Framing::Incomplete { needed: 1 });
        assert_eq!(
            FrameDecoder::new(Direction::Either).next_frame(&[]),
            Framing::Incomplete { needed: 1 }
        );
    }

    #[test]
    fn a_frame_knows_its_size() {
        for bytes in [&PING[..], &DISCONNECT] {
            let Framing::Frame { frame, consumed } = Framing::of(bytes) else {
                panic!("{bytes:x?}")
            };
            assert_eq!((frame.encoded_len(), consumed), (bytes.len(), bytes.len()));
        }
    }

    #[test]
    fn the_first_byte_decides_the_family_for_good() {
        for (first, second, family) in [
            (&PING[..], &DISCONNECT[..], Family::Echo),
            (&DISCONNECT[..], &PING[..], Family::ChatV1),
        ] {
            let mut reader = FrameDecoder::new(Direction::ToServer);
            assert_eq!(reader.next_frame(&first[..1]).consumed(), 0);
            assert_eq!(reader.family(), Some(family));
            assert_eq!(reader.next_frame(first).consumed(), first.len());
            assert_eq!(reader.stream_offset(), first.len() as u64);
            let error =
                ParseError::FamilyChanged { offset: 0, established: family, actual: second[0] };
            assert_eq!(reader.next_frame(second), Framing::Corrupt { error });
        }
    }

    #[test]
    fn a_foreign_first_byte_is_neither_family() {
        for actual in [0x00, 0x02, b'G', 0x16, 0xFF] {
            let error = ParseError::UnsupportedVersion { offset: 0, actual };
            assert_eq!(
                FrameDecoder::new(Direction::ToServer).next_frame(&[actual]),
                Framing::Corrupt { error }
            );
            assert_eq!(Framing::of(&[actual]), Framing::Corrupt { error });
        }
    }

    #[test]
    fn a_family_is_kept_even_against_bytes_of_none() {
        let mut reader = FrameDecoder::new(Direction::ToServer);
        assert_eq!(reader.next_frame(&PING).consumed(), 5);
        let error = ParseError::BadMagic { offset: 0, expected: 0xCA, actual: b'G' };
        assert_eq!(reader.next_frame(b"GET"), Framing::Corrupt { error });
        assert_eq!(reader.stream_offset_of(&error), 5);
    }
}
