//! The sender's half: seals its frames one after another. Knows a frame's header and how long it
//! is; what is in it is no concern of its own.

use core::fmt;

use super::mac::FrameMac;
use crate::chat::v2::{COUNTER_SIZE, Flags, Header, SEAL_SIZE, TAG_SIZE};
use crate::chat::{CHECKSUM_SIZE, checksum};
use crate::cursor::put;

/// Seals the frames of one direction of one connection, in their order. It comes from a sign-in, or
/// from [`SessionKeys`](super::SessionKeys); its key is overwritten when it is dropped, and two of
/// one key are not to be had.
///
/// ```
/// use cafewire_core::chat::v2::{Agreement, Capabilities, Key, SessionKeys};
/// let agreement = Agreement {
///     asked: Capabilities::SIGN,
///     granted: Capabilities::SIGN,
///     client_nonce: [0x11; 16],
///     server_nonce: [0x22; 16],
///     username: "ada",
/// };
/// let (mut sealer, _) = SessionKeys::derive(&Key::new(&[7; 32])?, &agreement).for_client();
///
/// // A Disconnect of 12 bytes, in a buffer with room for a seal.
/// let mut buffer = *b"\x02\x02\x00\x04\x00\xBC\x00\x00\x89\x5C\x68\x89------------------------";
/// let mut again = buffer;
/// let sealed = sealer.seal(&mut buffer, 12)?;
/// assert_eq!((sealed.len(), sealed[3], sealed[4]), (36, 28, 0x02));
/// assert_eq!(sealer.counter(), 1);
/// assert_ne!(sealer.seal(&mut again, 12)?, sealed); // it has another place
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Sealer {
    mac: FrameMac,
    /// Of the next frame.
    counter: u64,
}

impl Sealer {
    pub(super) const fn new(mac: FrameMac) -> Self {
        Self { mac, counter: 0 }
    }

    /// The number that the next frame gets; how many were sealed.
    #[must_use]
    pub const fn counter(&self) -> u64 {
        self.counter
    }

    /// Seals the frame that fills the first `frame_size` bytes of `buffer`, with its checksum, and
    /// gives the sealed frame, which is [`SEAL_SIZE`] bytes longer. Flags, length, check and
    /// checksum are put right; the counter grows by one.
    ///
    /// # Errors
    /// [`SealError`]. Then neither the buffer nor the counter has changed.
    pub fn seal<'b>(
        &mut self,
        buffer: &'b mut [u8],
        frame_size: usize,
    ) -> Result<&'b [u8], SealError> {
        let sealed = self.seal_ahead(0, buffer, frame_size)?;
        self.counter += 1;
        Ok(sealed)
    }

    /// Seals a frame as the one that is `ahead` frames after the next one, and leaves the counter
    /// as it is: for a sender that seals what it is about to write, and does not know yet how much
    /// of it the stream will take. It calls [`advance`](Self::advance) with the number of frames
    /// that were taken whole. A frame that was taken in part is sealed again, to the same bytes.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn seal_ahead<'b>(
        &self,
        ahead: u64,
        buffer: &'b mut [u8],
        frame_size: usize,
    ) -> Result<&'b [u8], SealError> {
        let counter = match self.counter.checked_add(ahead) {
            // The last number stays free, so that the counter can always grow.
            Some(counter) if counter < u64::MAX => counter,
            _ => return Err(SealError::Exhausted),
        };
        let header = sealed_header(buffer, frame_size)?;
        let (needed, available) = (frame_size + SEAL_SIZE, buffer.len());
        let too_small = SealError::BufferTooSmall { needed, available };
        let sealed = buffer.get_mut(..needed).ok_or(too_small)?;
        let (covered, tail) =
            sealed.split_at_mut_checked(needed - TAG_SIZE - CHECKSUM_SIZE).ok_or(too_small)?;
        put(covered, &header.to_bytes());
        if let Some((_, place)) = covered.split_last_chunk_mut::<COUNTER_SIZE>() {
            *place = counter.to_be_bytes();
        }
        put(tail, &self.mac.tag(covered));
        let sealed = buffer.get_mut(..needed).ok_or(too_small)?;
        if let Some((summed, place)) = sealed.split_last_chunk_mut::<CHECKSUM_SIZE>() {
            *place = checksum(summed).to_be_bytes();
        }
        Ok(sealed)
    }

    /// So many frames, which were sealed ahead, are on their way.
    ///
    /// # Errors
    /// [`SealError::Exhausted`], if there are not so many numbers.
    pub fn advance(&mut self, frames: u64) -> Result<(), SealError> {
        self.counter = self.counter.checked_add(frames).ok_or(SealError::Exhausted)?;
        Ok(())
    }
}

/// The header that the frame will have.
fn sealed_header(buffer: &[u8], frame_size: usize) -> Result<Header, SealError> {
    let frame = buffer.get(..frame_size).ok_or(SealError::NotAFrame)?;
    let header = Header::parse(frame).map_err(|_| SealError::NotAFrame)?;
    if header.frame_size() != frame_size || header.payload_size().is_none() {
        return Err(SealError::NotAFrame);
    }
    #[allow(clippy::cast_possible_truncation)] // 24
    let length = header.length.checked_add(SEAL_SIZE as u16).ok_or(SealError::NotAFrame)?;
    if header.flags.contains(Flags::SEALED) {
        return Err(SealError::NotAFrame);
    }
    Ok(Header { length, flags: header.flags.union(Flags::SEALED), ..header })
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("counter", &self.counter).finish_non_exhaustive()
    }
}

/// Why a frame was not sealed. Nothing has been written then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SealError {
    /// The bytes are not exactly one unsealed frame of version 2, or there is no room for a seal in
    /// what its length can say.
    NotAFrame,
    /// The buffer is smaller than the sealed frame.
    BufferTooSmall {
        /// Bytes the sealed frame needs.
        needed: usize,
        /// Bytes the buffer has.
        available: usize,
    },
    /// The connection has used up its numbers: it has to be ended.
    Exhausted,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotAFrame => f.write_str("not exactly one frame of version 2 without a seal"),
            Self::BufferTooSmall { needed, available } => {
                write!(f, "the sealed frame needs {needed} bytes, the buffer has {available}")
            }
            Self::Exhausted => f.write_str("the connection has used up its numbers of frames"),
        }
    }
}

impl core::error::Error for SealError {}
