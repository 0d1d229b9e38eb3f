//! The frame of version 2: header, payload, seal, checksum. Knows types, lengths and what a session
//! has agreed on; what is in a payload, `body.rs` says, and whether a seal is right, the holder of
//! the key.

use super::header::overhead_size;
use super::layout::Layout;
use super::schema::COMPRESSED_FIELDS;
use super::{COUNTER_SIZE, Flags, HEADER_SIZE, Header, MessagePayload, SEAL_SIZE, TAG_SIZE, Terms};
use super::{MessageType, PROTOCOL_VERSION};
use crate::chat::{CHECKSUM_SIZE, FieldSpec, checksum};
use crate::direction::Direction;
use crate::error::{ParseError, ParseResult, ProtocolError};

const TYPE_OFFSET: usize = 1;
const LENGTH_OFFSET: usize = 2;
const FLAGS_OFFSET: usize = 4;

/// The largest frame of version 2, in bytes, sealed. A buffer of this size holds any of them.
///
/// ```
/// use cafewire_core::chat::v2;
/// assert_eq!((v2::MAX_FRAME_SIZE, v2::MAX_CLIENT_FRAME_SIZE), (4_261, 4_197));
/// ```
pub const MAX_FRAME_SIZE: usize = largest_frame(Direction::ToClient, false);

/// The largest frame of version 2 that a client may send, in bytes, sealed: all that a server need
/// hold for one that is signed in.
pub const MAX_CLIENT_FRAME_SIZE: usize = largest_frame(Direction::ToServer, false);

/// The largest frame to a client with [`SMALL`](super::Capabilities::SMALL), in bytes, sealed.
///
/// ```
/// assert_eq!(cafewire_core::chat::v2::MAX_SMALL_FRAME_SIZE, 677);
/// ```
pub const MAX_SMALL_FRAME_SIZE: usize = largest_frame(Direction::ToClient, true);

/// The largest frame that a server takes from a client that is not signed in, in bytes: a Connect.
///
/// ```
/// assert_eq!(cafewire_core::chat::v2::MAX_SIGN_IN_FRAME_SIZE, 63);
/// ```
pub const MAX_SIGN_IN_FRAME_SIZE: usize =
    HEADER_SIZE + MessageType::Connect.payload_range().1 as usize + CHECKSUM_SIZE;

/// A borrowed view of one chat frame. Its envelope is good: header, check and checksum. Neither
/// its seal nor its payload has been looked into.
///
/// ```
/// use cafewire_core::chat::v2::{MessagePayload, MessageType, Terms, ZeroCopyMessage};
/// let frame = b"\x02\x05\x00\x0A\x00\x08\x00\x03\x05lobby\x1F\x6E\xDD\x21";
/// let view = ZeroCopyMessage::parse_from_bytes(frame, Terms::UNKNOWN)?;
/// assert_eq!((view.message_type(), view.header().request), (MessageType::LeaveRoom, 3));
/// assert_eq!(view.parse_payload()?, MessagePayload::LeaveRoom { room: "lobby" });
/// # Ok::<(), cafewire_core::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ZeroCopyMessage<'a> {
    message_type: MessageType,
    header: Header,
    is_small: bool,
    /// All that the checksum covers.
    covered: &'a [u8],
}

/// The seal of a frame, and what it proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Seal<'a> {
    /// All that the tag covers, as it stands on the wire: header, payload, counter.
    pub signed: &'a [u8],
    /// How many sealed frames this side had sent before.
    pub counter: u64,
    /// The proof.
    pub tag: &'a [u8; TAG_SIZE],
}

impl<'a> ZeroCopyMessage<'a> {
    /// Reads exactly one frame, with nothing after it, of either direction, and checks its
    /// envelope. For a stream of frames use [`Framing`](super::Framing) or
    /// [`FrameDecoder`](super::FrameDecoder).
    ///
    /// # Errors
    /// In this order: [`ParseError::UnsupportedVersion`], [`ParseError::CheckMismatch`],
    /// [`ParseError::UnknownType`], [`ParseError::NotSignedIn`], [`ParseError::UnsupportedFlags`],
    /// [`ParseError::LengthOutOfRangeV2`], [`ParseError::Truncated`],
    /// [`ParseError::ChecksumMismatch`], [`ParseError::TrailingBytes`].
    pub fn parse_from_bytes(bytes: &'a [u8], terms: Terms) -> ParseResult<Self> {
        let view = open(bytes, Direction::Either, terms)?;
        match bytes.len() - view.encoded_len() {
            0 => Ok(view),
            extra => Err(ParseError::TrailingBytes { offset: view.encoded_len(), extra }),
        }
    }

    /// What kind of message this is.
    #[must_use]
    #[inline]
    pub const fn message_type(&self) -> MessageType {
        self.message_type
    }

    /// The header: flags and request stand there.
    #[must_use]
    #[inline]
    pub const fn header(&self) -> Header {
        self.header
    }

    /// The payload as it stands in the frame: of a compressed one, its length when inflated and the
    /// block.
    #[must_use]
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        let end = self.covered.len() - self.seal_size();
        self.covered.get(HEADER_SIZE..end).unwrap_or_default()
    }

    /// The seal, if the frame is sealed. Whether it is right is not known yet.
    ///
    /// ```
    /// use cafewire_core::chat::v2::{Terms, ZeroCopyMessage};
    /// let mut frame = b"\x02\x0A\x00\x1C\x02\xFD\x00\x02\0\0\0\0\0\0\0\0".to_vec();
    /// frame.extend(b"\x2E\x4C\x61\x1B\x67\xC9\x00\xCB\x71\x6F\x0F\xF8\x95\xE1\x6B\x50");
    /// frame.extend(b"\xA9\xD6\xF7\xD0");
    /// let view = ZeroCopyMessage::parse_from_bytes(&frame, Terms::CHALLENGED)?;
    /// let seal = view.seal().expect("an Authenticate is sealed");
    /// assert_eq!((seal.signed, seal.counter, seal.tag[0]), (&frame[..16], 0, 0x2E));
    /// # Ok::<(), cafewire_core::ParseError>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn seal(&self) -> Option<Seal<'a>> {
        if self.seal_size() == 0 {
            return None;
        }
        let (signed, tag) = self.covered.split_last_chunk::<TAG_SIZE>()?;
        let counter = signed.last_chunk::<COUNTER_SIZE>()?;
        Some(Seal { signed, counter: u64::from_be_bytes(*counter), tag })
    }

    /// Gives the payload its type: all its fields, borrowed. Of a sealed frame, the seal is to be
    /// proved before. Offsets in errors count from the start of the frame.
    ///
    /// # Errors
    /// Those of [`MessagePayload::parse`]. The payload of a compressed frame has to be inflated
    /// first: [`ParseError::UnsupportedFlags`].
    pub fn parse_payload(&self) -> ParseResult<MessagePayload<'a>> {
        let Self { message_type, header: Header { flags, .. }, is_small, .. } = *self;
        if flags.contains(Flags::COMPRESSED) {
            return Err(unsupported(message_type, flags, Flags::NONE, Flags::SEALED));
        }
        MessagePayload::read(message_type, self.payload(), is_small)
    }

    /// Bytes that the whole frame takes.
    #[must_use]
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        self.covered.len() + CHECKSUM_SIZE
    }

    #[inline]
    const fn seal_size(&self) -> usize {
        if self.header.flags.contains(Flags::SEALED) { SEAL_SIZE } else { 0 }
    }
}

/// The frame at the start of `bytes`; truncated, when all is well so far. Nothing but the version
/// is judged before six bytes are there, everything else of the header as soon as they are, and the
/// checksum once the whole frame is.
pub(super) fn open(
    bytes: &[u8],
    direction: Direction,
    terms: Terms,
) -> ParseResult<ZeroCopyMessage<'_>> {
    let header = Header::checked(bytes)?;
    let message_type = judge(header, direction, terms)?;
    let (size, available) = (header.frame_size(), bytes.len());
    let Some((covered, carried)) = bytes.get(..size).and_then(<[u8]>::split_last_chunk) else {
        return Err(ParseError::Truncated { needed: size, available });
    };
    let (expected, actual) = (checksum(covered), u32::from_be_bytes(*carried));
    if expected != actual {
        let offset = size - CHECKSUM_SIZE;
        return Err(ParseError::ChecksumMismatch { offset, expected, actual });
    }
    let header = header.with_request_of(covered);
    let is_small = terms.is_small() && message_type.is_sent(Direction::ToClient);
    Ok(ZeroCopyMessage { message_type, header, is_small, covered })
}

/// Whether a header whose check is right may come under these terms, and its type.
fn judge(header: Header, direction: Direction, terms: Terms) -> ParseResult<MessageType> {
    let Header { type_code, length, flags, .. } = header;
    let Some(layout) = Layout::from_code(type_code) else {
        return Err(ParseError::UnknownType { offset: TYPE_OFFSET, actual: type_code });
    };
    let message_type = layout.message_type;
    if !message_type.is_sent(direction) {
        return Err(ParseError::WrongDirectionV2 { offset: TYPE_OFFSET, message_type });
    }
    if !terms.lets_in(message_type) {
        return Err(ParseError::NotSignedIn { offset: TYPE_OFFSET, message_type });
    }
    let (required, allowed) =
        (terms.required_flags(message_type), terms.allowed_flags(message_type));
    if !allowed.contains(flags) || !flags.contains(required) {
        return Err(unsupported(message_type, flags, required, allowed));
    }
    let (min, max) = terms.payload_range(layout, flags);
    // No payload is so long that this overflows.
    let overhead = overhead_size(flags);
    let (min, max) = (min + overhead, max + overhead);
    if length < min || length > max {
        let (offset, actual) = (LENGTH_OFFSET, length);
        return Err(ParseError::LengthOutOfRangeV2 { offset, message_type, actual, min, max });
    }
    Ok(message_type)
}

/// What the payload behind a header is made of, in whatever session it came; `None` if no such
/// header may come in any.
pub(crate) fn payload_fields(header: Header) -> Option<&'static [FieldSpec]> {
    let message_type = judge(header, Direction::Either, Terms::UNKNOWN).ok()?;
    let is_compressed = header.flags.contains(Flags::COMPRESSED);
    Some(if is_compressed { COMPRESSED_FIELDS } else { message_type.row().fields })
}

fn unsupported(
    message_type: MessageType,
    actual: Flags,
    required: Flags,
    allowed: Flags,
) -> ParseError {
    ParseError::UnsupportedFlags { offset: FLAGS_OFFSET, message_type, actual, required, allowed }
}

/// Writes an unsealed frame around a payload of `size` bytes, which `write_payload` writes.
#[inline]
pub(super) fn write_frame(
    buffer: &mut [u8],
    message_type: MessageType,
    request: u16,
    size: u16,
    write_payload: impl FnOnce(&mut [u8]),
) -> Result<&[u8], ProtocolError> {
    let flags = Flags::NONE;
    let length = size + overhead_size(flags);
    let header = Header { type_code: message_type as u8, length, flags, request };
    let (needed, available) = (header.frame_size(), buffer.len());
    let Some(frame) = buffer.get_mut(..needed) else {
        return Err(ProtocolError::BufferTooSmall { needed, available });
    };
    if let Some((covered, sum)) = frame.split_last_chunk_mut()
        && let Some((place, payload)) = covered.split_first_chunk_mut::<HEADER_SIZE>()
    {
        *place = header.to_bytes();
        write_payload(payload);
        *sum = checksum(covered).to_be_bytes();
    }
    Ok(frame)
}

const fn largest_frame(direction: Direction, is_small: bool) -> usize {
    let mut largest = 0;
    let mut index = 0;
    while index < MessageType::ALL.len() {
        let message_type = MessageType::ALL[index];
        let (_, max) = if is_small {
            message_type.small_payload_range()
        } else {
            message_type.payload_range()
        };
        if message_type.is_sent(direction) && max as usize > largest {
            largest = max as usize;
        }
        index += 1;
    }
    HEADER_SIZE + largest + SEAL_SIZE + CHECKSUM_SIZE
}

const _: () = assert!(PROTOCOL_VERSION == crate::family::Family::ChatV2.first_byte());
