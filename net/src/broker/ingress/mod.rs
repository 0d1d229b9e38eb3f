//! One connection's bytes to frames. Knows the framing and nothing of what frames mean; owns no
//! socket and no clock.
//!
//! Bytes are framed where they lie, in the driver's buffer. Only the start of a frame whose end has
//! not come yet is kept, in a ring that exists as long as it is needed; a frame that was kept is
//! completed there and framed once.
//!
//! One batch is worked on for so many frames at a time, or until the handler has enough. What is
//! left then, the *backlog*, is kept in the same ring, and framed there before anything else may be
//! received.

mod decoder;
mod partial;
mod token_bucket;

use std::cell::Cell;
use std::ops::ControlFlow;

use cafewire_core::chat::v2;
use cafewire_core::{Family, ParseError, chat, echo};

pub(super) use self::decoder::Frame;
use self::decoder::{Decoder, Framing};
pub(super) use self::partial::PartialFrames;
use self::partial::{PartialFrame, PartialFrameId};
pub(super) use self::token_bucket::Bucket;
pub(super) use self::token_bucket::{TokenBucket, Verdict};
use crate::buf::BufferPool;

/// Why no further frame of a batch is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// This frame cannot be done yet: it and the rest are the backlog.
    NotYet,
    /// It is enough for now: the rest is the backlog.
    ForNow,
    /// Nothing that follows counts any more.
    ForGood,
}

/// How a batch of bytes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// All bytes are framed, or kept: the start of a frame, or a backlog.
    All,
    /// The handler said stop; the rest of the bytes was dropped.
    Stopped,
    /// No frame can start here. `stream_offset` counts from the connection's first byte.
    Corrupt { error: ParseError, stream_offset: u64 },
}

/// Every connection has one, so it holds what differs between them and no more: the framing's rules
/// are made again for each batch.
#[derive(Debug)]
pub(super) struct Ingress {
    /// Where in the stream the next frame starts.
    stream_offset: u64,
    /// The start of a frame, or a backlog, and nothing before it. It lies in one piece: the ring
    /// was empty before. `None` rather than an empty ring: most connections have nothing here most
    /// of the time.
    partial: Option<PartialFrameId>,
    family: Option<Family>,
}

/// Where bytes are kept that wait: storage, and the table of those that have any.
pub(super) struct Keep<'a> {
    pub(super) partial_frames: &'a mut PartialFrames,
    pub(super) pool: &'a mut BufferPool,
}

impl Ingress {
    pub(super) const fn new() -> Self {
        Self { stream_offset: 0, partial: None, family: None }
    }

    pub(super) const fn family(&self) -> Option<Family> {
        self.family
    }

    /// Whether a whole frame has come.
    pub(super) const fn has_framed(&self) -> bool {
        self.stream_offset > 0
    }

    /// Whether a frame has started and not ended.
    pub(super) const fn is_within_frame(&self) -> bool {
        self.partial.is_some()
    }

    fn partial<'p>(&self, partial_frames: &'p PartialFrames) -> Option<&'p PartialFrame> {
        self.partial.as_ref().and_then(|partial| partial_frames.get(partial))
    }

    /// Bytes of storage held for what is kept.
    pub(super) fn held_bytes(&self, partial_frames: &PartialFrames) -> usize {
        self.partial(partial_frames).map_or(0, |partial| partial.bytes.capacity())
    }

    /// Whether bytes are kept that were not looked at yet.
    pub(super) fn has_backlog(&self, partial_frames: &PartialFrames) -> bool {
        self.partial(partial_frames).is_some_and(|partial| partial.missing == 0)
    }

    /// Frames what is kept and then `input`, which is empty while there is a backlog. Calls
    /// `handle` for each frame, at most `budget` times, the family of the connection known by then.
    /// `terms` are what version 2 has agreed on; `handle` sets them when it lets someone sign in.
    pub(super) fn receive(
        &mut self,
        input: &[u8],
        budget: usize,
        keep: &mut Keep<'_>,
        terms: &Cell<v2::Terms>,
        handle: impl Handle,
    ) -> Received {
        debug_assert!(
            input.is_empty() || !self.has_backlog(keep.partial_frames),
            "bytes that would overtake others"
        );
        let decoder = Decoder::resume(self.family, self.stream_offset, terms);
        let mut batch = Batch { decoder, input, budget, handle };
        let received = match self.complete_partial(&mut batch, keep) {
            Some(received) => received,
            None => match batch.frame_input(keep.pool) {
                Ok(missing) => {
                    if !batch.input.is_empty() {
                        let Keep { partial_frames, pool } = keep;
                        self.partial = partial_frames.insert(batch.input, missing, pool);
                    }
                    Received::All
                }
                Err(ended) => ended,
            },
        };
        self.family = batch.decoder.family();
        self.stream_offset = batch.decoder.stream_offset();
        received
    }

    /// Does what is kept first. `None`: nothing is, any more.
    fn complete_partial<H: Handle>(
        &mut self,
        batch: &mut Batch<'_, '_, H>,
        keep: &mut Keep<'_>,
    ) -> Option<Received> {
        let id = self.partial.take()?;
        let mut partial = keep.partial_frames.take(&id);
        let received = batch.frame_partial(&mut partial, keep.pool);
        let is_done = partial.bytes.is_empty();
        keep.partial_frames.restore(&id, partial);
        if is_done {
            keep.partial_frames.remove(id, keep.pool);
        } else {
            self.partial = Some(id);
        }
        received
    }

    /// Gives the ring's storage back. An ingress is dropped only after this.
    pub(super) fn release(&mut self, keep: &mut Keep<'_>) {
        if let Some(partial) = self.partial.take() {
            keep.partial_frames.remove(partial, keep.pool);
        }
    }

    pub(super) fn invariants(&self, partial_frames: &PartialFrames) {
        let partial = self.partial(partial_frames);
        assert_eq!(self.partial.is_some(), partial.is_some(), "what is kept is nowhere");
        if let Some(PartialFrame { bytes, .. }) = partial {
            assert!(!bytes.is_empty(), "nothing is kept, in a buffer");
            assert_eq!(bytes.front().len(), bytes.len(), "what is kept lies in two pieces");
        }
    }
}

/// What is done with each frame. It may need buffers.
pub(super) trait Handle: FnMut(Frame<'_>, &mut BufferPool) -> ControlFlow<Halt> {}
impl<F: FnMut(Frame<'_>, &mut BufferPool) -> ControlFlow<Halt>> Handle for F {}

/// One batch of bytes at work.
struct Batch<'i, 't, H> {
    decoder: Decoder<'t>,
    /// What was not framed or kept yet.
    input: &'i [u8],
    /// Frames that may still be done.
    budget: usize,
    handle: H,
}

impl<H: Handle> Batch<'_, '_, H> {
    /// Frames what was kept, completed from the input. `None`: all of it is done.
    fn frame_partial(
        &mut self,
        partial: &mut PartialFrame,
        pool: &mut BufferPool,
    ) -> Option<Received> {
        while !partial.bytes.is_empty() {
            let (wanted, rest) = self.input.split_at(partial.missing.min(self.input.len()));
            partial.bytes.extend(wanted, pool);
            partial.missing -= wanted.len();
            self.input = rest;
            if partial.missing > 0 || self.budget == 0 {
                return Some(Received::All);
            }
            let before = self.decoder;
            match self.decoder.next_frame(partial.bytes.front()) {
                Framing::Incomplete { needed } => {
                    partial.bytes.move_to_start(pool);
                    let family = self.decoder.family();
                    partial.missing = ask_again_after(family, partial.bytes.len(), needed);
                }
                Framing::Corrupt { error } => return Some(self.corrupt(error)),
                Framing::Frame { frame, consumed } => {
                    let flow = (self.handle)(frame, pool);
                    if flow == ControlFlow::Break(Halt::NotYet) {
                        self.decoder = before;
                        partial.bytes.move_to_start(pool);
                        partial.bytes.extend(std::mem::take(&mut self.input), pool);
                        return Some(Received::All);
                    }
                    partial.bytes.consume(consumed, pool);
                    self.budget -= 1;
                    match flow {
                        ControlFlow::Break(Halt::ForGood) => return Some(Received::Stopped),
                        ControlFlow::Break(_) => self.budget = 0,
                        ControlFlow::Continue(()) => {}
                    }
                }
            }
        }
        None
    }

    /// Frames the input where it lies. What is left of it then is to be kept until so many more
    /// bytes are there.
    fn frame_input(&mut self, pool: &mut BufferPool) -> Result<usize, Received> {
        while self.budget > 0 {
            let before = self.decoder;
            match self.decoder.next_frame(self.input) {
                Framing::Frame { frame, consumed } => {
                    match (self.handle)(frame, pool) {
                        ControlFlow::Continue(()) => self.budget -= 1,
                        ControlFlow::Break(Halt::ForNow) => self.budget = 0,
                        ControlFlow::Break(Halt::ForGood) => return Err(Received::Stopped),
                        ControlFlow::Break(Halt::NotYet) => {
                            self.decoder = before;
                            return Ok(0);
                        }
                    }
                    self.input = &self.input[consumed..];
                }
                Framing::Incomplete { needed } => {
                    let family = self.decoder.family();
                    return Ok(ask_again_after(family, self.input.len(), needed));
                }
                Framing::Corrupt { error } => return Err(self.corrupt(error)),
            }
        }
        Ok(0)
    }

    const fn corrupt(&self, error: ParseError) -> Received {
        Received::Corrupt { error, stream_offset: self.decoder.stream_offset_of(&error) }
    }
}

/// How many bytes must come before a frame that has `len` of them is looked at again, if it needs
/// `needed`. Within the header every byte is judged as it comes, so that a wrong one is answered at
/// once, in version 2 with the byte that proves the header; a body is waited for.
const fn ask_again_after(family: Option<Family>, len: usize, needed: usize) -> usize {
    let header_size = match family {
        Some(Family::Echo) => echo::HEADER_SIZE,
        Some(Family::ChatV2) => v2::HEADER_SIZE,
        _ => chat::HEADER_SIZE,
    };
    if len < header_size { 1 } else { needed }
}

#[cfg(test)]
mod tests;
