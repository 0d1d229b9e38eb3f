//! Frames out of a serial line: bytes come in any pieces, some of them damaged, and there is no
//! connection to close.
//!
//! A TCP peer that breaks the framing is closed on; a UART cannot be closed, so its reader has to
//! find the next frame by itself. [`ProtocolParser`] does. It keeps the bytes of one frame at a
//! time in a buffer of its own, of a size that is fixed at compile time.
//!
//! Every byte is stored once and moved at most once per frame. Where bytes stand in the buffer,
//! `accumulator.rs` knows, and what is passed over, `resync.rs`; the rule of resynchronisation and
//! its costs are told where users read them, at the type.

use core::fmt;

use crate::accumulator::Accumulator;
use crate::direction::Direction;
use crate::error::ParseResult;
use crate::family::Family;
use crate::frame_kind::FrameKind;
use crate::framing::Frame;
use crate::resync::{Resync, SMALLEST_BUFFER};

/// Finds the frames on a line whose bytes may be damaged, such as a UART's, which cannot be closed
/// and opened again.
///
/// **The rule of resynchronisation.** When the bytes at hand cannot be a frame, the search goes on
/// one byte after the bad frame's *start*: its length may be what was damaged, and a good frame may
/// begin inside the bytes that it claims. When a frame is good, the search goes on after its end: a
/// good frame's body is never searched, so that no frame can be smuggled inside a message's text.
///
/// **What noise can do.** Nothing, unless it looks like a header. A chat header by chance (about 1
/// in 10⁶ positions of random bytes) makes the parser wait for as many bytes as it claims, 630 at
/// most; then its checksum fails, all but once in 2³² times, and the frames within those bytes are
/// found: late, not lost. [`give_up`](Self::give_up) ends such a wait when the line falls silent.
/// An echo header by chance (about 1 in 3 × 10⁶ positions) has no checksum to fail and swallows up
/// to `N` bytes: on a line that carries chat, build the parser with
/// [`for_family`](Self::for_family).
///
/// **What it costs.** O(bytes), whatever the pieces: a header is read when it is whole, a body is
/// checked once, when the frame is whole. In noise each header that appears by chance, or that
/// a sender put there, has its checksum computed: at worst every second byte starts a candidate,
/// and bytes are summed a few hundred times.
///
/// `N` is the size of its buffer in bytes, and bounds the frames that can be read: 630
/// ([`chat::MAX_FRAME_SIZE`](crate::chat::MAX_FRAME_SIZE)) holds every chat frame. A frame that is
/// larger is noise, and what lies inside it is searched: choose `N` for the largest frame that the
/// line carries. Less than 8 does not compile.
///
/// ```
/// use cafewire_core::{Frame, Message, ProtocolParser};
///
/// let mut parser = ProtocolParser::<64>::new();
/// let line = [0x00, 0xCA, 0x17, 0xCA, 0xFE, 0x01, 0x00, 0x00]; // noise, then a Ping
/// for &byte in &line {
///     assert_eq!(parser.feed(&[byte]), 1);
///     while let Ok(Some(frame)) = parser.try_parse() {
///         let Frame::Echo(echo) = frame else { panic!() };
///         assert_eq!(echo.message(), Message::ping());
///     }
/// }
/// assert_eq!(parser.skipped_bytes(), 3);
/// ```
#[derive(Clone)]
pub struct ProtocolParser<const N: usize> {
    buffer: [u8; N],
    marks: Accumulator,
    resync: Resync,
}

impl<const N: usize> ProtocolParser<N> {
    /// A parser of both families, from either side.
    ///
    /// ```
    /// use cafewire_core::{ProtocolParser, chat};
    /// // In a `static` just as well: it is a `const fn`, and the buffer is inside.
    /// const PARSER: ProtocolParser<{ chat::MAX_FRAME_SIZE }> = ProtocolParser::new();
    /// assert_eq!(PARSER.pending_bytes(), 0);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self::with(None, Direction::Either)
    }

    /// A parser of one family, in one direction: everything else is noise. On a line that carries
    /// chat alone this keeps noise from being taken for an echo frame, which has no checksum. A
    /// good chat frame that is sent the other way is skipped whole: its body is not searched
    /// either.
    ///
    /// ```
    /// use cafewire_core::{Direction, Family, Frame, ProtocolParser};
    /// let mut parser = ProtocolParser::<64>::for_family(Family::ChatV1, Direction::ToServer);
    /// // a Ping is noise here; a Disconnect
    /// let line = b"\xCA\xFE\x01\x00\x00\x01\x02\x00\x00\x9A\x7C\x6C\x17";
    /// assert_eq!(parser.feed(line), 13);
    /// assert!(parser.try_parse().is_err());
    /// assert!(matches!(parser.try_parse(), Ok(Some(Frame::Chat(_)))));
    /// ```
    #[must_use]
    pub const fn for_family(family: Family, direction: Direction) -> Self {
        Self::with(Some(family), direction)
    }

    const fn with(family: Option<Family>, direction: Direction) -> Self {
        const { assert!(N >= SMALLEST_BUFFER, "the buffer holds no frame at all") };
        Self { buffer: [0; N], marks: Accumulator::new(), resync: Resync::new(family, direction) }
    }

    /// Takes bytes from the line, as many as there is room for, and returns how many. Fewer than
    /// given means full: [`try_parse`](Self::try_parse) until it has no frame any more, then feed
    /// the rest. It always makes room for a byte then: an incomplete frame never fills the buffer.
    ///
    /// ```
    /// use cafewire_core::ProtocolParser;
    /// let mut parser = ProtocolParser::<8>::new();
    /// let mut line = &b"\xCA\xFE\x01\x00\x00\xCA\xFE\x02\x00\x00"[..]; // more than fits: 10 bytes
    /// let mut frames = 0;
    /// while !line.is_empty() {
    ///     line = &line[parser.feed(line)..];
    ///     while let Ok(Some(_)) = parser.try_parse() {
    ///         frames += 1;
    ///     }
    /// }
    /// assert_eq!(frames, 2);
    /// ```
    #[must_use]
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        self.marks.append(bytes, &mut self.buffer)
    }

    /// The next frame, if it is whole; `None` asks for more bytes.
    ///
    /// # Errors
    /// When the line makes no sense, once per stretch of noise: why its first byte starts no frame.
    /// Nothing needs to be done about it but to call again; the noise is skipped and counted.
    ///
    /// ```
    /// use cafewire_core::{Frame, MessageType, ProtocolParser};
    /// let mut parser = ProtocolParser::<64>::new();
    /// assert_eq!(parser.feed(b"??\x01\x02\x00\x00\x9A\x7C\x6C\x17"), 10);
    /// assert!(parser.try_parse().is_err()); // the noise, once
    /// let Ok(Some(Frame::Chat(view))) = parser.try_parse() else { panic!() };
    /// assert_eq!(view.message_type, MessageType::Disconnect);
    /// assert_eq!(parser.try_parse(), Ok(None));
    /// ```
    pub fn try_parse(&mut self) -> ParseResult<Option<Frame<'_>>> {
        match self.next(false)? {
            Some(kind) => Ok(Some(self.hand_out(kind))),
            None => Ok(None),
        }
    }

    /// The line has been silent for longer than a sender pauses within a frame: what is half
    /// received will not be completed. Skips its first byte, so that [`try_parse`](Self::try_parse)
    /// finds the frames that may lie behind a header that was noise. If that uncovers another such
    /// header, `try_parse` asks for more again; call this until
    /// [`pending_bytes`](Self::pending_bytes) is 0. Does nothing unless `try_parse` has asked for
    /// more and not got it.
    ///
    /// ```
    /// use cafewire_core::{Frame, ProtocolParser};
    /// let mut parser = ProtocolParser::<64>::new();
    /// // What is left of a Connect claims 32 bytes; the Disconnect behind it would be taken for
    /// // its body.
    /// assert_eq!(parser.feed(b"\x01\x01\x00\x20\x01\x02\x00\x00\x9A\x7C\x6C\x17"), 12);
    /// assert_eq!(parser.try_parse(), Ok(None));
    /// parser.give_up(); // the line fell silent
    /// assert!(matches!(parser.try_parse(), Ok(Some(Frame::Chat(_)))));
    /// ```
    pub fn give_up(&mut self) {
        if self.marks.waits() {
            self.resync.skip(&mut self.marks, 1);
        }
    }

    /// Forgets the bytes and the counts: a new line, or a line opened again.
    ///
    /// ```
    /// # use cafewire_core::ProtocolParser;
    /// let mut parser = ProtocolParser::<64>::new();
    /// assert_eq!(parser.feed(&[0xCA, 0xFE, 0x01]), 3);
    /// parser.reset();
    /// assert_eq!(parser.pending_bytes(), 0);
    /// ```
    pub fn reset(&mut self) {
        self.marks = Accumulator::new();
        self.resync.reset();
    }

    /// Bytes that belonged to no frame, since the start or the last [`reset`](Self::reset).
    ///
    /// ```
    /// # use cafewire_core::ProtocolParser;
    /// let mut parser = ProtocolParser::<64>::new();
    /// assert_eq!(parser.feed(b"???\xCA\xFE\x01\x00\x00"), 8);
    /// while parser.try_parse() != Ok(None) {}
    /// assert_eq!(parser.skipped_bytes(), 3);
    /// ```
    #[must_use]
    pub const fn skipped_bytes(&self) -> u64 {
        self.resync.skipped_bytes()
    }

    /// How often the parser lost its place in the stream: stretches of noise between good frames.
    ///
    /// ```
    /// # use cafewire_core::ProtocolParser;
    /// let mut parser = ProtocolParser::<64>::new();
    /// assert_eq!(parser.feed(b"???\xCA\xFE\x01\x00\x00??\xCA\xFE\x01\x00\x00"), 15);
    /// while parser.try_parse() != Ok(None) {}
    /// assert_eq!((parser.losses(), parser.skipped_bytes()), (2, 5));
    /// ```
    #[must_use]
    pub const fn losses(&self) -> u64 {
        self.resync.losses()
    }

    /// Bytes that are kept for a frame that is not whole yet.
    ///
    /// ```
    /// # use cafewire_core::ProtocolParser;
    /// let mut parser = ProtocolParser::<64>::new();
    /// assert_eq!(parser.feed(b"\xCA\xFE\x01\x00\x00\xCA\xFE"), 7);
    /// while parser.try_parse() != Ok(None) {}
    /// assert_eq!(parser.pending_bytes(), 2);
    /// ```
    #[must_use]
    pub const fn pending_bytes(&self) -> usize {
        self.marks.pending_len()
    }

    /// As [`try_parse`](Self::try_parse), but the frame is found and not handed out yet. With
    /// `silent` no more bytes will come for what is pending.
    pub(crate) fn next(&mut self, silent: bool) -> ParseResult<Option<FrameKind>> {
        self.resync.next(&mut self.marks, &self.buffer, N, silent)
    }

    /// The frame that [`next`](Self::next) has found.
    pub(crate) fn hand_out(&mut self, kind: FrameKind) -> Frame<'_> {
        self.marks.hand_out();
        kind.view(self.buffer.get(self.marks.handed_out()).unwrap_or_default())
    }
}

/// For the adapters: bytes go from the port to where they stay.
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
impl<const N: usize> ProtocolParser<N> {
    /// Where to read to; never empty after [`next`](Self::next) found nothing.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.marks.space(&mut self.buffer)
    }

    /// The port has put so many bytes there.
    pub(crate) fn received(&mut self, count: usize) {
        self.marks.receive(count, N);
    }
}

impl<const N: usize> Default for ProtocolParser<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Debug for ProtocolParser<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtocolParser")
            .field("pending_bytes", &self.pending_bytes())
            .field("skipped_bytes", &self.skipped_bytes())
            .field("losses", &self.losses())
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<const N: usize> defmt::Format for ProtocolParser<N> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(
            f,
            "ProtocolParser {{ pending_bytes: {=usize}, skipped_bytes: {=u64}, losses: {=u64} }}",
            self.pending_bytes(),
            self.skipped_bytes(),
            self.losses()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ParseError;
    use std::vec::Vec as StdVec;

    static DISCONNECT: [u8; 8] = [0x01, 0x02, 0x00, 0x00, 0x9A, 0x7C, 0x6C, 0x17];
    static PING: [u8; 5] = [0xCA, 0xFE, 0x01, 0x00, 0x00];

    /// The sizes of all frames on a line fed in pieces of one size, and how many times the place
    /// was lost.
    fn frames<const N: usize>(line: &[u8], piece: usize) -> (StdVec<usize>, u64, u64) {
        let mut parser = ProtocolParser::<N>::new();
        let mut sizes = StdVec::new();
        for mut piece in line.chunks(piece) {
            while !piece.is_empty() {
                piece = &piece[parser.feed(piece)..];
                loop {
                    match parser.try_parse() {
                        Ok(Some(Frame::Echo(view))) => sizes.push(view.encoded_len()),
                        Ok(Some(Frame::Chat(view))) => sizes.push(view.encoded_len()),
                        Ok(None) => break,
                        Err(_) => {}
                    }
                }
            }
        }
        (sizes, parser.skipped_bytes(), parser.losses())
    }

    #[test]
    fn a_clean_line_loses_nothing_however_it_is_cut() {
        let line = [&DISCONNECT[..], &PING, &PING, &DISCONNECT].concat();
        for piece in 1..=line.len() {
            assert_eq!(frames::<16>(&line, piece), (StdVec::from([8, 5, 5, 8]), 0, 0), "{piece}");
        }
    }

    #[test]
    fn a_bad_frame_is_searched_for_good_ones() {
        // A header that claims 0x20 bytes, which are the frames behind it.
        let line =
            [&[0x01, 0x01, 0x00, 0x20][..], &DISCONNECT, &DISCONNECT, &[0; 24], &PING].concat();
        for piece in 1..=line.len() {
            assert_eq!(frames::<64>(&line, piece), (StdVec::from([8, 8, 5]), 28, 2), "{piece}");
        }
    }

    #[test]
    fn a_good_frames_body_is_never_searched() {
        let mut buffer = [0; 64];
        let data = crate::Message::data(&DISCONNECT).encode_into(&mut buffer).unwrap();
        for piece in 1..=data.len() {
            assert_eq!(frames::<32>(data, piece), (StdVec::from([13]), 0, 0));
        }
    }

    #[test]
    fn a_frame_that_cannot_fit_is_noise() {
        let mut buffer = [0; 64];
        let data = crate::Message::data(&[0x55; 20]).encode_into(&mut buffer).unwrap();
        let line = [data, &PING].concat();
        assert_eq!(frames::<24>(&line, 3), (StdVec::from([5]), 25, 1));
        assert_eq!(frames::<25>(&line, 3), (StdVec::from([25, 5]), 0, 0));
    }

    #[test]
    fn giving_up_finds_what_a_false_header_hides() {
        let mut parser = ProtocolParser::<64>::new();
        assert_eq!(parser.feed(&[0x01, 0x01, 0x00, 0x20]), 4);
        assert_eq!(parser.feed(&DISCONNECT), 8);
        assert_eq!(parser.try_parse(), Ok(None));
        parser.give_up();
        assert!(
            matches!(parser.try_parse(), Ok(Some(Frame::Chat(view))) if view.payload.is_empty())
        );
        assert_eq!((parser.skipped_bytes(), parser.losses(), parser.pending_bytes()), (4, 1, 0));
        parser.give_up();
        assert_eq!(parser.skipped_bytes(), 4);
    }

    #[test]
    fn giving_up_leaves_a_whole_frame_alone() {
        let mut parser = ProtocolParser::<64>::new();
        assert_eq!(parser.feed(&PING), 5);
        parser.give_up();
        assert!(matches!(parser.try_parse(), Ok(Some(Frame::Echo(_)))));
    }

    #[test]
    fn a_good_frame_that_travels_the_other_way_is_skipped_whole() {
        let mut buffer = [0; 64];
        let inner = core::str::from_utf8(&DISCONNECT[..4]).unwrap();
        let error =
            crate::MessagePayload::Error { code: crate::ErrorCode::Unknown(99), message: inner };
        let wrong_way = error.encode_into(&mut buffer).unwrap();
        let mut parser = ProtocolParser::<64>::for_family(Family::ChatV1, Direction::ToServer);
        assert_eq!(parser.feed(wrong_way) + parser.feed(&DISCONNECT), wrong_way.len() + 8);
        let message_type = crate::MessageType::Error;
        assert_eq!(parser.try_parse(), Err(ParseError::WrongDirection { offset: 1, message_type }));
        assert_eq!(parser.skipped_bytes(), wrong_way.len() as u64);
        assert!(matches!(parser.try_parse(), Ok(Some(Frame::Chat(_)))));
    }

    #[test]
    fn one_family_alone() {
        let mut parser = ProtocolParser::<64>::for_family(Family::ChatV1, Direction::ToServer);
        assert_eq!(parser.feed(&PING), 5);
        assert_eq!(parser.feed(&DISCONNECT), 8);
        assert!(parser.try_parse().is_err());
        assert!(matches!(parser.try_parse(), Ok(Some(Frame::Chat(_)))));
        assert_eq!(parser.skipped_bytes(), 5);
        parser.reset();
        assert_eq!((parser.skipped_bytes(), parser.pending_bytes()), (0, 0));
    }
}
