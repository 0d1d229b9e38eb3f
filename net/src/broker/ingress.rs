//! One connection's bytes to frames. Knows the framing and nothing of what frames mean; owns no
//! socket and no clock.
//!
//! Bytes are framed where they lie, in the reader's buffer. Only the start of a frame whose end has
//! not come yet is kept, in a ring that exists as long as it is needed; a frame that was kept is
//! completed there and framed once.
//!
//! One batch is worked on for so many frames at a time, or until the handler has enough. What is
//! left then, the *backlog*, is kept in the same ring, and framed there before anything else may be
//! received.

use std::ops::ControlFlow;

use cafewire_core::{Direction, Family, Frame, FrameDecoder, Framing, ParseError, chat, echo};

use crate::buffers::{BufferPool, WaitingBytes, WaitingId};

/// Why no further frame of a batch is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
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
/// are made anew for each batch.
#[derive(Debug)]
pub(super) struct Ingress {
    /// Where in the stream the next frame begins.
    stream_offset: u64,
    /// The start of a frame, or a backlog, and nothing before it. It lies in one piece: the ring
    /// was empty before. What is `missing` must come before it is looked at again; 0 with a
    /// backlog. `None` rather than an empty ring: most connections have nothing here most of the
    /// time.
    kept: Option<WaitingId>,
    family: Option<Family>,
}

impl Ingress {
    pub(super) const fn new() -> Self {
        Self { stream_offset: 0, kept: None, family: None }
    }

    pub(super) const fn family(&self) -> Option<Family> {
        self.family
    }

    /// Whether a whole frame has come.
    pub(super) const fn has_framed(&self) -> bool {
        self.stream_offset > 0
    }

    /// Whether a frame has begun and not ended.
    pub(super) const fn is_within_frame(&self) -> bool {
        self.kept.is_some()
    }

    fn kept<'p>(&self, pool: &'p BufferPool) -> Option<&'p WaitingBytes> {
        self.kept.as_ref().and_then(|kept| pool.waiting(kept))
    }

    /// Bytes of storage held for what is kept.
    pub(super) fn held_bytes(&self, pool: &BufferPool) -> usize {
        self.kept(pool).map_or(0, |kept| kept.bytes.capacity())
    }

    /// Whether bytes are kept that were not looked at yet.
    pub(super) fn has_backlog(&self, pool: &BufferPool) -> bool {
        self.kept(pool).is_some_and(|kept| kept.missing == 0)
    }

    /// Frames what is kept and then `input`, which is empty while there is a backlog. Calls
    /// `handle` for each frame, at most `budget` times, the family of the connection known by then.
    pub(super) fn receive(
        &mut self,
        input: &[u8],
        budget: usize,
        pool: &mut BufferPool,
        handle: impl Handle,
    ) -> Received {
        debug_assert!(
            input.is_empty() || !self.has_backlog(pool),
            "bytes that would overtake others"
        );
        let reader = FrameDecoder::resume(Direction::ToServer, self.family, self.stream_offset);
        let mut batch = Batch { reader, input, budget, handle };
        let received = match self.complete_kept(&mut batch, pool) {
            Some(received) => received,
            None => match batch.frame_input(pool) {
                Ok(missing) => {
                    if !batch.input.is_empty() {
                        self.kept = pool.wait_with(batch.input, missing);
                    }
                    Received::All
                }
                Err(ended) => ended,
            },
        };
        self.family = batch.reader.family();
        self.stream_offset = batch.reader.stream_offset();
        received
    }

    /// Does what is kept first. `None`: nothing is, any more.
    fn complete_kept<H: Handle>(
        &mut self,
        batch: &mut Batch<'_, H>,
        pool: &mut BufferPool,
    ) -> Option<Received> {
        let id = self.kept.take()?;
        let mut kept = pool.take_out(&id);
        let received = batch.frame_kept(&mut kept, pool);
        if kept.bytes.is_empty() {
            pool.end_wait(id);
        } else {
            pool.put_back(&id, kept);
            self.kept = Some(id);
        }
        received
    }

    /// Gives the ring's storage back. A ingress is dropped only after this.
    pub(super) fn release(&mut self, pool: &mut BufferPool) {
        if let Some(kept) = self.kept.take() {
            pool.end_wait(kept);
        }
    }

    pub(super) fn invariants(&self, pool: &BufferPool) {
        assert_eq!(self.kept.is_some(), self.kept(pool).is_some(), "what is kept is nowhere");
        if let Some(kept) = self.kept(pool) {
            assert!(!kept.bytes.is_empty(), "nothing is kept, in a buffer");
            assert_eq!(
                kept.bytes.front().len(),
                kept.bytes.len(),
                "what is kept lies in two pieces"
            );
        }
    }
}

/// What is done with each frame. It may need buffers.
pub(super) trait Handle: FnMut(Frame<'_>, &mut BufferPool) -> ControlFlow<Halt> {}
impl<F: FnMut(Frame<'_>, &mut BufferPool) -> ControlFlow<Halt>> Handle for F {}

/// One batch of bytes at work.
struct Batch<'i, H> {
    reader: FrameDecoder,
    /// What was not framed or kept yet.
    input: &'i [u8],
    /// Frames that may still be done.
    budget: usize,
    handle: H,
}

impl<H: Handle> Batch<'_, H> {
    /// Frames what was kept, completed from the input. `None`: all of it is done.
    fn frame_kept(&mut self, kept: &mut WaitingBytes, pool: &mut BufferPool) -> Option<Received> {
        while !kept.bytes.is_empty() {
            let (wanted, rest) = self.input.split_at(kept.missing.min(self.input.len()));
            kept.bytes.extend(wanted, pool);
            kept.missing -= wanted.len();
            self.input = rest;
            if kept.missing > 0 || self.budget == 0 {
                return Some(Received::All);
            }
            match self.reader.next_frame(kept.bytes.front()) {
                Framing::Incomplete { needed } => {
                    kept.bytes.move_to_start(pool);
                    kept.missing = ask_again_after(self.reader.family(), kept.bytes.len(), needed);
                }
                Framing::Corrupt { error } => return Some(self.corrupt(error)),
                Framing::Frame { frame, consumed } => {
                    self.budget -= 1;
                    let flow = (self.handle)(frame, pool);
                    kept.bytes.consume(consumed, pool);
                    match flow {
                        ControlFlow::Continue(()) => {}
                        ControlFlow::Break(Halt::ForNow) => self.budget = 0,
                        ControlFlow::Break(Halt::ForGood) => return Some(Received::Stopped),
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
            match self.reader.next_frame(self.input) {
                Framing::Frame { frame, consumed } => {
                    self.budget -= 1;
                    match (self.handle)(frame, pool) {
                        ControlFlow::Continue(()) => {}
                        ControlFlow::Break(Halt::ForNow) => self.budget = 0,
                        ControlFlow::Break(Halt::ForGood) => return Err(Received::Stopped),
                    }
                    self.input = &self.input[consumed..];
                }
                Framing::Incomplete { needed } => {
                    return Ok(ask_again_after(self.reader.family(), self.input.len(), needed));
                }
                Framing::Corrupt { error } => return Err(self.corrupt(error)),
            }
        }
        Ok(0)
    }

    const fn corrupt(&self, error: ParseError) -> Received {
        Received::Corrupt { error, stream_offset: self.reader.stream_offset_of(&error) }
    }
}

/// How many bytes must come before a frame that has `len` of them is looked at again, if it needs
/// `needed`. Within the header every byte is judged as it comes, so that a wrong one is answered at
/// once; a body is waited for.
const fn ask_again_after(family: Option<Family>, len: usize, needed: usize) -> usize {
    let header_size = match family {
        Some(Family::Echo) => echo::HEADER_SIZE,
        _ => chat::HEADER_SIZE,
    };
    if len < header_size { 1 } else { needed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cafewire_core::{Message, MessagePayload};

    fn stream() -> Vec<u8> {
        let mut stream = Vec::new();
        let mut buffer = [0; 1024];
        for payload in [&b""[..], b"x", &[7; 700]] {
            stream.extend_from_slice(Message::Echo(payload).encode_into(&mut buffer).unwrap());
        }
        stream
    }

    fn frames_of(chunks: &mut dyn Iterator<Item = &[u8]>) -> Vec<usize> {
        let mut pool = BufferPool::default();
        let mut ingress = Ingress::new();
        let mut payload_sizes = Vec::new();
        for chunk in chunks {
            let received = ingress.receive(chunk, 256, &mut pool, |frame, _| {
                let Frame::Echo(echo) = frame else { panic!("{frame:?}") };
                payload_sizes.push(echo.payload.len());
                ControlFlow::Continue(())
            });
            assert_eq!(received, Received::All);
            ingress.invariants(&pool);
            assert_eq!(
                pool.lent_bytes() > 0,
                ingress.is_within_frame(),
                "a buffer exactly while a frame waits"
            );
        }
        assert!(!ingress.is_within_frame());
        payload_sizes
    }

    #[test]
    fn chunks_of_every_size_give_the_same_frames() {
        let stream = stream();
        for size in 1..=stream.len() {
            assert_eq!(frames_of(&mut stream.chunks(size)), [0, 1, 700], "{size}");
        }
    }

    #[test]
    fn a_budget_leaves_a_backlog_and_no_frame_is_lost_or_moved() {
        let stream = stream().repeat(3);
        for budget in 1..=4 {
            for size in 1..=stream.len() {
                let mut pool = BufferPool::default();
                let mut ingress = Ingress::new();
                let mut payload_sizes = Vec::new();
                let mut given = 0;
                for mut chunk in stream.chunks(size) {
                    given += chunk.len();
                    loop {
                        let before = payload_sizes.len();
                        let received = ingress.receive(chunk, budget, &mut pool, |frame, _| {
                            let Frame::Echo(echo) = frame else { panic!("{frame:?}") };
                            payload_sizes.push(echo.payload.len());
                            ControlFlow::Continue(())
                        });
                        assert_eq!(received, Received::All);
                        assert!(payload_sizes.len() - before <= budget);
                        ingress.invariants(&pool);
                        chunk = &[];
                        if !ingress.has_backlog(&pool) {
                            break;
                        }
                    }
                    let framed: usize =
                        payload_sizes.iter().map(|size| echo::HEADER_SIZE + size).sum();
                    let next = [0, 1, 700][payload_sizes.len() % 3];
                    assert!(
                        given - framed < echo::HEADER_SIZE + next,
                        "a whole frame waits for more bytes"
                    );
                }
                assert_eq!(
                    payload_sizes,
                    [0, 1, 700].repeat(3),
                    "budget {budget}, chunks of {size}"
                );
                assert!(!ingress.is_within_frame());
                assert_eq!(pool.lent_bytes(), 0);
            }
        }
    }

    #[test]
    fn a_stop_drops_the_rest() {
        let mut pool = BufferPool::default();
        let mut ingress = Ingress::new();
        let mut seen = 0;
        let received = ingress.receive(&stream(), 256, &mut pool, |_, _| {
            seen += 1;
            ControlFlow::Break(Halt::ForGood)
        });
        assert_eq!((received, seen), (Received::Stopped, 1));
    }

    #[test]
    fn a_wrong_header_byte_is_told_at_once() {
        for bytes in [&[0xCA, 0x00][..], &[0xCA, 0xFE, 0x09], &[0x01, 0x77], &[0x01, 0x81]] {
            let mut pool = BufferPool::default();
            let mut ingress = Ingress::new();
            let (last, before) = bytes.split_last().unwrap();
            for &byte in before {
                assert_eq!(
                    ingress.receive(&[byte], 256, &mut pool, |_, _| ControlFlow::Continue(())),
                    Received::All
                );
            }
            let received =
                ingress.receive(&[*last], 256, &mut pool, |_, _| ControlFlow::Continue(()));
            assert!(matches!(received, Received::Corrupt { .. }), "{bytes:x?}: {received:?}");
        }
    }

    #[test]
    fn an_error_is_placed_in_the_stream_however_it_was_cut() {
        let mut buffer = [0; 64];
        let mut stream =
            MessagePayload::Connect { username: "ada" }.encode_into(&mut buffer).unwrap().to_vec();
        let good = stream.len() as u64;
        stream.extend_from_slice(&[0x01, 0x02, 0x00, 0x01]);
        for size in 1..=stream.len() {
            let mut pool = BufferPool::default();
            let mut ingress = Ingress::new();
            let outcomes: Vec<_> = stream
                .chunks(size)
                .map(|chunk| {
                    ingress.receive(chunk, 256, &mut pool, |_, _| ControlFlow::Continue(()))
                })
                .collect();
            let Some(Received::Corrupt { stream_offset, error }) = outcomes.last() else {
                panic!("{outcomes:?}")
            };
            assert!(matches!(error, ParseError::LengthOutOfRange { actual: 1, .. }));
            assert_eq!(*stream_offset, good + 2);
            ingress.release(&mut pool);
            assert_eq!(pool.lent_bytes(), 0);
        }
    }
}
