//! The echo frame: header and payload. Bytes to a borrowed view and back; what a type means is `message.rs`'s.
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
use crate::error::{ParseError, ParseResult, ProtocolError};
use crate::framing::{Frame, Framing};
use crate::writer::Writer;

/// The two bytes that every echo frame starts with.
///
/// ```
/// use cafewire_core::MAGIC_BYTES;
/// assert!(b"\xCA\xFE\x01\x00\x00".starts_with(&MAGIC_BYTES));
/// ```
pub const MAGIC_BYTES: [u8; 2] = [0xCA, 0xFE];

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
/// assert_eq!(Message::data(&longest).serialized_size(), 65_540);
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
    /// [`Framing::of`] or [`FrameReader`](crate::FrameReader).
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
        match next_frame(bytes) {
            Framing::Frame { frame: Frame::Echo(view), consumed } if consumed == bytes.len() => Ok(view),
            Framing::Frame { consumed, .. } => {
                Err(ParseError::TrailingBytes { offset: consumed, extra: bytes.len() - consumed })
            }
            Framing::NeedMore { at_least } => {
                Err(ParseError::Truncated { needed: bytes.len() + at_least, available: bytes.len() })
            }
            Framing::Corrupt { error } => Err(error),
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
    /// assert_eq!(ZeroCopyMessage { message_type: MessageType::Echo, payload: b"hi" }.serialized_size(), 7);
    /// ```
    #[must_use]
    #[inline]
    pub const fn serialized_size(&self) -> usize {
        HEADER_SIZE + self.payload.len()
    }

    /// Writes the frame to the start of `buffer` and returns what was written.
    ///
    /// # Errors
    /// [`ProtocolError::PayloadTooLong`], [`ProtocolError::BufferTooSmall`]; the buffer is untouched then.
    ///
    /// ```
    /// use cafewire_core::echo::{MessageType, ZeroCopyMessage};
    /// let echo = ZeroCopyMessage { message_type: MessageType::Echo, payload: b"hi" };
    /// assert_eq!(echo.encode_into(&mut [0; 16])?, b"\xCA\xFE\x03\x00\x02hi");
    /// # Ok::<(), cafewire_core::ProtocolError>(())
    /// ```
    #[inline]
    pub fn encode_into<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], ProtocolError> {
        let header = self.header()?;
        let mut writer = Writer::reserve(buffer, self.serialized_size())?;
        writer.put(&header);
        writer.put(self.payload);
        Ok(writer.finish(0))
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
        let actual = self.payload.len();
        let length =
            u16::try_from(actual).map_err(|_| ProtocolError::PayloadTooLong { actual, max: MAX_PAYLOAD_SIZE })?;
        let header = Header { magic: MAGIC_BYTES, message_type: self.message_type as u8, length: U16::new(length) };
        Ok(zerocopy::transmute!(header))
    }
}

/// The frame at the start of `bytes`. Each header byte is judged as soon as it is there.
#[inline]
pub(crate) fn next_frame(bytes: &[u8]) -> Framing<'_> {
    let Ok((header, rest)) = Header::ref_from_prefix(bytes) else {
        return cut_header(bytes);
    };
    if header.magic != MAGIC_BYTES {
        return cut_header(bytes);
    }
    let Some(message_type) = MessageType::from_wire(header.message_type) else {
        return cut_header(bytes);
    };
    let length = usize::from(header.length.get());
    match rest.get(..length) {
        Some(payload) => Framing::Frame {
            frame: Frame::Echo(ZeroCopyMessage { message_type, payload }),
            consumed: HEADER_SIZE + length,
        },
        None => Framing::NeedMore { at_least: length - rest.len() },
    }
}

/// The slow way through a header that is incomplete or wrong: byte by byte, to name the first one that is wrong.
#[cold]
fn cut_header(bytes: &[u8]) -> Framing<'_> {
    for (offset, (&actual, &expected)) in bytes.iter().zip(&MAGIC_BYTES).enumerate() {
        if actual != expected {
            return Framing::Corrupt { error: ParseError::BadMagic { offset, expected, actual } };
        }
    }
    if let Some(&actual) = bytes.get(TYPE_OFFSET)
        && MessageType::from_wire(actual).is_none()
    {
        return Framing::Corrupt { error: ParseError::UnknownType { offset: TYPE_OFFSET, actual } };
    }
    Framing::NeedMore { at_least: HEADER_SIZE.saturating_sub(bytes.len()).max(1) }
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
        assert!(core::ptr::eq(view.payload, &raw const ECHO_HI[5..]), "the payload is borrowed, not copied");
    }

    #[test]
    fn construct_touches_only_its_own_bytes() {
        let mut buffer = [0xA5; 9];
        let frame = ZeroCopyMessage { message_type: MessageType::Echo, payload: b"hi" };
        assert_eq!(frame.encode_into(&mut buffer).unwrap(), ECHO_HI);
        assert_eq!(buffer[7..], [0xA5, 0xA5]);
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
        assert_eq!(wrong(&[0xCB]), ParseError::BadMagic { offset: 0, expected: 0xCA, actual: 0xCB });
        assert_eq!(wrong(&[0xCA, 0xFF]), ParseError::BadMagic { offset: 1, expected: 0xFE, actual: 0xFF });
        assert_eq!(wrong(&[0xCA, 0xFE, 0x05]), ParseError::UnknownType { offset: 2, actual: 0x05 });
    }
}
