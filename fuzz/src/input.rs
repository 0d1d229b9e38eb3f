//! From the fuzzer's bytes to a stream of frames: one byte of options, then the stream. Checks
//! nothing.
//!
//! A random checksum is right once in 2³² times, so a fuzzer alone never gets past it. For half of
//! the option bytes the checksums are corrected here, and for a quarter the lengths are made to fit
//! as well.
//!
//! | bits | meaning |
//! |---|---|
//! | 0 | put the checksums of chat frames right |
//! | 1 | (with bit 0) make a length that runs past the end of the input end there |
//! | 2, 3 | direction: 1 to the server, 2 to the client, else either |
//! | 4..=7 | n: the stream also comes in chunks of 1 + n² bytes |

use crate::reference::{self, Direction};

const FIX_CHECKSUMS: u8 = 0x01;
const FIX_LENGTHS: u8 = 0x02;

/// Input of one run of the target.
pub(crate) struct Input {
    /// The bytes of the connection.
    pub(crate) stream: Vec<u8>,
    /// The direction in which they are sent.
    pub(crate) direction: Direction,
    /// Size of the chunks, 1 to 226 bytes.
    pub(crate) chunk_size_bytes: usize,
}

impl Input {
    /// Reads the options and prepares the stream. `None` if there is not even an options byte.
    #[must_use]
    pub(crate) fn new(data: &[u8]) -> Option<Self> {
        let (&options, stream) = data.split_first()?;
        let mut stream = stream.to_vec();
        if options & FIX_CHECKSUMS != 0 {
            fix(&mut stream, options & FIX_LENGTHS != 0);
        }
        let direction = match options >> 2 & 3 {
            1 => Direction::ToServer,
            2 => Direction::ToClient,
            _ => Direction::Either,
        };
        let n = usize::from(options >> 4);
        Some(Self { stream, direction, chunk_size_bytes: 1 + n * n })
    }
}

/// Corrects the checksum of each whole chat frame of a stream.
pub(crate) fn fix_checksums(stream: &mut [u8]) {
    fix(stream, false);
}

/// Walks over frames by their lengths alone, and corrects the checksum of each whole chat frame.
fn fix(stream: &mut [u8], fix_lengths: bool) {
    let mut rest = stream;
    loop {
        let (length_at, trailer_size) = match rest.first() {
            Some(0x01) => (2, 4),
            Some(0xCA) => (3, 0),
            _ => return,
        };
        let body_at = length_at + 2;
        let Some(room) = rest.len().checked_sub(body_at + trailer_size) else { return };
        let mut length = usize::from(u16::from_be_bytes([rest[length_at], rest[length_at + 1]]));
        if length > room {
            if !fix_lengths {
                return;
            }
            length = room.min(usize::from(u16::MAX));
            rest[length_at..body_at].copy_from_slice(&(length as u16).to_be_bytes());
        }
        let (frame, after) = rest.split_at_mut(body_at + length + trailer_size);
        if trailer_size != 0 {
            let (summed, checksum) = frame.split_at_mut(body_at + length);
            checksum.copy_from_slice(&reference::crc32(summed).to_be_bytes());
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISCONNECT: [u8; 8] = [0x01, 0x02, 0x00, 0x00, 0x9A, 0x7C, 0x6C, 0x17];

    fn stream(data: &[u8]) -> Vec<u8> {
        Input::new(data).unwrap().stream
    }

    #[test]
    fn nothing_is_fixed_unasked() {
        assert_eq!(stream(b"\x00\x01\x02\x00\x00abcd"), *b"\x01\x02\x00\x00abcd");
        assert_eq!(stream(b"\x02\x01\x02\x00\x09abcd"), *b"\x01\x02\x00\x09abcd");
    }

    #[test]
    fn checksums_are_fixed_frame_after_frame_of_either_family() {
        let fixed =
            stream(b"\x01\x01\x02\x00\x00abcd\xCA\xFE\x03\x00\x01x\x01\x02\x00\x00efgh\x01\x02");
        assert_eq!(
            fixed,
            [&DISCONNECT[..], b"\xCA\xFE\x03\x00\x01x", &DISCONNECT, &[0x01, 0x02]].concat()
        );
    }

    #[test]
    fn lengths_are_fixed_where_asked() {
        assert_eq!(stream(b"\x03\x01\x02\xFF\xFFabcd"), DISCONNECT);
        assert_eq!(stream(b"\x03\xCA\xFE\x03\xFF\xFFabc"), *b"\xCA\xFE\x03\x00\x03abc");
        assert_eq!(stream(b"\x01\x01\x02\xFF\xFFabcd"), *b"\x01\x02\xFF\xFFabcd");
    }
}
