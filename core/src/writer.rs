//! Writing into a caller's buffer, one piece after another. Knows nothing of messages.
//!
//! Encoders ask for their exact size first ([`Writer::reserve`]), so that a buffer too small is refused before the
//! first byte is written; the pieces that follow then fit by construction. A piece that did not fit would be cut,
//! never panic: the byte loop below compiles to `memcpy` but, unlike `copy_from_slice`, holds no panicking branch at
//! any optimisation level.

use crate::error::ProtocolError;

pub(crate) struct Writer<'b> {
    frame: &'b mut [u8],
    written: usize,
}

impl<'b> Writer<'b> {
    /// The first `needed` bytes of `buffer`, or the error that says how many are missing.
    #[inline]
    pub(crate) fn reserve(buffer: &'b mut [u8], needed: usize) -> Result<Self, ProtocolError> {
        let available = buffer.len();
        match buffer.get_mut(..needed) {
            Some(frame) => Ok(Self { frame, written: 0 }),
            None => Err(ProtocolError::BufferTooSmall { needed, available }),
        }
    }

    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let free = self.frame.get_mut(self.written..).unwrap_or_default();
        for (to, from) in free.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.written += bytes.len();
    }

    /// Ends the writing: the caller's slice, exactly as long as was reserved, its last `left` bytes not written yet.
    #[inline]
    pub(crate) fn finish(self, left: usize) -> &'b mut [u8] {
        debug_assert_eq!(self.written + left, self.frame.len(), "an encoder's size and its writes disagree");
        self.frame
    }
}
