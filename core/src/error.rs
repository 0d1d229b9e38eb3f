//! What can be wrong with bytes ([`ParseError`]) and with a message about to become bytes
//! ([`ProtocolError`]).
//!
//! Every error is `Copy`, holds numbers and no text, and formats itself only when it is shown: a
//! parser that refuses a million frames a second formats none of them. Of the families it knows
//! names alone: the families import errors.

use core::fmt;

use crate::chat::{Field, MessageType, v2};
use crate::family::Family;

/// The answer of everything that reads bytes.
///
/// ```
/// use cafewire_core::{MessageType, ParseResult, ZeroCopyMessage};
/// fn type_of(frame: &[u8]) -> ParseResult<MessageType> {
///     Ok(ZeroCopyMessage::parse_from_bytes(frame)?.message_type)
/// }
/// assert_eq!(type_of(b"\x01\x02\x00\x00\x9A\x7C\x6C\x17"), Ok(MessageType::Disconnect));
/// ```
pub type ParseResult<T> = Result<T, ParseError>;

/// Why bytes were refused. Offsets count from the first byte of the frame.
///
/// What a receiver does about each is its [`ErrorCode`](crate::ErrorCode): [`ParseError::code`]
/// names the code to answer with, and [`closes`](crate::ErrorCode::closes) says whether the
/// connection can go on.
///
/// ```
/// use cafewire_core::{ParseError, ZeroCopyMessage};
/// // A Disconnect frame whose last checksum byte was damaged on the way.
/// let damaged = [0x01, 0x02, 0x00, 0x00, 0x9A, 0x7C, 0x6C, 0x00];
/// let error = ZeroCopyMessage::parse_from_bytes(&damaged).unwrap_err();
/// assert!(matches!(error, ParseError::ChecksumMismatch { offset: 4, .. }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "kind"))]
#[non_exhaustive]
// A word, so that errors are moved by words: 80 bytes of code less on a microcontroller.
#[repr(u32)]
pub enum ParseError {
    /// The input ends before the frame does. Only the one-shot parsers say so; for a stream it is
    /// not an error ([`Framing::Incomplete`](crate::Framing::Incomplete)).
    Truncated {
        /// Bytes the frame needs in all, as far as the bytes at hand can tell.
        needed: usize,
        /// Bytes that were there.
        available: usize,
    },
    /// An echo frame must start with `CA FE`, and this byte is something else.
    BadMagic {
        /// 0 or 1: which byte of the magic is wrong.
        offset: usize,
        /// What the byte should be.
        expected: u8,
        /// What it is.
        actual: u8,
    },
    /// The first byte is neither the echo magic nor a chat version that this build speaks.
    UnsupportedVersion {
        /// Always 0: the version is the first byte.
        offset: usize,
        /// The byte found.
        actual: u8,
    },
    /// A connection keeps the family of its first frame, and this frame is of another one.
    FamilyChanged {
        /// Always 0: the first byte tells the family.
        offset: usize,
        /// The family of the frames before.
        established: Family,
        /// The byte found.
        actual: u8,
    },
    /// The type byte is none that the family knows.
    UnknownType {
        /// Where the type byte is.
        offset: usize,
        /// The byte found.
        actual: u8,
    },
    /// The type is known, but only the other side may send it.
    WrongDirection {
        /// Where the type byte is.
        offset: usize,
        /// The type found.
        message_type: MessageType,
    },
    /// The header's length is outside what its type allows; told from the header alone.
    LengthOutOfRange {
        /// Where the length is.
        offset: usize,
        /// The type that sets the bounds.
        message_type: MessageType,
        /// The length found, in bytes.
        actual: u16,
        /// The smallest length the type allows, in bytes.
        min: u16,
        /// The largest length the type allows, in bytes.
        max: u16,
    },
    /// The check of a version 2 header is not that of the five bytes before it; nothing else of
    /// the header was judged.
    CheckMismatch {
        /// Where the check is.
        offset: usize,
        /// The check of the bytes that arrived.
        expected: u8,
        /// The check that the header carries.
        actual: u8,
    },
    /// The type of a version 2 frame is known, but only the other side may send it.
    WrongDirectionV2 {
        /// Where the type byte is.
        offset: usize,
        /// The type found.
        message_type: v2::MessageType,
    },
    /// A version 2 frame of a client that is not signed in, of a type that needs it; told from the
    /// header alone.
    NotSignedIn {
        /// Where the type byte is.
        offset: usize,
        /// The type found.
        message_type: v2::MessageType,
    },
    /// The flags of a version 2 frame are not those that its type may have in this session.
    UnsupportedFlags {
        /// Where the flags are.
        offset: usize,
        /// The type found.
        message_type: v2::MessageType,
        /// The flags found.
        actual: v2::Flags,
        /// The flags that there must be.
        required: v2::Flags,
        /// The flags that there may be.
        allowed: v2::Flags,
    },
    /// The length of a version 2 frame is outside what its type and flags allow in this session;
    /// told from the header alone. Or that of a payload by itself is.
    LengthOutOfRangeV2 {
        /// Where the length is, or the payload.
        offset: usize,
        /// The type that sets the bounds.
        message_type: v2::MessageType,
        /// The length found, in bytes.
        actual: u16,
        /// The smallest length allowed, in bytes.
        min: u16,
        /// The largest length allowed, in bytes.
        max: u16,
    },
    /// The checksum at the end of the frame is not that of the frame.
    ChecksumMismatch {
        /// Where the checksum is.
        offset: usize,
        /// The checksum of the bytes that arrived.
        expected: u32,
        /// The checksum that the frame carries.
        actual: u32,
    },
    /// A field claims more bytes than the body has left.
    FieldOverrun {
        /// Where the field starts (a name: its length byte).
        offset: usize,
        /// The field.
        field: Field,
        /// Bytes the field needs.
        needed: usize,
        /// Bytes the body has left.
        available: usize,
    },
    /// A field is not UTF-8.
    InvalidUtf8 {
        /// The first byte that does not belong.
        offset: usize,
        /// The field.
        field: Field,
    },
    /// A field arrived whole but breaks a rule of its kind.
    InvalidField {
        /// Where the field starts (a name: its length byte).
        offset: usize,
        /// The rule.
        error: FieldError,
    },
    /// An integer of a version 2 payload that has a value without a meaning there: a `presence` or
    /// `more` other than 0 and 1, an `after` without an `epoch`.
    InvalidValue {
        /// Where the integer is.
        offset: usize,
    },
    /// Bytes are left over after the last field, or after the only frame.
    TrailingBytes {
        /// The first byte that is too many.
        offset: usize,
        /// How many there are.
        extra: usize,
    },
}

impl ParseError {
    /// Where the error is, in bytes from the start of the frame. Truncation is at the end of the
    /// input.
    ///
    /// ```
    /// use cafewire_core::ZeroCopyMessage;
    /// // A length that Connect cannot have: it stands at byte 2.
    /// let error = ZeroCopyMessage::parse_from_bytes(&[0x01, 0x01, 0xFF, 0xFF]).unwrap_err();
    /// assert_eq!(error.offset(), 2);
    /// ```
    #[must_use]
    pub const fn offset(&self) -> usize {
        match *self {
            Self::Truncated { available, .. } => available,
            Self::BadMagic { offset, .. }
            | Self::UnsupportedVersion { offset, .. }
            | Self::FamilyChanged { offset, .. }
            | Self::UnknownType { offset, .. }
            | Self::WrongDirection { offset, .. }
            | Self::LengthOutOfRange { offset, .. }
            | Self::CheckMismatch { offset, .. }
            | Self::WrongDirectionV2 { offset, .. }
            | Self::NotSignedIn { offset, .. }
            | Self::UnsupportedFlags { offset, .. }
            | Self::LengthOutOfRangeV2 { offset, .. }
            | Self::InvalidValue { offset }
            | Self::ChecksumMismatch { offset, .. }
            | Self::FieldOverrun { offset, .. }
            | Self::InvalidUtf8 { offset, .. }
            | Self::InvalidField { offset, .. }
            | Self::TrailingBytes { offset, .. } => offset,
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated { needed, available } => {
                write!(f, "frame cut short: {needed} bytes needed, {available} there")
            }
            Self::BadMagic { offset, expected, actual } => {
                write!(f, "bad magic at byte {offset}: {actual:#04x} where {expected:#04x} belongs")
            }
            Self::UnsupportedVersion { offset, actual } => {
                write!(
                    f,
                    "byte {offset} is {actual:#04x}: \
                     neither the echo magic 0xca nor chat version 0x01"
                )?;
                // Of a byte that is version 2, only a reader without version 2 says this.
                let is_v2 = Family::from_first_byte(actual).is_some();
                f.write_str(if is_v2 { "" } else { " or 0x02" })
            }
            Self::FamilyChanged { offset, established, actual } => {
                write!(
                    f,
                    "byte {offset} is {actual:#04x}: \
                     this connection began as {established} and stays so"
                )
            }
            Self::UnknownType { offset, actual } => {
                write!(f, "unknown message type {actual:#04x} at byte {offset}")
            }
            Self::WrongDirection { offset, message_type } => {
                write!(f, "{message_type} at byte {offset} is sent only the other way")
            }
            Self::LengthOutOfRange { offset, message_type, actual, min, max } => {
                write!(
                    f,
                    "length {actual} at byte {offset}: {message_type} takes {min} to {max} bytes"
                )
            }
            Self::CheckMismatch { offset, expected, actual } => {
                write!(
                    f,
                    "check at byte {offset} is {actual:#04x}, the header's own is {expected:#04x}"
                )
            }
            Self::WrongDirectionV2 { offset, message_type } => {
                write!(f, "{message_type} at byte {offset} is sent only the other way")
            }
            Self::NotSignedIn { offset, message_type } => {
                write!(f, "{message_type} at byte {offset} before the sign-in")
            }
            Self::UnsupportedFlags { offset, message_type, actual, required, allowed } => {
                write!(
                    f,
                    "flags {actual} at byte {offset}: \
                     {message_type} must have {required} and may have {allowed} here"
                )
            }
            Self::LengthOutOfRangeV2 { offset, message_type, actual, min, max } => {
                write!(
                    f,
                    "length {actual} at byte {offset}: \
                     {message_type} takes {min} to {max} bytes here"
                )
            }
            Self::InvalidValue { offset } => {
                write!(f, "the integer at byte {offset} has a value without a meaning")
            }
            Self::ChecksumMismatch { offset, expected, actual } => {
                write!(
                    f,
                    "checksum at byte {offset} is {actual:#010x}, \
                     the frame's own is {expected:#010x}"
                )
            }
            Self::FieldOverrun { offset, field, needed, available } => {
                write!(
                    f,
                    "{field} at byte {offset} needs {needed} bytes, the body has {available} left"
                )
            }
            Self::InvalidUtf8 { offset, field } => {
                write!(f, "{field} is not UTF-8 at byte {offset}")
            }
            Self::InvalidField { offset, error } => write!(f, "{error} (field at byte {offset})"),
            Self::TrailingBytes { offset, extra } => {
                write!(f, "{extra} bytes too many from byte {offset} on")
            }
        }
    }
}

impl core::error::Error for ParseError {}

/// Why a message cannot become bytes. Nothing has been written when this is returned.
///
/// ```
/// use cafewire_core::{MessagePayload, ProtocolError};
/// let error = MessagePayload::Disconnect.encode_into(&mut [0; 4]).unwrap_err();
/// assert_eq!(error, ProtocolError::BufferTooSmall { needed: 8, available: 4 });
/// assert_eq!(error.to_string(), "the frame needs 8 bytes, the buffer has 4");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ProtocolError {
    /// The caller's buffer is smaller than the frame.
    BufferTooSmall {
        /// Bytes the frame needs.
        needed: usize,
        /// Bytes the buffer has.
        available: usize,
    },
    /// A field breaks a rule of its kind.
    InvalidField(FieldError),
    /// The payload is longer than the frame's length can say or its type allows.
    PayloadTooLong {
        /// Bytes the payload has.
        actual: usize,
        /// Bytes it may have.
        max: usize,
    },
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BufferTooSmall { needed, available } => {
                write!(f, "the frame needs {needed} bytes, the buffer has {available}")
            }
            Self::InvalidField(error) => error.fmt(f),
            Self::PayloadTooLong { actual, max } => {
                write!(f, "the payload has {actual} bytes, this frame takes at most {max}")
            }
        }
    }
}

impl core::error::Error for ProtocolError {}

impl From<FieldError> for ProtocolError {
    fn from(error: FieldError) -> Self {
        Self::InvalidField(error)
    }
}

/// A rule that a field breaks.
///
/// ```
/// use cafewire_core::{Field, FieldError, MessagePayload};
/// let error = MessagePayload::Connect { username: "" }.validate().unwrap_err();
/// assert_eq!(error, FieldError::Length { field: Field::Username, actual: 0, min: 1, max: 32 });
/// assert_eq!(error.to_string(), "username is 0 bytes long, 1 to 32 are allowed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "kind"))]
#[non_exhaustive]
pub enum FieldError {
    /// Too short or too long.
    Length {
        /// The field.
        field: Field,
        /// Its length in bytes.
        actual: usize,
        /// The smallest length allowed, in bytes.
        min: usize,
        /// The largest length allowed, in bytes.
        max: usize,
    },
    /// A name holds a control character (U+0000..=U+001F, U+007F..=U+009F).
    ControlCharacter {
        /// The field.
        field: Field,
        /// Where the character is, in bytes from the start of the name.
        position: usize,
    },
}

impl FieldError {
    /// The field at fault.
    ///
    /// ```
    /// use cafewire_core::{Field, MessagePayload};
    /// let wordless = MessagePayload::SendMessage { room: "lobby", content: "" };
    /// assert_eq!(wordless.validate().unwrap_err().field(), Field::Content);
    /// ```
    #[must_use]
    pub const fn field(&self) -> Field {
        match *self {
            Self::Length { field, .. } | Self::ControlCharacter { field, .. } => field,
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { field, actual, min, max } => {
                write!(f, "{field} is {actual} bytes long, {min} to {max} are allowed")
            }
            Self::ControlCharacter { field, position } => {
                write!(f, "{field} holds a control character at its byte {position}")
            }
        }
    }
}

impl core::error::Error for FieldError {}
