//! The rule of resynchronisation: what to pass over when bytes are no frame, and when to tell. Owns
//! neither buffer nor port; [`ProtocolParser`](crate::ProtocolParser) tells users the rule and its
//! costs.

use crate::accumulator::{Accumulator, Found};
use crate::direction::Direction;
use crate::error::{ParseError, ParseResult};
use crate::family::Family;
use crate::frame_kind::FrameKind;
use crate::framing::Framing;
use crate::{chat, echo};

/// The smallest chat frame, and more than the smallest echo frame.
pub(crate) const SMALLEST_BUFFER: usize = chat::HEADER_SIZE + chat::CHECKSUM_SIZE;

/// What is read from a line, and what was lost on it.
#[derive(Clone, Debug)]
pub(crate) struct Resync {
    family: Option<Family>,
    direction: Direction,
    /// The bytes before the pending ones were no frame, and the caller knows.
    lost: bool,
    skipped_bytes: u64,
    losses: u64,
}

impl Resync {
    pub(crate) const fn new(family: Option<Family>, direction: Direction) -> Self {
        Self { family, direction, lost: false, skipped_bytes: 0, losses: 0 }
    }

    pub(crate) const fn reset(&mut self) {
        *self = Self::new(self.family, self.direction);
    }

    pub(crate) const fn skipped_bytes(&self) -> u64 {
        self.skipped_bytes
    }

    pub(crate) const fn losses(&self) -> u64 {
        self.losses
    }

    /// The next frame of no more than `limit` bytes (8 or more), found but not handed out. With
    /// `silent` no more bytes will come for what is pending: a frame that is not whole is noise.
    ///
    /// An error is told once per stretch of noise; the next call goes on. `None` with `silent`
    /// means that nothing is pending any more.
    pub(crate) fn next(
        &mut self,
        marks: &mut Accumulator,
        buffer: &[u8],
        limit: usize,
        silent: bool,
    ) -> ParseResult<Option<FrameKind>> {
        loop {
            let (error, skipped) = match marks.advance(buffer, limit, |bytes| self.framing(bytes)) {
                Found::Frame(kind) => match self.wrong_way(kind) {
                    None => {
                        self.lost = false;
                        return Ok(Some(kind));
                    }
                    // Whole: its body is not searched either.
                    Some(error) => (error, marks.found_len()),
                },
                Found::Incomplete if silent && marks.pending_len() > 0 => {
                    let (needed, available) = (marks.needed(), marks.pending_len());
                    (ParseError::Truncated { needed, available }, 1)
                }
                Found::Incomplete => return Ok(None),
                Found::TooLarge { needed } => {
                    (ParseError::Truncated { needed, available: limit }, 1)
                }
                Found::Corrupt(error) => (error, 1),
            };
            if self.skip(marks, skipped) {
                return Err(error);
            }
        }
    }

    /// Passes over bytes; whether a stretch of noise starts with them.
    pub(crate) fn skip(&mut self, marks: &mut Accumulator, count: usize) -> bool {
        marks.skip(count);
        self.skipped_bytes += count as u64;
        let first = !self.lost;
        self.lost = true;
        self.losses += u64::from(first);
        first
    }

    #[inline]
    fn framing<'b>(&self, bytes: &'b [u8]) -> Framing<'b> {
        match self.family {
            None if bytes.first() == Some(&echo::MAGIC_BYTES[0]) => echo::next_frame(bytes),
            Some(Family::Echo) => echo::next_frame(bytes),
            None | Some(Family::ChatV1 | Family::ChatV2) => {
                chat::next_frame(bytes, Direction::Either)
            }
        }
    }

    fn wrong_way(&self, kind: FrameKind) -> Option<ParseError> {
        match kind {
            FrameKind::Chat(message_type) if !message_type.is_sent(self.direction) => {
                Some(ParseError::WrongDirection { offset: 1, message_type })
            }
            _ => None,
        }
    }
}
