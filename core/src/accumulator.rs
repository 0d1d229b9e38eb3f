//! The place of a stream in a buffer: what is done with, handed out, found and received. Holds
//! cursors and no bytes, does no I/O, and knows neither families nor what to do about noise.
//!
//! All that collects bytes until a frame is whole stands on it: the resynchroniser
//! ([`ProtocolParser`](crate::ProtocolParser), `resync.rs`), the adapters of ports (`io`) and the
//! codecs (`tokio_codec`). Each brings the buffer, and the rule by which bytes are looked at.

use core::ops::Range;

use crate::error::ParseError;
use crate::frame_kind::FrameKind;
use crate::framing::Framing;

/// Cursors into a buffer of the owner's, in the order of TigerBeetle's `message_buffer.zig`:
///
/// ```text
/// 0 ──────── suspend ──────── process ──────── advance ──────── receive ──────── capacity
///  done with         handed out       found            received         free
/// ```
///
/// - `0..suspend`: may be overwritten.
/// - `suspend..process`: the frame that was handed out last. Its bytes stay where they are until
///   the next step, for the caller reads them there.
/// - `process..advance`: a whole frame, its envelope checked, that is neither handed out nor
///   skipped yet. It is not looked at again.
/// - `advance..receive`: bytes of which no frame is known yet.
///
/// That a frame is incomplete is a state and no error: `needed` says how many bytes from `process`
/// on must be there before it makes sense to look again, so that a stream costs O(bytes) whatever
/// the pieces it comes in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accumulator {
    suspend: usize,
    process: usize,
    advance: usize,
    receive: usize,
    needed: usize,
}

/// What stands at `process`.
pub(crate) enum Found {
    /// A whole frame, up to `advance`: to be handed out or skipped.
    Frame(FrameKind),
    /// Nothing, or a frame that goes on.
    Incomplete,
    /// A frame, whole or not, that needs so many bytes or more, which is more than the limit.
    TooLarge { needed: usize },
    /// No frame can start here.
    Corrupt(ParseError),
}

impl Accumulator {
    pub(crate) const fn new() -> Self {
        Self { suspend: 0, process: 0, advance: 0, receive: 0, needed: 1 }
    }

    /// What holds between any two steps. Checked after each in tests and under the fuzzer, and not
    /// in a release.
    fn invariants(&self, capacity: usize) {
        debug_assert!(self.suspend <= self.process, "{self:?}");
        debug_assert!(self.process <= self.advance, "{self:?}");
        debug_assert!(self.advance <= self.receive, "{self:?}");
        debug_assert!(self.receive <= capacity, "{self:?}, {capacity}");
        debug_assert!(self.needed > 0, "{self:?}");
    }

    /// Bytes received and neither handed out nor skipped.
    #[inline]
    pub(crate) const fn pending_len(&self) -> usize {
        self.receive - self.process
    }

    /// The same, in the buffer.
    #[inline]
    pub(crate) fn pending<'b>(&self, buffer: &'b [u8]) -> &'b [u8] {
        buffer.get(self.process..self.receive).unwrap_or_default()
    }

    /// How many pending bytes there must be before the next frame can be whole.
    pub(crate) const fn needed(&self) -> usize {
        self.needed
    }

    /// Whether the bytes at hand were looked at and are no whole frame.
    pub(crate) const fn waits(&self) -> bool {
        0 < self.pending_len() && self.pending_len() < self.needed
    }

    /// Looks for a frame at `process`, of no more than `limit` bytes. What was handed out before
    /// is done with from now on.
    #[inline]
    pub(crate) fn advance(
        &mut self,
        buffer: &[u8],
        limit: usize,
        mut look: impl FnMut(&[u8]) -> Framing<'_>,
    ) -> Found {
        self.suspend = self.process;
        let found = loop {
            if self.needed > limit {
                break Found::TooLarge { needed: self.needed };
            }
            let pending = self.pending(buffer);
            if pending.len() < self.needed {
                break Found::Incomplete;
            }
            match look(pending) {
                // A buffer may hold more than the limit allows a frame.
                Framing::Frame { consumed, .. } if consumed > limit => {
                    break Found::TooLarge { needed: consumed };
                }
                Framing::Frame { frame, consumed } => {
                    self.advance = self.process + consumed;
                    self.needed = 1;
                    break Found::Frame(FrameKind::of(&frame));
                }
                Framing::Incomplete { needed } => self.needed = pending.len() + needed,
                Framing::Corrupt { error } => break Found::Corrupt(error),
            }
        };
        self.invariants(buffer.len());
        found
    }

    /// Bytes of the frame that was found and is neither handed out nor skipped yet.
    pub(crate) const fn found_len(&self) -> usize {
        self.advance - self.process
    }

    /// The frame that was found is the caller's until the next step.
    #[inline]
    pub(crate) const fn hand_out(&mut self) {
        self.process = self.advance;
    }

    /// Where the frame is that was handed out.
    #[inline]
    pub(crate) const fn handed_out(&self) -> Range<usize> {
        self.suspend..self.process
    }

    /// Passes over `count` pending bytes.
    #[inline]
    pub(crate) fn skip(&mut self, count: usize) {
        self.process = self.receive.min(self.process + count);
        self.suspend = self.process;
        self.advance = self.process;
        self.needed = 1;
    }

    /// Where to receive to. Empty only if the pending bytes fill the buffer. They are moved to its
    /// front where the frame that is coming would not fit otherwise: each byte at most once, for
    /// `needed` of them fit then.
    #[cfg(any(test, feature = "embedded-io", feature = "embedded-io-async"))]
    #[inline]
    pub(crate) fn space<'b>(&mut self, buffer: &'b mut [u8]) -> &'b mut [u8] {
        if self.process == self.receive || self.process + self.needed > buffer.len() {
            self.compact(buffer);
        }
        buffer.get_mut(self.receive..).unwrap_or_default()
    }

    /// The port has put `count` bytes into the space. No port may claim more than it was given.
    #[inline]
    pub(crate) fn receive(&mut self, count: usize, capacity: usize) {
        self.receive = self.receive.saturating_add(count).min(capacity);
        self.invariants(capacity);
    }

    /// Copies as many bytes as there is room for, and returns how many.
    pub(crate) fn append(&mut self, bytes: &[u8], buffer: &mut [u8]) -> usize {
        if bytes.len() > buffer.len() - self.receive {
            self.compact(buffer);
        }
        let space = buffer.get_mut(self.receive..).unwrap_or_default();
        let count = bytes.len().min(space.len());
        // Slices of one length, which the compiler can see: no panic.
        for (place, &byte) in space.iter_mut().zip(bytes) {
            *place = byte;
        }
        self.receive(count, buffer.len());
        count
    }

    /// Moves what is pending to the front of the buffer. A loop rather than `copy_within`, which
    /// can panic.
    fn compact(&mut self, buffer: &mut [u8]) {
        let from = self.process;
        if from > 0 {
            for to in 0..self.pending_len() {
                if let Some(&byte) = buffer.get(from + to)
                    && let Some(place) = buffer.get_mut(to)
                {
                    *place = byte;
                }
            }
            self.forget(from);
        }
        self.invariants(buffer.len());
    }

    /// Counts from the byte at `count` on: those before it, which were processed, are gone.
    fn forget(&mut self, count: usize) {
        self.suspend = 0;
        self.process -= count;
        self.advance -= count;
        self.receive -= count;
    }
}

/// For a buffer that is passed in with every step and holds pending bytes alone, such as that of
/// tokio's `Framed`.
#[cfg(feature = "tokio-codec")]
impl Accumulator {
    /// The buffer holds so many bytes now. Where it has fewer than before, its owner took bytes
    /// away, and nothing is known of the others.
    pub(crate) fn set_pending(&mut self, count: usize) {
        if count < self.pending_len() {
            self.needed = 1;
        }
        (self.suspend, self.process, self.advance, self.receive) = (0, 0, 0, count);
    }

    /// How many bytes the owner has to take from the front of the buffer: those before what is
    /// pending. They are counted as gone from now on.
    pub(crate) fn detach(&mut self) -> usize {
        let processed = self.process;
        self.forget(processed);
        processed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static PING: [u8; 5] = [0xCA, 0xFE, 0x01, 0x00, 0x00];

    fn look(bytes: &[u8]) -> Framing<'_> {
        Framing::of(bytes)
    }

    fn receive(marks: &mut Accumulator, buffer: &mut [u8], bytes: &[u8]) {
        let capacity = buffer.len();
        let space = marks.space(buffer);
        space[..bytes.len()].copy_from_slice(bytes);
        marks.receive(bytes.len(), capacity);
    }

    #[test]
    fn a_frame_is_found_then_handed_out_then_done_with() {
        let (mut marks, mut buffer) = (Accumulator::new(), [0; 8]);
        receive(&mut marks, &mut buffer, &PING);
        assert!(matches!(marks.advance(&buffer, 8, look), Found::Frame(_)));
        assert_eq!((marks.found_len(), marks.handed_out()), (5, 0..0));
        marks.hand_out();
        assert_eq!((marks.found_len(), marks.handed_out(), marks.pending_len()), (0, 0..5, 0));
        assert!(matches!(marks.advance(&buffer, 8, look), Found::Incomplete));
        assert!(marks.handed_out().is_empty());
        assert_eq!(marks.space(&mut buffer).len(), 8);
    }

    #[test]
    fn pending_bytes_move_only_where_the_frame_would_not_fit() {
        let (mut marks, mut buffer) = (Accumulator::new(), [0; 10]);
        receive(&mut marks, &mut buffer, &[&PING[..], &PING[..2]].concat());
        assert!(matches!(marks.advance(&buffer, 10, look), Found::Frame(_)));
        marks.hand_out();
        assert!(matches!(marks.advance(&buffer, 10, look), Found::Incomplete));
        assert!(marks.waits());
        assert_eq!((marks.needed(), marks.space(&mut buffer).len()), (5, 3), "it fits");
        marks.skip(1);
        assert_eq!((marks.pending_len(), marks.space(&mut buffer).len()), (1, 3));
        receive(&mut marks, &mut buffer, &PING[..2]);
        marks.skip(1);
        assert!(matches!(marks.advance(&buffer, 10, look), Found::Incomplete));
        assert_eq!(marks.space(&mut buffer).len(), 8, "it does not: moved to the front");
        assert_eq!(buffer[..2], PING[..2]);
    }

    #[test]
    fn a_frame_behind_one_byte_of_noise_that_fills_the_buffer_has_room() {
        let (mut marks, mut buffer) = (Accumulator::new(), [0; 8]);
        receive(&mut marks, &mut buffer, &[0xFF, 0xCA, 0xFE, 0x03, 0x00, 0x03]);
        marks.skip(1);
        assert!(matches!(marks.advance(&buffer, 8, look), Found::Incomplete));
        assert_eq!((marks.needed(), marks.space(&mut buffer).len()), (8, 3));
    }

    #[test]
    fn what_is_appended_takes_the_room_that_there_is() {
        let (mut marks, mut buffer) = (Accumulator::new(), [0; 8]);
        assert_eq!(marks.append(&[PING, PING].concat(), &mut buffer), 8);
        assert!(matches!(marks.advance(&buffer, 8, look), Found::Frame(_)));
        marks.hand_out();
        assert_eq!(marks.append(&PING[3..], &mut buffer), 2, "the frame makes room");
        assert!(matches!(marks.advance(&buffer, 8, look), Found::Frame(_)));
    }

    #[test]
    fn a_limit_and_noise_are_told_and_change_nothing() {
        let (mut marks, mut buffer) = (Accumulator::new(), [0; 16]);
        receive(&mut marks, &mut buffer, &[0xCA, 0xFE, 0x04, 0x00, 0x04]);
        for _ in 0..2 {
            let found = marks.advance(&buffer, 8, look);
            assert!(matches!(found, Found::TooLarge { needed: 9 }));
        }
        marks.skip(1);
        for _ in 0..2 {
            assert!(matches!(marks.advance(&buffer, 8, look), Found::Corrupt(_)));
        }
        assert_eq!(marks.pending_len(), 4);
    }

    #[test]
    #[should_panic(expected = "Accumulator")]
    #[cfg(debug_assertions)]
    fn the_check_of_the_invariant_can_fail() {
        Accumulator { suspend: 0, process: 3, advance: 2, receive: 4, needed: 1 }.invariants(8);
    }
}
