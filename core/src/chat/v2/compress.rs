//! Compressed payloads: each frame by itself, into buffers of the caller's, its length believed
//! only within the type's bounds. Knows headers and bounds; what is in a payload, it does not.
//!
//! ```text
//!  8                 10                              4 + length
//! ┌─────────────────┬───────────────────────────────┐
//! │ original_length │  one LZ4 block, shorter than  │  the seal, if sealed; the checksum
//! └─────────────────┴───────────────────────────────┘  original_length by more than these 2 bytes
//! ```

use core::fmt;

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

use super::{Flags, HEADER_SIZE, Header};
use crate::chat::{CHECKSUM_SIZE, ErrorCode, checksum};

const LENGTH_SIZE: usize = size_of::<u16>();

/// Bytes that a buffer must have for [`compress`] to try a frame of so many bytes. It is more than
/// the frame takes when compressed: the compressor wants room for a block that got longer.
///
/// ```
/// use cafewire_core::chat::v2::compress_buffer_size;
/// assert_eq!(compress_buffer_size(1012), 8 + 2 + (16 + 4 + 1100) + 4);
/// ```
#[must_use]
pub const fn compress_buffer_size(frame_size: usize) -> usize {
    let payload_size = frame_size.saturating_sub(HEADER_SIZE + CHECKSUM_SIZE);
    HEADER_SIZE + LENGTH_SIZE + get_maximum_output_size(payload_size) + CHECKSUM_SIZE
}

/// Compresses an unsealed frame into `buffer`, and gives the compressed frame, which may then be
/// sealed; `None` if it would not be shorter, or is of a type that is never compressed: it is sent
/// as it is.
///
/// Allocates nothing; while it works, 8 KiB of stack hold the compressor's table.
///
/// # Errors
/// [`CompressError`].
///
/// ```
/// use cafewire_core::chat::v2::{compress, compress_buffer_size, inflate};
/// // A Pong whose data is thirty-two times the same byte.
/// let mut pong = b"\x02\x86\x00\x24\x00\x7B\x00\x01".to_vec();
/// pong.extend([0x2A; 32]);
/// pong.extend(b"\x41\x85\xD6\x83");
/// let mut buffer = vec![0; compress_buffer_size(pong.len())];
/// let compressed = compress(&pong, &mut buffer)?.expect("it is shorter");
/// assert!(compressed.len() < pong.len() && compressed[4] == 0x01);
///
/// let payload = &compressed[8..compressed.len() - 4];
/// let mut scratch = [0; 32];
/// assert_eq!(inflate(payload, (0, 32), &mut scratch)?, [0x2A; 32]);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub fn compress<'b>(frame: &[u8], buffer: &'b mut [u8]) -> Result<Option<&'b [u8]>, CompressError> {
    let header = Header::parse(frame).map_err(|_| CompressError::NotAFrame)?;
    if header.flags != Flags::NONE || header.frame_size() != frame.len() {
        return Err(CompressError::NotAFrame);
    }
    let payload =
        frame.get(HEADER_SIZE..frame.len() - CHECKSUM_SIZE).ok_or(CompressError::NotAFrame)?;
    if is_never_compressed(header.type_code) {
        return Ok(None);
    }
    let (needed, available) = (compress_buffer_size(frame.len()), buffer.len());
    if available < needed {
        return Err(CompressError::BufferTooSmall { needed, available });
    }
    let too_small = CompressError::BufferTooSmall { needed, available };
    let (head, block) =
        buffer.split_first_chunk_mut::<{ HEADER_SIZE + LENGTH_SIZE }>().ok_or(too_small)?;
    let block_size = compress_into(payload, block).map_err(|_| too_small)?;
    let compressed_size = LENGTH_SIZE + block_size;
    if compressed_size >= payload.len() {
        return Ok(None);
    }
    // Both are shorter than the frame's own length.
    #[allow(clippy::cast_possible_truncation)]
    let (original_length, saved) = (payload.len() as u16, (payload.len() - compressed_size) as u16);
    let length = header.length - saved;
    let header = Header { length, flags: Flags::COMPRESSED, ..header };
    let [place @ .., high, low] = head;
    *place = header.to_bytes();
    [*high, *low] = original_length.to_be_bytes();
    let compressed = buffer.get_mut(..header.frame_size()).ok_or(too_small)?;
    if let Some((covered, sum)) = compressed.split_last_chunk_mut::<CHECKSUM_SIZE>() {
        *sum = checksum(covered).to_be_bytes();
    }
    Ok(Some(compressed))
}

/// Connect, Authenticate, ConnectAck, Challenge: what is said before both sides are sure of each
/// other.
const fn is_never_compressed(type_code: u8) -> bool {
    matches!(type_code, 0x01 | 0x0A | 0x81 | 0x8A)
}

/// Inflates the payload of a compressed frame into `scratch`, and gives what it was before. `range`
/// is what the frame's type allows for a payload, both included: the length that stands in front of
/// the block is held to it before a byte is inflated, and no byte of `scratch` behind that length
/// is written.
///
/// Of a sealed frame, the seal is to be proved before. Allocates nothing, and needs no more stack
/// than any parser.
///
/// # Errors
/// [`InflateError`].
pub fn inflate<'s>(
    payload: &[u8],
    range: (u16, u16),
    scratch: &'s mut [u8],
) -> Result<&'s [u8], InflateError> {
    let Some((length, block)) = payload.split_first_chunk::<LENGTH_SIZE>() else {
        return Err(InflateError::NoBlock);
    };
    let (original, (min, max)) = (u16::from_be_bytes(*length), range);
    if original < min || original > max {
        return Err(InflateError::LengthOutOfRange { actual: original, min, max });
    }
    let size = usize::from(original);
    if payload.len() >= size {
        return Err(InflateError::NotShorter { payload_size: payload.len(), original });
    }
    let available = scratch.len();
    let Some(inflated) = scratch.get_mut(..size) else {
        return Err(InflateError::ScratchTooSmall { needed: size, available });
    };
    match decompress_into(block, inflated) {
        Ok(actual) if actual == size => Ok(inflated),
        _ => Err(InflateError::BadBlock { original }),
    }
}

/// Why a frame was not compressed. Nothing of the buffer is of use then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CompressError {
    /// The bytes are not exactly one frame of version 2 without flags.
    NotAFrame,
    /// The buffer is smaller than the compressor wants it.
    BufferTooSmall {
        /// Bytes it wants: [`compress_buffer_size`].
        needed: usize,
        /// Bytes the buffer has.
        available: usize,
    },
}

impl fmt::Display for CompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotAFrame => f.write_str("not exactly one frame of version 2 without flags"),
            Self::BufferTooSmall { needed, available } => {
                write!(f, "the compressor needs {needed} bytes, the buffer has {available}")
            }
        }
    }
}

impl core::error::Error for CompressError {}

/// Why a payload was not inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum InflateError {
    /// There are not even two bytes of length.
    NoBlock,
    /// The length is not what the frame's type allows.
    LengthOutOfRange {
        /// The length that stands in front of the block.
        actual: u16,
        /// The smallest length allowed, in bytes.
        min: u16,
        /// The largest length allowed, in bytes.
        max: u16,
    },
    /// The payload is no shorter than what it stands for.
    NotShorter {
        /// Bytes of the payload as it is, its length included.
        payload_size: usize,
        /// Bytes that it stands for.
        original: u16,
    },
    /// The block is none, or inflates to more or fewer bytes.
    BadBlock {
        /// Bytes that it was to inflate to.
        original: u16,
    },
    /// No fault of the sender's: the scratch space is smaller than what is to be inflated.
    ScratchTooSmall {
        /// Bytes needed.
        needed: usize,
        /// Bytes there are.
        available: usize,
    },
}

impl InflateError {
    /// The code of the Error frame that answers it.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        ErrorCode::MalformedFrame
    }
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoBlock => f.write_str("a compressed payload has at least 3 bytes"),
            Self::LengthOutOfRange { actual, min, max } => {
                write!(f, "inflated length {actual}: the type takes {min} to {max} bytes")
            }
            Self::NotShorter { payload_size, original } => {
                write!(f, "a compressed payload of {payload_size} bytes stands for {original}")
            }
            Self::BadBlock { original } => {
                write!(f, "the block does not inflate to {original} bytes")
            }
            Self::ScratchTooSmall { needed, available } => {
                write!(f, "the payload inflates to {needed} bytes, there is room for {available}")
            }
        }
    }
}

impl core::error::Error for InflateError {}
