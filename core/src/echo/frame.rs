//! The echo frame: header and payload. Bytes to a borrowed view and back; what a type means is
//! `message.rs`'s.
//!
//! ```text
//!  0        1        2        3        4        5
//! ┌────────┬────────┬────────┬────────┬────────┬──────────────┐
//! │  0xCA  │  0xFE  │  type  │      length     │   payload…   │
//! └────────┴────────┴────────┴────────┴────────┴──────────────┘
//! ```

use zerocopy::byteorder::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Message, MessageType};
use crate::cursor::put;
use crate::error::{ParseError, ParseResult, ProtocolError};
use crate::family::Family;
use crate::outcome::Outcome;

/// The two bytes that every echo frame starts with.
///
/// ```
/// use cafewire_core::MAGIC_BYTES;
/// assert!(b"\xCA\xFE\x01\x00\x00".starts_with(&MAGIC_BYTES));
/// ```
pub const MAGIC_BYTES: [u8; 2] = [Family::Echo.first_byte(), 0xFE];

/// Bytes before the payload.
///
/// ```
/// use cafewire_core::echo::{HEADER_SIZE, ZeroCopyMessage};
/// let frame = b"\xCA\xFE\x03\x00\x02hi";
/// assert_eq!(ZeroCopyMessage::parse_from_bytes(frame)?.payload, &frame[HEADER_SIZE..]);
/// # Ok::<(), cafewire_core::ParseError>(())
/// ```
pub const HEADER_SIZE: usize = size_of::<Header>();

/// The longest payload, in bytes.
///
/// ```
/// use cafewire_core::echo::{MAX_PAYLOAD_SIZE, Message};
/// let longest = vec![0; MAX_PAYLOAD_SIZE];
/// assert_eq!(Message::data(&longest).encoded_len(), 65_540);
/// ```
pub const MAX_PAYLOAD_SIZE: usize = u16::MAX as usize;

const TYPE_OFFSET: usize = 2;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    magic: [u8; 2],
    message_type: u8,
    length: U16,
}

/// A borrowed view of one echo frame.
///
/// ```
/// use cafewire_core::echo::{MessageType, ZeroCopyMessage};
/// // A server's answer to a Ping: the same payload, from where it lies.
/// let ping = ZeroCopyMessage::parse_from_bytes(b"\xCA\xFE\x01\x00\x02hi")?;
/// let pong = ZeroCopyMessage { message_type: MessageType::Pong, ..ping };
/// assert_eq!(pong.encode_into(&mut [0; 16])?, b"\xCA\xFE\x02\x00\x02hi");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ZeroCopyMessage<'a> {
    /// What kind of message this is.
    pub message_type: MessageType,
    /// What it carries: 0 to [`MAX_PAYLOAD_SIZE`] bytes, in the caller's buffer.
    pub payload: &'a [u8],
}

impl<'a> ZeroCopyMessage<'a> {
    /// Reads exactly one frame, with nothing after it. For a stream of frames use
    /// [`Framing::of`](crate::Framing::of) or [`FrameDecoder`](crate::FrameDecoder).
    ///
    /// # Errors
    /// [`ParseError::Truncated`], [`ParseError::BadMagic`], [`ParseError::UnknownType`],
    /// [`ParseError::TrailingBytes`].
    ///
    /// ```
    /// use cafewire_core::echo::{MessageType, ZeroCopyMessage};
    /// let view = ZeroCopyMessage::parse_from_bytes(&[0xCA, 0xFE, 0x01, 0x00, 0x00])?;
    /// assert_eq!(view.message_type, MessageType::Ping);
    /// assert_eq!(view.payload, b"");
    /// # Ok::<(), cafewire_core::ParseError>(())
    /// ```
    pub fn parse_from_bytes(bytes: &'a [u8]) -> ParseResult<Self> {
        match open(bytes) {
            Some((view, [])) => Ok(view),
            _ => Err(refusal(bytes)),
        }
    }

    /// The typed view.
    ///
    /// ```
    /// use cafewire_core::echo::{Message, ZeroCopyMessage};
    /// let view = ZeroCopyMessage::parse_from_bytes(b"\xCA\xFE\x03\x00\x02hi")?;
    /// assert_eq!(view.message(), Message::Echo(b"hi"));
    /// # Ok::<(), cafewire_core::ParseError>(())
    /// ```
    #[must_use]
    #[inline]
    pub const fn message(&self) -> Message<'a> {
        match self.message_type {
            MessageType::Ping => Message::Ping(self.payload),
            MessageType::Pong => Message::Pong(self.payload),
            MessageType::Echo => Message::Echo(self.payload),
            MessageType::Data => Message::Data(self.payload),
            MessageType::Error => Message::Error(self.payload),
        }
    }

    /// Bytes that the whole frame takes.
    ///
    /// ```
    /// use cafewire_core::echo::{MessageType, ZeroCopyMessage};
    /// assert_eq!(
    ///     ZeroCopyMessage { message_type: MessageType::Echo, payload: b"hi" }.encoded_len(),
    ///     7,
    /// );
    /// ```
    #[must_use]
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        HEADER_SIZE + self.payload.len()
    }

    /// Writes the frame to the start of `buffer` and returns what was written.
    ///
    /// # Errors
    /// [`ProtocolError::PayloadTooLong`], [`ProtocolError::BufferTooSmall`]; the buffer is
    /// untouched then.
    ///
    /// ```
    /// use cafewire_core::echo::{MessageType, ZeroCopyMessage};
    /// let echo = ZeroCopyMessage { message_type: MessageType::Echo, payload: b"hi" };
    /// assert_eq!(echo.encode_into(&mut [0; 16])?, b"\xCA\xFE\x03\x00\x02hi");
    /// # Ok::<(), cafewire_core::ProtocolError>(())
    /// ```
    #[inline]
    pub fn encode_into<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], ProtocolError> {
        let length = self.length()?;
        let (needed, available) = (self.encoded_len(), buffer.len());
        let Some(frame) = buffer.get_mut(..needed) else {
            return Err(ProtocolError::BufferTooSmall { needed, available });
        };
        if let Some((start, rest)) = frame.split_first_chunk_mut() {
            *start = self.header_of(length);
            put(rest, self.payload);
        }
        Ok(frame)
    }

    /// The header alone, for a caller that sends the payload from where it lies.
    ///
    /// # Errors
    /// [`ProtocolError::PayloadTooLong`].
    ///
    /// ```
    /// use cafewire_core::echo::{MessageType, ZeroCopyMessage};
    /// let echo = ZeroCopyMessage { message_type: MessageType::Echo, payload: b"hi" };
    /// assert_eq!(echo.header()?, [0xCA, 0xFE, 0x03, 0x00, 0x02]);
    /// # Ok::<(), cafewire_core::ProtocolError>(())
    /// ```
    #[inline]
    pub fn header(&self) -> Result<[u8; HEADER_SIZE], ProtocolError> {
        Ok(self.header_of(self.length()?))
    }

    #[inline]
    fn length(&self) -> Result<u16, ProtocolError> {
        let actual = self.payload.len();
        u16::try_from(actual)
            .map_err(|_| ProtocolError::PayloadTooLong { actual, max: MAX_PAYLOAD_SIZE })
    }

    #[inline]
    fn header_of(&self, length: u16) -> [u8; HEADER_SIZE] {
        let header = Header {
            magic: MAGIC_BYTES,
            message_type: self.message_type as u8,
            length: U16::new(length),
        };
        zerocopy::transmute!(header)
    }
}

/// What stands at the start of a stream.
#[inline]
pub(crate) fn next_frame<'a, O: Outcome<ZeroCopyMessage<'a>>>(bytes: &'a [u8]) -> O {
    match open(bytes) {
        Some((view, _)) => O::found(view, view.encoded_len()),
        None => O::failed(refusal(bytes)),
    }
}

/// The frame at the start of `bytes`, if a whole one is there, and the bytes behind it.
#[inline]
fn open(bytes: &[u8]) -> Option<(ZeroCopyMessage<'_>, &[u8])> {
    let (header, rest) = Header::ref_from_prefix(bytes).ok()?;
    if header.magic != MAGIC_BYTES {
        return None;
    }
    let message_type = MessageType::from_wire(header.message_type)?;
    let (payload, after) = rest.split_at_checked(header.length.get().into())?;
    Some((ZeroCopyMessage { message_type, payload }, after))
}

/// Why `bytes` are not one frame: byte by byte, to name the first that is wrong as soon as it is
/// there. Not marked as cold: with one caller it is smaller inlined, and a good frame then comes by
/// without a call to be prepared for.
fn refusal(bytes: &[u8]) -> ParseError {
    for (offset, (&actual, &expected)) in bytes.iter().zip(&MAGIC_BYTES).enumerate() {
        if actual != expected {
            return ParseError::BadMagic { offset, expected, actual };
        }
    }
    if let Some(&actual) = bytes.get(TYPE_OFFSET)
        && MessageType::from_wire(actual).is_none()
    {
        return ParseError::UnknownType { offset: TYPE_OFFSET, actual };
    }
    let length =
        Header::ref_from_prefix(bytes).map_or(0, |(header, _)| usize::from(header.length.get()));
    let (needed, available) = (HEADER_SIZE + length, bytes.len());
    match available.checked_sub(needed) {
        None => ParseError::Truncated { needed, available },
        Some(extra) => ParseError::TrailingBytes { offset: needed, extra },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static ECHO_HI: [u8; 7] = [0xCA, 0xFE, 0x03, 0x00, 0x02, b'h', b'i'];

    #[test]
    fn deconstruct() {
        let view = ZeroCopyMessage::parse_from_bytes(&ECHO_HI).unwrap();
        assert_eq!(view.message_type, MessageType::Echo);
        assert_eq!(view.payload, b"hi");
        assert!(
            core::ptr::eq(view.payload, &raw const ECHO_HI[5..]),
            "the payload is borrowed, not copied"
        );
    }

    #[test]
    fn construct_touches_only_its_own_bytes() {
        let mut buffer = [0xA5; 9];
        let frame = ZeroCopyMessage { message_type: MessageType::Echo, payload: b"hi" };
        assert_eq!(frame.encode_into(&mut buffer).unwrap(), ECHO_HI);
        assert_eq!(buffer[7..], [0xA5, 0xA5]);
    }

    #[test]
    fn the_header_alone_is_how_the_frame_starts() {
        let frame = ZeroCopyMessage { message_type: MessageType::Echo, payload: b"hi" };
        assert_eq!(frame.header().unwrap(), ECHO_HI[..HEADER_SIZE]);
        let too_long = [0; MAX_PAYLOAD_SIZE + 1];
        let frame = ZeroCopyMessage { message_type: MessageType::Data, payload: &too_long };
        assert_eq!(
            frame.header(),
            Err(ProtocolError::PayloadTooLong { actual: 65_536, max: 65_535 })
        );
    }

    #[test]
    fn a_buffer_too_small_is_told_the_size_and_left_alone() {
        let mut buffer = [0xA5; 6];
        let frame = ZeroCopyMessage { message_type: MessageType::Echo, payload: b"hi" };
        let error = frame.encode_into(&mut buffer).unwrap_err();
        assert_eq!(error, ProtocolError::BufferTooSmall { needed: 7, available: 6 });
        assert_eq!(buffer, [0xA5; 6]);
    }

    #[test]
    fn impossible_lengths() {
        for cut in 0..ECHO_HI.len() {
            let error = ZeroCopyMessage::parse_from_bytes(&ECHO_HI[..cut]).unwrap_err();
            let needed = if cut < HEADER_SIZE { HEADER_SIZE } else { ECHO_HI.len() };
            assert_eq!(error, ParseError::Truncated { needed, available: cut });
        }
        let mut longer = [0; 8];
        longer[..7].copy_from_slice(&ECHO_HI);
        let error = ZeroCopyMessage::parse_from_bytes(&longer).unwrap_err();
        assert_eq!(error, ParseError::TrailingBytes { offset: 7, extra: 1 });
        let too_long = [0; MAX_PAYLOAD_SIZE + 1];
        let frame = ZeroCopyMessage { message_type: MessageType::Data, payload: &too_long };
        let mut buffer = [0; MAX_PAYLOAD_SIZE + 10];
        let error = frame.encode_into(&mut buffer).unwrap_err();
        assert_eq!(error, ProtocolError::PayloadTooLong { actual: 65_536, max: 65_535 });
    }

    #[test]
    fn each_header_byte_is_judged_as_soon_as_it_is_there() {
        let wrong = |bytes: &[u8]| ZeroCopyMessage::parse_from_bytes(bytes).unwrap_err();
        assert_eq!(
            wrong(&[0xCB]),
            ParseError::BadMagic { offset: 0, expected: 0xCA, actual: 0xCB }
        );
        assert_eq!(
            wrong(&[0xCA, 0xFF]),
            ParseError::BadMagic { offset: 1, expected: 0xFE, actual: 0xFF }
        );
        assert_eq!(wrong(&[0xCA, 0xFE, 0x05]), ParseError::UnknownType { offset: 2, actual: 0x05 });
    }
}
