//! All that a stream of bytes holds, in order: frames, bad frames, and noise between them. Keeps no
//! bytes.

use super::frame::AnyFrame;
use crate::chat::v2;
use crate::direction::Direction;
use crate::error::ParseError;
use crate::family::Family;
use crate::framing::{FrameDecoder, Framing};

/// A longer stretch of noise is told in pieces of this many bytes, so that no tool need hold
/// more of it.
///
/// ```
/// use cafewire_core::Direction;
/// use cafewire_core::dissect::{Dissector, MAX_NOISE_SIZE};
/// let noise = vec![0; MAX_NOISE_SIZE + 1];
/// assert_eq!(Dissector::new(Direction::Either).next(&noise, true).size(), MAX_NOISE_SIZE);
/// ```
pub const MAX_NOISE_SIZE: usize = 65_536;

/// What stands at the start of a stream.
///
/// ```
/// use cafewire_core::dissect::{Dissected, Dissector};
/// use cafewire_core::{Direction, ParseError};
/// let found = Dissector::new(Direction::ToServer).next(b"GET /", true);
/// assert_eq!(
///     found,
///     Dissected::Noise {
///         error: ParseError::UnsupportedVersion { offset: 0, actual: b'G' },
///         size: 5
///     },
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Dissected<'a> {
    /// A whole frame, its checksum good.
    Frame {
        /// The view, borrowed from the input.
        frame: AnyFrame<'a>,
        /// Bytes that it takes.
        size: usize,
        /// What is wrong with it nevertheless: a field, or that it is sent the wrong way.
        error: Option<ParseError>,
    },
    /// Bytes that belong to no good frame: a bad one, with all that had to be skipped after it.
    Noise {
        /// Why no frame starts at the first of them.
        error: ParseError,
        /// How many they are; 1 to [`MAX_NOISE_SIZE`].
        size: usize,
    },
    /// Nothing can be said before more bytes have come.
    Incomplete {
        /// At least this many: 1 or more.
        needed: usize,
    },
}

impl Dissected<'_> {
    /// Bytes that were told of: where to look next.
    ///
    /// ```
    /// use cafewire_core::Direction;
    /// use cafewire_core::dissect::Dissector;
    /// let mut dissector = Dissector::new(Direction::Either);
    /// assert_eq!(dissector.next(b"\xCA\xFE\x01\x00", false).size(), 0);
    /// assert_eq!(dissector.next(b"\xCA\xFE\x01\x00\x00\xCA", false).size(), 5);
    /// ```
    #[must_use]
    pub const fn size(&self) -> usize {
        match *self {
            Self::Frame { size, .. } | Self::Noise { size, .. } => size,
            Self::Incomplete { .. } => 0,
        }
    }
}

/// Goes through the bytes of one connection, one way, or of a line, and tells all that is there.
///
/// The caller passes the bytes that were not told of yet, again with more behind them when more
/// have come. What is told does not depend on the pieces.
///
/// - The family is that of the first good frame; from then on other families are noise. Frames of
///   version 2 are held to what may come in any session: what is agreed on, the bytes do not tell.
/// - After a bad frame the search goes on as [`ProtocolParser`](crate::ProtocolParser) says: one
///   byte after the bad frame's start, but never inside a good frame, nor inside one whose only
///   fault is that it is sent the wrong way.
///
/// ```
/// use cafewire_core::dissect::{Dissected, Dissector};
/// use cafewire_core::{Direction, ParseError};
/// // A Connect without a name: the frame is whole and its checksum right, its field is bad.
/// // Then half a Disconnect.
/// let stream = b"\x01\x01\x00\x01\x00\x5A\xE5\x88\x89\x01\x02\x00\x00";
/// let mut dissector = Dissector::new(Direction::ToServer);
/// assert!(
///     matches!(dissector.next(stream, true), Dissected::Frame { size: 9, error: Some(_), .. })
/// );
/// assert_eq!(dissector.next(&stream[9..], false), Dissected::Incomplete { needed: 4 });
/// let cut_short = ParseError::Truncated { needed: 8, available: 4 };
/// assert_eq!(dissector.next(&stream[9..], true), Dissected::Noise { error: cut_short, size: 4 });
/// ```
#[derive(Clone, Debug)]
pub struct Dissector {
    /// Has seen good frames only, so that it is noise that never settles the family.
    reader: FrameDecoder,
    /// Why the bytes at hand begin with noise.
    error: Option<ParseError>,
    /// How many of the bytes at hand are noise for sure.
    noise_size: usize,
}

enum Look<'a> {
    Frame { frame: AnyFrame<'a>, size: usize, error: Option<ParseError>, reader: FrameDecoder },
    Incomplete { needed: usize },
    Bad(ParseError),
}

impl Dissector {
    /// At the first byte of a connection or line.
    ///
    /// ```
    /// use cafewire_core::Direction;
    /// use cafewire_core::dissect::{Dissected, Dissector};
    /// let mut dissector = Dissector::new(Direction::ToClient);
    /// assert_eq!(dissector.next(b"", false), Dissected::Incomplete { needed: 1 });
    /// ```
    #[must_use]
    pub const fn new(direction: Direction) -> Self {
        Self { reader: FrameDecoder::new(direction), error: None, noise_size: 0 }
    }

    /// What stands at the start of `bytes`. `is_end` says that no more will follow them: then it
    /// answers [`Dissected::Incomplete`] only if there are none. After a break in a stream, where
    /// bytes are missing, it goes on with the same family.
    ///
    /// ```
    /// use cafewire_core::Direction;
    /// use cafewire_core::dissect::Dissector;
    /// let mut dissector = Dissector::new(Direction::Either);
    /// let mut rest = &b"\xCA\xFE\x01\x00\x00 noise \xCA\xFE\x02\x00\x00"[..];
    /// let mut sizes = Vec::new();
    /// while !rest.is_empty() {
    ///     sizes.push(dissector.next(rest, true).size());
    ///     rest = &rest[sizes[sizes.len() - 1]..];
    /// }
    /// assert_eq!(sizes, [5, 7, 5]);
    /// ```
    pub fn next<'a>(&mut self, bytes: &'a [u8], is_end: bool) -> Dissected<'a> {
        loop {
            let rest = bytes.get(self.noise_size..).unwrap_or_default();
            if let Some(error) = self.error
                && (self.noise_size >= MAX_NOISE_SIZE || (is_end && rest.is_empty()))
            {
                return self.end_noise(error);
            }
            let error = match look(self.reader, rest, is_end) {
                Look::Incomplete { needed } => return Dissected::Incomplete { needed },
                Look::Frame { frame, size, error, reader } => {
                    if let Some(error) = self.error {
                        return self.end_noise(error);
                    }
                    self.reader = reader;
                    return Dissected::Frame { frame, size, error };
                }
                Look::Bad(error) => error,
            };
            self.error.get_or_insert(error);
            self.noise_size += 1;
        }
    }

    /// What stands at the start of `bytes`, were they what comes next. Changes nothing, and
    /// searches no noise.
    ///
    /// ```
    /// use cafewire_core::Direction;
    /// use cafewire_core::dissect::{AnyFraming, Dissector};
    /// let mut dissector = Dissector::new(Direction::ToServer);
    /// assert_eq!(dissector.next(b"\xCA\xFE\x01\x00\x00", true).size(), 5);
    /// // The connection is one of the echo family now.
    /// assert!(matches!(dissector.framing(b"\x01\x02"), AnyFraming::Corrupt { .. }));
    /// assert_eq!(dissector.framing(b"\xCA\xFE"), AnyFraming::Incomplete { needed: 3 });
    /// ```
    pub fn framing<'a>(&self, bytes: &'a [u8]) -> AnyFraming<'a> {
        step(&mut self.reader.clone(), bytes)
    }

    fn end_noise<'a>(&mut self, error: ParseError) -> Dissected<'a> {
        let size = self.noise_size;
        (self.error, self.noise_size) = (None, 0);
        Dissected::Noise { error, size }
    }
}

/// What stands at the start of some bytes, whatever the family: [`Framing`] for tools.
///
/// ```
/// use cafewire_core::dissect::AnyFraming;
/// assert_eq!(AnyFraming::of(b"\x02\x06\x00\x05"), AnyFraming::Incomplete { needed: 4 });
/// assert_eq!(AnyFraming::of(b"\x01\x02"), AnyFraming::Incomplete { needed: 2 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum AnyFraming<'a> {
    /// A whole frame, its checksum good.
    Frame {
        /// The view, borrowed from the input.
        frame: AnyFrame<'a>,
        /// Bytes that it takes.
        size: usize,
    },
    /// All is well so far, and the frame goes on.
    Incomplete {
        /// At least so many bytes more: 1 or more.
        needed: usize,
    },
    /// No frame can start here.
    Corrupt {
        /// What is wrong, and where.
        error: ParseError,
    },
}

impl<'a> AnyFraming<'a> {
    /// Looks at the start of `bytes`, for a frame of any family and direction.
    pub fn of(bytes: &'a [u8]) -> Self {
        step(&mut FrameDecoder::new(Direction::Either), bytes)
    }
}

/// Whether a frame starts here. The reader is a copy: it counts for something only if there is one.
fn look(mut reader: FrameDecoder, bytes: &[u8], is_end: bool) -> Look<'_> {
    match step(&mut reader, bytes) {
        AnyFraming::Frame { frame, size } => {
            Look::Frame { frame, size, error: frame.payload_error(), reader }
        }
        AnyFraming::Incomplete { needed } if is_end && !bytes.is_empty() => {
            Look::Bad(ParseError::Truncated {
                needed: bytes.len() + needed,
                available: bytes.len(),
            })
        }
        AnyFraming::Incomplete { needed } => Look::Incomplete { needed },
        AnyFraming::Corrupt { error } if is_sent_the_wrong_way(error) => {
            match AnyFraming::of(bytes) {
                AnyFraming::Frame { frame, size } => {
                    Look::Frame { frame, size, error: Some(error), reader }
                }
                AnyFraming::Incomplete { needed } if !is_end => Look::Incomplete { needed },
                _ => Look::Bad(error),
            }
        }
        AnyFraming::Corrupt { error } => Look::Bad(error),
    }
}

const fn is_sent_the_wrong_way(error: ParseError) -> bool {
    matches!(error, ParseError::WrongDirection { .. } | ParseError::WrongDirectionV2 { .. })
}

/// The reader of the other families keeps the place in a connection of version 2 too, but does not
/// read its frames.
fn step<'a>(reader: &mut FrameDecoder, bytes: &'a [u8]) -> AnyFraming<'a> {
    let family = bytes.first().copied().and_then(Family::from_first_byte);
    match (reader.family(), family) {
        (None | Some(Family::ChatV2), Some(Family::ChatV2)) => step_v2(reader, bytes),
        (Some(established @ Family::ChatV2), Some(_)) => {
            let actual = bytes.first().copied().unwrap_or_default();
            AnyFraming::Corrupt {
                error: ParseError::FamilyChanged { offset: 0, established, actual },
            }
        }
        _ => match reader.next_frame(bytes) {
            Framing::Frame { frame, consumed } => {
                AnyFraming::Frame { frame: frame.into(), size: consumed }
            }
            Framing::Incomplete { needed } => AnyFraming::Incomplete { needed },
            Framing::Corrupt { error } => AnyFraming::Corrupt { error },
        },
    }
}

fn step_v2<'a>(reader: &mut FrameDecoder, bytes: &'a [u8]) -> AnyFraming<'a> {
    match v2::Framing::of(bytes, reader.direction(), v2::Terms::UNKNOWN) {
        v2::Framing::Frame { frame, consumed } => {
            let offset = reader.stream_offset() + consumed as u64;
            *reader = FrameDecoder::resume(reader.direction(), Some(Family::ChatV2), offset);
            AnyFraming::Frame { frame: AnyFrame::ChatV2(frame), size: consumed }
        }
        v2::Framing::Incomplete { needed } => AnyFraming::Incomplete { needed },
        v2::Framing::Corrupt { error } => {
            // So that what is sent the wrong way settles the family, as in version 1.
            let family = matches!(error, ParseError::WrongDirectionV2 { .. })
                .then_some(Family::ChatV2)
                .or(reader.family());
            *reader = FrameDecoder::resume(reader.direction(), family, reader.stream_offset());
            AnyFraming::Corrupt { error }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Family;
    use std::borrow::ToOwned as _;
    use std::vec::Vec;

    static DISCONNECT: [u8; 8] = [0x01, 0x02, 0x00, 0x00, 0x9A, 0x7C, 0x6C, 0x17];
    static PING: [u8; 5] = [0xCA, 0xFE, 0x01, 0x00, 0x00];

    /// What is found, as the size and what is wrong, with the stream coming in pieces.
    fn found(
        direction: Direction,
        stream: &[u8],
        piece: usize,
    ) -> Vec<(usize, Option<ParseError>)> {
        let mut dissector = Dissector::new(direction);
        let (mut start, mut end) = (0, 0);
        let mut all = Vec::new();
        while start < stream.len() {
            match dissector.next(&stream[start..end], end == stream.len()) {
                Dissected::Incomplete { .. } => end = (end + piece).min(stream.len()),
                Dissected::Frame { size, error, .. } => {
                    all.push((size, error));
                    start += size;
                }
                Dissected::Noise { error, size } => {
                    all.push((size, Some(error)));
                    start += size;
                }
            }
        }
        all
    }

    #[test]
    fn a_bad_frame_is_told_once_and_searched_for_good_ones_whatever_the_pieces() {
        // A header that claims 0x20 bytes, which are the frames behind it; then an echo frame on a
        // chat connection.
        let line =
            [&[0x01, 0x01, 0x00, 0x20][..], &DISCONNECT, &DISCONNECT, &[0; 24], &PING, &DISCONNECT]
                .concat();
        let bad = ParseError::ChecksumMismatch { offset: 36, expected: 0, actual: 0 };
        for piece in 1..=line.len() {
            let found = found(Direction::ToServer, &line, piece);
            let sizes: Vec<usize> = found.iter().map(|item| item.0).collect();
            assert_eq!(sizes, [4, 8, 8, 29, 8], "{piece}");
            let Some(ParseError::ChecksumMismatch { offset, .. }) = found[0].1 else {
                panic!("{found:?}")
            };
            assert_eq!(offset, bad.offset());
        }
    }

    #[test]
    fn noise_does_not_settle_the_family_and_a_good_frame_does() {
        let sizes = |line: &[u8]| {
            found(Direction::Either, line, 1).iter().map(|item| item.0).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[&[0xCA][..], &DISCONNECT, &DISCONNECT].concat()), [1, 8, 8]);
        let found = found(Direction::Either, &[&DISCONNECT[..], &PING].concat(), 3);
        let error =
            ParseError::FamilyChanged { offset: 0, established: Family::ChatV1, actual: 0xCA };
        assert_eq!(found, [(8, None), (5, Some(error))]);
    }

    #[test]
    fn a_frame_that_travels_the_wrong_way_is_whole() {
        let (mut inner, mut outer) = ([0; 64], [0; 128]);
        // A text that is a good frame, which must not come out of the frame that carries it: one
        // whose checksum is UTF-8.
        let inner = ('a'..='z').find_map(|room| {
            let mut utf8 = [0; 4];
            let room = &*room.encode_utf8(&mut utf8);
            let frame = crate::MessagePayload::JoinRoom { room }.encode_into(&mut inner).unwrap();
            core::str::from_utf8(frame).ok().map(str::to_owned)
        });
        let (code, message) = (crate::ErrorCode::Unknown(99), &*inner.unwrap());
        let frame = crate::MessagePayload::Error { code, message }.encode_into(&mut outer).unwrap();
        let line = [frame, &DISCONNECT].concat();
        let message_type = crate::MessageType::Error;
        let wrong_way = ParseError::WrongDirection { offset: 1, message_type };
        for piece in [1, 5, 64] {
            assert_eq!(
                found(Direction::ToServer, &line, piece),
                [(frame.len(), Some(wrong_way)), (8, None)]
            );
        }
        // Cut, it is refused for its direction, which comes before its end.
        assert_eq!(found(Direction::ToServer, &line[..3], 1), [(3, Some(wrong_way))]);
    }

    #[test]
    fn a_frame_cut_short_says_what_it_needs() {
        let error = ParseError::Truncated { needed: 8, available: 5 };
        assert_eq!(found(Direction::ToServer, &DISCONNECT[..5], 2), [(5, Some(error))]);
    }

    #[test]
    fn long_noise_comes_in_pieces() {
        let noise = [&std::vec![0x55; 2 * MAX_NOISE_SIZE + 3][..], &PING].concat();
        let sizes: Vec<usize> =
            found(Direction::Either, &noise, 4096).iter().map(|item| item.0).collect();
        assert_eq!(sizes, [MAX_NOISE_SIZE, MAX_NOISE_SIZE, 3, 5]);
    }
}
