//! The frame of version 1: header, body, checksum. Knows types and lengths; what is in a body, the
//! table's readers say.
//!
//! ```text
//!  0        1        2        3        4                 4 + length
//! ┌────────┬────────┬────────┬────────┬─────────────────┬────────┬────────┬────────┬────────┐
//! │version │  type  │      length     │      body…      │              checksum             │
//! └────────┴────────┴────────┴────────┴─────────────────┴────────┴────────┴────────┴────────┘
//! ```

use cafewire_kernel::{Kernel as _, Level};
use zerocopy::byteorder::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::fast;
use super::layout::Layout;
use super::{IS_SMALL, MessagePayload, MessageType};
use crate::cursor::put;
use crate::direction::Direction;
use crate::error::{ParseError, ParseResult, ProtocolError};
use crate::family::Family;
use crate::outcome::Outcome;

/// The version byte of the frames in this module.
///
/// ```
/// use cafewire_core::{Family, PROTOCOL_VERSION};
/// assert_eq!(Family::from_first_byte(PROTOCOL_VERSION), Some(Family::ChatV1));
/// ```
pub const PROTOCOL_VERSION: u8 = Family::ChatV1.first_byte();

/// Bytes before the body.
///
/// ```
/// use cafewire_core::chat::{CHECKSUM_SIZE, HEADER_SIZE, ZeroCopyMessage};
/// let frame = b"\x01\x01\x00\x04\x03ada\x9A\xFB\x83\x17";
/// let view = ZeroCopyMessage::parse_from_bytes(frame)?;
/// assert_eq!(&frame[HEADER_SIZE..frame.len() - CHECKSUM_SIZE], view.payload);
/// # Ok::<(), cafewire_core::ParseError>(())
/// ```
pub const HEADER_SIZE: usize = size_of::<Header>();

/// Bytes after the body: the CRC-32 of all that is before them.
///
/// ```
/// use cafewire_core::chat::CHECKSUM_SIZE;
/// let frame = b"\x01\x02\x00\x00\x9A\x7C\x6C\x17";
/// let Some((covered, checksum)) = frame.split_last_chunk::<CHECKSUM_SIZE>() else { panic!() };
/// assert_eq!(*checksum, crc32fast::hash(covered).to_be_bytes());
/// ```
pub const CHECKSUM_SIZE: usize = size_of::<u32>();

/// The largest frame that the envelope can express, in bytes. No frame of version 1 comes near it:
/// [`MAX_FRAME_SIZE`].
///
/// ```
/// use cafewire_core::{MAX_MESSAGE_SIZE, chat};
/// assert_eq!((MAX_MESSAGE_SIZE, chat::MAX_FRAME_SIZE), (65_543, 630));
/// ```
pub const MAX_MESSAGE_SIZE: usize = HEADER_SIZE + u16::MAX as usize + CHECKSUM_SIZE;

/// The largest frame of version 1, in bytes. A buffer of this size holds any of them.
///
/// ```
/// use cafewire_core::{MessagePayload, ProtocolError, chat};
/// let (username, room, content) = (&*"u".repeat(32), &*"r".repeat(64), &*"c".repeat(512));
/// let longest = MessagePayload::MessageBroadcast { user_id: 7, timestamp: 0, username, room, content };
/// assert_eq!(longest.encode_into(&mut [0; chat::MAX_FRAME_SIZE])?.len(), 630);
/// # Ok::<(), ProtocolError>(())
/// ```
pub const MAX_FRAME_SIZE: usize = largest_frame(Direction::Either);

/// The largest frame of version 1 that a client may send, in bytes: all that a server need hold for
/// one.
///
/// ```
/// use cafewire_core::{MessagePayload, chat};
/// let (room, content) = (&*"r".repeat(64), &*"c".repeat(512));
/// let longest = MessagePayload::SendMessage { room, content };
/// assert_eq!(longest.encoded_len(), chat::MAX_CLIENT_FRAME_SIZE);
/// ```
pub const MAX_CLIENT_FRAME_SIZE: usize = largest_frame(Direction::ToServer);

const TYPE_OFFSET: usize = 1;
const LENGTH_OFFSET: usize = 2;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    version: u8,
    message_type: u8,
    length: U16,
}

/// A borrowed view of one chat frame. Its envelope is good; its payload has not been looked into.
///
/// ```
/// use cafewire_core::{MessagePayload, MessageType, ZeroCopyMessage};
/// let view = ZeroCopyMessage::parse_from_bytes(b"\x01\x04\x00\x06\x05lobby\x68\x7F\x54\x27")?;
/// assert_eq!((view.message_type, view.payload), (MessageType::JoinRoom, &b"\x05lobby"[..]));
/// assert_eq!(view.parse_payload()?, MessagePayload::JoinRoom { room: "lobby" });
/// # Ok::<(), cafewire_core::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ZeroCopyMessage<'a> {
    /// The version byte: [`PROTOCOL_VERSION`].
    pub version: u8,
    /// What kind of message this is.
    pub message_type: MessageType,
    /// The frame's body, in the caller's buffer.
    pub payload: &'a [u8],
}

impl<'a> ZeroCopyMessage<'a> {
    /// Reads exactly one frame, with nothing after it, and checks its envelope and checksum. For a
    /// stream of frames use [`Framing::of`](crate::Framing::of) or [`FrameDecoder`](crate::FrameDecoder).
    ///
    /// # Errors
    /// [`ParseError::Truncated`], [`ParseError::UnsupportedVersion`], [`ParseError::UnknownType`],
    /// [`ParseError::LengthOutOfRange`], [`ParseError::ChecksumMismatch`],
    /// [`ParseError::TrailingBytes`].
    ///
    /// ```
    /// use cafewire_core::{MessageType, ZeroCopyMessage};
    /// let view = ZeroCopyMessage::parse_from_bytes(&[0x01, 0x02, 0x00, 0x00, 0x9A, 0x7C, 0x6C, 0x17])?;
    /// assert_eq!(view.message_type, MessageType::Disconnect);
    /// assert_eq!(view.payload, b"");
    /// # Ok::<(), cafewire_core::ParseError>(())
    /// ```
    pub fn parse_from_bytes(bytes: &'a [u8]) -> ParseResult<Self> {
        let mut outcome = if IS_SMALL {
            open(bytes, Direction::Either)
        } else {
            fast::next_frame(bytes, Direction::Either)
        };
        if let Ok(view) = &outcome
            && view.encoded_len() < bytes.len()
        {
            let offset = view.encoded_len();
            outcome = Err(ParseError::TrailingBytes { offset, extra: bytes.len() - offset });
        }
        outcome
    }

    /// The typed view of the payload: every field read and held to its rules.
    ///
    /// # Errors
    /// [`ParseError::FieldOverrun`], [`ParseError::InvalidUtf8`], [`ParseError::InvalidField`],
    /// [`ParseError::TrailingBytes`]. The frame's boundaries are good all the same: a receiver may
    /// go on with the next frame where [`ParseError::code`] does not close.
    ///
    /// ```
    /// use cafewire_core::{ErrorCode, ZeroCopyMessage};
    /// // A good frame around a bad name: one of no bytes.
    /// let view = ZeroCopyMessage::parse_from_bytes(b"\x01\x01\x00\x01\x00\x5A\xE5\x88\x89")?;
    /// let error = view.parse_payload().unwrap_err();
    /// assert_eq!((error.code(), error.offset()), (ErrorCode::InvalidUsername, 4));
    /// assert!(!error.code().closes());
    /// # Ok::<(), cafewire_core::ParseError>(())
    /// ```
    #[inline]
    pub fn parse_payload(&self) -> ParseResult<MessagePayload<'a>> {
        MessagePayload::parse(self.message_type, self.payload)
    }

    /// Bytes that the whole frame takes.
    ///
    /// ```
    /// use cafewire_core::{MessageType, ZeroCopyMessage};
    /// let goodbye = ZeroCopyMessage { version: 1, message_type: MessageType::Disconnect, payload: b"" };
    /// assert_eq!(goodbye.encoded_len(), 8);
    /// ```
    #[must_use]
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        HEADER_SIZE + self.payload.len() + CHECKSUM_SIZE
    }

    /// Writes the frame to the start of `buffer`, with its checksum, and returns what was written.
    /// The payload is taken as it is.
    ///
    /// # Errors
    /// [`ProtocolError::PayloadTooLong`] if the type does not allow so long a body,
    /// [`ProtocolError::BufferTooSmall`]; the buffer is untouched then.
    ///
    /// ```
    /// use cafewire_core::{MessageType, ZeroCopyMessage};
    /// let goodbye = ZeroCopyMessage { version: 1, message_type: MessageType::Disconnect, payload: b"" };
    /// assert_eq!(goodbye.encode_into(&mut [0; 16])?, [0x01, 0x02, 0x00, 0x00, 0x9A, 0x7C, 0x6C, 0x17]);
    /// # Ok::<(), cafewire_core::ProtocolError>(())
    /// ```
    pub fn encode_into<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], ProtocolError> {
        let (actual, (_, max)) = (self.payload.len(), self.message_type.length_range());
        match u16::try_from(actual) {
            Ok(length) if length <= max => {
                write_frame(buffer, self.version, self.message_type, length, |body| {
                    put(body, self.payload)
                })
            }
            _ => Err(ProtocolError::PayloadTooLong { actual, max: max.into() }),
        }
    }
}

/// The frame at the start of a stream, its payload not looked into.
#[inline]
pub(crate) fn next_frame<'a, O: Outcome<ZeroCopyMessage<'a>>>(
    bytes: &'a [u8],
    direction: Direction,
) -> O {
    if IS_SMALL { frame_or_error(bytes, direction) } else { fast::next_frame(bytes, direction) }
}

/// The message at the start of a stream.
#[inline]
pub(crate) fn next_message<'a, O: Outcome<MessagePayload<'a>>>(
    bytes: &'a [u8],
    direction: Direction,
) -> O {
    if IS_SMALL { message_or_error(bytes, direction) } else { fast::next_message(bytes, direction) }
}

/// By the small shape.
#[inline]
pub(super) fn frame_or_error<'a, O: Outcome<ZeroCopyMessage<'a>>>(
    bytes: &'a [u8],
    direction: Direction,
) -> O {
    match open(bytes, direction) {
        Ok(view) => O::found(view, view.encoded_len()),
        Err(error) => O::failed(error),
    }
}

/// By the small shape.
#[inline]
pub(super) fn message_or_error<'a, O: Outcome<MessagePayload<'a>>>(
    bytes: &'a [u8],
    direction: Direction,
) -> O {
    match open(bytes, direction) {
        Ok(view) => match MessagePayload::read(view.message_type, view.payload) {
            Ok(message) => O::found(message, view.encoded_len()),
            Err(error) => O::refused(error, view.encoded_len()),
        },
        Err(error) => O::failed(error),
    }
}

/// The frame at the start of `bytes`; truncated, when all is well so far. Each header byte is judged as soon as it is there, the checksum once the whole frame is.
fn open(bytes: &[u8], direction: Direction) -> ParseResult<ZeroCopyMessage<'_>> {
    let cut = |needed| Err(ParseError::Truncated { needed, available: bytes.len() });
    let Some(&version) = bytes.first() else { return cut(HEADER_SIZE) };
    if version != PROTOCOL_VERSION {
        return Err(ParseError::UnsupportedVersion { offset: 0, actual: version });
    }
    let Some(&code) = bytes.get(TYPE_OFFSET) else { return cut(HEADER_SIZE) };
    let Some(layout) = Layout::of_code(code) else {
        return Err(ParseError::UnknownType { offset: TYPE_OFFSET, actual: code });
    };
    let message_type = layout.message_type;
    if !message_type.is_sent(direction) {
        return Err(ParseError::WrongDirection { offset: TYPE_OFFSET, message_type });
    }
    let Ok((header, _)) = Header::ref_from_prefix(bytes) else { return cut(HEADER_SIZE) };
    let actual = header.length.get();
    let (min, max) = layout.length_range;
    if actual < min || actual > max {
        return Err(ParseError::LengthOutOfRange {
            offset: LENGTH_OFFSET,
            message_type,
            actual,
            min,
            max,
        });
    }
    let offset = HEADER_SIZE + usize::from(actual);
    let size = offset + CHECKSUM_SIZE;
    let Some((summed, carried)) = bytes.get(..size).and_then(<[u8]>::split_last_chunk) else {
        return cut(size);
    };
    let (expected, actual) = (checksum(summed), u32::from_be_bytes(*carried));
    if expected != actual {
        return Err(ParseError::ChecksumMismatch { offset, expected, actual });
    }
    let payload = summed.get(HEADER_SIZE..).unwrap_or_default();
    Ok(ZeroCopyMessage { version, message_type, payload })
}

/// The checksum of a frame's bytes before it.
#[inline]
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    Level::detect().crc(bytes)
}

/// Writes a frame around a body of `length` bytes, which `write_body` writes; it gives what it left
/// free.
#[inline]
pub(super) fn write_frame(
    buffer: &mut [u8],
    version: u8,
    message_type: MessageType,
    length: u16,
    write_body: impl FnOnce(&mut [u8]) -> &mut [u8],
) -> Result<&[u8], ProtocolError> {
    let (needed, available) = (HEADER_SIZE + usize::from(length) + CHECKSUM_SIZE, buffer.len());
    let Some(frame) = buffer.get_mut(..needed) else {
        return Err(ProtocolError::BufferTooSmall { needed, available });
    };
    if let Some((summed, sum)) = frame.split_last_chunk_mut()
        && let Some((header, body)) = summed.split_first_chunk_mut::<HEADER_SIZE>()
    {
        *header = zerocopy::transmute!(Header {
            version,
            message_type: message_type as u8,
            length: U16::new(length)
        });
        let left = write_body(body);
        debug_assert!(left.is_empty(), "a body's size and its bytes disagree");
        *sum = checksum(summed).to_be_bytes();
    }
    Ok(frame)
}

const fn largest_frame(direction: Direction) -> usize {
    let mut largest = 0;
    let mut index = 0;
    while index < MessageType::ALL.len() {
        let message_type = MessageType::ALL[index];
        let max = message_type.length_range().1 as usize;
        if message_type.is_sent(direction) && max > largest {
            largest = max;
        }
        index += 1;
    }
    HEADER_SIZE + largest + CHECKSUM_SIZE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::Framing;

    fn next_frame(bytes: &[u8], direction: Direction) -> Framing<'_> {
        super::next_frame(bytes, direction)
    }

    static DISCONNECT: [u8; 8] = [0x01, 0x02, 0x00, 0x00, 0x9A, 0x7C, 0x6C, 0x17];

    #[test]
    fn the_sizes_that_the_specification_names() {
        assert_eq!(MAX_MESSAGE_SIZE, 65_543);
        assert_eq!(MAX_CLIENT_FRAME_SIZE, 585);
        assert_eq!(MAX_FRAME_SIZE, 630);
    }

    #[test]
    fn deconstruct() {
        let view = ZeroCopyMessage::parse_from_bytes(&DISCONNECT).unwrap();
        assert_eq!(
            view,
            ZeroCopyMessage { version: 1, message_type: MessageType::Disconnect, payload: &[] }
        );
    }

    #[test]
    fn construct_touches_only_its_own_bytes() {
        let mut buffer = [0xA5; 10];
        let view =
            ZeroCopyMessage { version: 1, message_type: MessageType::Disconnect, payload: &[] };
        assert_eq!(view.encode_into(&mut buffer).unwrap(), DISCONNECT);
        assert_eq!(buffer[8..], [0xA5, 0xA5]);
    }

    #[test]
    fn what_cannot_be_encoded_leaves_the_buffer_alone() {
        let mut buffer = [0xA5; 8];
        let view =
            ZeroCopyMessage { version: 1, message_type: MessageType::Disconnect, payload: b"x" };
        let error = view.encode_into(&mut buffer).unwrap_err();
        assert_eq!(error, ProtocolError::PayloadTooLong { actual: 1, max: 0 });
        let view =
            ZeroCopyMessage { version: 1, message_type: MessageType::Connect, payload: b"\x01x" };
        let error = view.encode_into(&mut buffer).unwrap_err();
        assert_eq!(error, ProtocolError::BufferTooSmall { needed: 10, available: 8 });
        assert_eq!(buffer, [0xA5; 8]);
    }

    #[test]
    fn impossible_lengths() {
        for cut in 0..DISCONNECT.len() {
            let error = ZeroCopyMessage::parse_from_bytes(&DISCONNECT[..cut]).unwrap_err();
            let needed = if cut < HEADER_SIZE { HEADER_SIZE } else { DISCONNECT.len() };
            assert_eq!(error, ParseError::Truncated { needed, available: cut });
        }
        for message_type in MessageType::ALL {
            let (min, max) = message_type.length_range();
            for length in 0..=u16::MAX {
                let [high, low] = length.to_be_bytes();
                let header = [0x01, message_type as u8, high, low];
                let framing = next_frame(&header, Direction::Either);
                if (min..=max).contains(&length) {
                    let needed = usize::from(length) + CHECKSUM_SIZE;
                    assert_eq!(framing, Framing::Incomplete { needed });
                } else {
                    let error = ParseError::LengthOutOfRange {
                        offset: 2,
                        message_type,
                        actual: length,
                        min,
                        max,
                    };
                    assert_eq!(framing, Framing::Corrupt { error });
                }
            }
        }
    }

    #[test]
    fn each_header_byte_is_judged_as_soon_as_it_is_there() {
        let wrong = |bytes: &[u8]| match next_frame(bytes, Direction::ToServer) {
            Framing::Corrupt { error } => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(wrong(&[0x02]), ParseError::UnsupportedVersion { offset: 0, actual: 0x02 });
        assert_eq!(wrong(&[0x01, 0x7F]), ParseError::UnknownType { offset: 1, actual: 0x7F });
        let message_type = MessageType::ConnectAck;
        assert_eq!(wrong(&[0x01, 0x81]), ParseError::WrongDirection { offset: 1, message_type });
    }
}
