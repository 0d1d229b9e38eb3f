//! One stream of bytes, one way, as it comes: keeps what is not explained yet, and hands out what
//! is. What the bytes mean is the core's `Dissector`'s business.

use cafewire_core::Direction;
use cafewire_core::dissect::{Dissected, Dissector};

use super::report::Content;
use crate::failure::Failure;

/// Called with each thing found and its offset in the stream.
pub(crate) type Tell<'t> = dyn FnMut(u64, Content<'_>) -> Result<(), Failure> + 't;

#[derive(Debug)]
pub(crate) struct StreamDecoder {
    dissector: Dissector,
    /// Bytes that came and were not told of yet, from `start` on. The dissector bounds them: a
    /// frame, and the noise before it.
    pending: Vec<u8>,
    start: usize,
    /// Where `start` is in the stream.
    offset: u64,
}

impl StreamDecoder {
    pub(crate) const fn new(direction: Direction) -> Self {
        Self { dissector: Dissector::new(direction), pending: Vec::new(), start: 0, offset: 0 }
    }

    /// Bytes kept.
    pub(crate) fn held_bytes(&self) -> usize {
        self.pending.capacity()
    }

    /// The next bytes of the stream: tells what they complete.
    pub(crate) fn push(&mut self, bytes: &[u8], tell: &mut Tell<'_>) -> Result<(), Failure> {
        self.pending.extend_from_slice(bytes);
        self.explain(false, tell)
    }

    /// Bytes are missing here: what is pending will not be completed, and what follows stands after
    /// them.
    pub(crate) fn gap(&mut self, size_bytes: u64, tell: &mut Tell<'_>) -> Result<(), Failure> {
        self.finish(tell)?;
        tell(self.offset, Content::Gap { size_bytes })?;
        self.offset += size_bytes;
        Ok(())
    }

    /// The stream ends here.
    pub(crate) fn finish(&mut self, tell: &mut Tell<'_>) -> Result<(), Failure> {
        self.explain(true, tell)
    }

    fn explain(&mut self, is_end: bool, tell: &mut Tell<'_>) -> Result<(), Failure> {
        loop {
            let rest = self.pending.get(self.start..).unwrap_or_default();
            let found = self.dissector.next(rest, is_end);
            let size = found.size();
            let bytes = rest.get(..size).unwrap_or_default();
            match found {
                Dissected::Incomplete { .. } => break,
                Dissected::Frame { frame, error, .. } => {
                    tell(self.offset, Content::Frame { frame, bytes, error })?
                }
                Dissected::Noise { error, .. } => tell(self.offset, Content::Bad { bytes, error })?,
            }
            self.start += size;
            self.offset += size as u64;
        }
        self.pending.drain(..self.start);
        self.start = 0;
        if self.pending.is_empty() {
            self.pending = Vec::new();
        }
        Ok(())
    }
}
