//! The header of a frame: eight bytes. Knows how they are laid out and that their check is right;
//! what a type, a length and flags may be, it does not judge.

use super::check::{COVERED_SIZE, check};
use super::{Flags, SEAL_SIZE};
use crate::chat::CHECKSUM_SIZE;
use crate::error::{ParseError, ParseResult};

/// The version byte of the frames in this module.
pub const PROTOCOL_VERSION: u8 = 0x02;

/// Bytes before the payload: version, type, length, flags, check, request.
///
/// ```
/// use cafewire_core::chat::{CHECKSUM_SIZE, v2};
/// // A Ping without data: nothing between header and checksum.
/// let frame = b"\x02\x06\x00\x04\x00\xE4\x00\x01\x68\xBB\x03\x04";
/// assert_eq!(frame.len(), v2::HEADER_SIZE + CHECKSUM_SIZE);
/// ```
pub const HEADER_SIZE: usize = 8;

const CHECK_OFFSET: usize = COVERED_SIZE;

/// Bytes of the header that `length` counts: flags, check, request.
const COUNTED_SIZE: u16 = 4;

/// Bytes that `length` counts besides the payload of a sealed frame.
const SEALED_OVERHEAD: u16 = COUNTED_SIZE + 24;

/// Bytes before those that `length` counts, in every version: version, type, length.
const UNCOUNTED_SIZE: usize = 4;

const _: () = assert!(COUNTED_SIZE as usize + UNCOUNTED_SIZE == HEADER_SIZE);
const _: () = assert!((SEALED_OVERHEAD - COUNTED_SIZE) as usize == SEAL_SIZE);

/// The header of a frame, as it stands on the wire.
///
/// ```
/// use cafewire_core::chat::v2::{Flags, Header};
/// let header = Header { type_code: 0x01, length: 26, flags: Flags::NONE, request: 1 };
/// assert_eq!(header.to_bytes(), [0x02, 0x01, 0x00, 0x1A, 0x00, 0x07, 0x00, 0x01]);
/// assert_eq!((header.frame_size(), header.payload_size()), (34, Some(22)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Header {
    /// The type byte.
    pub type_code: u8,
    /// Bytes between `length` and the checksum: the rest of the header, the payload, the seal.
    pub length: u16,
    /// What was done to the payload, and what follows it.
    pub flags: Flags,
    /// The client's number for what it asks, and of what answers that; 0 where there is none.
    pub request: u16,
}

impl Header {
    /// Reads the header at the start of `bytes`. Its type, length and flags are not judged.
    ///
    /// # Errors
    /// [`ParseError::UnsupportedVersion`], [`ParseError::CheckMismatch`], [`ParseError::Truncated`]
    /// if there are less than 8 bytes. Before the first six are there, nothing but the version is
    /// judged.
    ///
    /// ```
    /// use cafewire_core::chat::v2::Header;
    /// use cafewire_core::ParseError;
    /// let header = Header::parse(b"\x02\x06\x00\x04\x00\xE4\x00\x01 and so on")?;
    /// assert_eq!((header.type_code, header.length, header.request), (0x06, 4, 1));
    /// let damaged = Header::parse(b"\x02\x06\x00\x05\x00\xE4\x00\x01").unwrap_err();
    /// assert!(matches!(damaged, ParseError::CheckMismatch { offset: 5, actual: 0xE4, .. }));
    /// # Ok::<(), ParseError>(())
    /// ```
    pub const fn parse(bytes: &[u8]) -> ParseResult<Self> {
        let available = bytes.len();
        match Self::checked(bytes) {
            Ok(_) if available < HEADER_SIZE => {
                Err(ParseError::Truncated { needed: HEADER_SIZE, available })
            }
            Ok(header) => Ok(header.with_request_of(bytes)),
            Err(error) => Err(error),
        }
    }

    /// The header's first six bytes, its request 0.
    #[inline]
    pub(super) const fn checked(bytes: &[u8]) -> ParseResult<Self> {
        if let [version, ..] = *bytes
            && version != PROTOCOL_VERSION
        {
            return Err(ParseError::UnsupportedVersion { offset: 0, actual: version });
        }
        let [version, type_code, high, low, flags, carried, ..] = *bytes else {
            let available = bytes.len();
            return Err(ParseError::Truncated { needed: HEADER_SIZE, available });
        };
        let expected = check([version, type_code, high, low, flags]);
        if expected != carried {
            let (offset, actual) = (CHECK_OFFSET, carried);
            return Err(ParseError::CheckMismatch { offset, expected, actual });
        }
        let (length, flags) = (u16::from_be_bytes([high, low]), Flags::from_bits(flags));
        Ok(Self { type_code, length, flags, request: 0 })
    }

    /// The header's bytes, its check among them.
    #[must_use]
    #[inline]
    pub const fn to_bytes(self) -> [u8; HEADER_SIZE] {
        let Self { type_code, length, flags, request } = self;
        let ([high, low], flags) = (length.to_be_bytes(), flags.bits());
        let check = check([PROTOCOL_VERSION, type_code, high, low, flags]);
        let [request_high, request_low] = request.to_be_bytes();
        [PROTOCOL_VERSION, type_code, high, low, flags, check, request_high, request_low]
    }

    /// Bytes of the whole frame, checksum included. No frame is smaller than 12 bytes: a `length`
    /// that does not even count the rest of the header counts for less.
    #[must_use]
    #[inline]
    pub const fn frame_size(self) -> usize {
        UNCOUNTED_SIZE + self.length as usize + CHECKSUM_SIZE
    }

    /// Bytes of the payload as it stands in the frame; `None` if `length` does not reach around
    /// the rest of the header and, of a sealed frame, the seal.
    ///
    /// ```
    /// use cafewire_core::chat::v2::{Flags, Header};
    /// let mut authenticate =
    ///     Header { type_code: 0x0A, length: 28, flags: Flags::SEALED, request: 2 };
    /// assert_eq!(authenticate.payload_size(), Some(0));
    /// authenticate.length = 27;
    /// assert_eq!(authenticate.payload_size(), None);
    /// ```
    #[must_use]
    #[inline]
    pub const fn payload_size(self) -> Option<usize> {
        match self.length.checked_sub(overhead_size(self.flags)) {
            Some(size) => Some(size as usize),
            None => None,
        }
    }

    /// The same header with the request of a frame's bytes, which are all there.
    #[inline]
    pub(super) const fn with_request_of(mut self, frame: &[u8]) -> Self {
        if let [_, _, _, _, _, _, high, low, ..] = *frame {
            self.request = u16::from_be_bytes([high, low]);
        }
        self
    }
}

/// Bytes that `length` counts besides the payload.
#[inline]
pub(super) const fn overhead_size(flags: Flags) -> u16 {
    if flags.contains(Flags::SEALED) { SEALED_OVERHEAD } else { COUNTED_SIZE }
}

#[cfg(test)]
mod tests {
    use super::*;

    static CONNECT: [u8; HEADER_SIZE] = [0x02, 0x01, 0x00, 0x1A, 0x00, 0x07, 0x00, 0x01];

    #[test]
    fn it_is_read_and_written_alike() {
        for (bytes, type_code, length, flags, request) in [
            (CONNECT, 0x01, 26, Flags::NONE, 1),
            ([0x02, 0x8A, 0x00, 0x16, 0x00, 0x40, 0x00, 0x01], 0x8A, 22, Flags::NONE, 1),
            ([0x02, 0x0A, 0x00, 0x1C, 0x02, 0xFD, 0x00, 0x02], 0x0A, 28, Flags::SEALED, 2),
            ([0x02, 0x81, 0x00, 0x2A, 0x02, 0xC1, 0x00, 0x02], 0x81, 42, Flags::SEALED, 2),
        ] {
            let header = Header { type_code, length, flags, request };
            assert_eq!(Header::parse(&bytes), Ok(header));
            assert_eq!(header.to_bytes(), bytes);
        }
    }

    #[test]
    fn nothing_but_the_version_is_judged_before_the_sixth_byte() {
        let unknown = [0x02, 0x7F, 0xFF, 0xFF, 0xFF];
        for cut in 0..unknown.len() {
            let error = ParseError::Truncated { needed: 8, available: cut };
            assert_eq!(Header::parse(&unknown[..cut]), Err(error));
        }
        let error = ParseError::UnsupportedVersion { offset: 0, actual: 0x03 };
        assert_eq!(Header::parse(&[0x03]), Err(error));
    }

    #[test]
    fn a_wrong_check_is_told_before_the_request_is_there() {
        let mut damaged = CONNECT;
        damaged[3] ^= 0x01;
        for cut in COVERED_SIZE + 1..=HEADER_SIZE {
            assert_eq!(
                Header::parse(&damaged[..cut]),
                Err(ParseError::CheckMismatch { offset: 5, expected: 0x12, actual: 0x07 })
            );
        }
        let error = ParseError::Truncated { needed: 8, available: 7 };
        assert_eq!(Header::parse(&CONNECT[..7]), Err(error));
    }
}
