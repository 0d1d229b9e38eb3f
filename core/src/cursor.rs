//! Writing into a caller's buffer, one piece after another. Knows nothing of messages.
//!
//! Encoders ask for a slice of their exact size first, so that a buffer too small is refused before
//! the first byte is written; the pieces that follow then fit by construction.

/// Writes `bytes` to the start of `free`; gives what is still free behind them. Bytes that do not
/// fit are not written.
///
/// The loop is as fast as `copy_from_slice` but, unlike that, holds no panicking branch at any
/// optimisation level.
#[inline]
pub(crate) fn put<'b>(free: &'b mut [u8], bytes: &[u8]) -> &'b mut [u8] {
    if bytes.len() > free.len() {
        return free;
    }
    let (taken, free) = free.split_at_mut(bytes.len());
    for (to, from) in taken.iter_mut().zip(bytes) {
        *to = *from;
    }
    free
}

/// Writes one byte; as [`put`].
#[inline]
pub(crate) fn put_byte(free: &mut [u8], byte: u8) -> &mut [u8] {
    match free {
        [place, free @ ..] => {
            *place = byte;
            free
        }
        none => none,
    }
}
